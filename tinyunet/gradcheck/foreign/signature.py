"""What a function takes, read from its signature, and which argument is an upstream gradient."""

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
    defaults
        The values of the others.
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
        self.defaults: dict[str, Any] = {}
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
            if parameter.default is parameter.empty:
                self.required += 1
            else:
                self.defaults[parameter.name] = parameter.default
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
