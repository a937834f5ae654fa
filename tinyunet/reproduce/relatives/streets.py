"""Streets: what stride costs FCN, what indices bring SegNet, what class weights trade, and time."""

from __future__ import annotations

import functools
import time
from typing import Any

from matplotlib.figure import Figure

from tinyunet.data import Dataset
from tinyunet.data.sets.streets import STREET_CLASSES, synthetic_streets
from tinyunet.losses import SoftmaxCrossEntropy
from tinyunet.losses.class_weights import median_frequency, pixel_weights
from tinyunet.networks import FCN, SegNet
from tinyunet.reproduce import pictures
from tinyunet.reproduce.relatives.recipe import (
    learned,
    mirrored,
    predicted,
    started_as_in_pytorch,
    train,
    verdict,
)
from tinyunet.reproduce.relatives.street_scores import street_scores
from tinyunet.reproduce.relatives.street_tables import PROTOCOL, TABLES
from tinyunet.reproduce.relatives.unet import NormalisedUNet
from tinyunet.reproduce.sources import Source
from tinyunet.reproduce.statistics import collect
from tinyunet.reproduce.words import Experiment, Job, Options, Outcome, Record, Run

STEPS, LONG, QUICK = 400, 1200, 10
WIDTHS = (12, 24, 36, 48)
TRAINING = {"lr": 2e-3, "batch_size": 4, "first weights": "as in PyTorch"}
DATA = {"train": 200, "test": 60, "size": 64}
SMALL = {"train": 8, "test": 4, "size": 32}  # of --quick


def fcn(stride: int, seed: int) -> FCN:
    """Five blocks of two convolutions, one in place of the fully connected layers, and scores."""
    return FCN(
        3, len(STREET_CLASSES), stride=stride, widths=(12, 20, 32, 44, 56),
        convolutions=(2,) * 5, head=((48, 3),), padding="same", batch_norm=True, dropout=0,
        seed=seed,
    )  # fmt: skip


def segnet(unpool: str, seed: int) -> SegNet:
    """Four levels of two convolutions, down and up again."""
    return SegNet(
        3, len(STREET_CLASSES), widths=WIDTHS, convolutions=(2,) * 4, unpool=unpool, seed=seed
    )


def unet(seed: int) -> NormalisedUNet:
    """A U-Net of SegNet's widths."""
    return NormalisedUNet(3, len(STREET_CLASSES), widths=WIDTHS, seed=seed)


NETWORKS = {
    "fcn32s": functools.partial(fcn, 32),
    "fcn16s": functools.partial(fcn, 16),
    "fcn8s": functools.partial(fcn, 8),
    "fcn4s": functools.partial(fcn, 4),
    "segnet": functools.partial(segnet, "indices"),
    "segnet-bilinear": functools.partial(segnet, "bilinear"),
    "unet": unet,
}
# By run: its row, its network, whether classes are weighted, whether it is trained longer.
ARMS = {
    "streets-fcn32s": ("FCN-32s", "fcn32s", False, False),
    "streets-fcn16s": ("FCN-16s", "fcn16s", False, False),
    "streets-fcn8s": ("FCN-8s", "fcn8s", False, False),
    "streets-fcn4s": ("FCN-4s", "fcn4s", False, False),
    "streets-segnet": ("SegNet", "segnet", False, False),
    "streets-segnet-bilinear": ("SegNet, no indices", "segnet-bilinear", False, False),
    "streets-unet": ("U-Net", "unet", False, False),
    "streets-segnet-weighted": ("SegNet, weighted", "segnet", True, False),
    "streets-unet-weighted": ("U-Net, weighted", "unet", True, False),
    "streets-segnet-long": ("SegNet, longer", "segnet", False, True),
    "streets-unet-long": ("U-Net, longer", "unet", False, True),
}


def make_runs(options: Options, source: Source) -> list[Run]:
    """Every network with every seed, the longer trainings last."""
    runs = []
    for longer in (False, True):
        group = "streets-long" if longer else "streets"
        usual = QUICK if options.quick else LONG if longer else STEPS
        for seed in range(options.seeds):
            for name, (_, network, weighted, long) in ARMS.items():
                if long is longer:
                    settings: dict[str, Any] = {
                        "network": network,
                        "class weights": weighted,
                        "training": TRAINING,
                        "data": SMALL if options.quick else DATA,
                    }
                    runs.append(Run(name, seed, settings, work, group, usual))
    return runs


@functools.lru_cache(maxsize=2)
def load(train: int, test: int, size: int) -> tuple[Dataset, Dataset]:
    """Streets to train on, and others to test on."""
    return synthetic_streets(train, size, 0), synthetic_streets(test, size, 1)


def work(job: Job) -> Outcome:
    """Train one network and score it on the test streets."""
    images, test = load(**job.run.settings["data"])
    row, network, weighted, _ = ARMS[job.run.name]
    model, weights = started_as_in_pytorch(NETWORKS[network](job.run.seed), job.run.seed), None
    if weighted:
        table = median_frequency(images.labels, len(STREET_CLASSES))
        weights = [pixel_weights(labels, table) for labels in images.labels]
    started = time.process_time()
    history = train(job, model, images, SoftmaxCrossEntropy(), mirrored, weights)
    seconds = time.process_time() - started
    scores = street_scores(predicted(model, test).argmax(3), test.labels)
    scores |= {"parameters": learned(model), "seconds": seconds}
    return Outcome({row: scores}, history.total_steps, history.loss)


def findings(records: list[Record]) -> list[str]:
    """Say whether finer strides, indices, and time did what they should."""
    rows = collect(records)
    return [
        *verdict(rows, "FCN-16s", "FCN-32s", "mean IoU", 0.05, "Stride, mean IoU"),
        *verdict(rows, "FCN-8s", "FCN-16s", "mean IoU", 0.05, "Stride, mean IoU"),
        *verdict(rows, "SegNet", "SegNet, no indices", "BF 0", 0.15, "Indices, boundary F1 at 0 px"),
        *verdict(rows, "U-Net", "SegNet", "BF 0", 0.1, "Skips, boundary F1 at 0 px"),
        *verdict(rows, "U-Net, weighted", "U-Net", "pole recall", 0.3, "Weights, recall of poles"),
        *verdict(
            rows, "U-Net", "U-Net, weighted", "pole precision", 0.1,
            "Weights, precision of poles",
        ),
        *verdict(rows, "U-Net, longer", "U-Net", "pole recall", 0.3, "Time, recall of poles"),
    ]  # fmt: skip


def charts(records: list[Record]) -> list[tuple[str, Figure]]:
    """Mean IoU and boundaries of every network, a dot for each seed."""
    rows = collect(records)
    names = [row for row, *_ in ARMS.values() if row in rows]
    if not names:
        return []
    columns = {"mean IoU": "mean IoU", "BF 0": "boundary F1, 0 px"}
    return [("A dot for each seed, a line for their mean.", pictures.dots(rows, names, columns))]


EXPERIMENT = Experiment(
    name="streets",
    title="Streets: stride, indices, skips, class weights",
    question="What does a score for every 32 pixels lose (FCN)? What is it worth to know where the "
    "maxima were (SegNet), against features that go across (U-Net)? What do class weights buy, and "
    "what does time?",
    data="",
    stand_in="synthetic-streets",
    needs_real=False,
    make_runs=make_runs,
    tables=TABLES,
    findings=findings,
    charts=charts,
    protocol=PROTOCOL,
)
