"""A network's graph, found by running it: which layer got what, and what each says of itself."""

from __future__ import annotations

import contextlib
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinyunet.engine.arrays import Array, to_cpu, to_device
from tinyunet.engine.rules import short
from tinyunet.layers.graph import Graph, Side
from tinyunet.layers.layer import Layer
from tinyunet.layers.resize import Upsample, refuse_rounded_factor
from tinyunet.networks.network import Network

IMAGE = "image"
REMEDY = (
    "do it in a layer with a method write_nodes, which says in ONNX's words what forward computes (see "
    "tinyunet.Layer); sums and joins are tinyunet.Add and Concat"
)


@dataclass
class Call:
    """One layer's forward pass."""

    name: str
    layer: Layer
    inputs: tuple[Any, ...]
    options: dict[str, Any]
    output: Array


def says_nodes(layer: Layer) -> bool:
    """Whether a layer's class has a `write_nodes` that belongs to its forward pass."""
    for cls in type(layer).__mro__:
        if cls is Layer:
            return False
        if "write_nodes" in vars(cls):
            return True
        if "forward" in vars(cls):  # another computation than the one that was said
            return False
    return False


class Run:
    """The calls of a network's layers on an image, and whether anything else made or changed arrays."""

    def __init__(self, image: Array) -> None:
        self.calls: list[Call] = []
        self.image = image
        self._made = {id(image): (image, _checksum(image))}
        self._inside = False

    def watch(self, name: str, layer: Layer) -> Callable[..., Any]:
        """Return a layer's forward pass, of which a note is taken."""
        forward, known = layer.forward, says_nodes(layer)

        def watched(*inputs: Any, **options: Any) -> Any:
            if self._inside:
                return forward(*inputs, **options)
            kind = type(layer).__name__
            who = f"{name} ({kind})" if name else kind
            for x in (*inputs, *options.values()):
                self.check(x, f"what {who} gets")
            self._inside = True
            try:
                y = forward(*inputs, **options)
            finally:
                self._inside = False
            if not known and id(y) in self._made:  # it hands its input on
                return y
            if not known:
                raise TypeError(
                    f"{who} does not say what it computes: give its class a method write_nodes (see "
                    "tinyunet.Layer)"
                )
            self.calls.append(Call(name, layer, inputs, options, y))
            self._made.setdefault(id(y), (y, _checksum(y)))
            return y

        return watched

    def check(self, x: Any, who: str) -> None:
        """Raise TypeError for an array that no layer made, or that was changed since."""
        if not is_map(x):
            return
        if id(x) not in self._made:
            raise TypeError(
                f"{who} is an array {x.shape} that no layer made, but arithmetic between layers: "
                + REMEDY
            )
        if self._made[id(x)][1] != _checksum(x):
            raise TypeError(
                f"{who} is an array {x.shape} that was changed in place after its layer made it: "
                + REMEDY
            )


def is_map(x: Any) -> bool:
    """Whether an argument is an array of images."""
    return hasattr(x, "shape") and len(x.shape) > 1


def run(model: Network, image: Array) -> tuple[Run, Array]:
    """Run a network, within its `as_predicted`, and take note of its layers' calls."""
    seen = Run(image)
    with _watched(model, seen):
        y = model.forward(image)
    if not is_map(y):
        raise TypeError(f"{short(model)} gives a {type(y).__name__} in prediction, not an array")
    seen.check(y, f"what {short(model)} gives")
    return seen, y


@contextlib.contextmanager
def _watched(model: Network, seen: Run) -> Iterator[None]:
    layers = {}
    for name, layer in model.named_layers():
        if layer is not model and (says_nodes(layer) or not any(True for _ in layer.children())):
            layers.setdefault(id(layer), (name, layer))
    before = {key: vars(layer).get("forward") for key, (_, layer) in layers.items()}
    for name, layer in layers.values():
        layer.forward = seen.watch(name, layer)  # type: ignore[method-assign]
    try:
        yield
    finally:
        for key, (_, layer) in layers.items():
            del layer.forward
            if before[key] is not None:
                layer.forward = before[key]  # type: ignore[method-assign]


