"""What a lesson says it measured, with the range in which the number should lie."""

from __future__ import annotations

import os
import sys

_SIZE = os.environ.get("TINYUNET_LESSONS", "")

IN_BROWSER = sys.platform == "emscripten"

small = _SIZE == "small" or IN_BROWSER
"""Whether this is a quick trial run: the tests run every lesson with TINYUNET_LESSONS=small.

So is a run in a browser, which takes some eight times as long.
"""
if IN_BROWSER and not _SIZE:
    print("In a browser the lessons take fewer images and steps, so some numbers differ.")


def claim(what: str, value: float, low: float | None = None, high: float | None = None) -> None:
    """Print a measured number and the range in which a lesson expects it.

    A number outside its range is only pointed out, since your machine or your code may differ. Where
    the lessons are built and tested (TINYUNET_LESSONS is set), it is an error.

    Parameters
    ----------
    what
        What was measured, in words.
    value
        The number.
    low, high
        The smallest and the largest value expected, both allowed; None for no limit.

    Raises
    ------
    ValueError
        If no limit is given.
    AssertionError
        Outside the range, where TINYUNET_LESSONS is set.
    """
    value = float(value)
    if low is None and high is None:
        raise ValueError(f"claim {what!r} needs a limit: low, high or both")
    if low is not None and high is not None:
        expected = f"{low:.4g}" if low == high else f"between {low:.4g} and {high:.4g}"
    else:
        expected = f"at most {high:.4g}" if low is None else f"at least {low:.4g}"
    inside = (low is None or value >= low) and (high is None or value <= high)  # never for a NaN
    line = f"{what}: {value:.4g} (expected: {expected})"
    if not inside:
        line += "  <-- outside"
        if _SIZE:
            raise AssertionError(line)
    print(line)
