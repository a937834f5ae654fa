"""The experiments on the U-Net's relatives, tiny: networks, scores, runs and the report."""

import json

import numpy as np
import pytest
from test_reproduce import Page, command

import tinyunet as tu
from tinyunet.networks.receptive_field import view
from tinyunet.reproduce import experiments, report, statistics
from tinyunet.reproduce import schedule as running
from tinyunet.reproduce.records import read_all
from tinyunet.reproduce.relatives import (
    coins,
    cues,
    outlines,
    recipe,
    street_tables,
    streets,
    strokes,
)
from tinyunet.reproduce.relatives.fields import effective_field
from tinyunet.reproduce.relatives.street_scores import street_scores
from tinyunet.reproduce.relatives.stroke_scores import HALF, ORDERS, commanded, score, unhinted
from tinyunet.reproduce.relatives.unet import NormalisedUNet
from tinyunet.reproduce.words import Diverged, Job, Options

NAMES = ["cues", "outlines", "streets", "coins", "strokes"]
STEPS = {"cues": 1, "outlines": 1, "streets": 1, "streets-long": 2, "coins": 1, "strokes": 1}
EPS = 1e-6
TINY = Options(quick=True, seeds=1, steps=STEPS)


# ---------------------------------------------------------------------- networks


def test_networks_have_as_many_parameters_as_pytorchs():
    for row, network, *_ in streets.ARMS.values():
        count = recipe.learned(streets.NETWORKS[network](seed=0))
        published = street_tables.PILOTS.get(row, {"parameters": count})["parameters"]
        assert count == int(published), row
    for name, made in cues.NETWORKS.items():
        model = tu.networks.SmallPSPNet(1, 3, **made)
        assert model.num_parameters == int(cues.PILOTS[cues.ROWS[name]]["parameters"])
    assert outlines.make("unet", 0).num_parameters == 113_449
    model = outlines.make("four-heads", 0)
    for level, row in enumerate(outlines.LEVELS, 1):
        part = model.pruned(level)
        biases = sum(len(a) for n, a in part.named_parameters() if n.endswith("norm.bias"))
        count = part.num_parameters + biases  # PyTorch's convolutions have one each
        assert count == int(outlines.PILOTS[row]["parameters"])


def test_networks_that_paint_have_as_many_parameters_as_pytorchs():
    assert tu.networks.Pix2PixGenerator(**coins.GENERATOR).num_parameters == 338_115
    assert tu.networks.PatchGAN(6, **coins.JUDGE).num_parameters == 21_673
    painter = tu.networks.PaintsChainer(widths=strokes.WIDTHS)
    # The authors' transposed convolutions keep the width, and the 3x3 after them narrows. PyTorch's
    # pilot narrowed at once.
    pairs, keep = [(12, 24), (24, 32), (32, 48)], painter.num_parameters
    ours = sum(16 * 2 * w * w + w + 9 * w * a + a + 2 * (w + a) for a, w in pairs)
    pilots = sum(16 * 2 * w * a + a + 9 * a * a + a + 4 * a for a, w in pairs)
    assert keep == 227_123
    assert keep - ours + pilots == int(strokes.PILOTS[strokes.ROW]["parameters"])


def test_fields_are_those_that_theory_gives():
    for name, made in cues.NETWORKS.items():
        model = tu.networks.SmallPSPNet(1, 3, **made)
        plain = tu.networks.SmallPSPNet(1, 3, **{**made, "bins": ()})
        noise = np.random.default_rng(0).random((1, 65, 65, 1), np.float32)
        theory = view(tu.Sequential(*plain.stages, plain.head), noise).field
        found = effective_field(model)
        assert (found["field"],) * 2 == theory
        if "effective" in cues.PILOTS[cues.ROWS[name]]:
            assert found["effective"] == int(cues.PILOTS[cues.ROWS[name]]["effective"])


