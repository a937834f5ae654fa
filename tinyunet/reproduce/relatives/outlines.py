"""Outlines to fill: one training of U-Net++ gives four networks, and a plain U-Net does as well."""

from __future__ import annotations

import functools
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from scipy import ndimage

from tinyunet.data import Augmentation, Dataset
from tinyunet.data.sets.outlines import closed_outlines
from tinyunet.engine.arrays import occurrences
from tinyunet.losses import BCEDiceLoss, DeepSupervision
from tinyunet.networks import Network, UNetPlusPlus
from tinyunet.reproduce import pictures
from tinyunet.reproduce.relatives.recipe import (
    learned,
    pilots,
    predicted,
    started_as_in_pytorch,
    train,
    verdict,
)
from tinyunet.reproduce.relatives.unet import NormalisedUNet
from tinyunet.reproduce.sources import Source
from tinyunet.reproduce.statistics import collect, compare
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

STEPS, QUICK = 400, 10
CHANNELS = (8, 12, 20, 32, 48)
TRAINING = {"lr": 2e-3, "batch_size": 4, "first weights": "as in PyTorch"}
DATA = {"train": 300, "test": 80, "size": 64}
SMALL = {"train": 8, "test": 4, "size": 32}  # of --quick
# Mean radii of outlines, from the area inside: those drawn with 3 to 5.5, 7 to 12 and 14 to 22 pixels.
SIZES = {"small": (0, 6.25), "middle": (6.25, 13), "large": (13, np.inf)}
LEVELS, MEAN, LAST, PLAIN = ("L1", "L2", "L3", "L4"), "mean of the four", "last head only", "U-Net"
TIMED = 20  # predictions of one image


def make_runs(options: Options, source: Source) -> list[Run]:
    """U-Net++ with four heads and with one, and a plain U-Net, with every seed."""
    settings: dict[str, Any] = {
        "training": TRAINING,
        "data": SMALL if options.quick else DATA,
    }
    usual = QUICK if options.quick else STEPS
    return [
        Run(f"outlines-{name}", seed, {"network": name, **settings}, work, "outlines", usual)
        for seed in range(options.seeds)
        for name in ("four-heads", "last-head", "unet")
    ]


@functools.lru_cache(maxsize=2)
def load(train: int, test: int, size: int) -> tuple[Dataset, Dataset]:
    """Outlines to train on, and others to test on."""
    return closed_outlines(train, size, 0), closed_outlines(test, size, 1)


def make(name: str, seed: int) -> Network:
    """One of the three networks: a single logit a pixel, batch normalisation, no dropout."""
    if name == "unet":
        return NormalisedUNet(1, 1, widths=CHANNELS, seed=seed)
    heads = 4 if name == "four-heads" else 1
    return UNetPlusPlus(heads=heads, channels=CHANNELS, dropout=0, batch_norm=True, seed=seed)


def work(job: Job) -> Outcome:
    """Train one network, and score it; of four heads, each, on the network pruned to it."""
    images, test = load(**job.run.settings["data"])
    name = job.run.settings["network"]
    model, loss = started_as_in_pytorch(make(name, job.run.seed), job.run.seed), BCEDiceLoss()
    if name == "four-heads":
        loss = DeepSupervision(loss, [1 / 4] * 4)
    started = time.process_time()
    history = train(job, model, images, loss, Augmentation(flips=True))
    seconds = time.process_time() - started
    if name == "four-heads":
        parts = {level: model.pruned(k) for k, level in enumerate(LEVELS, 1)}
    else:
        parts = {LAST if name == "last-head" else PLAIN: model}
    found = {row: predicted(part, test)[..., 0] for row, part in parts.items()}
    rows = {row: score(z > 0, test.labels) | cost(parts[row], test) for row, z in found.items()}
    if name == "four-heads":
        p = np.mean([1 / (1 + np.exp(-z.astype(np.float64))) for z in found.values()], axis=0)
        rows[MEAN] = score(p > 0.5, test.labels)
        rows[MEAN] |= {
            "parameters": learned(model),
            "milliseconds": milliseconds(model, test, True),
        }
    for scores in rows.values():
        scores["seconds"] = seconds
    return Outcome(rows, history.total_steps, history.loss)


def score(found: np.ndarray, truth: Sequence[np.ndarray]) -> dict[str, float]:
    """IoU of the insides, all images together, and how much of outlines of each size is found."""
    t = np.stack(truth) == 1
    scores = {"IoU": float((found & t).sum() / max(1, (found | t).sum()))}
    hits, areas = [], []
    for mask, inside in zip(found, t, strict=True):
        numbers = ndimage.label(inside)[0].ravel()
        areas.append(occurrences(numbers)[1:])
        hits.append(occurrences(numbers, mask.ravel())[1:])
    hit, area = np.concatenate(hits), np.concatenate(areas)
    radii = np.sqrt(area / np.pi)
    for name, (least, most) in SIZES.items():
        of = (radii >= least) & (radii < most)
        if of.any():
            scores[f"recall {name}"] = float(hit[of].sum() / area[of].sum())
    return scores


