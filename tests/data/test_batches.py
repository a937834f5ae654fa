"""Batches and their making in the background: the same batches, errors, threads that end."""

import threading
import traceback

import numpy as np
import pytest

import tinyunet as tu
from tinyunet.data import Augmentation, synthetic_cells
from tinyunet.data.batches import Batches, Prefetched

DATA = synthetic_cells(5, 48, seed=3)
WEIGHTS = [labels.astype(np.float32) + 1 for labels in DATA.labels]
THREAD = "tinyunet-batches"


def make(augment=True, kind=Batches, weights=WEIGHTS):
    return kind(DATA, weights, 3, (40, 40), (24, 24), augment, 5)


def assert_same(one, two):
    for a, b in zip(one, two, strict=True):
        if a is None:
            assert b is None
        else:
            np.testing.assert_array_equal(a, b)


def background_threads():
    return [t for t in threading.enumerate() if t.name.startswith(THREAD)]


class Recorded(Batches):
    """Notes which batch was made on which thread, and fails at number 3."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.made = []

    def __getitem__(self, i):
        self.made.append((i, threading.current_thread().name))
        if i == 3:
            self.a_planted_mistake()
        return super().__getitem__(i)

    def a_planted_mistake(self):
        raise ValueError("no batch 3")


# ---- Batches ----


def test_true_and_false_stand_for_rigid_and_none():
    for augment, stands_for in ((True, Augmentation.rigid()), (False, Augmentation.none())):
        for i in range(3):
            assert_same(make(augment)[i], make(stands_for)[i])


def test_weights_stay_on_their_labels():
    batches = make(Augmentation.full())
    for i in range(5):
        images, labels, weights = batches[i]
        assert images.shape == (3, 40, 40, 1)
        assert images.dtype == weights.dtype == np.float32
        np.testing.assert_array_equal(weights, labels + 1)
    assert make(Augmentation.full(), weights=None)[0][2] is None


def test_what_is_no_augmentation_is_named():
    with pytest.raises(TypeError, match=r"augment must be True, False, .* got 'elastic'"):
        make("elastic")


# ---- Prefetched ----


@pytest.mark.parametrize("augment", [False, True, Augmentation.full()])
def test_prefetched_batches_are_the_same_in_any_order(augment):
    batches = make(augment)
    with Prefetched(make(augment)) as ahead:
        for i in (0, 1, 2, 5, 6, 2, 0, 1):
            assert_same(ahead[i], batches[i])


def test_the_next_batch_is_made_on_another_thread_and_none_after_the_last():
    batches = make(kind=Recorded)
    with Prefetched(batches, stop=3) as ahead:
        for i in range(3):
            ahead[i]
    here = threading.current_thread().name
    assert batches.made == [(0, here), (1, f"{THREAD}_0"), (2, f"{THREAD}_0")]


def test_the_thread_ends_with_the_block_also_after_an_error():
    with Prefetched(make()) as ahead:
        ahead[0]
        assert len(background_threads()) == 1
    assert not background_threads()
    assert_same(ahead[4], make()[4])  # made here
    assert not background_threads()
    with pytest.raises(ValueError, match="no batch 3"), Prefetched(make(kind=Recorded)) as ahead:
        list(map(ahead.__getitem__, range(4)))
    assert not background_threads()


def test_an_error_in_the_thread_is_raised_where_its_batch_is_asked_for():
    with Prefetched(make(kind=Recorded)) as ahead:
        for i in range(3):
            ahead[i]
        with pytest.raises(ValueError, match="no batch 3") as caught:
            ahead[3]
        names = [frame.name for frame in traceback.extract_tb(caught.value.__traceback__)]
        assert names[-1] == "a_planted_mistake"
        assert_same(ahead[4], make()[4])


def test_a_users_callable_is_called_here_and_only_when_asked():
    calls = []

    def augment(rng, image, labels, weights):
        calls.append(threading.current_thread().name)
        return image, labels, weights

    with Prefetched(make(augment)) as ahead:
        ahead[0]
        ahead[1]
    assert calls == [threading.current_thread().name] * 6


def test_where_threads_cannot_start_batches_are_made_when_asked(monkeypatch):
    def cannot_start(self):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", cannot_start)
    batches = make(kind=Recorded)
    with Prefetched(batches) as ahead:
        for i in range(3):
            assert_same(ahead[i], make()[i])
    assert batches.made == [(i, threading.current_thread().name) for i in range(3)]


# ---- in training ----


class StopBefore(tu.SoftmaxCrossEntropy):
    """A loss that presses Ctrl-C in the place of a step."""

    def __init__(self, step):
        super().__init__()
        self.left = step

    def forward(self, *arguments):
        self.left -= 1
        if self.left < 0:
            raise KeyboardInterrupt
        return super().forward(*arguments)


def test_a_run_stopped_and_resumed_ends_as_one_without_prefetching(tmp_path, monkeypatch):
    def fit(out, **options):
        model = tu.UNet(1, 2, base_channels=2, depth=1, padding="same")
        history = tu.fit(
            model, DATA, steps=6, batch_size=2, crop=32, progress=False, augment=Augmentation.full(),
            out=tmp_path / out, **options,
        )  # fmt: skip
        assert not background_threads()
        return model.state_dict(), history

    stopped = fit("parts", loss=StopBefore(4))[1]
    assert stopped.stopped == "interrupted after step 4 of 6"
    parts, history = fit("parts", resume=True)
    monkeypatch.setattr(Prefetched, "__getitem__", lambda self, i: self.batches[i])
    whole, serial = fit("whole")
    assert history.loss == serial.loss
    for name, array in whole.items():
        np.testing.assert_array_equal(parts[name], array)
