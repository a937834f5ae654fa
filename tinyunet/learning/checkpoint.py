"""One file holds a model and, if wanted, everything that training needs to go on exactly.

The file is a NumPy .npz: arrays by name, and one JSON text for the rest. It is read with pickle off,
so opening a checkpoint from somebody else runs no code of theirs.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from tinyunet.engine.arrays import to_cpu
from tinyunet.engine.rules import short
from tinyunet.engine.whole_files import written_whole
from tinyunet.learning.checkpoint_header import (
    FORMAT,
    OPTIMIZERS,
    check_header,
    check_members,
    upgraded,
)
from tinyunet.learning.header_text import LONGEST, else_it, parsed, read_header
from tinyunet.learning.npz import Npz, check_writable
from tinyunet.learning.optim import Optimizer
from tinyunet.learning.saved_network import (
    below,
    check_savable,
    header_of,
    outline_of,
    read_network,
)
from tinyunet.networks.config import plain
from tinyunet.networks.network import Network

__all__ = [
    "Checkpoint",
    "check_savable",
    "describe_optimizer",
    "differences",
    "load",
    "save",
]


@dataclass
class Checkpoint:
    """What a file held: the model, the optimizer (or None), and the state given to `save`."""

    model: Network
    optimizer: Optimizer | None = None
    state: dict[str, Any] = field(default_factory=dict)


def save(
    path: str | Path, model: Network, optimizer: Optimizer | None = None, **state: Any
) -> None:
    """Write a checkpoint. An interruption leaves the old file whole: it is replaced at the end.

    Parameters
    ----------
    path
        The file, usually ``*.npz``.
    model
        A `UNet`, or any other `Network`, one of yours too. Its class's name and settings, its
        parameters and buffers, and the states of its random generators are stored.
    optimizer
        An optimizer of this model, with its state.
    **state
        Anything else: plain data that JSON can hold, or a dict of arrays.

    Raises
    ------
    TypeError
        If the model is a layer but no `Network`, or was made with more than plain data: numbers,
        strings, booleans, None, and lists and dicts of them.
    ValueError
        If `load` would refuse the file, such as for a learning rate that is no number, or a network
        that another layer was added to after it was made. Nothing is written.
    """
    header = header_of(model)
    arrays = {f"model/{name}": array for name, array in model.named_state()}
    if optimizer is not None:
        kind = type(optimizer).__name__
        header["optimizer"] = {"kind": kind, "steps": optimizer.steps, **_settings(optimizer)}
        arrays.update({f"optimizer/{key}": array for key, array in optimizer.state.items()})
    for key, value in state.items():
        if isinstance(value, dict) and value and all(hasattr(v, "dtype") for v in value.values()):
            arrays.update({f"state/{key}/{name}": array for name, array in value.items()})
        else:
            header["state"][key] = value
    arrays = {name: to_cpu(array) for name, array in arrays.items()}
    text = json.dumps(header).encode()
    path = Path(path)
    with else_it(f"{path} is not written, for `load` would refuse it"):
        _check_readable(text, arrays)
    arrays["header"] = np.frombuffer(text, np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    with written_whole(path) as file:
        np.savez(file, **arrays)


def load(path: str | Path, *, everything: bool = False) -> Network | Checkpoint:
    """Read a checkpoint and return its model, or with ``everything=True`` a `Checkpoint`.

    What else was saved is its ``state``. In a ``best.npz`` of `tinyunet train`, that is
    ``state["thresholds"]``: the thresholds for `tinyunet.instances`, by what predictions were
    averaged over, such as ``{"none": 0.4, "symmetries": 0.45}``.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is damaged, is no checkpoint, claims what it does not hold, or holds a network whose
        class has not been defined: a class of yours must be, or be imported, before. Of two of its name
        the last is meant; only its arrays are compared with the file's, not its code. All claims are
        checked before memory is taken for them. Where a class does not say what a network of it holds,
        one is built, and that ends where its layers take more than the file has.
    """
    path = Path(path)
    if not path.is_file():
        inside = " (of a run's folder, give best.npz)" if path.is_dir() else ""
        raise FileNotFoundError(f"there is no checkpoint at {path}{inside}")
    with open(path, "rb") as file:
        try:
            found = _read(file)
        except ValueError as error:
            raise ValueError(f"{path} {error}") from error
    return found if everything else found.model


def _read(file: BinaryIO) -> Checkpoint:
    """Read a checkpoint, and say of a bad one what it is."""
    with else_it("is no complete tinyunet checkpoint (truncated, or another kind of file)"):
        stored = Npz(file)
        header = read_header(stored)
    with else_it("has a header that tinyunet does not write"):
        header = upgraded(header)
        check_header(header)
    if header["format"] != FORMAT:
        raise ValueError(
            f"has checkpoint format {header['format']}; this tinyunet reads 1 and {FORMAT}"
        )
    model, arrays = read_network(header, stored)
    with else_it("is damaged"):
        state = _state(header, below("state/", arrays))
    return Checkpoint(model, _load_optimizer(model, header, arrays), state)


def _check_readable(text: bytes, arrays: dict[str, np.ndarray]) -> None:
    """Raise an error if `load` would refuse a file with this header and these arrays."""
    if len(text) > LONGEST:
        raise ValueError(
            f"its header is {len(text):,} bytes, more than {LONGEST:,}: large state belongs into "
            "arrays"
        )
    header = parsed(text)
    check_header(header)
    size = sum(array.size for name, array in arrays.items() if name.startswith("model/"))
    check_members(header, arrays, outline_of(header, size))
    check_writable(arrays)
    _state(header, below("state/", arrays))


def _state(header: dict, arrays: dict[str, np.ndarray]) -> dict[str, Any]:
    """What was given to `save`: plain data, and dicts of arrays."""
    dicts: dict[str, dict[str, np.ndarray]] = {}
    for name, array in arrays.items():
        key, slash, rest = name.partition("/")
        if not slash or key in header["state"]:
            raise ValueError(
                f"state/{short(name)} is in no dict, or its dict is something else, too"
            )
        dicts.setdefault(key, {})[rest] = array
    return {**header["state"], **dicts}


def _load_optimizer(model: Network, header: dict, arrays: dict) -> Optimizer | None:
    if "optimizer" not in header:
        return None
    settings = dict(header["optimizer"])
    kind, steps = OPTIMIZERS[settings.pop("kind")], settings.pop("steps")
    lr = settings.pop("lr")
    optimizer = kind(model, lr=1.0, **settings)
    optimizer.lr = lr  # a schedule may have ended at 0, with which no optimizer begins
    optimizer.load_state_dict(below("optimizer/", arrays), steps)
    return optimizer


def _settings(optimizer: Optimizer) -> dict[str, Any]:
    """The constructor's arguments, as the attributes of the same names."""
    other = ("model", "steps", "state")
    return {name: value for name, value in vars(optimizer).items() if name not in other}


def describe_optimizer(optimizer: Optimizer) -> str:
    """The optimizer's kind and settings, as text."""
    settings = ", ".join(f"{name}={value}" for name, value in _settings(optimizer).items())
    return f"{type(optimizer).__name__}({settings})"


def differences(model: Network, other: Network) -> list[str]:
    """Return the settings in which two networks differ, as text; empty if they agree.

    Seeds are no part of the architecture, and the dtype is converted.
    """
    kinds = [type(network).__name__ for network in (other, model)]
    if kinds[0] != kinds[1]:
        return [f"network: {kinds[0]} in the file, {kinds[1]} asked for"]
    theirs, ours = ({k: plain(k, v) for k, v in n.config.items()} for n in (other, model))
    return [
        f"{name}: {short(theirs.get(name))} in the file, {short(ours.get(name))} asked for"
        for name in {**ours, **theirs}
        if name not in ("seed", "dtype") and theirs.get(name) != ours.get(name)
    ]
