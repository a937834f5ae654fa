"""What users of other libraries write first is answered with what to write here."""

import inspect

import numpy as np
import pytest

import tinyunet as tu
from tinyunet.data import Dataset, synthetic_cells
from tinyunet.runs.numbers import check_numbers

DATA = synthetic_cells(3, 32, seed=1)
X, Y = np.stack(DATA.images), np.stack(DATA.labels)
USUAL = {"steps": 1, "batch_size": 2, "crop": 16, "progress": False}


def net():
    return tu.UNet(1, 2, base_channels=1, depth=1, padding="same")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (
            [(X, Y)],
            r"got tuple: put both into one, fit\(model, tinyunet\.data\.Dataset\(images, lab",
        ),
        ([X, Y], r"training images .* got ndarray: put both into one"),
        ([DATA, (X, Y)], r"validation images .* got tuple: put both"),
        ([[X, Y]], r"got list: put both"),
        (["mine"], r"got str: tinyunet\.data\.load reads a folder"),
    ],
)
def test_arrays_in_place_of_a_data_set(given, words):
    with pytest.raises(TypeError, match=words):
        tu.fit(net(), *given, **USUAL)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (
            {"lr": 0.1},
            r"fit takes no lr: it is the optimizer's: optimizer=tu\.Adam\(model, lr=2e-3\)",
        ),
        ({"learning_rate": 0.1}, "the optimizer's"),
        ({"epochs": 3}, r"no epochs: say steps, .* an epoch is len\(train\) / batch_size of them"),
        ({"validation_data": DATA}, r"say validation, a tinyunet\.data\.Dataset"),
        ({"early_stopping": 3}, "say patience"),
        ({"batchsize": 3}, "is batch_size meant"),
        ({"callback": print}, "is callbacks meant"),
        ({"zzz": 3}, "fit takes no zzz: it takes loss, optimizer, steps, "),
        ({"optimizer": "adam"}, r"such as tu\.Adam\(model, lr=2e-3\), got 'adam'"),
        ({"optimizer": "SGD"}, r"such as tu\.SGD\(model, lr=0\.01\), got 'SGD'"),
        ({"optimizer": 0.1}, "optimizer must be one of this model"),
        ({"optimizer": tu.SGD}, r"make one, as SGD\(model, lr\)"),
        ({"loss": "dice"}, r"loss must have forward\(logits, labels, weights\) and backward"),
        ({"loss": tu.SoftmaxCrossEntropy}, r"make one, as SoftmaxCrossEntropy\(\)"),
        ({"loss": lambda logits, labels: 0.0}, r"loss must have .* backward\(\)"),
        ({"callbacks": None}, "callbacks must be a list of functions"),
        ({"steps": "10"}, "steps must be a number, got '10'"),
        ({"batch_size": [2, 3]}, "batch_size must be a number"),
    ],
)
def test_what_fit_does_not_take(options, words):
    with pytest.raises(TypeError, match=words):
        tu.fit(net(), DATA, **{**USUAL, **options})


@pytest.mark.parametrize("seed", [-1, 1.5, "a", None, True])
def test_a_seed_that_is_none(seed):
    with pytest.raises(ValueError, match=f"seed must be a whole number from 0, got {seed!r}"):
        tu.fit(net(), DATA, seed=seed, **USUAL)


def test_remedies_are_for_what_fit_does_not_take():
    from tinyunet.learning.arguments import REMEDIES

    assert not set(REMEDIES) & set(inspect.signature(tu.fit).parameters)


