"""Checkpoints: everything comes back, and damage is noticed."""

import json
import pathlib
import shutil

import numpy as np
import pytest

import tinyunet as tu
from tinyunet.engine.arrays import to_device
from tinyunet.learning import checkpoint
from tinyunet.learning.checkpoint import check_savable
from tinyunet.networks import registry

FILES = pathlib.Path(__file__).parent / "data"


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


def test_only_networks_can_be_saved(tmp_path):
    with pytest.raises(TypeError, match=r"a Network, got Conv2d.*derive a class .* state_dict\(\)"):
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


# ---------------------------------------------------------------------- networks of any class


class Normed(tu.Layer):
    """Divides by a running size: a buffer of floats, a counter, and a generator of its own."""

    def __init__(self, seed=0):
        super().__init__()
        self.buffers["size"] = np.ones(2, np.float32)
        self.buffers["seen"] = np.zeros((), np.int64)
        self.noise = np.random.default_rng(seed)

    def forward(self, x):
        return x / self.buffers["size"]


class Own(tu.Network):
    def __init__(self, width=2, *, sides=(3, 1), note=None, seed=0):
        super().__init__()
        rng = np.random.default_rng(seed)
        self.first = tu.Conv2d(1, width, sides[0], rng=rng)
        self.norm = Normed(seed)
        self.last = tu.Conv2d(width, 2, sides[1], rng=rng)

    def forward(self, x):
        return self.last(self.norm(self.first(x)))


def stored(path):
    with np.load(path) as file:
        arrays = dict(file)
    return json.loads(arrays.pop("header").tobytes()), arrays


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_buffers_and_generators_come_back(tmp_path, dtype, device):
    model = Own(seed=5).astype(dtype).to(device)
    model.norm.buffers["size"][...] = 0.1
    model.norm.buffers["seen"][...] = 2**60 + 1
    model.norm.noise.random(7)
    tu.save(tmp_path / "m.npz", model)
    found = tu.load(tmp_path / "m.npz")
    assert found.dtype == dtype
    assert found.norm.buffers["seen"] == 2**60 + 1
    for (name, array), (_, expected) in zip(found.named_state(), model.named_state(), strict=True):
        np.testing.assert_array_equal(array, tu.to_cpu(expected), name)
        assert array.dtype == expected.dtype
    assert found.norm.noise.random() == model.norm.noise.random()
    header, arrays = stored(tmp_path / "m.npz")
    assert header["format"] == 2
    assert header["network"]["name"] == "Own"
    assert header["network"]["config"] == {"width": 2, "sides": [3, 1], "note": None, "seed": 5}
    assert "model/norm.size" in arrays


def test_arrays_keep_a_dtype_of_their_own(tmp_path):
    """As written by those who forget that NumPy's numbers are of float64."""
    model = Own()
    model.norm.buffers["size"] = np.array([1 / 3, 0.1])
    tu.save(tmp_path / "m.npz", model)
    found = tu.load(tmp_path / "m.npz")
    np.testing.assert_array_equal(found.norm.buffers["size"], [1 / 3, 0.1])
    assert found.dtype == "float32"


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (np.random.default_rng(0), r"note is of type Generator, .*: take a seed in its place"),
        ([1, {"a": np.zeros(2)}], r"note\[1\]\['a'\] is of type ndarray"),
        ({1: 2}, "note is of type dict"),
        (np.float32, "note is of type type"),
        (tu.ReLU(), "note is of type ReLU"),
    ],
)
def test_an_argument_that_is_no_plain_data_is_named(tmp_path, value, words):
    model = Own(note=value)
    for attempt in (lambda: tu.save(tmp_path / "m.npz", model), lambda: check_savable(model)):
        with pytest.raises(TypeError, match=f"the argument {words}"):
            attempt()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "value", [None, True, -3, 0.5, "x\ny/\u00e9", [], {}, [[1], {"a": [None]}]]
)
def test_plain_arguments_come_back(tmp_path, value):
    tu.save(tmp_path / "m.npz", Own(np.int64(3), note=value))
    assert tu.load(tmp_path / "m.npz").config["note"] == value
    assert type(tu.load(tmp_path / "m.npz").config["width"]) is int


