"""How a trained batch normalisation disappears into the convolution before it."""

from __future__ import annotations

import copy
from typing import TypeVar

from tinyunet.engine.arrays import array_module
from tinyunet.layers.conv import Conv2d
from tinyunet.layers.norm import BatchNorm2d
from tinyunet.layers.upconv import ConvTranspose2d

Convolution = TypeVar("Convolution", Conv2d, ConvTranspose2d)


def fold(conv: Convolution, norm: BatchNorm2d) -> Convolution:
    """Return one convolution that computes what `conv` and then `norm`, in eval, compute.

    A convolution's output z is linear in its weights w and bias c, so with s = weight / root of `norm`,

        s * (z - running_mean) + bias  =  z'  with  w' = s * w  and  c' = s * (c - running_mean) + bias

    Parameters
    ----------
    conv
        A `Conv2d` without a fused ReLU, or a `ConvTranspose2d`. It doesn't change.
    norm
        The trained normalisation of its output.
    """
    if getattr(conv, "activation", None) is not None:
        raise ValueError(f"{conv} has its ReLU before the normalisation: that cannot be folded")
    if conv.out_channels != norm.num_features:
        raise ValueError(f"{norm} does not normalise the {conv.out_channels} channels of {conv}")
    xp, weight = array_module(norm.params["weight"]), conv.params["weight"]
    s = norm.params["weight"] / xp.sqrt(norm.buffers["running_var"].astype("float64") + norm.eps)
    bias = (conv.params.get("bias", 0) - norm.buffers["running_mean"]) * s + norm.params["bias"]
    folded = copy.deepcopy(conv)
    folded.params = {"weight": (weight * s).astype(weight.dtype), "bias": bias.astype(weight.dtype)}
    folded.grads, folded._kept = {}, None
    return folded
