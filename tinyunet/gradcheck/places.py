"""Where to look: an upstream gradient, coordinates and directions that nobody else draws."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from tinyunet.engine.arrays import Array, device_name, to_cpu, to_device

# A user's `default_rng(0)` and ours would draw the same numbers: the upstream gradient would be x
# itself, and y = 3 x with a backward that returns 3 x would look right. So ours have their own key.
KEY = 0x7419_0E7A_5EED
BITS = 10  # of a direction's numbers: so few that x + t * v is exact, see measure.py


def own_generator(rng: np.random.Generator | int | None = None) -> np.random.Generator:
    """A generator that gives other numbers than any that its user draws.

    Parameters
    ----------
    rng
        Decides which, together with the key: a generator or a seed; None gives the same each time.
    """
    if rng is None:
        return np.random.default_rng([KEY])
    if not isinstance(rng, np.random.Generator):
        try:
            rng = np.random.default_rng(rng)
        except (TypeError, ValueError) as error:
            raise TypeError(f"rng must be a numpy Generator or a seed, got {rng!r}") from error
    return np.random.default_rng([KEY, *(int(i) for i in rng.integers(2**63, size=4))])


def upstream(y: Any, rng: np.random.Generator) -> Any:
    """A random upstream gradient for an output y, in float64, on its device."""
    if np.ndim(y) == 0:
        return np.float64(rng.standard_normal())
    return to_device(rng.standard_normal(y.shape), device_name(y))


def coordinates(gradient: np.ndarray, samples: int, rng: np.random.Generator) -> Iterator[tuple]:
    """The largest gradient's index and random others; all of them if there are few."""
    if gradient.size <= samples:
        return iter(list(np.ndindex(gradient.shape)))
    largest = int(np.abs(gradient).argmax())
    others = rng.choice(gradient.size, samples, replace=False)
    chosen = {largest, *(int(i) for i in others[others != largest][: samples - 1])}
    return (np.unravel_index(i, gradient.shape) for i in sorted(chosen))


def direction(array: Array, rng: np.random.Generator, narrow: bool = False) -> Array:
    """Numbers of random sign and of about the array's own scale, with few bits.

    With `narrow` none is larger than the value that it moves, for a pole may be as near.
    """
    size = np.full(array.shape, scale_of(array))
    if narrow:
        own = np.abs(to_cpu(array))
        size = np.where((own > 0) & (own < size), own, size)
    bits = rng.integers(2 ** (BITS - 1), 2**BITS, array.shape) / 2**BITS
    numbers = bits * rng.choice([-1.0, 1.0], array.shape) * 2.0 ** np.round(np.log2(size))
    return to_device(np.asarray(numbers), device_name(array))


def scale_of(array: Array) -> float:
    """How far an array's values are apart, which says over what distance a function may change.

    Their standard deviation: an offset does not count. Where all are equal their size, or 0.1 if they
    are 0, as fresh biases are.
    """
    values = to_cpu(array).astype(np.float64)
    if not values.size:
        return 0.1
    with np.errstate(over="ignore", invalid="ignore"):
        spread, size = float(values.std()), float(np.abs(values).max())
    if not np.isfinite(size):
        return 0.1
    clear = np.isfinite(spread) and spread > 2.0**-30 * size
    return spread if clear else size or 0.1
