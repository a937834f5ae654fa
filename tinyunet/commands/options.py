"""Options that several commands share."""

from __future__ import annotations

from typing import Annotated

import typer

from tinyunet.engine.arrays import check_device

Data = Annotated[
    str,
    typer.Option(
        help="synthetic-cells, synthetic-membranes, dsb2018, isbi2012, or a folder of yours with "
        "the subfolders images and masks."
    ),
]
DataRoot = Annotated[
    str | None,
    typer.Option(help="Where real data is; else $TINYUNET_DATA, else the user's cache."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]


def checked_device(device: str | None) -> str | None:
    """Stop before any work where the wanted device is missing."""
    if device is not None:
        check_device(device)
    return device


Device = Annotated[str, typer.Option(help="cpu or gpu.", callback=checked_device)]
AVERAGES = "symmetries (the eight of the square), rotations (the paper's 7) or none"
Average = Annotated[
    str | None, typer.Option(help=f"Average predictions over {AVERAGES}. [default: none]")
]
Masks = Annotated[
    str | None,
    typer.Option(
        help="What numbers in the masks of your folder mean: binary (0 is background), classes, "
        "instances (one number for each cell) or auto, a guess. [default: auto]"
    ),
]
Threshold = Annotated[
    float | None,
    typer.Option(
        help="Probability above which a pixel belongs to a cell. [default: what train chose for the "
        "model on validation images, at its end; else 0.5]",
    ),
]
