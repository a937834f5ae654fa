"""The same weights in PyTorch's axis order."""

from __future__ import annotations

from tinyunet.engine.arrays import Array


def to_torch_layout(name: str, array: Array) -> Array:
    """Return a parameter in PyTorch's layout (a view where possible).

    A convolution's (kh, kw, I, O) becomes (O, I, kh, kw); a transposed convolution's (I, kh, kw, O)
    becomes (I, O, kh, kw); a bias stays as it is.

    Parameters
    ----------
    name
        The parameter's name. A part of it that begins with "up", as in ``ups.0.weight``, marks a
        transposed convolution: the shape alone does not tell.
    array
        Its value.
    """
    if array.ndim != 4:
        return array
    transposed = any(part.startswith("up") for part in name.split("."))
    return array.transpose(0, 3, 1, 2) if transposed else array.transpose(3, 2, 0, 1)
