"""How people return things: an output with a cache beside it, gradients in some order or by name."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tinyunet.gradcheck.foreign.values import array_from, bare, is_array, is_floats, is_rows, leaves

# What need not have a gradient, though it is given as floats: targets, masks, settings.
TARGET = re.compile(
    r"^(y_?true|targets?|labels?|actuals?|truth|ground_?truth|gt|expected|desired|one_?hot|masks?)$",
    re.IGNORECASE,
)
TARGET_OF_LOSS = ("y", "t", "ys", "ts")  # of a function that returns a number
SETTINGS = re.compile(r"^\w+_(params?|config|cfg|options)$")


def output(returned: Any, count: int = 1) -> tuple[list, tuple]:
    """Split what forward returned into its outputs, and what is beside them, such as a cache.

    Parameters
    ----------
    returned
        An array or a number; or a tuple that begins with it.
    count
        How many outputs backward takes an upstream gradient for; 0 for all.
    """
    if not isinstance(returned, tuple | list) or is_rows(returned) or is_rows(bare(returned)):
        return [_filled_array(returned)], ()
    if not len(returned):
        raise TypeError("forward returned an empty tuple: it should return an array or a number")
    outputs = [_filled_array(returned[0])]
    for value in returned[1 : count or None]:
        if not is_floats(bare(value)):
            break
        outputs.append(array_from(value, "forward"))
    return outputs, tuple(returned[len(outputs) :])


def _filled_array(value: Any) -> Any:
    if isinstance(value, Mapping):
        raise TypeError(
            f"forward returned a dict with {', '.join(map(repr, value))}: check one entry at a time, "
            'lambda *inputs: forward(*inputs)["..."]'
        )
    y = array_from(value, "forward")
    if not y.size:
        raise ValueError(f"forward returned an empty array of shape {y.shape}: give larger inputs")
    return y


def may_lack_gradient(name: str, value: Any, is_number: bool) -> bool:
    """Whether an input looks like a target or a setting, which have no gradient in most code."""
    if TARGET.match(name) or (is_number and name in TARGET_OF_LOSS):
        return True
    if isinstance(value, Mapping):
        return bool(SETTINGS.match(name)) or not any(is_array(v) for v in value.values())
    return type(value) is float


# ---------------------------------------------------------------------- gradients


def sort_gradients(
    returned: Any, inputs: dict[str, Any], wanted: list[str], needed: list[str]
) -> dict[str, Any]:
    """Give gradients the names of the tensors that they belong to.

    Parameters
    ----------
    returned
        One gradient; or a tuple or list of them, in the order of all inputs (then None, or anything,
        may stand for one that is not differentiated), or of the differentiated ones; or a dict by
        name, in which "dx", "grad_x" and "x_grad" mean x as well.
    inputs
        The inputs by name, in order.
    wanted, needed
        The names of the inputs that are differentiated, and of those that must have a gradient. For a
        dict or a list among the inputs, the gradient has the same structure.
    """
    needed = needed or wanted
    if isinstance(returned, Mapping):
        found = {name: gradient_named(returned, name) for name in wanted}
        first = needed[0] if needed else ""
        if found.get(first) is None and len(needed) == 1 and isinstance(inputs[first], Mapping):
            found[first] = returned
    elif isinstance(returned, tuple | list):
        found = _by_order(returned, list(inputs), wanted, needed, inputs)
    else:
        found = {needed[0]: returned} if needed else {}
    flat: dict[str, Any] = {}
    for name in wanted:
        flat.update(_flat(found.get(name), inputs[name], name))
    return flat


def count_problem(returned: Any, inputs: dict[str, Any], wanted: list[str]) -> str:
    """Say so if there are more gradients than inputs, or none at all."""
    if returned is None:
        return "backward returned None: is a return missing?"
    if isinstance(returned, Mapping):
        names = list(wanted)
        if len(wanted) == 1 and isinstance(inputs[wanted[0]], Mapping):
            names += inputs[wanted[0]]
        if all(gradient_named(returned, str(name)) is None for name in names):
            keys = ", ".join(map(repr, returned))
            return f"backward returned a dict with {keys}: none is called like an input"
        return ""
    if isinstance(returned, tuple | list) and not _is_one(returned, inputs, wanted):
        if any(gradient is not None for gradient in returned[len(inputs) :]):
            return f"backward returned {len(returned)} gradients for {len(inputs)} inputs"
        extra = returned[len(wanted) :] if len(returned) < len(inputs) else ()
        if any(gradient is not None for gradient in extra):
            return f"backward returned {len(returned)} gradients for {len(wanted)} float inputs"
    return ""


def _is_one(returned: Sequence, inputs: dict[str, Any], wanted: list[str]) -> bool:
    """Whether a tuple or a list is itself the gradient of a single input."""
    if len(wanted) != 1:
        return False
    value = inputs[wanted[0]]
    if isinstance(returned, list) and is_rows(bare(returned)):
        return is_rows(value) or getattr(value, "ndim", 0) > 0
    return isinstance(value, list | tuple) and not is_rows(value) and len(value) == len(returned)


def _by_order(
    returned: Sequence, names: list[str], wanted: list[str], needed: list[str], inputs: dict
) -> dict:
    """Match gradients in a tuple or list with inputs."""
    if _is_one(returned, inputs, needed):
        return {needed[0]: returned}
    for order in (names, wanted, needed):
        if len(returned) == len(order):
            return dict(zip(order, returned, strict=True))
    order = wanted if len(returned) > len(wanted) else needed
    return dict(zip(order, returned, strict=False))


def gradient_named(gradients: Mapping, name: Any) -> Any:
    """The entry of a dict that is called like a tensor, or like its gradient."""
    key = name if name in gradients else gradient_key(gradients, str(name))
    return None if key is None else gradients[key]


def gradient_key(held: Iterable, name: str) -> Any:
    """Which of some names is that of the gradient of a tensor `name`; None if none is."""
    spelled = {_plain(gradient) for gradient in names_of_gradient(name)}
    keys = [key for key in held if key != name and _plain(str(key)) in spelled]
    exact = [key for key in keys if key in names_of_gradient(name)]
    return next(iter(exact + keys), None)


def _plain(name: str) -> str:
    return name.lower().replace("_", "")


def names_of_gradient(name: str) -> list[str]:
    """What people call the gradient of a tensor `name`, up to capitals and underscores."""
    before, after = ("d", "grad_", "g", "dL_d", "dloss_d"), ("_grad", "_gradient", ".grad")
    return [*(f"{b}{name}" for b in before), *(f"{name}{a}" for a in after)]


def _flat(gradient: Any, value: Any, name: str) -> dict[str, Any]:
    """The gradient of one input, leaf by leaf, as float arrays."""
    own = leaves(value, name)
    if not own:
        return {}
    if name in own:
        return {name: None if gradient is None else array_from(gradient, "backward")}
    if isinstance(value, Mapping):
        found = gradient if isinstance(gradient, Mapping) else {}
        parts = [_flat(gradient_named(found, k), v, f"{name}.{k}") for k, v in value.items()]
    else:
        given = list(gradient) if isinstance(gradient, list | tuple) or is_array(gradient) else []
        given += [None] * (len(value) - len(given))
        parts = [
            _flat(g, v, f"{name}.{i}") for i, (g, v) in enumerate(zip(given, value, strict=False))
        ]
    return {key: g for part in parts for key, g in part.items()}
