"""Random right layers and losses of tinyunet, of every kind and option, at every scale."""

from __future__ import annotations

import numpy as np

import tinyunet as tu
from tinyunet.gradcheck.suite import PoolAndBack, with_biases

SCALES = (1e-6, 1e-3, 1.0, 1e3, 1e6)


def pair(rng, low, high):
    """Two random whole numbers."""
    return tuple(int(v) for v in rng.integers(low, high + 1, 2))


def numbers(rng, shape, scale=None, ties=None, offset=None):
    """An image of random scale, sometimes with exact zeros, with ties, or around another number."""
    scale = rng.choice(SCALES) if scale is None else scale
    x = rng.standard_normal(shape)
    ties = rng.choice(["", "", "zeros", "ties"]) if ties is None else ties
    if ties == "zeros":
        x *= rng.random(shape) < 0.7
    if ties == "ties":
        x = np.round(2 * x) / 2
    offset = rng.choice([0, 0, 0, 1, 100]) if offset is None else offset
    return scale * (x + offset)


def image(rng, channels, smallest=(1, 1), multiple=(1, 1), **options):
    """A small batch of images whose sides are at least so large and divisible."""
    sides = [(s + int(rng.integers(0, 3))) * m for s, m in zip(smallest, multiple, strict=True)]
    return numbers(rng, (int(rng.integers(1, 3)), *sides, channels), **options)


def conv(rng):
    channels = pair(rng, 1, 3)
    options = {"bias": bool(rng.integers(2)), "activation": rng.choice([None, "relu"]), "rng": rng}
    algorithm = str(rng.choice(["naive", "im2col", "winograd", "auto"]))
    if algorithm == "winograd":
        layer = tu.Conv2d(*channels, 3, padding=pair(rng, 0, 2), algorithm=algorithm, **options)
    elif rng.random() < 0.2:
        layer = tu.Conv2d(
            *channels, pair(rng, 1, 3), padding=str(rng.choice(["same", "valid"])),
            dilation=pair(rng, 1, 2), algorithm=algorithm, **options,
        )  # fmt: skip
    else:
        layer = tu.Conv2d(
            *channels, pair(rng, 1, 3), stride=pair(rng, 1, 3), padding=pair(rng, 0, 2),
            dilation=pair(rng, 1, 2), algorithm=algorithm, **options,
        )  # fmt: skip
    g = layer.geometry  # so large that a window sees more than padding
    smallest = [s + sum(pad) for s, pad in zip(g.span, g.padding, strict=True)]
    return layer, [image(rng, channels[0], smallest)]


def up(rng):
    channels, kernel = pair(rng, 1, 3), pair(rng, 1, 4)
    padding = tuple(int(rng.integers(0, (k + 1) // 2)) for k in kernel)
    layer = tu.ConvTranspose2d(
        *channels,
        kernel,
        stride=pair(rng, 1, 3),
        padding=padding,
        bias=bool(rng.integers(2)),
        rng=rng,
    )
    return layer, [image(rng, channels[0])]


def pool(rng):
    layer = tu.MaxPool2d(pair(rng, 1, 3))
    return layer, [image(rng, 2, multiple=layer.kernel_size)]


def unpool(rng):
    return PoolAndBack(), [image(rng, 2, multiple=(2, 3))]


def relu(rng):
    return tu.ReLU(), [image(rng, 3)]


def dropout(rng):
    return tu.Dropout(rng.choice([0, 0.2, 0.5, 0.8]), rng), [image(rng, 4, (2, 2))]


def crop(rng):
    x = image(rng, 2)
    return tu.CenterCrop(), [x, tuple(int(rng.integers(1, side + 1)) for side in x.shape[1:3])]


def join(rng):
    x = image(rng, 2)
    others = [numbers(rng, x.shape) for _ in range(rng.integers(1, 3))]
    return (tu.Concat, tu.Add)[rng.integers(2)](), [x, *others]


def chain(rng):
    layer = tu.Sequential(
        tu.Conv2d(2, 3, padding="same", activation="relu", rng=rng), tu.MaxPool2d((2, 1)),
        tu.Dropout(0.3, rng), tu.ConvTranspose2d(3, 2, (2, 3), stride=(2, 1), rng=rng),
        tu.ReLU(), tu.Conv2d(2, 2, 1, rng=rng),
    )  # fmt: skip
    return layer, [image(rng, 2, multiple=(2, 1))]


def unet(rng):
    layer = tu.UNet(
        int(rng.integers(1, 3)), 2, base_channels=2, depth=1, padding="same",
        skip=str(rng.choice(["concat", "sum", "none"])), dropout=float(rng.choice([0, 0.3])),
        seed=int(rng.integers(100)),
    )  # fmt: skip
    x = numbers(rng, (2, *(2 * side for side in pair(rng, 2, 3)), layer.config["in_channels"]))
    return layer, [x]


def deeper_unet(rng):
    if rng.integers(2):
        return tu.UNet(1, 2, base_channels=2, depth=1, seed=int(rng.integers(9))), [
            numbers(rng, (1, 18, 20, 1))
        ]
    layer = tu.UNet(1, 3, base_channels=2, depth=2, padding="same", seed=int(rng.integers(9)))
    return layer, [numbers(rng, (1, 8, 4, 1))]


LAYERS = (conv, conv, up, pool, unpool, relu, dropout, crop, join, chain)
LINEAR = (conv, up, dropout, crop, join)


def with_scales(layer, rng, size=1.0, orders=3):
    """Random biases of the inputs' size, and parameters of other sizes than training begins with."""
    with_biases(layer, rng)
    factor = 10.0 ** rng.integers(-orders, orders + 1) if rng.random() < 0.3 else 1.0
    for name, array in layer.named_parameters():
        array *= factor * (size if name.endswith("bias") else 1)
    return layer


def random_layer(rng, kinds=LAYERS, orders=3):
    """A layer of some kind and its inputs."""
    layer, inputs = kinds[rng.integers(len(kinds))](rng)
    size = float(np.abs(inputs[0]).mean()) or 1.0
    return with_scales(layer, rng, size, orders), inputs


def random_linear(rng):
    """A layer that is linear up to a bias, for `check_adjoint`."""
    while True:
        layer, inputs = random_layer(rng, LINEAR)
        if getattr(layer, "activation", None) is None:
            return layer, inputs


def random_loss(rng):
    """A loss with logits of any scale and offset, labels, and perhaps weights."""
    classes, shape = int(rng.integers(2, 6)), (int(rng.integers(1, 3)), *pair(rng, 1, 4))
    scale, offset = 10 ** rng.uniform(-2, np.log10(30)), rng.choice([0, 500, -500, 30_000])
    logits = offset + scale * rng.standard_normal((*shape, classes))
    labels = rng.integers(0, classes, shape)
    inputs = [logits, labels]
    if rng.integers(2):
        low, high = sorted(rng.uniform(-4, 4, 2))
        inputs.append(10.0 ** rng.uniform(low, high, shape))
    if rng.integers(2):  # a smooth far above all weights would make the loss 0 but for rounding
        smooth = 10 ** rng.uniform(-5, 2) * (np.mean(inputs[2]) if len(inputs) > 2 else 1)
        return tu.DiceLoss(smooth=float(smooth)), inputs
    if rng.integers(2):
        ignored = int(rng.choice([0, 255, -1]))
        labels[rng.random(shape) < 0.3] = ignored
        if (labels != ignored).any():
            return tu.SoftmaxCrossEntropy(ignore_label=ignored), inputs
        labels[...] = 1
    return tu.SoftmaxCrossEntropy(), inputs
