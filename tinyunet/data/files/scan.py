"""Look through a folder of images and one of masks."""

from __future__ import annotations

from pathlib import Path

from tinyunet.data.files.report import FolderReport


def scan_folder(
    images: str | Path,
    masks: str | Path,
    kind: str = "auto",
    *,
    classes: str | dict | None = None,
    ignore: int | str | tuple | None = None,
) -> FolderReport:
    """Read a folder of images and one of masks, and say all that was found, wrong or right.

    Nothing that is wrong with a file stops it: `FolderReport.problems` and `FolderReport.guess` say
    what `load_folder`, which takes the same arguments, would stop at.
    """
    raise NotImplementedError
