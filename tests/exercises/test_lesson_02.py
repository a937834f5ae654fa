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


def gap_of_absolutes(*a):
    left, right = map(abs, sides(*a))
    return abs(left - right) / max(left, right)


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
    judge=None,
    make_dy=lambda y: np.random.default_rng(0).standard_normal(y.shape),
    slope=numeric_gradient,
    own_eps=None,
):
    def gradients_agree(forward, backward, x, eps=1e-4, tolerance=1e-6):
        dy = make_dy(forward(x))
        numeric = slope(lambda x: (dy * forward(x)).sum(), x.copy(), own_eps or eps)
        if judge is None:
            return bool(
                np.abs(backward(dy, x) - numeric).max() <= tolerance * np.abs(numeric).max()
            )
        return bool(judge(backward(dy, x), numeric))

    return gradients_agree


def entry_by_entry(a, n):
    with np.errstate(all="ignore"):
        return (np.abs(a - n) / np.abs(n) <= 1e-5).all()


def by_a_scale_with_a_sign(forward, backward, x, eps=1e-4, tolerance=1e-6):
    dy = np.random.default_rng(3).standard_normal(forward(x).shape)
    slope = numeric_gradient(lambda x: (dy * forward(x)).sum(), x, eps)
    return bool(np.abs(backward(dy, x) - slope).max() <= tolerance * slope.max())


def as_if_square(dy, x, w):
    """Each window is as wide as it is high."""
    dx, dw, side = np.zeros_like(x), np.zeros_like(w), dy.shape[1]
    for p, q in np.ndindex(*w.shape[:2]):
        part = np.s_[:, p : p + side, q : q + side]
        dw[p, q] = np.einsum("nijc,nijk->ck", x[part], dy[:, :, :side])
        dx[part] += dy[:, :, :side] @ w[p, q].T
    return dx, dw, dy.sum(axis=(0, 1, 2))


RIGHT = {
    "numeric_gradient": numeric_gradient,
    "conv2d_backward": conv2d_backward,
    "adjoint_gap": adjoint_gap,
    "gradients_agree": checker(),
}


def gradient_of_copies(f, x, eps=1e-5):
    gradient = np.zeros(x.shape, x.dtype)
    for k in range(x.size):
        step = np.zeros(x.size)
        step[k] = eps
        step = step.reshape(x.shape)
        gradient[np.unravel_index(k, x.shape)] = (f(x + step) - f(x - step)) / (2 * eps)
    return gradient


def gradient_in_a_flat_view(f, x, eps=1e-5):
    flat, slopes = x.reshape(-1), []
    for k in range(len(flat)):
        flat[k] += eps
        up = f(x)
        flat[k] -= 2 * eps
        down = f(x)
        flat[k] += eps  # as it was, up to rounding
        slopes.append((up - down) / (eps + eps))
    return np.reshape(slopes, x.shape)


def backward_by_pixels(dy, x, w):
    dx, dw, db = np.zeros_like(x), np.zeros_like(w), np.zeros(w.shape[3], w.dtype)
    for n, i, j in np.ndindex(dy.shape[:3]):
        for p, q in np.ndindex(w.shape[:2]):
            dx[n, i + p, j + q] += w[p, q] @ dy[n, i, j]
            dw[p, q] += np.outer(x[n, i + p, j + q], dy[n, i, j])
        db += dy[n, i, j]
    return [dx, dw, db]


def backward_by_einsum(dy, x, w):
    (kh, kw), (h, v) = w.shape[:2], dy.shape[1:3]
    views = np.lib.stride_tricks.sliding_window_view(x, (h, v), axis=(1, 2))
    dw = np.einsum("npqcij,nijk->pqck", views, dy)
    wide = np.pad(dy, ((0, 0), (kh - 1, kh - 1), (kw - 1, kw - 1), (0, 0)))
    turned = np.lib.stride_tricks.sliding_window_view(wide, (kh, kw), axis=(1, 2))
    dx = np.einsum("nuvkpq,pqck->nuvc", turned, w[::-1, ::-1])
    return dx, dw, np.einsum("nijk->k", dy)


