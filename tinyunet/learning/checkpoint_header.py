"""What may stand in a checkpoint's header, and which arrays must stand beside it.

All of it is checked before anything is built: a header can claim a network of any size.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from tinyunet.engine.arrays import DTYPES
from tinyunet.learning.npz import Member, short
from tinyunet.learning.optim import SGD, Adam
from tinyunet.networks.unet_shapes import dropout_layers, parameter_shapes

FORMAT = 1
OPTIMIZERS = {"SGD": SGD, "Adam": Adam}
PARTS = ("format", "model", "generators", "state", "optimizer")
Rule = tuple[Callable[[Any], bool], str]  # a test, and in words what is right


def whole(low: int, high: int, words: str) -> Rule:
    """A whole number, which neither true nor 3.0 is."""
    return (lambda value: type(value) is int and low <= value <= high), words


def real(test: Callable[[float], bool], words: str) -> Rule:
    """A number that is neither infinite nor NaN."""
    return (lambda value: is_real(value) and test(value)), words


def is_real(value: Any) -> bool:
    """Whether it is a finite number."""
    return type(value) in (int, float) and abs(value) <= sys.float_info.max


def one_of(*values: str) -> Rule:
    """One of some words."""
    words = " or ".join(repr(value) for value in values)
    return (lambda value: type(value) is str and value in values), words


def _is_seed(value: Any) -> bool:
    """What a NumPy generator takes: a number, several, or None for any."""
    numbers = value if isinstance(value, list) and 0 < len(value) < 100 else [value]
    return value is None or all(isinstance(number, int) and number >= 0 for number in numbers)


CHANNELS = whole(1, 2**31, "a whole number from 1")
SHARE = real(lambda value: 0 <= value < 1, "at least 0 and below 1")
FROM_0 = real(lambda value: value >= 0, "a number from 0")
STEPS = whole(0, 2**53, "a whole number from 0")

MODEL: dict[str, Rule] = {
    "in_channels": CHANNELS,
    "num_classes": CHANNELS,
    "base_channels": CHANNELS,
    "depth": whole(1, 30, "a whole number from 1 to 30"),
    "padding": one_of("valid", "same"),
    "skip": one_of("concat", "sum", "none"),
    "dropout": SHARE,
    "seed": (_is_seed, "a whole number from 0"),
    "dtype": one_of(*DTYPES),
}
BETAS = (
    lambda v: type(v) is list and len(v) == 2 and all(map(SHARE[0], v)),
    "two numbers from 0 to below 1",
)
COMMON = {"steps": STEPS, "lr": FROM_0, "weight_decay": FROM_0}
OPTIMIZER: dict[str, dict[str, Rule]] = {
    "SGD": {"kind": one_of("SGD"), **COMMON, "momentum": SHARE},
    "Adam": {"kind": one_of("Adam"), **COMMON, "betas": BETAS, "eps": FROM_0},
}
GENERATOR: dict[str, Rule] = {
    "bit_generator": one_of("PCG64"),
    "state": (lambda value: type(value) is dict, "an object"),
    "has_uint32": whole(0, 1, "0 or 1"),
    "uinteger": whole(0, 2**32 - 1, "a whole number of 32 bits"),
}
PCG64: dict[str, Rule] = {
    "state": whole(0, 2**128 - 1, "a whole number of 128 bits"),
    "inc": (
        lambda value: type(value) is int and 0 <= value < 2**128 and value % 2 == 1,
        "an odd number of 128 bits",
    ),
}


def check_header(header: Any) -> None:
    """Raise ValueError unless all that tinyunet reads in a header is of its kind and in its range."""
    _check_object("the header", header)
    unknown = [part for part in header if part not in PARTS]
    if unknown:
        raise ValueError(f"the header has an unknown part: {short(unknown[0])}")
    _check("", header, {"format": STEPS})
    if header["format"] != FORMAT:
        return  # the caller has better words for it
    for part in PARTS[1:4]:
        _check_object(part, header.get(part))
    _check("model", header["model"], MODEL, complete=True)
    drawing = dropout_layers(header["model"])
    if sorted(header["generators"]) != sorted(drawing):
        found, wanted = short(list(header["generators"])), short(drawing)
        raise ValueError(f"generators are of {found}, but the network's are of {wanted}")
    for name, state in header["generators"].items():
        _check_object(f"generators.{name}", state)
        _check(f"generators.{name}", state, GENERATOR, complete=True)
        _check(f"generators.{name}.state", state["state"], PCG64, complete=True)
    if "optimizer" in header:
        _check_object("optimizer", header["optimizer"])
        kind = header["optimizer"].get("kind")
        if type(kind) is not str or kind not in OPTIMIZER:
            raise ValueError(f"optimizer.kind must be 'SGD' or 'Adam', got {short(kind)}")
        _check("optimizer", header["optimizer"], OPTIMIZER[kind], complete=True)


def check_thresholds(state: dict[str, Any]) -> None:
    """Raise ValueError unless the thresholds in a checkpoint's state, if any, are tinyunet's.

    To `load` a state is the user's own: this is for those who use them.
    """
    thresholds = state.get("thresholds", {})
    _check_object("state.thresholds", thresholds)
    for name, value in thresholds.items():
        number = value.item() if getattr(value, "shape", None) == () else value
        if not is_real(number) or not 0 <= number <= 1:
            raise ValueError(
                f"state.thresholds.{short(name)} must be from 0 to 1, got {short(value)}"
            )


def check_members(header: dict[str, Any], members: Mapping[str, Member | np.ndarray]) -> None:
    """Raise ValueError unless the arrays are those of the network and the optimizer described."""
    shapes = parameter_shapes(header["model"])
    wanted = {
        f"model/{name}": (shape, (header["model"]["dtype"],)) for name, shape in shapes.items()
    }
    needed = set(wanted)
    if "optimizer" in header:
        slots = OPTIMIZERS[header["optimizer"]["kind"]].SLOTS
        arrays = {f"optimizer/{n}/{s}": (shapes[n], DTYPES) for n in shapes for s in slots}
        wanted.update(arrays)
        needed.update(arrays if header["optimizer"]["steps"] else ())
    problems = [f"missing: {name}" for name in wanted if name in needed - members.keys()]
    for name, member in members.items():
        if name.startswith("state/"):
            continue
        if name not in wanted:
            problems.append(f"unexpected: {short(name)}")
            continue
        shape, dtypes = wanted[name]
        if member.shape != shape:
            problems.append(f"{name}: shape {short(member.shape)}, expected {shape}")
        elif member.dtype.name not in dtypes:
            problems.append(f"{name}: {member.dtype}, expected {' or '.join(dtypes)}")
    if problems:
        rest = [f"and {len(problems) - 5} more"] if len(problems) > 5 else []
        raise ValueError("\n  ".join(["", *problems[:5], *rest]))


def _check_object(where: str, value: Any) -> None:
    if type(value) is not dict:
        raise ValueError(f"{where} must be an object with names, got {short(value)}")


def _check(where: str, values: dict, rules: dict[str, Rule], complete: bool = False) -> None:
    """Check values by the rules of their names; with `complete` there may be no others."""
    for name, (test, words) in rules.items():
        if name not in values:
            raise ValueError(f"{where or 'the header'} lacks {name}")
        if not test(values[name]):
            place = f"{where}.{name}" if where else name
            raise ValueError(f"{place} must be {words}, got {short(values[name])}")
    unknown = [name for name in values if name not in rules] if complete else []
    if unknown:
        raise ValueError(f"{where} has an unknown {short(unknown[0])}")
