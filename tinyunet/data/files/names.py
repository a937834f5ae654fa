"""Which mask belongs to which image, by their names as people give them."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

from tinyunet.data.files.content import stem_of

# The ends that programs and people give to names of masks (Cellpose, ilastik, QuPath, LabelMe, Kaggle).
MASK_WORDS = (
    "cp_masks?", "simple segmentation", "object identities", "ground[_ -]?truth", "gt", "masks?",
    "labels?", "lbl", "label[_ -]?ids?", "instance[_ -]?ids?", "instances?", "seg", "segm",
    "segmentations?", "segmented", "annotations?", "annotated", "annot", "ann", "manual", "truth",
    "target", "binary", "outlines?", "rois?", "cells?", "nuclei", "labell?ed", "mask[_ -]?image",
)  # fmt: skip
IMAGE_WORDS = ("image", "images", "img", "im", "raw", "orig", "original", "input", "photo", "0000")
MASK, IMAGE = (
    [re.compile(form.format("|".join(words))) for form in (r"[ ._-]+(?:{0})$", r"^(?:{0})[ ._-]+")]
    for words in (MASK_WORDS, IMAGE_WORDS)
)
KNOWN = "_mask, _masks, _cp_masks, _label, _labels, _seg, _segmentation, _gt, _annotation, .mask"


def folded(path: Path) -> str:
    """Its stem, with capitals and small letters alike."""
    return stem_of(path).casefold()


def without_mask_word(path: Path) -> str:
    """The folded stem of a mask without one word that says so, at its end or else its start."""
    return _without(folded(path), MASK)


def without_mask_words(path: Path) -> str:
    """The folded stem of a mask without all such words."""
    stem, shorter = folded(path), without_mask_word(path)
    while shorter != stem:
        stem, shorter = shorter, _without(shorter, MASK)
    return stem


def without_image_word(path: Path) -> str:
    """The folded stem of an image without a word that says that it is one."""
    return _without(folded(path), IMAGE)


# How names are compared: at first as they are, then ever more freely. What has found its like stays.
LEVELS: tuple[tuple[Callable[[Path], str], Callable[[Path], str]], ...] = (
    (stem_of, stem_of),
    (folded, folded),
    (folded, without_mask_word),
    (folded, without_mask_words),
    (without_image_word, without_mask_word),
    (without_image_word, without_mask_words),
)


def match(images: list[Path], masks: list[Path]) -> tuple[dict[str, tuple[Path, Path]], list[str]]:
    """Pair images with masks by name: {name of the image: (image, mask)}, and what is wrong."""
    pairs: dict[str, tuple[Path, Path]] = {}
    problems: list[str] = []
    left_images, left_masks = list(images), list(masks)
    for of_image, of_mask in LEVELS:
        by_image, by_mask = _grouped(left_images, of_image), _grouped(left_masks, of_mask)
        for key in sorted(set(by_image) & set(by_mask)):
            some_images, some_masks = by_image[key], by_mask[key]
            problems += _ambiguous(key, some_images) + _ambiguous(key, some_masks)
            left_images = [path for path in left_images if path not in some_images]
            left_masks = [path for path in left_masks if path not in some_masks]
            pairs[stem_of(some_images[0])] = some_images[0], some_masks[0]
    return pairs, problems + _lonely(pairs, left_images, left_masks)


def _without(stem: str, patterns: list[re.Pattern]) -> str:
    shorter = (pattern.sub("", stem) for pattern in patterns)
    return next((short for short in shorter if short not in ("", stem)), stem)


def _grouped(paths: list[Path], key_of: Callable[[Path], str]) -> dict[str, list[Path]]:
    groups = defaultdict(list)
    for path in paths:
        groups[key_of(path)].append(path)
    return groups


def _ambiguous(key: str, paths: list[Path]) -> list[str]:
    first, *others = paths
    return [f"{other.name} and {first.name} both belong to {key!r}" for other in others]


def _lonely(
    pairs: dict[str, tuple[Path, Path]], images: list[Path], masks: list[Path]
) -> list[str]:
    """What is wrong with files that found no partner."""
    taken = {without_mask_word(mask): mask for _, mask in pairs.values()}
    problems = [f"{path.name} has no mask" for path in images]
    for path in masks:
        other = taken.get(without_mask_word(path))
        if other is not None:
            problems.append(
                f"{path.name} and {other.name} both belong to {without_mask_word(path)!r}"
            )
        else:
            problems.append(f"mask {path.name} has no image")
    if len(images) > 2 and len(images) == len(masks):
        problems.append(
            "names should be the same up to the end, such as .png; a mask's may also end in "
            f"{KNOWN}: {images[0].name} and {masks[0].name} have no name in common"
        )
    return problems + _alike(images, masks)


def _alike(images: list[Path], masks: list[Path]) -> list[str]:
    """What to do where the name of one begins as that of another."""
    for mask in masks[:20]:
        channels = [image.name for image in images if _begins(folded(image), folded(mask))]
        if len(channels) > 1:
            return [
                f"{' and '.join(channels[:4])} begin as the mask {mask.name}: if they are channels of "
                "one image, save them as one TIFF"
            ]
    for image in images[:20]:
        for mask in masks:
            if _begins(folded(mask), folded(image)):
                return [
                    f"{mask.name} begins as {image.name}: if it is its mask, call it "
                    f"{image.stem}_mask{mask.suffix}, and the others so, too"
                ]
    return []


def _begins(longer: str, shorter: str) -> bool:
    """Whether a name is another one and more, but not 10 of 1."""
    return longer.startswith(shorter) and not longer[len(shorter) :][:1].isalnum()
