"""Training step by step: whatever interrupts it, it ends as `fit` does in one go, bit for bit."""

import json
import signal
from dataclasses import asdict

import numpy as np
import pytest

import tinyunet as tu
from tinyunet.data import Dataset, synthetic_cells
from tinyunet.learning import training as module

TRAIN, VALIDATION, TEST = synthetic_cells(10, 32, seed=3).split(seed=0)
TOTAL = 30  # validated at every third


def start(out=None, lr=0.01, dropout=0.3, kind=tu.Adam, validation=VALIDATION, **options):
    model = tu.UNet(1, 2, base_channels=2, depth=1, padding="same", dropout=dropout, seed=7)
    usual = {"steps": TOTAL, "batch_size": 2, "crop": 16, "progress": False, "seed": 5}
    optimizer = kind(model, lr)
    return tu.Training(
        model, TRAIN, validation, optimizer=optimizer, out=out, **{**usual, **options}
    )


def outcome(training):
    """All that a training has come to: what is in memory, and what is in its files."""
    history = asdict(training.history)
    clock = [history.pop(name) for name in ("seconds", "waited", "resumed_at")]
    assert clock[0] > 0
    found = {"history": history, "lr": training.optimizer.lr, "model": training.model.state_dict()}
    folder = training.files.out
    if folder:
        found["files"] = sorted(path.name for path in folder.iterdir())
        last = tu.load(folder / "last.npz", everything=True)
        kept = last.state["history"]
        assert kept == json.loads((folder / "history.json").read_text())
        found["kept"] = {name: kept[name] for name in history}
        found["settings"] = last.state["settings"]
        found["last"] = {**last.model.state_dict(), **last.optimizer.state}
        found["generators"] = [
            layer.rng.bit_generator.state
            for _, layer in last.model.named_layers()
            if hasattr(layer, "rng")
        ]
        found["best of last"] = last.state.get("best")
        if (folder / "best.npz").exists():
            found["best"] = tu.load(folder / "best.npz").state_dict()
    return found


def assert_equal(one, other):
    assert one.keys() == other.keys()
    for name, value in one.items():
        if isinstance(value, dict) and any(isinstance(v, np.ndarray) for v in value.values()):
            assert value.keys() == other[name].keys()
            for key, array in value.items():
                np.testing.assert_array_equal(other[name][key], array, f"{name} {key}")
        else:
            assert json.dumps(value) == json.dumps(other[name]), name


def kept_steps(folder):
    """How far the files are: those of the last validation until a training is finished."""
    last = folder / "last.npz"
    return tu.load(last, everything=True).optimizer.steps if last.exists() else 0


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """What `fit` comes to in one go."""
    training = start(tmp_path_factory.mktemp("whole") / "run")
    training.run()
    assert training.done == TOTAL
    assert training.history.stopped == ""
    return outcome(training)


def up_to(training, last):
    for step in training.steps():
        if step.number == last:
            break
    assert training.done == last


def fail_at(training, last, kind=ZeroDivisionError):
    """Let the body of a loop fail, and return its iterator."""
    iterator = training.steps()

    def work():
        for step in iterator:
            if step.number == last:
                raise kind("in the body")

    with pytest.raises(kind):
        work()
    return iterator


def test_fit_is_a_training_that_runs(tmp_path, whole):
    model = tu.UNet(1, 2, base_channels=2, depth=1, padding="same", dropout=0.3, seed=7)
    history = tu.fit(
        model, TRAIN, VALIDATION, optimizer=tu.Adam(model, 0.01), steps=TOTAL, batch_size=2,
        crop=16, progress=False, seed=5, out=tmp_path,
    )  # fmt: skip
    assert history.loss == whole["history"]["loss"]
    for name, array in model.state_dict().items():
        np.testing.assert_array_equal(array, whole["model"][name])


def test_a_loop_to_the_end_is_a_run(tmp_path, whole):
    training = start(tmp_path)
    steps = list(training.steps())
    assert [step.number for step in steps] == list(range(1, TOTAL + 1))
    assert [step.loss for step in steps] == training.history.loss
    scores = [(step.number, step.score) for step in steps if step.score is not None]
    assert scores == training.history.validation
    assert [number for number, _ in scores] == list(range(3, TOTAL + 1, 3))
    assert steps[19].lr > steps[-1].lr > 0
    assert_equal(outcome(training), whole)


