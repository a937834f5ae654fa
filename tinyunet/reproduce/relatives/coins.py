"""Colours tossed by a coin: what L1 cannot do, and an adversary can (pix2pix)."""

from __future__ import annotations

import functools
import time
from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure

from tinyunet.data.pairs import Pairs
from tinyunet.data.sets.coin_flip_colours import COIN_HUES, coin_flip_colours
from tinyunet.metrics import painting
from tinyunet.networks import PatchGAN, Pix2PixGenerator
from tinyunet.plots.paintings import paintings
from tinyunet.reproduce import pictures
from tinyunet.reproduce.relatives.recipe import learned, paint, pilots, within
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

STEPS, QUICK = 500, 10
TRAINING = {"lr": 1e-3, "betas": [0.5, 0.999], "batch_size": 4}
DATA = {"train": 400, "test": 100, "size": 32}
SMALL = {"train": 8, "test": 4, "size": 32}  # of --quick
GENERATOR = {"widths": (24, 48, 64, 64), "drops": 2}
JUDGE = {"base_channels": 24, "layers": 1}
SHOWN = 6  # test images in the picture


class Arm(NamedTuple):
    """What a generator is trained by."""

    row: str
    l1_weight: float
    judged: bool = True
    conditional: bool = True


ARMS = {
    "l1": Arm("L1", 1, judged=False),
    "100l1-cgan": Arm("100 L1 + cGAN", 100),
    "10l1-cgan": Arm("10 L1 + cGAN", 10),
    "10l1-gan": Arm("10 L1 + GAN", 10, conditional=False),
    "gan": Arm("GAN alone", 0, conditional=False),
    "cgan": Arm("cGAN alone", 0),
}
ROWS = tuple(arm.row for arm in ARMS.values())


def make_runs(options: Options, source: Source) -> list[Run]:
    """Every loss with every seed."""
    usual, data = (QUICK, SMALL) if options.quick else (STEPS, DATA)
    return [
        Run(
            f"coins-{name}", seed,
            {"loss": arm._asdict(), "network": GENERATOR, "judge": JUDGE, "training": TRAINING,
             "data": data},
            work, "coins", usual,
        )
        for seed in range(options.seeds)
        for name, arm in ARMS.items()
    ]  # fmt: skip


@functools.lru_cache(maxsize=2)
def load(train: int, test: int, size: int) -> tuple[Pairs, Pairs]:
    """Pictures to train on, and others to test on."""
    return coin_flip_colours(train, size, 0), coin_flip_colours(test, size, 1)


def work(job: Job) -> Outcome:
    """Train one generator, and measure what it paints of the test maps, as published."""
    settings, seed = job.run.settings, job.run.seed
    arm, (images, test) = Arm(**settings["loss"]), load(**settings["data"])
    model = Pix2PixGenerator(3, 3, **settings["network"], seed=seed)
    judge = None
    if arm.judged:  # with another draw than the generator's
        judge = PatchGAN(6 if arm.conditional else 3, **settings["judge"], seed=1000 + (seed or 0))
    size, started = settings["training"]["batch_size"], time.process_time()
    history = paint(
        job, model, lambda step: images.batch(step, size, seed or 0), judge,
        l1_weight=arm.l1_weight, conditional=arm.conditional,
    )  # fmt: skip
    seconds = time.process_time() - started
    painted = model.predict(test.inputs, seed=seed or 0)
    scores = score(painted, test) | {"parameters": learned(model), "seconds": seconds}
    figures = {}
    if job.illustrated:
        rows = {"map": mapped(test.inputs), "real": test.targets, arm.row: painted}
        figures[f"{arm.row}: maps, real pictures, painted ones."] = paintings(
            {name: images[:SHOWN] for name, images in rows.items()}
        )
    return Outcome({arm.row: scores}, len(history), [step.l1 for step in history], figures=figures)


