"""A max-pooling in ONNX's words."""

from __future__ import annotations

from tinyunet.layers.graph import Graph, Side, onnx_pads


def write_pool(
    graph: Graph,
    x: str,
    kernel: Side,
    stride: Side,
    padding: Side,
    ceil_mode: bool,
    places: bool,
) -> list[str]:
    """Return the name of the maxima; with `places` also of what was pooled, and of where they lay.

    These are counted row by row along all images and channels of what was pooled. ONNX's own ceil_mode
    keeps a last window that begins beyond all pixels: where there can be one, pixels that never win are
    put below and to the right in its place.
    """
    beyond = any(s > k - p for k, s, p in zip(kernel, stride, padding, strict=True))
    if ceil_mode and beyond:
        x = _made_up(graph, x, kernel, stride, padding)
        ceil_mode = False
    pads = onnx_pads(((padding[0], padding[0]), (padding[1], padding[1])))
    y, *at = graph.nodes_of(
        "MaxPool", x, outputs=1 + places, kernel_shape=kernel, strides=stride, pads=pads,
        ceil_mode=int(ceil_mode),
    )  # fmt: skip
    return [y, x, *at] if places else [y]


def _made_up(graph: Graph, x: str, kernel: Side, stride: Side, padding: Side) -> str:
    """Name x with rows and columns of -infinity at its end, so that windows fit without a rest.

    As in `MaxPool2d`: of ceil((H + 2 p - k) / s) + 1 windows the last goes if it begins at H + p.
    """
    k, s, p = (graph.constant(sides) for sides in (kernel, stride, padding))
    one = graph.constant([1, 1])

    def node(kind: str, *inputs: str) -> str:
        return graph.node(kind, *inputs)

    end = node("Add", graph.size(x), p)  # of the image, from the padding on
    spare = node("Sub", node("Add", end, p), k)
    steps = node("Div", node("Sub", node("Add", spare, s), one), s)  # before the last window
    beyond = graph.node("Cast", node("GreaterOrEqual", node("Mul", steps, s), end), to="int64")
    covered = node("Add", node("Mul", node("Sub", steps, beyond), s), k)
    more = node("Max", node("Sub", covered, node("Add", end, p)), graph.constant([0, 0]))
    pads = graph.node("Concat", graph.constant([0] * 6), more, axis=0)
    return node("Pad", x, pads, graph.constant(-float("inf")))
