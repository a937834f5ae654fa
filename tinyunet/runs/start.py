"""A run that begins with the weights of another: fine-tuning."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tinyunet.data import Dataset
from tinyunet.layers import BatchNorm2d
from tinyunet.networks.config import plain
from tinyunet.networks.freezing import freeze, frozen_names, is_part
from tinyunet.networks.network import Network
from tinyunet.networks.transplant import transplant
from tinyunet.runs.folder import read_model, was_stretched
from tinyunet.runs.ignored import check_network_of
from tinyunet.runs.limits import Tell
from tinyunet.runs.numbers import option
from tinyunet.runs.settings import OF_NETWORK, Settings

OF_DATA = ("in_channels", "num_classes", "seed", "dtype")  # what this run decides anew


def started(chosen: Mapping[str, Any]) -> dict[str, Any]:
    """Add to what was chosen the network of the file that ``--from`` names, and how it knows images.

    Raises
    ------
    FileNotFoundError, ValueError
        If the file is no model; if an option says otherwise what its network is; if there is no part
        to freeze of such a name.
    """
    if chosen.get("start") is None:
        if chosen.get("freeze"):
            raise ValueError(
                "--freeze keeps weights as they are, and those of a new network are random: add --from "
                "FILE"
            )
        return dict(chosen)
    path = Path(chosen["start"])
    others = [option(name) for name in OF_NETWORK if name in chosen]
    if others:
        raise ValueError(
            f"--from {path} begins with the network of that file: leave out {', '.join(others)}"
        )
    saved = read_model(path)
    model = saved.model
    check_network_of(model, chosen.get("network"))
    freeze(model, *chosen.get("freeze") or ())
    config = {key: plain(key, value) for key, value in model.config.items()}
    made_with = {key: value for key, value in config.items() if key not in OF_DATA}
    if config.get("num_classes") == 1:
        made_with["num_classes"] = 1  # a single logit tells two classes apart
    network = chosen.get("network", type(model).__name__)
    stretch = True if was_stretched(saved, path) else None  # else as the images are
    return {"stretch": stretch, **chosen, "network": network, "made_with": made_with}


def fill(model: Network, settings: Settings, parts: Sequence[Dataset], tell: Tell) -> None:
    """Put the weights of the file that a run begins with into its network.

    Raises
    ------
    FileNotFoundError, ValueError
        If the file is not there or has changed; if its network takes other images.
    """
    path = Path(str(settings.start))
    saved = read_model(path)
    source = saved.model
    if source.in_channels != parts[0].channels:
        raise ValueError(
            f"the network of {path} takes images with {source.in_channels} channels, and those of "
            f"{settings.data} have {parts[0].channels}"
        )
    copied = set(transplant(source, model))
    anew = [name for name, _ in model.named_state() if name not in copied]
    if anew and source.num_classes == model.num_classes:
        raise ValueError(f"{path} has other arrays than {model}: {', '.join(anew[:3])}")
    random = [name for name in settings.freeze or () if any(is_part(name, array) for array in anew)]
    if random:
        raise ValueError(
            f"--freeze {random[0]} would keep random weights: for {model.num_classes} classes, where "
            f"{path} has {source.num_classes}, {', '.join(anew)} are made anew"
        )
    words = f"the weights of {path}"
    if anew:
        words += (
            f"; anew, for {model.num_classes} classes where it had {source.num_classes}: "
            f"{', '.join(anew)}"
        )
    if source.dtype != model.dtype:
        words += f"; in {model.dtype}, where it had {source.dtype}"
    tell(words)
    known, ours = saved.state.get("class_names"), parts[0].class_names
    if known and ours and known != ours and not anew:
        tell(f"note: the classes of {path} are {known}, and these {ours}: the head stays as it is")
    _tell_of_images(was_stretched(saved, path), settings, parts, tell)


def _tell_of_images(
    stretched: bool, settings: Settings, parts: Sequence[Dataset], tell: Tell
) -> None:
    """Say what a model that knows images stretched is shown here."""
    if stretched and parts[0].stretched:
        tell(f"images of 8 bits are stretched, as {settings.start} knows them")
    elif stretched:
        tell(
            f"note: {settings.start} knows images stretched, from the darkest to the brightest; those "
            f"of {settings.data} are as they are"
        )


def freeze_parts(model: Network, settings: Settings, tell: Tell) -> None:
    """Freeze what ``--freeze`` names, and say how much that is."""
    if not settings.freeze:
        return
    freeze(model, *settings.freeze)
    held = frozen_names(model)
    sizes = {name: array.size for name, array in model.named_parameters()}
    layers = (layer for _, layer in model.named_layers() if isinstance(layer, BatchNorm2d))
    norms = any(layer.statistics == "running" for layer in layers)
    tell(
        f"frozen: {', '.join(settings.freeze)}, {sum(sizes[name] for name in held):,} of "
        f"{model.num_parameters:,} parameters" + "; batch norm keeps its statistics there" * norms
    )
