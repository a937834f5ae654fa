"""Measure slopes by finite differences, and judge gradients by them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np

from tinyunet.arrays import Array, array_module, device_name, to_cpu, to_device
from tinyunet.gradcheck.diagnosis import IMAGE, WEIGHT, diagnose
from tinyunet.gradcheck.report import Row

# (step in eps, coefficient) pairs: sum of coefficient * f(step * eps) / eps is about f'.
TWO_POINTS = ((1, 1 / 2), (-1, -1 / 2))  # exact for f linear, error eps^2
FIVE_POINTS = ((1, 2 / 3), (-1, -2 / 3), (2, -1 / 12), (-2, 1 / 12))  # error eps^4

ROUNDING = 10 * np.finfo(np.float64).eps  # of an output that took many operations
EXPLAINED = 3  # failing tensors at most, since that takes many forward passes
DIAGNOSED = 600  # a failing tensor of up to so many numbers is measured whole, to explain it


@dataclass
class Probe:
    """A scalar s = sum(dy * y) whose slopes can be measured.

    Attributes
    ----------
    run
        Computes y from the arrays' present contents.
    dy
        The upstream gradient.
    eps, stencil
        The step and where to measure.
    flips
        How many decisions would have come out differently since it was called last.
    inputs
        The names of the tensors that are inputs, not parameters.
    axes
        What the axes of a tensor mean, where that is unusual.
    """

    run: Callable[[], Array]
    dy: Array
    eps: float
    stencil: tuple = TWO_POINTS
    flips: Callable[[], int] = field(default=lambda: 0)
    inputs: tuple[str, ...] = ()
    axes: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def slope(self, move: Callable[[float], None], dy: Array | None = None) -> float:
        """ds/dt at t = 0, where move(t) sets the arrays for t; afterwards they are as before."""
        change = 0.0
        for step, coefficient in self.stencil:
            move(step * self.eps)
            change = change + coefficient * self.run()
        move(0.0)
        return float(((self.dy if dy is None else dy) * change).sum()) / self.eps

    def coordinate(self, array: Array, index: tuple, dy: Array | None = None) -> float:
        """ds/d(array[index])."""
        start = float(array[index])

        def move(t: float) -> None:
            array[index] = start + t

        return self.slope(move, dy)

    def whole(self, array: Array, dy: Array | None = None) -> np.ndarray:
        """The complete gradient with respect to a small array."""
        slopes = [self.coordinate(array, index, dy) for index in np.ndindex(array.shape)]
        return np.array(slopes).reshape(array.shape)

    def noise(self) -> float:
        """The error of a slope that rounding alone makes."""
        y = self.run()
        return ROUNDING * float(((y * self.dy) ** 2).sum()) ** 0.5 / self.eps


def check_tensor(
    name: str, tensors: dict, gradients: dict, probe: Probe, samples: int, rng, report
) -> Row:
    """Compare sampled coordinates of one tensor."""
    array, gradient = tensors[name], gradients.get(name)
    row = Row(name, tuple(array.shape))
    row.hint = problem(array, gradient)
    if row.hint:
        row.verdict = "FAILED"
        return row
    analytic = to_cpu(gradient)
    triples = []
    probe.flips()
    for index in coordinates(analytic, samples, rng):
        triples.append((index, float(analytic[index]), probe.coordinate(array, index)))
        row.flips += probe.flips() > 0
    judge(row, triples, float(np.abs(analytic).max()), probe.noise(), report.tolerance)
    return row


def judge(row: Row, pairs: list, largest: float, noise: float, tolerance: float) -> None:
    """Fill in a row's error and verdict from (index, analytic, numeric) triples."""
    row.checked = len(pairs)
    largest = max([largest] + [abs(numeric) for _, _, numeric in pairs])
    resolved = noise / tolerance  # a smaller gradient cannot be measured to the tolerance
    if not pairs or largest <= resolved:
        row.verdict = "untested"
        return
    floor = max(1e-3 * largest, resolved)
    for index, analytic, numeric in pairs:
        error = abs(analytic - numeric) / max(abs(analytic), abs(numeric), floor)
        if error >= row.error:
            row.error, row.where = error, tuple(int(i) for i in index)
    if not row.error <= tolerance:  # also a NaN
        row.verdict = "FAILED"


