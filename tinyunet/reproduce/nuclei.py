"""Touching nuclei: what the weight map is good for, and how far ten images go."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from tinyunet import metrics, plots
from tinyunet.data import Dataset, separate, weight_map
from tinyunet.data.weightmap import WEIGHTS
from tinyunet.networks.unet import UNet
from tinyunet.reproduce import pictures
from tinyunet.reproduce.sources import Source, corner
from tinyunet.reproduce.statistics import collect, compare
from tinyunet.reproduce.training import learn, prepare
from tinyunet.reproduce.words import (
    Column,
    Experiment,
    Job,
    Options,
    Outcome,
    Record,
    Rows,
    Run,
    Table,
    training_settings,
)
from tinyunet.segmentation import evaluation
from tinyunet.segmentation.cells import instances
from tinyunet.segmentation.thresholds import choose_threshold
from tinyunet.segmentation.tiles import predict_image

FEW = 10
# (file name, row of the tables, training images or None for all, weights, augmentation)
ARMS = (
    ("nuclei-plain", "no weight map", None, "none", "flips"),
    ("nuclei-weights", "weight map", None, "auto", "flips"),
    ("nuclei-paper", "weight map as in the paper", None, "paper", "flips"),
    ("nuclei-ten-none", "ten images, no augmentation", FEW, "auto", "none"),
    ("nuclei-ten-rigid", "ten images, rigid", FEW, "auto", "any-angle"),
    ("nuclei-ten-elastic", "ten images, rigid and elastic", FEW, "auto", "elastic"),
)
NAMES = {name: row for name, row, *_ in ARMS}
REFERENCES = ("Otsu + components", "Otsu + distance peaks", "perfect mask", "perfect mask, parted")
SMALL = {"batch_size": 4, "window": 64}  # of --quick
LIMITS = {"train": 24, "validation": 3, "test": 6}  # images, with --quick
SIDE = 128  # pixels of a synthetic image, and with --quick of a real one
QUICK_STEPS = 60


def cells_settings(options: Options, source: Source, **chosen: str) -> dict:
    """Settings of a run on cells; the same for the race against PyTorch."""
    small = SMALL if options.quick else {}
    return {
        **training_settings(data=source.name, images=40, size=SIDE, **small, **chosen),
        "limits": LIMITS if options.quick else None,
        "largest side": SIDE if options.quick else None,
    }


def make_runs(options: Options, source: Source) -> list[Run]:
    """The references, and every arm with every seed."""
    usual = options.usual_steps(QUICK_STEPS)
    runs = [Run("nuclei-references", None, cells_settings(options, source), look_up)]
    for seed in range(options.seeds):
        for name, _, few, weights, augment in ARMS:
            settings = cells_settings(options, source, weights=weights, augment=augment)
            settings["training images"] = few
            runs.append(Run(name, seed, settings, train, "nuclei", usual))
    return runs


def load_parts(job: Job) -> tuple[Dataset, Dataset, Dataset]:
    """Train, validation and test images; the seed draws which ones a few are."""
    settings, limits = job.run.settings, job.run.settings["limits"]
    training = settings["training"]
    data = job.source.load(training["images"], training["size"])
    parts = data.split(seed=training["split_seed"])
    if limits:
        parts = tuple(
            corner(part.subset(range(min(limit, len(part)))), settings["largest side"])
            for part, limit in zip(parts, limits.values(), strict=True)
        )
    few = settings.get("training images")
    if few:
        order = np.random.default_rng(job.run.seed).permutation(len(parts[0]))
        parts = parts[0].subset(sorted(order[:few])), *parts[1:]
    return parts


def look_up(job: Job) -> Outcome:
    """Score what learns nothing, and what cannot be beaten."""
    test = load_parts(job)[2]
    rows = {name: summed(scores) for name, scores in evaluation.references(test).items()}
    return Outcome(rows, facts={"true cells": count_cells(test), "test images": len(test)})


def train(job: Job) -> Outcome:
    """Train one arm and score it on the test images."""
    parts = load_parts(job)
    ready = prepare(job, parts)
    history = learn(job, ready, *parts[:2])
    row = NAMES[job.run.name]
    outcome = Outcome(score(ready.model, parts, row), history.total_steps, history.loss)
    outcome.rows[row]["merged in mask"] = merged_in_mask(ready.model, parts[2])
    outcome.facts = {"training images": len(parts[0]), "best step": history.best_step}
    if job.illustrated and job.run.name in ("nuclei-plain", "nuclei-weights"):
        threshold = outcome.rows[row]["threshold"]
        outcome.figures = draw(ready.model, parts, row, threshold, "weights" in job.run.name)
    return outcome


def score(model: UNet, parts: tuple[Dataset, Dataset, Dataset], row: str) -> Rows:
    """Scores of a model on the test images, as the row of a table."""
    _, validation, test = parts
    threshold = choose_threshold(model, validation)
    scores = summed(evaluation.evaluate(model, test, threshold=threshold))
    return {row: {**scores, "threshold": threshold}}


def merged_in_mask(model: UNet, test: Dataset) -> int:
    """How many true cells share a connected part of the mask at 0.5, before cores part it."""
    masks = [instances(predict_image(model, image), core=None) for image in test.images]
    return sum(map(metrics.merged, masks, test.instances))


def summed(scores: list[dict]) -> dict[str, float]:
    """The mean over images of each score; of merged cells the number in all images."""
    return {**evaluation.mean(scores), "merged": int(sum(image["merged"] for image in scores))}


def count_cells(data: Dataset) -> int:
    """How many cells there are."""
    return int(sum(np.unique(cells[cells > 0]).size for cells in data.instances))


def draw(
    model: UNet, parts: tuple, row: str, threshold: float, with_weights: bool
) -> dict[str, Figure]:
    """Two test images with what was found in them, and perhaps what the weight map looks like."""
    train_part, _, test = parts
    shown = range(min(2, len(test)))
    found = [instances(predict_image(model, test.images[i]), threshold) for i in shown]
    truths = [test.instances[i] for i in shown]
    figures = {
        f"Test images, {row}: merged cells are outlined.": plots.compare(
            [test.images[i] for i in shown], truths, found
        )
    }
    if with_weights:
        maps = [weight_map(separate(c), **WEIGHTS["auto"]) for c in train_part.instances[:10]]
        most = int(np.argmax([weights.sum() for weights in maps]))
        caption = "The weight map of a training image: pixels between close cells count most."
        figures[caption] = plots.weight_map(train_part.images[most], maps[most])
    return figures


def findings(records: list[Record]) -> list[str]:
    """Say what the weight map and augmentation made of the scores."""
    rows = collect(records)
    plain, weighted, paper, *_ = NAMES.values()
    in_mask = ("merged in mask", ".1f", "Merged cells in the mask")
    sentences = []
    for record in records:
        if record["name"] == "nuclei-references":
            facts = record["facts"]
            sentences.append(
                f"{facts['test images']} test images hold {facts['true cells']} cells. Even a perfect "
                f"mask, its cells not parted, merges {rows['perfect mask'].mean('merged'):.0f} of "
                "them."
            )
    sentences += [
        compare(rows, weighted, plain, *in_mask),
        compare(rows, weighted, plain, "merged", ".1f", "Merged cells, after parting"),
        compare(rows, paper, plain, *in_mask),
        compare(rows, weighted, plain, "SEG"),
        compare(rows, paper, plain, "SEG"),
        compare(rows, weighted, "Otsu + distance peaks", "SEG"),
        compare(rows, "ten images, rigid", "ten images, no augmentation", "SEG"),
        compare(rows, "ten images, rigid and elastic", "ten images, rigid", "SEG"),
    ]
    return [sentence for sentence in sentences if sentence]


def charts(records: list[Record]) -> list[tuple[str, Figure]]:
    """SEG and merged cells, a dot for each seed."""
    rows, order = collect(records), [*NAMES.values(), *REFERENCES]
    figure = pictures.dots(rows, order, {"SEG": "SEG", "merged": "merged cells"})
    return [("A dot for each seed, a line for their mean; diamonds need no training.", figure)]


COLUMNS = (
    Column("SEG", "SEG"),
    Column("F1", "F1"),
    Column("IoU", "IoU"),
    Column("threshold", "threshold", ".2f"),
    Column("merged in mask", "merged in the mask", ".1f"),
    Column("merged", "merged cells", ".1f"),
)
EXPERIMENT = Experiment(
    name="nuclei",
    title="Nuclei: the weight map, and ten images",
    question="Touching nuclei are found one by one only where the line between them is found. Does "
    "the paper's weight map help with that line? And does augmentation make up for few images, as "
    "the paper says?",
    data="dsb2018",
    stand_in="synthetic-cells",
    needs_real=True,
    make_runs=make_runs,
    tables=(
        Table(
            "All training images",
            COLUMNS,
            ("no weight map", "weight map", "weight map as in the paper", *REFERENCES),
            note="SEG: overlap of each true cell with the one found for it. F1: cells found, at an "
            "IoU above 0.5. Both are means over images, with few cells or many. Merged cells: true "
            "cells that share a predicted one, in all test images; merged in the mask: at 0.5 and "
            "before parts with several cores are parted. A weight map also makes masks thinner at 0.5, "
            "which parts cells, too. The perfect mask knows every foreground pixel, "
            "but not which cell it is of.",
        ),
        Table(
            "Ten training images",
            COLUMNS,
            ("ten images, no augmentation", "ten images, rigid", "ten images, rigid and elastic"),
            note="Rigid: shifts, rotations by any angle, mirror images, gray values. Elastic "
            "deformation is all that the last row adds. The seed also draws which ten images; the "
            "same ten for the three rows.",
        ),
    ),
    findings=findings,
    charts=charts,
    protocol=(
        "Images are split at random, 60 % to train, 20 % to choose the best moment of a training, "
        "20 % to test, the same for all rows and seeds. Also with ten images to train on, the "
        "validation images are used to choose that moment.",
        "Every network is trained to find cells parted by one pixel of background; cells are the "
        "connected parts of what it finds, at the threshold with the best SEG on the validation "
        "images. A part with several cores, connected parts above 0.8, is parted between them.",
        "The paper's weight map has w0 = 10, sigma = 5 pixels and balanced classes. The default "
        "one has sigma = 2 and both classes counting as they come: these nuclei are small. Networks "
        "of the ten images have the default one.",
        "The paper's figures on touching cells (PhC-U373 and DIC-HeLa of the Cell Tracking "
        "Challenge) are of other data and are not repeated here.",
    ),
)
