"""The benchmark: what it counts and compares, its worker processes, and its command line.

No test asserts how long anything takes.
"""

import functools
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from PIL import Image

import tinyunet as tu
from tinyunet.bench import LAYERS, NETWORKS, Task, engines, pictures, report, show, tasks
from tinyunet.bench import race as races
from tinyunet.bench.race import CLOSE, WARM_UP, Measured, Runner, Worker, difference, race, ratio
from tinyunet.bench.tasks import layer_task, network_task
from tinyunet.plots import figure as plots

CONV = Task("conv", "train", (1, 12, 12, 8), 8)
TOO_SMALL = Task("conv", "predict", (1, 2, 2, 8), 8)  # smaller than its kernel: an error as it runs
TINY = {"base_channels": 2, "depth": 1, "padding": "same"}

# ---------------------------------------------------------------------- tasks


def test_operations_of_one_convolution():
    # 10 x 10 output pixels, each 3 x 3 x 8 products and as many sums for each of 8 channels.
    forward = 2 * 100 * 9 * 8 * 8 / 1e9
    assert Task("conv", "predict", (1, 12, 12, 8), 8).gflop() == pytest.approx(forward)
    assert CONV.gflop() == pytest.approx(3 * forward)
    assert Task("conv", "predict", (5, 12, 7, 3), 4).gflop() == pytest.approx(
        5 * 2 * 10 * 5 * 9 * 3 * 4 / 1e9
    )


def test_operations_of_a_network(monkeypatch):
    monkeypatch.setitem(NETWORKS, "tiny", (TINY, (3, 8, 6, 1)))
    large, small = 3 * 8 * 6, 3 * 4 * 3  # pixels of the batch on either level
    first = large * 9 * 1 * 2
    products = (
        first + large * 9 * 2 * 2  # encoder
        + small * 9 * 2 * 4 + small * 9 * 4 * 4  # bottom
        + small * 4 * 4 * 2  # up: each of its input's pixels becomes 2 x 2
        + large * 9 * 4 * 2 + large * 9 * 2 * 2  # decoder
        + large * 2 * 2  # head
    )  # fmt: skip
    assert network_task("tiny", "predict").gflop() == pytest.approx(2 * products / 1e9)
    trained = 2 * (3 * products - first) / 1e9  # nobody needs the image's gradient
    assert network_task("tiny", "train").gflop() == pytest.approx(trained)


def test_operations_of_the_papers_network(monkeypatch):
    def black(layer, x):  # a convolution without its work: only the shapes count
        size = layer.geometry.output_size(*x.shape[1:3])
        return np.zeros((len(x), *size, layer.out_channels), x.dtype)

    monkeypatch.setattr(tu.Conv2d, "forward", black)
    model = network_task("paper", "train").model()
    monkeypatch.setattr(Task, "model", lambda task: model)
    monkeypatch.setattr(tasks, "summarize", functools.cache(tasks.summarize))
    train = network_task("paper", "train").gflop()
    assert 890 < train < 915
    assert network_task("paper", "predict").gflop() == pytest.approx(train / 3, rel=0.01)


def test_tasks_of_networks():
    assert network_task("small", "train").shape == (8, 128, 128, 1)
    assert network_task("small", "train", 2).shape == (2, 128, 128, 1)
    assert network_task("paper", "predict", 3, 188).shape == (3, 188, 188, 1)
    with pytest.raises(
        ValueError, match=r"--net must be one of paper, small, default or all, got 'large'"
    ):
        network_task("large", "train")
    with pytest.raises(ValueError, match=r"--mode must be train, predict or both, got 'test'"):
        network_task("small", "test")


def test_tasks_survive_json_and_have_different_names():
    every = [
        network_task(net, mode, n)
        for net in NETWORKS
        for mode in ("train", "predict")
        for n in (1, 9)
    ]
    every += [layer_task(*layer, mode, "auto") for layer in LAYERS for mode in ("train", "predict")]
    for task in every:
        assert Task(**{**json.loads(json.dumps(task.to_dict())), "shape": task.shape}) == task
    assert len({task.name for task in every}) == len(every)


