"""Where objects keep what they learn, and its gradients."""

from __future__ import annotations

import types
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from tinyunet.gradcheck.foreign.conventions import gradient_key, gradient_named, names_of_gradient
from tinyunet.gradcheck.foreign.values import is_array, is_floats

Place = tuple  # attributes and keys on the way from the object
Places = dict[str, tuple[Place, list[Place]]]  # of a parameter and of its gradients, by name

# Dicts or lists of parameters, and of their gradients.
STORES = (
    ("params", "grads"),
    ("parameters", "gradients"),
    ("params", "gradients"),
    ("parameters", "grads"),
    ("weights", "gradients"),
    ("params", "dparams"),
)
# A parameter without a gradient is a mistake if it is called so, and not, say, running_mean.
LEARNED = ("w", "b", "weight", "weights", "bias", "biases", "gamma", "beta", "kernel", "kernels")
VARIABLE = ("data", "value", "values")  # in an object that has its gradient in `grad`


def attributes(thing: Any) -> dict[str, Any]:
    """What an object keeps, in its __dict__ and its slots."""
    found = {}
    for cls in type(thing).__mro__:
        slots = cls.__dict__.get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            if hasattr(thing, name) and not name.startswith("__"):
                found[name] = getattr(thing, name)
    return {**found, **getattr(thing, "__dict__", {})}


def is_object(value: Any) -> bool:
    """Whether a value may keep parameters in attributes of its own."""
    kinds = (
        type,
        types.ModuleType,
        types.FunctionType,
        types.MethodType,
        types.BuiltinFunctionType,
    )
    has_attributes = hasattr(value, "__dict__") or "__slots__" in vars(type(value))
    return has_attributes and not isinstance(value, kinds) and not is_array(value)


def holds(value: Any) -> bool:
    """Whether a value has parts."""
    plain = type(value) in (int, float, str, bool, np.ndarray)  # soon said of a long list's items
    return not plain and (isinstance(value, Mapping | list | tuple) or is_object(value))


def parts(value: Any) -> dict[Any, Any]:
    """What an object, a dict or a list holds, by attribute, key or position."""
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, list | tuple):
        return dict(enumerate(value))
    return attributes(value) if is_object(value) else {}


def walk(root: Any) -> Iterator[tuple[Place, Any]]:
    """Yield an object and all objects in it, each once, with the way to them."""
    seen: set[int] = set()
    ways: deque[tuple[Place, Any]] = deque([((), root)])
    while ways:
        place, value = ways.popleft()
        if id(value) not in seen and (held := parts(value)):
            seen.add(id(value))
            yield place, value
            holders = {key: part for key, part in held.items() if holds(part)}
            ways += [((*place, key), part) for key, part in holders.items()]


def at(root: Any, place: Place) -> Any:
    """What is at a place, or None."""
    for key in place:
        if isinstance(root, Mapping):
            root = root[key] if key in root else gradient_named(root, str(key))
        elif isinstance(root, list | tuple):
            root = root[int(key)] if str(key).isdigit() and int(key) < len(root) else None
        else:
            root = getattr(root, str(key), None)
    return root


def put(root: Any, place: Place, value: Any) -> None:
    """Put a value in a place."""
    owner, key = at(root, place[:-1]), place[-1]
    if isinstance(owner, Mapping):
        owner[key] = value  # type: ignore[index]  # it raises what it raises
    elif isinstance(owner, list):
        owner[int(key)] = value
    elif isinstance(owner, tuple):
        put(root, place[:-1], (*owner[: int(key)], value, *owner[int(key) + 1 :]))
    else:
        setattr(owner, str(key), value)


def widen(root: Any) -> None:
    """Make every float32 array in an object float64; what was one array stays one."""
    made: dict[int, tuple] = {}
    for place, owner in list(walk(root)):
        for key, value in parts(owner).items():
            if is_floats(value) and value.dtype.itemsize < 8:
                made.setdefault(id(value), (value, value.astype("float64")))
                put(root, (*place, key), made[id(value)][1])


def find_places(root: Any, lasting: set[int]) -> Places:
    """Look for parameters where people keep them.

    Parameters
    ----------
    root
        An object after a forward and a backward pass.
    lasting
        The ids of the values that a second forward did not replace, as it does with what it caches.
    """
    found: Places = {}
    known: dict[int, tuple[str, Place]] = {}
    for place, owner in walk(root):
        if not is_object(owner):
            continue
        pairs = _in_stores(owner) or _in_pairs(owner, lasting)
        for name, (parameter, gradients) in pairs.items():
            here = [(*place, *gradient) for gradient in gradients]
            way = ".".join(map(str, (*place, name) if name else place))
            first, above = known.setdefault(id(at(owner, parameter)), (way, place))
            if first == way:
                found[way] = ((*place, *parameter), here)
            elif place[: len(above)] != above or place == above:
                found[first][1].extend(here)  # two layers share it, and their gradients add up
    return found


