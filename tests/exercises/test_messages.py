"""What a student reads where something went wrong before any number was compared."""

import functools

import numpy as np
import pytest

from tinyunet.exercises import check


def helper_above(dx):
    dx = np.asarray(dx)
    return dx[..., 1]


def uses_helper_above(side, kernel, stride, padding):
    return helper_above(side)


def uses_helper_below(side, kernel, stride, padding):
    half = side // 2
    return helper_below(half)


def uses_lambda(side, kernel, stride, padding):
    return shorter(side)


def in_a_loop_of_one_line(side, kernel, stride, padding):
    first = [side]
    return [value.shape for value in first]


def in_a_function_inside(side, kernel, stride, padding):
    def inside(value):
        return value.shape

    return inside(side)


def inside_of_numpy(side, kernel, stride, padding):
    """The last frame is NumPy's, and the line is ours."""
    return np.linalg.inv(np.zeros((2, 3)))


class Callable:
    def __call__(self, side, kernel, stride, padding):
        return side.shape


def decorated(function):
    @functools.wraps(function)
    def outer(*arguments):
        return function(*arguments)

    return outer


def helper_below(half):
    return [value.shape for value in (half,)]


shorter = lambda side: side.shape  # noqa: E731


@pytest.mark.parametrize(
    ("answer", "places"),
    [
        (uses_helper_above, ("in line 3 of your helper helper_above", "called in line 2 of it")),
        (uses_helper_below, ("in line 2 of your helper helper_below", "called in line 3 of it")),
        (
            uses_lambda,
            ("in line 1 of your lambda", "called in line 2 of it (return shorter(side))"),
        ),
        (in_a_loop_of_one_line, (", in line 3 of it (return [value.shape for value in first])",)),
        (in_a_function_inside, (", in line 3 of it (return value.shape)",)),
        (inside_of_numpy, ("raised LinAlgError", ", in line 3 of it (return np.linalg.inv")),
        (Callable(), (", in line 2 of it (return side.shape)",)),
        (functools.partial(uses_helper_above), ("called in line 2 of it",)),
        (decorated(in_a_function_inside), (", in line 3 of it",)),
    ],
)
def test_an_exception_is_placed_in_the_function_and_its_helper(answer, places):
    text = str(check.output_size(answer))
    assert all(place in text for place in places), text
    assert "line -" not in text
    assert "line 0" not in text


def test_a_wrong_number_of_arguments_has_no_line():
    assert "takes 1 positional argument but 4 were given\n" in str(check.output_size(lambda n: n))


def test_a_check_without_an_answer_says_what_to_hand_over():
    with pytest.raises(TypeError, match=r"Hand it over: check\.max_pool\(max_pool\)"):
        check.max_pool()
    with pytest.raises(TypeError, match="a hint for which exercise"):
        check.hint()


@pytest.mark.parametrize(
    ("name", "meant"),
    [("conv2d_backwards", "conv2d_backward"), ("max_pol", "max_pool"), ("hints", "hint")],
)
def test_a_misspelt_name_is_guessed(name, meant):
    with pytest.raises(AttributeError, match=f"did you mean .*{meant}") as caught:
        getattr(check, name)
    assert len(str(caught.value)) < 150


def test_a_name_that_is_like_no_other_leads_to_the_list():
    with pytest.raises(AttributeError, match=r"print\(check\) lists them all"):
        check.zzzzzzzz


def test_a_list_in_place_of_an_array_is_called_a_list():
    text = str(check.relu(lambda x: np.maximum(x, 0).tolist()))
    assert "is of type list" in text
    assert "without a dtype" not in text
