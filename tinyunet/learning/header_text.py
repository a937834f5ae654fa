"""The text in a checkpoint, which holds all but its arrays: read with limits, and errors in words."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from typing import Any

import numpy as np

from tinyunet.learning.npz import Npz

LONGEST = 64 << 20  # bytes of the header, which holds the loss of every step
PARTS = 1_000_000  # names, lists and objects in it, which cost far more than numbers in a list


@contextlib.contextmanager
def else_it(words: str) -> Iterator[None]:
    """Say what a file is in which something is wrong; zipfile and others fail in a dozen ways."""
    try:
        yield
    except MemoryError:
        raise
    except Exception as error:
        why = str(error) or type(error).__name__
        raise ValueError(f"{words}: {why if len(why) < 1000 else why[:997] + '...'}") from error


def read_header(stored: Npz) -> Any:
    """Read the JSON text."""
    member = stored.members.get("header")
    if member is None:
        raise ValueError("it has no header")
    if member.dtype != np.uint8 or member.size > min(LONGEST, max(1 << 20, stored.size)):
        raise ValueError(f"its header is {member.size:,} bytes as {member.dtype}")
    header = parsed(stored.read("header").tobytes())
    del stored.members["header"]
    return header


def parsed(text: bytes) -> Any:
    """The header from its text, if it is not too much."""
    parts = sum(map(text.count, (b":", b"[", b"{")))
    if parts > PARTS:
        raise ValueError(
            f"its header has {parts:,} names, lists and objects, more than {PARTS:,}: large state "
            "belongs into arrays"
        )
    return json.loads(text.decode())
