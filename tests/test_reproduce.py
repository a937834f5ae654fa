"""The paper's experiments, tiny: runs, resuming, repeating, and the report."""

import base64
import dataclasses
import itertools
import json
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from importlib.util import find_spec

import numpy as np
import pytest
from scipy import ndimage

import tinyunet as tu
from tinyunet.commands import main as cli
from tinyunet.engine.threads import num_threads
from tinyunet.learning import training
from tinyunet.reproduce import (
    experiments,
    membrane_scores,
    membranes,
    nuclei,
    pictures,
    rates,
    report,
    seams,
    statistics,
    torch_race,
)
from tinyunet.reproduce import schedule as running
from tinyunet.reproduce import training as learning
from tinyunet.reproduce.records import read_all
from tinyunet.reproduce.words import Diverged, Options
from tinyunet.runs.build import AUGMENTS
from tinyunet.segmentation import tiles as inference

STEPS = {"nuclei": 2, "membranes": 2, "rates": 2, "seams": 3, "torch": 3, "torch-seconds": 2}
TINY = Options(quick=True, seeds=1, steps=STEPS)
WITH_TORCH = [name for name in experiments.PAPERS if name != "torch" or find_spec("torch")]


@pytest.fixture(scope="module", autouse=True)
def smaller(tmp_path_factory):
    """Synthetic data, whatever is on this machine, and all of it even smaller than --quick."""
    small = {"batch_size": 2, "window": 32, "base_channels": 4, "depth": 3}
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("TINYUNET_DATA", raising=False)
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        for module, side in ((nuclei, 48), (membranes, 96)):
            patch.setattr(module, "SMALL", small)
            patch.setattr(module, "SIDE", side)
        patch.setattr(nuclei, "LIMITS", {"train": 14, "validation": 1, "test": 2})
        patch.setattr(rates, "SMALL", {})
        patch.setattr(seams, "QUICK_TILE", 24)
        yield


def plan(names, options=TINY):
    return running.plan(experiments.choose(names), options)


def do(folder, names, options=TINY, only=None):
    """Do some experiments, or the runs of these names only; returns what was said."""
    planned, _ = plan(names, options)
    planned = [item for item in planned if only is None or item.run.name in only]
    running.check_folder(folder, planned, options)
    said = []
    failures = {}
    running.run_all(planned, options, folder, said.append, failures)
    assert not failures
    return said


def results(folder, without=("seconds",)):
    """Rows and losses by run."""
    return {
        record["name"]: (
            {
                row: {key: value for key, value in scores.items() if key not in without}
                for row, scores in record["rows"].items()
            },
            record["loss"],
            record["steps"],
        )
        for record in read_all(folder)
    }


@pytest.fixture(scope="module")
def finished(tmp_path_factory, smaller):
    """A folder in which everything that can run here has run."""
    folder = tmp_path_factory.mktemp("reproduction")
    do(folder, WITH_TORCH)
    report.write(folder, {})
    return folder


def test_every_run_leaves_a_record(finished):
    planned, left_out = plan(WITH_TORCH)
    assert not left_out
    stems = {item.run.stem for item in planned}
    assert {path.stem for path in (finished / "runs").iterdir()} == stems
    assert len(stems) == (20 if "torch" in WITH_TORCH else 17)
    assert not (finished / "unfinished").exists()
    for record in read_all(finished):
        assert record["real"] is False
        assert record["machine"]["threads"] == record["threads"]
        if record["group"]:
            assert record["steps"] == STEPS[record["group"]] == len(record["loss"])
            assert record["settings"]["training"]["base_channels"] == 4
            assert "network" not in record["settings"]["training"]  # older records have none
        for scores in record["rows"].values():
            assert all(np.isfinite(value) for value in scores.values())


def test_finished_runs_are_not_done_again(finished):
    before = {path: path.read_bytes() for path in (finished / "runs").iterdir()}
    said = do(finished, WITH_TORCH)
    assert len(said) == len(before)
    assert all(line.endswith("done before") for line in said)
    assert {path: path.read_bytes() for path in before} == before


def test_the_same_settings_give_the_same_scores(finished, tmp_path):
    names = [name for name in ("seams", "torch") if name in WITH_TORCH]
    do(tmp_path, names)
    do(tmp_path, ["membranes"], only=("membranes-weights",))
    again, first = results(tmp_path), results(finished)
    assert len(again) >= 3
    assert again == {name: first[name] for name in again}


