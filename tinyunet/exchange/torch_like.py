"""Weights under the names of somebody else's U-Net: the way back of what `torch_convert` does."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tinyunet.engine.rules import short
from tinyunet.exchange.torch_file import read_tensors
from tinyunet.exchange.torch_names import family_of, is_counter, tidied
from tinyunet.exchange.torch_unets import NoUNet, find_unet, layers_of


def named_like(
    state: dict[str, np.ndarray], path: str | Path, joined: str | None
) -> dict[str, np.ndarray]:
    """The state of a `UNet` or a `NormUNet`, in PyTorch's order of axes, under the names of a file.

    Raises
    ------
    ValueError
        If the file holds no U-Net, or one with other layers; if neither its names nor `joined` tell
        whose channels come first where skip and way up meet.
    """
    theirs, _ = read_tensors(path)
    short_names = tidied(theirs)
    layers, _ = layers_of({short_names[name]: array for name, array in theirs.items()})
    try:
        names = find_unet(layers).names
    except NoUNet as error:
        raise ValueError(f"{path} {error}") from error
    family = family_of(layers)
    joined = joined or (family.joined if family else None)
    if joined is None:
        raise ValueError(
            f"the names in {path} do not tell whose channels come first where skip and way up meet: "
            'give joined="skip_up" or joined="up_skip", as to load_torch'
        )
    state = _without_wrappers(state)
    ours = {name: our for our, name in names.items()}
    result, used = {}, set()
    for whole, name in short_names.items():
        layer, _, key = name.rpartition(".")
        our = f"{ours[layer]}.{key}" if layer in ours else name
        normed = f"{ours.get(layer)}.norm" in names
        if key == "bias" and normed and f"{ours[layer]}.norm.running_mean" in state:
            result[whole] = np.zeros_like(
                state[f"{ours[layer]}.norm.running_mean"]
            )  # its mean has it
            continue
        if our in state:
            used.add(our)
            result[whole] = _halves(state[our], our, joined)
        elif not is_counter(name):
            raise ValueError(f"{path} has {short(whole)}, and the network no {our}: {_HINT}")
    left = [our for our, a in state.items() if our not in used and not is_counter(our) and a.any()]
    if left:
        raise ValueError(f"the network has {short(left)}, for which {path} has no place: {_HINT}")
    return result


_HINT = "it takes the network that load_torch makes of that file, without fold=True"


def _without_wrappers(state: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The state with one name for a convolution, whether a batch norm follows it or not."""
    return {name.replace(".conv.", "."): array for name, array in state.items()}


def _halves(array: np.ndarray, name: str, joined: str) -> np.ndarray:
    """An array with the channels from below first, where they meet the skip's and `joined` says so."""
    if joined == "up_skip" and name.startswith("decoder.") and name.endswith(".conv1.weight"):
        half = array.shape[1] // 2
        return np.concatenate([array[:, half:], array[:, :half]], axis=1)
    return array