def test_a_tasks_numbers_are_always_the_same():
    assert CONV.input().tobytes() == CONV.input().tobytes()
    assert CONV.input().shape == CONV.shape
    assert (CONV.input() >= 0).all()
    first, second = (dict(CONV.model().named_parameters()) for _ in range(2))
    assert all((first[name] == second[name]).all() for name in first)
    labels = network_task("small", "train").labels((128, 128))
    assert labels.shape == (8, 128, 128)
    assert set(labels.ravel().tolist()) == {0, 1}


# ---------------------------------------------------------------------- comparing


def measured(seconds, checksums=(1.0, 1.0), runner=None, peak_mb=100.0, error=""):
    runner = runner or Runner()
    return Measured(runner, list(seconds), list(checksums), peak_mb, error)


def test_median_and_ratio():
    ours, theirs = measured([2, 4, 9]), measured([1, 1, 3])
    assert ours.median == 4
    assert ratio(ours, theirs) == 3  # of 2, 4 and 3: round by round
    assert ratio(measured([1, 2]), measured([2, 2])) == 0.75
    with pytest.raises(ValueError):
        ratio(measured([1, 2]), measured([1]))


def test_difference_is_relative_and_of_the_warm_up():
    ours = measured([], [1.0, 2.0, 7.0])
    assert difference(ours, measured([], [1.25, 2.0, 100.0])) == pytest.approx(0.2)
    assert difference(ours, measured([], [1.0, -2.0, 7.0])) == pytest.approx(2)
    assert difference(measured([], [1e9, 1e-9]), measured([], [1e9, 1e-9])) == 0
    assert difference(measured([], [0.0, 0.0]), measured([], [0.0, 0.0])) == 0
    assert WARM_UP == 2


def test_what_was_measured_fits_json():
    found = measured([1.5], [2.0], Runner("torch", "eager", 2))
    plain = json.loads(json.dumps(found.to_dict()))
    assert plain["seconds"] == [1.5]
    assert plain["runner"] == {
        "engine": "torch", "setting": "eager", "threads": 2, "keep_memory": False, "device": "cpu",
        "processes": 1,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("runner", "name"),
    [
        (Runner(), "tinyunet"),
        (Runner("torch", "compile"), "compile"),
        (Runner("torch", "eager", keep_memory=True), "eager, allocator kept"),
    ],
)
def test_names_of_runners(runner, name):
    assert runner.name == name


def test_pytorch_at_its_best():
    rows = [
        {"task": "a", "against": "eager", "torch_seconds": 3.0, "error": ""},
        {"task": "b", "against": "eager", "torch_seconds": 5.0, "error": ""},
        {"task": "a", "against": "channels_last", "torch_seconds": 2.0, "error": ""},
        {"task": "b", "against": "compile", "error": "no compiler"},
        {"task": "c", "against": "eager", "error": "no torch"},
    ]
    assert report.best_settings(rows) == [rows[2], rows[1]]
    assert report.best_settings([]) == []


@pytest.fixture
def made_up(monkeypatch):
    """Races that nobody runs: each runner takes twice the time of the one before."""
    asked = []

    def pretend(task, runners, rounds):
        asked.append((task, runners, rounds))
        return [
            measured([0.5 * 2**i] * rounds, [1.0, 1.0 + 0.01 * i], runner, 100.0 * (i + 1))
            for i, runner in enumerate(runners)
        ]

    monkeypatch.setattr(report, "race", pretend)
    return asked


@pytest.fixture
def uncounted(monkeypatch):
    """Tasks whose operations nobody counts: that makes their networks, which takes a while."""
    monkeypatch.setattr(Task, "gflop", lambda task: 1.0)


def test_rows_of_steps(made_up):
    rows = list(report.steps([CONV], [1, 2], 3))
    assert [row["threads"] for row in rows] == [1, 2]
    (row, _) = rows
    assert row["task"] == CONV.name
    assert row["seconds"] == 0.5
    assert row["pixels"] == 144
    assert row["ns_per_pixel"] == pytest.approx(0.5e9 / 144)
    assert row["gflops"] == pytest.approx(2 * CONV.gflop())
    assert row["peak_mb"] == 100
    assert row["all_seconds"] == [0.5] * 3
    assert json.loads(json.dumps(rows)) == rows