def _in_stores(owner: Any) -> Places:
    """Parameters in a dict or a list, with the gradients in another."""
    held = attributes(owner)
    for params, grads in STORES:
        store, gradients = held.get(params), held.get(grads)
        if isinstance(store, Mapping) and isinstance(gradients, Mapping):
            found = {}
            for key in (key for key in store if is_floats(store[key])):
                same = key if key in gradients else gradient_key(gradients, str(key))
                found[str(key)] = ((params, key), [] if same is None else [(grads, same)])
            if found:
                return found
        if (
            isinstance(store, list | tuple)
            and isinstance(gradients, list | tuple)
            and store
            and all(is_floats(p) for p in store)
            and len(gradients) in (0, len(store))
        ):
            return {f"{params}.{i}": ((params, i), [(grads, i)]) for i in range(len(store))}
    return {}


def _in_pairs(owner: Any, lasting: set[int]) -> Places:
    """Pairs of attributes such as W and dW."""
    held = attributes(owner)
    of_others = {gradient_key(held, name) for name in held}
    arrays = {
        name: value
        for name, value in held.items()
        if (is_floats(value) or type(value) is float) and id(value) in lasting
        if name not in of_others
    }
    pairs: Places = {}
    for name, value in arrays.items():
        gradient = "grad" if name in VARIABLE and "grad" in held else gradient_key(held, name)
        if gradient and (is_array(value) or isinstance(held[gradient], float)) and name != "t":
            pairs["" if gradient == "grad" else name] = ((name,), [(gradient,)])
    if pairs:
        forgotten = [n for n in arrays if n not in pairs and n.lower() in LEARNED]
        pairs |= {n: ((n,), []) for n in forgotten if is_array(arrays[n])}
    return pairs


def returned_places(root: Any, lasting: set[int], returned: Any, inputs: int) -> Places:
    """Parameters whose gradients backward returns: in a dict, or after those of the inputs."""
    held = attributes(root)
    if isinstance(returned, Mapping):
        stores = [(n,) for n in ("params", "parameters") if isinstance(held.get(n), Mapping)]
        way = stores[0] if stores else ()
        keys = {k: value for k, value in parts(at(root, way)).items() if is_floats(value)}
        names = [k for k in keys if gradient_named(returned, str(k)) is not None]
        return {str(k): ((*way, k), []) for k in (keys if stores and names else names)}
    names = [n for n in held if is_floats(held[n]) and id(held[n]) in lasting]
    extra = len(returned) - inputs if isinstance(returned, tuple) else 0
    return {name: ((name,), []) for name in names} if len(names) == extra else {}


def without_gradient(root: Any, places: Places) -> list[str]:
    """The arrays that may be learned, and have no gradient anywhere."""
    known = {id(at(root, place)) for place, _ in places.values()}
    held = attributes(root)
    return [
        n
        for n in held
        if is_floats(held[n]) and held[n].flags.writeable and id(held[n]) not in known
    ]


def given_places(root: Any, parameters: Mapping[str, str] | Iterable[str]) -> Places:
    """Where the user says that parameters and gradients are."""
    if not isinstance(parameters, Mapping):
        if not isinstance(parameters, Iterable):
            raise TypeError(f"parameters should be a dict or a list of names, got {parameters!r}")
        names = [parameters] if isinstance(parameters, str) else list(parameters)
        parameters = {name: _gradient_of(root, name) for name in names}
    places = {}
    for pair in parameters.items():
        ways = tuple(tuple(path.split(".")) for path in pair)
        for path, way in zip(pair, ways, strict=True):
            if at(root, way) is None:
                raise ValueError(
                    f"{type(root).__name__} has no {path!r} after forward and backward; it has "
                    f"{', '.join(attributes(root)) or 'no attributes'}"
                )
        if not is_floats(np.asarray(at(root, ways[0]))):
            raise TypeError(f"the parameter {pair[0]!r} is no array of floats")
        places[pair[0]] = (ways[0], [ways[1]])
    return places


def _gradient_of(root: Any, name: str) -> str:
    """The attribute with the gradient of a parameter."""
    *way, last = name.split(".")
    gradient = gradient_key(parts(at(root, tuple(way))), last)
    if gradient is not None:
        return ".".join([*way, gradient])
    names = ", ".join(names_of_gradient(name))
    raise ValueError(
        f"no gradient of {name!r} was found in {type(root).__name__} (looked for {names}): "
        f"say where it is, parameters={{{name!r}: ...}}"
    )
