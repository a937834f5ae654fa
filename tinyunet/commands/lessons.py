"""``tinyunet lessons``."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from tinyunet.commands.options import AsJson


def lessons(
    what: Annotated[
        str,
        typer.Argument(help="open: copy the lessons, list them, open JupyterLab. list: only list."),
    ] = "open",
    options: Annotated[
        list[str] | None,
        typer.Argument(
            help="After --: options for JupyterLab, such as --no-browser.", metavar="-- ..."
        ),
    ] = None,
    folder: Annotated[
        Path, typer.Option(help="Your copy of the lessons; what is there is never overwritten.")
    ] = Path("tinyunet-lessons"),
    as_json: AsJson = False,
) -> None:
    """Open the lessons in JupyterLab; show what you have solved.

    On a machine without a browser: tinyunet lessons -- --no-browser
    """
    from tinyunet.exercises import copies, notebooks

    handed_on = list(options or ())
    if what.startswith("-"):  # tinyunet lessons -- --no-browser
        what, handed_on = "open", [what, *handed_on]
    if what not in ("open", "list"):
        raise ValueError(f"say open or list, got {what!r}")
    if what == "list" and handed_on:
        raise ValueError(f"list opens no JupyterLab, so it takes no options for it: {handed_on}")
    if what == "open":
        copied, kept = copies.copy(folder)
        typer.echo(
            f"{folder}: {copied} files copied, {kept} were there and stay as they are", err=True
        )
    rows = notebooks.progress(folder)
    if as_json:
        typer.echo(json.dumps([asdict(row) for row in rows], indent=1))
    else:
        typer.echo(notebooks.table(rows))
    if what == "open":
        launch(folder, handed_on)
    elif not as_json:
        typer.echo("\nto work on them: tinyunet lessons")


def launch(folder: Path, options: list[str]) -> None:
    """Start JupyterLab in a folder, or say how to get it; end with its exit code."""
    from tinyunet.exercises.copies import START

    if importlib.util.find_spec("jupyterlab") is None:
        typer.echo(
            '\nJupyterLab is not installed: pip install "tinyunet[lessons]" (in a clone: pip install '
            f'".[lessons]"). Any other notebook program can open {folder / "exercises"}, too.'
        )
        return
    typer.echo("\nstarting JupyterLab; Ctrl-C here ends it")
    first = f"--LabApp.default_url=/lab/tree/{START}"
    command = [sys.executable, "-m", "jupyterlab", str(folder), first, *options]
    code = subprocess.run(command, check=False).returncode
    if code:
        typer.echo(
            f"JupyterLab ended with exit code {code}. Options for it stand after two dashes, such as "
            "tinyunet lessons -- --no-browser --allow-root",
            err=True,
        )
        raise typer.Exit(code if code > 0 else 128 - code)  # a signal, as shells have it
