"""Lesson 12: the paper's weight map."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import ndimage

from tinyunet.data.weightmap import separate
from tinyunet.data.weightmap import weight_map as package_map
from tinyunet.exercises.registry import exercise
from tinyunet.exercises.trial import Trial

PLACE = ("height", "width")


def as_precise_as(right: np.ndarray, got: Any) -> np.ndarray:
    """The right values in float32 if the answer is of it, else in float64: no type is asked for."""
    return right.astype(np.float32 if getattr(got, "dtype", None) == np.float32 else float)


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
        if isinstance(got, np.ndarray) and got.shape == (2, *cells.shape):
            got = tuple(got)  # an array of both can be taken apart as well
        given = list(got) if isinstance(got, tuple | list) else []
        for name, values in zip(("d1", "d2"), given, strict=False):
            trial.require_array(values, name)
        right = {
            name: as_precise_as(values, given[i] if i < len(given) else None)
            for i, (name, values) in enumerate(zip(("d1", "d2"), _distances(cells), strict=True))
        }
        trial.compare(
            got, right, axes=dict.fromkeys(right, PLACE), mistakes=DISTANCE_MISTAKES
        )  # fmt: skip


def _parted_cells(trial: Trial) -> list[np.ndarray]:
    """Two cells; three, with a gap in their numbers; and more, large enough to have an inside."""
    two = np.array([[1, 1, 0, 0, 2, 2, 2], [1, 1, 0, 0, 2, 2, 2], [0, 0, 0, 0, 0, 0, 0]])
    three = np.zeros((9, 12), int)
    three[1:4, 1:5], three[1:6, 6:11], three[6:8, 2:4] = 2, 3, 7
    rng = trial.rng(2)
    return [three, two, separate(np.kron(rng.permutation(12).reshape(3, 4), np.ones((4, 3), int)))]


def _all_distances(cells: np.ndarray) -> np.ndarray:
    numbers = np.unique(cells[cells > 0])
    return np.sort([ndimage.distance_transform_edt(cells != k) for k in numbers], axis=0)


def _distances(cells):
    return tuple(_all_distances(cells)[:2])


def _first_two(cells, numbers, order=lambda far: np.sort(far, axis=0)):
    far = [ndimage.distance_transform_edt(cells != k) for k in numbers]
    return tuple(order(far)[:2])


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
    "range counts numbers that no cell has: np.unique(cells[cells > 0]) are those in use": (
        lambda cells: _first_two(cells, range(1, cells.max() + 1))
    ),
    "cells were numbered 1, 2, ... up to their count: np.unique(cells[cells > 0]) are the numbers": (
        lambda cells: _first_two(cells, range(1, len(np.unique(cells[cells > 0])) + 1))
    ),
    "d2 is the distance to the farthest cell: take the second nearest": (
        lambda cells: tuple(_all_distances(cells)[[0, -1]])
    ),
    "the distances were not sorted: at each pixel another cell is the nearest": (
        lambda cells: _first_two(cells, np.unique(cells[cells > 0]), lambda far: far)
    ),
    "sorted along the rows: the cells are axis 0": (
        lambda cells: _first_two(cells, np.unique(cells[cells > 0]), np.sort)
    ),
    "np.argsort gives places: np.sort gives the distances": (
        lambda cells: _first_two(
            cells, np.unique(cells[cells > 0]), lambda far: np.argsort(far, axis=0)
        )
    ),
    "d2 is how much farther the second cell is: its own distance is wanted": (
        lambda cells: (_distances(cells)[0], np.subtract(*_distances(cells)[::-1]))
    ),
    "the two largest were taken: d1 and d2 are the two smallest": (
        lambda cells: tuple(_all_distances(cells)[-2:])
    ),
    "the smallest of all pixels: each pixel has its own d1 and d2": (
        lambda cells: tuple(np.sort(_all_distances(cells), axis=None)[:2])
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
        for w0, sigma in ((10.0, 5.0), (0.0, 5.0), (7.0, 2.0)):
            got = trial.call(cells=cells, w0=w0, sigma=sigma)
            trial.require_array(got, "the weights")
            right = {"the weights": as_precise_as(package_map(cells, w0, sigma), got)}
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
    "the sum of the distances is not squared": (
        _map(lambda d1, d2, sigma: np.exp(-(d1 + d2) / (2 * sigma**2)))
    ),
    "the border term is missing, or next to nothing: the divisor, 2 sigma^2, needs brackets": (
        _map(lambda d1, d2, sigma: np.exp(-((d1 + d2) ** 2) / 2 * sigma**2))
    ),
    "the 2 was squared, too: 2 sigma^2, not (2 sigma)^2": (
        _map(lambda d1, d2, sigma: np.exp(-((d1 + d2) ** 2) / (2 * sigma) ** 2))
    ),
    "d1 is missing: the border term falls with both distances": (
        _map(lambda d1, d2, sigma: _gauss(0, d2, sigma))
    ),
    "the difference of the distances: it should be their sum": (
        _map(lambda d1, d2, sigma: _gauss(d1, -d2, sigma))
    ),
    "the product of the distances: it should be their sum": (
        _map(lambda d1, d2, sigma: _gauss(d1 * d2, 0, sigma))
    ),
    "the border term was normalised: its height is w0": (
        _map(lambda d1, d2, sigma: _gauss(d1, d2, sigma) / (sigma * np.sqrt(2 * np.pi)))
    ),
    "w_c is the share itself: the rarer class should weigh more": (
        _map(balance=lambda share: (1 - share, share))
    ),
    "w0 is an argument: it need not be 10": lambda cells, w0, sigma: _map()(cells, 10, sigma),
    "sigma is an argument: it need not be 5": lambda cells, w0, sigma: _map()(cells, w0, 5),
    "the border term was multiplied with w_c: add it": lambda cells, w0, sigma: np.where(
        cells > 0, 1, w0 * _gauss(*_distances(cells), sigma)
    ) * _map()(cells, 0, sigma),
    "in the background w_c was replaced by the border term: add the two": (
        lambda cells, w0, sigma: np.where(
            cells > 0, _map()(cells, 0, sigma), w0 * _gauss(*_distances(cells), sigma)
        )
    ),
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
