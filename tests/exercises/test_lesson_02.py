"""Lesson 2: right answers, and the usual wrong ones; test_all.py tries them."""

import numpy as np

from tinyunet.exercises import check


def numeric_gradient(f, x, eps=1e-5, *, up=1, down=1, over=2):
    gradient = np.zeros(x.shape)
    for index in np.ndindex(x.shape):
        old = x[index]
        x[index] = old + up * eps
        high = f(x)
        x[index] = old - down * eps
        low = f(x)
        x[index] = old
        gradient[index] = (high - low) / (over * eps)
    return gradient


def never_put_back(f, x, eps):
    x, gradient = x.copy(), np.zeros(x.shape)
    for index in np.ndindex(x.shape):
        x[index] += eps
        high = f(x)
        x[index] -= 2 * eps
        gradient[index] = (high - f(x)) / (2 * eps)
    return gradient


def leaves_x_moved(f, x, eps):
    gradient = numeric_gradient(f, x, eps)
    x += eps
    return gradient


def conv2d_backward(dy, x, w, *, wrong=""):
    (kh, kw, c_in, c_out), (h, v) = w.shape, dy.shape[1:3]
    dx, dw = np.zeros_like(x), np.zeros_like(w)
    for p in range(kh):
        for q in range(kw):
            window = x[:, p : p + h, q : q + v]
            if wrong == "one window":
                window = x[:, :h, :v]
            dw[p, q] = window.reshape(-1, c_in).T @ dy.reshape(-1, c_out)
            weight = w[kh - 1 - p, kw - 1 - q] if wrong == "turned" else w[p, q]
            if wrong == "not transposed" and c_in == c_out:
                weight = weight.T
            if wrong == "overwritten":
                dx[:, p : p + h, q : q + v] = 0
            if wrong == "same place":
                dx[:, :h, :v] += dy @ weight.T
            else:
                dx[:, p : p + h, q : q + v] += dy @ weight.T
    return dx, dw, dy.sum((0, 1, 2))


def with_other(*, dx=None, dw=None, db=None):
    def answer(dy, x, w):
        right = conv2d_backward(dy, x, w)
        return tuple(
            g if change is None else change(g, dy)
            for g, change in zip(right, (dx, dw, db), strict=True)
        )

    return answer


def first_image_only(dy, x, w):
    dx, _, db = conv2d_backward(dy, x, w)
    return dx, conv2d_backward(dy[:1], x[:1], w)[1], db


def writes_into_dy(dy, x, w):
    gradients = conv2d_backward(dy, x, w)
    dy *= 2
    return gradients


def in_float64(dy, x, w):
    return conv2d_backward(*(a.astype("float64") for a in (dy, x, w)))


def dx_of_the_size_of_a_convolution(dy, x, w):
    from test_lesson_01 import conv2d_loops

    _, dw, db = conv2d_backward(dy, x, w)
    return conv2d_loops(dy, w.swapaxes(2, 3), np.zeros(w.shape[2])), dw, db


def sides(forward, backward, x, dy):
    return (forward(x) * dy).sum(), (x * backward(dy)).sum()


def adjoint_gap(forward, backward, x, dy):
    left, right = sides(forward, backward, x, dy)
    return abs(left - right) / max(abs(left), abs(right))


def signed_gap(*a):
    left, right = sides(*a)
    return (left - right) / max(abs(left), abs(right))


def absolute_gap(*a):
    left, right = sides(*a)
    return abs(left - right)


def relative_gap(which):
    def answer(*a):
        left, right = sides(*a)
        return abs(left - right) / which(left, right)

    return answer


def summed_first(forward, backward, x, dy):
    left, right = forward(x).sum() * dy.sum(), x.sum() * backward(dy).sum()
    return abs(left - right) / max(abs(left), abs(right))


def dot_products(forward, backward, x, dy):
    left, right = np.vdot(forward(x), dy), x.ravel()[:4] @ backward(dy).ravel()[:4]
    return abs(left - right) / max(abs(left), abs(right))


def exchanged(forward, backward, x, dy):
    left, right = (forward(dy) * x).sum(), (dy * backward(x)).sum()
    return abs(left - right) / max(abs(left), abs(right))


def checker(
    judge=lambda a, n: np.abs(a - n).max() <= 1e-6 * np.abs(n).max(),
    make_dy=lambda y: np.random.default_rng(0).standard_normal(y.shape),
    slope=numeric_gradient,
):
    def gradients_agree(forward, backward, x):
        dy = make_dy(forward(x))
        numeric = slope(lambda x: (dy * forward(x)).sum(), x.copy(), 1e-4)
        return bool(judge(backward(dy, x), numeric))

    return gradients_agree


def entry_by_entry(a, n):
    with np.errstate(all="ignore"):
        return (np.abs(a - n) / np.abs(n) <= 1e-5).all()


RIGHT = {
    "numeric_gradient": numeric_gradient,
    "conv2d_backward": conv2d_backward,
    "adjoint_gap": adjoint_gap,
    "gradients_agree": checker(),
}

