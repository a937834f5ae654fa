"""Lesson 4: forward and backward through an up-convolution."""

from __future__ import annotations

import functools

import numpy as np

from tinyunet.exercises.registry import exercise
from tinyunet.exercises.trial import Trial, slopes
from tinyunet.gradcheck.diagnosis import IMAGE, TRANSPOSED_WEIGHT
from tinyunet.layers import ConvTranspose2d


def _up(x, w, b, stride):
    """The package's up-convolution; b may be None."""
    layer = ConvTranspose2d(w.shape[0], w.shape[3], w.shape[1:3], stride=stride)
    layer.params = {"weight": w, "bias": np.zeros(w.shape[3], w.dtype) if b is None else b}
    return layer.predict(x)


# ---------------------------------------------------------------------- forward


def _only_last_position(x, w, b, stride):
    """What is left where each stamp overwrites what lies under it."""
    y = np.zeros_like(_up(x, w, b, stride))
    kh, kw = w.shape[1:3]
    for i in range(x.shape[1]):
        for j in range(x.shape[2]):
            stamp = np.tensordot(x[:, i, j], w, 1)
            y[:, i * stride : i * stride + kh, j * stride : j * stride + kw] = stamp
    return y + b


def _overwritten_by_positions(x, w, b, stride):
    """The same with the loop over the kernel's positions outside."""
    y = np.zeros_like(_up(x, w, b, stride))
    n, h, width, _ = x.shape
    for p in range(w.shape[1]):
        for q in range(w.shape[2]):
            rows, columns = slice(p, p + h * stride, stride), slice(q, q + width * stride, stride)
            y[:, rows, columns] = x @ w[:, p, q]
    return y + b


def _last_left_out(x, w, b, stride):
    shorter = w.copy()
    shorter[:, -1] = shorter[:, :, -1] = 0
    return _up(x, shorter, b, stride)


def _bias_on_every_stamp(x, w, b, stride):
    return _up(x, w, None, stride) + b * _up(
        np.ones_like(x[..., :1]), np.ones_like(w[:1]), None, stride
    )


FORWARD_MISTAKES = {
    "each stamp overwrites what lies under it: where stamps overlap they add up, +=": (
        _only_last_position
    ),
    "each kernel position overwrites what is there: where stamps overlap they add up, +=": (
        _overwritten_by_positions
    ),
    "the kernel is turned by 180 degrees": lambda x, w, b, s: _up(x, w[:, ::-1, ::-1], b, s),
    "the kernel's rows and columns are exchanged": lambda x, w, b, s: _up(
        x, w.swapaxes(1, 2), b, s
    ),
    "the bias is missing": lambda x, w, b, s: _up(x, w, None, s),
    "the bias is added with every stamp: add it once, at the end": _bias_on_every_stamp,
    "the stride is ignored: pixel (i, j) stamps at (i * stride, j * stride)": (
        lambda x, w, b, s: _up(x, w, b, 1)
    ),
    "the channels of the kernel are exchanged: w's first axis are the input channels": (
        lambda x, w, b, s: _up(x, w.transpose(3, 1, 2, 0), b, s)
    ),
    "the kernel's last row and column are left out: a range ends one too early": _last_left_out,
    "the stamps are subtracted: += and not -=": lambda x, w, b, s: _up(x, -w, b, s),
    "the image's rows and columns are exchanged": (
        lambda x, w, b, s: _up(x.swapaxes(1, 2), w, b, s).swapaxes(1, 2)
    ),
}


def _into_slices(end=lambda p, side, stride: None, start=lambda p: p, plus=True):
    """A forward pass whose slices are wrong in some way, by the loop over the kernel's positions."""

    def forward(x, w, b, stride):
        _, height, width, _ = x.shape
        y = np.zeros_like(_up(x, w, None, stride))
        for p, q in np.ndindex(*w.shape[1:3]):
            part = y[
                :,
                start(p) : end(p, height, stride) : stride,
                start(q) : end(q, width, stride) : stride,
            ]
            if plus:
                part += x @ w[:, p, q]
            else:
                part + x @ w[:, p, q]

    return forward


def _both(**options):
    return [_into_slices(**options, plus=plus) for plus in (True, False)]


NO_END = "p::stride without an end reaches beyond the last pixel: p : p + stride * H : stride"
FORWARD_CRASHES = {
    NO_END: _both(),
    "the slice, or y itself, ends too early: the last stamp begins at (side - 1) * stride + p, and y "
    "ends at (side - 1) * stride + kernel": [
        *_both(end=lambda p, side, stride: p + side),
        *_both(end=lambda p, side, stride: stride * side),
        *_both(end=lambda p, side, stride: p + stride * (side - 1)),
        lambda x, w, b, s: _stamped(
            np.zeros((len(x), *np.multiply(x.shape[1:3], s), w.shape[3])), x, w, s
        ),
    ],
    "the whole weight was multiplied: for each (p, q) it is x @ w[:, p, q]": lambda x, w, b, s: (
        x @ w
    ),
}


