"""How a convolution is computed: interchangeable algorithms with the same three functions.

    forward(x, w, b, geometry, relu=False) -> y
    input_gradient(dy, w, x_shape, geometry, gate=None) -> dx
    weight_gradient(x, dy, w_shape, geometry, gate=None) -> (dw, db)

`gate` is the layer's own output where a ReLU was fused into it: dy counts only where gate > 0.
`choose` says which algorithm suits an input, and `gradients` asks it for all that backward needs.
"""

from __future__ import annotations

from types import ModuleType

from tinyunet.convolution import im2col, naive
from tinyunet.convolution.geometry import Geometry, geometry
from tinyunet.convolution.gpu import winograd as gpu_winograd
from tinyunet.convolution.winograd import blocked, both
from tinyunet.engine.arrays import Array, MaybeArray, device_name
from tinyunet.engine.elementwise import gated

# Measured: up to these, im2col is as fast or faster (`tinyunet bench layers`).
THICK = 24  # channels, the harmonic mean of the input's and the output's
GPU_THICK = 7
LARGE = 1 << 15  # numbers in the input
GPU_LARGE = 10**10  # multiplications: with fewer, a GPU would wait for Python

ALGORITHMS = {"naive": naive, "im2col": im2col, "winograd": blocked}
TOGETHER = {im2col: im2col, blocked: both}  # who makes dw, db and dx in one pass


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
        ins, outs = weight.shape[2:]
        thick = min(ins, outs) > GPU_THICK if on_gpu else 2 * ins * outs > THICK * (ins + outs)
        if not (enough and thick and _three_by_three(geometry)):
            return im2col
    return gpu_winograd if on_gpu else blocked


def gradients(
    x: Array,
    dy: Array,
    gate: Array | None,
    weight: Array,
    geometry: Geometry,
    algorithm: str = "auto",
    input_gradient: bool = True,
    parameter_gradients: bool = True,
) -> tuple[MaybeArray, MaybeArray, Array | None]:
    """Return dw (kh, kw, C_in, C_out), db (C_out,) and dx (N, H, W, C_in), or None in their places.

    The same algorithm computes them as computed forward. A GPU applies the gate now, once for all of
    them; on a CPU each gradient applies it to the blocks that it works on, while they are in cache.
    """
    chosen = choose(algorithm, x, weight, geometry)
    if gate is not None and device_name(dy) == "gpu":
        dy, gate = gated(dy, gate), None
    if chosen in TOGETHER and input_gradient and parameter_gradients:
        return TOGETHER[chosen].gradients(x, dy, weight, geometry, gate)
    dw, db = None, None
    if parameter_gradients:
        dw, db = chosen.weight_gradient(x, dy, weight.shape, geometry, gate)
    if not input_gradient:
        return dw, db, None
    return dw, db, chosen.input_gradient(dy, weight, x.shape, geometry, gate)


def _three_by_three(geometry: Geometry) -> bool:
    plain = geometry.stride == geometry.dilation == (1, 1)
    return geometry.kernel == (3, 3) and plain and max(map(max, geometry.padding)) <= 2


__all__ = ["ALGORITHMS", "Geometry", "check_algorithm", "choose", "geometry", "gradients"]
