"""Where boxes and arrows of any network's drawing lie: in rows by how fine, from left to right in time."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from tinyunet.engine.arrays import to_device
from tinyunet.layers import Add, Concat, Conv2d, ConvTranspose2d, InstanceNorm2d, MaxPool2d, MaxUnpool2d
from tinyunet.layers.leaky import LeakyReLU
from tinyunet.layers.separable import Separable
from tinyunet.networks.graph import Graph, is_crop
from tinyunet.networks.network import Network
from tinyunet.networks.receptive_field import IMAGE, PIXELWISE, recorded_calls
from tinyunet.plots.u_boxes import (
    BETWEEN, DIGIT, GAP, LEAST, MARGIN, TALL, WIDTHS, Arrow, Box, Layout, size,
)  # fmt: skip

LANE = 0.1  # inches from one way above a row to the next
SPARE = 0.12  # inches that gaps are wider here: ways go through them
TEXT = 0.3  # inches between a row's tallest box and its first lane


@dataclass
class Group:
    """Calls that make one box: a convolution, say, with what norms, rectifies and joins its output.

    `inputs` are the groups before it, and how each comes in: ``"conv"``, ``"concat"`` and so on.
    """

    calls: list[int]
    inputs: list[tuple[int, str]] = field(default_factory=list)
    column: int = 0


def graph_layout(net: Network, height: int, width: int) -> Layout:
    """Run a network on noise, and lay its arrays out: a row for each level, a column for each step.

    What has no sides of its own, such as norms and rectifiers, belongs to the box before it.

    Raises
    ------
    ValueError
        If the network does not take an image of this size.
    """
    net.output_size(height, width)
    noise = np.random.default_rng(0).random((1, height, width, net.in_channels)).astype(net.dtype)
    x = to_device(noise, net.device)
    with recorded_calls(net, x) as calls:
        last = calls.number(net.predict(x))
    graph = Graph(calls, last)
    groups, home = _groups(graph)
    _columns(groups, graph)
    boxes = [_box(number, group, graph) for number, group in enumerate(groups)]
    lanes = _lanes(groups, boxes)
    placed, gaps = _placed(groups, boxes, lanes)
    arrows = [
        _arrow(start, end, kind, groups, placed, gaps, lanes)
        for end, group in enumerate(groups)
        for start, kind in group.inputs
    ]
    right = max(box.left + box.wide for box in placed)
    bottom = max(box.top + box.tall for box in placed)
    return Layout(placed, arrows, right + MARGIN, bottom + MARGIN, home)


# ---------------------------------------------------------------------- which boxes there are


def _groups(graph: Graph) -> tuple[list[Group], list[int]]:
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
        if number not in graph.used or is_crop(graph.calls, number) and not alone:
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
    return isinstance(layer, PIXELWISE | LeakyReLU | InstanceNorm2d) or len(graph.makers[number]) > 1


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


# ---------------------------------------------------------------------- where they lie


def _columns(groups: list[Group], graph: Graph) -> None:
    """Give each box its column: right of what it is made of; straight below or above a pooled one."""
    taken, upright = {(0, 0)}, set()  # places; and straight ways between levels: column, from, to
    for group in groups[1:]:
        level = graph.level(group.calls[-1])
        before = [(graph.level(groups[i].calls[-1]), groups[i].column) for i, _ in group.inputs]
        column = max(column + (at == level) for at, column in before)
        while (level, column) in taken or _crosses(level, column, before, taken, upright):
            column += 1
        group.column = column
        taken.add((level, column))
        upright |= {(column, min(at, level), max(at, level)) for at, c in before if c == column}


def _crosses(
    level: int, column: int,
    before: list[tuple[int, int]], taken: set[tuple[int, int]], upright: set[tuple[int, int, int]],
) -> bool:  # fmt: skip
    """Whether a box here would lie on a straight way, or have one that leads over another box."""
    if any(c == column and low < level < high for c, low, high in upright):
        return True
    for at, c in before:
        between = range(min(at, level) + 1, max(at, level))
        if c == column and any((row, column) in taken for row in between):
            return True
    return False


def _box(number: int, group: Group, graph: Graph) -> Box:
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


def _lanes(groups: list[Group], boxes: list[Box]) -> dict[tuple[int, int], int]:
    """Ways above a row, one for each box that sends some to it: by (level, start) its number.

    Ways that lie beside each other may have the same number.
    """
    spans: dict[tuple[int, int], tuple[int, int]] = {}  # columns
    for end, group in enumerate(groups):
        for start, _ in group.inputs:
            first, last = groups[start].column + 1, group.column
            if not _is_straight(start, end, groups, boxes) and first != last:
                key = boxes[end].level, start
                known = spans.get(key, (first, last))
                spans[key] = min(*known, first, last), max(*known, first, last)
    found: dict[tuple[int, int], int] = {}
    for key, (first, last) in sorted(spans.items(), key=lambda item: item[1][1] - item[1][0]):
        lane = 0
        while any(
            found[other] == lane and other[0] == key[0] and a <= last and first <= b
            for other, (a, b) in spans.items()
            if other in found
        ):
            lane += 1
        found[key] = lane
    return found


def _is_straight(start: int, end: int, groups: list[Group], boxes: list[Box]) -> bool:
    """Whether nothing lies between two boxes of a row, or of a column."""
    (la, ca), (lb, cb) = ((boxes[i].level, groups[i].column) for i in (start, end))
    for i, group in enumerate(groups):
        if i in (start, end):
            continue
        at, column = boxes[i].level, group.column
        if la == lb == at and ca < column < cb:
            return False
        if ca == cb == column and min(la, lb) < at < max(la, lb):
            return False
    return la == lb or ca == cb


def _placed(
    groups: list[Group], boxes: list[Box], lanes: dict[tuple[int, int], int]
) -> tuple[list[Box], list[float]]:
    """The boxes with places, and the middle of the gap before each column."""
    tallest, most = max(box.height for box in boxes), max(box.channels for box in boxes)
    gap = max(GAP, DIGIT * max(len(size(box)) for box in boxes)) + SPARE
    sized = [
        replace(
            box, wide=WIDTHS[0] + WIDTHS[1] * box.channels / most,
            tall=max(LEAST, TALL * box.height / tallest),
        )
        for box in boxes
    ]  # fmt: skip
    lefts, gaps, x = [], [], MARGIN
    for column in range(1 + max(group.column for group in groups)):
        wide = [b.wide for b, g in zip(sized, groups, strict=True) if g.column == column]
        gaps.append(x - gap / 2)
        lefts.append((x, max(wide, default=0.0)))
        x += max(wide, default=0.0) + gap
    gaps.append(x - gap / 2)
    low, high = min(b.level for b in sized), max(b.level for b in sized)
    tops, y = {}, MARGIN
    for level in range(low, high + 1):
        count = 1 + max((lane for (at, _), lane in lanes.items() if at == level), default=-1)
        y += TEXT + LANE * count if count else 0.0
        tops[level] = y, max((b.tall for b in sized if b.level == level), default=0.0)
        y += tops[level][1] + BETWEEN
    placed = []
    for box, group in zip(sized, groups, strict=True):
        (left, room), (top, high_room) = lefts[group.column], tops[box.level]
        placed.append(
            replace(box, left=left + (room - box.wide) / 2, top=top + (high_room - box.tall) / 2)
        )
    return placed, gaps


def _arrow(
    start: int, end: int, kind: str,
    groups: list[Group], boxes: list[Box], gaps: list[float], lanes: dict[tuple[int, int], int],
) -> Arrow:  # fmt: skip
    """An arrow: straight where nothing is between, else through the gaps and above the row."""
    a, b = boxes[start], boxes[end]
    middle_a, middle_b = a.top + a.tall / 2, b.top + b.tall / 2
    right, left = (a.left + a.wide, middle_a), (b.left, middle_b)
    if _is_straight(start, end, groups, boxes):
        if a.level == b.level:
            return Arrow(kind, start, end, right, left)
        x = a.left + a.wide / 2
        x = min(max(x, b.left), b.left + b.wide)
        down = a.level < b.level
        tail = x, a.top + a.tall if down else a.top
        return Arrow(kind, start, end, tail, (x, b.top if down else b.top + b.tall))
    out, into = gaps[groups[start].column + 1], gaps[groups[end].column]
    if out == into:
        return Arrow(kind, start, end, right, left, ((out, middle_a), (out, middle_b)))
    row = min(box.top for box in boxes if box.level == b.level)
    lane = row - TEXT - LANE * lanes[b.level, start]
    bends = (out, middle_a), (out, lane), (into, lane), (into, middle_b)
    return Arrow(kind, start, end, right, left, bends)
