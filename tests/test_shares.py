"""Workers that share batches: the gradients of shares add up to those of the whole batch."""

import collections
import contextlib
import copy
import threading

import cupy_double
import numpy as np
import pytest
from PIL import Image

import tinyunet as tu
from tinyunet.engine.workers import ALONE, sharing, together
from tinyunet.learning import shares
from tinyunet.learning.shares import check_agreement
from tinyunet.learning.step import training_step
from tinyunet.runs.batch import predict_all

IGNORED = 9


def batch(n=7, classes=2, weights=True):
    """Images, labels with ignored pixels in some images only (in one nearly all), and weights."""
    rng = np.random.default_rng(5)
    labels = rng.integers(0, classes, (n, 16, 16))
    labels[1, :12] = IGNORED
    labels[min(4, n - 1), 1:] = IGNORED
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
        scale = max(np.abs(gradient).max(), 1e-3)  # a bias before a batch norm has the gradient 0
        np.testing.assert_allclose(found[1][name], gradient, rtol=0, atol=1e-12 * scale)


def unet(**more):
    return tu.UNet(1, 2, base_channels=2, depth=1, padding="same", dtype="float64", **more)


def one_logit(**more):
    return tu.UNet(1, 1, base_channels=2, depth=1, padding="same", dtype="float64", **more)


def two_heads():
    return tu.networks.UNetPlusPlus(
        1, 2, channels=[2, 2, 2], heads=2, batch_norm=True, dtype="float64"
    )


class WholeBatch(tu.Layer):
    """A network whose dropout and batch norm look at all images of a batch."""

    device = "cpu"

    def __init__(self):
        super().__init__()
        rng = np.random.default_rng(1)
        self.layers = tu.Sequential(
            tu.Conv2d(1, 3, 3, padding=1, rng=rng), tu.BatchNorm2d(3), tu.Dropout(0.3),
            tu.Dropout2d(0.2), tu.Conv2d(3, 2, 1, rng=rng),
        )  # fmt: skip
        self.astype("float64")

    def forward(self, x):
        return self.layers(x)

    def backward(self, dy, *, input_gradient=True):
        return self.layers.backward(dy, input_gradient=input_gradient)


CASES = {
    "cross-entropy": (unet, lambda: tu.SoftmaxCrossEntropy(IGNORED)),
    "dropout": (lambda: unet(dropout=0.4), lambda: tu.SoftmaxCrossEntropy(IGNORED)),
    "dice": (unet, lambda: tu.DiceLoss(ignore_label=IGNORED)),
    "one logit": (one_logit, lambda: tu.BCEWithLogitsLoss(IGNORED)),
    "bce and dice": (one_logit, lambda: tu.BCEDiceLoss(ignore_label=IGNORED)),
    "batch norm": (WholeBatch, lambda: tu.SoftmaxCrossEntropy(IGNORED)),
    "heads": (
        lambda: tu.networks.UNetPlusPlus(
            1, 2, channels=[2, 2, 2], heads=2, batch_norm=True, dtype="float64"
        ),
        lambda: tu.DeepSupervision(tu.SoftmaxCrossEntropy(IGNORED), [0.3, 1.0]),
    ),
}


def of_the_whole(make, loss, data):
    model, alone = make(), loss()
    value = alone(model(data[0]), *data[1:])
    model.backward_parameters(alone.backward())
    return value, dict(model.named_gradients()), model


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("weights", [False, True])
def test_gradients_of_shares_add_up_to_those_of_the_batch(case, weights):
    make, loss = CASES[case]
    data = batch(weights=weights)
    whole = of_the_whole(make, loss, data)
    for count in (1, 2, 3, 4):
        found = gradients(make, loss, count, data)
        assert_same(found, whole)
        for name, buffer in found[2].named_buffers():
            np.testing.assert_allclose(buffer, dict(whole[2].named_buffers())[name], rtol=1e-6)


def test_a_share_in_which_nothing_counts_adds_nothing():
    images, labels, maps = batch(4)
    labels[2:] = IGNORED
    make, loss = CASES["cross-entropy"]
    data = images, labels, maps
    assert_same(gradients(make, loss, 2, data), of_the_whole(make, loss, data))


