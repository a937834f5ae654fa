"""fit: it learns, repeats, resumes, stops well, and refuses what cannot work."""

import inspect
import json
import re
import signal

import numpy as np
import pytest
from helpers import within

import tinyunet as tu
from tinyunet.data import Dataset, synthetic_cells
from tinyunet.data.batches import Batches
from tinyunet.learning import training
from tinyunet.learning.schedule import rate_factor

DATA = synthetic_cells(10, 48, seed=3)
TRAIN, VALIDATION, TEST = DATA.split(seed=0)
FAST = {"batch_size": 2, "crop": 32, "progress": False}


def small(device="cpu", **options):
    return tu.UNet(1, 2, base_channels=4, depth=2, padding="same", **options).to(device)


def fit(model, steps=10, train=TRAIN, validation=VALIDATION, **options):
    return tu.fit(model, train, validation, steps=steps, **{**FAST, **options})


def same(one, two):
    return all(
        np.array_equal(tu.to_cpu(a), tu.to_cpu(b))
        for (_, a), (_, b) in zip(one.named_parameters(), two.named_parameters(), strict=True)
    )


def test_it_learns_cells():
    model = tu.UNet(1, 2, base_channels=8, depth=2, padding="same")
    data = synthetic_cells(12, 64, seed=5)
    train, validation, test = data.split(seed=0)
    history = tu.fit(
        model, train, validation, steps=250, batch_size=4, crop=64, progress=False, seed=1
    )
    assert np.mean(history.loss[-10:]) < 0.6 * np.mean(history.loss[:10])
    scores = [tu.metrics.iou(tu.predict_image(model, x).argmax(2), y) for x, y in
              zip(test.images, test.labels, strict=True)]  # fmt: skip
    assert 0.6 < np.mean(scores) <= 1


@pytest.mark.parametrize(("total", "rising"), [(2000, 100), (400, 20), (100, 20), (12, 12)])
def test_the_learning_rate_rises_and_falls(total, rising):
    factors = [rate_factor("cosine", step, total) for step in range(total)]
    cosine = [(1 + np.cos(np.pi * step / total)) / 2 for step in range(total)]
    assert factors[0] == pytest.approx(1 / rising)
    np.testing.assert_allclose(factors[rising - 1 :], cosine[rising - 1 :])
    assert np.all(np.array(factors[: rising - 1]) < cosine[: rising - 1])
    assert {rate_factor("constant", step, total) for step in range(total)} == {1.0}


def test_poly_falls_to_nothing():
    rates = {0: 0.01, 1: 0.009909955, 50: 0.005358867, 99: 0.000158489}
    for step, rate in rates.items():
        assert 0.01 * rate_factor("poly", step, 100) == pytest.approx(rate, abs=5e-10)
    assert rate_factor("poly", 100, 100) == 0


def test_an_unknown_schedule_is_refused():
    with pytest.raises(ValueError, match='"cosine", "poly" or "constant", got \'linear\''):
        rate_factor("linear", 0, 10)


def test_a_training_follows_the_schedule():
    rates = []
    fit(
        small(), 4, optimizer=None, schedule="poly",
        callbacks=[lambda training, step: rates.append(step.lr)],
    )  # fmt: skip
    np.testing.assert_allclose(rates, 2e-3 * np.array([1, 0.75, 0.5, 0.25]) ** 0.9)


def test_the_same_seed_repeats_exactly_and_another_does_not(device):
    runs = []
    for seed in (0, 0, 1):
        model = small(device, seed=7)
        runs.append((model, fit(model, 5, seed=seed)))
    assert runs[0][1].loss == runs[1][1].loss != runs[2][1].loss
    assert same(runs[0][0], runs[1][0])


class StopAfter:
    """An augmentation that presses Ctrl-C after so many samples."""

    def __init__(self, samples):
        self.left = samples

    def __call__(self, rng, image, labels, weights):
        self.left -= 1
        if self.left < 0:
            raise KeyboardInterrupt
        return image, labels, weights


@pytest.mark.parametrize("stop_at", [1, 7])
@pytest.mark.parametrize("kind", [tu.Adam, tu.SGD])
def test_a_resumed_run_ends_bit_identical(tmp_path, stop_at, kind, device):
    def start():
        model = small(device, seed=7, dropout=0.3)
        return model, kind(model, 0.01)

    never = StopAfter(10**9)
    model, optimizer = start()
    whole = fit(model, optimizer=optimizer, augment=never, out=tmp_path / "whole")

    stopped, optimizer = start()
    augment = StopAfter(2 * stop_at)  # two samples a step
    history = fit(stopped, optimizer=optimizer, augment=augment, out=tmp_path / "parts")
    assert f"interrupted after step {stop_at} of 10" in history.stopped
    halfway = tu.load(tmp_path / "parts" / "last.npz")
    assert not same(halfway, tu.load(tmp_path / "whole" / "last.npz"))

    resumed, optimizer = start()
    history = fit(resumed, optimizer=optimizer, augment=never, out=tmp_path / "parts", resume=True)
    assert history.loss == whole.loss
    assert history.validation == whole.validation
    assert history.stopped == ""
    assert same(resumed, model)
    last = [tu.load(tmp_path / name / "last.npz", everything=True) for name in ("whole", "parts")]
    assert same(last[0].model, last[1].model)
    for key, value in last[0].optimizer.state.items():
        np.testing.assert_array_equal(last[1].optimizer.state[key], value)


