"""The exercises of lesson 15, NumPy to CuPy.

The checks need no GPU: while they call a student's function, ``cupy`` means the stand-in of
`tinyunet.exercises.device`.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np

from tinyunet.exercises.device import Device, DeviceArray, cupy_is
from tinyunet.exercises.registry import exercise
from tinyunet.exercises.trial import Stop, Trial, slopes
from tinyunet.gradcheck.diagnosis import IMAGE


def call(trial: Trial, device: Device, **arguments: Any) -> Any:
    """Call the student's function where `device` is CuPy; explain what the device refuses."""
    device.events.clear()
    with cupy_is(device):
        try:
            return trial.call(**arguments)
        except Stop:
            if device.refused:
                trial.findings()[-1].cause = device.refused
            raise


def on_device(trial: Trial, device: Device, name: str, got: Any) -> np.ndarray:
    """Return what lies behind the wall, if it is on the device and nothing was moved to get it."""
    trial.require(got is not None, name, "is None", "a missing return")
    waits = device.noted("wait")
    trial.require(
        not waits, name, f"the host waited for the device: {', '.join(waits)}",
        "numbers were fetched from the device, which waits until all before is done: a layer "
        "computes where its argument lies",
    )  # fmt: skip
    trial.require(
        not device.noted("moved"), name, "an array was moved from the host",
        "it was made by np and then moved: make it on the device, with xp",
    )  # fmt: skip
    trial.require(
        isinstance(got, DeviceArray), name, f"is of type {type(got).__name__}, for a device array",
        "the result left the device: it should lie where the argument lies",
    )  # fmt: skip
    return got._memory


# ---------------------------------------------------------------------- whose array is it?


@exercise(
    lesson=15,
    hints=(
        "An array is an instance of its module's class: isinstance(x, np.ndarray). For a device "
        "array, ask the same of cupy.ndarray. But where does `cupy` come from, without an import?",
        'sys.modules is a dict of everything imported so far. sys.modules.get("cupy") is the '
        "module, or None where nobody has imported it. Then x cannot be one of its arrays.",
        "Three cases, in this order: x is a np.ndarray: np. There is a cupy, and x is a "
        "cupy.ndarray: that cupy. Anything else: raise TypeError, and name type(x) in it.",
    ),
)
def array_module(trial: Trial) -> None:
    """Whose array is it: the module of an array."""
    device, x = Device(), trial.rng(14).random(3)
    for where, array, right in (
        ("without a CuPy", x, np), ("where there is a CuPy", x, np),
        ("where there is a CuPy", device.asarray(x), device),
    ):  # fmt: skip
        try:
            with cupy_is(None if where == "without a CuPy" else device):
                got = trial.call(x=array)
        except Stop:
            if re.search("import of cupy|NoneType|'cupy'", trial.findings()[-1].text):
                finding = trial.findings()[-1]
                finding.cause = (
                    "there may be no CuPy: nothing to import, and nothing in sys.modules"
                )
            raise
        trial.setting = f"called with a {'host' if right is np else 'device'} array, {where}"
        trial.require(got is not None, "your function", "returned None", "a missing return")
        trial.require(
            isinstance(got, ModuleType), "your function", f"returned {type(got).__name__}",
            "return the module itself, such as np, not its name",
        )  # fmt: skip
        trial.require(
            got is right, "the module", f"is {got.__name__}, should be {right.__name__}",
            "the same answer for every array" if right is device else
            "that there is a CuPy does not mean that this array is on the device",
        )  # fmt: skip
    for other in ([1.0, 2.0], {"x": 1.0}):
        trial.setting = f"called with x = {other}"
        try:
            with cupy_is(device):
                trial.answer(other)
        except TypeError:
            continue
        except Exception as error:
            trial.fail("your function", f"raised {type(error).__name__}, should raise TypeError")
        trial.fail(
            "your function", "raised no TypeError", "what is no array belongs to no module: a "
            "clear error here is better than a strange one later",
        )  # fmt: skip


# ---------------------------------------------------------------------- a layer for both


def _corners(x: np.ndarray) -> list[np.ndarray]:
    return [x[:, p::2, q::2] for p in (0, 1) for q in (0, 1)]


