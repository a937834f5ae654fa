"""``tinyunet data check``."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tinyunet.commands.options import AsJson, setting
from tinyunet.commands.shell_words import all_as_options, as_options

if TYPE_CHECKING:
    from tinyunet.data import FolderCheck

Masks = setting("masks", show_default=False)
Classes, Ignore = setting("classes"), setting("ignore")
SplitSeed = setting("split_seed")


def check_data(
    folder: Annotated[
        Path, typer.Argument(help="It holds the folders images and masks, as for train.")
    ],
    masks: Masks = "auto",
    classes: Classes = None,
    ignore: Ignore = None,
    split_seed: SplitSeed = 0,
    sheet: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.png",
            help="Where to draw images with the outlines of what is in their masks. [default: "
            "FOLDER-check.png, where you are]",
        ),
    ] = None,
    no_sheet: Annotated[bool, typer.Option("--no-sheet", help="Draw nothing.")] = False,
    as_json: AsJson = False,
) -> None:
    """Say what is in a folder of yours, what its masks are taken for, and what to mend.

    Nothing is written into the folder. The exit code is 1 if something must be mended before training.
    """
    from tinyunet.data import check_folder

    found = check_folder(
        folder, masks, classes=classes, ignore=ignore, split_seed=split_seed, watched=_watched
    )
    if not as_json:
        typer.echo(as_options(str(found)))
    drawn = None if no_sheet else _sheet(found, sheet)
    if as_json:
        data = all_as_options(found.to_dict()) | {"sheet": drawn and str(drawn)}
        typer.echo(json.dumps(data, indent=1))
    elif found.fine:
        more = "" if not found.look else "nothing must be mended; "
        typer.echo(f"{more}train with: {_command(folder, masks, classes, ignore)}")
    if not found.fine:
        raise typer.Exit(1)


def _watched(items: Iterable[Any], what: str) -> Iterable[Any]:
    """A progress bar, where it takes more than a second."""
    from tinyunet.engine.progress import Progress

    return Progress(items, desc=what, leave=False, delay=1)


def _sheet(found: FolderCheck, path: Path | None) -> Path | None:
    """Draw the contact sheet and say where; None where there is nothing to draw."""
    from tinyunet.runs.check import draw_sheet

    if not found.pages:
        if path is not None:
            typer.echo("no contact sheet: no image has a mask that can be read", err=True)
        return None
    wanted = path
    if path is None:
        path = Path(f"{found.folder.absolute().name or 'folder'}-check.png")
        if path.absolute().parent.is_relative_to(found.folder.absolute()):
            typer.echo("to see outlines, say where to draw them: --sheet FILE.png", err=True)
            return None
    inner = (found.report.images.resolve(), found.report.masks.resolve())
    if path.absolute().parent.resolve() in inner:
        raise ValueError(f"--sheet {path} would lie among the images: put it somewhere else")
    try:
        count = draw_sheet(found, path)
    except OSError as error:
        if wanted is not None:
            raise
        typer.echo(f"no contact sheet: {error}; say --sheet FILE.png", err=True)
        return None
    typer.echo(f"{count} of {len(found.pages)} images with outlines: {path}", err=True)
    return path


def _command(folder: Path, masks: str, classes: str | None, ignore: str | None) -> str:
    import shlex

    said = {"--masks": None if masks == "auto" else masks, "--classes": classes, "--ignore": ignore}
    options = [part for name, value in said.items() if value is not None for part in (name, value)]
    return shlex.join(["tinyunet", "train", "--data", str(folder), *options])
