"""Lesson 7: sizes and parameters of a U-Net."""

from __future__ import annotations

import numpy as np

import tinyunet as tu
from tinyunet.exercises.registry import exercise
from tinyunet.exercises.trial import Trial

# ---------------------------------------------------------------------- sizes


@exercise(
    lesson=7,
    hints=(
        "Go down the left arm with a number in place of an image: what does a pair of convolutions "
        "do to a side, and what does a pooling?",
        "Down, depth times: minus 4, is it even and above 0? Halve it. At the bottom: minus 4. Up, "
        "depth times: twice, minus 4. Return 0 as soon as something does not work.",
        "for _ in range(depth): side -= 4; if side < 2 or side % 2: return 0; side //= 2. Then "
        "side -= 4, and the loop upwards with side = 2 * side - 4. At the end max(side, 0).",
    ),
)
def unet_output_side(trial: Trial) -> None:
    """How large the output of a U-Net is, and which inputs it refuses."""
    for side, depth in (
        (60, 1), (572, 4), (20, 1), (44, 2), (92, 3), (188, 4), (61, 2), (58, 2), (572, 3), (570, 4),
        (12, 1), (10, 2), (40, 2), (300, 1), *trial.drawn((10, 200), (1, 5)),
        *((12 + 2**depth * n, depth) for n, depth in trial.drawn((4, 40), (1, 5))),
    ):  # fmt: skip
        got = trial.call(side=side, depth=depth)
        trial.compare(got, {"the output's side": _output_side(side, depth)}, mistakes=SIDE_MISTAKES)
        trial.require(
            isinstance(got, int | np.integer), "the output's side",
            f"is {got!r}, should be a whole number", "/ gives a float: // divides whole numbers",
        )  # fmt: skip


def _output_side(side, depth):
    try:
        return tu.UNet(base_channels=1, depth=depth).output_size(side, side)[0]
    except ValueError:
        return 0


def _walk(down=4, bottom=4, up=4, even=True, levels=0):
    """The output's side with some of the losses changed, and perhaps odd sides allowed."""

    def walk(side, depth):
        for _ in range(depth + levels):
            side -= down
            if side < 2 or (even and side % 2):
                return 0
            side //= 2
        side -= bottom
        for _ in range(depth + levels):
            side = 2 * side - up
        return max(side, 0)

    return walk


def _below_zero(side, depth):
    for _ in range(depth):
        side = (side - 4) // 2
    side -= 4
    for _ in range(depth):
        side = 2 * side - 4
    return side


def _left_arm(side, depth):
    for _ in range(depth):
        side = (side - 4) // 2
    return max(side - 4, 0)


def _other_order(side, depth):
    for _ in range(depth):
        side = side // 2 - 4
    side -= 4
    for _ in range(depth):
        side = 2 * side - 4
    return max(side, 0)


SIDE_MISTAKES = {
    "each pair of convolutions takes 4 pixels off, here it is 2": _walk(2, 2, 2),
    "the two convolutions at the bottom are missing": _walk(bottom=0),
    "the convolutions of the right arm are missing": _walk(up=0),
    "the way up is missing: twice, minus 4, on each level": _left_arm,
    "halved before the convolutions, or doubled after them: going down, minus 4 comes first; going "
    "up, it comes last": _other_order,
    "the image's side need not be a multiple of 2**depth: what stands before each pooling is even": (
        lambda side, depth: 0 if side % 2**depth else _walk()(side, depth)
    ),
    "the convolutions of the left arm are missing": _walk(down=0),
    "an odd side is refused: a pooling would have to cut a pixel off": _walk(even=False),
    "so much is lost on the way, but not every side fits: each pooling needs an even one": (
        lambda side, depth: max(side - 12 * 2**depth + 8, 0)
    ),
    "there is one level too many": _walk(levels=1),
    "there is one level too few": _walk(levels=-1),
    "where nothing is left, the answer is 0, not a number below 0": _below_zero,
}


# ---------------------------------------------------------------------- parameters


