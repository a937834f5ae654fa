"""Networks of a user's own: what `Network` finds out about them, and all that can be done with them."""

import copy
import itertools
import pickle

import numpy as np
import pytest

import tinyunet as tu
from tinyunet.losses import Loss
from tinyunet.networks import Sizes, as_network, find_network

TRAIN, VALIDATION, TEST = tu.data.synthetic_cells(6, 32, seed=7).split(seed=0)


def one_level(self, classes=2, padding="same"):
    """The parts of a U-Net of one level, as attributes."""
    rng = np.random.default_rng(0)
    self.down = tu.Conv2d(1, 4, padding=padding, activation="relu", rng=rng)
    self.pool = tu.MaxPool2d(2)
    self.bottom = tu.Conv2d(4, 8, padding=padding, activation="relu", rng=rng)
    self.up = tu.ConvTranspose2d(8, 4, rng=rng)
    self.crop = tu.CenterCrop()
    self.join = tu.Concat()
    self.head = tu.Conv2d(8, classes, padding=padding, rng=rng)


class Level(tu.Network):
    """As a reader of the README would write it; no arguments."""

    def __init__(self):
        super().__init__()
        one_level(self)

    def forward(self, x):
        across = self.down(x)
        below = self.up(self.bottom(self.pool(across)))
        return self.head(self.join(self.crop(across, below.shape[1:3]), below))

    def backward(self, dy):  # without input_gradient
        dacross, dbelow = self.join.backward(self.head.backward(dy))
        dx = self.pool.backward(self.bottom.backward(self.up.backward(dbelow)))
        return self.down.backward(dx + self.crop.backward(dacross))


class Plain(tu.Layer):
    """The same, but no `Network`."""

    def __init__(self):
        super().__init__()
        one_level(self)

    forward, backward = Level.forward, Level.backward


class OneChannel(Level):
    def __init__(self):
        tu.Network.__init__(self)
        one_level(self, classes=1)


class Valid(Level):
    """Convolutions without padding: the output is smaller than the image."""

    def __init__(self, *, padding="valid"):
        tu.Network.__init__(self)
        one_level(self, padding=padding)


class Chain(tu.Network):
    """One that takes arguments of every kind."""

    def __init__(self, channels, /, *widths, dropout=0.0, seed=0, **options):
        super().__init__()
        rng = np.random.default_rng(seed)
        sides = [channels, *widths, 2]
        convs = [
            tu.Conv2d(a, b, padding="same", activation="relu", rng=rng, **options)
            for a, b in itertools.pairwise(sides)
        ]
        self.body = tu.Sequential(*convs, tu.Dropout(dropout, rng.spawn(1)[0]))

    def forward(self, x):
        return self.body(x)

    def backward(self, dy, **options):
        return self.body.backward(dy, **options)


def sequential():
    rng = np.random.default_rng(0)
    return tu.Sequential(
        tu.Conv2d(1, 4, padding="same", activation="relu", rng=rng),
        tu.MaxPool2d(2),
        tu.ConvTranspose2d(4, 4, rng=rng),
        tu.Conv2d(4, 2, padding="same", rng=rng),
    )


NETWORKS = [Level, Plain, sequential, OneChannel, Valid, lambda: Chain(1, 3, 4, dropout=0.2)]
SAVED = [Level, OneChannel, Valid, lambda: Chain(1, 3, 4, dropout=0.2)]


def name(make):
    return getattr(make, "__name__", "Chain").replace("<lambda>", "Chain")


class Sigmoid(Loss):
    """A user's own cross-entropy, for logits of one channel."""

    def forward(self, logits, labels, weights=None):
        p = 1 / (1 + np.exp(-logits))
        labels = labels[..., None]
        self._kept = ((p - labels) / p.size).astype(logits.dtype)
        return float(-np.log(np.where(labels == 1, p, 1 - p)).mean())

    def backward(self):
        return self._take()


def fit(model, **options):
    if as_network(model).num_classes == 1:
        options["loss"] = Sigmoid()
    options = {"steps": 4, "batch_size": 2, "seed": 1, "progress": False, **options}
    return tu.fit(model, TRAIN, VALIDATION, **options)


def same(one, other):
    pairs = zip(one.named_state(), other.named_state(), strict=True)
    return all(a[0] == b[0] and np.array_equal(a[1], b[1]) for a, b in pairs)


# ---------------------------------------------------------------------- all that can be done


