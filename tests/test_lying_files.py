"""Checkpoints that lie: each is read, or refused with a ValueError that names it; none costs much."""

import collections
import json
import os
import subprocess
import sys

import lying_files
import numpy as np
import pytest

import tinyunet as tu
from tinyunet.networks.config import check_sensible
from tinyunet.runs.folder import load_model

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="limits of memory are POSIX's")


def read_all(folder):
    """Read the files of a folder in a process with limits: (outcome, seconds) of each by its name."""
    done = subprocess.run(
        [sys.executable, lying_files.__file__, folder], capture_output=True, text=True, check=False,
        env={**os.environ, "TINYUNET_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    return {name: rest for name, *rest in map(json.loads, done.stdout.splitlines())}


def written(folder, files):
    """Write the files and return what each is by its name."""
    names = {}
    for number, (what, data) in enumerate(files):
        name = f"{number:04}.npz"
        (folder / name).write_bytes(data() if callable(data) else data)
        names[name] = what
    return names


@pytest.fixture
def model(tmp_path):
    path = tmp_path / "good.npz"
    lying_files.good(path)
    return path


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "files"
    path.mkdir()
    return path


def check_crafted(folder, files):
    names = written(folder, files)
    found = read_all(folder)
    wrong = {names[name]: outcome for name, (outcome, _) in found.items() if outcome != "refused"}
    assert not wrong
    assert len(found) == len(names)
    return found


def check_mutants(folder, model, count, seed):
    names = written(folder, lying_files.mutants(model, count, seed))
    found = read_all(folder)
    wrong = {
        name: (names[name], outcome)
        for name, (outcome, _) in found.items()
        if outcome not in ("read", "refused")
    }
    assert not wrong
    assert len(found) == count
    reference = contents(model)
    for name, (outcome, _) in found.items():
        # Where no checksum was made right again, damage is seen, or touched nothing that counts.
        if outcome == "read" and names[name] in ("flipped", "cut"):
            assert contents(folder / name) == reference, name
    return names, found


def contents(path):
    """Everything in a checkpoint, to compare."""
    found = tu.load(path, everything=True)
    arrays = {**dict(found.model.named_state()), **found.optimizer.state}
    arrays |= found.state.pop("best")
    generators = [str(rng.bit_generator.state) for _, rng in found.model.named_generators()]
    return (
        {n: a.tobytes() for n, a in arrays.items()},
        found.state,
        found.model.config,
        generators,
    )


def test_files_that_lie_on_purpose_are_refused(folder, model):
    check_crafted(folder, [file for file in lying_files.crafted(model) if not callable(file[1])])


def test_files_changed_by_chance_are_read_or_refused(folder, model):
    names, found = check_mutants(folder, model, count=60, seed=1)
    outcomes = collections.Counter(outcome for outcome, _ in found.values())
    assert outcomes["refused"] > outcomes["read"] > 0  # the search reaches both


@pytest.fixture
def naive(tmp_path):
    path = tmp_path / "good.npz"
    lying_files.good_of(path, lying_files.Naive())
    return path


def test_files_of_a_users_network_that_lie_on_purpose_are_refused(folder, naive):
    assert type(tu.load(naive)) is lying_files.Naive
    check_crafted(folder, lying_files.crafted_of_naive(naive))


def test_files_of_a_users_network_changed_by_chance(folder, naive):
    names, found = check_mutants(folder, naive, count=60, seed=2)
    outcomes = collections.Counter(outcome for outcome, _ in found.values())
    assert outcomes["refused"] > outcomes["read"] > 0


@pytest.mark.campaign
def test_campaign_by_chance_of_a_users_network(folder, naive):
    names, found = check_mutants(folder, naive, count=500, seed=2016)
    outcomes = collections.Counter((names[n], outcome) for n, (outcome, _) in found.items())
    slowest = max(seconds for _, seconds in found.values())
    print(f"\n{len(found)} mutants: {dict(outcomes)}; the slowest took {slowest:.2f} s")


@pytest.mark.campaign
def test_campaign_on_purpose(folder, model):
    found = check_crafted(folder, lying_files.crafted(model))
    slowest = max(seconds for _, seconds in found.values())
    print(f"\n{len(found)} files crafted: all refused; the slowest took {slowest:.2f} s")


@pytest.mark.campaign
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_campaign_by_chance(folder, tmp_path, dtype):
    model = tmp_path / "good.npz"
    lying_files.good(model, dtype=dtype)
    names, found = check_mutants(folder, model, count=500, seed=2015)
    outcomes = collections.Counter((names[n], outcome) for n, (outcome, _) in found.items())
    slowest = max(seconds for _, seconds in found.values())
    print(f"\n{len(found)} mutants: {dict(outcomes)}; the slowest took {slowest:.2f} s")


# ---------------------------------------------------------------------- what may stay as it is


@pytest.mark.parametrize("how", ["compressed", "big-endian", "Fortran order", "other zip order"])
def test_honest_files_of_other_kinds_are_read(tmp_path, model, how):
    with np.load(model) as file:
        arrays = dict(file)
    if how == "big-endian":
        arrays = {n: a.astype(a.dtype.newbyteorder(">")) for n, a in arrays.items()}
    if how == "Fortran order":
        arrays = {n: np.asfortranarray(a) for n, a in arrays.items()}
    if how == "other zip order":
        arrays = dict(reversed(arrays.items()))
    path = tmp_path / "other.npz"
    (np.savez_compressed if how == "compressed" else np.savez)(path, **arrays)
    assert same(contents(path), contents(model))


def same(one, other):
    lengths = [{name: len(data) for name, data in found[0].items()} for found in (one, other)]
    return lengths[0] == lengths[1] and one[1:] == other[1:]


def test_numbers_survive_every_order(tmp_path, model):
    with np.load(model) as file:
        arrays = {n: np.asfortranarray(a) for n, a in dict(file).items()}
    np.savez(tmp_path / "f.npz", **arrays)
    assert contents(tmp_path / "f.npz")[0] == contents(model)[0]


@pytest.mark.parametrize("depth", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("skip", ["concat", "sum", "none"])
@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize(
    ("channels", "classes", "base", "dropout"), [(1, 2, 1, 0.5), (3, 5, 2, 0.0), (4, 1, 3, 0.5)]
)
def test_shapes_are_known_without_building(depth, skip, padding, channels, classes, base, dropout):
    from tinyunet.networks.unet_shapes import dropout_layers, parameter_shapes

    options = {"base_channels": base, "padding": padding, "skip": skip, "dropout": dropout}
    model = tu.UNet(channels, classes, depth=depth, **options)
    shapes = {name: array.shape for name, array in model.named_parameters()}
    assert list(parameter_shapes(model.config).items()) == list(shapes.items())
    drawing = [name for name, _ in model.named_generators()]
    assert [f"{name}.rng" for name in dropout_layers(model.config)] == drawing


def test_what_the_file_system_says_stays(tmp_path, model, monkeypatch):
    with pytest.raises(FileNotFoundError, match=r"none\.npz"):
        tu.load(tmp_path / "none.npz")
    with pytest.raises(FileNotFoundError, match="give best"):
        tu.load(tmp_path)

    def refused(*arguments, **options):
        raise PermissionError(13, "Permission denied", arguments[0])

    monkeypatch.setattr("builtins.open", refused)
    with pytest.raises(PermissionError):
        tu.load(model)


@pytest.mark.parametrize("value", [[], 0.5, None, {"none": "x"}, {"none": np.nan}, {"none": 2}])
def test_thresholds_that_lie_are_not_used(tmp_path, value):
    path = tmp_path / "m.npz"
    tu.save(path, tu.UNet(1, 2, base_channels=2, depth=1, padding="same"), thresholds=value)
    tu.load(path)
    with pytest.raises(ValueError, match=r"m\.npz holds no thresholds .*state\.thresholds"):
        load_model(path, None, None)


@pytest.mark.parametrize(
    ("part", "value", "message"),
    [
        ("history", None, "history is none"),
        ("history", {"loss": ["x"], "total_steps": 2}, "history's loss"),
        ("history", {"loss": [0.5, 0.4, 0.3], "total_steps": 2}, "has 3 of 2 steps"),
        ("history", {"loss": [], "seconds": float("inf")}, "history's seconds"),
        ("settings", [1], "no settings"),
    ],
)
def test_a_run_that_lies_is_not_resumed(tmp_path, model, part, value, message):
    header, parts = lying_files.members(model)
    header["state"][part] = value
    (tmp_path / "last.npz").write_bytes(lying_files.packed(header, parts))
    data = tu.data.synthetic_cells(n=2, size=32)
    network = tu.UNet(1, 2, base_channels=2, depth=1, padding="same", dropout=0.2)
    with pytest.raises(ValueError, match=rf"last\.npz holds no run that could go on: .*{message}"):
        tu.fit(network, data, steps=12, out=tmp_path, resume=True, progress=False)


class OfConvolutions(tu.Network):
    def __init__(self, width=2):
        super().__init__()
        self.conv = tu.Conv2d(1, width, 3, padding="same")
        self.wide = tu.Conv2d(width, width, 3, padding="same")


class OfUpConvolutions(tu.Network):
    def __init__(self, width=2):
        super().__init__()
        self.wide = tu.ConvTranspose2d(width, width, 3)


class OfLayers(tu.Network):
    def __init__(self, width=2):
        super().__init__()
        self.conv = tu.Conv2d(1, 2, 1)
        self.parts = [tu.ReLU() for _ in range(width * 100)]


@pytest.mark.parametrize(
    ("cls", "words"),
    [
        (OfConvolutions, r"asks for more .*weights of shape \(3, 3, 1500, 1500\) are too many"),
        (OfUpConvolutions, r"asks for more .*weights of shape \(1500, 3, 3, 1500\) are too many"),
        (OfLayers, "asks for more .*more layers than any file holds"),
    ],
)
def test_each_kind_of_layer_says_what_it_takes(tmp_path, cls, words):
    path = tmp_path / "m.npz"
    tu.save(path, cls())
    header, parts = lying_files.members(path)
    header["network"]["config"]["width"] = 1500
    path.write_bytes(lying_files.packed(header, parts))
    with pytest.raises(ValueError, match=words):
        tu.load(path)


@pytest.mark.parametrize(
    ("config", "sensible"),
    [
        ({"seed": 2**100}, True),
        ({"dropout_seed": [2**100, 3]}, True),
        ({"seeds": 2**15}, False),
        ({"seed_count": 2**15}, False),
        ({"reseeded": 2**15}, False),
        ({"Seed": 2**15}, False),
        ({"scale": 2.0**14}, True),
        ({"scale": -1e9}, False),
        ({"scale": float("inf")}, False),
        ({"widths": [1, [1e300]]}, False),
    ],
)
def test_only_seeds_may_be_large(config, sensible):
    if sensible:
        check_sensible(config)
        return
    with pytest.raises(ValueError, match=r"16,384 at most, unless it is called seed, or .*_seed"):
        check_sensible(config)
