"""Lesson 17: the gradient of a node that many take."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tinyunet.exercises import comparison
from tinyunet.exercises.registry import exercise
from tinyunet.exercises.trial import Stop, Trial
from tinyunet.gradcheck.diagnosis import IMAGE


class Arrays(list):
    """A list that shows the shapes of its arrays, not their numbers."""

    def __repr__(self) -> str:
        return f"[{', '.join(f'an array {array.shape}' for array in self)}]"


@exercise(
    lesson=17,
    hints=(
        "X[i, k] was copied to several places, and the loss changes through each of them. What does "
        "that make of their gradients?",
        "All of `others` count whole; of each gradient in `dconcats` only the c channels where X[i, k] "
        "stood. Before them stand the c that came up, and those of k nodes.",
        "Add up d[..., (k + 1) * c : (k + 2) * c] for d in dconcats, and everything in others. Begin "
        "with the sum of two arrays, or a copy: `total += ...` on one of theirs writes into it.",
    ),
)
def node_gradient(trial: Trial) -> None:
    """The gradient of a node whose features went many ways."""
    rng, trial.crashes = trial.rng(1), FORK_CRASHES
    for k, c, right_nodes, others, dtype in (
        (0, 2, 2, 2, "float64"), (1, 2, 2, 1, "float64"), (0, 2, 1, 1, "float64"),
        (0, 3, 4, 1, "float64"), (1, 3, 3, 2, "float64"), (2, 1, 2, 2, "float64"),
        (2, 2, 0, 1, "float64"), (3, 2, 0, 2, "float64"), (1, 2, 1, 0, "float64"),
        (1, 2, 2, 2, "float32"),
    ):  # fmt: skip
        shape = (2, 2, 3)
        given = [rng.standard_normal((*shape, (k + 2 + n) * c)) for n in range(right_nodes)]
        more = [rng.standard_normal((*shape, c)) for _ in range(others)]
        lists = [Arrays(array.astype(dtype) for array in arrays) for arrays in (given, more)]
        kept = [[array.copy() for array in arrays] for arrays in lists]
        got = trial.call(k=k, c=c, dconcats=lists[0], others=lists[1])
        _check_untouched(trial, lists, kept)
        try:
            trial.compare(
                got, {"dx": _sum(k, c, *kept)}, axes={"dx": IMAGE}, mistakes=FORK_MISTAKES
            )
        except Stop:
            if not right_nodes and got is None:
                trial.findings()[0].cause = "with nothing in dconcats, the others still count"
            raise


def _check_untouched(trial: Trial, lists: list[list], kept: list[list]) -> None:
    """A `Trial` looks after arrays only: these are in lists."""
    for name, after, before in zip(("dconcats", "others"), lists, kept, strict=True):
        whole = len(after) == len(before) and all(
            comparison.same(a, b, 1e-12) for a, b in zip(after, before, strict=True)
        )
        trial.require(
            whole, name, "your function wrote into it",
            "total = others[0] is no copy, and += writes into the array itself, which others may "
            "still need: begin with a copy, or with a sum of two",
        )  # fmt: skip


def _parts(k, c, dconcats, first=None):
    """The channels of each concat's gradient from `first` on, those of node k by default."""
    first = (k + 1) * c if first is None else first
    return [d[..., first : first + c] for d in dconcats]


def _sum(k, c, dconcats, others, parts=None):
    arrays = [*(_parts(k, c, dconcats) if parts is None else parts), *others]
    if not arrays or any(array.shape != arrays[0].shape for array in arrays):
        raise ValueError("no such sum")
    return np.sum(arrays, axis=0)


def _from(start: Callable, end: Callable | None = None) -> Callable:
    """The sum of the wrong channels, as a student adds them up."""
    return lambda k, c, dconcats, others: sum(
        [*(d[..., start(k, c) : end and end(k, c)] for d in dconcats), *others]
    )


FORK_CRASHES = {
    "what follows X[i, k] in a concat belongs to other nodes: its channels end at (k + 2) * c": (
        _from(lambda k, c: (k + 1) * c)
    ),
    "one node too far: X[i, k] begins at channel (k + 1) * c": (
        _from(lambda k, c: (k + 2) * c, lambda k, c: (k + 3) * c)
    ),
    "dconcats may be empty: begin with what there is": lambda k, c, d, o: d[0],
    "others may be empty: begin with what there is": lambda k, c, d, o: o[0],
}
FORK_MISTAKES = {
    "all numbers were added up to one: sum(...) of a list, or np.sum(..., axis=0), adds arrays": (
        lambda k, c, d, o: np.sum([array.sum() for array in [*_parts(k, c, d), *o]])
    ),
    "a node is c channels wide: it begins at (k + 1) * c, not at k + 1": (
        lambda k, c, d, o: _sum(k, c, d, o, _parts(k, c, d, k + 1))
    ),
    "the channels that came up from below stand first in a concat: those of X[i, k] begin at "
    "(k + 1) * c, not at k * c": lambda k, c, d, o: _sum(k, c, d, o, _parts(k, c, d, k * c)),
    "the last concat overwrote the others: all gradients should be added": (
        lambda k, c, d, o: _sum(k, c, d, o, _parts(k, c, d)[-1:])
    ),
    "only the first concat's gradient was used: all should be added": (
        lambda k, c, d, o: _sum(k, c, d, o, _parts(k, c, d)[:1])
    ),
    "the concats' gradients are missing: these are the others alone": (
        lambda k, c, d, o: _sum(k, c, [], o)
    ),
    "the others are missing: what came back through the head, the pooling or the up-convolution": (
        lambda k, c, d, o: _sum(k, c, d, [])
    ),
    "only the last gradient arrived, all others were overwritten: add them": (
        lambda k, c, d, o: [*_parts(k, c, d), *o][-1]
    ),
    "a mean: where paths meet again, gradients are added, not averaged": (
        lambda k, c, d, o: _sum(k, c, d, o) / (len(d) + len(o))
    ),
    "the first c channels of each concat were taken: those came up from below": (
        lambda k, c, d, o: _sum(k, c, d, o, _parts(k, c, d, 0))
    ),
    "the last c channels of each concat were taken: X[i, k] is the last one only in the concat of "
    "its neighbour": lambda k, c, d, o: _sum(k, c, d, o, [x[..., -c:] for x in d]),
    "one node too far to the right: those of X[i, k] begin at (k + 1) * c": (
        lambda k, c, d, o: _sum(k, c, d, o, _parts(k, c, d, (k + 2) * c))
    ),
    "one channel in place of c: every node has c of them": (
        lambda k, c, d, o: _sum(k, c, d, o, [x[..., k + 1 : k + 2] + 0 * x[..., :c] for x in d])
    ),
    "the gradients stand side by side: they should be added": (
        lambda k, c, d, o: np.concatenate([*_parts(k, c, d), *o], axis=-1)
    ),
    "a stack of the gradients: their sum is missing": (
        lambda k, c, d, o: np.stack([*_parts(k, c, d), *o])
    ),
}