def test_rows_against_pytorch(made_up):
    rows = list(report.against_torch([CONV], 2, 3))
    assert len(rows) == 6  # three settings, with two allocators
    assert all(row["ratio"] == 0.5 for row in rows)
    assert all(row["memory_ratio"] == 0.5 for row in rows)
    assert all(row["difference"] == pytest.approx(0.01 / 1.01) for row in rows)
    assert len({row["against"] for row in rows}) == 6
    for _, (ours, theirs), _ in made_up:
        assert (ours.engine, theirs.engine) == ("tinyunet", "torch")
        assert (ours.threads, ours.keep_memory) == (theirs.threads, theirs.keep_memory)


def test_rows_of_the_ladder_and_the_layers(made_up, uncounted):
    ways = [row["way"] for row in report.ladder(2, 1, torch=True)]
    assert ways[:4] == ["naive", "whole patches", "im2col", "winograd"]
    assert ways[4:] == ["PyTorch eager", "PyTorch channels_last"]
    rows = list(report.layers(2, 1, ("im2col", "winograd"), torch=False))
    assert len(rows) == len(LAYERS) * 2 * 2


def test_rows_of_the_sweep(made_up, uncounted):
    rows = list(report.sweep(1))
    pixels = {}
    for row in rows:
        pixels.setdefault(row["group"], []).append(row["pixels"])
    assert len(pixels) == 3
    assert all(sizes == sorted(set(sizes)) for sizes in pixels.values())


def test_a_row_of_an_error(monkeypatch):
    broken = measured([], [], Runner("torch", "compile"), error="no compiler")
    monkeypatch.setattr(report, "race", lambda task, runners, rounds: [broken] * len(runners))
    (row,) = report.steps([CONV], [1], 1)
    assert row["error"] == "no compiler"
    assert {row["error"] for row in report.against_torch([CONV], 1, 1)} == {"no compiler"}


# ---------------------------------------------------------------------- words

BOX = {
    "cpu": "A processor", "threads": 2, "sgemm_gflops": 100.0, "blas": ["openblas 0.3 (Zen)"],
    "versions": {"numpy": "2.0"}, "variables": {},
}  # fmt: skip


def race_row(**changes):
    row = {
        "task": "small net", "against": "eager", "threads": 2, "error": "", "seconds": 0.2,
        "torch_seconds": 0.1, "ratio": 2.0, "gflops": 50.0, "peak_mb": 120.0,
        "torch_peak_mb": 240.0, "memory_ratio": 0.5, "difference": 1e-6,
    }  # fmt: skip
    return {**row, **changes}


def words(*rows, **box):
    return show.text({"what": "steps", "machine": {**BOX, **box}, "rows": list(rows)})


def test_the_table_of_a_race():
    found = words(race_row(), race_row(against="channels_last", torch_seconds=0.05, ratio=4.0))
    for part in ("A processor, 2 threads", "sgemm 100 GFLOP/s", "50 (50%)", "200", "2.00", "0.50"):
        assert part in found
    assert "small net: 4.00 of PyTorch's time at its best (channels_last)" in found
    assert "both sides computed the same: results differ by 1e-06 at most" in found
    assert "WARNING" not in found


def test_different_results_are_a_warning():
    found = words(race_row(difference=0.5))
    assert "WARNING: small net: results differ by 5.0e-01" in found
    assert "computed the same" not in found


def test_results_that_are_no_numbers_are_a_warning():
    assert "WARNING" in words(race_row(difference=float("nan")))


def test_unknown_memory_is_a_dash():
    assert " -" in words(race_row(torch_peak_mb=0.0, memory_ratio=None)).splitlines()[2]


