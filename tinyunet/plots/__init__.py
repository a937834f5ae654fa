"""Figures: the results of a run, and small arrays with their numbers in them.

A function that makes a figure returns a `matplotlib.figure.Figure` and opens no window (a notebook
shows what a cell returns); `save` writes it as a PNG. Arrays are NumPy arrays: `tinyunet.to_cpu` for
others.
"""

from tinyunet.plots.animation import Animation, animate
from tinyunet.plots.class_maps import class_maps
from tinyunet.plots.colours import colour_numbers, errors, outlines, palette, visible
from tinyunet.plots.comparison import compare, overlay
from tinyunet.plots.contact_sheet import Shown, contact_sheet, part_of
from tinyunet.plots.fields import receptive_fields, sensitivities
from tinyunet.plots.figure import save
from tinyunet.plots.growing import Growing
from tinyunet.plots.live import Live
from tinyunet.plots.maps import deformation, weight_map
from tinyunet.plots.numbers import draw_numbers
from tinyunet.plots.paintings import LivePainting, paintings
from tinyunet.plots.score_dots import score_dots
from tinyunet.plots.slider import Slider, slider
from tinyunet.plots.training import curves
from tinyunet.plots.triangle import triangle
from tinyunet.plots.u_layout import u_layout
from tinyunet.plots.u_shape import u_shape

__all__ = [
    "Animation",
    "Growing",
    "Live",
    "LivePainting",
    "Shown",
    "Slider",
    "animate",
    "class_maps",
    "colour_numbers",
    "compare",
    "contact_sheet",
    "curves",
    "deformation",
    "draw_numbers",
    "errors",
    "outlines",
    "overlay",
    "paintings",
    "palette",
    "part_of",
    "receptive_fields",
    "save",
    "score_dots",
    "sensitivities",
    "slider",
    "triangle",
    "u_layout",
    "u_shape",
    "visible",
    "weight_map",
]
