"""The same code on a GPU: what it moves, when it waits, where its arrays are, what it says without one.

What is compared with the CPU is compared on the strict double of CuPy, and on CuPy where there is a
GPU. What is counted is counted on the double alone.
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import cupy_double
import numpy as np
import pytest
from cupy_double import counts, reset_counts
from helpers import assert_close
from PIL import Image

import tinyunet as tu
from tinyunet.bench import gpu_report, show
from tinyunet.commands import main as cli
from tinyunet.convolution import im2col
from tinyunet.data import synthetic_cells
from tinyunet.engine import arrays
from tinyunet.engine.memory import HostPool

DATA = synthetic_cells(6, 48, seed=3)

on_a_gpu = pytest.mark.parametrize(
    "xp", ["double", pytest.param("cupy", marks=pytest.mark.gpu)], indirect=True
)


@pytest.fixture
def double():
    with cupy_double.installed() as cupy:
        yield cupy


def network(device="cpu", **options):
    defaults = {"base_channels": 8, "depth": 2, "padding": "same", "seed": 5}
    return tu.UNet(1, 2, **{**defaults, **options}).to(device)


def fit(model, steps=4, **options):
    small = {"batch_size": 2, "crop": 32, "progress": False}
    return tu.fit(model, DATA, steps=steps, **{**small, **options})


# ---------------------------------------------------------------------- what it moves


@pytest.mark.parametrize("optimizer", [tu.Adam, tu.SGD])
@pytest.mark.parametrize("loss", [tu.SoftmaxCrossEntropy, tu.DiceLoss])
@pytest.mark.parametrize(
    ("options", "masks"),
    [({}, 0), ({"dropout": 0.3}, 2), ({"padding": "valid"}, 0), ({"skip": "sum"}, 0)],
    ids=["same", "dropout", "valid", "sums"],
)
def test_a_training_step_moves_its_batch_in_and_waits_once(double, options, masks, loss, optimizer):
    model = network("gpu", **options)
    crop = model.input_size(4, 4)
    for batch_size in (1, 2):
        reset_counts()
        settings = {"optimizer": optimizer(model, 0.01), "crop": crop, "batch_size": batch_size}
        fit(model, 3, loss=loss(), **settings)
        batch = 3  # images, labels, weights
        moved = {"to_gpu": 3 * (batch + masks), "to_cpu": 0, "waits": 3}
        assert counts == {**moved, "copies": 0}


def test_batches_without_weights_are_two_arrays(double):
    model = network("gpu")
    reset_counts()
    fit(model, 3, weights=None)
    assert counts == {"to_gpu": 3 * 2, "to_cpu": 0, "waits": 3, "copies": 0}


def test_simple_steps_are_fused(double, monkeypatch):
    model, ran = network("gpu"), []
    call = cupy_double.double.Fused.__call__
    monkeypatch.setattr(
        cupy_double.double.Fused,
        "__call__",
        lambda self, *given: ran.append(self.__name__) or call(self, *given),
    )
    fit(model, 1, optimizer=tu.SGD(model, 0.01))
    parameters = len(list(model.named_parameters()))
    convolutions, pools = 10, 2  # with a ReLU; and one without, the head, which adds its bias
    # The optimizer; biases, ReLUs and their gates; pooling both ways.
    assert len(ran) == parameters + convolutions + 1 + convolutions + 2 * pools + 2


def test_a_prediction_moves_each_tile_in_and_out(double):
    model, image = network("gpu", base_channels=2), np.ones((150, 150, 1), np.float32)
    for options, tiles in (({}, 1), ({"tile": 128}, 4), ({"average": True}, 8)):
        reset_counts()
        tu.predict_image(model, image, **options)
        assert counts == {"to_gpu": tiles, "to_cpu": tiles, "waits": tiles, "copies": 0}


def test_moving_a_model_moves_every_parameter_once(double):
    model = network()
    parameters = len(list(model.named_parameters()))
    reset_counts()
    model.to("gpu").to("gpu").to("cpu").to("cpu")
    expected = {"to_gpu": parameters, "to_cpu": parameters, "waits": parameters, "copies": 0}
    assert counts == expected


# ---------------------------------------------------------------------- what it computes


@on_a_gpu
@pytest.mark.parametrize(
    ("optimizer", "loss"), [(tu.SGD, tu.SoftmaxCrossEntropy), (tu.Adam, tu.DiceLoss)]
)
@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 1e-5), ("float64", 1e-10)])
def test_training_agrees_with_the_cpu(device, dtype, tolerance, optimizer, loss):
    losses, states = [], []
    for where in ("cpu", device):
        model = network(where, dropout=0.3, dtype=dtype)
        # Large enough for Winograd on the CPU, and too small for it on a GPU.
        history = fit(model, 5, loss=loss(), optimizer=optimizer(model, 1e-3), crop=48)
        losses.append(history.loss)
        states.append(model.state_dict())
    assert losses[1] == pytest.approx(losses[0], rel=tolerance)
    assert len(set(losses[0])) == 5
    if dtype == "float64":  # in float32, Adam makes whole steps of gradients that are only rounding
        for name, array in states[0].items():
            assert_close(states[1][name], array, 1e-8, name)


@on_a_gpu
def test_predictions_and_scores_agree_with_the_cpu(device):
    expected, model = network(base_channels=4), network(device, base_channels=4)
    image = np.random.default_rng(0).random((130, 140, 1), np.float32)
    for options in ({}, {"tile": 128}, {"average": True}):
        found = tu.predict_image(model, image, **options)
        assert isinstance(found, np.ndarray)
        assert_close(found, tu.predict_image(expected, image, **options), 1e-5)
    for one, other in zip(tu.evaluate(model, DATA), tu.evaluate(expected, DATA), strict=True):
        assert one == pytest.approx(other, abs=1e-2)  # a pixel at 0.5 may fall to either side


@pytest.mark.gpu
def test_the_papers_network_takes_a_step():
    if not tu.gpu_available():
        pytest.skip("CuPy finds no GPU here")
    images = np.random.default_rng(0).random((1, 572, 572, 1), np.float32)
    labels = (images[:, 92:480, 92:480, 0] > 0.5).astype(int)
    values, gradients = [], []
    for move in (np.asarray, tu.to_gpu):
        model, loss = tu.UNet(), tu.SoftmaxCrossEntropy()
        model.to("cpu" if move is np.asarray else "gpu")
        values.append(loss(model(move(images)), move(labels)))
        model.backward(loss.backward(), input_gradient=False)
        gradients.append(dict(model.named_gradients()))
    assert values[1] == pytest.approx(values[0], rel=1e-4)
    for name, gradient in gradients[0].items():
        assert_close(gradients[1][name], gradient, 1e-2, name)


# ---------------------------------------------------------------------- where its arrays are


def held(value, seen=None) -> Iterator:
    """Every array that an object of this package holds, however deep."""
    seen = set() if seen is None else seen
    if id(value) in seen:
        return
    seen.add(id(value))
    if hasattr(value, "dtype") and hasattr(value, "shape"):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from held(item, seen)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from held(item, seen)
    elif type(value).__module__.startswith("tinyunet"):
        yield from held(vars(value), seen)


@pytest.mark.parametrize("kind", [tu.Adam, tu.SGD])
@pytest.mark.parametrize("criterion", [tu.SoftmaxCrossEntropy, tu.DiceLoss])
def test_nothing_is_on_another_device(device, xp, kind, criterion):
    model, loss = network(device, dropout=0.3), criterion()
    optimizer = kind(model, 0.01)
    rng = np.random.default_rng(0)
    images = rng.random((2, 16, 16, 1), np.float32)
    labels = rng.integers(0, 2, (2, 16, 16))

    def step(xp):
        loss(model(xp.asarray(images)), xp.asarray(labels))
        assert all(tu.array_module(array) is xp for array in held([model, loss]))
        dx = model.backward(loss.backward())
        optimizer.step()
        kept = list(held([model, loss, optimizer, dx]))
        assert all(tu.array_module(array) is xp for array in kept)
        return len(kept)

    parameters = len(list(model.named_parameters()))
    slots = {tu.Adam: 2, tu.SGD: 1}[kind]
    # Parameters, gradients, the optimizer's state, and dx.
    assert step(xp) == step(xp) == (2 + slots) * parameters + 1
    model.to("cpu")
    assert {tu.array_module(array) for array in held(model)} == {np}
    assert step(np) == (2 + slots) * parameters + 1


def test_a_checkpoint_is_read_on_any_device(device, xp, tmp_path):
    model = network(device, dropout=0.3)
    optimizer = tu.Adam(model, 0.01)
    fit(model, 2, optimizer=optimizer)
    tu.save(tmp_path / "m.npz", model, optimizer, best=model.state_dict())
    assert {tu.array_module(array) for array in held([model, optimizer])} == {xp}
    found = tu.load(tmp_path / "m.npz", everything=True)
    assert {tu.array_module(array) for array in held(found)} == {np}
    for saved, array in (
        (found.model.state_dict(), model.state_dict()),
        (found.optimizer.state, optimizer.state),
        (found.state["best"], model.state_dict()),
    ):
        assert saved.keys() == array.keys()
        for name in saved:
            np.testing.assert_array_equal(saved[name], tu.to_cpu(array[name]))
    image = DATA.images[0]
    np.testing.assert_array_equal(
        tu.predict_image(found.model.to(device), image), tu.predict_image(model, image)
    )


@on_a_gpu
@pytest.mark.parametrize("back", [False, True])
def test_a_run_goes_on_on_another_device(device, back, tmp_path):
    first, second = (device, "cpu") if back else ("cpu", device)
    whole = fit(network(dropout=0.3), 6, augment=False)
    samples = iter(range(3 * 2))  # of three steps

    def stop(rng, *sample):
        if next(samples, None) is None:
            raise KeyboardInterrupt
        return sample

    history = fit(network(first, dropout=0.3), 6, augment=stop, out=tmp_path)
    assert len(history.loss) == 3
    model = network(second, dropout=0.3)
    history = fit(model, 6, augment=False, out=tmp_path, resume=True)
    assert history.loss == pytest.approx(whole.loss, rel=1e-5)
    assert {tu.array_module(array) for array in held(tu.load(tmp_path / "last.npz"))} == {np}
    assert {arrays.device_name(array) for array in held(model)} == {second}


# ---------------------------------------------------------------------- commands


def command(monkeypatch, *words):
    """The exit code of `tinyunet ...`, run in this process so that it may see the double."""
    monkeypatch.setattr(sys, "argv", ["tinyunet", *map(str, words)])
    with pytest.raises(SystemExit) as stopped:
        cli.main()
    return stopped.value.code or 0


@on_a_gpu
def test_commands_work_on_a_gpu(xp, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Image.fromarray(np.zeros((20, 24), np.uint8)).save("gray.png")
    data = ("--images", 6, "--size", 32)
    small = ("--steps", 2, "--base-channels", 4, "--depth", 1, "--out", "run")
    on_gpu = ("--device", "gpu")
    assert command(monkeypatch, "train", *data, *small, *on_gpu) == 0
    assert command(monkeypatch, "evaluate", "run/best.npz", *data, *on_gpu) == 0
    assert command(monkeypatch, "predict", "run/best.npz", "gray.png", *on_gpu) == 0
    assert command(monkeypatch, "gradcheck", "--samples", 1, *on_gpu) == 0
    assert "all right" in capsys.readouterr().out
    monkeypatch.setitem(sys.modules, "cupy", None)  # and now where there is none
    assert command(monkeypatch, "evaluate", "run/best.npz", *data) == 0
    assert command(monkeypatch, "train", "--resume", "run") == 2
    assert command(monkeypatch, "train", "--resume", "run", "--device", "cpu") == 0


COMMANDS = {
    "train": ("train", "--steps", 1),
    "resume": ("train", "--resume", "nowhere"),
    "predict": ("predict", "any.npz", "any.png"),
    "evaluate": ("evaluate", "any.npz"),
    "gradcheck": ("gradcheck",),
    "the paper's gradients": ("gradcheck", "--paper"),
    "bench": ("bench", "steps"),
}


@pytest.mark.parametrize("name", COMMANDS)
def test_commands_say_what_is_missing(name, monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "cupy", None)  # as if it were not installed
    assert command(monkeypatch, *COMMANDS[name], "--device", "gpu") == 2
    assert 'pip install "tinyunet[cuda12]"' in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_benchmark_names_the_gpu_and_fails_where_nothing_ran(double, monkeypatch, capsys):
    speeds = {"cpu": 100.0, "gpu": 5000.0}
    monkeypatch.setattr(show, "sgemm_gflops", lambda n=0, device="cpu": speeds[device])
    box = show.machine("gpu")
    assert box["sgemm_gflops"] == 5000  # what shares are shares of
    rows = [{"task": "small net", "way": "tinyunet", "error": "out of memory"}]
    monkeypatch.setattr(
        show, "run", lambda *a, **k: {"what": "steps", "machine": box, "rows": rows}
    )
    assert command(monkeypatch, "bench", "--device", "gpu") == 1
    shown = capsys.readouterr().out
    assert shown.startswith("double of a GPU, 8.0 GB")
    assert "small net, tinyunet: out of memory" in shown


# ---------------------------------------------------------------------- what it says without a GPU


def why():
    """What `to_gpu` says; `Layer.to`, `gpu_available` and the double agree."""
    with pytest.raises(RuntimeError) as refused:
        tu.to_gpu(np.zeros(1))
    assert not tu.gpu_available()
    layer = tu.Conv2d(1, 1)
    with pytest.raises(RuntimeError, match=re.escape(str(refused.value))):
        layer.to("gpu")
    assert isinstance(layer.params["weight"], np.ndarray)
    return str(refused.value)


def test_without_cupy(monkeypatch):
    monkeypatch.setitem(sys.modules, "cupy", None)
    assert why() == f"a GPU needs CuPy, which is not installed: {arrays.INSTALL}"


def test_cupy_that_does_not_import(monkeypatch, tmp_path):
    for name in [name for name in sys.modules if name.split(".")[0] == "cupy"]:
        monkeypatch.delitem(sys.modules, name)
    (tmp_path / "cupy.py").write_text("raise ImportError('libcudart.so: no such file')")
    monkeypatch.syspath_prepend(tmp_path)
    assert "import fails (libcudart.so: no such file)" in why()
    assert arrays.INSTALL in why()


def no_device():
    raise RuntimeError("cudaErrorNoDevice: no CUDA-capable device is detected")


@pytest.mark.parametrize(
    ("runtime", "said", "unsaid"),
    [
        ({"driverGetVersion": lambda: 0}, ["finds no NVIDIA driver"], "too old"),
        (
            {"driverGetVersion": lambda: 12040, "runtimeGetVersion": lambda: 13000},
            ["too old: it runs CUDA 12.4, and this CuPy needs CUDA 13",
             'pip uninstall cupy-cuda13x, and pip install "tinyunet[cuda12]"'],
            "CUDA_VISIBLE_DEVICES",
        ),
        (
            {"driverGetVersion": lambda: 11080},
            ["too old: it runs CUDA 11.8, and this CuPy needs CUDA 12. Update it"],
            "pip",
        ),
        ({"getDeviceCount": no_device}, ["(cudaErrorNoDevice", "CUDA_VISIBLE_DEVICES"], "too old"),
        ({"getDeviceCount": lambda: 0}, ["no GPU can be used (0 devices)"], "too old"),
    ],
    ids=["no driver", "driver for CuPy's older wheel", "driver too old", "no device", "0 devices"],
)  # fmt: skip
def test_cupy_without_a_usable_gpu(double, monkeypatch, runtime, said, unsaid):
    monkeypatch.setattr(double.cuda, "is_available", lambda: False)
    for name, answer in runtime.items():
        monkeypatch.setattr(double.cuda.runtime, name, answer)
    message = why()
    assert all(part in message for part in said)
    assert unsaid not in message

    def insufficient():  # as CuPy 13 does it
        raise RuntimeError("cudaErrorInsufficientDriver")

    monkeypatch.setattr(double.cuda, "is_available", insufficient)
    assert why() == message


def test_cupy_without_cudas_libraries(double, monkeypatch):
    def missing():
        raise RuntimeError("Failure finding libnvrtc.so.12")

    monkeypatch.setattr(double.cuda.nvrtc, "getVersion", missing)
    assert (
        why()
        == f"CuPy finds a GPU but not CUDA's libraries, which come with the extra: {arrays.INSTALL}"
    )


def test_a_device_of_another_name():
    with pytest.raises(ValueError, match="""must be "cpu" or "gpu", got 'cuda'"""):
        tu.Conv2d(1, 1).to("cuda")


# ---------------------------------------------------------------------- how it is written

PACKAGE = Path(tu.__file__).parent
# These may know the device: where arrays live and how work is cut, and what describes a machine, which
# is the engine; convolutions that are cut in another way there; what measures; the command whose option
# it is; what reads arrays of other people's code; and the exercise about telling devices apart.
MAY_KNOW = (
    "engine/", "convolution/__init__.py", "convolution/im2col.py", "convolution/windows.py",
    "convolution/gpu/", "bench/", "commands/", "gradcheck/foreign/values.py",
    "exercises/lesson_15/array_module.py", "exercises/device.py", "layers/pool.py", "runs/helping.py",
)  # fmt: skip
ASKS = re.compile(r"""\bis (not )?np\b(?!\.)|import cupy|[=!]= *["'](cpu|gpu)["']|\.cuda\b""")


def test_one_source_for_both_devices():
    asking = {
        path.relative_to(PACKAGE).as_posix()
        for path in PACKAGE.rglob("*.py")
        if ASKS.search(path.read_text())
    }
    assert {"engine/arrays.py", "engine/threads.py"} <= asking
    assert not [path for path in asking if not path.startswith(MAY_KNOW)]


def test_a_gpu_gets_large_pieces(double):
    largest = (1, 568, 568, 64), 9 * 64, 64  # the paper's
    assert len(im2col.cut(*largest)) > 500
    assert len(im2col.cut(*largest, double)) == 1
    batch = im2col.cut((8, *largest[0][1:]), *largest[1:], double)
    assert batch == [(slice(i, i + 1), slice(0, 568)) for i in range(8)]  # 1 GiB at a time


def test_the_host_pool_is_not_used_for_a_gpu(double, monkeypatch):
    def refuse(self, shape, dtype):
        raise AssertionError("an array of the host's")

    model = network("gpu")
    monkeypatch.setattr(HostPool, "empty", refuse)
    fit(model, 1)


def test_the_gpu_marker_selects_what_runs_on_a_gpu(xp, request):
    marked = request.node.get_closest_marker("gpu") is not None
    assert marked == (request.node.callspec.params["xp"] == "cupy")


# ---------------------------------------------------------------------- tinyunet gpu-report


def test_the_report_needs_a_gpu(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "cupy", None)
    assert command(monkeypatch, "gpu-report") == 2
    shown = capsys.readouterr()
    assert 'pip install "tinyunet[cuda12]"' in shown.err
    assert shown.out == ""


@pytest.fixture
def fake(monkeypatch):
    """Instead of running commands, note them; the one that holds the word `failing` fails."""
    noted = SimpleNamespace(ran=[], failing="")

    def run(words, **options):
        noted.ran.append(" ".join(words[2:]))
        failed = noted.failing in words
        lines = "".join(f"{words[2]} line {i}\n" for i in range(50))
        return SimpleNamespace(returncode=int(failed), stdout=lines, stderr="error: no memory")

    monkeypatch.setattr(gpu_report, "subprocess", SimpleNamespace(run=run))
    return noted


def test_the_report_runs_everything(double, fake, monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(gpu_report, "torch_on_gpu", lambda: "PyTorch 9.8.7")
    (tmp_path / "tests" / "cupy_double").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    assert command(monkeypatch, "gpu-report") == 0
    assert fake.ran == [
        "pytest -q -m gpu tests",
        "tinyunet gradcheck --paper --device gpu",
        "tinyunet bench steps --device gpu --against torch --settings eager,benchmark",
        "tinyunet bench steps --device gpu --net paper --mode train --batch 4",
        "tinyunet bench steps --device gpu --net paper --mode train --batch 4 "
        "--against torch --settings eager",
    ]
    summary = capsys.readouterr().out
    for part in ("double of a GPU, 8.0 GB", "for CUDA 12.9", "PyTorch 9.8.7", np.__version__,
                 "$ pytest -q -m gpu tests", "all passed"):  # fmt: skip
        assert part in summary
    assert [summary.count(f"{name} line") for name in ("pytest", "tinyunet")] == [1, 2 + 3 * 50]
    assert "error" not in summary


def test_the_report_forgives_pytorch_its_hunger(double, monkeypatch):
    monkeypatch.setattr(gpu_report, "torch_on_gpu", lambda: "PyTorch 9.8.7")
    for forgiven in (True, False):
        word = "eager" if forgiven else "eager,benchmark"
        monkeypatch.setattr(gpu_report, "run", lambda part, word=word: ("", word not in part.words))
        summary, passed = gpu_report.report()
        assert passed == forgiven
        assert ("NOT ALL PASSED" in summary) != forgiven


def test_the_report_of_a_failure(double, fake, monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(gpu_report, "torch_on_gpu", lambda: "")
    (tmp_path / "tests").mkdir()  # of some other project
    monkeypatch.chdir(tmp_path)
    fake.failing = "gradcheck"
    assert command(monkeypatch, "gpu-report") == 1
    assert fake.ran == [  # it goes on after a failure; without PyTorch there is no race
        "tinyunet gradcheck --paper --device gpu",
        "tinyunet bench steps --device gpu",
        "tinyunet bench steps --device gpu --net paper --mode train --batch 4",
    ]
    summary = capsys.readouterr().out
    for part in ("FAILED with exit code 1", "NOT ALL PASSED", "tests     not run",
                 "no PyTorch that sees a GPU", "tinyunet line 12\n", "error: no memory"):  # fmt: skip
        assert part in summary
