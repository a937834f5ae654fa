"""What is written into a file for other programs, beside a model's network."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from tinyunet.networks.network import Network
from tinyunet.runs.folder import load_model, read_model

DIVIDED = "values of 8 bits are divided by 255"
STRETCHED = "the least value becomes 0 and the 99.8 % percentile 1 (see tinyunet.data.read_image)"


def read_for_export(
    path: Path,
    threshold: float | None = None,
    tell: Callable[[str], None] = lambda sentence: None,
) -> tuple[Network, dict[str, Any]]:
    """Read a model, and what its run says of it: thresholds, names of classes, how images are scaled.

    Of a network that paints or judges, that is nothing. A threshold that is given takes the place of
    the run's.
    """
    saved = read_model(path)
    if saved.model.gives_instead:
        if threshold is not None:
            raise ValueError(
                f"--threshold {threshold:g} is for cells, but {path} gives {saved.model.gives_instead}"
            )
        return saved.model, {}
    model, threshold = load_model(path, None, threshold, tell)
    about = {
        "threshold": threshold,
        "thresholds": saved.state.get("thresholds", {}),
        "class_names": model.class_names,
        "stretched": model.stretched,
        "scaling": STRETCHED if model.stretched else f"{DIVIDED}; of more bits {STRETCHED}",
    }
    return model, about
