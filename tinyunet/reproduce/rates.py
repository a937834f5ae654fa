"""The learning rate of the paper's recipe, which the paper does not name: a sweep."""

from __future__ import annotations

import math

import numpy as np
from matplotlib.figure import Figure

from tinyunet import metrics
from tinyunet.data import Dataset
from tinyunet.networks.unet import UNet
from tinyunet.reproduce import pictures
from tinyunet.reproduce.membranes import load_slices, slice_settings
from tinyunet.reproduce.sources import Source
from tinyunet.reproduce.statistics import Row, collect, compare
from tinyunet.reproduce.training import learn, prepare
from tinyunet.reproduce.words import Column, Experiment, Job, Options, Outcome, Record, Run, Table
from tinyunet.runs.settings import RECIPES
from tinyunet.segmentation.tiles import predict_image

RATES = (1e-4, 3e-4, 1e-3, 3e-3, 1e-2)
NAMES = {f"rates-{rate:g}": f"rate {rate:g}" for rate in RATES}
CHOSEN = f"rate {RECIPES['paper']['lr']:g}"  # what `--recipe paper` takes
STEPS, QUICK_STEPS = 100, 30
SMALL = {"base_channels": 8, "depth": 3}  # of --quick
LAST = 0.2  # the share of the steps whose mean loss is reported


def make_runs(options: Options, source: Source) -> list[Run]:
    """The paper's recipe at every rate, with every seed."""
    small, usual = (SMALL, QUICK_STEPS) if options.quick else ({}, STEPS)
    runs = []
    for seed in range(options.seeds):
        for name, rate in zip(NAMES, RATES, strict=True):
            settings = slice_settings(options, source, recipe="paper", lr=rate, **small)
            runs.append(Run(name, seed, settings, train, "rates", usual))
    return runs


def train(job: Job) -> Outcome:
    """Train at one rate and score the validation slices; a loss without bounds is a result, too."""
    slices = load_slices(job)
    ready = prepare(job, (slices["train"],))
    history = learn(job, ready, slices["train"], None, may_diverge=True)
    scores = {"finite": float(len(history.loss))}
    if not history.stopped:
        tail = history.loss[-max(1, math.ceil(LAST * len(history.loss))) :]
        scores["loss"] = float(np.mean(tail))
        scores["pixel error"] = pixel_error(ready.model, slices["validation"])
    facts = {"stopped": history.stopped}
    return Outcome({NAMES[job.run.name]: scores}, history.total_steps, history.loss, facts)


def pixel_error(model: UNet, slices: Dataset) -> float:
    """The share of all pixels that are wrong."""
    found = [predict_image(model, image).argmax(2) for image in slices.images]
    return metrics.pixel_error(np.stack(found), np.stack(slices.labels))


def finite_rows(records: list[Record]) -> dict[str, Row]:
    """The rates whose loss stayed finite with every seed."""
    rows = collect(records)
    return {n: row for n, row in rows.items() if len(row.values.get("loss", ())) == row.count}


def findings(records: list[Record]) -> list[str]:
    """Say which rate did best, whether that is the recipe's, and which rates are too high."""
    rows, sentences = finite_rows(records), []
    if rows:
        best = min(rows, key=lambda name: rows[name].mean("pixel error"))
        sentence = f"Best after these steps: {best}"
        if best == CHOSEN:
            others = [name for name in rows if name != best]
            second = min(others, key=lambda name: rows[name].mean("pixel error"), default="")
            against = compare(rows, best, second, "pixel error", ".4f", "Pixel error")
            sentences.append(f"{sentence}, which is the recipe's. {against}".rstrip())
        else:
            against = compare(rows, CHOSEN, best, "pixel error", ".4f", "Pixel error")
            sentences.append(f"{sentence}; the recipe has another. {against}")
    stopped = [record["name"] for record in records if record["facts"]["stopped"]]
    sentences += [
        f"The loss became infinite or NaN at {row}, in {stopped.count(name)} of the runs."
        for name, row in NAMES.items()
        if name in stopped
    ]
    return sentences


def charts(records: list[Record]) -> list[tuple[str, Figure]]:
    """Loss and pixel error of every rate, a dot for each seed."""
    rows = finite_rows(records)
    if not rows:
        return []
    columns = {"loss": "training loss", "pixel error": "pixel error"}
    figure = pictures.dots(rows, tuple(NAMES.values()), columns)
    return [("A dot for each seed, a line for their mean.", figure)]


EXPERIMENT = Experiment(
    name="rates",
    title="Rates: the learning rate that the paper does not name",
    question="The paper trains by stochastic gradient descent with momentum 0.99 on one large tile "
    "at a time, but names no learning rate. Which ones work?",
    data="isbi2012",
    stand_in="synthetic-membranes",
    needs_real=True,
    make_runs=make_runs,
    tables=(
        Table(
            "The paper's recipe at several learning rates",
            (
                Column("finite", "steps with a finite loss", ".0f"),
                Column("loss", "training loss, last fifth of the steps", ".3f"),
                Column("pixel error", "pixel error, validation slices", ".4f"),
            ),
            tuple(NAMES.values()),
            note="The loss is weighted by the paper's map, so that 0.69 is no chance level. Pixel "
            "error: 1 − accuracy at 0.5. Both only of seeds whose loss stayed finite.",
        ),
    ),
    findings=findings,
    charts=charts,
    protocol=(
        "All of `--recipe paper` but the rate: 64 channels at full resolution and depth 4, tiles of "
        "388 pixels of output one at a time, momentum 0.99, weight map, dropout, elastic deformation.",
        "What is scored is the network after the last step, on slices 18 to 20: those that also "
        "choose thresholds in the experiment on membranes, never its test slices.",
        "The rate rises over the first 20 steps and falls to 0 along half a cosine until the last. "
        "A sweep of few steps favours higher rates than ten hours of training would bear.",
    ),
)  # fmt: skip
