"""Where boxes and arrows of any network lie: in rows by how fine they are, from left to right."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tinyunet.engine.arrays import to_device
from tinyunet.networks.graph import Graph
from tinyunet.networks.network import Network
from tinyunet.networks.receptive_field import recorded_calls
from tinyunet.plots.graph_boxes import Group, box_of, groups_of
from tinyunet.plots.u_boxes import (
    BETWEEN,
    DIGIT,
    GAP,
    LEAST,
    MARGIN,
    TALL,
    WIDTHS,
    Arrow,
    Box,
    Layout,
    size,
)  # fmt: skip

LANE = 0.1  # inches from one way above a row to the next
SPARE = 0.12  # inches that gaps are wider here: ways go through them
TEXT = 0.3  # inches between a row's tallest box and its first lane


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
    groups, home = groups_of(graph)
    _columns(groups, graph)
    boxes = [box_of(number, group, graph) for number, group in enumerate(groups)]
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
