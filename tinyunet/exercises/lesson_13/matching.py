"""Lesson 13: the table of overlaps, SEG and F1."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tinyunet.engine.arrays import occurrences
from tinyunet.exercises.registry import exercise
from tinyunet.exercises.trial import Trial

# ---------------------------------------------------------------------- one table


@exercise(
    lesson=13,
    hints=(
        "Every pixel belongs to one pair (i, j): its predicted number and its true one. How often "
        "does each pair come?",
        "Start with zeros, with a row for each predicted number and a column for each true one, 0 "
        "included: one more than the largest number. Then every pixel adds 1 to its entry.",
        "n[predicted, truth] += 1 adds only once to an entry, however many pixels ask for it. "
        "np.add.at(n, (predicted, truth), 1) adds for each of them.",
    ),
)
def overlap_table(trial: Trial) -> None:
    """How many pixels each predicted cell shares with each true one."""
    rng = trial.rng(0)
    one = np.array([[0, 1, 1], [0, 0, 1]])
    two = np.array([[0, 0, 1, 1], [0, 2, 2, 1], [0, 2, 2, 0]])
    moved = np.array([[0, 0, 0, 1], [0, 1, 1, 1], [0, 0, 1, 0]])
    many = np.pad(
        np.append(np.arange(20), rng.integers(0, 20, 80)).reshape(10, 10), 5
    )  # more than 255
    for predicted, truth in (
        (moved, two), (two, moved), (one, one), (0 * one, one), (two.T, moved.T),
        (many.astype(np.uint8), np.rot90(many).astype(np.uint8)),
    ):  # fmt: skip
        got = trial.call(predicted=predicted, truth=truth)
        trial.require_array(got, "n")
        trial.compare(
            got, {"n": _table(predicted, truth)},
            axes={"n": ("predicted cell", "true cell")}, mistakes=TABLE_MISTAKES,
        )  # fmt: skip


def _table(predicted, truth):
    n = np.zeros((int(predicted.max()) + 1, int(truth.max()) + 1), int)
    np.add.at(n, (predicted, truth), 1)
    return n


def _overflow(predicted, truth):
    columns = truth.max() + np.uint8(1)
    places = predicted.astype(np.uint8) * columns + truth.astype(np.uint8)
    shape = int(predicted.max()) + 1, int(columns)
    return occurrences(places, minlength=shape[0] * shape[1]).reshape(shape)


TABLE_MISTAKES = {
    "rows and columns are exchanged: a row is a predicted cell": lambda p, t: _table(t, p),
    "each pair was counted once only: n[predicted, truth] += 1 does not add up repeated places": (
        lambda p, t: np.minimum(_table(p, t), 1)
    ),
    "the background is left out: row 0 and column 0 belong to the table": (
        lambda p, t: _table(p, t)[1:, 1:]
    ),
    "the last number is left out: there are max() + 1 numbers, with 0": (
        lambda p, t: _table(p, t)[:-1, :-1]
    ),
    "the table ran over: 8 bits hold no number above 255, so give it the type int": (
        lambda p, t: _table(p, t).astype(np.uint8)
    ),
    "pixels in one of the two were counted: those in both are wanted": (
        lambda p, t: np.add.outer(_table(p, t).sum(axis=1), _table(p, t).sum(axis=0)) - _table(p, t)
    ),
    "it is the IoU of each pair: numbers of pixels are wanted": lambda p, t: _iou(_table(p, t)),
    "shares of the true cells: numbers of pixels are wanted": (
        lambda p, t: _table(p, t) / _table(p, t).sum(axis=0)
    ),
    "shares instead of numbers of pixels": lambda p, t: _table(p, t) / p.size,
    "uint8 ran over: 8 bits hold no number above 255, so make the maps int first": _overflow,
}


# ---------------------------------------------------------------------- SEG


def _tables(rng: np.random.Generator) -> list[np.ndarray]:
    """Tables of overlaps: one that tells most mistakes apart, then one flaw at a time."""
    predicted, truth = np.zeros((2, 40, 44), int)
    for number, (y, x) in enumerate(((3, 4), (14, 5), (26, 8), (7, 20), (20, 24)), start=1):
        height, width = rng.integers(6, 10, 2)
        truth[y : y + height, x : x + width] = number
        predicted[y + 1 : y + height + 1, x + number // 2 : x + width] = number
    predicted[8, 23:26] = 6  # a part of cell 4 is split off
    predicted[predicted == 2] = 1  # merged
    predicted[30:36, 34:40] = 2  # and one that is no cell
    found = np.zeros((8, 5), int)  # of 4 true cells, 7 predicted ones cover 3
    found[:, 0] = 20, 1, 2, 60, 6, 0, 1, 3
    found[0, 2:] = 2, 3, 9
    found[1, 1], found[2, 2], found[3, 3], found[5, 4], found[7, 2] = 10, 12, 15, 3, 1
    return [
        found,
        np.array([[50, 0], [0, 10]]),  # perfect
        np.array([[50, 2], [3, 8]]),
        np.array([[40, 1, 10], [5, 9, 0]]),  # one was missed
        np.array([[40, 1], [3, 7], [0, 4]]),  # split into 7 and 4
        np.array([[40, 0], [2, 6], [0, 6]]),  # split in the middle
        np.array([[40, 2, 1], [3, 9, 7]]),  # merged
        np.array([[40, 2], [3, 9], [7, 0]]),  # one too many
        np.array([[90, 0, 8], [30, 12, 0], [2, 0, 12]]),  # covered, but far too large
        np.array([[40, 0], [10, 20]]),  # IoU 2/3
        np.array([[40, 0], [20, 20]]),  # IoU exactly one half
        np.array([[60, 10, 7]]),  # nothing was found
        _table(predicted, truth),
    ]


def _iou(n):
    s, t = n.sum(axis=1, keepdims=True), n.sum(axis=0, keepdims=True)
    return n / np.maximum(s + t - n, 1)  # the sum is 0 only where a mistake left something out


def _both(n):
    """The size of each predicted cell and of each true one, added."""
    return np.maximum(n.sum(axis=1, keepdims=True) + n.sum(axis=0), 1)


def _seg(n, *, first=(1, 1), whole=True, rule: Callable | None = None, value: Callable = _iou):
    """SEG, or with something changed, a usual mistake; the values of the matched pairs."""
    n = n if whole else n[1:, 1:]
    s, t = n.sum(axis=1, keepdims=True), n.sum(axis=0, keepdims=True)
    matched = 2 * n > t if rule is None else rule(n, s, t)
    part = np.s_[first[0] :, first[1] :] if whole else np.s_[:, :]
    cells = n[part].shape[1]
    return (value(n) * matched)[part].sum() / max(cells, 1)


@exercise(
    lesson=13,
    hints=(
        "Sizes are sums of the table: s of its rows, t of its columns, background included. From n, s "
        "and t you get every pair's IoU at once.",
        "With s as a column and t as a row, n / (s + t - n) is the table of all IoUs. Then leave out "
        "row 0 and column 0.",
        "s = n.sum(axis=1, keepdims=True) is a column, t = n.sum(axis=0) a row. Add up "
        "(iou * (n > t / 2))[1:, 1:], and divide by n.shape[1] - 1, the number of true cells.",
    ),
)
def seg_score(trial: Trial) -> None:
    """SEG from the table of overlaps."""
    for n in _tables(trial.rng(1)):
        trial.compare(trial.call(n=n), {"SEG": _seg(n)}, mistakes=SEG_MISTAKES)


SEG_MISTAKES = {
    "the mean over the matched cells only: a cell that nothing matches counts, as 0": (
        lambda n: _seg(n) * (n.shape[1] - 1) / max(np.sum(2 * n[1:, 1:] > n.sum(axis=0)[1:]), 1)
    ),
    "the predicted background (row 0) was taken for a cell": lambda n: _seg(n, first=(0, 1)),
    "the true background (column 0) was taken for a cell": lambda n: _seg(n, first=(1, 0)),
    "the sizes are too small: a cell's size includes its pixels on background": (
        lambda n: _seg(n, whole=False)
    ),
    "the best IoU counts, even where no predicted cell covers more than half": (
        lambda n: _iou(n)[1:, 1:].max(axis=0, initial=0).mean()
    ),
    "more than half of the predicted cell is asked for: it should be of the true one": (
        lambda n: _seg(n, rule=lambda n, s, t: 2 * n > s)
    ),
    "an IoU above one half is asked for, as in F1: SEG asks for more than half of the true cell": (
        lambda n: _seg(n, rule=lambda n, s, t: _iou(n) > 0.5)
    ),
    "exactly half is not more than half": lambda n: _seg(n, rule=lambda n, s, t: 2 * n >= t),
    "divided by the number of predicted cells": (
        lambda n: _seg(n) * (n.shape[1] - 1) / max(len(n) - 1, 1)
    ),
    "divided by the number of columns: the background is no true cell": (
        lambda n: _seg(n) * (n.shape[1] - 1) / n.shape[1]
    ),
    "the mean over all pairs: divide the sum by the number of true cells": (
        lambda n: _seg(n) / max(len(n) - 1, 1)
    ),
    "rows and columns are exchanged: a row is a predicted cell": lambda n: _seg(n.T),
    "Dice, 2 n / (s + t), in place of the IoU": (
        lambda n: _seg(n, value=lambda n: 2 * n / _both(n))
    ),
    "n is not subtracted below: the pixels of both cells count once": (
        lambda n: _seg(n, value=lambda n: n / _both(n))
    ),
    "the share of the predicted cell, n / s, in place of the IoU": (
        lambda n: _seg(n, value=lambda n: n / np.maximum(n.sum(axis=1, keepdims=True), 1))
    ),
    "row 0 and column 0 take part: leave out the background": lambda n: _seg(n, first=(0, 0)),
    "the background's pairs were added up, too: leave out row 0 and column 0": (
        lambda n: _seg(n, first=(0, 0)) * n.shape[1] / (n.shape[1] - 1)
    ),
    "the matches were counted: add up their IoU": (
        lambda n: _seg(n, value=lambda n: np.ones(n.shape))
    ),
    "the sum: divide it by the number of true cells": lambda n: _seg(n) * (n.shape[1] - 1),
    "// rounds down to 0: use /": lambda n: _seg(n, value=lambda n: np.floor(_iou(n))),
    "the share of the true cell, n / t, in place of the IoU": (
        lambda n: _seg(n, value=lambda n: n / n.sum(axis=0))
    ),
}


# ---------------------------------------------------------------------- F1


@exercise(
    lesson=13,
    hints=(
        "Count three things: the matches, the predicted cells, the true cells.",
        "The table of all IoUs is the same as for SEG. Without row 0 and column 0, a match is an "
        "entry above the threshold; the shape of what is left gives both numbers of cells.",
        "With iou = (n / (s + t - n))[1:, 1:], (iou > threshold).sum() counts the matches. Twice "
        "that, divided by iou.shape[0] + iou.shape[1], is F1.",
    ),
)
def f1_score(trial: Trial) -> None:
    """F1 of finding cells, at any threshold from 0.5."""
    for threshold in (0.5, 0.6, 0.8):
        for n in _tables(trial.rng(1)):
            got = trial.call(n=n, threshold=threshold)
            trial.compare(got, {"F1": _f1(n, threshold)}, mistakes=F1_MISTAKES)


def _counts(n, threshold):
    """Matches, predicted cells, true cells."""
    return (_iou(n)[1:, 1:] > threshold).sum(), len(n) - 1, n.shape[1] - 1


def _f1(n, threshold):
    matches, found, true = _counts(n, threshold)
    return 2 * matches / (found + true)


def _of_counts(score: Callable) -> Callable:
    return lambda n, threshold: score(*_counts(n, threshold))


F1_MISTAKES = {
    "the precision: matches as a share of the predicted cells": (
        _of_counts(lambda m, p, t: m / max(p, 1))
    ),
    "the recall: matches as a share of the true cells": _of_counts(lambda m, p, t: m / t),
    "where nothing matches, 2 / (P / m + T / m) divides by 0: use 2 m / (P + T)": (
        _of_counts(lambda m, p, t: 2 / (p / m + t / m) if m else np.nan)
    ),
    "the ordinary mean of precision and recall: F1 is their harmonic mean": (
        _of_counts(lambda m, p, t: (m / max(p, 1) + m / t) / 2)
    ),
    "the product of P and T below: it should be their sum": (
        _of_counts(lambda m, p, t: 2 * m / max(p * t, 1))
    ),
    "the IoUs of the matches were added up: count them": lambda n, threshold: (
        2 * (_iou(n) * (_iou(n) > threshold))[1:, 1:].sum() / (sum(n.shape) - 2)
    ),
    "n is not subtracted below in the IoU: the pixels of both cells count once": (
        lambda n, threshold: 2 * (n / _both(n) > threshold)[1:, 1:].sum() / (sum(n.shape) - 2)
    ),
    "the 2 is missing": _of_counts(lambda m, p, t: m / (p + t)),
    "matches / (matches + wrong + missed), a relative of F1 that is never larger": (
        _of_counts(lambda m, p, t: m / (p + t - m))
    ),
    "the background was counted among the cells": _of_counts(lambda m, p, t: 2 * m / (p + t + 2)),
    "background on background was counted as a match": (
        lambda n, threshold: 2 * (_iou(n) > threshold).sum() / sum(n.shape)
    ),
    "an IoU at the threshold is not above it": (
        lambda n, threshold: 2 * (_iou(n)[1:, 1:] >= threshold).sum() / (sum(n.shape) - 2)
    ),
    "the sizes are too small: a cell's size includes its pixels on background": (
        lambda n, threshold: 2 * (_iou(n[1:, 1:]) > threshold).sum() / (sum(n.shape) - 2)
    ),
    "SEG's rule, more than half of the true cell: F1 asks for the IoU": (
        lambda n, threshold: 2 * (2 * n > n.sum(axis=0))[1:, 1:].sum() / (sum(n.shape) - 2)
    ),
    "the threshold is ignored": lambda n, threshold: _f1(n, 0.5),
}
