"""What a saved model and a file give to look inside: the network, and the image that it gets."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tinyunet.data.files import gray
from tinyunet.data.files.raw import on_white, read_raw
from tinyunet.data.sets.image_files import read_image
from tinyunet.networks.network import Network
from tinyunet.networks.painting import PICTURES
from tinyunet.runs.folder import load_model, read_model
from tinyunet.runs.painting.folder import load_painter
from tinyunet.runs.painting.source import fitted


def model_and_image(checkpoint: Path, path: Path) -> tuple[Network, np.ndarray]:
    """Read a model, and an image (H, W, C) float32 as the model knows its images.

    Raises
    ------
    FileNotFoundError, ValueError
        As `load_model`, or for a model that paints `load_painter`; and as `tinyunet.data.read_image`.
    """
    if read_model(checkpoint).model.gives_instead != PICTURES:
        model, _ = load_model(checkpoint, None, None)
        return model, read_image(path, stretch=model.stretched)
    painter = load_painter(checkpoint)
    pages = gray.scaled(on_white(read_raw(path)), painter.stretched)
    if len(pages) > 1:
        raise ValueError(f"{path}: is a stack of {len(pages)} pages: save one as a file of its own")
    picture = pages[0] if painter.fit is None else fitted(pages[0], *painter.fit)
    return painter.model, painter.kind.given(picture, painter.model.in_channels)
