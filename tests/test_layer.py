"""The contract that `Layer` gives every layer: names, states, modes, kinds, and clear errors."""

import sys

import numpy as np
import pytest
from helpers import upstream
from layer_cases import CASES

import tinyunet as tu


def image(*shape, dtype="float32"):
    return np.random.default_rng(0).standard_normal(shape).astype(dtype)


class Block(tu.Layer):
    """A composite with parts as attributes and in a list, and references that are no parts."""

    def __init__(self):
        super().__init__()
        self.second = tu.Conv2d(2, 2, 1)
        self.many = [tu.Conv2d(2, 2, 1, bias=False), tu.ReLU(), tu.Conv2d(2, 2, 1)]
        self.size = 3
        self.first = tu.Conv2d(1, 2, 1)
        self._reference = self.first


# ---------------------------------------------------------------------- names


def test_the_table_of_layers_is_complete():
    tested = {type(part) for case in CASES for _, part in case.layer().named_layers()}
    public = {getattr(tu, name) for name in tu.__all__}
    layers = {item for item in public if isinstance(item, type) and issubclass(item, tu.Layer)}
    assert layers - tested == {tu.Layer, tu.Network}  # what all of these are


def test_parameters_are_named_in_definition_order():
    assert [name for name, _ in Block().named_parameters()] == [
        "second.weight",
        "second.bias",
        "many.0.weight",
        "many.2.weight",
        "many.2.bias",
        "first.weight",
        "first.bias",
    ]


def test_underscore_attributes_are_no_parts():
    names = [name for name, _ in Block().named_layers()]
    assert names == ["", "second", "many.0", "many.1", "many.2", "first"]


def test_sequential_numbers_its_parts():
    inner = tu.Sequential(tu.ReLU(), tu.Conv2d(2, 3, 1, bias=False))
    layer = tu.Sequential(tu.Conv2d(1, 2, 1), inner)
    assert [name for name, _ in layer.named_parameters()] == ["0.weight", "0.bias", "1.1.weight"]


def test_sequential_takes_layers_only():
    with pytest.raises(TypeError, match="Sequential takes layers, got 3"):
        tu.Sequential(tu.ReLU(), 3)


def test_unet_names():
    names = [name for name, _ in tu.UNet(base_channels=1, depth=2).named_parameters()]
    assert names[:4] == [
        "encoder.0.conv1.weight",
        "encoder.0.conv1.bias",
        "encoder.0.conv2.weight",
        "encoder.0.conv2.bias",
    ]
    assert names[-2:] == ["head.weight", "head.bias"]
    for name in ("bottom.conv1.weight", "ups.1.weight", "decoder.0.conv2.bias"):
        assert name in names


def test_number_of_parameters():
    assert tu.Conv2d(3, 4, (2, 5)).num_parameters == 3 * 4 * 2 * 5 + 4
    assert tu.ConvTranspose2d(3, 4, bias=False).num_parameters == 3 * 4 * 2 * 2
    assert tu.ReLU().num_parameters == 0


def test_gradients_are_named_like_their_parameters():
    layer = tu.Sequential(tu.Conv2d(1, 2, 1), tu.ReLU(), tu.Conv2d(2, 1, 1))
    assert dict(layer.named_gradients()) == {}
    layer.backward(upstream(layer(image(1, 2, 3, 1))))
    shapes = {name: array.shape for name, array in layer.named_parameters()}
    assert {name: array.shape for name, array in layer.named_gradients()} == shapes


def test_layers_describe_themselves():
    assert str(tu.Conv2d(1, 2)) == "Conv2d(in_channels=1, out_channels=2, kernel_size=(3, 3))"
    described = str(tu.Conv2d(1, 2, stride=2, padding=1, dilation=3, activation="relu"))
    for part in ("stride=(2, 2)", "padding=", "dilation=(3, 3)", "activation='relu'"):
        assert part in described
    assert repr(tu.Sequential(tu.ReLU(), tu.Dropout(0.3))) == "Sequential(ReLU(), Dropout(p=0.3))"
    assert "padding" in str(tu.ConvTranspose2d(1, 1, 4, padding=1))
    assert "skip='sum'" in str(tu.UNet(base_channels=1, depth=1, skip="sum"))


# ---------------------------------------------------------------------- frozen parameters


