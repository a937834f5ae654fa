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


def max_without_axis(z):
    m = z.max(axis=-1)
    return m + np.log(np.exp(z - m).sum(axis=-1))


def mixed_axes(z):
    m = z.max(axis=-1, keepdims=True)
    return m + np.log(np.exp(z - m).sum(axis=-1)) if z.ndim > 1 else log_sum_exp(z)


def by_logaddexp(z):
    return np.logaddexp.reduce(z, axis=-1)


def class_by_class(z):
    """Two at a time, each time with the larger one in front."""
    total = z[..., 0].copy()
    for k in range(1, z.shape[-1]):
        larger = np.maximum(total, z[..., k])
        total = larger + np.log(np.exp(total - larger) + np.exp(z[..., k] - larger))
    return total


def loss_by_loops(z, t, w):
    total = 0.0
    for place in np.ndindex(t.shape):
        row = z[place].astype(float)
        shifted = row - row.max()
        total += w[place] * (np.log(np.exp(shifted).sum()) - shifted[t[place]])
    return total / t.size


def loss_by_eye(z, t, w):
    log_p = z - log_sum_exp(z)[..., None]
    return -np.einsum("nhw,nhwk,nhwk->", w, np.eye(z.shape[-1])[t], log_p) / w.size


def gradient_by_loops(z, t, w):
    dz = np.empty_like(z)
    for place in np.ndindex(t.shape):
        e = np.exp(z[place] - max(z[place]))
        dz[place] = e / e.sum()
        dz[place][t[place]] -= 1
        dz[place] *= w[place] / t.size
    return dz


def gradient_by_indices(z, t, w):
    dz = softmax(z)
    dz[(*np.indices(t.shape), t)] -= 1
    dz *= np.expand_dims(w, -1)
    dz /= np.prod(z.shape[:-1])
    return dz


ALSO_RIGHT = {
    "log_sum_exp": [by_logaddexp, class_by_class],
    "pixel_loss": [loss_by_loops, loss_by_eye, lambda z, t, w: np.float32(loss_by_loops(z, t, w))],
    "pixel_loss_gradient": [gradient_by_loops, gradient_by_indices],
}


def by_the_smallest(z):
    m = z.min(axis=-1)
    return m + np.log(np.exp(z - m[..., None]).sum(axis=-1))


RIGHT = {
    "log_sum_exp": log_sum_exp,
    "pixel_loss": pixel_loss,
    "pixel_loss_gradient": pixel_loss_gradient,
}

# What is wrong, and words that its message should hold ("" where no cause is named).
WRONG = {
    "log_sum_exp": [
        (by_the_smallest, "the smallest logit was subtracted"),
        (lambda z: np.log(np.exp(z).sum(axis=-1)), "subtract each pixel's largest logit"),
        (lambda z: log_sum_exp(z) - z.max(axis=-1), "not added again"),
        (lambda z: z.max() + np.log(np.exp(z - z.max()).sum(axis=-1)), "each pixel needs its own"),
        (lambda z: np.log(np.exp(z).sum()), "over the last axis only"),
        (lambda z: log_sum_exp(z) / np.log(2), "base 2"),
        (lambda z: np.exp(z).sum(axis=-1), "the logarithm is missing"),
        (keeps_the_axis, "keepdims too many"),
        (lambda z: np.log(np.exp(z - z.max(axis=-1)).sum(axis=-1)), "not added again"),
        (max_without_axis, "lost their last axis"),
        (mixed_axes, "kept its last axis"),
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
        (lambda z, t, w: pixel_loss(z, t, w) ** 2, "the square of what"),
        (lambda z, t, w: pixel_loss(z, t, w) + 0.1, ""),
        (lambda z, t, w: (w * (log_sum_exp(z) - z[..., t])).mean(), "classes of all pixels"),
        (lambda z, t, w: (w * (log_sum_exp(z) - z[t])).mean(), "takes whole images"),
        (lambda z, t, w: (z * (t == np.arange(z.shape[-1]))).sum(), "no axis for the classes"),
        (lambda z, t, w: np.take_along_axis(z, t, -1).mean(), "as many axes"),
        (lambda z, t, w: (w * (log_sum_exp(z) - (z * t[..., None]).sum(-1))).mean(), "multiplied by"),
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
        (lambda z, t, w: w * (softmax(z) - onehot(z, t)) / t.size, "give it an axis"),
        (lambda z, t, w: (softmax(z) - onehot(z, t)) * w / t.size, "give it an axis"),
        (lambda z, t, w: softmax(z) - t, "give it an axis"),
        (lambda z, t, w: np.exp(z - log_sum_exp(z)), "give it an axis"),
        (lambda z, t, w: pixel_loss_gradient(z, t, w) + 1e-3 * z, ""),
    ],
}  # fmt: skip
