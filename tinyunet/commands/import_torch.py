"""``tinyunet import``."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Annotated

import typer

from tinyunet.commands.options import AsJson, Network
from tinyunet.commands.shell_words import all_as_options, as_options


def import_model(
    file: Annotated[Path, typer.Argument(help="Weights of PyTorch's, as safetensors.")],
    out: Annotated[
        Path | None, typer.Option(help="The model's file. [default: FILE, ending in .npz]")
    ] = None,
    joined: Annotated[
        str | None,
        typer.Option(
            help="Which channels come first where the skip meets the way up: skip_up or up_skip. "
            "[default: as the names tell, else skip_up]"
        ),
    ] = None,
    fold: Annotated[
        bool, typer.Option("--fold", help="Put batch norm into the convolutions: a plain UNet.")
    ] = False,
    padding: Annotated[str, typer.Option(help="Of its 3x3 convolutions: same or valid.")] = "same",
    scale: Annotated[
        float,
        typer.Option(help="What images from 0 to 1 were multiplied by in training, such as 255."),
    ] = 1.0,
    classes: Annotated[
        str | None, typer.Option(help="What its classes are called: background,nucleus,cell.")
    ] = None,
    network: Network = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace an earlier model of this name.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Make a model of PyTorch's weights, in a safetensors file.

    They are a U-Net's of any names, or those of a class of yours (--network). The model then works
    with predict, evaluate, summary, and train --from. A .pth is a pickle, and is not read: the two
    lines that turn one into safetensors are shown.
    """
    from tinyunet.engine.spelling import did_you_mean
    from tinyunet.exchange.torch_convert import JOINED
    from tinyunet.exchange.torch_weights import load_torch
    from tinyunet.learning import checkpoint
    from tinyunet.runs.network import find, make
    from tinyunet.segmentation.evaluation import num_classes

    if joined not in (None, *JOINED):
        near = did_you_mean(joined, JOINED)
        raise ValueError(f"--joined must be {' or '.join(JOINED)}, got {joined!r}{near}")
    if padding not in ("same", "valid"):
        near = did_you_mean(padding, ("same", "valid"))
        raise ValueError(f"--padding must be same or valid, got {padding!r}{near}")
    out = file.with_suffix(".npz") if out is None else out
    same = out.resolve() == file.resolve()
    if out.exists() and not overwrite and not same:
        raise FileExistsError(
            f"{out} is there already: --overwrite replaces it, --out names another"
        )
    given = None if network is None else make(find(network), {})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the report has it
        model, report = load_torch(
            file, given, joined=joined, fold=fold, padding=padding, scale=scale, everything=True
        )
    if same:
        raise ValueError(f"{out} holds the weights: --out names another file for the model")
    count = 0 if model.gives_instead else num_classes(model)
    checkpoint.save(out, model, **_class_names(classes, count))
    if as_json:
        typer.echo(json.dumps({"out": str(out), **all_as_options(report.to_dict())}, indent=1))
    else:
        typer.echo(as_options(str(report)))
        use = f"predict {out} IMAGES" if count else f"summary {out}"
        use += f" --network {network}" if network else ""
        typer.echo(f"\nthe model is in {out}: tinyunet {use}")


def _class_names(classes: str | None, count: int) -> dict[str, list[str]]:
    """What a checkpoint keeps of ``--classes``; ValueError unless there is a name for each."""
    if classes is None:
        return {}
    names = [name.strip() for name in classes.split(",")]
    if len(names) != count:
        raise ValueError(
            f"--classes {classes} are {len(names)} names, and the network has {count} classes of pixels"
        )
    return {"class_names": names}
