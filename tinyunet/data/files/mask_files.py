"""One mask file: its numbers or colors, wherever in it they are."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tinyunet.data.files.raw import Raw, read_raw

CUT = 127  # half of white


@dataclass
class MaskFile:
    """What a mask file holds: a page is (H, W), of numbers as stored, or (H, W, 3), of colors."""

    path: Path
    raw: Raw
    pages: list[np.ndarray]
    notes: tuple[str, ...] = ()
    doubt: str = ""  # what speaks against its numbers

    @property
    def lossy(self) -> bool:
        """Whether the compression smears numbers, as that of JPEG does."""
        return self.raw.lossy


def read_mask_file(path: str | Path, by_color: bool = False) -> MaskFile:
    """Read a mask; of a palette its indices, or `by_color` what they show.

    Raises
    ------
    FileNotFoundError, ValueError
        As `read_raw`, and if it has bands that differ and are no colors.
    """
    path = Path(path)
    raw = read_raw(path)
    stored = raw.colors() if by_color else raw.pages
    pages, notes = [], set(raw.notes)
    for number, page in enumerate(stored):
        if raw.alpha is not None and raw.palette is None:
            page, note = _with_alpha(page, raw.alpha[number])
            notes.update(note)
        pages.append(_as_numbers(path, page, raw.notes))
    doubt = "" if by_color else _doubt_of_palette(raw, pages)
    return MaskFile(path, raw, pages, tuple(sorted(notes)), doubt)


def _doubt_of_palette(raw: Raw, pages: list[np.ndarray]) -> str:
    """Where a palette shows 0 as bright and the only other number as black, it is no background."""
    numbers = sorted(set().union(*(np.unique(page).tolist() for page in pages)))
    if raw.palette is None or len(numbers) != 2 or numbers[0] or numbers[1] >= len(raw.palette):
        return ""
    if not raw.palette[0].any() or raw.palette[numbers[1]].any():
        return ""
    return (
        f"its palette shows the number 0 bright and {numbers[1]} black, so 0 seems to be the cells: if "
        f"so, say --classes 0=cell,{numbers[1]}=background (in Python classes=...); if 0 is "
        "background, --masks binary (kind='binary')"
    )


def _with_alpha(page: np.ndarray, alpha: np.ndarray) -> tuple[np.ndarray, list[str]]:
    """A mask (H, W, C) with its alpha (H, W), which may be the mask itself."""
    if (alpha == alpha.flat[0]).all():
        return page, []
    visible = alpha > 0
    seen = page[visible]
    if (page == page[0, 0]).all() or (seen == seen[0]).all():
        return alpha[..., None], ["the mask is in its alpha channel: all else has one color"]
    return np.where(visible[..., None], page, 0), ["transparent pixels were taken for background"]


def _as_numbers(path: Path, page: np.ndarray, notes: Sequence[str]) -> np.ndarray:
    """A page (H, W, C) as (H, W) where it is gray, as (H, W, 3) where it is in color."""
    channels = page.shape[2]
    if channels == 1 or (page == page[..., :1]).all():
        return page[..., 0]
    if channels == 3 and page.dtype == np.uint8:
        return page
    raise ValueError(
        f"{path}: a mask needs one number a pixel, but this one has {channels} bands that differ: save "
        f"the one that is the mask{''.join(f'; {note}' for note in notes)}"
    )


def packed(colors: np.ndarray) -> np.ndarray:
    """Colors (..., 3) of 8 bits as one number each, 0xRRGGBB; gray values (H, W) as those colors."""
    colors = np.asarray(colors, np.int64)
    if colors.ndim == 2:
        return colors * 0x010101
    return colors[..., 0] << 16 | colors[..., 1] << 8 | colors[..., 2]


def hexadecimal(color: int) -> str:
    """A color as people write it, #rrggbb."""
    return f"#{color:06x}"


def commas(color: int) -> str:
    """A color as shells take it, r,g,b."""
    return f"{color >> 16},{color >> 8 & 255},{color & 255}"


def placeholders(values: Iterable[object]) -> str:
    """What to write to name values: 85=NAME1,170=NAME2. The names are for the user to choose."""
    values = list(values)
    numbers = range(1, len(values) + 1) if len(values) > 1 else [""]
    return ",".join(f"{value}=NAME{n}" for value, n in zip(values, numbers, strict=True))


def check_numbers(path: str | Path, page: np.ndarray) -> np.ndarray:
    """The page as (H, W) int64; a ValueError says where there is no number of a class or cell."""
    if page.ndim == 3:
        raise ValueError(f"{path}: {in_color(page)}")
    if page.dtype == bool or page.dtype.kind == "u":
        return page.astype(np.int64)
    with np.errstate(invalid="ignore"):
        bad = ~np.isfinite(page) | (page < 0) | (page % 1 != 0)
    if not bad.any():
        return page.astype(np.int64)
    row, column = (int(i) for i in np.argwhere(bad)[0])
    value = page[row, column]
    raise ValueError(
        f"{path}: a mask needs whole numbers from 0 up, but holds {value:g} at row {row}, column "
        f"{column}{_remedy(float(value), page)}"
    )


def in_color(page: np.ndarray) -> str:
    """Why a mask in color (H, W, 3) is not read, and what to write: with the colors that it has."""
    colors = np.unique(packed(page)).tolist()
    if len(colors) > 12:
        return (
            f"is a mask in color, with {len(colors)} colors; save class or cell numbers as gray "
            "values, or if each color is a cell, say --masks instances (in Python kind='instances')"
        )
    shown = ", ".join(map(hexadecimal, colors))
    black = "0,0,0=background," * (0 in colors)
    names = black + placeholders(commas(color) for color in colors if color)
    return (
        f"is a mask in color ({shown}); save class or cell numbers as gray values, or name the colors: "
        f"--classes {names} (in Python classes=...); if each color is a cell, say --masks instances"
    )


def _remedy(value: float, page: np.ndarray) -> str:
    if not np.isfinite(value):
        return ": give those pixels the number 0, or one that you name with --ignore"
    if value < 0:
        return (
            f": if that means 'ignore', say --ignore {value:g} (in Python ignore={value:g}); if it is "
            "background, make it 0"
        )
    top = float(np.nanmax(page))
    half = "0.5" if top <= 1 else f"{top / 2:g}"
    return f": of soft edges or probabilities save mask > {half}"
