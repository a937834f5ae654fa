"""The answers of lesson 21, right and wrong, for test_all.py; and its gradient."""

import numpy as np

from tinyunet.exercises.lesson_21 import dice as dice_checks
from tinyunet.exercises.trial import Trial, slopes


def dice(p, g, w, s):
    return (2 * (w * p * g).sum() + s) / ((w * (p * p + g * g)).sum() + s)


def dice_gradient(p, g, w, s):
    return 2 * w * (g - p * dice(p, g, w, s)) / ((w * (p * p + g * g)).sum() + s)


def softmax_gradient(dp, p):
    return p * (dp - (dp * p).sum(axis=-1, keepdims=True))


def dice_by_loops(p, g, w, s):
    top, bottom = s, s
    for index in np.ndindex(p.shape):
        top += 2 * float(w[index] * p[index] * g[index])
        bottom += float(w[index]) * (float(p[index]) ** 2 + float(g[index]) ** 2)
    return top / bottom


def dice_by_products(p, g, w, s):
    """As a distance: A = B - sum w (p - g)^2."""
    p, g, w = (np.asarray(a, np.float64).ravel() for a in (p, g, w))
    bottom = w @ p**2 + w @ g**2 + s
    return np.array(1 - w @ (p - g) ** 2 / bottom)


def gradient_in_float64(p, g, w, s):
    dp = np.zeros(p.shape)
    bottom, overlap = (w * (p * p + g * g)).sum() + s, dice(p, g, w, s)
    for i in range(len(p)):
        dp[i] = 2 * w[i] * (g[i] - overlap * p[i]) / bottom
    return dp


def gradient_by_the_rule(p, g, w, s):
    a, b = 2 * (w * p * g).sum() + s, (w * (p**2 + g**2)).sum() + s
    return (2 * w * g * b - 2 * w * p * a) / b / b


def softmax_by_matrices(dp, p):
    """With the derivative of every probability with respect to every logit."""
    jacobian = np.einsum("...j,jk->...jk", p, np.eye(p.shape[-1])) - p[..., None] * p[..., None, :]
    return np.einsum("...j,...jk->...k", dp, jacobian)


def softmax_by_loops(dp, p):
    dz = np.zeros_like(p)
    for n, i, j in np.ndindex(p.shape[:3]):
        for k in range(p.shape[3]):
            for c in range(p.shape[3]):
                dz[n, i, j, k] += dp[n, i, j, c] * p[n, i, j, c] * ((c == k) - p[n, i, j, k])
    return dz


ALSO_RIGHT = {
    "dice": [dice_by_loops, dice_by_products],
    "dice_gradient": [gradient_in_float64, gradient_by_the_rule],
    "softmax_gradient": [softmax_by_matrices, softmax_by_loops],
}

RIGHT = {
    "dice": dice,
    "dice_gradient": dice_gradient,
    "softmax_gradient": softmax_gradient,
}

# What is wrong, and words that its message should hold ("" where no cause is named).
WRONG = {
    "dice": [
        (lambda p, g, w, s: 1 - dice(p, g, w, s), "1 - D is the loss"),
        (lambda p, g, w, s: dice(p, g, 1 + 0 * w, s), "the weights are missing"),
        (lambda p, g, w, s: dice(p, g, w, 0), "s is missing"),
        (
            lambda p, g, w, s: (2 * (w * p * g).sum() + s) / ((w * (p + g)).sum() + s),
            "p is not squared",
        ),
        (
            lambda p, g, w, s: np.mean([dice(*i, s) for i in zip(p, g, w, strict=True)]),
            "for each image",
        ),
        (lambda p, g, w, s: dice(p, g, w * w, s), "weights are squared"),
        (lambda p, g, w, s: dice(p, g, w, s * p.size), "for every pixel"),
        (lambda p, g, w, s: dice(p, g, w / p.size, s), "means in place of the sums"),
        (lambda p, g, w, s: dice((p > 0.5) * 1.0, g, w, s), "was made 0 or 1"),
        (lambda p, g, w, s: dice(p, g, w, s) ** 2, "the square of what"),
    ],
    "dice_gradient": [
        (lambda *a: -dice_gradient(*a), "the sign"),
        (lambda p, g, w, s: 2 * w * g / ((w * (p * p + g)).sum() + s), "for a constant"),
        (lambda p, g, w, s: dice_gradient(p, g, w, s) / w, "the weight of the pixel"),
        (lambda *a: dice_gradient(*a) / 2, "the 2 in front"),
        (lambda p, g, w, s: dice_gradient(g, p, w, s), "p and g are exchanged"),
        (lambda *a: dice_gradient(*a) / a[0].size, "the number of pixels"),
        (lambda *a: dice_gradient(*a[:3], 0), "s is missing"),
        (
            lambda p, g, w, s: np.array([dice_gradient(*i, s) for i in zip(p, g, w, strict=True)]),
            "over the whole batch",
        ),
        (lambda *a: dice_gradient(*a).sum(), "summed over the pixels"),
        (lambda *a: list(dice_gradient(*a)), "np.array makes one of it"),
        (lambda p, g, w, s: w * (g - p), ""),
    ],
    "softmax_gradient": [
        (lambda dp, p: p * (1 - p) * dp, "only j = k"),
        (lambda dp, p: p * dp, "the sum is missing"),
        (lambda dp, p: dp - (dp * p).sum(-1, keepdims=True), "the factor p in front"),
        (lambda dp, p: p * (dp - dp.sum(-1, keepdims=True)), "p is missing in the sum"),
        (lambda dp, p: p * (dp - (dp * p).mean(-1, keepdims=True)), "it is a sum"),
        (lambda dp, p: p * (dp - np.sum(dp * p)), "a sum of its own"),
        (lambda dp, p: p * (dp - (dp * p).sum(axis=(0, 1, 2))), "the classes of one pixel"),
        (lambda dp, p: softmax_gradient(p, dp), "exchanged"),
        (lambda dp, p: p * (dp - (dp * p).sum(1, keepdims=True)), "over the height"),
        (lambda dp, p: p * dp - (dp * p).sum(-1, keepdims=True), "the whole bracket"),
        (lambda dp, p: softmax_gradient(dp, p) / len(p), "number of images"),
        (lambda dp, p: softmax_gradient(dp, p) / dp[..., 0].size, "number of pixels"),
        (lambda dp, p: softmax_gradient(dp, p) / p.size, "number of all entries"),
        (lambda dp, p: (dp - p) / p.size, ""),
    ],
}


def test_the_gradient_is_the_slope_of_dice():
    for p, g, w, s in list(dice_checks._dice_cases(Trial(None)))[:-1]:
        measured = slopes(lambda p, g=g, w=w, s=s: np.asarray(dice(p, g, w, s)), p)
        np.testing.assert_allclose(
            dice_checks._slope(p, g, w, s) * measured.dy, measured.whole[0], rtol=1e-7, atol=1e-9
        )
