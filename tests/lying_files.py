"""Checkpoints that lie: good ones, changed by chance (`mutants`) or on purpose (`crafted`).

Run as a program, this reads the files in a folder, each with little memory and time, and prints what
came of them as JSON: ``python lying_files.py FOLDER``.
"""

from __future__ import annotations

import contextlib
import io
import json
import signal
import struct
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

import tinyunet as tu

SECONDS = 20  # for one file, on a busy machine; a good one takes hundredths of one
MEMORY = 1 << 30


class Naive(tu.Network):
    """A user's own, which believes its arguments: loops, layers and arrays of any number."""

    def __init__(self, width=2, depth=2, *, smooth=1, own=3, note=None, pads=((1, 1),), seed=0):
        super().__init__()
        rng = np.random.default_rng(seed)
        widths = [width * 2**level for level in range(depth)]
        self.convs = [
            tu.Conv2d(ins, outs, 3, padding="same", rng=rng)
            for ins, outs in zip([1, *widths], [*widths, 2], strict=True)
        ]
        self.smooth = [tu.Dropout(0.1, rng.spawn(1)[0]) for _ in range(smooth)]
        self.buffers["own"] = np.zeros(own, np.float32)
        self.pads = [tuple(pad) for pad in pads]

    def forward(self, x):
        for layer in [*self.convs, *self.smooth]:
            x = layer(x)
        return x

    def backward(self, dy):
        for layer in reversed([*self.convs, *self.smooth]):
            dy = layer.backward(dy)
        return dy


def good(path: Path, **options) -> None:
    """Write a checkpoint as training does: optimizer, generators, history, a best model."""
    good_of(path, tu.UNet(1, 2, base_channels=2, depth=1, padding="same", dropout=0.2, **options))


def good_of(path: Path, model: tu.Network) -> None:
    """The same of any network."""
    optimizer = tu.Adam(model, 0.01)
    x = np.random.default_rng(0).random((1, 8, 8, 1)).astype(model.dtype)
    model.backward(0.1 * model(x))
    optimizer.step()
    history = {"loss": [0.5], "validation": [[1, 0.25]], "total_steps": 12}
    state = {"history": history, "thresholds": {"none": 0.4}, "settings": {"seed": 0}}
    tu.save(path, model, optimizer, **state, best=model.state_dict())


def members(path: Path) -> tuple[dict, dict[str, bytes]]:
    """The header of a checkpoint and the bytes of its other members."""
    with zipfile.ZipFile(path) as file:
        parts = {name: file.read(name) for name in file.namelist()}
    return json.loads(np.load(io.BytesIO(parts.pop("header.npy"))).tobytes()), parts


def npy(array) -> bytes:
    """An array as a .npy file."""
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def packed(header, parts, deflated: bool = False) -> bytes:
    """A zip file of these members, with the right checksums; a header may be bytes of any kind."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    parts = [*dict(parts).items(), ("header.npy", npy(np.frombuffer(text, np.uint8)))]
    return zipped(parts, zipfile.ZIP_DEFLATED if deflated else zipfile.ZIP_STORED)


def zipped(parts, compression: int = zipfile.ZIP_STORED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        for name, data in parts:
            archive.writestr(name, data)
    return file.getvalue()


# ---------------------------------------------------------------------- by chance


def mutants(path: Path, count: int, seed: int) -> Iterator[tuple[str, bytes]]:
    """Yield (what was done, the file) of a good file, changed by chance."""
    rng = np.random.default_rng(seed)
    whole = path.read_bytes()
    header, parts = members(path)
    ways = [_flipped, _cut, _member_changed, _member_moved, _header_changed, _header_changed]
    for i in range(count):
        way = ways[i % len(ways)]
        yield way.__name__.strip("_"), way(rng, whole, json.loads(json.dumps(header)), dict(parts))


def _flipped(rng, whole, header, parts) -> bytes:
    """A few bytes are others, half of the time near the end, where the table of contents is."""
    data = bytearray(whole)
    low = len(data) - 4000 if rng.random() < 0.5 else 0
    for at in rng.integers(max(low, 0), len(data), rng.integers(1, 6)):
        data[at] ^= rng.integers(1, 256)
    return bytes(data)


def _cut(rng, whole, header, parts) -> bytes:
    """The end is missing, or a piece in the middle."""
    first, second = np.sort(rng.integers(0, len(whole), 2))
    return whole[:first] if rng.random() < 0.5 else whole[:first] + whole[second:]


def _member_changed(rng, whole, header, parts) -> bytes:
    """A member's first bytes, which say what it is, are others, and the checksums right."""
    name = str(rng.choice(sorted(parts)))
    data = bytearray(parts[name])
    for at in rng.integers(0, min(len(data), 140), rng.integers(1, 4)):
        data[at] = rng.integers(0, 256)
    parts[name] = bytes(data)
    return packed(header, parts, deflated=rng.random() < 0.5)


