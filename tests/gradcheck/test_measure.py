"""One slope at a time: what is measured, what is called a kink, and what cannot be measured."""

import math

import numpy as np
import pytest

from tinyunet.gradcheck import places
from tinyunet.gradcheck.line import ROUNDING, Line
from tinyunet.gradcheck.measure import Claim, compare


def find(function, at, claim, scale=1.0, tolerance=1e-7):
    """Compare a claimed slope of a function of one number."""
    x = np.array([at])
    y = function(x) * 1.0

    def move(t):
        x[0] = at + t

    noise = ROUNDING * abs(float(y[0]))
    line = Line(lambda: function(x), np.ones(1), y, move, noise, scale, abs(at), abs(at))
    return compare(line, Claim(claim, abs(claim), tolerance))


SMOOTH = {  # function, place, slope there, scale
    "linear": (lambda x: 5 * x, 2.0, 5.0, 1.0),
    "sigmoid": (lambda x: 1 / (1 + np.exp(-x)), 0.3, 0.24445831169074586, 1.0),
    "exp where it is steep": (lambda x: np.exp(20 * x), 1.0, 20 * math.exp(20), 1.0),
    "a fast sine": (lambda x: np.sin(500 * x), 0.7, 500 * math.cos(350), 1.0),
    "beside a pole": (lambda x: 1 / x, 3e-5, -1 / 9e-10, 1.0),
    "beside a pole, far below the scale": (lambda x: 1 / x, 1e-12, -1e24, 1.0),
    "large offset": (lambda x: np.tanh(x - 70_000), 70_000.25, 1 / math.cosh(0.25) ** 2, 1.0),
    "tiny numbers": (lambda x: np.sqrt(x), 4e-7, 0.5 / math.sqrt(4e-7), 1e-6),
    "a small slope beside a large value": (lambda x: 1e4 + 1e-3 * x, 0.5, 1e-3, 1.0),
    "a slope that has a kink": (lambda x: x * abs(x) + x, 0.0, 1.0, 1.0),
    "a power of one and a half": (lambda x: x**1.5, 0.0625, 1.5 * 0.25, 1.0),
}


@pytest.mark.parametrize("name", SMOOTH)
def test_right_slopes_agree(name):
    function, at, slope, scale = SMOOTH[name]
    found = find(function, at, slope, scale)
    assert found.verdict == "ok", found
    assert found.error <= 1e-7


@pytest.mark.parametrize("name", SMOOTH)
@pytest.mark.parametrize("factor", [0, -1, 1.00001, 0.99, 2])
def test_wrong_slopes_are_wrong(name, factor):
    function, at, slope, scale = SMOOTH[name]
    found = find(function, at, factor * slope, scale)
    assert found.verdict == "wrong", found
    assert found.slope == pytest.approx(slope, rel=1e-3)


@pytest.mark.parametrize(
    ("function", "at"),
    [
        (lambda x: np.maximum(x, 0), 0.0),
        (np.abs, 0.0),
        (lambda x: np.clip(x, -1, 1), 1.0),
        (lambda x: np.where(x > 0, x, 0.1 * x), 0.0),
        (lambda x: np.maximum(x, 0.5), 0.5 + 1e-15),
        (np.floor, 2.0),
        (lambda x: x - np.floor(x), -1.0),
    ],
)
def test_a_place_on_a_kink_or_a_jump_is_neither_right_nor_wrong(function, at):
    assert find(function, at, 1.0).verdict == "kink"


@pytest.mark.parametrize("negative", [2.9, 2.0, -1.0])
def test_on_a_kink_a_convention_may_lie_outside_of_both_slopes(negative):
    def two_sided(x):  # its backward pass gives 0 at 0, where relu'(0) is 0
        return 3 * np.maximum(x, 0) - negative * np.maximum(-x, 0)

    assert find(two_sided, 0.0, 0.0).verdict in ("kink", "ok")
    assert find(two_sided, 0.5, 0.0).verdict == "wrong"


@pytest.mark.parametrize("distance", [0.2, 1e-2, 1e-3, 1e-5, 3e-7])
def test_right_and_wrong_are_told_apart_beside_a_kink(distance):
    def leaky(x):
        return np.where(x > 0, x, 0.25 * x)

    assert find(leaky, distance, 1.0).verdict == "ok"
    assert find(leaky, -distance, 0.25).verdict == "ok"
    assert find(leaky, -distance, 1.0).verdict == "wrong"
    assert find(leaky, distance, 0.25).verdict == "wrong"
    assert find(leaky, distance, 1.001).verdict == "wrong"


def test_what_rounding_hides_is_not_called_wrong():
    found = find(lambda x: 1e9 + 1e-11 * np.sin(x), 0.5, 1.2e-11)
    assert found.verdict in ("zero", "unresolved")


def test_large_steps_do_not_prove_what_small_ones_contradict():
    def bent(x):  # rounding asks for large steps, which see the slope 0.1 only
        return 1e6 + np.tanh(x) + 0.1 * x

    assert find(bent, 0.0, 1.1).verdict != "wrong"
    assert find(bent, 0.0, 0.1).verdict != "ok"


def test_a_function_that_is_not_defined_beside_its_place_is_unresolved():
    found = find(lambda x: np.where(x == 0.5, 1.0, np.nan), 0.5, 1.0)
    assert found.verdict == "unresolved"
    assert "not finite" in found.reason

    def only_here(x):
        if x[0] != 0.5:
            raise ValueError("math domain error")
        return x

    assert find(only_here, 0.5, 1.0).verdict == "unresolved"


# ---------------------------------------------------------------------- where to look


@pytest.mark.parametrize("seed", range(5))
def test_nobody_else_draws_our_numbers(seed):
    theirs = np.random.default_rng(seed).standard_normal(50)
    for rng in (None, seed, np.random.default_rng(seed)):
        ours = places.own_generator(rng).standard_normal(50)
        assert np.abs(np.corrcoef(theirs, ours)[0, 1]) < 0.6


def test_a_generator_decides_our_draws_and_none_means_always_the_same():
    draw = [places.own_generator(rng).random() for rng in (None, None, 3, 3, 4)]
    assert draw[0] == draw[1]
    assert draw[2] == draw[3]
    assert len(set(draw)) == 3


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
@pytest.mark.parametrize("offset", [0.0, 1e4])
def test_steps_along_a_direction_are_exact(scale, offset):
    x = scale * (np.random.default_rng(0).standard_normal(200) + offset)
    numbers = places.direction(x, np.random.default_rng(1))
    for t in (2.0**-10, 2.0**-16, 2.0**-22):
        assert ((x + t * numbers) - x == t * numbers).mean() > 0.9 or offset == 0
        np.testing.assert_allclose((x + t * numbers) - x, t * numbers, rtol=1e-9)
    assert np.abs(numbers).min() > 0


def test_the_scale_of_values_leaves_an_offset_out():
    values = np.random.default_rng(0).standard_normal(100)
    assert places.scale_of(values) == pytest.approx(places.scale_of(values + 30_000), rel=1e-6)
    assert places.scale_of(np.zeros(3)) == 0.1
    assert places.scale_of(np.full(3, -4.0)) == 4.0
