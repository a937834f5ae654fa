"""Lesson 15: a training step that waits once."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from tinyunet.exercises.device import Device, DeviceArray
from tinyunet.exercises.lesson_15.device_calls import call, require_no_numpy
from tinyunet.exercises.registry import exercise
from tinyunet.exercises.trial import Trial


@exercise(
    lesson=15,
    hints=(
        "The parameters say where to compute: xp = array_module(params['w1']). x and t come from "
        "the host: how do they get there?",
        "xp.asarray moves each of them once (and costs nothing on the host). Then the formulas, "
        "line by line; the loss stays an array with one number in it for now.",
        "Change the parameters in place, params['w1'] -= lr * dw1, and read the loss in the very "
        "last line: return float(loss).",
    ),
)
def device_step(trial: Trial) -> None:
    """A training step that waits once, at its end."""
    rng = trial.rng(17)
    for rows, inputs, hidden, outputs, dtype in (
        (3, 2, 4, 1, "float64"), (5, 3, 4, 2, "float64"), (5, 3, 4, 2, "float32"),
    ):  # fmt: skip
        shapes = {
            "w1": (inputs, hidden),
            "b1": (hidden,),
            "w2": (hidden, outputs),
            "b2": (outputs,),
        }
        params = {key: rng.standard_normal(shape).astype(dtype) for key, shape in shapes.items()}
        x = rng.standard_normal((rows, inputs)).astype(dtype)
        t = rng.standard_normal((rows, outputs)).astype(dtype)
        right = _step(params, x, t, 0.1)
        device = Device()
        for place, put in (("host", np.array), ("device", device.wrap)):
            mine = {key: put(p.copy()) for key, p in params.items()}
            held = dict(mine)  # as others hold these arrays: an optimizer, or the network
            loss = call(trial, device, params=mine, x=x, t=t, lr=0.1)
            trial.setting = (
                f"called with {dtype} parameters on the {place}, x {x.shape}, t {t.shape}"
            )
            if place == "device":
                _check_events(trial, device, loss)
            trial.require(
                isinstance(loss, float | np.floating), "the loss", f"is of type {type(loss).__name__}",
                "return it as a number: float(loss)" if loss is not None else "a missing return",
            )  # fmt: skip
            values = (loss, *(getattr(p, "_memory", p) for p in held.values()))
            unchanged = [key for key, p in zip(held, values[1:], strict=True)
                         if np.array_equal(p, params[key])]  # fmt: skip
            replaced = [key for key in unchanged
                        if not np.array_equal(getattr(mine.get(key), "_memory", mine.get(key)),
                                              params[key])]  # fmt: skip
            trial.require(
                not replaced, "params", f"have new arrays: {', '.join(replaced)}",
                "not in place: params[key] = ... puts another array there, and whoever holds the old "
                "one sees no change. params[key] -= ... changes the array itself",
            )  # fmt: skip
            trial.require(
                not unchanged, "params", f"unchanged: {', '.join(unchanged)}",
                "p = p - ... makes a new array under a name of yours: params[key] -= ... changes "
                "what the caller has",
            )  # fmt: skip
            wrong = {
                what: functools.partial(_mistaken, params, make) for what, make in STEPS.items()
            }
            trial.compare(values, right, mistakes=wrong)
            require_no_numpy(trial, device, "the step")


def _check_events(trial: Trial, device: Device, loss: Any) -> None:
    """Look at what happened on the device: two moves, one wait, and nothing after it."""
    waits = device.noted("wait")
    trial.require(
        not isinstance(loss, DeviceArray), "the loss", "is still on the device",
        "return float(loss): that is the one wait",
    )  # fmt: skip
    trial.require(
        len(waits) == 1, "waits", f"{len(waits)}, should be 1 (yours: {', '.join(waits)})",
        "something reads numbers from the device between the lines",
    )  # fmt: skip
    moved = len(device.noted("moved"))
    trial.require(
        moved == 2, "transfers to the device", f"{moved}, should be 2: x and t",
        "something is moved twice, or made by np and then moved" if moved > 2 else "",
    )  # fmt: skip
    after = len(device.events) - 1 - [kind for kind, _ in device.events].index("wait")
    trial.require(
        not after, "the wait", f"{after} launches come after it",
        "the loss is read too early: meanwhile the device has nothing to do. Hand it the backward "
        "pass and the update first",
    )  # fmt: skip


def _step(params: dict, x: Any, t: Any, lr: float, *, m=None, gate=True, sign=-1, old=True) -> dict:
    """The loss and the parameters after a step; the options make mistakes."""
    w1, b1, w2, b2 = params.values()
    h = np.maximum(x @ w1 + b1, 0)
    e = h @ w2 + b2 - t
    dy = 2 * e / (m or e.size)
    new = {"w2": w2 + sign * lr * (h.T @ dy), "b2": b2 + sign * lr * dy.sum(axis=0)}
    dh = dy @ (w2 if old else new["w2"]).T * ((h > 0) if gate else 1)
    new |= {"w1": w1 + sign * lr * (x.T @ dh), "b1": b1 + sign * lr * dh.sum(axis=0)}
    values = {"the loss": (e * e).mean()} | {key: new[key].astype(w1.dtype) for key in params}
    return {name: np.asarray(value) for name, value in values.items()}


def _mistaken(before: dict, make: Callable, params: dict, x: Any, t: Any, lr: float) -> tuple:
    return tuple(make(before, x, t, lr).values())


STEPS = {
    "dh goes through ReLU's gate as well: times (h > 0)": functools.partial(_step, gate=False),
    "uphill: the gradient is subtracted": functools.partial(_step, sign=1),
    "w2 was changed before dh was computed with it": functools.partial(_step, old=False),
    "the mean has its factor in dy, too: divide by the number of entries, y.size": (
        functools.partial(_step, m=1)
    ),
    "the mean is over all entries of y, rows times columns": (
        lambda params, x, t, lr: _step(params, x, t, lr, m=len(x))
    ),
}
