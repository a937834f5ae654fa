"""How commands on many images end where some failed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from tinyunet.commands.shell_words import as_options

if TYPE_CHECKING:
    from tinyunet.runs.batch import Report


def fail(report: Report) -> None:
    """End with what could not be done: a single image with its error, others with a list."""
    from tinyunet.runs.batch import sentence

    if report.asked > 1:
        typer.echo(f"error: {as_options(report.failed())}", err=True)
        raise typer.Exit(1)
    ((path, error),) = report.failures
    if str(path) in str(error) or not isinstance(error, ValueError):
        raise error
    raise ValueError(sentence(path, error)) from error
