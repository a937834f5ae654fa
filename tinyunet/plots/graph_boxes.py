"""Which boxes there are in the drawing of any network, and what leads from one to another."""

from __future__ import annotations

from dataclasses import dataclass, field

from tinyunet.layers import (
    Add,
    Concat,
    Conv2d,
    ConvTranspose2d,
    InstanceNorm2d,
    MaxPool2d,
    MaxUnpool2d,
)
from tinyunet.layers.leaky import LeakyReLU
from tinyunet.layers.separable import Separable
from tinyunet.networks.graph import Graph, is_crop
from tinyunet.networks.receptive_field import IMAGE, PIXELWISE
from tinyunet.plots.u_boxes import Box


@dataclass
class Group:
    """Calls that make one box: a convolution, say, with what norms, rectifies and joins its output.

    `inputs` are the groups before it, and how each comes in: ``"conv"``, ``"concat"`` and so on.
    """

    calls: list[int]
    inputs: list[tuple[int, str]] = field(default_factory=list)
    column: int = 0


def groups_of(graph: Graph) -> tuple[list[Group], list[int]]:
    """The boxes, the image first, and in which of them each call is told."""
    groups, home = [Group([IMAGE])], {IMAGE: 0}
    users: dict[int, int] = {}
    for number in graph.used:
        for maker in graph.makers[number]:
            users[_known(maker, number)] = users.get(_known(maker, number), 0) + 1
    for number in range(len(graph.makers)):
        makers = [_known(maker, number) for maker in graph.makers[number]] or [IMAGE]
        deep = makers[graph.deep(number)] if graph.makers[number] else IMAGE
        alone = deep != IMAGE and users.get(deep, 0) <= 1
        if number not in graph.used or (is_crop(graph.calls, number) and not alone):
            home[number] = home[deep]
        elif alone and _belongs(graph, number) and all(home[m] <= home[deep] for m in makers):
            home[number] = home[deep]
            groups[home[number]].calls.append(number)
        else:
            home[number] = len(groups)
            groups.append(Group([number]))
            groups[-1].inputs.append((home[deep], _step(graph, number)))
        joined = [maker for i, maker in enumerate(makers) if i != graph.deep(number)]
        for maker in joined if number in graph.used else ():
            way = (home[maker], _way(graph.calls.made[number][1]))
            if way not in groups[home[number]].inputs and home[maker] != home[number]:
                groups[home[number]].inputs.append(way)
    return groups, [home[number] for number in range(len(graph.makers))]


def _known(maker: int | None, number: int) -> int:
    """The call that made an array; where none is known, that which ran before."""
    return number - 1 if maker is None else maker


def _belongs(graph: Graph, number: int) -> bool:
    """Whether a call's output is told with what it got: it joins, crops, or works pixel by pixel."""
    layer = graph.calls.made[number][1]
    return (
        isinstance(layer, PIXELWISE | LeakyReLU | InstanceNorm2d) or len(graph.makers[number]) > 1
    )


def _step(graph: Graph, number: int) -> str:
    """What makes a box, as the legend calls it."""
    layer = graph.calls.made[number][1]
    if isinstance(layer, ConvTranspose2d | MaxUnpool2d):
        return "up"
    if isinstance(layer, Conv2d):
        return "conv"
    if isinstance(layer, MaxPool2d):
        return "pool"
    if isinstance(layer, Separable):
        grows = graph.shape(number)[1] > graph.shape(_known(graph.makers[number][0], number))[1]
        return "up" if grows else "pool"
    return "other"


def _way(layer: object) -> str:
    """How something is joined."""
    return "concat" if isinstance(layer, Concat) else "sum" if isinstance(layer, Add) else "skip"


def box_of(number: int, group: Group, graph: Graph) -> Box:
    """A box without a place: what is in it after its last call."""
    _, height, width, channels = graph.shape(group.calls[-1])
    name = "image" if number == 0 else graph.calls.made[group.calls[0]][0]
    step = group.inputs[0][1] if group.inputs else "image"
    across = 0
    for call in group.calls[1:]:
        if isinstance(graph.calls.made[call][1], Concat):
            own = graph.makers[call][graph.deep(call)]
            across = channels - graph.shape(IMAGE if own is None else own)[3]
    level = graph.level(group.calls[-1])
    return Box(name, step, level, height, width, channels, max(0, across))
