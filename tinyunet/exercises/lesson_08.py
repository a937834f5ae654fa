"""The exercises of lesson 8, Training."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tinyunet.exercises.registry import exercise
from tinyunet.exercises.trial import Trial
from tinyunet.layer import Layer
from tinyunet.layers import Conv2d
from tinyunet.loss import SoftmaxCrossEntropy
from tinyunet.optim import SGD, Adam, Optimizer
from tinyunet.unet import UNet

# ---------------------------------------------------------------------- initialisation


@exercise(
    lesson=8,
    hints=(
        "How many products does one output value of the convolution add up? That is N.",
        "N is the number of pixels under the kernel, times the channels of each. Each layer should "
        "keep the mean square, so N times the variance of a weight, halved by the ReLU, is 1.",
        "The variance is 2 / N with N = kh * kw * c_in. The standard deviation is its square root.",
    ),
)
def he_std(trial: Trial) -> None:
    """The standard deviation of a convolution's first weights."""
    mistakes = {
        "that is the variance: the square root is missing": lambda h, w, i, o: 2 / (h * w * i),
        "1 / N keeps the size without a ReLU; it makes half of the values 0, so 2 / N": (
            lambda h, w, i, o: (1 / (h * w * i)) ** 0.5
        ),
        "the kernel's pixels are missing: N counts every number that is added up": (
            lambda h, w, i, o: (2 / i) ** 0.5
        ),
        "the input's channels are missing in N": lambda h, w, i, o: (2 / (h * w)) ** 0.5,
        "N counts the output channels; forward, a value is made of the input channels": (
            lambda h, w, i, o: (2 / (h * w * o)) ** 0.5
        ),
        "N counts input and output channels; here only what comes in": (
            lambda h, w, i, o: (2 / (h * w * (i + o))) ** 0.5
        ),
        "N is the number of all weights of the layer: one output value uses one column": (
            lambda h, w, i, o: (2 / (h * w * i * o)) ** 0.5
        ),
        "the square root of N / 2: the quotient is upside down": (
            lambda h, w, i, o: (h * w * i / 2) ** 0.5
        ),
    }
    for kh, kw, c_in, c_out in (
        (1, 1, 2, 3), (3, 3, 1, 64), (3, 3, 64, 128), (3, 5, 7, 4),
        *trial.drawn((1, 6), (1, 6), (1, 65), (1, 65)),
    ):  # fmt: skip
        got = trial.call(kh=kh, kw=kw, c_in=c_in, c_out=c_out)
        right = (2 / (kh * kw * c_in)) ** 0.5
        trial.compare(got, {"the standard deviation": right}, mistakes=mistakes)
    # The package draws its weights with it.
    weight = Conv2d(16, 64, 3, rng=np.random.default_rng(0)).params["weight"]
    got = trial.call(kh=3, kw=3, c_in=16, c_out=64)
    trial.require(
        abs(weight.std() / got - 1) < 0.05, "the standard deviation", f"is {got:.4g}, but the "
        f"weights of tu.Conv2d(16, 64, 3) have {weight.std():.4g}",
    )  # fmt: skip


# ---------------------------------------------------------------------- optimizers


class _Lone(Layer):
    """A layer that is nothing but a parameter, to see what an optimizer does with it."""

    def __init__(self, p: np.ndarray, g: np.ndarray) -> None:
        super().__init__()
        self.params, self.grads = {"p": p.copy()}, {"p": g}


def _package_step(optimizer: Optimizer, state: dict, t: int) -> tuple[np.ndarray, ...]:
    optimizer.load_state_dict({f"p/{name}": value for name, value in state.items()}, t - 1)
    optimizer.step()
    return (optimizer.model.params["p"], *(optimizer.state[f"p/{name}"] for name in state))


@exercise(
    lesson=8,
    hints=(
        "First the new velocity, then the parameter, with the velocity that you have just computed.",
        "The velocity remembers momentum times its old value, and the gradient comes on top, whole. "
        "The learning rate belongs to the parameter's line only.",
        "v = momentum * v + g, and then p - lr * v. Both make new arrays (v += g would change the "
        "caller's). Return p and v.",
    ),
)
def sgd_step(trial: Trial) -> None:
    """One step of gradient descent with momentum."""
    rng = trial.rng(1)
    for shape, lr, momentum, dtype in (
        ((1,), 0.5, 0.0, float), ((3,), 0.1, 0.9, float), ((2, 3), 0.03, 0.99, float),
        ((2, 3), 0.03, 0.9, np.float32),
    ):  # fmt: skip
        p, g, v = (rng.standard_normal(shape).astype(dtype) for _ in range(3))
        got = trial.call(p=p, g=g, v=v, lr=lr, momentum=momentum)
        right = _package_step(SGD(_Lone(p, g), lr, momentum), {"velocity": v}, 1)
        names = dict(zip(("p", "v"), right, strict=True))
        trial.compare(got, names, mistakes=SGD_MISTAKES)