@pytest.mark.parametrize("at", [1, 6, 7, TOTAL])  # six is validated
def test_after_break_another_loop_goes_on(tmp_path, whole, at):
    training = start(tmp_path)
    up_to(training, at)
    assert training.optimizer.lr == 0.01
    assert kept_steps(tmp_path) == at // 3 * 3
    numbers = [step.number for step in training.steps()]
    assert numbers == list(range(at + 1, TOTAL + 1))
    assert_equal(outcome(training), whole)


def test_many_small_loops_are_a_run(tmp_path, whole):
    training = start(tmp_path)
    while training.done < TOTAL:
        up_to(training, training.done + 1)
    training.finish()
    assert_equal(outcome(training), whole)


@pytest.mark.parametrize("at", [2, 7])
def test_after_break_and_finish_another_session_goes_on_where_it_was(tmp_path, whole, at):
    training = start(tmp_path)
    up_to(training, at)
    training.finish()
    noted = f"interrupted after step {at} of {TOTAL}"
    assert json.loads((tmp_path / "history.json").read_text())["stopped"] == noted
    training = start(tmp_path, resume=True)
    assert (training.done, training.history.resumed_at) == (at, at)
    training.run()
    assert_equal(outcome(training), whole)


def test_after_break_the_model_is_that_of_the_last_step(tmp_path):
    training = start(tmp_path)
    up_to(training, 7)
    model = training.model.state_dict()
    training.finish()
    last = tu.load(tmp_path / "last.npz").state_dict()
    for name, array in model.items():
        np.testing.assert_array_equal(array, last[name])


def test_finish_gives_the_best_model_and_a_run_still_goes_on(tmp_path, whole, monkeypatch):
    scores = iter([0.5, 0.9, 0.1])
    plain = module.validation_score
    seen = []

    def score(model, data):
        seen.append(model.state_dict())
        return "SEG", next(scores)

    training = start(tmp_path)
    with monkeypatch.context() as patched:
        patched.setattr(module, "validation_score", score)
        up_to(training, 10)
        training.finish()
    for name, array in training.model.state_dict().items():
        np.testing.assert_array_equal(array, seen[1][name])
    assert training.history.stopped == f"interrupted after step 10 of {TOTAL}"
    first = outcome(training)
    training.finish()  # a second time
    assert_equal(outcome(training), first)
    assert module.validation_score is plain
    training.run()
    assert training.history.loss == whole["history"]["loss"]
    assert training.history.stopped == ""
    last = tu.load(tmp_path / "last.npz", everything=True)
    for name, array in {**last.model.state_dict(), **last.optimizer.state}.items():
        np.testing.assert_array_equal(array, whole["last"][name])


def test_a_complete_run_can_be_run_and_finished_again(tmp_path, whole):
    training = start(tmp_path)
    for again in (training.run, training.run, training.finish):
        again()
        assert list(training.steps()) == []
        assert_equal(outcome(training), whole)
    resumed = start(tmp_path, resume=True)
    resumed.run()
    assert_equal(outcome(resumed), whole)


# ---------------------------------------------------------------------- errors and Ctrl-C


@pytest.mark.parametrize("kind", [ZeroDivisionError, KeyboardInterrupt])
def test_after_an_error_in_the_body_it_goes_on(tmp_path, whole, kind):
    training = start(tmp_path)
    fail_at(training, 7, kind)  # nobody has its iterator any more
    assert training.done == 7
    assert training.optimizer.lr == 0.01
    assert kept_steps(tmp_path) == 6
    training.run()
    assert_equal(outcome(training), whole)


def test_a_loop_whose_iterator_has_a_name_stays_open_until_another_begins(tmp_path, whole):
    training = start(tmp_path)
    held = fail_at(training, 7)
    assert training.done == 7
    assert training.optimizer.lr == 0.01
    assert kept_steps(tmp_path) == 6
    training.run()
    assert_equal(outcome(training), whole)
    held.close()
    assert_equal(outcome(training), whole)


