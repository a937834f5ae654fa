"""One name for every data set, for the command line and the lessons."""

import os
from pathlib import Path

from tinyunet.data.dataset import Dataset
from tinyunet.data.dsb2018 import load_dsb2018
from tinyunet.data.folder import load_folder
from tinyunet.data.isbi2012 import load_isbi2012
from tinyunet.data.synthetic import synthetic_cells, synthetic_membranes

SYNTHETIC = {"synthetic-cells": synthetic_cells, "synthetic-membranes": synthetic_membranes}
REAL = {"dsb2018": load_dsb2018, "isbi2012": load_isbi2012}


def load(
    name_or_path: str | Path,
    root: str | Path | None = None,
    *,
    n: int = 60,
    size: int | tuple[int, int] = 128,
    seed: int = 0,
) -> Dataset:
    """Load a data set by its name, or a folder of your own.

    Parameters
    ----------
    name_or_path : str or Path
        `synthetic-cells`, `synthetic-membranes`, `dsb2018`, `isbi2012`, or a folder with the
        subfolders `images` and `masks` (see `load_folder`).
    root : str or Path, optional
        Where to look for real data first; then in the folder that the environment variable
        TINYUNET_DATA names, then in the user's cache (`$XDG_CACHE_HOME/tinyunet`, usually
        `~/.cache/tinyunet`).
    n, size, seed
        Number of images, their size in pixels, and the seed; for synthetic data only.

    Raises
    ------
    ValueError
        If this is neither a name nor a folder.
    FileNotFoundError
        If the data are in none of the places.
    """
    if name_or_path in SYNTHETIC:
        return SYNTHETIC[name_or_path](n, size, seed)
    if name_or_path in REAL:
        return _find(str(name_or_path), root)
    folder = Path(name_or_path)
    if folder.is_dir():
        return load_folder(folder / "images", folder / "masks")
    raise ValueError(
        f"{str(name_or_path)!r} is no existing folder, and no known data set either: "
        f"{', '.join([*SYNTHETIC, *REAL])}"
    )


def _find(name: str, root: str | Path | None) -> Dataset:
    """Load real data from the first place that has it."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tinyunet"
    missing = []
    for place in (root, os.environ.get("TINYUNET_DATA"), cache):
        if place:
            try:
                return REAL[name](place)
            except FileNotFoundError as error:
                missing.append(str(error))
    raise FileNotFoundError(
        "\n".join([*missing, "give the data's folder as root, or set TINYUNET_DATA to it"])
    )
