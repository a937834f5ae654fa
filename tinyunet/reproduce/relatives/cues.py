"""Cues far away: a network that does not see them guesses, and three ways to see far."""

from __future__ import annotations

import functools
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from tinyunet.data import Dataset
from tinyunet.data.sets.two_cues import two_cues
from tinyunet.losses import SoftmaxCrossEntropy
from tinyunet.losses.class_weights import pixel_weights
from tinyunet.networks import SmallPSPNet
from tinyunet.reproduce import pictures
from tinyunet.reproduce.relatives.fields import effective_field
from tinyunet.reproduce.relatives.recipe import learned, mirrored, pilots, predicted, train
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

STEPS, QUICK = 300, 10
TRAINING = {"lr": 3e-3, "batch_size": 8}
CLASS_WEIGHTS = (0.3, 1.0, 1.0)
DATA = {"train": 300, "test": 100, "size": 65}
SMALL = {"train": 8, "test": 4, "size": 33}  # of --quick
# What SmallPSPNet is made with, by the names of runs, and their rows.
NETWORKS: dict[str, dict[str, Any]] = {
    "none": {"bins": ()},
    "dilated": {"bins": (), "dilations": (2, 4)},
    "dilated-more": {"bins": (), "dilations": (2, 4, 8)},
    "bin1": {"bins": (1,)},
    "bins": {"bins": (1, 2, 3, 6)},
}
ROWS = {
    "none": "no pyramid",
    "dilated": "dilated 2, 4",
    "dilated-more": "dilated 2, 4, 8",
    "bin1": "bin 1 alone",
    "bins": "bins 1, 2, 3, 6",
}
ONE = ", one cue"  # added to a row's name


def make_runs(options: Options, source: Source) -> list[Run]:
    """Every network with one cue and with two, with every seed."""
    usual, data = (QUICK, SMALL) if options.quick else (STEPS, DATA)
    return [
        Run(
            f"cues-{cues}-{name}", seed,
            {"network": made, "cues": cues, "training": TRAINING, "data": data},
            work, "cues", usual,
        )
        for seed in range(options.seeds)
        for cues in ("two", "one")
        for name, made in NETWORKS.items()
    ]  # fmt: skip


@functools.lru_cache(maxsize=2)
def load(differ: bool, train: int, test: int, size: int) -> tuple[Dataset, Dataset]:
    """Blobs to train on, and others to test on."""
    return two_cues(train, size, 0, differ=differ), two_cues(test, size, 1, differ=differ)


def work(job: Job) -> Outcome:
    """Train one network and see how many blobs it names rightly."""
    settings = job.run.settings
    images, test = load(settings["cues"] == "two", **settings["data"])
    model = SmallPSPNet(1, 3, **settings["network"], seed=job.run.seed)
    fields = effective_field(model)
    weights = [pixel_weights(labels, CLASS_WEIGHTS) for labels in images.labels]
    started = time.process_time()
    history = train(job, model, images, SoftmaxCrossEntropy(), mirrored, weights)
    seconds = time.process_time() - started
    right, iou = score(predicted(model, test).argmax(3), test.labels)
    scores = {"right": right, "IoU": iou, "parameters": learned(model), "seconds": seconds}
    row = ROWS[job.run.name.split("-", 2)[2]] + ("" if settings["cues"] == "two" else ONE)
    return Outcome({row: scores | fields}, history.total_steps, history.loss)


def score(found: np.ndarray, truth: Sequence[np.ndarray]) -> tuple[float, float]:
    """The share of found blob pixels with the right class, and the IoU of blobs of either class."""
    t = np.stack(truth)
    both = (found > 0) & (t > 0)
    right = float((found == t)[both].mean()) if both.any() else 0.5
    return right, float(both.sum() / max(1, ((found > 0) | (t > 0)).sum()))


