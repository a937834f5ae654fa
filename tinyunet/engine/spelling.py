"""What a misspelt name may have meant."""

import difflib
from collections.abc import Iterable


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Words in brackets, " (did you mean fcn8s?)" for ``fcn8``; empty where nothing is near."""
    folded = {other.casefold().replace("_", "-"): other for other in known}
    wanted = name.casefold().replace("_", "-")
    near = difflib.get_close_matches(wanted, folded, n=1, cutoff=0.7)
    return f" (did you mean {folded[near[0]]}?)" if near else ""
