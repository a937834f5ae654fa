"""Ctrl-C (SIGINT), and SIGTERM as batch systems send it: when they wait, and what they mean."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType

NUMBERS = (int(signal.SIGINT), int(signal.SIGTERM))
# The functions in C, below those that make enums of numbers: ten times as fast, for work in blocks.
_get = getattr(signal.getsignal, "__wrapped__", signal.getsignal)
_set = getattr(signal.signal, "__wrapped__", signal.signal)
_waiting = False


@contextlib.contextmanager
def uninterrupted() -> Iterator[None]:
    """Let Ctrl-C and SIGTERM wait for the end of the block, and only then do what they do.

    Half a step, with some parameters changed and others not, could not be resumed exactly. Python
    hands signals to the main thread alone; elsewhere there is nothing to do. A signal that nobody
    handles in Python (ignored, or left to the system) is left alone.
    """
    global _waiting
    if threading.current_thread() is not threading.main_thread() or _waiting:
        yield
        return
    before = {number: handler for number in NUMBERS if callable(handler := _get(number))}
    came: list[int] = []
    try:
        _waiting = True
        for number in before:
            _set(number, lambda number, frame: came.append(number))
        yield
    finally:
        _waiting = False
        # SIGINT's last: as long as it waits, so does a SIGTERM that is treated as Ctrl-C.
        for number in reversed(before):
            _set(number, before[number])
        # Here, so that none is lost where the block has raised; and all, where a handler raises.
        with contextlib.ExitStack() as calls:
            for number in reversed(came):
                calls.callback(before[number], number, None)


@contextlib.contextmanager
def noted() -> Iterator[list[int]]:
    """Take Ctrl-C and SIGTERM down in the list that this gives, and do nothing about them.

    On the main thread only, and only for signals that are handled in Python.
    """
    came: list[int] = []
    on_main_thread = threading.current_thread() is threading.main_thread()
    handled = [n for n in NUMBERS if on_main_thread and callable(_get(n))]
    before = {number: _set(number, lambda number, frame: came.append(number)) for number in handled}
    try:
        yield came
    finally:
        for number, handler in before.items():
            _set(number, handler)


@contextlib.contextmanager
def sigterm_is_ctrl_c() -> Iterator[None]:
    """Treat SIGTERM as Ctrl-C while the context lasts, unless it is ignored.

    On the main thread only, which alone may say what a signal means.
    """
    before = signal.getsignal(signal.SIGTERM)
    on_main_thread = threading.current_thread() is threading.main_thread()
    if not on_main_thread or before in (None, signal.SIG_IGN):
        yield
        return

    def press(number: int, frame: FrameType | None) -> None:
        ctrl_c = signal.getsignal(signal.SIGINT)
        if not callable(ctrl_c):  # ignored, as a shell does to what it starts in the background
            raise KeyboardInterrupt
        ctrl_c(signal.SIGINT, frame)

    try:
        signal.signal(signal.SIGTERM, press)
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