def findings(records: list[Record]) -> list[str]:
    """Say who is at chance and who is not."""
    rows, sentences = collect(records), []
    expected = {
        ROWS["none"]: (0.0, 0.6), ROWS["bin1"]: (0.0, 0.6), ROWS["bins"]: (0.9, 1.0),
        ROWS["none"] + ONE: (0.0, 0.6), ROWS["bin1"] + ONE: (0.9, 1.0),
    }  # fmt: skip
    for row, (least, most) in expected.items():
        if row in rows:
            share = rows[row].mean("right")
            held = "holds" if least <= share <= most else "DOES NOT HOLD"
            wanted = f"above {least:g}" if least else f"below {most:g}"
            cues = "" if row.endswith(ONE) else ", two cues"
            sentences.append(f"{row}{cues}: {share:.3f} ({wanted} was expected: {held}).")
    return sentences


def charts(records: list[Record]) -> list[tuple[str, Figure]]:
    """Who names blobs rightly, a dot for each seed."""
    rows, order = collect(records), [row + cues for cues in ("", ONE) for row in ROWS.values()]
    figure = pictures.dots(rows, order, {"right": "right class"})
    return [("A dot for each seed, a line for their mean; 0.5 is chance.", figure)] if rows else []


COLUMNS = (
    Column("parameters", "parameters", ".0f"),
    Column("field", "receptive field, px", ".0f"),
    Column("effective", "95 % of the gradient", ".0f"),
    Column("right", "found blob pixels with the right class"),
    Column("IoU", "IoU of blobs"),
    Column("seconds", "processor seconds of training", ".1f"),
)
PILOTS = pilots(
    "parameters | field | effective | right | seconds",
    **{
        "no pyramid": "38595 | 35 | 25 | .516 ± .007 | 3",
        "dilated 2, 4": "38595 | 67 | 55 | .701 ± .007 | 5",
        "dilated 2, 4, 8": "47875 | 131 | 111 | 1.000 | 7",
        "bin 1 alone": "41171 | 35 | - | .516 ± .021 | 10",
        "bins 1, 2, 3, 6": "48899 | 35 | - | .967 ± .011 | 10",
        "no pyramid, one cue": "- | - | - | .531 ± .026 | -",
        "dilated 2, 4, one cue": "- | - | - | .718 ± .017 | -",
        "dilated 2, 4, 8, one cue": "- | - | - | 1.000 | -",
        "bin 1 alone, one cue": "- | - | - | 1.000 | -",
        "bins 1, 2, 3, 6, one cue": "- | - | - | 1.000 | -",
    },
)
NOTE = (
    "0.5 is chance. The receptive field is that of everything but the pyramid, which sees the whole "
    "image: image columns with a gradient of one logit before the resize, the weights replaced by "
    "their absolute values, and the columns around it that hold 95 % of that gradient."
)
EXPERIMENT = Experiment(
    name="cues",
    title="Cues: seeing far",
    question="What a blob is, is written in a cue far above it. Who can read it: a network whose "
    "receptive field ends before, one with dilation, one with a mean over the whole image, one with "
    "means over parts of it (PSPNet)?",
    data="",
    stand_in="two-cues",
    needs_real=False,
    make_runs=make_runs,
    tables=(
        Table("Two cues, one for each half", COLUMNS, tuple(ROWS.values()), beside=PILOTS, note=NOTE),
        Table(
            "One cue for all",
            COLUMNS[3:],
            tuple(row + ONE for row in ROWS.values()),
            beside=PILOTS,
            note="Both halves have the same cue: a mean over the whole image tells which.",
        ),
    ),
    findings=findings,
    charts=charts,
    protocol=(
        "300 drawn images of 65 x 65 pixels to train on, 100 others to test on (PyTorch: 64 x 64); "
        "batches of 8, mirrored half of the time; Adam with a rate of 0.003 that falls to 0 as "
        "(1 - step / steps)^0.9; cross-entropy, the ground with a weight of 0.3.",
        "First weights are our layers' own, by He et al.",
        "Three convolutions, two of them with stride 2, to 32 channels; two or three more; the "
        "pyramid, whose branches have 8 channels; a 3x3 convolution, scores, and a resize with aligned "
        "corners.",
        "The IoU of blobs of either class is the same for all: the pyramid adds what, not where. "
        "Dilation with a field of 131 pixels does as well; the pyramid pools once.",
    ),
)  # fmt: skip
