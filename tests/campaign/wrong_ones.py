"""All wrong backward passes of user-written functions: importing them registers them."""

import wrong_formulas  # noqa: F401
import wrong_kinks  # noqa: F401
import wrong_places  # noqa: F401
from wrong_registry import DRAWS, WRONG, Wrong

__all__ = ["DRAWS", "WRONG", "Wrong"]