def test_the_normalised_unet_has_right_gradients_and_keeps_sizes():
    model = NormalisedUNet(2, 3, widths=(3, 4, 5), seed=1, dtype="float64")
    assert model.predict(np.zeros((1, 12, 8, 2))).shape == (1, 12, 8, 3)
    with pytest.raises(ValueError, match="nearest valid sizes"):
        model(np.zeros((1, 10, 8, 2)))
    rng = np.random.default_rng(2)
    x = rng.standard_normal((2, 8, 8, 2))
    y = model(x)
    dy = rng.standard_normal(y.shape)
    gradients = [("x", x, model.backward(dy))]
    gradients += [(n, a, dict(model.named_gradients())[n]) for n, a in model.named_parameters()]
    slope = numeric = 0.0
    for way in (1, -1):  # all arrays along one direction, there and back
        for name, array, gradient in gradients:
            step = way * np.random.default_rng(len(name)).standard_normal(array.shape)
            slope += way * (gradient * step).sum() / 2
            array += EPS * step
        numeric += way * (dy * model(x)).sum() / EPS / 2
        for name, array, _ in gradients:
            array -= way * EPS * np.random.default_rng(len(name)).standard_normal(array.shape)
    assert numeric == pytest.approx(slope, rel=1e-5)


def test_first_weights_are_as_large_as_pytorchs():
    nn = pytest.importorskip("torch", reason="PyTorch says how it draws").nn
    model = recipe.started_as_in_pytorch(outlines.make("four-heads", 0), 3)
    first, up = model.nodes[2][1].conv1.conv, model.ups[1][0]
    for ours, theirs in ((first, nn.Conv2d(40, 20, 3)), (up, nn.ConvTranspose2d(20, 12, 2))):
        for name, array in ours.params.items():
            other = getattr(theirs, name).detach().numpy()
            assert abs(array).max() <= 1.02 * abs(other).max() or name == "bias"
            if name == "weight":
                assert array.size == other.size
                assert array.std() == pytest.approx(other.std(), rel=0.05)
    fcn = recipe.started_as_in_pytorch(streets.NETWORKS["fcn8s"](0), 0)
    again = streets.NETWORKS["fcn8s"](1)
    assert not fcn.skips[0].score.params["weight"].any()
    assert (fcn.up.params["weight"] == again.up.params["weight"]).all()
    assert (fcn.encoder[0].norms[0].params["weight"] == 1).all()


# ---------------------------------------------------------------------- scores


def test_streets_are_scored_everywhere_at_boundaries_and_by_class():
    truth = np.zeros((8, 10), np.int64)  # sky
    truth[4:] = streets.STREET_CLASSES.index("road")
    truth[:, 5] = pole = streets.STREET_CLASSES.index("pole")
    perfect = street_scores([truth, truth], [truth, truth])
    assert {name: score for name, score in perfect.items() if "car" not in name} == dict.fromkeys(
        (name for name in perfect if "car" not in name), 1.0
    )
    found = truth.copy()
    found[:, 5] = found[:, 4]  # the pole is overlooked
    scores = street_scores([found], [truth])
    assert scores["accuracy"] == scores["far"] * 0 + 72 / 80
    assert scores["far"] == 1
    assert scores["pole recall"] == scores["pole IoU"] == scores["pole precision"] == 0
    assert scores["mean recall"] == pytest.approx((1 + 1 + 0) / 3)
    assert scores["mean IoU"] == pytest.approx((36 / 40 + 36 / 40 + 0) / 3)
    assert scores["trimap"] < scores["accuracy"]
    found = truth.copy()
    found[:, 6] = pole  # too wide
    scores = street_scores([found], [truth])
    assert (scores["pole recall"], scores["pole precision"]) == (1, 0.5)
    assert scores["BF 0"] < scores["BF 1"]


def test_insides_are_found_by_the_size_of_their_outlines():
    truth = np.zeros((64, 64), np.int64)
    y, x = np.ogrid[:64, :64]
    small, large = (y - 8) ** 2 + (x - 8) ** 2 < 4**2, (y - 40) ** 2 + (x - 40) ** 2 < 17**2
    truth[small | large] = 1
    found = small | (large & (x < 40))
    scores = outlines.score(found[None], [truth])
    assert scores["recall small"] == 1
    assert scores["recall large"] == pytest.approx((large & (x < 40)).sum() / large.sum())
    assert "recall middle" not in scores
    assert scores["IoU"] == pytest.approx(found.sum() / truth.sum())


def test_right_classes_are_counted_among_blobs_that_were_found():
    truth, found = np.zeros((1, 4, 4), np.int64), np.zeros((1, 4, 4), np.int64)
    truth[0, 0], truth[0, 1] = 1, 2
    found[0, 0, :3], found[0, 1, :1], found[0, 3, 0] = 1, 1, 2
    right, iou = cues.score(found, list(truth))
    assert right == 3 / 4
    assert iou == 4 / 9
    assert cues.score(0 * found, list(truth))[0] == 0.5


