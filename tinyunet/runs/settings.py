"""What a run is made of. Each setting is stated once, here, and so is each option of `tinyunet train`.

A field of `Settings` has its default, what the recipes set it to, and the help text that makes it an
option of the command line. A field without a help text is a setting that only a recipe chooses.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any

from tinyunet.engine.spelling import did_you_mean
from tinyunet.networks.names import QUICK
from tinyunet.networks.network import check_labels
from tinyunet.networks.registry import registered
from tinyunet.runs.network import class_name, known_names, refuse_others

BETAS = (0.9, 0.999)  # Adam's usual ones
AVERAGES_IN_WORDS = "symmetries (the eight of the square), rotations (the paper's 7) or none"


def set_to(default: Any, help_text: str) -> Any:
    """A setting with a default."""
    return field(default=default, metadata={"help": help_text})


def by_recipe(help_text: str = "", *, quick: Any, paper: Any) -> Any:
    """A setting that the recipe decides where none is chosen."""
    return field(default=None, metadata={"help": help_text, "quick": quick, "paper": paper})


def _of_network(help_text: str, *, quick: Any, paper: Any) -> Any:
    """A setting that a network's constructor takes, or not."""
    metadata = {"help": help_text, "quick": quick, "paper": paper, "of": "network"}
    return field(default=None, metadata=metadata)


