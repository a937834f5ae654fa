"""The pairs of a run: a folder's, or drawn ones; which teach, and which are kept back to look at."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image

from tinyunet.data import (
    Pairs,
    PicturePairs,
    coin_flip_colours,
    line_art,
    load_gray_pairs,
    load_pairs,
)
from tinyunet.data.groups import joined
from tinyunet.runs.painting.settings import PaintSettings
from tinyunet.runs.record import first_few, sum_of

KEPT_BACK = 0.1  # of a folder's pictures, two at least where there are enough
SHOWN = 24  # drawings to look at
FAR = 10**6  # seeds of two runs are so far apart that no two of their drawings are alike
Sums = dict[str, dict[str, list[str]]]


@dataclass
class Source:
    """Where a run's pairs come from.

    Attributes
    ----------
    batch
        The pairs of a step.
    held
        Pairs that teach nothing, to look at and to score.
    count
        How many pairs teach; None if all are drawn anew.
    sums
        Of a folder's pictures the checksums, by part and name.
    notes
        What is worth a word.
    stretched
        Whether inputs of 8 bits were stretched as those of more bits are.
    middle
        The median of the targets' channels: what is least wrong without looking.
    """

    batch: Callable[[int], Pairs]
    held: PicturePairs
    count: int | None
    sums: Sums
    notes: list[str]
    stretched: bool
    middle: np.ndarray

    @property
    def channels(self) -> tuple[int, int]:
        """Of an input, and of a target."""
        return self.held.inputs[0].shape[2], self.held.targets[0].shape[2]


def source_of(settings: PaintSettings, known: Sums | None = None) -> Source:
    """The pairs that settings ask for; `known`: as they were when the run began.

    Raises
    ------
    FileNotFoundError, ValueError
        As `load_pairs`; if there are too few pictures; if some are missing or not as they were.
    """
    if settings.kind == "line-art":
        return _drawn_anew(settings)
    if settings.kind == "coin-flip-colours":
        pairs = coin_flip_colours(settings.images, settings.size, seed=settings.split_seed)
        held = coin_flip_colours(SHOWN, settings.size, seed=settings.split_seed + FAR)

        def batch(step: int) -> Pairs:
            return pairs.batch(step, settings.batch_size, settings.seed)

        middle = np.median(pairs.targets, axis=(0, 1, 2))
        return Source(batch, _named(held), len(pairs), {}, [], False, middle)
    return _of_folder(settings, known)


def _drawn_anew(settings: PaintSettings) -> Source:
    def batch(step: int) -> Pairs:
        number = FAR * settings.seed + step + 1
        return line_art(settings.batch_size, settings.size, seed=number).pairs(seed=number)

    held = line_art(SHOWN, settings.size, seed=0).pairs(seed=0)
    return Source(batch, _named(held), None, {}, [], False, np.median(held.targets, axis=(0, 1, 2)))


def _named(pairs: Pairs) -> PicturePairs:
    names = [str(i) for i in range(len(pairs))]
    return PicturePairs(names, [*pairs.inputs], [*pairs.targets], names)


# ---------------------------------------------------------------------- a folder


def _of_folder(settings: PaintSettings, known: Sums | None) -> Source:
    folder = Path(settings.data)
    if not folder.is_dir():
        raise FileNotFoundError(
            f"--data {settings.data}: there is no such folder, nor are such pairs drawn: give a folder "
            "with images/ and targets/, line-art or coin-flip-colours"
        )
    read = (load_gray_pairs if settings.colour else load_pairs)(
        folder, lambda picture: fitted(picture, settings.crop, settings.side)
    )
    if not settings.colour:  # Y, U and V are from -1 to 1 already
        parts = ([2 * x - 1 for x in images] for images in (read.inputs, read.targets))
        read = replace(read, **dict(zip(("inputs", "targets"), parts, strict=True)))
    train, held = _dealt(read, settings, known)
    sums = {"train": _sums(train), "held": _sums(held)}
    if known is not None:
        _check_same(known, sums, folder)

    def batch(step: int) -> Pairs:
        return train.windows(step, settings.batch_size, settings.crop, settings.seed)

    colours = [y.reshape(-1, y.shape[2]) for y in train.targets]
    middle = np.median(np.concatenate(colours), axis=0)
    return Source(batch, held, len(train), sums, read.notes, read.stretched, middle)


def _dealt(
    read: PicturePairs, settings: PaintSettings, known: Sums | None
) -> tuple[PicturePairs, PicturePairs]:
    """What teaches and what is kept back: by chance, or as it was dealt out before."""
    if known is not None:
        places = {name: i for i, name in enumerate(read.names)}
        missing = [name for part in known.values() for name in part if name not in places]
        if missing:
            raise ValueError(
                f"{len(missing)} of the run's pictures are not in {settings.data} any more: "
                f"{first_few(missing)}. Put back what is missing, or begin a new run"
            )
        train, held = (read.subset(places[name] for name in known[p]) for p in ("train", "held"))
        return train, held
    groups = joined(read.groups, *_likes(read))
    files = sorted(set(groups))
    if len(files) < 2:
        raise ValueError(
            f"{settings.data} has a single picture, {files[0]}: paint needs two at least, one of which "
            "is kept back to look at"
        )
    order = np.random.default_rng(settings.split_seed).permutation(len(files))
    kept = max(min(2, len(files) // 2), round(KEPT_BACK * len(files)))
    back = {files[i] for i in order[:kept]}
    train, held = (
        read.subset(i for i, group in enumerate(groups) if (group in back) == is_back)
        for is_back in (False, True)
    )
    return train, held


def _likes(pairs: PicturePairs) -> list[list[str]]:
    """Checksums of inputs: copies of a picture either teach or are kept back."""
    return [[sum_of(x) for x in pairs.inputs]]


def _sums(pairs: PicturePairs) -> dict[str, list[str]]:
    both = zip(pairs.names, pairs.inputs, pairs.targets, strict=True)
    return {name: [sum_of(x), sum_of(y)] for name, x, y in both}


def _check_same(known: Sums, sums: Sums, folder: Path) -> None:
    changed = [
        name
        for part, there in known.items()
        for name, was in there.items()
        if list(was) != sums[part][name]
    ]
    if changed:
        raise ValueError(
            f"{len(changed)} of the run's pictures in {folder} are not as they were: "
            f"{first_few(changed)}. Put the old files back, or begin a new run"
        )


# ---------------------------------------------------------------------- sizes


def fitted(picture: np.ndarray, least: int, most: int | None) -> np.ndarray:
    """A picture (H, W, C) with a shorter side of `least` to `most` pixels, made smaller or larger."""
    shorter = min(picture.shape[:2])
    side = max(least, min(shorter, most or shorter))
    if side == shorter:
        return picture
    return resized(picture, tuple(max(side, round(n * side / shorter)) for n in picture.shape[:2]))


def resized(picture: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """A picture (H, W, C), float32, with another height and width; bicubic, blurred as it shrinks."""
    if picture.shape[:2] == shape:
        return picture
    planes = (Image.fromarray(np.ascontiguousarray(plane)) for plane in np.moveaxis(picture, 2, 0))
    size = shape[1], shape[0]
    return np.stack([np.asarray(p.resize(size, Image.Resampling.BICUBIC)) for p in planes], axis=2)
