"""Lesson 4: right answers pass, usual wrong ones are rejected and mostly explained."""

import numpy as np
import pytest

from tinyunet.exercises import check


def up_size(side, kernel, stride):
    return (side - 1) * stride + kernel


def pieces(y, x, w, stride):
    """For each kernel position the slice of y that it reaches, as a view."""
    _, h, width, _ = x.shape
    for p, q in np.ndindex(*w.shape[1:3]):
        yield p, q, y[:, p : p + stride * h : stride, q : q + stride * width : stride]


def zeros(x, w, stride):
    n, h, width, _ = x.shape
    _, kh, kw, c_out = w.shape
    return np.zeros((n, up_size(h, kh, stride), up_size(width, kw, stride), c_out), x.dtype)


def up_convolution(x, w, b, stride):
    y = zeros(x, w, stride)
    for p, q, part in pieces(y, x, w, stride):
        part += x @ w[:, p, q]
    return y + b


def up_convolution_backward(dy, x, w, stride):
    dx, dw = np.zeros_like(x), np.zeros_like(w)
    for p, q, part in pieces(dy, x, w, stride):
        dx += part @ w[:, p, q].T
        dw[:, p, q] = np.einsum("nhwc,nhwd->cd", x, part)
    return dx, dw, dy.sum((0, 1, 2))


def bilinear_kernel(stride):
    tent = 1 - np.abs(np.arange(2 * stride) - (stride - 0.5)) / stride
    return np.outer(tent, tent)


def by_stamps(x, w, b, stride):
    y = zeros(x, w, stride)
    kh, kw = w.shape[1:3]
    for i, j in np.ndindex(*x.shape[1:3]):
        stamp = np.tensordot(x[:, i, j], w, 1)
        y[:, i * stride : i * stride + kh, j * stride : j * stride + kw] += stamp
    return y + b


def overwriting(x, w, b, stride):
    y = zeros(x, w, stride)
    for p, q, part in pieces(y, x, w, stride):
        part[...] = x @ w[:, p, q]
    return y + b


def overwriting_stamps(x, w, b, stride):
    y = zeros(x, w, stride)
    kh, kw = w.shape[1:3]
    for i, j in np.ndindex(*x.shape[1:3]):
        stamp = np.tensordot(x[:, i, j], w, 1)
        y[:, i * stride : i * stride + kh, j * stride : j * stride + kw] = stamp
    return y + b


def bias_with_every_stamp(x, w, b, stride):
    y = zeros(x, w, stride)
    kh, kw = w.shape[1:3]
    for i, j in np.ndindex(*x.shape[1:3]):
        stamp = np.tensordot(x[:, i, j], w, 1) + b
        y[:, i * stride : i * stride + kh, j * stride : j * stride + kw] += stamp
    return y


def back(change):
    """A wrong backward: the right one, with one of its outputs changed."""

    def wrong(dy, x, w, stride):
        return change(*up_convolution_backward(dy, x, w, stride), dy, x, w, stride)

    return wrong


def overwritten_dx(dx, dw, db, dy, x, w, stride):
    for p, q, part in pieces(dy, x, w, stride):
        dx = part @ w[:, p, q].T
    return dx, dw, db


ANSWERS = [up_size, up_convolution, up_convolution_backward, bilinear_kernel]


@pytest.mark.parametrize("answer", ANSWERS, ids=lambda a: a.__name__)
def test_right_answers_pass(answer):
    assert check.exercises(4)[answer.__name__](answer, strict=True).passed


def test_another_right_answer_passes():
    assert check.up_convolution(by_stamps).passed


def test_every_exercise_is_tested():
    assert {a.__name__ for a in ANSWERS} == set(check.exercises(4))


WRONG = [  # exercise, answer, words that name the mistake ("" where the message cannot know it)
    ("up_size", lambda n, k, s: n * s, "only where kernel and stride are equal"),
    ("up_size", lambda n, k, s: n * s + k, "begins at (side - 1)"),
    ("up_size", lambda n, k, s: (n - k) // s + 1, "a convolution's output"),
    ("up_size", lambda n, k, s: (n - 1) * s + k + 1, "one too many"),
    ("up_size", lambda n, k, s: (n + 1) * s - k, ""),
    ("up_convolution", overwriting, "kernel position overwrites"),
    ("up_convolution", overwriting_stamps, "stamp overwrites"),
    ("up_convolution", lambda x, w, b, s: up_convolution(x, w, 0, s), "bias is missing"),
    ("up_convolution", bias_with_every_stamp, "every stamp"),
    ("up_convolution", lambda x, w, b, s: up_convolution(x, w[:, ::-1, ::-1], b, s), "180"),
    ("up_convolution", lambda x, w, b, s: up_convolution(x, w, b, 1), "stride is ignored"),
    ("up_convolution", lambda x, w, b, s: up_convolution(x, w, b, s).astype(float), "dtype"),
    ("up_convolution", lambda x, w, b, s: np.roll(up_convolution(x, w, b, s), 1, 1), ""),
    (
        "up_convolution_backward",
        lambda dy, x, w, s: back(lambda dx, dw, db, *_: (dx, dw, db))(dy, x, w[:, ::-1, ::-1], s),
        "180",
    ),
    ("up_convolution_backward", back(overwritten_dx), "overwrites the one before"),
    (
        "up_convolution_backward",
        back(lambda dx, dw, db, dy, *_: (dx, dw, dy.mean((0, 1, 2)))),
        "where the sum belongs",
    ),
    (
        "up_convolution_backward",
        back(lambda dx, dw, db, dy, *_: (dx, dw, dy.sum(0))),
        "images only",
    ),
    ("up_convolution_backward", back(lambda dx, dw, db, *_: (dx, dw[:, ::-1, ::-1], db)), "turned"),
    ("up_convolution_backward", back(lambda dx, dw, db, *_: (dx, -dw, db)), "wrong sign"),
    (
        "up_convolution_backward",
        back(lambda dx, dw, db, dy, x, w, s: (dx, dw / len(x), db)),
        "divided by the batch size",
    ),
    ("up_convolution_backward", back(lambda dx, dw, db, *_: (dx, dw)), "should return"),
    (
        "up_convolution_backward",
        back(lambda dx, dw, db, *_: (dx + db.sum(), dw, db)),
        "same number",
    ),
    ("bilinear_kernel", lambda s: bilinear_kernel(s)[0] * 2 * s, ""),
    ("bilinear_kernel", lambda s: bilinear_kernel(s) / s**2, "sum to stride * stride"),
    ("bilinear_kernel", lambda s: 1 - np.abs(np.arange(2 * s) - (s - 0.5)) / s, "np.outer"),
    ("bilinear_kernel", lambda s: np.full((2 * s, 2 * s), 0.25), "all weights are equal"),
    (
        "bilinear_kernel",
        lambda s: np.outer(*[1 - np.abs(np.arange(2 * s) - s) / s] * 2),
        "place too far",
    ),
    ("bilinear_kernel", lambda s: bilinear_kernel(s) ** 2, ""),
]


@pytest.mark.parametrize(("name", "answer", "words"), WRONG)
def test_wrong_answers_are_rejected_and_explained(name, answer, words):
    result = check.exercises(4)[name](answer)
    assert not result.passed
    assert words in str(result)


def test_enough_mistakes_are_named():
    for name in check.exercises(4):
        words = [words for exercise, _, words in WRONG if exercise == name]
        assert len(words) >= 3
        assert sum(map(bool, words)) >= 2 / 3 * len(words)
