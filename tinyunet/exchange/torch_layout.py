"""The same weights in PyTorch's axis order, guessed from their names: `Layer.torch_state` knows it."""

from __future__ import annotations

import warnings

from tinyunet.engine.arrays import Array


def to_torch_layout(name: str, array: Array) -> Array:
    """Return a parameter in PyTorch's layout (a view where possible).

    A convolution's (kh, kw, I, O) becomes (O, I, kh, kw); a transposed convolution's (I, kh, kw, O)
    becomes (I, O, kh, kw); a bias stays as it is.

    .. deprecated:: 0.2
        A name that begins with "up" is a guess. Use ``model.torch_state()``, where each layer says
        its own axes.

    Parameters
    ----------
    name
        The parameter's name. A part of it that begins with "up", as in ``ups.0.weight``, marks a
        transposed convolution: the shape alone does not tell.
    array
        Its value.
    """
    warnings.warn(
        "to_torch_layout guesses from a parameter's name: use model.torch_state()",
        DeprecationWarning,
        stacklevel=2,
    )
    if array.ndim != 4:
        return array
    transposed = any(part.startswith("up") for part in name.split("."))
    return array.transpose(0, 3, 1, 2) if transposed else array.transpose(3, 2, 0, 1)
