"""A U-Net found in PyTorch's arrays: by their shapes, and by which names stand together.

Whatever its layers are called, a U-Net of this kind holds for each level two pairs of 3x3 convolutions,
down and up, and a 2x2 up-convolution; a pair at the bottom; a 1x1 convolution at the end. The
up-convolutions say how many channels each level has, and these which convolutions are of that level.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from tinyunet.engine.rules import short
from tinyunet.exchange.torch_names import foreign, is_counter, natural, nearness

Layer = dict[str, np.ndarray]  # the arrays of one, in PyTorch's order of axes
PAIR = (1, 2)


class NoUNet(ValueError):
    """The arrays are not those of a U-Net that tinyunet knows."""


@dataclass
class Found:
    """A U-Net in PyTorch's arrays: `layers` by our names, their own `names` likewise.

    `guessed` are those that neither shapes nor names tell apart.
    """

    in_channels: int
    num_classes: int
    base_channels: int
    depth: int
    layers: dict[str, Layer] = field(default_factory=dict)
    norms: dict[str, Layer] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    guessed: list[str] = field(default_factory=list)


def layers_of(arrays: dict[str, np.ndarray]) -> tuple[dict[str, Layer], list[str]]:
    """The layers that arrays belong to, by name; and the arrays that no network needs."""
    layers: dict[str, Layer] = {}
    left = [name for name in arrays if is_counter(name)]
    for name in arrays.keys() - set(left):
        layer, _, key = name.rpartition(".")
        layers.setdefault(layer, {})[key] = arrays[name]
    return dict(sorted(layers.items(), key=lambda item: natural(item[0]))), sorted(left)


def find_unet(layers: dict[str, Layer]) -> Found:
    """Find the U-Net.

    Raises
    ------
    NoUNet
        If it is another network: what is in the way, and the names that were found.
    """
    try:
        return _find(layers)
    except NoUNet as error:
        why = "; ".join(filter(None, (foreign(layers), str(error))))
        shown = [f"{name} {tuple(a.shape)}" for name, layer in layers.items()
                 for key, a in layer.items() if key == "weight"]  # fmt: skip
        more = f", and {len(shown) - 8} more" if len(shown) > 8 else ""
        raise NoUNet(
            f"holds no U-Net that tinyunet knows: {why}. Its weights: {', '.join(shown[:8])}{more}. "
            "If it is a network of yours, write its class, and give it load_torch(path, model=...), or "
            "import as --network FILE.py:CLASS"
        ) from None


def _find(layers: dict[str, Layer]) -> Found:
    of_kind = _by_kind(layers)
    widths = _widths({name: layers[name]["weight"] for name in of_kind["up"]})
    if len(of_kind["head"]) != 1:
        raise NoUNet(
            f"it has {len(of_kind['head'])} convolutions 1x1, where one makes the logits"
            + f": {short(of_kind['head'])}" * bool(of_kind["head"])
        )
    (head,) = of_kind["head"]
    weight = layers[head]["weight"]
    if weight.shape[1] != widths[0]:
        raise NoUNet(f"{head} takes {weight.shape[1]} channels, and level 0 has {widths[0]}")
    found = Found(0, weight.shape[0], widths[0], len(widths) - 1)
    ours = {"head": head}
    ups = sorted(of_kind["up"], key=lambda name: layers[name]["weight"].shape[1])
    ours |= {f"ups.{level}": name for level, name in enumerate(ups)}
    for level, width in enumerate(widths):
        names = [name for name in of_kind["conv"] if layers[name]["weight"].shape[0] == width]
        ours |= _of_level(level, widths, {name: layers[name]["weight"] for name in names})
    found.names = ours
    found.layers = {name: layers[theirs] for name, theirs in ours.items()}
    found.in_channels = found.layers["encoder.0.conv1"]["weight"].shape[1]
    found.norms = _norms(found, {name: layers[name] for name in of_kind["norm"]})
    left = layers.keys() - set(ours.values()) - set(of_kind["norm"])
    if left:
        raise NoUNet(f"it has layers that belong to none of its levels: {short(sorted(left))}")
    return found


def _by_kind(layers: dict[str, Layer]) -> dict[str, list[str]]:
    """The names of 3x3 convolutions, 2x2 up-convolutions, 1x1 convolutions and normalisations."""
    kinds: dict[str, list[str]] = {"conv": [], "up": [], "head": [], "norm": []}
    of_kernel = {(3, 3): "conv", (2, 2): "up", (1, 1): "head"}
    for name, layer in layers.items():
        weight = layer.get("weight")
        if weight is None and layer.keys() <= {"bias", "running_mean", "running_var"}:
            raise NoUNet(f"{name or 'the file'} has {', '.join(layer)} and no weight: is one lost?")
        if weight is None or not layer.keys() <= {"weight", "bias", "running_mean", "running_var"}:
            raise NoUNet(
                f"{name or 'the file'} has {', '.join(layer)}, which is none of its layers"
            )
        if weight.ndim == 1 and len(layer) == 4 and len({a.shape for a in layer.values()}) == 1:
            kinds["norm"].append(name)
            continue
        kind = of_kernel.get(weight.shape[2:])
        if kind is None or weight.ndim != 4 or "running_mean" in layer:
            raise NoUNet(f"{name} has a weight of shape {weight.shape}{_in_words(weight)}")
        outs = weight.shape[1 if kind == "up" else 0]
        if "bias" in layer and layer["bias"].shape != (outs,):
            raise NoUNet(f"{name} has a bias of shape {layer['bias'].shape}, expected ({outs},)")
        kinds[kind].append(name)
    return kinds


def _in_words(weight: np.ndarray) -> str:
    if weight.ndim == 1:
        return ", and no running statistics: a group or layer normalisation, not a batch norm"
    if weight.ndim == 5:
        return ": it is for volumes"
    return ", and the convolutions of a U-Net are 3x3, 2x2 and 1x1" if weight.ndim == 4 else ""


def _widths(ups: dict[str, np.ndarray]) -> list[int]:
    """The channels of each level and of the bottom, as the up-convolutions have them."""
    if not ups:
        raise NoUNet(
            "it has no up-convolutions 2x2: it enlarges by interpolation (bilinear), or is no U-Net"
        )
    pairs = sorted((weight.shape[1], weight.shape[0]) for weight in ups.values())
    widths = [outs for outs, _ in pairs] + [pairs[-1][1]]
    chained = [ins for _, ins in pairs] == widths[1:]
    if not chained or widths != [widths[0] << level for level in range(len(widths))]:
        words = ", ".join(f"{name}: {w.shape[0]} to {w.shape[1]}" for name, w in ups.items())
        raise NoUNet(f"its up-convolutions do not halve the channels level by level ({words})")
    return widths


def _of_level(level: int, widths: list[int], convs: dict[str, np.ndarray]) -> dict[str, str]:
    """Which of the 3x3 convolutions of a level is which: their names by ours."""
    width, bottom = widths[level], level == len(widths) - 1
    blocks = ["bottom"] if bottom else [f"encoder.{level}", f"decoder.{level}"]
    ways = []
    for pairs in _pairings(sorted(convs, key=natural)) if len(convs) == 2 * len(blocks) else []:
        ins = [convs[first].shape[1] for first, _ in pairs]
        below = level == 0 or ins[0] == widths[level - 1]
        joined = bottom or ins[1] == 2 * width
        if below and joined and all(convs[second].shape[1] == width for _, second in pairs):
            near = [nearness(*pair)[:3] for pair in pairs]  # letters alone prove too little
            ways.append((np.sum(near, axis=0).tolist(), pairs))
    if not ways:
        shapes = ", ".join(f"{name} {w.shape}" for name, w in convs.items()) or "none"
        raise NoUNet(f"its 3x3 convolutions with {width} channels are not of one level: {shapes}")
    score, chosen = max(ways, key=lambda way: way[0])  # of equal ones the first, by names' order
    blocks_of = [[set(pair) for pair in pairs] for near, pairs in ways if near == score]
    if any(other != blocks_of[0] for other in blocks_of):
        raise NoUNet(f"of {', '.join(convs)} shapes and names don't tell which belong together")
    of_blocks = zip(blocks, chosen, strict=True)
    return {f"{block}.conv{i}": pair[i - 1] for block, pair in of_blocks for i in PAIR}


def _pairings(names: list[str]) -> Iterator[list[tuple[str, str]]]:
    """All ways to make ordered pairs of two or four names, first and second by the names' order."""
    if len(names) == 2:
        yield [(names[0], names[1])]
        yield [(names[1], names[0])]
        return
    for one in itertools.combinations(names, 2):
        rest = [name for name in names if name not in one]
        for first in (one, one[::-1]):
            for second in (rest, rest[::-1]):
                yield [first, (second[0], second[1])]


