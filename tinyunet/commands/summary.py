"""``tinyunet summary``."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tinyunet.commands.options import AsJson, given, setting
from tinyunet.runs.ignored import check_network_of
from tinyunet.runs.network import known_names
from tinyunet.runs.numbers import check_numbers, option

if TYPE_CHECKING:
    from tinyunet.layers.layer import Layer

OF_CONSTRUCTOR = (
    "in_channels", "num_classes", "base_channels", "depth", "padding", "skip", "heads",
)  # fmt: skip
Network = setting("network", f"{known_names()}; or a class in a file of yours: FILE.py:CLASS.")


def summary(
    context: typer.Context,
    checkpoint: Annotated[
        Path | None, typer.Argument(help="A model; without one, the network of the options.")
    ] = None,
    network: Network = "UNet",
    in_channels: Annotated[int, typer.Option(help="Channels of the image.")] = 1,
    num_classes: Annotated[int, typer.Option(help="Channels of the logits.")] = 2,
    base_channels: Annotated[int, typer.Option(help="Channels of the first level.")] = 64,
    depth: Annotated[int, typer.Option(help="How often the image is halved.")] = 4,
    padding: Annotated[str, typer.Option(help="valid as in the paper, or same.")] = "valid",
    skip: Annotated[str, typer.Option(help="concat, sum or none.")] = "concat",
    heads: Annotated[int, typer.Option(help="Of unet++: 1 or 4.")] = 1,
    height: Annotated[int | None, typer.Option(help="Of the image.")] = None,
    width: Annotated[int | None, typer.Option(help="Of the image.")] = None,
    plot: Annotated[
        Path | None, typer.Option(help="Draw the network into this PNG file, too.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show a network layer by layer; the paper's by default.

    Those that have a name, such as fcn8s, stand beside what their authors published.
    """
    from tinyunet.networks.beside import alias_of, beside, standard_image, summarize_wide
    from tinyunet.networks.summary import summarize
    from tinyunet.runs.folder import read_model
    from tinyunet.runs.limits import SHOWING, check_step, make_within
    from tinyunet.runs.network import find, fixed, refuse_others

    check_numbers(given(context))
    model = published = None
    if checkpoint is not None:
        model = read_model(checkpoint).model
        others = [option(name) for name in given(context) if name in OF_CONSTRUCTOR]
        if others:
            raise ValueError(
                f"the model in {checkpoint} is as it is: leave out {', '.join(others)}"
            )
        check_network_of(model, given(context).get("network"))
    else:
        made_of = find(network)
        chosen = {name: value for name, value in given(context).items() if name in OF_CONSTRUCTOR}
        refuse_others(made_of, chosen)
        chosen = fixed(network) | chosen
        image = standard_image(made_of)
        if image is None:
            tell = partial(typer.echo, err=True)
            model = make_within(made_of, chosen, OF_CONSTRUCTOR, copies=SHOWING, tell=tell)
        else:
            size = image if height is width is None else (height, width)
            found, alias = summarize_wide(made_of, chosen, *size), alias_of(made_of, chosen)
            published = beside(found, alias) if alias and size == image else None
    if model is not None:
        if height or width:
            check_step(model, (height or width, width or height), 1, "cpu")
        found = summarize(model, height, width)
    if plot is not None:
        if model is None:  # its numbers were found without making it
            tell = partial(typer.echo, err=True)
            model = make_within(made_of, chosen, OF_CONSTRUCTOR, copies=SHOWING, tell=tell)
        _draw(model, found.input_shape, plot)
    if as_json:
        more = {"published": published.to_dict()} if published else {}
        typer.echo(json.dumps(found.to_dict() | more, indent=1))
    else:
        typer.echo(f"{found}\n\n{published}" if published else str(found))


def _draw(model: Layer, shape: tuple[int, ...], path: Path) -> None:
    """Draw a network for an image of this shape."""
    from tinyunet import plots

    plots.save(plots.u_shape(model, *shape[:2]), path)
