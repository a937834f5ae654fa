"""What the tests of exported networks share."""

from __future__ import annotations

import itertools

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
        self.parts = [Channels(int(a), int(b)) for a, b in itertools.pairwise(ends)]
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


def random_network(rng):
    """A random network: its kind, itself, sizes that it takes, and whether it is for one alone."""
    n = tu.networks

    def some(*values):
        return values[rng.integers(len(values))]

    ins, classes, base = int(rng.integers(1, 5)), int(rng.integers(1, 6)), int(rng.integers(2, 13))
    seed = int(rng.integers(1000))
    head, norm = [(6, 3), (5, 1)], some(True, False)
    made = {
        "UNet": lambda: n.UNet(
            ins, classes, base_channels=base, depth=some(1, 2, 3), padding=some("same", "valid"),
            skip=some("concat", "sum", "none"), dropout=some(0.0, 0.3), seed=seed,
        ),
        "FCN": lambda: n.FCN(
            ins, classes, stride=some(8, 16, 32), base_channels=base, head=head, batch_norm=norm,
            padding=some(30, 50, "same"), at_once=some(True, False), seed=seed,
        ),
        "VGG16": lambda: n.VGG16(
            ins, classes, base_channels=base, head=[(6, 2), (5, 1)], batch_norm=norm, seed=seed
        ),
        "SegNet": lambda: n.SegNet(
            ins, classes, widths=[base, 5, 6], convolutions=[1, 2, 2], batch_norm=norm,
            unpool=some("indices", "indices", "bilinear"), seed=seed,
        ),
        "SegNetBasic": lambda: n.SegNetBasic(ins, classes, base_channels=base, seed=seed),
        "UNetPlusPlus": lambda: n.UNetPlusPlus(
            ins, classes, channels=[base, 4, 6, 8][: some(2, 3, 4)], batch_norm=norm, seed=seed
        ),
        "SmallPSPNet": lambda: n.SmallPSPNet(
            ins, classes, channels=[base, 6, 8], dilations=(1, 2), bins=some((1,), (1, 2, 3)),
            seed=seed,
        ),
        "Pix2Pix": lambda: n.Pix2PixGenerator(
            ins, classes, widths=[base, 5, 6], drops=some(0, 2), seed=seed
        ),
        "PatchGAN": lambda: n.PatchGAN(ins, base_channels=base, layers=some(0, 1, 2), seed=seed),
        "PaintsChainer": lambda: n.PaintsChainer(ins, classes, widths=[base, 5, 6], seed=seed),
    }  # fmt: skip
    name = some(*made)
    model = made[name]()
    rows, columns = model.sizes
    most = max(2, 64 // rows.step)
    steps = [tuple(int(v) for v in rng.integers(0, most, 2)) for _ in range(3)]
    sizes = [(rows.first + a * rows.step, columns.first + b * columns.step) for a, b in steps]
    fixed = name == "Pix2Pix" or len(model.config.get("bins", ())) > 1
    return name, model, sizes[:1] if fixed else sizes, fixed
