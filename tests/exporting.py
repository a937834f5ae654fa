"""What the tests of exported networks share."""

from __future__ import annotations

import numpy as np

import tinyunet as tu
from tinyunet.networks import Sizes


class Channels(tu.Layer):
    """Some channels of an image: a user's layer that says its nodes."""

    def __init__(self, start, stop):
        super().__init__()
        self.start, self.stop = start, stop

    def forward(self, x):
        return x[..., self.start : self.stop]

    def write_nodes(self, graph, x):
        start, stop, axis = (graph.constant([n]) for n in (self.start, self.stop, 1))
        return graph.node("Slice", x, start, stop, axis)


class One(tu.Network, known=False):
    """A network of one layer, whose inputs are channels of the image."""

    def __init__(self, layer, channels, options=()):
        super().__init__()
        ends = np.cumsum([0, *channels])
        self.parts = [Channels(int(a), int(b)) for a, b in zip(ends, ends[1:], strict=False)]
        self.layer, self.options = layer, options
        self.in_channels = int(ends[-1])
        self.sizes = Sizes(1, 1, 0), Sizes(1, 1, 0)

    def forward(self, x):
        inputs = [part(x) for part in self.parts] if len(self.parts) > 1 else [x]
        return self.layer(*inputs, *self.options)

    def output_size(self, height, width):
        black = np.zeros((1, height, width, self.in_channels), self.layer.dtype)
        return self.predict(black).shape[1:3]

    @property
    def num_classes(self):
        return self.predict(np.ones((1, *self.tried, self.in_channels), self.layer.dtype)).shape[3]


def session(path):
    """The file in ONNX Runtime, on one thread."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def computed(path, x):
    """What ONNX Runtime makes of an image (N, H, W, C), or onnx itself where it is of float64."""
    if x.dtype == np.float32:
        return session(path).run(None, {"image": x})[0]
    from onnx.reference import ReferenceEvaluator

    return ReferenceEvaluator(str(path)).run(None, {"image": x})[0]


def difference(model, path, x):
    """How far a file is from its network, relative to the largest output."""
    y, other = model.predict(x), computed(path, x)
    assert other.shape == y.shape
    assert other.dtype == y.dtype
    return float(np.abs(other - y).max() / max(np.abs(y).max(), 1e-30))


def shaken(model, rng):
    """The network with biases and statistics that are not 0 and 1."""
    for name, array in model.named_state():
        if name.endswith(("bias", "running_mean")):
            array[...] = rng.normal(0, 0.3, array.shape)
        if name.endswith("running_var"):
            array[...] = rng.uniform(0.5, 2, array.shape)
    return model
