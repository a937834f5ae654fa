"""Files that are written whole or not at all.

What is written goes into a temporary file in the same folder, ``.NAME.COUNT@HOST.PID.part``, and from
there to the disk. Only then does it take its name, in one move. Whoever reads finds the old file or the
new one, even if the disk is full, the process killed, or the power gone.
"""

from __future__ import annotations

import contextlib
import errno
import io
import itertools
import os
import platform
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

FULL = {errno.ENOSPC: "the disk is full"}
if hasattr(errno, "EDQUOT"):  # not everywhere
    FULL[errno.EDQUOT] = "your share of the disk (quota) is used up"
REMEDY = "free some space there, or write to another folder"
LEFT_OVER = re.compile(r"\..+\.\d+@(?P<host>[\w-]*)\.(?P<process>\d+)\.part", re.DOTALL)
AN_HOUR, A_DAY = 3600, 24 * 3600  # without a change
_count = itertools.count()


@contextlib.contextmanager
def written_whole(path: str | Path) -> Iterator[BinaryIO]:
    """Yield a binary file; what is written into it is the file `path` when the block has ended.

    If the block or the disk fails, or Ctrl-C comes, an older file stays as it was. What dead processes
    have left half written in the folder is deleted after an hour.

    Raises
    ------
    OSError
        If it cannot be written: the error names `path`, and what to do where the disk is full.
    """
    path = Path(path)
    if path.is_symlink():  # the link stays
        path = Path(os.path.realpath(path))
    if path.exists() and not path.is_file():  # /dev/null, say, which nothing may replace
        with open(path, "wb") as file:
            yield file
        return
    stem = os.fsencode(path.name)[:180].decode(errors="ignore")  # of 255 that may be
    own = f"{next(_count)}@{_host()}.{os.getpid()}"
    temporary = path.with_name(f".{stem}.{own}.part")
    try:
        clear_left_over(path.parent)
        with open(temporary, "wb", buffering=0) as raw, _Stream(raw) as file:
            yield file
            file.flush()
            _to_disk(raw.fileno())
        os.replace(temporary, path)
    except OSError as error:
        if error.filename in (None, str(temporary)):
            raise _named(error, path) from error
        raise
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def naming(path: str | Path) -> Iterator[None]:
    """If the disk gets full in the block, whatever is written, the error names `path` and a remedy."""
    try:
        yield
    except OSError as error:
        if error.errno in FULL and not str(error.strerror).startswith(FULL[error.errno]):
            raise _named(error, Path(path)) from error
        raise


def write_text(path: str | Path, text: str) -> None:
    """Write text as UTF-8, whole or not at all: see `written_whole`."""
    with written_whole(path) as file:
        file.write(text.encode())


class _Stream(io.BufferedWriter):
    """A file that NumPy and Pillow write through Python: past it, they lose why a disk refused."""

    def fileno(self) -> int:
        raise io.UnsupportedOperation("fileno")


def _to_disk(number: int) -> None:
    """Wait until the disk has the file: only then may it take the place of another."""
    try:
        os.fsync(number)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP):  # cannot be asked to
            raise


def _named(error: OSError, path: Path) -> OSError:
    """The error with the name of the file that was to be written, and a remedy."""
    if error.errno is None:
        return OSError(f"{path} cannot be written: {error}")
    words = FULL.get(error.errno)
    words = f"{words}: {REMEDY}; not written" if words else os.strerror(error.errno)
    return OSError(error.errno, words, str(path))  # of the same kind: Python goes by the number


def clear_left_over(folder: Path) -> None:
    """Delete the temporary files of processes that have died, after an hour without a change.

    Containers may share a folder and a host's name, but not see each other's processes: only time tells
    that nobody writes. Another computer's files stay for a day. What is not named as `written_whole`
    names its files is not ours.
    """
    try:
        names = os.listdir(folder)
    except OSError:
        return
    for name in names:
        found = LEFT_OVER.fullmatch(name) if name.endswith(".part") else None
        if not found:
            continue
        with contextlib.suppress(OSError):
            age = time.time() - (folder / name).stat().st_mtime
            here = found["host"] == _host()  # of elsewhere nobody can tell what lives
            if (age > AN_HOUR and _is_dead(int(found["process"]))) if here else age > A_DAY:
                (folder / name).unlink()


def _is_dead(process: int) -> bool:
    if os.name == "nt":  # where nobody can delete what another has open
        return process != os.getpid()
    try:
        os.kill(process, 0)  # asks only whether it is there
    except (ProcessLookupError, OverflowError):
        return True
    except OSError:  # it is somebody else's
        return False
    return False


def _host() -> str:
    return re.sub(r"[^\w-]", "-", platform.node())
