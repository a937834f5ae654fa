"""A network's calls as a graph: on which level each lies, and what goes past the coarser levels."""

from __future__ import annotations

import math
from dataclasses import dataclass

from tinyunet.layers import CenterCrop, CropAt
from tinyunet.layers.separable import Separable
from tinyunet.networks.receptive_field import IMAGE, Calls, coarser

Edge = tuple[int, int]  # the number of a call, and which of its inputs


@dataclass(frozen=True)
class Skip:
    """A short way: an array that goes to a later layer past a coarser level.

    Attributes
    ----------
    edge
        Where it is joined: the number of the call, and which of its inputs.
    source
        The call that made what is brought, or `IMAGE`; a crop on the way is none.
    """

    edge: Edge
    source: int


class Graph:
    """What the calls of a network's layers make of each other's outputs.

    A join is a call with two inputs or more. The one with the longest way behind it is deep; another is
    a skip if that way visits a coarser level than the join lies on. In a U-Net these are its skips.

    Attributes
    ----------
    calls, last
        The calls, and which of them made the network's output; None if no layer did.
    levels
        Of each call's output: 0 for that of the image, 1 for half of its side, and so on.
    complete
        Whether layers made all arrays between the image and the output.
    used
        The calls on which the output depends; all of them where that is not known.
    skips
        From the finest to the coarsest.
    bottom
        The last call on the coarsest level among those without skips; None if all is on level 0.
    """

    def __init__(self, calls: Calls, last: int | None) -> None:
        self.calls, self.last = calls, last
        self.makers = [makers or [None] for *_, makers in calls.made]
        self.levels: list[int] = []
        self._lengths: list[int] = []
        for number, makers in enumerate(self.makers):
            level = self._behind(makers[0])[1] + self._deeper(number) if makers else 0
            self._lengths.append(1 + max((self._behind(maker)[0] for maker in makers), default=0))
            self.levels.append(level)
        self.complete = last is not None and None not in {m for some in self.makers for m in some}
        known = self.complete and last is not None
        self.used = self.before(last) if known else set(range(len(self.makers)))
        self.skips = sorted(
            self._found(), key=lambda skip: (self.level(skip.source), skip.edge, skip.source)
        )
        self.bottom = self._coarsest() if known else None

    def level(self, number: int) -> int:
        """The level of a call's output, 0 for the image."""
        return 0 if number == IMAGE else self.levels[number]

    def shape(self, number: int) -> tuple[int, ...]:
        """The (N, H, W, C) of a call's output, or of the image; vectors (N, C) have one pixel."""
        shape = self.calls.image if number == IMAGE else self.calls.made[number][2].shape
        return image_shape(shape)

    def before(self, number: int | None) -> set[int]:
        """All calls on which a call's output depends, itself too."""
        found: set[int] = set()
        waiting = [number]
        while waiting:
            call = waiting.pop()
            if call is not None and call not in found and call != IMAGE:
                found.add(call)
                waiting += self.makers[call]
        return found

    def deep(self, number: int) -> int:
        """Which of a call's inputs has the longest way behind it."""
        makers = self.makers[number]
        return max(range(len(makers)), key=lambda i: self._behind(makers[i]))

    def uncropped(self, number: int) -> int:
        """The call whose output is brought, before a crop."""
        while number != IMAGE and is_crop(self.calls, number):
            number = self.makers[number][0] or 0
        return number

    def _behind(self, maker: int | None) -> tuple[int, int]:
        """How many calls lie on the longest way to an array, and the array's level."""
        if maker is None:  # taken to be made of what was made last
            maker = len(self.levels) - 1
        return (0, 0) if maker == IMAGE else (self._lengths[maker], self.levels[maker])

    def _deeper(self, number: int) -> int:
        """How many levels further down a call's output lies than its input."""
        _, layer, y, makers = self.calls.made[number]
        if (
            isinstance(layer, Separable) and makers[0] is not None
        ):  # as many pixels as are asked for
            return round(math.log2(self.shape(makers[0])[1] / y.shape[1]))
        return round(math.log2(coarser(layer, 0)))

    def _found(self) -> list[Skip]:
        found = []
        for number in sorted(self.used) if self.complete else ():
            makers = self.makers[number]
            if len(makers) < 2:
                continue
            deep = self.deep(number)
            way = self.before(makers[deep])
            for i, maker in enumerate(makers):
                past = way - self.before(maker)
                coarsest = max((self.levels[call] for call in past), default=0)
                if i != deep and maker is not None and coarsest > self.levels[number]:
                    found.append(Skip((number, i), self.uncropped(maker)))
        return found

    def _coarsest(self) -> int | None:
        """The last call of the coarsest level on the way that takes no skip."""
        edges = {skip.edge for skip in self.skips}
        way: set[int] = set()
        waiting = [self.last]
        while waiting:
            number = waiting.pop()
            if number is not None and number != IMAGE and number not in way:
                way.add(number)
                waiting += [
                    m for i, m in enumerate(self.makers[number]) if (number, i) not in edges
                ]
        coarsest = max(self.levels[number] for number in way)
        return max(n for n in way if self.levels[n] == coarsest) if coarsest > 0 else None


def image_shape(shape: tuple[int, ...]) -> tuple[int, ...]:
    """The (N, H, W, C) of an array; one of another shape, such as vectors (N, C), has one pixel."""
    return shape if len(shape) == 4 else (*(shape[:1] or (1,)), 1, 1, math.prod(shape[1:]))


def is_crop(calls: Calls, number: int) -> bool:
    """Whether a call cuts a part out of its input."""
    return isinstance(calls.made[number][1], CenterCrop | CropAt)
