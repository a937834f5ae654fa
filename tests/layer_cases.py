"""The one table of layers: every check of `test_layers.py` runs on every row.

Sides, kernels and strides differ in height and width wherever a layer allows it, so that swapped
axes show. Batches hold at least two images where sums over the batch matter.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

import tinyunet as tu
from tinyunet.gradcheck.suite import PoolAndBack, with_biases


@dataclass(frozen=True)
class Case:
    """A layer to make, and the shapes of the images that it takes.

    `options` are what else its forward takes, `linear` says whether it is linear up to a bias.
    """

    name: str
    make: Callable[[], tu.Layer]
    shapes: tuple[tuple[int, ...], ...]
    options: tuple = ()
    linear: bool = True

    def layer(self, dtype: str = "float64") -> tu.Layer:
        """A new layer with non-zero biases, always the same."""
        return with_biases(self.make(), np.random.default_rng(1)).astype(dtype)

    def inputs(self, dtype: str = "float64", seed: int = 2) -> list:
        """Random images, then the options."""
        rng = np.random.default_rng(seed)
        return [rng.standard_normal(shape).astype(dtype) for shape in self.shapes] + [*self.options]


# name: (in_channels, out_channels, kernel_size, options, input shape)
CONVOLUTIONS = {
    "1x1": (3, 4, 1, {}, (2, 5, 4, 3)),
    "1x1, stride (2, 3)": (3, 2, 1, {"stride": (2, 3)}, (2, 5, 7, 3)),
    "1x1, padding 1": (2, 3, 1, {"padding": 1}, (2, 3, 4, 2)),
    "3x3 valid": (3, 4, 3, {"padding": "valid"}, (2, 7, 6, 3)),
    "3x3 same": (3, 4, 3, {"padding": "same"}, (2, 5, 7, 3)),
    "3x3 same, fused ReLU": (3, 4, 3, {"padding": "same", "activation": "relu"}, (2, 5, 7, 3)),
    "3x3 valid, fused ReLU, no bias": (2, 3, 3, {"activation": "relu", "bias": False}, (2, 6, 5, 2)),
    "3x3, larger image": (2, 2, 3, {"padding": 1}, (1, 11, 13, 2)),
    "3x3, no bias": (2, 3, 3, {"bias": False}, (2, 6, 5, 2)),
    "3x3, one output pixel": (2, 3, 3, {}, (2, 3, 3, 2)),
    "3x3, one channel": (1, 1, 3, {}, (2, 4, 6, 1)),
    "3x3, padding (1, 2)": (2, 3, 3, {"padding": (1, 2)}, (2, 9, 7, 2)),
    "3x3, eight channels": (8, 9, 3, {"padding": 1, "activation": "relu"}, (2, 5, 6, 8)),
    "2x3 kernel": (2, 3, (2, 3), {}, (2, 5, 6, 2)),
    "3x1 kernel, same": (2, 3, (3, 1), {"padding": "same"}, (2, 5, 4, 2)),
    "1x27 kernel": (1, 2, (1, 27), {}, (1, 2, 30, 1)),
    "1x3 kernel on one row": (2, 3, (1, 3), {}, (2, 1, 9, 2)),
    "stride (2, 1)": (2, 3, 3, {"stride": (2, 1)}, (2, 7, 6, 2)),
    "stride 3, last rows unread": (2, 3, 3, {"stride": 3}, (2, 8, 10, 2)),
    "stride above the kernel": (2, 3, (2, 1), {"stride": (3, 2)}, (2, 8, 6, 2)),
    "dilation (1, 2)": (2, 3, 3, {"dilation": (1, 2)}, (2, 5, 8, 2)),
    "dilation 2, same": (2, 3, (2, 3), {"dilation": 2, "padding": "same"}, (2, 5, 6, 2)),
    "even kernel, same": (2, 3, (2, 4), {"padding": "same"}, (2, 5, 6, 2)),
    "padding above the kernel": (2, 3, 2, {"padding": (4, 3)}, (2, 3, 4, 2)),
    "windows wholly outside": (2, 3, 2, {"padding": (5, 3), "stride": 2}, (2, 2, 3, 2)),
    "4x4, stride 2, padding 1": (3, 4, 4, {"stride": 2, "padding": 1}, (2, 8, 6, 3)),
    "4x4, stride 2, odd sides, no bias": (
        2, 3, 4, {"stride": 2, "padding": 1, "bias": False}, (2, 7, 9, 2),
    ),
    "4x4, stride 1, padding 1": (2, 3, 4, {"padding": 1}, (2, 5, 7, 2)),
    "everything at once": (
        2, 3, (3, 2),
        {"stride": (2, 1), "padding": (2, 1), "dilation": (1, 2), "activation": "relu"},
        (2, 6, 7, 2),
    ),
}  # fmt: skip
ALGORITHMS = ("naive", "im2col", "winograd", "auto")


def _fits(algorithm: str, kernel: int | tuple, options: dict) -> bool:
    """Winograd does 3x3 kernels at stride 1 alone."""
    plain = kernel == 3 and not {"stride", "dilation"} & set(options)
    return plain or algorithm != "winograd"


def _convolutions() -> list[Case]:
    def case(algorithm: str, name: str) -> Case:
        channels_in, channels_out, kernel, options, shape = CONVOLUTIONS[name]
        return Case(
            f"Conv2d {algorithm}: {name}",
            lambda: tu.Conv2d(channels_in, channels_out, kernel, algorithm=algorithm, **options),
            (shape,),
            linear="activation" not in options,
        )

    return [
        case(algorithm, name)
        for name, (_, _, kernel, options, _) in CONVOLUTIONS.items()
        for algorithm in ALGORITHMS
        if _fits(algorithm, kernel, options)
    ]


def _conv_relu_pool_up() -> tu.Layer:
    return tu.Sequential(
        tu.Conv2d(2, 3, padding="same"), tu.ReLU(), tu.MaxPool2d(2), tu.ConvTranspose2d(3, 2)
    )


def _small_unet(**options) -> Callable[[], tu.Layer]:
    return lambda: tu.UNet(2, 3, base_channels=2, **options)


def _batch_norm(**options) -> Callable[[], tu.Layer]:
    """A normalisation that has been trained: ones and zeros would hide mistakes."""

    def make() -> tu.Layer:
        layer, rng = tu.BatchNorm2d(3, **options), np.random.default_rng(7)
        layer.params["weight"][...] = rng.uniform(0.5, 2, 3)
        layer.buffers["running_mean"][...] = rng.standard_normal(3)
        layer.buffers["running_var"][...] = rng.uniform(0.5, 2, 3)
        return layer

    return make


def _instance_norm() -> tu.Layer:
    layer = tu.InstanceNorm2d(3, eps=0.1, affine=True)
    layer.params["weight"][...] = np.random.default_rng(7).uniform(0.5, 2, 3)
    return layer


def _conv_norm_relu() -> tu.Layer:
    return tu.Sequential(tu.Conv2d(2, 3, bias=False), _batch_norm()(), tu.ReLU())


# name: (what makes it, input shape, options of its forward); all are linear
RESIZED = {
    "AdaptiveAvgPool2d, bins overlap": (lambda: tu.AdaptiveAvgPool2d((4, 3)), (2, 6, 5, 3), ()),
    "AdaptiveAvgPool2d, bins divide": (lambda: tu.AdaptiveAvgPool2d((3, 2)), (2, 6, 4, 3), ()),
    "AdaptiveAvgPool2d, one bin": (lambda: tu.AdaptiveAvgPool2d(1), (2, 3, 4, 2), ()),
    "AdaptiveAvgPool2d, more bins than pixels": (
        lambda: tu.AdaptiveAvgPool2d((5, 3)),
        (2, 3, 2, 2),
        (),
    ),
    "Upsample, corners": (lambda: tu.Upsample((7, 9), align_corners=True), (2, 3, 4, 3), ()),
    "Upsample, edges": (lambda: tu.Upsample((7, 9)), (2, 3, 4, 3), ()),
    "Upsample, factor (2, 3)": (lambda: tu.Upsample(scale_factor=(2, 3)), (2, 3, 4, 2), ()),
    "Upsample, factor 1.7": (lambda: tu.Upsample(scale_factor=1.7), (2, 5, 7, 2), ()),
    "Upsample, factor 1.7, corners": (
        lambda: tu.Upsample(scale_factor=1.7, align_corners=True),
        (2, 5, 7, 2),
        (),
    ),
    "Upsample to fewer pixels": (lambda: tu.Upsample((2, 5)), (2, 7, 6, 3), ()),
    "Upsample to a call's size": (lambda: tu.Upsample(align_corners=True), (2, 3, 4, 2), ((5, 1),)),
    "BilinearConvTranspose2d": (
        lambda: tu.BilinearConvTranspose2d(3, 4, padding=1),
        (2, 3, 4, 3),
        (),
    ),
    "BilinearConvTranspose2d rectangular": (
        lambda: tu.BilinearConvTranspose2d(2, (3, 6), stride=(2, 3)),
        (2, 3, 4, 2),
        (),
    ),
    "Scale": (lambda: tu.Scale(0.3), (2, 3, 4, 2), ()),
    "CropAt": (lambda: tu.CropAt((1, 2)), (2, 7, 6, 3), ((3, 4),)),
    "CropAt the far corner": (lambda: tu.CropAt((4, 2)), (2, 7, 6, 3), ((3, 4),)),
}

# name: (options, input shape)
POOLS = {
    "ceil": ({"ceil_mode": True}, (2, 5, 7, 3)),
    "ceil, rectangular": ({"kernel_size": (2, 3), "ceil_mode": True}, (2, 5, 7, 3)),
    "ceil, padding": ({"kernel_size": (2, 3), "padding": 1, "ceil_mode": True}, (2, 6, 7, 2)),
    "overlap": ({"kernel_size": 3, "stride": 2}, (2, 7, 5, 3)),
    "overlap, rows unread": ({"kernel_size": 3, "stride": 2}, (2, 8, 6, 2)),
    "overlap, padding": ({"kernel_size": 3, "stride": 2, "padding": 1}, (2, 7, 6, 3)),
    "overlap, ceil": ({"kernel_size": 3, "stride": 2, "ceil_mode": True}, (2, 8, 6, 3)),
    "overlap, padding, ceil": (
        {"kernel_size": (3, 4), "stride": (2, 3), "padding": (1, 2), "ceil_mode": True},
        (2, 6, 9, 2),
    ),
    "stride 1": ({"kernel_size": (2, 3), "stride": 1, "padding": 1}, (2, 4, 5, 2)),
    "gaps": ({"kernel_size": (2, 1), "stride": 3}, (2, 8, 7, 2)),
}

IMAGE = (2, 6, 4, 3)
CASES = [
    *_convolutions(),
    Case("ConvTranspose2d k=s=2", lambda: tu.ConvTranspose2d(3, 4), ((2, 3, 4, 3),)),
    Case("ConvTranspose2d no bias", lambda: tu.ConvTranspose2d(3, 2, bias=False), ((2, 3, 2, 3),)),
    Case("ConvTranspose2d k>s", lambda: tu.ConvTranspose2d(2, 3, 3), ((2, 3, 4, 2),)),
    Case("ConvTranspose2d k<s", lambda: tu.ConvTranspose2d(2, 3, 2, stride=3), ((2, 3, 4, 2),)),
    Case(
        "ConvTranspose2d padding",
        lambda: tu.ConvTranspose2d(2, 3, 4, stride=2, padding=1),
        ((2, 3, 4, 2),),
    ),
    Case(
        "ConvTranspose2d 4x4, stride 2, padding 1, no bias",
        lambda: tu.ConvTranspose2d(3, 2, 4, stride=2, padding=1, bias=False),
        ((2, 4, 3, 3),),
    ),
    Case(
        "ConvTranspose2d 4x4 of one pixel",
        lambda: tu.ConvTranspose2d(2, 3, 4, stride=2, padding=1),
        ((2, 1, 1, 2),),
    ),
    Case(
        "ConvTranspose2d rectangular",
        lambda: tu.ConvTranspose2d(2, 3, (4, 3), stride=(1, 2), padding=(2, 1)),
        ((2, 3, 4, 2),),
    ),
    Case("MaxPool2d, a large window", lambda: tu.MaxPool2d((7, 6)), ((1, 14, 6, 2),), linear=False),
    Case("MaxPool2d 2", lambda: tu.MaxPool2d(2), (IMAGE,), linear=False),
    Case("MaxPool2d (2, 3)", lambda: tu.MaxPool2d((2, 3)), ((2, 4, 6, 3),), linear=False),
    Case("MaxPool2d 1", lambda: tu.MaxPool2d(1), (IMAGE,)),
    *[
        Case(f"MaxPool2d {name}", lambda o=options: tu.MaxPool2d(**o), (shape,), linear=False)
        for name, (options, shape) in POOLS.items()
    ],
    Case("MaxUnpool2d after its pool", PoolAndBack, ((2, 4, 6, 3),), linear=False),
    *[
        Case(f"MaxUnpool2d {name}", lambda o=options: PoolAndBack(**o), (shape,), linear=False)
        for name, (options, shape) in POOLS.items()
        if name.startswith("ceil")
    ],
    Case("ReLU", tu.ReLU, (IMAGE,), linear=False),
    Case("Dropout", lambda: tu.Dropout(0.4), (IMAGE,)),
    Case("Dropout p=0", lambda: tu.Dropout(0), (IMAGE,)),
    Case("Dropout2d", lambda: tu.Dropout2d(0.4), (IMAGE,)),
    Case("Dropout2d p=0", lambda: tu.Dropout2d(0), (IMAGE,)),
    Case("Sigmoid", tu.Sigmoid, (IMAGE,), linear=False),
    Case("Tanh", tu.Tanh, (IMAGE,), linear=False),
    Case("LeakyReLU", tu.LeakyReLU, (IMAGE,), linear=False),
    Case("LeakyReLU, slope 0.2", lambda: tu.LeakyReLU(0.2), (IMAGE,), linear=False),
    Case("InstanceNorm2d", lambda: tu.InstanceNorm2d(3), (IMAGE,), linear=False),
    Case("InstanceNorm2d, affine", _instance_norm, (IMAGE,), linear=False),
    Case("BatchNorm2d", _batch_norm(), (IMAGE,), linear=False),
    Case("BatchNorm2d, two values", _batch_norm(eps=0.1), ((2, 1, 1, 3),), linear=False),
    Case("BatchNorm2d, running statistics", _batch_norm(statistics="running"), (IMAGE,)),
    *[Case(name, make, (shape,), options) for name, (make, shape, options) in RESIZED.items()],
    Case("CenterCrop even", tu.CenterCrop, ((2, 7, 6, 3),), ((3, 4),)),
    Case("CenterCrop odd", tu.CenterCrop, ((2, 7, 6, 3),), ((4, 3),)),
    Case("CenterCrop nothing", tu.CenterCrop, (IMAGE,), ((6, 4),)),
    Case("Concat of 2", tu.Concat, ((2, 3, 4, 2), (2, 3, 4, 3))),
    Case("Concat of 3", tu.Concat, ((2, 3, 4, 2), (2, 3, 4, 1), (2, 3, 4, 3))),
    Case("Add of 2", tu.Add, (IMAGE, IMAGE)),
    Case("Add of 3", tu.Add, (IMAGE, IMAGE, IMAGE)),
    Case("Sequential", lambda: tu.Sequential(tu.Conv2d(3, 2), tu.Conv2d(2, 3, 1)), ((2, 6, 5, 3),)),
    Case("Sequential with kinks", _conv_relu_pool_up, ((2, 4, 6, 2),), linear=False),
    Case("Sequential with a normalisation", _conv_norm_relu, ((2, 6, 5, 2),), linear=False),
    Case("U-Net valid", _small_unet(depth=1), ((2, 18, 20, 2),), linear=False),
    Case(
        "U-Net same, sums, dropout",
        _small_unet(depth=2, padding="same", skip="sum", dropout=0.3),
        ((2, 8, 4, 2),),
        linear=False,
    ),
    Case(
        "U-Net same, no skips",
        _small_unet(depth=1, padding="same", skip="none"),
        ((2, 4, 6, 2),),
        linear=False,
    ),
]
