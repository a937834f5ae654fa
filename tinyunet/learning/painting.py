"""The training of a network that paints, alone or against a discriminator."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tinyunet.data.pairs import Pairs
from tinyunet.engine.interrupts import uninterrupted
from tinyunet.engine.progress import Progress
from tinyunet.learning import checkpoint
from tinyunet.learning.adversarial import PaintingStep, adversarial_step, as_of, finite
from tinyunet.learning.optim import Adam, Optimizer
from tinyunet.learning.painter_file import PainterFile
from tinyunet.learning.schedule import check_schedule, rate_factor
from tinyunet.learning.step import has_finite_parameters, training_step
from tinyunet.losses import AdversarialLoss, GANLoss, L1Loss
from tinyunet.networks.config import plain
from tinyunet.networks.network import Network


def fit_painter(
    generator: Network,
    batch: Callable[[int], Pairs],
    discriminator: Network | None = None,
    *,
    steps: int,
    optimizers: Sequence[Optimizer] | None = None,
    loss: AdversarialLoss | None = None,
    l1_weight: float = 100.0,
    conditional: bool = True,
    schedule: str = "constant",
    out: str | Path | None = None,
    resume: bool = False,
    progress: bool = True,
    callbacks: Sequence[Callable[[int, PaintingStep], None]] = (),
    state: dict[str, Any] | None = None,
) -> list[PaintingStep]:
    """Train a network that paints, and with it a discriminator if there is one.

    Parameters
    ----------
    generator
        What paints: inputs (N, H, W, C) to targets (N, H, W, K).
    batch
        Gives the pairs of step i, the first of which is 0: ``lambda i: pairs.batch(i, 4)``, or drawn
        anew, ``lambda i: tu.data.line_art(8, seed=i).pairs(seed=i)``. It should depend on i only.
    discriminator
        What judges. Without one the loss is L1 alone.
    steps
        How many in all, those before a resumption included.
    optimizers
        The generator's, and the discriminator's if there is one. By default `Adam` as in pix2pix: a
        learning rate of 2e-4 and betas of 0.5 and 0.999.
    loss, l1_weight, conditional
        See `adversarial_step`.
    schedule
        ``"constant"``, as by default, ``"poly"`` or ``"cosine"``, for both: see `rate_factor`.
    out
        A file, ``*.npz``: written every minute and in the end, also after Ctrl-C. `tinyunet.load` reads
        the generator from it.
    resume
        Whether to go on from `out`. The networks and optimizers must be made as they were then.
    progress
        Whether to show a bar.
    callbacks
        Called after each step with how many are done, and what the step was wrong by.
    state
        What else to write into the file, plain data by name: ``load(out, everything=True).state``.

    Returns
    -------
    list of PaintingStep
        One for each step, those before a resumption included.

    Raises
    ------
    FileExistsError
        If `out` exists and is not resumed.
    ValueError
        If the file is from another run, or settings cannot be.
    ArithmeticError
        If a loss, or a weight in the end, becomes infinite or NaN.
    """
    networks = [generator] if discriminator is None else [generator, discriminator]
    if optimizers is None:
        optimizers = [Adam(network, 2e-4, (0.5, 0.999)) for network in networks]
    settings = _settings(networks, optimizers, loss, l1_weight, conditional, schedule, steps)
    run = PainterFile(
        networks, list(optimizers), settings, None if out is None else Path(out), state
    )
    history = run.resumed() if resume else run.started()
    rates = [optimizer.lr for optimizer in optimizers]

    def step(i: int) -> PaintingStep:
        x, y = (as_of(generator, images) for images in _pair(batch(i)))
        for optimizer, rate in zip(optimizers, rates, strict=True):
            optimizer.lr = rate * rate_factor(schedule, i, steps)
        if discriminator is None:
            loss_of_all = training_step(generator, L1Loss(), optimizers[0], (x, y, None))
            return PaintingStep(finite(loss_of_all, "generator"))
        options: dict[str, Any] = {"loss": loss, "l1_weight": l1_weight, "conditional": conditional}
        return adversarial_step(generator, discriminator, tuple(optimizers), x, y, **options)

    bar = Progress(
        total=steps, initial=len(history), unit="step", disable=not progress, desc="paint"
    )
    try:
        for i in range(len(history), steps):
            with uninterrupted():
                with run.whole():
                    history.append(step(i))
                    if i + 1 == steps and not all(map(has_finite_parameters, networks)):
                        raise ArithmeticError(
                            "a weight became infinite: take a lower learning rate"
                        )
                run.keep(history, rates)
            bar.set_postfix_str(f"L1 {history[-1].l1:.4f}", refresh=False)
            bar.update()
            for callback in callbacks:
                callback(len(history), history[-1])
    finally:
        bar.close()
        with uninterrupted():
            run.keep(history, rates, now=True)
    return history


def _pair(pairs: Pairs) -> tuple[Any, Any]:
    return pairs.inputs, pairs.targets


def _settings(
    networks: list[Network],
    optimizers: Sequence[Optimizer],
    loss: AdversarialLoss | None,
    l1_weight: float,
    conditional: bool,
    schedule: str,
    steps: int,
) -> dict[str, Any]:
    """What a run is asked to be, as plain data; ValueError if it cannot be."""
    check_schedule(schedule)
    if steps < 1 or not l1_weight >= 0:
        raise ValueError(
            f"steps must be at least 1 and l1_weight not below 0, got {steps} and {l1_weight}"
        )
    if [optimizer.model for optimizer in optimizers] != networks:
        raise ValueError(
            f"optimizers must be one for each network, the generator's first, got {len(optimizers)} "
            f"for {len(networks)}, or in another order"
        )
    names = ("generator", "discriminator")
    made = {
        name: [type(network).__name__, {k: plain(k, v) for k, v in network.config.items()}]
        for name, network in zip(names, networks, strict=False)
    }
    learned = {
        f"{name}'s optimizer": checkpoint.describe_optimizer(optimizer)
        for name, optimizer in zip(names, optimizers, strict=False)
    }
    chosen = {"l1_weight": l1_weight, "conditional": conditional}
    chosen |= {"loss": type(loss or GANLoss()).__name__}
    rest = {"schedule": schedule, "steps": steps}
    return {**made, **learned, **(chosen if len(networks) > 1 else {}), **rest}
