"""Options that several commands share, and those that are settings of a run."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import fields
from typing import Annotated, Any, get_type_hints

import typer

from tinyunet.engine.arrays import check_device
from tinyunet.runs.network import define
from tinyunet.runs.settings import AVERAGES_IN_WORDS, Settings


def checked_device(device: str | None) -> str | None:
    """Stop before any work where the wanted device is missing."""
    if device is not None:
        check_device(device)
    return device


def defined_network(network: str | None) -> str | None:
    """Run the file of a network's class, so that its name is known to all that follows."""
    if network is not None:
        define(network)
    return network


CALLBACKS = {"device": checked_device, "network": defined_network}
SETTINGS = {f.name: f for f in fields(Settings) if f.metadata.get("help")}
TYPES = get_type_hints(Settings)


def setting(name: str, help_text: str = "", **more: Any) -> Any:
    """The annotation of the option that is this setting; None says that it was not given."""
    words = help_text or SETTINGS[name].metadata["help"]
    option = typer.Option(help=words, callback=CALLBACKS.get(name), **more)
    return Annotated[TYPES[name] | None, option]


def with_settings(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command an option for each setting of a run, in the place of its ``**settings``."""
    context, *own, _ = inspect.signature(command, eval_str=True).parameters.values()
    settings = []
    for name, f in SETTINGS.items():
        said = "[default" in f.metadata["help"]  # and need not be said twice
        annotation = setting(name, show_default=not said)
        kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
        settings.append(inspect.Parameter(name, kind, default=f.default, annotation=annotation))
    command.__signature__ = inspect.Signature([context, *settings, *own])  # type: ignore[attr-defined]
    return command


def given(context: typer.Context) -> dict[str, Any]:
    """The options that stand on the command line, and their values."""
    return {
        name: value
        for name, value in context.params.items()
        if context.get_parameter_source(name).name == "COMMANDLINE"
    }


AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]
Average = Annotated[
    str | None,
    typer.Option(help=f"Average predictions over {AVERAGES_IN_WORDS}. [default: none]"),
]
DataRoot = setting("data_root")
Device = Annotated[str, typer.Option(help="cpu or gpu.", callback=checked_device)]
Network = setting(
    "network", "The class of a model that is not one of ours, in a file of yours: FILE.py:CLASS."
)
Threshold = Annotated[
    float | None,
    typer.Option(
        help="Probability above which a pixel belongs to a cell. [default: what train chose for the "
        "model on validation images, at its end; else 0.5]",
    ),
]
