"""Lesson 12: background between touching cells."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tinyunet.data.weightmap import separate
from tinyunet.exercises.lesson_12.merged_cells import LEFT_AND_RIGHT
from tinyunet.exercises.registry import exercise
from tinyunet.exercises.trial import Trial

PLACE = ("height", "width")


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
        trial.require_array(got, "the new cells")
        right = {"the new cells": separate(cells)}
        mistakes = {**BORDER_MISTAKES, EATEN: _eaten(got)}
        trial.compare(got, right, axes={"the new cells": PLACE}, mistakes=mistakes)


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


def _eaten(got: Any) -> Callable:
    """What was returned, if pixels were given up that touch no other cell."""

    def eaten(cells):
        contact = np.zeros(cells.shape, bool)
        for axis in (0, 1):
            a, where = np.moveaxis(cells, axis, 0), np.moveaxis(contact, axis, 0)
            where[:-1] |= _touch(a[:-1], a[1:])
            where[1:] |= _touch(a[:-1], a[1:])
        values = np.asarray(got)
        lost = (cells > 0) & (values == 0)
        if not (lost & ~contact).any() or not (lost | (values == cells)).all():
            raise ValueError
        return values

    return eaten


EATEN = "cells were eaten where they touch no other cell, at their rims: give up contacts only"

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
