"""Options that several commands share, and those that are settings of a run."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import Field, fields
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


Command = Callable[..., None]
CALLBACKS = {"device": checked_device, "network": defined_network}


def settings_of(kind: type) -> dict[str, Field]:
    """The settings that are options, by name."""
    return {f.name: f for f in fields(kind) if f.metadata.get("help")}


def setting(name: str, help_text: str = "", kind: type = Settings, **more: Any) -> Any:
    """The annotation of the option that is this setting; None says that it was not given."""
    words = help_text or settings_of(kind)[name].metadata["help"]
    callback = CALLBACKS.get(name) if kind is Settings or name == "device" else None
    names = {"colour": ["--colour", "--color"], "start": ["--from"]}.get(name, [])
    option = typer.Option(*names, help=words, callback=callback, **more)
    return Annotated[get_type_hints(kind)[name] | None, option]


def with_settings(kind: type = Settings) -> Callable[[Command], Command]:
    """Give a command an option for each setting of a run, in the place of its ``**settings``."""

    def given_options(command: Command) -> Command:
        context, *own, _ = inspect.signature(command, eval_str=True).parameters.values()
        settings = []
        for name, f in settings_of(kind).items():
            said = "[default" in f.metadata["help"]  # and need not be said twice
            annotation = setting(name, kind=kind, show_default=not said)
            place = inspect.Parameter.POSITIONAL_OR_KEYWORD
            settings.append(
                inspect.Parameter(name, place, default=f.default, annotation=annotation)
            )
        command.__signature__ = inspect.Signature([context, *settings, *own])  # type: ignore[attr-defined]
        return command

    return given_options


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
