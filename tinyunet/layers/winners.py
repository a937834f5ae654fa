"""Which value of a pooling window is the largest, and who gets its gradient: ties are decided here."""

from __future__ import annotations

from types import ModuleType

from tinyunet.engine.arrays import Array, array_module


def largest(xp: ModuleType, y: Array, first: Array, *others: Array) -> None:
    """Set y to the largest of the corners of each window."""
    xp.maximum(first, others[0] if others else first, out=y)
    for corner in others[1:]:
        xp.maximum(y, corner, out=y)


def route(xp: ModuleType, dy: Array, y: Array, winner: Array | None, *corners: Array) -> None:
    """Set the gradients of the corners, which come first, from dy; then come the corners.

    Here ties are decided: corners are visited row by row, and the first that holds the maximum takes
    all of dy, so that nothing is left for a later one.
    """
    count, claimed = len(corners) // 2, None  # whether an earlier corner of the window won
    for i, (dcorner, corner) in enumerate(zip(corners[:count], corners[count:], strict=True)):
        won = xp.equal(corner, y) if winner is None else xp.equal(winner, i)
        if claimed is not None:
            won = xp.greater(won, claimed)
        xp.multiply(dy, won, out=dcorner)
        claimed = won if claimed is None else xp.logical_or(claimed, won)


def add_up(dy: Array, winner: Array, dcorners: list[Array]) -> None:
    """Add to the gradients of the corners, which may share pixels, from dy."""
    for i, dcorner in enumerate(dcorners):
        dcorner += dy * (winner == i)


def first_winner(corners: list[Array]) -> Array:
    """Return the index of the first corner that holds the largest value of its window.

    Here, too, ties are decided: a later corner must be greater, not equal, to win.
    """
    xp = array_module(corners[0])
    best, winner = corners[0], xp.zeros(corners[0].shape, "int32")
    for i, corner in enumerate(corners[1:], start=1):
        better = corner > best
        winner = xp.where(better, i, winner)
        best = xp.where(better, corner, best)
    return winner