def test_a_loop_can_be_taken_step_by_step(tmp_path, whole):
    # As a notebook might, a cell for each.
    training = start(tmp_path)
    steps = training.steps()
    for number in range(1, TOTAL + 1):
        assert next(steps).number == number
    assert next(steps, "the end") == "the end"
    assert_equal(outcome(training), whole)


def test_finish_closes_a_loop_that_is_open_and_keeps_all_of_it(tmp_path, whole):
    training = start(tmp_path)
    held = fail_at(training, 7)
    training.finish()
    assert tu.load(tmp_path / "last.npz", everything=True).optimizer.steps == 7
    assert list(held) == []
    resumed = start(tmp_path, resume=True)
    resumed.run()
    assert_equal(outcome(resumed), whole)


def test_a_forgotten_loop_writes_over_nobody_elses_files(tmp_path, whole):
    # Python closes an iterator when the last one forgets it: that may be at any time.
    forgotten = fail_at(start(tmp_path), 4)
    training = start(tmp_path, resume=True)  # from the third step, the last one validated
    training.run()
    forgotten.close()
    assert_equal(outcome(training), whole)


def test_a_forgotten_loop_writes_no_model_that_has_trained_on(tmp_path):
    training = start(tmp_path / "one")
    forgotten = fail_at(training, 4)
    other = tu.Training(training.model, TRAIN, steps=3, batch_size=2, crop=16, progress=False)
    other.run()
    forgotten.close()
    assert tu.load(tmp_path / "one" / "last.npz", everything=True).optimizer.steps == 3


def press_in(monkeypatch, owner, name, at):
    """Press Ctrl-C in the n-th call of a function."""
    plain, calls = getattr(owner, name), []

    def press(*arguments, **options):
        calls.append(1)
        if len(calls) == at:
            signal.raise_signal(signal.SIGINT)
        return plain(*arguments, **options)

    monkeypatch.setattr(owner, name, press)


@pytest.mark.parametrize("where", ["training_step", "validation_score"])
def test_ctrl_c_in_a_step_waits_for_its_end(tmp_path, whole, monkeypatch, where):
    training, seen = start(tmp_path), []
    at = {"training_step": 8, "validation_score": 3}[where]
    press_in(monkeypatch, module, where, at)
    with pytest.raises(KeyboardInterrupt):
        seen.extend(step.number for step in training.steps())
    done = {"training_step": 8, "validation_score": 9}[where]
    assert training.done == done
    assert kept_steps(tmp_path) == done // 3 * 3
    numbers = [step.number for step in training.steps()]
    assert numbers[0] == done + 1
    assert_equal(outcome(training), whole)


@pytest.mark.parametrize("where", ["training_step", "has_finite_parameters"])
def test_ctrl_c_ends_a_run_which_can_go_on(tmp_path, monkeypatch, where):
    # The second is asked at the very end.
    expected = start(tmp_path / "whole", validation=None)
    expected.run()
    training = start(tmp_path / "parts", validation=None)
    press_in(monkeypatch, module, where, {"training_step": 5, "has_finite_parameters": 1}[where])
    history = training.run()
    assert history.stopped == f"interrupted after step {training.done} of {TOTAL}"
    assert json.loads((tmp_path / "parts" / "history.json").read_text())["stopped"]
    training.run()
    assert history.stopped == ""
    assert_equal(outcome(training), outcome(expected))


def test_ctrl_c_while_a_batch_is_made_needs_not_wait(tmp_path, whole):
    # A function of the user's may take for ever.
    training = start(tmp_path)
    plain = training.batches
    calls = []

    class Pressed:
        augment = None

        def __getitem__(self, i):
            calls.append(i)
            if len(calls) == 5:
                signal.raise_signal(signal.SIGINT)
                calls.append("after")
            return plain[i]

    training.batches = Pressed()
    history = training.run()
    assert calls == [0, 1, 2, 3, 4]
    assert history.stopped == f"interrupted after step 4 of {TOTAL}"
    training.run()
    assert_equal(outcome(training), whole)


