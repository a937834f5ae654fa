"""`tinyunet bench small`: what is raced, the seconds of each layer, and the words."""

import os

import pytest
from test_mpi import FEW_CORES, ROOT_TOO, needs_mpi

from tinyunet.bench import show, small
from tinyunet.bench.layer_times import Spent, layer_times
from tinyunet.bench.race import CLOSE, Measured, Runner, difference, race
from tinyunet.bench.tasks import NETWORKS, network_task

BOX = {
    "cpu": "A processor", "threads": 2, "sgemm_gflops": 100.0, "blas": ["openblas 0.3 (Zen)"],
    "versions": {"numpy": "2.0"}, "variables": {},
}  # fmt: skip


@pytest.fixture
def tiny(monkeypatch):
    """A network that takes a millisecond, as `network_task("tiny", ...)`."""
    options = {"base_channels": 2, "depth": 1, "padding": "same"}
    monkeypatch.setitem(NETWORKS, "tiny", (options, (2, 8, 8, 1)))


def test_the_seconds_of_layers_and_of_the_rest_are_those_of_the_step(tiny, monkeypatch):
    monkeypatch.setenv("TINYUNET_NUM_THREADS", "3")
    times = layer_times(network_task("tiny", "train"), threads=1, count=2)
    assert os.environ["TINYUNET_NUM_THREADS"] == "3"
    assert list(times.layers)[:3] == ["encoder.0.conv1", "encoder.0.conv2", "pools.0"]
    assert times.layers["head"]["forward"].wall > 0
    for clock in ("wall", "cpu"):
        layers = sum(getattr(s, clock) for both in times.layers.values() for s in both.values())
        whole = getattr(times.step, clock)
        assert layers + getattr(times.rest, clock) == pytest.approx(whole)


def test_the_number_of_threads_is_given_back(tiny, monkeypatch):
    monkeypatch.delenv("TINYUNET_NUM_THREADS", raising=False)
    layer_times(network_task("tiny", "train"), threads=1, count=1)
    assert "TINYUNET_NUM_THREADS" not in os.environ


def measured(runner):
    """What a runner would have measured: an eager step takes 2 s, one at its best 1 s, ours 3 s."""
    seconds = {"": 3.0, "eager": 2.0, "channels_last": 1.0, "compile": 9.0}[runner.setting]
    error = "no compiler" if runner.setting == "compile" else ""
    return Measured(runner, [seconds], [0.5], 100.0 * seconds, error, [seconds])


@pytest.fixture
def raced(monkeypatch):
    """The runners of the races that are asked for, none of which is run."""
    found = []

    def race(task, runners, rounds):
        found.extend(runners)
        return [measured(runner) for runner in runners]

    monkeypatch.setattr(small, "race", race)
    return found


def test_a_row_has_eager_and_the_best(tiny, raced):
    settings = ("eager", "channels_last", "compile")
    one, two = small.rows(["tiny"], [1, 2], 1, settings)
    assert [(r.engine, r.setting, r.threads, r.keep_memory) for r in raced[:4]] == [
        ("tinyunet", "", 1, False),
        ("torch", "eager", 1, False),
        ("torch", "channels_last", 1, True),
        ("torch", "compile", 1, True),
    ]
    assert len(raced) == 8  # in one run, so that all take turns
    assert (one["threads"], two["threads"]) == (1, 2)
    assert one["eager_ratio"] == one["memory_ratio"] == 1.5
    assert (one["ratio"], one["against"]) == (3.0, "channels_last, allocator kept")
    text = show.text({"what": "small", "machine": BOX, "rows": [one, two]})
    for part in ("ours / eager", "1.50", "3.00", "threads: 2", "encoder.0.conv1", small.REST):
        assert part in text
    assert "both sides computed the same" in text


def test_processes_are_raced_against_as_many_threads(tiny, raced):
    threads, processes = small.rows(["tiny"], [1], 1, ("eager",), [3])
    assert [(r.engine, r.threads, r.processes) for r in raced] == [
        ("tinyunet", 1, 1), ("torch", 1, 1), ("tinyunet", 1, 3), ("torch", 3, 1),
    ]  # fmt: skip
    assert (threads["processes"], processes["processes"]) == (1, 3)
    assert "layers" not in processes
    show.text({"what": "small", "machine": BOX, "rows": [threads, processes]})


@needs_mpi
def test_two_processes_take_turns_with_one(tiny, monkeypatch):
    for name, value in {**ROOT_TOO, **FEW_CORES}.items():
        monkeypatch.setenv(name, value)
    task = network_task("small", "train", 2)
    one, two = race(task, [Runner(), Runner(processes=2)], 1)
    assert not two.error
    assert len(two.seconds) == 1
    assert difference(one, two) < CLOSE
    assert two.peak_mb > 1.2 * one.peak_mb  # of both


def test_alone_nothing_is_said_of_pytorch(tiny, monkeypatch):
    monkeypatch.setattr(small, "race", lambda task, runners, rounds: [measured(runners[0])])
    (row,) = small.rows(["tiny"], [1], 1, ())
    text = show.text({"what": "small", "machine": BOX, "rows": [row]})
    assert "tiny net, train" in text
    assert "eager" not in text
    assert "best" not in text


def test_errors_are_named():
    task = network_task("small", "train")
    ours, broken = Measured(Runner(), [1.0], [1.0], cpu=[1.0]), measured(Runner("torch", "compile"))
    row = small._row(task, ours, [broken])
    assert row["error"] == "no compiler"
    assert "no compiler" in show.text({"what": "small", "machine": BOX, "rows": [row]})


def test_clocks_add_up():
    assert Spent(3.0, 4.0).plus(Spent(1.0, 1.5), -1) == (2.0, 2.5)
