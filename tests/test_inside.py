"""A page of a network's inside: what it says is what the network does, and it needs nothing else."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import tinyunet as tu
from tinyunet.commands.main import app
from tinyunet.inside import boxes, build, whatif
from tinyunet.inside.field import fields, known
from tinyunet.inside.frame import frame, probabilities
from tinyunet.inside.objects import OBJECTS, objects
from tinyunet.inside.paths import Paths
from tinyunet.inside.places import Viewer
from tinyunet.inside.record import record
from tinyunet.inside.sheets import DECADES, linear, logarithmic, thinned
from tinyunet.inside.spread import peak, squares
from tinyunet.layers.decisions import held_decisions
from tinyunet.networks.receptive_field import IMAGE


class Drawn(tu.Network):
    """A user's class that adds its arrays itself."""

    def __init__(self):
        super().__init__()
        self.down, self.pool = tu.Conv2d(1, 3, padding="same", activation="relu"), tu.MaxPool2d(2)
        self.deep = tu.Conv2d(3, 3, padding="same", activation="relu")
        self.up, self.last = tu.ConvTranspose2d(3, 3), tu.Conv2d(3, 2, 1)

    def forward(self, x):
        y = self.down(x)
        return self.last(y + self.up(self.deep(self.pool(y))))

    def backward(self, dy, *, input_gradient=True):
        dx = self.last.backward(dy)
        deep = self.pool.backward(self.deep.backward(self.up.backward(dx)))
        return self.down.backward(dx + deep, input_gradient=input_gradient)


def made(net, seed=0):
    """The network in float64, with biases that keep ReLUs alive, and no score that begins at 0."""
    rng = np.random.default_rng(seed)
    net.astype("float64")
    for name, array in net.named_parameters():
        if name.endswith("bias") or not array.any():
            array[...] = rng.uniform(0.1, 0.5, array.shape)
    return net


NETS = {
    "valid": (tu.UNet(1, 2, base_channels=2, depth=2, dropout=0.5), 60),
    "same": (tu.UNet(2, 3, base_channels=2, depth=2, padding="same", skip="sum"), 24),
    "norm": (tu.networks.NormUNet(1, 2, base_channels=2, depth=1), 16),
    "U-Net++": (tu.networks.UNetPlusPlus(channels=[4, 5, 6], heads=2, batch_norm=True), 16),
    "FCN": (
        tu.networks.FCN(1, 2, stride=4, widths=(2, 3, 4), convolutions=(1, 1, 1), head=[(4, 3)],
                        padding="same"), 24,
    ),
    "SegNet": (tu.networks.SegNet(1, 2, widths=(2, 3), convolutions=(1, 1)), 20),
    "PSPNet": (tu.networks.SmallPSPNet(), 21),
    "own": (Drawn(), 12),
}  # fmt: skip
NETS = {name: (made(net), side) for name, (net, side) in NETS.items()}
every = pytest.mark.parametrize("name", NETS)
layered = pytest.mark.parametrize("name", [name for name in NETS if name != "own"])


def recorded(name, seed=1):
    net, side = NETS[name]
    x = np.random.default_rng(seed).random((1, side, side, net.in_channels))
    return record(net, x)


@every
def test_a_record_is_the_prediction_and_gives_gradients_again_and_again(name):
    net, _ = NETS[name]
    found = recorded(name)
    assert np.array_equal(found.y, net.predict(found.x))
    dy = np.random.default_rng(2).standard_normal(found.y.shape)
    first, second = found.gradients(dy), found.gradients(dy)
    assert found.complete == (name != "own")
    assert first.keys() == second.keys()
    assert all(np.array_equal(first[number], second[number]) for number in first)
    assert net.training  # it was a copy


