"""One at a time in a folder: a lock that ends with the process that holds it, however that ends.

The system gives the lock on a file in the folder to one process and takes it back when that process is
gone, also after ``kill -9``: a file that was left behind locks nobody out. Whoever is done deletes it.
"""

from __future__ import annotations

import contextlib
import errno
import os
import platform
import threading
from collections.abc import Iterator
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]
try:
    import msvcrt
except ImportError:
    msvcrt = None  # type: ignore[assignment]

NAME = ".running"
BUSY = (errno.EACCES, errno.EAGAIN, errno.EDEADLK)
BEYOND = 1 << 30  # the byte that is locked on Windows: the others stay readable
_HOLDERS: dict[str, FolderLock] = {}  # in this process, by folder


class FolderLock:
    """The lock of a folder, which exists.

    It can be taken several times over. In one thread the latest taker has it: an earlier one that has
    not let go is not at work, but a loop that somebody has left open.

    Where a file system knows no locks, everybody gets it.
    """

    def __init__(self, folder: Path, what: str = "training") -> None:
        self.folder, self._what = folder, what
        self._depth = 0
        self._descriptor: int | None = None
        self._thread = 0

    @contextlib.contextmanager
    def held(self) -> Iterator[bool]:
        """Hold the lock while this lasts; gives whether it was taken just now.

        Raises
        ------
        BlockingIOError
            If somebody else has it.
        """
        fresh = self._descriptor is None
        if fresh:
            self._take()
        self._depth += 1
        try:
            yield fresh
        finally:
            self._depth -= 1
            if not self._depth:
                self._let_go()

    def _take(self) -> None:
        key = os.path.realpath(self.folder)
        holder, self._thread = _HOLDERS.get(key), threading.get_ident()
        if holder is not None and not holder._works_elsewhere():
            self._descriptor, holder._descriptor = holder._descriptor, None
        else:
            self._descriptor = _opened(self.folder, self._what)
        _HOLDERS[key] = self

    def _works_elsewhere(self) -> bool:
        others = {thread.ident for thread in threading.enumerate()} - {threading.get_ident()}
        return self._thread in others

    def _let_go(self) -> None:
        if self._descriptor is None:  # another has taken it over
            return
        descriptor, self._descriptor = self._descriptor, None
        _HOLDERS.pop(os.path.realpath(self.folder), None)
        path = self.folder / NAME
        with contextlib.suppress(OSError):
            if fcntl:
                path.unlink()  # before others can have it
        os.close(descriptor)
        with contextlib.suppress(OSError):
            if not fcntl:  # Windows deletes nothing that is open
                path.unlink()


def _opened(folder: Path, what: str) -> int:
    """Open the file of the lock, and lock it; `what` is the word for who else may have it."""
    path = folder / NAME
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            _lock(descriptor)
            # It may have been deleted just before: then this is a lock on nothing.
            if path.exists() and os.path.samestat(os.fstat(descriptor), os.stat(path)):
                with contextlib.suppress(OSError):  # a full disk: it is only for a message
                    os.ftruncate(descriptor, 0)
                    os.write(descriptor, f"process {os.getpid()} on {platform.node()}".encode())
                return descriptor
        except FileNotFoundError:
            pass
        except OSError as error:
            os.close(descriptor)
            if error.errno in BUSY:
                raise BlockingIOError(
                    f"another {what}{_who(path)} writes into {folder}: wait for its end, or choose "
                    "another folder"
                ) from None
            raise
        os.close(descriptor)


def _lock(descriptor: int) -> None:
    """Lock a file, or raise an error of `BUSY`."""
    if fcntl:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in BUSY:
                raise
    elif msvcrt:
        os.lseek(descriptor, BEYOND, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        os.lseek(descriptor, 0, os.SEEK_SET)


def _who(path: Path) -> str:
    """Whose lock it is, for a message."""
    try:
        found = path.read_text(encoding="utf-8")
    except (OSError, ValueError):
        found = ""
    return f" ({found})" if found else ""