def added(model):
    model.more = tu.Conv2d(1, 1)


def other_config(model):
    model.config = {"breadth": 2}


def no_dict(model):
    model.config["width"] = "wide"


def huge(model):
    model.config["note"] = 2**40


def old_generator(model):
    model.norm.noise = np.random.Generator(np.random.MT19937(3))


@pytest.mark.parametrize(
    ("spoil", "kind", "words"),
    [
        (added, ValueError, r"unexpected: 'model/more\.weight'"),
        (
            other_config,
            ValueError,
            r"cannot be made: TypeError: Own is not made with \{'breadth': 2",
        ),
        (no_dict, ValueError, "Own, as .*test_checkpoint defines it, cannot be made: TypeError"),
        (
            huge,
            ValueError,
            "note' is 1099511627776: an argument can be 16,384 at most, unless it is called seed",
        ),
        (old_generator, TypeError, r"generator norm\.noise is of kind MT19937: make it with"),
    ],
)
def test_a_network_that_could_not_be_built_again_is_not_written(tmp_path, spoil, kind, words):
    model = Own()
    spoil(model)
    for attempt in (lambda: tu.save(tmp_path / "m.npz", model), lambda: check_savable(model)):
        with pytest.raises(kind, match=rf"[\s\S]*{words}"):
            attempt()
    assert not list(tmp_path.iterdir())


def test_what_is_asked_before_saving_draws_nothing_from_numpys_own_generator():
    class Draws(tu.Network):
        def __init__(self):
            super().__init__()
            self.params["w"] = np.random.rand(3)  # noqa: NPY002

    model = Draws()
    np.random.seed(5)  # noqa: NPY002
    expected = np.random.rand()  # noqa: NPY002
    np.random.seed(5)  # noqa: NPY002
    check_savable(model)
    assert np.random.rand() == expected  # noqa: NPY002


def test_an_unknown_class_is_named(tmp_path):
    class Fleeting(tu.Network):
        def __init__(self):
            super().__init__()
            self.params["w"] = np.zeros(1)

    tu.save(tmp_path / "m.npz", Fleeting())
    registry._REGISTERED.pop("Fleeting")
    words = r"m\.npz cannot be read: .*called 'Fleeting', but .*Own.*UNet.*: .*define or import"
    with pytest.raises(ValueError, match=words):
        tu.load(tmp_path / "m.npz")
    with pytest.raises(TypeError, match="holds a Network, got Fleeting"):
        tu.save(tmp_path / "m.npz", Fleeting())


def test_a_class_defined_again_takes_the_place(tmp_path):
    def define(more):
        class Cell(tu.Network):
            def __init__(self, width=2):
                super().__init__()
                self.conv = tu.Conv2d(1, width + more, 1)

        return Cell

    first = define(0)()
    tu.save(tmp_path / "m.npz", first)
    again = define(0)
    assert type(tu.load(tmp_path / "m.npz")) is again
    tu.save(tmp_path / "m.npz", first)  # one of the old class, which fits the new one
    define(1)
    with pytest.raises(ValueError, match=r"does not hold .*\n  model/conv\.weight: shape"):
        tu.load(tmp_path / "m.npz")
    with pytest.raises(ValueError, match=r"is not written, .*\n  model/conv\.weight: shape"):
        tu.save(tmp_path / "m.npz", first)


class Heir(tu.UNet):
    """As its parent, under a name of its own."""


class Wider(tu.UNet):
    """Another constructor, and a layer more, which `UNet.outline` doesn't know."""

    def __init__(self, base=2):
        super().__init__(base_channels=base, depth=1, padding="same")
        self.extra = tu.Conv2d(2, 2, 1)