class HalfFrozen(tu.Conv2d):
    """Its bias is learned alone."""

    def __init__(self):
        super().__init__(1, 2, 1)
        self.frozen = frozenset({"weight"})


class Frozen(tu.Conv2d):
    """Nothing is learned."""

    def __init__(self):
        super().__init__(2, 2, activation="relu", padding=1)
        self.frozen = frozenset(self.params)


def partly_frozen():
    return tu.Sequential(HalfFrozen(), Frozen(), tu.Conv2d(2, 1, 1))


LEARNED = ["0.bias", "2.weight", "2.bias"]


def test_frozen_parameters_count_and_are_saved_but_have_no_gradient():
    model = partly_frozen()
    assert model.num_parameters == 4 + 38 + 3
    assert len(model.state_dict()) == 6
    assert [name for name, _ in model.named_learned()] == LEARNED
    model.backward(upstream(model(image(2, 4, 5, 1))))
    assert [name for name, _ in model.named_gradients()] == LEARNED
    assert not model.layers[1].grads  # not even computed


def test_a_gradient_check_passes_over_frozen_parameters():
    report = tu.check_gradients(partly_frozen(), image(2, 4, 5, 1))
    assert report.passed, report
    named = {row.name for row in report.rows}
    assert named >= {"x", *LEARNED}
    assert not named & {"0.weight", "1.weight", "1.bias"}


@pytest.mark.parametrize("make", [tu.SGD, tu.Adam])
def test_no_optimizer_changes_frozen_parameters(make):
    model = partly_frozen()
    before, optimizer = model.state_dict(), make(model, lr=0.1, weight_decay=0.1)
    for _ in range(2):
        model.backward_parameters(upstream(model(image(2, 4, 5, 1))))
        optimizer.step()
    changed = [n for n, array in model.named_parameters() if not np.array_equal(array, before[n])]
    assert changed == LEARNED
    assert {key.split("/")[0] for key in optimizer.state} == set(LEARNED)
    again = make(partly_frozen(), lr=0.1)
    again.load_state_dict(optimizer.state_dict(), 2)


# ---------------------------------------------------------------------- states


def test_state_dict_copies():
    layer = tu.Conv2d(1, 2)
    state = layer.state_dict()
    state["weight"] += 1
    assert not np.array_equal(state["weight"], layer.params["weight"])


def test_state_goes_from_one_model_to_another():
    source = tu.UNet(base_channels=1, depth=1, seed=1, dtype="float64")
    target = tu.UNet(base_channels=1, depth=1, seed=2)
    arrays = dict(target.named_parameters())
    target.load_state_dict(source.state_dict())
    for name, array in target.named_parameters():
        assert array is arrays[name]  # in place: an optimizer's view of the model stays valid
        assert array.dtype == "float32"
        np.testing.assert_array_equal(array, dict(source.named_parameters())[name].astype("f4"))


def test_a_state_that_does_not_fit_lists_every_problem_and_changes_nothing():
    layer = tu.Sequential(tu.Conv2d(1, 2), tu.Conv2d(2, 1))
    before = layer.state_dict()
    state = {name: array + 1 for name, array in before.items()}
    del state["0.bias"]
    state["2.weight"] = np.zeros(3)
    state["1.weight"] = np.zeros((3, 3, 2, 4))
    with pytest.raises(ValueError, match="the state does not fit Sequential") as error:
        layer.load_state_dict(state)
    message = str(error.value)
    assert "missing: 0.bias" in message
    assert "unexpected: 2.weight" in message
    assert "1.weight: shape (3, 3, 2, 4), expected (3, 3, 2, 1)" in message
    for name, array in layer.named_parameters():
        np.testing.assert_array_equal(array, before[name])


def test_states_between_devices(xp, device):
    source = tu.Conv2d(1, 2, rng=np.random.default_rng(5))
    target = tu.Conv2d(1, 2).to(device)
    target.load_state_dict(source.state_dict())
    assert tu.array_module(target.params["weight"]) is xp
    np.testing.assert_array_equal(tu.to_cpu(target.params["weight"]), source.params["weight"])
    back = tu.Conv2d(1, 2)
    back.load_state_dict(target.state_dict())
    np.testing.assert_array_equal(back.params["weight"], source.params["weight"])


