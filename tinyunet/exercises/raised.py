"""An exception of the student's in words: where it was raised, and of which mistake it is typical."""

from __future__ import annotations

import functools
import inspect
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import CodeType, FrameType
from typing import Any

Crashes = Mapping[str, Callable | Sequence[Callable]]

# What Python and NumPy say of mistakes that are made everywhere.
USUAL = {
    "object cannot be interpreted as an integer": "/ gives a float: // divides whole numbers",
    "slice indices must be integers": "/ gives a float: // divides whole numbers",
    "only integers, slices": "/ gives a float: // divides whole numbers",
    "assignment destination is read-only": "it is a view that must not be written into: make a copy",
    "truth value of an array": "`if`, `and`, `or`, `not` and `max` want one number: "
    "for arrays there are np.where, &, |, ~ and np.maximum",
    "numpy boolean subtract": "- is not for masks: a & ~b is what is in a and not in b",
    "only integer scalar arrays can be converted": "the second array was taken for an axis: "
    "np.maximum compares two arrays, np.concatenate([a, b]) joins a list of them",
    "inhomogeneous shape": "rows of different lengths make no array: fill up the shorter ones",
    "setting an array element with a sequence": "an array, where one number belongs: is a sum missing?",
    "is out of bounds for axis": "an index goes beyond the array's end: look at the ranges",
    "object is not iterable": "a number where a sequence belongs: is range(...) missing around it?",
    "invalid index to scalar variable": "a number was indexed: arguments in another order?",
    "'tuple' object does not support item": "a tuple cannot be written into: np.zeros makes an array",
    "negative dimensions are not allowed": "a side came out below 0: what was subtracted from what?",
    "and 'function'": "a function was not called: its parentheses are missing",
    "object is not callable": "(...) calls a function: [...] takes one of several entries",
    "'tuple' object has no attribute": "several values came back as one tuple: a, b = ... parts them",
    "Cannot cast ufunc": "what is added has another dtype than the array that it is added to",
}


def raised(error: Exception, answer: Callable) -> str:
    """Return an exception with the line of the student's function, and of a helper, that raised it."""
    message = f"{type(error).__name__}: {error}"
    function = _plain(answer)
    code, names = getattr(function, "__code__", None), getattr(function, "__globals__", None)
    own = [
        (frame, number)
        for frame, number in traceback.walk_tb(error.__traceback__)
        if names is not None and frame.f_globals is names
    ]
    inside = [(frame, number) for frame, number in own if _belongs(frame.f_code, code)]
    if not inside:
        return message
    frame, number = inside[-1]
    place = f"line {number - code.co_firstlineno + 1} of it{_source(frame, number)}"
    last, line = next(step for step in reversed(own) if not _nameless(step[0].f_code))
    if _belongs(last.f_code, code):
        return f"{message}, in {place}"
    start = line - last.f_code.co_firstlineno + 1
    name = last.f_code.co_name
    helper = "your lambda" if name == "<lambda>" else f"your helper {name}"
    return f"{message}, in line {start} of {helper}{_source(last, line)}, called in {place}"


def cause_of(error: Exception, crashes: Crashes, arguments: Sequence[Any]) -> str:
    """Return which of the mistakes raises the same with these arguments, or a usual one, or ""."""
    for what, mistakes in crashes.items():
        for make in [mistakes] if callable(mistakes) else mistakes:
            try:
                make(*arguments)
            except Exception as other:
                if type(other) is type(error) and str(other) == str(error):
                    return what
    return next((cause for words, cause in USUAL.items() if words in str(error)), "")


def _plain(answer: Any) -> Any:
    """The function in a decorated one, in a partial one, or in an object that can be called."""
    answer = inspect.unwrap(answer)
    while isinstance(answer, functools.partial):
        answer = inspect.unwrap(answer.func)
    if hasattr(answer, "__code__"):
        return getattr(answer, "__func__", answer)
    return type(answer).__call__


def _belongs(code: CodeType, whole: CodeType | None) -> bool:
    """Whether code is that of a function, or of a loop or function that stands in it."""
    return whole is not None and any(code is part for part in _parts(whole))


def _parts(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _parts(constant)


def _nameless(code: CodeType) -> bool:
    """Whether code is that of a comprehension, whose frame Python 3.11 still has."""
    return code.co_name.startswith("<") and code.co_name != "<lambda>"


def _source(frame: FrameType, number: int) -> str:
    (line,) = traceback.StackSummary.extract([(frame, number)])
    return f" ({line.line.strip()})" if line.line else ""
