"""Which parts of a network training leaves as they are."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from tinyunet.engine.spelling import did_you_mean
from tinyunet.layers import BatchNorm2d
from tinyunet.layers.layer import Layer

SomeLayer = TypeVar("SomeLayer", bound=Layer)


def freeze(model: SomeLayer, *names: str) -> SomeLayer:
    """Keep parts of a network as they are: no gradient is asked for, and no optimizer changes them.

    A `BatchNorm2d` all of whose parameters are frozen goes over to ``statistics="running"``: it
    normalises by what it has gathered, and gathers no more. Make the optimizer afterwards. `save` keeps
    what is frozen, `load` gives it back, and `unfreeze` ends it.

    Parameters
    ----------
    model
        A network, or another layer; it is changed, and returned.
    *names
        Of layers or parameters, as `summarize` and ``named_parameters`` have them: ``"encoder"`` is all
        of it, ``"encoder.0"`` one level.

    Raises
    ------
    TypeError
        If a name is no text.
    ValueError
        If a name begins no parameter's; if nothing would be left to learn.
    """
    for name in names:
        if not isinstance(name, str):
            raise TypeError(f'names are given one by one, as freeze(model, "a", "b"), got {name!r}')
    every = [name for name, _ in model.named_parameters()]
    for name in names:
        if not any(is_part(name, parameter) for parameter in every):
            raise ValueError(_unknown(name, every))
    chosen = [p for p in every if any(is_part(name, p) for name in names)]
    if {name for name, _ in model.named_learned()} <= set(chosen):
        raise ValueError(f"with {', '.join(names)} frozen, nothing is left to learn in {model}")
    freeze_parameters(model, chosen)
    return model


def unfreeze(model: SomeLayer) -> SomeLayer:
    """Let all that `freeze` froze learn again, and its normalisations gather.

    What a constructor freezes, such as the bilinear kernels of an `FCN`, stays so. Make the optimizer
    afterwards.
    """
    for _, layer in model.named_layers():
        layer.frozen, statistics = vars(layer).pop("_before_freezing", (layer.frozen, None))
        if isinstance(layer, BatchNorm2d):
            layer.statistics = statistics or layer.statistics
    return model


def freeze_parameters(model: Layer, names: Iterable[str]) -> None:
    """Freeze parameters by their whole names, and with the last of a normalisation its statistics."""
    chosen = set(names)
    for path, layer in model.named_layers():
        keys = {key for key in layer.params if (f"{path}.{key}" if path else key) in chosen}
        if not keys - layer.frozen:
            continue
        now = layer.frozen, getattr(layer, "statistics", None)
        vars(layer).setdefault("_before_freezing", now)
        layer.frozen |= keys
        layer.grads = {key: value for key, value in layer.grads.items() if key not in keys}
        if isinstance(layer, BatchNorm2d) and layer.frozen >= layer.params.keys():
            layer.statistics = "running"


def frozen_names(model: Layer) -> list[str]:
    """The names of all parameters that training does not change."""
    learned = {name for name, _ in model.named_learned()}
    return [name for name, _ in model.named_parameters() if name not in learned]


def is_part(name: str, parameter: str) -> bool:
    """Whether a parameter has this name, or is in the layer of this name."""
    return parameter == name or parameter.startswith(f"{name}.")


def _unknown(name: str, every: list[str]) -> str:
    """Say which names there are where one is none of them."""
    parts = [p.split(".")[:k] for p in every for k in range(1, p.count(".") + 2)]
    known = list(dict.fromkeys(".".join(part) for part in parts))
    first = ", ".join(dict.fromkeys(p.split(".")[0] for p in every))
    near = did_you_mean(name, known)
    return f"there is no part called {name!r}{near}, but {first}, and what is in them"
