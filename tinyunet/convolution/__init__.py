"""How a convolution is computed: interchangeable algorithms with the same three functions.

    forward(x, w, b, geometry, relu=False) -> y
    input_gradient(dy, w, x_shape, geometry, gate=None) -> dx
    weight_gradient(x, dy, w_shape, geometry, gate=None) -> (dw, db)

`gate` is the layer's own output where a ReLU was fused into it: dy counts only where gate > 0.
"""

from __future__ import annotations

from types import ModuleType

from tinyunet.convolution import im2col, naive
from tinyunet.convolution.geometry import Geometry, geometry

ALGORITHMS = {"naive": naive, "im2col": im2col}


def choose(algorithm: str) -> ModuleType:
    """Return the module that computes a convolution; ``"auto"`` takes the fastest that fits.

    Raises
    ------
    ValueError
        If there is no such algorithm.
    """
    if algorithm == "auto":
        return im2col
    if algorithm not in ALGORITHMS:
        names = ", ".join(["auto", *ALGORITHMS])
        raise ValueError(f"algorithm must be one of {names}, got {algorithm!r}")
    return ALGORITHMS[algorithm]


__all__ = ["ALGORITHMS", "Geometry", "choose", "geometry"]
