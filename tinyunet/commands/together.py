"""Commands whose work several processes share."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import typer

from tinyunet.engine import mpi
from tinyunet.engine.workers import Workers


@contextlib.contextmanager
def at_work(verb: str) -> Iterator[Workers]:
    """Give the workers that mpirun started, cores divided among them; the first says how many.

    Those who are done early wait for the others.
    """
    workers = mpi.workers()
    threads = mpi.share_cores(workers)
    if workers.count > 1 and not workers.rank:
        each = f"{threads} thread{'s' * (threads > 1)} each"
        typer.echo(f"{workers.count} workers {verb}, {each}", err=True)
    yield workers
    workers.wait()
