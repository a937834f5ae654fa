"""Segment an image of any size: its border, overlapping tiles, averaging over symmetries."""

from __future__ import annotations

import warnings
import weakref
from collections.abc import Callable, Iterator

import numpy as np

from tinyunet.data.files.gray import in_channels
from tinyunet.engine.arrays import array_module, pair, to_cpu, to_device
from tinyunet.engine.progress import Progress
from tinyunet.engine.rules import short
from tinyunet.layers.layer import Layer
from tinyunet.networks.network import Network
from tinyunet.networks.plain import labelling
from tinyunet.segmentation.axis import Axis
from tinyunet.segmentation.symmetries import averaged

# Around the image, a network with same padding could be shown a mirror image, too (`reach` pixels of
# it). Measured on 60 images for each network, of depth 3 and trained for 400 or 500 steps, within 16
# pixels of the border, or of cells that reach there; zeros against mirror, means over networks:
#
#                              cross-entropy   wrong pixels, %      SEG          F1
#   synthetic cells, 3 seeds   .036    .042      1.47   1.52    .920  .925   .995  .998
#   DSB 2018, 2 seeds          .073    .076      2.87   2.99    .716  .716   .855  .847
#
# Pixels are better with zeros for every network, cells are better for one data set and not for the
# other; over whole images SEG differs by .004 at most. Zeros are what training shows, and cost a third
# of the time at 128 pixels.
WHOLE = 1024  # an image up to this side is computed in one piece unless a tile is asked for
# Pixels at the border of a same-padding tile that are not used, where the tile is too small to leave
# out all that the zeros around it reach.
RIM = 32
_WARNED: weakref.WeakSet[Network] = weakref.WeakSet()


def predict_image(
    model: Layer,
    image: np.ndarray,
    *,
    tile: int | tuple[int, int] | None = None,
    average: bool | str = False,
) -> np.ndarray:
    """Return the class probabilities of every pixel.

    What lies beyond the image's border is made up. A valid network gets the image mirrored (the
    paper's overlap-tile strategy). A network with same padding gets the zeros that its convolutions
    put there, as it did at the border of every window in training; where 2^depth does not divide a
    side, a few mirrored rows or columns at the bottom or right come first. One that pads and yet
    gives less than it gets has both: the mirror image, and zeros around it.

    This is so for every image, in one piece or in tiles. Tiles are laid at a stride that is a
    multiple of 2^depth, or of a network's `tile_stride`: all of them then meet the poolings at the
    same places (Rumberger et al. 2021, arXiv:2101.05846). Those of a valid network give what one
    piece gives. So do those of a `UNet` with same padding, from 13 * 2^depth pixels on, and of
    another that pads, from 2 * reach + tile_stride on: they overlap so far that the zeros at a tile's
    own border reach nothing that it gives. That costs time, the more the nearer to this size: take
    twice as much or more. Smaller ones leave out 32 pixels there, and faint seams remain. So do tiles
    of a network whose `reach` is not known, which is said in a warning.

    Parameters
    ----------
    model
        The network, a `Network` or any layer that turns images into logits; its mode and parameters
        do not change. Logits of one channel are the foreground's, for a sigmoid.
    image
        (H, W, C), or (H, W) for one channel, floats of about [0, 1]; any size.
    tile
        The side, or (height, width), of the image that the network sees at once, a valid input size.
        By default the whole image up to 1024 pixels, and about 512 of a larger one.
    average
        Average over versions of the image: ``"symmetries"`` (or True) takes the eight symmetries of
        the square, ``"rotations"`` the paper's seven rotations, here by multiples of 360 / 7 degrees.
        Slower, often a little better. ``"none"`` is False.

    Returns
    -------
    (H, W, K) array
        Probabilities, float32 or float64 as the model. For logits of one channel K is 2: 1 - p and p.

    Raises
    ------
    ValueError
        If the image has the wrong number of channels or values that are not finite, or the network
        cannot take the tile.
    """
    model = labelling(model)
    image = checked(model, image)
    return averaged(lambda version: _predict(model, version, tile), image, average)


def _predict(model: Network, image: np.ndarray, tile: int | tuple[int, int] | None) -> np.ndarray:
    return stitch(model, image, *plan(model, image.shape[:2], tile))


def plan(
    model: Network, sides: tuple[int, int], tile: int | tuple[int, int] | None
) -> tuple[Axis, Axis]:
    """How tiles lie along the height and the width of an image."""
    tiles = (None, None) if tile is None else pair(tile, "tile", smallest=1)
    return _plan(model, 0, sides[0], tiles[0]), _plan(model, 1, sides[1], tiles[1])


def stitch(model: Network, image: np.ndarray, down: Axis, across: Axis) -> np.ndarray:
    """Return the class probabilities (H, W, K) of an image (H, W, C), tile by tile.

    `predict_image` lays tiles that fit together; this does as it is told, and so shows what happens
    where they do not.

    Parameters
    ----------
    model
        The network; each tile's ``reads`` must be a size that it takes.
    image
        (H, W, C), in the model's dtype.
    down, across
        How tiles lie along the height and the width.
    """
    probabilities = np.empty((*image.shape[:2], max(2, model.num_classes)), image.dtype)
    for rows, strip in strips(model, lambda rows: image[rows], down, across):
        probabilities[rows] = strip
    return probabilities


