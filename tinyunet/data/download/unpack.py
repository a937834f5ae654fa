"""Unpack an archive from the internet without trusting it."""

from __future__ import annotations

import errno
import lzma
import zipfile
import zlib
from pathlib import Path

from tqdm import tqdm

# The largest archive that we know holds 31,000 small files; more than this is an attack or an error.
MAX_FILES = 100_000
MAX_BYTES = 2 << 30

# What the standard library raises on archives that are damaged, encrypted, of an unknown method, or
# hold a path both as a file and as a folder.
DAMAGED = (
    zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, RuntimeError, UnicodeDecodeError,
    FileExistsError, NotADirectoryError, IsADirectoryError,
)  # fmt: skip


def unpack(archive: str | Path, folder: str | Path) -> None:
    """Unpack a ZIP archive into a new folder.

    Size and number are checked before anything is written; `zipfile` keeps every entry inside of the
    folder, whatever its path, and makes no links. The folders that macOS adds for itself
    (`__MACOSX`) are left out.

    Parameters
    ----------
    archive
        The ZIP file.
    folder
        Where to; must not exist. After an error it may hold a part: the caller throws it away.

    Raises
    ------
    ValueError
        If the archive is damaged, encrypted or no ZIP file; if it holds more than `MAX_FILES` entries
        or unpacks to more than `MAX_BYTES` bytes.
    OSError
        If a file cannot be written.
    """
    archive, folder = Path(archive), Path(folder)
    damaged = f"{archive.name} is damaged or no ZIP archive"
    try:
        with zipfile.ZipFile(archive) as opened:
            entries = opened.infolist()
            _check_size(archive.name, entries)
            folder.mkdir()
            for entry in tqdm(entries, desc="unpacking", unit="file", delay=2, leave=False):
                if not entry.filename.startswith("__MACOSX/"):
                    opened.extract(entry, folder)  # compares its checksum, too
    except DAMAGED as error:
        raise ValueError(f"{damaged}: {error}") from error
    except OSError as error:
        # Wrong offsets send zipfile to impossible places (EINVAL), and bz2 gives no number at all;
        # a full disk and the like are no fault of the archive.
        if error.errno in (None, errno.EINVAL):
            raise ValueError(f"{damaged}: {error}") from error
        raise


def _check_size(archive: str, entries: list[zipfile.ZipInfo]) -> None:
    """Raise ValueError if the archive holds too many files or too much."""
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
