"""Two trainings cannot write into one folder, and a dead one locks nobody out."""

import os
import signal
import subprocess
import sys
import threading

import pytest

import tinyunet as tu
from tinyunet.data import synthetic_cells
from tinyunet.engine import locks
from tinyunet.engine.locks import NAME, FolderLock
from tinyunet.learning.run_files import RunFiles

DATA = synthetic_cells(4, 32, seed=3)


def training(out, **options):
    model = tu.UNet(1, 2, base_channels=2, depth=1, padding="same", seed=7)
    usual = {"steps": 6, "batch_size": 2, "crop": 16, "progress": False}
    return tu.Training(model, DATA, DATA, out=out, **{**usual, **options})


HOLDING = """
import runpy, sys
from pathlib import Path
FolderLock = runpy.run_path(sys.argv[1])["FolderLock"]
print("ready", flush=True)
sys.stdin.readline()
try:
    with FolderLock(Path(sys.argv[2])).held():
        print("held", flush=True)
        sys.stdin.readline()
except BlockingIOError:
    print("busy", flush=True)
"""


@pytest.fixture
def holder(tmp_path):
    """Another process that holds the lock of a folder."""
    command = [sys.executable, "-c", HOLDING, locks.__file__, str(tmp_path)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    process.stdin.write(b"go\n")
    process.stdin.flush()
    assert [process.stdout.readline() for _ in range(2)] == [b"ready\n", b"held\n"]
    yield process
    process.kill()
    process.communicate()


def test_a_folder_is_somebody_elses_until_that_process_is_dead(tmp_path, holder):
    words = rf"another training \(process {holder.pid} on .*\) writes into .*{tmp_path.name}"
    with pytest.raises(BlockingIOError, match=words), FolderLock(tmp_path).held():
        pass
    with pytest.raises(BlockingIOError, match="wait for its end, or choose another folder"):
        training(tmp_path).run()
    assert os.listdir(tmp_path) == [NAME]
    holder.kill()  # as by kill -9: nothing is cleaned up
    holder.wait()
    assert (tmp_path / NAME).exists()
    assert len(training(tmp_path).run().loss) == 6
    assert not (tmp_path / NAME).exists()


def test_of_many_that_start_at_once_one_gets_it(tmp_path):
    command = [sys.executable, "-c", HOLDING, locks.__file__, str(tmp_path)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    processes = [subprocess.Popen(command, **pipes) for _ in range(6)]
    assert {process.stdout.readline() for process in processes} == {"ready\n"}
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    got = [process.stdout.readline() for process in processes]
    for process in processes:
        process.communicate("end\n")
    assert sorted(got) == 5 * ["busy\n"] + ["held\n"]


def test_a_lock_on_a_file_that_was_deleted_in_between_is_none(tmp_path, monkeypatch):
    plain, calls = locks._lock, []

    def lock(descriptor):
        if not calls:  # its holder deletes it just before we have it
            (tmp_path / NAME).unlink()
        calls.append(descriptor)
        plain(descriptor)

    monkeypatch.setattr(locks, "_lock", lock)
    first = FolderLock(tmp_path)
    with first.held():
        assert len(calls) == 2
        assert (tmp_path / NAME).read_text().startswith(f"process {os.getpid()} on ")


def test_it_can_be_taken_several_times_over(tmp_path):
    lock = FolderLock(tmp_path)
    with lock.held() as one, lock.held() as two:
        assert (one, two) == (True, False)
    assert os.listdir(tmp_path) == []


def test_another_thread_at_work_is_somebody_else_and_one_that_ended_is_not(tmp_path):
    lock = FolderLock(tmp_path)
    held = lock.held()
    begun, go_on = threading.Event(), threading.Event()

    def work():
        held.__enter__()
        begun.set()
        go_on.wait(20)

    thread = threading.Thread(target=work)
    thread.start()
    begun.wait(20)
    with pytest.raises(BlockingIOError), FolderLock(tmp_path).held():
        pass
    go_on.set()
    thread.join()
    with FolderLock(tmp_path).held() as fresh:
        assert fresh


def test_where_the_file_system_knows_no_locks_training_goes_on(tmp_path, monkeypatch):
    if locks.fcntl is None:
        pytest.skip("locks are made in another way here")

    def flock(descriptor, operation):
        raise OSError(38, "Function not implemented")

    monkeypatch.setattr(locks.fcntl, "flock", flock)
    assert len(training(tmp_path).run().loss) == 6


# ---------------------------------------------------------------------- trainings


def test_what_was_checked_before_another_began_is_checked_again(tmp_path):
    late = training(tmp_path)
    training(tmp_path).run()
    with pytest.raises(FileExistsError, match="already holds a run"):
        late.run()


def test_a_resumed_training_does_not_write_over_one_that_has_gone_on(tmp_path):
    for step in (first := training(tmp_path)).steps():
        if step.number == 2:
            break
    first.finish()
    late = training(tmp_path, resume=True)
    training(tmp_path, resume=True).run()
    with pytest.raises(FileExistsError, match=r"another training has gone on in .* meanwhile"):
        late.run()
    assert len(tu.load(tmp_path / "last.npz", everything=True).state["history"]["loss"]) == 6


def test_from_the_first_second_on_there_is_something_to_go_on_from(tmp_path):
    whole = training(tmp_path / "whole")
    whole.run()
    broken = training(tmp_path / "run")
    monkey = RuntimeError("power cut")

    def cut(*arguments):
        raise monkey

    broken.loss.forward = cut
    with pytest.raises(RuntimeError, match="power cut"):
        broken.run()
    resumed = training(tmp_path / "run", resume=True)
    assert resumed.done == 0
    assert resumed.run().loss == whole.history.loss
    # And where no step was taken, nothing is lost by beginning anew.
    broken = training(tmp_path / "anew")
    broken.loss.forward = cut
    with pytest.raises(RuntimeError):
        broken.run()
    assert training(tmp_path / "anew").run().loss == whole.history.loss


def test_between_validations_files_are_written_when_it_is_time(tmp_path, monkeypatch):
    running = training(tmp_path, steps=48)  # validated after every fourth step
    monkeypatch.setattr(RunFiles, "is_due", lambda files: running.done == 2)
    for step in running.steps():
        if step.number == 3:
            break
    history = tu.load(tmp_path / "last.npz", everything=True).state["history"]
    assert len(history["loss"]) == 2
    assert history["validation"] == []


def test_out_that_is_a_file_or_in_one_is_named(tmp_path):
    (tmp_path / "ok.bmp").write_text("")
    for out in (tmp_path / "ok.bmp", tmp_path / "ok.bmp" / "run"):
        with pytest.raises(FileExistsError, match=r"out is to be a folder, but .*ok\.bmp is a fi"):
            training(out)


def test_a_signal_ends_the_lock(tmp_path):
    def press(running, step):
        signal.raise_signal(signal.SIGINT)

    running = training(tmp_path, callbacks=[press])
    assert running.run().stopped == "interrupted after step 1 of 6"
    assert NAME not in os.listdir(tmp_path)


# ---------------------------------------------------------------------- patience


def scores(monkeypatch, values):
    """Let validations give these scores."""
    left = iter(values)
    monkeypatch.setattr(
        "tinyunet.learning.training.validation_score", lambda model, data: ("IoU", next(left))
    )


@pytest.mark.parametrize(
    ("values", "ends"),
    [
        ([0.1, 0.5, 0.4, 0.5, 0.6], 4),  # as good is no better
        ([0.1, 0.5, 0.4, 0.6, 0.6, 0.6], 6),
        ([0.5, 0.1, 0.1], 3),
    ],
)
def test_patience_ends_where_nothing_is_better(tmp_path, monkeypatch, values, ends):
    scores(monkeypatch, values)
    running = training(tmp_path, steps=12, patience=2)
    history = running.run()
    assert (len(history.loss), history.total_steps, history.stopped) == (ends, 12, "")
    assert running.complete
    assert not history.diverged
    again = training(tmp_path, steps=12, patience=2, resume=True)
    assert again.run().loss == history.loss


def test_a_resumed_training_is_as_patient_as_the_whole_one(tmp_path, monkeypatch):
    values = [0.1, 0.5, 0.2, 0.3, 0.4, 0.1]
    scores(monkeypatch, values)
    whole = training(tmp_path / "whole", steps=12, patience=3)
    whole.run()
    assert whole.done == 5
    scores(monkeypatch, values)
    for step in (broken := training(tmp_path / "run", steps=12, patience=3)).steps():
        if step.number == 4:
            break
    broken.finish()
    resumed = training(tmp_path / "run", steps=12, patience=3, resume=True)
    scores(monkeypatch, values[4:])
    assert resumed.run().loss == whole.history.loss
    for name, array in whole.model.state_dict().items():
        assert (resumed.model.state_dict()[name] == array).all()


def test_patience_that_is_none_is_named():
    model = tu.UNet(1, 2, base_channels=2, depth=1, padding="same")
    with pytest.raises(ValueError, match=r"patience .*: give validation images"):
        tu.fit(model, DATA, steps=1, patience=2)
    for wrong in (0, 1.5):
        with pytest.raises(ValueError, match="patience must be"):
            tu.fit(model, DATA, DATA, steps=1, patience=wrong)
