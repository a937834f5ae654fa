"""A network as its authors have it, part by part."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

Side = tuple[int, int]


class Part(NamedTuple):
    """A part of a network: its parameters, frozen ones included, and what comes out of it.

    `ours` are the beginnings of the names of our layers that are this part, `last` is the one whose
    output has the side (height, width).
    """

    name: str
    ours: tuple[str, ...]
    last: str
    parameters: int
    side: Side


@dataclass(frozen=True)
class Published:
    """A network as its authors have it, for their standard input (height, width)."""

    source: str
    image: Side
    parts: tuple[Part, ...]

    @property
    def parameters(self) -> int:
        """Of all parts."""
        return sum(part.parameters for part in self.parts)


def part(name: str, ours: str, last: str, parameters: int, *side: int) -> Part:
    """A part; of a square the side stands once."""
    return Part(name, tuple(ours.split()), last, parameters, (side[0], side[-1]))
