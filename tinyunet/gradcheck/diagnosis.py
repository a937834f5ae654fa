"""What a wrong gradient looks like: compare it with the gradients that the usual mistakes give."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np

IMAGE = ("batch", "height", "width", "channels")
WEIGHT = ("height", "width", "input channels", "output channels")
TRANSPOSED_WEIGHT = ("input channels", "height", "width", "output channels")


def diagnose(
    axes: Sequence[str],
    analytic: np.ndarray,
    numeric: np.ndarray,
    per_image: list[np.ndarray] | None = None,
    others: dict[str, np.ndarray] | None = None,
    dy: np.ndarray | None = None,
) -> str:
    """Say which mistake explains a failure, or return "" where none fits.

    Parameters
    ----------
    axes
        What the tensor's axes mean.
    analytic, numeric
        Its gradient by backward and by finite differences, complete, of the same shape.
    per_image
        The numeric gradient with only one image's upstream gradient switched on, for each image.
    others
        Numeric gradients of the other inputs, to see whether two were exchanged.
    dy
        The upstream gradient.
    """
    if not analytic.any():
        return "it is zero everywhere: a branch was dropped, or backward never computes it"
    if not numeric.any():
        return (
            "the output does not change when it moves a little: it does not depend on it, or something "
            "inside is rounded or compared"
        )
    scale = (analytic * numeric).sum() / (numeric * numeric).sum()
    if _same(analytic, scale * numeric):
        if np.isclose(scale, 1):
            return _explain_nearly_right(analytic, numeric)
        return _explain_scale(scale, len(per_image or ()))
    for other, gradient in (others or {}).items():
        if _same(analytic, gradient):
            return f"it is the gradient of {other}: the two were exchanged"
    for i, alone in enumerate(per_image or ()):
        if _same(analytic, alone):
            return f"missing sum over the batch: it is the gradient of image {i} alone"
    rearranged = _explain_rearranged(axes, analytic, numeric)
    if rearranged:
        return rearranged
    if dy is not None and dy.shape == numeric.shape and _same(numeric - analytic, dy):
        return "overwritten fork: the upstream gradient of the direct branch should be added"
    wrong = ~np.isclose(analytic, numeric, rtol=1e-5, atol=1e-7 * np.abs(numeric).max())
    if not analytic[wrong].any():
        return f"it is right except for {wrong.sum()} of {wrong.size} entries that are zero"
    return f"{wrong.sum()} of {wrong.size} entries are wrong"


def explain_order(rows: list) -> list[str]:
    """Say where a failure begins in a network, from which tensors fail.

    Backward goes through a network from its last layer to its first. If only the first tensors are
    wrong, the mistake sits where their gradients come in.
    """
    verdicts = [row.verdict for row in rows]
    if "FAILED" not in verdicts or len(rows) < 4:
        return []
    last = len(verdicts) - 1 - verdicts[::-1].index("FAILED")
    wrong = set(verdicts[: last + 1]) - {"untested"}
    if wrong != {"FAILED"} or last == len(rows) - 1:
        return []
    return [
        f"everything after {rows[last].name} is right and everything up to it is wrong: look at the "
        "gradient that arrives there. Where the forward pass forks, an overwritten fork is likely: "
        "the gradients of both branches must be added"
    ]


def _explain_nearly_right(analytic: np.ndarray, numeric: np.ndarray) -> str:
    if (analytic.astype(np.float32) == analytic).all():
        return "right to about 5 digits only: is something computed in float32?"
    largest = np.abs(numeric).max()
    off = np.abs(analytic - numeric) > 1e-6 * np.maximum(np.abs(numeric), 1e-6 * largest)
    return (
        f"{max(off.sum(), 1)} of {off.size} entries are wrong, by little beside the largest gradient: "
        "is a small term missing or wrong, such as an epsilon?"
    )


def _explain_scale(scale: float, images: int) -> str:
    if np.isclose(scale, -1):
        return "wrong sign"
    if images > 1 and np.isclose(scale, 1 / images):
        return f"wrong scale: divided by the batch size {images}, a mean instead of a sum"
    if images > 1 and np.isclose(scale, images):
        twice = ", or counted twice: accumulated instead of set?" if images == 2 else ""
        return f"wrong scale: multiplied by the batch size {images}{twice}"
    if np.isclose(scale, 2):
        return "wrong scale: twice the gradient; is it accumulated instead of set, or added twice?"
    return f"wrong scale: {scale:.4g} times the gradient"


def _explain_rearranged(axes: Sequence[str], analytic: np.ndarray, numeric: np.ndarray) -> str:
    """Try swapped axes, turned axes, and shifts by one along an axis."""
    dims, shape = numeric.ndim, numeric.shape
    for a, b in itertools.combinations(range(dims), 2):
        if shape[a] == shape[b] and shape[a] > 1 and _same(analytic, numeric.swapaxes(a, b)):
            return f"swapped {axes[a]} and {axes[b]}"
    for count in range(1, dims + 1):
        for turned in itertools.combinations(range(dims), count):
            if _same(analytic, np.flip(numeric, turned)):
                return f"reversed along {' and '.join(axes[i] for i in turned)}"
    for a in range(dims):
        half = shape[a] // 2
        if shape[a] % 2 == 0 and _same(analytic, np.roll(numeric, half, a)):
            return f"the two halves of the {axes[a]} are exchanged"
        for step in (1, -1):
            inner = slice(1, -1)
            moved = np.roll(numeric, step, a)
            window = tuple(inner if i == a else slice(None) for i in range(dims))
            if shape[a] > 3 and _same(analytic[window], moved[window]):
                return f"shifted by {step:+d} along the {axes[a]}: an off-by-one"
    return ""


def _same(a: np.ndarray, b: np.ndarray) -> bool:
    size = np.abs(b).max(initial=0)
    return size > 0 and np.abs(a - b).max() <= 1e-5 * size
