"""Scores by class."""

import json
import sys

import numpy as np
import pytest
from PIL import Image
from sklearn import metrics as reference

import tinyunet as tu
from tinyunet.commands.main import main
from tinyunet.segmentation import class_scores, confusion


@pytest.mark.parametrize("ignore", [None, 255])
def test_they_are_those_of_scikit_learn(ignore):
    rng = np.random.default_rng(0)
    pairs = []
    for size in ((20, 30), (7, 5)):
        truth = rng.integers(0, 4, size)
        found = np.where(rng.random(size) < 0.6, truth, rng.integers(0, 4, size))
        if ignore:
            truth[rng.random(size) < 0.2] = ignore
        pairs.append((found, truth))
    counts = confusion(pairs, 4, ignore)
    found, truth = (np.concatenate([pair[i].ravel() for pair in pairs]) for i in (0, 1))
    found, truth = found[truth != 255], truth[truth != 255]
    np.testing.assert_array_equal(counts, reference.confusion_matrix(truth, found))
    scores = class_scores(counts, ["ground", "cell"])
    assert list(scores) == ["ground", "cell", "class 2", "class 3"]
    for name, score in (
        ("IoU", reference.jaccard_score), ("Dice", reference.f1_score),
        ("precision", reference.precision_score), ("recall", reference.recall_score),
    ):  # fmt: skip
        np.testing.assert_allclose(
            [row[name] for row in scores.values()], score(truth, found, average=None)
        )
    assert [row["pixels"] for row in scores.values()] == np.bincount(truth).tolist()


def test_a_class_that_is_nowhere_has_no_scores():
    scores = class_scores(confusion([(np.array([[0, 1]]), np.array([[0, 0]]))], 3))
    assert scores["class 1"]["precision"] == 0
    assert np.isnan(scores["class 1"]["recall"])
    assert all(np.isnan(value) for name, value in scores["class 2"].items() if name != "pixels")


def test_evaluate_shows_classes_by_name(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for folder in ("mine/images", "mine/masks"):
        (tmp_path / folder).mkdir(parents=True)
    rng = np.random.default_rng(0)
    for i in range(6):
        truth = rng.integers(0, 3, (32, 32)).astype(np.uint8)
        Image.fromarray(truth * 100).save(f"mine/images/{i}.png")
        Image.fromarray(truth * 100).save(f"mine/masks/{i}.png")
    tu.save("m.npz", tu.UNet(1, 3, base_channels=2, depth=1, padding="same", seed=1))

    def evaluate(*more):
        classes = "0=ground,100=nucleus,200=cell"
        arguments = ("m.npz", "--data", "mine", "--classes", classes, "--part", "all", *more)
        monkeypatch.setattr(sys, "argv", ["tinyunet", "evaluate", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        assert not ended.value.code
        return capsys.readouterr().out

    found = json.loads(evaluate("--json"))["classes"]
    assert list(found) == ["ground", "nucleus", "cell"]
    assert sum(row["pixels"] for row in found.values()) == 6 * 32 * 32
    lines = [line.split() for line in evaluate().splitlines()]
    assert ["over", "all", "pixels:", "IoU", "Dice", "precision", "recall", "pixels"] in lines
    (line,) = (line for line in lines if line[:1] == ["nucleus"])
    assert int(line[-1]) == found["nucleus"]["pixels"]
