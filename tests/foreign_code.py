"""Backward passes as other people write them, by convention, right and wrong ones.

Each case is checked with one line of glue. The code is ours; the conventions are those of courses,
books and small libraries.
"""

from __future__ import annotations

import functools
import math
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

import tinyunet as tu


@dataclass
class Case:
    """A check, and what its report says: the names of its rows, or a hint.

    Attributes
    ----------
    name
        The convention, and what is checked.
    check
        One line of glue, which gives a report.
    rows
        For right code: what has to be among the rows.
    says
        For wrong code: tensors that have to be FAILED, and words of the report.
    """

    name: str
    check: Callable
    rows: str = ""
    says: str = ""


RIGHT: list[Case] = []
WRONG: list[Case] = []


def right(name, check, rows=""):
    RIGHT.append(Case(name, check, rows))


def wrong(name, check, rows, says=""):
    WRONG.append(Case(name, check, rows, says))


def numbers(*shape, seed=0):
    return np.random.default_rng([seed, *shape]).standard_normal(shape)


X, W, B = numbers(4, 3), numbers(3, 5), numbers(5)
IMAGES, FILTERS = numbers(2, 3, 5, 4), numbers(2, 3, 3, 3)
LABELS = np.array([2, 0, 1, 2])
ONE_HOT = np.eye(3)[LABELS]


