"""Lesson 15: a layer for both devices."""

from __future__ import annotations

import numpy as np

from tinyunet.exercises.device import Device
from tinyunet.exercises.lesson_15.device_calls import call, on_device
from tinyunet.exercises.registry import exercise
from tinyunet.exercises.trial import Trial, slopes
from tinyunet.gradcheck.diagnosis import IMAGE


def _corners(x: np.ndarray) -> list[np.ndarray]:
    return [x[:, p::2, q::2] for p in (0, 1) for q in (0, 1)]


def _mean_pool(x: np.ndarray) -> np.ndarray:
    return (sum(_corners(x)) / 4).astype(x.dtype)


def _spread(dy: np.ndarray) -> np.ndarray:
    return dy.repeat(2, axis=1).repeat(2, axis=2) / 4


@exercise(
    lesson=15,
    hints=(
        "In lesson 3, x[:, p::2, q::2] was the pixel (p, q) of every window. Here you need the four "
        "of them together.",
        "Operators such as + and / ask the array itself what to do. So a sum of four slices needs "
        "neither np nor xp.",
        "Add the four slices x[:, 0::2, 0::2], x[:, 0::2, 1::2], ... and divide by 4.",
    ),
)
def mean_pool(trial: Trial) -> None:
    """The mean of every 2 by 2 window, on both."""
    rng, device = trial.rng(15), Device()
    for shape in ((1, 4, 6, 1), (2, 4, 6, 3)):
        for dtype in ("float64", "float32"):
            x = rng.standard_normal(shape).astype(dtype)
            right = {"y": _mean_pool(x)}
            got = call(trial, device, x=x)
            trial.compare(got, right, axes={"y": IMAGE}, mistakes=POOL_MISTAKES)
    got = call(trial, device, x=device.wrap(x))
    trial.setting = "called with a device array"
    trial.compare(on_device(trial, device, "y", got), right, axes={"y": IMAGE})


POOL_MISTAKES = {
    "the sum of the four pixels: divide by 4": lambda x: sum(_corners(x)),
    "the largest of the four pixels, not their mean": lambda x: np.max(_corners(x), axis=0),
    "one pixel of each window only": lambda x: x[:, ::2, ::2],
    "the mean of two pixels: the other two of the window are missing": (
        lambda x: (x[:, ::2, ::2] + x[:, 1::2, 1::2]) / 2
    ),
    "windows that overlap: they should move by two pixels": (
        lambda x: (x[:, :-1, :-1] + x[:, 1:, :-1] + x[:, :-1, 1:] + x[:, 1:, 1:]) / 4
    ),
}


@exercise(
    lesson=15,
    hints=(
        "Each pixel of a window has a quarter of a say in the mean, so dx is the same in all four.",
        "Make an array of twice the height and width with xp.empty, where xp = array_module(dy), and "
        "in dy's dtype. Then fill its four slices.",
        "dx[:, p::2, q::2] = dy / 4 for p and q in (0, 1). (Or xp.repeat, twice.)",
    ),
)
def mean_pool_backward(trial: Trial) -> None:
    """The gradient of the mean of every 2 by 2 window, on both."""
    rng, device = trial.rng(16), Device()
    for shape in ((1, 4, 6, 1), (2, 4, 6, 2)):
        s = slopes(_mean_pool, rng.standard_normal(shape), seed=(16, trial.seed))
        for dtype in ("float64", "float32"):
            dy, right = s.dy.astype(dtype), {"dx": s.whole[0].astype(dtype)}
            got = call(trial, device, dy=dy)
            trial.compare(
                got, right, axes={"dx": IMAGE}, mistakes=SPREAD_MISTAKES,
                per_image={"dx": s.per_image[0]}, dy=dy,
            )  # fmt: skip
    got = call(trial, device, dy=device.wrap(dy))
    trial.setting = "called with a device array"
    trial.compare(on_device(trial, device, "dx", got), right, axes={"dx": IMAGE})


def _to_one_corner(dy: np.ndarray, share: float) -> np.ndarray:
    dx = np.zeros_like(_spread(dy))
    dx[:, ::2, ::2] = dy * share
    return dx


SPREAD_MISTAKES = {
    "each pixel got all of dy: its say in the mean is a quarter": lambda dy: 4 * _spread(dy),
    "one pixel of each window got all of dy, as with a maximum": lambda dy: _to_one_corner(dy, 1),
    "one pixel of each window got its share, the other three nothing": (
        lambda dy: _to_one_corner(dy, 0.25)
    ),
    "windows side by side repeated as a whole (tile), not each of their numbers (repeat)": (
        lambda dy: np.tile(dy, (1, 2, 2, 1)) / 4
    ),
}
