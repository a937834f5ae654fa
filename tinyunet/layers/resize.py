"""Upsample: an image in another size, by bilinear interpolation."""

from __future__ import annotations

import functools
import math

import numpy as np

from tinyunet.engine.arrays import Array, pair
from tinyunet.layers.graph import Graph, OneSizeError
from tinyunet.layers.separable import Separable


class Upsample(Separable):
    """Resize an image: every output pixel lies between four input pixels, and is their weighted mean.

    Output pixel i of H reads a side of h pixels at the place

        align_corners:  i * (h - 1) / (H - 1)               the corners' centres stay the corners'
        otherwise:      max((i + 1/2) * h / H - 1/2, 0)     the image's edges stay its edges

    At p + f, between pixels p and p + 1, it takes (1 - f) of the one and f of the other: row i of a
    matrix U (H, h). Beyond the last pixel there is only the last. Columns have such a matrix V, and
    y = U x V^T, dx = U^T dy V: see `Separable`. Nothing is averaged first where the image shrinks.

    Parameters
    ----------
    size
        The output's: an int or a (height, width) pair. It may be left to each call.
    scale_factor
        In its place, the output's sides over the input's, rounded down: a number or a pair. Without
        `align_corners`, the places are then (i + 1/2) / scale_factor - 1/2, as PyTorch has them.
    align_corners
        Which of the two.

    Notes
    -----
    It is PyTorch's ``Upsample(..., mode="bilinear")``, whose default mode is another. PSPNet's zoom by
    z from h to (h - 1) * z + 1 is that size with `align_corners`.
    """

    def __init__(
        self,
        size: int | tuple[int, int] | None = None,
        scale_factor: float | tuple[float, float] | None = None,
        *,
        align_corners: bool = False,
    ) -> None:
        super().__init__()
        if size is not None and scale_factor is not None:
            raise ValueError("Upsample takes a size or a scale_factor, not both")
        self.size = None if size is None else pair(size, "size", 1)
        self.scale_factor = None if scale_factor is None else _factors(scale_factor)
        self.align_corners = bool(align_corners)

    def forward(self, x: Array, size: int | tuple[int, int] | None = None) -> Array:
        """Return y (N, H, W, C) from x (N, h, w, C), of this call's `size` where one is given."""
        self._check_image(x)
        (h, w), factors = x.shape[1:3], self.scale_factor
        size = self.size if size is None else pair(size, "size", 1)
        if size is not None:
            factors = None
        elif factors is not None:
            size = math.floor(h * factors[0]), math.floor(w * factors[1])
        else:
            raise ValueError(f"{self} needs a size: give one to it or to each call")
        if min(size) < 1:
            raise ValueError(f"{self} leaves nothing of an input of shape {x.shape}")
        zy, zx = factors or (None, None)
        u = interpolation(h, size[0], self.align_corners, zy)
        v = interpolation(w, size[1], self.align_corners, zx)
        return self._map(u, x, v)

    def write_nodes(self, graph: Graph, x: str, size: str | None = None) -> str:
        """Add what ONNX calls Resize."""
        where = "align_corners" if self.align_corners else "half_pixel"
        how = {"mode": "linear", "coordinate_transformation_mode": where}
        if size is None and self.size is None and self.scale_factor is not None:
            scales = np.array([1, 1, *self.scale_factor], np.float32)
            return graph.node("Resize", x, "", graph.float32(scales), **how)
        size = graph.constant(self.size) if size is None else size
        outer = graph.node("Shape", x, start=0, end=2)  # batch and channels
        return graph.node("Resize", x, "", "", graph.node("Concat", outer, size, axis=0), **how)

    def _describe(self) -> str:
        parts = [f"size={self.size}"] if self.size is not None else []
        parts += [f"scale_factor={self.scale_factor}"] if self.scale_factor is not None else []
        return ", ".join([*parts, f"align_corners={self.align_corners}"])


@functools.lru_cache(maxsize=100)
def interpolation(
    side: int, new: int, align_corners: bool, factor: float | None = None
) -> np.ndarray:
    """Return the matrix (new, side) of linear interpolation along one axis; its rows sum to 1.

    `factor` takes the place of new / side where an output's side was rounded down from it.
    """
    i = np.arange(new)
    if align_corners:
        place = i * (side - 1) / max(new - 1, 1)
    else:
        place = np.maximum((i + 0.5) * (side / new if factor is None else 1 / factor) - 0.5, 0)
    p = np.minimum(np.floor(place).astype(int), side - 1)
    f = np.minimum(place - p, 1)
    matrix = np.zeros((new, side))
    matrix[i, p] += 1 - f
    matrix[i, np.minimum(p + 1, side - 1)] += f
    matrix.flags.writeable = False  # it is shared
    return matrix


def _factors(value: float | tuple[float, float]) -> tuple[float, float]:
    """Return a number or a pair of numbers above 0 as a pair."""
    try:
        height, width = value if isinstance(value, tuple | list) else (value, value)
        factors = float(height), float(width)
    except (TypeError, ValueError):
        factors = math.nan, math.nan
    if not all(0 < z < math.inf for z in factors):
        raise ValueError(f"scale_factor must be a number above 0 or a pair of them, got {value!r}")
    return factors


def refuse_rounded_factor(layer: Upsample, sides: tuple[int, int], fixed: bool) -> None:
    """Raise where an ONNX file, which holds `scale_factor` in float32, rounds other sizes than `layer`.

    Raises
    ------
    OneSizeError
        If the file is to be for images of any size, and the factor is none of float32's.
    ValueError
        If the sizes differ for an image (h, w) of these `sides`, which the file is for.
    """
    factors = layer.scale_factor or (1.0, 1.0)
    if fixed:
        for side, factor in zip(sides, factors, strict=True):
            rounded = math.floor(np.float32(side) * np.float32(factor))
            if rounded != math.floor(side * factor):
                raise ValueError(
                    f"{layer} makes {math.floor(side * factor)} pixels of {side}, and an ONNX file "
                    f"would make {rounded}: choose another size, or give the layer a size"
                )
    elif any(float(np.float32(factor)) != factor for factor in factors):
        raise OneSizeError(f"{layer} has a factor that ONNX rounds")
