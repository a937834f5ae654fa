"""Sizes that no machine could hold, or that make no sense, are named before they cost anything."""

import numpy as np
import pytest

import tinyunet as tu
from tinyunet.data import Dataset, synthetic_cells
from tinyunet.layers import conv
from tinyunet.runs import limits
from tinyunet.runs.build import build, fit_options, load_data
from tinyunet.runs.settings import Settings


@pytest.fixture(autouse=True)
def memory(monkeypatch):
    """A machine with 16 GB."""
    monkeypatch.setattr(limits, "memory_gb", lambda: 16.0)
    monkeypatch.setattr(limits, "memory_of", lambda device: 16.0 if device == "cpu" else None)


@pytest.fixture
def nothing_is_made(monkeypatch):
    def make(*arguments):
        raise AssertionError("this takes memory")

    monkeypatch.setattr(limits, "make", make)


def images(side=128, n=2):
    return Dataset([np.zeros((side, side, 1))] * n, [np.eye(side, dtype=int)] * n)


@pytest.mark.parametrize(
    ("chosen", "count"),
    [
        ({"base_channels": 10000}, "187,800,620,002"),
        ({"base_channels": 64, "depth": 7}, "1,"),
        ({"depth": 30}, ""),
    ],
)
def test_too_many_parameters_are_counted_before_they_are_made(chosen, count, nothing_is_made):
    words = f"would have {count}.* parameters .* this machine has 16 GB: choose fewer channels"
    with pytest.raises(ValueError, match=words):
        build(Settings(**chosen), [images()])


def test_where_the_class_does_not_say_the_layers_do(monkeypatch):
    class Wide(tu.Network):
        def __init__(self, base_channels=8):
            super().__init__()
            self.first = tu.Conv2d(1, base_channels, 3)
            self.second = tu.Conv2d(base_channels, 30 * base_channels, 3)

        def forward(self, x):
            return self.second(self.first(x))

    drawn = []
    plain = conv.budget.spend
    monkeypatch.setattr(
        conv.budget, "spend", lambda *shape, **n: (drawn.append(shape), plain(*shape, **n))
    )
    with pytest.raises(ValueError, match="more than 800,000,000 parameters"):
        build(Settings(network="Wide", base_channels=20_000), [images()])
    assert drawn[-1] == (3, 3, 20_000, 600_000)


def test_many_parameters_are_warned_of_before_they_are_made(monkeypatch):
    said = []

    class Made(Exception):
        pass

    def make(*arguments):
        assert said
        raise Made

    monkeypatch.setattr(limits, "make", make)
    options = {"base_channels": 8, "depth": 9, "padding": "same"}
    with pytest.raises(Made):
        limits.make_within(tu.UNet, options, copies=limits.SHOWING, tell=said.append)
    assert "497,751,474 parameters" in said[0]
    assert "4.0 GB" in said[0]


def test_ordinary_networks_are_made_without_a_word():
    said = []
    model = limits.make_within(tu.UNet, {"depth": 2}, copies=limits.TRAINING, tell=said.append)
    assert model.depth == 2
    assert said == []
    with pytest.raises(ValueError, match="depth must be at least 1"):
        limits.make_within(tu.UNet, {"depth": 0}, copies=limits.TRAINING, tell=said.append)


@pytest.mark.parametrize(
    ("chosen", "words"),
    [
        (
            {"crop": 1000},
            r"1000x1000 .* have 128x128 pixels at most .* fill 1\.6% .* of 128x128 shows",
        ),
        (
            {"depth": 9, "base_channels": 1},
            r"512x512 are far above .* less often \(--depth\), or larg",
        ),
    ],
)
def test_windows_far_above_the_images_are_refused(chosen, words):
    settings = Settings(steps=1, **chosen)
    model, _ = build(settings, [images()])
    with pytest.raises(ValueError, match=words):
        tu.fit(model, images(), **fit_options(settings, model, images()))


def test_windows_of_about_the_images_are_not():
    from tinyunet.learning.preparation import window_size

    model = tu.UNet(1, 2, base_channels=1, depth=3, padding="same")
    assert window_size(model, images(100), 200) == (200, 200)
    assert window_size(model, images(5), None) == (8, 8)
    assert window_size(tu.UNet(1, 2, base_channels=1), images(32), None) == (220, 220)
    wide = Dataset([np.zeros((64, 512, 1))], [np.zeros((64, 512), int)])
    assert window_size(model, wide, 256) == (256, 256)


def test_a_step_that_does_not_fit_into_memory_is_refused():
    settings = Settings(batch_size=100_000)
    model, _ = build(settings, [images()])
    with pytest.raises(
        ValueError, match=r"a step of 100000 windows of 128 x 128 .* about .* 16 GB"
    ):
        fit_options(settings, model, images())


def test_images_that_do_not_fit_are_not_drawn():
    with pytest.raises(
        ValueError, match="60 images of 100,000 x 100,000 pixels take about 24,000 GB"
    ):
        load_data(Settings(size=100_000))
    assert len(synthetic_cells(2, 32)) == 2
    load_data(Settings(size=32, images=2))