def _mean_pool(x: np.ndarray) -> np.ndarray:
    return (sum(_corners(x)) / 4).astype(x.dtype)


def _spread(dy: np.ndarray) -> np.ndarray:
    return dy.repeat(2, axis=1).repeat(2, axis=2) / 4


@exercise(
    lesson=15,
    hints=(
        "In lesson 3, x[:, p::2, q::2] was the pixel (p, q) of every window. Here you need the four "
        "of them together.",
        "Operators such as + and / ask the array itself what to do. So a sum of four slices needs "
        "neither np nor xp.",
        "Add the four slices x[:, 0::2, 0::2], x[:, 0::2, 1::2], ... and divide by 4.",
    ),
)
def mean_pool(trial: Trial) -> None:
    """The mean of every 2 by 2 window, on both."""
    rng, device = trial.rng(15), Device()
    for shape in ((1, 4, 6, 1), (2, 4, 6, 3)):
        for dtype in ("float64", "float32"):
            x = rng.standard_normal(shape).astype(dtype)
            right = {"y": _mean_pool(x)}
            got = call(trial, device, x=x)
            trial.compare(got, right, axes={"y": IMAGE}, mistakes=POOL_MISTAKES)
    got = call(trial, device, x=device.wrap(x))
    trial.setting = "called with a device array"
    trial.compare(on_device(trial, device, "y", got), right, axes={"y": IMAGE})


POOL_MISTAKES = {
    "the sum of the four pixels: divide by 4": lambda x: sum(_corners(x)),
    "the largest of the four pixels, not their mean": lambda x: np.max(_corners(x), axis=0),
    "one pixel of each window only": lambda x: x[:, ::2, ::2],
    "the mean of two pixels: the other two of the window are missing": (
        lambda x: (x[:, ::2, ::2] + x[:, 1::2, 1::2]) / 2
    ),
    "windows that overlap: they should move by two pixels": (
        lambda x: (x[:, :-1, :-1] + x[:, 1:, :-1] + x[:, :-1, 1:] + x[:, 1:, 1:]) / 4
    ),
}


@exercise(
    lesson=15,
    hints=(
        "Each pixel of a window has a quarter of a say in the mean, so dx is the same in all four.",
        "Make an array of twice the height and width with xp.empty, where xp = array_module(dy), and "
        "in dy's dtype. Then fill its four slices.",
        "dx[:, p::2, q::2] = dy / 4 for p and q in (0, 1). (Or xp.repeat, twice.)",
    ),
)
def mean_pool_backward(trial: Trial) -> None:
    """The gradient of the mean of every 2 by 2 window, on both."""
    rng, device = trial.rng(16), Device()
    for shape in ((1, 4, 6, 1), (2, 4, 6, 2)):
        s = slopes(_mean_pool, rng.standard_normal(shape), seed=(16, trial.seed))
        for dtype in ("float64", "float32"):
            dy, right = s.dy.astype(dtype), {"dx": s.whole[0].astype(dtype)}
            got = call(trial, device, dy=dy)
            trial.compare(
                got, right, axes={"dx": IMAGE}, mistakes=SPREAD_MISTAKES,
                per_image={"dx": s.per_image[0]}, dy=dy,
            )  # fmt: skip
    got = call(trial, device, dy=device.wrap(dy))
    trial.setting = "called with a device array"
    trial.compare(on_device(trial, device, "dx", got), right, axes={"dx": IMAGE})


def _to_one_corner(dy: np.ndarray, share: float) -> np.ndarray:
    dx = np.zeros_like(_spread(dy))
    dx[:, ::2, ::2] = dy * share
    return dx


SPREAD_MISTAKES = {
    "each pixel got all of dy: its say in the mean is a quarter": lambda dy: 4 * _spread(dy),
    "one pixel of each window got all of dy, as with a maximum": lambda dy: _to_one_corner(dy, 1),
    "one pixel of each window got its share, the other three nothing": (
        lambda dy: _to_one_corner(dy, 0.25)
    ),
    "windows side by side repeated as a whole (tile), not each of their numbers (repeat)": (
        lambda dy: np.tile(dy, (1, 2, 2, 1)) / 4
    ),
}


