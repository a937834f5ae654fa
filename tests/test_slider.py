"""Pictures with a slider: one picture a value, words for all of them, and a middle one at rest."""

from __future__ import annotations

import io
import re

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

import tinyunet as tu


def drawn(value):
    figure = Figure((2, 1))
    figure.subplots().bar([0], [value])
    return figure


def test_a_picture_for_each_value_and_the_middle_one_is_shown():
    moved = tu.plots.slider(drawn, (1, 2, 3), "height of <the> bar", alt='A "bar".')
    page = moved._repr_html_()
    images = re.findall(r"<img [^>]*>", page)
    assert [" hidden " in image for image in images] == [True, False, True]
    assert "height of &lt;the&gt; bar 2." in images[1]
    assert "A &quot;bar&quot;." in images[1]
    assert "<output>2</output>" in page
    assert "http" not in page
    assert "<script" not in page
    assert len({re.search('base64,([^"]*)', image)[1] for image in images}) == 3


def test_the_picture_at_rest_is_a_png_of_the_figures_size():
    moved = tu.plots.slider(drawn, (1, 2), "height", alt="A bar.", start=0, dpi=50)
    assert Image.open(io.BytesIO(moved._repr_png_())).size == (100, 50)


def test_what_cannot_be_moved_is_refused():
    one = np.zeros((2, 2, 3), np.uint8)
    with pytest.raises(ValueError, match="1 pictures and 2 values"):
        tu.plots.Slider([one], ["a", "b"], "letter", "Black.")
