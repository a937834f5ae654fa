"""Lesson 16: bilinear enlargement as a matrix, and its gradient."""

from __future__ import annotations

import numpy as np

from tinyunet.exercises.any_dtype import in_its_dtype
from tinyunet.exercises.registry import exercise
from tinyunet.exercises.trial import Trial
from tinyunet.gradcheck.diagnosis import IMAGE


def _tents(side, stride, middle=None, width=None):
    """A tent for each column, highest at its middle and 0 at one width from it."""
    middle = (stride - 1) / 2 if middle is None else middle
    outputs, inputs = np.arange(side * stride)[:, None], np.arange(side)[None]
    return np.maximum(0, 1 - abs(outputs - (stride * inputs + middle)) / (width or stride))


@exercise(
    lesson=16,
    hints=(
        "Column j is what an image of a single 1, at place j, is enlarged to: a tent. Where is its "
        "middle? Over which places do the `stride` outputs of input j lie?",
        "The outputs of input j are stride * j ... stride * j + stride - 1, so its middle is at "
        "stride * j + (stride - 1) / 2. At a distance d the tent is 1 - d / stride high, and never "
        "below 0.",
        "With i = np.arange(side * stride)[:, None] and j = np.arange(side), return "
        "np.maximum(0, 1 - np.abs(i - (stride * j + (stride - 1) / 2)) / stride).",
    ),
)
def enlarging_matrix(trial: Trial) -> None:
    """The matrix that enlarges one side bilinearly."""
    for side, stride in (
        (2, 4),
        (3, 2),
        (1, 2),
        (5, 1),
        (4, 3),
        (2, 8),
        *trial.drawn((2, 9), (2, 9)),
    ):
        got = trial.call(side=side, stride=stride)
        trial.compare(
            got, in_its_dtype(got, {"the matrix": _tents(side, stride)}),
            axes={"the matrix": ("output", "input")}, mistakes=MATRIX_MISTAKES,
        )  # fmt: skip


def _summing_to_1(side, stride):
    tents = _tents(side, stride)
    return tents / tents.sum(axis=1, keepdims=True)


def _corners(side, stride):
    places = np.linspace(0, side - 1, side * stride)[:, None]
    return np.maximum(0, 1 - abs(places - np.arange(side)))