# ---------------------------------------------------------------------- a whole structure


@exercise(
    lesson=15,
    hints=(
        "A structure is made of structures: what do you do with a dict whose values are dicts? Let "
        "the function call itself.",
        "Four cases: a dict, a list, a tuple (each: a new one of the same kind, with every item "
        "moved), an array (put it). Everything else stays what it is.",
        "{key: move_all(value, put) for key, value in things.items()} for a dict; "
        "type(things)(move_all(item, put) for item in things) for a list or a tuple.",
    ),
)
def move_all(trial: Trial) -> None:
    """All arrays of a structure, each moved once."""
    rng = trial.rng(18)
    a, b, c = rng.random((2, 3)), rng.integers(9, size=3), rng.random((1, 2), np.float32)
    for things in (a, {"w": a, "b": b}, [a, b], (a, None), {"layers": [{"w": a}, (b, [c])], "lr": 0.1,
                   "name": "unet", "none": None, "empty": {}, "flag": True}):  # fmt: skip
        device = Device()
        seen = repr(things)
        got = call(trial, device, things=things, put=device.asarray)
        trial.setting = f"called with things = {_outline(things)} and put = cupy.asarray"
        trial.require(got is not None, "your function", "returned None", "a missing return")
        trial.require(
            repr(things) == seen, "things", "your function wrote into it",
            "make a new dict or list: the caller may still need the old one",
        )  # fmt: skip
        _compare_trees(trial, "things", got, things)
        moved, arrays = len(device.noted("moved")), _outline(things).count("array")
        trial.require(
            moved == arrays, "transfers", f"{moved}, should be {arrays}: one for each array",
            "an array is moved more than once, or in pieces" if moved > arrays else "",
        )  # fmt: skip


def _outline(things: Any) -> str:
    """A structure in words, without its numbers."""
    if isinstance(things, dict):
        return "{" + ", ".join(f"{k!r}: {_outline(v)}" for k, v in things.items()) + "}"
    if isinstance(things, list | tuple):
        return f"{type(things).__name__}({', '.join(map(_outline, things))})"
    return "array" if isinstance(things, np.ndarray) else repr(things)


def _compare_trees(trial: Trial, where: str, got: Any, right: Any) -> None:
    if isinstance(right, np.ndarray):
        trial.require(
            isinstance(got, DeviceArray), where, f"is of type {type(got).__name__}, not on the device",
            "some kind of container is not looked into" if isinstance(got, np.ndarray) else "",
        )  # fmt: skip
        return trial.compare(got._memory, {where: right})
    container = isinstance(right, dict | list | tuple)
    trial.require(
        type(got) is type(right), where,
        f"is of type {type(got).__name__}, should be {type(right).__name__}",
        "a container should stay what it is, a tuple a tuple, a list a list: look into it, and put "
        "its arrays into a new one" if container else
        "a number, a text or None is no array: leave it as it is",
    )  # fmt: skip
    if not container:
        return trial.require(got == right, where, f"is {got!r}, should be {right!r}")
    keys = list(right) if isinstance(right, dict) else range(len(right))
    same = set(got) == set(keys) if isinstance(right, dict) else len(got) == len(right)
    trial.require(same, where, f"has {len(got)} items, should have the same {len(right)} as before")
    for key in keys:
        _compare_trees(trial, f"{where}[{key!r}]", got[key], right[key])
    return None


# ---------------------------------------------------------------------- one step, one wait


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
            values = (loss, *(getattr(p, "_memory", p) for p in mine.values()))
            unchanged = [key for key, p in zip(mine, values[1:], strict=True)
                         if np.array_equal(p, params[key])]  # fmt: skip
            trial.require(
                not unchanged, "params", f"unchanged: {', '.join(unchanged)}",
                "p = p - ... makes a new array under a name of yours: params[key] -= ... changes "
                "what the caller has",
            )  # fmt: skip
            wrong = {
                what: functools.partial(_mistaken, params, make) for what, make in STEPS.items()
            }
            trial.compare(values, right, mistakes=wrong)


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