@pytest.mark.parametrize("kind", [tu.Adam, tu.SGD])
@pytest.mark.parametrize("where", ["in the update", "in the validation"])
def test_ctrl_c_in_the_middle_of_a_step_waits_for_its_end(tmp_path, monkeypatch, kind, where):
    def start():
        model = small(seed=7, dropout=0.3)
        return model, kind(model, 0.01)

    model, optimizer = start()
    whole = fit(model, optimizer=optimizer)

    if where == "in the update":
        owner, name, at = kind, "_change", 70  # some parameters of the second step or so are done
    else:
        owner, name, at = training, "validation_score", 4
    plain, calls = getattr(owner, name), []

    def press(*arguments):
        calls.append(1)
        if len(calls) == at:
            signal.raise_signal(signal.SIGINT)
        return plain(*arguments)

    stopped, optimizer = start()
    monkeypatch.setenv("TINYUNET_NUM_THREADS", "1")
    with monkeypatch.context() as patched:
        patched.setattr(owner, name, press)
        history = fit(stopped, optimizer=optimizer, out=tmp_path)
    done = len(history.loss)
    assert 0 < done < 10
    assert history.stopped == f"interrupted after step {done} of 10"
    assert tu.load(tmp_path / "last.npz", everything=True).optimizer.steps == done

    resumed, optimizer = start()
    history = fit(resumed, optimizer=optimizer, out=tmp_path, resume=True)
    assert history.loss == whole.loss
    assert history.validation == whole.validation
    assert same(resumed, model)


def test_off_the_main_thread_signals_are_left_alone():
    before = signal.getsignal(signal.SIGINT)
    history = within(60, lambda: fit(small(), 2))
    assert len(history.loss) == 2
    assert signal.getsignal(signal.SIGINT) is before


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"optimizer": lambda model: tu.Adam(model, 5.0)}, "lr=0.01.* in the file, .*lr=5.0"),
        ({"optimizer": lambda model: tu.SGD(model, 0.01)}, "Adam.* in the file, SGD"),
        ({"augment": False}, "augment: 'True' in the file, 'False' asked for"),
        ({"weights": None}, "weights: 'auto' in the file, None asked for"),
    ],
)
def test_resuming_with_other_settings_is_refused(tmp_path, options, message):
    model = small(seed=7)
    fit(model, 4, optimizer=tu.Adam(model, 0.01), out=tmp_path)
    model = small(seed=7)
    make = options.pop("optimizer", lambda model: tu.Adam(model, 0.01))
    with pytest.raises(ValueError, match=message):
        fit(model, 4, optimizer=make(model), out=tmp_path, resume=True, **options)


def test_the_best_validation_model_is_kept(tmp_path, monkeypatch, device):
    scores = iter([0.1, 0.9, 0.2, 0.3])
    seen = []

    def score(model, data):
        seen.append(model.state_dict())
        return "SEG", next(scores)

    monkeypatch.setattr("tinyunet.learning.training.validation_score", score)
    monkeypatch.setattr("tinyunet.learning.schedule.VALIDATIONS", 4)
    model = small(device)
    history = fit(model, 8, out=tmp_path)
    assert (history.best_step, history.best_score) == (4, 0.9)
    kept = tu.load(tmp_path / "best.npz")
    for name, array in model.named_parameters():
        np.testing.assert_array_equal(tu.to_cpu(array), tu.to_cpu(seen[1][name]))
        np.testing.assert_array_equal(dict(kept.named_parameters())[name], tu.to_cpu(array))


def test_a_loss_that_is_not_finite_stops_with_a_checkpoint(tmp_path, device):
    model = small(device)
    optimizer = tu.SGD(model, 1e30)
    with np.errstate(all="ignore"):
        history = fit(model, optimizer=optimizer, out=tmp_path, validation=None)
    assert "try a lower learning rate (it was 1e+30)" in history.stopped
    assert len(history.loss) < 10
    assert (tmp_path / "last.npz").exists()
    assert not (tmp_path / "best.npz").exists()  # nothing of it is worth keeping