def strips(
    model: Network, read: Callable[[slice], np.ndarray], down: Axis, across: Axis
) -> Iterator[tuple[slice, np.ndarray]]:
    """Yield rows and their class probabilities (h, W, K), one row of tiles after the other.

    `read` gives rows (h, W, C) of the image in the model's dtype. No more than one row of tiles is in
    memory at a time. Parameters as of `stitch`.
    """
    # The numbers of an image's rows and columns, mirrored at its border.
    mirrored = [np.pad(np.arange(a.side), a.border, mode="reflect") for a in (down, across)]
    above, before = down.border[0], across.border[0]
    classes = max(2, model.num_classes)
    columns_of = list(zip(across.starts, across.places, strict=True))
    tiles = len(down.starts) * len(columns_of)
    with Progress(total=tiles, desc="tiles", delay=2, leave=False, disable=tiles == 1) as bar:
        for top, rows in zip(down.starts, down.places, strict=True):
            lines = mirrored[0][top + above :][: down.reads]
            first = int(lines.min())
            seen = read(slice(first, int(lines.max()) + 1))
            padded = seen[lines - first][:, mirrored[1]]
            strip = np.empty((rows.stop - rows.start, across.side, classes), padded.dtype)
            for left, columns in columns_of:
                window = padded[:, left + before :][:, : across.reads]
                part = _probabilities(model, window, _moved(rows, -top), _moved(columns, -left))
                strip[:, columns] = part
                bar.update()
            yield rows, strip


def _moved(place: slice, by: int) -> slice:
    """The same place, counted from elsewhere."""
    return slice(place.start + by, place.stop + by)


def _plan(model: Network, axis: int, side: int, tile: int | None) -> Axis:
    """Lay tiles along one side of the image: 0, its height, or 1, its width."""
    step, lost = model.tile_stride, model.sizes[axis].lost
    whole = model.input_size(side, side)[axis]  # one tile that covers everything
    # Tiles that stay inside of what one piece would read have its zeros at its border, and no others.
    inside = {"within": whole, "before": lost // 2, "grid": step} if model.pads or not lost else {}
    if tile is None and side <= WHOLE:
        tile = whole
    rim = 0  # what zeros at a tile's own border reach
    if model.pads and (tile is None or tile < whole):
        rim = RIM if model.reach is None else max(0, model.reach - lost // 2)
    if tile is None:  # in a deep network, enough to give more than it leaves out
        large = max(WHOLE // 2, 4 * rim)
        tile = model.input_size(large, large)[axis]
    if tile >= whole:
        gives = _output(model, axis, whole)
        return Axis(side, whole, gives, stride=gives, **inside)
    gives = _output(model, axis, tile)
    if gives - 2 * rim < step:  # too small to leave all of it out
        rim = min(RIM, rim)
    if gives - 2 * rim < step:
        least = model.input_size(step + 2 * rim, step + 2 * rim)[axis]
        raise ValueError(f"a tile of {tile} pixels is too small for {model}: use {least} or more")
    if model.pads and model.reach is None:
        _warn_of_unknown_reach(model)
    gives -= 2 * rim
    return Axis(side, tile, gives, gives // step * step, **inside)


def _warn_of_unknown_reach(model: Network) -> None:
    """Say once of a network that its tiles may show seams."""
    if model not in _WARNED:
        _WARNED.add(model)
        warnings.warn(
            f"how far {short(model)} sees cannot be found out, as its forward makes or changes arrays "
            f"without tinyunet's layers: tiles leave out {RIM} pixels at their borders, and seams may "
            "remain. Set self.reach, in pixels, in its constructor (or self.pads = False if nothing "
            "is padded), or predict in one piece with a tile as large as the image",
            stacklevel=2,
        )


def _output(model: Network, axis: int, side: int) -> int:
    """The side of the output for a side of the image, whatever sizes the other axis takes."""
    size = list(model.input_size(1, 1))
    size[axis] = side
    return model.output_size(*size)[axis]


def _probabilities(model: Network, window: np.ndarray, rows: slice, columns: slice) -> np.ndarray:
    """Run one tile and return the probabilities (h, w, K) of some rows and columns of it."""
    x = to_device(np.ascontiguousarray(window[None]), model.device)
    logits = model.predict(x)[0]
    lost = ((a - b) // 2 for a, b in zip(window.shape[:2], logits.shape[:2], strict=True))
    rows, columns = (_moved(place, -n) for place, n in zip((rows, columns), lost, strict=True))
    logits = logits[rows, columns]
    xp = array_module(logits)
    if logits.shape[2] == 1:  # a sigmoid is the softmax of 0 and the logit
        logits = xp.concatenate([xp.zeros_like(logits), logits], axis=2)
    p = xp.exp(logits - logits.max(axis=2, keepdims=True))
    return to_cpu(p / p.sum(axis=2, keepdims=True))


def checked(model: Network, image: np.ndarray) -> np.ndarray:
    """Return the image as (H, W, C) in the model's dtype, or raise."""
    image = np.asarray(image)
    if image.ndim == 2:
        image = image[..., None]
    channels = model.in_channels
    image = in_channels(image, channels)
    if image.ndim != 3 or image.shape[2] != channels or 0 in image.shape:
        found = "_channels_found" in vars(model)
        hint = (
            ": if its layers do not tell, set self.in_channels in its constructor" if found else ""
        )
        raise ValueError(
            f"the model needs an image (H, W, {channels}), got one of shape {image.shape}{hint}"
        )
    if image.dtype.kind != "f":
        raise TypeError(f"the image has dtype {image.dtype}: scale it to about [0, 1] as float32")
    if not np.isfinite(image).all():
        raise ValueError("the image has NaN or infinite values: repair it first")
    return image.astype(model.dtype, copy=False)
