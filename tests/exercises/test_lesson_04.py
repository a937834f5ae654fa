"""Lesson 4: right answers, and the usual wrong ones; test_all.py tries them."""

import numpy as np

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


RIGHT = {
    "up_size": up_size,
    "up_convolution": up_convolution,
    "up_convolution_backward": up_convolution_backward,
    "bilinear_kernel": bilinear_kernel,
}


def test_another_right_answer_passes():
    assert check.up_convolution(by_stamps).passed


# What is wrong, and words that its message should hold ("" where no cause is named).
WRONG = {
    "up_size": [
        (lambda n, k, s: n * s, "only where kernel and stride are equal"),
        (lambda n, k, s: n * s + k, "begins at (side - 1)"),
        (lambda n, k, s: (n - k) // s + 1, "a convolution's output"),
        (lambda n, k, s: (n - 1) * s + k + 1, "one too many"),
        (lambda n, k, s: (n + 1) * s - k, ""),
    ],
    "up_convolution": [
        (overwriting, "kernel position overwrites"),
        (overwriting_stamps, "stamp overwrites"),
        (lambda x, w, b, s: up_convolution(x, w, 0, s), "bias is missing"),
        (bias_with_every_stamp, "every stamp"),
        (lambda x, w, b, s: up_convolution(x, w[:, ::-1, ::-1], b, s), "180"),
        (lambda x, w, b, s: up_convolution(x, w, b, 1), "stride is ignored"),
        (lambda x, w, b, s: up_convolution(x, w, b, s).astype(float), "dtype"),
        (lambda x, w, b, s: np.roll(up_convolution(x, w, b, s), 1, 1), "an off-by-one"),
    ],
    "up_convolution_backward": [
        (
            lambda dy, x, w, s: back(lambda dx, dw, db, *_: (dx, dw, db))(
                dy, x, w[:, ::-1, ::-1], s
            ),
            "180",
        ),
        (back(overwritten_dx), "overwrites the one before"),
        (back(lambda dx, dw, db, dy, *_: (dx, dw, dy.mean((0, 1, 2)))), "where the sum belongs"),
        (back(lambda dx, dw, db, dy, *_: (dx, dw, dy.sum(0))), "images only"),
        (back(lambda dx, dw, db, *_: (dx, dw[:, ::-1, ::-1], db)), "turned"),
        (back(lambda dx, dw, db, *_: (dx, -dw, db)), "wrong sign"),
        (back(lambda dx, dw, db, dy, x, w, s: (dx, dw / len(x), db)), "divided by the batch size"),
        (back(lambda dx, dw, db, *_: (dx, dw)), "should return"),
        (back(lambda dx, dw, db, *_: (dx + db.sum(), dw, db)), "same number"),
    ],
    "bilinear_kernel": [
        (lambda s: bilinear_kernel(s)[0] * 2 * s, "np.outer"),
        (lambda s: bilinear_kernel(s) / s**2, "sum to stride * stride"),
        (lambda s: 1 - np.abs(np.arange(2 * s) - (s - 0.5)) / s, "np.outer"),
        (lambda s: np.full((2 * s, 2 * s), 0.25), "all weights are equal"),
        (lambda s: np.outer(*[1 - np.abs(np.arange(2 * s) - s) / s] * 2), "place too far"),
        (lambda s: bilinear_kernel(s) ** 2, ""),
    ],
}
