"""Limit BLAS to one thread while the package's own threads run; afterwards it is as the user had it."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator

from threadpoolctl import ThreadpoolController

from tinyunet.engine.interrupts import uninterrupted


@contextlib.contextmanager
def one_blas_thread() -> Iterator[None]:
    """Limit BLAS to one thread while the context lasts; contexts may overlap on several threads."""
    user = object()
    try:
        try:
            _blas.enter(user)
            yield
        finally:
            _blas.leave(user)
    finally:
        _blas.leave(user)  # again: Ctrl-C may have come at any moment of entering and leaving


class _BlasLimit:
    """Counts who needs BLAS limited: the first to come limits it, the last to go restores it."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.libraries: list | None = None  # finding them costs 1 ms
        self.users: set[object] = set()
        self.before: list[int] | None = None  # how it was, until it is so again

    # A `with` and its work stand on one line: so no trace function, where debuggers and tests raise
    # Ctrl-C, comes between the work and giving the lock back.

    def enter(self, user: object) -> None:
        with self.lock: self._enter(user)  # fmt: skip # noqa: E701

    def leave(self, user: object) -> None:
        """Leave; to leave again, or without having entered, changes nothing."""
        with self.lock: self._leave(user)  # fmt: skip # noqa: E701

    def _enter(self, user: object) -> None:
        if not self.users:
            if self.libraries is None:
                self.libraries = _blas_libraries()
            if self.before is None:
                self.before = [library.num_threads for library in self.libraries]
            self._set([1] * len(self.libraries))
        self.users.add(user)

    def _leave(self, user: object) -> None:
        self.users.discard(user)
        if not self.users and self.before is not None:
            self._set(self.before)
            self.before = None

    def _set(self, counts: list[int]) -> None:
        """Set each library's number of threads.

        Since threadpoolctl 3.8, OpenBLAS obeys the first thread that set its number and ignores all
        others. Here the first to come and the last to go may be different threads, so nobody owns it.
        """
        for library, count in zip(self.libraries, counts, strict=True):
            disown = getattr(library, "clear_controlling_thread", lambda force: None)
            disown(force=True)
            library.set_num_threads(count)
            disown(force=True)


def _blas_libraries() -> list:
    with uninterrupted():
        return ThreadpoolController().select(user_api="blas").lib_controllers


_blas = _BlasLimit()


def _after_fork() -> None:
    """A forked process has none of its parent's threads: none hold the lock or limit BLAS."""
    _blas.lock = threading.Lock()
    _blas.users.clear()
    _blas.leave(None)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
