"""A network as an ONNX file, which other programs run: browsers, telephones, C++."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from tinyunet.engine.arrays import pair
from tinyunet.engine.rules import short
from tinyunet.engine.whole_files import written_whole
from tinyunet.exchange.tracing import IMAGE, graph_of
from tinyunet.layers.graph import Graph, Node, OneSizeError, Side
from tinyunet.layers.layer import Layer
from tinyunet.networks.config import plain
from tinyunet.networks.network import Network
from tinyunet.networks.plain import as_network
from tinyunet.version import __version__

OPSET, IR = 17, 8  # of 2022: read by old programs, too
# Steps from the smallest size of each image that a network is tried with: (rows, columns).
STEPS = (0, 2), (3, 1), (1, 4)
PLAIN_STEPS = (17, 38), (43, 22), (30, 57)  # of networks that take every size
ONE_SIZE = (
    256  # pixels, about, where a network can be written for one size alone, and none is given
)
LARGEST = 2**31 - 2**20  # bytes of numbers: a file of protobuf's is below 2 GB


def export_onnx(
    model: Layer,
    path: str | Path,
    *,
    probabilities: bool = False,
    size: Side | int | None = None,
    **metadata: Any,
) -> list[str]:
    """Write a network as an ONNX file.

    Its input ``image`` is (N, H, W, C), as here, and so is its output: ``logits``, or
    ``probabilities``, or the ``picture`` of a network that paints. N, H and W are free. The file
    computes what ``model.predict`` does, with ONNX's operations of version 17, and is checked by
    `onnx.checker`.

    The network is run on a few images of noise. Each of its layers says its own nodes, by the method
    `write_nodes`; what a class of yours computes between layers, it cannot say.

    Parameters
    ----------
    model
        A `Network`, or any layer that turns images into images. It does not change.
    path
        The file, usually ``*.onnx``.
    probabilities
        Whether a softmax over the classes follows, or a sigmoid where there is one channel.
    size
        (height, width), or a side, if the file is to be for images of one size alone. A network that
        takes means over several bins, as `PSPNet`, has no other files: by default for images of some
        256 pixels.
    **metadata
        What else to write into the file beside the network's class, its config and its dtype: plain
        data, which becomes JSON.

    Returns
    -------
    list of str
        What there is to say of the file, such as that it is for one size.

    Raises
    ------
    ImportError
        If the package onnx is missing.
    IsADirectoryError
        If the path is a folder.
    TypeError
        If something other than layers computes, or a layer does not say its nodes.
    ValueError
        If the network does not take the size, or is larger than such a file can be; if its output is no
        logits, but probabilities are asked for.
    """
    onnx = import_onnx()
    path = Path(path)
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder: give a file, such as {path / 'model.onnx'}")
    network = as_network(model)
    if probabilities and network.gives_instead:
        raise ValueError(f"{short(model)} gives {network.gives_instead}: it has no probabilities")
    notes: list[str] = []
    chosen = None if size is None else pair(size, "size", 1)
    graph, output, channels, size = _graph(network, chosen, notes)
    held = sum(array.nbytes for array in graph.arrays.values())
    if held > LARGEST:
        raise ValueError(
            f"{short(model)} holds {held / 1e9:.2g} GB of numbers, and an ONNX file takes less than 2"
        )
    kind = "picture" if network.gives_instead.startswith("pictures") else "logits"
    if probabilities:
        kind = "probabilities"
        one = channels == 1
        output = graph.node("Sigmoid", output) if one else graph.node("Softmax", output, axis=1)
    file = _protobuf(onnx, graph, (output, kind, channels), network, size)
    known = {**_about(network), **_sizes(network, size), **metadata}
    values = {key: v if isinstance(v, str) else json.dumps(v) for key, v in known.items()}
    onnx.helper.set_model_props(file, values)
    onnx.checker.check_model(file, full_check=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    with written_whole(path) as out:
        out.write(file.SerializeToString())
    if graph.dtype == "float64":
        graph.note(
            "ONNX Runtime has no convolutions in float64 on a CPU: for it, export "
            'model.astype("float32")'
        )
    return notes + graph.notes


def import_onnx() -> Any:
    """Return the package onnx, or raise ImportError with the words to install it."""
    try:
        import onnx
    except ImportError as error:
        raise ImportError(
            'to write ONNX files, install what it takes: pip install "tinyunet[onnx]" (in a clone: '
            'pip install ".[onnx]")'
        ) from error
    return onnx


def _graph(
    network: Network, size: Side | None, notes: list[str]
) -> tuple[Graph, str, int, Side | None]:
    """A network's graph, its output's name and channels, and the one size that it is for."""
    if size is not None:
        network.output_size(*size)  # raises with the nearest valid sizes
        return *graph_of(network, [size], fixed=True), size
    rows, columns = network.sizes
    plain_steps = rows.step == columns.step == 1
    sizes = [
        (rows.first + down * rows.step, columns.first + across * columns.step)
        for down, across in (PLAIN_STEPS if plain_steps else STEPS)
    ]
    try:
        return *graph_of(network, sizes, fixed=False), None
    except OneSizeError as error:
        size = rows.input(ONE_SIZE - rows.lost), columns.input(ONE_SIZE - columns.lost)
        notes.append(
            f"the file is for images of {size[0]}x{size[1]} alone, because {error}: another size is "
            "chosen with --size HEIGHT WIDTH"
        )
        return *graph_of(network, [size], fixed=True), size


def _sizes(network: Network, size: Side | None) -> dict[str, Any]:
    """The sizes that a file says it takes: one, or of rows and columns the first and the step."""
    if size:
        return {"size": list(size)}
    return {"sizes": [{"first": side.first, "step": side.step} for side in network.sizes]}


def _about(network: Network) -> dict[str, Any]:
    """What a file says of its network."""
    known: dict[str, Any] = {"tinyunet": __version__, "dtype": network.dtype.name}
    if type(network).__name__ == "_Plain":
        return known | {"network": str(network)}
    try:
        config = {key: plain(key, value) for key, value in network.config.items()}
    except TypeError:  # such as a layer, which a file of ours could not hold either
        config = {key: short(value) for key, value in network.config.items()}
    return known | {"network": type(network).__name__, "config": config}


def _protobuf(
    onnx: Any,
    graph: Graph,
    output: tuple[str, str, int],
    network: Network,
    size: Side | None,
) -> Any:
    """The graph as onnx holds it."""
    helper, (made, kind, channels) = onnx.helper, output
    turned = {"perm": [0, 2, 3, 1]}
    said, used = _needed([*graph.nodes, Node("Transpose", kind, [made], [kind], turned)])
    nodes = [_node(onnx, *node) for node in said]
    arrays = [
        onnx.numpy_helper.from_array(value, name)
        for name, value in graph.arrays.items()
        if name in used
    ]
    number = helper.np_dtype_to_tensor_dtype(graph.dtype)
    sides = list(size) if size else ["height", "width"]
    outer = list(network.output_size(*size)) if size else ["out_height", "out_width"]
    ends = [
        helper.make_tensor_value_info(name, number, ["n", *shape, count])
        for name, shape, count in (
            (IMAGE, sides, network.in_channels),
            (kind, outer, channels),
        )
    ]
    whole = helper.make_graph(nodes, type(network).__name__, ends[:1], ends[1:], arrays)
    return helper.make_model(
        whole, producer_name="tinyunet", producer_version=__version__, ir_version=IR,
        opset_imports=[helper.make_opsetid("", OPSET)],
    )  # fmt: skip


def _needed(nodes: list[Node]) -> tuple[list[Node], set[str]]:
    """The nodes that the last one needs, in order, and the names of all that goes into them."""
    found, used = [nodes[-1]], set(nodes[-1].inputs)
    for node in reversed(nodes[:-1]):
        if used.intersection(node.outputs):
            found.append(node)
            used.update(node.inputs)
    return found[::-1], used


def _node(
    onnx: Any, kind: str, name: str, inputs: list[str], outputs: list[str], given: dict[str, Any]
) -> Any:
    """A node as onnx holds it; arrays among its attributes become tensors, dtypes their numbers."""
    attributes = dict(given)
    for key, value in given.items():
        if isinstance(value, np.ndarray):
            attributes[key] = onnx.numpy_helper.from_array(value)
        if key == "to":
            attributes[key] = onnx.helper.np_dtype_to_tensor_dtype(np.dtype(value))
    return onnx.helper.make_node(kind, inputs, outputs, name=name, **attributes)
