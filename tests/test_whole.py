"""Files are written whole or not at all, whatever fails and whenever."""

import errno
import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from PIL import Image

import tinyunet as tu
from tinyunet import plots
from tinyunet.data import synthetic_cells
from tinyunet.engine import whole_files as whole
from tinyunet.engine.whole_files import write_text, written_whole
from tinyunet.runs import predict as predicting
from tinyunet.runs import train as run
from tinyunet.runs.settings import Settings


@pytest.fixture
def path(tmp_path):
    """A file that is there already."""
    path = tmp_path / "a.json"
    path.write_text("older")
    return path


def test_it_is_there_when_the_block_has_ended(path):
    with written_whole(path) as file:
        file.write(b"new")
        file.flush()
        assert path.read_text() == "older"
        assert len(os.listdir(path.parent)) == 2
    assert path.read_text() == "new"
    assert os.listdir(path.parent) == ["a.json"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError, MemoryError])
def test_whatever_ends_the_block_leaves_the_older_file(path, error):
    def write():
        with written_whole(path) as file:
            file.write(b"half")
            raise error

    with pytest.raises(error):
        write()
    assert path.read_text() == "older"
    assert os.listdir(path.parent) == ["a.json"]


def failing(number):
    def fail(*arguments, **options):
        raise OSError(number, os.strerror(number))

    return fail


@pytest.mark.parametrize("call", ["fsync", "replace"])
@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, "the disk is full: free some space there, or write to another folder"),
        (errno.EDQUOT, "your share of the disk .quota. is used up: free some space"),
        (errno.EIO, "Input/output error"),
    ],
)
def test_where_the_disk_refuses_the_file_is_named_and_the_older_one_stays(
    path, monkeypatch, call, number, words
):
    monkeypatch.setattr(os, call, failing(number))
    with pytest.raises(OSError, match=rf"{words}.*a\.json") as raised:
        write_text(path, "new")
    assert (raised.value.errno, raised.value.filename) == (number, str(path))
    assert path.read_text() == "older"
    assert os.listdir(path.parent) == ["a.json"]


