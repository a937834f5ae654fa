"""Lesson 8: SGD and Adam."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tinyunet.exercises.any_dtype import in_its_dtype
from tinyunet.exercises.registry import exercise
from tinyunet.exercises.trial import EXACT, SINGLE, Trial
from tinyunet.layers.layer import Layer
from tinyunet.learning.optim import SGD, Adam, Optimizer


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
        ((3,), 0.1, 0.9, float), ((1,), 0.5, 0.0, float), ((2, 3), 0.03, 0.99, float),
        ((2, 3), 0.03, 0.9, np.float32),
    ):  # fmt: skip
        p, g, v = (rng.standard_normal(shape).astype(dtype) for _ in range(3))
        got = trial.call(p=p, g=g, v=v, lr=lr, momentum=momentum)
        right = _package_step(SGD(_Lone(p, g), lr, momentum), {"velocity": v}, 1)
        names = in_its_dtype(got, dict(zip(("p", "v"), right, strict=True)))
        tolerance = SINGLE if dtype is np.float32 else EXACT
        trial.compare(got, names, mistakes=SGD_MISTAKES, tolerance=tolerance)


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
    "the learning rate and its minus are inside the velocity: v is momentum * v + g": (
        lambda p, g, v, lr, mu: (p + mu * v - lr * g, mu * v - lr * g)
    ),
    "the velocity is subtracted twice, or the gradient is: p - lr * v is all": (
        lambda p, g, v, lr, mu: (p - lr * (mu * (mu * v + g) + g), mu * v + g)
    ),
    "the old velocity was returned: return the new one": (
        lambda p, g, v, lr, mu: (p - lr * (mu * v + g), v)
    ),
    "the gradient was subtracted in the velocity: v is momentum * v + g": (
        lambda p, g, v, lr, mu: (p - lr * (mu * v - g), mu * v - g)
    ),
    "the same with both signs changed: v is momentum * v + g, and p - lr * v goes down": (
        lambda p, g, v, lr, mu: (p + lr * (mu * v - g), mu * v - g)
    ),
    "lr and momentum are exchanged": lambda p, g, v, lr, mu: (p - mu * (lr * v + g), lr * v + g),
    "the step was returned, not the parameter after it": (
        lambda p, g, v, lr, mu: (lr * (mu * v + g), mu * v + g)
    ),
    "momentum and 1 - momentum are a mean's weights, and exchanged: here v is momentum * v + g": (
        lambda p, g, v, lr, mu: (p - lr * ((1 - mu) * v + mu * g), (1 - mu) * v + mu * g)
    ),
    "the momentum damps the old velocity, not the gradient": (
        lambda p, g, v, lr, mu: (p - lr * (v + mu * g), v + mu * g)
    ),
    "v has the learning rate in p's line, and the gradient too: v holds the gradient already": (
        lambda p, g, v, lr, mu: (p - lr * g - (mu * v + g), mu * v + g)
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
        ((2, 3), 3, 0.03, (0.9, 0.99), 0.01, float), ((1,), 1, 0.1, (0.9, 0.999), 1e-8, float),
        ((3,), 1, 0.1, (0.5, 0.9), 0.1, float), ((2, 3), 7, 0.03, (0.8, 0.9), 1e-8, np.float32),
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
        names = in_its_dtype(got, dict(zip(("p", "m", "s"), right, strict=True)))
        tolerance = SINGLE if dtype is np.float32 else EXACT
        trial.compare(got, names, mistakes=ADAM_MISTAKES, tolerance=tolerance)


def _adam(
    mean: Callable = lambda m, g, b: b * m + (1 - b) * g,
    square: Callable = lambda s, g, b: b * s + (1 - b) * g * g,
    correct: tuple[int, int] = (1, 1),
    move: Callable = lambda m, s, eps: m / (np.sqrt(s) + eps),
    later: int = 0,
    keep_hats: bool = False,
    sign: int = -1,
    rate: Callable = lambda lr: lr,
    start: Callable = lambda b1, b2, t: (1 - b1**t, 1 - b2**t),
    old: bool = False,
) -> Callable:
    """Adam's step with something changed."""

    def step(p, g, m, s, t, lr, beta1, beta2, eps):
        before, (m, s) = (m, s), (mean(m, g, beta1), square(s, g, beta2))
        used, t = before if old else (m, s), t + later
        shares = start(beta1, beta2, t)
        with np.errstate(all="ignore"):  # a mistake may divide by 0
            m_hat = used[0] / shares[0] if correct[0] else used[0]
            s_hat = used[1] / shares[1] if correct[1] else used[1]
            kept = (m_hat, s_hat) if keep_hats else (m, s)
            return (p + sign * rate(lr) * move(m_hat, s_hat, eps), *kept)

    return step