class CtrlC:
    """Training steps until somebody presses Ctrl-C."""

    def __init__(self, steps):
        self.left, self.step = steps, training.training_step

    def __call__(self, *arguments):
        self.left -= 1
        if self.left < 0:
            raise KeyboardInterrupt
        return self.step(*arguments)


def test_an_interrupted_command_goes_on_and_ends_the_same(tmp_path, monkeypatch):
    options = Options(quick=True, seeds=1, steps={"nuclei": 3})
    only = ("nuclei-references", "nuclei-plain", "nuclei-ten-elastic")
    do(tmp_path / "whole", ["nuclei"], options, only)

    with monkeypatch.context() as patch:
        patch.setattr(training, "training_step", CtrlC(3 + 1))
        with pytest.raises(KeyboardInterrupt):
            do(tmp_path / "parts", ["nuclei"], options, only)
    assert {path.stem for path in (tmp_path / "parts/runs").iterdir()} == {
        "nuclei-references", "nuclei-plain-0",
    }  # fmt: skip
    with monkeypatch.context() as patch:  # the first run is done, the second has two steps to go
        patch.setattr(training, "training_step", CtrlC(2))
        said = do(tmp_path / "parts", ["nuclei"], options, only)
    assert [line.endswith("done before") for line in said] == [True, True, False, False]
    assert results(tmp_path / "parts") == results(tmp_path / "whole")


def test_a_diverged_run_that_was_killed_before_its_record_diverges_again(tmp_path, monkeypatch):
    options = Options(quick=True, seeds=1, steps={"nuclei": 2})
    [item] = [item for item in plan(["nuclei"], options)[0] if item.run.stem == "nuclei-plain-0"]
    scratch = tmp_path / "unfinished/nuclei-plain-0"
    with monkeypatch.context() as patch:
        patch.setattr(training, "validation_score", lambda model, data: ("SEG", float("nan")))
        for _ in range(2):  # the first is killed before `run_all` clears up
            with pytest.raises(Diverged, match="predictions became NaN at step 1"):
                running.run_one(item, options, tmp_path)
            assert (scratch / "run.json").exists()  # by which the folder is checked
    assert running.run_one(item, options, tmp_path)["steps"] == 2


def test_scores_of_checkpoints_survive_an_interruption(tmp_path, monkeypatch):
    options = Options(quick=True, seeds=1, steps={"membranes": 6})
    only = ("membranes-plain",)
    do(tmp_path / "whole", ["membranes"], options, only)
    with monkeypatch.context() as patch:
        patch.setattr(training, "training_step", CtrlC(5))  # two of the last three steps are done
        with pytest.raises(KeyboardInterrupt):
            do(tmp_path / "parts", ["membranes"], options, only)
    do(tmp_path / "parts", ["membranes"], options, only)
    whole, parts = (
        read_all(tmp_path / name)[0]["facts"][membranes.CHECKPOINTS] for name in ("whole", "parts")
    )
    assert list(whole) == ["4", "5", "6"]
    assert all(0 < score <= 1 for score in whole.values())
    assert parts == whole


def test_the_spread_over_checkpoints_is_said_and_drawn():
    runs = {"10": 0.7, "20": 0.9}, {"10": 0.1, "20": 0.1}, {"20": 0.8}
    facts = [{membranes.CHECKPOINTS: run} for run in runs]
    records = [{"name": "membranes-plain", "facts": some} for some in (*facts, {})]
    said = membranes.spread(records, "membranes-plain")
    assert "deviation of 0.100 within a run" in said  # variances .02 and 0; one moment has none
    assert "are 0.200 apart at most" in said  # however much the runs differ from each other
    assert membranes.spread(records, "membranes-weights") == ""
    assert membranes.spread(records[2:], "membranes-plain") == ""
    runs = membranes.checkpoints_of(records, "membranes-plain")
    (axis,) = pictures.swings({"U-Net": runs}, "V_Rand").axes
    assert [list(line.get_xdata()) for line in axis.lines] == [[10, 20], [10, 20], [20]]