@pytest.mark.parametrize("make", NETWORKS, ids=name)
def test_it_trains_predicts_and_is_scored(make):
    model = make()
    before = model.state_dict()
    history = fit(model)
    assert len(history.loss) == 4
    assert any(not np.array_equal(before[n], a) for n, a in model.named_parameters())
    image = np.random.default_rng(2).random((70, 83, 1), np.float32)
    whole = tu.predict_image(model, image)
    assert whole.shape == (70, 83, 2)
    np.testing.assert_allclose(whole.sum(2), 1, rtol=1e-5)
    tile = as_network(model).input_size(40, 44)
    np.testing.assert_allclose(tu.predict_image(model, image, tile=tile), whole, atol=1e-5)
    scores = tu.evaluate(model, TEST)
    assert len(scores) == len(TEST)
    assert all(0 <= row["IoU"] <= 1 for row in scores)


@pytest.mark.parametrize("make", NETWORKS, ids=name)
def test_it_is_summarized_and_checked(make):
    model = make()
    summary = str(tu.networks.summarize(model))
    assert f"{model.num_parameters:,} parameters" in summary
    assert "?" not in summary  # how far each layer sees is known
    x = np.random.default_rng(4).random((1, *as_network(model).input_size(6, 8), 1))
    assert tu.check_gradients(model, x, samples=3).passed


@pytest.mark.parametrize("make", SAVED, ids=name)
def test_it_is_saved_and_loaded(tmp_path, make):
    model = make()
    fit(model)
    tu.save(tmp_path / "m.npz", model)
    loaded = tu.load(tmp_path / "m.npz")
    assert type(loaded) is type(model)
    assert same(loaded, model)
    x = np.ones((1, 12, 12, 1), np.float32)
    np.testing.assert_array_equal(loaded(x), model(x))  # also the next dropout mask


