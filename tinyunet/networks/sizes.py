"""Which image sizes a network takes, and what comes out of each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tqdm import tqdm

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

    def output(self, side: int) -> int | None:
        """Return the side of the output for a side of the input, None if that is no valid one."""
        valid = side >= self.first and (side - self.first) % self.step == 0
        return side - self.lost if valid else None

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


def sizes_by_trying(
    output_size: Callable[[int, int], tuple[int, int]], who: str
) -> tuple[Sizes, Sizes]:
    """Find what sizes a network takes, along the height and along the width.

    The smallest square comes first. From there on each axis grows alone, until two more sizes are
    found at the same distance.

    Parameters
    ----------
    output_size
        Returns the (height, width) that comes out for a (height, width), or raises an error.
    who
        The network, for error messages.

    Raises
    ------
    ValueError
        If no square up to `LIMIT` pixels is taken, or the output doesn't grow pixel by pixel with
        the input.
    """
    remedy = "define output_size, input_size and valid_input_sizes in it, or mend its forward"
    last: Exception | None = None

    def tried(height: int, width: int) -> tuple[int, int] | None:
        nonlocal last
        try:
            return output_size(height, width)
        except Exception as error:
            last = error
            return None

    squares = tqdm(range(1, LIMIT + 1), desc=f"sizes of {who}", delay=2, leave=False)
    smallest = next(((side, out) for side in squares if (out := tried(side, side))), None)
    squares.close()
    if smallest is None:
        raise ValueError(f"{who} takes no square image up to {LIMIT} pixels: {last}") from last
    first, least = smallest

    found = []
    for axis, what in ((0, "height"), (1, "width")):
        valid = [(first, least[axis])]
        for side in range(first + 1, first + LIMIT):
            out = tried(*((side, first) if axis == 0 else (first, side)))
            if out is not None:
                valid.append((side, out[axis]))
            if len(valid) == 3:
                break
        (a, b, c), outs = zip(*valid, strict=True) if len(valid) == 3 else ((0, 0, 1), (0, 0, 0))
        if b - a != c - b or [out - outs[0] for out in outs] != [0, b - a, c - a]:
            pairs = ", ".join(f"{side} -> {out}" for side, out in valid)
            raise ValueError(
                f"the output of {who} does not grow pixel by pixel with the image ({what}: {pairs}), "
                f"so tinyunet cannot lay windows for it: {remedy}"
            )
        found.append(Sizes(first, b - a, first - least[axis]))
    return found[0], found[1]