def test_minutes_become_steps_once_and_can_be_replayed(tmp_path):
    only = ("nuclei-plain", "nuclei-weights")
    timed = Options(quick=True, seeds=1, minutes=1e-6)
    do(tmp_path / "timed", ["nuclei"], timed, only)
    found = results(tmp_path / "timed")
    steps = {steps for *_, steps in found.values()}
    assert len(steps) == 1
    do(
        tmp_path / "replayed",
        ["nuclei"],
        Options(quick=True, seeds=1, steps={"nuclei": steps.pop()}),
        only,
    )
    assert results(tmp_path / "replayed") == found


def test_more_seeds_are_added_and_take_as_many_steps(tmp_path, monkeypatch):
    monkeypatch.setattr(nuclei, "ARMS", nuclei.ARMS[:1])
    do(tmp_path, ["nuclei"], Options(quick=True, seeds=1, minutes=1e-6))
    monkeypatch.setattr(learning, "fit", lambda *a, **o: pytest.fail(f"asked for {o['steps']}"))
    first = read_all(tmp_path)
    steps = next(record["steps"] for record in first if record["steps"])
    with pytest.raises(pytest.fail.Exception, match=f"asked for {steps}"):
        do(tmp_path, ["nuclei"], Options(quick=True, seeds=2, minutes=1e-6))


# ---------------------------------------------------------------------- what the experiments find


def test_aligned_tiles_equal_the_whole_and_others_do_not(finished):
    rows = statistics.collect([r for r in read_all(finished) if r["experiment"] == "seams"])
    aligned = rows[seams.ALIGNED].mean("largest")
    assert aligned < 1e-5
    assert rows[seams.MISALIGNED].mean("largest") > 100 * aligned
    assert rows[seams.SAME].mean("largest") > 100 * aligned
    assert rows[seams.RIMMED].mean("mean") < rows[seams.SAME].mean("mean")
    assert rows[seams.OVERLAPPED].mean("largest") < 1e-5


def test_seams_are_told_apart_in_numbers_and_words():
    found = seams.findings([{"seed": 0, "steps": 1, "rows": {seams.ALIGNED: {"largest": 2e-5}}}])
    assert "DO NOT EQUAL" in found[0]


