"""Lesson 1: a convolution by loops."""

from __future__ import annotations

import numpy as np

from tinyunet.convolution import geometry, naive
from tinyunet.exercises.registry import exercise
from tinyunet.exercises.trial import Trial
from tinyunet.gradcheck.diagnosis import IMAGE


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
    trial.crashes = CONV_CRASHES
    for (x, w, b), stride, padding in (
        (simple, 1, 0), (square, 1, 0), (general, 1, 0), (general, 2, 0), (general, 1, 1),
        (general, 3, 2), (single, 1, 0),
    ):  # fmt: skip
        y = trial.call(x=x, w=w, b=b, stride=stride, padding=padding)
        right = convolve(x, w, b, stride, padding)
        trial.compare(y, {"y": right}, axes={"y": IMAGE}, mistakes=CONV_MISTAKES)


def convolve(x, w, b, stride=1, padding=0):
    """The package's convolution by loops; b may be None."""
    return naive.forward(x, w, b, geometry(w.shape[:2], stride, padding))


def _turned(x, w, b, stride, padding):
    return convolve(x, w[::-1, ::-1], b, stride, padding)


def _only_last_position(x, w, b, stride, padding):
    last = np.zeros_like(w)
    last[-1, -1] = w[-1, -1]
    return convolve(x, last, b, stride, padding)


def _last_row_and_column_left_out(x, w, b, stride, padding):
    y = convolve(x, w, b, stride, padding)
    y[:, -1] = y[:, :, -1] = b
    return y


def _last_left_out_of_the_kernel(x, w, b, stride, padding):
    shorter = w.copy()
    shorter[-1] = shorter[:, -1] = 0
    return convolve(x, shorter, b, stride, padding)


def _stride_ignored(x, w, b, stride, padding):
    y = convolve(x, w, b, 1, padding)
    n, h, width, _ = convolve(x, w, b, stride, padding).shape
    return y[:, :h, :width]


def _padded_above_and_left_only(x, w, b, stride, padding):
    larger = np.pad(x, ((0, 0), (2 * padding, 0), (2 * padding, 0), (0, 0)))
    return convolve(larger, w, b, stride, 0)


def _padded_with_the_border(x, w, b, stride, padding):
    sides = ((0, 0), (padding, padding), (padding, padding), (0, 0))
    return convolve(np.pad(x, sides, mode="edge"), w, b, stride, 0)


def _dilated(x, w, b, stride, padding):
    y = convolve(x, w, b, stride, padding) * 0 + b
    x = np.pad(x, ((0, 0), (padding, padding), (padding, padding), (0, 0)))
    for i, j, p, q in np.ndindex(*y.shape[1:3], *w.shape[:2]):
        y[:, i, j] += x[:, i + p * stride, j + q * stride] @ w[p, q]
    return y


def _reading(row, column):
    """Read x in other rows and columns, functions of i or j, p or q, and the stride."""

    def make(x, w, b, stride, padding):
        y = convolve(x, w, b, stride, padding) * 0 + b
        x = np.pad(x, ((0, 0), (padding, padding), (padding, padding), (0, 0)))
        for i, j, p, q in np.ndindex(*y.shape[1:3], *w.shape[:2]):
            y[:, i, j] += x[:, row(i, p, stride), column(j, q, stride)] @ w[p, q]
        return y

    return make


def _place(i, p, stride):
    return i * stride + p


def _without(last):
    """Leave out the kernel's last row or column."""

    def make(x, w, b, stride, padding):
        shorter = w.copy()
        shorter[last] = 0
        return convolve(x, shorter, b, stride, padding)

    return make


