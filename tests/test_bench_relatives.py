"""The benchmark of the U-Net's relatives: the same steps in PyTorch, the rows, and the words."""

import json

import numpy as np
import pytest

from tinyunet.bench import engines, relative_rows, show
from tinyunet.bench.race import Measured, Runner, difference
from tinyunet.bench.relatives import RELATIVES
from tinyunet.bench.tasks import Task, relative_task

SMALL = {"fcn8s": 64, "segnet": 32, "unet++": 16, "pspnet": 17, "dilated": 17}  # sides


def small(net):
    """The task of a relative, with a smaller image."""
    n, _, _, channels = RELATIVES[net].shape
    return Task(net, "train", (n, SMALL[net], SMALL[net], channels))


@pytest.fixture
def torch(monkeypatch):
    """PyTorch, with its number of threads given back afterwards."""
    found = pytest.importorskip("torch", reason="PyTorch is what we race and is not installed")
    monkeypatch.setenv("TINYUNET_NUM_THREADS", "1")
    threads = found.get_num_threads()
    yield found
    found.set_num_threads(threads)


@pytest.mark.parametrize("setting", ["eager", "channels_last"])
@pytest.mark.parametrize("net", RELATIVES)
def test_both_libraries_take_the_same_steps(net, setting, torch):
    task = small(net)
    ours = engines.tinyunet_engine(task, "cpu", "")
    theirs = engines.torch_engine(task, "cpu", setting)
    losses = np.array([(ours(), theirs()) for _ in range(3)])
    np.testing.assert_allclose(losses[:, 0], losses[:, 1], rtol=1e-3)
    assert abs(np.diff(losses[:, 0])).min() > 1e-6  # it learns


def test_every_relative_has_labels_and_a_loss():
    for net in RELATIVES:
        task = relative_task(net)
        assert task.shape == RELATIVES[net].shape
        model = task.model()
        x = np.zeros((2, SMALL[net], SMALL[net], task.shape[3]), np.float32)
        assert np.isfinite(task.loss()(model(x), np.ones(x.shape[:3], np.int64)))


def test_shares_of_a_step_add_up_to_all_of_it():
    shares = relative_rows.where_the_time_goes(small("dilated"))
    assert sum(shares.values()) == pytest.approx(1)
    assert list(shares.values()) == sorted(shares.values(), reverse=True)
    assert {"Conv2d 3x3", "Conv2d 3x3, stride 2", "Conv2d 3x3, dilation 8"} < set(shares)
    assert {"Conv2d 1x1", "BatchNorm2d", "ReLU", "Upsample", relative_rows.REST} < set(shares)
    assert all(share > -0.05 for share in shares.values())


@pytest.fixture
def made_up(monkeypatch):
    """Races that nobody runs: the first runner takes 6 s, PyTorch eager 4, with other settings 3."""
    asked = []

    def pretend(task, runners, rounds):
        asked.append((task, runners, rounds))
        times = {"": 6.0, "eager": 4.0, "channels_last": 3.0}
        return [
            Measured(
                r, [times[r.setting] / r.threads] * rounds, [1.0] * (2 + rounds), 100.0, "",
                [2 * times[r.setting]] * rounds,
            )
            for r in runners
        ]  # fmt: skip

    monkeypatch.setattr(relative_rows, "race", pretend)
    monkeypatch.setattr(relative_rows, "where_the_time_goes", lambda task: {"Conv2d 3x3": 0.75})
    return asked


def test_a_row_for_each_number_of_threads_against_pytorch_at_its_best(made_up):
    rows = list(relative_rows.rows([1, 2], 3, ["eager", "channels_last"]))
    assert len(rows) == 2 * len(RELATIVES)
    assert len(made_up) == len(RELATIVES)  # all of a network take turns
    assert [r.threads for r in made_up[0][1]] == [1, 1, 1, 2, 2, 2]
    assert [row["seconds"] for row in rows[:2]] == [6, 3]
    assert {row["against"] for row in rows} == {"channels_last"}
    assert {row["ratio"] for row in rows} == {row["cpu_ratio"] for row in rows} == {2}
    assert json.loads(json.dumps(rows)) == rows
    text = show.text({"what": "relatives", "machine": BOX, "rows": rows})
    assert "Conv2d 3x3 75%" in text
    assert text.count("channels_last") == len(rows)
    assert "furthest behind, by CPU seconds: fcn8s net, train, 4 x 64 x 64 x 3 (2.00), " in text
    assert "both sides computed the same" in text


def test_relatives_are_measured_alone_too(made_up):
    rows = list(relative_rows.rows([1], 2, ()))
    text = show.text({"what": "relatives", "machine": BOX, "rows": rows})
    assert "unet++ net, train" in text
    assert "PyTorch" not in text
    assert "furthest" not in text


def test_what_fails_in_pytorch_is_left_out_unless_all_of_it_does():
    task, ours = small("pspnet"), Measured(Runner(), [2.0], [1.0], cpu=[2.0])
    good = Measured(Runner("torch", "eager"), [1.0], [1.0], cpu=[1.0])
    bad = Measured(Runner("torch", "compile"), error="no compiler")
    assert relative_rows.beside_torch(task, ours, [bad, good])["against"] == "eager"
    assert relative_rows.beside_torch(task, ours, [bad])["error"] == "no compiler"
    assert difference(ours, good) == 0


BOX = {
    "cpu": "A processor", "threads": 2, "sgemm_gflops": 100.0, "blas": ["openblas 0.3 (Zen)"],
    "versions": {"numpy": "2.0"}, "variables": {},
}  # fmt: skip
