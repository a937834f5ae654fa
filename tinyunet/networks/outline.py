"""Which arrays a network keeps: said by its class, or found by building one within limits."""

from __future__ import annotations

import json
import weakref
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tinyunet.engine import budget
from tinyunet.engine.arrays import DTYPES, Array
from tinyunet.networks import config as configs

if TYPE_CHECKING:
    from tinyunet.networks.network import Network

Shapes = dict[str, tuple[int, ...]]
SPARE = 1 << 16  # weights that a constructor may throw away, beside as many as the file has
LAYERS = 100_000  # of a network in a file: ten times the arrays that a file can hold


@dataclass(frozen=True)
class Outline:
    """What a network's file holds.

    Attributes
    ----------
    parameters, buffers
        Shapes by name.
    dtypes
        Of an array by its name the dtypes that are right. One that isn't named: float32 or float64.
    generators
        Names of the random generators: see `Layer.named_generators`.
    frozen
        Names of parameters of which an optimizer has no state.
    """

    parameters: Shapes
    buffers: Shapes
    dtypes: dict[str, tuple[str, ...]]
    generators: list[str]
    frozen: tuple[str, ...] = ()

    @property
    def shapes(self) -> Shapes:
        """Those of parameters and buffers together."""
        return {**self.parameters, **self.buffers}

    @classmethod
    def of(cls, model: Network) -> Outline:
        """Read it off a network."""

        def shapes(named: Any) -> Shapes:
            return {name: array.shape for name, array in named}

        learned = dict(model.named_learned())
        return cls(
            parameters=shapes(model.named_parameters()),
            buffers=shapes(model.named_buffers()),
            dtypes={
                name: (array.dtype.name,)
                for name, array in model.named_state()
                if not is_float(array)
            },
            generators=[name for name, _ in model.named_generators()],
            frozen=tuple(name for name, _ in model.named_parameters() if name not in learned),
        )


def is_float(array: Array) -> bool:
    """Whether `Layer.astype` converts it."""
    return array.dtype.name in DTYPES


def stated_outline(cls: type[Network], config: dict[str, Any]) -> Outline | None:
    """What the class says of a config; None if it says nothing.

    A class inherits its parent's word with its constructor only: one of its own may make other layers.

    Raises
    ------
    ValueError
        If the class is not made with such a config.
    """
    owner = next(c for c in cls.__mro__ if "outline" in vars(c))
    maker = next(c for c in cls.__mro__ if "__init__" in vars(c))
    return cls.outline(config) if issubclass(owner, maker) else None


_BUILT: weakref.WeakKeyDictionary[type[Network], tuple[str, Outline]] = weakref.WeakKeyDictionary()


def outline(cls: type[Network], config: dict[str, Any], numbers: int) -> Outline:
    """What the class says, or what one that is built holds; the last one built is remembered."""
    stated = stated_outline(cls, config)
    if stated is not None:
        return stated
    key = json.dumps([config, numbers])
    if _BUILT.get(cls, ("",))[0] != key:
        legacy = np.random.get_state()  # noqa: NPY002
        try:  # a user's constructor may draw from NumPy's own generator: a run must not notice
            _BUILT[cls] = key, Outline.of(built(cls, config, numbers))
        finally:
            np.random.set_state(legacy)  # noqa: NPY002
    return _BUILT[cls][1]


def built(cls: type[Network], config: dict[str, Any], numbers: int) -> Network:
    """Make a network on a file's word: layers take twice the numbers that the file holds at most.

    Raises
    ------
    ValueError
        If it asks for more, or its constructor raises any error.
    """
    configs.check_sensible(config)
    who = f"{cls.__name__}, as {cls.__module__} defines it,"
    try:
        with budget.at_most(2 * numbers + SPARE, LAYERS):
            return cls.from_config(config)
    except budget.TooLarge as error:
        raise ValueError(
            f"{who} asks for more than the file's {numbers:,} numbers: {error}"
        ) from error
    except MemoryError as error:
        raise ValueError(f"{who} needs more memory than there is") from error
    except Exception as error:
        raise ValueError(f"{who} cannot be made: {type(error).__name__}: {error}") from error
