"""A row of pictures and a slider to move between them, for the lessons."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from tinyunet.plots.figure import picture

COLOURS = 64  # of each picture, for a small notebook

# What a move does: show the picture of this number, hide the others, and write its value.
MOVE = (
    "const d = this.closest('figure'), s = d.querySelector('input'); {step} "
    "d.querySelectorAll('img').forEach((m, i) => m.hidden = i != s.value); "
    "d.querySelector('output').textContent = d.querySelectorAll('img')[s.value].dataset.value"
)
STEP = "s.value = Number(s.value) + ({by});"


class Slider:
    """Pictures drawn beforehand, and a slider; a notebook shows it when a cell returns it.

    It is plain HTML, so it moves without a running kernel: in a notebook, on a page, without a
    network. Where no script may run, the picture in the middle is shown.

    Parameters
    ----------
    pictures
        RGB pictures (H, W, 3) of uint8, one for each value.
    values
        What each stands for, as it should be written.
    label
        What is moved, in words.
    alt
        What a picture shows, in words, for those who cannot see it.
    start
        The number of the first picture that is shown. Default: the middle one.

    Raises
    ------
    ValueError
        Unless there are two pictures or more, and one value for each.
    """

    def __init__(
        self,
        pictures: Sequence[np.ndarray],
        values: Sequence[str],
        label: str,
        alt: str,
        start: int | None = None,
    ) -> None:
        if len(pictures) < 2 or len(pictures) != len(values):
            raise ValueError(
                f"a slider needs two pictures or more and a value for each, not {len(pictures)} "
                f"pictures and {len(values)} values"
            )
        self.files = [_png(picture) for picture in pictures]
        self.values, self.label, self.alt = list(values), label, alt
        self.start = len(values) // 2 if start is None else start

    def _repr_png_(self) -> bytes:
        return self.files[self.start]

    def _repr_html_(self) -> str:
        images = []
        for i, (file, value) in enumerate(zip(self.files, self.values, strict=True)):
            alt = html.escape(f"{self.alt} Here: {self.label} {value}.", quote=True)
            hidden = "" if i == self.start else " hidden"
            data = base64.b64encode(file).decode()
            images.append(
                f'<img alt="{alt}" data-value="{html.escape(value, quote=True)}"{hidden} '
                f'src="data:image/png;base64,{data}">'
            )
        label = html.escape(self.label, quote=True)
        return (
            f'<figure style="margin: 0"><div>{_button("&#9664;", "back", -1)} '
            f'<label>{label} <input type="range" min="0" max="{len(images) - 1}" '
            f'value="{self.start}" aria-label="{label}" oninput="{MOVE.format(step="")}"></label> '
            f"{_button('&#9654;', 'on', 1)} <output>{html.escape(self.values[self.start])}"
            f"</output></div>{''.join(images)}</figure>"
        )


def slider(
    draw: Callable[[Any], Figure],
    values: Sequence[Any],
    label: str,
    alt: str,
    start: int | None = None,
    dpi: int = 110,
) -> Slider:
    """Draw a figure for every value, and let the reader move between them.

    Parameters
    ----------
    draw
        ``draw(value)`` returns a `matplotlib.figure.Figure` (not one of pyplot's, which would stay
        open), always of the same size.
    values
        Some eight to fifteen; each is written beside the slider as ``str`` writes it.
    label, alt, start
        As for `Slider`.
    dpi
        Dots an inch.
    """
    pictures = [picture(draw(value), dpi) for value in values]
    return Slider(pictures, [str(value) for value in values], label, alt, start)


def _png(pixels: np.ndarray) -> bytes:
    file = io.BytesIO()
    # Spread over the colours that occur: bright pixels are few, but should stay what they are.
    spread = Image.Quantize.MAXCOVERAGE
    image = Image.fromarray(pixels).quantize(COLOURS, spread, dither=Image.Dither.NONE)
    image.save(file, "PNG", optimize=True)
    return file.getvalue()


def _button(sign: str, words: str, by: int) -> str:
    move = MOVE.format(step=STEP.format(by=by))
    return f'<button type="button" aria-label="{words}" onclick="{move}">{sign}</button>'