def test_predictions_that_are_not_finite_stop_at_the_next_validation(tmp_path, device):
    model = small(device)
    with np.errstate(all="ignore"):
        history = fit(model, 1, optimizer=tu.Adam(model, 1e30), out=tmp_path)
    assert history.diverged
    assert history.stopped.startswith("the network's predictions became NaN at step 1: try a lower")
    assert history.validation == []
    assert json.loads((tmp_path / "history.json").read_text())["best_step"] is None
    assert not (tmp_path / "best.npz").exists()
    with pytest.raises(ValueError, match="cannot go on: the network's predictions became NaN"):
        fit(model, 1, optimizer=tu.Adam(model, 1e30), out=tmp_path, resume=True)


def test_predictions_that_become_nan_after_a_good_validation_leave_its_model(tmp_path, monkeypatch):
    plain, seen = training.validation_score, []

    def score(model, data):
        seen.append(model.state_dict())
        return plain(model, data) if len(seen) == 1 else ("SEG", float("nan"))

    monkeypatch.setattr(training, "validation_score", score)
    model = small()
    history = fit(model, out=tmp_path)
    assert (history.best_step, len(history.loss), history.diverged) == (1, 2, True)
    kept = dict(tu.load(tmp_path / "best.npz").named_parameters())
    for name, array in model.named_parameters():
        np.testing.assert_array_equal(array, seen[0][name])
        np.testing.assert_array_equal(kept[name], seen[0][name])
    with pytest.raises(ValueError, match=r"cannot go on: .*best\.npz has its best model"):
        fit(small(), out=tmp_path, resume=True)


def test_ctrl_c_does_not_hide_that_a_run_has_diverged(tmp_path, monkeypatch):
    def score(model, data):
        signal.raise_signal(signal.SIGINT)
        return "SEG", float("nan")

    monkeypatch.setattr(training, "validation_score", score)
    history = fit(small(), out=tmp_path)
    assert history.diverged
    assert not (tmp_path / "best.npz").exists()


def test_without_validation_the_last_update_is_checked(tmp_path):
    model = small()
    with np.errstate(all="ignore"):
        history = fit(model, 1, optimizer=tu.SGD(model, 1e300), validation=None, out=tmp_path)
    assert history.stopped.startswith("the network's parameters became NaN at step 1")
    assert not (tmp_path / "best.npz").exists()


def test_minutes_become_steps_once(tmp_path):
    model = small()
    history = tu.fit(model, TRAIN, VALIDATION, minutes=0.03, out=tmp_path, **FAST)
    assert history.total_steps == len(history.loss) >= 12
    assert json.loads((tmp_path / "history.json").read_text())["total_steps"] == history.total_steps


def test_a_run_is_not_overwritten(tmp_path):
    fit(small(), 2, out=tmp_path)
    with pytest.raises(FileExistsError, match="already holds a run"):
        fit(small(), 2, out=tmp_path)


def test_a_model_that_somebody_kept_without_its_run_is_not_overwritten(tmp_path):
    tu.save(tmp_path / "best.npz", small())
    before = (tmp_path / "best.npz").read_bytes()
    with pytest.raises(FileExistsError, match=r"already holds a model, best\.npz: move it"):
        fit(small(), 2, out=tmp_path)
    assert (tmp_path / "best.npz").read_bytes() == before


def test_resuming_something_else_lists_the_differences(tmp_path):
    with pytest.raises(FileNotFoundError, match="no checkpoint"):
        fit(small(), 2, out=tmp_path, resume=True)
    fit(small(), 2, out=tmp_path)
    other = tu.UNet(1, 2, base_channels=3, depth=2, padding="same")
    with pytest.raises(ValueError, match="different run") as caught:
        fit(other, 4, out=tmp_path, resume=True, seed=5, optimizer=tu.SGD(other, 0.1))
    for part in ("base_channels: 4", "seed: 0", "steps: 2", "optimizer: Adam"):
        assert part in str(caught.value)


def test_without_validation_the_last_model_is_kept(tmp_path):
    model = small()
    history = fit(model, 3, validation=None, out=tmp_path)
    assert history.best_step is None
    assert history.best_score is None
    assert same(tu.load(tmp_path / "best.npz"), model)


def test_valid_networks_and_classes_without_instances():
    rng = np.random.default_rng(0)
    images = [rng.random((50, 61, 2), np.float32) for _ in range(4)]
    labels = [(image[..., 0] > 0.5) + (image[..., 1] > 0.7).astype(int) for image in images]
    data = Dataset(images, labels)
    model = tu.UNet(2, 3, base_channels=2, depth=1)
    history = tu.fit(model, data, data, steps=3, batch_size=5, progress=False, schedule="constant")
    assert history.score_name == "IoU"
    assert len(history.loss) == 3


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"steps": None}, "either steps or minutes"),
        ({"minutes": 1.0}, "either steps or minutes"),
        ({"steps": 0}, "steps must be above 0, got 0"),
        ({"steps": 2.5}, "steps must be a whole number, got 2.5"),
        ({"batch_size": 0}, "batch_size must be above 0"),
        ({"schedule": "linear"}, "'linear'"),
        ({"crop": 30}, "nearest valid sizes are 28 or 32"),
        ({"weights": "heavy"}, "'heavy'"),
        ({"weights": [np.ones((2, 2))]}, "one .* map for each training image"),
        ({"resume": True}, "folder of the run"),
    ],
)
def test_settings_that_cannot_work_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        tu.fit(small(), TRAIN, **{**FAST, "steps": 2, **options})