# ---------------------------------------------------------------------- buffers and generators


class Centred(tu.Layer):
    """Subtract a running mean: a buffer of floats, and one that counts."""

    def __init__(self):
        super().__init__()
        self.buffers["mean"] = np.full(2, 0.5, np.float32)
        self.buffers["seen"] = np.array(3, np.int64)


def centred():
    return tu.Sequential(tu.Conv2d(1, 2, 1), Centred())


def test_buffers_are_in_the_state_after_all_parameters():
    model = centred()
    assert list(dict(model.named_buffers())) == ["1.mean", "1.seen"]
    assert list(model.state_dict()) == ["0.weight", "0.bias", "1.mean", "1.seen"]
    assert "1.mean" not in dict(model.named_parameters())
    assert model.num_parameters == 4
    other = centred()
    other.layers[1].buffers["mean"][...] = 7
    own = other.layers[1].buffers["seen"]
    model.layers[1].buffers["seen"][...] = 41
    other.load_state_dict(model.state_dict())
    np.testing.assert_array_equal(other.layers[1].buffers["mean"], [0.5, 0.5])
    assert own == 41  # in place
    assert own.dtype == np.int64


def test_a_state_without_a_buffer_is_refused():
    model = centred()
    state = model.state_dict()
    del state["1.mean"]
    state["1.seen"] = np.zeros(2, np.int64)
    with pytest.raises(
        ValueError, match=r"missing: 1\.mean\n  1\.seen: shape \(2,\), expected \(\)"
    ):
        model.load_state_dict(state)


def test_only_buffers_of_floats_are_cast():
    model = centred().astype("float64")
    buffers = dict(model.named_buffers())
    assert [array.dtype.name for array in buffers.values()] == ["float64", "int64"]


def test_buffers_move(xp, device):
    model = centred().to(device)
    assert all(tu.array_module(array) is xp for _, array in model.named_buffers())


def test_generators_are_found_by_their_layers():
    model = tu.Sequential(tu.Conv2d(1, 1, 1), tu.Dropout(0.5), tu.Dropout(0.2))
    found = dict(model.named_generators())
    assert list(found) == ["1.rng", "2.rng"]
    assert found["2.rng"] is model.layers[2].rng
    assert not dict(tu.Conv2d(1, 1, 1, rng=np.random.default_rng(3)).named_generators())


# ---------------------------------------------------------------------- PyTorch's axes


def test_each_layer_says_its_own_axes():
    model = tu.Sequential(tu.Conv2d(2, 3, (4, 5)), tu.ConvTranspose2d(3, 2, (6, 7)), Centred())
    shapes = {name: array.shape for name, array in model.torch_state().items()}
    assert shapes == {
        "0.weight": (3, 2, 4, 5), "0.bias": (3,), "1.weight": (3, 2, 6, 7), "1.bias": (2,),
        "2.mean": (2,), "2.seen": (),
    }  # fmt: skip


def test_to_write_into_a_state_of_pytorch_fills_the_layer():
    model = tu.ConvTranspose2d(2, 3)
    model.torch_state()["weight"][1, 2, 0, 1] = 9
    assert model.params["weight"][1, 0, 1, 2] == 9


def test_the_old_function_still_guesses_and_says_so():
    array = np.zeros((2, 3, 4, 5))
    with pytest.warns(DeprecationWarning, match=r"use model\.torch_state\(\)"):
        assert tu.to_torch_layout("ups.0.weight", array).shape == (2, 5, 3, 4)
    with pytest.warns(DeprecationWarning, match="guesses"):
        assert tu.to_torch_layout("head.weight", array).shape == (5, 4, 2, 3)


# ---------------------------------------------------------------------- a user's backward


class Doubled(tu.Layer):
    """Its backward takes no ``input_gradient``."""

    def forward(self, x):
        self._keep(x)
        return 2 * x

    def backward(self, dy):
        self._take(dy)
        return 2 * dy


@pytest.mark.parametrize("input_gradient", [True, False])
def test_a_backward_may_leave_out_input_gradient(input_gradient):
    model = tu.Sequential(Doubled(), tu.Conv2d(1, 1, 1), Doubled())
    y = model(image(1, 2, 3, 1))
    dx = model.backward(upstream(y), input_gradient=input_gradient)
    assert (dx is None) is not input_gradient
    assert len(dict(model.named_gradients())) == 2


