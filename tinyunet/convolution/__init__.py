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
from tinyunet.convolution.gpu import winograd as winograd_gpu
from tinyunet.convolution.winograd import blocked as winograd
from tinyunet.engine.arrays import Array, device_name
from tinyunet.engine.elementwise import gated

# Measured: below these, im2col is as fast or faster (`tinyunet bench layers`).
THICK = 8  # channels, of input and output
LARGE = 1 << 15  # numbers in the input
GPU_LARGE = 10**10  # multiplications: with fewer, a GPU would wait for Python

ALGORITHMS = {"naive": naive, "im2col": im2col, "winograd": winograd}


def check_algorithm(algorithm: str, geometry: Geometry) -> None:
    """Raise ValueError if there is no such algorithm, or it cannot do this geometry."""
    if algorithm not in ("auto", *ALGORITHMS):
        names = ", ".join(["auto", *ALGORITHMS])
        raise ValueError(f"algorithm must be one of {names}, got {algorithm!r}")
    if algorithm == "winograd" and not _three_by_three(geometry):
        raise ValueError(
            'algorithm="winograd" needs a 3x3 kernel, stride 1, no dilation and padding up to 2, '
            f"got {geometry}"
        )


def choose(algorithm: str, x: Array, weight: Array, geometry: Geometry) -> ModuleType:
    """Return the module that computes a convolution of `x` (N, H, W, C_in) with `weight`.

    ``"auto"`` takes Winograd for 3x3 kernels, unless there are so few channels, as in a first layer,
    or so little work, that transforming the tiles costs more than the products saved.
    """
    on_gpu = device_name(x) == "gpu"
    if algorithm not in ("auto", "winograd"):
        return ALGORITHMS[algorithm]
    if algorithm == "auto":
        pixels = x.size // x.shape[3]
        enough = pixels * weight.size >= GPU_LARGE if on_gpu else x.size >= LARGE
        if not (enough and min(weight.shape[2:]) >= THICK and _three_by_three(geometry)):
            return im2col
    return winograd_gpu if on_gpu else winograd


def gate_once(dy: Array, gate: Array | None) -> tuple[Array, Array | None]:
    """Return dy and gate as both gradients should get them.

    A GPU applies the gate now, once for both: None is left of it. On a CPU each gradient applies it
    to the blocks it works on, while they are in cache.
    """
    if gate is None or device_name(dy) == "cpu":
        return dy, gate
    return gated(dy, gate), None


def _three_by_three(geometry: Geometry) -> bool:
    plain = geometry.stride == geometry.dilation == (1, 1)
    return geometry.kernel == (3, 3) and plain and max(map(max, geometry.padding)) <= 2


__all__ = ["ALGORITHMS", "Geometry", "check_algorithm", "choose", "gate_once", "geometry"]
