"""Lesson 2: the backward pass of a convolution."""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np

from tinyunet.convolution import geometry, naive
from tinyunet.exercises.registry import exercise
from tinyunet.exercises.trial import Slopes, Trial, slopes
from tinyunet.gradcheck.diagnosis import IMAGE, WEIGHT


@exercise(
    lesson=2,
    hints=(
        "Loop over the kernel's positions (p, q) only. Through (p, q), output pixel (i, j) read "
        "input pixel (i + p, j + q): which slice of x did all output pixels together read?",
        "That slice is x[:, p : p + H', q : q + W']. For dw[p, q], multiply it with dy and sum over "
        "images and pixels. For dx, the same slice of dx gets something added from every dy[i, j].",
        "dw[p, q] is (C_in, C_out): flatten slice and dy to (pixels, channels), then it is one "
        "transposed matrix times the other. To the slice of dx add dy @ w[p, q].T. db sums dy over "
        "three axes.",
    ),
)
def conv2d_backward(trial: Trial) -> None:
    """The gradients of a convolution: dx, dw and db."""
    trial.crashes = CONV_CRASHES
    for case in range(3):
        x, w, b = arrays(case, trial.seed)
        found = measured(case, trial.seed)
        got = trial.call(dy=found.dy, x=x, w=w)
        trial.compare(
            got,
            dict(zip(("dx", "dw", "db"), found.whole, strict=True)),
            axes={"dx": IMAGE, "dw": WEIGHT, "db": ("output channel",)},
            mistakes=CONV_MISTAKES,
            per_image={"dw": found.per_image[1], "db": found.per_image[2]} if len(x) > 1 else None,
            dy=found.dy,
        )
    dy, x, w = (array.astype(np.float32) for array in (found.dy, x, w))
    right = dict(zip(("dx", "dw", "db"), _gradients(dy, x, w), strict=True))
    trial.compare(trial.call(dy=dy, x=x, w=w), right)