def test_errors_and_variables_are_named():
    alone = {
        "task": "small net", "way": "tinyunet", "threads": 1, "error": "", "seconds": 0.2,
        "ns_per_pixel": 10.0, "gflops": 50.0, "peak_mb": 120.0,
    }  # fmt: skip
    broken = {"task": "paper net", "way": "naive", "threads": 1, "error": "MemoryError: too much"}
    found = words(alone, broken, variables={"OPENBLAS_CORETYPE": "Haswell"})
    assert "note: OPENBLAS_CORETYPE=Haswell" in found
    assert "paper net, naive: MemoryError: too much" in found
    found = words(race_row(), {**broken, "against": "compile"})
    assert "paper net, compile: MemoryError: too much" in found


# ---------------------------------------------------------------------- workers


@pytest.fixture(scope="module")
def raced():
    """What three runners measured who took turns at a convolution, two of them mistaken."""
    runners = [Runner(threads=2), Runner("abacus"), Runner(keep_memory=True)]
    return race(CONV, runners, 3)


def test_a_worker_measures(raced):
    for found in (raced[0], raced[2]):
        assert found.error == ""
        assert len(found.seconds) == 3
        assert all(seconds > 0 for seconds in found.seconds)
        assert len(found.checksums) == WARM_UP + 3
        assert 10 < found.peak_mb < 4000
    expected = engines.checksum(engines.tinyunet_engine(CONV, "cpu", "")())
    assert raced[0].checksums == pytest.approx([expected] * 5, rel=1e-5)
    assert difference(raced[0], raced[2]) < CLOSE


def test_an_unknown_engine_is_an_error_and_no_crash(raced):
    assert "abacus" in raced[1].error
    assert raced[1].seconds == raced[1].checksums == []


def test_an_error_as_it_runs():
    (found,) = race(TOO_SMALL, [Runner()], 1)
    assert found.error.startswith("ValueError: Conv2d")
    assert "smaller than its kernel" in found.error
    assert found.seconds == []


@pytest.fixture
def without_torch(tmp_path, monkeypatch):
    """Workers where PyTorch cannot be imported."""
    (tmp_path / "torch.py").write_text('raise ImportError("no torch here")\n')
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))


def test_missing_pytorch_is_an_error_and_no_crash(without_torch):
    (found,) = race(CONV, [Runner("torch", "eager")], 1)
    assert found.error == "ImportError: no torch here"
    assert found.peak_mb == 0


def test_the_error_of_a_worker_that_ended_long_ago(without_torch):
    # As while its opponent takes a few seconds for its first repetition.
    worker = Worker(CONV, Runner("torch", "eager"))
    worker.process.wait()
    worker.repeat()
    assert worker.stop().error == "ImportError: no torch here"


def test_no_worker_outlives_its_race(monkeypatch):
    made = []

    class Broken(Worker):
        def __init__(self, task, runner):
            super().__init__(task, runner)
            made.append(self.process)

        def repeat(self, count=True):
            raise KeyError("something broke")

    monkeypatch.setattr(races, "Worker", Broken)
    with pytest.raises(KeyError, match="something broke"):
        race(CONV, [Runner(), Runner()], 1)
    assert len(made) == 2
    for process in made:
        process.communicate(timeout=20)
        assert process.returncode != 0  # killed: it would have waited for orders


# ---------------------------------------------------------------------- beside PyTorch


def test_checksums():
    assert engines.checksum(0.25) == 0.25
    assert engines.checksum(np.array([[1, -3]], "float32")) == 2
    assert engines.checksum(np.full(10**6, 1e-3, "float32")) == pytest.approx(1e-3, rel=1e-6)


@pytest.fixture(scope="module")
def torch():
    """PyTorch, with its number of threads given back afterwards."""
    found = pytest.importorskip("torch", reason="PyTorch is what we race and is not installed")
    threads = found.get_num_threads()
    yield found
    found.set_num_threads(threads)


SETTINGS = pytest.mark.parametrize("setting", ["eager", "channels_last"])


def test_cudnn_tries_its_algorithms_only_when_asked(torch, monkeypatch):
    monkeypatch.setattr(torch.backends.cudnn, "benchmark", False)
    for setting in ("benchmark", "eager"):
        engines.torch_engine(CONV, "cpu", setting)
        assert torch.backends.cudnn.benchmark == (setting == "benchmark")
        assert not torch.backends.cudnn.allow_tf32


