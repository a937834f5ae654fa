"""The exercises of lesson 1, Convolution."""

from __future__ import annotations

import numpy as np

from tinyunet.convolution import geometry, naive
from tinyunet.exercises.registry import exercise
from tinyunet.exercises.trial import Trial
from tinyunet.gradcheck.diagnosis import IMAGE

# ---------------------------------------------------------------------- the output's size


@exercise(
    lesson=1,
    hints=(
        "Put a window of 3 over a side of 5 and shift it by hand: how often does it fit?",
        "The padding makes the side longer at both ends. The first window takes up the kernel's "
        "length; each further one needs `stride` pixels more.",
        "After the first window, side + 2 * padding - kernel pixels remain. How many whole strides "
        "fit into them (//), and which window have you not counted yet?",
    ),
)
def output_size(trial: Trial) -> None:
    """How many outputs a convolution has along one side."""

    def right(side: int, kernel: int, stride: int, padding: int) -> int:
        return geometry(kernel, stride, padding).output_size(side, side)[0]

    mistakes = {
        "the first window is not counted: + 1 is missing": lambda n, k, s, p: right(n, k, s, p) - 1,
        "the stride is ignored": lambda n, k, s, p: right(n, k, 1, p),
        "rounded up: a last window that does not fit whole does not count": (
            lambda n, k, s, p: -(-(n + 2 * p - k) // s) + 1
        ),
        "divided by the stride before the kernel was subtracted": (
            lambda n, k, s, p: (n + 2 * p) // s - k + 1
        ),
        "the 1 is added before the division: the first window needs no stride": (
            lambda n, k, s, p: (n + 2 * p - k + 1) // s
        ),
        "the padding is ignored": lambda n, k, s, p: right(n, k, s, 0),
        "the padding is counted at one end only": lambda n, k, s, p: (n + p - k) // s + 1,
    }
    for side, kernel, stride, padding in (
        (5, 3, 1, 0), (7, 4, 1, 0), (9, 3, 2, 0), (8, 3, 2, 0), (12, 2, 5, 0), (7, 3, 1, 1),
        (10, 5, 1, 2), (11, 4, 3, 2), (572, 3, 1, 0),
        *trial.drawn((8, 60), (1, 9), (1, 5), (0, 4)),
    ):  # fmt: skip
        got = trial.call(side=side, kernel=kernel, stride=stride, padding=padding)
        trial.compare(got, {"the size": right(side, kernel, stride, padding)}, mistakes=mistakes)
        trial.require(
            isinstance(got, int | np.integer), "the size", f"is {got!r}, should be a whole number",
            "/ gives a float: // divides without a remainder",
        )  # fmt: skip


# ---------------------------------------------------------------------- by loops


@exercise(
    lesson=1,
    hints=(
        "Four loops: over the rows i and columns j of the output, and over the rows p and columns q "
        "of the kernel. Images and channels need no loop.",
        "Pad x with zeros first (np.pad). Make y of zeros, in x's dtype. Output pixel (i, j) reads, "
        "through kernel position (p, q), the pixel (i * stride + p, j * stride + q).",
        "Inside the loops, x[:, row, column] is (N, C_in) and w[p, q] is (C_in, C_out): add their "
        "matrix product to y[:, i, j]. The bias is added once, after the loops.",
    ),
)
def conv2d_loops(trial: Trial) -> None:
    """A convolution by loops, with stride and padding."""
    rng = trial.rng(1)

    def arrays(*shape: int, kernel: tuple[int, int], outputs: int) -> tuple:
        w = rng.standard_normal((*kernel, shape[3], outputs))
        return rng.standard_normal(shape), w, rng.standard_normal(outputs)

    simple = arrays(1, 5, 5, 1, kernel=(3, 3), outputs=1)
    square = arrays(1, 5, 5, 2, kernel=(2, 2), outputs=2)
    general = arrays(2, 6, 7, 2, kernel=(3, 2), outputs=3)
    single = tuple(array.astype(np.float32) for array in general)
    for (x, w, b), stride, padding in (
        (simple, 1, 0), (square, 1, 0), (general, 1, 0), (general, 2, 0), (general, 1, 1),
        (general, 3, 2), (single, 1, 0),
    ):  # fmt: skip
        y = trial.call(x=x, w=w, b=b, stride=stride, padding=padding)
        right = _convolve(x, w, b, stride, padding)
        trial.compare(y, {"y": right}, axes={"y": IMAGE}, mistakes=CONV_MISTAKES)


def _convolve(x, w, b, stride=1, padding=0):
    return naive.forward(x, w, b, geometry(w.shape[:2], stride, padding))


def _turned(x, w, b, stride, padding):
    return _convolve(x, w[::-1, ::-1], b, stride, padding)


def _only_last_position(x, w, b, stride, padding):
    last = np.zeros_like(w)
    last[-1, -1] = w[-1, -1]
    return _convolve(x, last, b, stride, padding)


def _last_row_and_column_left_out(x, w, b, stride, padding):
    y = _convolve(x, w, b, stride, padding)
    y[:, -1] = y[:, :, -1] = b
    return y


def _last_left_out_of_the_kernel(x, w, b, stride, padding):
    shorter = w.copy()
    shorter[-1] = shorter[:, -1] = 0
    return _convolve(x, shorter, b, stride, padding)


def _stride_ignored(x, w, b, stride, padding):
    y = _convolve(x, w, b, 1, padding)
    n, h, width, _ = _convolve(x, w, b, stride, padding).shape
    return y[:, :h, :width]


def _padded_above_and_left_only(x, w, b, stride, padding):
    larger = np.pad(x, ((0, 0), (2 * padding, 0), (2 * padding, 0), (0, 0)))
    return _convolve(larger, w, b, stride, 0)


def _padded_with_the_border(x, w, b, stride, padding):
    sides = ((0, 0), (padding, padding), (padding, padding), (0, 0))
    return _convolve(np.pad(x, sides, mode="edge"), w, b, stride, 0)


CONV_MISTAKES = {
    "the kernel is turned by 180 degrees, as mathematicians do; here it is not": _turned,
    "the kernel's rows and columns are exchanged": (
        lambda x, w, b, s, p: _convolve(x, w.swapaxes(0, 1), b, s, p)
    ),
    "the channels of the kernel are exchanged: w[p, q] has a row for each input channel": (
        lambda x, w, b, s, p: _convolve(x, w.swapaxes(2, 3), b, s, p)
    ),
    "the bias is missing": lambda x, w, b, s, p: _convolve(x, w, None, s, p),
    "the bias is added once for every kernel position: add it after the loops": (
        lambda x, w, b, s, p: _convolve(x, w, b * w.shape[0] * w.shape[1], s, p)
    ),
    "each kernel position overwrites the one before: += instead of =": _only_last_position,
    "the last row and the last column are left out: a range ends one too early": (
        _last_row_and_column_left_out
    ),
    "the kernel's last row and column are left out: a range ends one too early": (
        _last_left_out_of_the_kernel
    ),
    "the stride is ignored where x is read": _stride_ignored,
    "the padding is all above and to the left, where half of it belongs": (
        _padded_above_and_left_only
    ),
    "the padding repeats the border, but should be zeros": _padded_with_the_border,
}


# ---------------------------------------------------------------------- as one matrix product


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


PATCH_MISTAKES = {
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
    rng = trial.rng(3)
    for shape, kernel, outputs in (
        ((1, 4, 4, 1), (3, 3), 1), ((1, 5, 5, 2), (2, 2), 2), ((2, 6, 5, 3), (3, 2), 4),
    ):  # fmt: skip
        x, b = rng.standard_normal(shape), rng.standard_normal(outputs)
        w = rng.standard_normal((*kernel, shape[3], outputs))
        y = trial.call(x=x, w=w, b=b)
        right = {"y": _convolve(x, w, b)}
        trial.compare(y, right, axes={"y": IMAGE}, mistakes=PRODUCT_MISTAKES)
    x, w, b = (array.astype(np.float32) for array in (x, w, b))
    trial.compare(trial.call(x=x, w=w, b=b), {"y": _convolve(x, w, b)})


def _product_reshaped_to(order):
    """The product with a wrong shape imposed on its rows, as (n, h, w, c) in another order."""

    def make(x, w, b):
        y = _convolve(x, w, b)
        shape = [y.shape[i] for i in order]
        return y.reshape(shape).transpose(np.argsort(order))

    return make


def _kernel_as_columns(reshape):
    def make(x, w, b):
        return _convolve(x, reshape(w).reshape(w.shape), b)

    return make


PRODUCT_MISTAKES = {
    "the bias is missing": lambda x, w, b: _convolve(x, w, None),
    "the kernel is turned by 180 degrees": lambda x, w, b: _convolve(x, w[::-1, ::-1], b),
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
        lambda x, w, b: (y := _convolve(x, w, b)).reshape(y.shape[0], y.shape[3], *y.shape[1:3])
    ),
}
