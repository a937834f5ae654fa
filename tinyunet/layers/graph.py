"""What a network computes, as a list of nodes in ONNX's words; `tinyunet.export_onnx` writes it."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tinyunet.engine.arrays import Array, to_cpu

if TYPE_CHECKING:
    from tinyunet.layers.parts import Parts

Side = tuple[int, int]


def onnx_pads(padding: tuple[Side, Side]) -> list[int]:
    """Return ((top, bottom), (left, right)) in ONNX's order."""
    (top, bottom), (left, right) = padding
    return [top, left, bottom, right]


class Node(NamedTuple):
    """An operation of ONNX: its kind, and the names of what goes in and comes out."""

    kind: str
    name: str
    inputs: list[str]
    outputs: list[str]
    attributes: dict[str, Any]


class OneSizeError(ValueError):
    """A network's graph can be written for images of one size alone; it says why."""


class Graph:
    """Collects what each layer's ``write_nodes`` says.

    ONNX has channels first: every tensor is (N, C, H, W), where the layer's array is (N, H, W, C). A
    tensor is known by its name. A layer's method takes names where its forward takes arrays, and
    returns the name of its output::

        def write_nodes(self, graph, x):
            factor = graph.constant(self.params["factor"].reshape(-1, 1, 1))
            return graph.node("Mul", x, factor)

    Where forward takes a size, it is the name of a tensor [height, width].

    Parameters
    ----------
    dtype
        Of the network: ``"float32"`` or ``"float64"``.
    fixed
        Whether it is for images of one size.

    Attributes
    ----------
    nodes, arrays
        What was said: operations in order, and arrays by name.
    traced
        Of a tensor the (height, width) that it had in each of several runs, as far as it is known.
    left
        What one layer left for another, as a pooling for its unpooling.
    notes
        Sentences on what the file does otherwise than the network.
    """

    def __init__(self, dtype: str = "float32", *, fixed: bool = False) -> None:
        self.dtype, self.fixed = np.dtype(dtype), fixed
        self.nodes: list[Node] = []
        self.arrays: dict[str, np.ndarray] = {}
        self.traced: dict[str, tuple[Side, ...]] = {}
        self.left: dict[Any, Any] = {}
        self.notes: list[str] = []
        self.layer = ""  # the name of the layer that is speaking
        self._taken: set[str] = set()
        self._sizes: dict[Any, str] = {}

    def node(self, kind: str, *inputs: str, **attributes: Any) -> str:
        """Add an operation with one output, and return its name; an empty input is one left out."""
        return self.nodes_of(kind, *inputs, outputs=1, **attributes)[0]

    def nodes_of(self, kind: str, *inputs: str, outputs: int, **attributes: Any) -> list[str]:
        """Add an operation with several outputs, and return their names."""
        name = self._free(f"{self.layer}.{kind}" if self.layer else kind)
        names = [name if outputs == 1 else f"{name}.{i}" for i in range(outputs)]
        self.nodes.append(Node(kind, name, list(inputs), names, attributes))
        return names

    def parameter(self, layer: Parts, key: str) -> str:
        """Name one of a layer's parameters or buffers; its axes become those of ONNX and PyTorch."""
        array, axes = {**layer.params, **layer.buffers}[key], layer.TORCH_AXES.get(key)
        known = (id(layer), key)
        if known not in self.left:
            turned = array if axes is None else array.transpose(axes)
            name = self._free(f"{self.layer}.{key}" if self.layer else key)
            self.left[known] = self._set(name, turned)
        return self.left[known]

    def constant(self, value: Any) -> str:
        """Name an array or a number; of floats, in the network's dtype."""
        array = np.asarray(to_cpu(value) if hasattr(value, "shape") else value)
        array = array.astype(self.dtype) if array.dtype.kind == "f" else array.astype(np.int64)
        return self._set(self._free("constant"), array)

    def float32(self, value: np.ndarray) -> str:
        """Name an array that ONNX wants in float32, whatever the network's dtype."""
        return self._set(self._free("constant"), value.astype(np.float32))

    def size(self, x: str) -> str:
        """Name the tensor [height, width] of a tensor; once for all that are of one size."""
        key = self.traced.get(x, x)
        if key not in self._sizes:
            self._sizes[key] = self.node("Shape", x, start=2, end=4)
        return self._sizes[key]

    def given_size(self, sizes: tuple[Side, ...]) -> str | None:
        """Name the tensor [height, width] that was as given in all runs; None if there is none.

        It is the size of an earlier tensor, of the latest that fits, or always the same; or else that
        of a tensor and a number of pixels more or less, or a whole number of times that.
        """
        earlier = list(reversed(self.traced.items()))
        for x, seen in earlier:
            if seen == sizes:
                return self.size(x)
        if len(set(sizes)) == 1:
            return self.constant(sizes[0])
        wanted = np.array(sizes)
        for x, seen in earlier:
            more, rest = wanted - seen, wanted % seen
            if (more == more[0]).all():
                return self.node("Add", self.size(x), self.constant(more[0]))
            times = wanted // seen
            if not rest.any() and (times == times[0]).all():
                return self.node("Mul", self.size(x), self.constant(times[0]))
        return None

    def note(self, sentence: str) -> None:
        """Add a sentence for the user, once."""
        self.notes += [] if sentence in self.notes else [sentence]

    def _set(self, name: str, value: Array) -> str:
        self.arrays[name] = np.ascontiguousarray(to_cpu(value))
        return name

    def _free(self, name: str) -> str:
        names = itertools.chain([name], (f"{name}_{i}" for i in itertools.count(2)))
        found = next(name for name in names if name not in self._taken)
        self._taken.add(found)
        return found