def score(painted: np.ndarray, real: Pairs) -> dict[str, float]:
    """What is measured on the pixels of objects: texture, saturation, hues, the L1 error."""
    where, hues = real.inputs[..., 0] == 0, COIN_HUES.reshape(-1, 3)
    number, _ = painting.nearest_hue(painted, hues, where)
    kind = real.inputs[..., 2][where].astype(int)
    return {
        "gradient ratio": painting.gradient_ratio(painted, real.targets, where),
        "saturation": float(painting.saturation(painted, where).mean()),
        "EMD": painting.saturation_distance(painted, real.targets, where),
        "decided": painting.decided(painted, hues, where),
        "class right": float((number // 2 == kind).mean()),
        "L1 error": float(abs(painted - real.targets)[where].mean()),
    }


def mapped(inputs: np.ndarray) -> np.ndarray:
    """Maps (N, H, W, 3) as images: ground gray, class A black, class B white."""
    return np.repeat((inputs[..., 2] - inputs[..., 1])[..., None], 3, axis=-1)


def findings(records: list[Record]) -> list[str]:
    """Say whether L1 blurs, the adversary paints texture, and a condition ties it to its input."""
    rows, found = collect(records), []
    for row, column, least, most in (
        ("L1", "gradient ratio", None, 0.65),
        ("100 L1 + cGAN", "gradient ratio", 0.75, None),
        ("10 L1 + cGAN", "gradient ratio", 0.75, None),
        ("GAN alone", "class right", None, 0.75),
        ("cGAN alone", "class right", 0.75, None),
    ):
        found += within(rows, row, column, least, most)
    return found


def charts(records: list[Record]) -> list[tuple[str, Figure]]:
    """Texture, and the right class, a dot for each seed."""
    rows = collect(records)
    columns = {"gradient ratio": "gradient ratio", "class right": "class right"}
    figure = pictures.dots(rows, ROWS, columns) if rows else None
    return [("A dot for each seed, a line for their mean.", figure)] if figure else []


PILOTS = pilots(
    "gradient ratio | saturation | EMD | decided | class right | L1 error | seconds",
    **{
        "L1": ".47 ± .02 | .344 | .198 | .43 ± .09 | .985 | .197 | 4",
        "100 L1 + cGAN": ".93 ± .12 | .461 | .102 | .64 ± .04 | .986 | .225 | 7",
        "10 L1 + cGAN": "1.40 ± .02 | .519 | .083 | .71 ± .02 | .963 | .257 | 8",
        "10 L1 + GAN": "1.40 ± .09 | .534 | .089 | .70 ± .01 | .977 | .256 | 14",
        "GAN alone": "1.49 ± .06 | .378 | .209 | .41 ± .01 | .39 ± .19 | .423 | 15",
        "cGAN alone": "2.11 ± .13 | .507 | .097 | .63 ± .02 | .910 | .292 | 17",
    },
)
EXPERIMENT = Experiment(
    name="coins",
    title="Coins: what L1 cannot do",
    question="A coin has chosen each object's colour, and nobody can know where its stripes begin. "
    "What does a network paint that minimises the mean absolute difference, what one that a "
    "discriminator judges (pix2pix), and what if the discriminator does not see the input?",
    data="",
    stand_in="coin-flip-colours",
    needs_real=False,
    make_runs=make_runs,
    tables=(
        Table(
            "Red or blue, green or yellow",
            (
                Column("gradient ratio", "gradient ratio", ".2f"),
                Column("saturation", "saturation (real .540)"),
                Column("EMD", "its earth mover's distance"),
                Column("decided", "decided", ".2f"),
                Column("class right", "class right"),
                Column("L1 error", "L1 error"),
                Column("seconds", "processor seconds of training", ".0f"),
            ),
            ROWS,
            beside=PILOTS,
            note="On pixels of objects. Gradient ratio: differences of neighbours, over the real ones; "
            "above 1 is noise. Decided: within a cosine of .97 of one of the four hues. Class right: "
            "the nearest hue belongs to the map's class. No number here says that a picture is good: "
            "look.",
        ),
    ),
    findings=findings,
    charts=charts,
    protocol=(
        "400 drawn pairs of 32 x 32 pixels to train on, 100 others to test on; batches of 4; Adam with "
        "a rate of 0.001, five times the paper's, and betas of 0.5 and 0.999; first weights from N(0, "
        "0.02). Testing as published: statistics of the image itself, and dropout.",
        "Generator: four levels with 24, 48, 64 and 64 channels, dropout on the first two steps up. "
        "Discriminator: two layers and scores, each of which sees 16 pixels. GAN: it sees the painting "
        "alone; cGAN: the map beside it.",
        "PyTorch's numbers, in small letters, are from other drawings, whose L1 errors are about half "
        "as large: what can be known differs, and with it what L1 paints.",
        "Not shown: with L1 in the loss, a condition makes no difference here. One map gives one "
        "painting, whatever the dropout: nothing here draws from what is possible.",
    ),
)  # fmt: skip