def test_gradients_of_parameters_alone():
    model = tu.Conv2d(1, 2, 1)
    y = model(image(1, 2, 3, 1))
    assert model.backward_parameters(upstream(y)) is None
    assert model.grads.keys() == {"weight", "bias"}


def test_the_layer_in_the_docstring_is_right():
    code = tu.Layer.__doc__.split("::\n", 1)[1].split("``tu.check", 1)[0]
    scope = {"np": np, "tu": tu}
    exec("if True:\n" + code, scope)
    assert tu.check_gradients(scope["Scale"](3), image(2, 3, 4, 3)).passed


# ---------------------------------------------------------------------- modes


def test_train_and_eval_reach_every_part():
    model = tu.UNet(base_channels=1, depth=1, dropout=0.5)
    assert all(part.training for _, part in model.named_layers())
    assert model.eval() is model
    assert not any(part.training for _, part in model.named_layers())
    assert model.train() is model
    assert all(part.training for _, part in model.named_layers())


def test_predict_runs_in_eval_and_restores_every_mode():
    model = tu.Sequential(tu.Dropout(0.5), tu.ReLU(), tu.Dropout(0.5))
    model.layers[1].training = False
    x = np.abs(image(1, 2, 3, 4)) + 1
    np.testing.assert_array_equal(model.predict(x), x)
    assert [part.training for part in model.layers] == [True, False, True]
    assert all(part._kept is None for part in model.layers)


def test_predict_restores_modes_after_an_error():
    model = tu.Sequential(tu.Conv2d(1, 2), tu.ReLU())
    with pytest.raises(ValueError, match="2 channels"):
        model.predict(image(1, 4, 4, 2))
    assert all(part.training for _, part in model.named_layers())


def test_eval_forgets_what_training_kept():
    layer = tu.ReLU()
    y = layer(image(1, 2, 2, 1))
    layer.eval()
    with pytest.raises(RuntimeError, match="training mode"):
        layer.backward(y)


def test_one_layer_object_used_twice():
    relu = tu.ReLU()
    model = tu.Sequential(relu, tu.Conv2d(1, 1, 1), relu)
    y = model(image(1, 2, 2, 1))
    with pytest.raises(RuntimeError, match=r"ReLU\(\)\.backward .* used twice in a network\?"):
        model.backward(y)


# ---------------------------------------------------------------------- kinds of arrays


def test_astype_converts_all_parameters():
    layer = tu.Sequential(tu.Conv2d(1, 2), tu.ConvTranspose2d(2, 1))
    layer.backward(upstream(layer(image(1, 4, 4, 1))))
    assert layer.astype("float64") is layer
    assert {array.dtype.name for _, array in layer.named_parameters()} == {"float64"}
    assert dict(layer.named_gradients()) == {}  # those of float32 would not match
    with pytest.raises(ValueError, match="dtype must be float32 or float64, got float16"):
        layer.astype("float16")


def test_to_moves_all_parameters(xp, device):
    layer = tu.Sequential(tu.Conv2d(1, 2), tu.ConvTranspose2d(2, 1))
    assert layer.to(device) is layer
    assert all(tu.array_module(array) is xp for _, array in layer.named_parameters())
    layer.to("cpu")
    assert all(tu.array_module(array) is np for _, array in layer.named_parameters())
    with pytest.raises(ValueError, match='device must be "cpu" or "gpu", got \'cuda\''):
        layer.to("cuda")


@pytest.mark.parametrize("make", [lambda: tu.Conv2d(1, 2, 1), lambda: tu.ConvTranspose2d(1, 2)])
def test_wrong_dtype_names_both_and_the_remedy(make):
    layer = make()
    with pytest.raises(TypeError, match=r"works in float32 .* input in float64 .*astype"):
        layer(image(1, 2, 2, 1, dtype="float64"))
    y = layer(image(1, 2, 2, 1))
    with pytest.raises(TypeError, match=r"works in float32 .* upstream gradient in float64"):
        layer.backward(y.astype("float64"))


def test_integers_are_refused_where_there_are_no_parameters():
    with pytest.raises(TypeError, match=r"ReLU\(\) needs float32 or float64, got uint8"):
        tu.ReLU()(np.zeros((1, 2, 2, 1), "uint8"))


