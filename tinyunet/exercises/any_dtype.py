"""For exercises that ask for no dtype: right numbers are right in others as well."""

from __future__ import annotations

from typing import Any

import numpy as np


def in_its_dtype(got: Any, right: dict[str, Any]) -> dict[str, Any]:
    """Return right values in the dtypes of what was returned, where these can hold them.

    Parameters
    ----------
    got
        What a student's function returned: one value, or a tuple where `right` has several.
    right
        The right values by the names of the outputs, in their order.
    """
    if len(right) == 1:
        got = (got,)
    if not isinstance(got, tuple | list) or len(got) != len(right):
        return right
    return {
        name: _cast(value, np.asarray(expected))
        for value, (name, expected) in zip(got, right.items(), strict=True)
    }


def _cast(value: Any, right: np.ndarray) -> np.ndarray:
    try:
        dtype = np.asarray(value).dtype
    except (TypeError, ValueError):  # no array at all
        return right
    if dtype in (np.float32, np.float64):
        return right.astype(dtype)
    whole = dtype.kind in "iu" and np.array_equal(right, np.round(right))
    return right.astype(dtype) if whole else right
