"""The U of a network: its boxes are the network's arrays, its arrows end on them, all can be read."""

from __future__ import annotations

import itertools

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.patches import FancyArrowPatch, Rectangle

import tinyunet as tu

NETWORKS = [
    (tu.UNet(base_channels=2), (572, 572)),
    (tu.UNet(3, base_channels=4, depth=1, padding="same", skip="sum"), (20, 36)),
    (tu.UNet(base_channels=1, depth=6, padding="same", skip="none"), (1024, 1024)),
    (tu.UNet(2, 5, base_channels=3, depth=3, dropout=0.5), (92, 156)),
    (tu.networks.NormUNet(base_channels=2, depth=2, padding="valid"), (44, 60)),
]
each = pytest.mark.parametrize(("net", "sides"), NETWORKS, ids=lambda value: str(value)[:60])


@each
def test_boxes_are_the_arrays_that_the_network_makes(net, sides):
    least = net.input_size(1, 1)
    made = {row.name: row.shape for row in tu.networks.summarize(net, *least).rows}
    for end in (".join", ".relu"):
        made |= {name.removesuffix(end): shape for name, shape in made.items()}
    made["image"] = (*least, net.in_channels)
    boxes = tu.plots.u_layout(net, *least).boxes
    assert len(boxes) == 6 * net.depth + 4
    for box in boxes:
        assert (box.height, box.width, box.channels) == made[box.name], box.name
    head = tu.plots.u_layout(net, *sides).boxes[-1]
    assert (head.height, head.width) == net.output_size(*sides)


def on_edge(point, box):
    """Whether a point lies on the frame of a box."""
    x, y = point[0] - box.left, point[1] - box.top
    sides = min(abs(x), abs(x - box.wide)) < 1e-9, min(abs(y), abs(y - box.tall)) < 1e-9
    return any(sides) and -1e-9 <= x <= box.wide + 1e-9 and -1e-9 <= y <= box.tall + 1e-9


@each
def test_every_arrow_begins_and_ends_on_its_boxes(net, sides):
    layout = tu.plots.u_layout(net, *sides)
    assert len(layout.boxes) - 1 + net.depth * (net.config["skip"] != "none") == len(layout.arrows)
    for arrow in layout.arrows:
        assert on_edge(arrow.tail, layout.boxes[arrow.start]), arrow
        assert on_edge(arrow.tip, layout.boxes[arrow.end]), arrow
    across = [arrow for arrow in layout.arrows if arrow.kind in ("concat", "sum")]
    for arrow in across:
        assert arrow.tail[1] == arrow.tip[1]
        assert layout.boxes[arrow.start].level == layout.boxes[arrow.end].level


@each
def test_what_is_written_can_be_read(net, sides):
    figure = tu.plots.u_shape(net, *sides)
    (axis,) = figure.axes
    draw = FigureCanvasAgg(figure)
    draw.draw()
    words = [text.get_window_extent(draw.renderer).padded(-0.5) for text in axis.texts]
    boxes = [p.get_window_extent() for p in axis.patches if isinstance(p, Rectangle)]
    assert len(words) == 2 * (6 * net.depth + 4)
    assert all(text.get_fontsize() >= 9 for text in axis.texts)
    for a, b in itertools.combinations(words, 2):
        assert not a.overlaps(b)
    assert not any(word.overlaps(box) for word in words for box in boxes)
    arrows = [p.get_window_extent() for p in axis.patches if isinstance(p, FancyArrowPatch)]
    assert not any(word.overlaps(arrow) for word in words for arrow in arrows)
    for inside in [*words, *boxes, axis.get_legend().get_window_extent()]:
        assert figure.bbox.containsx(inside.x0)
        assert figure.bbox.containsx(inside.x1)
        assert figure.bbox.containsy(inside.y0)
        assert figure.bbox.containsy(inside.y1)


def test_what_came_across_is_known():
    boxes = tu.plots.u_layout(tu.UNet(base_channels=8, depth=2), 44).boxes
    assert [(b.name, b.across) for b in boxes if b.across] == [("skips.1", 16), ("skips.0", 8)]


OTHERS = {
    "U-Net++": (tu.networks.UNetPlusPlus(channels=[2, 3, 4], heads=2), 16),
    "FCN-4s": (tu.networks.FCN(1, 2, stride=4, widths=(2, 3, 4), convolutions=(1, 1, 1),
                               head=[(4, 3)], padding="same", batch_norm=True), 32),
    "SegNet": (tu.networks.SegNet(1, 2, widths=(2, 3), convolutions=(2, 1)), 20),
    "PSPNet": (tu.networks.SmallPSPNet(), 61),
    "plain": (tu.Sequential(tu.Conv2d(1, 2, activation="relu"), tu.ReLU(), tu.Conv2d(2, 2, 1)), 9),
}  # fmt: skip


@pytest.mark.parametrize("name", OTHERS)
def test_any_network_is_drawn_from_its_own_calls(name):
    net, side = OTHERS[name]
    # A head that only training asks is not drawn.
    rows = [
        row
        for row in tu.networks.summarize(net, side).rows
        if (name, row.name) != ("U-Net++", "heads.0")
    ]
    layout = tu.plots.u_layout(net, side)
    made = {row.name: row.shape for row in rows}
    inside = {i: [] for i in range(len(layout.boxes))}
    for row, home in zip(rows, layout.home, strict=True):
        inside[home].append(row)
    for i, box in enumerate(layout.boxes[1:], start=1):
        assert box.name in made
        assert inside[i][0].name == box.name
        assert (box.height, box.width, box.channels) == inside[i][-1].shape
    for a, b in itertools.combinations(layout.boxes, 2):
        apart = a.left + a.wide < b.left or b.left + b.wide < a.left
        assert apart or a.top + a.tall < b.top or b.top + b.tall < a.top
    for arrow in layout.arrows:
        assert on_edge(arrow.tail, layout.boxes[arrow.start]), arrow
        assert on_edge(arrow.tip, layout.boxes[arrow.end]), arrow
        for (x, y), (x2, y2) in itertools.pairwise([arrow.tail, *arrow.bends, arrow.tip]):
            assert x == x2 or y == y2, arrow
    reached = {0}
    for arrow in sorted(layout.arrows, key=lambda arrow: arrow.end):
        assert arrow.start in reached
        reached.add(arrow.end)
    assert reached == set(range(len(layout.boxes)))


def test_the_ways_of_a_nested_network_are_all_drawn():
    layout = tu.plots.u_layout(OTHERS["U-Net++"][0], 16)
    joins = [arrow for arrow in layout.arrows if arrow.kind == "concat"]
    assert len(joins) == 1 + 1 + 2  # X01 and X11 get one each, X02 two
    assert [b.across for b in layout.boxes if b.across] == [2, 3, 4]
    last = [arrow for arrow in joins if layout.boxes[arrow.end].across == 4]
    assert [bool(arrow.bends) for arrow in last] == [True, False]  # over X01, and straight from it


def test_a_size_that_does_not_fit_is_refused():
    with pytest.raises(ValueError, match=r"571 x 571 does not fit: pools\.0"):
        tu.plots.u_shape(tu.UNet(base_channels=1), 571)
    with pytest.raises(ValueError, match=r"76 x 76 does not fit: decoder"):
        tu.plots.u_shape(tu.UNet(base_channels=1, depth=3), 76)
    with pytest.raises(ValueError, match=r"height 17"):
        tu.plots.u_shape(OTHERS["U-Net++"][0], 17)
