"""A network in a file: what the file says of it, and the network made of what it says."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinyunet.engine.rules import short
from tinyunet.layers.layer import Layer
from tinyunet.learning.checkpoint_header import FORMAT, check_header, check_members
from tinyunet.learning.header_text import else_it
from tinyunet.learning.npz import Npz
from tinyunet.networks.config import plain
from tinyunet.networks.freezing import freeze_parameters, frozen_names
from tinyunet.networks.network import Network
from tinyunet.networks.outline import Outline, built, is_float, outline, stated_outline
from tinyunet.networks.registry import check_known, find_network, registered


def header_of(model: Layer) -> dict[str, Any]:
    """Return what a file says of a network; TypeError if no file can hold it."""
    name = type(model).__name__
    if not isinstance(model, Network) or name not in registered():
        raise TypeError(
            f"a checkpoint holds a Network, got {short(model)}: derive a class of yours from "
            "tinyunet.Network (its parts may be any layers), or use state_dict()"
        )
    check_known(type(model))
    config = {key: plain(key, value) for key, value in model.config.items()}
    states = {name: made.bit_generator.state for name, made in model.named_generators()}
    for key, state in states.items():
        if state["bit_generator"] != "PCG64":
            raise TypeError(
                f"the generator {key} is of kind {state['bit_generator']}: make it with "
                "numpy.random.default_rng"
            )
    network = {"name": name, "config": config, "dtype": model.dtype.name}
    header = {"format": FORMAT, "network": network, "generators": states, "state": {}}
    frozen = frozen_names(model)
    return header | ({"frozen": frozen} if frozen else {})


def outline_of(header: dict[str, Any], numbers: int) -> Outline:
    """Return which arrays the network that a header describes has, in a file of so many numbers."""
    network = header["network"]
    return outline(find_network(network["name"]), network["config"], numbers)


def check_savable(model: Layer) -> None:
    """Raise what `save` would raise for this network, such as before it is trained for hours.

    Raises
    ------
    TypeError, ValueError
        See `tinyunet.save`.
    """
    header = header_of(model)
    with else_it(f"{short(model)} could not be saved, for `load` would refuse the file"):
        check_header(header)
        arrays = dict(model.named_state())
        found = outline_of(header, sum(array.size for array in arrays.values()))
        check_members(header, {f"model/{name}": array for name, array in arrays.items()}, found)


def read_network(header: dict[str, Any], stored: Npz) -> tuple[Network, dict[str, np.ndarray]]:
    """Return the network in a file, filled, and all arrays of the file."""
    with else_it("cannot be read"):
        cls = find_network(header["network"]["name"])
    config, model = header["network"]["config"], None
    with else_it("has a header that tinyunet does not write"):
        found = stated_outline(cls, config)
    with else_it("does not hold the network that it describes"):
        if found is None:
            parts = [m for name, m in stored.members.items() if name.startswith("model/")]
            model = built(cls, config, sum(math.prod(member.shape) for member in parts))
            found = Outline.of(model)
        check_members(header, stored.members, found)
    with else_it("is damaged"):
        arrays = {name: stored.read(name) for name in stored.members}
    model = cls.from_config(config) if model is None else model
    _fill(model, header, below("model/", arrays))
    return model, arrays


def _fill(model: Network, header: dict[str, Any], state: dict[str, np.ndarray]) -> None:
    """Put what a file holds into a network: arrays, each in its own dtype, generators, frozen parts."""
    if model.dtype.name != header["network"]["dtype"]:
        model.astype(header["network"]["dtype"])
    for path, layer in model.named_layers():
        for own in (layer.params, layer.buffers):
            for key, array in own.items():
                dtype = state[f"{path}.{key}" if path else key].dtype.name
                if is_float(array) and dtype != array.dtype.name:
                    own[key] = array.astype(dtype)
    model.load_state_dict(state)
    for name, generator in model.named_generators():
        generator.bit_generator.state = header["generators"][name]
    freeze_parameters(model, header.get("frozen", []))


def below(prefix: str, arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The arrays whose names begin with a prefix, without it."""
    return {n.removeprefix(prefix): array for n, array in arrays.items() if n.startswith(prefix)}
