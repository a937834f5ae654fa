"""Seams: what happens at the borders of tiles, and when nothing happens at all."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from tinyunet.data import Dataset
from tinyunet.networks.unet import UNet
from tinyunet.reproduce import pictures
from tinyunet.reproduce.membranes import load_slices, slice_settings
from tinyunet.reproduce.sources import Source
from tinyunet.reproduce.statistics import collect
from tinyunet.reproduce.training import learn, prepare
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
from tinyunet.segmentation.tiles import RIM, Axis, predict_image, stitch

STEPS, QUICK_STEPS = 200, 30
TILE, QUICK_TILE = 120, 56  # pixels of the image from one aligned tile to the next
SAME = "same padding, tiles edge to edge"
RIMMED = f"same padding, {RIM} pixels of each tile left out"
OVERLAPPED = "same padding, all that zeros reach left out"
MISALIGNED = "valid, tiles edge to edge (misaligned)"
ALIGNED = "valid, aligned"
EQUAL = 1e-5  # a difference in probability that is rounding only


def make_runs(options: Options, source: Source) -> list[Run]:
    """A network with same and one with valid padding, with every seed."""
    runs = []
    for seed in range(options.seeds):
        for padding in ("same", "valid"):
            settings = slice_settings(options, source, padding=padding, weights="none")
            settings["tile"] = QUICK_TILE if options.quick else TILE
            usual = QUICK_STEPS if options.quick else STEPS
            runs.append(Run(f"seams-{padding}", seed, settings, train, "seams", usual))
    return runs


def train(job: Job) -> Outcome:
    """Train a network for a while and predict a slice in one piece and in tiles."""
    slices = load_slices(job)
    train_part, test = slices["train"], slices["test"]
    ready = prepare(job, (train_part,))
    history = learn(job, ready, train_part, None)
    whole, tiled = predict_in_tiles(ready.model, test, job.run.settings["tile"])
    rows, maps = {}, {}
    for name, probabilities in tiled.items():
        difference = np.abs(probabilities - whole)
        maps[name] = difference
        rows[name] = {
            "largest": float(difference.max()),
            "mean": float(difference.mean()),
            "turned": float(100 * np.mean((probabilities > 0.5) != (whole > 0.5))),
        }
    outcome = Outcome(rows, history.total_steps, history.loss)
    if job.illustrated:
        caption = "The first test slice: the probability of cell, and what tiles change in it."
        outcome.figures = {caption: pictures.seam_map(test.images[0], whole, maps)}
    return outcome


def predict_in_tiles(
    model: UNet, test: Dataset, tile: int
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """The probability of cell in the first image: from the whole, and by each way to tile it."""
    image = test.images[0]
    whole = predict_image(model, image)
    if model.padding == "same":

        def axis(side: int, rim: int) -> Axis:
            """Tiles from which as much is used as from a valid network's, with a rim left out."""
            within = model.input_size(side, side)[0]
            reads = min(tile + 2 * rim, within)
            return Axis(side, reads, reads - 2 * rim, tile, within)

        def tiles(rim: int) -> np.ndarray:
            return stitch(model, image, *(axis(side, rim) for side in image.shape[:2]))

        tiled = {
            SAME: tiles(0),
            RIMMED: tiles(RIM),
            OVERLAPPED: predict_image(model, image, tile=tile + 2 * model.reach),
        }
    else:
        reads = model.input_size(tile, tile)[0]
        gives = model.output_size(reads, reads)[0]
        # From three poolings on, what comes out of a valid network is no multiple of 2^depth. So the
        # obvious stride, as far as the output reaches, puts tiles at other places of the pooling grid.
        edge_to_edge = [Axis(side, reads, gives, stride=gives) for side in image.shape[:2]]
        tiled = {
            MISALIGNED: stitch(model, image, *edge_to_edge),
            ALIGNED: predict_image(model, image, tile=reads),
        }
    return whole[..., 1], {name: probabilities[..., 1] for name, probabilities in tiled.items()}


def findings(records: list[Record]) -> list[str]:
    """Say whether aligned tiles equal the whole, and how far the others are from it."""
    rows = collect(records)
    sentences = []
    if ALIGNED in rows:
        worst = max(rows[ALIGNED].values["largest"])
        verdict = "equal" if worst < EQUAL else "DO NOT EQUAL"
        sentences.append(
            f"Aligned valid tiles {verdict} the whole image at once: the largest difference of a "
            f"probability, with any seed, is {worst:.1e} (allowed: {EQUAL:.0e})."
        )
    sentences += [
        f"{name}: probabilities change by up to {rows[name].mean('largest'):.2g}, and "
        f"{rows[name].mean('turned'):.2g} % of the pixels change class."
        for name in (MISALIGNED, SAME, RIMMED, OVERLAPPED)
        if name in rows
    ]
    return sentences


def charts(records: list[Record]) -> list[tuple[str, Figure]]:
    """The seam maps of the runs say it all."""
    return []


EXPERIMENT = Experiment(
    name="seams",
    title="Seams: tiles against the whole image",
    question="Large images are predicted in tiles. With same padding every tile sees zeros at its "
    "border, where its neighbour sees the image. A valid network sees the image only, and yet its "
    "tiles do not fit, unless they lie at multiples of 2^depth: only then do all poolings meet the "
    "same pixels (Rumberger et al. 2021, arXiv:2101.05846).",
    data="isbi2012",
    stand_in="synthetic-membranes",
    needs_real=False,
    make_runs=make_runs,
    tables=(
        Table(
            "How far tiles are from the whole image at once",
            (
                Column("largest", "largest change of a probability", ".1e"),
                Column("mean", "mean change", ".1e"),
                Column("turned", "pixels that change class, %", ".3f"),
            ),
            (SAME, RIMMED, OVERLAPPED, MISALIGNED, ALIGNED),
            note="In one test slice. tinyunet predict always lays tiles aligned, and with same padding "
            f"leaves out all that zeros reach, or {RIM} pixels of tiles too small for that.",
        ),
    ),
    findings=findings,
    charts=charts,
    protocol=(
        "Two networks, alike but for their padding, are trained for a fixed number of steps on the "
        "training slices of the membranes: long enough that their predictions have something to lose.",
        "Around the image, whole and tiles see the same: its mirror image where the network is valid, "
        "zeros where it has same padding.",
        "The paper's own figure: 572 pixels go in and 388 come out, which is no multiple of 16. Laid "
        "edge to edge, its tiles are misaligned by 4 pixels more with every tile.",
    ),
)  # fmt: skip
