"""SGD and Adam: steps computed by hand, state by name, and what goes wrong."""

import math

import numpy as np
import pytest

import tinyunet as tu
from tinyunet.layers.layer import Layer


class One(Layer):
    """A layer with a single number, whose gradient a test sets."""

    def __init__(self, value, dtype="float64"):
        super().__init__()
        self.params["w"] = np.array([value], dtype)

    def step(self, optimizer, gradient):
        self.grads["w"] = np.array([gradient], self.params["w"].dtype)
        optimizer.step()
        return float(self.params["w"][0])


OPTIMIZERS = {
    "SGD": lambda model: tu.SGD(model, 0.1, momentum=0.9, weight_decay=0.01),
    "Adam": lambda model: tu.Adam(model, 0.1, weight_decay=0.01),
}
both = pytest.mark.parametrize("make", OPTIMIZERS.values(), ids=OPTIMIZERS)


def test_sgd_by_hand():
    model = One(1.0)
    optimizer = tu.SGD(model, 0.5, momentum=0)
    assert model.step(optimizer, 0.2) == pytest.approx(0.9, rel=1e-15)
    assert model.step(optimizer, -1.0) == pytest.approx(1.4, rel=1e-15)


def test_sgd_with_momentum_by_hand():
    # v: 1, then 0.9 + 2 = 2.9, then 2.61 - 3 = -0.39; the learning rate comes after v.
    model = One(1.0)
    optimizer = tu.SGD(model, 0.1, momentum=0.9)
    assert model.step(optimizer, 1.0) == pytest.approx(0.9, rel=1e-14)
    optimizer.lr = 0.01
    assert model.step(optimizer, 2.0) == pytest.approx(0.9 - 0.029, rel=1e-14)
    assert model.step(optimizer, -3.0) == pytest.approx(0.871 + 0.0039, rel=1e-14)


def test_sgd_with_weight_decay_by_hand():
    # g = 1 + 0.5 * 2 = 2, v = 2, w = 1.8; then g = 0 + 0.9, v = 1 + 0.9, w = 1.61.
    model = One(2.0)
    optimizer = tu.SGD(model, 0.1, momentum=0.5, weight_decay=0.5)
    assert model.step(optimizer, 1.0) == pytest.approx(1.8, rel=1e-14)
    assert model.step(optimizer, 0.0) == pytest.approx(1.61, rel=1e-14)


def test_the_papers_momentum_is_the_default():
    assert tu.SGD(One(1.0), 0.1).momentum == 0.99


def test_adam_by_hand():
    model = One(1.0)
    optimizer = tu.Adam(model, 0.1, betas=(0.9, 0.99))
    # Undoing the bias, the first step is lr * g / (|g| + eps) whatever the gradient's size.
    first = model.step(optimizer, 3.0)
    assert first == pytest.approx(1 - 0.1 * 3 / (3 + 1e-8), rel=1e-14)
    mean = (0.9 * 0.1 * 3 + 0.1 * -1) / (1 - 0.9**2)
    square = (0.99 * 0.01 * 9 + 0.01 * 1) / (1 - 0.99**2)
    expected = first - 0.1 * mean / (math.sqrt(square) + 1e-8)
    assert model.step(optimizer, -1.0) == pytest.approx(expected, rel=1e-13)


def test_adam_with_weight_decay_by_hand():
    # The decay joins the gradient, as in PyTorch's Adam: g = 0 + 0.5 * 2, so one step of lr.
    model = One(2.0)
    assert model.step(tu.Adam(model, 0.1, weight_decay=0.5), 0.0) == pytest.approx(1.9, rel=1e-8)


def test_adam_in_float32_with_tiny_gradients():
    model = One(1.0, "float32")
    assert model.step(tu.Adam(model, 0.1), 1e-20) == pytest.approx(1, abs=0.1)
    assert np.isfinite(model.params["w"]).all()


# ---------------------------------------------------------------------- state


