"""Pictures as they are painted, and the sheet that shows some beside what they should be."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from tinyunet.data import PicturePairs
from tinyunet.engine.arrays import to_cpu, to_device
from tinyunet.engine.whole_files import written_whole
from tinyunet.networks.network import Network
from tinyunet.networks.pix2pix import Pix2PixGenerator
from tinyunet.runs.painting.kinds import Kind
from tinyunet.runs.painting.source import fitted, resized

ROWS, ROW = 6, 128  # pairs on a sheet, and the pixels that a small picture is enlarged to
GAP, TITLE = 6, 16  # pixels
COLUMNS = ("input", "painted", "target")


def given_to(model: Network, given: np.ndarray, seed: int = 0) -> np.ndarray:
    """Return what a network paints (H, W, K) for an input (H, W, C) of any size.

    What the size lacks for the network is a mirror image below and to the right.
    """
    height, width = given.shape[:2]
    sides = model.input_size(height, width)
    beyond = [(0, sides[0] - height), (0, sides[1] - width), (0, 0)]
    x = np.pad(given, beyond, mode="symmetric").astype(model.dtype)[None]
    x = to_device(x, model.device)
    y = model.predict(x, seed=seed) if isinstance(model, Pix2PixGenerator) else model.predict(x)
    return to_cpu(y)[0, :height, :width].astype(np.float32, copy=False)


def paint_picture(
    model: Network, kind: Kind, picture: np.ndarray, fit: Sequence[int] | None, seed: int = 0
) -> np.ndarray:
    """Paint a picture (H, W, C) of about 0 to 1; returns one (H, W, 1 or 3) from 0 to 1.

    Parameters
    ----------
    fit
        The least and the largest shorter side that the network knows. Another picture is brought there
        to be painted, and what was painted back to its size: gray values and lines stay sharp.
    """
    small = picture if fit is None else fitted(picture, *fit)
    given = kind.given(small, model.in_channels)
    painted = given_to(model, given, seed)
    if small is picture:
        return kind.painted(given, painted)
    given = kind.given(picture, model.in_channels)
    return kind.enlarged(given, resized(painted, picture.shape[:2]))


def sheet(kind: Kind, pairs: PicturePairs, painted: Sequence[np.ndarray]) -> np.ndarray:
    """Return inputs, what was painted, and targets in three columns: (H, W, 3) of 8 bits."""
    rows = []
    for given, y, target in zip(pairs.inputs, painted, pairs.targets, strict=False):
        looks = kind.shown(given), kind.painted(given, y), kind.painted(given, target)
        rows.append([_enlarged(look) for look in looks])
    width = max(look.shape[1] for row in rows for look in row)
    height = TITLE + sum(GAP + row[0].shape[0] for row in rows)
    page = np.full((height, 3 * (width + GAP), 3), 255, np.uint8)
    top = TITLE
    for row in rows:
        for column, look in enumerate(row):
            left = column * (width + GAP)
            page[top : top + look.shape[0], left : left + look.shape[1]] = look
        top += GAP + row[0].shape[0]
    picture = Image.fromarray(page)
    for column, words in enumerate(COLUMNS):
        ImageDraw.Draw(picture).text((column * (width + GAP) + 2, 2), words, fill=(0, 0, 0))
    return np.asarray(picture)


def _enlarged(picture: np.ndarray) -> np.ndarray:
    """In 8 bits and colour, a small one so many times as large that it can be seen."""
    times = max(1, ROW // min(picture.shape[:2]))
    return (
        in_bytes(np.repeat(picture, 3 // picture.shape[2], axis=2))
        .repeat(times, 0)
        .repeat(times, 1)
    )


def in_bytes(picture: np.ndarray) -> np.ndarray:
    """A picture from 0 to 1 in 8 bits."""
    return np.round(255 * np.clip(picture, 0, 1)).astype(np.uint8)


def write_picture(path: Path, picture: np.ndarray) -> None:
    """Write a picture (H, W, 1 or 3) of 8 bits as a PNG."""
    with written_whole(path) as file:
        Image.fromarray(picture[..., 0] if picture.shape[2] == 1 else picture).save(file, "PNG")