def _member_moved(rng, whole, header, parts) -> bytes:
    """A member is missing, has another's name or another's data."""
    one, other = rng.choice(sorted(parts), 2)
    data = parts.pop(str(one))
    if rng.random() < 0.7:
        parts[str(rng.choice([other, "state/x.npy", "model/x.npy", "../x", "x/.npy"]))] = data
    return packed(header, parts)


VALUES = [
    None, True, False, 0, -1, 1, 2, 3, 2**31, 2**63, 10**300, 10**400, -(10**40), 0.5, -0.5, 1e308,
    float("nan"), float("inf"), "", "x", "float64", "x" * 100_000, [], [1], [[]], {}, {"a": 1},
    {"state": 1}, [0.9, 0.9], "valid", "sum", 60, 100_000,
]  # fmt: skip


def _header_changed(rng, whole, header, parts) -> bytes:
    """One to three values in the header are others, missing, or new."""
    for _ in range(rng.integers(1, 4)):
        places = list(_places(header))
        where, key = places[rng.integers(len(places))]
        chance = rng.random()
        if chance < 0.15 and isinstance(where, dict):
            where.pop(key)
        elif chance < 0.25 and isinstance(where, dict):
            where["new"] = VALUES[rng.integers(len(VALUES))]
        else:
            where[key] = VALUES[rng.integers(len(VALUES))]
        if not list(_places(header)):
            break
    return packed(header, parts)


def _places(value) -> Iterator[tuple]:
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, inner in list(items):
        yield value, key
        if isinstance(inner, dict | list):
            yield from _places(inner)


# ---------------------------------------------------------------------- on purpose

CHANGED = {  # the place in the header, and what is not right there
    "network": [None, [], {}, "UNet"],
    "network.name": [None, "", "Net", "unet", "os.system", ["UNet"], "x" * 100_000, "\0\n\x1b[31m"],
    "network.config": [None, [], {}, "UNet"],
    "network.dtype": ["float64", "float16", "O", None, 4],
    "network.new": [1],
    "model": [{}],
    "network.config.base_channels": [0, -1, 2.0, True, "2", None, 4, 100_000, 2**40, 10**300, [2]],
    "network.config.depth": [0, 2, 60, 10**9, None, 1.0, "1"],
    "network.config.in_channels": [0, 3, 10**12],
    "network.config.num_classes": [0, 3, False],
    "network.config.padding": ["full", None, ["same"], {}],
    "network.config.skip": ["sum", "other", 1],
    "network.config.dropout": [1, 1.5, -0.1, float("nan"), float("inf"), "0.2", None, 0],
    "network.config.seed": [-1, 1.5, "0", [], [-1], "x" * 1_000_000],
    "network.config.dtype": ["float16", "float64", "object", "O", None, 4],
    "network.config.new": [1],
    "optimizer": [None, [], {}, "Adam"],
    "optimizer.kind": ["os", "SGD", None, [], "Optimizer"],
    "optimizer.lr": [-1, float("nan"), float("inf"), "1", None, 10**400],
    "optimizer.betas": [[0.9], [0.9, 1], [0.9, float("nan")], 0.9, "ab", None],
    "optimizer.eps": [-1, float("inf"), None],
    "optimizer.weight_decay": [-1, float("nan"), "0"],
    "optimizer.steps": [-1, 1.5, True, None, 10**400],
    "optimizer.model": ["x"],
    "generators": [None, [], {}, {"head": {}}],
    "generators.x": [{}],
    "generators.bottom\\dropout\\rng": [None, {}, []],
    "generators.bottom\\dropout\\rng.bit_generator": ["MT19937", "os", None],
    "generators.bottom\\dropout\\rng.has_uint32": [2, -1, None],
    "generators.bottom\\dropout\\rng.uinteger": [-1, 2**32, 0.5],
    "generators.bottom\\dropout\\rng.state": [None, 1, {}, {"state": 1}],
    "generators.bottom\\dropout\\rng.state.state": [-1, 2**128, 1.0, "1"],
    "generators.bottom\\dropout\\rng.state.inc": [-1, 2, 2**128 + 1, None],
    "state": [None, [1], "x"],
    "state.best": [1, {}],
    "format": [None, "2", True, 0, 1, 3, -1, 1.0, []],
    "new": [1],
}


