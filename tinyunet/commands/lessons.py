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
    folder: Annotated[
        Path, typer.Option(help="Your copy of the lessons; what is there is never overwritten.")
    ] = Path("tinyunet-lessons"),
    as_json: AsJson = False,
) -> None:
    """Open the lessons in JupyterLab; show what you have solved."""
    from tinyunet.exercises import notebooks

    if what not in ("open", "list"):
        raise ValueError(f"say open or list, got {what!r}")
    if what == "open":
        copied, kept = notebooks.copy(folder)
        typer.echo(
            f"{folder}: {copied} files copied, {kept} were there and stay as they are", err=True
        )
    rows = notebooks.progress(folder)
    if as_json:
        typer.echo(json.dumps([asdict(row) for row in rows], indent=1))
    else:
        typer.echo(notebooks.table(rows))
    if what == "open":
        launch(folder)
    elif not as_json:
        typer.echo("\nto work on them: tinyunet lessons")


def launch(folder: Path) -> None:
    """Start JupyterLab in a folder, or say how to get it."""
    if importlib.util.find_spec("jupyterlab") is None:
        typer.echo(
            '\nJupyterLab is not installed: pip install "tinyunet[lessons]" (in a clone: pip install '
            f'".[lessons]"). Any other notebook program can open {folder / "exercises"}, too.'
        )
        return
    typer.echo("\nJupyterLab opens in your browser; Ctrl-C here ends it.")
    subprocess.run([sys.executable, "-m", "jupyterlab", str(folder)], check=False)
