"""Checkpoints: everything comes back, and damage is noticed."""

import json
import pathlib

import numpy as np
import pytest

import tinyunet as tu
from tinyunet.engine.arrays import to_device
from tinyunet.learning import checkpoint


def small(**options):
    return tu.UNet(1, 2, base_channels=2, depth=1, padding="same", **options)


def trained(optimizer=tu.Adam, steps=3, device="cpu", **options):
    model = small(**options).to(device)
    optimizer = optimizer(model, 0.01)
    rng = np.random.default_rng(0)
    for _ in range(steps):
        x = to_device(rng.random((2, 8, 8, 1), np.float32), device)
        model.backward(0.1 * model(x))
        optimizer.step()
    return model, optimizer


@pytest.mark.parametrize("kind", [tu.Adam, tu.SGD])
def test_everything_comes_back(tmp_path, kind, device):
    model, optimizer = trained(kind, device=device, dropout=0.3)
    arrays = {"a": np.arange(3.0), "b": np.ones((2, 2))}
    tu.save(tmp_path / "m.npz", model, optimizer, step=7, note={"x": [1, 2]}, best=arrays)
    found = tu.load(tmp_path / "m.npz", everything=True)
    assert found.model.config == model.config
    for name, array in model.to("cpu").named_parameters():
        np.testing.assert_array_equal(dict(found.model.named_parameters())[name], array)
    assert type(found.optimizer) is kind
    assert (found.optimizer.lr, found.optimizer.steps) == (0.01, 3)
    assert found.optimizer.state.keys() == optimizer.state.keys()
    for name, array in optimizer.state.items():
        np.testing.assert_array_equal(found.optimizer.state[name], tu.to_cpu(array))
    assert found.state["step"] == 7
    assert found.state["note"] == {"x": [1, 2]}
    np.testing.assert_array_equal(found.state["best"]["b"], arrays["b"])
    x = np.ones((1, 8, 8, 1), np.float32)
    np.testing.assert_array_equal(found.model(x), model(x))  # also the next dropout mask


def test_a_model_alone(tmp_path):
    model, _ = trained()
    tu.save(tmp_path / "sub" / "m.npz", model)
    x = np.ones((1, 8, 8, 1), np.float32)
    np.testing.assert_array_equal(tu.load(tmp_path / "sub" / "m.npz").predict(x), model.predict(x))


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    model, _ = trained()
    path = tmp_path / "m.npz"
    tu.save(path, model)
    before = path.read_bytes()

    def fail(file, **arrays):
        file.write(b"half")
        raise OSError("disk full")

    monkeypatch.setattr(np, "savez", fail)
    with pytest.raises(OSError, match="disk full"):
        tu.save(path, model)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["m.npz"]


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.95, 0.999])
def test_a_truncated_file_is_noticed(tmp_path, share):
    model, optimizer = trained()
    path = tmp_path / "m.npz"
    tu.save(path, model, optimizer)
    data = path.read_bytes()
    path.write_bytes(data[: int(share * len(data))])
    with pytest.raises(ValueError, match=r"m\.npz is no complete tinyunet checkpoint"):
        tu.load(path)


def test_other_files_are_noticed(tmp_path):
    (tmp_path / "text.npz").write_text("hello")
    np.savez(tmp_path / "other.npz", a=np.zeros(3))
    np.save(tmp_path / "array.npz.npy", np.zeros(3))
    for name in ("text.npz", "other.npz", "array.npz.npy"):
        with pytest.raises(ValueError, match="no complete tinyunet checkpoint"):
            tu.load(tmp_path / name)
    with pytest.raises(FileNotFoundError, match=r"nothing\.npz"):
        tu.load(tmp_path / "nothing.npz")


def test_pickles_are_refused(tmp_path):
    np.savez(tmp_path / "evil.npz", header=np.array([{"format": 1}], dtype=object))
    with pytest.raises(ValueError, match="no complete tinyunet checkpoint"):
        tu.load(tmp_path / "evil.npz")


def test_parameters_of_another_network_are_noticed(tmp_path):
    path = tmp_path / "m.npz"
    tu.save(path, small())
    with np.load(path) as file:
        arrays = dict(file)
    header = json.loads(arrays["header"].tobytes())
    header["network"]["config"]["base_channels"] = 4
    arrays["header"] = np.frombuffer(json.dumps(header).encode(), np.uint8)
    np.savez(path, **arrays)
    with pytest.raises(ValueError, match="does not hold the network that it describes"):
        tu.load(path)


def test_differences_are_listed():
    found = checkpoint.differences(small(), tu.UNet(1, 3, base_channels=2, depth=2, padding="same"))
    assert found == [
        "num_classes: 3 in the file, 2 asked for",
        "depth: 2 in the file, 1 asked for",
    ]


def test_only_unets_can_be_saved(tmp_path):
    with pytest.raises(TypeError, match="Conv2d"):
        tu.save(tmp_path / "m.npz", tu.Conv2d(1, 1))


OTHER = {
    "in_channels": 3, "num_classes": 5, "base_channels": 3, "depth": 2, "padding": "valid",
    "skip": "none", "dropout": 0.5,
}  # fmt: skip


def test_a_difference_in_any_setting_is_seen():
    """Also in those that change no parameter's shape: with sums, what a skip brings is as wide."""
    model = small(skip="sum")
    assert OTHER.keys() == model.config.keys() - {"seed", "dtype"}
    for name, value in OTHER.items():
        other = tu.UNet(**{**model.config, name: value})
        expected = f"{name}: {value!r} in the file, {model.config[name]!r} asked for"
        assert checkpoint.differences(model, other) == [expected]
    assert not checkpoint.differences(model, small(skip="sum", seed=4, dtype="float64"))


