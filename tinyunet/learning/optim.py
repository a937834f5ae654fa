"""Optimizers: SGD with momentum, and Adam. PyTorch's conventions, so that settings carry over.

Parameters change in place, and the state of each is kept by its name.
"""

from __future__ import annotations

import math
from types import ModuleType

from tinyunet.engine.arrays import Array, array_module, device_name, to_device
from tinyunet.engine.elementwise import fused
from tinyunet.engine.threads import bands, each
from tinyunet.layers.layer import Layer

BLOCK = 1 << 16  # numbers: with gradient and state, about a core's L2 cache


class Optimizer:
    """The base of both optimizers; `SLOTS` names the arrays that it keeps for each parameter.

    Attributes
    ----------
    lr
        The learning rate; it may be changed between steps.
    steps
        How many steps have been taken.
    state
        Arrays by ``"parameter name/what"``, made at the first step.
    """

    SLOTS: tuple[str, ...] = ()

    def __init__(self, model: Layer, lr: float, weight_decay: float) -> None:
        if not hasattr(model, "named_learned"):
            raise TypeError(f"an optimizer is made with the model, got {type(model).__name__}")
        if isinstance(lr, str):
            raise TypeError(f"lr must be a number, got {lr!r}")
        if not lr > 0:
            raise ValueError(f"lr must be above 0, got {lr}")
        if not weight_decay >= 0:
            raise ValueError(f"weight_decay must not be negative, got {weight_decay}")
        self.model, self.lr = model, _finite("lr", lr)
        self.weight_decay = _finite("weight_decay", weight_decay)
        self.steps = 0
        self.state: dict[str, Array] = {}

    def step(self) -> None:
        """Change every parameter that is not frozen once, by its gradient.

        Raises
        ------
        RuntimeError
            If a parameter has no gradient because no backward pass has run.
        """
        gradients = dict(self.model.named_gradients())
        parameters = dict(self.model.named_learned())
        missing = [name for name in parameters if name not in gradients]
        if missing:
            more = f" and {len(missing) - 3} more" if len(missing) > 3 else ""
            raise RuntimeError(
                f"no gradient for {', '.join(missing[:3])}{more}: run the model's backward before "
                "step; if it has run, this optimizer is of another model"
            )
        self.steps += 1
        blocks = []
        for name, parameter in parameters.items():
            blocks += _cut(parameter, gradients[name], *self._slots(name, parameter))
        if blocks:
            numbers = sum(p.size for p, *_ in blocks)
            each(self._update, blocks, array_module(blocks[0][0]), numbers)

    def _update(self, block: tuple[Array, ...]) -> None:
        """Change a block of a parameter, given with those of its gradient and its state."""
        p, g, *state = block
        if self.weight_decay:
            g = g + self.weight_decay * p
        self._change(p, g, *state)

    def _slots(self, name: str, parameter: Array) -> list[Array]:
        """The state arrays of a parameter."""
        return [self._slot(f"{name}/{what}", parameter) for what in self.SLOTS]

    def _change(self, p: Array, g: Array, *slots: Array) -> None:
        """Change a part of a parameter, and of its state, in place."""
        raise TypeError(f"{type(self).__name__} does not define _change")

    def _slot(self, key: str, parameter: Array) -> Array:
        """The state array called `key`, zeros at first, where and what the parameter is."""
        slot = self.state.get(key)
        if slot is None:
            slot = array_module(parameter).zeros_like(parameter)
        elif slot.dtype != parameter.dtype or device_name(slot) != device_name(parameter):
            slot = to_device(slot, device_name(parameter)).astype(parameter.dtype)
        self.state[key] = slot
        return slot

    def state_dict(self) -> dict[str, Array]:
        """Return copies of the state arrays by name."""
        return {key: array.copy() for key, array in self.state.items()}

    def load_state_dict(self, state: dict[str, Array], steps: int) -> None:
        """Continue from a saved state after `steps` steps.

        Raises
        ------
        ValueError
            If it is not the state of such an optimizer of such a model; nothing has changed then.
        """
        expected = {
            f"{name}/{what}": parameter.shape
            for name, parameter in self.model.named_learned()
            for what in self.SLOTS
        }
        problems = [f"missing: {key}" for key in expected if key not in state and steps]
        problems += [f"unexpected: {key}" for key in state if key not in expected]
        problems += [
            f"{key}: shape {state[key].shape}, expected {shape}"
            for key, shape in expected.items()
            if key in state and state[key].shape != shape
        ]
        if problems:
            lines = "\n  ".join(problems)
            raise ValueError(f"the state does not fit this {type(self).__name__}:\n  {lines}")
        self.state = {key: array.copy() for key, array in state.items()}
        self.steps = steps


