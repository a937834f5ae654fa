"""What a backward pass is called with: dy, and a cache, or the inputs, or the output."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from tinyunet.gradcheck.foreign.signature import Signature

CACHE = re.compile(r"^(\w*cache\w*|saved\w*|mem\w*|mask|state|tape|aux)$", re.IGNORECASE)
OUTPUT = ("y", "out", "output", "outputs", "result", "y_out")


@dataclass
class Call:
    """A call of a backward pass.

    Attributes
    ----------
    takes
        What backward takes.
    dys
        An upstream gradient for each output of forward.
    inputs
        What forward was given, by name.
    y
        What it returned.
    beside
        What it returned beside that, such as a cache.
    is_number
        Whether y is a single number: then backward may do without dy.
    defaults
        Of the arguments that forward has besides its inputs.
    by_count
        Whether it gets the inputs in their order, if its arguments have other names.
    """

    takes: Signature
    dys: list
    inputs: dict[str, Any]
    y: Any
    beside: tuple
    is_number: bool
    defaults: dict[str, Any]
    by_count: bool

    def arguments(self) -> tuple[list, bool]:
        """The arguments, without a context, and whether dy is among them."""
        takes = self.takes
        if takes.any:
            rest = self.beside or (self.inputs.values() if self.by_count else ())
            return [*self.dys, *(() if takes.context else rest)], True
        places = takes.upstreams(self.inputs)[: len(self.dys)]
        if self.is_number and (takes.required == 0 or not places):
            without = self._without_dy()
            if without is not None:
                return without, False
        places = places or [self._first()]
        others = [i for i in range(len(takes.names)) if i not in places]
        arguments = self._others(others) if takes.names else None
        if arguments is None:
            known = f"(dy, {', '.join(self.inputs)}), with " if self.by_count else ""
            raise TypeError(
                f"backward is {takes}, but it is called with {known}(dy, cache) where forward returns "
                "the tuple (out, cache), or with dy alone: give other arguments a default value (a "
                "learning rate 0, so that nothing is updated), or write a lambda around it"
            )
        for place, dy in zip(places, self.dys, strict=False):
            arguments.insert(place, dy)
        return arguments, True

    def _without_dy(self) -> list | None:
        """The arguments of the backward of a loss that takes no dy, if this is one."""
        takes = self.takes
        arguments = self._others(list(range(len(takes.names))))
        if arguments is not None:
            starts_with_input = takes.named and takes.names[:1] and takes.names[0] in self.inputs
            if starts_with_input or not takes.takes(1 + len(arguments)):
                return arguments
        return [] if takes.required == 0 else None

    def _first(self) -> int:
        """The place of dy where no argument is called like it: the first, unless that is an input."""
        takes = self.takes
        if takes.named and takes.names and takes.names[0] in self.inputs:
            names = ", ".join(takes.names)
            raise TypeError(
                f"{takes} takes the input {takes.names[0]!r} first, and no upstream gradient: "
                f"multiply with it, lambda dy, {names}: dy * {takes.title}({names}). (If "
                f"{takes.names[0]!r} is the upstream gradient, call it dy.)"
            )
        return 0

    def _others(self, places: list[int]) -> list | None:
        """The arguments other than dy: by their names, or a cache, or the inputs in their order."""
        names = [self.takes.names[i] for i in places]
        needed = sum(i < self.takes.required for i in places)
        named = self._by_name(names, needed)
        if named:
            return named
        if self.beside and (needed or (names and CACHE.match(names[0]))):
            for way in (list(self.beside), [self.beside]):
                if needed <= len(way) <= len(names):
                    return way
        if needed == 0:
            return []
        fits = self.by_count and not self.takes.context
        fits = fits and needed <= len(self.inputs) <= len(names)
        return list(self.inputs.values()) if fits else None

    def _by_name(self, names: list[str], needed: int) -> list:
        """What arguments are called like: inputs, or the output; none if one that is needed is not."""
        known = {**self.defaults, **self.inputs}
        if not self.beside:
            known = {**dict.fromkeys(OUTPUT, self.y), **known}
        if not self.takes.named or any(name not in known for name in names[:needed]):
            return []
        named = [name for name in names if name in known]
        return [known[name] for name in named] if named == names[: len(named)] else []
