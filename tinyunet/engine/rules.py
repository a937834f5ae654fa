"""Rules for plain data that was read from a file: what kind it must be, and in which range."""

from __future__ import annotations

import reprlib
import sys
from collections.abc import Callable
from typing import Any

Rule = tuple[Callable[[Any], bool], str]  # a test, and in words what is right


def whole(low: int, high: int, words: str) -> Rule:
    """A whole number, which neither true nor 3.0 is."""
    return (lambda value: type(value) is int and low <= value <= high), words


def real(test: Callable[[float], bool], words: str) -> Rule:
    """A number that is neither infinite nor NaN."""
    return (lambda value: is_real(value) and test(value)), words


def is_real(value: Any) -> bool:
    """Whether it is a finite number."""
    return type(value) in (int, float) and abs(value) <= sys.float_info.max


def one_of(*values: str) -> Rule:
    """One of some words."""
    words = " or ".join(repr(value) for value in values)
    return (lambda value: type(value) is str and value in values), words


def check_object(where: str, value: Any) -> None:
    """Raise ValueError unless it is a dict."""
    if type(value) is not dict:
        raise ValueError(f"{where} must be an object with names, got {short(value)}")


def check(where: str, values: dict, rules: dict[str, Rule], complete: bool = False) -> None:
    """Check values by the rules of their names; with `complete` there may be no others."""
    for name, (test, words) in rules.items():
        if name not in values:
            raise ValueError(f"{where or 'the header'} lacks {name}")
        if not test(values[name]):
            place = f"{where}.{name}" if where else name
            raise ValueError(f"{place} must be {words}, got {short(values[name])}")
    unknown = [name for name in values if name not in rules] if complete else []
    if unknown:
        raise ValueError(f"{where} has an unknown {short(unknown[0])}")


def short(value: object) -> str:
    """A value in words that fit on a line, whatever it is."""
    text = reprlib.repr(value)
    return text if len(text) <= 80 else text[:77] + "..."