class Evil:
    """What runs code when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return pathlib.Path.touch, (self.path,)


def test_what_a_pickle_would_run_does_not_run(tmp_path):
    trace = tmp_path / "trace"
    tu.save(tmp_path / "m.npz", small())
    with np.load(tmp_path / "m.npz") as file:
        arrays = dict(file)
    evil = {**arrays, "state/extra/a": np.array([Evil(trace)], dtype=object)}
    np.savez(tmp_path / "evil.npz", **evil)
    with pytest.raises(ValueError, match="no complete tinyunet checkpoint"):
        tu.load(tmp_path / "evil.npz")
    assert not trace.exists()
    np.load(tmp_path / "evil.npz", allow_pickle=True)["state/extra/a"]
    assert trace.exists()  # it would have run


@pytest.mark.parametrize("version", [0, 3, "1"])
def test_another_format_is_named(tmp_path, version):
    tu.save(tmp_path / "m.npz", small())
    with np.load(tmp_path / "m.npz") as file:
        arrays = dict(file)
    header = json.loads(arrays["header"].tobytes())
    header["format"] = version
    arrays["header"] = np.frombuffer(json.dumps(header).encode(), np.uint8)
    np.savez(tmp_path / "m.npz", **arrays)
    words = (
        "format must be a whole number" if version == "1" else f"has checkpoint format {version};"
    )
    with pytest.raises(ValueError, match=words):
        tu.load(tmp_path / "m.npz")


# ---------------------------------------------------------------------- what is saved can be read


def test_a_schedule_may_end_at_zero(tmp_path):
    model, optimizer = trained()
    optimizer.lr = 0.0
    tu.save(tmp_path / "m.npz", model, optimizer)
    found = tu.load(tmp_path / "m.npz", everything=True).optimizer
    assert (found.lr, found.steps) == (0.0, 3)


@pytest.mark.parametrize("thresholds", [[0.1, 0.3], 0.6, None, {"mine": "high"}])
def test_a_state_is_the_users_own(tmp_path, thresholds):
    tu.save(tmp_path / "m.npz", small(), thresholds=thresholds)
    assert tu.load(tmp_path / "m.npz", everything=True).state == {"thresholds": thresholds}


def test_large_states_and_a_seed_of_true(tmp_path):
    notes = [{"x": i, "y": i} for i in range(125_000)]
    arrays = {f"a.number.of.{i:05}": np.full(1, i) for i in range(6500)}
    tu.save(tmp_path / "m.npz", small(seed=True), notes=notes, arrays=arrays)
    found = tu.load(tmp_path / "m.npz", everything=True)
    assert found.model.config["seed"] is True
    assert found.state["notes"] == notes
    assert found.state["arrays"] == arrays


def bad_lr(model, optimizer):
    optimizer.lr = float("nan")


def bad_betas(model, optimizer):
    optimizer.betas = (0.9, 1.0)


def no_slots(model, optimizer):
    optimizer.state.clear()


def another_width(model, optimizer):
    model.config["base_channels"] = 3


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (bad_lr, r"optimizer\.lr must be a number from 0, got nan"),
        (bad_betas, r"optimizer\.betas must be two numbers"),
        (no_slots, "missing: optimizer/encoder.0.conv1.weight/mean"),
        (another_width, r"model/encoder\.0\.conv1\.weight: shape \(3, 3, 1, 2\)"),
    ],
)
def test_what_could_not_be_read_is_not_written(tmp_path, spoil, words):
    model, optimizer = trained()
    spoil(model, optimizer)
    with pytest.raises(ValueError, match=rf"m\.npz is not written, [\s\S]*{words}"):
        tu.save(tmp_path / "m.npz", model, optimizer)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ({"a": {"b": np.array([None])}}, "'state/a/b' has object, no numbers"),
        ({"a": {str(i): np.zeros(0) for i in range(10_000)}}, "arrays, more than 10,000"),
        ({"a": {f"{i:999}": np.zeros(0) for i in range(2500)}}, "names make a table"),
        ({"a": [[]] * 1_000_001}, "names, lists and objects, more than 1,000,000"),
        ({"a": 1, "a/b": {"c": np.zeros(1)}}, "its dict is something else"),
    ],
)
def test_a_state_that_could_not_be_read_is_not_written(tmp_path, state, words):
    with pytest.raises(ValueError, match=rf"m\.npz is not written, .*{words}"):
        tu.save(tmp_path / "m.npz", small(), **state)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("count", [9900, 2000])
def test_what_is_just_small_enough_is_read(tmp_path, count):
    """Also where the names fill the table."""
    width = (2 << 20) // (count + 40) - len("state/a/.npy") - 46 - 28
    arrays = {f"{i:0{width}}": np.zeros(0) for i in range(count)}
    tu.save(tmp_path / "m.npz", small(), a=arrays)
    assert tu.load(tmp_path / "m.npz", everything=True).state["a"].keys() == arrays.keys()


def test_a_whole_file_is_not_called_truncated(tmp_path):
    tu.save(tmp_path / "m.npz", small())
    with np.load(tmp_path / "m.npz") as file:
        arrays = dict(file)
    header = json.loads(arrays["header"].tobytes())
    header["network"]["config"]["depth"] = 99
    arrays["header"] = np.frombuffer(json.dumps(header).encode(), np.uint8)
    np.savez(tmp_path / "m.npz", **arrays)
    words = r"m\.npz has a header that tinyunet does not write: network\.config\.depth must be"
    with pytest.raises(ValueError, match=words):
        tu.load(tmp_path / "m.npz")
