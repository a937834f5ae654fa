"""Lesson 16: where a map's pixels lie in the image."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tinyunet.exercises.registry import exercise
from tinyunet.exercises.trial import Trial
from tinyunet.networks.alignment import IMAGE, offset

Layers = list[tuple[str, int, int, int]]

POOL = ("down", 2, 2, 0)
FCN_32S: Layers = [
    ("down", 3, 1, 100), ("down", 3, 1, 1), POOL, *[("down", 3, 1, 1)] * 2, POOL,
    *([*[("down", 3, 1, 1)] * 3, POOL] * 3), ("down", 7, 1, 0), ("up", 64, 32, 0),
]  # fmt: skip


@exercise(
    lesson=16,
    hints=(
        "Keep two numbers while you go through the layers: the pitch a, from pixel to pixel, and the "
        "place b of pixel 0. In the image itself, they are 1 and 0. What does each layer do to them?",
        'A layer "down": first b += a * ((kernel - 1) / 2 - padding), then a *= stride. A layer "up": '
        "the same backwards, so first a /= stride, then b -= a * ((kernel - 1) / 2 - padding). Where "
        "is the pixel whose place is 0?",
        "a, b = 1, 0; for kind, kernel, stride, padding in layers: the two lines of hint 2. Pixel i "
        "lies at a * i + b, so place 0 is pixel -b / a: return round(-b / a), for it is an index.",
    ),
)
def crop_offset(trial: Trial) -> None:
    """At which pixel of the last map the image begins."""
    drawn = [
        [("down", 3, 1, padding), *[POOL] * n, ("up", 2 * 2**n, 2**n, 0)]
        for padding, n in trial.drawn((0, 50), (1, 5))
    ]
    for layers in (
        [("down", 4, 2, 9), ("down", 5, 1, 2), ("down", 4, 2, 0), ("up", 8, 4, 0)],
        [("down", 3, 1, 1)],
        [("down", 3, 1, 3)],
        [POOL, ("up", 2, 2, 0)],
        [POOL, ("up", 4, 2, 0)],
        [POOL, ("up", 4, 2, 1)],
        [POOL, POOL, ("up", 8, 4, 0)],
        [POOL, POOL, ("up", 4, 2, 0), ("up", 4, 2, 0)],
        [POOL, ("down", 7, 1, 0), ("up", 4, 2, 0)],
        [("down", 3, 1, 10), POOL, ("down", 3, 1, 1), POOL, ("up", 8, 4, 0)],
        FCN_32S,
        *drawn,
    ):
        got = trial.call(layers=list(layers))
        right = _offset(layers)
        mistakes = {what: _as_whole_as(got, wrong) for what, wrong in OFFSET_MISTAKES.items()}
        trial.compare(got, {"the offset": right}, mistakes=mistakes)
    trial.require(
        not isinstance(got, float | np.floating), "the offset", f"is {got!r}, should be {right}",
        "right, but it is used as an index: round(...) makes a whole number of it",
    )  # fmt: skip


def _as_whole_as(got, wrong: Callable) -> Callable:
    """A mistake, rounded as the answer is."""
    whole = not isinstance(got, float | np.floating)
    return (lambda layers: round(wrong(layers))) if whole else wrong


def _offset(layers: Layers) -> int:
    grid = IMAGE
    for kind, kernel, stride, padding in layers:
        move = grid.windows if kind == "down" else grid.spread
        grid = move(kernel, stride, padding)
    return offset(IMAGE, grid)


def _walk(
    layers: Layers, half: Callable = lambda k: (k - 1) / 2, padded: float = 1, late: bool = True,
    early: bool = True, up: float = 1, pitch: bool = True,
) -> tuple[float, float]:  # fmt: skip
    """The last pitch and place, with something changed."""
    a, b = 1.0, 0.0
    for kind, kernel, stride, padding in layers:
        shift, before = half(kernel) - padded * padding, a
        if kind == "down":
            a *= stride
            b += (before if late else a) * shift if pitch else shift
        else:
            a /= stride
            b -= up * ((a if early else before) * shift if pitch else shift)
    return a, b


def _pixel(**changes) -> Callable[[Layers], float]:
    def wrong(layers: Layers) -> float:
        a, b = _walk(layers, **changes)
        return -b / a

    return wrong


OFFSET_MISTAKES = {
    "it is the place of pixel 0, not the pixel at place 0: -b / a": lambda layers: _walk(layers)[1],
    "going down, b is moved with the pitch that the layer READS: change a only afterwards": (
        _pixel(late=False)
    ),
    "going up, b is moved with the pitch that the layer MAKES: divide a first": _pixel(early=False),
    "a step in a map is not a step in the image: multiply it by the pitch a": _pixel(pitch=False),
    "padding moves the first window to the other side: (kernel - 1) / 2 - padding": (
        _pixel(padded=-1)
    ),
    "the padding is left out": _pixel(padded=0),
    "the middle of a window of k pixels is (k - 1) / 2 from its first, not k / 2": (
        _pixel(half=lambda k: k / 2)
    ),
    "the middle of a window of k pixels is (k - 1) / 2 from its first, a fraction where k is even": (
        _pixel(half=lambda k: (k - 1) // 2)
    ),
    "the sign: the image begins at pixel -b / a": lambda layers: -_pixel()(layers),
    "going up was taken for going down: the pitch is divided, and b moves back": (
        lambda layers: _pixel()([("down", *layer[1:]) for layer in layers])
    ),
    "the paddings alone were added up: kernels and strides move the map as well": (
        lambda layers: sum(layer[3] for layer in layers)
    ),
    "going up moves b to the other side: b -= ...": _pixel(up=-1),
    "going up is left out of b": _pixel(up=0),
}