OF_NAIVE = {  # the same for a user's own class, whose word nobody knows
    "network.name": ["UNet", "naive", "Naïve", "../Naive", "", None],
    "network.config": [None, [], {"width": 2, "more": 1}, {"self": 1}, {"width": 3}],
    "network.config.width": [
        0,
        -1,
        2.0,
        "2",
        None,
        4,
        100_000,
        2**31,
        2**63,
        10**300,
        [2],
        [[]],
        {},
    ],
    "network.config.depth": [0, 3, 60, 5000, 65_536, 10**9, 2**63, None, 1.0, "1", float("nan")],
    "network.config.smooth": [0, 2, 65_536, 10**9, "x", None, {}],
    "network.config.own": [0, 4, -1, 65_536, 10**12, 2**62, [2, 2], [10**9, 10**9], None, "x"],
    "network.config.note": [2**40, "x" * 200_000, [0] * 200_000, [[[[[[[[[[]]]]]]]]]] * 20_000],
    "network.config.pads": [3, None, [[1, 1], 2], [None], [3.5]],
    "network.config.seed": [-1, 1.5, "0", 2**200, "x" * 1_000_000],
    "network.config.new": [1],
    "network.config.__class__": [1],
    "network.dtype": ["float64", "float16", None, []],
    "generators": [None, {}, {"smooth.0.rng": {}}],
    "generators.smooth\\0\\rng.state.inc": [-1, 2, None],
    "optimizer.steps": [-1, None],
}


def nested(depth: int) -> list:
    """Lists in lists."""
    value: list = []
    for _ in range(depth):
        value = [value]
    return value


def crafted_of_naive(path: Path) -> Iterator[tuple[str, bytes]]:
    """Yield files of a `Naive` that lie on purpose; none of them may be read."""
    header, parts = members(path)
    yield from _changed(header, parts, OF_NAIVE)
    yield from _changed(header, parts, {"network.config.note": [nested(30), nested(400)]})
    name, data = "model/own.npy", parts["model/own.npy"]
    for new in ("model/convs.9.weight.npy", "model/own/x.npy", "model/.npy", "model/owns.npy"):
        yield f"array more: {new}", packed(header, {**parts, new: data})
        yield (
            f"array called {new}",
            packed(header, {new if n == name else n: d for n, d in parts.items()}),
        )
    for array in (
        np.zeros(4, "f4"),
        np.zeros((3, 1), "f4"),
        np.zeros(3, "i8"),
        np.zeros(3, "f2"),
        np.zeros((), "f4"),
    ):
        yield f"buffer: {array.dtype} {array.shape}", packed(header, {**parts, name: npy(array)})
    for gone in (name, "model/convs.0.weight.npy", "optimizer/convs.0.bias/mean.npy"):
        yield f"no {gone}", packed(header, {n: d for n, d in parts.items() if n != gone})
    yield "a state of the buffer", packed(header, {**parts, "optimizer/own/mean.npy": data})
    many = {f"model/{i}.npy": npy(np.zeros(100_000, "f4")) for i in range(10)}
    for place, value in (("depth", 500_000), ("smooth", 900_000), ("width", 10**6)):
        changed = json.loads(json.dumps(header))
        changed["network"]["config"][place] = value
        yield f"a large file, {place} = {value}", packed(changed, {**parts, **many})


def crafted(path: Path) -> Iterator[tuple[str, bytes | Callable]]:
    """Yield (what was done, the file) of files that lie on purpose; none of them may be read.

    Large ones are functions that make them.
    """
    header, parts = members(path)
    yield from _changed(header, parts, CHANGED)
    for place in (
        "format", "network", "generators", "state", "network.name", "network.dtype",
        "network.config", "network.config.depth", "optimizer.lr",
    ):  # fmt: skip
        changed = json.loads(json.dumps(header))
        *above, key = place.split(".")
        inner = changed
        for name in above:
            inner = inner[name]
        inner.pop(key)
        yield f"no {place}", packed(changed, parts)
    yield from _bad_texts(parts)
    yield from _bad_arrays(header, parts)
    yield from _bad_archives(path, header, parts)


def _changed(header, parts, changes: dict[str, list]) -> Iterator[tuple[str, bytes]]:
    """One file for each value that is not right in its place."""
    for place, values in changes.items():
        for value in values:
            changed = json.loads(json.dumps(header))
            *above, key = [name.replace("\\", ".") for name in place.split(".")]
            inner = changed
            for name in above:
                inner = inner[name]
            inner[key] = value
            yield f"{place} = {str(value)[:20]}", packed(changed, parts)


