"""The exercises of lesson 12, Touching cells."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import ndimage

from tinyunet import metrics
from tinyunet.data.weightmap import separate
from tinyunet.data.weightmap import weight_map as package_map
from tinyunet.exercises.registry import exercise
from tinyunet.exercises.trial import Trial

PLACE = ("height", "width")

# ---------------------------------------------------------------------- merged cells

LEFT_AND_RIGHT = np.array([[0, 1, 1, 2, 2, 0], [0, 1, 1, 2, 2, 0], [0, 0, 0, 0, 0, 0]])


@exercise(
    lesson=12,
    hints=(
        "Go through the true cells. Which found cell, if any, covers more than half of this one?",
        "found[truth == k] are the numbers found on true cell k; leave out the zeros, which are "
        "background. Note in a dict how many true cells each found cell holds.",
        "A found number holds cell k if (inside == number).sum() > inside.size / 2. At the end add "
        "up the counts that are above 1: three cells in one object are three merged cells.",
    ),
)
def merged_cells(trial: Trial) -> None:
    """How many true cells share a found cell with another true cell."""
    two, rng = LEFT_AND_RIGHT, trial.rng(0)
    three = np.array([[3, 3, 3, 3, 7, 7, 9, 9], [3, 3, 3, 3, 7, 7, 9, 9], [0, 0, 0, 0, 0, 0, 9, 0]])
    blocks = np.kron(rng.integers(0, 5, (4, 5)), np.ones((3, 2), int))
    for found, truth in (
        (two > 0, two), (two, two), (0 * two, two), (np.isin(two, 1), two),
        ((two > 0) & (np.indices(two.shape).sum(0) < 4), two), ((two > 0) & (np.arange(6) < 4), two),
        (three > 0, three), (np.where(three == 9, 2, 4 * (three > 0)), three),
        (np.kron(rng.integers(0, 3, (3, 5)), np.ones((4, 2), int)), blocks),
    ):  # fmt: skip
        found = found.astype(int)
        got = trial.call(found=found, truth=truth)
        right = {"merged cells": metrics.merged(found, truth)}
        trial.compare(got, right, mistakes=MERGED_MISTAKES)


def _above_one(held: list[int]) -> int:
    return sum(count for count in held if count > 1)


def _merged(
    enough: Callable = lambda common, true_size, found_size: 2 * common > true_size,
    background: bool = False,
    add_up: Callable = _above_one,
) -> Callable:
    """Counting as it should be, or with a mistake."""

    def count(found, truth):
        held = {}
        for k in np.unique(truth[truth > 0]):
            inside = found[truth == k]
            for number in np.unique(inside):
                common = (inside == number).sum()
                if (number or background) and enough(common, inside.size, (found == number).sum()):
                    held[number] = held.get(number, 0) + 1
        return add_up(list(held.values()))

    return count


MERGED_MISTAKES = {
    "true cells that nobody found were counted as merged, by the background: leave out number 0": (
        _merged(background=True)
    ),
    "a found cell was counted that only touches a second one: it should cover more than half": (
        _merged(enough=lambda common, true_size, found_size: common > 0)
    ),
    "exactly half of a true cell is not enough: more than half": (
        _merged(enough=lambda common, true_size, found_size: 2 * common >= true_size)
    ),
    "half of the true cell was meant, not half of the found one": (
        _merged(enough=lambda common, true_size, found_size: 2 * common > found_size)
    ),
    "the found cells that merge were counted: count the true cells in them": (
        _merged(add_up=lambda held: sum(count > 1 for count in held))
    ),
    "one too few for each object: all true cells that share it are merged, the first one, too": (
        _merged(add_up=lambda held: sum(count - 1 for count in held))
    ),
    "true cells that have a found cell for themselves were counted, too": _merged(add_up=sum),
}

# ---------------------------------------------------------------------- borders


@exercise(
    lesson=12,
    hints=(
        "Compare each pixel with its right neighbour: two slices, cells[:, :-1] and cells[:, 1:].",
        "Two pixels touch across a border if their numbers differ and both are above 0. Set the left "
        "one to 0, in a copy. Then do the same with rows, on what you have by then.",
        "out = cells.copy(); a, b = out[:, :-1], out[:, 1:]; a[(a != b) & (a > 0) & (b > 0)] = 0 "
        "writes into out, since a slice is a view. Then a, b = out[:-1], out[1:].",
    ),
)
def separation_borders(trial: Trial) -> None:
    """Background between touching cells, one pixel wide."""
    rows, columns = np.indices((5, 6))
    slanted = np.where(rows + columns > 4, 2, 1)
    corners = np.array([[1, 1, 0, 0], [1, 1, 0, 0], [0, 0, 2, 2], [0, 0, 2, 2]])
    rng = trial.rng(1)
    blocks = np.kron(rng.integers(0, 4, (4, 4)), np.ones((3, 2), int))
    for cells in (
        LEFT_AND_RIGHT, LEFT_AND_RIGHT.T.copy(), corners, slanted, slanted.T[::-1].copy(),
        np.array([[1, 1, 2, 2, 3, 3]] * 3), np.array([[1, 2, 3]]), blocks, 5 * blocks,
    ):  # fmt: skip
        got = trial.call(cells=cells)
        right = {"the new cells": separate(cells)}
        trial.compare(got, right, axes={"the new cells": PLACE}, mistakes=BORDER_MISTAKES)


def _touch(a, b):
    return (a != b) & (a > 0) & (b > 0)


def _part(
    axes: tuple = (1, 0), erase: str = "first", touch: Callable = _touch, fresh: bool = False
) -> Callable:
    """Parting as it should be, or with a mistake."""

    def part(cells):
        out = cells.copy()
        for axis in axes:
            looked_at, written = (np.moveaxis(a, axis, 0) for a in (cells if fresh else out, out))
            where = touch(looked_at[:-1], looked_at[1:])
            if erase != "second":
                written[:-1][where] = 0
            if erase != "first":
                written[1:][where] = 0
        return out

    return part


def _one_after_another(cells):
    out = cells.copy()
    for axis in (1, 0):
        lines = np.moveaxis(out, axis, 0)
        for i in range(len(lines) - 2, -1, -1):
            lines[i][_touch(lines[i], lines[i + 1])] = 0
    return out


def _corners_too(cells):
    out = _part()(cells)
    out[:-1, :-1][_touch(out[:-1, :-1], out[1:, 1:])] = 0
    return out


def _wrapped(cells):
    out = cells.copy()
    for axis in (1, 0):
        out[_touch(out, np.roll(out, -1, axis))] = 0
    return out


BORDER_MISTAKES = {
    "cells one above the other still touch: compare rows, too": _part(axes=(1,)),
    "cells side by side still touch: compare columns, too": _part(axes=(0,)),
    "both pixels of a pair were given up: one is enough": _part(erase="both"),
    "the right or lower pixel of a pair was given up: it should be the left or upper one": (
        _part(erase="second")
    ),
    "pixels beside the background were given up, too: only where BOTH numbers are above 0": (
        _part(touch=lambda a, b: (a != b) & (a > 0))
    ),
    "the second pass looks at the old cells: on a slanted border two pixels are lost where one is "
    "enough, so look at what the first pass left": _part(fresh=True),
    "pairs were judged one after another: all pairs of a step go by the numbers before it": (
        _one_after_another
    ),
    "the rows were compared first: columns come first": _part(axes=(0, 1)),
    "cells that meet at a corner only are apart already": _corners_too,
    "np.roll goes around: the last column was compared with the first": _wrapped,
    "it is a mask: keep the cells' numbers": lambda cells: _part()(cells) > 0,
}

# ---------------------------------------------------------------------- the weight map


@exercise(
    lesson=12,
    hints=(
        "One distance transform for each cell: how far is every pixel from this one?",
        "ndimage.distance_transform_edt(mask) measures from the True pixels to the nearest False "
        "one. So the cell itself has to be False: cells != k.",
        "Collect the distances of all cells in an array (cells, H, W) and np.sort it along axis 0: "
        "the first two are d1 and d2. np.unique(cells[cells > 0]) are the numbers in use.",
    ),
)
def two_distances(trial: Trial) -> None:
    """The distances to the nearest and the second nearest cell."""
    for cells in _parted_cells(trial):
        got = trial.call(cells=cells)
        right = dict(zip(("d1", "d2"), _distances(cells), strict=True))
        trial.compare(
            got, right, axes=dict.fromkeys(right, PLACE), mistakes=DISTANCE_MISTAKES
        )  # fmt: skip


def _parted_cells(trial: Trial) -> list[np.ndarray]:
    """Two cells; three, with a gap in their numbers; and more, large enough to have an inside."""
    two = np.array([[1, 1, 0, 0, 2, 2, 2], [1, 1, 0, 0, 2, 2, 2], [0, 0, 0, 0, 0, 0, 0]])
    three = np.zeros((9, 12), int)
    three[1:4, 1:5], three[1:6, 6:11], three[6:8, 2:4] = 2, 3, 7
    rng = trial.rng(2)
    return [two, three, separate(np.kron(rng.permutation(12).reshape(3, 4), np.ones((4, 3), int)))]


def _all_distances(cells: np.ndarray) -> np.ndarray:
    numbers = np.unique(cells[cells > 0])
    return np.sort([ndimage.distance_transform_edt(cells != k) for k in numbers], axis=0)


def _distances(cells):
    return tuple(_all_distances(cells)[:2])


def _of_each(measure: Callable, background: bool = False) -> Callable:
    """The two smallest of some measure, taken for each cell."""

    def distances(cells):
        numbers = np.unique(cells if background else cells[cells > 0])
        return tuple(np.sort([measure(cells, k) for k in numbers], axis=0)[:2])

    return distances


DISTANCE_MISTAKES = {
    "both are the distance to the nearest cell: d2 is that to the second nearest": (
        lambda cells: (_distances(cells)[0],) * 2
    ),
    "the two were exchanged": lambda cells: _distances(cells)[::-1],
    "the background was taken for a cell: leave out number 0": _of_each(
        lambda cells, k: ndimage.distance_transform_edt(cells != k), background=True
    ),
    "measured inside the cells: the transform goes from True to the nearest False, so the cell "
    "itself has to be False": _of_each(lambda cells, k: ndimage.distance_transform_edt(cells == k)),
    "d2 is the distance to the farthest cell: take the second nearest": (
        lambda cells: tuple(_all_distances(cells)[[0, -1]])
    ),
    "squared distances": lambda cells: tuple(d**2 for d in _distances(cells)),
    "distances along rows and columns: the straight line is shorter (use ..._edt)": _of_each(
        lambda cells, k: ndimage.distance_transform_cdt(cells != k, "taxicab")
    ),
}


@exercise(
    lesson=12,
    hints=(
        "Two parts: w_c knows only whether a pixel lies in a cell, the border term only d1 and d2.",
        "w_c is n / (2 n_cell) in cells and n / (2 n_background) elsewhere: 0.5 / share with share = "
        "(cells > 0).mean(), and 0.5 / (1 - share). np.where chooses.",
        "border = w0 * np.exp(-((d1 + d2) ** 2) / (2 * sigma**2)), and 0 in cells; add it to w_c.",
    ),
)
def weight_map(trial: Trial) -> None:
    """The paper's weight of every pixel."""
    for cells in _parted_cells(trial):
        for w0, sigma in ((0.0, 5.0), (10.0, 5.0), (7.0, 2.0)):
            got = trial.call(cells=cells, w0=w0, sigma=sigma)
            right = {"the weights": package_map(cells, w0, sigma).astype(float)}
            trial.compare(
                got, right, axes={"the weights": PLACE}, mistakes=MAP_MISTAKES, tolerance=1e-5
            )


