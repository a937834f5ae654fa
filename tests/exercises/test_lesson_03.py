"""Lesson 3: right answers pass, usual wrong ones are rejected and mostly explained."""

import numpy as np
import pytest

from tinyunet.exercises import check

PLACES = ((0, 0), (0, 1), (1, 0), (1, 1))


def relu(x):
    return np.maximum(x, 0)


def relu_backward(dy, x):
    return dy * (x > 0)


def max_pool(x):
    return np.maximum.reduce([x[:, p::2, q::2] for p, q in PLACES])


def max_pool_backward(dy, x):
    y, unclaimed, dx = max_pool(x), dy.copy(), np.zeros_like(x)
    for p, q in PLACES:
        won = x[:, p::2, q::2] == y
        dx[:, p::2, q::2] = unclaimed * won
        unclaimed *= ~won
    return dx


def pool_by_argmax(dy, x):
    n, h, w, c = x.shape
    windows = x.reshape(n, h // 2, 2, w // 2, 2, c).transpose(0, 1, 3, 5, 2, 4)
    windows = windows.reshape(n, h // 2, w // 2, c, 4)
    dwindows = np.zeros_like(windows)
    np.put_along_axis(dwindows, windows.argmax(-1)[..., None], dy[..., None], -1)
    dwindows = dwindows.reshape(n, h // 2, w // 2, c, 2, 2)
    return dwindows.transpose(0, 1, 4, 2, 5, 3).reshape(x.shape)


def relu_in_place(x):
    x[x < 0] = 0
    return x


def relu_backward_in_place(dy, x):
    dy[x <= 0] = 0
    return dy


def pool_to_all_winners(dy, x):
    return dy.repeat(2, 1).repeat(2, 2) * (x == max_pool(x).repeat(2, 1).repeat(2, 2))


def pool_to_the_last(dy, x):
    dx = max_pool_backward(dy[:, ::-1, ::-1], x[:, ::-1, ::-1])
    return dx[:, ::-1, ::-1]


def pool_backward_rolled(dy, x):
    return np.roll(max_pool_backward(dy, x), 1, axis=2)


def from_zeros(x):
    y = np.zeros_like(x[:, ::2, ::2])
    for p, q in PLACES:
        y = np.maximum(y, x[:, p::2, q::2])
    return y


ANSWERS = [relu, relu_backward, max_pool, max_pool_backward]


@pytest.mark.parametrize("answer", ANSWERS, ids=lambda a: a.__name__)
def test_right_answers_pass(answer):
    assert check.exercises(3)[answer.__name__](answer, strict=True).passed


def test_other_right_answers_pass():
    assert check.max_pool_backward(pool_by_argmax).passed
    assert check.relu(lambda x: x * (x > 0)).passed
    assert check.relu_backward(lambda dy, x: np.where(x > 0, dy, 0)).passed


def test_every_exercise_is_tested():
    assert {a.__name__ for a in ANSWERS} == set(check.exercises(3))


WRONG = [  # exercise, answer, words that name the mistake ("" where the message cannot know it)
    ("relu", np.abs, "sign is lost"),
    ("relu", np.max, "np.maximum"),
    ("relu", lambda x: (x > 0) * 1.0, "that is the slope"),
    ("relu", lambda x: np.where(x > 0, x, 0.01 * x), ""),
    ("relu", relu_in_place, "overwritten"),
    ("relu", lambda x: np.maximum(x, 0).astype(float), "without a dtype"),
    ("relu_backward", lambda dy, x: dy * (x >= 0), "slope there as 0"),
    ("relu_backward", lambda dy, x: np.maximum(dy, 0), "sign of dy"),
    ("relu_backward", relu_backward_in_place, "overwritten"),
    ("relu_backward", lambda dy, x: dy * np.maximum(x, 0), "multiplied by y"),
    ("relu_backward", lambda dy, x: (x > 0) * 1.0, "chain rule"),
    ("relu_backward", lambda dy, x: -dy * (x > 0), "wrong sign"),
    ("relu_backward", lambda dy, x: dy * (x > 0.5), ""),
    ("max_pool", lambda x: x[:, ::2, ::2], "top left"),
    ("max_pool", from_zeros, "all negative"),
    ("max_pool", lambda x: sum(x[:, p::2, q::2] for p, q in PLACES) / 4, "average pooling"),
    (
        "max_pool",
        lambda x: x.reshape(len(x), x.shape[1] // 2, x.shape[2] // 2, 2, 2, -1).max((3, 4)),
        "no neighbours",
    ),
    ("max_pool", lambda x: np.maximum(x[:, ::2], x[:, 1::2]), "only the rows"),
    ("max_pool", lambda x: max_pool(x).max(-1, keepdims=True), ""),
    ("max_pool_backward", lambda dy, x: dy.repeat(2, 1).repeat(2, 2), "only the largest"),
    ("max_pool_backward", pool_to_all_winners, "in a tie every maximum"),
    ("max_pool_backward", pool_to_the_last, "last maximum"),
    ("max_pool_backward", lambda dy, x: dy.repeat(2, 1).repeat(2, 2) / 4, "average pooling"),
    ("max_pool_backward", lambda dy, x: max_pool_backward(np.ones_like(dy), x), "slope alone"),
    ("max_pool_backward", lambda dy, x: dy, ""),
    ("max_pool_backward", pool_backward_rolled, ""),
]


@pytest.mark.parametrize(("name", "answer", "words"), WRONG)
def test_wrong_answers_are_rejected_and_explained(name, answer, words):
    result = check.exercises(3)[name](answer)
    assert not result.passed
    assert words in str(result)


def test_enough_mistakes_are_named():
    for name in check.exercises(3):
        words = [words for exercise, _, words in WRONG if exercise == name]
        assert len(words) >= 3
        assert sum(map(bool, words)) >= 2 / 3 * len(words)
