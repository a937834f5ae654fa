"""What networks paint, side by side, and while they learn it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tinyunet.plots.figure import LINE, WIDTH, NotebookFigure, show
from tinyunet.plots.live import Redrawn

NAME, SIDE, GAP = 1.7, 0.95, 0.06  # inches: the column of names, the widest image, what is between


def paintings(rows: Mapping[str, np.ndarray]) -> Figure:
    """Show images in rows, each with its name on the left.

    Parameters
    ----------
    rows
        By name, images (N, H, W, 3), R, G and B from -1 to 1; what is outside is cut off. As many in
        each row, and of one size.

    Raises
    ------
    ValueError
        If there is none, or they are not as many and of one size.
    """
    shapes = {name: np.shape(images) for name, images in rows.items()}
    first = next(iter(shapes.values()), ())
    if len(first) != 4 or first[0] < 1 or first[3] != 3 or set(shapes.values()) != {first}:
        raise ValueError(
            f"paintings need rows of images (N, H, W, 3) of one shape, got {shapes or 'none'}"
        )
    side = min(SIDE, (WIDTH - NAME) / first[0] - GAP)
    high = side * first[1] / first[2] + GAP
    size = NAME + (side + GAP) * first[0], high * len(rows)
    figure = NotebookFigure(size)
    for i, (name, images) in enumerate(rows.items()):
        bottom = (len(rows) - 1 - i) * high
        figure.text(0, (bottom + high / 2) / size[1], name, fontsize=11, va="center")
        for j, image in enumerate(images):
            left = NAME + j * (side + GAP)
            box = left / size[0], bottom / size[1], side / size[0], (high - GAP) / size[1]
            _paint(figure.add_axes(box), image)
    return figure


class LivePainting(Redrawn):
    """A picture of a network that learns to paint, which a notebook draws anew in place.

    For ``tu.fit_painter(..., callbacks=[...])``, or to call after each step of a loop: the mean
    absolute difference of every step, and what some images look like by now. What the losses of a
    discriminator and a generator are is left out, for they say nothing of how far it is. As
    `tu.plots.Live`, it is silent outside of a notebook.

    Parameters
    ----------
    painter
        The network.
    inputs, targets
        What it is shown, (N, H, W, C), and what it should paint, (N, H, W, K): about four.
    total
        How many steps there will be.
    seconds
        As for `tu.plots.Live`.
    colours
        Turns what it paints, and the targets, into R, G and B from -1 to 1; as they are by default.
    """

    def __init__(
        self,
        painter: Any,
        inputs: np.ndarray,
        targets: np.ndarray,
        total: int,
        seconds: float = 2.0,
        colours: Callable[[np.ndarray], np.ndarray] = np.asarray,
    ) -> None:
        super().__init__(seconds)
        self.painter, self.inputs, self.targets = painter, inputs, targets
        self.total, self.colours = total, colours
        self.l1: list[float] = []

    def __call__(self, done: int, step: Any) -> None:
        """Note what a step was wrong by, a `PaintingStep` or its ``l1``, and draw if it is time.

        `done` is how many steps there were, this one included.
        """
        self.l1.append(float(getattr(step, "l1", step)))
        self.redraw(self.painter, lambda: done >= self.total, self.draw)

    def draw(self) -> Figure:
        """Draw what was noted so far, and the images as they are painted now."""
        painted = self.painter.predict(self.inputs)
        rows = {"real": self.targets, "painted": painted}
        shape = painted.shape
        side = min(SIDE, 4.2 / shape[0] - GAP)
        high = side * shape[1] / shape[2]
        height = max(2.3, 2 * (high + GAP) + 0.5)
        figure = NotebookFigure((WIDTH, height))
        curve = figure.add_axes((0.06, 0.55 / height, 0.34, (height - 0.85) / height))
        curve.plot(range(1, len(self.l1) + 1), self.l1, color=LINE, linewidth=0.8)
        curve.set_xlim(0, self.total)
        curve.set_ylim(0)
        curve.set_title("mean absolute difference", fontsize=11)
        curve.set_xlabel("step", fontsize=11)
        curve.spines[["top", "right"]].set_visible(False)
        left = WIDTH - shape[0] * (side + GAP)
        for i, (name, images) in enumerate(rows.items()):
            bottom = 0.2 + (1 - i) * (high + GAP)
            figure.text((left - 0.7) / WIDTH, (bottom + high / 2) / height, name, fontsize=11)
            for j, image in enumerate(self.colours(images)):
                at = left + j * (side + GAP)
                box = at / WIDTH, bottom / height, side / WIDTH, high / height
                _paint(figure.add_axes(box), image)
        return figure


def _paint(axis: Axes, image: np.ndarray) -> None:
    """Show an image (H, W, 3) from -1 to 1."""
    show(axis, np.clip((np.asarray(image, float) + 1) / 2, 0, 1), interpolation="nearest")
