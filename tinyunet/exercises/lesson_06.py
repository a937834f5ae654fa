"""The exercises of lesson 6, Crop, concat and the fork."""

from __future__ import annotations

import numpy as np

import tinyunet as tu
from tinyunet.exercises.registry import exercise
from tinyunet.exercises.trial import Trial
from tinyunet.gradcheck.diagnosis import IMAGE

# ---------------------------------------------------------------------- crop


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
    rng = trial.rng(1)
    for shape, h, w in (
        ((1, 5, 5, 1), 3, 3), ((2, 8, 9, 2), 4, 3), ((1, 6, 5, 3), 3, 4), ((1, 4, 6, 2), 4, 2),
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
    rng = trial.rng(2)
    for shape, h, w in (((1, 5, 5, 1), 3, 3), ((2, 8, 9, 2), 4, 3), ((1, 4, 6, 2), 4, 2)):
        dy = rng.standard_normal((shape[0], h, w, shape[3]))
        got = trial.call(dy=dy, shape=shape)
        right = {"dx": _crop_backward(dy, shape)}
        trial.compare(got, right, axes={"dx": IMAGE}, mistakes=UNCROP_MISTAKES)
    dy = dy.astype(np.float32)
    trial.compare(trial.call(dy=dy, shape=shape), {"dx": _crop_backward(dy, shape)})


def _crop_backward(dy, shape):
    layer = tu.CenterCrop()
    layer.forward(np.zeros(shape, dy.dtype), dy.shape[1:3])
    return layer.backward(dy)


def _padded(dy, shape, halve=lambda rest: rest // 2, **options):
    rests = [whole - part for whole, part in zip(shape[1:3], dy.shape[1:3], strict=True)]
    sides = [(halve(rest), rest - halve(rest)) for rest in rests]
    return np.pad(dy, ((0, 0), *sides, (0, 0)), **options)


UNCROP_MISTAKES = {
    "dy was returned as it is: dx has the size of the whole image": lambda dy, shape: dy,
    "dy is at the top left, where forward took the middle": (
        lambda dy, shape: _padded(dy, shape, lambda rest: 0)
    ),
    "dy is at the bottom right, where forward took the middle": (
        lambda dy, shape: _padded(dy, shape, lambda rest: rest)
    ),
    "dy is one pixel too far down or right: // rounds down, as in forward": (
        lambda dy, shape: _padded(dy, shape, lambda rest: -(-rest // 2))
    ),
    "the border repeats dy: pixels that were cut off have gradient 0": (
        lambda dy, shape: _padded(dy, shape, mode="edge")
    ),
    "the border is 1: pixels that were cut off have gradient 0": (
        lambda dy, shape: _padded(dy, shape, constant_values=1)
    ),
    "the border mirrors dy: pixels that were cut off have gradient 0": (
        lambda dy, shape: _padded(dy, shape, mode="reflect")
    ),
}


# ---------------------------------------------------------------------- concat


@exercise(
    lesson=6,
    hints=(
        "NumPy has a function for it. Along which axis are the channels?",
        "np.concatenate takes a list of arrays and an axis; the channels are the last.",
        "np.concatenate([a, b], axis=-1): a first, then b.",
    ),
)
def concat(trial: Trial) -> None:
    """Two images, one after the other along the channels."""
    rng = trial.rng(3)
    for shape, ca, cb in (((1, 2, 3), 2, 2), ((2, 3, 3), 1, 2), ((2, 2, 2), 3, 3)):
        a, b = rng.standard_normal((*shape, ca)), rng.standard_normal((*shape, cb))
        trial.compare(
            trial.call(a=a, b=b), {"y": tu.Concat().forward(a, b)}, axes={"y": IMAGE},
            mistakes=CONCAT_MISTAKES,
        )  # fmt: skip


CONCAT_MISTAKES = {
    "b comes first: it should be a, then b": lambda a, b: np.concatenate([b, a], axis=-1),
    "joined along the batch (axis 0): the channels are the last axis": (
        lambda a, b: np.concatenate([a, b])
    ),
    "joined along the height (axis 1): the channels are the last axis": (
        lambda a, b: np.concatenate([a, b], axis=1)
    ),
    "joined along the width (axis 2): the channels are the last axis": (
        lambda a, b: np.concatenate([a, b], axis=2)
    ),
    "np.stack makes a new axis: np.concatenate joins along one that there is": (
        lambda a, b: np.stack([a, b], axis=-1)
    ),
    "a and b were added: their channels should stand side by side": lambda a, b: a + b,
    "the channels of a and b take turns: all of a come first": (
        lambda a, b: np.stack([a, b], axis=-1).reshape(*a.shape[:3], -1)
    ),
}


@exercise(
    lesson=6,
    hints=(
        "Each number of y is a copy of one number of a or of b. So each number of dy belongs to one "
        "of them.",
        "The first channels of dy are da, the others db. `channels` says how many are a's.",
        "return dy[..., :channels], dy[..., channels:]",
    ),
)
def concat_backward(trial: Trial) -> None:
    """The gradient of a concat: each input gets its own channels."""
    rng = trial.rng(4)
    for shape, ca in (((1, 2, 3, 5), 3), ((2, 3, 2, 4), 1), ((2, 2, 2, 4), 2)):
        dy = rng.standard_normal(shape)
        da, db = _concat_backward(dy, ca)
        trial.compare(
            trial.call(dy=dy, channels=ca), {"da": da, "db": db}, axes={"da": IMAGE, "db": IMAGE},
            mistakes=SPLIT_MISTAKES,
        )  # fmt: skip


def _concat_backward(dy, channels):
    layer = tu.Concat()
    layer.forward(np.zeros_like(dy[..., :channels]), np.zeros_like(dy[..., channels:]))
    return layer.backward(dy)


SPLIT_MISTAKES = {
    "da and db are exchanged": lambda dy, c: (dy[..., c:], dy[..., :c]),
    "both got all of dy: each should get its own channels": lambda dy, c: (dy, dy),
    "split in the middle: the first `channels` channels are a's": (
        lambda dy, c: (dy[..., : dy.shape[3] // 2], dy[..., dy.shape[3] // 2 :])
    ),
    "a's channels were counted from the end: they are the first": (
        lambda dy, c: (dy[..., -c:], dy[..., :-c])
    ),
    "every second channel was taken: a's are the first ones": (
        lambda dy, c: (dy[..., ::2], dy[..., 1::2])
    ),
    "split along the height (axis 1): the channels are the last axis": (
        lambda dy, c: (dy[:, :c], dy[:, c:])
    ),
    "split along the batch (axis 0): the channels are the last axis": (
        lambda dy, c: (dy[:c], dy[c:])
    ),
    "divided by 2: a copy passes its gradient on whole": (
        lambda dy, c: (dy[..., :c] / 2, dy[..., c:] / 2)
    ),
}


# ---------------------------------------------------------------------- the fork


@exercise(
    lesson=6,
    hints=(
        "Go through the forward pass from its end to its beginning. What was done last? Where do the "
        "two gradients meet again?",
        "concat_backward gives one gradient for the cropped x, and one for what came up. Each goes "
        "back on its own path until it arrives at x.",
        "dcropped, dup = concat_backward(dy, channels); then the sum of "
        "center_crop_backward(dcropped, shape) and down_backward(dup).",
    ),
)
def fork_backward(trial: Trial) -> None:
    """The gradient of an image that goes two ways: across, and down and up again."""
    rng = trial.rng(5)
    for shape, dtype in (
        ((1, 6, 6, 1), "float64"),
        ((2, 8, 10, 2), "float64"),
        ((1, 6, 6, 2), "f"),
    ):
        x = rng.standard_normal(shape).astype(dtype)
        path = tu.Sequential(
            tu.MaxPool2d(2), tu.Conv2d(shape[3], 3, 2, rng=rng), tu.ConvTranspose2d(3, 3, 2, stride=2)
        ).astype(dtype)  # fmt: skip
        up = path(x)

        def down_backward(dup, path=path, x=x):
            """The gradient at x of what came up, for as often as it is asked."""
            path(x)
            return path.backward(np.ascontiguousarray(dup))

        dy = rng.standard_normal((*up.shape[:3], shape[3] + 3)).astype(dtype)
        got = trial.call(dy=dy, channels=shape[3], shape=shape, down_backward=down_backward)
        right = _across(dy, shape[3], shape) + _down(dy, shape[3], shape, down_backward)
        trial.compare(got, {"dx": right}, axes={"dx": IMAGE}, mistakes=FORK_MISTAKES)


def _across(dy, channels, shape, down_backward=None):
    return _crop_backward(dy[..., :channels], shape)


def _down(dy, channels, shape, down_backward):
    return down_backward(dy[..., channels:])


FORK_MISTAKES = {
    "only the gradient of the path across arrived; that of the path down was dropped, or "
    "overwritten: add the two": _across,
    "only the gradient of the path down arrived; that of the path across was dropped, or "
    "overwritten: add the two": _down,
    "the mean of the two gradients: it should be their sum": (
        lambda *all: (_across(*all) + _down(*all)) / 2
    ),
    "one gradient minus the other: it should be their sum": (
        lambda *all: _across(*all) - _down(*all)
    ),
    "the product of the two gradients: it should be their sum": (
        lambda *all: _across(*all) * _down(*all)
    ),
    "the path down was counted twice": lambda *all: _across(*all) + 2 * _down(*all),
    "the path across was counted twice": lambda *all: 2 * _across(*all) + _down(*all),
    "dy was put back at the top left, where the crop took the middle": (
        lambda dy, c, shape, down: (
            _padded(dy[..., :c], shape, lambda rest: 0) + _down(dy, c, shape, down)
        )
    ),
    "the two gradients stand side by side: they should be added": (
        lambda *all: np.concatenate([_across(*all), _down(*all)], axis=-1)
    ),
    "the two gradients were returned side by side: they should be added": (
        lambda *all: np.stack([_across(*all), _down(*all)])
    ),
}