@pytest.mark.parametrize("make", [lambda: Heir(base_channels=2, depth=1, dropout=0.5), Wider])
def test_heirs_of_the_unet(tmp_path, make):
    model = make()
    tu.save(tmp_path / "m.npz", model)
    found = tu.load(tmp_path / "m.npz")
    assert type(found) is type(model)
    assert found.config == model.config
    for (name, array), (_, expected) in zip(found.named_state(), model.named_state(), strict=True):
        np.testing.assert_array_equal(array, expected, name)


def test_differences_of_any_networks():
    asked = Own(3, sides=[3, 1], note={"a": (1, 2)}, seed=1)
    assert not checkpoint.differences(asked, Own(3, note={"a": [1, 2]}, seed=2))
    found = checkpoint.differences(asked, Own(2, sides=(5, 1)))
    assert found == [
        "width: 2 in the file, 3 asked for",
        "sides: [5, 1] in the file, [3, 1] asked for",
        "note: None in the file, {'a': [1, 2]} asked for",
    ]
    assert checkpoint.differences(asked, small()) == ["network: UNet in the file, Own asked for"]


# ---------------------------------------------------------------------- files of format 1


def test_a_file_of_format_1_is_read():
    """Written by tinyunet 0.1, with what its network then said to an image."""
    found = tu.load(FILES / "format_1.npz", everything=True)
    model, kept = found.model, found.state["kept"]
    expected = {"base_channels": 2, "depth": 1, "skip": "sum", "dropout": 0.25, "seed": 11}
    assert {key: model.config[key] for key in expected} == expected
    x = np.random.default_rng(5).random((1, 20, 20, 1), np.float32)
    np.testing.assert_allclose(model.predict(x), kept["next_output"], rtol=1e-5, atol=1e-6)
    assert found.state["thresholds"] == {"none": 0.35}
    fresh = tu.UNet.from_config(model.config)
    fresh(x)  # it had drawn once before it was written
    for (name, drawn), (_, again) in zip(
        model.named_generators(), fresh.named_generators(), strict=True
    ):
        assert drawn.bit_generator.state == again.bit_generator.state, name


@pytest.mark.parametrize("part", ["model", "generators"])
@pytest.mark.parametrize("value", [None, [], "UNet", {"x": 1}, {}])
def test_a_file_of_format_1_may_lie(tmp_path, part, value):
    header, arrays = stored(FILES / "format_1.npz")
    assert header["format"] == 1
    header[part] = value
    arrays["header"] = np.frombuffer(json.dumps(header).encode(), np.uint8)
    np.savez(tmp_path / "m.npz", **arrays)
    with pytest.raises(ValueError, match=r"m\.npz "):
        tu.load(tmp_path / "m.npz")


def test_a_run_begun_with_format_1_goes_on_from_either_format(tmp_path):
    """From the old file, and from the same run in a file of today: both end with the same bits."""
    train, validation, _ = tu.data.synthetic_cells(6, 32, seed=3).split(seed=0)
    ends = []
    for form in (1, 2):
        last = tmp_path / str(form) / "last.npz"
        last.parent.mkdir()
        shutil.copy(FILES / "old_run" / "adam" / "last.npz", last)
        if form == 2:
            old = tu.load(last, everything=True)
            tu.save(last, old.model, old.optimizer, **old.state)
        assert stored(last)[0]["format"] == form
        model = tu.UNet(1, 2, base_channels=2, depth=1, padding="same", dropout=0.3, seed=7)
        history = tu.fit(
            model, train, validation, optimizer=tu.Adam(model, 0.05), steps=40, batch_size=2,
            crop=32, seed=5, out=last.parent, resume=True, progress=False,
        )  # fmt: skip
        assert (history.resumed_at, len(history.loss)) == (20, 40)
        ends.append((history.loss, model.state_dict()))
    assert ends[0][0] == ends[1][0]
    for name, array in ends[0][1].items():
        np.testing.assert_array_equal(array, ends[1][1][name], name)
