"""Lesson 5: right answers, and the usual wrong ones; test_all.py tries them."""

import numpy as np


def log_sum_exp(z):
    m = z.max(axis=-1, keepdims=True)
    return m[..., 0] + np.log(np.exp(z - m).sum(axis=-1))


def onehot(z, t):
    return t[..., None] == np.arange(z.shape[-1])


def softmax(z):
    return np.exp(z - log_sum_exp(z)[..., None])


def surprise(z, t):
    return np.take_along_axis(log_sum_exp(z)[..., None] - z, t[..., None], axis=-1)[..., 0]


def pixel_loss(z, t, w):
    return float((w * surprise(z, t)).mean())


def pixel_loss_gradient(z, t, w):
    dz = softmax(z)
    np.put_along_axis(dz, t[..., None], np.take_along_axis(dz, t[..., None], axis=-1) - 1, axis=-1)
    return dz * (w / t.size)[..., None]


def writes_into_z(z, t, w):
    z -= z.max(axis=-1, keepdims=True)
    return pixel_loss(z, t, w)


def float64_onehot(z, t, w):
    return w[..., None] * (softmax(z) - np.eye(z.shape[-1])[t]) / t.size


def keeps_the_axis(z):
    m = z.max(axis=-1, keepdims=True)
    return m + np.log(np.exp(z - m).sum(axis=-1, keepdims=True))


RIGHT = {
    "log_sum_exp": log_sum_exp,
    "pixel_loss": pixel_loss,
    "pixel_loss_gradient": pixel_loss_gradient,
}

# What is wrong, and words that its message should hold ("" where no cause is named).
WRONG = {
    "log_sum_exp": [
        (lambda z: np.log(np.exp(z).sum(axis=-1)), "subtract each pixel's largest logit"),
        (lambda z: log_sum_exp(z) - z.max(axis=-1), "not added again"),
        (lambda z: z.max() + np.log(np.exp(z - z.max()).sum(axis=-1)), "each pixel needs its own"),
        (lambda z: np.log(np.exp(z).sum()), "over the last axis only"),
        (lambda z: log_sum_exp(z) / np.log(2), "base 2"),
        (lambda z: np.exp(z).sum(axis=-1), "the logarithm is missing"),
        (keeps_the_axis, "keepdims too many"),
        (lambda z: z.mean(axis=-1), ""),
    ],
    "pixel_loss": [
        (lambda z, t, w: -pixel_loss(z, t, w), "the sign"),
        (lambda z, t, w: (w * surprise(z, t)).sum(), "a sum over pixels"),
        (lambda z, t, w: surprise(z, t).mean(), "the weights are missing"),
        (lambda z, t, w: (w * surprise(z, t)).sum() / w.sum(), "sum of the weights"),
        (lambda z, t, w: (w * surprise(z, t)).sum() / len(z), "number of images only"),
        (lambda z, t, w: w * surprise(z, t), "the mean over all of them is missing"),
        (
            lambda z, t, w: (-w[..., None] * onehot(z, t) * np.log(softmax(z))).mean(),
            "over the classes, too",
        ),
        (
            lambda z, t, w: -(w * np.log((softmax(z) * onehot(z, t)).sum(axis=-1))).mean(),
            "needs no probability",
        ),
        (
            lambda z, t, w: -(w * np.log((softmax(z) * onehot(z, t)).sum(-1) + 1e-12)).mean(),
            "wrong where p is tiny",
        ),
        (writes_into_z, "an argument was overwritten"),
        (lambda z, t, w: pixel_loss(z, t, w) ** 2, ""),
    ],
    "pixel_loss_gradient": [
        (lambda z, t, w: -pixel_loss_gradient(z, t, w), "the sign"),
        (lambda z, t, w: w[..., None] * softmax(z) / t.size, "were not subtracted"),
        (lambda z, t, w: w[..., None] * (softmax(z) - t[..., None]) / t.size, "the label itself"),
        (lambda z, t, w: pixel_loss_gradient(z, t, w) * t.size, "not divided"),
        (lambda z, t, w: pixel_loss_gradient(z, t, w) / z.shape[-1], "number of all logits"),
        (lambda z, t, w: pixel_loss_gradient(z, t, w) * onehot(z, t), "theirs is p"),
        (lambda z, t, w: pixel_loss_gradient(z, t, np.ones_like(w)), "the weights are missing"),
        (lambda z, t, w: pixel_loss_gradient(z, t, w) * t.size / w.sum(), "sum of the weights"),
        (float64_onehot, "without a dtype"),
        (lambda z, t, w: np.zeros_like(z), "zero everywhere"),
        (lambda z, t, w: pixel_loss_gradient(z, t, w) + 1e-3 * z, ""),
    ],
}  # fmt: skip
