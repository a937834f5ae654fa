"""A progress bar; where nobody watches a screen, a plain line every few seconds."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from tqdm import tqdm

if sys.platform == "emscripten":
    tqdm.monitor_interval = 0  # a thread, which a browser does not have

EVERY = 5.0  # seconds from line to line
LINE = "{desc}: {n_fmt} of {total_fmt}, {elapsed} so far, {remaining} to go{postfix}"


class Progress(tqdm):
    """tqdm's bar on a terminal and in a notebook. In a file or a pipe: lines, at times.

    A bar moves by carriage returns, which make one endless line of a log.
    """

    disable = True  # until it is made: Ctrl-C may come before, and Python closes what is left

    def __init__(self, *arguments: Any, **options: Any) -> None:
        file = options.setdefault("file", sys.stderr)
        if not moves(file):
            options |= {"mininterval": EVERY, "maxinterval": EVERY, "miniters": 1}
            options["bar_format"] = LINE
        super().__init__(*arguments, **options)

    def close(self) -> None:
        """End it: a line's end is no line of its own."""
        if self.disable or moves(self.fp):
            super().close()
            return
        if self.leave:
            self.display()
        self.disable = True
        self._decr_instances(self)

    @staticmethod
    def status_printer(file: Any) -> Callable[[str], None]:
        """What shows the state of a bar; each state once where it is a line."""
        if moves(file):
            return tqdm.status_printer(file)
        shown = ""

        def show(line: str) -> None:
            nonlocal shown
            if line and line != shown:
                file.write(line + "\n")
                file.flush()
                shown = line

        return show


def moves(file: Any) -> bool:
    """Whether a carriage return takes whoever looks back to the beginning of the line."""
    try:
        terminal = bool(file.isatty())
    except (AttributeError, ValueError):  # none, or closed
        terminal = False
    return terminal or type(file).__module__.startswith("ipykernel")