CONV_MISTAKES = {
    "the kernel is turned by 180 degrees, as mathematicians do; here it is not": _turned,
    "the kernel's rows and columns are exchanged": (
        lambda x, w, b, s, p: convolve(x, w.swapaxes(0, 1), b, s, p)
    ),
    "the channels of the kernel are exchanged: w[p, q] has a row for each input channel": (
        lambda x, w, b, s, p: convolve(x, w.swapaxes(2, 3), b, s, p)
    ),
    "the bias is missing": lambda x, w, b, s, p: convolve(x, w, None, s, p),
    "the bias is added once for every kernel position: add it after the loops": (
        lambda x, w, b, s, p: convolve(x, w, b * w.shape[0] * w.shape[1], s, p)
    ),
    "each kernel position overwrites the one before: += instead of =": _only_last_position,
    "the last row and the last column are left out: a range ends one too early": (
        _last_row_and_column_left_out
    ),
    "the kernel's last row and column are left out: a range ends one too early": (
        _last_left_out_of_the_kernel
    ),
    "the stride is ignored where x is read": _stride_ignored,
    "the stride is ignored in the rows of x: i * stride + p": (
        _reading(lambda i, p, s: i + p, _place)
    ),
    "the stride is ignored in the columns of x: j * stride + q": (
        _reading(_place, lambda j, q, s: j + q)
    ),
    "all rows of the kernel read the same row of x: + p is missing": (
        _reading(lambda i, p, s: i * s, _place)
    ),
    "all columns of the kernel read the same column of x: + q is missing": (
        _reading(_place, lambda j, q, s: j * s)
    ),
    "all of the kernel reads the same pixel of x: + p and + q are missing": (
        _reading(lambda i, p, s: i * s, lambda j, q, s: j * s)
    ),
    "all outputs read the first window: i * stride and j * stride are missing": (
        _reading(lambda i, p, s: p, lambda j, q, s: q)
    ),
    "the kernel's last row is left out: does a range end too early, or go over the columns?": (
        _without(np.s_[-1])
    ),
    "the kernel's last column is left out: does a range end too early, or go over the rows?": (
        _without(np.s_[:, -1])
    ),
    "the products are subtracted: += and not -=": (lambda x, w, b, s, p: convolve(x, -w, b, s, p)),
    "the padding is all above and to the left, where half of it belongs": (
        _padded_above_and_left_only
    ),
    "the padding repeats the border, but should be zeros": _padded_with_the_border,
    "the padding is ones, but should be zeros": lambda x, w, b, s, p: convolve(
        np.pad(x, ((0, 0), (p, p), (p, p), (0, 0)), constant_values=1), w, b, s, 0
    ),
    "the padding mirrors the image, but should be zeros": lambda x, w, b, s, p: convolve(
        np.pad(x, ((0, 0), (p, p), (p, p), (0, 0)), mode="reflect"), w, b, s, 0
    ),
    "the padding is all below and to the right, where half of it belongs": (
        lambda x, w, b, s, p: convolve(
            np.pad(x, ((0, 0), (0, 2 * p), (0, 2 * p), (0, 0))), w, b, s, 0
        )
    ),
    "the sum of all biases is added to each channel: b has one for each": (
        lambda x, w, b, s, p: convolve(x, w, None, s, p) + b.sum()
    ),
    "the bias is subtracted": lambda x, w, b, s, p: convolve(x, w, -b, s, p),
    "the stride stands at the kernel's place: i * stride + p, not i + p * stride": _dilated,
    "rows and columns are exchanged where x is read": (
        lambda x, w, b, s, p: convolve(x.swapaxes(1, 2), w, b, s, p)
    ),
    "the padding is left out": lambda x, w, b, s, p: convolve(x, w, b, s, 0),
    "the stride is left out": lambda x, w, b, s, p: convolve(x, w, b, 1, p),
    "stride and padding are left out": lambda x, w, b, s, p: convolve(x, w, b, 1, 0),
}


def _multiplied(pad, multiply):
    """Pad in some way, and multiply one pixel of all images by one place of the kernel."""

    def make(x, w, b, stride, padding):
        return multiply(pad(x, padding)[:, 0, 0], w[0, 0])

    return make


def _everywhere(x, padding):
    return np.pad(x, padding)


def _two_pairs(x, padding):
    return np.pad(x, ((padding, padding), (padding, padding)))


def _one_pair(x, padding):
    return np.pad(x, (padding, padding))


def _stamped(x, w, b, stride, padding):
    """A pixel times the kernel's matrix, written into y's other axis."""
    y = np.zeros((len(x), 1, 1, w.shape[3]))
    y[:, 0, 0] += w[0, 0] @ x[:, 0, 0]


def _number_by_number(x, w, b, stride, padding):
    y = np.zeros((len(x), w.shape[3]))
    y += x[:, 0, 0] * w[0, 0]


CONV_CRASHES = {
    "np.pad was given one number, or one pair, and then pads images and channels, too: it wants a pair "
    "for each axis, and (0, 0) for those two": [
        _multiplied(pad, multiply)
        for pad in (_everywhere, _one_pair)
        for multiply in (np.matmul, np.dot, np.multiply)
    ],
    "np.pad wants a pair for each of the four axes: ((0, 0), (padding, padding), (padding, padding), "
    "(0, 0))": lambda x, w, b, stride, padding: _two_pairs(x, padding),
    "the product is the other way round: a row of C_in numbers times a matrix (C_in, C_out)": [
        _stamped,
        lambda x, w, b, stride, padding: np.dot(w[0, 0], x[:, 0, 0]),
    ],
    "* multiplies number by number: a row times a matrix is @": [
        lambda x, w, b, stride, padding: x[:, 0, 0] * w[0, 0],
        _number_by_number,
    ],
}
