"""Small networks that paint, and those that judge them, with weights that hide nothing."""

import numpy as np
from relatives import stirred

import tinyunet as tu

nets = tu.networks
SMALL = {"widths": (3, 4, 5)}

PAINTERS = {
    "pix2pix": lambda **o: nets.Pix2PixGenerator(2, 3, **SMALL, **o),
    "pix2pix, port": lambda **o: nets.Pix2PixGenerator(2, 3, port=True, widths=(3, 4, 4, 5), **o),
    "pix2pix, no dropout": lambda **o: nets.Pix2PixGenerator(1, 2, dropout=0.0, **SMALL, **o),
    "PaintsChainer": lambda **o: nets.PaintsChainer(4, 3, **SMALL, **o),
    "PaintsChainer, one level": lambda **o: nets.PaintsChainer(2, 1, widths=(3, 4), **o),
}
JUDGES = {
    "PatchGAN": lambda **o: nets.PatchGAN(3, base_channels=3, layers=2, **o),
    "PatchGAN, port": lambda **o: nets.PatchGAN(5, base_channels=2, layers=1, port=True, **o),
    "PatchGAN of pixels": lambda **o: nets.PatchGAN(4, base_channels=3, layers=0, **o),
    "PaintsChainer's": lambda **o: nets.PaintsChainerDiscriminator(2, size=16, **SMALL, **o),
}


def made(name, **options):
    """The network in float64, no weight of which is 0 or 1, large enough to matter.

    The authors draw weights from N(0, 0.02): so small that round-off would be the larger part of the
    gradients of a few levels down.
    """
    model = stirred({**PAINTERS, **JUDGES}[name](dtype="float64", **options))
    rng = np.random.default_rng(9)
    for _, array in model.named_parameters():
        if array.ndim == 4:
            array[...] = rng.normal(0, np.sqrt(2 / array[..., 0].size), array.shape)
    return model


def without_effect(model):
    """The biases in front of a normalisation by the batch's own mean, which takes them off again."""
    found = set()
    for name, layer in model.named_layers():
        if isinstance(layer, tu.Sequential):
            for i, (part, after) in enumerate(zip(layer.layers, layer.layers[1:], strict=False)):
                norm = isinstance(after, tu.BatchNorm2d) and after.statistics == "batch"
                found |= {f"{name}.{i}.bias"} if norm and "bias" in part.params else set()
    return found
