"""What the numbers stand for that a painting network gets and gives, for each kind of data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tinyunet.data import rgb_to_yuv, yuv_to_rgb
from tinyunet.data.files import gray
from tinyunet.data.sets.line_art import EMPTY

COLOURED = 0.2  # of 1: from which difference of R, G and B a pixel of a drawing is a stroke's


@dataclass(frozen=True)
class Kind:
    """A kind of pairs: how a picture is given to the network, and what it paints is made of it.

    Attributes
    ----------
    given
        From a picture (H, W, C) of about 0 to 1, and the network's channels, what the network gets.
    shown
        From what the network gets, a picture (H, W, 1 or 3), 0 to 1, for the eyes.
    painted
        From what the network gets and what it gives, the painted picture (H, W, 1 or 3), 0 to 1.
    enlarged
        The same where what it gives was painted on a smaller scale, and is enlarged.
    """

    given: Callable[[np.ndarray, int], np.ndarray]
    shown: Callable[[np.ndarray], np.ndarray]
    painted: Callable[[np.ndarray, np.ndarray], np.ndarray]
    enlarged: Callable[[np.ndarray, np.ndarray], np.ndarray]


def in_channels(picture: np.ndarray, channels: int) -> np.ndarray:
    """A picture (H, W, C) with the channels that are asked for; ValueError if it cannot have them."""
    found = gray.in_channels(picture, channels)
    if found.shape[-1] == channels:
        return found
    remedy = "give pictures like those that the model was trained on"
    if channels == 1:
        remedy = "it is in colour: save it as gray"
    raise ValueError(
        f"the model takes pictures (H, W, {channels}), got one of shape {picture.shape}; {remedy}"
    )


def _between(given: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Values from -1 to 1 as 0 to 1."""
    return np.clip((values + 1) / 2, 0, 1)


def _first_channels(given: np.ndarray) -> np.ndarray:
    """Of any channels those that can be shown."""
    return _between(given, given[..., : 3 if given.shape[-1] >= 3 else 1])


def _gray(picture: np.ndarray, channels: int) -> np.ndarray:
    """Y, from -1 to 1, of a picture in colour or of a gray one."""
    return rgb_to_yuv(in_channels(picture, 3))[..., :1]


def _colour(given: np.ndarray, values: np.ndarray) -> np.ndarray:
    """The colours of U and V that were painted to a Y that was given."""
    return yuv_to_rgb(np.concatenate([given, values], axis=-1))


def drawing(picture: np.ndarray, channels: int = 4) -> np.ndarray:
    """Return lines and hints (H, W, 4) of a drawing (H, W, 1 or 3): what is in colour is a hint."""
    rgb = in_channels(picture, 3)
    yuv = rgb_to_yuv(rgb)
    stroke = (np.ptp(rgb, axis=-1) > COLOURED)[..., None]
    lines = np.where(stroke, 1, (yuv[..., :1] + 1) / 2)
    return np.concatenate([lines, np.where(stroke, yuv, np.float32(EMPTY))], axis=-1)


def _drawing_shown(given: np.ndarray) -> np.ndarray:
    """A drawing with its strokes on it."""
    lines, hints = np.repeat(given[..., :1], 3, axis=-1), given[..., 1:]
    hinted = hints[..., :1] > (EMPTY[0] - 1) / 2
    return np.where(hinted, yuv_to_rgb(hints), np.clip(lines, 0, 1))


def _coloured(given: np.ndarray, values: np.ndarray) -> np.ndarray:
    """A drawing in colour, its lines as they were painted."""
    return yuv_to_rgb(values)


def _under_lines(given: np.ndarray, values: np.ndarray) -> np.ndarray:
    """A drawing in colour under the sharp lines that were given."""
    return yuv_to_rgb(values) * np.clip(given[..., :1], 0, 1)


KINDS = {
    "pairs": Kind(
        lambda x, channels: 2 * in_channels(x, channels) - 1, _first_channels, _between, _between
    ),
    "gray": Kind(_gray, lambda given: (given + 1) / 2, _colour, _colour),
    "line-art": Kind(drawing, _drawing_shown, _coloured, _under_lines),
    "coin-flip-colours": Kind(in_channels, lambda given: given, _between, _between),
}
DRAWN = ("line-art", "coin-flip-colours")