MATRIX_MISTAKES = {
    "a row for each output, a column for each input: yours is transposed": (
        lambda side, stride: _tents(side, stride).T
    ),
    "the tent's middle is at the first of its outputs: it should be at the middle of them, "
    "stride * j + (stride - 1) / 2": lambda side, stride: _tents(side, stride, 0),
    "the tent's middle is half a pixel too far: (stride - 1) / 2, not stride / 2": (
        lambda side, stride: _tents(side, stride, stride / 2)
    ),
    "the tent's middle lies between two outputs where the stride is even: (stride - 1) / 2, not //": (
        lambda side, stride: _tents(side, stride, (stride - 1) // 2)
    ),
    "the tent reaches 0 at a distance of stride, not of stride + 1": (
        lambda side, stride: _tents(side, stride, width=stride + 1)
    ),
    "the tent was squared: 1 - d / stride is its height": (
        lambda side, stride: _tents(side, stride) ** 2
    ),
    "each output is a copy of its input: that is the nearest, not in between": (
        lambda side, stride: np.repeat(np.eye(side), stride, axis=0)
    ),
    "the tent is too narrow: it should reach 0 at a distance of one stride": (
        lambda side, stride: _tents(side, stride, width=stride / 2)
    ),
    "the tent is too wide: it should reach 0 at a distance of one stride": (
        lambda side, stride: _tents(side, stride, width=2 * stride)
    ),
    "the rows at the border were made to sum to 1: outside of the map there are zeros": (
        _summing_to_1
    ),
    "its first and last outputs lie on the first and last inputs: that is another convention "
    "(align_corners)": _corners,
    "negative weights: the tent ends at 0": (
        lambda side, stride: (
            1
            - abs(np.arange(side * stride)[:, None] - (stride * np.arange(side) + (stride - 1) / 2))
            / stride
        )
    ),
    "the tents sum to 1 going down, too: each column is divided by its sum": (
        lambda side, stride: _tents(side, stride) / _tents(side, stride).sum(axis=0)
    ),
}


@exercise(
    lesson=16,
    hints=(
        "y[i, j] = sum over h and w of rows[i, h] * x[h, w] * columns[j, w]. How much does y[i, j] "
        "change if x[h, w] grows by 1?",
        "dx[h, w] = sum over i and j of rows[i, h] * dy[i, j] * columns[j, w]: the transposed of "
        "rows, times dy, times columns. Images and channels each for themselves.",
        'np.einsum("ih,nijc,jw->nhwc", rows, dy, columns).',
    ),
)
def enlarge_backward(trial: Trial) -> None:
    """The gradient of an enlargement: the transposed matrices."""
    rng, trial.crashes = trial.rng(1), ENLARGE_BACKWARD_CRASHES
    for (n, h, w, c), stride, dtype in (
        ((1, 2, 2, 1), 2, float), ((1, 2, 3, 1), 2, float), ((2, 3, 2, 3), 2, float),
        ((1, 2, 3, 2), 3, float), ((2, 2, 2, 2), 4, float), ((2, 3, 2, 2), 2, np.float32),
    ):  # fmt: skip
        # Any matrices will do: tents alone would not tell rows from columns on a square.
        rows = (_tents(h, stride) + rng.uniform(0, 0.1, (h * stride, h))).astype(dtype)
        columns = (_tents(w, stride) + rng.uniform(0, 0.1, (w * stride, w))).astype(dtype)
        dy = rng.standard_normal((n, h * stride, w * stride, c)).astype(dtype)
        got = trial.call(dy=dy, rows=rows, columns=columns)
        trial.compare(
            got, {"dx": _adjoint(dy, rows, columns)}, axes={"dx": IMAGE},
            mistakes=ENLARGE_BACKWARD_MISTAKES,
        )  # fmt: skip


def _adjoint(dy, rows, columns):
    return np.einsum("ih,nijc,jw->nhwc", rows, dy, columns)


def _stride(rows):
    return len(rows) // rows.shape[1]


def _blocks(dy, rows, columns):
    """The sum over the outputs of each input, as if each were a copy."""
    s = _stride(rows)
    n, h, w, c = dy.shape
    return dy.reshape(n, h // s, s, w // s, s, c).sum(axis=(2, 4))


ENLARGE_BACKWARD_CRASHES = {
    "@ multiplies the last two axes, here width and channels: name the axes in np.einsum, or go "
    "image by image and channel by channel": [
        lambda dy, rows, columns: rows.T @ dy @ columns,
        lambda dy, rows, columns: rows @ dy @ columns.T,
        lambda dy, rows, columns: np.einsum("ih,nijc->nhjc", rows, dy) @ columns,
    ],
    "forward was done again: the transposed matrices lead back": (
        lambda dy, rows, columns: np.einsum("ih,nhwc,jw->nijc", rows, dy, columns)
    ),
}
ENLARGE_BACKWARD_MISTAKES = {
    "rows and columns are exchanged": lambda dy, rows, columns: _adjoint(dy, columns, rows),
    "that undoes the enlargement: the gradient is the TRANSPOSED matrix, not the inverse": (
        lambda dy, rows, columns: _adjoint(dy, np.linalg.pinv(rows).T, np.linalg.pinv(columns).T)
    ),
    "a mean: each output counts in full": (
        lambda dy, rows, columns: _adjoint(dy, rows, columns) / _stride(rows) ** 2
    ),
    "dy is read at one output of each input: all that an input acts on count": (
        lambda dy, rows, columns: dy[:, :: _stride(rows), :: _stride(rows)].copy()
    ),
    "dy is summed over blocks: that is the gradient of copying, where each weight is 1": _blocks,
    "dy is averaged over blocks: that is no gradient of interpolating": (
        lambda dy, rows, columns: _blocks(dy, rows, columns) / _stride(rows) ** 2
    ),
    "only the rows went back: the columns are still large": (
        lambda dy, rows, columns: np.einsum("ih,nijc->nhjc", rows, dy)
    ),
    "only the columns went back: the rows are still large": (
        lambda dy, rows, columns: np.einsum("nijc,jw->niwc", dy, columns)
    ),
    "the images are added up: each has its own gradient": (
        lambda dy, rows, columns: _adjoint(dy, rows, columns).sum(axis=0, keepdims=True)
    ),
    "the channels are added up: each has its own gradient": (
        lambda dy, rows, columns: _adjoint(dy, rows, columns).sum(axis=-1, keepdims=True)
    ),
}
