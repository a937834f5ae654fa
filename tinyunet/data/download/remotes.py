"""Which data sets can be downloaded: from where, on what terms, and what makes them complete."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tinyunet.data.sets.dsb2018 import find_dsb2018
from tinyunet.data.sets.isbi2012 import FILES, find_isbi2012, load_isbi2012


@dataclass(frozen=True)
class Remote:
    """A data set that can be fetched."""

    title: str
    terms: str
    page: str  # where a person finds it
    folder: str  # where it belongs, under the root
    files: tuple[str, ...]  # an archive, or the files that may be downloaded one by one
    find: Callable[[Path], Path | None]  # its folder under a root
    check: Callable[[Path], None]  # raises ValueError unless the folder is a complete data set
    address: str
    sha256: tuple[str, ...] = ()  # of what `address` gives; empty as long as nobody has pinned it

    def __str__(self) -> str:
        return f"{self.title}\n  from {self.page}\n  terms: {self.terms}"


def _check_dsb2018(folder: Path) -> None:
    """Every sample needs its image and masks; the archive's own checksums cover their contents."""
    samples = [path for path in folder.iterdir() if path.is_dir()] if folder.is_dir() else []
    if not samples:
        raise ValueError(f"{folder.name} holds no ID/images/ID.png and ID/masks/*.png")
    for sample in samples:
        image = sample / "images" / f"{sample.name}.png"
        if not image.is_file() or not any((sample / "masks").glob("*.png")):
            raise ValueError(f"it has no {sample.name}/images/{image.name} or no masks for it")


def _check_isbi2012(folder: Path) -> None:
    for file in FILES:
        if not (folder / file).is_file():
            raise ValueError(f"it has no {file}")
    try:
        load_isbi2012(folder)
    except Exception as error:  # a damaged TIFF, or a page that asks to log in, fails in many ways
        raise ValueError(f"its files cannot be read: {error}") from error


REMOTES = {
    "dsb2018": Remote(
        title="DSB 2018 nuclei (2018 Data Science Bowl, stage1_train)",
        terms="CC0, free for any use; please cite Caicedo et al., Nature Methods 2019.",
        page="https://bbbc.broadinstitute.org/BBBC038",
        folder="dsb2018/stage1_train",
        files=("stage1_train.zip",),
        find=find_dsb2018,
        check=_check_dsb2018,
        address="https://data.broadinstitute.org/bbbc/BBBC038/stage1_train.zip",
    ),
    "isbi2012": Remote(
        title="ISBI 2012 membranes (EM segmentation challenge, training stack)",
        terms=(
            "free for generating or testing non-commercial segmentation software; cite Cardona "
            "et al., PLoS Biology 2010; no right to pass the files on."
        ),
        page="https://imagej.net/events/isbi-2012-segmentation-challenge",
        folder="isbi2012",
        files=FILES,
        find=find_isbi2012,
        check=_check_isbi2012,
        address="https://downloads.imagej.net/ISBI-2012-challenge.zip",
    ),
}