def test_ctrl_c_before_minutes_are_steps_leaves_nothing(tmp_path, monkeypatch):
    training = start(tmp_path / "run", steps=None, minutes=1.0)
    assert training.total == 0
    press_in(monkeypatch, module, "calibrate", 1)
    with pytest.raises(KeyboardInterrupt):
        training.run()
    assert not (tmp_path / "run").exists()


def test_minutes_are_turned_into_steps_by_the_first_loop(monkeypatch):
    monkeypatch.setattr(module, "calibrate", lambda *arguments: 13)
    training = start(steps=None, minutes=1.0)
    up_to(training, 2)
    assert training.total == 13
    training.run()
    assert len(training.history.loss) == 13


# ---------------------------------------------------------------------- several loops


def test_an_inner_loop_takes_the_place_of_the_outer_one(tmp_path, whole):
    training, outer, inner = start(tmp_path), [], []
    for step in training.steps():
        outer.append(step.number)
        if step.number == 5:
            inner.extend(step.number for step in training.steps())
    assert (outer, inner) == ([1, 2, 3, 4, 5], list(range(6, TOTAL + 1)))
    assert_equal(outcome(training), whole)


def test_an_older_iterator_has_ended(tmp_path, whole):
    training = start(tmp_path)
    older = training.steps()
    assert next(older).number == 1
    newer = training.steps()
    assert next(newer).number == 2
    assert list(older) == []
    newer.close()
    training.run()
    assert_equal(outcome(training), whole)


def test_two_trainings_of_one_network_take_turns():
    one = start(validation=None, steps=5)
    two = tu.Training(
        one.model, TEST, optimizer=tu.SGD(one.model, 0.001), steps=5, batch_size=1, crop=16,
        progress=False,
    )  # fmt: skip
    pairs = list(zip(one.steps(), two.steps(), strict=True))
    assert [(a.number, b.number) for a, b in pairs] == [(i, i) for i in range(1, 6)]


# ---------------------------------------------------------------------- callbacks, learning rate


def test_finish_in_a_callback_or_the_body_ends_the_loop(tmp_path):
    def stop(training, step):
        if step.number == 6:  # one that was validated
            training.finish()

    called = start(tmp_path / "called", callbacks=[stop])
    assert len(list(called.steps())) == 6
    looped = start(tmp_path / "looped")
    for step in looped.steps():
        stop(looped, step)
    assert looped.done == 6
    assert_equal(outcome(called), outcome(looped))
    last = tu.load(tmp_path / "called" / "last.npz").state_dict()
    broken = start()
    up_to(broken, 6)
    for name, array in broken.model.state_dict().items():
        np.testing.assert_array_equal(last[name], array)


@pytest.mark.parametrize("callbacks", [print, [print, None], [3]])
def test_callbacks_that_are_none_are_named(callbacks):
    with pytest.raises(TypeError, match="callbacks must be a list of functions"):
        start(callbacks=callbacks)


def test_the_learning_rate_may_be_changed_between_steps(monkeypatch):
    used = []
    plain = module.training_step

    def note(model, loss, optimizer, batch):
        used.append(optimizer.lr)
        return plain(model, loss, optimizer, batch)

    monkeypatch.setattr(module, "training_step", note)
    training = start(schedule="constant", steps=4)
    rates = []
    for step in training.steps():
        rates.append(step.lr)
        if step.number == 2:
            training.optimizer.lr = 0.002
    assert rates == used == [0.01, 0.01, 0.002, 0.002]
    assert training.optimizer.lr == 0.002


# ---------------------------------------------------------------------- divergence


def test_a_loop_that_diverges_gives_no_step_of_nan_and_cannot_go_on(tmp_path):
    training = start(tmp_path, lr=1e30, kind=tu.SGD, validation=None, dropout=0.0)
    with np.errstate(all="ignore"):
        steps = list(training.steps())
    assert all(np.isfinite(step.loss) for step in steps)
    assert len(steps) == training.done < TOTAL
    assert training.history.diverged
    assert "try a lower learning rate (it was 1e+30)" in training.history.stopped
    assert training.optimizer.lr == 1e30
    assert sorted(path.name for path in tmp_path.iterdir()) == ["history.json", "last.npz"]
    for go_on in (training.run, lambda: next(training.steps())):
        with pytest.raises(ValueError, match="this training cannot go on: the loss became"):
            go_on()
    with pytest.raises(ValueError, match="cannot go on"):
        start(tmp_path, lr=1e30, kind=tu.SGD, validation=None, dropout=0.0, resume=True)