def _bad_texts(parts) -> Iterator[tuple[str, bytes]]:
    texts = {
        "no text": b"",
        "no JSON": b"{",
        "a list": b"[1]",
        "a string": b'"model"',
        "a number": b"1",
        "null": b"null",
        "NaN": b"NaN",
        "no UTF-8": b'{"format": "\xff\xfe"}',
        "deep lists": b"[" * 200_000,
        "deep objects": b'{"a":' * 200_000,
        "a long number": b'{"format": ' + b"9" * 100_000 + b"}",
        "UTF-16": '{"format": 1}'.encode("utf-16"),
    }
    for name, text in texts.items():
        yield f"header: {name}", packed(text, parts)
    large = {
        "objects": lambda: b"[" + b"{}," * 3_000_000 + b"{}]",
        "a string": lambda: b'{"format": "' + b"x" * 9_000_000 + b'"}',
        "names": lambda: b"{" + b",".join(b'"%d":0' % i for i in range(800_000)) + b"}",
    }
    for name, make in large.items():
        yield f"header: 9 MB of {name}", lambda make=make: packed(make(), parts)


def _bad_arrays(header, parts) -> Iterator[tuple[str, bytes]]:
    name = "model/head.weight.npy"
    data = parts[name]
    start = len(data) - 4 * 4  # (1, 1, 2, 2) of float32... its numbers

    def text(words: str, version: int = 1) -> bytes:
        size = struct.pack("<H" if version == 1 else "<I", len(words))
        return b"\x93NUMPY" + bytes([version, 0]) + size + words.encode() + data[start:]

    right = "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 1, 2, 2), }\n"
    lies = {
        "another magic": b"X" + data[1:],
        "version 9": data[:6] + b"\x09\x00" + data[8:],
        "empty": b"",
        "cut": data[:20],
        "one number less": data[:-4],
        "one number more": data + b"1234",
        "larger": text(right.replace("(1, 1, 2, 2)", "(1, 1, 2, 2000000000)")),
        "largest": text(right.replace("(1, 1, 2, 2)", f"({10**30}, {10**30}, 2, 2)")),
        "negative": text(right.replace("(1, 1, 2, 2)", "(-1, 1, 2, 2)")),
        "fractions": text(right.replace("(1, 1, 2, 2)", "(1.0, 1, 2, 2)")),
        "another shape": text(right.replace("(1, 1, 2, 2)", "(1, 2, 1, 2)")),
        "no tuple": text(right.replace("(1, 1, 2, 2)", "4")),
        "deep": text(right.replace("(1, 1, 2, 2)", "(" * 900 + ")" * 900)),
        "signs": text(right.replace("'<f4'", "-" * 9000 + "1")),
        "no end": text("{'descr': '<f4"),
        "another name": text(right.replace("'shape'", "'shapes'")),
        "code": text(right.replace("'<f4'", "__import__('os').getcwd()")),
        "no such kind": text(right.replace("<f4", "<q9")),
        "half": text(right.replace("<f4", "<f2").replace("2, 2", "4, 2")),
        "whole numbers": text(right.replace("<f4", "<i4")),
        "complex": text(right.replace("<f4", "<c8").replace("2, 2", "1, 2")),
        "nothing wide": text(right.replace("<f4", "V0")),
        "huge items": text(right.replace("<f4", "V999999999999")),
        "a record": text(right.replace("'<f4'", "[('a', '<f4')]")),
        "long": text(right.strip() + " " * 60_000 + "\n"),
        "4 GB of text": b"\x93NUMPY\x02\x00\xff\xff\xff\xff" + data[10:],
        "objects": text(right.replace("<f4", "|O")),
        "a pickle": _pickled(),
    }
    for lie, bad in lies.items():
        yield f"array: {lie}", packed(header, {**parts, name: bad})
    for new in ("model/x.npy", "optimizer/x.npy", "x.npy", "model/x", "header", "state/x.npy"):
        yield f"array more: {new}", packed(header, {**parts, new: data})
    yield "array: missing", packed(header, {n: d for n, d in parts.items() if n != name})
    slot = "optimizer/head.weight/mean.npy"
    yield "slot: missing", packed(header, {n: d for n, d in parts.items() if n != slot})
    yield "slot: larger", packed(header, {**parts, slot: npy(np.zeros((1, 1, 2, 3), "f4"))})
    yield "header: objects", zipped([*parts.items(), ("header.npy", _pickled())])
    text = npy(np.frombuffer(json.dumps(header).encode(), np.uint8).astype("f4"))
    yield "header: of floats", zipped([*parts.items(), ("header.npy", text)])


