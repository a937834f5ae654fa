"""``tinyunet doctor`` and ``tinyunet gpu-report``: what machine this is, and what it can do."""

from __future__ import annotations

import json

import typer

from tinyunet.commands.options import AsJson


def doctor(as_json: AsJson = False) -> None:
    """Show versions, BLAS, threads and the GPU, for a bug report."""
    from tinyunet.engine.machine import diagnose_system, format_report

    found = diagnose_system()
    typer.echo(json.dumps(found, indent=1) if as_json else format_report(found))


def gpu_report() -> None:
    """Test and measure on this machine's GPU, and sum it up.

    The summary is made to be pasted into a report. Run this in a clone of the repository: its tests
    then run too. Exit code 2 without a GPU.
    """
    from tinyunet.bench.gpu_report import report

    summary, passed = report()
    typer.echo(summary)
    if not passed:
        raise typer.Exit(1)