def cost(model: Network, test: Dataset) -> dict[str, float]:
    """How many parameters it takes, and how long for one image."""
    return {"parameters": learned(model), "milliseconds": milliseconds(model, test)}


def milliseconds(model: Network, test: Dataset, every_head: bool = False) -> float:
    """The median processor time of predicting one image; of all heads, or of the last one."""
    image, times, options = test.images[0][None], [], {"every_head": True} if every_head else {}
    model.eval()
    for _ in range(TIMED):
        started = time.process_time()
        model.forward(image, **options)
        times.append(1e3 * (time.process_time() - started))
    return float(np.median(times))


def findings(records: list[Record]) -> list[str]:
    """Say whether each level is better than the one before, and whether U-Net++ beats the U-Net."""
    rows = collect(records)
    sentences = [
        *verdict(rows, "L2", "L1", "IoU", 0.05, "One training, four networks, IoU"),
        *verdict(rows, "L3", "L2", "IoU", 0.05, "One training, four networks, IoU"),
        compare(rows, "L4", LAST, "IoU", what="Is L4 better for the other heads? IoU"),
        compare(rows, "L4", PLAIN, "IoU", what="Is U-Net++ better than a U-Net of its widths? IoU"),
    ]
    return [sentence for sentence in sentences if sentence]


def charts(records: list[Record]) -> list[tuple[str, Figure]]:
    """IoU and the recall of large outlines, a dot for each seed."""
    rows, columns = collect(records), {"IoU": "IoU", "recall large": "recall, radius 14 to 22"}
    if not rows:
        return []
    shown = {k: title for k, title in columns.items() if all(k in r.values for r in rows.values())}
    figure = pictures.dots(rows, (*LEVELS, MEAN, LAST, PLAIN), shown)
    return [("A dot for each seed, a line for their mean.", figure)]


PILOTS = pilots(
    "parameters | milliseconds | IoU | recall small | recall middle | recall large | seconds",
    **{
        "L1": "5105 | 0.6 | .597 ± .004 | .96 | .94 | .62 | 35",
        "L2": "18661 | 2.0 | .799 ± .021 | .97 | .98 | .97 | -",
        "L3": "56877 | 2.8 | .927 ± .020 | .97 | .97 | .99 | -",
        "L4": "154261 | 4.1 | .938 ± .018 | .98 | .98 | .99 | -",
        MEAN: "154288 | 4.1 | .906 ± .010 | - | - | - | -",
        LAST: "154261 | 4.1 | .938 ± .016 | - | - | - | -",
        PLAIN: "113449 | 0.8 | .935 ± .009 | - | - | - | 18",
    },
)
EXPERIMENT = Experiment(
    name="outlines",
    title="Outlines: one training, four networks",
    question="U-Net++ has a head after each of its top nodes. Trained together, what does each reach, "
    "and what does it cost? And is the whole of it better than a U-Net?",
    data="",
    stand_in="closed-outlines",
    needs_real=False,
    make_runs=make_runs,
    tables=(
        Table(
            "Fill what is closed",
            (
                Column("parameters", "parameters", ".0f"),
                Column("milliseconds", "processor ms an image", ".1f"),
                Column("IoU", "IoU"),
                Column("recall small", "recall, radius 3 to 5.5", ".2f"),
                Column("recall middle", "7 to 12", ".2f"),
                Column("recall large", "14 to 22", ".2f"),
                Column("seconds", "processor seconds of training", ".0f"),
            ),
            (*LEVELS, MEAN, LAST, PLAIN),
            beside=PILOTS,
            note="L1 to L4 and their mean come from one training. The convolutions of PyTorch's U-Net++"
            " have biases, which batch normalisation takes away again; ours have none.",
        ),
    ),
    findings=findings,
    charts=charts,
    protocol=(
        "300 drawn images of 64 x 64 pixels to train on, 80 others to test on; batches of 4 with flips "
        "and quarter turns; Adam with a rate of 0.002 that falls to 0 as (1 - step / steps)^0.9. Half "
        "the binary cross-entropy less the soft Dice overlap, the mean over heads.",
        "First weights are drawn as PyTorch draws them: see the streets.",
        "Five levels with 8, 12, 20, 32 and 48 channels, batch normalisation, no dropout. L1 to L3 are "
        "networks of their own, pruned: their logits are those of the heads, bit for bit.",
        "Without supervision of all heads, heads 1 to 3 are not trained: there is nothing to prune to.",
        "Not shown: that U-Net++ is better than a U-Net, or that its other heads help the last. For "
        "that the paper has larger networks, and other images.",
    ),
)  # fmt: skip