SGD_MISTAKES = {
    "p goes up the slope: the step has the wrong sign": (
        lambda p, g, v, lr, mu: (p + lr * (mu * v + g), mu * v + g)
    ),
    "p was moved by the old velocity: use the one that you have just computed": (
        lambda p, g, v, lr, mu: (p - lr * v, mu * v + g)
    ),
    "the learning rate is missing in p's line": (
        lambda p, g, v, lr, mu: (p - mu * v - g, mu * v + g)
    ),
    "the gradient counts 1 - momentum only: that is a mean, here the whole gradient is added": (
        lambda p, g, v, lr, mu: (p - lr * (mu * v + (1 - mu) * g), mu * v + (1 - mu) * g)
    ),
    "the learning rate is inside the velocity: a rate that changes later would act on the past": (
        lambda p, g, v, lr, mu: (p - mu * v - lr * g, mu * v + lr * g)
    ),
    "the velocity is subtracted twice, or the gradient is: p - lr * v is all": (
        lambda p, g, v, lr, mu: (p - lr * (mu * (mu * v + g) + g), mu * v + g)
    ),
    "the old velocity is forgotten": lambda p, g, v, lr, mu: (p - lr * g, g),
    "the old velocity is not damped by the momentum": (
        lambda p, g, v, lr, mu: (p - lr * (v + g), v + g)
    ),
    "the momentum multiplies the gradient as well": (
        lambda p, g, v, lr, mu: (p - lr * mu * (v + g), mu * (v + g))
    ),
}


@exercise(
    lesson=8,
    hints=(
        "Four lines, as in the text: the mean m, the mean square s, what the start at 0 did to "
        "them, and the step.",
        "m = beta1 * m + (1 - beta1) * g, and s the same with beta2 and g * g. Divide m by "
        "1 - beta1 ** t and s by 1 - beta2 ** t for the step, but return them undivided.",
        "p - lr * m_hat / (np.sqrt(s_hat) + eps): eps is added after the square root. Return p, m, s.",
    ),
)
def adam_step(trial: Trial) -> None:
    """One step of Adam."""
    rng = trial.rng(2)
    for shape, t, lr, betas, eps, dtype in (
        ((1,), 1, 0.1, (0.9, 0.999), 1e-8, float), ((3,), 1, 0.1, (0.5, 0.9), 0.1, float),
        ((2, 3), 3, 0.03, (0.9, 0.99), 0.01, float), ((2, 3), 7, 0.03, (0.8, 0.9), 1e-8, np.float32),
    ):  # fmt: skip
        p, g = (rng.standard_normal(shape).astype(dtype) for _ in range(2))
        g = np.abs(g) if t == 1 else g  # where s is 0, its mistakes should not all end in a NaN
        m, s = np.zeros((2, *shape), dtype)
        if t > 1:
            m, s = rng.standard_normal((2, *shape)).astype(dtype)
            s = s * s
        got = trial.call(p=p, g=g, m=m, s=s, t=t, lr=lr, beta1=betas[0], beta2=betas[1], eps=eps)
        optimizer = Adam(_Lone(p, g), lr, betas, eps=eps)
        right = _package_step(optimizer, {"mean": m, "square": s}, t)
        names = dict(zip(("p", "m", "s"), right, strict=True))
        trial.compare(got, names, mistakes=ADAM_MISTAKES)


def _adam(
    mean: Callable = lambda m, g, b: b * m + (1 - b) * g,
    square: Callable = lambda s, g, b: b * s + (1 - b) * g * g,
    correct: tuple[int, int] = (1, 1),
    move: Callable = lambda m, s, eps: m / (np.sqrt(s) + eps),
    later: int = 0,
    keep_hats: bool = False,
    sign: int = -1,
) -> Callable:
    """Adam's step with something changed."""

    def step(p, g, m, s, t, lr, beta1, beta2, eps):
        m, s = mean(m, g, beta1), square(s, g, beta2)
        t += later
        with np.errstate(all="ignore"):  # a mistake may divide by 0
            m_hat = m / (1 - beta1**t) if correct[0] else m
            s_hat = s / (1 - beta2**t) if correct[1] else s
            kept = (m_hat, s_hat) if keep_hats else (m, s)
            return (p + sign * lr * move(m_hat, s_hat, eps), *kept)

    return step


ADAM_MISTAKES = {
    "p goes up the slope: the step has the wrong sign": _adam(sign=1),
    "both means begin at 0 and are too small at first: divide by 1 - beta ** t": (
        _adam(correct=(0, 0))
    ),
    "m is not divided by 1 - beta1 ** t": _adam(correct=(0, 1)),
    "s is not divided by 1 - beta2 ** t": _adam(correct=(1, 0)),
    "t is counted from 0, but the first step is t = 1": _adam(later=-1),
    "t is one too large": _adam(later=1),
    "the divided m and s are returned: they would be divided again in the next step": (
        _adam(keep_hats=True)
    ),
    "eps is inside the square root: add it after": (
        _adam(move=lambda m, s, eps: m / np.sqrt(s + eps))
    ),
    "the square root of s is missing": _adam(move=lambda m, s, eps: m / (s + eps)),
    "s is a mean of g, but should be of its square": (
        _adam(square=lambda s, g, b: b * s + (1 - b) * g)
    ),
    "the whole gradient is added to m: it counts 1 - beta1": _adam(mean=lambda m, g, b: b * m + g),
    "the whole square is added to s: it counts 1 - beta2": (
        _adam(square=lambda s, g, b: b * s + g * g)
    ),
    "beta and 1 - beta are exchanged": (
        _adam(
            mean=lambda m, g, b: (1 - b) * m + b * g,
            square=lambda s, g, b: (1 - b) * s + b * g * g,
        )
    ),
}


