"""What a recipe stands for: the network, its training, how it predicts."""

import json
import sys
from dataclasses import asdict, fields

import numpy as np
import pytest

import tinyunet as tu
from tinyunet.data import Augmentation, Dataset
from tinyunet.learning.preparation import weight_maps
from tinyunet.runs import network
from tinyunet.runs.build import build, fit_options
from tinyunet.runs.folder import read_settings
from tinyunet.runs.settings import RECIPES, Settings
from tinyunet.runs.train import train
from tinyunet.segmentation import tiles as inference


def slices(side):
    """One slice with two cells, as in the training of a whole data set."""
    labels = np.zeros((side, side), np.int64)
    labels[: side // 3], labels[side // 2 :] = 1, 2
    return Dataset([np.zeros((side, side, 1))], [1 * (labels > 0)], [labels], ["one"])


def test_the_papers_recipe():
    settings = Settings(recipe="paper", base_channels=2)
    data = slices(512)
    model, optimizer = build(settings, [data])
    assert (model.depth, model.padding) == (4, "valid")
    # Dropout at the end of the contracting path: its last level, and the bottom.
    rates = {name: layer.p for name, layer in model.named_layers() if isinstance(layer, tu.Dropout)}
    assert rates == {"encoder.3.dropout": 0.5, "bottom.dropout": 0.5}
    assert isinstance(optimizer, tu.SGD)
    assert (optimizer.momentum, optimizer.lr) == (0.99, 1e-3)
    weight = model.bottom.conv2.params["weight"]  # He's initialisation
    assert weight.std() == pytest.approx(np.sqrt(2 / (9 * weight.shape[2])), rel=0.05)

    options = fit_options(settings, model, data)
    assert options["crop"] == (572, 572)
    assert options["batch_size"] == 1
    assert options["augment"] == Augmentation(
        flips=True, gray=True, rotate=True, elastic=10.0, shift=8.0
    )
    (weights,) = weight_maps(data, options["weights"])
    expected = tu.weight_map(tu.separate(data.instances[0]), w0=10, sigma=5)
    np.testing.assert_array_equal(weights, expected)

    assert settings.average == "rotations"
    axis = inference._plan(model, 0, 512, 572)
    assert (axis.gives, axis.stride) == (388, 384)  # a multiple of 2^4


@pytest.mark.parametrize("schedule", ["cosine", "poly", "constant"])
def test_the_schedule_of_a_run(schedule):
    data = slices(64)
    chosen = {} if schedule == "cosine" else {"schedule": schedule}
    settings = Settings(**chosen)
    model, _ = build(settings, [data])
    assert fit_options(settings, model, data)["schedule"] == schedule


def test_the_quick_recipe():
    model, adam = build(Settings(), [slices(64)])
    assert isinstance(adam, tu.Adam)
    assert (adam.lr, adam.betas) == (6e-3, (0.9, 0.99))
    assert (model.depth, model.padding, model.config["base_channels"]) == (3, "same", 8)


def test_a_run_from_before_there_were_betas_goes_on_with_its_own(tmp_path):
    settings = asdict(Settings())
    del settings["betas"]
    (tmp_path / "settings.json").write_text(json.dumps(settings))
    assert build(read_settings(tmp_path), [slices(64)])[1].betas == (0.9, 0.999)
    settings["betas"] = (0.8, 0.9)
    (tmp_path / "settings.json").write_text(json.dumps(settings))
    assert build(read_settings(tmp_path), [slices(64)])[1].betas == (0.8, 0.9)


def test_what_is_chosen_overrides_the_recipe():
    assert Settings(recipe="paper").base_channels == 64
    settings = Settings(recipe="paper", base_channels=8, weights="none", dropout=0.0)
    assert (settings.base_channels, settings.weights, settings.dropout) == (8, "none", 0.0)
    assert (settings.optimizer, settings.window) == ("sgd", 388)
    with pytest.raises(ValueError, match="recipe must be one of quick, paper, got 'slow'"):
        Settings(recipe="slow")


def test_every_setting_that_a_recipe_has_is_stated_with_it_and_decided_by_it_alone():
    names = {field.name: field for field in fields(Settings)}
    assert set(RECIPES["quick"]) == set(RECIPES["paper"]) <= set(names)
    assert all(names[name].default is None for name in RECIPES["quick"])
    for recipe, values in RECIPES.items():
        assert values.items() <= asdict(Settings(recipe=recipe)).items()


def test_settings_that_this_version_does_not_know_are_named(tmp_path):
    written = asdict(Settings()) | {"colour": 1, "betas": [0.8, 0.9]}
    (tmp_path / "settings.json").write_text(json.dumps(written))
    with pytest.raises(
        ValueError, match=r"settings\.json holds no settings .* it has colour, which"
    ):
        read_settings(tmp_path)
    (tmp_path / "settings.json").write_text("[1]")
    with pytest.raises(ValueError, match="holds no settings that tinyunet wrote"):
        read_settings(tmp_path)


class Narrow(tu.networks.Network):
    """One convolution, with a few of the options of `train`."""

    def __init__(self, num_classes=2, *, base_channels=3, seed=0):
        super().__init__()
        rng = np.random.default_rng(seed)
        self.first = tu.Conv2d(1, base_channels, 3, padding="same", rng=rng)
        self.head = tu.Conv2d(base_channels, num_classes, 1, rng=rng)

    def forward(self, x):
        return self.head(self.first(x))

    def backward(self, dy, *, input_gradient=True):
        return self.first.backward(self.head.backward(dy), input_gradient=input_gradient)


def test_a_network_is_made_with_the_options_that_it_takes():
    settings = Settings(network="Narrow", seed=7, base_channels=8)
    assert (settings.base_channels, settings.depth, settings.skip) == (8, None, None)
    model, _ = build(settings, [slices(32)])
    assert model.config == {"num_classes": 2, "base_channels": 8, "seed": 7}
    assert Settings(**asdict(settings)) == settings
    message = "the network Narrow takes no --depth, --skip"
    with pytest.raises(ValueError, match=message):
        Settings(network="Narrow", depth=3, skip="none")
    with pytest.raises(
        ValueError, match=r"called 'Naro' \(did you mean Narrow\?\), but .*Narrow.* is FILE.py:Naro"
    ):
        build(Settings(network="Naro"), [slices(32)])


class Odd(Narrow):
    """With defaults that no recipe has."""

    def __init__(self, in_channels=1, num_classes=1, *, base_channels=5, dropout=0.25, seed=11):
        super().__init__(num_classes, base_channels=base_channels, seed=seed)


@pytest.mark.parametrize("recipe", ["quick", "paper"])
def test_a_recipe_leaves_the_defaults_of_a_class_alone(recipe, tmp_path):
    settings = Settings(network="Odd", recipe=recipe)
    model, _ = build(settings, [slices(32)])
    assert model.config == {
        "in_channels": 1, "num_classes": 1, "base_channels": 5, "dropout": 0.25, "seed": 11
    }  # fmt: skip
    assert fit_options(settings, model, slices(32))["seed"] == 0
    (tmp_path / "settings.json").write_text(json.dumps(asdict(settings)))
    assert build(read_settings(tmp_path), [slices(32)])[0].config == model.config

    three = slices(32)
    three.labels[0][0, 0] = 2
    three.instances = None
    model, _ = build(Settings(network="Odd", seed=0, dropout=0.0), [three])
    assert model.config == {
        "in_channels": 1, "num_classes": 3, "base_channels": 5, "dropout": 0.0, "seed": 0
    }  # fmt: skip


def test_a_run_from_before_classes_kept_their_defaults_goes_on_with_what_it_was_given(tmp_path):
    written = asdict(Settings(network="Odd")) | {"base_channels": 8, "dropout": 0.0, "seed": 0}
    (tmp_path / "settings.json").write_text(json.dumps(written))
    config = build(read_settings(tmp_path), [slices(32)])[0].config
    assert (config["base_channels"], config["dropout"], config["seed"]) == (8, 0.0, 0)


def test_a_class_without_a_default_gets_its_option_or_says_which(tmp_path):
    class Bare(Narrow):
        def __init__(self, in_channels, num_classes, base_channels, seed):
            super().__init__(num_classes, base_channels=base_channels, seed=seed)

    with pytest.raises(
        ValueError, match="Bare needs base_channels: give --base-channels, or a def"
    ):
        build(Settings(network="Bare"), [slices(32)])
    model, _ = build(Settings(network="Bare", base_channels=3), [slices(32)])
    assert model.config == {"in_channels": 1, "num_classes": 2, "base_channels": 3, "seed": 0}


def test_a_network_that_needs_more_than_there_are_options_for_says_so():
    class Needy(Narrow):
        def __init__(self, kernels):
            super().__init__(base_channels=kernels)

    with pytest.raises(ValueError, match="Needy needs kernels, for which there is no option"):
        build(Settings(network="Needy"), [slices(32)])


def test_a_class_in_a_file_is_run_on_the_users_word_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", list(sys.path))
    file = tmp_path / "own.py"
    word = f"{file}:Owned"
    file.write_text(
        "import tinyunet as tu\nimport friend\n"
        "class Owned(tu.networks.UNet):\n"
        "    def __init__(self, base_channels=5):\n"
        "        super().__init__(base_channels=base_channels, depth=1)\n"
        "class Other(Owned):\n    pass\n"
        "Alias, number = Owned, 3\n"
    )
    with pytest.raises(ValueError, match=r"own\.py cannot be run: .*friend.* \(line 2\)"):
        network.define(word)
    (tmp_path / "friend.py").write_text("")
    (tmp_path / "settings.json").write_text(json.dumps({"network": word}))
    with pytest.raises(ValueError, match=r"run only on your word: add --network .*own\.py:Owned"):
        build(read_settings(tmp_path), [slices(32)])
    network.define(word)
    model, _ = build(read_settings(tmp_path), [slices(32)])
    assert (type(model).__name__, model.config["base_channels"]) == ("Owned", 5)
    for wrong, says in (
        ("Nobody", r"has no class Nobody, which has Owned, Other: .* --network .*own\.py:Owned"),
        ("Owned()", r"no class Owned\(\): leave the brackets out, --network .*own\.py:Owned$"),
        ("", r"own\.py names no class of the file, which has Owned, Other: for example"),
        ("number", "is no network: derive its class from tinyunet.Network"),
        ("Alias", "is a class called Owned"),
    ):
        with pytest.raises(ValueError, match=says):
            network.define(f"{file}:{wrong}")
    with pytest.raises(
        ValueError, match=r"own\.py names no class of the file, which has Owned, Oth"
    ):
        network.define(str(file))
    (tmp_path / "friend.py").write_text("from tinyunet.networks import UNet\n")
    (tmp_path / "taken.py").write_text(
        "import tinyunet as tu\nclass UNet(tu.networks.Network):\n    pass\n"
    )
    with pytest.raises(ValueError, match=r"UNet of .*taken\.py has a name of tinyunet's own"):
        network.define(f"{tmp_path / 'taken.py'}:UNet")
    with pytest.raises(ValueError, match=r"no class of the file, nor any network: derive a class"):
        network.define(str(tmp_path / "friend.py"))
    with pytest.raises(FileNotFoundError, match=r"own: no such file, but .*own\.py$"):
        network.define(f"{file.with_suffix('')}:Owned")
    with pytest.raises(FileNotFoundError, match=r"no such file$"):
        network.define("nowhere.py:Owned")


def test_unknown_weights_are_refused_for_classes_too():
    data = slices(32)
    data.instances = None
    with pytest.raises(ValueError, match="'papr'"):
        weight_maps(data, "papr")
    assert weight_maps(data, "paper") is None


def test_a_run_that_diverges_at_once_says_so_and_keeps_no_model(tmp_path):
    settings = Settings(
        images=10, size=48, steps=12, base_channels=4, depth=2, batch_size=2, window=32, lr=1e30
    )
    with (
        np.errstate(all="ignore"),
        pytest.raises(ValueError, match=r"became NaN at step 1.*another folder"),
    ):
        train(settings, tmp_path)
    assert not (tmp_path / "best.npz").exists()
    assert not (tmp_path / "results.json").exists()
    with pytest.raises(ValueError, match="cannot go on: the network's predictions became NaN"):
        train(settings, tmp_path, resume=True)
