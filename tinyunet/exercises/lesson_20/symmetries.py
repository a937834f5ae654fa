"""Lesson 20: predictions averaged over symmetries."""

from __future__ import annotations

import numpy as np

from tinyunet.exercises.registry import exercise
from tinyunet.exercises.trial import Trial


@exercise(
    lesson=20,
    hints=(
        "There are eight versions: turned by 0, 1, 2 and 3 right angles, each as it is and mirrored. "
        "What the network says about a turned image is turned, too.",
        "np.rot90(image, k) turns by k right angles, [:, ::-1] mirrors. The last thing that was done "
        "has to be undone first.",
        "If you turn and then mirror, then mirror the prediction and np.rot90(..., -k) it. Add up "
        "all eight, and divide by 8.",
    ),
)
def average_symmetries(trial: Trial) -> None:
    """Averaging a prediction over the eight symmetries of the square."""
    rng = trial.rng(3)
    for shape, dtype in (((3, 3), float), ((4, 4), float), ((3, 5), float), ((4, 6), np.float32)):
        image = rng.random(shape).astype(dtype)
        got = trial.call(predict=leaning, image=image)
        trial.require_array(got, "the mean")
        trial.compare(
            got, {"the mean": _average(leaning, image)},
            axes={"the mean": ("height", "width")}, mistakes=AVERAGE_MISTAKES,
        )  # fmt: skip


def leaning(image: np.ndarray) -> np.ndarray:
    """Stand in for a network: a pixel depends on those to its left, and on one a knight's move off."""
    y = np.cumsum(image, axis=1)
    y[1:, 2:] += image[:-1, :-2] ** 2
    return y


def _average(predict, image, turns=range(4), mirrors=(False, True), back=None):
    """The right way, and with something changed, a wrong one."""

    def right(p, k, mirror):
        return np.rot90(p[:, ::-1] if mirror else p, -k)

    parts = []
    for k in turns:
        for mirror in mirrors:
            turned = np.rot90(image, k)
            p = predict(turned[:, ::-1] if mirror else turned)
            parts.append((back or right)(p, k, mirror))
    return sum(parts) / np.asarray(len(parts), image.dtype)


AVERAGE_MISTAKES = {
    "nothing was averaged": lambda predict, x: predict(x),
    "the predictions were not turned back": lambda *a: _average(*a, back=lambda p, k, m: p),
    "turned on instead of back: np.rot90(..., -k) turns back": (
        lambda *a: _average(*a, back=lambda p, k, m: np.rot90(p[:, ::-1] if m else p, k))
    ),
    "turned back but not mirrored back": (
        lambda *a: _average(*a, back=lambda p, k, m: np.rot90(p, -k))
    ),
    "mirrored back but not turned back": (
        lambda *a: _average(*a, back=lambda p, k, m: p[:, ::-1] if m else p)
    ),
    "undone in the wrong order: what was done last has to be undone first": (
        lambda *a: _average(
            *a, back=lambda p, k, m: np.rot90(p, -k)[:, ::-1] if m else np.rot90(p, -k)
        )
    ),
    "four versions only, without the mirrored ones": lambda *a: _average(*a, mirrors=(False,)),
    "four versions only, without the quarter turns": lambda *a: _average(*a, turns=(0, 2)),
    "two versions only, without the turns": lambda *a: _average(*a, turns=(0,)),
    "the turns end too early: they are 0, 1, 2 and 3": lambda *a: _average(*a, turns=range(3)),
    "the turns begin at 1: the image as it is belongs to the eight": (
        lambda *a: _average(*a, turns=range(1, 4))
    ),
    "the sum of the eight, divided by 4": lambda *a: 2 * _average(*a),
    "the sum of the eight, where the mean is wanted": lambda *a: 8 * _average(*a),
}
