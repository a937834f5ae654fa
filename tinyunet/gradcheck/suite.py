"""What `tinyunet gradcheck` checks: every layer, every algorithm, every loss, and whole networks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

import numpy as np

from tinyunet import layers as nn
from tinyunet.engine.arrays import to_device
from tinyunet.gradcheck.cases import PoolAndBack, algorithms, cases, scaled
from tinyunet.gradcheck.checker import check_gradients
from tinyunet.gradcheck.report import GradientReport, Row
from tinyunet.layers.layer import Layer
from tinyunet.losses import (
    BCEDiceLoss,
    BCEWithLogitsLoss,
    DeepSupervision,
    DiceLoss,
    GANLoss,
    L1Loss,
    LeastSquaresGANLoss,
    Loss,
    SoftmaxCrossEntropy,
    SoftmaxGANLoss,
)

__all__ = ["PoolAndBack", "check_algorithm", "check_all", "check_network", "scaled", "with_biases"]

SomeLayer = TypeVar("SomeLayer", bound=Layer)
SAME = 1e-11  # what the values of two algorithms may differ by, of the largest; in float64


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
    yield from check_losses(samples, rng, device)


def check_losses(
    samples: int, rng: np.random.Generator, device: str
) -> Iterator[tuple[str, GradientReport]]:
    """Yield (name, GradientReport) for every loss."""
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
    target = to_device(rng.standard_normal(logits.shape), device)
    yield "L1", check_gradients(L1Loss(), logits, target, samples=samples, rng=rng)
    for judging, given in (
        (GANLoss(), one),
        (LeastSquaresGANLoss(), one),
        (SoftmaxGANLoss(), logits[..., :2]),
    ):
        for real in (True, False):
            name = f"{type(judging).__name__}, {'real' if real else 'painted'}"
            yield name, check_gradients(judging, given, real, samples=samples, rng=rng)


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
