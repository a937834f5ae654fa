"""Networks from PyTorch's weights, and their weights for PyTorch: `load_torch` and `save_torch`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from tinyunet.engine.arrays import device_name, to_cpu, to_device
from tinyunet.engine.rules import check_object, short
from tinyunet.exchange.torch_convert import JOINED, as_unet
from tinyunet.exchange.torch_file import is_pickles_name, read_tensors, write_tensors
from tinyunet.exchange.torch_like import named_like
from tinyunet.exchange.torch_names import is_counter, tidied
from tinyunet.exchange.torch_report import TorchReport
from tinyunet.layers.layer import Layer
from tinyunet.networks.config import plain
from tinyunet.networks.network import Network
from tinyunet.networks.outline import built, stated_outline
from tinyunet.networks.registry import check_known, find_network

OWN = "tinyunet"  # where in a file's metadata a network of ours stands


def load_torch(
    path: str | Path,
    model: Layer | None = None,
    *,
    joined: str | None = None,
    fold: bool = False,
    padding: str = "same",
    scale: float = 1.0,
    everything: bool = False,
) -> Any:
    """Make a network of PyTorch's weights, in a safetensors file.

    A file that `save_torch` wrote says itself what it is. Of others a U-Net is recognised by its
    shapes, whatever its layers are called: those of milesial/Pytorch-UNet, of labml, of the brain
    segmentation on PyTorch's hub, and others' of the same form. It becomes a `UNet`, or with batch
    norm a `networks.NormUNet`, in float64 if the file has that, else in float32.

    Parameters
    ----------
    path
        The file. A ``.pth`` is a pickle: the error has the two lines that turn one into safetensors.
    model
        Load into this network, or layer, of the same names; whatever a file says of a network does not
        count then.
    joined
        Which channels come first where the skip meets the way up: ``"skip_up"`` or ``"up_skip"``.
        Names of a known family tell it; else it is ``"skip_up"``, with a warning.
    fold
        Put batch norm into the convolutions: the same predictions by a plain `UNet`.
    padding
        ``"same"`` or ``"valid"``: the 3x3 convolutions' padding, which no file says.
    scale
        What an image from 0 to 1, as tinyunet reads it, was multiplied by in training, such as 255: the
        first convolution takes it over.
    everything
        Return the report, too: ``model, report``. The four options before it are refused where they
        would have no effect: beside `model`, and for a file that `save_torch` wrote.

    Returns
    -------
    Network, or (Network, TorchReport)

    Raises
    ------
    FileNotFoundError, IsADirectoryError
        If there is no such file.
    RuntimeError
        If the package safetensors is missing.
    ValueError
        If the file is a pickle, or damaged, or holds nan; if it holds no network that is known; if it
        does not fit `model`; if an option would have no effect.
    """
    if joined not in (None, *JOINED):
        raise ValueError(f"joined must be {' or '.join(map(repr, JOINED))}, got {joined!r}")
    if not (np.isfinite(scale) and scale > 0):
        raise ValueError(f"scale must be above 0, got {scale}")
    arrays, metadata = read_tensors(path)
    report = TorchReport(str(path), "tinyunet", tensors=len(arrays))
    arrays = _as_floats(arrays, report)
    options = {"joined": joined, "fold": fold, "padding": padding, "scale": scale}
    try:
        _check_values(arrays)
        if model is not None:
            _refuse_options(options, "fills a network that is given")
            report.family = f"{type(model).__name__}, as given"
            _fill(model, arrays)
        elif OWN in metadata:
            _refuse_options(options, "says itself what its network is")
            model = _own_network(metadata[OWN], arrays)
        else:
            model = as_unet(arrays, report, joined, fold, padding, scale)
    except ValueError as error:
        raise ValueError(f"{path} {error}") from error
    report.network, report.parameters = str(model), model.num_parameters
    return (model, report) if everything else model


def save_torch(
    model: Layer, path: str | Path, *, like: str | Path | None = None, joined: str | None = None
) -> None:
    """Write a network's weights for PyTorch, as safetensors, with their axes as PyTorch has them.

    A module of PyTorch's with the same names takes them by
    ``module.load_state_dict(safetensors.torch.load_file(path))``; `load_torch` makes the network again,
    for its class and settings stand in the file's metadata. Of a layer that is no `Network` it needs
    to be given one.

    Parameters
    ----------
    model
        Any layer.
    path
        The file.
    like
        Write under the names of this file, of which `load_torch` made the network: the module that it
        is of takes the weights back. The class is not in the metadata then.
    joined
        With `like`, as for `load_torch`: only where the names do not tell it.

    Raises
    ------
    RuntimeError
        If the package safetensors is missing.
    TypeError
        If the network was made with more than plain data.
    ValueError
        If the file's name is that of a pickle, which ``torch.load`` would take it for; if the network
        does not fit the names of `like`.
    """
    if is_pickles_name(path):
        other = Path(path).with_suffix(".safetensors")
        raise ValueError(f"what is written is safetensors, no pickle: name it {other}, not {path}")
    if joined not in (None, *JOINED):
        raise ValueError(f"joined must be {' or '.join(map(repr, JOINED))}, got {joined!r}")
    if like is None and joined:
        raise ValueError(f"joined={joined!r} would have no effect without like")
    metadata = {"format": "pt"}
    if isinstance(model, Network) and like is None:
        check_known(type(model))
        config = {key: plain(key, value) for key, value in model.config.items()}
        metadata[OWN] = json.dumps({"name": type(model).__name__, "config": config})
    arrays = {name: to_cpu(array) for name, array in model.torch_state().items()}
    write_tensors(path, arrays if like is None else named_like(arrays, like, joined), metadata)


# ---------------------------------------------------------------------- of names that are ours


def _own_network(text: str, arrays: dict[str, np.ndarray]) -> Network:
    """The network that a file of `save_torch` describes, within the limits of what it holds."""
    try:
        said = json.loads(text)
        check_object("its metadata", said)
        name, config = said["name"], said["config"]
        check_object("its metadata's config", config)
        cls = find_network(name)
    except (ValueError, LookupError, TypeError, RecursionError) as error:
        raise ValueError(f"does not say as tinyunet would which network it is: {error}") from error
    numbers = sum(array.size for array in arrays.values())
    outline = stated_outline(cls, config)
    if outline is not None:
        sizes = {name: int(np.prod(shape, dtype=object)) for name, shape in outline.shapes.items()}
        if sizes != {name: array.size for name, array in arrays.items()}:
            raise ValueError(f"does not hold the {cls.__name__} that it describes")
    model = built(cls, config, numbers) if outline is None else cls.from_config(config)
    _fill(model, arrays)
    return model


def _fill(model: Layer, arrays: dict[str, np.ndarray]) -> None:
    """Put arrays into a layer of the same names; nothing is changed where they do not fit."""
    state = model.torch_state()
    if not arrays.keys() & state.keys():
        short_names = tidied(arrays)
        arrays = {short_names[name]: array for name, array in arrays.items()}
    counters = [name for name in state if is_counter(name)]  # old files and converters lack them
    arrays = {name: np.zeros(state[name].shape) for name in counters} | arrays
    problems = [f"missing: {name}" for name in state if name not in arrays]
    problems += [f"unexpected: {short(name)}" for name in arrays if name not in state]
    problems += [
        f"{name}: shape {arrays[name].shape}, expected {array.shape}"
        for name, array in state.items()
        if name in arrays and arrays[name].shape != array.shape
    ]
    problems += [
        f"{name}: {arrays[name].dtype}, expected {array.dtype}: quantised weights?"
        for name, array in state.items()
        if name in arrays and array.dtype.kind == "f" != arrays[name].dtype.kind
    ]
    if problems:
        rest = [f"and {len(problems) - 10} more"] if len(problems) > 10 else []
        raise ValueError("\n  ".join([f"does not fit {model}:", *problems[:10], *rest]))
    kinds = {arrays[name].dtype for name, _ in model.named_parameters()}
    if np.dtype("float64") in kinds and model.dtype == np.float32:
        model.astype("float64")
        state = model.torch_state()
    for name, array in state.items():
        array[...] = to_device(arrays[name].astype(array.dtype), device_name(array))


def _refuse_options(options: dict[str, Any], why: str) -> None:
    """Raise ValueError for options that would have no effect."""
    usual = {"joined": None, "fold": False, "padding": "same", "scale": 1}
    given = [f"{name}={value!r}" for name, value in options.items() if value != usual[name]]
    if given:
        raise ValueError(f"{why}, so {', '.join(given)} would have no effect: leave it out")


def _check_values(arrays: dict[str, np.ndarray]) -> None:
    """Raise ValueError for numbers that make every prediction nan."""
    for name, array in arrays.items():
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise ValueError(
                f"holds nan or infinity in {short(name)}: did its training diverge, or was it turned "
                "into float16?"
            )
        if name.endswith("running_var") and (array < 0).any():
            raise ValueError(f"holds variances below 0 in {short(name)}: it is damaged")


def _as_floats(arrays: dict[str, np.ndarray], report: TorchReport) -> dict[str, np.ndarray]:
    """The arrays, those of half precision as float32; whole numbers can only count."""
    half = [name for name, array in arrays.items() if array.dtype == np.float16]
    if half:
        report.changed.append(f"{len(half)} arrays from float16 to float32")
    return {n: a.astype(np.float32) if a.dtype == np.float16 else a for n, a in arrays.items()}