def test_stitch_gives_what_predict_image_gives():
    model = tu.UNet(1, 2, base_channels=2, depth=2, seed=1)
    image = np.random.default_rng(0).random((50, 43, 1), np.float32)
    reads = model.input_size(8, 8)[0]
    gives = model.output_size(reads, reads)[0]
    axes = [inference.Axis(side, reads, gives, stride=gives // 4 * 4) for side in image.shape[:2]]
    stitched = inference.stitch(model, image, *axes)
    np.testing.assert_array_equal(stitched, tu.predict_image(model, image, tile=reads))


@pytest.mark.skipif("torch" not in WITH_TORCH, reason="PyTorch is not installed")
def test_pytorch_begins_where_tinyunet_begins(finished):
    loss = {record["name"]: record["loss"] for record in read_all(finished)}
    np.testing.assert_allclose(loss["torch-steps"], loss["torch-tinyunet"], rtol=1e-4)


def test_the_rates_are_those_of_the_papers_recipe(monkeypatch):
    monkeypatch.undo()
    for options, channels in ((TINY, 4), (Options(seeds=1), 64)):
        planned = rates.make_runs(options, plan(["rates"])[0][0].source)
        settings = [run.settings["training"] for run in planned]
        assert [s["lr"] for s in settings] == list(rates.RATES)
        assert {s["base_channels"] for s in settings} == {channels}
        assert {(s["optimizer"], s["momentum"], s["padding"]) for s in settings} == {
            ("sgd", 0.99, "valid")
        }


def test_a_rate_that_diverges_is_a_result(tmp_path, monkeypatch):
    step, calls = training.training_step, []

    def diverging(*arguments):  # the second step of the third network, of ten
        calls.append(len(calls))
        return float("inf") if len(calls) == 6 else step(*arguments)

    monkeypatch.setattr(training, "training_step", diverging)
    do(tmp_path, ["rates"], Options(quick=True, seeds=2, steps=STEPS))
    found = read_all(tmp_path)
    row = statistics.collect(found)["rate 0.001"]
    assert row.values["finite"] == [1, 2]
    assert len(row.values["loss"]) == len(row.values["pixel error"]) == 1
    assert "rate 0.001" not in rates.finite_rows(found)
    sentences = rates.findings(found)
    assert sentences[0].startswith("Best after these steps: rate ")
    assert "0.001;" not in sentences[0]
    assert sentences[1:] == ["The loss became infinite or NaN at rate 0.001, in 1 of the runs."]
    assert len(rates.charts(found)) == 1

    for record in found:
        record["facts"]["stopped"] = "inf"
        for scores in record["rows"].values():
            scores.pop("loss", None)
    assert len(rates.findings(found)) == len(rates.RATES)
    assert rates.charts(found) == []


def test_the_best_rate_is_compared_with_the_recipes():
    def records(best):
        return [
            {"seed": seed, "steps": 5, "name": name, "facts": {"stopped": ""}, "rows": {row: {
                "finite": 5, "loss": 1, "pixel error": 0.1 if row == best else 0.2 + seed / 100,
            }}}
            for name, row in rates.NAMES.items() for seed in range(2)
        ]  # fmt: skip

    (sentence,) = rates.findings(records(rates.CHOSEN))
    start = f"Best after these steps: {rates.CHOSEN}, which is the recipe's. Pixel error: "
    assert sentence.startswith(
        f"{start}{rates.CHOSEN} 0.1000, rate 0.0001 0.2050 (-0.1050, more than"
    )
    other = next(row for row in rates.NAMES.values() if row != rates.CHOSEN)
    (sentence,) = rates.findings(records(other))
    assert f"{other}; the recipe has another. Pixel error: {rates.CHOSEN} 0.2050" in sentence


def test_cells_merged_in_the_mask_are_counted_before_cores_part_them(monkeypatch):
    cells = np.zeros((12, 20), int)
    cells[2:10, 2:9], cells[2:10, 10:18] = 1, 2
    p = np.where(cells > 0, 0.95, 0.1)
    p[5:7, 9] = 0.6  # a bridge
    data = tu.data.Dataset([cells[..., None] / 2], [(cells > 0) * 1], [cells], ["one"])
    asked = []

    def choose(model, images):
        asked.append(images)
        return 0.4

    monkeypatch.setattr(nuclei, "predict_image", lambda model, image: p)
    monkeypatch.setattr(nuclei.evaluation, "predict_image", lambda model, image, average=False: p)
    monkeypatch.setattr(nuclei, "choose_threshold", choose)
    model, validation = tu.UNet(1, 2, base_channels=2, depth=1), object()
    assert nuclei.merged_in_mask(model, data) == 2
    scores = nuclei.score(model, (None, validation, data), "row")["row"]
    assert (scores["merged"], scores["threshold"]) == (0, 0.4)
    assert scores["SEG"] == (56 / 64 + 1) / 2  # the gap goes to the left cell
    assert asked == [validation]


def test_equal_seconds_counts_steps():
    def record(name, seconds):
        return {"name": name, "seed": 0, "steps": 100, "facts": {"seconds of training": seconds}}

    records = [record("torch-tinyunet", 20.0), record("torch-steps", 50.0)]
    assert torch_race.equal_seconds(records) == 40


@pytest.mark.skipif("torch" not in WITH_TORCH, reason="PyTorch is not installed")
def test_a_race_of_a_single_step_cannot_be_timed():
    for group in ("torch", "torch-seconds"):
        with pytest.raises(ValueError, match=f"2 steps or more, got {group}=1"):
            plan(["torch"], Options(quick=True, seeds=1, steps={group: 1}))


@pytest.mark.skipif("torch" not in WITH_TORCH, reason="PyTorch is not installed")
def test_without_tinyunets_run_nobody_knows_how_long_pytorch_should_train():
    planned, _ = plan(["torch"], Options(quick=True, seeds=1, minutes=5))
    theirs = next(item for item in planned if item.run.name == "torch-steps")
    job = running.Job(theirs.run, theirs.source, minutes=5)
    with pytest.raises(Diverged, match="turns minutes into steps for both, has failed"):
        theirs.run.work(job)


@pytest.mark.skipif("torch" not in WITH_TORCH, reason="PyTorch is not installed")
def test_a_race_that_was_interrupted_at_its_very_end_is_run_again(tmp_path):
    planned, _ = plan(["torch"])
    ours = next(item for item in planned if item.run.name == "torch-tinyunet")
    job = running.Job(ours.run, ours.source, steps=3, scratch=tmp_path / "scratch")
    first, again = ours.run.work(job), ours.run.work(job)  # the second finds all steps taken
    assert first.loss == again.loss
    assert again.facts["seconds of training"] > 0


def test_ten_images_are_ten_and_the_seed_draws_them(finished):
    few = [r for r in read_all(finished) if "ten" in r["name"]]
    assert [record["facts"]["training images"] for record in few] == [10, 10, 10]
    planned, _ = plan(["nuclei"], Options(quick=True, seeds=2, steps=STEPS))
    chosen = [
        nuclei.load_parts(running.Job(item.run, item.source))[0].names
        for item in planned
        if item.run.name == "nuclei-ten-rigid"
    ]
    assert len(chosen[0]) == 10
    assert chosen[0] != chosen[1]


def test_a_perfect_prediction_of_membranes_scores_perfectly():
    data = tu.data.synthetic_membranes(3, 64, seed=1)
    perfect = [labels * 0.8 + 0.1 for labels in data.labels]
    thresholds = membrane_scores.choose_thresholds(perfect, data)
    scores = membrane_scores.score_stack(perfect, data, thresholds)
    for name in ("pixel error", "isbi pixel error", "Rand error", "warping error"):
        assert scores[name] == 0
    assert scores["V_Rand"] == pytest.approx(1)
    gray = [0.5 * labels + 0.2 for labels in data.labels]
    assert 0.2 <= membrane_scores.best_accuracy(gray, data) < 0.7


def test_warping_error_of_membranes_is_that_of_splits_and_mergers():
    parted, whole, holed = np.ones((3, 4, 5), int)
    parted[:, 2] = 0
    holed[1, 1] = 0
    data = tu.data.Dataset([np.zeros((4, 5, 1))] * 3, [parted, whole, whole])
    assert membrane_scores.warping_error([whole, parted, holed], data) == pytest.approx(5 / 60)


def pairs_of_one_slice(found, truth):
    """Pairs of pixels within true segments: joined by both, by the prediction, by the truth."""
    pixels = [
        (f or -1 - i, t) for i, (f, t) in enumerate(zip(found.flat, truth.flat, strict=True)) if t
    ]
    both = predicted = true = 0
    for (f, t), (g, u) in itertools.combinations(pixels, 2):
        both += f == g and t == u
        predicted += f == g
        true += t == u
    return np.array([both, predicted, true])


def test_pairs_of_pixels_are_counted_over_all_slices_together():
    rng = np.random.default_rng(5)
    masks = [rng.random((7, 9)) < share for share in (0.9, 0.5, 0.6)]
    truths = [ndimage.label(rng.random((7, 9)) < share)[0] for share in (0.5, 0.8, 0.4)]
    slices = tu.data.Dataset(
        [m[..., None] * 1.0 for m in masks], [1 * (t > 0) for t in truths], truths
    )
    found = [tu.metrics.segments(mask) for mask in masks]
    both, predicted, true = sum(map(pairs_of_one_slice, found, truths))
    error = membrane_scores.rand_error(masks, slices)
    assert error == pytest.approx(1 - 2 * both / (predicted + true))
    assert abs(error - np.mean(list(map(tu.metrics.rand_error, found, truths)))) > 0.01

    # With replacement and thinned: the probabilities of all slices as one.
    thin = [tu.metrics.thinned(f) for f in found]
    pixels = sum(np.count_nonzero(t) for t in truths)
    both, predicted, true = 2 * sum(map(pairs_of_one_slice, thin, truths)) + pixels
    assert membrane_scores.v_rand(masks, slices) == pytest.approx(2 * both / (predicted + true))


def test_to_know_the_slice_of_a_pixel_is_no_information():
    truth = np.repeat([[1, 1, 0, 2, 2]], 4, axis=0)
    slices = tu.data.Dataset([np.zeros((4, 5, 1))] * 2, [1 * (truth > 0)] * 2, [truth] * 2)
    everything = np.ones((4, 5), bool)
    assert membrane_scores.v_info([everything] * 2, slices) == 0
    assert membrane_scores.v_info([truth > 0, everything], slices) == 0.5


def test_elastic_deformation_is_all_that_its_arm_adds():
    rigid, elastic = (
        AUGMENTS[augment] for name, *_, augment in nuclei.ARMS if name[11:] in ("rigid", "elastic")
    )
    assert elastic.elastic > 0
    assert rigid == dataclasses.replace(elastic, elastic=0.0)


def test_results_of_another_version_are_not_mixed(finished, tmp_path):
    folder = shutil.copytree(finished, tmp_path / "old")
    for path in (folder / "runs").iterdir():
        record = json.loads(path.read_text())
        del record["version of results"]  # as the first version wrote them
        path.write_text(json.dumps(record))
    with pytest.raises(ValueError, match="nuclei-plain-0: another version of tinyunet made it"):
        do(folder, ["nuclei"])


# ---------------------------------------------------------------------- statistics


def records_with(**values):
    """A record for each seed, with one column of each row."""
    count = len(next(iter(values.values())))
    return [
        {"seed": seed, "steps": 5, "rows": {name: {"SEG": v[seed]} for name, v in values.items()}}
        for seed in range(count)
    ]


def test_mean_deviation_and_count():
    row = statistics.collect(records_with(a=[0.5, 0.7, 0.9]))["a"]
    assert row.mean("SEG") == pytest.approx(0.7)
    assert row.deviation("SEG") == pytest.approx(0.2)
    assert row.count == 3
    single = statistics.collect(records_with(a=[0.5]))["a"]
    assert single.deviation("SEG") is None


def test_a_difference_is_judged_by_what_seeds_make():
    # Differences -.1, -.1, 0: their mean -.0667, their deviation .0577, 4.303 .0577 / sqrt(3) = .143.
    near = statistics.collect(records_with(a=[0.5, 0.7, 0.9], b=[0.6, 0.8, 0.9]))
    assert "-0.067, within the ±0.143" in statistics.compare(near, "a", "b", "SEG")
    # The same difference with every seed is no chance, however much the seeds differ.
    far = statistics.collect(records_with(a=[0.5, 0.6, 0.701], b=[0.52, 0.62, 0.72]))
    assert "-0.020, more than the ±0.001" in statistics.compare(far, "a", "b", "SEG")
    # A row without seeds is compared with all of the other's.
    fixed = {"seed": None, "steps": 0, "rows": {"c": {"SEG": 0.4}}}
    mixed = statistics.collect([*records_with(a=[0.5, 0.6]), fixed])
    assert "0.400 (+0.150, within the ±0.635" in statistics.compare(mixed, "a", "c", "SEG")
    one = statistics.collect(records_with(a=[0.5], b=[0.8]))
    assert "one seed" in statistics.compare(one, "a", "b", "SEG")
    assert statistics.compare(one, "a", "missing", "SEG") == ""


def test_only_seeds_that_both_rows_have_are_compared():
    records = [
        {"seed": seed, "steps": 5, "rows": {name: {"SEG": value}}}
        for name, seed, value in (("a", 0, 0.5), ("a", 2, 0.8), ("b", 1, 0.1), ("b", 2, 0.7))
    ]
    sentence = statistics.compare(statistics.collect(records), "a", "b", "SEG")
    assert "a 0.800, b 0.700 (+0.100; with one seed" in sentence
    assert statistics.compare(statistics.collect(records[:3]), "a", "b", "SEG") == ""


# ---------------------------------------------------------------------- the report


class Page(HTMLParser):
    """Reads a page; every tag has to be closed in turn."""

    EMPTY = ("meta", "img", "br", "hr", "link", "input")

    def __init__(self, text):
        super().__init__()
        self.open, self.words, self.images, self.addresses, self.ids = [], [], [], [], set()
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.ids.add(attrs.get("id"))
        self.addresses += [attrs[k] for k in ("src", "href") if k in attrs]
        if tag == "img":
            self.images.append(attrs)
        if tag not in self.EMPTY:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)


def test_the_report_is_one_page_with_every_table_and_picture(finished):
    page = Page((finished / "report.html").read_text(encoding="utf-8"))
    text = "".join(page.words)
    for name in WITH_TORCH:
        experiment = experiments.EXPERIMENTS[name]
        assert name in page.ids
        assert experiment.title in text
        for table in experiment.tables:
            assert table.title in text
            for words in (*(c.title for c in table.columns), *table.rows, *table.published):
                assert words in text, words
        for words in experiment.protocol:
            assert words.replace("`", "") in text
    pictures = [figure for record in read_all(finished) for figure in record["figures"]]
    assert len(page.images) > len(pictures) > 5
    for image in page.images:
        assert base64.b64decode(image["src"].partition("base64,")[2]).startswith(b"\x89PNG")
        assert image["alt"]
    assert all(address.startswith(("data:image/png", "#")) for address in page.addresses)
    assert "synthetic-cells" in text
    assert "tinyunet data fetch isbi2012" in text
    assert "--steps membranes=2,nuclei=2,rates=2,seams=3" in text
    assert f"TINYUNET_NUM_THREADS={num_threads()} tinyunet reproduce nuclei membranes" in text
    assert '{"class_weights": "balanced", "w0": 10.0, "sigma": 5.0}' in text  # "paper" spelled out


def test_the_report_gives_mean_deviation_and_n(finished, tmp_path):
    for seed, value in enumerate((0.25, 0.35, 0.45)):
        record = json.loads((finished / "runs/nuclei-plain-0.json").read_text())
        record.update(seed=seed, figures=[], steps=77)
        record["rows"]["no weight map"]["SEG"] = value
        path = tmp_path / f"runs/nuclei-plain-{seed}.json"
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(record))
    text = report.write(tmp_path, {}, ["nuclei-weights-0"]).read_text(encoding="utf-8")
    line = next(line for line in text.splitlines() if ">no weight map<" in line)
    assert '<td>0.350 <span class="sd">± 0.100</span></td>' in line
    assert re.search(r"<td>3</td><td>77</td></tr>$", line)
    assert "1 runs are still to come (nuclei-weights-0)" in text


