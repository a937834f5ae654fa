"""Choosing the threshold for cells, and scoring with it."""

import numpy as np
import pytest

import tinyunet as tu
from tinyunet import evaluation
from tinyunet.data import Dataset

CELLS = np.zeros((20, 24), int)
CELLS[3:11, 3:11], CELLS[4:14, 14:21] = 1, 2


@pytest.fixture
def model():
    return tu.UNet(1, 2, base_channels=2, depth=1, padding="same")


def data(with_cells=True):
    image = np.zeros((*CELLS.shape, 1), np.float32)
    return Dataset([image], [(CELLS > 0).astype(int)], [CELLS] if with_cells else None, ["one"])


def predict(monkeypatch, rim, background=0.2, middle=0.95):
    """Let every prediction be `middle` in cells, `rim` at their borders, and `background`."""
    p = np.where(CELLS > 0, rim, background)
    p[4:10, 4:10] = p[5:13, 15:20] = middle
    both = np.stack([1 - p, p], axis=2)
    monkeypatch.setattr(evaluation, "predict_image", lambda model, image, average=False: both)


@pytest.mark.parametrize(
    ("rim", "background", "expected"), [(0.42, 0.2, 0.4), (0.8, 0.58, 0.6), (0.9, 0.1, 0.5)]
)
def test_the_best_threshold_is_chosen_and_of_equals_the_one_next_to_a_half(
    model, monkeypatch, rim, background, expected
):
    predict(monkeypatch, rim, background)
    assert evaluation.choose_threshold(model, data()) == expected


def test_evaluate_uses_the_threshold(model, monkeypatch):
    predict(monkeypatch, rim=0.42)
    at_half, at_best = (
        tu.evaluate(model, data(), threshold=threshold)[0]["SEG"] for threshold in (0.5, 0.4)
    )
    assert at_half == pytest.approx((36 / 64 + 40 / 70) / 2)
    assert at_best == 1


def test_without_known_cells_it_is_a_half(model):
    assert evaluation.choose_threshold(model, data(with_cells=False)) == 0.5
