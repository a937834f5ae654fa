"""What a run of `tinyunet paint` is made of; each setting is stated once, as in `runs.settings`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tinyunet.engine.spelling import did_you_mean
from tinyunet.learning.schedule import check_schedule
from tinyunet.networks.names import meaning
from tinyunet.runs.painting.kinds import DRAWN
from tinyunet.runs.settings import set_to

PAINTERS = ("pix2pix", "paintschainer")
JUDGES = ("patchgan", "paintschainer", "none")

# What `--recipe` stands for, for each network. paper is as in the authors' code; PaintsChainer's values
# are 0 to 255 there, and 128 times ours.
RECIPES: dict[str, dict[str, dict[str, Any]]] = {
    "quick": {
        "pix2pix": {"crop": 64, "side": 96, "batch_size": 4, "lr": 1e-3, "schedule": "constant",
                    "judge": "patchgan", "l1_weight": 100.0, "weight_decay": 0.0},
        "paintschainer": {"crop": 64, "side": 96, "batch_size": 4, "lr": 5e-3, "schedule": "poly",
                          "judge": "none", "l1_weight": 128.0, "weight_decay": 0.0},
    },
    "paper": {
        "pix2pix": {"crop": 256, "side": 286, "batch_size": 1, "lr": 2e-4, "schedule": "constant",
                    "judge": "patchgan", "l1_weight": 100.0, "weight_decay": 0.0},
        "paintschainer": {"crop": 128, "side": 128, "batch_size": 16, "lr": 1e-4,
                          "schedule": "constant", "judge": "paintschainer", "l1_weight": 128.0,
                          "weight_decay": 1e-5},
    },
}  # fmt: skip
BETAS = {"pix2pix": (0.5, 0.999), "paintschainer": (0.9, 0.999)}  # of Adam
OWN_DATA = {"pix2pix": "coin-flip-colours", "paintschainer": "line-art"}


def _recipe(name: str, help_text: str = "") -> Any:
    """A setting that depends on the recipe and the network; the help says how."""
    words = []
    for network in PAINTERS:
        quick, paper = (f"{RECIPES[recipe][network][name]}" for recipe in ("quick", "paper"))
        words.append(quick if quick == paper else f"{quick}, paper {paper}")
    said = words[0] if words[0] == words[1] else f"{words[0]}; {PAINTERS[1]} {words[1]}"
    return set_to(None, f"{help_text} [default: {said}]" if help_text else "")


@dataclass
class PaintSettings:
    """What a run is made of; see ``tinyunet paint --help``. None: as the recipe has it.

    Raises
    ------
    ValueError
        If there is no such recipe, network, judge or kind of colouring.
    """

    data: str | None = set_to(
        None,
        "A folder of yours: images/ and targets/ with files of equal names, or with --colour any "
        "pictures; or what is drawn: line-art, coin-flip-colours. [default: line-art; for pix2pix "
        "coin-flip-colours]",
    )
    colour: str | None = set_to(
        None, "gray: learn to colour gray pictures from a folder of pictures in colour."
    )
    network: str | None = set_to(
        None, f"{' or '.join(PAINTERS)}. [default: pix2pix; for line-art paintschainer]"
    )
    recipe: str = set_to(
        "quick",
        "quick: small, for a laptop, or paper: the authors' size and training; the options below "
        "override parts of it.",
    )
    minutes: float | None = set_to(None, "How long to train, about. [default: 2]")
    steps: int | None = set_to(None, "The same in steps: repeats exactly.")
    images: int = set_to(400, "How many pictures coin-flip-colours draws; line-art draws all anew.")
    size: int = set_to(32, "The side of pictures that are drawn, in pixels.")
    side: int | None = _recipe(
        "side", "Shrink pictures of a folder until their shorter side is this, in pixels."
    )
    crop: int | None = _recipe(
        "crop", "The side of the windows cut out of them; smaller pictures are enlarged to it."
    )
    batch_size: int | None = _recipe(
        "batch_size", "Windows in a step; of drawn pictures quick takes twice as many."
    )
    base_channels: int | None = set_to(
        None, "Channels of the first level: how wide the network is. [default: the recipe's]"
    )
    judge: str | None = _recipe(
        "judge", f"What learns to tell painted from real beside it: {', '.join(JUDGES)}."
    )
    l1_weight: float | None = _recipe(
        "l1_weight", "How much the distance to the target counts beside the judge's verdict."
    )
    lr: float | None = _recipe("lr", "The learning rate of both.")
    schedule: str | None = _recipe("schedule", "How it changes: constant, poly or cosine.")
    weight_decay: float | None = _recipe("weight_decay")
    seed: int = set_to(0, "Draws weights and batches; with MODEL, dropout.")
    split_seed: int = set_to(0, "Chooses the pictures that are kept back to look at.")
    device: str = set_to("cpu", "cpu or gpu. [default: cpu, or the resumed run's]")

    def __post_init__(self) -> None:
        if self.schedule is not None:
            check_schedule(self.schedule)
        if self.colour not in (None, "gray"):
            raise ValueError(f"--colour is gray, got {self.colour!r}")
        if self.recipe not in RECIPES:
            raise ValueError(
                f"recipe must be one of {', '.join(RECIPES)}, got {self.recipe!r}"
                f"{did_you_mean(self.recipe, RECIPES)}"
            )
        drawn = self.data is not None and self.data.replace("_", "-") in DRAWN
        if drawn:
            self.data = self.data.replace("_", "-")
        if self.network is None:
            by_hints = self.data == "line-art" or self.data is self.colour is None
            self.network = "paintschainer" if by_hints else "pix2pix"
        named = {meaning(name)[0]: name for name in PAINTERS} | {name: name for name in PAINTERS}
        if self.network not in named:
            raise ValueError(
                f"paint trains {' or '.join(PAINTERS)}, got the network {self.network!r}"
                f"{did_you_mean(self.network, PAINTERS)}; tinyunet "
                "train trains those that label pixels"
            )
        self.network = named[self.network]
        if self.data is None:
            self.data = OWN_DATA[self.network]
        if self.colour and self.kind in DRAWN:
            raise ValueError(
                f"--colour {self.colour} needs a folder of pictures: give --data FOLDER"
            )
        for name, value in RECIPES[self.recipe][self.network].items():
            if getattr(self, name) is None:
                drawn_more = name == "batch_size" and self.recipe == "quick" and self.kind in DRAWN
                setattr(self, name, 2 * value if drawn_more and value > 1 else value)
        if self.judge not in JUDGES:
            raise ValueError(
                f"judge must be one of {', '.join(JUDGES)}, got {self.judge!r}"
                f"{did_you_mean(self.judge, JUDGES)}"
            )

    @property
    def kind(self) -> str:
        """Which of `KINDS` its pairs are."""
        return self.data if self.data in DRAWN else "gray" if self.colour else "pairs"

    @property
    def window(self) -> int:
        """The side of what a step sees."""
        return self.size if self.kind in DRAWN else self.crop