def _gauss(d1, d2, sigma):
    return np.exp(-((d1 + d2) ** 2) / (2 * sigma**2))


def _map(
    term: Callable = _gauss,
    balance: Callable = lambda share: (0.5 / (1 - share), 0.5 / share),
    everywhere: bool = False,
) -> Callable:
    """The weight map as it should be, or with a mistake."""

    def weights(cells, w0, sigma):
        inside = cells > 0
        background, cell = balance(inside.mean())
        border = w0 * term(*_distances(cells), sigma)
        where = np.ones_like(inside) if everywhere else ~inside
        return np.where(inside, cell, background) + np.where(where, border, 0)

    return weights


MAP_MISTAKES = {
    "the class balance is forgotten: w_c is 1 everywhere": _map(balance=lambda share: (1, 1)),
    "the balance is exchanged: the rarer class should weigh more": (
        _map(balance=lambda share: (0.5 / share, 0.5 / (1 - share)))
    ),
    "w_c is twice as large: its mean should be 1": (
        _map(balance=lambda share: (1 / (1 - share), 1 / share))
    ),
    "the border term reaches into the cells: it belongs to the background only": (
        _map(everywhere=True)
    ),
    "each distance was squared for itself: square the sum, (d1 + d2)^2": (
        _map(lambda d1, d2, sigma: np.exp(-(d1**2 + d2**2) / (2 * sigma**2)))
    ),
    "the 2 before sigma^2 is missing": (
        _map(lambda d1, d2, sigma: np.exp(-((d1 + d2) ** 2) / sigma**2))
    ),
    "sigma is not squared": _map(lambda d1, d2, sigma: np.exp(-((d1 + d2) ** 2) / (2 * sigma))),
    "the minus in the exponent is missing": _map(lambda d1, d2, sigma: 1 / _gauss(d1, d2, sigma)),
    "d2 is missing: every rim lights up, beside lonely cells as well": (
        _map(lambda d1, d2, sigma: _gauss(d1, 0, sigma))
    ),
    "d1 was taken twice: every rim lights up, beside lonely cells as well": (
        _map(lambda d1, d2, sigma: _gauss(d1, d1, sigma))
    ),
    "w0 is missing": lambda cells, w0, sigma: _map()(cells, 1, sigma),
    "the border term alone: w_c is missing": (
        lambda cells, w0, sigma: _map()(cells, w0, sigma) - _map()(cells, 0, sigma)
    ),
}  # fmt: skip

