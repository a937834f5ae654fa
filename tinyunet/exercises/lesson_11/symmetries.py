"""Lesson 11: the eight symmetries of the square."""

from __future__ import annotations

import numpy as np

from tinyunet.exercises.registry import exercise
from tinyunet.exercises.trial import Trial


class _Generator(np.random.Generator):
    """A random generator that has no address in a message."""

    def __repr__(self) -> str:
        return "a generator"


@exercise(
    lesson=11,
    hints=(
        "Draw what will be done first, with rng; then do it, the same to all three arrays.",
        "rng.integers(4) is a number of quarter turns and rng.integers(2) says whether to mirror. "
        "np.rot90(array, turns) turns the first two axes, whether there is a third or not.",
        "After both draws, for each array: array = np.rot90(array, turns), and if mirrored "
        "array = array[:, ::-1]. Return the three.",
    ),
)
def random_symmetry(trial: Trial) -> None:
    """One of the eight symmetries of the square, the same for image, labels and weights."""
    rng = _Generator(trial.rng(1).bit_generator)
    labels = np.arange(25).reshape(5, 5)  # every pixel can be recognised
    image = np.stack([labels + 0.5, -labels - 0.5], axis=2).astype(np.float32)
    weights = labels / 10
    seen = np.zeros(8, int)
    for _ in range(400):
        got = trial.call(rng=rng, image=image, labels=labels, weights=weights)
        if not isinstance(got, tuple | list) or len(got) != 3:
            trial.fail("your function", "should return image, labels and weights")
        which = None
        for name, before, after in zip(
            ("the image", "labels", "weights"), (image, labels, weights), got, strict=True
        ):
            which = _symmetry_of(trial, name, before, after, which)
        seen[which] += 1
    never = [SYMMETRIES[i] for i in np.flatnonzero(seen == 0)]
    causes = {
        tuple(SYMMETRIES[4:]): "the quarter turns are drawn, but nothing is ever mirrored",
        tuple(SYMMETRIES[1:4] + SYMMETRIES[5:]): "mirrored or not, but never turned",
        tuple(SYMMETRIES[i] for i in (1, 3, 5, 7)): "half turns only: a square has quarter turns",
        tuple(SYMMETRIES[i] for i in (3, 7)): "rng.integers(3) ends at 2: the end is not included",
    }
    cause = causes.get(tuple(never), "")
    if len(never) == 7:
        cause = "always the same: is a generator made anew inside, or nothing drawn?"
    trial.require(
        not never, "the draw", f"never gave in 400 calls: {', '.join(never)}", cause,
    )  # fmt: skip
    _require_its_generator(trial, image, labels, weights)
    trial.require(
        seen.min() >= 20, "the draw", f"gave the eight symmetries {list(map(int, seen))} times",
        "all eight should be equally likely",
    )  # fmt: skip


def _require_its_generator(trial: Trial, image, labels, weights) -> None:
    """The same generator in the same state has to give the same, or no training can be repeated."""
    for seed in range(6):
        twins = [
            trial.call(
                rng=_Generator(np.random.default_rng([seed, trial.seed]).bit_generator),
                image=image, labels=labels, weights=weights,
            )[1]
            for _ in range(2)
        ]  # fmt: skip
        trial.require(
            np.array_equal(*twins), "the draw", "was another for a generator in the same state",
            "draw with rng, not with a generator of your own: else no training can be repeated",
        )  # fmt: skip


SYMMETRIES = [
    f"{turn}{flip}"
    for flip in ("", ", mirrored")
    for turn in ("no turn", "a quarter turn", "a half turn", "three quarter turns")
]


def _symmetries(array):
    turned = [np.rot90(array, turns) for turns in range(4)]
    return turned + [array[:, ::-1] for array in turned]


def _symmetry_of(trial: Trial, name: str, before, after, wanted: int | None) -> int:
    """Which symmetry was applied; ends the trial if it is none, or not the wanted one."""
    after = np.asarray(after)
    all_eight = _symmetries(before)
    found = next((i for i, s in enumerate(all_eight) if np.array_equal(s, after)), None)
    if found is None:
        text = f"is no symmetry of what was given (shape {before.shape} before, {after.shape} now)"
        channels = any(np.array_equal(s[..., ::-1], after) for s in all_eight)
        axes = [np.rot90(before, k, (1, 2)) for k in (1, 2, 3)] if before.ndim == 3 else []
        if before.ndim == 3 and (channels or any(np.array_equal(a, after) for a in axes)):
            trial.fail(name, text, "the channels were moved: they are the last axis of the image")
        trial.fail(name, text)
    if after.dtype != before.dtype:
        new = "a new array without a dtype is float64: give it the dtype of the argument"
        text = f"has dtype {after.dtype}, should have {before.dtype}"
        trial.fail(name, text, new if after.dtype == np.float64 else "")
    if wanted is not None and found != wanted:
        cause = "it was turned otherwise: draw once, and do the same to all three"
        if found == 0:
            cause = "it stayed where it was, while the image moved"
        trial.fail(
            name, f"got '{SYMMETRIES[found]}', but the image got '{SYMMETRIES[wanted]}'", cause
        )
    return found
