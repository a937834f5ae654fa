"""The page: one file that needs nothing from outside, to be written, or shown in a notebook."""

from __future__ import annotations

import copy
import html
import json
import re
from pathlib import Path
from typing import Any

import numpy as np

from tinyunet.engine.whole_files import write_text
from tinyunet.inside.build import gather
from tinyunet.inside.film import played
from tinyunet.layers.layer import Layer
from tinyunet.learning.film import FILE
from tinyunet.networks.network import check_labels
from tinyunet.networks.painting import PICTURES
from tinyunet.networks.plain import as_network

HERE = Path(__file__).parent
TALL = 720  # pixels of the frame in a notebook


class Page:
    """A page of a network and an image; a notebook shows it in a frame.

    Attributes
    ----------
    data
        What it shows, as plain data.
    """

    def __init__(self, data: dict[str, Any]) -> None:
        self.data = data

    @property
    def html(self) -> str:
        """The whole file."""
        page = (HERE / "page.html").read_text(encoding="utf-8")
        # No "<" in the data, so that nothing in them can end the script that holds them.
        data = json.dumps(self.data, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")
        parts = {
            "title": html.escape(self.data["title"]),
            "style": (HERE / "page.css").read_text(encoding="utf-8"),
            "script": (HERE / "page.js").read_text(encoding="utf-8"),
            "data": data,
        }
        # All at once: a title, too, may hold what looks like a mark.
        return re.sub(r"\{\{(\w+)\}\}", lambda mark: parts[mark[1]], page)

    def save(self, path: str | Path) -> Path:
        """Write the page into a file, whole or not at all, and return where it is."""
        path = Path(path)
        write_text(path, self.html)
        return path

    def shares(self, row: int | None = None, column: int | None = None) -> dict[str, float]:
        """Return how much of a logit's gradient came through each skip, and how much by the bottom.

        Parameters
        ----------
        row, column
            Of a pixel of the image: the nearest place with a view counts. Without them, the mean over
            all evenly spaced places.

        Returns
        -------
        dict
            By ``"skip 1"``, the finest, and so on, and ``"bottom"``: shares that add up to 1. A skip to
            which only another way leads has none of its own.

        Raises
        ------
        ValueError
            If layers do not make all of the network's arrays, so that ways cannot be told apart; or if
            a class of yours has no backward that runs.
        """
        views = self.data["views"]
        if views is None:
            raise ValueError(f"the network's backward does not run: {self.data['why']}")
        if not views["framed"]:
            raise ValueError(
                "the ways of this network cannot be told apart: its forward makes arrays without layers"
            )
        places = views["places"][: views["even"]]
        if row is not None and column is not None:
            places = [
                min(
                    views["places"],
                    key=lambda p: (p["row"] - row) ** 2 + (p["column"] - column) ** 2,
                )
            ]
        # Where no gradient reaches the image, there is nothing to share.
        places = [place for place in places if place["maps"][0]["most"] > 0] or places
        ways = [f"skip {k + 1}" for k in range(len(self.data["skips"]))]
        parts = {way: [place["skips"][k] for place in places] for k, way in enumerate(ways)}
        parts["bottom"] = [place["bottom"] for place in places]
        return {way: float(np.mean(own)) for way, own in parts.items() if None not in own}

    def __repr__(self) -> str:
        return f"Page({self.data['title']!r})"

    def _repr_html_(self) -> str:
        words = html.escape(self.data["title"], quote=True)
        inside = html.escape(self.html, quote=True)
        return (
            f'<iframe title="{words}" srcdoc="{inside}" style="width: 100%; height: {TALL}px; '
            'border: 1px solid #999"></iframe>'
        )


EXACTNESS = (
    "Predictions, maps and gradients are computed in the network's own precision; dropout is off and "
    "batch norm uses its running statistics, as for any prediction.",
    "The image is shown in 256 steps, from its darkest 0.5 % (black) to its brightest 0.2 % (white); "
    "where it has not three channels, the first alone.",
    "Maps are shown in 256 steps, channel by channel, and large ones as means over blocks of pixels; "
    "what the histogram and the numbers say is counted before that.",
    "Views show sizes of gradients on a logarithmic scale, as they differ much: from the largest down "
    "to a ten-thousandth of it, below which all looks the same; what is not coloured is exactly 0. "
    "Every view is a backward pass of its own from one logit.",
    "The share of the bottom is that of all ways that take no skip, measured at the image; it is drawn "
    "at the arrow that leads into the lowest level.",
    "The theoretical field is the frame of all pixels from which a way leads to the logit, exactly for "
    "this place; outside of it the gradient is exactly 0.",
    "Times are of one forward and one backward pass on the computer that made the page and vary by "
    "some per cent; memory is that of the layers' outputs, what is passed on or cropped not counted "
    "twice.",
)

PAINTS = (
    "This network paints, and is told as other networks are: with running statistics and no dropout. "
    "When pix2pix's generator paints, it takes the statistics of the image itself and draws dropout."
)


def explore(
    model: Layer,
    image: np.ndarray,
    *,
    mask: np.ndarray | None = None,
    places: int | None = None,
    class_names: list[str] | None = None,
    film: str | Path | None = None,
    title: str | None = None,
    progress: bool = True,
) -> Page:
    """Look inside a network: its maps, on what a pixel depends, and what each part brings.

    Parameters
    ----------
    model
        The network, a `Network` or any layer that turns images into logits, or one that paints. It is
        copied.
    image
        (H, W) or (H, W, C), floats of about [0, 1]; of sides above 1024 pixels the middle is shown. For
        a network that paints, what it gets.
    mask
        (H, W) whole numbers, the true classes, for scores; for two classes all above 0 is foreground,
        for more 255 counts nowhere, and nor does what is below 0.
    places
        How many places along each side a view is computed for. Default: up to 6, as time allows.
        A few inside the largest predicted objects, and at their edges, come besides.
    film
        The folder of a training in which `tinyunet.Film` has kept frames.
    class_names
        What the classes are called. Default: as the model says, if it was loaded from a run.
    title
        Of the page.
    progress
        Show progress bars.

    Returns
    -------
    Page
        ``page.save("page.html")`` writes it; a notebook shows it.

    Raises
    ------
    ValueError, TypeError
        If the network gives nothing for pixels, or cannot take the image; if a layer gives NaN; if
        the mask or the names of classes don't fit; if the film is damaged.
    FileNotFoundError
        If there is no film.
    """
    if places is not None and not 1 <= places <= 32:
        raise ValueError(f"places must be from 1 to 32 along a side, got {places}")
    network = as_network(copy.deepcopy(model))  # sizes that it takes are found by trying
    if network.gives_instead != PICTURES:
        check_labels(network)
    elif mask is not None:
        raise ValueError(f"{network} paints and knows no classes: leave the mask out")
    data = gather(network, np.asarray(image), mask, places, progress, class_names)
    title = title or f"Inside {type(model).__name__}"
    data["title"] = title.encode(errors="replace").decode()  # a file's name may be no Unicode
    data["exactness"] = [*EXACTNESS, PAINTS] if network.gives_instead else EXACTNESS
    data["paints"] = bool(network.gives_instead)
    data["film"] = None if film is None else played(Path(film) / FILE)
    data["channels"] = network.num_classes
    return Page(data)