# What is wrong, and words that its message should hold ("" where no cause is named).
WRONG = {
    "numeric_gradient": [
        (lambda f, x, e: numeric_gradient(f, x, e, over=1), "2 * eps apart"),
        (lambda f, x, e: numeric_gradient(f, x, e, down=0, over=1), "to one side only"),
        (lambda f, x, e: numeric_gradient(f, x, e, up=0, over=1), "downwards"),
        (lambda f, x, e: numeric_gradient(f, x, e, down=0), "the second point is x itself"),
        (never_put_back, "not put back"),
        (lambda f, x, e: np.full(x.shape, (f(x + e) - f(x - e)) / (2 * e)), "at once"),
        (lambda f, x, e: numeric_gradient(f, x, e, over=1 / e), "division by 2 * eps is missing"),
        (leaves_x_moved, "an argument was overwritten"),
        (lambda f, x, e: numeric_gradient(f, x), "your own eps"),
        (lambda f, x, e: -numeric_gradient(f, x, e), "wrong sign"),
        (lambda f, x, e: numeric_gradient(f, x, e).ravel(), "another shape"),
        (lambda f, x, e: numeric_gradient(f, x, e).round(2), ""),
    ],
    "conv2d_backward": [
        (lambda *a: conv2d_backward(*a, wrong="turned"), "the kernel is turned"),
        (lambda *a: conv2d_backward(*a, wrong="not transposed"), "not transposed"),
        (lambda *a: conv2d_backward(*a, wrong="overwritten"), "overwrites what the one before"),
        (lambda *a: conv2d_backward(*a, wrong="same place"), "to the same place of dx"),
        (lambda *a: conv2d_backward(*a, wrong="one window"), "the same window of x"),
        (first_image_only, "missing sum over the batch"),
        (with_other(dw=lambda g, dy: g.swapaxes(0, 1)), "swapped height and width"),
        (with_other(dw=lambda g, dy: g[::-1, ::-1]), "reversed along height and width"),
        (with_other(dw=lambda g, dy: g / len(dy)), "divided by the batch size"),
        (with_other(db=lambda g, dy: dy.mean((0, 1, 2))), "a mean"),
        (with_other(db=lambda g, dy: dy), "sum over images and pixels is missing"),
        (with_other(db=lambda g, dy: dy.sum((1, 2))), "sum over the images is missing"),
        (with_other(dx=lambda g, dy: 0 * g), "zero everywhere"),
        (lambda dy, x, w: conv2d_backward(np.ones_like(dy), x, w), "taken for ones"),
        (lambda *a: conv2d_backward(*a)[:2], ""),
        (lambda *a: conv2d_backward(*a)[::-1], "the two were exchanged"),
        (writes_into_dy, "an argument was overwritten"),
        (in_float64, "without a dtype"),
        (dx_of_the_size_of_a_convolution, "dx has the shape of x"),
        (with_other(dx=lambda g, dy: g**2), ""),
    ],
    "adjoint_gap": [
        (signed_gap, "the absolute value is missing"),
        (absolute_gap, "not relative"),
        (relative_gap(lambda left, right: abs(left) + abs(right)), "the sum of both"),
        (relative_gap(lambda left, right: abs(left)), "divide by the larger"),
        (relative_gap(lambda left, right: min(abs(left), abs(right))), "the smaller"),
        (summed_first, "summed before multiplying"),
        (dot_products, "use (a * b).sum()"),
        (exchanged, ""),
        (lambda *a: sides(*a), "a sum is missing"),
    ],
    "gradients_agree": [
        (checker(make_dy=np.ones_like), "make dy random"),
        (checker(lambda a, n: (a - n).max() <= 1e-6 * np.abs(n).max()), "without an absolute value"),
        (checker(lambda a, n: (n - a).max() <= 1e-6 * np.abs(n).max()), "without an absolute value"),
        (checker(lambda a, n: np.abs(a - n).flat[0] <= 1e-6 * np.abs(n).max()), "not all entries"),
        (checker(lambda a, n: np.isclose(a, n).any()), "one that agrees is enough"),
        (checker(lambda a, n: np.abs(a - n).max() <= 1e-6), "the size of the gradient"),
        (checker(entry_by_entry), "0 / 0"),
        (checker(lambda a, n: True), "nothing is compared"),
        (checker(lambda a, n: False), "too inexact"),
        (
            checker(slope=lambda f, x, e: numeric_gradient(f, x, e, down=0, over=1)),
            "is the difference central",
        ),
        (lambda forward, backward, x: 0.0, "compare with the tolerance"),
    ],
}  # fmt: skip


def test_a_checker_without_abs_is_caught_in_both_directions():
    # Which one it catches first must not matter to the student: both name the same cause.
    for sign in (1, -1):
        answer = checker(lambda a, n, sign=sign: (sign * (a - n)).max() <= 1e-6 * np.abs(n).max())
        assert "absolute value" in " ".join(check.gradients_agree(answer).causes)
