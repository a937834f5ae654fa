"""Colours as a brightness and two differences: what PaintsChainer paints in."""

import numpy as np

# Of R, G, B from 0 to 1: Y = 0.299 R + 0.587 G + 0.114 B, U = 0.492 (B - Y), V = 0.877 (R - Y). Here
# 2 Y - 1, 2 U and 2 V: the 0 to 255 of images, less 128, over 128.
_Y = np.array([0.299, 0.587, 0.114])
_TO_YUV = 2 * np.stack([_Y, 0.492 * ([0, 0, 1] - _Y), 0.877 * ([1, 0, 0] - _Y)], axis=1)
_TO_RGB = np.linalg.inv(_TO_YUV)
_GRAY = np.array([1, 0, 0])


def rgb_to_yuv(rgb: np.ndarray) -> np.ndarray:
    """Return colours (..., 3), R, G and B from 0 to 1, as Y from -1 to 1, and U and V, 0 for gray."""
    return (rgb @ _TO_YUV - _GRAY).astype(rgb.dtype)


def yuv_to_rgb(yuv: np.ndarray) -> np.ndarray:
    """Return colours (..., 3) of `rgb_to_yuv` as R, G and B, cut to 0 and 1 where they leave them."""
    return np.clip((yuv + _GRAY) @ _TO_RGB, 0, 1).astype(yuv.dtype)
