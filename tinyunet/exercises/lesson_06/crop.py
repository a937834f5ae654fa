"""Lesson 6: the crop and its gradient."""

from __future__ import annotations

import numpy as np

import tinyunet as tu
from tinyunet.exercises.registry import exercise
from tinyunet.exercises.trial import Trial
from tinyunet.gradcheck.diagnosis import IMAGE


@exercise(
    lesson=6,
    hints=(
        "Of a height H, h rows stay and H - h go: half of them above. What is the first row that "
        "stays?",
        "top = (H - h) // 2, and left in the same way from the widths. If the rest is odd, // leaves "
        "the odd pixel to the bottom and the right.",
        "x[:, top : top + h, left : left + w]. Not x[:, top:-top]: with top = 0 that is empty.",
    ),
)
def center_crop(trial: Trial) -> None:
    """The middle of an image."""
    trial.crashes = {"the numbers are divided by /: // gives whole numbers": _with_fractions}
    rng = trial.rng(1)
    for shape, h, w in (
        ((1, 7, 7, 1), 3, 3), ((2, 8, 9, 2), 4, 3), ((1, 6, 5, 3), 3, 4), ((1, 4, 6, 2), 4, 2),
    ):  # fmt: skip
        x = rng.standard_normal(shape)
        trial.compare(
            trial.call(x=x, h=h, w=w), {"y": _crop(x, h, w)}, axes={"y": IMAGE},
            mistakes=CROP_MISTAKES,
        )  # fmt: skip


def _crop(x, h, w):
    return tu.CenterCrop().forward(x, (h, w))


def _crop_from(top, left):
    """A crop whose first row and column are functions of how many go altogether."""

    def crop(x, h, w):
        i, j = top(x.shape[1] - h), left(x.shape[2] - w)
        return x[:, i : i + h, j : j + w]

    return crop


def _with_minus(x, h, w):
    i, j = (x.shape[1] - h) // 2, (x.shape[2] - w) // 2
    return x[:, i : x.shape[1] - i, j : x.shape[2] - j]


def _with_fractions(x, h, w):
    top, left = (x.shape[1] - h) / 2, (x.shape[2] - w) / 2
    return x[:, top : top + h, left : left + w]