def test_a_loop_that_diverges_after_a_validation_ends_with_its_model(monkeypatch):
    plain, seen = module.validation_score, []

    def score(model, data):
        seen.append(model.state_dict())
        return plain(model, data) if len(seen) == 1 else ("SEG", float("nan"))

    monkeypatch.setattr(module, "validation_score", score)
    training = start()
    assert len(list(training.steps())) == 5  # the sixth is not given
    assert training.history.diverged
    for name, array in training.model.state_dict().items():
        np.testing.assert_array_equal(array, seen[0][name])


def test_an_interrupted_run_of_nan_is_not_its_best_model(tmp_path):
    training = start(tmp_path, lr=1e300, kind=tu.SGD, validation=None, dropout=0.0)
    with np.errstate(all="ignore"):
        up_to(training, 1)
        training.finish()
    assert training.history.stopped.startswith("the network's parameters became NaN at step 1")
    assert not (tmp_path / "best.npz").exists()


# ---------------------------------------------------------------------- other networks


class OldFashioned(tu.Network):
    """A network whose backward pass knows nothing but dy."""

    def __init__(self):
        super().__init__()
        self.first = tu.Conv2d(1, 3, padding="same", activation="relu")
        self.second = tu.Conv2d(3, 2, padding="same")

    def forward(self, x):
        return self.second(self.first(x))

    def backward(self, dy):
        return self.first.backward(self.second.backward(dy))


def modern():
    return tu.Sequential(
        tu.Conv2d(1, 3, padding="same", activation="relu"), tu.Conv2d(3, 2, padding="same")
    )


def test_a_backward_pass_without_input_gradient_trains():
    losses = []
    for model in (OldFashioned(), modern()):
        history = tu.fit(model, TRAIN, VALIDATION, steps=4, batch_size=2, crop=16, progress=False)
        losses.append(history.loss)
    assert losses[0] == losses[1]
    assert len(set(losses[0])) == 4


def test_a_plain_layer_trains_but_has_no_files(tmp_path):
    class Plain(tu.Layer):
        def __init__(self):
            super().__init__()
            self.layers = [tu.Conv2d(1, 3, padding="same"), tu.Conv2d(3, 2, padding="same")]

        def forward(self, x):
            return self.layers[1](self.layers[0](x))

        def backward(self, dy):
            return self.layers[0].backward(self.layers[1].backward(dy))

    usual = {"steps": 3, "batch_size": 2, "crop": 16, "progress": False}
    for model in (Plain(), modern()):
        before = model.state_dict()
        with pytest.raises(TypeError, match="a checkpoint holds a Network"):
            tu.fit(model, TRAIN, VALIDATION, out=tmp_path / "run", **usual)
        assert not (tmp_path / "run").exists()
        for name, array in model.state_dict().items():
            np.testing.assert_array_equal(array, before[name])
        assert len(tu.fit(model, TRAIN, VALIDATION, **usual).loss) == 3


def test_an_optimizer_that_does_not_fit_is_named_before_the_first_step(tmp_path):
    class Own(tu.SGD):
        pass

    model = OldFashioned()
    usual = {"steps": 2, "batch_size": 2, "crop": 16, "progress": False}
    with pytest.raises(ValueError, match="the optimizer is of another network, OldFashioned"):
        tu.fit(model, TRAIN, optimizer=tu.Adam(OldFashioned()), **usual)
    with pytest.raises(TypeError, match="a run's files hold SGD or Adam, got Own"):
        tu.fit(model, TRAIN, optimizer=Own(model, 0.1), out=tmp_path / "run", **usual)
    part = tu.SGD(model.second, 0.1)
    with pytest.raises(ValueError, match="not of a part"):
        tu.fit(model, TRAIN, optimizer=part, out=tmp_path / "run", **usual)
    assert not (tmp_path / "run").exists()
    before = model.state_dict()
    tu.fit(model, TRAIN, optimizer=part, **usual)  # the rest is frozen
    changed = {name for name, array in model.state_dict().items() if (array != before[name]).any()}
    assert changed == {"second.weight", "second.bias"}
    tu.fit(model, TRAIN, optimizer=Own(model, 0.1), **usual)