@pytest.mark.parametrize("make", NETWORKS, ids=name)
@pytest.mark.parametrize("copied", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_it_is_copied_and_pickled(make, copied):
    model = make()
    sizes = as_network(model).sizes  # found out before, and copied with it
    twin = copied(model)
    assert same(model, twin)
    assert as_network(twin).sizes == sizes
    for _, array in twin.named_parameters():
        array += 1
    assert not same(model, twin)
    x = np.ones((1, 12, 12, 1), np.float32)
    assert not np.array_equal(as_network(twin).predict(x), as_network(model).predict(x))
    if isinstance(model, tu.Network):
        assert twin.config == model.config
        assert twin.config is not model.config


@pytest.mark.parametrize("make", SAVED, ids=name)
def test_a_run_of_it_is_resumed_exactly(tmp_path, make):
    def stop(training, step):
        if step.number == 2:
            raise KeyboardInterrupt

    expected, model = make(), make()
    fit(expected)
    fit(model, out=tmp_path, callbacks=[stop])
    resumed = make()
    history = fit(resumed, out=tmp_path, resume=True)
    assert history.resumed_at == 2
    assert same(resumed, expected)


def test_a_plain_layer_is_not_trained_where_it_could_not_be_saved(tmp_path):
    words = r"holds a Network, got Sequential.*: derive a class of yours from tinyunet\.Network"
    with pytest.raises(TypeError, match=words):
        fit(sequential(), out=tmp_path / "run")
    assert not (tmp_path / "run").exists()
    with pytest.raises(TypeError, match=words):
        tu.save(tmp_path / "m.npz", sequential())


def test_one_channel_is_the_foregrounds():
    model = OneChannel()
    assert as_network(model).num_classes == 1
    image = np.random.default_rng(1).random((16, 20), np.float32)
    p = tu.predict_image(model, image)
    logits = model.predict(image[None, ..., None])[0, ..., 0]
    np.testing.assert_allclose(p[..., 1], 1 / (1 + np.exp(-logits)), rtol=1e-5)
    np.testing.assert_allclose(p[..., 0], 1 - p[..., 1], atol=1e-6)


# ---------------------------------------------------------------------- sizes


class Given(tu.Network):
    """Layers one after the other."""

    def __init__(self, *layers):
        super().__init__()
        self.layers = list(layers)

    def forward(self, x):
        for layer in self.layers:
            x = layer(x)
        return x


def test_height_and_width_have_sizes_of_their_own():
    """3 and 9 pixels of kernel, pooled by 2 and by 3."""
    pool, up = tu.MaxPool2d((2, 3)), tu.ConvTranspose2d(2, 2, (2, 3), stride=(2, 3))
    network = Given(tu.Conv2d(1, 2, (3, 9)), pool, up)
    assert network.sizes == (Sizes(4, 2, 2), Sizes(11, 3, 8))
    assert network.output_size(6, 14) == (4, 6)
    assert network.input_size(3, 4) == (6, 14)
    assert (network.tile_stride, network.shrinks) == (6, True)
    with pytest.raises(ValueError, match="of width 13: the nearest valid sizes are 11 or 14"):
        network.output_size(6, 13)
    for height, width in ((4, 11), (6, 14)):
        x = np.zeros((1, height, width, 1), np.float32)
        assert network.predict(x).shape[1:3] == network.output_size(height, width)
    image = np.random.default_rng(0).random((23, 40), np.float32)
    whole = tu.predict_image(network, image)
    np.testing.assert_allclose(tu.predict_image(network, image, tile=(20, 29)), whole, atol=1e-5)


def test_the_smallest_sizes_are_those_that_run():
    """Found along each axis alone, against all sizes up to 30 by running."""
    network = Given(tu.Conv2d(1, 1, (2, 7)), tu.MaxPool2d((3, 1)), tu.ConvTranspose2d(
        1, 1, (3, 1), stride=(3, 1)))  # fmt: skip
    for height in range(1, 31):
        for width in range(1, 31):
            x = np.zeros((1, height, width, 1), np.float32)
            try:
                found = network.predict(x).shape[1:3]
            except ValueError:
                with pytest.raises(ValueError, match="nearest valid sizes"):
                    network.output_size(height, width)
            else:
                assert network.output_size(height, width) == found


@pytest.mark.parametrize(
    ("layers", "words"),
    [
        ([tu.Conv2d(1, 2, stride=2)], r"does not grow pixel by pixel .*\(height: 3 -> 1, 4 -> 1"),
        ([tu.ConvTranspose2d(1, 2)], r"is larger than the image \(height: 1 -> 2, 2 -> 4"),
        ([tu.Conv2d(1, 2, padding=2)], r"is larger than the image \(height: 1 -> 3"),
        ([tu.ReLU()], "no layer of Given.* set its in_channels"),
    ],
)
def test_what_cannot_be_tiled_is_named(layers, words):
    with pytest.raises(ValueError, match=words):
        _ = Given(*layers).sizes


def test_a_network_that_takes_no_size(monkeypatch):
    monkeypatch.setattr("tinyunet.networks.sizes.LIMIT", 20)
    words = (
        r"tried with 1 channel, takes no square image up to 20 pixels: Conv2d\(in_channels=3.*set"
    )
    with pytest.raises(ValueError, match=words):
        _ = Given(tu.Conv2d(1, 2), tu.Conv2d(3, 2)).sizes


class Grows(tu.Network):
    """Its output is of a size by chance."""

    in_channels = 1

    def __init__(self):
        super().__init__()
        self._draw = np.random.default_rng(1)

    def forward(self, x):
        return x[:, : 1 + self._draw.integers(x.shape[1])]


def test_an_output_of_any_size_by_chance():
    with pytest.raises(ValueError, match=r"output of Grows\(\).* does not grow pixel by pixel"):
        _ = Grows().sizes


def forward_misspelt(self, x):
    return x.shapee


def forward_of_nothing(self, x):
    return None


def forward_of_vectors(self, x):
    return x.mean((1, 2))


@pytest.mark.parametrize(
    ("forward", "kind", "words"),
    [
        (forward_misspelt, AttributeError, "shapee"),
        (forward_of_nothing, TypeError, "output of type NoneType for an image"),
        (forward_of_vectors, TypeError, r"output of shape \(1, 1\) for .*not logits \(1, H, W"),
    ],
)
def test_a_mistake_in_forward_is_not_taken_for_a_size(forward, kind, words):
    class Wrong(tu.Network):
        in_channels = 1

    Wrong.forward = forward
    with pytest.raises(kind, match=words):
        _ = Wrong().sizes


class Scale(tu.Layer):
    """It has parameters, and does not say how many channels it takes."""

    def __init__(self, channels):
        super().__init__()
        self.params["factor"] = np.ones(channels, np.float32)

    def forward(self, x):
        return x * self.params["factor"]


def test_a_first_layer_that_does_not_say_its_channels():
    words = r"layers\.0, Scale\(\), does not say how many channels .* set self\.in_channels"
    with pytest.raises(ValueError, match=words):
        _ = Given(Scale(3), tu.Conv2d(3, 2)).sizes
    network = Given(Scale(3), tu.Conv2d(3, 2))
    network.in_channels = 3
    assert network.sizes[0] == Sizes(3, 1, 2)


def test_a_constructor_may_say_all_itself():
    class Told(tu.Network):
        def __init__(self, side=8):
            super().__init__()
            self.in_channels, self.num_classes, self.reach = 2, 5, 3
            self.sizes = Sizes(side, side, 0), Sizes(side, side, 0)
            self.tile_stride, self.shrinks = 16, False
            self.config = {"side": side}

    network = Told(4)  # it has no forward: nothing is tried
    assert network.output_size(8, 4) == (8, 4)
    assert (network.in_channels, network.num_classes, network.tile_stride) == (2, 5, 16)


def test_a_plain_layer_is_tried_once(monkeypatch):
    model = sequential()
    network = as_network(model)
    assert network.sizes == (Sizes(2, 2, 0),) * 2
    assert network.num_classes == 2
    monkeypatch.setattr(model, "forward", None)
    assert as_network(model) is network
    assert as_network(model).output_size(4, 6) == (4, 6)
    monkeypatch.undo()
    model.layers.append(tu.Conv2d(2, 3))  # another network now
    assert as_network(model).output_size(4, 6) == (2, 4)
    assert as_network(model).num_classes == 3


def test_a_layer_with_two_names():
    network = Given(tu.Conv2d(1, 1, 3))
    network.again = network.layers[0]
    assert network.reach == 3
    assert "forward" not in vars(network.layers[0])


def test_what_is_no_layer():
    with pytest.raises(TypeError, match=r"a network is a tinyunet\.Layer.*, got int: derive"):
        as_network(3)


# ---------------------------------------------------------------------- config


def test_arguments_are_noted_by_name():
    network = Chain(1, 3, 4, bias=False, seed=9)
    expected = {"channels": 1, "widths": (3, 4), "dropout": 0.0, "seed": 9, "bias": False}
    assert network.config == expected
    assert same(Chain.from_config(network.config), network)
    assert Level().config == {}
    assert str(Chain(2)) == "Chain(channels=2, widths=(), dropout=0.0, seed=0)"


def test_a_list_that_is_changed_later_is_kept_as_it_was():
    class Listed(tu.Network):
        def __init__(self, widths, options=None):
            super().__init__()
            self.convs = [tu.Conv2d(1, width, 1) for width in widths]
            widths.append(99)

    widths, options = [2, 3], {"inner": [1]}
    network = Listed(widths, options)
    options["inner"].append(2)
    assert network.config == {"widths": [2, 3], "options": {"inner": [1]}}


def test_a_class_without_a_constructor_of_its_own():
    class HeirOfChain(Chain):
        pass

    class Bare(tu.Network):
        pass

    assert HeirOfChain(1, seed=3).config["seed"] == 3
    assert Bare().config == {}


def test_a_wrong_argument_is_the_constructors_to_name():
    with pytest.raises(TypeError, match="unexpected keyword argument 'width'"):
        Level(width=3)
    with pytest.raises(TypeError, match=r"Level is not made with \{'width': 3\}: .*'width'"):
        Level.from_config({"width": 3})


def test_a_dtype_in_the_config_follows():
    class Typed(tu.Network):
        def __init__(self, dtype=np.float64):
            super().__init__()
            self.conv = tu.Conv2d(1, 1, 1)
            self.astype(dtype)

    assert Typed().config == {"dtype": "float64"}
    assert Typed().astype("float32").config == {"dtype": "float32"}


def test_classes_are_found_by_name_and_the_last_one_wins():
    def define():
        class Again(tu.Network):
            pass

        return Again

    define()
    last = define()
    assert find_network("Again") is last
    with pytest.raises(ValueError, match=r"no network called 'os\.system', but .*UNet.*define or"):
        find_network("os.system")


def test_a_name_of_tinyunets_own_stays_its_own(tmp_path):
    class UNet(tu.Network):
        def __init__(self):
            super().__init__()
            self.conv = tu.Conv2d(1, 2, padding="same")

        def forward(self, x):
            return self.conv(x)

        def backward(self, dy):
            return self.conv.backward(dy)

    assert find_network("UNet") is tu.UNet
    fit(UNet())  # it works as any other
    for keep in (
        lambda: tu.save(tmp_path / "m.npz", UNet()),
        lambda: fit(UNet(), out=tmp_path / "run"),
    ):
        with pytest.raises(TypeError, match="name it otherwise: UNet is tinyunet's own"):
            keep()
    assert not list(tmp_path.iterdir())
    theirs = tu.UNet(base_channels=1, depth=1)
    tu.save(tmp_path / "ours.npz", theirs)
    assert type(tu.load(tmp_path / "ours.npz")) is tu.UNet


def test_one_of_an_earlier_class_is_not_saved_as_a_later_one(tmp_path):
    def define(width):
        class Twice(tu.Network):
            def __init__(self):
                super().__init__()
                self.conv = tu.Conv2d(1, width, 1)

        return Twice

    earlier, later = define(2), define(2)
    earlier.__qualname__ = "elsewhere.Twice"  # else it might be a cell of a notebook that ran again
    with pytest.raises(TypeError, match=r"of an earlier class Twice: another .* defined since"):
        tu.save(tmp_path / "m.npz", earlier())
    tu.save(tmp_path / "m.npz", later())
    assert type(tu.load(tmp_path / "m.npz")) is later


def test_an_heir_of_unet_with_arguments_of_its_own():
    class Deep(tu.UNet):
        def __init__(self, depth=3):
            super().__init__(2, 2, base_channels=2, depth=depth, padding="same")

    class Other(tu.UNet):
        def __init__(self, size):
            super().__init__(3, 2, base_channels=size, depth=1)

    assert str(Deep(2)) == "Deep(depth=2)"
    assert str(Other(2)) == "Other(size=2)"
    assert (Deep().in_channels, Other(1).in_channels) == (2, 3)
    with pytest.raises(ValueError, match=r"Deep\(depth=3, padding='same'\) cannot take"):
        Deep().output_size(9, 8)


class Backwards(tu.Network):
    """Its layers are defined from the end to the beginning."""

    def __init__(self):
        super().__init__()
        self.head = tu.Conv2d(4, 2, 1)
        self.first = tu.Conv2d(3, 4, 3)

    def forward(self, x):
        return self.head(self.first(x))


def test_channels_are_those_of_the_layer_that_runs_first():
    model = Backwards()
    assert model.in_channels == 3
    assert "forward" not in vars(model.first)
    assert model.sizes[0] == Sizes(3, 1, 2)
    two = np.zeros((9, 9, 2), np.float32)
    with pytest.raises(ValueError, match=r"image \(H, W, 3\).*set self\.in_channels"):
        tu.predict_image(model, two)
    told = Backwards()
    told.in_channels = 3
    with pytest.raises(ValueError, match=r"image \(H, W, 3\), got one of shape \(9, 9, 2\)$"):
        tu.predict_image(told, two)


def test_an_error_that_is_not_for_the_size_comes_soon_and_as_it_is():
    seen = []

    class Mismatch(tu.Network):
        def __init__(self):
            super().__init__()
            self.one, self.two = tu.Conv2d(1, 3), tu.Conv2d(4, 2)

        def forward(self, x):
            seen.append(x.shape[1])
            return self.two(self.one(x))

    with pytest.raises(ValueError, match=r"^Conv2d\(in_channels=4.* an input with 3 channels"):
        _ = Mismatch().sizes
    assert len(seen) < 70


@pytest.mark.parametrize("kernel", [65, 130])
def test_a_network_for_large_images_only(kernel):
    assert Given(tu.Conv2d(1, 1, kernel)).sizes == (Sizes(kernel, 1, kernel - 1),) * 2


def test_sizes_of_a_users_own_are_named():
    class Mine(tu.Network):
        def __init__(self):
            super().__init__()
            self.sizes = (4, 8)

    words = r"Mine\.sizes says which heights .*got \(4, 8\): call an attribute"
    with pytest.raises(TypeError, match=words):
        Mine()
    with pytest.raises(TypeError, match=words):
        type("Mine", (tu.Network,), {"sizes": (4, 8)})


class Counting(Level):
    """It counts its forward passes in an array without axes."""

    def __init__(self):
        super().__init__()
        self.buffers["count"] = np.zeros((), np.float32)

    def forward(self, x):
        self.buffers["count"] = self.buffers["count"] + np.float32(1)  # now it is a number
        return super().forward(x)


def test_an_array_without_axes_stays_one(tmp_path):
    model = Counting()
    model.predict(np.zeros((1, 4, 4, 1), np.float32))
    state = model.state_dict()
    assert isinstance(state["count"], np.ndarray)
    model.load_state_dict({**state, "count": np.float32(7)})
    assert model.buffers["count"] == 7
    tu.save(tmp_path / "m.npz", model)
    loaded = tu.load(tmp_path / "m.npz")
    assert loaded.buffers["count"] == 7
    assert isinstance(loaded.astype("float64").buffers["count"], np.ndarray)
