"""How far a loop is, and its picture: shown in a notebook and written anew in place, else silence."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest
from matplotlib.figure import Figure

import tinyunet as tu
from tinyunet.plots import growing


@pytest.fixture
def clock(monkeypatch):
    now = SimpleNamespace(now=100.0)
    monkeypatch.setattr(growing.time, "perf_counter", lambda: now.now)
    return now


@pytest.fixture
def shown(monkeypatch):
    """A notebook: for each output, what it has shown."""
    outputs = []

    def display(first, display_id):
        assert display_id is True
        outputs.append([first])
        return SimpleNamespace(update=outputs[-1].append)

    monkeypatch.setattr(growing, "notebook", lambda: SimpleNamespace(execution_count=1))
    monkeypatch.setitem(sys.modules, "IPython.display", SimpleNamespace(display=display))
    return outputs


def test_the_time_left_is_that_of_the_parts_so_far(shown, clock):
    progress = tu.plots.Growing(10, parts="networks")
    for _ in range(10):
        clock.now += 50
        progress()
    ((*lines,),) = shown
    assert repr(lines[0]) == "1 of 10 networks, 7 min 30 s to go"
    assert repr(lines[8]) == "9 of 10 networks, 50 s to go"
    assert repr(lines[9]) == "10 of 10 networks: done"  # no time, so stored outputs are the same


def test_it_is_not_written_more_often_than_can_be_read(shown, clock):
    progress = tu.plots.Growing(1000)
    for _ in range(100):
        clock.now += 0.05
        progress(10)
    (lines,) = shown
    assert 4 <= len(lines) <= 7
    assert repr(lines[-1]) == "1000 of 1000 steps: done"


def test_the_picture_grows_and_takes_a_small_share_of_the_time(shown, clock):
    widths = []

    def draw():
        clock.now += 3
        widths.append(progress.done)
        return Figure((1, 1), dpi=20)

    progress = tu.plots.Growing(100, draw)
    for _ in range(100):
        clock.now += 1
        progress()
    lines, pictures = shown
    assert len(lines) > 50
    assert len(pictures) == len(widths) <= 6
    assert widths[-1] == 100
    assert pictures[-1]._repr_png_().startswith(b"\x89PNG")


def test_outside_of_a_notebook_nothing_is_shown_or_drawn(capsys):
    progress = tu.plots.Growing(2, draw=lambda: 1 / 0)
    progress()
    progress()
    assert progress.done == 2
    assert capsys.readouterr() == ("", "")