@pytest.mark.parametrize(
    ("images", "labels", "words"),
    [
        (np.moveaxis(X, -1, 1), Y, r"images are \(H, W, C\): numpy\.moveaxis\(image, 0, -1\)"),
        (np.zeros((2, 3, 8, 10)), np.zeros((2, 8, 10), int), "channels come last"),
        (X, np.eye(2, dtype=int)[Y], r"one-hot .* labels\.argmax\(axis=-1\)"),
        (X, np.moveaxis(np.eye(2, dtype=int)[Y], -1, 1), r"one-hot .* labels\.argmax\(axis=0\)"),
        (X, Y[..., None], r"without the last axis, labels\[\.\.\., 0\]"),
        (X[:, :20], np.swapaxes(Y[:, :20], 1, 2), r"the other way round, labels\.T"),
    ],
)
def test_labels_of_another_shape(images, labels, words):
    with pytest.raises(ValueError, match=words):
        Dataset(images, labels)


def test_lists_and_one_hot_labels_for_losses():
    loss, logits = tu.SoftmaxCrossEntropy(), np.zeros((3, 32, 32, 2), np.float32)
    for given, what in (
        ((logits.tolist(), Y), "logits"),
        ((logits, Y.tolist()), "labels"),
        ((logits, Y, np.ones(Y.shape).tolist()), "weights"),
    ):
        with pytest.raises(TypeError, match=rf"got {what} as list: use numpy\.asarray\({what}\)"):
            loss(*given)
    with pytest.raises(TypeError, match="give DeepSupervision"):
        loss([logits, logits], Y)
    for labels, words in (
        (np.eye(2, dtype=int)[Y], r"labels\.argmax\(axis=-1\)"),
        (np.moveaxis(np.eye(2, dtype=int)[Y], -1, 1), r"labels\.argmax\(axis=1\)"),
        (Y[..., None], r"labels\[\.\.\., 0\]"),
    ):
        with pytest.raises(ValueError, match=words):
            loss(logits, labels)
    with pytest.raises(ValueError, match=r"numpy\.moveaxis\(logits, 1, -1\)"):
        loss(np.moveaxis(logits, -1, 1), Y)


def test_channels_first_for_a_layer():
    with pytest.raises(ValueError, match=r"channels come last: numpy\.moveaxis\(x, 1, -1\)"):
        net()(np.moveaxis(X, -1, 1))
    with pytest.raises(ValueError, match=r"got an input with 32 channels: shape \(2, 5, 32, 32\)$"):
        net()(np.zeros((2, 5, 32, 32), np.float32))


def test_an_optimizer_of_another_model_or_of_none():
    model, other, loss = net(), tu.Adam(net()), tu.SoftmaxCrossEntropy()
    loss(model(X), Y)
    model.backward(loss.backward())
    words = r"no gradient for encoder\.0\.conv1\.weight, .* and 13 more: .* is of another model"
    with pytest.raises(RuntimeError, match=words):
        other.step()
    with pytest.raises(TypeError, match="an optimizer is made with the model, got dict"):
        tu.Adam(model.state_dict())
    with pytest.raises(TypeError, match=r"lr must be a number, got '0\.1'"):
        tu.SGD(model, "0.1")


@pytest.mark.parametrize("crop", ["16", (16, 16, 1), 16.5])
def test_a_crop_that_is_none(crop):
    with pytest.raises(ValueError, match="crop must be"):
        tu.fit(net(), DATA, **{**USUAL, "crop": crop})


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("seed", -1, "--seed must be a whole number from 0, got -1"),
        ("split_seed", -2, "--split-seed must be"),
        ("images", 0, "--images must be at least 3, got 0"),
        ("size", 3, "--size must be at least 32, got 3"),
        ("minutes", float("nan"), "--minutes must be above 0 and finite, got nan"),
        ("lr", float("inf"), "--lr must be above 0 and finite, got inf"),
        ("dropout", 1.0, "--dropout must be at least 0 and below 1"),
        ("patience", 0, "--patience must be at least 1"),
        ("height", -5, "--height must be at least 1"),
    ],
)
def test_an_options_number_is_said_with_its_name(name, value, words):
    with pytest.raises(ValueError, match=words):
        check_numbers({"data": "mine", "crop": None, name: value})
    check_numbers({"seed": 0, "images": 3, "size": 32, "minutes": 0.1, "padding": "3"})
