"""PyTorch's arrays of a U-Net made ours: batch norm folded or kept, halves that change places."""

from __future__ import annotations

import warnings

import numpy as np

from tinyunet.engine.rules import short
from tinyunet.exchange.torch_names import OTHER, family_of, is_counter, tidied
from tinyunet.exchange.torch_report import TorchReport
from tinyunet.exchange.torch_unets import Found, NoUNet, find_unet, layers_of
from tinyunet.networks.network import Network
from tinyunet.networks.norm_unet import NormUNet
from tinyunet.networks.unet import UNet

JOINED = ("skip_up", "up_skip")
EPS = 1e-5  # PyTorch's default


def as_unet(
    arrays: dict[str, np.ndarray],
    report: TorchReport,
    joined: str | None,
    fold: bool,
    padding: str,
    scale: float,
) -> Network:
    """The U-Net that arrays of any names are."""
    whole = [
        name
        for name, array in arrays.items()
        if array.dtype.kind != "f" and array.shape and not is_counter(name)
    ]
    if whole:
        raise NoUNet(f"holds {short(whole[0])} in {arrays[whole[0]].dtype}: quantised weights?")
    names = tidied(arrays)
    layers, report.left_over = layers_of({names[name]: array for name, array in arrays.items()})
    found = find_unet(layers)
    family = family_of(layers)
    report.family = family.name if family else OTHER
    if family is None:
        _say_order(found, report)
    _swap_halves(found, report, joined, family.joined if family else None)
    if scale != 1:
        first = found.layers["encoder.0.conv1"]
        found.layers["encoder.0.conv1"] = first | {"weight": first["weight"] * scale}
        report.changed.append(f"the first convolution takes images from 0 to 1, times {scale:g}")
    last = "a sigmoid of its logit" if found.num_classes == 1 else "a softmax over its logits"
    report.assumed.append(
        f'padding="{padding}"; a ReLU behind each 3x3 convolution; maxima in 2x2 pixels; {last}'
    )
    if found.norms:
        report.assumed.append(f"batch norm with eps {EPS:g} between convolution and ReLU")
    kept = bool(found.norms) and not fold
    cls = NormUNet if kept else UNet
    wide = any(array.dtype == np.float64 for array in arrays.values())
    model = cls(
        found.in_channels, found.num_classes, base_channels=found.base_channels, depth=found.depth,
        padding=padding, dtype="float64" if wide else "float32",
    )  # fmt: skip
    state = _normalised(found, report) if kept else _plain(found, report)
    for name, array in model.torch_state().items():
        array[...] = state.get(name, 0)  # a bias, or a counter, that the file lacks is 0
    return model


def _say_order(found: Found, report: TorchReport) -> None:
    """Say which layers were taken for which, where no family's names tell it."""

    def named(conv: str) -> str:
        norm = found.names.get(f"{conv}.norm")
        return found.names[conv] + (f" ({norm})" if norm else "")

    def pairs(blocks: list[str]) -> str:
        return "; ".join(f"{named(f'{b}.conv1')}, {named(f'{b}.conv2')}" for b in blocks)

    down, up = ([f"{half}.{i}" for i in range(found.depth)] for half in ("encoder", "decoder"))
    words = f"the order down {pairs(down)}; bottom {pairs(['bottom'])}; up {pairs(up[::-1])}"
    if found.in_channels == found.base_channels:  # shapes tell nothing of the first level's
        found.guessed.append(found.names["encoder.0.conv1"])
    if found.guessed:
        words += f"; shapes do not tell where {found.guessed[0]} stands"
        warnings.warn(words, stacklevel=4)
    report.assumed.append(words)


def _swap_halves(found: Found, report: TorchReport, joined: str | None, known: str | None) -> None:
    """Have the skip's channels first where paths meet, as ours have."""
    if known and joined and joined != known:
        report.assumed.append(f'joined="{joined}", though {report.family} has "{known}"')
    if not (joined or known):
        words = (
            'joined="skip_up": the skip\'s channels before those from below; else joined="up_skip"'
        )
        report.assumed.append(words)
        warnings.warn(f"the names do not tell the order of channels, so {words}", stacklevel=4)
    if (joined or known) != "up_skip":
        return
    for level in range(found.depth):
        name = f"decoder.{level}.conv1"
        weight = found.layers[name]["weight"]
        skip = found.base_channels << level
        swapped = np.concatenate([weight[:, skip:], weight[:, :skip]], axis=1)
        found.layers[name] = found.layers[name] | {"weight": swapped}
    report.changed.append(
        "skip and way up change places in the first convolution of each decoder level"
    )


def _plain(found: Found, report: TorchReport) -> dict[str, np.ndarray]:
    """PyTorch's arrays of a `UNet`: batch norm is folded, as `tinyunet.fold` does it."""
    state = {}
    for name, layer in found.layers.items():
        weight, bias = layer["weight"], layer.get("bias", 0.0)
        if name in found.norms:
            norm = {key: array.astype(np.float64) for key, array in found.norms[name].items()}
            s = norm["weight"] / np.sqrt(norm["running_var"] + EPS)
            weight = weight * s[:, None, None, None]
            bias = (bias - norm["running_mean"]) * s + norm["bias"]
        state |= {f"{name}.weight": weight, f"{name}.bias": bias}
    if found.norms:
        report.changed.append(f"{len(found.norms)} batch norms folded into their convolutions")
    return state


def _normalised(found: Found, report: TorchReport) -> dict[str, np.ndarray]:
    """PyTorch's arrays of a `NormUNet`. A bias that batch norm takes off again goes into its mean."""
    state, biases = {}, 0
    for name, layer in found.layers.items():
        norm = found.norms.get(name)
        if norm is None:
            state |= {f"{name}.{key}": array for key, array in layer.items()}
            continue
        biases += "bias" in layer
        mean = norm["running_mean"] - layer.get("bias", 0.0)
        state[f"{name}.conv.weight"] = layer["weight"]
        state |= {f"{name}.norm.{key}": array for key, array in norm.items()}
        state[f"{name}.norm.running_mean"] = mean
    if biases:
        report.changed.append(
            f"{biases} biases in front of a batch norm taken off its running mean: the same function"
        )
    return state