def test_data_that_do_not_suit_the_network_are_named():
    with pytest.raises(ValueError, match="takes 3 channels, but the training images have 1"):
        fit(tu.UNet(3, 2, base_channels=2, depth=1), 1)
    many = Dataset(TRAIN.images, [labels * 3 for labels in TRAIN.labels])
    with pytest.raises(ValueError, match="labels go up to 3: make it with num_classes=4"):
        fit(small(), 1, train=many)


def test_batches_depend_on_the_seed_and_the_step_alone():
    one, two = (Batches(TRAIN, None, 3, (32, 32), (32, 32), True, 5) for _ in range(2))
    one[0], one[1]
    for a, b in zip(one[2], two[2], strict=True):
        np.testing.assert_array_equal(a, b)
    assert not np.array_equal(one[3][0], one[2][0])


def test_batches_keep_labels_and_weights_on_their_pixels():
    labels = [np.arange(48 * 48).reshape(48, 48) % 7 for _ in range(3)]
    images = [values[..., None].astype(np.float32) for values in labels]
    data = Dataset(images, labels)
    weights = [values.astype(np.float32) for values in labels]

    def only_turn(rng, image, labels, weights):
        return tu.data.random_symmetry(rng, image, labels, weights)

    batches = Batches(data, weights, 4, (28, 28), (12, 12), only_turn, 0)
    for i in range(5):
        x, y, w = batches[i]
        np.testing.assert_array_equal(x[:, 8:-8, 8:-8, 0], y)
        np.testing.assert_array_equal(w, y)


def test_of_equal_scores_the_later_model_is_kept(monkeypatch):
    # Early on no cell is found at all: then every score is 0, and the first model the least trained.
    monkeypatch.setattr(
        "tinyunet.learning.training.validation_score", lambda model, data: ("SEG", 0.0)
    )
    assert fit(small(), 6).best_step == 6


def test_callbacks_see_every_moment_as_validation_saw_it():
    model, seen = small(), []

    def note(running, step):
        assert (running.total, running.done) == (5, step.number)
        assert running.model is model
        seen.append((step.number, training.validation_score(model, VALIDATION)[1]))
        assert step.score == seen[-1][1]

    history = fit(model, 5, callbacks=[note])
    assert len(seen) == 5
    assert seen == history.validation


def test_the_history_knows_how_long_training_waited(tmp_path):
    history = fit(small(), 3, out=tmp_path)
    assert 0 < history.waited < history.seconds
    assert json.loads((tmp_path / "history.json").read_text())["waited"] == history.waited


def test_a_run_with_other_skips_is_refused(tmp_path):
    # With sums, what a skip brings is as wide as without: the parameters would fit.
    fit(small(skip="sum"), steps=1, out=tmp_path)
    with pytest.raises(ValueError, match="skip: 'sum' in the file, 'none' asked for"):
        fit(small(skip="none"), steps=1, out=tmp_path, resume=True)


def test_a_run_that_broke_off_goes_on_from_its_last_checkpoint(tmp_path):
    # The learning rate was on its way then; the file must hold the one that was chosen.
    def start():
        model = small(seed=7)
        return model, tu.Adam(model, 0.01)

    def break_off(running, step):
        if step.number == 4:
            raise OSError("the disk is full")

    whole, optimizer = start()
    expected = fit(whole, optimizer=optimizer)
    model, optimizer = start()
    with pytest.raises(OSError, match="full"):
        fit(model, optimizer=optimizer, out=tmp_path, callbacks=[break_off])
    resumed, optimizer = start()
    history = fit(resumed, optimizer=optimizer, out=tmp_path, resume=True)
    assert history.resumed_at == 3
    assert history.loss == expected.loss
    assert same(resumed, whole)


def test_help_of_fit_shows_and_explains_every_parameter():
    shown, own = inspect.signature(tu.fit), inspect.signature(tu.Training)
    assert list(shown.parameters.values()) == list(own.parameters.values())
    assert shown.return_annotation == "History"
    explained = re.findall(r"^    (\w[\w, ]*)$", tu.fit.__doc__.split("Returns")[0], re.MULTILINE)
    names = [name for line in explained for name in line.split(", ")]
    assert [name for name in names if name != "Parameters"] == list(shown.parameters)
