"""Which image sizes a network takes, and what comes out of each."""

from __future__ import annotations

import itertools
import re
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tinyunet.engine.progress import Progress
from tinyunet.engine.rules import short

LIMIT = 640  # pixels: no network is tried with a larger image


@dataclass(frozen=True)
class Sizes:
    """The sides that a network takes along one axis: ``first``, ``first + step``, and so on.

    Attributes
    ----------
    first
        The smallest side, in pixels.
    step
        From one to the next: 2^d where d poolings halve the image.
    lost
        How many pixels fewer come out than go in.
    """

    first: int
    step: int
    lost: int

    def takes(self, side: int) -> bool:
        """Whether a side is a valid one."""
        return side >= self.first and (side - self.first) % self.step == 0

    def input(self, side: int) -> int:
        """Return the smallest valid side whose output is at least `side`."""
        return self.first + self.step * max(0, -(-(side + self.lost - self.first) // self.step))

    def nearest(self, side: int) -> list[int]:
        """The largest valid side up to `side` and the smallest from it on."""
        below = self.first + self.step * max(0, (side - self.first) // self.step)
        return sorted({below, self.input(side - self.lost)})

    def up_to(self, limit: int) -> list[int]:
        """All valid sides up to `limit`."""
        return list(range(self.first, limit + 1, self.step))


def check_sizes(who: str, sizes: Any) -> None:
    """Raise TypeError for a `Network.sizes` that cannot be meant, such as a user's own numbers."""
    if not (isinstance(sizes, tuple | list) and [type(axis) for axis in sizes] == [Sizes, Sizes]):
        raise TypeError(
            f"{who}.sizes says which heights and which widths a network takes, as two "
            f"tinyunet.networks.Sizes, got {short(sizes)}: call an attribute of yours by another name"
        )


# What a network may raise where a size does not suit it. Anything else is a mistake in its code, and
# goes to who wrote it as it is.
REFUSALS = (ValueError, IndexError, ArithmeticError, AssertionError, RuntimeError)
# Where the same error comes at all of 33 to 64 pixels, with every remainder that poolings could leave,
# and at these, it isn't the size that does not suit.
SAME, FAR = 64, (128, 256, 512)
Trial = Callable[[int, int], tuple[int, int] | None]


def sizes_by_trying(
    output_size: Callable[[int, int], tuple[int, int]], who: str
) -> tuple[Sizes, Sizes]:
    """Find what sizes a network takes, along the height and along the width.

    The smallest square comes first. From there on each axis grows alone, until two more sizes are
    found at the same distance; then it shrinks alone, as far as the network takes it.

    Parameters
    ----------
    output_size
        Returns the (height, width) that comes out for a (height, width), or raises one of `REFUSALS`.
    who
        The network, for error messages.

    Raises
    ------
    ValueError
        If no square up to `LIMIT` pixels is taken, or the output doesn't grow pixel by pixel with
        the input, or is larger.
    Exception
        What the network raises, where that does not depend on the size.
    """
    last: Exception | None = None

    def tried(height: int, width: int) -> tuple[int, int] | None:
        nonlocal last
        try:
            return output_size(height, width)
        except REFUSALS as error:
            last = error
            return None

    squares = Progress(range(1, LIMIT + 1), desc=f"sizes of {who:.30}", delay=2, leave=False)
    square, kinds = None, []
    for side in squares:
        if tried(side, side):
            square = side
            break
        kinds.append(_kind(last))
        same = side == SAME and len(set(kinds[side // 2 :])) == 1
        if same and all(not tried(far, far) and _kind(last) == kinds[-1] for far in FAR):
            squares.close()
            assert last is not None
            raise last
    squares.close()
    if square is None:
        raise ValueError(
            f"{who} takes no square image up to {LIMIT} pixels: {last}. Mend its forward; or set "
            "self.sizes, or self.in_channels if they are others, in its constructor"
        ) from last
    return _along(tried, square, 0, who), _along(tried, square, 1, who)


def _kind(error: Exception | None) -> tuple[Any, ...]:
    """What an error is, whatever the size: its type, its words without numbers, and its place."""
    place = traceback.extract_tb(error.__traceback__)[-1] if error else None
    return type(error), re.sub(r"\d+", "", str(error)), place and (place.filename, place.lineno)


def _along(tried: Trial, square: int, axis: int, who: str) -> Sizes:
    """The sizes along one axis, found from the smallest square."""

    def out(side: int) -> int | None:
        found = tried(*((side, square) if axis == 0 else (square, side)))
        return None if found is None else found[axis]

    larger = ((side, out(side)) for side in range(square, square + LIMIT))
    valid = list(itertools.islice((pair for pair in larger if pair[1] is not None), 3))
    sides, outs = zip(*valid, strict=True)
    steps = [b - a for line in (sides, outs) for a, b in itertools.pairwise(line)]
    if len(valid) < 3 or len(set(steps)) > 1 or outs[0] > sides[0]:
        pairs = ", ".join(f"{side} -> {y}" for side, y in valid)
        wrong = "is larger than" if outs[0] > sides[0] else "does not grow pixel by pixel with"
        raise ValueError(
            f"the output of {who} {wrong} the image ({('height', 'width')[axis]}: {pairs}), so "
            "tinyunet cannot lay windows for it: mend its forward, so that every pixel of the output "
            "is one of the image"
        )
    first, step, lost = sides[0], steps[0], sides[0] - outs[0]
    while first > step and out(first - step) == first - step - lost:
        first -= step
    return Sizes(first, step, lost)
