"""Whether masks fit their images: better than other masks, and than they would turned or mirrored.

Compared are small pictures, of brightness and of what is marked, by their correlation. It says
something where cells are brighter or darker than what is around them; elsewhere nothing is said.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

SIDE = 32
MOST = 300  # pictures; of more, only each with its own turned mask is compared
GOOD, BETTER = 0.5, 0.25  # a correlation, and by how much it is above that with the own mask


def small(picture: np.ndarray) -> np.ndarray:
    """Means (32, 32) of a picture (H, W) over as many blocks; of a smaller one, its nearest pixels."""
    rows, columns = (np.arange(SIDE) * size // SIDE for size in picture.shape)
    if min(picture.shape) < SIDE:
        return picture[np.ix_(rows, columns)].astype(np.float32)
    sums = np.add.reduceat(np.add.reduceat(picture, rows, 0, np.float64), columns, 1)
    sides = (
        np.diff([*starts, size])
        for starts, size in zip((rows, columns), picture.shape, strict=True)
    )
    return (sums / np.multiply.outer(*sides)).astype(np.float32)


def misfits(
    names: Sequence[str], images: Sequence[np.ndarray], masks: Sequence[np.ndarray]
) -> dict:
    """What fits better than the own mask: {name: name of the other, or "turned" or "mirrored"}.

    Parameters
    ----------
    names
        Of the images.
    images, masks
        The small pictures (32, 32) of each.
    """
    full = [i for i in range(len(names)) if images[i].std() and masks[i].std()]
    if not full:
        return {}
    seen, marked = (_units([pictures[i] for i in full]) for pictures in (images, masks))
    own = np.abs((seen * marked).sum(axis=1))
    found: dict[str, tuple[float, str]] = {}
    for word, change in TURNS.items():
        turned = _units([change(masks[i]) for i in full])
        _note(found, names, full, own, np.abs((seen * turned).sum(axis=1)), [word] * len(full))
    if 1 < len(full) <= MOST:
        others = np.abs(seen @ marked.T)
        best = others.argmax(axis=1)
        of = [names[full[j]] for j in best]
        _note(found, names, full, own, others[np.arange(len(full)), best], of)
    return {name: word for name, (_, word) in found.items()}


TURNS = {
    "turned by 90 degrees": np.rot90,
    "turned by 180 degrees": lambda mask: mask[::-1, ::-1],
    "turned by 270 degrees": lambda mask: np.rot90(mask, 3),
    "upside down": lambda mask: mask[::-1],
    "mirrored": lambda mask: mask[:, ::-1],
    "transposed": np.transpose,
    "transposed and turned by 180 degrees": lambda mask: mask[::-1, ::-1].T,
}


def _units(pictures: list[np.ndarray]) -> np.ndarray:
    """Pictures as vectors without mean, of length 1: their products are correlations."""
    flat = np.stack([picture.ravel() for picture in pictures])
    flat = flat - flat.mean(axis=1, keepdims=True)
    return flat / np.linalg.norm(flat, axis=1, keepdims=True)


def _note(
    found: dict[str, tuple[float, str]],
    names: Sequence[str],
    full: list[int],
    own: np.ndarray,
    other: np.ndarray,
    words: Sequence[str],
) -> None:
    for i, mine, its, word in zip(full, own, other, words, strict=True):
        best = found.get(names[i], (0.0, ""))[0]
        if its > GOOD and its > mine + BETTER and its > best:
            found[names[i]] = float(its), word
