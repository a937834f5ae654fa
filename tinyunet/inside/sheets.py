"""Numbers as bytes, and bytes as pictures in a page."""

from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np
from PIL import Image

DECADES = 4  # of a logarithmic scale
STEPS = 254


def linear(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """Bytes from 0 for `low` to 255 for `high`; what lies beyond is cut off."""
    span = high - low
    scaled = (np.asarray(values, np.float64) - low) / span if span > 0 else np.zeros(values.shape)
    return np.round(255 * np.clip(scaled, 0, 1)).astype(np.uint8)


def logarithmic(values: np.ndarray, most: float) -> np.ndarray:
    """Bytes of numbers from 0 on: 0 is exactly 0, 255 is `most`, 1 is `most` / 10^4 and all below."""
    values = np.asarray(values, np.float64)
    safe = np.maximum(values, np.finfo(np.float64).tiny)
    place = 1 + np.log10(safe / most) / DECADES if most > 0 else np.zeros(values.shape)
    return np.where(values > 0, 1 + np.round(STEPS * np.clip(place, 0, 1)), 0).astype(np.uint8)


def thinned(values: np.ndarray, side: int) -> tuple[np.ndarray, int]:
    """Return the means over k x k pixels of an array (H, W, ...) that fit into a side, and k."""
    k = -(-max(values.shape[:2]) // side)
    if k == 1:
        return values, 1
    height, width = values.shape[:2]
    sides = -(-height // k) * k - height, -(-width // k) * k - width
    wide = np.pad(values, ((0, sides[0]), (0, sides[1]), *[(0, 0)] * (values.ndim - 2)), "edge")
    blocks = wide.reshape(wide.shape[0] // k, k, wide.shape[1] // k, k, *values.shape[2:])
    return blocks.mean(axis=(1, 3)), k


def png(pixels: np.ndarray) -> str:
    """A picture (H, W) or (H, W, 3) of bytes, as the address that an img takes."""
    file = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(file, "PNG")
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()


def sheet(pictures: list[np.ndarray]) -> dict[str, Any]:
    """Put gray pictures below each other into one PNG; `at` says where each lies: y, height, width."""
    tall = sum(len(picture) for picture in pictures)
    wide = max(picture.shape[1] for picture in pictures)
    whole, at, y = np.zeros((tall, wide), np.uint8), [], 0
    for picture in pictures:
        height, width = picture.shape
        whole[y : y + height, :width] = picture
        at.append([y, height, width])
        y += height
    return {"png": png(whole), "at": at}
