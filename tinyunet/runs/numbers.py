"""Which numbers an option takes; what is said names the option as users write it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

COUNTS = (
    "steps", "patience", "images", "base_channels", "depth", "batch_size", "crop", "in_channels",
    "num_classes", "height", "width", "tile", "side",
)  # fmt: skip
SEEDS = ("seed", "split_seed")
LEAST = {"images": 3, "size": 32}  # an image for each part; what synthetic cells need
SHARES = ("dropout", "momentum")
ABOVE_0 = ("minutes", "lr")
AT_MOST = {"minutes": 1_000_000}  # nearly two years
FROM_0 = ("l1_weight",)
LARGEST_SEED = 2**128
SPELT = {"start": "from"}  # which is a word of Python's own


def check_numbers(chosen: Mapping[str, Any]) -> None:
    """Raise ValueError for an option, by its name, with a number that it does not take.

    Others, and None, are passed over.
    """
    for name, value in chosen.items():
        words = None if value is None or isinstance(value, str) else _wrong(name, value)
        if words:
            raise ValueError(f"{option(name)} must be {words}, got {value}")


def option(name: str) -> str:
    """A setting as an option: ``--split-seed``."""
    return "--" + SPELT.get(name, name).replace("_", "-")


def _wrong(name: str, value: Any) -> str:
    """What a number should be; empty where it is that."""
    least = LEAST.get(name, 1 if name in COUNTS else None)
    if least is not None and not value >= least:
        return f"at least {least}"
    if name in SEEDS and not 0 <= value < LARGEST_SEED:
        return "a whole number from 0"
    if name in AT_MOST and value > AT_MOST[name]:
        return f"at most {AT_MOST[name]:,}"
    if name in ABOVE_0 and not 0 < value < math.inf:
        return "above 0 and finite"
    if name in FROM_0 and not 0 <= value < math.inf:
        return "0 or more and finite"
    if name in SHARES and not 0 <= value < 1:
        return "at least 0 and below 1"
    return ""
