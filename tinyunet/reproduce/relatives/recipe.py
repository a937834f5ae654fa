"""How all of the relatives are trained here, and what is said of the result."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from tinyunet.data import Dataset
from tinyunet.data.pairs import Pairs
from tinyunet.layers import ConvTranspose2d
from tinyunet.learning.adversarial import PaintingStep
from tinyunet.learning.history import History
from tinyunet.learning.optim import Adam
from tinyunet.learning.painting import fit_painter
from tinyunet.losses import Loss
from tinyunet.networks.network import Network
from tinyunet.reproduce.statistics import Row
from tinyunet.reproduce.training import Prepared, learn
from tinyunet.reproduce.words import Diverged, Job

CHUNK = 20  # images that are predicted together


def train(
    job: Job,
    model: Network,
    images: Dataset,
    loss: Loss,
    augment: Any,
    weights: list[np.ndarray] | None = None,
) -> History:
    """Train with Adam and the poly schedule, as the run's settings say.

    Parameters
    ----------
    job
        Its run's settings hold the learning rate and the batch size under ``"training"``.
    model, images, loss, augment, weights
        As for `tinyunet.fit`.
    """
    settings = job.run.settings["training"]
    options = {
        "steps": job.steps,
        "batch_size": settings["batch_size"],
        "augment": augment,
        "weights": weights,
        "schedule": "poly",
        "seed": job.run.seed,
    }
    ready = Prepared(model, Adam(model, settings["lr"]), options)
    return learn(job, ready, images, None, loss)


def paint(
    job: Job,
    model: Network,
    batch: Callable[[int], Pairs],
    judge: Network | None = None,
    **options: Any,
) -> list[PaintingStep]:
    """Train a network that paints with Adam, alone or with a discriminator, as the settings say.

    Parameters
    ----------
    job
        Its run's settings hold the learning rate and the betas under ``"training"``.
    model, batch, judge, options
        As for `tinyunet.fit_painter`.

    Raises
    ------
    Diverged
        If a loss becomes infinite or NaN.
    """
    settings = job.run.settings["training"]
    optimizers = [
        Adam(network, settings["lr"], tuple(settings["betas"]))
        for network in (model, judge)
        if network
    ]
    out = None if job.scratch is None else job.scratch / "last.npz"
    resume = out is not None and out.exists()
    options |= {"steps": job.steps, "optimizers": optimizers, "out": out, "resume": resume}
    try:
        return fit_painter(model, batch, judge, **options)
    except ArithmeticError as error:
        raise Diverged(str(error)) from error


def started_as_in_pytorch(model: Network, seed: int) -> Network:
    """Draw the first weights and biases anew, as PyTorch does: uniform, up to 1 / sqrt(fan-in).

    That is 0.4 of the standard deviation that our layers draw with (He et al. 2015). In front of a
    batch normalisation it changes no output, but how much is learned: a step of Adam is as large as the
    learning rate, and turns small weights farther. Frozen weights stay, and those that are 0.
    """
    rng = np.random.default_rng(seed)
    for _, layer in model.named_layers():
        weight = layer.params.get("weight")
        if weight is None or weight.ndim != 4 or layer.frozen or not weight.any():
            continue
        axes = (1, 2, 3) if isinstance(layer, ConvTranspose2d) else (0, 1, 2)
        bound = math.prod(weight.shape[axis] for axis in axes) ** -0.5
        for array in layer.params.values():
            array[...] = rng.uniform(-bound, bound, array.shape)
    return model


def mirrored(
    rng: np.random.Generator, image: np.ndarray, labels: np.ndarray, weights: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Exchange left and right, half the time: what `fit` takes as an augmentation."""
    if rng.random() < 0.5:
        return image, labels, weights
    return image[:, ::-1], labels[:, ::-1], None if weights is None else weights[:, ::-1]


def predicted(model: Network, images: Dataset) -> np.ndarray:
    """The logits (N, H, W, K) of all images of a data set, which have one size."""
    stack = np.stack(images.images)
    return np.concatenate(
        [model.predict(stack[first : first + CHUNK]) for first in range(0, len(stack), CHUNK)]
    )


def learned(model: Network) -> int:
    """How many numbers training changes: all parameters but the frozen ones."""
    return sum(array.size for _, array in model.named_learned())


def verdict(
    rows: dict[str, Row], better: str, worse: str, column: str, margin: float, what: str
) -> list[str]:
    """Say whether one row is above another by a margin at least; nothing where one is missing."""
    if better not in rows or worse not in rows:
        return []
    high, low = rows[better].mean(column), rows[worse].mean(column)
    held = "holds" if high - low >= margin else "DOES NOT HOLD"
    return [
        f"{what}: {better} {high:.3f}, {worse} {low:.3f} ({high - low:+.3f}; {margin:g} or more was "
        f"expected: {held})."
    ]


def within(
    rows: dict[str, Row], row: str, column: str, least: float | None, most: float | None
) -> list[str]:
    """Say whether a row's mean is above `least` or below `most`; nothing where it is missing."""
    if row not in rows:
        return []
    value = rows[row].mean(column)
    held = (least is None or value > least) and (most is None or value < most)
    wanted = f"above {least:g}" if most is None else f"below {most:g}"
    return [
        f"{row}, {column}: {value:.3f} ({wanted} was expected: {'holds' if held else 'DOES NOT HOLD'})."
    ]


def pilots(columns: str, **rows: str) -> dict[str, dict[str, str]]:
    """Cells by row and column, from words with the same separators; "-" where there is none."""
    keys = [key.strip() for key in columns.split("|")]
    return {
        row: {
            key: cell.strip()
            for key, cell in zip(keys, cells.split("|"), strict=True)
            if cell.strip() != "-"
        }
        for row, cells in rows.items()
    }
