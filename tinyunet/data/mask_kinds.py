"""What the numbers in masks mean, as far as their pixels tell, and whether that is in doubt."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import ndimage

from tinyunet.data.files.mask_files import placeholders
from tinyunet.data.files.report import MaskGuess
from tinyunet.data.lean import Mapped
from tinyunet.data.mask_shapes import (
    count_dim,
    count_pieces,
    doubt_of_one_each,
    flat_gray,
    listed,
    looks_inverted,
    numbered_cells,
    share_inside,
)
from tinyunet.metrics.checks import WHITE

FEW = 15  # numbers up to this are classes, unless they number cells one by one
CODES = 8  # at most so many gray values are set by hand
SAME = 4  # and so many, the same in all masks and in one piece each, may be codes
FLAT = 0.05  # of what is not black, the share of flat gray from which on it is no edge


def guess_kind(masks: Sequence[np.ndarray]) -> MaskGuess:
    """Say what the numbers of masks (H, W), all together, were taken for, and why.

    The bounds: of gray pixels in smoothed edges at most 1 % had four neighbours of their own number,
    tried with the filters of Pillow, blurs of up to 4 pixels, and JPEG; of the pixels of cells in
    DSB 2018, ISBI 2012 and the synthetic sets, 79 % and more. There, a number was in 1.02 pieces or
    fewer.
    """
    nonzero = sorted(set().union(*(np.unique(mask[mask > 0]).tolist() for mask in masks)))
    if len(nonzero) <= 1:
        return _binary(masks, nonzero)
    if doubt := doubt_of_one_each(masks):
        return MaskGuess("classes", "each mask has one number beside 0, another than others", doubt)
    if max(nonzero) <= FEW:
        if numbered_cells(masks):
            why = f"each of the numbers 1 to {max(nonzero)} is one piece, counted from the top"
            return MaskGuess("instances", f"{why}, and not at the same places in all masks")
        why = f"the numbers are {listed(nonzero)}; if each is a cell, say --masks instances"
        return MaskGuess("classes", why, _doubt_of_classes(masks, nonzero))
    count = sum(np.unique(mask[mask > 0]).size for mask in masks)
    pieces = sum(map(count_pieces, masks))
    inside = share_inside(masks, white)
    if _is_smoothed(masks, nonzero, inside, pieces / max(count, 1)):
        why = (
            "most of what is not black is white, between them are gray edges: cut at half of white"
        )
        gray = inside > 0.2 or flat_gray(masks, white(max(masks, key=np.max))) > FLAT
        doubt = _doubt_of_gray(nonzero) if gray else _doubt_of_cutting(masks)
        return MaskGuess("smoothed", why, doubt)
    why = f"{len(nonzero)} numbers up to {max(nonzero)}, each taken for a cell where it occurs"
    return MaskGuess("instances", why, _doubt_of_cells(masks, nonzero, count, pieces))


def white(mask: np.ndarray) -> int:
    """The largest number of as many bits as this mask seems to have, 8 or 16."""
    return WHITE[0] if mask.max() <= WHITE[0] else WHITE[1]


def cut(masks: Sequence[np.ndarray]) -> Sequence[np.ndarray]:
    """Masks of smoothed edges as booleans, cut at half of white."""
    return Mapped(masks, lambda mask: mask > white(mask) / 2)


def smeared(page: np.ndarray) -> tuple[np.ndarray, str]:
    """A mask (H, W) from a JPEG as 0 and 255, and what speaks against that; empty if nothing does."""
    page = page.astype(np.int64)
    top = int(page.max())
    if top < 40:
        doubt = (
            f"its largest value is {top}: it seems to hold numbers, which JPEG smears; save it as PNG"
            if top > 3
            else ""
        )
        return np.zeros_like(page), doubt
    level = 255 if top > 200 else int(np.median(page[page > top / 2]))
    found = np.where(page > level / 2, 255, 0)
    if flat_gray([page], level) > FLAT:
        return found, (
            "it is a JPEG, which smears numbers, and has gray areas: if they are classes or cells, "
            "save them as PNG or TIFF; if gray is to be cut at half of white, say --masks binary"
        )
    return found, ""


def _binary(masks: Sequence[np.ndarray], nonzero: list[int]) -> MaskGuess:
    if not nonzero:
        return MaskGuess("binary", "no mask has anything in it")
    doubt = _doubt_of_inversion(Mapped(masks, lambda mask: mask > 0), nonzero[0])
    return MaskGuess("binary", f"{nonzero[0]} is the only number beside 0", doubt)


def _is_smoothed(
    masks: Sequence[np.ndarray], nonzero: list[int], inside: float, pieces: float
) -> bool:
    """Whether they are white cells whose edges are gray: by their white, or by how thin the gray is."""
    total = sum(map(np.count_nonzero, masks))
    if sum(np.count_nonzero(mask == white(mask)) for mask in masks) > total / 2:
        return True
    thin = inside < 0.05 and pieces > 1.05 and len(nonzero) > CODES
    bright = max(nonzero) >= 0.6 * white(np.array([max(nonzero)]))
    return thin and bright


def _doubt_of_gray(nonzero: list[int]) -> str:
    named = f"say {_codes(nonzero)}" if len(nonzero) <= CODES else "number them 0 ... K-1"
    ignored = f"say --ignore {nonzero[0]}" if len(nonzero) == 2 else "make it 0"
    return (
        "gray was taken for smoothed edges of white cells and cut at half of white, but it fills "
        f'whole areas: if they are classes, {named}, or number them and say kind="classes" (--masks '
        f'classes); if gray means "ignore", {ignored}{_or_white_ignored(nonzero)}; if each number is a '
        'cell, say kind="instances" (--masks instances); if all gray is cell, --masks binary'
    )


def _doubt_of_cutting(masks: Sequence[np.ndarray]) -> str:
    """What speaks against cutting smoothed masks at half of white."""
    after = cut(masks)
    lost = sum(count_dim(mask, white(mask)) for mask in masks)
    if lost:
        left = sum(ndimage.label(mask)[1] for mask in after)
        return (
            f"they have smoothed edges, and cut at half of white {lost} of {lost + left} cells "
            "would vanish: save mask > 0.25 * mask.max(), or the masks before they were smoothed; if "
            "all gray is cell, say --masks binary"
        )
    return _doubt_of_inversion(after)


def _or_white_ignored(nonzero: list[int]) -> str:
    if max(nonzero) not in WHITE or sorted(nonzero)[-2] > FEW:
        return ""
    return f", and if {max(nonzero)} does, say --ignore {max(nonzero)} (ignore={max(nonzero)})"


def _doubt_of_inversion(masks: Sequence[np.ndarray], number: int = 255) -> str:
    """What speaks against these booleans being cells on background."""
    if len(masks) > 1 and all(mask.all() for mask in masks):
        return (
            f"everything is {number} in every mask: is the mask in another channel? If it is one "
            'cell, say kind="binary" (--masks binary)'
        )
    if not looks_inverted(masks):
        return ""
    return (
        "one 'cell' covers nearly everything, around several black spots: the masks look inverted; if "
        f"the cells are black, say --classes 0=cell,{number}=background (in Python classes=...); if "
        'not, kind="binary" (--masks binary)'
    )


def _doubt_of_cells(
    masks: Sequence[np.ndarray], nonzero: list[int], count: int, pieces: int
) -> str:
    """What speaks against each number being a cell."""
    if_cells = 'if each number is a cell, say kind="instances" (--masks instances)'
    if_classes = 'if they are classes, number them 0 ... K-1 and say kind="classes"'
    if len(nonzero) <= CODES:
        if_classes += f", or say {_codes(nonzero)}"
    *others, largest = nonzero
    if share_inside(masks, white) < 0.05 and pieces > 1.05 * count:
        return (
            "each number was taken for a cell, but hardly one fills an area, as with edges that were "
            "smoothed by resizing: resize masks without smoothing (nearest neighbour), or save "
            f"mask > 127; {if_cells}"
        )
    if pieces >= 1.5 * count and max(others) > FEW:
        return _in_pieces(masks, pieces, if_classes, if_cells)
    if largest in WHITE and largest - 1 not in nonzero and max(others) < largest - 50:
        named = "--masks classes"
        if max(others) > FEW:
            named = _codes(others) if len(others) <= CODES else "--classes ..."
        return (
            f'each number was taken for a cell, also {largest}, which often means "ignore": if so, say '
            f"--ignore {largest} (ignore={largest}), and {named} if the others are classes, --masks "
            f"instances if they are cells; {if_classes}; {if_cells}"
        )
    if pieces >= 1.5 * count:  # small numbers, and a large one
        return _in_pieces(masks, pieces, if_classes, if_cells)
    sets = [frozenset(np.unique(mask[mask > 0]).tolist()) for mask in masks if mask.any()]
    if len(sets) >= 3 and len(set(sets)) == 1 and len(nonzero) <= SAME:
        return (
            f"each number was taken for a cell, but every mask has the same {len(nonzero)}, "
            f"{listed(nonzero)}, as codes of classes would be: {if_classes}; {if_cells}"
        )
    if len(nonzero) <= 4 and _even_steps(nonzero):
        return (
            f"each number was taken for a cell, but {listed(nonzero)} look like codes of classes: "
            f"{if_classes}; {if_cells}"
        )
    return ""


def _doubt_of_classes(masks: Sequence[np.ndarray], nonzero: list[int]) -> str:
    """What speaks against small numbers being classes: they count cells, or JPEG smeared them."""
    if len(nonzero) <= SAME:
        return ""
    count = sum(np.unique(mask[mask > 0]).size for mask in masks)
    pieces = sum(map(count_pieces, masks))
    if pieces == count and sum(mask.any() for mask in masks) > 1:
        return (
            f"{len(nonzero)} numbers were taken for classes, but each is in one piece, as of cells: if "
            'each is a cell, say kind="instances" (--masks instances); else kind="classes" (--masks '
            "classes)"
        )
    if pieces < 4 * count or share_inside(masks, white) > 0.35:
        return ""
    return (
        f"{count} numbers are in {pieces} pieces that hardly fill areas, as after JPEG or a resizing "
        "that smoothes them: save the masks without (resized to the nearest neighbour); if they are "
        'classes indeed, say kind="classes" (--masks classes)'
    )


def _in_pieces(masks: Sequence[np.ndarray], pieces: int, if_classes: str, if_cells: str) -> str:
    found = [np.unique(mask[mask > 0]).size for mask in masks]
    count = sum(found)
    if max(found) > 2 * CODES and pieces > 3 * count:
        return (
            f"each number was taken for a cell, but {count} numbers are in {pieces} pieces, as after "
            "resizing or blurring that smoothes them, or JPEG: save the masks without (resized to the "
            f"nearest neighbour), or of cells that lie apart mask > {max(map(np.max, masks)) // 2}; "
            f"{if_cells}"
        )
    said = f"each number was taken for a cell, but {count} numbers are in {pieces} pieces"
    return f"{said}: {if_classes}; {if_cells}"


def _even_steps(nonzero: list[int]) -> bool:
    """Whether numbers divide white into equal steps, as codes do: 128 and 255, or 85, 170 and 255."""
    top = max(nonzero)
    if top not in WHITE:
        return False
    step = top / len(nonzero)
    return all(abs(number - step * i) <= 1.5 for i, number in enumerate(nonzero, 1))


def _codes(nonzero: list[int]) -> str:
    """What to write where numbers stand for classes."""
    return f"--classes 0=background,{placeholders(nonzero)} (in Python classes=...)"
