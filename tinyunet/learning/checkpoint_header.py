"""What may stand in a checkpoint's header, and which arrays must stand beside it.

All of it is checked before anything is built: a header can claim a network of any size.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from tinyunet.engine.arrays import DTYPES
from tinyunet.engine.rules import Rule, check, check_object, is_real, one_of, real, short, whole
from tinyunet.learning.npz import Member
from tinyunet.learning.optim import SGD, Adam
from tinyunet.networks.outline import Outline

FORMAT = 2
OPTIMIZERS = {"SGD": SGD, "Adam": Adam}
PARTS = ("format", "network", "generators", "state", "optimizer", "frozen")
SHARE = real(lambda value: 0 <= value < 1, "at least 0 and below 1")
FROM_0 = real(lambda value: value >= 0, "a number from 0")
STEPS = whole(0, 2**53, "a whole number from 0")

BETAS = (
    lambda v: type(v) is list and len(v) == 2 and all(map(SHARE[0], v)),
    "two numbers from 0 to below 1",
)
COMMON = {"steps": STEPS, "lr": FROM_0, "weight_decay": FROM_0}
OPTIMIZER: dict[str, dict[str, Rule]] = {
    "SGD": {"kind": one_of("SGD"), **COMMON, "momentum": SHARE},
    "Adam": {"kind": one_of("Adam"), **COMMON, "betas": BETAS, "eps": FROM_0},
}
NETWORK: dict[str, Rule] = {
    "name": (lambda value: type(value) is str and 0 < len(value) <= 1000, "a class's name"),
    "config": (lambda value: type(value) is dict, "an object with names"),
    "dtype": one_of(*DTYPES),
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


def upgraded(header: Any) -> Any:
    """A header of format 1, in which a network was a U-Net and only dropout drew, as one of today."""
    if type(header) is not dict or header.get("format") != 1 or type(header["format"]) is not int:
        return header
    for part in ("model", "generators"):
        check_object(part, header.get(part))
    config, generators = header["model"], header["generators"]
    rest = {key: value for key, value in header.items() if key not in ("model", "generators")}
    return {
        **rest,
        "format": FORMAT,
        "network": {"name": "UNet", "config": config, "dtype": config.get("dtype")},
        "generators": {f"{layer}.rng": state for layer, state in generators.items()},
    }


def check_header(header: Any) -> None:
    """Raise ValueError unless all that tinyunet reads in a header is of its kind and in its range."""
    check_object("the header", header)
    check("", header, {"format": STEPS})
    if header["format"] != FORMAT:
        return  # the caller has better words for it
    unknown = [part for part in header if part not in PARTS]
    if unknown:
        raise ValueError(f"the header has an unknown part: {short(unknown[0])}")
    for part in PARTS[1:4]:
        check_object(part, header.get(part))
    check("network", header["network"], NETWORK, complete=True)
    for name, state in header["generators"].items():
        check_object(f"generators.{name}", state)
        check(f"generators.{name}", state, GENERATOR, complete=True)
        check(f"generators.{name}.state", state["state"], PCG64, complete=True)
    frozen = header.get("frozen", [])
    if type(frozen) is not list or not all(type(name) is str for name in frozen):
        raise ValueError(f"frozen must be a list of names, got {short(frozen)}")
    if "optimizer" in header:
        check_object("optimizer", header["optimizer"])
        kind = header["optimizer"].get("kind")
        if type(kind) is not str or kind not in OPTIMIZER:
            raise ValueError(f"optimizer.kind must be 'SGD' or 'Adam', got {short(kind)}")
        check("optimizer", header["optimizer"], OPTIMIZER[kind], complete=True)


def check_thresholds(state: dict[str, Any]) -> None:
    """Raise ValueError unless the thresholds in a checkpoint's state, if any, are tinyunet's.

    To `load` a state is the user's own: this is for those who use them.
    """
    thresholds = state.get("thresholds", {})
    check_object("state.thresholds", thresholds)
    for name, value in thresholds.items():
        number = value.item() if getattr(value, "shape", None) == () else value
        if not is_real(number) or not 0 <= number <= 1:
            raise ValueError(
                f"state.thresholds.{short(name)} must be from 0 to 1, got {short(value)}"
            )


def check_members(
    header: dict[str, Any], members: Mapping[str, Member | np.ndarray], outline: Outline
) -> None:
    """Raise ValueError unless the arrays are those of the network and the optimizer described."""
    if sorted(header["generators"]) != sorted(outline.generators):
        found, right = short(list(header["generators"])), short(outline.generators)
        raise ValueError(f"generators are of {found}, but the network's are of {right}")
    wanted = {
        f"model/{name}": (shape, outline.dtypes.get(name, DTYPES))
        for name, shape in outline.shapes.items()
    }
    needed = set(wanted)
    frozen = {*outline.frozen, *header.get("frozen", [])}
    unknown = sorted(frozen - outline.parameters.keys())
    if unknown:
        raise ValueError(f"frozen names {short(unknown[0])}, which is no parameter of the network")
    if "optimizer" in header:
        slots = OPTIMIZERS[header["optimizer"]["kind"]].SLOTS
        learned = {n: s for n, s in outline.parameters.items() if n not in frozen}
        arrays = {f"optimizer/{n}/{s}": (learned[n], DTYPES) for n in learned for s in slots}
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
    first, dtype = next(iter(outline.parameters), None), header["network"]["dtype"]
    if not problems and first is not None and members[f"model/{first}"].dtype.name != dtype:
        problems.append(f"model/{first}: {members[f'model/{first}'].dtype}, expected {dtype}")
    if problems:
        rest = [f"and {len(problems) - 5} more"] if len(problems) > 5 else []
        raise ValueError("\n  ".join(["", *problems[:5], *rest]))
