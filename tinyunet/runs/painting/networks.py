"""The networks of a run that paints, their optimizers, and how long a step takes."""

from __future__ import annotations

import copy
import math
import time
from typing import Any

from tinyunet.learning.optim import Adam
from tinyunet.learning.painting import fit_painter
from tinyunet.losses import SoftmaxGANLoss
from tinyunet.networks.names import QUICK, meaning
from tinyunet.networks.network import Network
from tinyunet.runs.limits import TRAINING, check_step, make_within
from tinyunet.runs.network import find
from tinyunet.runs.painting.settings import BETAS, PaintSettings
from tinyunet.runs.painting.source import Source

TRIED = 3  # steps, of which the first also fills memory pools


def build(settings: PaintSettings, channels: tuple[int, int]) -> tuple[Network, Network | None]:
    """Make the network that paints, and its judge if there is one, for inputs and targets.

    Raises
    ------
    ValueError
        If they do not fit the window, or the memory.
    """
    name, _ = meaning(settings.network)
    generator = _made(name, settings, in_channels=channels[0], num_classes=channels[1])
    generator.output_size(settings.window, settings.window)  # or the nearest valid sizes
    judge = None
    if settings.judge == "patchgan":
        judge = _made("PatchGAN", settings, in_channels=sum(channels))
    elif settings.judge == "paintschainer":
        size = settings.window
        judge = _made("PaintsChainerDiscriminator", settings, in_channels=channels[1], size=size)
    if judge is not None:
        judge.output_size(settings.window, settings.window)
    for model in (generator, judge):
        if model is not None:
            model.to(settings.device)
    check_step(generator, (settings.window,) * 2, settings.batch_size, settings.device)
    return generator, judge


def _made(name: str, settings: PaintSettings, **options: Any) -> Network:
    small = dict(QUICK[name]) if settings.recipe == "quick" else {}
    base = settings.base_channels
    if base is not None:
        widths = small.pop("widths", ())
        if name == "Pix2PixGenerator" or not widths:
            small |= {"base_channels": base} | ({"levels": len(widths)} if widths else {})
        else:  # as many levels as the recipe has, each in proportion
            small["widths"] = [max(1, round(width * base / widths[0])) for width in widths]
    options = {
        **options,
        **small,
        "seed": settings.seed + (name not in ("PaintsChainer", "Pix2PixGenerator")),
    }
    return make_within(
        find(name), options, ("base_channels",), copies=TRAINING, device=settings.device
    )


def optimizers(settings: PaintSettings, models: tuple[Network, Network | None]) -> list[Adam]:
    """Adam for each."""
    betas, decay = BETAS[settings.network], settings.weight_decay
    return [Adam(m, settings.lr, betas, weight_decay=decay) for m in models if m is not None]


def how_to_learn(settings: PaintSettings) -> dict[str, Any]:
    """What `fit_painter` is told beside the networks, by the names of its arguments."""
    of_drawing = settings.judge == "paintschainer"
    return {
        "loss": SoftmaxGANLoss() if of_drawing else None,
        "conditional": not of_drawing,
        "l1_weight": settings.l1_weight,
        "schedule": settings.schedule,
    }


def steps_in(
    minutes: float, settings: PaintSettings, source: Source, models: tuple[Network, Network | None]
) -> int:
    """How many steps take so many minutes, tried on copies of the networks."""
    generator, judge = copy.deepcopy(models)
    times = [time.perf_counter()]
    learns = optimizers(settings, (generator, judge))
    fit_painter(
        generator, source.batch, judge, steps=TRIED, optimizers=learns,
        callbacks=[lambda *_: times.append(time.perf_counter())], progress=False,
        **how_to_learn(settings),
    )  # fmt: skip
    return max(1, math.floor(60 * minutes * (TRIED - 1) / (times[-1] - times[1])))
