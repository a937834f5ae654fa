"""Weights from one network into another: the authors' way from VGG16 to FCN-32s, 16s and 8s."""

from __future__ import annotations

from tinyunet.engine.arrays import Array, device_name, to_device
from tinyunet.layers.layer import Layer


def as_convolution(weight: Array, size: tuple[int, int]) -> Array:
    """Return the convolution that a fully connected layer is, (h, w, C, out).

    Its window is the whole map that the layer reads, so it gives the same numbers there, and a map of
    them on a larger image.

    Parameters
    ----------
    weight
        (out, C * h * w), of a map read channel by channel, as PyTorch and Caffe have it: VGG16's fc6
        is (4096, 25088).
    size
        The map's (h, w).
    """
    height, width = size
    outs, ins = weight.shape
    if ins % (height * width):
        raise ValueError(
            f"a weight of shape {weight.shape} reads no map of {height}x{width} pixels"
        )
    return weight.reshape(outs, -1, height, width).transpose(2, 3, 1, 0)


def transplant(source: Layer, target: Layer) -> list[str]:
    """Copy each array of `source` that has its like in `target`, in name and shape; return the names.

    VGG16 and FCN name their layers alike, and so do FCN-32s, 16s and 8s: score layers for other
    classes, and the fixed kernels of another stride, stay as they are.
    """
    mine, copied = dict(target.named_state()), []
    for name, array in source.named_state():
        if name in mine and mine[name].shape == array.shape:
            found = to_device(array, device_name(mine[name]))
            mine[name][...] = found.astype(mine[name].dtype)
            copied.append(name)
    if not copied:
        raise ValueError(f"{target} has no array of the name and shape of one of {source}")
    return copied