def test_pictures_are_scored_on_objects_by_texture_hue_and_class():
    real = tu.data.coin_flip_colours(2, 32, seed=4)
    scores = coins.score(real.targets, real)
    assert scores["gradient ratio"] == scores["decided"] == scores["class right"] == 1
    assert scores["EMD"] == scores["L1 error"] == 0
    ground = real.inputs[..., 0] == 1
    painted = real.targets.copy()
    painted[ground] = 1  # what is there does not count
    assert coins.score(painted, real) == scores
    other = real.targets[..., [1, 0, 2]]  # red and green exchanged, blue and yellow stay
    found = coins.score(other, real)
    assert 0 < found["class right"] < 1
    gray = coins.score(0 * real.targets, real)
    assert gray["gradient ratio"] == gray["saturation"] == gray["decided"] == 0
    assert set(np.unique(coins.mapped(real.inputs))) == {-1, 0, 1}


class Obedient:
    """Colours each region by the mean of its strokes; with `leak`, others get a share of it."""

    def __init__(self, art, deaf=False, leak=0.0):
        self.art, self.deaf, self.leak = art, deaf, leak

    def predict(self, given):
        painted = self.art.colours.copy()
        for i, regions in enumerate(self.art.regions):
            for region in range(regions.max() + 1):
                inside = regions == region
                hints = given[i, ..., 1:][inside]
                hints = hints[hints[:, 0] > -1.5]
                if len(hints) and not self.deaf:
                    change = hints.mean(0) - painted[i][inside]
                    painted[i][inside] += change
                    painted[i][~inside] += self.leak * change.mean(0)
        return painted


def test_strokes_are_obeyed_by_a_network_that_fills_regions_and_not_by_a_deaf_one():
    art = tu.data.line_art(6, 32, seed=8)
    obeys, deaf = score(Obedient(art), art), score(Obedient(art, deaf=True), art)
    assert obeys["obeyed"] == 1
    assert obeys["leak"] == 0
    assert obeys["near"] == pytest.approx(obeys["far"])
    assert obeys["near"] < 0.1 < deaf["near"]
    assert deaf["obeyed"] == deaf["hinted"] == deaf["unhinted"] == deaf["none"] == 0
    assert 0 < obeys["hinted"] < 0.1 < 1
    assert score(Obedient(art, leak=0.2), art)["leak"] > 0.05


def test_one_stroke_is_of_another_colour_and_all_else_stays():
    art = tu.data.line_art(4, 32, seed=9)
    truth, order, regions = commanded(art)
    for i, (inside, line, colour) in enumerate(regions):
        assert (line <= inside).all()
        assert (order[i][~inside] == truth[i][~inside]).all()
        assert (order[i, ..., 1] > -1.5)[inside].sum() == line.sum()
        assert any((colour == other).all() for other in ORDERS)
        own = art.colours[i][inside].mean(0)
        assert np.linalg.norm(colour - own) == np.linalg.norm(ORDERS - own, axis=1).max()
        sizes = np.bincount(art.regions[i][art.regions[i] >= 0])
        assert inside.sum() == sizes[1:].max()
    assert (unhinted(art)[..., 1] == -1.5).all()
    assert 0 < HALF < 1


def test_a_painter_whose_loss_becomes_nan_has_diverged(tmp_path, monkeypatch):
    def fails(*_, out, resume, **options):
        assert (out, resume) == (tmp_path / "last.npz", False)
        raise ArithmeticError("the loss became nan: take a lower learning rate")

    monkeypatch.setattr(recipe, "fit_painter", fails)
    with pytest.raises(Diverged, match="lower learning rate"):
        strokes.work(Job(strokes.make_runs(TINY, None)[0], None, steps=5, scratch=tmp_path))


def test_half_of_the_images_are_mirrored_with_their_labels_and_weights():
    rng, image = np.random.default_rng(0), np.arange(12.0).reshape(2, 3, 2)
    labels = np.arange(6).reshape(2, 3)
    turned = 0
    for _ in range(200):
        x, t, w = recipe.mirrored(rng, image, labels, labels / 2)
        turned += int(t[0, 0] == 2)
        assert (x[..., 0] == 2 * t).all()
        assert (w == t / 2).all()
    assert 70 < turned < 130
    assert recipe.mirrored(rng, image, labels, None)[2] is None


