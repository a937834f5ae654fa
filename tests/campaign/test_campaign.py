"""The gradient checker against everything we could think of: right ones never fail, wrong ones do.

The long searches run with ``pytest -m campaign``; a sample of them runs always.
"""

import numpy as np
import pytest
from right_ones import Plain
from tally import RIGHT, on_all_cores, right_one, words, wrong_one, wrong_ones
from user_elementwise import Function
from user_layers import FUNCTIONS, UserLayer, slopes_by_complex_step
from wrong_ones import WRONG

import tinyunet as tu

# ---------------------------------------------------------------------- our own functions are right


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda function: function.name)
def test_user_functions_are_right(function):
    rng = np.random.default_rng(4)
    shape = (2, 2, 4, 4)
    x = rng.standard_normal(shape)
    x = np.abs(x) + 0.1 if function.domain == "positive" else x
    inputs = [x, *function.draw(rng, shape)]
    y = function.forward(*inputs)
    dy = rng.standard_normal(np.shape(y))
    np.testing.assert_array_equal(np.imag(function.forward(*(a + 0j for a in inputs))), 0)
    expected = slopes_by_complex_step(function, inputs, dy)
    for slope, right in zip(function.backward(dy, *inputs), expected, strict=True):
        assert slope.shape == right.shape
        np.testing.assert_allclose(slope, right, rtol=0, atol=1e-11 * np.abs(right).max())


def test_wrong_ones_are_many_and_have_names():
    assert len(WRONG) == len({wrong.name for wrong in WRONG}) >= 60


# ---------------------------------------------------------------------- a sample

SAMPLE = [seed for seed in range(61) if seed != 20]  # 20 is a whole U-Net, which takes longer


@pytest.mark.parametrize("block", range(5))
def test_sample_of_right_ones(block):
    for seed in range(12 * block, 12 * (block + 1)):
        found = right_one(SAMPLE[seed])
        assert found.word == "passed", found.why


@pytest.mark.parametrize("wrong", WRONG[::4], ids=lambda wrong: wrong.name)
def test_sample_of_wrong_ones(wrong):
    report = wrong.check(wrong.ways[-1], seed=1)
    assert report.failed, report


# ---------------------------------------------------------------------- the long searches


@pytest.mark.campaign
def test_right_ones_never_fail():
    outcomes = on_all_cores(right_one, range(RIGHT))
    counts = words(outcomes)
    accused = [found for found in outcomes if found.word in ("FAILED", "exception")]
    assert not accused, "\n".join(f"{found.name}\n{found.why}" for found in accused)
    assert counts.get("not proved", 0) <= 0.03 * RIGHT, counts


@pytest.mark.campaign
def test_wrong_ones_are_all_caught():
    outcomes = on_all_cores(wrong_one, wrong_ones())
    missed = [found for found in outcomes if found.word != "FAILED"]
    assert not missed, "\n".join(f"{found.word}: {found.name}\n{found.why}" for found in missed)


# ---------------------------------------------------------------------- dy is nobody else's x


class Triple(tu.Layer):
    """y = 3 x, with a backward pass that returns 3 x: right only if dy is x."""

    def forward(self, x):
        self.x = x
        return 3 * x

    def backward(self, dy, *, input_gradient=True):
        return 3 * self.x


def given_generators(seed, x_by):
    """The ways to hand over a generator: none, a seed, one seeded alike, the one that drew x."""
    return {
        "none": None,
        "seed": seed,
        "seeded alike": np.random.default_rng(seed),
        "the one that drew x": x_by,
    }


@pytest.mark.parametrize("how", ["none", "seed", "seeded alike", "the one that drew x"])
@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("shape", [(1, 2, 3, 2), (2, 5, 6, 3)])
def test_upstream_gradient_is_never_what_the_user_drew(seed, shape, how):
    def generator():
        x_by = np.random.default_rng(seed)
        x = x_by.standard_normal(shape)
        return x, given_generators(seed, x_by)[how]

    x, rng = generator()
    assert tu.check_gradients(Triple(), x, rng=rng).failed
    x, rng = generator()
    assert tu.check_function(lambda x: 3 * x, lambda dy, x: 3 * x, x, rng=rng).failed
    x, rng = generator()
    triple = Function("triple", lambda x: 3 * x, lambda dy, x: (3 * x,))
    assert tu.check_object(Plain(triple, []), x, rng=rng).failed
    x, rng = generator()
    assert tu.check_adjoint(Triple(), x, rng=rng).failed


@pytest.mark.parametrize("seed", range(5))
def test_upstream_gradient_is_not_the_legacy_generators_either(seed):
    np.random.seed(seed)  # noqa: NPY002
    x = np.random.standard_normal((2, 3, 4, 2))  # noqa: NPY002
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    assert tu.check_gradients(Triple(), x).failed
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002


# ---------------------------------------------------------------------- what has no gradient to find


@pytest.mark.parametrize("name", ["batch norm", "instance norm", "total variation"])
def test_bias_that_has_no_effect_is_untested(name):
    # Its gradient is 0 but for rounding, and three steps can agree on another rounded 0.
    function = next(function for function in FUNCTIONS if function.name == name)
    for seed in range(15):
        rng = np.random.default_rng(seed)
        parameters = function.draw(rng, (2, 4, 4, 2))
        layer = tu.Sequential(tu.Conv2d(2, 2, 1, rng=rng), UserLayer(function, parameters))
        x = 10.0 ** rng.integers(-3, 4) * rng.standard_normal((2, 4, 4, 2))
        rows = {row.name: row.verdict for row in tu.check_gradients(layer, x).rows}
        assert rows.pop("0.bias") == "untested"
        assert set(rows.values()) == {"ok"}