def test_wrong_device_names_both_and_the_remedy(xp):
    if xp is np:
        pytest.skip("needs two devices")
    layer, x = tu.Conv2d(1, 2, 1), image(1, 2, 2, 1)
    with pytest.raises(TypeError, match=r"on the cpu but got .* on the gpu: .*to_cpu / to_gpu"):
        layer(xp.asarray(x))
    y = layer(x)
    with pytest.raises(TypeError, match="upstream gradient"):
        layer.backward(xp.asarray(y))
    with pytest.raises(TypeError, match="one dtype and device"):
        tu.Add()(x, xp.asarray(x))


def test_what_is_no_array():
    with pytest.raises(TypeError, match=r"NumPy or CuPy array, got list: .*numpy\.asarray"):
        tu.ReLU()([[[[1.0]]]])


def test_gpu_without_cupy_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "cupy", None)
    assert not tu.gpu_available()
    with pytest.raises(RuntimeError, match="needs CuPy, which is not installed"):
        tu.Conv2d(1, 1).to("gpu")


# ---------------------------------------------------------------------- shapes

IMAGE_LAYERS = [case for case in CASES if case.name in ("ReLU", "MaxPool2d 2", "Dropout")]
IMAGE_LAYERS += [case for case in CASES if "3x3 same" in case.name or "k=s" in case.name]


@pytest.mark.parametrize("case", IMAGE_LAYERS, ids=lambda case: case.name)
def test_wrong_rank_and_empty_inputs(case):
    layer = case.layer()
    (x,) = case.inputs()
    with pytest.raises(ValueError, match=r"\(N, H, W, C\), got shape \(\d+, \d+, \d+\)"):
        layer(x[0])
    with pytest.raises(ValueError, match=r"got an empty input: shape \(0, "):
        layer(x[:0])


@pytest.mark.parametrize("make", [tu.Conv2d, tu.ConvTranspose2d])
def test_wrong_channels(make):
    with pytest.raises(ValueError) as error:
        make(3, 2)(image(8, 64, 64, 1))
    name = make.__name__
    assert str(error.value).startswith(f"{name}(in_channels=3")
    assert str(error.value).endswith("got an input with 1 channel: shape (8, 64, 64, 1)")


@pytest.mark.parametrize("make", [tu.Conv2d, tu.ConvTranspose2d])
def test_no_channels(make):
    with pytest.raises(ValueError, match="at least 1 channel: 0 -> 2"):
        make(0, 2)


def test_input_smaller_than_the_kernel():
    with pytest.raises(ValueError, match=r"smaller than its kernel: shape \(1, 2, 5, 1\)"):
        tu.Conv2d(1, 1)(image(1, 2, 5, 1))


def test_transposed_convolution_without_output():
    with pytest.raises(ValueError, match="leaves no output"):
        tu.ConvTranspose2d(1, 1, 2, padding=2)(image(1, 2, 2, 1))


def test_upstream_gradient_of_a_wrong_shape():
    layer = tu.Conv2d(1, 2)
    layer(image(1, 5, 6, 1))
    with pytest.raises(ValueError, match=r"output of \(1, 3, 4, 2\), but its gradient is \(1, 4"):
        layer.backward(image(1, 4, 3, 2))


def test_a_rejected_upstream_gradient_costs_nothing():
    layer = tu.ReLU()
    y = layer(image(1, 2, 3, 1))
    with pytest.raises(ValueError, match="its gradient"):
        layer.backward(y[:, :1])
    layer.backward(y)


def test_joins_need_images_that_fit():
    with pytest.raises(ValueError, match=r"Concat\(\) joins two inputs or more, got 1"):
        tu.Concat()(image(1, 2, 2, 1))
    with pytest.raises(ValueError, match=r"got \(1, 2, 2, 1\), \(1, 3, 2, 1\): crop them first"):
        tu.Concat()(image(1, 2, 2, 1), image(1, 3, 2, 1))
    with pytest.raises(ValueError, match="same size"):
        tu.Add()(image(1, 2, 2, 1), image(1, 2, 2, 3))
    with pytest.raises(TypeError, match=r"float32 \(numpy\), float64 \(numpy\)"):
        tu.Add()(image(1, 2, 2, 1), image(1, 2, 2, 1, dtype="float64"))