# ---------------------------------------------------------------------- Dice


def _dice_cases(trial: Trial):
    """Probabilities, one-hot labels, weights and s: without weights first, float32 at last."""
    rng = trial.rng(3)
    for shape, s in (((1, 2, 2), 0.0), ((1, 2, 3), 1.0), ((2, 3, 4), 0.0), ((2, 3, 4), 1.0)):
        p, g = rng.uniform(0.05, 0.95, shape), (rng.random(shape) < 0.4).astype(float)
        g.ravel()[0] = 1
        yield p, g, np.ones(shape), s
    yield p, g, (w := rng.uniform(0.5, 3, shape)), 1.0
    yield (*(a.astype(np.float32) for a in (p, g, w)), 1.0)


def _ab(p, g, w, s):
    return 2 * (w * p * g).sum() + s, (w * (p * p + g * g)).sum() + s


@exercise(
    lesson=12,
    hints=(
        "Two sums over all pixels, and a quotient.",
        "Top: twice the sum of w p g, plus s. Bottom: the sum of w (p^2 + g^2), plus s.",
        "A = 2 * (w * p * g).sum() + s; B = (w * (p * p + g * g)).sum() + s; the result is A / B.",
    ),
)
def dice(trial: Trial) -> None:
    """The soft Dice overlap of probabilities and truth."""
    with np.errstate(all="ignore"):
        for p, g, w, s in _dice_cases(trial):
            a, b = _ab(p, g, w, s)
            right = {"D": np.asarray(a / b, p.dtype)}
            trial.compare(trial.call(p=p, g=g, w=w, s=s), right, mistakes=DICE_MISTAKES)


