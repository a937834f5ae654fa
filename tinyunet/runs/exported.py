"""What is written into a file for other programs, beside a model's network."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from tinyunet.networks.network import Network
from tinyunet.runs.folder import load_model, read_model


def read_for_export(
    path: Path, tell: Callable[[str], None] = lambda sentence: None
) -> tuple[Network, dict[str, Any]]:
    """Read a model, and what its run says of it: threshold, names of classes, how gray values are read.

    Of a network that paints or judges the latter is nothing.
    """
    model = read_model(path).model
    if model.gives_instead:
        return model, {}
    model, threshold = load_model(path, None, None, tell)
    about = {
        "threshold": threshold,
        "class_names": model.class_names,
        "stretched": model.stretched,
    }
    return model, about
