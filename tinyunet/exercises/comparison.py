"""Compare a student's array with the right one: where it is wrong, how large, what it looks like."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from tinyunet.exercises.result import Finding
from tinyunet.gradcheck.diagnosis import diagnose


def compare(
    name: str,
    got: Any,
    right: np.ndarray,
    axes: Sequence[str] = (),
    *,
    tolerance: float = 1e-6,
    mistakes: dict[str, Any] | None = None,
    others: dict[str, np.ndarray] | None = None,
    per_image: Sequence[np.ndarray] = (),
    dy: np.ndarray | None = None,
) -> Finding:
    """Compare one output.

    Parameters
    ----------
    name
        What the output is called.
    got, right
        The student's, and as it should be.
    axes
        What its axes mean.
    tolerance
        The largest difference allowed, as a share of the largest right value.
    mistakes
        What usual mistakes give here, by a description of each.
    others
        The right values of the other outputs, to see whether two were exchanged.
    per_image
        For a gradient, what each image alone contributes.
    dy
        For a gradient, the upstream gradient.
    """
    right = np.asarray(right)
    if got is None:
        several = "each output needs its array, of zeros where nothing arrives"
        return Finding(name, False, "is None", several if others else "a missing return")
    try:
        values = np.asarray(got)
        if values.dtype.kind not in "biuf":
            raise TypeError
    except (TypeError, ValueError):
        text = f"should be {_kind(right)}, yours is of type {type(got).__name__}"
        return Finding(name, False, text)
    known = next((what for what, wrong in (mistakes or {}).items() if same(values, wrong)), "")
    if values.shape != right.shape:
        text = f"has shape {values.shape}, should have {right.shape}"
        cause = known or exchanged(values, others) or explain_shape(values, right, axes)
        return Finding(name, False, text, cause)
    if not np.isfinite(values).all():
        first = tuple(int(i) for i in np.argwhere(~np.isfinite(values))[0])
        return Finding(name, False, f"is not finite{place(first, axes)}: {values[first]}", known)
    if same(values, right, tolerance):
        if right.dtype.kind == "f" and values.dtype != right.dtype and right.ndim:
            if not isinstance(got, np.ndarray):
                text = f"has the right values but is of type {type(got).__name__}"
                return Finding(name, False, text, f"an array is wanted, of dtype {right.dtype}")
            text = f"has the right values but dtype {values.dtype}, should have {right.dtype}"
            new = "a new array without a dtype is float64: give it the dtype of the argument"
            return Finding(name, False, text, new if values.dtype == np.float64 else "")
        return Finding(name, True, "right")
    cause = known or explain(values, right, axes, others, per_image, dy)
    return Finding(name, False, describe(values, right, axes, tolerance), cause)


def same(a: Any, b: Any, tolerance: float = 1e-6) -> bool:
    """Whether two arrays have the same shape and, up to rounding, the same values."""
    a, b = np.asarray(a), np.asarray(b)
    if a.shape != b.shape:
        return False
    if not a.size:
        return True
    a, b = a.astype(float), b.astype(float)
    size = np.abs(b[np.isfinite(b)]).max(initial=0)
    close = np.abs(a - b) <= tolerance * size
    return bool((close | (a == b) | (np.isnan(a) & np.isnan(b))).all())


def worst(got: Any, right: np.ndarray) -> float:
    """The largest difference, as a share of the largest right value."""
    right = np.asarray(right, float)
    largest = np.abs(right).max(initial=0)
    return float(np.abs(np.asarray(got) - right).max(initial=0) / (largest or 1))


# ---------------------------------------------------------------------- in words


def describe(got: np.ndarray, right: np.ndarray, axes: Sequence[str], tolerance: float) -> str:
    """Say how many entries are wrong, where the first is, and how large the difference."""
    if not right.ndim:
        return f"yours is {_number(got)}, should be {_number(right)}"
    difference = np.abs(got.astype(float) - right)
    wrong = difference > tolerance * np.abs(right).max(initial=0)
    first = tuple(int(i) for i in np.argwhere(wrong)[0])
    return (
        f"wrong in {wrong.sum()} of {wrong.size} entries{_pattern(wrong, axes)}; first"
        f"{place(first, axes)}: yours is {_number(got[first])}, should be {_number(right[first])}; "
        f"largest difference {difference.max():.2g}"
    )


def place(index: tuple[int, ...], axes: Sequence[str]) -> str:
    """An index in words: `` at [0, 2] (height 0, width 2)``."""
    if not index:
        return ""
    words = ""
    if len(axes) == len(index):
        words = f" ({', '.join(f'{a} {i}' for a, i in zip(axes, index, strict=True))})"
    return f" at {list(index)}{words}"


def _pattern(wrong: np.ndarray, axes: Sequence[str]) -> str:
    """Say whether all that is wrong, or all that is right, lies at one place along an axis."""
    for a in range(wrong.ndim):
        side = wrong.shape[a]
        hit = wrong.any(axis=tuple(i for i in range(wrong.ndim) if i != a))
        for few, words in ((hit, "only"), (~hit, "everywhere but")):
            if side > 1 and few.sum() == 1:
                at = int(few.argmax())
                named = len(axes) == wrong.ndim
                where = f"{axes[a]} {at}" if named else f"index {at} of axis {a}"
                which = {0: ", the first", side - 1: ", the last"}.get(at, "")
                return f", {words} at {where}{which}"
    return ""


def _number(value: Any) -> str:
    value = np.asarray(value)
    return str(value) if value.dtype.kind in "biu" else f"{float(value):.6g}"


def _kind(right: np.ndarray) -> str:
    return f"an array of shape {right.shape}" if right.ndim else "a number"


# ---------------------------------------------------------------------- what it looks like


def explain(
    got: np.ndarray,
    right: np.ndarray,
    axes: Sequence[str],
    others: dict[str, np.ndarray] | None = None,
    per_image: Sequence[np.ndarray] = (),
    dy: np.ndarray | None = None,
) -> str:
    """Say which mistake gives such values, or return "" where none fits."""
    if right.size == 1:  # any number is a multiple of another: that says nothing
        return exchanged(got, others) or _of_a_number(got.item(), right)
    if not got.any():
        return "it is zero everywhere: nothing was ever added or written to it"
    if found := exchanged(got, others):
        return found
    gap = got.astype(float) - right
    if gap.size > 1 and np.ptp(gap) <= 1e-6 * np.abs(right).max():
        return f"every entry is off by the same number, {gap.flat[0]:.4g}"
    names = axes if len(axes) == right.ndim else [f"axis {i}" for i in range(right.ndim)]
    found = diagnose(names, got.astype(float), right.astype(float), list(per_image), None, dy)
    if "entries are wrong" in found:
        return ""
    return found if len(per_image) else found.replace("the gradient", "the right values")


def _of_a_number(got: float, right: np.ndarray) -> str:
    """Say what a number has to do with the right one, or return ""."""
    wanted = right.item()
    if right.dtype.kind in "iu" and abs(got - wanted) == 1:
        return f"one too {'many' if got > wanted else 'few'}"
    for what, other in (
        ("the sign: a minus too many or too few", -wanted),
        ("twice what it should be", 2 * wanted),
        ("half of what it should be", wanted / 2),
        ("the square of what it should be", wanted**2),
        ("upside down: 1 divided by what it should be", 1 / wanted if wanted else math.inf),
        ("1 minus what it should be", 1 - wanted),
    ):
        if abs(other - wanted) > 1e-3 * abs(wanted) and math.isclose(got, other, rel_tol=1e-6):
            return what
    return ""


def exchanged(got: np.ndarray, others: dict[str, np.ndarray] | None) -> str:
    """Say which other output it is, or return ""."""
    for other, values in (others or {}).items():
        if same(got, values):
            return f"it is {other}: the two were exchanged"
    return ""


def explain_shape(got: np.ndarray, right: np.ndarray, axes: Sequence[str]) -> str:
    """Say what gives such a shape, or return ""."""
    names = axes if len(axes) == right.ndim else [f"axis {i}" for i in range(right.ndim)]
    if got.ndim == right.ndim:
        for order in itertools.permutations(range(right.ndim)):
            if same(got, right.transpose(order)):
                return f"the right values with the axes in another order: {order}"
        off = {n: g - r for n, g, r in zip(names, got.shape, right.shape, strict=True) if g != r}
        if len(set(off.values())) == 1 and abs(count := next(iter(off.values()))) == 1:
            return f"{' and '.join(off)}: one too {'many' if count > 0 else 'few'}"
        return ""
    if got.size == right.size and same(got.reshape(right.shape), right):
        return "the right values in another shape: a reshape is missing, or keepdims too many"
    if got.ndim < right.ndim:
        for axis, name in enumerate(names):
            if got.shape == right.shape[:axis] + right.shape[axis + 1 :]:
                return f"the axis of the {name} is missing: summed, or only one taken?"
    elif got.ndim > right.ndim and got.shape[got.ndim - right.ndim :] == right.shape:
        return "a sum is missing: the first axes should be gone"
    return ""
