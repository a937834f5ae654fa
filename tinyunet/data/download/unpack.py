"""Unpack an archive from the internet without trusting it."""

from __future__ import annotations

import errno
import lzma
import shutil
import stat
import zipfile
import zlib
from pathlib import Path

from tqdm import tqdm

# The largest archive that we know holds 31,000 small files; more than this is an attack or an error.
MAX_FILES = 100_000
MAX_BYTES = 2 << 30

# What the standard library raises on archives that are damaged, encrypted or of an unknown method.
DAMAGED = (
    zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, RuntimeError, UnicodeDecodeError,
)  # fmt: skip


def unpack(archive: str | Path, folder: str | Path) -> None:
    """Unpack a ZIP archive into a new folder.

    Every entry is checked before the first one is written. The folders that macOS adds for itself
    (`__MACOSX`) are left out.

    Parameters
    ----------
    archive : str or Path
        The ZIP file.
    folder : str or Path
        Where to; must not exist. After an error it may hold a part: the caller throws it away.

    Raises
    ------
    ValueError
        If the archive is damaged, encrypted or no ZIP file; if an entry would be written outside of
        the folder, is a link or a device, or comes twice; if it holds more than `MAX_FILES` entries
        or unpacks to more than `MAX_BYTES` bytes.
    OSError
        If a file cannot be written.
    """
    archive, folder = Path(archive), Path(folder)
    damaged = f"{archive.name} is damaged or no ZIP archive"
    try:
        with zipfile.ZipFile(archive) as opened:
            entries = _check(archive.name, opened.infolist())
            folder.mkdir()
            for entry in tqdm(entries, desc="unpacking", unit="file", delay=2, leave=False):
                _write(opened, entry, folder / entry.filename)
    except DAMAGED as error:
        raise ValueError(f"{damaged}: {error}") from error
    except (FileExistsError, NotADirectoryError) as error:
        raise ValueError(f"{archive.name} is refused: it holds a path twice: {error}") from error
    except OSError as error:
        # Wrong offsets send zipfile to impossible places (EINVAL), and bz2 gives no number at all;
        # a full disk and the like are no fault of the archive.
        if error.errno in (None, errno.EINVAL):
            raise ValueError(f"{damaged}: {error}") from error
        raise


def _check(archive: str, entries: list[zipfile.ZipInfo]) -> list[zipfile.ZipInfo]:
    """Those entries that are wanted; raise ValueError if any is not as it should be."""
    if len(entries) > MAX_FILES:
        raise ValueError(
            f"{archive} is refused: it holds {len(entries):,} files, more than {MAX_FILES:,}"
        )
    # zipfile never writes more than the size announced here, so a lie gains nothing.
    total = sum(entry.file_size for entry in entries)
    if total > MAX_BYTES:
        raise ValueError(
            f"{archive} is refused: it would unpack to {total:,} bytes, more than {MAX_BYTES:,}"
        )
    for entry in entries:
        if (why := _danger(entry)) is not None:
            raise ValueError(f"{archive} is refused: its entry {entry.filename!r} {why}")
    return [entry for entry in entries if not entry.filename.startswith("__MACOSX/")]


def _danger(entry: zipfile.ZipInfo) -> str | None:
    """What is wrong with an entry's path or kind, None if nothing."""
    # An absolute path has an empty first part. Backslash and colon (drive letters, hidden streams)
    # mean something on Windows only, but an archive refused there should be refused here.
    parts = entry.filename.removesuffix("/").split("/")
    if {"", ".", ".."} & set(parts) or "\\" in entry.filename or ":" in entry.filename:
        return "could be written outside of the folder"
    kind = stat.S_IFMT(entry.external_attr >> 16)  # Unix keeps the kind of file here, others 0
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        return "is a link or a device"
    return None


def _write(opened: zipfile.ZipFile, entry: zipfile.ZipInfo, path: Path) -> None:
    """Write one entry; its checksum is compared at its end."""
    if entry.is_dir():
        path.mkdir(parents=True, exist_ok=True)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with opened.open(entry) as source, path.open("xb") as target:
        shutil.copyfileobj(source, target)