def softmax(x):
    e = np.exp(x - x.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


# ------------------------------------------------ functions with a cache, as in course assignments


def affine_forward(x, w, b):
    return x.reshape(len(x), -1) @ w + b, (x, w, b)


def affine_backward(dout, cache):
    x, w, b = cache
    return (dout @ w.T).reshape(x.shape), x.reshape(len(x), -1).T @ dout, dout.sum(0)


def affine_backward_mean(dout, cache):
    dx, dw, db = affine_backward(dout, cache)
    return dx, dw, db / len(dout)


def affine_backward_short(dout, cache):
    return affine_backward(dout, cache)[:2]


def affine_backward_order(dout, cache):
    dx, dw, db = affine_backward(dout, cache)
    return dw, dx, db


right("cache: affine", lambda: tu.check_function(affine_forward, affine_backward, X, W, B), "x w b")
right(
    "cache: affine of images",
    lambda: tu.check_function(affine_forward, affine_backward, IMAGES, numbers(60, 4), numbers(4)),
    "x w b",
)
wrong(
    "cache: mean in db",
    lambda: tu.check_function(affine_forward, affine_backward_mean, X, W, B),
    "b",
    "divided by the batch size 4",
)
wrong(
    "cache: no db",
    lambda: tu.check_function(affine_forward, affine_backward_short, X, W, B),
    "b",
    "backward gave no gradient for it",
)
wrong(
    "cache: other order",
    lambda: tu.check_function(affine_forward, affine_backward_order, X, W, B),
    "x w",
    "shape (3, 5)",
)


def relu_forward(x):
    return np.maximum(x, 0), x


def relu_backward(dout, cache):
    return dout * (cache > 0)


def relu_backward_in_place(dout, cache):
    dout[cache <= 0] = 0
    return dout


right("cache: ReLU", lambda: tu.check_function(relu_forward, relu_backward, X), "x")
wrong(
    "cache: ReLU in place",
    lambda: tu.check_function(relu_forward, relu_backward_in_place, X),
    "the-upstream-gradient",
    "wrote into it",
)


def batchnorm_forward(x, gamma, beta, bn_param):
    eps, momentum = bn_param.get("eps", 1e-5), bn_param.get("momentum", 0.9)
    mean, var = x.mean(0), x.var(0)
    running = bn_param.get("running_mean", np.zeros(x.shape[1]))
    bn_param["running_mean"] = momentum * running + (1 - momentum) * mean
    h = (x - mean) / np.sqrt(var + eps)
    return gamma * h + beta, (h, gamma, np.sqrt(var + eps))


def batchnorm_backward(dout, cache):
    h, gamma, root = cache
    d = dout * gamma
    dx = (d - d.mean(0) - h * (d * h).mean(0)) / root
    return dx, (dout * h).sum(0), dout.sum(0)


def batchnorm_backward_no_mean(dout, cache):
    h, gamma, root = cache
    return dout * gamma / root, (dout * h).sum(0), dout.sum(0)


NORM = (X, numbers(3), numbers(3))
SETTINGS = {"mode": "train", "eps": 1e-5, "momentum": 0.9, "running_mean": np.zeros(3)}
for label, settings in (("mode", {"mode": "train"}), ("eps", {"eps": 1e-5}), ("all", SETTINGS)):
    right(
        f"cache: batchnorm, bn_param with {label}",
        lambda s=settings: tu.check_function(batchnorm_forward, batchnorm_backward, *NORM, s),
        "x gamma beta",
    )
wrong(
    "cache: batchnorm without the means",
    lambda: tu.check_function(batchnorm_forward, batchnorm_backward_no_mean, *NORM, SETTINGS),
    "x",
)


def conv_forward_naive(x, w, b, conv_param):
    stride, pad = conv_param["stride"], conv_param["pad"]
    padded = np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
    height = (padded.shape[2] - w.shape[2]) // stride + 1
    width = (padded.shape[3] - w.shape[3]) // stride + 1
    out = np.zeros((len(x), len(w), height, width))
    for i in range(height):
        for j in range(width):
            window = padded[..., i * stride :, j * stride :][..., : w.shape[2], : w.shape[3]]
            out[:, :, i, j] = np.tensordot(window, w, ([1, 2, 3], [1, 2, 3])) + b
    return out, (x, w, b, conv_param)


def conv_backward_naive(dout, cache):
    x, w, b, conv_param = cache
    stride, pad = conv_param["stride"], conv_param["pad"]
    padded = np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
    dpadded, dw = np.zeros_like(padded), np.zeros_like(w)
    for i in range(dout.shape[2]):
        for j in range(dout.shape[3]):
            rows, columns = (slice(k * stride, k * stride + 3) for k in (i, j))
            dpadded[..., rows, columns] += np.tensordot(dout[:, :, i, j], w, 1)
            dw += np.tensordot(dout[:, :, i, j].T, padded[..., rows, columns], 1)
    inner = slice(pad, -pad)
    return dpadded[..., inner, inner], dw, dout.sum((0, 2, 3))


def conv_backward_turned(dout, cache):
    x, w, b, conv_param = cache
    return conv_backward_naive(dout, (x, w[..., ::-1], b, conv_param))


CONV = (IMAGES, FILTERS, numbers(2), {"stride": 2, "pad": 1})
right(
    "cache: convolution, NCHW",
    lambda: tu.check_function(conv_forward_naive, conv_backward_naive, *CONV, samples=15),
    "x w b",
)
wrong(
    "cache: kernel turned",
    lambda: tu.check_function(conv_forward_naive, conv_backward_turned, *CONV, layout="NCHW"),
    "x",
)


def max_pool_forward_naive(x, pool_param):
    size = pool_param["pool_height"], pool_param["pool_width"]
    n, c, h, w = x.shape
    blocks = x.reshape(n, c, h // size[0], size[0], w // size[1], size[1])
    return blocks.max((3, 5)), (x, size)


def max_pool_backward_naive(dout, cache):
    x, (h, w) = cache
    dx = np.zeros_like(x)
    for n, c, i, j in np.ndindex(dout.shape):
        window = x[n, c, i * h : i * h + h, j * w : j * w + w]
        dx[n, c, i * h : i * h + h, j * w : j * w + w] = dout[n, c, i, j] * (window == window.max())
    return dx


POOL = (numbers(2, 2, 4, 6), {"pool_height": 2, "pool_width": 3, "stride": 2})
right(
    "cache: max-pooling",
    lambda: tu.check_function(max_pool_forward_naive, max_pool_backward_naive, *POOL),
    "x",
)


def dropout_forward(x, dropout_param):
    rng = np.random.default_rng(dropout_param["seed"])
    mask = (rng.random(x.shape) < dropout_param["p"]) / dropout_param["p"]
    return x * mask, (dropout_param, mask)


def dropout_backward(dout, cache):
    return dout * cache[1]


right(
    "cache: dropout with a seed",
    lambda: tu.check_function(
        dropout_forward, dropout_backward, X, {"p": 0.6, "seed": 3, "mode": "train"}
    ),
    "x",
)


def softmax_loss(x, y):
    p, rows = softmax(x), np.arange(len(x))
    dx = p.copy()
    dx[rows, y] -= 1
    return -np.log(p[rows, y]).mean(), dx / len(x)


def softmax_loss_sum(x, y):
    loss, dx = softmax_loss(x, y)
    return loss, dx * len(x)


right("cache: loss, dx", lambda: tu.check_function(softmax_loss, None, X, LABELS), "x")
wrong(
    "cache: loss, dx of the sum",
    lambda: tu.check_function(softmax_loss_sum, None, X, LABELS),
    "x",
    "wrong scale: 4 times the gradient",
)


def svm_loss_naive(W, X, y, reg):
    scores = X @ W
    margins = np.maximum(0, scores - scores[np.arange(len(y)), y][:, None] + 1)
    margins[np.arange(len(y)), y] = 0
    counts = (margins > 0).astype(float)
    counts[np.arange(len(y)), y] = -counts.sum(1)
    return margins.sum() / len(y) + reg * (W * W).sum(), X.T @ counts / len(y) + 2 * reg * W


right(
    "cache: loss of weights",
    lambda: tu.check_function(svm_loss_naive, None, W[:, :3], X, LABELS, 0.1, wrt="W"),
    "W",
)


def rnn_step_forward(x, prev_h, Wx, Wh, b):
    h = np.tanh(x @ Wx + prev_h @ Wh + b)
    return h, (x, prev_h, Wx, Wh, h)


def rnn_step_backward(dnext_h, cache):
    x, prev_h, Wx, Wh, h = cache
    d = dnext_h * (1 - h * h)
    return d @ Wx.T, d @ Wh.T, x.T @ d, prev_h.T @ d, d.sum(0)


def lstm_step_forward(x, prev_h, prev_c, Wx, Wh, b):
    gates = np.split(x @ Wx + prev_h @ Wh + b, 4, axis=1)
    i, f, o = (1 / (1 + np.exp(-a)) for a in gates[:3])
    g = np.tanh(gates[3])
    c = f * prev_c + i * g
    h = o * np.tanh(c)
    return h, c, (x, prev_h, prev_c, Wx, Wh, i, f, o, g, c)


def lstm_step_backward(dnext_h, dnext_c, cache):
    x, prev_h, prev_c, Wx, Wh, i, f, o, g, c = cache
    dc = dnext_c + dnext_h * o * (1 - np.tanh(c) ** 2)
    d = np.concatenate(
        [
            dc * g * i * (1 - i),
            dc * prev_c * f * (1 - f),
            dnext_h * np.tanh(c) * o * (1 - o),
            dc * i * (1 - g * g),
        ],
        axis=1,
    )
    return d @ Wx.T, d @ Wh.T, dc * f, x.T @ d, prev_h.T @ d, d.sum(0)


def lstm_step_backward_forgot(dnext_h, dnext_c, cache):
    return lstm_step_backward(dnext_h, 0 * dnext_c, cache)


H, RNN = numbers(4, 2), (W[:, :2], numbers(2, 2), numbers(2))
LSTM = (X, H, numbers(4, 2, seed=1), numbers(3, 8), numbers(2, 8), numbers(8))
right(
    "cache: RNN step",
    lambda: tu.check_function(rnn_step_forward, rnn_step_backward, X, H, *RNN),
    "x prev_h Wx Wh b",
)
right(
    "cache: LSTM step, two outputs",
    lambda: tu.check_function(lstm_step_forward, lstm_step_backward, *LSTM),
    "x prev_h prev_c Wx Wh b",
)
wrong(
    "cache: LSTM step, dc forgotten",
    lambda: tu.check_function(lstm_step_forward, lstm_step_backward_forgot, *LSTM),
    "x prev_h prev_c Wx Wh b",
)


# ------------------------------------------------ objects with W and dW, backward(dout=1)


class Affine:
    def __init__(self, W, b):
        self.W, self.b = W, b
        self.x = self.dW = self.db = None

    def forward(self, x):
        self.x = x.reshape(len(x), -1)
        self.shape = x.shape
        return self.x @ self.W + self.b

    def backward(self, dout):
        self.dW, self.db = self.x.T @ dout, dout.sum(axis=0)
        return (dout @ self.W.T).reshape(self.shape)


class AffineWithoutBias(Affine):
    def backward(self, dout):
        self.dW = self.x.T @ dout
        return dout @ self.W.T


class AffineAddsUp(Affine):
    def backward(self, dout):
        self.dW = self.x.T @ dout + (0 if self.dW is None else self.dW)
        self.db = dout.sum(axis=0)
        return dout @ self.W.T


class AffineNoReturn(Affine):
    def backward(self, dout):
        super().backward(dout)


class AffineUntold(Affine):
    """Has no db at all, though its bias is learned."""

    def __init__(self, W, b):
        self.W, self.b = W, b

    def backward(self, dout):
        self.dW = self.x.T @ dout
        return dout @ self.W.T


right("object: Affine", lambda: tu.check_object(Affine(W, B), X), "x W b")
right(
    "object: Affine in float32",
    lambda: tu.check_object(Affine(W.astype("f"), B.astype("f")), X.astype("f")),
    "x W b",
)
wrong(
    "object: db stays None", lambda: tu.check_object(AffineWithoutBias(W, B), X), "b", "no gradient"
)
wrong("object: no db", lambda: tu.check_object(AffineUntold(W, B), X), "b", "no gradient")
wrong("object: dW adds up", lambda: tu.check_object(AffineAddsUp(W, B), X), "W", "accumulated")
wrong("object: no return", lambda: tu.check_object(AffineNoReturn(W, B), X), "x", "return missing")


class Sigmoid:
    def forward(self, x):
        self.out = 1 / (1 + np.exp(-x))
        return self.out

    def backward(self, dout=1):
        return dout * self.out * (1 - self.out)


class SigmoidWithoutOut(Sigmoid):
    def backward(self, dout=1):
        return dout * (1 - self.out)


class Relu:
    def forward(self, x):
        self.mask = x <= 0
        out = x.copy()
        out[self.mask] = 0
        return out

    def backward(self, dout):
        dx = dout.copy()
        dx[self.mask] = 0
        return dx


class Dropout:
    def forward(self, x, train_flg=True):
        self.mask = np.random.rand(*x.shape) > 0.4  # noqa: NPY002
        return x * self.mask

    def backward(self, dout):
        return dout * self.mask


DROPOUT = Dropout()
right("object: Sigmoid", lambda: tu.check_object(Sigmoid(), X), "x")
wrong("object: Sigmoid", lambda: tu.check_object(SigmoidWithoutOut(), X), "x")
right("object: Relu", lambda: tu.check_object(Relu(), X), "x")
right(
    "object: Dropout, drawing the same each time",
    lambda: tu.check_function(
        lambda x: (np.random.seed(0), DROPOUT.forward(x))[1],  # noqa: NPY002
        DROPOUT.backward,
        X,
    ),
    "x",
)


class BatchNormalization:
    def __init__(self, gamma, beta, momentum=0.9):
        self.gamma, self.beta, self.momentum = gamma, beta, momentum
        self.running_mean = self.dgamma = self.dbeta = None

    def forward(self, x, train_flg=True):
        if self.running_mean is None:
            self.running_mean = np.zeros(x.shape[1])
        self.running_mean += (1 - self.momentum) * (x.mean(0) - self.running_mean)
        out, self.cache = batchnorm_forward(x, self.gamma, self.beta, {})
        return out

    def backward(self, dout):
        dx, self.dgamma, self.dbeta = batchnorm_backward(dout, self.cache)
        return dx


class Convolution:
    def __init__(self, W, b, stride=1, pad=0):
        self.W, self.b, self.param = W, b, {"stride": stride, "pad": pad}
        self.dW = self.db = self.cache = None

    def forward(self, x):
        out, self.cache = conv_forward_naive(x, self.W, self.b, self.param)
        return out

    def backward(self, dout):
        dx, self.dW, self.db = conv_backward_naive(dout, self.cache)
        return dx


class Pooling:
    def __init__(self, pool_h, pool_w, stride=2):
        self.param = {"pool_height": pool_h, "pool_width": pool_w}

    def forward(self, x):
        out, self.cache = max_pool_forward_naive(x, self.param)
        return out

    def backward(self, dout):
        return max_pool_backward_naive(dout, self.cache)


class SoftmaxWithLoss:
    def forward(self, x, t):
        self.y, self.t = softmax(x), t
        return -(t * np.log(self.y)).sum() / len(x)

    def backward(self, dout=1):
        return (self.y - self.t) / len(self.t)


right(
    "object: BatchNormalization",
    lambda: tu.check_object(BatchNormalization(*NORM[1:]), X),
    "x gamma beta",
)
right(
    "object: Convolution",
    lambda: tu.check_object(Convolution(FILTERS, numbers(2), 2, 1), IMAGES, samples=15),
    "x W b",
)
right("object: Pooling", lambda: tu.check_object(Pooling(2, 3), POOL[0]), "x")
right("object: SoftmaxWithLoss", lambda: tu.check_object(SoftmaxWithLoss(), X, ONE_HOT), "x")


class TwoLayerNet:
    """Its params are the layers' own arrays."""

    def __init__(self, *arrays):
        self.params = dict(zip(("W1", "b1", "W2", "b2"), arrays, strict=True))
        self.layers = OrderedDict(
            one=Affine(self.params["W1"], self.params["b1"]),
            between=Sigmoid(),
            two=Affine(self.params["W2"], self.params["b2"]),
        )

    def forward(self, x):
        for layer in self.layers.values():
            x = layer.forward(x)
        return x

    def backward(self, dout):
        for layer in reversed(self.layers.values()):
            dout = layer.backward(dout)
        return dout


NET = (W, B, numbers(5, 2), numbers(2))
right(
    "object: a network of layers",
    lambda: tu.check_object(TwoLayerNet(*NET), X),
    "x layers.one.W layers.one.b layers.two.W layers.two.b",
)
right(
    "object: a network of layers in float32",
    lambda: tu.check_object(TwoLayerNet(*(a.astype("f") for a in NET)), X),
    "x layers.one.W layers.two.b",
)


# ------------------------------------------------ lists params and grads


class MatMul:
    def __init__(self, W):
        self.params, self.grads = [W], [np.zeros_like(W)]

    def forward(self, x):
        self.x = x
        return x @ self.params[0]

    def backward(self, dout):
        self.grads[0][...] = self.x.T @ dout
        return dout @ self.params[0].T


class Embedding:
    def __init__(self, W):
        self.params, self.grads = [W], [np.zeros_like(W)]

    def forward(self, idx):
        self.idx = idx
        return self.params[0][idx]

    def backward(self, dout):
        self.grads[0][...] = 0
        np.add.at(self.grads[0], self.idx, dout)


class EmbeddingOverwrites(Embedding):
    """Sets where it should add: the word that comes twice is wrong."""

    def backward(self, dout):
        self.grads[0][...] = 0
        self.grads[0][self.idx] = dout


class TimeRNN:
    def __init__(self, Wx, Wh, b, stateful=False):
        self.params, self.grads = [Wx, Wh, b], [np.zeros_like(p) for p in (Wx, Wh, b)]
        self.h, self.stateful = None, stateful

    def reset_state(self):
        self.h = None

    def forward(self, xs):
        Wx, Wh, b = self.params
        if not self.stateful or self.h is None:
            self.h = np.zeros((len(xs), len(b)), Wx.dtype)
        self.caches, hs = [], []
        for t in range(xs.shape[1]):
            self.h, cache = rnn_step_forward(xs[:, t], self.h, Wx, Wh, b)
            self.caches.append(cache)
            hs.append(self.h)
        return np.stack(hs, axis=1)

    def backward(self, dhs):
        dxs, dh, grads = [], 0, [0, 0, 0]
        for t in reversed(range(dhs.shape[1])):
            dx, dh, *step = rnn_step_backward(dhs[:, t] + dh, self.caches[t])
            dxs.append(dx)
            grads = [a + b for a, b in zip(grads, step, strict=True)]
        for grad, new in zip(self.grads, grads, strict=True):
            grad[...] = new
        return np.stack(dxs[::-1], axis=1)


class TimeRNNTruncated(TimeRNN):
    """Forgets the gradient that comes from the next step."""

    def backward(self, dhs):
        dxs = []
        for t in reversed(range(dhs.shape[1])):
            dx, _, *step = rnn_step_backward(dhs[:, t], self.caches[t])
            self.grads[0][...] = step[0]
            dxs.append(dx)
        return np.stack(dxs[::-1], axis=1)


TIMES = numbers(2, 3, 3)
right("lists: MatMul", lambda: tu.check_object(MatMul(W.astype("f")), X), "x params.0")
right(
    "lists: Embedding",
    lambda: tu.check_object(Embedding(W), np.array([[0, 2], [0, 1]])),
    "params.0",
)
wrong(
    "lists: Embedding overwrites",
    lambda: tu.check_object(EmbeddingOverwrites(W), np.array([[0, 2], [0, 1]])),
    "params.0",
)
right(
    "lists: TimeRNN", lambda: tu.check_object(TimeRNN(*RNN), TIMES), "xs params.0 params.1 params.2"
)
right("lists: stateful TimeRNN", lambda: tu.check_object(TimeRNN(*RNN, True), TIMES), "xs params.1")
wrong(
    "lists: TimeRNN truncated",
    lambda: tu.check_object(TimeRNNTruncated(*RNN), TIMES),
    "xs params.0 params.1 params.2",
)


# ------------------------------------------------ lazy dicts that add up, static losses


class FullyConnected:
    def __init__(self, n_out):
        self.n_out, self.is_initialized = n_out, False
        self.parameters, self.gradients, self.X = {}, {}, []

    def _init_params(self, n_in):
        rng = np.random.default_rng(0)
        self.parameters = {"W": rng.random((n_in, self.n_out)), "b": rng.random((1, self.n_out))}
        self.flush_gradients()
        self.is_initialized = True

    def flush_gradients(self):
        self.X = []
        self.gradients = {k: np.zeros_like(v) for k, v in self.parameters.items()}

    def forward(self, X, retain_derived=True):
        if not self.is_initialized:
            self._init_params(X.shape[1])
        if retain_derived:
            self.X.append(X)
        return X @ self.parameters["W"] + self.parameters["b"]

    def backward(self, dLdy, retain_grads=True):
        dLdy = dLdy if isinstance(dLdy, list) else [dLdy]
        dX = [dy @ self.parameters["W"].T for dy in dLdy]
        for dy, x in zip(dLdy, self.X, strict=True):
            self.gradients["W"] += x.T @ dy
            self.gradients["b"] += dy.sum(0, keepdims=True)
        return dX[0] if len(dX) == 1 else dX


class FullyConnectedTurned(FullyConnected):
    def backward(self, dLdy, retain_grads=True):
        dX = super().backward(dLdy)
        self.gradients["W"] = self.gradients["W"][::-1]
        return dX


class SquaredError:
    def __call__(self, y, y_pred):
        return self.loss(y, y_pred)

    @staticmethod
    def loss(y, y_pred):
        return 0.5 * np.linalg.norm(y_pred - y) ** 2

    @staticmethod
    def grad(y, y_pred):
        return y_pred - y


Y = numbers(4, 3, seed=5)
right("dicts: lazy layer", lambda: tu.check_object(FullyConnected(2), X), "X W b")
wrong(
    "dicts: lazy layer turned", lambda: tu.check_object(FullyConnectedTurned(2), X), "W", "reversed"
)
right(
    "dicts: static loss",
    lambda: tu.check_function(SquaredError.loss, SquaredError.grad, Y, X, wrt="y_pred"),
    "y_pred",
)
right("dicts: loss with targets y", lambda: tu.check_object(SquaredError(), Y, X), "y_pred")
right("dicts: loss class", lambda: tu.check_object(SquaredError, Y, X), "y_pred")
wrong(
    "dicts: loss without its 1/2",
    lambda: tu.check_function(lambda y, y_pred: ((y_pred - y) ** 2).sum(), SquaredError.grad, Y, X),
    "y_pred",
    "0.5 times",
)


# ------------------------------------------------ static functions with a context


class Mul:
    @staticmethod
    def forward(ctx, a, b):
        ctx.save_for_backward(a, b)
        return a * b

    @staticmethod
    def backward(ctx, d_output):
        a, b = ctx.saved_values
        return d_output * b, d_output * a


class MulExchanged(Mul):
    @staticmethod
    def backward(ctx, d_output):
        a, b = ctx.saved_values
        return d_output * a, d_output * b


class Exp:
    @staticmethod
    def forward(ctx, x):
        ctx.out = np.exp(x)
        return ctx.out

    @staticmethod
    def backward(ctx, grad_output):
        return grad_output * ctx.out


right("context: Mul", lambda: tu.check_object(Mul, X, Y), "a b")
right("context: Mul of numbers", lambda: tu.check_object(Mul, 1.5, -2.0), "a b")
right("context: Exp", lambda: tu.check_object(Exp, X), "x")
right("context: as functions", lambda: tu.check_function(Mul.forward, Mul.backward, X, Y), "a b")
wrong("context: Mul exchanged", lambda: tu.check_object(MulExchanged, X, Y), "a b", "exchanged")


# ------------------------------------------------ objects that return nothing


class LayerDense:
    def __init__(self, weights, biases):
        self.weights, self.biases = weights, biases
        self.weight_momentums = np.zeros_like(weights)

    def forward(self, inputs, training=True):
        self.inputs = inputs
        self.output = inputs @ self.weights + self.biases

    def backward(self, dvalues):
        self.dweights = self.inputs.T @ dvalues
        self.dbiases = np.sum(dvalues, axis=0, keepdims=True)
        self.dinputs = dvalues @ self.weights.T


class LayerDenseFlat(LayerDense):
    def backward(self, dvalues):
        super().backward(dvalues)
        self.dbiases = self.dbiases[0]


class LayerDenseInputs(LayerDense):
    def backward(self, dvalues):
        super().backward(dvalues)
        self.dinputs = -self.dinputs


right(
    "nothing returned: dense",
    lambda: tu.check_object(LayerDense(W, B[None]), X),
    "inputs weights biases",
)
wrong(
    "nothing returned: dbiases flat",
    lambda: tu.check_object(LayerDenseFlat(W, B[None]), X),
    "biases",
    "shape (5,)",
)
wrong(
    "nothing returned: dinputs",
    lambda: tu.check_object(LayerDenseInputs(W, B[None]), X),
    "inputs",
    "wrong sign",
)


class Linear:
    """params and grads are dicts, and grads is empty until backward."""

    def __init__(self, w, b):
        self.params, self.grads = {"w": w, "b": b}, {}

    def forward(self, inputs):
        self.inputs = inputs
        return inputs @ self.params["w"] + self.params["b"]

    def backward(self, grad):
        self.grads["b"] = np.sum(grad, axis=0)
        self.grads["w"] = self.inputs.T @ grad
        return grad @ self.params["w"].T


class LinearForgets(Linear):
    def backward(self, grad):
        self.grads["w"] = self.inputs.T @ grad
        return grad @ self.params["w"].T


class NeuralNet:
    def __init__(self, layers):
        self.layers = layers

    def forward(self, inputs):
        for layer in self.layers:
            inputs = layer.forward(inputs)
        return inputs

    def backward(self, grad):
        for layer in reversed(self.layers):
            grad = layer.backward(grad)
        return grad


class MSE:
    def loss(self, predicted, actual):
        return np.sum((predicted - actual) ** 2)

    def grad(self, predicted, actual):
        return 2 * (predicted - actual)


right("dicts: linear", lambda: tu.check_object(Linear(W, B), X), "inputs w b")
wrong(
    "dicts: linear forgets b", lambda: tu.check_object(LinearForgets(W, B), X), "b", "no gradient"
)
right(
    "dicts: net",
    lambda: tu.check_object(NeuralNet([Linear(W, B), Sigmoid(), Linear(*NET[2:])]), X),
    "inputs layers.0.w layers.0.b layers.2.w",
)
right("dicts: loss with actual", lambda: tu.check_object(MSE(), X, Y), "predicted")


# ------------------------------------------------ more ways to keep parameters and their gradients


class Parameter:
    def __init__(self, data):
        self.data, self.grad = data, None


class WithParameters:
    def __init__(self, w, b, factor=1.0):
        self.w, self.b, self.factor = Parameter(w), Parameter(b), factor

    def forward(self, x):
        self.x = x
        return x @ self.w.data + self.b.data

    def backward(self, dout):
        self.w.grad, self.b.grad = self.factor * self.x.T @ dout, dout.sum(0)
        return dout @ self.w.data.T


class ReturnsAll:
    """Returns the gradients of its parameters instead of keeping them."""

    def __init__(self, W, b, sign=1):
        self.W, self.b, self.sign = W, b, sign

    def forward_pass(self, x):
        self.x = x
        return x @ self.W + self.b

    def backward_pass(self, accum_grad):
        return accum_grad @ self.W.T, self.x.T @ accum_grad, self.sign * accum_grad.sum(0)


class PReLU:
    """Its parameter is a number, with a gradient in other letters."""

    __slots__ = ("alpha", "gradAlpha", "x")

    def __init__(self):
        self.alpha, self.gradAlpha = 0.25, 0.0

    def __call__(self, x):
        self.x = x
        return np.where(x > 0, x, self.alpha * x)

    def backward(self, upstream):
        self.gradAlpha = float((upstream * np.minimum(self.x, 0)).sum())
        return np.where(self.x > 0, upstream, self.alpha * upstream)


class Tied:
    """Uses one weight twice: its gradient is the sum of both."""

    def __init__(self, W, first=1):
        self.params, self.grads, self.first = [W, W], [np.zeros_like(W), np.zeros_like(W)], first

    def forward(self, x):
        self.x, self.h = x, x @ self.params[0]
        return self.h @ self.params[1]

    def backward(self, dout):
        dh = dout @ self.params[1].T
        self.grads[0][...], self.grads[1][...] = self.first * self.x.T @ dh, self.h.T @ dout
        return dh @ self.params[0].T


class Blur:
    """Its kernel is fixed, and needs no gradient."""

    def __init__(self, kernel):
        self.kernel = kernel

    def forward(self, x):
        return x @ self.kernel

    def backward(self, dout):
        return dout @ self.kernel.T


class CosSin:
    def forward(self, a):
        self.a = a
        return np.cos(a), np.sin(a)

    def backward(self, dcos, dsin):
        return dsin * np.cos(self.a) - dcos * np.sin(self.a)


class LossNet:
    """Has a loss and its gradients by name, and no gradient of its inputs."""

    def __init__(self, W, b, forgets=()):
        self.params, self.forgets = {"W1": W, "b1": b}, forgets

    def loss(self, X, y=None):
        scores = X @ self.params["W1"] + self.params["b1"]
        value, dscores = softmax_loss(scores, y)
        grads = {"W1": X.T @ dscores, "b1": dscores.sum(0)}
        return value, {name: g for name, g in grads.items() if name not in self.forgets}


class BookNet(LossNet):
    def loss(self, x, t):
        return super().loss(x, t)[0]

    def gradient(self, x, t):
        return super().loss(x, t)[1]


right("kept: loss and grads", lambda: tu.check_object(LossNet(W, B), X, LABELS), "W1 b1")
right("kept: a network's gradient", lambda: tu.check_object(BookNet(W, B), X, LABELS), "W1 b1")
wrong("kept: loss forgets b1", lambda: tu.check_object(LossNet(W, B, ["b1"]), X, LABELS), "b1")
wrong(
    "lambda: the input for the output",
    lambda: tu.check_function(lambda z: np.tanh(z), lambda da, a: da * (1 - a * a), X),
    "z",
    "if it should be the output, call it out",
)
right("kept: parameter objects", lambda: tu.check_object(WithParameters(W, B), X), "x w b")
wrong("kept: parameter objects", lambda: tu.check_object(WithParameters(W, B, 2), X), "w", "twice")
right("kept: all returned", lambda: tu.check_object(ReturnsAll(W, B), X), "x W b")
wrong("kept: all returned", lambda: tu.check_object(ReturnsAll(W, B, -1), X), "b", "wrong sign")
right("kept: a number", lambda: tu.check_object(PReLU(), X), "x alpha")
right("kept: tied weights", lambda: tu.check_object(Tied(numbers(3, 3)), X), "x params.0")
wrong("kept: tied weights", lambda: tu.check_object(Tied(numbers(3, 3), 0), X), "params.0")
right("kept: a fixed kernel", lambda: tu.check_object(Blur(W), X, parameters={}), "x")
right("object: two outputs", lambda: tu.check_object(CosSin(), X), "a")


# ------------------------------------------------ values and variables with a gradient


class Value:
    def __init__(self, data, parents=(), back=lambda grad: ()):
        self.data, self.grad, self.parents, self.back = data, 0.0, parents, back

    def __mul__(self, other):
        return Value(
            self.data * other.data, (self, other), lambda g: (g * other.data, g * self.data)
        )

    def tanh(self):
        t = math.tanh(self.data)
        return Value(t, (self,), lambda g: (g * (1 - t * t),))

    def backward(self, grad=1.0):
        self.grad += grad
        for parent, part in zip(self.parents, self.back(grad), strict=True):
            parent.backward(part)


def with_values(a, b):
    a, b = Value(a), Value(b)
    out = (a * b).tanh()
    out.backward()
    return out, (a.grad, b.grad)


class Function:
    def __call__(self, *inputs):
        self.inputs = inputs
        return self.forward(*(x.data for x in inputs))


class Square(Function):
    def forward(self, x):
        return x**2

    def backward(self, gy):
        x = self.inputs[0].data
        return 2 * x * gy


class Tanh(Function):
    def forward(self, x):
        return np.tanh(x)

    def backward(self, gy):
        y = self.outputs[0]()
        return gy * (1 - y * y)


class SquareHalf(Square):
    def backward(self, gy):
        return self.inputs[0].data * gy


right("values: two numbers", lambda: tu.check_function(with_values, None, 0.5, -0.7), "a b")
right("variables: Square", lambda: tu.check_object(Square(), X), "x")
right("variables: Tanh", lambda: tu.check_object(Tanh(), X), "x")
wrong("variables: half", lambda: tu.check_object(SquareHalf(), X), "x", "0.5 times")


# ------------------------------------------------ scripts, lambdas, all kinds of arguments


def policy_loss(model, x):
    h = np.maximum(model["W1"] @ x, 0)
    p = 1 / (1 + np.exp(-model["W2"] @ h))
    d = p * (1 - p)
    dh = d * model["W2"] * (h > 0)
    return p, {"W1": np.outer(dh, x), "W2": d * h}


MODEL = {"W1": W.T, "W2": numbers(5)}
right(
    "script: a dict of weights",
    lambda: tu.check_function(policy_loss, None, MODEL, X[0], wrt="model"),
    "model.W1 model.W2",
)
right(
    "script: linear_backward(dA, cache)",
    lambda: tu.check_function(
        lambda A, W, b: (W @ A + b, (A, W, b)),
        lambda dZ, cache: (cache[1].T @ dZ, dZ @ cache[0].T, dZ.sum(1, keepdims=True)),
        X.T,
        W.T,
        B[:, None],
    ),
    "A W b",
)
right(
    "lambda: cache before dy",
    lambda: tu.check_function(lambda x: (x**3, x), lambda cache, dout: 3 * cache**2 * dout, X),
)
right(
    "lambda: dy and the output",
    lambda: tu.check_function(np.tanh, lambda dy, y: dy * (1 - y * y), X),
)
right(
    "lambda: backward takes one input of two",
    lambda: tu.check_function(lambda x, w: x @ w, lambda dy, w: dy @ w.T, X, W, wrt="x"),
)
right(
    "lambda: keyword arguments",
    lambda: tu.check_function(
        functools.partial(lambda x, *, power: x**power, power=3),
        lambda dy, x, *, power=3: power * x ** (power - 1) * dy,
        X,
    ),
)
right(
    "lambda: a slope that is a setting",
    lambda: tu.check_function(
        lambda x, slope=0.1: np.where(x > 0, x, slope * x),
        lambda dy, x, slope=0.1: np.where(x > 0, dy, slope * dy),
        X,
        0.2,
    ),
    "x",
)
right("lambda: a number", lambda: tu.check_function(math.sin, lambda dy, x: dy * math.cos(x), 0.3))
right("lambda: 0-d", lambda: tu.check_function(np.sin, lambda dy, x: dy * np.cos(x), np.array(0.3)))
right(
    "lambda: list of numbers",
    lambda: tu.check_function(
        lambda x: sum(v * v for v in x), lambda x: [2 * v for v in x], [1.0, 2.5, -3.0]
    ),
    "x",
)
right(
    "lambda: list of arrays",
    lambda: tu.check_function(
        lambda xs: xs[0] @ xs[1], lambda dy, xs: [dy @ xs[1].T, xs[0].T @ dy], [X, W]
    ),
    "xs.0 xs.1",
)
right(
    "lambda: dict in, dict out",
    lambda: tu.check_function(
        lambda p, x: x @ p["w"] + p["b"],
        lambda dy, p, x: {"p": {"dw": x.T @ dy, "db": dy.sum(0)}, "dx": dy @ p["w"].T},
        {"w": W, "b": B},
        X,
    ),
    "p.w p.b x",
)
right(
    "lambda: integers first",
    lambda: tu.check_function(
        lambda ids, table: table[ids],
        lambda dy, ids, table: (None, np.add.at(g := np.zeros_like(table), ids, dy) or g),
        np.array([0, 2, 0]),
        W,
    ),
    "table",
)
right(
    "lambda: loss without dy",
    lambda: tu.check_function(
        lambda p, t: ((p - t) ** 2).mean(), lambda p, t: 2 * (p - t) / p.size, X, Y
    ),
    "p",
)
right(
    "lambda: float labels",
    lambda: tu.check_function(
        lambda p, targets: (p - targets) ** 2, lambda dy, p, targets: 2 * (p - targets) * dy, X, Y
    ),
    "p",
)
right(
    "lambda: forward returns its backward",
    lambda: tu.check_function(lambda x: (x**2, lambda dy: 2 * x * dy), None, X),
)
wrong(
    "lambda: forward returns a wrong backward",
    lambda: tu.check_function(lambda x: (x**2, lambda dy: x * dy), None, X),
    "x",
    "0.5 times",
)
right(
    "lambda: a setting that forward has by default",
    lambda: tu.check_function(lambda x, k=2: x * k, lambda dy, k: dy * k, X),
)
right(
    "lambda: a generator among the inputs",
    lambda: tu.check_function(
        lambda x, rng: (x * (mask := rng.random(x.shape) > 0.4), mask),
        lambda dy, mask: dy * mask,
        X,
        np.random.default_rng(0),
    ),
)
right(
    "lambda: a dict with numbers for names",
    lambda: tu.check_function(
        lambda p: p[0] @ p[1], lambda dy, p: {0: dy @ p[1].T, 1: p[0].T @ dy}, {0: X, 1: W}
    ),
    "p.0 p.1",
)
right("bound methods", lambda: tu.check_function((m := Relu()).forward, m.backward, X), "x")
wrong(
    "lambda: a gradient forgotten",
    lambda: tu.check_function(lambda a, b: a * b, lambda dy, a, b: dy * b, X, Y),
    "b",
    "backward gave no gradient for it",
)
wrong(
    "lambda: no return",
    lambda: tu.check_function(lambda x: 2 * x, lambda dy: None, X),
    "x",
    "backward returned None: is a return missing?",
)
wrong(
    "lambda: too many gradients",
    lambda: tu.check_function(lambda x: 2 * x, lambda dy: (2 * dy, 0 * dy), X),
    "inputs",
    "backward returned 2 gradients for 1 inputs",
)
wrong(
    "lambda: transposed",
    lambda: tu.check_function(lambda x: x**2, lambda dy, x: (2 * x * dy).T, X),
    "x",
    "shape (3, 4)",
)
wrong(
    "lambda: not multiplied with dy",
    lambda: tu.check_function(lambda x: x**2, lambda dy, x: 2 * x, X),
    "x",
    "does not depend on the upstream gradient",
)
wrong(
    "lambda: twice",
    lambda: tu.check_function(lambda x: x**2, lambda dy, x: 4 * x * dy, X),
    "x",
    "wrong scale: twice the gradient",
)
wrong(
    "lambda: writes into its input",
    lambda: tu.check_function(lambda x: np.multiply(x, 2, out=x), lambda dy: 2 * dy, X),
    "x",
    "wrote into it",
)