def test_the_mean_of_the_shares_own_gradients_is_another():
    make, loss = CASES["cross-entropy"]
    images, labels, maps = batch()
    parts = [slice(0, 3), slice(3, 7)]
    own = [of_the_whole(make, loss, (images[p], labels[p], maps[p]))[1] for p in parts]
    whole = of_the_whole(make, loss, (images, labels, maps))[1]
    errors = [
        np.abs((own[0][name] + own[1][name]) / 2 - gradient).max() / np.abs(gradient).max()
        for name, gradient in whole.items()
    ]
    assert max(errors) > 0.01


def test_masks_of_dropout_differ_between_shares():
    def draw(workers):
        layer = tu.Dropout(0.5, np.random.default_rng(3))
        with sharing(workers):
            return layer(np.ones((2 + workers.rank, 4, 4, 3), "float32"))

    first, second = together(2, draw)
    assert (first != second[:2]).any()
    whole = tu.Dropout(0.5, np.random.default_rng(3))(np.ones((5, 4, 4, 3), "float32"))
    np.testing.assert_array_equal(np.concatenate([first, second]), whole)


# ---------------------------------------------------------------------- what cannot be shared


def test_a_loss_that_divides_by_its_own_share_is_refused():
    class Mean:
        def __call__(self, logits, labels, weights):
            self.shape = logits.shape
            return float(logits.mean())

        def backward(self):
            return np.full(self.shape, 1 / np.prod(self.shape))

    with pytest.raises(
        TypeError, match="Mean cannot be shared by 2 workers: it divides by what its"
    ):
        gradients(unet, Mean, 2, batch())
    gradients(unet, Mean, 1, batch())


def test_more_workers_than_images_are_refused():
    with pytest.raises(
        ValueError, match="3 workers cannot share a batch of 2: each needs an image"
    ):
        together(3, lambda workers: trained(workers, batch_size=2))


def test_an_error_of_one_worker_ends_all():
    def fail(workers):
        if workers.rank == 1:
            raise KeyError("of the second")
        workers.all(0)

    with pytest.raises(KeyError, match="of the second"):
        together(3, fail)


def test_workers_that_do_not_agree_are_found_out():
    def differ(workers):
        model = unet(seed=workers.rank)
        check_agreement(model, 7, workers)

    with pytest.raises(RuntimeError, match="after step 7 the parameters of worker 1 are not those"):
        together(2, differ)


# ---------------------------------------------------------------------- whole trainings


CELLS = tu.data.synthetic_cells(6, 32, seed=3)


def trained(workers, **more):
    model = tu.UNet(1, 2, base_channels=2, depth=1, padding="same", dropout=0.3, dtype="float64")
    settings = {"batch_size": 5, "steps": 8, "crop": 16, "progress": False, **more}
    parts = CELLS.subset(range(4)), CELLS.subset([4, 5])
    return tu.fit(model, *parts, workers=workers, **settings), model.state_dict()


def test_a_training_is_the_same_with_any_number_of_workers():
    runs = {n: together(n, lambda workers: trained(workers)) for n in (1, 2, 3)}
    alone, parameters = runs[1][0]
    for count in (2, 3):
        for history, state in runs[count]:
            np.testing.assert_allclose(history.loss, alone.loss, rtol=1e-9)
            assert [s for s, _ in history.validation] == [s for s, _ in alone.validation]
            for name, array in state.items():
                np.testing.assert_array_equal(array, runs[count][0][1][name])
                np.testing.assert_allclose(array, parameters[name], rtol=1e-6, atol=1e-9)


def test_two_trainings_of_as_many_workers_have_the_same_bits():
    one, other = (together(3, lambda workers: trained(workers))[0] for _ in range(2))
    assert one[0].loss == other[0].loss
    assert one[0].validation == other[0].validation
    for name, array in one[1].items():
        np.testing.assert_array_equal(array, other[1][name])


