"""Lesson 1: a convolution as one matrix product."""

from __future__ import annotations

import numpy as np

from tinyunet.exercises.lesson_01.loops import convolve
from tinyunet.exercises.registry import exercise
from tinyunet.exercises.trial import Trial
from tinyunet.gradcheck.diagnosis import IMAGE


@exercise(
    lesson=1,
    hints=(
        "Loop over the kernel's positions, not over pixels: what do all patches have at position "
        "(p, q)? It is the image itself, shifted and cut.",
        "Make an empty array of shape (N, H', W', kh, kw, C), H' = H - kh + 1 and W' = W - kw + 1. "
        "For position (p, q) fill [:, :, :, p, q] with a slice of x that has H' rows and W' columns.",
        "That slice is x[:, p : p + H', q : q + W']. At the end, reshape to (N * H' * W', kh * kw * "
        "C): the axes are in the right order already.",
    ),
)
def patches(trial: Trial) -> None:
    """The pixels under the kernel, a row for each output pixel (im2col)."""
    rng = trial.rng(2)
    for shape, kh, kw in (((1, 4, 4, 1), 2, 2), ((1, 4, 5, 2), 2, 3), ((2, 5, 4, 3), 3, 2)):
        x = rng.standard_normal(shape)
        matrix = trial.call(x=x, kh=kh, kw=kw)
        trial.compare(
            matrix, {"the matrix": _patches(x, kh, kw)},
            axes={"the matrix": ("row", "column")}, mistakes=PATCH_MISTAKES,
        )  # fmt: skip
    x = rng.standard_normal((1, 3, 3, 1)).astype(np.float32)
    trial.compare(trial.call(x=x, kh=2, kw=2), {"the matrix": _patches(x, 2, 2)})


def _windows(x, kh, kw):
    """All patches as (N, H', W', kh, kw, C)."""
    views = np.lib.stride_tricks.sliding_window_view(x, (kh, kw), axis=(1, 2))
    return views.transpose(0, 1, 2, 4, 5, 3)


def _patches(x, kh, kw):
    return _windows(x, kh, kw).reshape(-1, kh * kw * x.shape[3])


def _reordered(*order):
    """Patches whose axes (n, i, j, p, q, c) come in another order; the first three make the rows."""

    def make(x, kh, kw):
        windows = _windows(x, kh, kw).transpose(order)
        return windows.reshape(int(np.prod(windows.shape[:3])), -1)

    return make


def _places(x, kh, kw):
    """What all patches have at each place of the kernel, place by place: (kh kw, N, H', W', C)."""
    return _windows(x, kh, kw).transpose(3, 4, 0, 1, 2, 5).reshape(kh * kw, *_grid(x, kh, kw))


def _grid(x, kh, kw):
    return len(x), x.shape[1] - kh + 1, x.shape[2] - kw + 1, x.shape[3]


PATCH_MISTAKES = {
    "only image 0 is there": lambda x, kh, kw: _patches(x[:1], kh, kw),
    "the kernel's places stand below each other: they belong beside each other, in a row": (
        lambda x, kh, kw: _places(x, kh, kw).reshape(-1, x.shape[3])
    ),
    "a row for each pixel and channel: the channels belong into the row of their patch": (
        lambda x, kh, kw: _places(x, kh, kw).reshape(kh * kw, -1).T
    ),
    "the channels come before the kernel's positions: they should vary fastest": (
        _reordered(0, 1, 2, 5, 3, 4)
    ),
    "the kernel's columns come before its rows": _reordered(0, 1, 2, 4, 3, 5),
    "rows and columns of the image are exchanged in the order of the patches": (
        _reordered(0, 2, 1, 3, 4, 5)
    ),
    "the image varies fastest in the rows: all patches of image 0 should come first": (
        _reordered(1, 2, 0, 3, 4, 5)
    ),
    "the matrix is transposed: a patch is a row": lambda x, kh, kw: _patches(x, kh, kw).T,
    "the patches are read backwards": (
        lambda x, kh, kw: _windows(x, kh, kw)[:, :, :, ::-1, ::-1].reshape(-1, kh * kw * x.shape[3])
    ),
    "patches side by side, without overlap: the window should move by one pixel": (
        lambda x, kh, kw: _windows(x, kh, kw)[:, ::kh, ::kw].reshape(-1, kh * kw * x.shape[3])
    ),
    "kh and kw are exchanged": lambda x, kh, kw: _patches(x, kw, kh),
    "a reshape without moving the axes first: it keeps the memory's order": (
        lambda x, kh, kw: np.lib.stride_tricks.sliding_window_view(
            x, (kh, kw), axis=(1, 2)
        ).reshape(-1, kh * kw * x.shape[3])
    ),
}


