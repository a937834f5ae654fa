"""Paint many pictures into one folder: what fails does not end the rest."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tqdm import tqdm

from tinyunet.data.files.content import stem_of
from tinyunet.data.large_files import open_pages
from tinyunet.engine.whole_files import FULL
from tinyunet.runs.batch import Report
from tinyunet.runs.limits import check_step
from tinyunet.runs.painting.folder import Painter
from tinyunet.runs.painting.pictures import in_bytes, paint_picture, write_picture
from tinyunet.runs.predictions import PAGE

END = "_painted.png"
Tell = Callable[[str], None]


def paint_all(
    painter: Painter,
    pictures: Sequence[Path],
    out: Path,
    *,
    seed: int = 0,
    overwrite: bool = False,
    tell: Tell = print,
) -> Report:
    """Paint pictures into a folder, ``NAME_painted.png`` each, and go on after one that fails.

    Raises
    ------
    FileExistsError
        Before anything is done, if there are such files already, and not to `overwrite`.
    """
    if not overwrite:
        _refuse_existing(pictures, out)
    report = Report(out, {"seed": seed}, len(pictures), verb="painted")
    out.mkdir(parents=True, exist_ok=True)
    bar = tqdm(pictures, desc="pictures", leave=False, disable=None if len(pictures) > 1 else True)
    for i, path in enumerate(bar):
        try:
            entry = _one(painter, path, out, seed)
        except (ValueError, OSError, MemoryError) as error:
            report.failures.append((path, error))
            if isinstance(error, OSError) and error.errno in FULL:
                report.untried = list(pictures[i + 1 :])
                break
            continue
        report.images.append(entry)
        with contextlib.nullcontext() if bar.disable else tqdm.external_write_mode():
            tell(f"{path}: {', '.join(entry['files'])}")
    bar.close()
    return report


def _refuse_existing(pictures: Sequence[Path], out: Path) -> None:
    taken = {PAGE.sub("", p.name.removesuffix(END)): p for p in sorted(out.glob(f"*{END}"))}
    there = [taken[stem_of(path)] for path in pictures if stem_of(path) in taken]
    if there:
        raise FileExistsError(f"{there[0]} exists: choose another --out, or --overwrite it")


def _one(painter: Painter, path: Path, out: Path, seed: int) -> dict[str, Any]:
    """Paint one file, page by page."""
    files = []
    with contextlib.ExitStack() as opened:
        pages = open_pages(path, stretch=painter.stretched)
        for page in pages:
            opened.enter_context(page)
        for k, page in enumerate(pages):
            if painter.fit is None:
                check_step(painter.model, page.shape[:2], 1, painter.model.device)
            picture = page[:, :]
            painted = paint_picture(painter.model, painter.kind, picture, painter.fit, seed)
            stem = stem_of(path) + (f"_page{k}" if len(pages) > 1 else "")
            write_picture(out / f"{stem}{END}", in_bytes(painted))
            files.append(str(out / f"{stem}{END}"))
    return {"image": str(path), "height": page.shape[0], "width": page.shape[1], "files": files}
