"""The checks of what a `Dataset` is made of; messages name the image."""

from collections.abc import Sequence

import numpy as np

from tinyunet.data.shapes import remedy
from tinyunet.metrics.checks import WHITE

GAPS = 64  # from this label on, most of the classes below it should occur
BRIGHT = 30  # of an image scaled to about [0, 1], hardly a pixel is brighter


def checked_image(image: np.ndarray, name: str) -> np.ndarray:
    """Check one image; returns it as (H, W, C) float32."""
    image = np.asarray(image)
    if image.ndim != 3 or image.size == 0:
        raise ValueError(
            f"image {name!r} has shape {image.shape}: it should be (H, W, C); "
            "a gray image becomes one with image[..., None]"
        )
    if not np.issubdtype(image.dtype, np.floating):
        raise TypeError(
            f"image {name!r} has dtype {image.dtype}: scale it to about [0, 1] as float32, "
            "8-bit images with image / 255"
        )
    if not np.isfinite(image).all():
        raise ValueError(f"image {name!r} has NaN or infinite values: repair or leave it out")
    if image.max() > BRIGHT and np.percentile(image, 99.8) > BRIGHT:
        raise ValueError(
            f"image {name!r} has values up to {image.max():g}: scale it to about [0, 1], values of 8 "
            "bits with image / 255"
        )
    return image.astype(np.float32, copy=False)


def checked_map(
    values: np.ndarray, what: str, shape: tuple[int, int, int], name: str, ignore: int | None
) -> np.ndarray:
    """Check one label or instance map for an image (H, W, C); returns it as (H, W) int64."""
    values = np.asarray(values)
    if values.shape != shape[:2]:
        raise ValueError(
            f"{what} of image {name!r} have shape {values.shape}, but the image is "
            f"{shape[0]}x{shape[1]}{remedy(values.shape, shape[:2], shape[2])}"
        )
    if values.dtype != bool and not np.issubdtype(values.dtype, np.integer):
        raise TypeError(f"{what} of image {name!r} have dtype {values.dtype}: use integers")
    if values.min() < 0 and (ignore is None or values.min(where=values != ignore, initial=0) < 0):
        raise ValueError(
            f"{what} of image {name!r} hold the negative value {values.min()}: count from 0"
            + (
                f"; if it means 'ignore', say ignore_label={values.min()}"
                if what == "labels"
                else ""
            )
        )
    if int(values.max()) > np.iinfo(np.int64).max:  # as an int: a boolean is a C long of 32 bits
        raise ValueError(
            f"{what} of image {name!r} hold {values.max()}, which int64 cannot: number them anew"
        )
    return values.astype(np.int64, copy=False)


def check_codes(
    names: Sequence[str], labels: Sequence[np.ndarray], num_classes: int, ignore: int | None
) -> None:
    """Refuse labels that are codes and no classes: 0 and 255, or 0, 100 and 200."""
    largest = num_classes - 1
    if largest < GAPS:
        return
    used = np.unique(np.concatenate([np.unique(x) for x in labels]))
    used = used[used != ignore]
    if largest not in used or (largest not in WHITE and used.size > largest / 8):
        return
    name = next(n for n, x in zip(names, labels, strict=True) if (x == largest).any())
    shown = ", ".join(map(str, used[:8])) + (", ..." if used.size > 8 else "")
    raise ValueError(
        f"labels of image {name!r} hold {largest}, which would make {largest + 1} classes: only "
        f"{shown} occur; of a mask of 0 and {largest} pass mask > 0; if {largest} means 'ignore', "
        f"say ignore_label={largest}; of codes pass np.searchsorted({used[:8].tolist()}, labels)"
    )
