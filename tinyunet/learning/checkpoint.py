"""One file holds a model and, if wanted, everything that training needs to go on exactly.

The file is a NumPy .npz: arrays by name, and one JSON text for the rest. It is read with pickle off,
so opening a checkpoint from somebody else runs no code of theirs.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from tinyunet.engine.arrays import to_cpu
from tinyunet.engine.whole_files import written_whole
from tinyunet.learning.checkpoint_header import (
    FORMAT,
    OPTIMIZERS,
    check_header,
    check_members,
)
from tinyunet.learning.npz import Npz, check_savable, short
from tinyunet.learning.optim import Optimizer
from tinyunet.networks.unet import UNet

LONGEST = 64 << 20  # bytes of the header, which holds the loss of every step
PARTS = 1_000_000  # names, lists and objects in it, which cost far more than numbers in a list


@dataclass
class Checkpoint:
    """What a file held: the model, the optimizer (or None), and the state given to `save`."""

    model: UNet
    optimizer: Optimizer | None = None
    state: dict[str, Any] = field(default_factory=dict)


def save(path: str | Path, model: UNet, optimizer: Optimizer | None = None, **state: Any) -> None:
    """Write a checkpoint. An interruption leaves the old file whole: it is replaced at the end.

    Parameters
    ----------
    path
        The file, usually ``*.npz``.
    model
        A `UNet`. Its settings, its parameters, and its dropout generators are stored.
    optimizer
        An optimizer of this model, with its state.
    **state
        Anything else: plain data that JSON can hold, or a dict of arrays.

    Raises
    ------
    ValueError
        If `load` would refuse the file, such as for a learning rate that is no number. Nothing is
        written.
    """
    if not isinstance(model, UNet):
        raise TypeError(f"a checkpoint holds a UNet, got {type(model).__name__}: use state_dict()")
    header: dict[str, Any] = {
        "format": FORMAT,
        "model": model.config,
        "generators": {},
        "state": {},
    }
    arrays = {f"model/{name}": array for name, array in model.named_parameters()}
    for name, layer in model.named_layers():
        if hasattr(layer, "rng"):
            header["generators"][name] = layer.rng.bit_generator.state
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
    with _else_it(f"{path} is not written, for `load` would refuse it"):
        _check_savable(text, arrays)
    arrays["header"] = np.frombuffer(text, np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    with written_whole(path) as file:
        np.savez(file, **arrays)


def load(path: str | Path, *, everything: bool = False) -> UNet | Checkpoint:
    """Read a checkpoint and return its model, or with ``everything=True`` a `Checkpoint`.

    What else was saved is its ``state``. In a ``best.npz`` of `tinyunet train`, that is
    ``state["thresholds"]``: the thresholds for `tinyunet.instances`, by what predictions were
    averaged over, such as ``{"none": 0.4, "symmetries": 0.45}``.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is damaged, is no checkpoint, or claims what it does not hold. Nothing is built, and
        no memory taken for it, before all claims have been checked.
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
    with _else_it("is no complete tinyunet checkpoint (truncated, or another kind of file)"):
        stored = Npz(file)
        header = _header(stored)
    with _else_it("has a header that tinyunet does not write"):
        check_header(header)
    if header["format"] != FORMAT:
        raise ValueError(f"has checkpoint format {header['format']}; this tinyunet reads {FORMAT}")
    with _else_it("does not hold the network that it describes"):
        check_members(header, stored.members)
    with _else_it("is damaged"):
        arrays = {name: stored.read(name) for name in stored.members}
        state = _state(header, _below("state/", arrays))
    model = UNet(**header["model"])
    model.load_state_dict(_below("model/", arrays))
    for name, layer in model.named_layers():
        if name in header["generators"]:
            layer.rng.bit_generator.state = header["generators"][name]
    return Checkpoint(model, _load_optimizer(model, header, arrays), state)


@contextlib.contextmanager
def _else_it(words: str) -> Iterator[None]:
    """Say what a file is in which something is wrong; zipfile and others fail in a dozen ways."""
    try:
        yield
    except MemoryError:
        raise
    except Exception as error:
        why = str(error) or type(error).__name__
        raise ValueError(f"{words}: {why if len(why) < 1000 else why[:997] + '...'}") from error


def _header(stored: Npz) -> Any:
    """Read the JSON text."""
    member = stored.members.get("header")
    if member is None:
        raise ValueError("it has no header")
    if member.dtype != np.uint8 or member.size > min(LONGEST, max(1 << 20, stored.size)):
        raise ValueError(f"its header is {member.size:,} bytes as {member.dtype}")
    header = _parsed(stored.read("header").tobytes())
    del stored.members["header"]
    return header


def _parsed(text: bytes) -> Any:
    """The header from its text, if it is not too much."""
    parts = sum(map(text.count, (b":", b"[", b"{")))
    if parts > PARTS:
        raise ValueError(
            f"its header has {parts:,} names, lists and objects, more than {PARTS:,}: large state "
            "belongs into arrays"
        )
    return json.loads(text.decode())


def _check_savable(text: bytes, arrays: dict[str, np.ndarray]) -> None:
    """Raise an error if `load` would refuse a file with this header and these arrays."""
    if len(text) > LONGEST:
        raise ValueError(
            f"its header is {len(text):,} bytes, more than {LONGEST:,}: large state belongs into "
            "arrays"
        )
    header = _parsed(text)
    check_header(header)
    check_members(header, arrays)
    check_savable(arrays)
    _state(header, _below("state/", arrays))


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


def _load_optimizer(model: UNet, header: dict, arrays: dict) -> Optimizer | None:
    if "optimizer" not in header:
        return None
    settings = dict(header["optimizer"])
    kind, steps = OPTIMIZERS[settings.pop("kind")], settings.pop("steps")
    lr = settings.pop("lr")
    optimizer = kind(model, lr=1.0, **settings)
    optimizer.lr = lr  # a schedule may have ended at 0, with which no optimizer begins
    optimizer.load_state_dict(_below("optimizer/", arrays), steps)
    return optimizer


def _settings(optimizer: Optimizer) -> dict[str, Any]:
    """The constructor's arguments, as the attributes of the same names."""
    other = ("model", "steps", "state")
    return {name: value for name, value in vars(optimizer).items() if name not in other}


def describe_optimizer(optimizer: Optimizer) -> str:
    """The optimizer's kind and settings, as text."""
    settings = ", ".join(f"{name}={value}" for name, value in _settings(optimizer).items())
    return f"{type(optimizer).__name__}({settings})"


def _below(prefix: str, arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {n.removeprefix(prefix): array for n, array in arrays.items() if n.startswith(prefix)}


def differences(model: UNet, other: UNet) -> list[str]:
    """Return the settings in which two U-Nets differ, as text; empty if they agree.

    The seed is no part of the architecture, and the dtype is converted.
    """
    return [
        f"{name}: {other.config[name]!r} in the file, {value!r} asked for"
        for name, value in model.config.items()
        if name not in ("seed", "dtype") and other.config[name] != value
    ]