def test_a_folder_that_may_not_be_written_is_no_full_disk(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nowhere/a\.json"):
        write_text(tmp_path / "nowhere" / "a.json", "new")
    (tmp_path / "folder").mkdir()
    with pytest.raises(IsADirectoryError, match="folder"):
        write_text(tmp_path / "folder", "new")


def test_a_file_that_cannot_be_forced_to_the_disk_is_written_all_the_same(path, monkeypatch):
    monkeypatch.setattr(os, "fsync", failing(errno.EINVAL))
    write_text(path, "é")
    assert path.read_bytes() == "é".encode()


def test_links_devices_and_long_names(tmp_path, path):
    (tmp_path / "link").symlink_to(path)
    write_text(tmp_path / "link", "new")
    assert (tmp_path / "link").is_symlink()
    assert path.read_text() == "new"
    write_text(os.devnull, "nothing")
    assert not os.path.isfile(os.devnull)
    write_text(tmp_path / ("é" * 120 + ".json"), "long")
    assert len(os.listdir(tmp_path)) == 3


HALF = """
import sys, time
from tinyunet.engine.whole_files import written_whole
with written_whole(sys.argv[1]) as file:
    file.write(b"half")
    file.flush()
    print("begun", flush=True)
    time.sleep(60)
"""


def age(file, seconds):
    """Have it look as if it had not been written to for so long."""
    then = time.time() - seconds
    os.utime(file, (then, then))


def test_what_a_dead_process_left_is_cleared_and_a_living_ones_is_not(path):
    writer = subprocess.Popen([sys.executable, "-c", HALF, path], stdout=subprocess.PIPE)
    assert writer.stdout.readline()
    (left,) = {file.name for file in path.parent.iterdir()} - {"a.json"}
    age(path.with_name(left), 3 * whole.A_DAY)
    write_text(path.with_name("b.json"), "other")
    assert sorted(os.listdir(path.parent)) == sorted([left, "a.json", "b.json"])
    writer.kill()
    writer.wait()
    writer.stdout.close()
    assert path.read_text() == "older"
    age(path.with_name(left), 0.9 * whole.AN_HOUR)  # another container's process may write to it
    write_text(path, "new")
    assert sorted(os.listdir(path.parent)) == sorted([left, "a.json", "b.json"])
    age(path.with_name(left), 1.1 * whole.AN_HOUR)
    write_text(path, "newer")
    assert sorted(os.listdir(path.parent)) == ["a.json", "b.json"]


def test_of_another_computers_files_only_old_ones_are_cleared(path):
    other = path.with_name(".x.npz.0@elsewhere.4000000.part")
    other.write_text("half")
    age(other, 0.9 * whole.A_DAY)
    write_text(path, "new")
    assert sorted(os.listdir(path.parent)) == sorted([other.name, path.name])
    age(other, 2 * whole.A_DAY)
    write_text(path, "new")
    assert os.listdir(path.parent) == [path.name]


@pytest.mark.parametrize(
    "name",
    [".x.npz.part", ".letter.odt.4194304.part", "x.0@here.4194304.part", ".x@here.4194304.part"],
)
def test_files_of_other_programs_stay(path, name):
    other = path.with_name(name.replace("here", whole._host()))
    other.write_text("not ours")
    age(other, 9 * whole.A_DAY)
    write_text(path, "new")
    assert other.read_text() == "not ours"


# ---------------------------------------------------------------------- the files of a run


def small():
    return tu.UNet(1, 2, base_channels=2, depth=1, padding="same")


def test_history_stays_whole_where_the_disk_becomes_full(tmp_path, monkeypatch):
    data, calls, plain = synthetic_cells(n=4, size=32), [], os.fsync

    def sync(number):
        calls.append(number)
        if len(calls) > 9:
            raise OSError(errno.ENOSPC, "No space left on device")
        plain(number)

    monkeypatch.setattr(os, "fsync", sync)
    with pytest.raises(OSError, match="the disk is full"):
        tu.fit(small(), data, data, steps=12, batch_size=1, crop=32, out=tmp_path, progress=False)
    monkeypatch.undo()
    steps = len(json.loads((tmp_path / "history.json").read_text())["loss"])
    kept = tu.load(tmp_path / "last.npz", everything=True).state["history"]
    assert len(kept["loss"]) - steps in (0, 1)
    assert not [name for name in os.listdir(tmp_path) if name.endswith(".part")]


@pytest.mark.parametrize(
    "name",
    ["settings.json", "results.json", "curves.png", "weights.png", "best.npz", "history.json"],
)
def test_every_file_of_a_run_is_written_whole(tmp_path, monkeypatch, name):
    settings = Settings(steps=1, images=6, size=32, depth=1, base_channels=1)
    out, plain = tmp_path / "run", os.replace
    out.mkdir()
    # A folder that has these is a run, or has the model of one: it is not begun anew.
    older = name not in ("settings.json", "best.npz")
    if older:
        (out / name).write_text("older")

    def move(source, target):
        if os.path.basename(target) == name:
            raise OSError(errno.ENOSPC, "No space left on device")
        plain(source, target)

    monkeypatch.setattr(os, "replace", move)
    with pytest.raises(OSError, match=f"the disk is full.*{name}"):
        run.train(settings, out)
    assert (out / name).read_text() == "older" if older else not (out / name).exists()


@pytest.mark.parametrize("end", ["_labels.png", "_probabilities.tif", "_overlay.png"])
def test_every_prediction_is_written_whole(tmp_path, monkeypatch, end):
    image = np.random.default_rng(0).random((16, 16, 1), np.float32)
    (tmp_path / f"a{end}").write_text("older")
    written, plain = [], os.replace

    def move(source, target):
        if str(target).endswith(end):
            raise OSError(errno.ENOSPC, "No space left on device")
        written.append(target)
        plain(source, target)

    monkeypatch.setattr(os, "replace", move)
    options = {"tile": None, "average": None, "threshold": 0.5}
    with pytest.raises(OSError, match=f"the disk is full.*a{end}"):
        predicting.predict_file(small(), image, tmp_path / "a", **options)
    assert (tmp_path / f"a{end}").read_text() == "older"
    monkeypatch.undo()
    labels = predicting.predict_file(small(), image, tmp_path / "a", **options)
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "a_labels.png")), labels)


def test_the_reason_comes_through_whoever_writes(tmp_path):
    # A limit on a file's size refuses like a full disk, in the middle of NumPy's and Pillow's writing.
    resource = pytest.importorskip("resource")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    noise = np.random.default_rng(0).random((300, 300, 1), np.float32)
    options = {"tile": None, "average": None, "threshold": 0.5}
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
        with pytest.raises(OSError, match=r"too large.*a_probabilities\.tif"):
            predicting.predict_file(small(), noise, tmp_path / "a", **options)
        with pytest.raises(OSError, match=r"too large.*m\.npz"):
            tu.save(tmp_path / "m.npz", tu.UNet(1, 2, base_channels=8, depth=2))
        with pytest.raises(OSError, match=r"too large.*p\.png"):
            plots.save(
                plots.compare([noise] * 3, [noise[..., 0] > 0.5] * 3, [noise[..., 0] > 0.6] * 3),
                tmp_path / "p.png",
            )
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, before)
    assert os.listdir(tmp_path) == ["a_labels.png"]
