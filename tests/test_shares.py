"""Workers that share batches: the gradients of shares add up to those of the whole batch."""

import numpy as np
import pytest

import tinyunet as tu
from tinyunet.engine.workers import sharing, together
from tinyunet.learning.step import training_step

IGNORED = 9


def batch(n=7, classes=2, weights=True):
    """Images, labels with ignored pixels in some images only (in one nearly all), and weights."""
    rng = np.random.default_rng(5)
    labels = rng.integers(0, classes, (n, 16, 16))
    labels[1, :12] = IGNORED
    labels[4, 1:] = IGNORED
    maps = rng.uniform(0.2, 3, labels.shape) if weights else None
    return rng.normal(size=(n, 16, 16, 1)), labels, maps


class Still:
    """An optimizer that changes nothing: gradients stay to be looked at."""

    lr = 1.0

    def step(self):
        pass


def gradients(make, loss, count, data):
    """The loss and the gradients of `count` workers' step, which must have the same bits."""

    def work(workers):
        model = make()
        with sharing(workers):
            value = training_step(model, loss(), Still(), data)
        return value, {name: g.copy() for name, g in model.named_gradients()}, model

    (value, first, model), *others = together(count, work)
    for other, grads, _ in others:
        assert other == value
        for name, gradient in grads.items():
            np.testing.assert_array_equal(gradient, first[name])
    return value, first, model


def assert_same(found, expected):
    assert found[0] == pytest.approx(expected[0], rel=1e-12)
    for name, gradient in expected[1].items():
        scale = np.abs(gradient).max()
        np.testing.assert_allclose(found[1][name], gradient, rtol=0, atol=1e-12 * scale)


def unet(**more):
    return tu.UNet(1, 2, base_channels=2, depth=1, padding="same", dtype="float64", **more)


LOSSES = {
    "cross-entropy": (unet, lambda: tu.SoftmaxCrossEntropy(IGNORED)),
    "dice": (unet, lambda: tu.DiceLoss(ignore_label=IGNORED)),
}


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_gradients_of_shares_add_up_to_those_of_the_batch(name, count):
    make, loss = LOSSES[name]
    data = batch()
    model, alone = make(), loss()
    value = alone(model(data[0]), *data[1:])
    model.backward_parameters(alone.backward())
    whole = value, dict(model.named_gradients())
    assert_same(gradients(make, loss, count, data), whole)


CELLS = tu.data.synthetic_cells(6, 32, seed=3)


def trained(workers, **more):
    model = tu.UNet(1, 2, base_channels=2, depth=1, padding="same", dropout=0.3, dtype="float64")
    settings = {"batch_size": 5, "steps": 8, "crop": 16, "progress": False, **more}
    parts = CELLS.subset(range(4)), CELLS.subset([4, 5])
    return tu.fit(model, *parts, workers=workers, **settings), model.state_dict()


def test_a_training_is_the_same_with_any_number_of_workers(tmp_path):
    runs = {n: together(n, lambda workers: trained(workers)) for n in (1, 2, 3)}
    alone, parameters = runs[1][0]
    for count in (2, 3):
        for history, state in runs[count]:
            np.testing.assert_allclose(history.loss, alone.loss, rtol=1e-9)
            assert [s for s, _ in history.validation] == [s for s, _ in alone.validation]
            for name, array in state.items():
                np.testing.assert_array_equal(array, runs[count][0][1][name])
                np.testing.assert_allclose(array, parameters[name], rtol=1e-6, atol=1e-9)
