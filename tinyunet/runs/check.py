"""The contact sheet of a folder that was checked."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tinyunet import plots
from tinyunet.data import FolderCheck
from tinyunet.data.check.pages import IGNORE

MOST = 20  # images on a sheet
SUSPECT = 8  # of these, at most so many because something is wrong with them
TITLE = 300  # letters


def draw_sheet(check: FolderCheck, path: Path) -> int:
    """Draw images with the outlines of what their masks were taken for; returns how many.

    Raises
    ------
    OSError
        If the file cannot be written.
    """
    chosen = chosen_images(check)
    cells = check.pages[0].areas is not None
    doubt = check.report.guess.doubt
    pictures = [_shown(check, i) for i in chosen]
    title = f"{check.report.guess.kind}: {check.report.guess.reason}"
    if doubt:
        title = f"in doubt, the numbers of masks in colours; taken for {title}"
    names = None if cells else _class_names(check)
    plots.save(plots.contact_sheet(pictures, title=title[:TITLE], class_names=names), path)
    return len(chosen)


def _shown(check: FolderCheck, i: int) -> plots.Shown:
    """What the sheet shows of an image, cut out of it."""
    marked = check.marked[i]
    if check.pages[i].areas is None:
        marked = np.where(marked == IGNORE, 0, marked)
    beside = check.stored[i] if check.report.guess.doubt else None
    whole = plots.Shown(
        check.image(i), marked, _caption(check, i), bool(_suspicion(check, i)), beside
    )
    return plots.part_of(whole)


def chosen_images(check: FolderCheck) -> list[int]:
    """Which images to show: some that look wrong, and others from all over the folder."""
    count = len(check.pages)
    suspects = [i for i in range(count) if _suspicion(check, i)][:SUSPECT]
    others = [i for i in range(count) if i not in suspects]
    free = MOST - len(suspects)
    if len(others) > free:
        others = [others[i] for i in np.linspace(0, len(others) - 1, free).round().astype(int)]
    return sorted([*suspects, *others])


def _suspicion(check: FolderCheck, i: int) -> str:
    """What is wrong with an image, in a few words; empty if nothing is."""
    page = check.pages[i]
    if page.is_its_mask:
        return "copy of its mask"
    if page.flat:
        return "one value everywhere"
    if page.is_empty:
        return "nothing in it"
    if page.areas and max(page.areas) > 0.9 * (page.counted + page.ignored):
        return "one cell covers all"
    return "there more than once" if any(page.name in names for names in check.copies) else ""


def _caption(check: FolderCheck, i: int) -> str:
    page = check.pages[i]
    name = page.name if len(page.name) <= 28 else f"{page.name[:12]}...{page.name[-13:]}"
    if page.areas is not None:
        what = f"{len(page.areas)} cell{'s' * (len(page.areas) != 1)}"
    else:
        what = "classes " + " ".join(str(k) for k in sorted(page.pixels))
    return f"{name}: {_suspicion(check, i) or what}"


def _class_names(check: FolderCheck) -> list[str]:
    names = list(check.report.class_names or ())
    count = max(max(page.pixels) for page in check.pages) + 1
    return names + [""] * (count - len(names))
