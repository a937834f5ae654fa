"""Workers that are processes which mpirun started, on one machine or many; mpi4py carries messages."""

from __future__ import annotations

import os
import sys
import time
from typing import Any

import numpy as np

from tinyunet.engine.threads import num_threads
from tinyunet.engine.workers import ALONE, Workers

# How many processes there are, as Open MPI and those with Hydra (MPICH, Intel MPI) tell each.
TOLD = ("OMPI_COMM_WORLD_SIZE", "PMI_SIZE")
RANKS = ("OMPI_COMM_WORLD_RANK", "PMI_RANK")
INSTALL = 'pip install "tinyunet[mpi]", and an MPI such as Open MPI (apt install openmpi-bin)'
START = "mpirun -n {count} python -m mpi4py -m tinyunet"


class MPIWorkers(Workers):
    """One of several processes, which talk through an MPI communicator.

    Parameters
    ----------
    comm
        What mpi4py calls an ``Intracomm``, such as ``MPI.COMM_WORLD``.

    Notes
    -----
    MPI's own sum, ``Allreduce``, may add in another order in another run, or for another length. Here
    every worker gets one piece of the numbers from all, adds it up in the order of ranks, and hands the
    sum round: as many bytes as in a ring, and an order that is known.
    """

    def __init__(self, comm: Any) -> None:
        self._comm = comm
        self.rank, self.count = comm.rank, comm.size

    def all(self, value: Any) -> list[Any]:
        """Return what each worker gives here, in the order of ranks."""
        return self._comm.allgather(value)

    def same(self, value: Any) -> Any:
        """Return what the worker of rank 0 gives here."""
        return self._comm.bcast(value, root=0)

    def sum(self, numbers: np.ndarray) -> None:
        """Set `numbers` (n,) to the sum over all workers."""
        length = -(-numbers.size // self.count)  # of a piece; the last one is filled up
        pieces = np.zeros((self.count, length), numbers.dtype)
        pieces.reshape(-1)[: numbers.size] = numbers
        mine = np.empty_like(pieces)  # my piece, as each worker has it
        self._comm.Alltoall(pieces, mine)
        for part in mine[1:]:
            mine[0] += part
        self._comm.Allgather(mine[0], pieces)
        numbers[...] = pieces.reshape(-1)[: numbers.size]

    def wait(self) -> None:
        """Wait until all have come here; MPI's own ways to wait keep a core busy."""
        request = self._comm.Ibarrier()
        while not request.Test():
            time.sleep(0.01)

    def neighbours(self) -> tuple[int, int]:
        """Which of the workers on this machine it is, and how many of them may use its cores."""
        from mpi4py import MPI

        here = self._comm.Split_type(MPI.COMM_TYPE_SHARED)
        affinity = getattr(os, "sched_getaffinity", None)
        mine = affinity(0) if affinity else set(range(os.cpu_count() or 1))
        beside = [cores for cores in here.allgather(mine) if cores & mine]
        rank = here.rank
        here.Free()
        return rank, len(beside)


def workers() -> Workers:
    """Return the workers that mpirun started, of which this process is one; `ALONE` without mpirun.

    Raises
    ------
    RuntimeError
        If there are several, but not under ``python -m mpi4py``, which ends all when one of them fails.
    """
    told = [int(os.environ[name]) for name in TOLD if os.environ.get(name, "").isdecimal()]
    if max(told, default=1) == 1 and "mpi4py.MPI" not in sys.modules:
        return ALONE
    if "mpi4py.run" not in sys.modules and max(told, default=1) > 1:
        raise RuntimeError(
            f"mpirun has started {max(told)} processes, but when one failed the others would wait for "
            f"ever: start them as {START.format(count=max(told))} ... ({INSTALL})"
        )
    from mpi4py import MPI

    return MPIWorkers(MPI.COMM_WORLD) if MPI.COMM_WORLD.size > 1 else ALONE


def told_rank() -> int:
    """Return this process's rank as mpirun told it, before any message; 0 without mpirun."""
    ranks = (os.environ.get(name, "") for name in RANKS)
    return next((int(rank) for rank in ranks if rank.isdecimal()), 0)


def share_cores(found: Workers) -> int:
    """Divide this machine's cores among its workers; return how many threads this one has.

    TINYUNET_NUM_THREADS is set for this process, unless it was: then it is as the user has it.
    """
    if isinstance(found, MPIWorkers) and not os.environ.get("TINYUNET_NUM_THREADS"):
        _, beside = found.neighbours()
        os.environ["TINYUNET_NUM_THREADS"] = str(max(1, num_threads() // beside))
    return num_threads()


def choose_gpu(found: Workers) -> None:
    """Give each worker of a machine a GPU of its own, in turns where there are fewer."""
    if isinstance(found, MPIWorkers):
        import cupy

        rank, _ = found.neighbours()
        cupy.cuda.Device(rank % cupy.cuda.runtime.getDeviceCount()).use()