def check_direction(
    name: str, tensors: dict, gradients: dict, probe: Probe, rng, tolerance: float
) -> Row:
    """Move several tensors at once along a random direction: no coordinate is left out."""
    starts = {key: array.copy() for key, array in tensors.items()}
    directions = {
        key: to_device(rng.standard_normal(array.shape) * _size(array), device_name(array))
        for key, array in tensors.items()
    }

    def move(t: float) -> None:
        for key, array in tensors.items():
            array[...] = starts[key] + t * directions[key]

    products = [gradients[key] * direction for key, direction in directions.items()]
    analytic = sum(float(product.sum()) for product in products)
    spread = sum(float((product * product).sum()) for product in products) ** 0.5
    # Not linear along this line, but a polynomial of as many factors as there are layers.
    along = Probe(probe.run, probe.dy, 1e-4, FIVE_POINTS, probe.flips)
    probe.flips()
    numeric = along.slope(move)
    row = Row(name, (sum(array.size for array in tensors.values()),))
    row.flips = int(probe.flips() > 0)
    judge(row, [((), analytic, numeric)], spread, along.noise(), tolerance)
    if row.verdict == "FAILED":
        row.hint = (
            "some entries are wrong, though none of those checked one by one: try more samples"
        )
    return row


def _size(array: Array) -> float:
    """The root mean square of an array, or 0.1 where it is zero (a fresh bias)."""
    return float((array * array).mean()) ** 0.5 or 0.1


def coordinates(analytic: np.ndarray, samples: int, rng) -> Iterator[tuple]:
    """The largest gradient's index and random others; all of them if there are few."""
    if analytic.size <= samples:
        return iter(list(np.ndindex(analytic.shape)))
    largest = int(np.abs(analytic).argmax())
    others = rng.choice(analytic.size, samples, replace=False)
    chosen = {largest, *(int(i) for i in others[others != largest][: samples - 1])}
    return (np.unravel_index(i, analytic.shape) for i in sorted(chosen))


def problem(array: Array, gradient: Array | None) -> str:
    """Say why a gradient cannot even be compared, or return ""."""
    if gradient is None:
        return "backward gave no gradient for it"
    if gradient.shape != array.shape:
        return f"its gradient has shape {gradient.shape}: is a sum or a transposition missing?"
    if gradient.dtype != array.dtype:
        return f"its gradient came back in {gradient.dtype}: a dtype is fixed somewhere"
    if not bool(array_module(gradient).isfinite(gradient).all()):
        return "its gradient is not finite"
    return ""


def explain_failures(rows: list[Row], tensors: dict, gradients: dict, probe: Probe) -> None:
    """Add hints to the failures nearest the output, where backward goes wrong first."""
    failed = [row for row in rows if row.verdict == "FAILED" and not row.hint]
    for row in failed[-EXPLAINED:]:
        row.hint = explain(row.name, tensors, gradients, probe)


def explain(name: str, tensors: dict, gradients: dict, probe: Probe) -> str:
    """Measure a failing tensor whole, if it is small enough, and ask which mistake it looks like."""
    array, analytic = tensors[name], to_cpu(gradients[name])
    if array.size > DIAGNOSED:
        return "" if analytic.any() else "it is zero everywhere: backward never computes it"
    numeric = probe.whole(array)
    per_image, dy = None, None
    if np.ndim(probe.dy) > 0:
        dy = to_cpu(probe.dy)
        if name not in probe.inputs:
            images = range(len(probe.dy))
            per_image = [probe.whole(array, only(probe.dy, i)) for i in images]
    others = {
        other: probe.whole(values)
        for other, values in tensors.items()
        if other != name and values.shape == array.shape and values.size <= DIAGNOSED
    }
    if array.ndim == 4:
        axes = probe.axes.get(name, WEIGHT if name.endswith("weight") else IMAGE)
    else:
        axes = [f"axis {i}" for i in range(array.ndim)]
    return diagnose(axes, analytic, numeric, per_image, others, dy)


def only(dy: Array, i: int) -> Array:
    """The upstream gradient of image i alone."""
    alone = dy * 0
    alone[i] = dy[i]
    return alone
