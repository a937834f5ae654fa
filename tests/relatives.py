"""Small relatives of the U-Net for tests, with weights that hide nothing."""

import numpy as np

import tinyunet as tu

nets = tu.networks
SMALL = {"widths": (3, 4, 5), "convolutions": (2, 1, 1)}
ONE = {**SMALL, "convolutions": (1, 2, 1)}  # its head is the only convolution of level 0 upwards
SAME = {**SMALL, "padding": "same", "head": ((6, 3),), "batch_norm": True}
PADDED = {**SMALL, "padding": 40, "head": ((6, 3), (5, 1))}

NETWORKS = {
    "FCN, stride 8": lambda **o: nets.FCN(2, 3, stride=8, **PADDED, **o),
    "FCN, stride 4": lambda **o: nets.FCN(2, 3, stride=4, **PADDED, **o),
    "FCN, stride 2": lambda **o: nets.FCN(2, 3, stride=2, at_once=True, **PADDED, **o),
    "FCN, same, stride 8": lambda **o: nets.FCN(2, 3, stride=8, **SAME, **o),
    "FCN, same, stride 4": lambda **o: nets.FCN(2, 3, stride=4, **SAME, **o),
    "FCN, same, stride 2": lambda **o: nets.FCN(2, 3, stride=2, **SAME, **o),
    "SegNet": lambda **o: nets.SegNet(2, 3, **SMALL, **o),
    "SegNet, not normalised": lambda **o: nets.SegNet(2, 3, batch_norm=False, **ONE, **o),
    "SegNet, bilinear": lambda **o: nets.SegNet(2, 3, unpool="bilinear", **SMALL, **o),
    "SegNet-Basic": lambda **o: nets.SegNetBasic(2, 3, widths=(3, 4), kernel_size=5, **o),
}
TINY = {"widths": (4, 5), "convolutions": (1, 2), "head": ((6, 3), (5, 1))}
VGG = {"VGG16": lambda **o: nets.VGG16(2, 3, **TINY, **o)}


def stirred(model, seed=1):
    """The network with random numbers where a new one has zeros and ones."""
    rng = np.random.default_rng(seed)
    for name, array in model.named_state():
        part = name.rpartition(".")[2]
        if part in ("bias", "running_mean") or name.startswith("skips"):
            array[...] = 0.3 * rng.standard_normal(array.shape)
        elif part == "running_var" or (part == "weight" and array.ndim == 1):
            array[...] = rng.uniform(0.5, 2, array.shape)
    return model


def by_running_statistics(model):
    """The network with normalisations that use their running statistics in training, too."""
    for _, layer in model.named_layers():
        if isinstance(layer, tu.BatchNorm2d):
            layer.statistics = "running"
    return model


def biases_without_effect(model):
    """The biases in front of a normalisation by the batch's own mean, which takes them off again."""
    return {
        f"{name}.convs.{i}.bias"
        for name, block in model.named_layers()
        if isinstance(block, tu.networks.ConvBlock)
        for i, norm in enumerate(block.norms)
        if norm.statistics == "batch"
    }