def _cut(*arrays: Array) -> list[tuple[Array, ...]]:
    """Cut arrays of one shape, along their first axis, into blocks that stay in cache together."""
    if all(array.flags.c_contiguous for array in arrays):  # else reshape would copy
        arrays = tuple(array.reshape(-1) for array in arrays)
    pieces = bands((1, *arrays[0].shape), array_module(arrays[0]), BLOCK)
    return [tuple(array[rows] for array in arrays) for _, rows in pieces]


def _finite(name: str, value: float) -> float:
    """Return a setting as Python's own number, which a checkpoint can hold; ValueError if none can."""
    if not math.isfinite(value):
        raise ValueError(f"{name} must be finite, got {value}")
    return value.item() if hasattr(value, "item") else value


class SGD(Optimizer):
    """Stochastic gradient descent with momentum.

    With g the gradient plus ``weight_decay`` times the parameter:

        v = momentum * v + g
        parameter = parameter - lr * v

    Parameters
    ----------
    model
        The layer whose parameters are trained.
    lr
        The learning rate. High momentum multiplies the step by up to 1 / (1 - momentum).
    momentum
        The U-Net paper's 0.99 by default: with one tile a batch, a long memory averages over many.
    weight_decay
        Pulls parameters towards 0.
    """

    SLOTS = ("velocity",)

    def __init__(
        self, model: Layer, lr: float, momentum: float = 0.99, weight_decay: float = 0.0
    ) -> None:
        super().__init__(model, lr, weight_decay)
        if not 0 <= momentum < 1:
            raise ValueError(f"momentum must be at least 0 and below 1, got {momentum}")
        self.momentum = _finite("momentum", momentum)

    def _change(self, p: Array, g: Array, v: Array) -> None:
        fused(_momentum_step, array_module(p))(p, g, v, self.lr, self.momentum)


def _momentum_step(
    xp: ModuleType, p: Array, g: Array, v: Array, lr: float, momentum: float
) -> None:
    v *= momentum
    v += g
    p -= lr * v


class Adam(Optimizer):
    """Adam (Kingma and Ba 2015, arXiv:1412.6980): steps scaled by the gradient's running size.

    With g the gradient plus ``weight_decay`` times the parameter, at step t:

        m = beta1 * m + (1 - beta1) * g            running mean
        s = beta2 * s + (1 - beta2) * g^2          running mean square
        parameter = parameter - lr * (m / (1 - beta1^t)) / (sqrt(s / (1 - beta2^t)) + eps)

    where the divisions by 1 - beta^t undo the bias of starting both means at 0.

    Parameters
    ----------
    model
        The layer whose parameters are trained.
    lr
        The learning rate: about the size of one step of one parameter.
    betas
        How slowly the two means forget.
    weight_decay
        Pulls parameters towards 0.
    eps
        Keeps the quotient finite.
    """

    SLOTS = ("mean", "square")

    def __init__(
        self,
        model: Layer,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        weight_decay: float = 0.0,
        eps: float = 1e-8,
    ) -> None:
        super().__init__(model, lr, weight_decay)
        if not all(0 <= beta < 1 for beta in betas):
            raise ValueError(f"betas must be at least 0 and below 1, got {betas}")
        if not eps >= 0:
            raise ValueError(f"eps must not be negative, got {eps}")
        self.betas = tuple(_finite("betas", beta) for beta in betas)  # a checkpoint gives a list
        self.eps = _finite("eps", eps)

    def _change(self, p: Array, g: Array, m: Array, s: Array) -> None:
        beta1, beta2 = self.betas
        lr, correction = self.lr / (1 - beta1**self.steps), 1 - beta2**self.steps
        fused(_adam_step, array_module(p))(
            p, g, m, s, lr, beta1, 1 - beta1, beta2, 1 - beta2, correction, self.eps
        )


def _adam_step(
    xp: ModuleType, p: Array, g: Array, m: Array, s: Array,
    lr: float, beta1: float, rest1: float, beta2: float, rest2: float,
    correction: float, eps: float,
) -> None:  # fmt: skip
    m *= beta1
    m += rest1 * g
    s *= beta2
    s += rest2 * g * g
    p -= lr * m / (xp.sqrt(s / correction) + eps)