SAME = {"base_channels": 4, "depth": 2, "padding": "same"}, (2, 16, 20, 1)
VALID = {"base_channels": 3, "depth": 2}, (1, 44, 60, 2)


def compared(task, setting):
    """How far two engines' results are from each other, at worst of three repetitions."""
    ours, theirs = (
        engine(task, "cpu", setting) for engine in (engines.tinyunet_engine, engines.torch_engine)
    )
    pairs = [(engines.checksum(ours()), engines.checksum(theirs())) for _ in range(3)]
    assert all(np.isfinite(pair).all() for pair in pairs)
    return max(difference(measured([], [a]), measured([], [b])) for a, b in pairs), pairs


@SETTINGS
@pytest.mark.parametrize("algorithm", ["auto", "im2col", "winograd"])
@pytest.mark.parametrize("mode", ["train", "predict"])
def test_both_libraries_compute_the_same_convolution(mode, algorithm, setting, torch, monkeypatch):
    monkeypatch.setenv("TINYUNET_NUM_THREADS", "1")
    worst, _ = compared(Task("conv", mode, (2, 14, 11, 8), 9, algorithm), setting)
    assert worst < CLOSE / 10


@SETTINGS
@pytest.mark.parametrize("net", [SAME, VALID], ids=["same", "valid"])
@pytest.mark.parametrize("mode", ["train", "predict"])
def test_both_libraries_compute_the_same_network(mode, net, setting, torch, monkeypatch):
    monkeypatch.setenv("TINYUNET_NUM_THREADS", "1")
    monkeypatch.setitem(NETWORKS, "tiny", net)
    worst, pairs = compared(network_task("tiny", mode), setting)
    assert worst < CLOSE
    assert (len(set(pairs)) == 3) == (mode == "train")  # each step changes the loss


# ---------------------------------------------------------------------- command line

COMMANDS = {
    "help": ("--help",),
    "what": ("everything",),
    "net": ("steps", "--net", "large"),
    "threads": ("steps", "--threads", "1,many"),
    "settings": ("steps", "--against", "torch", "--settings", "eager,fast"),
    "a GPU's setting": ("steps", "--against", "torch", "--settings", "benchmark"),
    "json": (
        "steps", "--net", "small", "--mode", "predict", "--batch", 1, "--rounds", 1,
        "--threads", 1, "--json",
    ),
}  # fmt: skip
MISTAKES = {
    "what": "must be one of steps, small, relatives, layers, ladder, sweep, got 'everything'",
    "net": "--net must be one of paper, small, default or all, got 'large'",
    "threads": "--threads must be numbers such as 1,2, got '1,many'",
    "settings": "--settings must be of eager, channels_last, compile, got 'fast'",
    "a GPU's setting": "--settings must be of eager, channels_last, compile, got 'benchmark'",
}


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """What `tinyunet bench` answered to each command."""
    folder = tmp_path_factory.mktemp("bench")

    def call(arguments):
        command = [sys.executable, "-m", "tinyunet", "bench", *map(str, arguments)]
        return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)

    with ThreadPoolExecutor(os.cpu_count()) as several:  # most of the time they import
        return dict(zip(COMMANDS, several.map(call, COMMANDS.values()), strict=True))


def test_help(done):
    assert done["help"].returncode == 0
    for part in ("Usage", "--against", "--plot", "sweep"):
        assert part in done["help"].stdout


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes_end_with_code_2_and_a_clear_word(name, done):
    assert done[name].returncode == 2, done[name].stdout + done[name].stderr
    assert "Traceback" not in done[name].stderr
    assert MISTAKES[name] in done[name].stderr
    assert done[name].stdout == ""


