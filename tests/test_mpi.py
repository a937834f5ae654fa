"""Workers that are processes under mpirun: what they find, and how they end. Without MPI, skipped."""

import os
import shutil
import subprocess
import sys

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


def within(process, seconds=300):
    """What it has said, once it has ended, which it must soon."""
    try:
        return process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.terminate()  # mpirun then ends the others
        process.wait()
        raise


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
    assert within(process)[1] == ""
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
def test_a_run_says_how_many_share_it_and_the_first_alone_writes_and_shows(tmp_path):
    make_folder(tmp_path)
    process = train(tmp_path, *OPTIONS, "--out", "run")
    said = within(process)[1]
    assert process.returncode == 0, said
    assert said.startswith("2 workers share each batch, 1 thread each\n")
    assert said.count("training: 0 of 36") == 1
    run = Outcome.of(tmp_path / "run")
    assert len(run.loss) == 36


ENDS = """
import os, signal, sys
import tinyunet as tu
found, how = tu.workers(), sys.argv[1]
def end(training, step):
    if step.number == 40 and found.rank == 1 and how in ("kill", "raise"):
        if how == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        raise KeyError("of the second")
data = tu.data.synthetic_cells(4, 32, seed=1)
model = tu.UNet(1, 2, base_channels=2, depth=1, padding="same")
tu.fit(model, data, data, steps=96, batch_size=2, crop=16, workers=found, progress=False,
       callbacks=[end], out="run", resume=how == "go on")
"""


@needs_mpi
@pytest.mark.parametrize("how", ["raise", "kill"])
def test_where_one_worker_ends_all_do_and_the_checkpoint_is_whole(tmp_path, how):
    process = start(tmp_path, ENDS, how)
    said = within(process)[1]
    assert process.returncode != 0
    assert how == "kill" or "KeyError: 'of the second'" in said
    saved = tu.load(tmp_path / "run/last.npz", everything=True)
    assert 0 < len(saved.state["history"]["loss"]) <= 40  # of the last validation
    assert saved.state["settings"]["workers"] == 2
    if how == "kill":  # and it goes on, as if it had never been
        other = tmp_path / "other"
        other.mkdir()
        for folder, then in ((tmp_path, "go on"), (other, "none")):
            process = start(folder, ENDS, then)
            said = within(process)[1]
            assert process.returncode == 0, said
        assert_same_run(tmp_path / "run", other / "run")


def assert_same_run(one, other):
    """Two runs have come to the same losses and parameters, bit for bit."""
    one, other = (tu.load(run / "last.npz", everything=True) for run in (one, other))
    assert one.state["history"]["loss"] == other.state["history"]["loss"]
    for (name, found), (_, expected) in zip(
        one.model.named_parameters(), other.model.named_parameters(), strict=True
    ):
        np.testing.assert_array_equal(found, expected, err_msg=name)


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
