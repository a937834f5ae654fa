"""What looks wrong with masks and images, though it may be right."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tinyunet.data.check.grouping import SHOWN, some
from tinyunet.data.files.mask_files import placeholders

if TYPE_CHECKING:
    from tinyunet.data.check.pages import PageFacts
    from tinyunet.data.check.result import FolderCheck

HOLLOW = 0.7  # of what is marked, from which on it may be outlines
NEARLY_ALL = 0.9  # of an image, in one cell
SPECK = 4  # pixels, at most, of what may be no cell
SPECKS_BESIDE = 40  # where half of the cells have this many


def cells_to_look_at(check: FolderCheck) -> list[str]:
    """What looks wrong with the cells or classes of masks, and with images."""
    pages, found = check.pages, [*check.report.unseen]
    if not pages:
        return []
    found += _named(pages, "flat", "has one value everywhere", "have one value everywhere")
    if all(page.few and not page.flat for page in pages) and not any(p.is_its_mask for p in pages):
        found.append(
            "every image has three values at most, as masks have: are the folders of images and masks "
            "exchanged?"
        )
    found += _named(
        pages, "is_its_mask", "is a copy of its mask: is the image elsewhere?",
        "are copies of their masks: are the images elsewhere?",
    )  # fmt: skip
    empty = [page.name for page in pages if page.is_empty]
    if empty and len(empty) < len(pages):
        what = "cell" if pages[0].areas is not None else "class but background"
        have = "has" if len(empty) == 1 else "have"
        found.append(
            f"{len(empty)} of {len(pages)} images {have} no {what} ({some(empty)}): right if "
            "nothing is in them"
        )
    found += _cells(check) if pages[0].areas is not None else _classes(check)
    for part in ("validation", "test"):
        here = check.in_part(part)
        if here and all(page.is_empty for page in here) and len(empty) < len(pages):
            found.append(
                f"none of the {part} images has anything in its mask, so scores will say little: "
                "another --split-seed chooses others"
            )
    return found


def copies_to_look_at(check: FolderCheck) -> list[str]:
    """Images and masks that are there more than once, and across which parts."""
    found = []
    for copies, what in (
        (check.copies, "the same image is there"),
        (check.turned_copies, "the same image, turned or mirrored, is there"),
    ):
        crossing = [names for names in copies if len(_parts(check, names)) > 1]
        kept = [names for names in copies if names not in crossing]
        for names in crossing[:SHOWN]:
            parts = " and ".join(_parts(check, names))
            found.append(
                f"{what} {len(names)} times ({some(names)}), for {parts}: scores would be too good; "
                "keep one"
            )
        if len(crossing) > SHOWN:
            found.append(
                f"{what} several times, in several parts, in {len(crossing) - SHOWN} more cases"
            )
        if len(kept) == 1:
            names = kept[0]
            part = "".join(f", {name}" for name in _parts(check, names))
            found.append(f"{what} {len(names)} times ({some(names)}); kept in one part{part}")
        elif kept:
            cases = some([" = ".join(names[:SHOWN]) for names in kept])
            found.append(
                f"{what} several times in {len(kept)} cases, each kept in one part ({cases})"
            )
    found += [
        f"different images have the same mask: {some(names)}"
        for names in check.copied_masks[:SHOWN]
        if len(names) < len(check.pages) or len(check.pages) < 3
    ]
    if check.copied_masks and len(check.copied_masks[0]) == len(check.pages) > 2:
        found.append("all masks are the same, though the images differ")
    return found


def _parts(check: FolderCheck, names: list[str]) -> list[str]:
    found = (check.parts.get(name) for name in names)
    return [part for part in dict.fromkeys(found) if part]


def masks_that_do_not_fit(check: FolderCheck) -> list[str]:
    """Masks that fit other images better, or fit if they are turned."""
    reasons: dict[str, list[str]] = {}
    names = {page.name for page in check.pages}
    for name, word in check.misfits.items():
        if word in names:
            reasons.setdefault("", []).append(f"that of {word} fits {name}")
        else:
            reasons.setdefault(word, []).append(name)
    found = []
    for word, of in reasons.items():
        if word:
            found.append(
                f"{len(of)} of {len(check.pages)} masks fit their images better {word}: {some(of)}"
            )
        else:
            found.append(
                f"{len(of)} of {len(check.pages)} images are fit better by the masks of others, as if "
                f"their order had changed: {some(of)}"
            )
    return found


def _named(pages: list[PageFacts], fact: str, one: str, several: str) -> list[str]:
    names = [page.name for page in pages if getattr(page, fact)]
    if not names:
        return []
    if len(names) == 1:
        return [f"image {names[0]} {one}"]
    return [f"{len(names)} images {several} ({some(names)})"]


def _cells(check: FolderCheck) -> list[str]:
    pages, found = check.pages, []
    around = [page.name for page in pages if page.around]
    if 2 * len(around) > len(pages) and not check.report.guess.doubt:
        found.append(
            f"one cell reaches all four borders in {len(around)} of {len(pages)} images, as background "
            "does: if cells are the dark parts of the masks, say --classes 0=cell,255=background (255: "
            "the number that background has)"
        )
    elif around and not check.report.guess.doubt:
        found.append(
            f"in {len(around)} of {len(pages)} images one cell reaches all four borders, as background "
            f"does: are their masks inverted? ({some(around)})"
        )
    area, holes = (sum(p.pixels.get(1, 0) for p in pages), sum(p.hollow for p in pages))
    if holes > HOLLOW * area:
        found.append(
            "most that is marked encloses background, as outlines of cells do: if what is inside "
            "belongs to the cells, fill it (scipy.ndimage.binary_fill_holes)"
        )
    whole = [
        page.name
        for page in pages
        if page.areas and max(page.areas) > NEARLY_ALL * (page.counted + page.ignored)
    ]
    if whole:
        found.append(
            f"one cell covers nearly everything in {len(whole)} of {len(pages)} images: {some(whole)}"
        )
    areas = sorted(area for page in pages for area in page.areas)
    specks = sum(area <= SPECK for area in areas)
    if specks and areas[len(areas) // 2] >= SPECKS_BESIDE:
        where = [p.name for p in pages if any(area <= SPECK for area in p.areas)]
        found.append(
            f"{specks} cell{'s' * (specks > 1)} of {SPECK} pixels or fewer, half of all "
            f"{areas[len(areas) // 2]} or more: stray pixels? ({some(where)})"
        )
    return found


def _classes(check: FolderCheck) -> list[str]:
    pages, found = check.pages, []
    unseen = "\n".join(check.report.unseen)
    names = dict(enumerate(check.report.class_names or ()))
    present = sorted({k for page in pages for k in page.pixels})
    count = max([*present, len(names) - 1]) + 1
    for k in range(1, count):
        named = f"class {k}" + (f" ({names[k]})" if k in names else "")
        where = [page for page in pages if page.pixels.get(k)]
        if not where and named not in unseen:
            found.append(f"{named} has no pixel in any mask")
        elif (
            where
            and check.parts
            and not any(check.parts[page.name] == "training" for page in where)
        ):
            found.append(
                f"{named} is in no training image, so it cannot be learned: another --split-seed "
                f"chooses others (it is in {some([page.name for page in where])})"
            )
    if 0 not in present:
        background, *others = present
        named = ",".join([f"{background}=background", placeholders(others)]).strip(",")
        said = f"; if another number is background, say so: --classes {named}" if not names else ""
        found.append(f"class 0, which is background, has no pixel in any mask{said}")
    return found
