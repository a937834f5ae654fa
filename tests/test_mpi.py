"""Workers that are processes under mpirun: what they find, and how they end. Without MPI, skipped."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from killing import OPTIONS, QUICK, Outcome, make_folder

import tinyunet as tu
from tinyunet.engine import mpi
from tinyunet.engine.workers import ALONE, together

MPIRUN = shutil.which("mpirun")
ROOT_TOO = {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}
FEW_CORES = {
    "OMPI_MCA_rmaps_base_oversubscribe": "1",
    "OMPI_MCA_mpi_yield_when_idle": "1",  # who waits lets others work
    "TINYUNET_NUM_THREADS": "1",
}

try:
    import mpi4py
except ImportError:
    mpi4py = None

needs_mpi = pytest.mark.skipif(
    not MPIRUN or mpi4py is None,
    reason="there is no MPI: it takes mpirun (apt install openmpi-bin) and mpi4py",
)


def start(folder, code, *arguments, count=2):
    """Run code as so many processes, in a folder."""
    command = [MPIRUN, "-n", str(count), sys.executable, "-m", "mpi4py", "-c", code]
    environment = {**os.environ, **ROOT_TOO, **FEW_CORES}
    return subprocess.Popen(
        [*command, *map(str, arguments)], cwd=folder, env=environment, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def train(folder, *arguments, count=2):
    """``tinyunet train`` that scores and draws nothing, by so many workers."""
    return start(folder, QUICK, "train", *arguments, count=count)


def within(process, seconds):
    """What it has said, once it has ended, which it must soon."""
    try:
        return process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        raise


def when(true, seconds=60):
    until = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < until, "it is never time"
        time.sleep(0.01)


# ---------------------------------------------------------------------- messages

SUMS = """
import numpy as np, sys
from mpi4py import MPI
from tinyunet.engine.mpi import workers
found = workers()
numbers = np.random.default_rng(found.rank).normal(size=1001).astype(np.float32)
found.sum(numbers)
assert found.all(found.rank * 10) == [0, 10, 20]
assert found.same(found.rank) == 0
found.wait()
np.save(f"sum-{found.rank}.npy", numbers)
"""


@needs_mpi
def test_sums_have_the_same_bits_as_in_one_process(tmp_path):
    process = start(tmp_path, SUMS, count=3)
    assert within(process, 60)[1] == ""
    assert process.returncode == 0

    def work(workers):
        numbers = np.random.default_rng(workers.rank).normal(size=1001).astype(np.float32)
        workers.sum(numbers)
        return numbers

    for rank, numbers in enumerate(together(3, work)):
        np.testing.assert_array_equal(np.load(tmp_path / f"sum-{rank}.npy"), numbers)


def test_shares_are_as_equal_as_can_be():
    sizes = together(3, lambda workers: len(range(8)[workers.share(8)]))
    assert sorted(sizes) == [2, 3, 3]
    assert ALONE.share(5) == slice(0, 5)


# ---------------------------------------------------------------------- a whole run


@needs_mpi
def test_a_run_killed_at_one_worker_ends_whole_and_goes_on_to_the_same_bits(tmp_path):
    make_folder(tmp_path)
    whole = train(tmp_path, *OPTIONS, "--out", "whole")
    said = within(whole, 120)[1]
    assert whole.returncode == 0, said
    assert said.startswith("2 workers share each batch, 1 thread each\n")
    assert said.count("training: 0 of 36") == 1

    killed = train(tmp_path, *OPTIONS, "--out", "killed")
    last = tmp_path / "killed/last.npz"
    history = tmp_path / "killed/history.json"
    when(lambda: history.exists() and "0." in history.read_text())  # steps have been kept
    when(lambda: len(steps(last)) > 0)
    victim = pid_of(killed.pid, rank=1)
    os.kill(victim, signal.SIGKILL)
    before = time.monotonic()
    within(killed, 20)
    assert killed.returncode != 0
    assert time.monotonic() - before < 20
    assert 0 < len(steps(last)) < 36  # whole, and of the middle

    resumed = train(tmp_path, "--resume", "killed")
    said = within(resumed, 120)[1]
    assert resumed.returncode == 0, said
    Outcome.of(tmp_path / "killed").assert_equal(Outcome.of(tmp_path / "whole"))


def steps(last):
    return tu.load(last, everything=True).state["history"]["loss"]


def pid_of(parent, rank):
    """The process of a rank below mpirun."""
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    wanted = f"OMPI_COMM_WORLD_RANK={rank}".encode()
    environments = {int(pid): Path(f"/proc/{pid}/environ").read_bytes() for pid in children}
    return next(pid for pid, known in environments.items() if wanted in known.split(b"\0"))


FAILS = """
import tinyunet as tu
found = tu.workers()
def fail(training, step):
    if step.number == 3 and found.rank == 1:
        raise KeyError("of the second")
data = tu.data.synthetic_cells(4, 32, seed=1)
model = tu.UNet(1, 2, base_channels=2, depth=1, padding="same")
tu.fit(model, data, steps=100000, batch_size=2, crop=16, workers=found, progress=False,
       callbacks=[fail])
"""


@needs_mpi
def test_an_exception_of_one_worker_ends_all(tmp_path):
    process = start(tmp_path, FAILS)
    said = within(process, 60)[1]
    assert process.returncode != 0
    assert "KeyError: 'of the second'" in said


# ---------------------------------------------------------------------- how it is started


def test_without_mpirun_there_is_one_worker(monkeypatch):
    for name in (*mpi.TOLD, *mpi.RANKS):
        monkeypatch.delenv(name, raising=False)
    assert tu.workers() is ALONE
    assert mpi.told_rank() == 0
    assert mpi.share_cores(ALONE) == tu.num_threads()


@pytest.mark.parametrize("name", mpi.TOLD)
def test_processes_that_would_not_end_together_are_refused(monkeypatch, name):
    monkeypatch.setenv(name, "4")
    monkeypatch.delitem(sys.modules, "mpi4py.run", raising=False)
    with pytest.raises(RuntimeError, match="mpirun -n 4 python -m mpi4py -m tinyunet"):
        tu.workers()
