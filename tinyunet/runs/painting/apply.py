"""Paint many pictures into one folder: what is done is left, what fails does not end the rest."""

from __future__ import annotations

import contextlib
import json
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from tinyunet.data.files import gray
from tinyunet.data.files.content import stem_of
from tinyunet.data.files.raw import on_white, read_raw
from tinyunet.engine.whole_files import FULL, write_text
from tinyunet.runs.batch import Report, alone
from tinyunet.runs.limits import check_step
from tinyunet.runs.painting.folder import Painter
from tinyunet.runs.painting.pictures import in_bytes, paint_picture, write_picture
from tinyunet.runs.predictions import PAGE, checksum

END, RECORD = "_painted.png", "paintings.json"
Tell = Callable[[str], None]


def paint_all(
    painter: Painter,
    pictures: Sequence[Path],
    out: Path,
    made: dict[str, Any],
    *,
    overwrite: bool = False,
    tell: Tell = print,
) -> Report:
    """Paint pictures into a folder, ``NAME_painted.png`` each, and go on after one that fails.

    Parameters
    ----------
    made
        What decides about paintings besides the picture: model and seed. Pictures that were painted
        so already are left as they are.
    overwrite
        Paint them anew, and replace files of the same names.
    tell
        Gets a sentence for each picture.

    Raises
    ------
    ValueError
        If pictures are in that folder: paintings among them would be taken for pictures.
    BlockingIOError
        If another painting goes on in that folder.
    FileExistsError
        Before anything is done, if there are files that are no such paintings of these pictures.
    """
    if out.resolve() in {path.resolve().parent for path in pictures}:
        raise ValueError(
            f"{out} is where pictures are, and paintings among them would be taken for pictures: "
            "choose another --out"
        )
    with alone(out, "painting"):
        return _paint_all(painter, pictures, out, made, overwrite, tell)


def _paint_all(
    painter: Painter,
    pictures: Sequence[Path],
    out: Path,
    made: dict[str, Any],
    overwrite: bool,
    tell: Tell,
) -> Report:
    known = _Known(out, made)
    done = {} if overwrite else {path: known.files(path) for path in pictures}
    report = Report(out, made, len(pictures), verb="painted")
    deep = 0
    bar = tqdm(pictures, desc="pictures", leave=False, disable=None if len(pictures) > 1 else True)
    for i, path in enumerate(bar):
        try:
            files = done.get(path) or []
            if not files:
                pages, is_deep = _pages(painter, path)
                deep += is_deep
                files = _one(painter, path, pages, out, made["seed"])
                known.note(path, files)
        except (ValueError, OSError, MemoryError) as error:
            report.failures.append((path, error))
            if isinstance(error, OSError) and error.errno in FULL:
                report.untried = list(pictures[i + 1 :])
                break
            continue
        there = files == done.get(path)
        report.images.append({"image": str(path), "files": files, "skipped": there})
        with contextlib.nullcontext() if bar.disable else tqdm.external_write_mode():
            more = "; is there already, --overwrite paints it anew" if there else ""
            tell(f"{path}: {', '.join(files)}{more}")
    bar.close()
    if deep and not painter.stretched:
        tell(f"note: {gray.in_words_of_depth(deep)}")
    return report


class _Known:
    """What a folder says of the paintings in it: of which pictures they are, and how they were made."""

    def __init__(self, out: Path, made: dict[str, Any]) -> None:
        self.out, self.made = out, {key: made[key] for key in ("model", "seed")}
        self.record: dict[str, Any] = {}
        self.there = defaultdict(list)  # paintings by the stem of their picture
        for painting in sorted(out.glob(f"*{END}")):
            stem = painting.name.removesuffix(END)
            for name in {stem, PAGE.sub("", stem)}:
                self.there[name].append(painting)
        with contextlib.suppress(OSError, ValueError, AttributeError, TypeError, KeyError):
            read = json.loads((out / RECORD).read_text(encoding="utf-8"))
            self.record = {stem: known for stem, known in read.items() if known["files"]}

    def files(self, path: Path) -> list[str]:
        """The paintings of a picture, if all are there and were made so; FileExistsError for others."""
        stem = stem_of(path)
        of_others = {
            name for other, known in self.record.items() if other != stem for name in known["files"]
        }
        ours = [p for p in self.there[stem] if p.name not in of_others]
        if not ours or not path.is_file():
            return []
        known = self.record.get(stem)
        if known is None:
            raise FileExistsError(
                f"{ours[0]} exists, but {RECORD} does not know it, as after a crash: choose another "
                "--out, or --overwrite it"
            )
        now = {**self.made, "sha256": checksum(path), "files": {p.name for p in ours}}
        if {**known, "files": set(known["files"])} != now:
            raise FileExistsError(
                f"{ours[0]} exists, of another picture, model or seed: choose another --out, or "
                "--overwrite it"
            )
        return [str(self.out / name) for name in known["files"]]

    def note(self, path: Path, files: Sequence[str]) -> None:
        """Take down that a picture was painted."""
        names = [Path(name).name for name in files]
        self.record[stem_of(path)] = {**self.made, "sha256": checksum(path), "files": names}
        write_text(self.out / RECORD, json.dumps(self.record, indent=1) + "\n")


def _pages(painter: Painter, path: Path) -> tuple[list[np.ndarray], bool]:
    """The pages (H, W, C) of a file, scaled as the model knows them, and whether it is deep."""
    raw = on_white(read_raw(path))
    try:
        return gray.scaled(raw, painter.stretched), gray.is_deep(raw)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def _one(
    painter: Painter, path: Path, pages: Sequence[np.ndarray], out: Path, seed: int
) -> list[str]:
    """Paint one file, page by page; return the names of what was written."""
    files = []
    for k, picture in enumerate(pages):
        if painter.fit is None:
            check_step(painter.model, picture.shape[:2], 1, painter.model.device)
        painted = paint_picture(painter.model, painter.kind, picture, painter.fit, seed)
        stem = stem_of(path) + (f"_page{k}" if len(pages) > 1 else "")
        write_picture(out / f"{stem}{END}", in_bytes(painted))
        files.append(str(out / f"{stem}{END}"))
    return files
