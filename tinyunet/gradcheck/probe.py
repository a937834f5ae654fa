"""Measure slopes by finite differences, and judge gradients by them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tinyunet.arrays import Array, array_module, to_cpu
from tinyunet.gradcheck.diagnosis import diagnose
from tinyunet.gradcheck.report import GradientReport, Row

# (step in eps, coefficient) pairs: sum of coefficient * f(step * eps) / eps is about f'.
TWO_POINTS = ((1, 1 / 2), (-1, -1 / 2))  # exact for f linear, error eps^2
FIVE_POINTS = ((1, 2 / 3), (-1, -2 / 3), (2, -1 / 12), (-2, 1 / 12))  # error eps^4

ROUNDING = 10 * np.finfo(np.float64).eps  # of an output that took many operations
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
    flips
        How many decisions would have come out differently since it was called last.
    """

    run: Callable[[], Array]
    dy: Array
    eps: float
    stencil: tuple = TWO_POINTS
    flips: Callable[[], int] = field(default=lambda: 0)

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
    """Compare sampled coordinates of one tensor, and explain a failure."""
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
    if row.verdict == "FAILED":
        row.hint = explain(name, tensors, gradients, probe)
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


def explain(name: str, tensors: dict, gradients: dict, probe: Probe) -> str:
    """Measure a failing tensor whole, if it is small enough, and ask which mistake it looks like."""
    array, analytic = tensors[name], to_cpu(gradients[name])
    if array.size > DIAGNOSED:
        return "" if analytic.any() else "it is zero everywhere: backward never computes it"
    numeric = probe.whole(array)
    per_image, dy = None, None
    if np.ndim(probe.dy) > 0:
        dy = to_cpu(probe.dy)
        if not name.startswith("x"):
            images = range(len(probe.dy))
            per_image = [probe.whole(array, only(probe.dy, i)) for i in images]
    others = {
        other: probe.whole(values)
        for other, values in tensors.items()
        if other != name and values.shape == array.shape and values.size <= DIAGNOSED
    }
    return diagnose(name, analytic, numeric, per_image, others, dy)


def only(dy: Array, i: int) -> Array:
    """The upstream gradient of image i alone."""
    alone = dy * 0
    alone[i] = dy[i]
    return alone


# ---------------------------------------------------------------------- inputs


def is_variable(value: Any) -> bool:
    """Whether an input is differentiated: an array of floats."""
    return hasattr(value, "dtype") and value.dtype.kind == "f"


def double(value: Any) -> Any:
    """A float64 copy of a float array; anything else as it is."""
    return value.astype("float64") if is_variable(value) else value


def arrays(inputs: list) -> dict[str, Array]:
    """The inputs that are arrays, by a name for messages."""
    return {f"input {i}": value for i, value in enumerate(inputs) if hasattr(value, "dtype")}


def variables(inputs: list) -> dict[str, Array]:
    """The inputs that are differentiated, called x, or x0, x1, ... where there are several."""
    found = [value for value in inputs if is_variable(value)]
    return {"x": found[0]} if len(found) == 1 else {f"x{i}": x for i, x in enumerate(found)}


def match_inputs(names: list[str], returned: Any, report: GradientReport) -> dict[str, Array]:
    """Give the gradients that backward returned the names of the inputs they belong to."""
    returned = returned if isinstance(returned, tuple | list) else (returned,)
    if len(returned) > len(names):
        report.notes.append(f"backward returned {len(returned)} gradients for {len(names)} inputs")
    return dict(zip(names, returned, strict=False))


def changed_arguments(before: dict[str, Array], after: dict[str, Array]) -> list[Row]:
    """Return a failed row for each argument that the layer wrote into."""
    return [
        Row(
            name,
            tuple(old.shape),
            verdict="FAILED",
            hint="the layer wrote into it, but others still need it: write into a copy",
        )
        for name, old in before.items()
        if not bool((old == after[name]).all())
    ]
