"""Strokes that say how to colour a drawing: are they obeyed, and where do they end (PaintsChainer)?"""

from __future__ import annotations

import time

import numpy as np
from matplotlib.figure import Figure

from tinyunet.data.sets.line_art import line_art
from tinyunet.data.yuv import yuv_to_rgb
from tinyunet.networks import PaintsChainer
from tinyunet.plots.paintings import paintings
from tinyunet.reproduce import pictures
from tinyunet.reproduce.relatives.recipe import learned, paint, pilots, within
from tinyunet.reproduce.relatives.stroke_scores import commanded, score, unhinted
from tinyunet.reproduce.sources import Source
from tinyunet.reproduce.statistics import collect
from tinyunet.reproduce.words import (
    Column,
    Experiment,
    Job,
    Options,
    Outcome,
    Record,
    Run,
    Table,
)

STEPS, QUICK = 1500, 10
TRAINING = {"lr": 5e-3, "betas": [0.9, 0.999], "batch_size": 8, "schedule": "poly"}
WIDTHS = (12, 24, 32, 48)
DATA = {"test": 99, "size": 32}
SMALL = {"test": 4, "size": 32}  # of --quick
TESTING, APART = 10**9, 10**5  # seeds: of drawings to test on; between those of two trainings
SHOWN = 6  # drawings in the picture
ROW = "L1, strokes"


def make_runs(options: Options, source: Source) -> list[Run]:
    """One network with every seed."""
    usual, data = (QUICK, SMALL) if options.quick else (STEPS, DATA)
    settings = {"widths": WIDTHS, "training": TRAINING, "data": data}
    return [Run("strokes", seed, settings, work, "strokes", usual) for seed in range(options.seeds)]


def work(job: Job) -> Outcome:
    """Train one network on drawings made for each step, and command it on others."""
    settings, seed = job.run.settings, job.run.seed or 0
    training, data = settings["training"], settings["data"]
    model = PaintsChainer(widths=settings["widths"], seed=seed)

    def batch(step: int):
        number = APART * seed + step
        return line_art(training["batch_size"], data["size"], number).pairs(number)

    started = time.process_time()
    history = paint(job, model, batch, schedule=training["schedule"])
    seconds = time.process_time() - started
    art = line_art(data["test"], data["size"], TESTING)
    scores = score(model, art) | {"parameters": learned(model), "seconds": seconds}
    figures = {}
    if job.illustrated:
        some = line_art(SHOWN, data["size"], TESTING)
        truth, order, _ = commanded(some)
        rows = {
            "drawing": np.repeat(2 * some.lines - 1, 3, axis=3),
            "real": _rgb(some.colours),
            "strokes, all true": _rgb(truth[..., 1:]),
            "painted": _rgb(model.predict(truth)),
            "one stroke other": _rgb(order[..., 1:]),
            "painted ": _rgb(model.predict(order)),
            "no strokes": _rgb(model.predict(unhinted(some))),
        }
        figures["Drawings, strokes, and what is painted by them."] = paintings(rows)
    return Outcome({ROW: scores}, len(history), [step.l1 for step in history], figures=figures)


def _rgb(yuv: np.ndarray) -> np.ndarray:
    return 2 * yuv_to_rgb(yuv) - 1


def findings(records: list[Record]) -> list[str]:
    """Say whether strokes are obeyed."""
    return within(collect(records), ROW, "obeyed", 0.8, None)


def charts(records: list[Record]) -> list[tuple[str, Figure]]:
    """Whether strokes are obeyed, and how much leaks, a dot for each seed."""
    rows, columns = collect(records), {"obeyed": "strokes obeyed", "leak": "leak"}
    figure = pictures.dots(rows, (ROW,), columns) if rows else None
    return [("A dot for each seed, a line for their mean.", figure)] if figure else []


PILOTS = pilots(
    "parameters | obeyed | near | far | leak | hinted | unhinted | none | seconds",
    **{
        ROW: "177399 | .916 ± .041 | .075 | .222 ± .03 | .118 ± .008 | .113 | .193 | .187 | 60",
    },
)
EXPERIMENT = Experiment(
    name="strokes",
    title="Strokes: hints are obeyed",
    question="A line drawing does not say which colours it should have. A stroke in a region does. "
    "Is a stroke of another colour than the true one obeyed, how far from it, and does it leak into "
    "other regions (PaintsChainer)?",
    data="",
    stand_in="line-art",
    needs_real=False,
    make_runs=make_runs,
    tables=(
        Table(
            "A stroke of another colour",
            (
                Column("parameters", "parameters", ".0f"),
                Column("obeyed", "obeyed"),
                Column("near", "error to the stroke's colour within 2 px"),
                Column("far", "from 4 px on"),
                Column("leak", "leak"),
                Column("hinted", "error to the true colour, hinted regions"),
                Column("unhinted", "regions without a stroke"),
                Column("none", "no strokes at all"),
                Column("seconds", "processor seconds of training", ".0f"),
            ),
            (ROW,),
            beside=PILOTS,
            note="Obeyed: the region's mean is nearer to the stroke's colour than to the true one. "
            "Leak: how much other regions change, over how much the region of the stroke does. Errors: "
            "the mean of absolute differences in Y, U and V, from -1 to 1.",
        ),
    ),
    findings=findings,
    charts=charts,
    protocol=(
        "Drawings of 32 x 32 pixels, made anew for each step; batches of 8; Adam with a rate of 0.005 "
        "that falls to 0 as (1 - step / steps)^0.9; L1 alone. Tested on 99 others, in eval.",
        "Widths of 12, 24, 32 and 48, three of them below a stride. One drawing in ten has no strokes, "
        "in the others each region has one with a probability of 0.7 to 1. Transposed convolutions "
        "keep the width, as the authors'; in PyTorch they narrowed at once: fewer parameters.",
        "The largest region but the ground has a stroke of red, green, blue or yellow, whichever is "
        "farthest from its true colour; all other regions have true strokes. Leak is against the same "
        "strokes with a true one there as well.",
        "In PyTorch 400 fixed drawings, 600 steps and single pixels in place of strokes were not "
        "obeyed (.38): the colour has to be carried across a region, and that takes steps.",
        "Not here: the authors' adversarial term and the L1 of extracted lines, and their second "
        "network for 512 pixels. At this scale flat regions have no texture to judge.",
    ),
)  # fmt: skip