def test_a_claim_holds_or_does_not():
    records = [
        {"seed": s, "steps": 1, "rows": {"a": {"x": 0.5 + s / 10}, "b": {"x": 0.4}}} for s in (0, 1)
    ]
    rows = statistics.collect(records)
    (held,) = recipe.verdict(rows, "a", "b", "x", 0.1, "x")
    assert "(+0.150; 0.1 or more was expected: holds)" in held
    assert "DOES NOT HOLD" in recipe.verdict(rows, "a", "b", "x", 0.2, "x")[0]
    assert recipe.verdict(rows, "a", "c", "x", 0.1, "x") == []


# ---------------------------------------------------------------------- runs and the report


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A folder with all five experiments, a step or two of each, and what was said."""
    folder, said, failures = tmp_path_factory.mktemp("relatives"), [], {}
    planned, left_out = running.plan(experiments.choose(["relatives"]), TINY)
    assert not left_out
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cues, "effective_field", lambda model: {"field": 1.0, "effective": 1.0})
        patch.setattr(outlines, "TIMED", 2)
        running.run_all(planned, TINY, folder, said.append, failures)
    assert not failures
    report.write(folder, {})
    return folder, said


def test_relatives_stand_for_five_experiments_and_no_name_for_the_papers():
    assert [e.name for e in experiments.choose(["relatives"])] == NAMES
    assert [e.name for e in experiments.choose(["streets", "cues"])] == ["cues", "streets"]
    assert not {e.name for e in experiments.choose([])} & set(NAMES)
    assert experiments.read_steps("cues=3,streets-long=4") == {"cues": 3, "streets-long": 4}


def test_every_row_of_every_table_comes_from_a_run(finished):
    folder, said = finished
    records = read_all(folder)
    assert len(records) == 10 + 3 + 11 + 6 + 1 == len({record["name"] for record in records})
    rows = statistics.collect(records)
    for name in NAMES:
        for table in experiments.EXPERIMENTS[name].tables:
            assert set(table.beside) <= set(rows)
            for row in table.rows:
                assert table.columns[0].key in rows[row].values
    longer = {record["name"] for record in records if record["steps"] == 2}
    assert longer == {"streets-segnet-long", "streets-unet-long"}
    assert all("min left" in line for line in said[1:-1:2])
    assert "min left" not in said[-1]


def test_the_report_shows_ours_above_pytorchs(finished):
    folder, _ = finished
    page = Page((folder / "report.html").read_text(encoding="utf-8"))
    text = "".join(page.words)
    for name in NAMES:
        experiment = experiments.EXPERIMENTS[name]
        assert name in page.ids
        for words in (
            experiment.title,
            *experiment.protocol,
            *(t.title for t in experiment.tables),
        ):
            assert words.replace("`", "") in text
    for cell in (".347 ± .003", ".967 ± .011", ".597 ± .004", ".47 ± .02", ".916 ± .041"):
        assert f"PyTorch {cell}" in text
    assert "Ronneberger" not in text
    assert "no number here may be compared" not in text
    assert "DOES NOT HOLD" in text  # after a step
    assert len(page.images) == 5 + 6 + 1  # charts, and paintings of each run


def test_the_command_goes_on_where_it_was(finished, monkeypatch, capsys):
    folder, _ = finished
    steps = ",".join(f"{group}={n}" for group, n in STEPS.items())
    arguments = ("relatives", "--quick", "--steps", steps, "--out", folder)
    assert command(*arguments, monkeypatch=monkeypatch) == 0
    assert capsys.readouterr().out.count("done before") == 31


def test_time_left_is_reckoned_from_runs_of_the_same_name(finished, tmp_path):
    planned, _ = running.plan(experiments.choose(["outlines"]), Options(seeds=2))
    assert running.time_left(planned, tmp_path) == ""
    record = json.loads((finished[0] / "runs/outlines-unet-0.json").read_text()) | {"seconds": 300}
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs/outlines-unet-0.json").write_text(json.dumps(record))
    assert running.time_left(planned, tmp_path) == "; about 25 min left"  # five more like it
    other = {**record, "name": "outlines-last-head", "seconds": 60}
    (tmp_path / "runs/outlines-last-head-0.json").write_text(json.dumps(other))
    # Of four heads, never seen, twice the mean of 180 s; one of 60 and one of 300.
    assert running.time_left(planned, tmp_path) == "; about 12 min left"
