"""Figures: the results of a run, and small arrays with their numbers in them."""

from tinyunet.plots.animation import Animation, animate
from tinyunet.plots.colours import colour_numbers, errors, outlines, palette, visible
from tinyunet.plots.numbers import draw_numbers
from tinyunet.plots.results import (
    compare,
    curves,
    deformation,
    overlay,
    save,
    weight_map,
)

__all__ = [
    "Animation",
    "animate",
    "colour_numbers",
    "compare",
    "curves",
    "deformation",
    "draw_numbers",
    "errors",
    "outlines",
    "overlay",
    "palette",
    "save",
    "visible",
    "weight_map",
]
