"""Every layer of the table goes through every check."""

import copy

import numpy as np
import pytest
from helpers import assert_same, host, run, upstream
from layer_cases import CASES

import tinyunet as tu

every_layer = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
every_linear_layer = pytest.mark.parametrize(
    "case", [case for case in CASES if case.linear], ids=lambda case: case.name
)
every_convolution = pytest.mark.parametrize(
    "case", [case for case in CASES if case.name.startswith("Conv2d")], ids=lambda case: case.name
)
dtypes = pytest.mark.parametrize("dtype", ["float32", "float64"])


def on(xp, case, device, dtype="float64"):
    """A case's layer and its inputs, on a device."""
    arrays = [xp.asarray(x) if isinstance(x, np.ndarray) else x for x in case.inputs(dtype)]
    return case.layer(dtype).to(device), arrays


@every_convolution
def test_agrees_with_the_naive_twin(case):
    layer, twin = case.layer(), case.layer()
    twin.algorithm = "naive"
    assert_same(run(layer, case.inputs()), run(twin, case.inputs()), 1e-12)


@every_layer
def test_gradients(case):
    report = tu.check_gradients(case.layer(), *case.inputs(), samples=8)
    assert report.passed, report


@every_linear_layer
def test_adjoint_identity(case):
    report = tu.check_adjoint(case.layer(), *case.inputs())
    assert report.passed, report


@every_layer
def test_arguments_and_parameters_stay_as_they_are(case, xp, device):
    layer, inputs = on(xp, case, device)
    dy = upstream(copy.deepcopy(layer)(*inputs))
    watched = [value for value in inputs if hasattr(value, "dtype")] + [dy]
    watched += [array for _, array in layer.named_parameters()]
    before = [tu.to_cpu(array).tobytes() for array in watched]
    run(layer, inputs, dy)
    assert [tu.to_cpu(array).tobytes() for array in watched] == before


@dtypes
@every_layer
def test_dtype_stays(case, dtype, xp, device):
    layer, inputs = on(xp, case, device, dtype)
    result = host(run(layer, inputs))
    assert {name: array.dtype.name for name, array in result.items()} == dict.fromkeys(
        result, dtype
    )


@every_layer
def test_non_contiguous_arrays(case, xp, device):
    layer, inputs = on(xp, case, device)
    twin = copy.deepcopy(layer)
    expected = run(twin, inputs)
    strided = [xp.repeat(x, 2, axis=2)[:, :, ::2] for x in inputs[: len(case.shapes)]]
    dy = xp.asfortranarray(upstream(expected.y))
    assert_same(run(layer, strided + inputs[len(case.shapes) :], dy), expected, 1e-13)


@every_layer
def test_one_forward_allows_one_backward(case):
    layer = case.layer()
    y = layer(*case.inputs())
    layer.backward(upstream(y))
    with pytest.raises(RuntimeError, match="used twice") as error:
        layer.backward(upstream(y))
    parts = [part for _, part in layer.named_layers()]
    assert any(str(error.value).startswith(str(part)) for part in parts)


@every_layer
def test_backward_needs_a_forward(case):
    y = case.layer()(*case.inputs())
    with pytest.raises(RuntimeError, match="needs a fresh forward"):
        case.layer().backward(upstream(y))


@every_layer
def test_eval_keeps_nothing_and_clears(case):
    layer, inputs = case.layer(), case.inputs()
    y = layer(*inputs)
    for _, part in layer.named_layers():
        part.training = False  # not by eval(), which clears too: forward itself must
    layer(*inputs)
    assert all(part._kept is None for _, part in layer.named_layers())
    with pytest.raises(RuntimeError, match="training mode"):
        layer.backward(upstream(y))


@every_layer
def test_input_gradient_can_be_left_out(case):
    expected = run(case.layer(), case.inputs())
    result = run(case.layer(), case.inputs(), input_gradient=False)
    assert result.dx == (None,)
    assert_same(result._replace(dx=()), expected._replace(dx=()))


@every_layer
def test_gradients_are_set_and_not_accumulated(case):
    fresh, used = case.layer(), case.layer()
    run(used, case.inputs(seed=4))
    fresh(*case.inputs(seed=4))  # so that a dropout is as far in its random numbers
    assert_same(run(used, case.inputs()), run(fresh, case.inputs()))


@every_layer
def test_held_decisions_change_nothing(case):
    layer, inputs = case.layer(), case.inputs()
    y = layer(*inputs)
    plain = copy.deepcopy(layer)
    dx = plain.backward(upstream(y))
    expected = (y, dx if isinstance(dx, tuple) else (dx,), dict(plain.named_gradients()))
    with tu.held_decisions(layer) as flips:
        result = run(layer, inputs)
        assert flips() == 0
    assert_same(result, type(result)(*expected))


@every_layer
@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 1e-5), ("float64", 1e-12)])
def test_same_numbers_on_every_device(case, dtype, tolerance, xp, device):
    expected = run(case.layer(dtype), case.inputs(dtype))
    layer, inputs = on(xp, case, device, dtype)
    result = run(layer, inputs)
    for array in (result.y, *result.dx, *result.grads.values()):
        assert tu.array_module(array) is xp
    assert_same(result, expected, 0.0 if same_arithmetic(layer, xp) else tolerance)


def same_arithmetic(layer, xp):
    """Whether `xp` computes as NumPy does on the CPU, so that numbers are equal, not only close.

    The double is NumPy in disguise, but on a GPU patches lie in another order, their gradients are
    not added up where dx can be a convolution, and Winograd's tiles are of one size.
    """
    if xp is np:
        return True
    parts = [part for _, part in layer.named_layers()]
    same = not any(isinstance(part, tu.ConvTranspose2d) for part in parts) and all(
        part.algorithm == "naive" for part in parts if isinstance(part, tu.Conv2d)
    )
    return same and type(xp.asarray(0.0)).__module__.startswith("cupy_double")