def _stamped(y, x, w, stride):
    """Put down the stamps one after the other."""
    kh, kw = w.shape[1:3]
    for i, j in np.ndindex(*x.shape[1:3]):
        stamp = np.tensordot(x[:, i, j], w, 1)
        y[:, i * stride : i * stride + kh, j * stride : j * stride + kw] += stamp


@exercise(
    lesson=4,
    hints=(
        "Make y of zeros, of the size that up_size gives. Then let every input pixel put its "
        "stamp on it. Or: loop over the kernel's positions (p, q), which are few.",
        "Through (p, q), pixel (i, j) reaches output (i * stride + p, j * stride + q). For all "
        "pixels together, that is a slice of y with the step `stride`.",
        "For each p and q add x @ w[:, p, q], which is (N, H, W, C_out), to y[:, p : p + "
        "stride * H : stride, q : q + stride * W : stride]. Add b at the end.",
    ),
)
def up_convolution(trial: Trial) -> None:
    """An up-convolution, forward."""
    trial.crashes = FORWARD_CRASHES
    rng = trial.rng(1)

    def arrays(*shape: int, kernel: tuple[int, int], outputs: int) -> tuple:
        w = rng.standard_normal((shape[3], *kernel, outputs))
        return rng.standard_normal(shape), w, rng.standard_normal(outputs)

    simple = arrays(1, 3, 3, 1, kernel=(2, 2), outputs=1)
    square = arrays(1, 3, 3, 2, kernel=(3, 3), outputs=2)
    general = arrays(2, 3, 4, 2, kernel=(3, 2), outputs=3)
    single = tuple(array.astype(np.float32) for array in general)
    for (x, w, b), stride in (
        (simple, 2), (square, 2), (square, 1), (general, 2), (general, 1), (general, 3), (single, 2),
    ):  # fmt: skip
        y = trial.call(x=x, w=w, b=b, stride=stride)
        right = {"y": _up(x, w, b, stride)}
        trial.compare(y, right, axes={"y": IMAGE}, mistakes=FORWARD_MISTAKES)


# ---------------------------------------------------------------------- backward


def _backward(dy, x, w, stride):
    layer = ConvTranspose2d(w.shape[0], w.shape[3], w.shape[1:3], stride=stride)
    layer.params = {"weight": w, "bias": np.zeros(w.shape[3], w.dtype)}
    layer.forward(x)
    return layer.backward(dy), layer.grads["weight"], layer.grads["bias"]


def _one(dx=None, dw=None, db=None):
    """A mistake in the outputs given; the others are right."""

    def make(dy, x, w, stride):
        changes = (dx, dw, db)
        right = _backward(dy, x, w, stride)
        return tuple(
            value if change is None else change(dy, x, w, stride)
            for value, change in zip(right, changes, strict=True)
        )

    return make


def _dx(change):
    """A dx that is right for other weights."""
    return _one(dx=lambda dy, x, w, s: _backward(dy, x, change(w), s)[0])


def _last_position(dy, x, w, stride):
    last = np.zeros_like(w)
    last[:, -1, -1] = w[:, -1, -1]
    return _backward(dy, x, last, stride)[0]


def _stride_ignored(dy, x, w, stride):
    h, width = x.shape[1] + w.shape[1] - 1, x.shape[2] + w.shape[2] - 1
    return _backward(dy[:, :h, :width], x, w, 1)


def _db_through_stamps(dy, x, w, stride):
    """The sum of what all stamps read of dy."""
    return sum(part.sum((0, 1, 2)) for _, part in _read(dy, x, w, stride))


def _read(dy, x, w, stride, end=lambda p, side, stride: p + stride * side):
    """For each kernel position the slice of dy that it reads, with an end that may be wrong."""
    _, height, width, _ = x.shape
    for p, q in np.ndindex(*w.shape[1:3]):
        rows, columns = (
            slice(p, end(p, height, stride), stride),
            slice(q, end(q, width, stride), stride),
        )
        yield (p, q), dy[:, rows, columns]


def _reads(use, **options):
    """A backward pass that uses what it reads in one of the usual ways."""

    def backward(dy, x, w, stride):
        for (p, q), part in _read(dy, x, w, stride, **options):
            use(x, np.zeros_like(x), w[:, p, q], part)

    return backward


def _add_dx(x, dx, w, part):
    dx += part @ w.T