def test_without_real_data_the_report_says_how_to_get_it(tmp_path):
    planned, left_out = plan(["nuclei", "membranes"], Options())
    assert planned == []
    page = Page(report.write(tmp_path, left_out).read_text(encoding="utf-8"))
    text = "".join(page.words)
    assert "left out" in text
    assert "tinyunet data fetch dsb2018" in text
    assert "tinyunet data fetch isbi2012" in text


def test_what_needs_no_real_data_runs_without_it():
    planned, left_out = plan(["seams"], Options())
    assert len(planned) == 6
    assert not left_out
    assert planned[0].source.name == "synthetic-membranes"


def test_a_run_that_diverges_does_not_stop_the_others(tmp_path, monkeypatch, capsys):
    step = training.training_step

    def diverge(model, *arguments):
        return np.nan if model.padding == "same" else step(model, *arguments)

    monkeypatch.setattr(training, "training_step", diverge)
    assert (
        command("seams", "--quick", "--steps", 2, "--out", tmp_path, monkeypatch=monkeypatch) == 1
    )
    said = capsys.readouterr()
    assert "seams-same-0 failed: the loss became nan at step 1" in said.err
    assert [record["name"] for record in read_all(tmp_path)] == ["seams-valid"]
    text = " ".join(Page((tmp_path / "report.html").read_text()).words)
    assert "Failed, and in no table: seams-same-0. The loss became nan at step 1" in text
    assert "still to come" not in text
    assert not (tmp_path / "unfinished").exists()


