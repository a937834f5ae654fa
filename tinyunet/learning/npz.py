"""Read an .npz file of which nothing is believed: it may be damaged, or made to harm.

`numpy.load` makes arrays as large as a file claims, and fails in a dozen ways. Here every claim is
held against the others, and against the file's size, before memory is taken for it. What is unpacked
can be 64 MiB, or 16 times the file: real parameters hardly shrink, zeros shrink a thousand times.
"""

from __future__ import annotations

import ast
import functools
import math
import re
import zipfile
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np

from tinyunet.engine.rules import short

CHUNK = 1 << 20  # bytes read at once
ARRAYS = 10_000
TABLE = 2 << 20  # bytes of the table of contents: twice those of so many arrays
ENTRY = 46 + 28  # bytes of it for an array, besides the name; 28 where sizes need 64 bits
UNPACKED, TIMES = 64 << 20, 16
LONGEST_TEXT = 10_000  # of an array's header, as numpy.load has it
# Only what NumPy writes: its own reader asks Python's parser, which knows many more ways to fail.
TEXT = re.compile(
    r"\{'descr': [^{}\\]+, 'fortran_order': (?:True|False), 'shape': \([\d, ]*\), \} *\n"
)
HARMLESS = 0x80E  # flags of a member: how it was deflated, sizes behind the data, a name in UTF-8


@dataclass(frozen=True)
class Member:
    """An array in the file, before its numbers are read."""

    info: zipfile.ZipInfo
    dtype: np.dtype
    shape: tuple[int, ...]
    fortran_order: bool
    start: int  # bytes before the numbers

    @property
    def size(self) -> int:
        """Bytes of the numbers."""
        return math.prod(self.shape) * self.dtype.itemsize


class Npz:
    """The arrays of a file: `members` says what they are, `read` reads one.

    Damage raises many kinds of exceptions, those of `zipfile`, `zlib` and `struct` among them.
    """

    def __init__(self, file: BinaryIO) -> None:
        self.size = file.seek(0, 2)
        self.archive = zipfile.ZipFile(_Sparing(file))
        infos = self.archive.infolist()
        if len(infos) > ARRAYS:
            raise ValueError(f"it holds {len(infos):,} arrays: more than {ARRAYS:,}")
        _check_places(infos, self.archive.start_dir)
        unpacked = sum(info.file_size for info in infos)
        if unpacked > max(UNPACKED, TIMES * self.size):
            raise ValueError(
                f"{unpacked:,} bytes are said to be packed into {self.size:,}: no network shrinks so "
                "much"
            )
        self.members: dict[str, Member] = {}
        for info in infos:
            name = info.orig_filename.removesuffix(".npy")
            if name in self.members:
                raise ValueError(f"it holds {short(name)} twice")
            self.members[name] = self._member(info)

    def _member(self, info: zipfile.ZipInfo) -> Member:
        """Read what an array is, and compare it with the size that the zip file gives."""
        name = short(info.orig_filename)
        if not info.orig_filename.endswith(".npy") or info.flag_bits & ~HARMLESS:
            raise ValueError(f"{name} is no array, or encrypted")
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise ValueError(f"{name} is compressed in a way that NumPy never does")
        with self.archive.open(info) as file:
            magic = file.read(8)
            digits = {b"\x01\x00": 2, b"\x02\x00": 4, b"\x03\x00": 4}.get(magic[6:])
            if magic[:6] != b"\x93NUMPY" or digits is None:
                raise ValueError(f"{name} is no array")
            length = int.from_bytes(file.read(digits), "little")
            if length > LONGEST_TEXT:
                raise ValueError(f"{name} has a description of {length:,} bytes")
            text = file.read(length).decode("utf-8" if magic[6] == 3 else "latin-1")
        if len(text) > length or not TEXT.fullmatch(text):
            raise ValueError(f"{name} has a description that NumPy never writes: {short(text)}")
        try:
            dtype, shape, fortran_order = _understood(text)
        except Exception as error:  # MemoryError, too: of the parser's stack
            raise ValueError(f"{name} has numbers of an unknown kind: {short(text)}") from error
        if dtype.hasobject or not dtype.itemsize:
            raise ValueError(f"{name} has {dtype}, no numbers")
        member = Member(info, dtype, shape, fortran_order, 8 + digits + length)
        if member.start + member.size != info.file_size:
            raise ValueError(
                f"{name} claims to be {short(shape)} of {dtype}, {member.size:,} bytes, but has "
                f"{info.file_size - member.start:,}"
            )
        return member

    def read(self, name: str) -> np.ndarray:
        """Read an array, and check its checksum."""
        member = self.members[name]
        buffer = np.empty(member.size, np.uint8)
        with self.archive.open(member.info) as file:
            file.read(member.start)
            for i in range(0, member.size, CHUNK):
                part = buffer[i : i + CHUNK]
                if file.readinto(part) < len(part):
                    raise EOFError(f"{short(name)} ends too early")
            file.read(1)  # nothing; but zipfile looks at the checksum where it finds the end
        array = buffer.view(member.dtype)
        if member.fortran_order:
            return array.reshape(member.shape[::-1]).T
        return array.reshape(member.shape)


@functools.lru_cache(maxsize=100)
def _understood(text: str) -> tuple[np.dtype, tuple[int, ...], bool]:
    """What an array's description says."""
    found = ast.literal_eval(text)
    dtype = np.lib.format.descr_to_dtype(found["descr"])
    return dtype, found["shape"], found["fortran_order"]


def _check_places(infos: list[zipfile.ZipInfo], end: int) -> None:
    """Refuse members that lie over each other, or claim what the file has no room for."""
    for info in sorted(infos, key=lambda info: info.header_offset, reverse=True):
        name = short(info.orig_filename)
        stored = info.compress_type == zipfile.ZIP_STORED
        if stored and info.compress_size != info.file_size:
            raise ValueError(f"{name} is not compressed, but has two sizes")
        if info.header_offset + 30 + info.compress_size > end:  # 30: of the header before it
            raise ValueError(f"{name} lies over another array, or reaches beyond the file")
        end = info.header_offset


class _Sparing:
    """A file that gives no more than `TABLE` at once, whatever a zip file's table asks for."""

    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self.seek, self.tell, self.seekable = file.seek, file.tell, file.seekable

    def read(self, count: int = -1) -> bytes:
        data = self.file.read(TABLE + 1 if count < 0 else min(count, TABLE + 1))
        if len(data) > TABLE:
            raise ValueError(f"its table of contents is larger than that of {ARRAYS:,} arrays")
        return data


def check_writable(arrays: dict[str, np.ndarray]) -> None:
    """Raise ValueError if `Npz` would refuse a file of these arrays, and of one more for the rest."""
    if len(arrays) >= ARRAYS:
        raise ValueError(
            f"it would hold {len(arrays) + 1:,} arrays, more than {ARRAYS:,}: join small ones"
        )
    table = sum(len(name.encode()) + len(".npy") + ENTRY for name in [*arrays, "header"])
    if table > TABLE:
        raise ValueError(f"the arrays' names make a table of {table:,} bytes, more than {TABLE:,}")
    for name, array in arrays.items():
        if array.dtype.hasobject or not array.dtype.itemsize:
            raise ValueError(f"{short(name)} has {array.dtype}, no numbers")
        about = np.lib.format.header_data_from_array_1_0(array)
        text = "".join(f"'{key}': {about[key]!r}, " for key in sorted(about))
        if not TEXT.fullmatch(f"{{{text}}}\n"):
            raise ValueError(f"{short(name)} has {short(array.dtype)}, which is read by nobody")
