"""Commands whose work several processes share."""

from __future__ import annotations

import typer

from tinyunet.engine import mpi
from tinyunet.engine.workers import Workers


def shared_among(verb: str) -> Workers:
    """Return the workers that mpirun started; the first says how many.

    They divide the machine's cores among them.
    """
    workers = mpi.workers()
    threads = mpi.share_cores(workers)
    if workers.count > 1 and not workers.rank:
        each = f"{threads} thread{'s' * (threads > 1)} each"
        typer.echo(f"{workers.count} workers {verb}, {each}", err=True)
    return workers