def test_json(done):
    assert done["json"].returncode == 0, done["json"].stderr
    found = json.loads(done["json"].stdout)
    assert found["what"] == "steps"
    assert found["machine"]["versions"]["numpy"] == np.__version__
    (row,) = found["rows"]
    assert row["error"] == ""
    assert row["task"] == "small net, predict, 1 x 128 x 128 x 1"
    assert row["threads"] == 1
    assert row["seconds"] > 0
    assert row["pixels"] == 128 * 128
    assert "small net" in show.text(found)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"rounds": 0}, "--rounds must be at least 1, got 0"),
        ({"mode": "test"}, "--mode must be train, predict or both, got 'test'"),
        (
            {"what": "sweep", "threads": "1,2"},
            "only small, relatives, and steps without --against, take several --threads",
        ),
        ({"threads": ""}, "--threads must be numbers such as 1,2, got ''"),
        ({"threads": "0"}, "--threads must be numbers such as 1,2, got '0'"),
        ({"threads": "1,,2"}, "--threads must be numbers such as 1,2, got '1,,2'"),
        ({"settings": ["eager", ""]}, "--settings must be of .* got ''"),
    ],
)
def test_more_mistakes(changes, message):
    settings = {
        "what": "steps", "net": "small", "mode": "both", "threads": None, "torch": False,
        "settings": ["eager"], "batch": None, "rounds": 1, "device": "cpu",
    }  # fmt: skip
    with pytest.raises(ValueError, match=message):
        show.run(**{**settings, **changes}, quiet=True)


def test_without_pytorch_the_race_says_so_before_it_begins(monkeypatch):
    monkeypatch.setattr(show.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(RuntimeError, match="pip install torch"):
        show.run("steps", "small", "train", None, True, ["eager"], None, 1, "cpu", quiet=True)


# ---------------------------------------------------------------------- pictures


def test_the_ladder():
    times = {"naive": 9.0, "whole patches": 0.1, "im2col": 0.05, "PyTorch eager": 0.02}
    rows = [{"task": "a conv", "way": way, "seconds": s, "error": ""} for way, s in times.items()]
    figure = pictures.ladder(rows, "A processor")
    figure.draw_without_rendering()
    (axis,) = figure.axes
    names = [label.get_text() for label in axis.get_yticklabels()]
    assert names == ["naive", "im2col, whole image", "im2col in bands", "PyTorch eager"]
    assert [bar.get_width() for bar in axis.patches] == pytest.approx([9000, 100, 50, 20])
    colours = [to_rgb(bar.get_facecolor()) for bar in axis.patches]
    assert colours == [plots.LINE] * 3 + [plots.MARK]
    assert [text.get_text().strip() for text in axis.texts][1:] == ["100 ms", "50 ms", "20 ms"]
    assert axis.get_title() == "a conv\nA processor"
    left, right = axis.get_xlim()
    assert left <= 20
    assert right > 9000


def sweep_rows():
    return [
        {"group": group, "pixels": pixels, "seconds": pixels / 1e5, "error": ""}
        for group in ("paper", "small, growing batch", "small, growing image")
        for pixels in (40_000, 10_000, 20_000)
    ]


def test_the_sweep():
    figure = pictures.sweep(sweep_rows(), "A processor")
    figure.draw_without_rendering()
    (axis,) = figure.axes
    assert len(axis.lines) == 3
    for line in axis.lines:
        assert line.get_xdata().tolist() == [10_000, 20_000, 40_000]
        assert line.get_ydata() == pytest.approx([0.1, 0.2, 0.4])
    assert {text.get_text() for text in axis.get_legend().get_texts()} == {
        "paper", "small, growing batch", "small, growing image"
    }  # fmt: skip


def test_the_ladder_is_of_the_cpu():
    with pytest.raises(ValueError, match="on a CPU: leave out --device"):
        show.run("ladder", "all", "both", None, False, [], None, 1, "gpu")


def test_pictures_become_files(tmp_path):
    found = {"what": "sweep", "machine": BOX, "rows": [*sweep_rows(), {"error": "no memory"}]}
    show.draw(found, tmp_path / "sweep.png")
    with Image.open(tmp_path / "sweep.png") as picture:
        assert min(picture.size) > 200
    with pytest.raises(ValueError, match="--plot draws ladder or sweep, not steps"):
        show.draw({**found, "what": "steps"}, tmp_path / "steps.png")
    assert not (tmp_path / "steps.png").exists()