@every
def test_a_pixels_gradient_is_what_finite_differences_say(name):
    found, rng = recorded(name), np.random.default_rng(3)
    dy = found.pixel(*(side // 2 for side in found.y.shape[1:3]), 1 % found.y.shape[3])
    gradient, x, eps = found.gradients(dy)[IMAGE], found.x, 1e-3
    places = [tuple(rng.integers(side) for side in x.shape) for _ in range(50)]
    found.model.forward(x)  # the decisions that are held
    with held_decisions(found.model):
        for place in places:
            moved = [x.copy(), x.copy()]
            moved[0][place] += eps
            moved[1][place] -= eps
            up, down = (float((found.model.forward(each) * dy).sum()) for each in moved)
            assert gradient[place] == pytest.approx((up - down) / (2 * eps), abs=1e-6)


@layered
def test_outside_of_its_frame_a_pixels_gradient_is_exactly_zero(name):
    net, side = NETS[name]
    found, rng = recorded(name), np.random.default_rng(4)
    assert known(found)
    for _ in range(5):
        row, column = (int(rng.integers(side)) for side in found.y.shape[1:3])
        frames = fields(found, row, column)
        for number, gradient in found.gradients(found.pixel(row, column, 0)).items():
            (top, bottom), (left, right) = frames[number]
            gradient = gradient.copy()
            gradient[:, top : bottom + 1, left : right + 1] = 0
            assert not gradient.any()


@pytest.mark.parametrize(
    ("net", "side"),
    [
        (tu.UNet(1, 1, base_channels=1, depth=2), 68),
        (tu.UNet(1, 1, base_channels=1, depth=2, padding="same"), 64),
    ],
)
def test_a_frame_is_no_larger_than_what_a_gradient_can_reach(net, side):
    net.astype("float64")
    for _, array in net.named_parameters():
        array[...] = np.random.default_rng(0).uniform(0.5, 1, array.shape)  # nothing cancels
    found = record(net, np.random.default_rng(1).random((1, side, side, 1)))
    for row, column in [(0, 3), (found.y.shape[1] - 1, 5), (9, 6)]:
        gradient = np.abs(found.gradients(found.pixel(row, column, 0))[IMAGE][0, :, :, 0])
        reached = [np.flatnonzero(gradient.any(axis=axis)) for axis in (1, 0)]
        assert fields(found, row, column)[IMAGE] == tuple((r[0], r[-1]) for r in reached)


def side_of(span):
    return span[1] - span[0] + 1


def test_frames_have_the_published_sides():
    paper = record(tu.UNet(base_channels=1), np.zeros((1, 220, 220, 1), np.float32))
    sides = [side_of(fields(paper, row, 20)[IMAGE][0]) for row in range(16)]
    assert sorted(sides) == [188] * 4 + [204] * 12
    judge = record(tu.networks.PatchGAN(base_channels=1), np.zeros((1, 128, 128, 6), np.float32))
    assert [side_of(span) for span in fields(judge, 7, 7)[IMAGE]] == [70, 70]
    net = tu.networks.FCN(1, 2, base_channels=1, stride=32, padding="same")
    fcn = record(net, np.zeros((1, 256, 256, 1), np.float32))
    numbers = {call.name: number for number, call in enumerate(fcn.calls)}
    for name, side in (("pools.2", 44), ("pools.3", 100), ("pools.4", 212)):
        middle = fcn.calls[numbers[name]].output.shape[1] // 2
        assert side_of(fields(fcn, middle, middle, numbers[name])[IMAGE][0]) == side


@layered
def test_shares_of_all_ways_add_up(name):
    found = recorded(name)
    paths = Paths(found)
    dy = found.pixel(found.y.shape[1] // 2, found.y.shape[2] // 2, 0)
    parts = paths.gradients(dy)
    plain = found.gradients(dy)
    for number, gradient in plain.items():
        assert np.allclose(parts.whole[number], gradient, rtol=1e-10, atol=1e-12)
    ways = [part for part in (parts.bottom, *parts.skips.values()) if part is not None]
    assert np.allclose(sum(ways), plain[IMAGE], rtol=1e-10, atol=1e-14)
    bottom, shares = parts.shares()
    assert plain[IMAGE].any()
    assert abs(bottom + sum(shares.values()) - 1) < 1e-10


def test_skips_are_found_where_a_coarser_level_is_passed():
    names = {}
    for name in NETS:
        found = recorded(name)
        names[name] = [
            (found.calls[skip.source].name, found.calls[skip.edge[0]].name)
            for skip in Paths(found).skips
        ]
    assert names["valid"] == [
        ("encoder.0.conv2", "skips.0.join"), ("encoder.1.dropout", "skips.1.join"),
    ]  # fmt: skip
    assert names["FCN"] == [("skips.0.score", "skips.0.add")]
    assert names["SegNet"] == names["own"] == []
    assert len(names["U-Net++"]) == 1 + 2 + 1
    levels = Paths(recorded("valid")).levels
    assert (min(levels), max(levels)) == (0, 2)


@pytest.mark.parametrize("name", ["valid", "same"])
def test_a_cut_skip_is_the_network_with_zeros_there(name):
    net, side = NETS[name]
    framed = frame(net, np.random.default_rng(5).random((20, 24, net.in_channels)))
    found = record(net, framed.seen())
    cut = {v.name: v.p for v in whatif.variants(found, Paths(found), framed)}
    other = net.from_config(net.config)
    other.load_state_dict(net.state_dict())
    if name == "valid":  # what came across are the first channels
        other.decoder[0].conv1.params["weight"][:, :, :2] = 0
    else:
        other.skips[0] = tu.networks.Skip("none")
    expected = probabilities(framed.cut(other.predict(framed.seen())))
    assert np.allclose(cut["skip 1 cut"], expected, atol=1e-12)
    assert not np.allclose(cut["skip 2 cut"], expected, atol=1e-6)
    assert np.array_equal(cut["as it is"], tu.predict_image(net, framed.image))
    other.load_state_dict(net.state_dict())
    other.bottom.conv2.params["weight"][...] = 0
    other.bottom.conv2.params["bias"][...] = 0
    if name == "valid":
        expected = probabilities(framed.cut(other.predict(framed.seen())))
        assert np.allclose(cut["bottom cut"], expected, atol=1e-12)


def test_symmetries_borders_and_dropout_of_variants():
    net, _ = NETS["valid"]
    framed = frame(net, np.random.default_rng(6).random((20, 24, 1)))
    found = record(net, framed.seen())
    made_variants = list(whatif.variants(found, Paths(found), framed))
    p = {v.name: v.p for v in made_variants}
    assert all(v.p.shape == (20, 24, 2) for v in made_variants)
    turned = [v.p for v in made_variants if v.group == "symmetry"]
    assert len(turned) == 7
    mean = tu.predict_image(net, framed.image, average=True)
    assert np.allclose(np.mean([p["as it is"], *turned], axis=0), mean, atol=1e-12)
    zeros = probabilities(framed.cut(net.predict(framed.seen(mode="constant"))))
    assert np.array_equal(p["zeros around"], zeros)
    assert not np.allclose(p["dropout on"], p["as it is"])
    again = {v.name: v.p for v in whatif.variants(found, Paths(found), framed)}
    assert np.array_equal(p["dropout on"], again["dropout on"])


@pytest.mark.parametrize(
    ("padding", "side", "names"),
    [
        ("valid", 20, ["zeros around"]),
        ("same", 20, ["mirrored border"]),
        ("same", 22, ["zeros around", "mirrored border"]),  # two rows and columns are made up
    ],
)
def test_borders_are_exchanged_both_ways(padding, side, names):
    net = made(tu.UNet(1, 2, base_channels=2, depth=2, padding=padding))
    framed = frame(net, np.random.default_rng(8).random((side, side, 1)))
    found = record(net, framed.seen())
    borders = [v for v in whatif.variants(found, Paths(found), framed) if v.group == "border"]
    assert [v.name for v in borders] == names
    if names[-1] == "mirrored border":
        rim = int(re.search(r"\d+", borders[-1].words)[0])
        wide = np.pad(framed.image, ((rim, rim), (rim, rim), (0, 0)), "reflect")
        far = tu.predict_image(net, wide)[rim : rim + side, rim : rim + side]
        assert np.array_equal(borders[-1].p, far)


@pytest.mark.parametrize("padding", ["valid", "same"])
def test_a_view_from_a_part_is_that_from_the_whole(padding):
    net = made(tu.UNet(1, 2, base_channels=2, depth=2, padding=padding))
    side = net.input_size(60, 60)[0] if padding == "valid" else 88
    viewer = Viewer(record(net, np.random.default_rng(7).random((1, side, side, 1))))
    assert viewer.window
    last = viewer.record.y.shape[1] - 1
    for row, column in [(0, 0), (last, last), (last // 2, 11)]:
        part = viewer.view(row, column)
        viewer.window, kept = None, viewer.window
        whole = viewer.view(row, column)
        viewer.window = kept
        assert part.boxes == whole.boxes
        assert part.sizes.keys() == {IMAGE, *viewer.targets}
        for number, size in whole.sizes.items():
            assert np.allclose(part.sizes[number], size, rtol=1e-9, atol=1e-12)
        assert part.skips == pytest.approx(whole.skips)
        assert part.bottom + sum(part.skips) == pytest.approx(1, abs=1e-10)


# ---------------------------------------------------------------------- bytes


def test_bytes_are_what_the_page_says_of_them():
    assert linear(np.array([-1.0, 0.0, 0.5, 1.0, 9.0]), 0, 1).tolist() == [0, 0, 128, 255, 255]
    assert linear(np.zeros(2), 0, 0).tolist() == [0, 0]
    steps = logarithmic(np.array([0.0, 1e-9, 3e-4, 0.03, 3.0]), 3.0).tolist()
    assert steps == [0, 1, 1, 1 + 254 // 2, 255]
    assert DECADES == 4
    small, k = thinned(np.arange(20.0).reshape(4, 5), 3)
    assert (k, small.shape) == (2, (2, 3))
    assert small[0, 0] == np.mean([0, 1, 5, 6])


def test_dead_relus_are_named_and_maps_sorted():
    net = tu.Sequential(tu.Conv2d(1, 3, padding="same", activation="relu"), tu.Conv2d(3, 2, 1))
    net.layers[0].params["bias"][...] = (-50, 1, 9)
    image = np.random.default_rng(0).random((8, 8, 1)).astype(np.float32)
    data = tu.explore(net, image, places=1, progress=False).data
    told = data["boxes"][1]
    assert told["dead"] == [0]
    assert [c["channel"] for c in told["channels"]] == [2, 1, 0]
    assert sum(told["histogram"]["counts"]) == 8 * 8 * 3
    assert told["zeros"] >= 1 / 3
    assert told["parameters"] == 3 * 9 + 3
    assert sum(box["time"] for box in data["boxes"]) == pytest.approx(1)
    assert sum(box["memory"] for box in data["boxes"]) == pytest.approx(1)


@every
def test_every_call_is_told_in_a_box(name):
    net, side = NETS[name]
    found = record(net, np.zeros((1, side, side, net.in_channels)))
    layout = tu.plots.u_layout(net, side)
    home = boxes.homes(found, layout, Paths(found))
    shapes = {}
    for number, call in enumerate(found.calls):
        shapes[home[number]] = call.output.shape[1:]
    for i, box in enumerate(layout.boxes[1:], start=1):
        assert shapes[i] == (box.height, box.width, box.channels), box.name


# ---------------------------------------------------------------------- the page


@every
def test_a_page_stands_alone(name, tmp_path):
    net, _ = NETS[name]
    image = np.random.default_rng(8).random((21, 24, net.in_channels))
    page = tu.explore(net, image, places=2, title="</script><b>&", progress=False)
    text = page.save(tmp_path / "page.html").read_text(encoding="utf-8")
    assert not re.findall(r'(?:src|href)="(?!#)', text)
    assert set(re.findall(r"https?://[^\"']*", text)) == {"http://www.w3.org/2000/svg"}
    assert text.count("</script>") == 2
    data = json.loads(re.search(r'id="data">(.*?)</script>', text, re.DOTALL)[1])
    assert data == json.loads(json.dumps(page.data))
    assert data["title"] == "</script><b>&"
    assert data["views"]["even"] == 4 <= len(data["views"]["places"])
    assert data["views"]["framed"] == (name != "own")
    assert "<iframe" in page._repr_html_()
    if name != "own":
        assert sum(page.shares(0, 0).values()) == pytest.approx(1, abs=1e-6)
    else:
        with pytest.raises(ValueError, match="cannot be told apart"):
            page.shares()


def test_ids_that_the_script_asks_for_are_in_the_page():
    texts = [(build.__file__.replace("build.py", f"page.{end}")) for end in ("html", "js")]
    page, script = (Path(path).read_text(encoding="utf-8") for path in texts)
    there = set(re.findall(r'id="([a-z-]+)"', page))
    asked = set(re.findall(r'\$\("([a-z-]+)"\)', script))
    assert asked <= there


def test_scores_are_those_of_the_changed_predictions():
    net = tu.UNet(1, 2, base_channels=2, depth=1, padding="same")
    cells = tu.data.synthetic_cells(1, 32, seed=1)
    page = tu.explore(net, cells.images[0], mask=cells.instances[0], places=1, progress=False)
    first = page.data["whatif"]["variants"][0]
    guess = tu.predict_image(net, cells.images[0]).argmax(axis=2)
    assert first["scores"]["IoU"] == pytest.approx(tu.metrics.iou(guess, cells.instances[0] > 0))
    with pytest.raises(ValueError, match=r"mask is \(8, 8\)"):
        tu.explore(net, cells.images[0], mask=np.zeros((8, 8), int), progress=False)


def test_what_cannot_be_explored_is_refused():
    image = np.zeros((32, 32, 6), np.float32)
    with pytest.raises(ValueError, match="one a pixel"):
        tu.explore(tu.networks.PatchGAN(base_channels=1), image)
    with pytest.raises(ValueError, match="places must be from 1 to 32"):
        tu.explore(NETS["valid"][0], image[..., :1], places=0)


# ---------------------------------------------------------------------- film and command


def test_the_film_of_a_training_goes_on_where_it_stopped(tmp_path):
    cells = tu.data.synthetic_cells(3, 32, seed=0)

    def run(out, steps, resume=False, stop=None):
        net = tu.UNet(1, 2, base_channels=2, depth=1, padding="same")

        def finish(training, step):
            if step.number == stop:
                training.finish()

        options = {"steps": steps, "batch_size": 2, "crop": 32, "progress": False}
        film = tu.Film(out, moments=5)
        tu.fit(net, cells, cells, out=out, resume=resume, callbacks=[film, finish], **options)
        return net

    run(tmp_path / "whole", 17)
    run(tmp_path / "two", 17, stop=6)
    run(tmp_path / "two", 17, resume=True)
    films = [tu.Film(tmp_path / name).path for name in ("whole", "two")]
    from tinyunet.learning.film import moments_of, read_film

    whole, two = map(read_film, films)
    assert whole["steps"].tolist() == moments_of(17, 5) == [1, 2, 5, 10, 17]
    assert whole.keys() == two.keys()
    for name in whole:
        assert np.array_equal(whole[name], two[name]), name
    assert whole["names"][0] == "encoder.0.conv1.weight"
    assert len(whole["loss"]) == 17
    net = tu.load(tmp_path / "whole" / "last.npz")
    norm = np.linalg.norm(net.encoder[0].conv1.params["weight"])
    assert whole["weights"][-1, 0] == pytest.approx(norm, rel=1e-6)
    page = tu.explore(net, cells.images[0], places=1, film=tmp_path / "whole", progress=False)
    assert page.data["film"]["steps"] == [1, 2, 5, 10, 17]
    assert len(page.data["film"]["loss"]) == 17
    assert np.array_equal(whole["image"], cells.images[0])
    assert page.data["film"]["image"].startswith("data:image/png")
    old = tmp_path / "old" / "film.npz"
    old.parent.mkdir()
    with np.load(films[1]) as film:
        np.savez(old, **{name: film[name] for name in film if name != "image"})
    page = tu.explore(net, cells.images[0], places=1, film=old.parent, progress=False)
    assert page.data["film"]["image"] is None
    films[0].write_bytes(films[0].read_bytes()[:-50])
    with pytest.raises(ValueError, match=r"film\.npz is no film that tinyunet wrote, or damaged"):
        tu.explore(net, cells.images[0], film=tmp_path / "whole", progress=False)


def test_the_command_writes_a_page(tmp_path):
    net = tu.UNet(1, 2, base_channels=2, depth=1, padding="same")
    tu.save(tmp_path / "net.npz", net)
    cells = tu.data.synthetic_cells(1, 32, seed=0)
    from PIL import Image

    for name, picture in (("a", cells.images[0][..., 0]), ("m", cells.labels[0] > 0)):
        Image.fromarray((255 * np.clip(picture, 0, 1)).astype(np.uint8)).save(
            tmp_path / f"{name}.png"
        )
    out = tmp_path / "page.html"
    options = ["--mask", str(tmp_path / "m.png"), "--places", "2", "--out", str(out)]
    result = CliRunner().invoke(
        app, ["explore", str(tmp_path / "net.npz"), str(tmp_path / "a.png"), *options]
    )
    assert result.exit_code == 0, result.output
    assert "MB" in result.output
    assert "Inside net.npz on a.png" in out.read_text(encoding="utf-8")


# ---------------------------------------------------------------------- what the page says in numbers


def test_squares_hold_half_and_nine_tenths_of_a_gradient():
    size = np.zeros((9, 12))
    size[3, 4], size[3, 6], size[1, 4], size[8, 11] = 5, 3, 1, 1  # at 0, 2, 2 and 7 pixels
    assert squares(size, 3, 4) == [1, 5]
    size[8, 11] = 2  # now 9 of 11 lie within 2 pixels
    assert squares(size, 3, 4) == [3 + 2, 15]
    assert squares(size, -2, 4) == [11, 21]  # the place may lie outside
    assert squares(np.zeros((4, 4)), 1, 1) == []
    assert peak(size) == (3, 4)


def test_squares_and_peaks_of_a_view_are_in_places_of_the_image():
    net = tu.Sequential(tu.Conv2d(1, 1, 3))  # valid: a border of one pixel is made up
    net.layers[0].params["weight"][...] = np.array([[0, 0, 7], [0, 1, 0], [0, 0, 0]]).reshape(
        3, 3, 1, 1
    )
    data = tu.explore(net, np.ones((6, 8, 1), np.float32), places=1, progress=False).data
    here, image = data["views"]["places"][0], data["image"]
    seen = here["maps"][0]
    at = seen["peak"][0] - image["top"], seen["peak"][1] - image["left"]
    assert at == (here["row"] - 1, here["column"] + 1)  # where the 7 is
    assert seen["squares"] == [3, 3]
    assert seen["box"][0] - image["top"] == here["row"] - 1


def test_places_lie_inside_the_largest_objects_and_at_their_edges():
    classes = np.zeros((20, 30), int)
    classes[2:9, 3:10] = 1  # 49 pixels
    classes[9:20, 15:26] = 2  # 121, up to the last row
    classes[0, 0] = 1  # too small for an object
    assert objects(classes) == [
        ("inside object 1", 14, 20), ("at the edge of object 1", 9, 20),
        ("inside object 2", 5, 6), ("at the edge of object 2", 2, 6),
    ]  # fmt: skip
    assert objects(np.ones((5, 5), int)) == [("inside object 1", 2, 2)]
    assert objects(np.zeros((5, 5), int)) == []
    many = np.kron(np.eye(9, dtype=int), np.ones((4, 4), int))
    assert len(objects(many)) == 2 * OBJECTS


def test_views_of_objects_come_after_the_grid():
    net = tu.Sequential(tu.Conv2d(1, 2, 1))  # what is bright is foreground
    net.layers[0].params["weight"][...] = np.array([[-2.0, 2.0]])
    net.layers[0].params["bias"][...] = (1, -1)
    image = np.zeros((16, 16, 1), np.float32)
    image[9:14, 1:6] = 1
    page = tu.explore(net, image, places=2, progress=False)
    views = page.data["views"]
    inner, edge = views["places"][views["even"] :]
    assert (inner["what"], inner["row"], inner["column"], inner["channel"]) == (
        "inside object 1",
        11,
        3,
        1,
    )
    assert edge["what"] == "at the edge of object 1"
    assert image[edge["row"], edge["column"], 0] == 1


def test_the_table_marks_the_most_of_each_column():
    net = tu.Sequential(
        tu.Conv2d(1, 4, padding="same", activation="relu"), tu.Conv2d(4, 4, 1), tu.Conv2d(4, 2, 1)
    )
    net.layers[0].params["bias"][...] = (-50, 1, 9, -50)
    data = tu.explore(net, np.ones((8, 8, 1), np.float32), places=1, progress=False).data
    first, second = 1, 2
    most = data["largest"]
    assert most["size"] == [first, second, 3]
    assert most["parameters"] == most["dead"] == [first]
    assert most["channels"] == [first, second]
    slowest = max(data["boxes"][1:], key=lambda box: box["ms"][0] + box["ms"][1])
    assert most["time"] == [slowest["box"]]
    shares = [box["time"] for box in data["boxes"]]
    assert sum(shares) == pytest.approx(1)
    assert shares[slowest["box"]] == max(shares)
    nothing = [{**box, "dead": []} for box in data["boxes"]]
    assert boxes.largest(nothing)["dead"] == []


def test_a_change_is_told_on_average_and_at_most():
    net = tu.UNet(1, 2, base_channels=2, depth=1, padding="same")
    image = np.random.default_rng(3).random((16, 16, 1)).astype(np.float32)
    told = tu.explore(net, image, places=1, progress=False).data["whatif"]["variants"]
    found = {variant["name"]: variant for variant in told}
    turned = np.rot90(tu.predict_image(net, np.ascontiguousarray(np.rot90(image))), -1)
    moved = np.abs(turned - tu.predict_image(net, image))
    assert found["as it is"]["most"] == 0
    assert found["turned by 90 degrees"]["most"] == pytest.approx(moved.max(), rel=1e-5)
    assert found["turned by 90 degrees"]["change"] == pytest.approx(moved[..., 0].mean(), rel=1e-4)


@pytest.mark.parametrize("name", ["valid", "U-Net++"])
def test_channels_of_a_joined_box_are_told_apart(name):
    net, side = NETS[name]
    image = np.random.default_rng(4).random((side, side, net.in_channels))
    data = tu.explore(net, image, places=1, progress=False).data
    joined = [box for box in data["boxes"] if box["joined"]]
    assert len(joined) == (2 if name == "valid" else 1 + 2)
    for box in joined:
        assert sum(part["channels"] for part in box["joined"]) == box["shape"][2]
        brought = [part for part in box["joined"] if part["skip"] is not None]
        drawn = data["layout"]["boxes"][box["box"]]
        assert sum(part["channels"] for part in brought) == drawn["across"]
        assert {data["skips"][part["skip"]]["from"] for part in brought} == {
            p["from"] for p in brought
        }
        # The paper's U-Net puts what came across first, U-Net++ what comes from below.
        below = [part["skip"] for part in box["joined"]].index(None)
        assert below == (1 if name == "valid" else 0)
