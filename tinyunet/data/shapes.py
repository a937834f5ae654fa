"""What other libraries' arrays need to be images and labels here."""

from __future__ import annotations


def remedy(values: tuple[int, ...], image: tuple[int, int], channels: int) -> str:
    """What makes labels of another shape than (H, W) fit their image; empty where that is unclear.

    Parameters
    ----------
    values
        Shape of the labels.
    image, channels
        (H, W) of the image as it was read, and its last axis.
    """
    if values == (image[1], channels):
        return ": channels come last, images are (H, W, C): numpy.moveaxis(image, 0, -1)"
    if values == (*image, 1):
        return ": without the last axis, labels[..., 0]"
    if len(values) == 3 and values[:2] == image:
        return ": of one-hot labels pass the class numbers, labels.argmax(axis=-1)"
    if len(values) == 3 and values[1:] == image:
        return ": of one-hot labels pass the class numbers, labels.argmax(axis=0)"
    if values == image[::-1]:
        return ": height and width are the other way round, labels.T"
    return ""
