"""What a checked function takes: which inputs are differentiated, and whether any was changed."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinyunet.engine.arrays import Array, to_cpu
from tinyunet.gradcheck.report import GradientReport, Row

WROTE = "{who} wrote into it, but others still need it: write into a copy"


def is_variable(value: Any) -> bool:
    """Whether an input is differentiated: an array of floats."""
    return hasattr(value, "dtype") and value.dtype.kind == "f"


def double(value: Any) -> Any:
    """A float64 copy of a float array; anything else as it is."""
    return value.astype("float64") if is_variable(value) else value


def arrays(inputs: list) -> dict[str, Array]:
    """The inputs that are arrays, by a name for messages."""
    return {f"input {i}": value for i, value in enumerate(inputs) if hasattr(value, "dtype")}


def variables(inputs: list) -> dict[str, Array]:
    """The inputs that are differentiated, called x, or x0, x1, ... where there are several."""
    found = [value for value in inputs if is_variable(value)]
    return {"x": found[0]} if len(found) == 1 else {f"x{i}": x for i, x in enumerate(found)}


def match_inputs(names: list[str], returned: Any, report: GradientReport) -> dict[str, Array]:
    """Give the gradients that backward returned the names of the inputs they belong to."""
    returned = returned if isinstance(returned, tuple | list) else (returned,)
    if len(returned) > len(names):
        hint = f"backward returned {len(returned)} gradients for {len(names)} inputs"
        report.rows.append(Row("inputs", (), verdict="FAILED", hint=hint))
    return dict(zip(names, returned, strict=False))


def unchanged(array: Array, copy: Array) -> bool:
    """Whether an array is what its copy was; NaN is NaN."""
    return np.array_equal(to_cpu(array), to_cpu(copy), equal_nan=array.dtype.kind == "f")


class Snapshot:
    """Remembers what a layer was given, which it must not change.

    Parameters
    ----------
    arrays
        By a name for messages.
    """

    def __init__(self, arrays: dict[str, Array]) -> None:
        self.arrays = dict(arrays)
        self.copies = {name: array.copy() for name, array in arrays.items()}

    def add(self, name: str, array: Array) -> None:
        """Remember one more."""
        self.arrays[name], self.copies[name] = array, array.copy()

    def restore(self, who: str = "the layer") -> list[Row]:
        """Return a failed row for each array that was written into, and undo it."""
        rows = []
        for name, array in self.arrays.items():
            if not unchanged(array, self.copies[name]):
                hint = WROTE.format(who=who)
                rows.append(Row(name, tuple(array.shape), verdict="FAILED", hint=hint))
                array[...] = self.copies[name]
        return rows
