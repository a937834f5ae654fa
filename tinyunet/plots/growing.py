"""A line that says how far something is, and a picture that grows meanwhile, in a notebook."""

from __future__ import annotations

import io
import time
from collections.abc import Callable
from typing import Any

from matplotlib.figure import Figure

from tinyunet.plots.live import SHARE, notebook

SECONDS = 1.0  # at least, from one line to the next


class Growing:
    """How far a computation is and how long it will take, and a picture of what it has found.

    A notebook shows both, and writes them anew in place. In a terminal, in a script, and where IPython
    is missing nothing is shown. `tinyunet.plots.Live` is for `tu.fit`; this is for loops of one's own:

        progress = tu.plots.Growing(len(seeds) * steps)
        for seed in seeds:
            for i in range(steps):
                ...
                progress()

    Parameters
    ----------
    total
        How many parts there are.
    draw
        ``draw()`` returns a `matplotlib.figure.Figure` (not one of pyplot's) of what is known by now,
        always of the same size; None for no picture. It is called seldom, so that drawing takes no more
        than a tenth of the time, and once at the end.
    parts
        What the parts are called.

    Attributes
    ----------
    done
        How many parts are done.
    """

    def __init__(
        self, total: int, draw: Callable[[], Figure] | None = None, parts: str = "steps"
    ) -> None:
        self.total, self.draw, self.parts = total, draw, parts
        self.done = 0
        self._began = time.perf_counter()
        self._due = self._draw_due = 0.0
        self._displays: dict[str, Any] = {}

    def __call__(self, parts: int = 1) -> None:
        """Say that one more part is done, or several."""
        self.done += parts
        now, ended = time.perf_counter(), self.done >= self.total
        if notebook() is None or (now < self._due and not ended):
            return
        self._show("line", _Line(self.line(now - self._began)))
        self._due = now + SECONDS
        if self.draw and (now >= self._draw_due or ended):
            self._show("picture", _Picture(self.draw()))
            drawn = time.perf_counter()
            self._draw_due = drawn + (drawn - now) * (1 / SHARE - 1)

    def line(self, seconds: float) -> str:
        """Say how far it is after so many seconds: ``300 of 900 steps, 2 min 10 s to go``."""
        text = f"{self.done} of {self.total} {self.parts}"
        if self.done >= self.total:
            return f"{text}: done"
        minutes, rest = divmod(round(seconds * (self.total - self.done) / self.done), 60)
        return f"{text}, {f'{minutes} min ' if minutes else ''}{rest} s to go"

    def _show(self, what: str, shown: Any) -> None:
        if what in self._displays:
            self._displays[what].update(shown)
        else:
            from IPython.display import display

            self._displays[what] = display(shown, display_id=True)


class _Line:
    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return self.text


class _Picture:
    """A figure as its PNG: IPython's own way with figures cuts their borders."""

    def __init__(self, figure: Figure) -> None:
        file = io.BytesIO()
        figure.savefig(file, format="png")
        self._png = file.getvalue()

    def _repr_png_(self) -> bytes:
        return self._png

    def __repr__(self) -> str:
        return "<a growing picture>"