def test_settings_in_other_kinds_of_numbers_are_kept(tmp_path):
    other = {"batch_size": np.int64(2), "seed": np.int64(5), "lr": np.float32(0.25)}
    training = start(tmp_path, steps=np.int64(2), **other)
    training.run()
    assert (training.total, type(training.total)) == (2, int)
    assert start(tmp_path, steps=2, lr=0.25, resume=True).done == 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"steps": float("nan")}, "steps must be above 0, got nan"),
        ({"steps": float("inf")}, "steps must be finite, got inf"),
        ({"steps": None, "minutes": float("inf")}, "minutes must be finite, got inf"),
    ],
)
def test_lengths_that_are_none_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        start(**options)


def test_everything_is_checked_before_a_file_or_the_model_changes(tmp_path):
    training = start(tmp_path / "run")
    assert not (tmp_path / "run").exists()
    assert (training.done, training.total) == (0, TOTAL)
    many = Dataset(TRAIN.images, [labels * 3 for labels in TRAIN.labels])
    with pytest.raises(ValueError, match="labels go up to 3"):
        tu.Training(training.model, many, steps=3, out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


# ---------------------------------------------------------------------- layers that are found


class Kept(tu.Network):
    """Two convolutions, kept where the class says."""

    def __init__(self, where="dict"):
        first, second = tu.Conv2d(1, 3, padding="same"), tu.Conv2d(3, 2, padding="same")
        if where == "dict":
            self.parts = {"first": first, "deep": [[second]]}
        elif where == "hidden":
            self.first, self._second = first, second
        self.order = lambda: (first, second)
        self.in_channels = 1

    def forward(self, x):
        first, second = self.order()
        return second(first(x))

    def backward(self, dy):
        first, second = self.order()
        return first.backward(second.backward(dy))


USUAL = {"steps": 2, "batch_size": 2, "crop": 16, "progress": False}


def test_layers_in_dicts_and_nested_lists_are_learned_without_super_init():
    model = Kept()
    before = model.state_dict()
    assert list(before) == [
        "parts.first.weight", "parts.first.bias", "parts.deep.0.0.weight", "parts.deep.0.0.bias",
    ]  # fmt: skip
    tu.fit(model, TRAIN, VALIDATION, **USUAL)
    assert all((array != before[name]).any() for name, array in model.state_dict().items())


@pytest.mark.parametrize(
    ("where", "words"),
    [
        ("hidden", "the layer _second would not be learned"),
        ("nowhere", "has no parameters to learn"),
    ],
)
def test_layers_that_are_not_found_are_named(where, words):
    with pytest.raises(ValueError, match=words):
        tu.fit(Kept(where), TRAIN, **USUAL)


def test_one_channel_is_a_sigmoids_by_default():
    model = tu.Sequential(
        tu.Conv2d(1, 3, padding="same", activation="relu"), tu.Conv2d(3, 1, padding="same")
    )
    training = tu.Training(model, TRAIN, VALIDATION, **USUAL)
    assert isinstance(training.loss, tu.losses.BCEWithLogitsLoss)
    assert len(training.run().loss) == 2
    with pytest.raises(ValueError, match="a single channel is for BCEWithLogitsLoss"):
        tu.fit(model, TRAIN, loss=tu.SoftmaxCrossEntropy(), **USUAL)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"optimizer": tu.Adam}, r"optimizer is the class Adam: make one, as Adam\(model, lr\)"),
        ({"train": TRAIN.images}, "the training images must be a tinyunet.data.Dataset"),
    ],
)
def test_what_is_not_what_it_should_be_is_named(options, words):
    model = OldFashioned()
    with pytest.raises(TypeError, match=words):
        tu.fit(model, **{"train": TRAIN, **USUAL, **options})