@exercise(
    lesson=7,
    hints=(
        "A convolution has a weight for each pair of an input and an output channel, at every place "
        "of its kernel, and a bias for each output channel. Write a small function for that.",
        "Go through the levels: the left arm's pair, from half as many channels (or the image's); "
        "the bottom; the up-convolution, from twice as many; the right arm's pair, whose first "
        "reads twice as many because of the concat; at last the 1x1 convolution.",
        "With conv = lambda k, a, b: k * k * a * b + b and c = base * 2**level, each level has "
        "conv(3, before, c) + conv(3, c, c) + conv(2, 2 * c, c) + conv(3, 2 * c, c) + conv(3, c, c).",
    ),
)
def unet_parameters(trial: Trial) -> None:
    """How many numbers a U-Net learns."""
    for images, classes, base, depth in (
        (3, 5, 4, 2), (1, 2, 1, 1), (1, 2, 4, 1), (3, 2, 4, 2), (3, 5, 8, 3), (1, 2, 16, 4),
        *trial.drawn((1, 5), (2, 6), (1, 10), (1, 4)),
    ):  # fmt: skip
        right = tu.UNet(images, classes, base_channels=base, depth=depth).num_parameters
        got = trial.call(in_channels=images, num_classes=classes, base_channels=base, depth=depth)
        trial.compare(got, {"the number": right}, mistakes=COUNT_MISTAKES)
    got = trial.call(in_channels=1, num_classes=2, base_channels=64, depth=4)
    trial.compare(got, {"the number": 31_030_658}, mistakes=COUNT_MISTAKES)


def _count(
    bias=1, concat=2, up=2, second=True, bottom=True, head=1, image=True, power=2, of_inputs=False,
    width=lambda base, level: base * 2**level, right=True,
):  # fmt: skip
    """The number of parameters of a network that was misunderstood in some way."""

    def conv(k, a, b):
        return k**power * a * b + bias * (a if of_inputs else b)

    def pair(a, c):
        return conv(3, a, c) + second * conv(3, c, c)

    def count(in_channels, num_classes, base, depth):
        total = 0
        for level in range(depth):
            c, below = width(base, level), width(base, level + 1)
            before = width(base, level - 1) if level else (in_channels if image else 1)
            total += pair(before, c) + (pair(concat * c, c) if right else 0)
            total += conv(up, below, c) if up else 0
        if bottom:
            total += pair(width(base, depth - 1), width(base, depth))
        return total + (conv(head, base, num_classes) if head else 0)

    return count


def _off(by):
    """The right number and so many more, for each level's c channels: what a mistake adds."""
    return lambda i, k, b, d: _count()(i, k, b, d) + sum(by(b * 2**level) for level in range(d))


COUNT_MISTAKES = {
    "the up-convolutions' biases are missing": _off(lambda c: -c),
    "the bias of the last convolution is missing": lambda i, k, b, d: _count()(i, k, b, d) - k,
    "the up-convolution halves the channels, from 2 c to c: yours keeps them": (
        _off(lambda c: 17 * c * c + c)
    ),
    "the second convolution of the right arm reads c channels: only the first reads 2 c": (
        _off(lambda c: 9 * c * c)
    ),
    "a kernel has k * k places, not k": _count(power=1),
    "the channels double from level to level": _count(width=lambda base, level: base * (level + 1)),
    "a convolution has a bias for each output channel, not for each input channel": (
        _count(of_inputs=True)
    ),
    "the right arm is missing": _count(right=False, up=0),
    "one level too few": lambda i, k, b, d: _count()(i, k, b, d - 1),
    "in_channels and num_classes are exchanged": lambda i, k, b, d: _count()(k, i, b, d),
    "num_classes is ignored": lambda i, k, b, d: _count()(i, 2, b, d),
    "base_channels is ignored: it need not be 64": lambda i, k, b, d: _count()(i, k, 64, d),
    "the biases are missing: one for each output channel": _count(bias=0),
    "the concat is forgotten: the first convolution of the right arm reads twice as many channels": (
        _count(concat=1)
    ),
    "the up-convolutions are missing": _count(up=0),
    "the up-convolutions' kernels are 2 by 2, not 3 by 3": _count(up=3),
    "a level's second convolution is missing": _count(second=False),
    "the bottom is missing": _count(bottom=False),
    "the last convolution, to the classes, is missing": _count(head=0),
    "the last convolution's kernel is 1 by 1, not 3 by 3": _count(head=3),
    "the image's channels are ignored": _count(image=False),
    "one level too many": lambda i, k, b, d: _count()(i, k, b, d + 1),
}