def trained(make, model, steps, optimizer=None):
    """Take steps on a fixed batch and return the optimizer."""
    optimizer = make(model) if optimizer is None else optimizer
    rng = np.random.default_rng(optimizer.steps)
    for _ in range(steps):
        for name, parameter in model.named_parameters():
            path, _, key = name.rpartition(".")
            layer = dict(model.named_layers())[path]
            gradient = rng.standard_normal(parameter.shape).astype(parameter.dtype)
            layer.grads[key] = tu.array_module(parameter).asarray(gradient)
        optimizer.step()
    return optimizer


def small_model(device="cpu"):
    return tu.Sequential(tu.Conv2d(1, 2), tu.ReLU(), tu.Conv2d(2, 1)).to(device)


@both
def test_parameters_change_in_place(make, device):
    model = small_model(device)
    before = {name: (array, array.copy()) for name, array in model.named_parameters()}
    trained(make, model, 1)
    for name, array in model.named_parameters():
        assert array is before[name][0]
        assert (array != before[name][1]).all()
        assert array.dtype == "float32"


@both
def test_gradients_are_not_changed(make, device):
    model = small_model(device)
    optimizer = trained(make, model, 1)
    before = {name: tu.to_cpu(array).tobytes() for name, array in model.named_gradients()}
    optimizer.step()
    after = {name: tu.to_cpu(array).tobytes() for name, array in model.named_gradients()}
    assert after == before


@pytest.mark.parametrize(("name", "slots"), [("SGD", {"velocity"}), ("Adam", {"mean", "square"})])
def test_state_is_kept_by_name(name, slots):
    model = small_model()
    optimizer = trained(OPTIMIZERS[name], model, 2)
    names = [name for name, _ in model.named_parameters()]
    assert set(optimizer.state_dict()) == {f"{name}/{slot}" for name in names for slot in slots}
    assert optimizer.steps == 2


@both
def test_state_dict_copies(make, device):
    optimizer = trained(make, small_model(device), 1)
    for array in optimizer.state_dict().values():
        array[...] = 7
    assert not any((array == 7).all() for array in optimizer.state.values())


@both
def test_a_loaded_state_continues_identically(make, device):
    model = small_model(device)
    optimizer = trained(make, model, 3)
    twin = small_model(device)
    twin.load_state_dict(model.state_dict())
    twin_optimizer = make(twin)
    twin_optimizer.load_state_dict(optimizer.state_dict(), optimizer.steps)
    trained(make, model, 3, optimizer)
    trained(make, twin, 3, twin_optimizer)
    assert twin_optimizer.steps == 6
    for (_, array), (_, twin_array) in zip(
        model.named_parameters(), twin.named_parameters(), strict=True
    ):
        np.testing.assert_array_equal(tu.to_cpu(array), tu.to_cpu(twin_array))


@both
def test_a_loaded_state_is_a_copy(make, device):
    optimizer = trained(make, small_model(device), 1)
    state = optimizer.state_dict()
    other = make(small_model(device))
    other.load_state_dict(state, 1)
    before = {key: array.copy() for key, array in state.items()}
    trained(make, other.model, 2, other)
    for key, array in state.items():
        np.testing.assert_array_equal(tu.to_cpu(array), tu.to_cpu(before[key]))


@both
def test_steps_on_every_device(make, xp, device):
    model, reference = small_model(device), small_model()
    optimizer = make(model)
    expected = trained(make, reference, 3)
    for layer in (model.layers[0], model.layers[2]):
        assert all(tu.array_module(array) is xp for array in layer.params.values())
    rng = np.random.default_rng(0)
    for _ in range(3):
        for layer in (model.layers[0], model.layers[2]):
            for key, array in layer.params.items():
                draw = rng.standard_normal(array.shape).astype("float32")
                layer.grads[key] = xp.asarray(draw)
        optimizer.step()
    for key, array in optimizer.state.items():
        assert tu.array_module(array) is xp
        np.testing.assert_allclose(tu.to_cpu(array), expected.state[key], rtol=1e-5)
    for name, array in model.named_parameters():
        expected_array = dict(reference.named_parameters())[name]
        np.testing.assert_allclose(tu.to_cpu(array), expected_array, rtol=1e-5)