def _quotient(make: Callable) -> Callable:
    return lambda p, g, w, s: np.divide(*make(p, g, w, s))


DICE_MISTAKES = {
    "the 2 in front of the overlap is missing: a perfect prediction should give 1": _quotient(
        lambda p, g, w, s: ((w * p * g).sum() + s, _ab(p, g, w, s)[1])
    ),
    "p is not squared in the bottom sum": _quotient(
        lambda p, g, w, s: (_ab(p, g, w, s)[0], (w * (p + g)).sum() + s)
    ),
    "it is the IoU: the overlap was subtracted in the bottom sum": _quotient(
        lambda p, g, w, s: ((w * p * g).sum() + s, (w * (p * p + g * g - p * g)).sum() + s)
    ),
    "1 - D is the loss: here D itself is asked for": (
        lambda p, g, w, s: 1 - np.divide(*_ab(p, g, w, s))
    ),
    "s is missing": lambda p, g, w, s: np.divide(*_ab(p, g, w, 0)),
    "s is missing in the top sum": _quotient(
        lambda p, g, w, s: (_ab(p, g, w, 0)[0], _ab(p, g, w, s)[1])
    ),
    "the weights are missing": lambda p, g, w, s: np.divide(*_ab(p, g, 1, s)),
    "the weights are missing in the bottom sum": _quotient(
        lambda p, g, w, s: (_ab(p, g, w, s)[0], _ab(p, g, 1, s)[1])
    ),
    "a mean of quotients, pixel by pixel: sum first, then divide": (
        lambda p, g, w, s: ((2 * w * p * g + s) / (w * (p * p + g * g) + s)).mean()
    ),
    "a Dice for each image, and their mean: the sums go over the whole batch": (
        lambda p, g, w, s: np.mean([np.divide(*_ab(*i, s)) for i in zip(p, g, w, strict=True)])
    ),
}