def _norms(found: Found, norms: dict[str, Layer]) -> dict[str, Layer]:
    """The normalisation behind each 3x3 convolution, by the convolution's name; none, or all."""
    if not norms:
        return {}
    result: dict[str, Layer] = {}
    for blocks in _levels(found):
        convs = [f"{block}.conv{i}" for block in blocks for i in PAIR]
        width = found.layers[convs[0]]["weight"].shape[0]
        names = [name for name, layer in norms.items() if layer["weight"].shape == (width,)]
        if len(names) != len(convs):
            raise NoUNet(
                f"behind {len(convs)} convolutions with {width} channels it has {len(names)} "
                f"normalisations: {short(names)}"
            )
        theirs = [found.names[conv] for conv in convs]
        scores = {(a, b): nearness(a, b) for a in theirs for b in names}
        orders = {
            order: np.sum([scores[p] for p in zip(theirs, order, strict=True)], 0).tolist()
            for order in itertools.permutations(names)
        }
        best = max(orders, key=lambda order: orders[order])  # of equal ones the first
        if list(orders.values()).count(orders[best]) > 1:
            found.guessed += best
        for conv, name, norm in zip(convs, theirs, best, strict=True):
            _check_next(name, norm)
            result[conv] = norms[norm]
            found.names[f"{conv}.norm"] = norm
    return result


def _levels(found: Found) -> list[tuple[str, ...]]:
    """The blocks with the same channels, level by level."""
    return [(f"encoder.{i}", f"decoder.{i}") for i in range(found.depth)] + [("bottom",)]


def _check_next(conv: str, norm: str) -> None:
    """Raise NoUNet where numbers in a sequence say that something stands between the two."""
    (block, _, i), (other, _, j) = conv.rpartition("."), norm.rpartition(".")
    if block == other and i.isdigit() and j.isdigit() and int(j) != int(i) + 1:
        raise NoUNet(
            f"{norm} does not follow {conv} at once, so a ReLU may stand between: tinyunet has the "
            "ReLU behind the normalisation"
        )
