"""What `tinyunet gradcheck` checks: every layer, every algorithm, every loss, and whole networks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

import numpy as np

from tinyunet import layers as nn
from tinyunet.engine.arrays import Array, MaybeArray, to_device
from tinyunet.gradcheck.checker import check_gradients
from tinyunet.gradcheck.report import GradientReport, Row
from tinyunet.layers.layer import Layer
from tinyunet.losses import (
    BCEDiceLoss,
    BCEWithLogitsLoss,
    DeepSupervision,
    DiceLoss,
    Loss,
    SoftmaxCrossEntropy,
)

SomeLayer = TypeVar("SomeLayer", bound=Layer)
SAME = 1e-11  # what the values of two algorithms may differ by, of the largest; in float64


class PoolAndBack(Layer):
    """A max-pooling and its unpooling, which has no meaning without it."""

    def __init__(self, kernel_size: int | tuple[int, int] = (2, 3), **options: Any) -> None:
        super().__init__()
        self.pool = nn.MaxPool2d(kernel_size, **options)
        self.unpool = nn.MaxUnpool2d(self.pool)

    def forward(self, x: Array) -> Array:
        """Keep the largest pixel of each window and zero the others."""
        return self.unpool(self.pool(x))

    def backward(self, dy: Array, *, input_gradient: bool = True) -> MaybeArray:
        """Return dy at the largest pixels."""
        return self.pool.backward(self.unpool.backward(dy), input_gradient=input_gradient)


def scaled(norm: nn.BatchNorm2d) -> nn.BatchNorm2d:
    """Give a new normalisation other scales and statistics than ones and zeros, which hide mistakes."""
    rng = np.random.default_rng(4)
    for array in (norm.params["weight"], norm.buffers["running_var"]):
        array[...] = rng.uniform(0.5, 2, array.shape)
    norm.buffers["running_mean"][...] = rng.standard_normal(norm.num_features)
    return norm


def cases() -> dict[str, tuple[Callable, list[tuple]]]:
    """Return each case's name, what makes its layer, and its inputs' shapes.

    Sides, strides and kernels differ in height and width, so that swapped axes show.
    """
    image = (2, 7, 6, 3)
    return {
        "Conv2d 3x3": (lambda: nn.Conv2d(3, 4), [image]),
        "Conv2d 3x3 same, ReLU": (
            lambda: nn.Conv2d(3, 4, padding="same", activation="relu"),
            [image],
        ),
        "Conv2d 1x1": (lambda: nn.Conv2d(3, 4, 1), [image]),
        "Conv2d 3x2, stride 2x1, dilated": (
            lambda: nn.Conv2d(3, 4, (3, 2), stride=(2, 1), padding=(2, 1), dilation=(1, 2)),
            [image],
        ),
        "Conv2d by loops": (lambda: nn.Conv2d(3, 4, padding=1, algorithm="naive"), [image]),
        "ConvTranspose2d 2x2, stride 2": (lambda: nn.ConvTranspose2d(3, 4), [(2, 3, 4, 3)]),
        "ConvTranspose2d 4x3, stride 2x1": (
            lambda: nn.ConvTranspose2d(3, 4, (4, 3), stride=(2, 1), padding=1),
            [(2, 3, 4, 3)],
        ),
        "MaxPool2d": (nn.MaxPool2d, [(2, 6, 4, 3)]),
        "MaxUnpool2d": (PoolAndBack, [(2, 4, 6, 3)]),
        "MaxPool2d 3x3, stride 2, padding": (
            lambda: nn.MaxPool2d(3, stride=2, padding=1),
            [image],
        ),
        "MaxUnpool2d of partial windows": (lambda: PoolAndBack(2, ceil_mode=True), [image]),
        "AdaptiveAvgPool2d": (lambda: nn.AdaptiveAvgPool2d((3, 4)), [image]),
        "Upsample": (lambda: nn.Upsample((9, 11)), [(2, 4, 5, 2)]),
        "Upsample, corners aligned": (
            lambda: nn.Upsample((9, 11), align_corners=True),
            [(2, 4, 5, 2)],
        ),
        "BilinearConvTranspose2d": (
            lambda: nn.BilinearConvTranspose2d(2, (4, 3), padding=1),
            [(2, 3, 4, 2)],
        ),
        "BatchNorm2d": (lambda: scaled(nn.BatchNorm2d(3)), [image]),
        "BatchNorm2d, running statistics": (
            lambda: scaled(nn.BatchNorm2d(3, statistics="running")),
            [image],
        ),
        "ReLU": (nn.ReLU, [image]),
        "Sigmoid": (nn.Sigmoid, [image]),
        "Scale": (lambda: nn.Scale(0.3), [image]),
        "Dropout": (lambda: nn.Dropout(0.4), [image]),
        "Dropout2d": (lambda: nn.Dropout2d(0.4), [image]),
        "Concat": (nn.Concat, [(2, 3, 4, 2), (2, 3, 4, 3)]),
        "Add": (nn.Add, [image, image]),
        "Sequential": (
            lambda: nn.Sequential(nn.Conv2d(3, 4), nn.ReLU(), nn.Conv2d(4, 2)),
            [(2, 7, 6, 3)],
        ),
    }


def algorithms() -> dict[str, tuple[Callable, tuple[int, ...]]]:
    """Return each way in which a convolution is computed: its name, its layer, and an input's shape.

    Training takes Winograd for wide layers and large images, which none of `cases` is. Its tiles are
    small or large, its images are cut into blocks or its channels shared out, so there is one of each.
    """

    def winograd(*channels: int, **options: Any) -> Callable:
        return lambda: nn.Conv2d(*channels, algorithm="winograd", **options)

    return {
        "Conv2d by im2col, ReLU": (
            lambda: nn.Conv2d(3, 4, padding=1, activation="relu", algorithm="im2col"),
            (2, 7, 6, 3),
        ),
        "Winograd, small tiles, ReLU": (
            winograd(9, 10, padding=1, activation="relu"),
            (2, 13, 22, 9),
        ),
        "Winograd, wide padding": (winograd(3, 2, padding=(2, 0)), (3, 6, 9, 3)),
        "Winograd, large tiles": (winograd(8, 12, activation="relu"), (1, 71, 85, 8)),
        "Winograd, many channels": (
            winograd(160, 208, padding=1, activation="relu"),
            (2, 9, 14, 160),
        ),
        "Conv2d as training computes it": (
            lambda: nn.Conv2d(8, 9, padding="same", activation="relu"),
            (2, 50, 52, 8),
        ),
    }


def check_algorithm(
    make: Callable[[], nn.Conv2d],
    shape: tuple[int, ...],
    samples: int,
    rng: np.random.Generator,
    device: str,
) -> GradientReport:
    """Check one algorithm's gradients, and its values beside those of the plainest that is fast enough.

    A wrong forward with a backward that belongs to it has right gradients: of another function.
    """
    layer = with_biases(make(), rng).to(device)
    image = to_device(rng.standard_normal(shape), device)
    report = check_gradients(layer, image, samples=samples, rng=rng)
    layer.astype("float64")
    y = layer(image)
    layer.algorithm = "naive" if image.size * layer.params["weight"].size < 10**6 else "im2col"
    plain = layer(image)
    row = Row(f"y beside {layer.algorithm}", tuple(y.shape), checked=1)
    row.error = float(abs(y - plain).max() / abs(plain).max())
    if not row.error <= SAME:
        row.verdict, row.hint = "FAILED", "the two algorithms compute different values"
    report.rows.append(row)
    return report


def check_all(
    networks: Mapping[str, tuple[Callable[[], Layer], tuple[int, ...]]],
    samples: int = 20,
    seed: int = 0,
    device: str = "cpu",
) -> Iterator[tuple[str, GradientReport]]:
    """Yield (name, GradientReport) for every layer, small network, algorithm and loss.

    Parameters
    ----------
    networks
        As `small_networks` returns them: what makes each, and an input's shape.
    samples
        How many coordinates of each tensor are checked.
    seed
        Draws biases, inputs, upstream gradients and coordinates.
    device
        ``"cpu"`` or ``"gpu"``.
    """
    rng = np.random.default_rng(seed)
    whole = {name: (make, [shape]) for name, (make, shape) in networks.items()}
    for name, (make, shapes) in {**cases(), **whole}.items():
        layer = with_biases(make(), rng).to(device)
        inputs = [to_device(rng.standard_normal(shape), device) for shape in shapes]
        yield name, check_gradients(layer, *inputs, samples=samples, rng=rng)

    for name, (make, shape) in algorithms().items():
        yield name, check_algorithm(make, shape, samples, rng, device)

    image = to_device(rng.standard_normal((2, 7, 6, 3)), device)
    for crop in (nn.CenterCrop(), nn.CropAt((1, 2))):
        report = check_gradients(crop, image, (4, 3), samples=samples, rng=rng)
        yield type(crop).__name__, report

    logits, labels, weights = (
        to_device(array, device)
        for array in (
            3 * rng.standard_normal((2, 5, 4, 3)),
            rng.integers(0, 3, (2, 5, 4)),
            rng.uniform(0.5, 2, (2, 5, 4)),
        )
    )
    one, *heads = (logits[..., k : k + 1] for k in range(3))
    losses: list[tuple[str, Loss, Any]] = [
        ("Cross-entropy, weighted", SoftmaxCrossEntropy(), logits),
        ("Cross-entropy, a label ignored", SoftmaxCrossEntropy(ignore_label=1), logits),
        ("Dice, weighted", DiceLoss(), logits),
        ("BCE, a label ignored", BCEWithLogitsLoss(ignore_label=2), one),
        ("BCE and Dice", BCEDiceLoss(ignore_label=2), one),
        ("BCE and Dice, two heads", DeepSupervision(BCEDiceLoss(ignore_label=2), [1, 0.5]), heads),
    ]
    for name, loss, given in losses:
        yield name, check_gradients(loss, given, labels, weights, samples=samples, rng=rng)


def check_network(
    network: Layer, shape: tuple[int, ...], samples: int = 20, seed: int = 0, device: str = "cpu"
) -> GradientReport:
    """Check a whole network, with random biases and one random input of a shape."""
    rng = np.random.default_rng(seed)
    model = with_biases(network, rng).to(device)
    image = to_device(rng.standard_normal(shape), device)
    return check_gradients(model, image, samples=samples, rng=rng, progress=True)


def with_biases(layer: SomeLayer, rng: np.random.Generator) -> SomeLayer:
    """Give a new layer random biases: zeros would hide mistakes."""
    for name, array in layer.named_parameters():
        if name.endswith("bias"):
            array[...] = 0.1 * rng.standard_normal(array.shape)
    return layer
