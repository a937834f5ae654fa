"""The true mask of one image, read as a run reads its masks."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tinyunet.data.files.class_codes import parse
from tinyunet.data.files.mask_files import read_mask_file
from tinyunet.data.files.meaning import numbers_of
from tinyunet.data.files.scan import Opened
from tinyunet.data.sets.image_files import read_mask
from tinyunet.runs.settings import Settings


def read_truth(path: Path, settings: Settings | None) -> np.ndarray:
    """Read a mask: (H, W) int64 classes or numbers of cells, -1 where a pixel counts nowhere.

    Where the run's settings say which numbers or colours stand for which classes, and which are
    ignored, they hold here, too.

    Raises
    ------
    FileNotFoundError, ValueError
        As `tinyunet.data.read_mask`, and if the mask holds what the classes do not name.
    """
    codes = None if settings is None else parse(settings.classes, settings.ignore)
    if settings is None or codes is None or codes.words:
        return read_mask(path)
    mask = read_mask_file(path, by_color=codes.colors)
    if len(mask.pages) > 1:
        raise ValueError(
            f"{path}: is a stack of {len(mask.pages)} pages, not the mask of one image"
        )
    file = Opened(path.name, mask.raw, mask)
    numbers, counted = numbers_of(file, mask.pages[0], settings.masks, codes, [])
    return np.where(counted, numbers, -1).astype(np.int64)
