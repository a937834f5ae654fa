"""What kind of file it is: by its first bytes, for names can be wrong."""

from __future__ import annotations

import unicodedata
from pathlib import Path

TIFF, JPEG = "TIFF", "JPEG"
FORMATS = {  # by the ends of names
    ".png": "PNG", ".tif": TIFF, ".tiff": TIFF, ".jpg": JPEG, ".jpeg": JPEG, ".jfif": JPEG,
    ".bmp": "BMP", ".webp": "WEBP", ".gif": "GIF", ".jp2": "JPEG2000", ".pgm": "PPM", ".ppm": "PPM",
}  # fmt: skip
SUFFIXES = tuple(FORMATS)
BEGINNINGS = (
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"II*\0", TIFF), (b"MM\0*", TIFF), (b"II+\0", TIFF), (b"MM\0+", TIFF),  # + is BigTIFF
    (b"\xff\xd8\xff", JPEG), (b"GIF8", "GIF"), (b"BM", "BMP"),
    (b"\0\0\0\x0cjP  ", "JPEG2000"), (b"\xff\x4f\xff\x51", "JPEG2000"),
    (b"P1", "PPM"), (b"P2", "PPM"), (b"P3", "PPM"), (b"P4", "PPM"), (b"P5", "PPM"), (b"P6", "PPM"),
)  # fmt: skip
MICROSCOPES = (".czi", ".nd2", ".lif", ".oif", ".oib", ".vsi", ".svs", ".ndpi", ".mrxs", ".lsm",
               ".ims", ".dv", ".zvi", ".stk", ".scn", ".dcm", ".nii", ".gz", ".mha", ".nrrd", ".mrc",
               ".h5", ".hdf5", ".zarr")  # fmt: skip
OTHERS = (".npy", ".npz", ".heic", ".heif", ".avif", ".psd", ".xcf", ".svg", ".pdf", ".zip", ".roi",
          ".mat", ".raw", ".dng", ".cr2", ".nef")  # fmt: skip


def content_of(path: Path) -> str:
    """The format of a file by its first bytes.

    Raises
    ------
    FileNotFoundError, ValueError
        If there is no such file; if it is empty or none that is known.
    """
    if path.is_dir():
        raise ValueError(f"{path}: is a folder, not a file")
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file")
    with path.open("rb") as file:
        start = file.read(64)
    for beginning, kind in BEGINNINGS:
        if start.startswith(beginning):
            return kind
    if start[:4] == b"RIFF" and start[8:12] == b"WEBP":
        return "WEBP"
    if path.suffix.lower() not in FORMATS:
        raise ValueError(f"{path}: unknown kind of file; known are {', '.join(SUFFIXES)}")
    raise ValueError(f"{path}: cannot be read: {_what_it_is(start)}")


def is_lossy(path: Path, kind: str) -> bool:
    """Whether its compression smears numbers: JPEG, and WEBP other than lossless."""
    if kind == "WEBP":
        with path.open("rb") as file:
            return b"VP8 " in file.read(256)
    return kind == JPEG


def misnamed(path: Path, kind: str) -> bool:
    """Whether the end of its name says another format than its content."""
    return FORMATS.get(path.suffix.lower(), kind) != kind


def stem_of(path: Path) -> str:
    """Its name without the end, composed (NFC), and without .ome of OME-TIFF."""
    stem = unicodedata.normalize("NFC", path.stem)
    return stem[:-4] if stem.lower().endswith(".ome") else stem


def why_passed_over(path: Path) -> tuple[str, bool]:
    """Why what is no known image file is not read, and whether it may be an image that is wanted."""
    suffix = path.suffix.lower()
    if path.is_dir():
        inside = sum(1 for file in path.rglob("*") if file.suffix.lower() in FORMATS)
        return f"a folder, and folders inside are not read ({inside} image files in it)", inside > 0
    if path.is_symlink() and not path.exists():
        return "a link to a file that is not there", True
    if suffix in MICROSCOPES:
        return f"{suffix} is not read: save it as TIFF, for example with Fiji", True
    if suffix in OTHERS:
        return f"{suffix} is not read: save it as PNG or TIFF", True
    return "no image file", False


def holds_images(folder: Path) -> bool:
    """Whether there is an image file in it, or in a folder inside."""
    return any(path.suffix.lower() in FORMATS for path in folder.rglob("*"))


def _what_it_is(start: bytes) -> str:
    if not start:
        return "the file is empty"
    text = start.lstrip().lower()
    if text.startswith((b"<!doctype html", b"<html")):
        return "it is a web page, saved under the name of an image: download the image itself"
    if text.startswith(b"version https://git-lfs"):
        return "it is a pointer of Git LFS, not the image: git lfs pull gets the image"
    return f"it begins as no image does, with {start[:12]!r}"
