"""Arrays by name from a safetensors file and into one; of any other file, what it is and what to do.

A ``.pth`` is a pickle, and reading a pickle runs what it says. safetensors holds only numbers by name.
"""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from tinyunet.engine.rules import short
from tinyunet.engine.whole_files import written_whole

LONGEST = 100_000_000  # bytes of a header, as safetensors has it
NPZ = ": an .npz of tinyunet's is read by tinyunet.load"
KINDS = ("F64", "F32", "F16", "I64", "I32", "I16", "I8", "U64", "U32", "U16", "U8", "BOOL")
TWO_LINES = """\
import torch, safetensors.torch; s = torch.load({old!r}, map_location="cpu", weights_only=True)
safetensors.torch.save_file({{k: (v.float() if v.dtype in (torch.half, torch.bfloat16) else v).clone()\
.contiguous() for k, v in next((d for d in s.values() if isinstance(d, dict) and \
any(map(torch.is_tensor, d.values()))), s).items() if torch.is_tensor(v)}}, {new!r})"""


def two_lines(path: str | Path) -> str:
    """The Python that turns a checkpoint of PyTorch's, a ``.pth``, into safetensors."""
    old, new = Path(path), Path(path).with_suffix(".safetensors")
    new = old.with_stem(f"{old.stem}-2") if new == old else new
    return TWO_LINES.format(old=str(old), new=str(new))


def is_pickles_name(path: str | Path) -> bool:
    """Whether a file is called as those that ``torch.save`` writes."""
    return Path(path).suffix.lower() in (".pth", ".pt", ".ckpt", ".pkl", ".pickle", ".bin")


def read_tensors(path: str | Path) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Return the arrays of a safetensors file by name, and its metadata.

    Raises
    ------
    FileNotFoundError, IsADirectoryError
        If there is no such file.
    RuntimeError
        If the package safetensors is missing.
    ValueError
        If it is another kind of file, or damaged, or holds numbers that NumPy lacks. All that it claims
        is compared with its length before memory is taken.
    """
    path = Path(path)
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder: give the .safetensors file in it")
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path}")
    header = _header(path)
    safetensors = _package("safetensors")
    try:
        with safetensors.safe_open(path, framework="numpy") as file:
            arrays = {name: file.get_tensor(name) for name in header}
            metadata = file.metadata() or {}
    except safetensors.SafetensorError as error:
        raise ValueError(f"{path} is a damaged safetensors file: {error}") from error
    return arrays, metadata


def write_tensors(
    path: str | Path, arrays: dict[str, np.ndarray], metadata: dict[str, str]
) -> None:
    """Write arrays by name; an interruption leaves an older file whole."""
    content = _package("safetensors.numpy").save(
        {name: np.ascontiguousarray(array).reshape(array.shape) for name, array in arrays.items()},
        metadata,
    )
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with written_whole(path) as file:
        file.write(content)


def _package(name: str) -> ModuleType:
    import importlib

    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise RuntimeError(
            'safetensors is not installed: pip install "tinyunet[exchange]" (in a clone: pip install '
            '".[exchange]")'
        ) from error


def _header(path: Path) -> dict[str, Any]:
    """What a file says of its arrays, by name, once its claims agree with its length."""
    size = path.stat().st_size
    with open(path, "rb") as file:
        first = file.read(200)
        if not size:
            raise ValueError(f"{path} is empty: copy or download it again")
        _refuse_pickle(path, first)
        length = int.from_bytes(first[:8], "little")
        if size < 8 or first[8:9] != b"{":
            raise ValueError(f"{path} is no safetensors file{_instead(first)}")
        if length > min(LONGEST, size - 8):
            raise ValueError(
                f"{path} is cut off or damaged: it claims a header of {length:,} bytes, and has "
                f"{size - 8:,} in all: copy or download it again"
            )
        file.seek(8)
        text = file.read(length)
    try:
        header = json.loads(text)
        header.pop("__metadata__", None)
        ends = [entry["data_offsets"][1] for entry in header.values()]
        kinds = {name: entry["dtype"] for name, entry in header.items()}
        needed = 8 + length + max(ends, default=0)
    except (ValueError, TypeError, AttributeError, LookupError, RecursionError) as error:
        raise ValueError(f"{path} has a damaged header: {short(str(error))}") from error
    if needed > size:
        raise ValueError(
            f"{path} is cut off: it has {size:,} bytes of {needed:,}: copy or download it again"
        )
    if not header:
        raise ValueError(f"{path} holds no arrays")
    _refuse_kinds(path, kinds)
    return header


def _instead(first: bytes) -> str:
    """What another file is, by its first bytes, and what to do."""
    if first.startswith(b"version https://git-lfs"):
        return ", but Git's word for one that is elsewhere: git lfs pull fetches it"
    if first.lstrip()[:1] == b"<":
        return ", but a web page: download the file itself"
    return f": it begins with {first[:8]!r}"


def _refuse_kinds(path: Path, kinds: dict[str, Any]) -> None:
    """Raise ValueError for numbers that NumPy does not have, such as bfloat16."""
    for name, kind in kinds.items():
        if kind not in KINDS:
            what = "bfloat16" if kind == "BF16" else short(kind)
            raise ValueError(
                f"{path} holds {short(name)} in {what}, which NumPy does not have: turn it into "
                f"float32 in PyTorch, {{k: v.float() for k, v in state.items()}}, and save it again"
            )


def _refuse_pickle(path: Path, first: bytes) -> None:
    """Raise ValueError for a file of PyTorch's own kind, whatever it is called."""
    is_zip = first[:4] == b"PK\x03\x04"
    if is_zip and b".npy" in first:
        raise ValueError(f"{path} is a NumPy archive, no safetensors file{NPZ}")
    by_name = is_pickles_name(path)
    # A pickle of protocol 2 and later begins with 80 and the protocol; no header is that long.
    by_content = is_zip or (first[:1] == b"\x80" and 2 <= first[1:2][0] <= 5 and first[8:9] != b"{")
    if by_content or (by_name and first[8:9] != b"{"):
        raise ValueError(
            f"{path} is a pickle of PyTorch's, which may run any code when it is read: tinyunet reads "
            "safetensors only. Where PyTorch and safetensors are installed, these two lines turn it "
            f"into that:\n\n{two_lines(path)}\n\n"
            "It may be a state_dict, or hold one under any name; of several the first is taken. "
            "clone() parts tensors that share memory and contiguous() puts their numbers in order, for "
            "safetensors takes no others; float() is for half precision and bfloat16."
        )
