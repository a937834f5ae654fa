"""How much of a gradient came through each skip of a network, and how much through its bottom."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tinyunet.engine.arrays import Array
from tinyunet.inside.record import Record
from tinyunet.networks.graph import Edge, Graph
from tinyunet.networks.receptive_field import IMAGE


class Paths(Graph):
    """The graph of a record's calls, and the gradients that come back through it."""

    def __init__(self, record: Record) -> None:
        super().__init__(record, record.last)
        self.record = record

    def gradients(self, dy: Array) -> Gradients:
        """Go back from a gradient `dy` of the logits, by each way on its own."""
        record = self.record
        through, waiting = record.sweep({record.last: dy}, {skip.edge for skip in self.skips})
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
