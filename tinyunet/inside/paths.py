"""The ways through a network: its levels, its skips, and how much of a gradient came through each."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass

import numpy as np

from tinyunet.engine.arrays import Array
from tinyunet.inside.record import Edge, Record
from tinyunet.networks.receptive_field import IMAGE, PIXELWISE


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


class Paths:
    """The graph of a record's calls.

    A join is a call with two inputs or more. The one with the longest way behind it is deep; another is
    a skip if that way visits a coarser level than the join lies on. In a U-Net these are its skips.

    Attributes
    ----------
    levels
        Of each call's output: 0 for that of the image, 1 for half of its side, and so on.
    skips
        From the finest to the coarsest.
    bottom
        The last call on the coarsest level among those without skips; None if all is on level 0.
    """

    def __init__(self, record: Record) -> None:
        self.record = record
        self.levels, self._lengths = [], []
        for call in record.calls:
            behind = [self._behind(maker) for maker in call.makers]
            length, level = max(behind, default=(0, 0))
            if call.inputs:
                level = self._behind(call.makers[0])[1]
            if call.inputs and not isinstance(call.layer, PIXELWISE):  # a crop makes nothing coarser
                ratio = call.inputs[0][1] / call.output.shape[1]
                level += round(math.log2(ratio))
            self._lengths.append(length + 1)
            self.levels.append(level)
        self.skips = sorted(self._found(), key=lambda skip: (self.level(skip.source), skip.edge))
        self.bottom = self._coarsest()

    def level(self, number: int) -> int:
        """The level of a call's output, 0 for the image."""
        return 0 if number == IMAGE else self.levels[number]

    def _behind(self, maker: int | None) -> tuple[int, int]:
        """How many calls lie on the longest way to an array, and the array's level."""
        known = maker is not None and maker != IMAGE
        return (self._lengths[maker], self.levels[maker]) if known else (0, 0)

    def _found(self) -> list[Skip]:
        record, found = self.record, []
        used = record.before(record.last) if record.complete else set()
        for number in sorted(used):
            makers = record.calls[number].makers
            if len(makers) < 2:
                continue
            deep = max(range(len(makers)), key=lambda i: self._behind(makers[i]))
            way = record.before(makers[deep]) if makers[deep] != IMAGE else set()
            for i, maker in enumerate(makers):
                past = way if maker == IMAGE else way - record.before(maker)
                coarsest = max((self.levels[call] for call in past), default=0)
                if i != deep and coarsest > self.levels[number]:
                    found.append(Skip((number, i), self._uncropped(maker)))
        return found

    def _uncropped(self, number: int) -> int:
        """The call whose output is brought, before a crop."""
        record = self.record
        while number != IMAGE and record.calls[number].options:
            number = record.calls[number].makers[0]
        return number

    def _coarsest(self) -> int | None:
        """The last call of the coarsest level on the way that takes no skip."""
        record = self.record
        if not record.complete:
            return None
        edges = {skip.edge for skip in self.skips}
        way, waiting = set(), [record.last]
        while waiting:
            number = waiting.pop()
            if number != IMAGE and number not in way:
                way.add(number)
                makers = enumerate(record.calls[number].makers)
                waiting += [maker for i, maker in makers if (number, i) not in edges]
        coarsest = max(self.levels[number] for number in way)
        return max(n for n in way if self.levels[n] == coarsest) if coarsest > 0 else None

    @functools.cached_property
    def _edges(self) -> set[Edge]:
        return {skip.edge for skip in self.skips}

    def gradients(self, dy: Array) -> Gradients:
        """Go back from a gradient `dy` of the logits, by each way on its own."""
        record = self.record
        through, waiting = record.sweep({record.last: dy}, self._edges)
        whole, by_skip = dict(through), {}
        for skip in self.skips:
            if skip.edge not in waiting:
                continue
            maker = record.calls[skip.edge[0]].makers[skip.edge[1]]
            part, _ = record.sweep({maker: waiting[skip.edge]}) if maker != IMAGE else (
                {IMAGE: waiting[skip.edge]}, {},
            )  # fmt: skip
            by_skip[skip.edge] = part.get(IMAGE)
            for number, gradient in part.items():
                whole[number] = whole[number] + gradient if number in whole else gradient
        return Gradients(whole, through.get(IMAGE), by_skip)


@dataclass(frozen=True)
class Gradients:
    """What came back from one gradient of the logits.

    Attributes
    ----------
    whole
        The gradient of each call's output, and of the image (`IMAGE`): the sum over all ways.
    bottom
        The part of the image's gradient that took no skip, None if there is none.
    skips
        By the edge of a skip, the part whose first skip, seen from the output, was this one. Every way
        belongs to one part, so the parts add up to the whole.
    """

    whole: dict[int, Array]
    bottom: Array | None
    skips: dict[Edge, Array | None]

    def shares(self) -> tuple[float, dict[Edge, float]]:
        """Return how much of the image's gradient came by the bottom, and through each skip.

        A part g_k of the gradient g has the share <g_k, g> / <g, g>: its length along the gradient.
        Shares add up to 1; one is negative where a part speaks against the others.
        """
        whole = np.asarray(self.whole[IMAGE], np.float64).ravel()
        size = float(whole @ whole)

        def share(part: Array | None) -> float:
            if part is None or size == 0:
                return 0.0
            return float(np.asarray(part, np.float64).ravel() @ whole) / size

        return share(self.bottom), {edge: share(part) for edge, part in self.skips.items()}
