"""``tinyunet data list`` and ``tinyunet data fetch``."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from tinyunet.commands.options import AsJson


def show_list(
    root: Annotated[
        Path | None, typer.Option(help="Look here first, then in $TINYUNET_DATA and the cache.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show the data sets, their terms, and where they were found."""
    from tinyunet.data import catalogue
    from tinyunet.data.download.remotes import REMOTES

    rows = [{"name": name, "terms": None, "folder": None} for name in catalogue.SYNTHETIC]
    for name, remote in REMOTES.items():
        folder = catalogue.find(name, root)
        rows.append({"name": name, "terms": remote.terms, "folder": folder and str(folder)})
    if as_json:
        typer.echo(json.dumps(rows, indent=1))
        return
    for row in rows:
        if row["terms"] is None:
            where = "made when asked for, no download"
        else:
            where = row["folder"] or f"not here; get it with: tinyunet data fetch {row['name']}"
        typer.echo(f"{row['name']:20} {where}")
        if row["terms"] is not None:
            typer.echo(f"{'':20} {row['terms']}")


def fetch_data(
    name: Annotated[str, typer.Argument(help="dsb2018 or isbi2012.")],
    root: Annotated[
        Path | None, typer.Option(help="The data folder. [default: the user's cache]")
    ] = None,
    url: Annotated[
        str | None,
        typer.Option(
            help="Of a ZIP archive; for isbi2012 also of a folder with the two TIFF files. "
            "[default: $TINYUNET_DATA_URL_DSB2018, $TINYUNET_DATA_URL_ISBI2012, or where it is "
            "published]"
        ),
    ] = None,
    sha256: Annotated[
        list[str] | None,
        typer.Option(metavar="HEX", help="The expected checksum; once for each file to download."),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Accept the terms without asking.")] = False,
) -> None:
    """Download a data set to where the other commands find it."""
    from tinyunet.data.download.fetch import fetch

    def accept(terms: str) -> bool:
        typer.echo(terms)
        if not yes and not sys.stdin.isatty():
            raise ValueError("nobody is here to accept the terms: if you do, add --yes")
        return yes or typer.confirm("Do you accept these terms?")

    done = fetch(name, root, url=url, sha256=sha256 or (), accept=accept)
    if not done.sha256:
        typer.echo(f"{name} is already there, nothing to do: {done.folder}")
        return
    for file, checksum in done.sha256.items():
        typer.echo(f"SHA-256 of {file}: {checksum}")
    if done.verified:
        typer.echo("verified: as expected")
    else:
        options = " ".join(f"--sha256 {checksum}" for checksum in done.sha256.values())
        typer.echo(f"not verified: no checksum is known. To have the next download checked, add\n"
                   f"  {options}")  # fmt: skip
    typer.echo(f"{name} is in {done.folder}")