def graph_of(model: Network, sizes: list[Side], *, fixed: bool) -> tuple[Graph, str, int]:
    """Return a network's graph, the name of its output, and how many channels that has.

    Parameters
    ----------
    model
        It is run on an image of each of the sizes, and does not change.
    sizes
        Several (height, width), so that it shows on which arrays the sizes depend that layers are
        given.
    fixed
        Whether the graph is for the first of them alone.

    Raises
    ------
    TypeError
        If something other than a layer computes.
    ValueError
        If a layer gets a size that is none of an earlier array's.
    """
    others = []
    for size in sizes[1:]:
        with model.as_predicted():
            others.append(run(model, _noise(model, size))[0])
    with model.as_predicted():
        first, y = run(model, _noise(model, sizes[0]))
        runs = [first, *others]
        if len({tuple(call.name for call in seen.calls) for seen in runs}) > 1:
            raise ValueError(f"{short(model)} runs other layers on images of other sizes: {ONE}")
        return *_written(model, runs, y, fixed), y.shape[3]


ONE = "give the one size of images that it is for (--size HEIGHT WIDTH)"


def _written(model: Network, runs: list[Run], y: Array, fixed: bool) -> tuple[Graph, str]:
    """Ask every call's layer for its nodes."""
    graph = Graph(model.dtype.name, fixed=fixed)
    graph.traced[IMAGE] = tuple(seen.image.shape[1:3] for seen in runs)
    x = graph.node("Transpose", IMAGE, perm=[0, 3, 1, 2])
    del graph.traced[IMAGE]  # channels are not where they are in all others
    names = {id(runs[0].image): x}
    graph.traced[x] = tuple(seen.image.shape[1:3] for seen in runs)
    for calls in zip(*(seen.calls for seen in runs), strict=True):
        call = calls[0]
        graph.layer, of_all = call.name, [c.inputs for c in calls]
        inputs = [_name(graph, names, values) for values in zip(*of_all, strict=True)]
        options = {
            key: _name(graph, names, tuple(c.options[key] for c in calls)) for key in call.options
        }
        if isinstance(call.layer, Upsample) and len(inputs) + len(options) == 1:
            refuse_rounded_factor(call.layer, call.inputs[0].shape[1:3], graph.fixed)
        made = call.layer.write_nodes(graph, *inputs, **options)
        names.setdefault(id(call.output), made)
        graph.traced.setdefault(made, tuple(c.output.shape[1:3] for c in calls))
    graph.layer = ""
    return graph, names[id(y)]


def _name(graph: Graph, names: dict[int, str], values: tuple[Any, ...]) -> Any:
    """What `write_nodes` gets for an argument of forward, which had these values in the runs."""
    if is_map(values[0]):
        return names[id(values[0])]
    sizes = [_as_size(value) for value in values]
    if None in sizes:
        return values[0]  # such as None
    found = graph.given_size(tuple(sizes))
    if found is None:
        given = ", ".join(f"{h}x{w}" for h, w in sizes)
        raise ValueError(
            f"{graph.layer} is given a size, {given} for the images that were tried, which is that of "
            f"no array before it: {ONE}"
        )
    return found


def _as_size(value: Any) -> Side | None:
    """An int or a pair of ints as (height, width); None if it is neither."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | np.integer):
        return int(value), int(value)
    pair = isinstance(value, tuple | list) and len(value) == 2
    if pair and all(isinstance(side, int | np.integer) for side in value):
        return int(value[0]), int(value[1])
    return None


def _noise(model: Network, size: Side) -> Array:
    noise = np.random.default_rng(0).random((1, *size, model.in_channels))
    return to_device(noise.astype(model.dtype), model.device)


def _checksum(x: Array) -> int:
    """A number that tells whether an array was changed, or its values moved."""
    return zlib.crc32(np.ascontiguousarray(to_cpu(x)).data)