def checker_in_a_loop(forward, backward, x, eps=1e-4, tolerance=1e-6):
    y = forward(x)
    dy = np.random.default_rng(7).uniform(-1, 1, np.shape(y))
    numeric = gradient_of_copies(lambda x: float(np.sum(dy * forward(x))), x, eps)
    largest = max(abs(float(n)) for n in numeric.flat)
    for a, n in zip(np.ravel(backward(dy, x)), numeric.flat, strict=True):
        if abs(a - n) > tolerance * largest:
            return False
    return True


ALSO_RIGHT = {
    "numeric_gradient": [gradient_of_copies, gradient_in_a_flat_view],
    "conv2d_backward": [backward_by_pixels, backward_by_einsum],
    "adjoint_gap": [
        lambda f, g, x, dy: float(
            abs(np.vdot(f(x), dy) - np.vdot(x, g(dy)))
            / np.max(np.abs([np.vdot(f(x), dy), np.vdot(x, g(dy))]))
        ),
        lambda f, g, x, dy: (
            np.abs(np.subtract(*sides(f, g, x, dy))) / max(map(abs, sides(f, g, x, dy)))
        ),
    ],
    "gradients_agree": [checker_in_a_loop],
}


def with_dw(product):
    """A backward pass in loops, with another product of the window and dy in it."""

    def answer(dy, x, w):
        dw, (h, v) = np.zeros_like(w), dy.shape[1:3]
        for p, q in np.ndindex(w.shape[:2]):
            dw[p, q] = product(x[:, p : p + h, q : q + v], dy)
        dx, _, db = conv2d_backward(dy, x, w)
        return dx, dw, db

    return answer


def products_of_arrays(product):
    def answer(*a):
        (forward, backward, x, dy) = a
        left, right = product(forward(x), dy), product(x, backward(dy))
        return abs(left - right) / max(abs(left), abs(right))

    return answer


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
        (lambda f, x, e: (f(x + e) - f(x - e)) / (2 * e), "which gives one number"),
        (lambda f, x, e: abs(numeric_gradient(f, x, e)), "the sign is lost"),
    ],
    "conv2d_backward": [
        (as_if_square, ""),
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
        (lambda *a: conv2d_backward(*a)[:2], "belong behind the return"),
        (lambda *a: conv2d_backward(*a)[::-1], "the two were exchanged"),
        (writes_into_dy, "an argument was overwritten"),
        (in_float64, "without a dtype"),
        (dx_of_the_size_of_a_convolution, "dx has the shape of x"),
        (with_other(dx=lambda g, dy: g**2), ""),
        (with_dw(lambda window, dy: window.T @ dy), ".T reverses all four axes"),
        (with_dw(lambda window, dy: np.dot(window.T, dy)), ".T reverses all four axes"),
        (with_dw(lambda window, dy: window.swapaxes(2, 3) @ dy), "a product for each row"),
        (with_dw(lambda window, dy: window * dy), "a product of matrices"),
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
        (relative_gap(max), "take absolute values first"),
        (gap_of_absolutes, "opposite sign"),
        (lambda *a: 1 / adjoint_gap(*a), "upside down"),
        (lambda *a: adjoint_gap(*a) < 1e-9, "the gap itself"),
        (products_of_arrays(np.dot), "use (a * b).sum()"),
        (products_of_arrays(np.matmul), "use (a * b).sum()"),
    ],
    "gradients_agree": [
        (by_a_scale_with_a_sign, "the scale is below 0"),
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
        (
            checker(lambda a, n: np.abs(a - n).max() <= 1e-6 * np.abs(n).max()),
            "your own tolerance",
        ),
        (checker(own_eps=1e-4), "your own eps"),
        (checker(lambda a, n: abs(a - n).mean() <= 1e-6 * abs(n).mean()), "a mean hides"),
        (checker(lambda a, n: abs((a - n).sum()) <= 1e-6 * abs(n).max()), "they cancel"),
    ],
}  # fmt: skip


def test_a_checker_without_abs_is_caught_in_both_directions():
    # Which one it catches first must not matter to the student: both name the same cause.
    for sign in (1, -1):
        answer = checker(lambda a, n, sign=sign: (sign * (a - n)).max() <= 1e-6 * np.abs(n).max())
        assert "absolute value" in " ".join(check.gradients_agree(answer).causes)