@pytest.mark.skipif("torch" not in WITH_TORCH, reason="PyTorch is not installed")
def test_equal_seconds_need_a_finished_run_of_each_library(tmp_path, monkeypatch):
    options = Options(quick=True, seeds=1, steps={"torch": 2})
    planned, _ = plan(["torch"], options)
    failures = {}
    with monkeypatch.context() as patch:
        patch.setattr(training, "training_step", lambda *arguments: np.nan)
        running.run_all(planned, options, tmp_path, lambda line: None, failures)
    assert list(failures) == ["torch-tinyunet-0", "torch-seconds-0"]
    assert "equal seconds are unknown" in failures["torch-seconds-0"]
    assert [record["name"] for record in read_all(tmp_path)] == ["torch-steps"]
    report.write(tmp_path, {}, failures=failures)


def test_a_run_that_diverged_starts_afresh(tmp_path, monkeypatch):
    """Not where it failed, which by then other runs' steps may contradict."""
    only, options = ("nuclei-plain", "nuclei-weights"), Options(quick=True, seeds=1, minutes=1e-6)
    planned = [item for item in plan(["nuclei"], options)[0] if item.run.name in only]
    step, failures = training.training_step, {}

    def diverge(model, *arguments):
        return np.nan if not read_all(tmp_path) and not failures else step(model, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(training, "training_step", diverge)
        running.run_all(planned, options, tmp_path, lambda line: None, failures)
    assert list(failures) == ["nuclei-plain-0"]
    do(tmp_path, ["nuclei"], options, only)
    assert len({record["steps"] for record in read_all(tmp_path)}) == 1


def test_nothing_to_do_is_no_success(tmp_path, monkeypatch, capsys):
    assert command("membranes", "--out", tmp_path / "none", monkeypatch=monkeypatch) == 2
    assert "data fetch isbi2012" in capsys.readouterr().err
    assert not (tmp_path / "none").exists()


def test_without_pytorch_the_race_is_left_out(monkeypatch):
    monkeypatch.setattr(running, "_installed", lambda package: False)
    planned, left_out = plan(["torch"])
    assert planned == []
    assert "pip install torch" in left_out["torch"]


# ---------------------------------------------------------------------- mistakes


def command(*arguments, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["tinyunet", "reproduce", *map(str, arguments)])
    with pytest.raises(SystemExit) as stopped:
        cli.main()
    return stopped.value.code


def test_the_command_does_all_this(tmp_path, monkeypatch, capsys):
    arguments = ("seams", "--quick", "--steps", 1, "--out", tmp_path / "out")
    assert command(*arguments, monkeypatch=monkeypatch) == 0
    assert "the report is in" in capsys.readouterr().out
    assert (tmp_path / "out/report.html").exists()
    assert command(*arguments, monkeypatch=monkeypatch) == 0
    assert capsys.readouterr().out.count("done before") == 2

    other = (*arguments[:3], 2, *arguments[4:])
    assert command(*other, monkeypatch=monkeypatch) == 2
    error = capsys.readouterr().err
    assert "holds runs of other settings" in error
    assert "seams-same-0: steps is 1 there, 2 asked for" in error

    (tmp_path / "out/runs/seams-same-0.json").write_text('{"name":')
    assert command(*arguments, monkeypatch=monkeypatch) == 2
    assert "seams-same-0.json is no complete record" in capsys.readouterr().err


def test_an_interrupted_command_says_how_to_go_on(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(training, "training_step", CtrlC(1))
    arguments = ("seams", "--quick", "--steps", 2, "--out", tmp_path)
    assert command(*arguments, monkeypatch=monkeypatch) == 1
    said = capsys.readouterr()
    assert "2 runs are still to come" in said.err
    assert "report.html" in said.out
    # What has begun counts as well: it must not go on with other settings.
    assert command(*arguments[:3], 3, *arguments[4:], monkeypatch=monkeypatch) == 2


MISTAKES = {
    "unknown experiment": (("neurons",), "choose from nuclei, membranes, rates, seams, torch"),
    "a file for a folder": (("seams", "--quick", "--out", "file"), "is a file"),
    "no seed": (("--seeds", "0"), "seeds must be at least 1"),
    "no time": (("--minutes", "0"), "minutes must be above 0"),
    "unknown group": (("--steps", "cells=3"), "knows no 'cells'"),
    "no number": (("--steps", "nuclei=many"), "got 'many'"),
    "no steps": (("--steps", "0"), "whole numbers from 1"),
    "both lengths": (("--steps", "3", "--minutes", "1"), "not both"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes_end_with_code_2_and_a_clear_word(name, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("no folder")
    arguments, message = MISTAKES[name]
    assert command(*arguments, monkeypatch=monkeypatch) == 2
    assert message in capsys.readouterr().err
    assert {path.name for path in tmp_path.iterdir()} == {"file"}


def test_a_user_sees_no_traceback(tmp_path):
    call = [sys.executable, "-m", "tinyunet", "reproduce", "neurons"]
    done = subprocess.run(call, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert done.stderr.startswith("error: there is no experiment 'neurons'")
