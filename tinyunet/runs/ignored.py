"""Options that would have no effect are refused: whoever gives one expects something of it."""

from __future__ import annotations

from collections.abc import Collection

from tinyunet.layers import Dropout
from tinyunet.networks.network import Network
from tinyunet.runs.network import class_name, fixed
from tinyunet.runs.numbers import option
from tinyunet.runs.painting.kinds import DRAWN
from tinyunet.runs.painting.settings import PaintSettings
from tinyunet.runs.record import is_folder

REAL_ONLY, DRAWN_ONLY = ("data_root",), ("images", "size")


def check_options_of_data(data: str, chosen: Collection[str]) -> None:
    """Raise ValueError for options that say nothing of such data.

    Parameters
    ----------
    data
        A name, or a folder.
    chosen
        The names of the options that were given.
    """
    root = is_folder(data)
    drawn = [f"--{name}" for name in DRAWN_ONLY if name in chosen]
    if drawn and (root or data in ("dsb2018", "isbi2012")):
        are = "is" if len(drawn) == 1 else "are"
        raise ValueError(
            f"{' and '.join(drawn)} {are} for synthetic data, but of {data} all images are taken as "
            "they are: leave out what has no effect"
        )
    if "data_root" in chosen and root:
        raise ValueError(
            f"--data-root is for dsb2018 and isbi2012: of a folder of yours, as {data}, give the whole "
            "path with --data"
        )


def check_options_of_optimizer(optimizer: str | None, chosen: Collection[str]) -> None:
    """Raise ValueError for the momentum of an optimizer that has none of its own."""
    if optimizer == "adam" and "momentum" in chosen:
        raise ValueError("--momentum is for --optimizer sgd: adam does not use it")


def check_network_of(model: Network, network: str | None) -> None:
    """Raise ValueError if a network was named that is not a saved model's."""
    if network is None:
        return
    same = class_name(network) == type(model).__name__
    if not same or any(model.config.get(name) != value for name, value in fixed(network).items()):
        raise ValueError(
            f"the model is a {model}, so --network {network} would have no effect: leave it out; it "
            "names only the file of a class of yours, FILE.py:CLASS"
        )


def check_options_of_painting(settings: PaintSettings, chosen: Collection[str]) -> None:
    """Raise ValueError for options of `tinyunet paint` that such pairs or judges do not have."""
    drawn = settings.kind in DRAWN
    without = {
        "side": drawn and f"{settings.kind} is drawn as --size says",
        "crop": drawn and f"{settings.kind} is drawn as --size says",
        "size": not drawn and f"of {settings.data} pictures are taken as they are, see --side",
        "images": settings.kind != "coin-flip-colours" and "it is for coin-flip-colours",
        "split_seed": settings.kind == "line-art" and "line-art is drawn anew for each step",
        "l1_weight": settings.judge == "none" and "without a judge, L1 is all there is",
    }
    for name, why in without.items():
        if why and name in chosen:
            raise ValueError(f"{option(name)} has no effect here: {why}; leave it out")


def check_seed_of_painter(model: Network, chosen: Collection[str]) -> None:
    """Raise ValueError for a seed for a network that draws nothing."""
    if "seed" in chosen and not any(isinstance(x, Dropout) for _, x in model.named_layers()):
        raise ValueError(f"--seed draws dropout, and {model} has none: leave it out")
