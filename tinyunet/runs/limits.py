"""What is too large for this machine is refused, or warned of, before it takes memory or time."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterable
from typing import Any

from tinyunet.engine import budget
from tinyunet.engine.machine import memory_gb, memory_of
from tinyunet.networks.network import Network
from tinyunet.networks.outline import LAYERS, stated_outline
from tinyunet.networks.summary import MB, summarize
from tinyunet.runs.network import defaults, make

NUMBER = 4  # bytes
# How many arrays as large as the parameters there are: while training the parameters, their gradients,
# two of Adam's, and the best parameters; for a summary a copy.
TRAINING, SHOWING = 5, 2
MANY = 200_000_000  # parameters: six times the paper's
PIXELS = 1 << 20  # with fewer in a step, nobody asks what it takes
SYNTHETIC = 40  # bytes a pixel of an image that is drawn takes, its labels and cells included
Tell = Callable[[str], None]


def say(sentence: str) -> None:
    """Tell whoever runs a command, beside its results."""
    print(sentence, file=sys.stderr, flush=True)


def make_within(
    network: type[Network],
    options: dict[str, Any],
    choices: Iterable[str] = (),
    *,
    copies: int,
    device: str = "cpu",
    tell: Tell = say,
) -> Network:
    """Make a network as `tinyunet.runs.network.make` does, if this machine can hold it.

    Raises
    ------
    ValueError
        If its parameters, so many `copies` of them, would fill more than the memory; on a CPU only,
        a GPU knows best what it can hold.
    """
    memory = memory_of(device)
    if memory is None:
        return make(network, options, choices)
    count = _stated_parameters(network, options)
    limit = int(memory * 1e9 / NUMBER / copies)
    if count is not None and count > limit:
        raise ValueError(_too_many(f"{count:,}", count * NUMBER * copies / 1e9, memory))
    if count is not None and count > MANY:
        tell(_many(count, copies))
    try:
        with budget.at_most(limit, LAYERS):
            model = make(network, options, choices)
    except budget.TooLarge as error:
        raise ValueError(_too_many(f"more than {limit:,}", memory, memory)) from error
    if count is None and model.num_parameters > MANY:
        tell(_many(model.num_parameters, copies))
    return model


def check_step(model: Network, size: tuple[int, int], batch_size: int, device: str) -> None:
    """Raise ValueError if what a step of training keeps would fill more than the memory.

    What the smallest image takes is measured, and larger ones are taken to need as much more as they
    have more pixels.
    """
    pixels, memory = batch_size * math.prod(size), memory_of(device)
    if pixels < PIXELS or memory is None:
        return
    smallest = summarize(model)
    area = math.prod(smallest.input_shape[:2])
    needed = smallest.activation_mb * MB * pixels / area / 1e9
    if needed > memory:
        what = "an image" if batch_size == 1 else f"a step of {batch_size} windows"
        raise ValueError(
            f"{what} of {size[0]} x {size[1]} pixels would keep about {needed:,.0f} GB for the "
            f"backward pass, and this machine has {memory:.0f} GB: take smaller ones, or fewer"
        )


def check_synthetic(images: int, size: int) -> None:
    """Raise ValueError if so many images of this side would fill more than the memory."""
    memory, needed = memory_gb(), images * size**2 * SYNTHETIC / 1e9
    if memory is not None and needed > memory:
        raise ValueError(
            f"{images:,} images of {size:,} x {size:,} pixels take about {needed:,.0f} GB, and this "
            f"machine has {memory:.0f} GB: choose fewer with --images, or smaller ones with --size"
        )


def _stated_parameters(network: type[Network], options: dict[str, Any]) -> int | None:
    """How many parameters its class says that there would be; None where it does not say."""
    try:
        outline = stated_outline(network, defaults(network) | options)
    except (ValueError, TypeError):  # making it will say what is wrong
        return None
    return None if outline is None else sum(map(math.prod, outline.parameters.values()))


def _too_many(count: str, needed: float, memory: float) -> str:
    return (
        f"the network would have {count} parameters (the paper's U-Net has 31,030,658) and take "
        f"{needed:,.0f} GB with what goes with them, and this machine has {memory:.0f} GB: choose "
        "fewer channels, or a network that is less deep"
    )


def _many(count: int, copies: int) -> str:
    return (
        f"warning: the network has {count:,} parameters (the paper's U-Net has 31,030,658): they take "
        f"{count * NUMBER * copies / 1e9:.1f} GB, and on a CPU a single step may take minutes"
    )
