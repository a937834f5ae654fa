"""Every layer as ONNX nodes, one at a time: the file computes what the layer computes."""

import numpy as np
import pytest
from exporting import One, difference
from layer_cases import CASES

import tinyunet as tu
from tinyunet import layers
from tinyunet.exchange.tracing import says_nodes

pytest.importorskip("onnxruntime", reason="ONNX files: pip install .[test]")

ONE_EACH = [case for case in CASES if "Conv2d " not in case.name or "auto: " in case.name]
MADE_OF_OTHERS = {"Sequential"}


def network(case, dtype):
    model = One(case.layer(dtype), [shape[3] for shape in case.shapes], case.options)
    model.tried = case.shapes[0][1:3]
    return model, np.concatenate(case.inputs(dtype)[: len(case.shapes)], axis=3)


@pytest.mark.parametrize("case", ONE_EACH, ids=lambda case: case.name)
def test_a_file_computes_what_the_layer_computes(case, tmp_path):
    model, x = network(case, "float32")
    tu.export_onnx(model, tmp_path / "layer.onnx", size=x.shape[1:3])
    assert difference(model, tmp_path / "layer.onnx", x) < 2e-6


def test_every_layer_says_its_nodes_and_is_in_the_table():
    classes = {getattr(layers, name) for name in layers.__all__ if name[0].isupper()}
    in_table = {type(layer) for case in ONE_EACH for _, layer in case.layer().named_layers()}
    assert classes <= in_table
    for cls in classes:
        assert says_nodes(cls.__new__(cls)) != (cls.__name__ in MADE_OF_OTHERS), cls
