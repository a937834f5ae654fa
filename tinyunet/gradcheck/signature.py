"""What a function takes, read from its signature: which argument is dy, which is a cache."""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable, Collection
from typing import Any

CONTEXT = ("ctx", "context")
UPSTREAM = re.compile(
    r"^(d|g|g[yzh]\w*|g_?out\w*|\w*grad\w*|delta\w*|upstream\w*|\w+_bar|\w*error\w*|cotangents?|ct)$"
)
# Other names that begin with a d are gradients as well, as dout, dA, dnext_h, but not these.
NO_UPSTREAM = re.compile(
    r"^(dat|dim|depth|dilat|drop|dtype|device|dist|dens|dict|default|decay|domain|dot)"
)
CACHE = re.compile(r"^(\w*cache\w*|saved\w*|mem\w*|mask|state|tape|aux)$", re.IGNORECASE)
OUTPUT = ("y", "out", "output", "outputs", "result", "y_out")


def is_upstream(name: str) -> bool:
    """Whether people call an upstream gradient so."""
    name = name.lower()
    if UPSTREAM.match(name):
        return True
    return name.startswith("d") and not NO_UPSTREAM.match(name)


def name_of(function: Any) -> str:
    """What a report calls a function."""
    if isinstance(function, functools.partial):
        return name_of(function.func)
    return getattr(function, "__name__", None) or type(function).__name__


class Signature:
    """The positional arguments of a function.

    Attributes
    ----------
    names
        Of the positional parameters, without a context's.
    required
        How many of them have no default.
    any
        Whether it takes any number, or cannot be asked.
    named
        Whether the names can be relied on: they cannot if they are positional only, as a ufunc's.
    context
        Whether its first argument is a context that forward fills for backward.
    """

    def __init__(self, function: Callable) -> None:
        self.title = name_of(function)
        self.names: list[str] = []
        self.required, self.any, self.named, self.context = 0, False, True, False
        try:
            parameters = list(inspect.signature(function).parameters.values())
        except (TypeError, ValueError):  # some built-in functions
            self.any = True
            return
        for parameter in parameters:
            self._add(parameter)
        if self.names and self.names[0] in CONTEXT:
            self.context = True
            del self.names[0]
            self.required -= 1

    def _add(self, parameter: inspect.Parameter) -> None:
        if parameter.kind is parameter.VAR_POSITIONAL:
            self.any = True
        elif parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD):
            self.names.append(parameter.name)
            self.required += parameter.default is parameter.empty
            self.named &= parameter.kind is parameter.POSITIONAL_OR_KEYWORD
        elif parameter.kind is parameter.KEYWORD_ONLY and parameter.default is parameter.empty:
            raise TypeError(
                f"{self.title} needs the keyword argument {parameter.name!r}: give it beforehand, "
                f"functools.partial({self.title}, {parameter.name}=...)"
            )

    def takes(self, count: int) -> bool:
        """Whether it can be called with so many positional arguments."""
        return self.any or self.required <= count <= len(self.names)

    def upstreams(self, inputs: Collection[str]) -> list[int]:
        """The positions of what is called like an upstream gradient, and not like an input."""
        if not self.named:
            return []
        return [i for i, n in enumerate(self.names) if n not in inputs and is_upstream(n)]

    def __str__(self) -> str:
        return f"{self.title}({', '.join(self.names) or ('*args' if self.any else '')})"


class Context:
    """Stands for the `ctx` of a Function: forward saves in it what backward needs."""

    def __init__(self, count: int) -> None:
        self.saved: tuple = ()
        self.needs_input_grad = (True,) * count

    def save_for_backward(self, *values: Any) -> None:
        """Keep values for backward."""
        self.saved = values

    def __getattr__(self, name: str) -> Any:
        if name in ("saved_tensors", "saved_values", "saved_variables"):
            return self.saved
        raise AttributeError(f"forward saved nothing called {name!r} in its context")


def backward_arguments(
    takes: Signature,
    dys: list,
    inputs: dict[str, Any],
    y: Any,
    beside: tuple,
    is_number: bool,
    by_count: bool,
) -> tuple[list, bool]:
    """What backward is called with, without a context, and whether dy is among it.

    Parameters
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
    by_count
        Whether it gets the inputs in their order, if its arguments have other names.
    """
    if takes.any:
        others = beside or (inputs.values() if by_count else ())
        return [*dys, *(() if takes.context else others)], True
    places = takes.upstreams(inputs)[: len(dys)]
    if is_number and (takes.required == 0 or not places):
        without = _rest(takes, list(range(len(takes.names))), inputs, y, beside, by_count)
        first = takes.names[0] if takes.names and takes.named else ""
        if without is not None and (first in inputs or not takes.takes(1 + len(without))):
            return without, False
        if takes.required == 0:
            return [], False
    if not places:
        if takes.named and takes.names and takes.names[0] in inputs:
            raise TypeError(
                f"{takes} takes the input {takes.names[0]!r} first, and no upstream gradient: "
                f"multiply with it, lambda dy, {', '.join(takes.names)}: dy * "
                f"{takes.title}({', '.join(takes.names)}). (If {takes.names[0]!r} is the upstream "
                "gradient, call it dy.)"
            )
        places = [0]
    others = [i for i in range(len(takes.names)) if i not in places]
    rest = None if not takes.names else _rest(takes, others, inputs, y, beside, by_count)
    if rest is None:
        raise TypeError(
            f"backward is {takes}, but it is called with (dy, {', '.join(inputs)}), or with (dy, "
            "cache) where forward returns the tuple (out, cache), or with dy alone: write a lambda "
            "around it"
        )
    arguments = list(rest)
    for place, dy in zip(places, dys, strict=False):
        arguments.insert(place, dy)
    return arguments, True


def _rest(
    takes: Signature,
    places: list[int],
    inputs: dict[str, Any],
    y: Any,
    beside: tuple,
    by_count: bool,
) -> list | None:
    """The arguments other than dy: by their names, or a cache, or the inputs in their order."""
    names = [takes.names[i] for i in places]
    needed = sum(i < takes.required for i in places)
    known = inputs if beside else {**dict.fromkeys(OUTPUT, y), **inputs}
    if takes.named and names and all(name in known for name in names[:needed]):
        named = [name for name in names if name in known]
        if named and named == names[: len(named)]:
            return [known[name] for name in named]
    wanted = needed or (bool(names) and bool(CACHE.match(names[0])))
    if beside and wanted:
        for way in (list(beside), [beside]):
            if needed <= len(way) <= len(names):
                return way
    if needed == 0:
        return []
    fits = by_count and not takes.context and needed <= len(inputs) <= len(names)
    return list(inputs.values()) if fits else None
