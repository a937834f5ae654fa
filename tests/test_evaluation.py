"""Choosing the threshold for cells, and scoring with it."""

import json

import numpy as np
import pytest

import tinyunet as tu
from tinyunet.data import Dataset
from tinyunet.runs import train as run
from tinyunet.runs.folder import load_model
from tinyunet.runs.settings import Settings
from tinyunet.segmentation import evaluation, thresholds

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
    assert thresholds.choose_threshold(model, data()) == expected


def test_evaluate_uses_the_threshold(model, monkeypatch):
    predict(monkeypatch, rim=0.42)
    at_half, at_best = (
        tu.evaluate(model, data(), threshold=threshold)[0]["SEG"] for threshold in (0.5, 0.4)
    )
    assert at_half == pytest.approx((36 / 64 + 40 / 70) / 2)
    assert at_best == 1


def test_what_counts_as_a_class_is_the_same_in_every_image():
    truth, predicted = np.array([[0, 0, 1, 1]]), np.array([[0, 1, 1, 1]])
    two, three = (evaluation.score_classes(predicted, truth, number) for number in (2, 3))
    assert two["IoU"] == pytest.approx(2 / 3)
    assert three["IoU"] == pytest.approx((1 / 2 + 2 / 3) / 2)  # the background is a class, too
    empty = np.zeros_like(truth)
    assert evaluation.score_classes(empty, empty, 2)["IoU"] == 1
    assert evaluation.score_classes(predicted, empty, 2)["IoU"] == 0


def test_images_without_cells_have_no_say(model, monkeypatch):
    one = data()
    empty = np.zeros_like(CELLS)
    both = Dataset(one.images * 2, [one.labels[0], empty], [CELLS, empty], ["one", "two"])
    predict(monkeypatch, rim=0.42)  # in the empty image, cells are found at every threshold
    assert thresholds.choose_threshold(model, both) == 0.4
    assert thresholds.validation_score(model, both) == ("SEG", 1)
    assert thresholds.validation_score(model, both.subset([1])) == ("SEG", 0)
    assert thresholds.choose_threshold(model, both.subset([1])) == 0.5


def test_where_cells_are_not_known_there_is_no_threshold(model):
    assert thresholds.choose_threshold(model, data(with_cells=False)) is None


@pytest.mark.parametrize("average", ["none", "rotations"])
def test_train_chooses_a_threshold_for_each_look_on_validation_images_and_uses_it(
    tmp_path, monkeypatch, average
):
    """The number itself is not tested here, so it is given."""
    chosen, used = [], []

    def choose(model, images, look):
        chosen.append((images.names, look))
        return {"none": 0.35, "rotations": 0.45}[look]

    def evaluate(model, images, **options):
        used.append((options.get("average"), options.get("threshold")))
        return real(model, images, **options)

    real = evaluation.evaluate
    monkeypatch.setattr(run, "choose_threshold", choose)
    settings = Settings(
        images=6, size=32, base_channels=2, depth=1, steps=1, average=average, batch_size=2
    )
    monkeypatch.setattr(evaluation, "evaluate", evaluate)
    result = run.train(settings, tmp_path / "run")
    expected = {"none": 0.35, "rotations": 0.45} if average == "rotations" else {"none": 0.35}
    assert result.thresholds == expected
    assert chosen == [(result.parts[1].names, look) for look in expected]
    assert [pair for pair in used if pair[1]] == list(expected.items())
    assert tu.load(tmp_path / "run/best.npz", everything=True).state["thresholds"] == expected
    assert json.loads((tmp_path / "run/results.json").read_text())["thresholds"] == expected
    best = tmp_path / "run/best.npz"
    assert load_model(best, None, None)[1] == 0.35
    assert load_model(best, "rotations", None)[1] == expected.get("rotations", 0.35)
    assert load_model(best, "rotations", 0.6)[1] == 0.6


def maps(rim, background=0.1, middle=0.95):
    """Probabilities as `predict` gives them."""
    p = np.where(CELLS > 0, rim, background)
    p[4:10, 4:10] = p[5:13, 15:20] = middle
    return [np.stack([1 - p, p], axis=2)]


def test_details_of_perfect_masks_and_honest_probabilities():
    found = evaluation.details(data(), maps(rim=0.9))
    assert {name for name, value in found.items() if value == 1} == {
        *(f"F1 at an IoU of {at / 100:.2f}" for at in range(50, 100, 5)),
        *(f"boundary F1, {pixels} px" for pixels in (0, 1, 2)), "V_Rand", "V_Info",
    }  # fmt: skip
    assert found["Rand error"] == found["warping error"] == 0
    middle = 6 * 6 + 8 * 5
    doubt = 0.05 * middle + 0.1 * (CELLS.size - middle)
    assert found["calibration error"] == pytest.approx(doubt / CELLS.size)


def test_details_see_thin_masks():
    found = evaluation.details(data(), maps(rim=0.45), threshold=0.5)  # the middles alone
    assert found["F1 at an IoU of 0.55"] == 1
    assert found["F1 at an IoU of 0.60"] == 0  # the overlaps are 36 / 64 and 40 / 70
    assert found["boundary F1, 0 px"] == 0
    assert found["boundary F1, 2 px"] == 1
    assert found["V_Rand"] == 1  # thinned, every pixel has its nearest cell
    assert found["Rand error"] > 0.3


def test_details_blame_masks_that_merge_touching_cells():
    touching = np.zeros((12, 14), int)
    touching[2:10, 2:7], touching[2:10, 7:12] = 1, 2
    parted = 1.0 * (tu.separate(touching) > 0)
    image = np.zeros((*touching.shape, 1))
    cells = Dataset([image], [parted.astype(int)], [touching], ["one"])
    right, wrong = (
        evaluation.details(cells, [np.stack([1 - p, p], axis=2)])
        for p in (parted, 1.0 * (touching > 0))
    )
    assert right["warping error"] == right["calibration error"] == 0
    assert wrong["warping error"] == pytest.approx(8 / touching.size)
    assert wrong["calibration error"] == pytest.approx(8 / touching.size)
    assert right["V_Rand"] == 1 > wrong["V_Rand"]
