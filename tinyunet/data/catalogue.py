"""One name for every data set, for the command line and the lessons."""

import contextlib
import os
from pathlib import Path
from typing import Any

from tinyunet.data.dataset import Dataset
from tinyunet.data.sets.dsb2018 import find_dsb2018, load_dsb2018
from tinyunet.data.sets.folder import find_folders, load_folder
from tinyunet.data.sets.isbi2012 import find_isbi2012, load_isbi2012
from tinyunet.data.sets.outlines import closed_outlines
from tinyunet.data.sets.streets import synthetic_streets
from tinyunet.data.sets.synthetic import synthetic_cells, synthetic_membranes
from tinyunet.data.sets.two_cues import two_cues
from tinyunet.engine.spelling import did_you_mean

SYNTHETIC = {
    "synthetic-cells": synthetic_cells,
    "synthetic-membranes": synthetic_membranes,
    "synthetic-streets": synthetic_streets,
    "closed-outlines": closed_outlines,
    "two-cues": two_cues,
}
REAL = {"dsb2018": load_dsb2018, "isbi2012": load_isbi2012}
FINDERS = {"dsb2018": find_dsb2018, "isbi2012": find_isbi2012}


def load(
    name_or_path: str | Path,
    root: str | Path | None = None,
    *,
    n: int = 60,
    size: int | tuple[int, int] = 128,
    seed: int = 0,
    **of_folder: Any,
) -> Dataset:
    """Load a data set by its name, or a folder of your own.

    Parameters
    ----------
    name_or_path
        `synthetic-cells`, `synthetic-membranes`, `synthetic-streets`, `closed-outlines`, `two-cues`,
        `dsb2018`, `isbi2012`, or a folder with the subfolders `images` and `masks`, or others of such
        names (see `load_folder`).
    root
        Where to look for real data first; then in the folder that the environment variable
        TINYUNET_DATA names, then in the user's cache (`$XDG_CACHE_HOME/tinyunet`, usually
        `~/.cache/tinyunet`).
    n, size, seed
        Number of images, their size in pixels, and the seed; for synthetic data only.
    **of_folder
        `kind`, `classes`, `ignore` and `stretch` of `load_folder`; for a folder only.

    Raises
    ------
    ValueError
        If this is neither a name nor a folder; if what is for a folder only is said of other data.
    FileNotFoundError
        If the data are in none of the places.
    """
    if not str(name_or_path).strip():
        raise ValueError("the name of the data is empty: give a data set's name, or a folder")
    drawn = str(name_or_path).replace("_", "-")  # also by the name of its function
    given = ("kind", "classes", "ignore")
    said = [name for name in given if of_folder.get(name) not in (None, "auto")]
    folder = Path(name_or_path)
    if said and (name_or_path in SYNTHETIC or name_or_path in REAL or not folder.is_dir()):
        options = ", ".join("--masks" if name == "kind" else f"--{name}" for name in said)
        raise ValueError(f"{options} is for a folder of yours, but there is no folder {folder}")
    if name_or_path in SYNTHETIC or (drawn in SYNTHETIC and not folder.is_dir()):
        return SYNTHETIC[drawn](n, size, seed)
    if name_or_path in REAL:
        return _load_real(str(name_or_path), root)
    if folder.is_dir():
        return load_folder(*find_folders(folder), **of_folder)
    raise ValueError(
        f"{str(name_or_path)!r} is no existing folder, and no known data set either"
        f"{did_you_mean(str(name_or_path), _names_near(folder))}: {', '.join([*SYNTHETIC, *REAL])}"
    )


def _names_near(folder: Path) -> list[str]:
    """The names of data sets, and the folders beside a path that is none."""
    with contextlib.suppress(OSError):
        beside = [str(folder.with_name(p.name)) for p in folder.parent.iterdir() if p.is_dir()]
        return [*SYNTHETIC, *REAL, *beside]
    return [*SYNTHETIC, *REAL]


def user_cache() -> Path:
    """Give the folder of downloaded data: `$XDG_CACHE_HOME/tinyunet`, usually `~/.cache/tinyunet`."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tinyunet"


def find(name: str, root: str | Path | None = None) -> Path | None:
    """Give the folder from which `load` would take real data, None where there is none.

    Parameters
    ----------
    name
        `dsb2018` or `isbi2012`.
    root
        As for `load`.
    """
    found = (FINDERS[name](place) for place in _places(root))
    return next((folder for folder in found if folder is not None), None)


def _places(root: str | Path | None) -> list[str | Path]:
    return [place for place in (root, os.environ.get("TINYUNET_DATA"), user_cache()) if place]


def _load_real(name: str, root: str | Path | None) -> Dataset:
    """Load real data from the first place that has it."""
    missing = []
    for place in _places(root):
        try:
            return REAL[name](place)
        except FileNotFoundError as error:
            missing.append(str(error))
    raise FileNotFoundError(
        "\n".join([*missing, f"get them with `tinyunet data fetch {name}`"])
        + ", or give the data's folder as root, or set TINYUNET_DATA to it"
    )
