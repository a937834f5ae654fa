"""Lesson 18: how far a stack of convolutions sees."""

from __future__ import annotations

import functools
import math

from tinyunet.exercises.registry import exercise
from tinyunet.exercises.trial import Trial

Layers = list[tuple[int, int, int]]


@exercise(
    lesson=18,
    hints=(
        "Begin with nothing: a pixel sees itself, 1. What does one layer of kernel 3 add, and what "
        "does the same layer add after another with stride 2?",
        "Carry two numbers along: the field so far, and how many image pixels lie between two "
        "neighbours of the map so far. A layer's outermost weights are (kernel - 1) * dilation such "
        "steps apart; its stride makes the steps of all layers after it longer.",
        "field, step = 1, 1, and for each layer: field += (kernel - 1) * dilation * step, then "
        "step *= stride.",
    ),
)
def receptive_field(trial: Trial) -> None:
    """How many pixels in a row one pixel of a stack's output sees."""
    drawn = trial.drawn((1, 6), (1, 4), (1, 5), (1, 6), (1, 4), (1, 5), (2, 6), (1, 4), (1, 5))
    for layers in (
        [(5, 3, 2), (3, 2, 5), (3, 1, 4)], [(3, 1, 1)], [(3, 1, 1), (3, 1, 1)], [(5, 1, 1), (2, 1, 1)],
        [(3, 1, 1), (3, 2, 1), (5, 1, 1)],
        [(2, 2, 1), (3, 2, 1), (3, 1, 1)], [(3, 1, 2)], [(3, 1, 1), (3, 1, 2), (3, 1, 4)],
        [(3, 2, 1), (3, 1, 1), (3, 2, 1), (3, 1, 2), (3, 1, 4)], [(7, 2, 3), (1, 3, 1), (4, 1, 2)],
        [(1, 1, 1)], [],
        *([numbers[i : i + 3] for i in (0, 3, 6)] for numbers in drawn),
    ):  # fmt: skip
        right = {"the field": _field(layers)}
        trial.compare(trial.call(layers=layers), right, mistakes=FIELD_MISTAKES)


def _field(layers: Layers, begin=1, reach=lambda k, d: (k - 1) * d, early=False,
           jump=lambda step, s, d: step * s):  # fmt: skip
    """The right way, and with something changed, a wrong one."""
    field, step = begin, 1
    for kernel, stride, dilation in layers:
        step = jump(step, stride, dilation) if early else step
        field += reach(kernel, dilation) * step
        step = step if early else jump(step, stride, dilation)
    return field


def _product(layers: Layers) -> int:
    result = 1
    for kernel, _, dilation in layers:
        result *= (kernel - 1) * dilation + 1
    return result


FIELD_MISTAKES = {
    "the strides are ignored: after a stride of 2 neighbours are 2 image pixels apart": (
        lambda layers: _field(layers, jump=lambda step, s, d: 1)
    ),
    "the dilation is ignored: it moves a kernel's weights apart": (
        lambda layers: _field(layers, reach=lambda k, d: k - 1)
    ),
    "a layer's own stride is counted in its own step: it makes the steps after it longer": (
        lambda layers: _field(layers, early=True)
    ),
    "kernel weights have kernel - 1 steps between them, not kernel": (
        lambda layers: _field(layers, reach=lambda k, d: k * d)
    ),
    "with dilation the kernel spans (kernel - 1) * dilation + 1, so it adds (kernel - 1) * dilation": (
        lambda layers: _field(layers, reach=lambda k, d: k * d - 1)
    ),
    "it begins with 0, but a pixel without any layer sees itself: 1": (
        lambda layers: _field(layers, begin=0)
    ),
    "strides are added up: two strides of 2 make steps of 4, a product": (
        lambda layers: _field(layers, jump=lambda step, s, d: step + s - 1)
    ),
    "only the stride of the layer just before counts: the steps are the product of all before": (
        lambda layers: _field(layers, jump=lambda step, s, d: s)
    ),
    "the dilation makes later steps longer, too: it leaves the map as fine as it was": (
        lambda layers: _field(layers, jump=lambda step, s, d: step * s * d)
    ),
    "the layers are taken from the last to the first: this rule begins at the image": (
        lambda layers: _field(layers[::-1])
    ),
    "that is the reach to one side: the field is both sides and the pixel itself": (
        lambda layers: (_field(layers) - 1) // 2
    ),
    "the spans are multiplied: fields add up": _product,
    "the strides are added to the step: they multiply it": (
        lambda layers: _field(layers, jump=lambda step, s, d: step + s)
    ),
    "a layer is (kernel, stride, dilation): the last two are exchanged": (
        lambda layers: _field([(kernel, stride, dilation) for kernel, dilation, stride in layers])
    ),
    "dilation multiplies the steps between the weights, (kernel - 1) * dilation": (
        lambda layers: _field(layers, reach=lambda k, d: k - 1 + d)
    ),
    "a layer's own stride was multiplied in: the steps are the product of those BEFORE it": (
        lambda layers: 1 + sum((k - 1) * d * s for k, s, d in layers)
    ),
    "only the first layer was counted: return belongs behind the loop": (
        lambda layers: _field(layers[:1])
    ),
    "it is the step between two pixels of the last map, the product of all strides": (
        lambda layers: math.prod(stride for _, stride, _ in layers)
    ),
    "the field was multiplied by the stride: only the step is": (
        lambda layers: functools.reduce(
            lambda field, at: field * at[1] + (at[0] - 1) * at[2], layers, 1
        )
    ),
}