def test_crop_larger_than_the_image():
    with pytest.raises(ValueError, match=r"cannot cut 4x2 out of an input of shape \(1, 3, 5, 1\)"):
        tu.CenterCrop()(image(1, 3, 5, 1), (4, 2))


@pytest.mark.parametrize(
    ("layer", "size"), [(tu.CenterCrop(), (4, 5)), (tu.CropAt(0), (4, 5))], ids=["center", "at"]
)
def test_a_crop_of_nothing_hands_its_gradient_on(layer, size):
    x, dy = np.ones((2, 4, 5, 3), "float32"), np.ones((2, 4, 5, 6), "float32")[..., 3:]
    layer(x, size)
    assert layer.backward(dy) is dy


def test_crop_cuts_the_odd_pixel_at_the_bottom_and_right():
    x = np.arange(20.0).reshape(1, 4, 5, 1)
    np.testing.assert_array_equal(tu.CenterCrop()(x, (1, 2))[0, :, :, 0], [[6, 7]])


def test_sequential_order_and_empty_sequential():
    double, add = tu.Conv2d(1, 1, 1), tu.Conv2d(1, 1, 1)
    double.params["weight"][...], add.params["weight"][...] = 2, 1
    add.params["bias"][...] = 3
    x = image(1, 2, 3, 1)
    np.testing.assert_allclose(tu.Sequential(double, add)(x), 2 * x + 3, rtol=1e-6)
    assert tu.Sequential()(x) is x


@pytest.mark.parametrize("method", ["forward", "backward"])
def test_an_unfinished_layer_says_what_is_missing(method):
    class Unfinished(tu.Layer):
        pass

    with pytest.raises(TypeError, match=rf"Unfinished\(\) does not define {method}"):
        getattr(Unfinished(), method)(None)


# ---------------------------------------------------------------------- decisions


def test_decisions_live_from_forward_to_backward():
    layer = tu.Sequential(tu.Conv2d(1, 2, activation="relu"), tu.MaxPool2d(), tu.Dropout(0.5))
    assert layer.decisions() == []
    y = layer(image(1, 6, 6, 1))
    mask, winners, drawn = layer.decisions()
    assert mask.shape == (1, 4, 4, 2)
    assert mask.dtype == bool
    assert winners.shape == drawn.shape == (1, 2, 2, 2)
    assert set(np.unique(winners)) <= {0, 1, 2, 3}
    layer.backward(y)
    assert layer.decisions() == []


def test_smooth_layers_decide_nothing():
    for layer in (tu.Conv2d(1, 1, 1), tu.ConvTranspose2d(1, 1), tu.Dropout(0)):
        layer(image(1, 2, 2, 1))
        assert layer.decisions() == []


def test_held_decisions_are_replayed_for_another_input():
    relu = tu.ReLU()
    x = np.array([-1.0, 2.0, 3.0]).reshape(1, 1, 3, 1)
    relu(x)
    with tu.held_decisions(relu) as flips:
        np.testing.assert_array_equal(relu(-x).ravel(), [0, -2, -3])
        assert flips() == 3
        assert flips() == 0  # counted since it was asked last
    np.testing.assert_array_equal(relu(-x).ravel(), [1, 0, 0])


def test_held_pooling_reads_the_same_pixel():
    pool = tu.MaxPool2d(2)
    x = np.array([[5.0, 1.0], [2.0, 3.0]]).reshape(1, 2, 2, 1)
    pool(x)
    with tu.held_decisions(pool) as flips:
        assert pool(10 - x) == 5
        assert flips() == 1
    assert pool(10 - x) == 9


def test_decisions_are_released_after_an_error():
    relu = tu.ReLU()
    relu(image(1, 2, 2, 1))
    with pytest.raises(ZeroDivisionError), tu.held_decisions(relu):
        1 / 0
    assert relu._held is None


@pytest.mark.parametrize("count", [2, 3, 5])
def test_add_takes_every_input(count):
    images = [image(1, 2, 3, 2) * 0 + 10.0**i for i in range(count)]
    total = tu.Add()(*[x.astype("float64") for x in images])
    np.testing.assert_array_equal(total, int("1" * count))