# ---------------------------------------------------------------------- the loop


class _Batches:
    """Batches 0, 1, 2, ... of random numbers."""

    def __init__(self, dtype: type, seed: int) -> None:
        self.dtype, self.seed = dtype, seed

    def __getitem__(self, i: int) -> tuple:
        rng = np.random.default_rng([5, i, self.seed])
        images = rng.standard_normal((2, 4, 4, 1)).astype(self.dtype)
        return images, rng.integers(0, 2, (2, 4, 4)), None

    def __repr__(self) -> str:
        return "some batches"


class _Adam(Adam):
    def __repr__(self) -> str:
        return f"Adam(lr={self.lr})"


def _ingredients(dtype: type, seed: int) -> tuple:
    model = UNet(base_channels=2, depth=1, padding="same", seed=1, dtype=np.dtype(dtype).name)
    loss, optimizer = SoftmaxCrossEntropy(), _Adam(model, lr=0.02)
    model.__name__, loss.__name__ = "a tiny U-Net", "SoftmaxCrossEntropy()"  # for messages
    return model, loss, optimizer, _Batches(dtype, seed)


@exercise(
    lesson=8,
    hints=(
        "A step is four lines, and you have met them all: forward, loss, backward, update.",
        "loss(model(images), labels) is a number, to keep in a list. loss.backward() is dL/d(logits): "
        "whom do you hand it to?",
        "for i in range(first, last): take batches[i], compute the loss, model.backward(loss"
        ".backward()), optimizer.step(), and append the loss that you computed first.",
    ),
)
def train(trial: Trial) -> None:
    """The training loop."""
    for first, last, dtype in ((0, 2, float), (0, 4, float), (3, 6, float), (0, 3, np.float32)):
        model, loss, optimizer, batches = _ingredients(dtype, trial.seed)
        losses = trial.call(
            model=model, loss=loss, optimizer=optimizer, batches=batches, first=first, last=last
        )
        twin = _ingredients(dtype, trial.seed)
        right = np.array(_run(*twin, first, last))
        mistakes = {what: _fresh(run, dtype, trial.seed) for what, run in LOOP_MISTAKES.items()}
        trial.compare(losses, {"the losses": right}, axes={"the losses": ("step",)},
                      mistakes=mistakes)  # fmt: skip
        taken, due = optimizer.steps, last - first
        trial.require(
            taken == due, "the optimizer", f"took {taken} steps, should take {due}",
            "optimizer.step() belongs into the loop, once for each batch",
        )  # fmt: skip
        for (name, got), (_, expected) in zip(
            model.named_parameters(), twin[0].named_parameters(), strict=True
        ):
            trial.compare(got, {f"{name} afterwards": expected})


def _run(model, loss, optimizer, batches, first, last, *, update=1, which=None, late=False):
    losses = []
    for i in range(first, last):
        images, labels, _ = batches[i if which is None else which(i, first, last)]
        losses.append(loss(model(images), labels))
        model.backward(loss.backward())
        for _ in range(update):
            optimizer.step()
        if late:
            losses[-1] = loss(model(images), labels)
    return losses


def _fresh(run: Callable, dtype: type, seed: int) -> Callable:
    """A mistaken loop on ingredients of its own: the student's are trained already."""

    def make(model, loss, optimizer, batches, first, last):
        return np.array(run(*_ingredients(dtype, seed), first, last))

    return make


LOOP_MISTAKES = {
    "the parameters never change: optimizer.step() is missing": lambda *a: _run(*a, update=0),
    "two updates for each batch": lambda *a: _run(*a, update=2),
    "every step takes the same batch: batches[i]": (
        lambda *a: _run(*a, which=lambda i, first, last: first)
    ),
    "counted from 0, but the first batch is number `first`": (
        lambda *a: _run(*a, which=lambda i, first, last: i - first)
    ),
    "counted from 1 after `first`: the first batch is batches[first]": (
        lambda *a: _run(*a, which=lambda i, first, last: i + 1)
    ),
    "the loss was computed again after the update: keep the one from before": (
        lambda *a: _run(*a, late=True)
    ),
    "one step too many: `last` itself does not count": lambda *a: _run(*a[:-1], a[-1] + 1),
    "one step too few: `last` is the first that does not count": (
        lambda *a: _run(*a[:-1], a[-1] - 1)
    ),
    "only the last loss: every step's is wanted, in a list": lambda *a: _run(*a)[-1],
    "the mean of the losses: every step's is wanted, in a list": lambda *a: np.mean(_run(*a)),
}
