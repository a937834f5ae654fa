"""The layer that CONTRIBUTING.md adds passes what every layer has to."""

import inspect
import re
from pathlib import Path

import cupy_double
import numpy as np
import pytest
import test_layers
import test_onnx_layers
from layer_cases import Case

import tinyunet as tu
from tinyunet.layers import activation

TEXT = (Path(__file__).parents[1] / "CONTRIBUTING.md").read_text(encoding="utf-8")
LAYER, CHECK, ROW = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
CHECKS = [
    function
    for name, function in vars(test_layers).items()
    if name.startswith("test_") and test_layers.every_layer.mark in function.pytestmark
]


@pytest.fixture
def scope(monkeypatch):
    """What the text defines, with the layer in its file and under its public name."""
    names = dict(vars(activation))  # the file that it is added to
    exec(LAYER, names)
    for module in (activation, tu):
        monkeypatch.setattr(module, "Softplus", names["Softplus"], raising=False)
    return names


def passes(check, case, xp):
    """Run one check of `test_layers` on a case, with an array module."""
    given = {
        "case": case, "xp": xp, "device": "cpu" if xp is np else "gpu",
        "dtype": "float64", "tolerance": 1e-12,
    }  # fmt: skip
    check(**{name: given[name] for name in inspect.signature(check).parameters})


def test_its_own_check_passes(scope, capsys):
    own = {}  # a script of its own: nothing is there but what it imports
    exec(CHECK, own)
    assert own["report"].passed
    assert "Gradients of Softplus()" in capsys.readouterr().out


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_every_check_of_layers_passes(scope, check):
    assert len(CHECKS) > 10
    case = eval(ROW, {"Case": Case, "tu": tu})
    passes(check, case, np)
    if "xp" in inspect.signature(check).parameters:
        with cupy_double.installed() as double:
            passes(check, case, double)


def test_its_nodes_compute_the_same(scope, tmp_path):
    pytest.importorskip("onnxruntime")
    case = eval(ROW, {"Case": Case, "tu": tu})
    test_onnx_layers.test_a_file_computes_what_the_layer_computes(case, tmp_path)


def test_a_mistake_in_it_is_found(scope, monkeypatch):
    def backward(self, dy, *, input_gradient=True):
        (y,) = self._take(dy)
        return dy * np.exp(-y) if input_gradient else None  # 1 - is missing

    monkeypatch.setattr(tu.Softplus, "backward", backward)
    with pytest.raises(AssertionError, match="144 of 144 entries are wrong"):
        passes(test_layers.test_gradients, eval(ROW, {"Case": Case, "tu": tu}), np)
    own = {}
    exec(CHECK, own)
    assert not own["report"].passed


def test_its_links_and_files_are_there():
    root = Path(__file__).parents[1]
    files = re.findall(r"`((?:tinyunet|tests|lessons|\.ci|\.github)/[\w./]+)`", TEXT)
    assert len(files) > 8
    for file in files:
        assert (root / file.replace("NN_name", "01_convolution")).exists(), file