@exercise(
    lesson=1,
    hints=(
        "Once the patches are the rows of a matrix, a convolution is one product: which matrix has "
        "a column for each output channel?",
        "The weight, reshaped to (kh * kw * C_in, C_out): its axes are in the order of a patch "
        "already. The product has a row for each output pixel.",
        "Multiply the patches by that matrix and add b, which goes to every row. Then only the rows "
        "have to become images again: (N, H - kh + 1, W - kw + 1, C_out).",
    ),
)
def conv2d_product(trial: Trial) -> None:
    """A convolution as patches times a matrix."""
    trial.crashes = PRODUCT_CRASHES
    rng = trial.rng(3)
    for shape, kernel, outputs in (
        ((1, 4, 4, 1), (3, 3), 1), ((1, 5, 5, 2), (2, 2), 2), ((2, 6, 5, 3), (3, 2), 4),
    ):  # fmt: skip
        x, b = rng.standard_normal(shape), rng.standard_normal(outputs)
        w = rng.standard_normal((*kernel, shape[3], outputs))
        y = trial.call(x=x, w=w, b=b)
        right = {"y": convolve(x, w, b)}
        trial.compare(y, right, axes={"y": IMAGE}, mistakes=PRODUCT_MISTAKES)
    x, w, b = (array.astype(np.float32) for array in (x, w, b))
    trial.compare(trial.call(x=x, w=w, b=b), {"y": convolve(x, w, b)})
    counted = w.view(Counted)
    trial.call(x=x, w=counted, b=b)
    products, images = len(counted.products), len(x)
    trial.require(
        products <= images, "y", f"is right, but made by {products} products with w",
        "a product for each pixel, or for each place of the kernel: all patches times all of w are "
        "one product",
    )  # fmt: skip


class Counted(np.ndarray):
    """An array that notes in `products`, a list, each product that it is part of."""

    NAMES = ("matmul", "multiply", "dot", "tensordot", "einsum", "inner", "vdot", "vecdot")

    def __array_finalize__(self, source: object) -> None:
        self.products = getattr(source, "products", [])

    def __array_ufunc__(self, ufunc, method, *inputs, **options):
        if ufunc.__name__ in self.NAMES:
            self.products.append(ufunc.__name__)
        plain = [np.asarray(x) if isinstance(x, Counted) else x for x in inputs]
        return getattr(ufunc, method)(*plain, **options)

    def __array_function__(self, function, types, arguments, options):
        if function.__name__ not in self.NAMES:
            return super().__array_function__(function, types, arguments, options)
        self.products.append(function.__name__)
        plain = [np.asarray(x) if isinstance(x, Counted) else x for x in arguments]
        return function(*plain, **options)


def _product_reshaped_to(order):
    """The product with a wrong shape imposed on its rows, as (n, h, w, c) in another order."""

    def make(x, w, b):
        y = convolve(x, w, b)
        shape = [y.shape[i] for i in order]
        return y.reshape(shape).transpose(np.argsort(order))

    return make


def _kernel_as_columns(reshape):
    def make(x, w, b):
        return convolve(x, reshape(w).reshape(w.shape), b)

    return make


def _into_the_size_of_x(x, w, b):
    y = _patches(x, *w.shape[:2]) @ w.reshape(-1, w.shape[3])
    y.reshape(x.shape[0], x.shape[1], x.shape[2], w.shape[3])


PRODUCT_CRASHES = {
    "w still has four axes: reshape it to (kh * kw * C_in, C_out) first": (
        lambda x, w, b: _patches(x, *w.shape[:2]) @ w
    ),
    "* multiplies number by number: the product of matrices is @": (
        lambda x, w, b: _patches(x, *w.shape[:2]) * w.reshape(-1, w.shape[3])
    ),
    "y is smaller than x: it has H - kh + 1 rows and W - kw + 1 columns": [
        _into_the_size_of_x,
        lambda x, w, b: convolve(x, w, b).reshape(*x.shape[:3], -1),
    ],
}

PRODUCT_MISTAKES = {
    "the kernel's rows and columns are exchanged": lambda x, w, b: convolve(x, w.swapaxes(0, 1), b),
    "the bias is added twice": lambda x, w, b: convolve(x, w, 2 * b),
    "the bias is missing": lambda x, w, b: convolve(x, w, None),
    "the kernel is turned by 180 degrees": lambda x, w, b: convolve(x, w[::-1, ::-1], b),
    "w.reshape(C_out, -1).T mixes channels and positions: w's last axis are the output channels": (
        _kernel_as_columns(lambda w: w.reshape(w.shape[3], -1).T)
    ),
    "w was transposed before its reshape: its axes are in the order of a patch already": (
        _kernel_as_columns(lambda w: w.transpose(2, 0, 1, 3).reshape(-1, w.shape[3]))
    ),
    "the output channels come first in w's reshape: its last axis should stay last": (
        _kernel_as_columns(lambda w: w.transpose(3, 0, 1, 2).reshape(-1, w.shape[3]))
    ),
    "height and width are exchanged in the last reshape": _product_reshaped_to((0, 2, 1, 3)),
    "the last reshape puts the channels before the pixels": _product_reshaped_to((0, 3, 1, 2)),
    "a reshape to channels first: y is (N, H', W', C_out)": (
        lambda x, w, b: (y := convolve(x, w, b)).reshape(y.shape[0], y.shape[3], *y.shape[1:3])
    ),
}