def arrays(case: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Input, weight and bias: from one image and channel to the general case."""
    shape, kernel, outputs = (
        ((1, 4, 4, 1), (3, 3), 1), ((1, 4, 4, 2), (2, 2), 2), ((2, 5, 6, 2), (3, 2), 3),
    )[case]  # fmt: skip
    rng = np.random.default_rng([case + 1, seed])
    w = rng.standard_normal((*kernel, shape[3], outputs))
    return rng.standard_normal(shape), w, rng.standard_normal(outputs)


@functools.cache
def measured(case: int, seed: int) -> Slopes:
    """The gradients of one case, measured by finite differences."""

    def forward(x: np.ndarray, w: np.ndarray, b: np.ndarray) -> np.ndarray:
        return naive.forward(x, w, b, geometry(w.shape[:2]))

    return slopes(forward, *arrays(case, seed), seed=(0, seed))


def _gradients(dy: np.ndarray, x: np.ndarray, w: np.ndarray) -> tuple:
    g = geometry(w.shape[:2])
    return (naive.input_gradient(dy, w, x.shape, g), *naive.weight_gradient(x, dy, w.shape, g))


def _other(dx=None, dw=None, db=None) -> Callable:
    """The right gradients but for those that a function of (dy, x, w) makes otherwise."""

    def make(dy, x, w):
        right = _gradients(dy, x, w)
        pairs = zip(right, (dx, dw, db), strict=True)
        return tuple(g if other is None else other(dy, x, w) for g, other in pairs)

    return make


def _turned(dy, x, w):
    return naive.input_gradient(dy, w[::-1, ::-1], x.shape, geometry(w.shape[:2]))


def _only_last(dy, x, w):
    """What is left where each kernel position overwrites what the one before wrote."""
    dx, (h, v) = np.zeros_like(x), dy.shape[1:3]
    for p, q in np.ndindex(w.shape[:2]):
        dx[:, p : p + h, q : q + v] = dy @ w[p, q].T
    return dx


def _unmoved(dy, x, w):
    dx, (h, v) = np.zeros_like(x), dy.shape[1:3]
    dx[:, :h, :v] = dy @ w.sum((0, 1)).T
    return dx


def _with_one_window(dy, x, w):
    (h, v), kernel = dy.shape[1:3], w.shape[:2]
    flat = x[:, :h, :v].reshape(-1, x.shape[3])
    return np.broadcast_to(
        flat.T @ dy.reshape(-1, dy.shape[3]), w.shape[:2] + w.shape[2:]
    ) * np.ones((*kernel, 1, 1))


def _dw_of_last_pixel(dy, x, w):
    h, v = dy.shape[1:3]
    dw = np.empty_like(w)
    for p, q in np.ndindex(w.shape[:2]):
        dw[p, q] = x[:, p + h - 1, q + v - 1].T @ dy[:, -1, -1]
    return dw


CONV_MISTAKES = {
    "the kernel is turned: what went out through w[p, q] comes back through w[p, q]": _other(_turned),
    "w[p, q] is not transposed: dx needs (C_out, C_in)": _other(
        lambda dy, x, w: naive.input_gradient(
            dy, w.swapaxes(2, 3), x.shape, geometry(w.shape[:2])
        )
    ),
    "each kernel position overwrites what the one before wrote into dx: += instead of =": (
        _other(_only_last)
    ),
    "every kernel position writes to the same place of dx: shift the slice by (p, q)": (
        _other(_unmoved)
    ),
    "every kernel position reads the same window of x: shift the slice by (p, q)": (
        _other(None, _with_one_window)
    ),
    "each output pixel overwrites the one before: += instead of =": _other(None, _dw_of_last_pixel),
    "a mean, where it should be a sum over images and pixels": (
        _other(
            None,
            lambda dy, x, w: _gradients(dy, x, w)[1] / dy[..., 0].size,
            lambda dy, x, w: dy.mean((0, 1, 2)),
        )
    ),
    "the upstream gradient is missing: dy was taken for ones": (
        lambda dy, x, w: _gradients(np.ones_like(dy), x, w)
    ),
    "the sum over images and pixels is missing": _other(None, None, lambda dy, x, w: dy),
    "the sum over the images is missing": _other(None, None, lambda dy, x, w: dy.sum((1, 2))),
    "a convolution of dy, which is smaller than x: dx has the shape of x": (
        _other(lambda dy, x, w: naive.forward(dy, w.swapaxes(2, 3), None, geometry(w.shape[:2])))
    ),
}  # fmt: skip


def _into_dw(product, add=False):
    """Write a product of the first window and dy into dw[0, 0]."""

    def make(dy, x, w):
        window, dw = x[:, : dy.shape[1], : dy.shape[2]], np.zeros_like(w)
        if add:
            dw[0, 0] += product(window, dy)
        else:
            dw[0, 0] = product(window, dy)

    return make


def _both(product):
    return [_into_dw(product), _into_dw(product, add=True)]


CONV_CRASHES = {
    ".T reverses all four axes: make rows of all pixels first, reshape(-1, C_in), transpose those": [
        *_both(lambda window, dy: window.T @ dy),
        *_both(lambda window, dy: np.dot(window.T, dy)),
        lambda dy, x, w: x.T @ dy,
        lambda dy, x, w: np.dot(x.T, dy),
    ],
    "a product for each row of pixels: the sum over images and pixels is missing, which one product "
    "of (C_in, pixels) and (pixels, C_out) does": _both(
        lambda window, dy: window.swapaxes(-1, -2) @ dy
    ),
    "* multiplies number by number: x^T dy is a product of matrices, @": [
        *_both(lambda window, dy: window * dy),
        *_both(lambda window, dy: (window * dy).sum((0, 1, 2))),
    ],
    "the window of x is left out: dy and x differ in size": [
        lambda dy, x, w: x.reshape(-1, x.shape[3]).T @ dy.reshape(-1, dy.shape[3]),
        lambda dy, x, w: np.tensordot(x, dy, ((0, 1, 2), (0, 1, 2))),
        lambda dy, x, w: x * dy,
    ],
    "w[p, q] is not transposed: dx needs (C_out, C_in)": lambda dy, x, w: dy @ w[0, 0],
}