USES = (
    _add_dx,
    lambda x, dx, w, part: dx + part @ w.T,
    lambda x, dx, w, part: x.reshape(-1, x.shape[3]).T @ part.reshape(-1, part.shape[3]),
    lambda x, dx, w, part: np.einsum("nhwc,nhwd->cd", x, part),
    lambda x, dx, w, part: np.tensordot(x, part, ((0, 1, 2), (0, 1, 2))),
)
BACKWARD_CRASHES = {
    NO_END: [_reads(use, end=lambda p, side, stride: None) for use in USES],
    "x.T @ dy on four axes is not a sum over pixels: reshape both to (pixels, channels) first": [
        lambda dy, x, w, s: [x.T @ part for _, part in _read(dy, x, w, s)],
        lambda dy, x, w, s: [x.swapaxes(-1, -2) @ part for _, part in _read(dy, x, w, s)],
    ],
}
BACKWARD_MISTAKES = {
    "the kernel is turned by 180 degrees: forward and backward use the same w": _dx(
        lambda w: w[:, ::-1, ::-1]
    ),
    "the kernel's rows and columns are exchanged": _dx(lambda w: w.swapaxes(1, 2)),
    "the kernel's channels are not exchanged: dx needs w[:, p, q].T": _dx(
        lambda w: w.transpose(3, 1, 2, 0)
    ),
    "each kernel position overwrites the one before: they add up, +=": _one(dx=_last_position),
    "the stride is ignored where dy is read": _stride_ignored,
    "dw comes out turned by 180 degrees": _one(dw=lambda *a: _backward(*a)[1][:, ::-1, ::-1]),
    "a mean over the pixels, where the sum belongs": _one(
        dw=lambda dy, x, w, s: _backward(dy, x, w, s)[1] / x[..., 0].size,
        db=lambda dy, x, w, s: dy.mean((0, 1, 2)),
    ),
    "the mean over pixels and images, where the sum belongs": _one(
        db=lambda dy, x, w, s: dy.mean((0, 1, 2))
    ),
    "only one dy per stamp is counted: b is added to every output pixel": _one(
        db=lambda dy, x, w, s: dy[:, ::s, ::s].sum((0, 1, 2))
    ),
    "dy was added for each stamp that reads it: b is added once to each output pixel": (
        _one(db=lambda dy, x, w, s: _db_through_stamps(dy, x, w, s))
    ),
    "dy was added once for each kernel position: b is added once to each output pixel": (
        _one(db=lambda dy, x, w, s: dy.sum((0, 1, 2)) * w.shape[1] * w.shape[2])
    ),
    "it is summed over the images only: over height and width, too": _one(
        db=lambda dy, x, w, s: dy.sum(0)
    ),
}


@exercise(
    lesson=4,
    hints=(
        "Write down forward for one pair (p, q): a slice of y gets x @ w[:, p, q]. Backward "
        "reads the same slice of dy, for the same p and q.",
        "A product y = x @ m has dx = dy @ m.T and dm = x.T @ dy. Here m is w[:, p, q]: its dx "
        "is added up over all (p, q), and its dm is dw[:, p, q].",
        "With part = the slice of dy: dx += part @ w[:, p, q].T, and dw[:, p, q] = "
        "x.reshape(-1, C_in).T @ part.reshape(-1, C_out). db is the sum of dy over its first "
        "three axes.",
    ),
)
def up_convolution_backward(trial: Trial) -> None:
    """An up-convolution, backward: dx, dw and db."""
    trial.crashes = BACKWARD_CRASHES
    rng = trial.rng(2)
    axes = {"dx": IMAGE, "dw": TRANSPOSED_WEIGHT, "db": ("output channels",)}
    for shape, kernel, outputs, stride in (
        ((1, 2, 2, 1), (2, 2), 1, 2), ((2, 2, 3, 2), (3, 3), 2, 2), ((2, 3, 2, 2), (3, 2), 3, 1),
    ):  # fmt: skip
        x, b = rng.standard_normal(shape), rng.standard_normal(outputs)
        w = rng.standard_normal((shape[3], *kernel, outputs))
        forward = functools.partial(_up, stride=stride)
        measured = slopes(forward, x, w, b, seed=(3, trial.seed))
        names = ("dx", "dw", "db")
        got = trial.call(dy=measured.dy, x=x, w=w, stride=stride)
        trial.compare(
            got, dict(zip(names, measured.whole, strict=True)), axes=axes,
            mistakes=BACKWARD_MISTAKES, dy=measured.dy,
            per_image=dict(zip(names, measured.per_image, strict=True)),
        )  # fmt: skip
    dy, x, w = (array.astype(np.float32) for array in (measured.dy, x, w))
    right = dict(zip(names, _backward(dy, x, w, stride), strict=True))
    trial.compare(trial.call(dy=dy, x=x, w=w, stride=stride), right)