ADAM_MISTAKES = {
    "p goes up the slope: the step has the wrong sign": _adam(sign=1),
    "the learning rate is missing": _adam(rate=lambda lr: 1),
    "both means begin at 0 and are too small at first: divide by 1 - beta ** t": (
        _adam(correct=(0, 0))
    ),
    "m is not divided by 1 - beta1 ** t": _adam(correct=(0, 1)),
    "s is not divided by 1 - beta2 ** t": _adam(correct=(1, 0)),
    "m and s are divided by 1 - beta ** t: t is an exponent, not a factor": (
        _adam(start=lambda b1, b2, t: (1 - b1 * t, 1 - b2 * t))
    ),
    "divided by 1 - beta: the exponent t is missing": (
        _adam(start=lambda b1, b2, t: (1 - b1, 1 - b2))
    ),
    "m is divided by 1 - beta1: the exponent t is missing": (
        _adam(start=lambda b1, b2, t: (1 - b1, 1 - b2**t))
    ),
    "s is divided by 1 - beta2: the exponent t is missing": (
        _adam(start=lambda b1, b2, t: (1 - b1**t, 1 - b2))
    ),
    "multiplied by 1 - beta ** t: divide": (
        _adam(start=lambda b1, b2, t: (1 / (1 - b1**t), 1 / (1 - b2**t)))
    ),
    "beta1 and beta2 are exchanged where m and s are divided": (
        _adam(start=lambda b1, b2, t: (1 - b2**t, 1 - b1**t))
    ),
    "beta1 and beta2 are exchanged: m has beta1, s has beta2": (
        lambda p, g, m, s, t, lr, b1, b2, eps: _adam()(p, g, m, s, t, lr, b2, b1, eps)
    ),
    "beta1 and beta2 are exchanged in the two means": (
        lambda p, g, m, s, t, lr, b1, b2, eps: _adam(start=lambda x, y, t: (1 - y**t, 1 - x**t))(
            p, g, m, s, t, lr, b2, b1, eps
        )
    ),
    "the step takes the old m and s: use those that you have just computed": _adam(old=True),
    "the old m and s were returned: return the new ones": (
        lambda p, g, m, s, *others: (_adam()(p, g, m, s, *others)[0], m, s)
    ),
    "the step takes the gradient itself: it should be m, divided": (
        lambda p, g, m, s, t, *others: (
            _adam(mean=lambda m, g, b: (1 - b**t) * g)(p, g, m, s, t, *others)[0],
            *_adam()(p, g, m, s, t, *others)[1:],
        )
    ),
    "eps is missing, or a number of yours: it is an argument": _adam(
        move=lambda m, s, eps: m / np.sqrt(s)
    ),
    "eps multiplies the root: add it": _adam(move=lambda m, s, eps: m / (np.sqrt(s) * eps)),
    "the quotient is upside down": _adam(move=lambda m, s, eps: np.sqrt(s) / (m + eps)),
    "the root and eps need brackets: eps was added to the whole step": (
        lambda p, g, m, s, t, lr, b1, b2, eps: tuple(
            np.add(
                _adam(move=lambda m, s, eps: m / np.sqrt(s))(p, g, m, s, t, lr, b1, b2, eps)[i],
                0 if i else eps,
            )
            for i in range(3)
        )
    ),
    "the step was returned, not the parameter after it": (
        lambda p, *others: (p - _adam()(p, *others)[0], *_adam()(p, *others)[1:])
    ),
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
