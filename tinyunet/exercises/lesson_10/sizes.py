"""Lesson 10: sizes that fit."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinyunet.exercises.registry import exercise
from tinyunet.exercises.trial import Trial
from tinyunet.networks.unet import UNet


@exercise(
    lesson=10,
    hints=(
        "Walk through the U with one side in your hand: two convolutions, halve, two convolutions, "
        "halve, ... then the same upwards.",
        "Every pair of 3x3 convolutions takes 4 pixels. On each level down: subtract 4, then halve; "
        "the half must be whole. At the bottom subtract 4. On each level up: double, subtract 4.",
        "for _ in range(depth): side -= 4; if side % 2: return None; side //= 2. Then side -= 4, and "
        "for _ in range(depth): side = 2 * side - 4. Return None as well where side is not above 0, "
        "on the way or at the end.",
    ),
)
def output_side(trial: Trial) -> None:
    """The side of a valid U-Net's output, or None where the input does not fit."""
    networks = {depth: UNet(base_channels=1, depth=depth) for depth in (1, 2, 3, 4)}
    for side, depth in (
        (572, 4), (188, 4), (44, 2), (48, 2), (20, 1), (18, 1), (92, 3), (100, 3),
        (45, 2), (46, 2), (570, 4), (16, 1), (14, 1), (28, 2), (40, 2), (172, 4), (2, 1), (1, 3),
        *trial.drawn((10, 200), (1, 5)),
        *((12 + 2**depth * n, depth) for n, depth in trial.drawn((4, 40), (1, 5))),
    ):  # fmt: skip
        right = _output_side(networks[depth], side)
        got = trial.call(side=side, depth=depth)
        if right is None:
            trial.require(
                not _is_zero(got), "the side", f"is {got!r}, should be None",
                "None is wanted where the input does not fit, not 0 as in lesson 7: 0 is a number, "
                "with which one could go on",
            )  # fmt: skip
            trial.require(
                got is None, "the side", f"is {got!r}, should be None: {_reason(side, depth)}",
                "an odd side was halved, or a side fell to 0 or below, and nobody noticed",
            )  # fmt: skip
            continue
        trial.require(
            got is not None and not _is_zero(got), "the side", f"is {got!r}, should be {right}",
            "a size that fits was refused: is the test for odd sides before the halving, and after "
            "the two convolutions?",
        )  # fmt: skip
        trial.compare(got, {"the side": right}, mistakes=SIDE_MISTAKES)


def _is_zero(got: Any) -> bool:
    return isinstance(got, int | float | np.integer) and got == 0


def _output_side(network: UNet, side: int) -> int | None:
    try:
        return network.output_size(side, side)[0]
    except ValueError:
        return None


def _reason(side: int, depth: int) -> str:
    for level in range(depth):
        side -= 4
        if side % 2:
            return f"the pooling of level {level} would see {side}, which is odd"
        side //= 2
    if side <= 4:
        return f"the bottom sees {side}, and its two convolutions leave nothing"
    return "nothing is left on the way up"


def _walk(side, depth, down=4, bottom=4, up=4):
    for _ in range(depth):
        side = (side - down) // 2
    side -= bottom
    for _ in range(depth):
        side = 2 * side - up
    return side


SIDE_MISTAKES = {
    "a pair of 3x3 convolutions takes 4 pixels off a side: yours takes 2": (
        lambda side, depth: _walk(side, depth, 2, 2, 2)
    ),
    "the bottom's two convolutions are missing": lambda side, depth: _walk(side, depth, bottom=0),
    "the convolutions on the way up are missing": lambda side, depth: _walk(side, depth, up=0),
    "the convolutions on the way down are missing": lambda side, depth: _walk(side, depth, down=0),
    "with same padding the output would be as large as the input: here there is no padding": (
        lambda side, depth: side
    ),
    "that is the side at the bottom: the way up is missing": (
        lambda side, depth: (_walk(side, depth, up=0)) // 2**depth
    ),
    "one level too many": lambda side, depth: _walk(side, depth + 1),
    "one level too few": lambda side, depth: _walk(side, depth - 1),
    "184 is the paper's, for four levels: what is lost depends on the depth": (
        lambda side, depth: side - 184
    ),
}