CROP_MISTAKES = {
    "x[:, p:-p] is empty where p is 0: write x[:, top : top + h]": (
        lambda x, h, w: x[:, (p := (x.shape[1] - h) // 2) : -p, (q := (x.shape[2] - w) // 2) : -q]
    ),
    "the same number is cut on both sides, which is one too few where the rest is odd: end at "
    "top + h and left + w": _with_minus,
    "the top left corner was taken, not the middle": _crop_from(lambda r: 0, lambda r: 0),
    "the bottom right corner was taken, not the middle": _crop_from(lambda r: r, lambda r: r),
    "rounded up: the odd pixel goes at the bottom and the right, // rounds down": (
        _crop_from(lambda r: -(-r // 2), lambda r: -(-r // 2))
    ),
    "left was taken from the heights: it comes from the widths": (
        lambda x, h, w: x[:, (top := (x.shape[1] - h) // 2) : top + h, top : top + w]
    ),
    "the slice ends at h: it ends at top + h": (
        lambda x, h, w: x[:, (x.shape[1] - h) // 2 : h, (x.shape[2] - w) // 2 : w]
    ),
    "one pixel too far down and right: the first row that stays is number top": (
        _crop_from(lambda r: r // 2 + 1, lambda r: r // 2 + 1)
    ),
    "axes 0 and 1 were cropped: height and width are axes 1 and 2": (
        lambda x, h, w: x[
            (top := (x.shape[0] - h) // 2) : top + h, (left := (x.shape[1] - w) // 2) : left + w
        ]
    ),
    "h and w are exchanged": lambda x, h, w: _crop(x, w, h),
    "nothing was cut off": lambda x, h, w: x,
}


@exercise(
    lesson=6,
    hints=(
        "How does the loss change if a pixel changes that was cut off? And one that was kept?",
        "Make zeros of the whole image's shape, in dy's dtype, and put dy where the crop took its "
        "pixels from: the same top and left as forward.",
        "dx = np.zeros(shape, dy.dtype); then dx[:, top : top + h, left : left + w] = dy, with "
        "h, w = dy.shape[1:3]; return dx.",
    ),
)
def center_crop_backward(trial: Trial) -> None:
    """The gradient of a crop: back to where the pixels came from."""
    trial.crashes = UNCROP_CRASHES
    rng = trial.rng(2)
    for shape, h, w in (
        ((1, 7, 7, 1), 3, 3), ((2, 8, 9, 2), 4, 3), ((1, 6, 5, 3), 3, 4), ((1, 4, 6, 2), 4, 2),
    ):  # fmt: skip
        dy = rng.standard_normal((shape[0], h, w, shape[3]))
        got = trial.call(dy=dy, shape=shape)
        right = {"dx": uncrop(dy, shape)}
        trial.compare(got, right, axes={"dx": IMAGE}, mistakes=UNCROP_MISTAKES)
    dy = dy.astype(np.float32)
    trial.compare(trial.call(dy=dy, shape=shape), {"dx": uncrop(dy, shape)})


def uncrop(dy, shape):
    """The gradient (N, H, W, C) of a crop's input of this shape."""
    layer = tu.CenterCrop()
    layer.forward(np.zeros(shape, dy.dtype), dy.shape[1:3])
    return layer.backward(dy)


def padded(dy, shape, halve=lambda rest: rest // 2, **options):
    """dy put back into this shape, with `halve` of the rest above and on the left."""
    rests = [whole - part for whole, part in zip(shape[1:3], dy.shape[1:3], strict=True)]
    sides = [(halve(rest), rest - halve(rest)) for rest in rests]
    return np.pad(dy, ((0, 0), *sides, (0, 0)), **options)


UNCROP_MISTAKES = {
    "the same number of zeros on both sides is one too few where the rest is odd": (
        lambda dy, shape: np.pad(
            dy,
            (
                (0, 0),
                *([(a - b) // 2] * 2 for a, b in zip(shape[1:3], dy.shape[1:3], strict=True)),
                (0, 0),
            ),
        )
    ),
    "dy was returned as it is: dx has the size of the whole image": lambda dy, shape: dy,
    "dy is at the top left, where forward took the middle": (
        lambda dy, shape: padded(dy, shape, lambda rest: 0)
    ),
    "dy is at the bottom right, where forward took the middle": (
        lambda dy, shape: padded(dy, shape, lambda rest: rest)
    ),
    "dy is one pixel too far down or right: // rounds down, as in forward": (
        lambda dy, shape: padded(dy, shape, lambda rest: -(-rest // 2))
    ),
    "the border repeats dy: pixels that were cut off have gradient 0": (
        lambda dy, shape: padded(dy, shape, mode="edge")
    ),
    "the border is 1: pixels that were cut off have gradient 0": (
        lambda dy, shape: padded(dy, shape, constant_values=1)
    ),
    "np.pad with one number pads all four axes: it takes a pair for each, ((0, 0), (top, bottom), "
    "(left, right), (0, 0))": lambda dy, shape: np.pad(dy, (shape[1] - dy.shape[1]) // 2),
    "the border mirrors dy: pixels that were cut off have gradient 0": (
        lambda dy, shape: padded(dy, shape, mode="reflect")
    ),
}


def _put(dx, dy, end=lambda top, h: top + h):
    """Write dy where the crop took its pixels from, as students do it."""
    h, w = dy.shape[1:3]
    top, left = (dx.shape[1] - h) // 2, (dx.shape[2] - w) // 2
    dx[:, top : end(top, h), left : end(left, w)] = dy
    return dx


def _in_dys_shape(dy, shape):
    h, w = dy.shape[1:3]
    top, left = (shape[1] - h) // 2, (shape[2] - w) // 2
    np.zeros_like(dy)[:, top : top + h, left : left + w] = dy


UNCROP_CRASHES = {
    "dx was made in the shape of dy, and it needs `shape`, that of x; or the slice ends at h, and it "
    "ends at top + h": _in_dys_shape,
    "x[:, p:-p] is empty where p is 0, and one too short where the rest is odd: end at top + h": (
        lambda dy, shape: _put(np.zeros(shape), dy, lambda top, h: -top)
    ),
    "the numbers are divided by /: // gives whole numbers": (
        lambda dy, shape: np.zeros(shape)[:, (shape[1] - dy.shape[1]) / 2 :]
    ),
}
