"""What a network was made with: its constructor's arguments, taken down, kept, and used again."""

from __future__ import annotations

import functools
import inspect
from typing import Any

import numpy as np

from tinyunet.engine.rules import short

DEEPEST, LONGEST, MOST = 20, 100_000, 100_000  # of lists in lists; of a text; of values in all
# Of a number: a list of 2^level takes half a second for so many levels, and for four times as
# many 11 seconds and 300 MB.
LARGEST = 1 << 14
LARGEST_SEED = 2**128


def noted(bound: inspect.BoundArguments) -> dict[str, Any]:
    """Return the arguments of ``__init__`` by name, without self; those of ``**options`` among them.

    Lists and dicts are copied: a constructor, or its caller, may change its own later.
    """
    config = {name: _copied(value) for name, value in list(bound.arguments.items())[1:]}
    for name, parameter in bound.signature.parameters.items():
        if parameter.kind is parameter.VAR_KEYWORD:
            config.update(config.pop(name, {}))
    return config


def _copied(value: Any) -> Any:
    if type(value) in (list, tuple):
        return type(value)(map(_copied, value))
    return {key: _copied(v) for key, v in value.items()} if type(value) is dict else value


def arguments(cls: type, config: dict[str, Any]) -> tuple[list[Any], dict[str, Any]]:
    """Return the positional and the named arguments with which `cls` is made from a config.

    Raises
    ------
    TypeError
        If its constructor does not take them.
    """
    made = functools.partial(cls.__init__, None)  # type: ignore[misc]  # a signature without self
    signature, named = inspect.signature(made), dict(config)
    kinds = {parameter.kind: name for name, parameter in signature.parameters.items()}
    rest = named.pop(kinds.get(inspect.Parameter.VAR_POSITIONAL, ""), [])
    positional = []
    for name, parameter in signature.parameters.items():
        by_place = parameter.kind is parameter.POSITIONAL_ONLY or (
            rest and parameter.kind is parameter.POSITIONAL_OR_KEYWORD
        )
        if by_place and name in named:
            positional.append(named.pop(name))
    positional += list(rest)
    try:
        signature.bind(*positional, **named)
    except TypeError as error:
        raise TypeError(f"{cls.__name__} is not made with {short(config)}: {error}") from error
    return positional, named


def plain(name: str, value: Any) -> Any:
    """Return an argument as data that JSON can hold, tuples as lists and NumPy's numbers as Python's.

    Raises
    ------
    TypeError
        If it cannot be: it names the argument.
    """
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, bool | int | float | str | None):
        return value
    if isinstance(value, list | tuple):
        return [plain(f"{name}[{i}]", item) for i, item in enumerate(value)]
    if isinstance(value, dict) and all(type(key) is str for key in value):
        return {key: plain(f"{name}[{key!r}]", item) for key, item in value.items()}
    hint = ": take a seed in its place" if isinstance(value, np.random.Generator) else ""
    raise TypeError(
        f"the argument {name} is of type {type(value).__name__}, but a network's file holds numbers, "
        f"strings, booleans, None, and lists and dicts of them{hint}"
    )


def check_sensible(config: dict[str, Any]) -> None:
    """Raise ValueError for a config that no file needs, before a constructor gets it.

    A constructor may loop as often as an argument says. What it makes of layers is counted, other work
    is not, such as a list of 2^level for every level: hence a number has a limit. Only a seed, which
    an argument's name must say, may be larger.
    """
    count = 0
    waiting = [(name, value, _is_seed(name), 0) for name, value in config.items()]
    while waiting:
        name, value, seed, depth = waiting.pop()
        count += 1
        where = f"network.config.{short(name)}"
        if count > MOST or depth > DEEPEST:
            raise ValueError(
                f"{where} holds too much: {MOST:,} values, or {DEEPEST} lists in lists"
            )
        if isinstance(value, str) and len(value) > LONGEST:
            raise ValueError(
                f"{where} is a text of {len(value):,} characters, more than {LONGEST:,}"
            )
        limit = LARGEST_SEED if seed else LARGEST
        if isinstance(value, int | float) and abs(value) > limit:
            raise ValueError(
                f"{where} is {short(value)}: an argument can be {limit:,} at most, unless it is called "
                "seed, or its name ends in _seed, or its class defines outline"
            )
        if isinstance(value, list | dict):
            inner = value.values() if isinstance(value, dict) else value
            waiting += [(name, item, seed, depth + 1) for item in inner]


def _is_seed(name: str) -> bool:
    return name == "seed" or name.endswith("_seed")
