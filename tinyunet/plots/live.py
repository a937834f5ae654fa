"""A training as it goes on, in a notebook: losses, scores, and what the network sees by now."""

from __future__ import annotations

import sys
import time
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tinyunet.plots.colours import colour_numbers, outlines, palette, visible
from tinyunet.plots.figure import WIDTH, NotebookFigure, show
from tinyunet.plots.training import draw_losses, draw_scores
from tinyunet.segmentation.cells import instances
from tinyunet.segmentation.evaluation import knows_cells
from tinyunet.segmentation.tiles import predict_image

CURVES, TITLE, GAP = 2.6, 0.3, 0.08  # inches
SHARE = 0.1  # of the time that drawing may take


class Redrawn:
    """A picture that a notebook shows and draws anew in place, not too often; silence elsewhere.

    Attributes
    ----------
    figure
        What was drawn last, or None.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.figure: Figure | None = None
        self._due = 0.0
        self._place: tuple[Any, int] | None = None  # what is trained, and the cell that is shown
        self._display: Any = None

    def redraw(self, of: Any, last: Callable[[], bool], draw: Callable[[], Figure]) -> None:
        """Draw what happens to an object, if it is time, or in any case the last time."""
        shell = notebook()
        if shell is None:
            return
        place = weakref.ref(of), shell.execution_count
        new, now = place != self._place, time.perf_counter()
        if not new and now < self._due and not last():
            return
        self.figure = draw()
        png = _Png(self.figure)
        if new:
            from IPython.display import display

            self._place, self._display = place, display(png, display_id=True)
        else:
            self._display.update(png)
        drawn = time.perf_counter()
        self._due = drawn + max(self.seconds, (drawn - now) * (1 / SHARE - 1))


class Live(Redrawn):
    """A picture of a training that a notebook shows while it goes on, and draws anew in place.

    ``tu.fit(..., callbacks=[tu.plots.Live()])``: the loss of every step, the validation scores, and
    one validation image with the truth and what the network makes of it. After the last step it is
    drawn in any case. In a terminal, in a script, and where IPython is missing nothing is shown.

    Parameters
    ----------
    image
        Which of the validation images.
    seconds
        How long to wait at least from one drawing to the next. Where drawing is slow it waits longer,
        so that it takes no more than a tenth of the time.

    Attributes
    ----------
    figure
        What was drawn last, or None.
    """

    def __init__(self, image: int = 0, seconds: float = 1.0) -> None:
        super().__init__(seconds)
        self.image = image

    def __call__(self, training: Any, step: Any) -> None:
        """Draw the training if it is time; `fit` calls this after every step."""
        self.redraw(
            training, lambda: step.number >= training.total, lambda: draw(training, self.image)
        )


class _Png:
    """A figure as its PNG, always of one size: IPython's own way with figures cuts their borders."""

    def __init__(self, figure: Figure) -> None:
        self._png = figure._repr_png_()

    def _repr_png_(self) -> bytes:
        return self._png

    def __repr__(self) -> str:
        return "<picture of a training>"


def notebook() -> Any:
    """Return the IPython shell of the notebook in which this runs, or None.

    IPython is not imported: whoever runs in a notebook has it already.
    """
    ipython = sys.modules.get("IPython")
    shell = ipython and ipython.get_ipython()
    if shell and all(kind.__name__ != "TerminalInteractiveShell" for kind in type(shell).__mro__):
        return shell
    return None


def draw(training: Any, image: int = 0) -> Figure:
    """Draw losses and scores, and below them a validation image, its truth and the prediction.

    Parameters
    ----------
    training
        A `tinyunet.Training` that has taken a step.
    image
        Which of the validation images.
    """
    history, data = training.history, training.validation
    pictures = [] if data is None else _pictures(training.model, data, image)
    side = (WIDTH - GAP * (len(pictures) - 1)) / max(1, len(pictures))  # inches
    tall = side * data.images[image].shape[0] / data.images[image].shape[1] if pictures else 0
    height = CURVES + (tall + TITLE if pictures else 0)
    figure = NotebookFigure((WIDTH, height))

    def panel(left: float, bottom: float, wide: float, high: float) -> Axes:
        return figure.add_axes((left / WIDTH, bottom / height, wide / WIDTH, high / height))

    bottom, high = height - CURVES + 0.55, CURVES - 0.9
    curves = [panel(0.5, bottom, WIDTH - 0.7 if data is None else 3.3, high)]
    draw_losses(curves[0], np.asarray(history.loss, float))
    curves[0].set_yscale("linear")  # its numbers are short, so that the panel stays where it is
    if min(history.loss) > 0:
        curves[0].set_ylim(0, 1.1 * max(curves[0].lines[1].get_ydata()))
    if history.validation:
        curves.append(panel(4.5, bottom, 3.3, high))
        draw_scores(curves[1], history)
        curves[1].set_ylim(0, 1.02)
    for axis in curves:
        axis.set_xlim(0, training.total)
        axis.set_title(axis.get_ylabel(), fontsize=12)
        axis.set_ylabel("")
    for i, (name, picture) in enumerate(pictures):
        show(panel(i * (side + GAP), 0, side, tall), picture).axes.set_title(name, fontsize=12)
    return figure


def _pictures(model: Any, data: Any, image: int) -> list[tuple[str, np.ndarray]]:
    """Pictures (H, W, 3) of a validation image, each with its name."""
    probabilities = predict_image(model, data.images[image])
    pictures = [("image", visible(data.images[image]))]
    if knows_cells(model, data):
        truth, guess = data.instances[image], instances(probabilities)
        colours = colour_numbers(truth), colour_numbers(guess, like=colour_numbers(truth))
    else:
        truth, guess = colours = data.labels[image], probabilities.argmax(axis=2)
    for name, cells, numbers in zip(("truth", "prediction"), (truth, guess), colours, strict=True):
        shade = np.where(outlines(cells), 0.6, 1)[..., None]
        pictures.append((name, palette(numbers.max(initial=0))[numbers] * shade))
    if probabilities.shape[2] == 2:  # long before it finds a cell, it shows where it suspects one
        suspected = np.repeat(probabilities[..., 1:], 3, axis=2)
        pictures.insert(2, ("probability", np.clip(np.nan_to_num(suspected), 0, 1)))
    return pictures