def _pickled() -> bytes:
    file = io.BytesIO()
    np.save(file, np.array([{"format": 1}], object), allow_pickle=True)
    return file.getvalue()


def _bad_archives(path, header, parts) -> Iterator[tuple[str, bytes]]:
    whole, name = path.read_bytes(), "model/head.weight.npy"
    deflated = zipfile.ZIP_DEFLATED

    def zeros() -> bytes:
        return npy(np.zeros(60_000_000, np.float32))

    text = npy(np.frombuffer(json.dumps(header).encode(), np.uint8))
    full = [*parts.items(), ("header.npy", text)]
    yield "bomb: in the state", lambda: zipped([*full, ("state/a/b.npy", zeros())], deflated)
    yield "bomb: in a parameter", lambda: packed(header, {**parts, name: zeros()}, deflated=True)
    yield "bomb: in the header", lambda: packed(b" " * 200_000_000 + b"{}", parts, deflated=True)
    yield "twice: the header", _twice(full, ("header.npy", text))
    yield "twice: a parameter", _twice(full, (name, parts[name]))
    yield "a file in it", zipped([*full, ("model/more.npz", whole)])
    yield "a folder in it", zipped([*full, ("model/", b"")])
    yield "bzip2", zipped(full, zipfile.ZIP_BZIP2)
    yield "lzma", zipped(full, zipfile.ZIP_LZMA)
    yield (
        "20,000 arrays",
        lambda: zipped([*full, *((f"state/a/{i}.npy", b"") for i in range(20_000))]),
    )
    small = npy(np.zeros(0, np.uint8))
    many = [(f"state/a/{i}.npy", small) for i in range(4900)]
    yield "4,900 arrays", lambda: zipped([*full, *many, (name + ".npy", small)])
    yield "empty zip", zipped([])
    yield "empty file", b""
    yield "zeros", bytes(5_000_000)
    yield "10 MB of tables", b"PK\x01\x02" * 2_500_000
    for lie, at, form, value in (
        ("size", 24, "<I", 2**32 - 2), ("size 0", 24, "<I", 0), ("packed size", 20, "<I", 2**31),
        ("place", 42, "<I", 2**32 - 2), ("place of another", 42, "<I", 0), ("flags", 8, "<H", 1),
        ("patched", 8, "<H", 0x20), ("strong", 8, "<H", 0x40), ("version", 6, "<H", 99),
        ("kind", 10, "<H", 99), ("deflated", 10, "<H", 8), ("checksum", 16, "<I", 1),
    ):  # fmt: skip
        data = bytearray(whole)
        entry = data.rindex(b"PK\x01\x02", 0, data.rindex(b"PK\x01\x02"))
        struct.pack_into(form, data, entry + at, value)
        yield f"table: {lie}", bytes(data)
    for lie, at, form, value in (
        ("size", 12, "<I", 2**32 - 2), ("place", 16, "<I", 2**32 - 2), ("size 0", 12, "<I", 0),
    ):  # fmt: skip
        data = bytearray(whole)
        struct.pack_into(form, data, data.rindex(b"PK\x05\x06") + at, value)
        yield f"end: {lie}", bytes(data)


def _twice(full, again) -> bytes:
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # zipfile says that a name is there already
        return zipped([*full, again])


# ---------------------------------------------------------------------- reading them


class Hang(BaseException):
    """It takes too long."""


def outcome(path: Path) -> str:
    """What comes of a file: "read", "refused", or what is wrong."""
    try:
        model = tu.load(path, everything=True).model
    except ValueError as error:
        words = str(error)
        return "refused" if path.name in words and len(words) < 2000 else f"words: {words[:300]}"
    except (Exception, Hang) as error:
        return f"{type(error).__name__}: {str(error)[:300]}"
    with np.errstate(all="ignore"):
        model(np.ones((1, 18, 18, 1), model.dtype))  # which suits both paddings
    return "read"


def limited() -> None:
    """Give this process 1 GB of memory more than it has."""
    import resource

    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def main(folder: Path) -> None:
    """Read every file of a folder and print [name, outcome, seconds] of each."""
    from threadpoolctl import threadpool_limits

    def ring(number, frame):
        raise Hang

    signal.signal(signal.SIGALRM, ring)
    first, *files = sorted(folder.iterdir())
    with threadpool_limits(1):
        outcome(first)  # what is loaded and started once
        with contextlib.suppress(OSError, ImportError):  # no such limits on this system
            limited()
        for path in [first, *files]:
            started = time.perf_counter()
            signal.alarm(SECONDS)
            found = outcome(path)
            signal.alarm(0)
            print(json.dumps([path.name, found, time.perf_counter() - started]), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