@both
def test_state_follows_the_model_to_another_device_and_dtype(make, xp, device):
    model = small_model()
    optimizer = trained(make, model, 1)
    model.to(device).astype("float64")
    for layer in (model.layers[0], model.layers[2]):
        layer.grads = {key: array * 0 + 1 for key, array in layer.params.items()}
    optimizer.step()
    for array in optimizer.state.values():
        assert tu.array_module(array) is xp
        assert array.dtype == "float64"


# ---------------------------------------------------------------------- what goes wrong


@both
def test_a_missing_gradient_is_named(make):
    model = small_model()
    optimizer = make(model)
    with pytest.raises(RuntimeError, match=r"no gradient for 0\.weight, 0\.bias, 2\.weight"):
        optimizer.step()
    model.layers[0].grads = {key: array * 0 for key, array in model.layers[0].params.items()}
    before = model.state_dict()
    with pytest.raises(RuntimeError, match=r"no gradient for 2\.weight, 2\.bias: run the model's"):
        optimizer.step()
    assert optimizer.steps == 0
    for name, array in model.named_parameters():
        np.testing.assert_array_equal(array, before[name])


NAN = float("nan")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda m: tu.SGD(m, 0), "lr must be above 0, got 0"),
        (lambda m: tu.Adam(m, -1), "lr must be above 0, got -1"),
        (lambda m: tu.SGD(m, NAN), "lr must be above 0, got nan"),
        (lambda m: tu.SGD(m, 1, momentum=1), "momentum must be at least 0 and below 1, got 1"),
        (lambda m: tu.SGD(m, 1, momentum=-0.1), "momentum must be at least 0 and below 1"),
        (lambda m: tu.SGD(m, 1, weight_decay=-1), "weight_decay must not be negative, got -1"),
        (lambda m: tu.SGD(m, 1, weight_decay=NAN), "weight_decay must not be negative, got nan"),
        (lambda m: tu.Adam(m, 1, betas=(0.9, 1)), "betas must be at least 0 and below 1"),
        (lambda m: tu.Adam(m, 1, eps=-1), "eps must not be negative, got -1"),
        (lambda m: tu.Adam(m, 1, eps=NAN), "eps must not be negative, got nan"),
        (lambda m: tu.Adam(m, NAN), "lr must be above 0, got nan"),
        (lambda m: tu.SGD(m, np.inf), "lr must be finite, got inf"),
        (lambda m: tu.Adam(m, np.inf), "lr must be finite, got inf"),
        (lambda m: tu.SGD(m, 1, weight_decay=np.inf), "weight_decay must be finite, got inf"),
        (lambda m: tu.Adam(m, 1, weight_decay=np.inf), "weight_decay must be finite, got inf"),
        (lambda m: tu.Adam(m, 1, eps=np.inf), "eps must be finite, got inf"),
        (lambda m: tu.SGD(m, 1, momentum=NAN), "momentum must be at least 0 and below 1, got nan"),
        (lambda m: tu.Adam(m, 1, betas=(NAN, 0.9)), "betas must be at least 0 and below 1"),
    ],
)
def test_bad_settings(make, message):
    with pytest.raises(ValueError, match=message):
        make(One(1.0))


def test_a_state_that_does_not_fit_is_refused_and_changes_nothing():
    def trained(kind, outputs=3):
        layer = tu.Conv2d(2, outputs, 1, bias=False)
        optimizer = kind(layer, 0.1)
        layer.grads["weight"] = np.ones_like(layer.params["weight"])
        optimizer.step()
        return optimizer

    adam, sgd, wider = trained(tu.Adam), trained(tu.SGD), trained(tu.Adam, 4)
    before = adam.state_dict()
    with pytest.raises(
        ValueError, match=r"(?s)missing: weight/mean.*unexpected: weight/velocity"
    ) as e:
        adam.load_state_dict(sgd.state_dict(), 1)
    assert "does not fit this Adam" in str(e.value)
    with pytest.raises(ValueError, match=r"weight/mean: shape .*4\), expected .*3\)"):
        adam.load_state_dict(wider.state_dict(), 1)
    for key, array in adam.state_dict().items():
        np.testing.assert_array_equal(array, before[key])
    adam.load_state_dict({}, 0)  # a fresh start
    assert adam.steps == 0