@dataclass
class Settings:
    """What a run is made of; see ``tinyunet train --help``.

    None: as the recipe has it. What a recipe says of a network is of `UNet`: for another, None is what
    its own constructor says.

    Raises
    ------
    ValueError
        If there is no such recipe; if something is chosen that the network does not take.
    """

    data: str = set_to(
        "synthetic-cells",
        "synthetic-cells, synthetic-membranes, synthetic-streets, closed-outlines, two-cues, "
        "dsb2018, isbi2012, or a folder of yours with the subfolders images and masks.",
    )
    data_root: str | None = set_to(
        None, "Where real data is; else $TINYUNET_DATA, else the user's cache."
    )
    masks: str = set_to(
        "auto",
        "What numbers in the masks of your folder mean: binary (0 is background), classes, "
        "instances (one number for each cell) or auto, a guess. [default: auto]",
    )
    classes: str | None = set_to(
        None,
        "What numbers or colours in the masks of your folder stand for, as "
        "0=background,128=nucleus,255=cell; colours as 255,0,0=cell, or '#ff0000=cell' in quotes; "
        "labels of LabelMe's polygons as nucleus=1,cell=2.",
    )
    ignore: str | None = set_to(
        None,
        "A number or colour in these masks, as 255 or 255,255,255, whose pixels count nowhere; several "
        "with spaces between them, in quotes.",
    )
    # Images of 8 bits, too, as the run's model knows them; None: if some have more.
    stretch: bool | None = None
    minutes: float | None = set_to(
        None, "How long to train and to score, about; without drawing pictures. [default: 1]"
    )
    steps: int | None = set_to(None, "The same in steps: repeats and resumes exactly.")
    patience: int | None = set_to(
        None, "Stop when so many validations in a row, of 12, brought nothing better."
    )
    images: int = set_to(60, "How many synthetic images to make.")
    size: int = set_to(128, "The side of synthetic images.")
    split_seed: int = set_to(0, "Chooses the test images.")
    # quick is for a laptop: a minute is enough to see it learn. paper is the paper's network and
    # training.
    recipe: str = set_to(
        "quick", "quick for a laptop, or paper; the options below override parts of it."
    )
    network: str = set_to(
        "UNet",
        f"{known_names(labelling=True)}; or a class in a file of yours: FILE.py:CLASS. The recipe "
        "quick makes ours small enough for a laptop. Else the constructor's defaults stay, the "
        "authors' size: it is given what you choose here, and in_channels and num_classes of the "
        "data.",
    )
    made_with: dict[str, Any] | None = field(default=None)  # what the recipe gives it beside these
    start: str | None = set_to(
        None,
        "A model to begin with, also an imported one: its network and weights, with another head "
        "where the number of classes differs.",
    )
    freeze: list[str] | None = field(
        default=None,
        metadata={"help": "With --from: a part that stays as it is, as encoder.0; repeatable."},
    )
    base_channels: int | None = _of_network(
        "Channels of the first level: how wide it is.", quick=8, paper=64
    )
    depth: int | None = _of_network("How often the image is halved.", quick=3, paper=4)
    padding: str | None = _of_network(
        "same, or valid as in the paper; of fcn*, same or pixels (the authors' are 100).",
        quick="same",
        paper="valid",
    )
    heads: int | None = _of_network(
        "Of unet++: 1, or as many as it has poolings (4), for a network that can be pruned.",
        quick=None,
        paper=None,
    )
    skip: str | None = _of_network(
        "concat, sum or none. [default: concat]", quick="concat", paper="concat"
    )
    dropout: float | None = _of_network("At the end of the contracting path.", quick=0.0, paper=0.5)
    batch_size: int | None = by_recipe("Windows in a step.", quick=8, paper=1)
    crop: int | None = set_to(None, "The side of a window, a valid input size.")
    window: int | None = by_recipe(quick=128, paper=388)  # output pixels, where no crop is chosen
    optimizer: str | None = by_recipe("adam or sgd.", quick="adam", paper="sgd")
    # The paper names no learning rate: 1e-3 is the best of a sweep, `tinyunet reproduce rates`. Above
    # it, training sometimes collapses.
    lr: float | None = by_recipe("The learning rate.", quick=6e-3, paper=1e-3)
    schedule: str = set_to("cosine", "How the learning rate changes: cosine, poly or constant.")
    momentum: float = set_to(0.99, "For sgd.")
    # In quick, Adam remembers squares for 100 steps, not the usual 1,000: on validation images of
    # DSB 2018, after 2,300 steps, SEG was .005 to .012 higher, with each of three seeds.
    betas: tuple[float, float] | None = by_recipe(quick=(0.9, 0.99), paper=BETAS)
    weights: str | None = by_recipe(
        "Weigh the borders between cells: auto, paper (wider) or none.",
        quick="auto",
        paper="paper",
    )
    # In quick, gray values stay: on DSB 2018 the brightness of the background tells experiments apart,
    # and so how tightly their cells were outlined.
    augment: str | None = by_recipe(
        "none, flips (turn, mirror), rigid (gray values, too), any-angle (and shifts) or elastic "
        "(all of it).",
        quick="flips",
        paper="elastic",
    )
    average: str | None = by_recipe(
        f"Also score predictions averaged over {AVERAGES_IN_WORDS}. [default: the recipe's]",
        quick="symmetries",
        paper="rotations",
    )
    seed: int | None = set_to(None, "Draws the weights and the batches. [default: 0]")
    device: str = set_to("cpu", "cpu or gpu. [default: cpu, or the resumed run's]")

    def __post_init__(self) -> None:
        if self.recipe not in RECIPES:
            near = did_you_mean(self.recipe, RECIPES)
            raise ValueError(
                f"recipe must be one of {', '.join(RECIPES)}, got {self.recipe!r}{near}"
            )
        network = registered().get(class_name(self.network))  # None: its file was not run yet
        chosen = [name for name in OF_NETWORK if getattr(self, name) is not None]
        if network is not None:
            check_labels(network)
            refuse_others(network, chosen)
        if self.made_with is None:
            quick = self.recipe == "quick" and ":" not in self.network
            self.made_with = dict(QUICK.get(class_name(self.network), {})) if quick else {}
        whole = self.network == "UNet" and self.start is None
        left_out = [] if whole else OF_NETWORK
        for name, value in RECIPES[self.recipe].items():
            if getattr(self, name) is None and name not in left_out:
                setattr(self, name, value)


# What `--recipe` stands for; any other option of `tinyunet train` overrides its part.
RECIPES = {
    recipe: {f.name: f.metadata[recipe] for f in fields(Settings) if recipe in f.metadata}
    for recipe in ("quick", "paper")
}
OF_NETWORK = [f.name for f in fields(Settings) if f.metadata.get("of") == "network"]
