"""The names that PyTorch's modules give their weights: tidied, compared, and whose they are."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

WRAPPED = re.compile(r"^(?:(?:module|model|_orig_mod|state_dict|model_state_dict)\.)+")
TOKEN = re.compile(r"\d+|[^\d.]+|\.")


@dataclass(frozen=True)
class Family:
    """U-Nets of one origin.

    Attributes
    ----------
    name
        What it is called.
    marks
        Names of layers that all of them have.
    joined
        Which channels come first where paths meet: ``"skip_up"`` or ``"up_skip"``.
    """

    name: str
    marks: tuple[str, ...]
    joined: str


FAMILIES = (
    Family("tinyunet", ("encoder.0.conv1", "bottom.conv1", "ups.0", "head"), "skip_up"),
    Family("tinyunet", ("encoder.0.conv1.conv", "bottom.conv1.conv", "ups.0", "head"), "skip_up"),
    Family(
        "milesial/Pytorch-UNet",
        ("inc.double_conv.0", "down1.maxpool_conv.1.double_conv.0", "up1.up", "outc.conv"),
        "skip_up",
    ),
    Family(
        "labml",
        ("down_conv.0.first", "middle_conv.first", "up_sample.0.up", "final_conv"),
        "up_skip",
    ),
    Family(
        "brain-segmentation (mateuszbuda)",
        ("encoder1.enc1conv1", "bottleneck.bottleneckconv1", "upconv1", "decoder1.dec1conv1"),
        "up_skip",
    ),
)
OTHER = "a U-Net of other names"

# What the names of other networks say, where none of the above fits.
FOREIGN = (
    (r"segmentation_head|decoder\.blocks\.\d", "a network of segmentation-models, whose encoder is "
     "another network, such as a ResNet"),
    (r"(^|\.)layer[1-4]\.\d+\.|resnet|backbone", "an encoder of ResNet's, as torchvision and "
     "segmentation-models have it"),
    (r"(^|\.)features\.\d+", "an encoder of VGG's, as torchvision has it"),
    (r"(^|\.)(psi|W_g|W_x)(\.|$)", "attention gates on the skips"),
)  # fmt: skip


def is_counter(name: str) -> bool:
    """Whether an array counts the batches of a batch norm, which no prediction needs."""
    return name.rpartition(".")[2] == "num_batches_tracked"


def tidied(names: Iterable[str]) -> dict[str, str]:
    """Each name without what wrappers put before it, such as ``module.``, by the whole name."""
    short = {name: WRAPPED.sub("", name) for name in names}
    while short:
        first = {name.partition(".")[0] for name in short.values()}
        if len(first) > 1 or any(name.count(".") < 2 for name in short.values()):
            break
        short = {whole: name.partition(".")[2] for whole, name in short.items()}
    return short if len(set(short.values())) == len(short) else {name: name for name in short}


def family_of(layers: Collection[str]) -> Family | None:
    """The family whose names these layers have; None if it is none that is known."""
    known = set(layers)
    return next((family for family in FAMILIES if known.issuperset(family.marks)), None)


def foreign(names: Iterable[str]) -> str:
    """What names tell of a network that is no U-Net of ours; empty if nothing."""
    names = list(names)
    found = [words for mark, words in FOREIGN if any(re.search(mark, name) for name in names)]
    return f"its names are those of {found[0]}" if found else ""


def natural(name: str) -> list[tuple[int, str]]:
    """What to sort names by, so that conv10 comes after conv2."""
    return [(int(t), "") if t.isdigit() else (-1, t) for t in TOKEN.findall(name)]


def nearness(one: str, other: str) -> tuple[int, int, int, int]:
    """How close two layers stand by their names, more is nearer.

    First by what the names begin with alike, then by the numbers where they part (conv1 is nearer to
    conv2 than to conv18), then by what they end with alike (conv1 and norm1); at last by letters at
    both ends (conv_pre and norm_pre).
    """
    a, b = TOKEN.findall(one), TOKEN.findall(other)
    alike = _alike(a, b)
    apart = 0
    if alike < min(len(a), len(b)) and a[alike].isdigit() and b[alike].isdigit():
        apart = abs(int(a[alike]) - int(b[alike]))
    letters = _alike(one, other) + _alike(one[::-1], other[::-1])
    return alike, -apart, _alike(a[::-1], b[::-1]), letters


def _alike(a: Sequence[str], b: Sequence[str]) -> int:
    """How many tokens, or letters, two names begin with alike."""
    count = 0
    for x, y in zip(a, b, strict=False):
        if x != y:
            break
        count += 1
    return count