def test_a_resumed_training_has_the_same_bits(tmp_path):
    whole = together(2, lambda workers: trained(workers, out=tmp_path / "whole"))

    def stop(training, step):
        if step.number == 5:
            training.finish()

    def twice(workers):
        trained(workers, out=tmp_path / "parts", callbacks=[stop])
        return trained(workers, out=tmp_path / "parts", resume=True)

    for found in together(2, twice):
        assert found[0].loss == whole[0][0].loss
        for name, array in found[1].items():
            np.testing.assert_array_equal(array, whole[0][1][name])
    assert tu.load(tmp_path / "parts/last.npz", everything=True).state["settings"]["workers"] == 2


def test_a_run_that_goes_on_with_other_workers_says_so(tmp_path):
    def stop(training, step):
        if step.number == 5:
            training.finish()

    together(2, lambda workers: trained(workers, out=tmp_path, callbacks=[stop]))
    with pytest.warns(UserWarning, match="shared by 2 workers, and are by 1 from here on"):
        history, _ = trained(ALONE, out=tmp_path, resume=True)
    assert len(history.loss) == 8


def test_minutes_are_the_same_for_all():
    runs = together(2, lambda workers: trained(workers, steps=None, minutes=0.003))
    assert len(runs[0][0].loss) == runs[0][0].total_steps == runs[1][0].total_steps
    assert runs[0][0].loss == runs[1][0].loss


def test_ctrl_c_at_one_worker_ends_all_after_the_same_step(monkeypatch):
    @contextlib.contextmanager
    def noted():
        yield came[threading.current_thread()]

    came = collections.defaultdict(list)
    monkeypatch.setattr(shares, "noted", noted)

    def press(training, step):
        if step.number == 3 and training.workers.rank == 1:
            came[threading.current_thread()].append(2)

    for history, _ in together(2, lambda workers: trained(workers, callbacks=[press])):
        assert history.stopped == "interrupted after step 3 of 8"


def test_only_the_first_writes(tmp_path):
    def work(workers):
        return trained(workers, out=tmp_path / f"of-{workers.rank}")

    together(2, work)
    assert [path.name for path in tmp_path.iterdir()] == ["of-0"]


def test_on_a_gpu_shares_add_up_by_way_of_the_host():
    data = tuple(part.astype("float32") if part.dtype == float else part for part in batch(4))
    with cupy_double.installed():

        def work(workers):
            model = tu.UNet(1, 2, base_channels=2, depth=1, padding="same").to("gpu")
            with sharing(workers):
                value = training_step(model, tu.DiceLoss(ignore_label=IGNORED), Still(), data)
            return value, {name: tu.to_cpu(g) for name, g in model.named_gradients()}

        (alone, whole), *_ = together(1, work)
        for value, found in together(2, work):
            assert value == pytest.approx(alone, rel=1e-6)
            for name, gradient in whole.items():
                np.testing.assert_allclose(found[name], gradient, atol=1e-6)


# ---------------------------------------------------------------------- predictions


def test_predictions_of_several_workers_are_those_of_one(tmp_path):
    model = tu.UNet(1, 2, base_channels=2, depth=1, padding="same")
    for i, image in enumerate(CELLS.images[:5]):
        Image.fromarray((255 * image[..., 0].clip(0, 1)).astype(np.uint8)).save(
            tmp_path / f"{i}.png"
        )
    (tmp_path / "2b.png").write_text("no image")
    files = sorted(tmp_path.glob("*.png"))
    made = {"model": "m", "threshold": 0.5, "average": None, "tile": None, "stretched": False}

    def predict(workers):
        lines, out = [], tmp_path / f"by-{workers.count}"
        told = {"tell": lines.append, "note": lines.append, "workers": workers}
        report = predict_all(copy.deepcopy(model), files, out, made, **told)
        return report, lines

    (alone, said), *_ = together(1, predict)
    (shared, also), (_, nothing), *_ = together(3, predict)
    assert [line.replace("by-3", "by-1") for line in also] == said
    assert nothing == []
    assert [path for path, _ in shared.failures] == [tmp_path / "2b.png"]
    for path in (tmp_path / "by-1").iterdir():
        assert (tmp_path / "by-3" / path.name).read_bytes() == path.read_bytes()
    assert len(said) == len(alone.images) == 5