@exercise(
    lesson=12,
    hints=(
        "D = A / B, and one p occurs in both. The rule for quotients: (A' B - A B') / B^2.",
        "For one pixel A' is 2 w g and B' is 2 w p. Since A = D B, one B cancels.",
        "2 * w * (g - p * D) / B with D and B as in the last exercise: no loop, no sum but theirs.",
    ),
)
def dice_gradient(trial: Trial) -> None:
    """The gradient of the soft Dice overlap with respect to the probabilities."""
    with np.errstate(all="ignore"):
        for p, g, w, s in _dice_cases(trial):
            right = {"dp": _slope(p, g, w, s)}
            trial.compare(
                trial.call(p=p, g=g, w=w, s=s), right, axes={"dp": ("batch", *PLACE)},
                mistakes=SLOPE_MISTAKES,
            )  # fmt: skip


def _slope(p, g, w, s):
    a, b = _ab(p, g, w, s)
    return 2 * w * (g - p * (a / b)) / b


def _with(formula: Callable) -> Callable:
    """A formula of p, g, w, A and B."""
    return lambda p, g, w, s: formula(p, g, w, *_ab(p, g, w, s))


SLOPE_MISTAKES = {
    "the sign: the gradient of D, not that of the loss 1 - D": lambda *a: -_slope(*a),
    "the bottom sum was taken for a constant: it changes with p, too": _with(
        lambda p, g, w, a, b: 2 * w * g / b
    ),
    "D is missing behind p: g - p D": _with(lambda p, g, w, a, b: 2 * w * (g - p) / b),
    "a plus between the two terms: in the rule for quotients it is a minus": _with(
        lambda p, g, w, a, b: 2 * w * (g + p * (a / b)) / b
    ),
    "divided by B once too often: one cancels": _with(
        lambda p, g, w, a, b: 2 * w * (g - p * (a / b)) / b**2
    ),
    "the weight of the pixel is missing": _with(lambda p, g, w, a, b: 2 * (g - p * (a / b)) / b),
    "the slope of p + g in the bottom sum: here it is p^2 + g^2": _with(
        lambda p, g, w, a, b: w * (2 * g - a / b) / b
    ),
    "it was summed over the pixels: each has a gradient of its own": (
        lambda *a: _slope(*a).sum()
    ),
}  # fmt: skip
