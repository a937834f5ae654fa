"""``tinyunet evaluate``."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from tinyunet.commands.options import (
    AsJson,
    Average,
    DataRoot,
    Device,
    Network,
    Threshold,
    given,
    setting,
)
from tinyunet.runs.ignored import check_network_of, check_options_of_data
from tinyunet.runs.numbers import check_numbers
from tinyunet.runs.settings import Settings

Data = setting("data", "As for train. [default: what the model's run was given]")
Masks, Classes, Ignore = (setting(name) for name in ("masks", "classes", "ignore"))
Images, Size = setting("images"), setting("size")
SplitSeed = setting("split_seed", "Chooses the test images. [default: as in the model's run]")


def evaluate(
    context: typer.Context,
    checkpoint: Annotated[Path, typer.Argument(help="A model, such as runs/.../best.npz.")],
    data: Data = None,
    data_root: DataRoot = None,
    masks: Masks = None,
    classes: Classes = None,
    ignore: Ignore = None,
    part: Annotated[str, typer.Option(help="test, validation, train or all.")] = "test",
    images: Images = None,
    size: Size = None,
    split_seed: SplitSeed = None,
    average: Average = None,
    threshold: Threshold = None,
    network: Network = None,
    in_detail: Annotated[
        bool,
        typer.Option(
            "--details",
            help="Of cells also F1 by overlap, outlines, V_Rand and its like, calibration.",
        ),
    ] = False,
    device: Device = "cpu",
    as_json: AsJson = False,
) -> None:
    """Score a model beside methods that learn nothing.

    Where cells are known, also beside what a perfect mask would reach.
    """
    from tinyunet.runs.evaluate import check_part, may_be_trained_on, score
    from tinyunet.runs.folder import load_model, record_beside, settings_beside
    from tinyunet.runs.images import scored_images

    check_part(part)
    model, threshold = load_model(checkpoint, average, threshold, partial(typer.echo, err=True))
    model.to(device)
    own, record = settings_beside(checkpoint), record_beside(checkpoint)
    of_data = (
        "data", "data_root", "masks", "classes", "ignore", "images", "size", "split_seed",
    )  # fmt: skip
    chosen = {name: value for name, value in given(context).items() if name in of_data}
    check_numbers(chosen)
    check_network_of(model, network)
    check_options_of_data(chosen.get("data", (own or Settings()).data), chosen)
    settings = replace(own or Settings(), **chosen, stretch=model.stretched)
    if own and not record and may_be_trained_on(settings, own, part):
        typer.echo(
            f"note: the data are split otherwise than in the model's run: some of these {part} images "
            "may be ones that it was trained on",
            err=True,
        )
    images = scored_images(settings, own, record, part, partial(typer.echo, err=True))
    found = score(model, images, settings.data, part, average, threshold, in_detail)
    typer.echo(json.dumps(found.to_dict(), indent=1) if as_json else str(found))
