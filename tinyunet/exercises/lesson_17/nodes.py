"""Lesson 17: the nodes of the triangle, their channels, and which of them a head needs."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from tinyunet.exercises.registry import exercise
from tinyunet.exercises.trial import Trial

PAPER = (32, 64, 128, 256, 512)


@exercise(
    lesson=17,
    hints=(
        "For j = 0, only one thing comes in: what is it, and how many channels has it? For j > 0 "
        "count what the concat joins.",
        "X[i, 0] gets the pooled X[i-1, 0], or the image. To X[i, j] come X[i, 0] ... X[i, j-1] and, "
        "from below, an up-convolution, which gives f[i] channels, however many it takes.",
        "j == 0: f[i-1] if i else in_channels. Else j times f[i] from the left and once f[i] from "
        "below: (j + 1) * f[i].",
    ),
)
def node_channels(trial: Trial) -> None:
    """How many channels go into a node of U-Net++."""
    for i, j, f, in_channels in (
        (0, 4, PAPER, 1), (1, 1, PAPER, 1), (2, 2, PAPER, 1), (0, 1, PAPER, 1), (0, 0, PAPER, 3),
        (2, 0, PAPER, 3), (4, 0, PAPER, 1), (1, 2, (5, 7, 11, 13), 2), (0, 3, (5, 7, 11, 13), 2),
        *(
            (i, j, (4, 9, 10, 15, 21), 3)
            for i, j in trial.drawn((0, 5), (0, 5), count=12)
            if i + j <= 4
        ),
    ):  # fmt: skip
        got = trial.call(i=i, j=j, f=f, in_channels=in_channels)
        right = _channels(i, j, f, in_channels)
        trial.compare(got, {"the channels": right}, mistakes=CHANNEL_MISTAKES)


def _channels(i, j, f, in_channels):
    if j == 0:
        return f[i - 1] if i else in_channels
    return (j + 1) * f[i]


def _joined(count: Callable) -> Callable:
    """Something else for what is joined; the first column is right."""
    return lambda i, j, f, n: count(i, j, f) if j else _channels(i, j, f, n)


def _first(count: Callable) -> Callable:
    """Something else for the first column; what is joined is right."""
    return lambda i, j, f, n: _channels(i, j, f, n) if j else count(i, f, n)


CHANNEL_MISTAKES = {
    "what comes up from below is missing: it is joined to the j nodes on the left": (
        _joined(lambda i, j, f: j * f[i])
    ),
    "what comes up from below was counted with its channels down there: the up-convolution makes "
    "f[i] of them": _joined(lambda i, j, f: j * f[i] + f[i + 1]),
    "only two things are joined, as in a plain U-Net: here all j nodes on the left are": (
        _joined(lambda i, j, f: 2 * f[i])
    ),
    "all nodes of the row were counted: only those on the left of X[i, j] go in": (
        _joined(lambda i, j, f: (len(f) - i) * f[i])
    ),
    "one node too many: X[i, 0] to X[i, j-1] are j nodes": _joined(lambda i, j, f: (j + 2) * f[i]),
    "that is what comes out of the node: f[i] channels": lambda i, j, f, n: f[i],
    "the row and the column are exchanged: i is the level": (
        lambda i, j, f, n: _channels(j, i, f, n)
    ),
    "in the first column nothing is joined: X[i, 0] gets only what was pooled": (
        lambda i, j, f, n: (j + 1) * f[i]
    ),
    "a pooling keeps the channels: X[i, 0] gets the f[i-1] of the level above": (
        _first(lambda i, f, n: f[i] if i else n)
    ),
    "X[0, 0] gets the image: in_channels": _first(lambda i, f, n: f[i - 1]),
    "X[0, 0] gets the image, which has in_channels channels: not 1": (
        _first(lambda i, f, n: f[i - 1] if i else 1)
    ),
}


@exercise(
    lesson=17,
    hints=(
        "Begin at X[0, k], where the head sits, and go backwards: which nodes does it take? And which "
        "do these take?",
        "X[i, j] takes X[i+1, j-1] and all on its left. One step to the lower left keeps i + j, one "
        "to the left makes it smaller.",
        "All (i, j) with i + j <= k: for i in range(k + 1), for j in range(k + 1 - i).",
    ),
)
def nodes_of_head(trial: Trial) -> None:
    """The nodes that a head needs."""
    for k in (2, 1, 4, 3, *(number for (number,) in trial.drawn((5, 12)))):
        got = _pairs(trial, trial.call(k=k))
        right = _needed(k)
        wrong = sorted(set(got) ^ right)
        cause = next((what for what, make in NODE_MISTAKES.items() if set(got) == make(k)), "")
        if wrong:
            first = wrong[0]
            what = "has" if first in got else "lacks"
            why = "head k does not need it" if first in got else "a node that head k needs"
            text = f"{what} {first}, {why}: {len(set(got))} nodes, should be {len(right)}"
            trial.fail("the nodes", text, cause)
        trial.require(
            len(got) == len(right), "the nodes", f"are {len(got)}, should be {len(right)}",
            "some come more than once: a set forgets that",
        )  # fmt: skip


def _pairs(trial: Trial, got: Any) -> list[tuple[int, int]]:
    """The answer as a list of pairs; a finding where it is something else."""
    if got is None:
        trial.fail("the nodes", "are None, should be a set of pairs", "a missing return")
    if not isinstance(got, Iterable) or isinstance(got, str):
        kind = type(got).__name__
        trial.fail(
            "the nodes", f"should be a set of pairs (i, j), yours is of type {kind}",
            "their number alone? The nodes themselves are wanted" if isinstance(got, int) else "",
        )  # fmt: skip
    pairs = []
    for node in got:
        try:
            i, j = (int(number) for number in node)
        except (TypeError, ValueError):
            trial.fail(
                "the nodes", f"should be pairs (i, j), yours has {node!r}",
                "a list of rows? Each node is a pair of its own" if isinstance(node, list) else "",
            )  # fmt: skip
        pairs.append((i, j))
    return pairs


def _needed(k):
    return {(i, j) for i in range(k + 1) for j in range(k + 1 - i)}


def _where(true: Callable) -> Callable:
    return lambda k: {(i, j) for i in range(k + 2) for j in range(k + 2) if true(i, j, k)}


NODE_MISTAKES = {
    "i + j < k: the nodes with i + j = k are missing, and with them the head's own": (
        _where(lambda i, j, k: i + j < k)
    ),
    "one diagonal too many: i + j = k + 1 comes after the head": (
        _where(lambda i, j, k: i + j <= k + 1)
    ),
    "only one diagonal: these nodes take others, on their left": (
        _where(lambda i, j, k: i + j == k)
    ),
    "only the top row: X[0, j] takes X[1, j-1] from below": (
        _where(lambda i, j, k: i == 0 and j <= k)
    ),
    "only what a plain U-Net has, the first column and the diagonal: here X[0, k] takes all nodes on "
    "its left": _where(lambda i, j, k: (i + j <= k) and (j == 0 or i + j == k)),
    "a square: below the diagonal from X[k, 0] to X[0, k] the head needs nothing": (
        _where(lambda i, j, k: i <= k and j <= k)
    ),
    "the first column is missing: the encoder's nodes": (
        _where(lambda i, j, k: i + j <= k and j > 0)
    ),
    "the lowest level is missing: range(k) ends with k - 1": (
        _where(lambda i, j, k: i + j <= k and i < k)
    ),
    "the head's own node, X[0, k], is missing": _where(lambda i, j, k: i + j <= k and j < k),
}
