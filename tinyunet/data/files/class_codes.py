"""Which numbers or colors in masks are which classes, as a user writes it: 0=background,255=cell."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from tinyunet.data.files.mask_files import commas, packed, placeholders

EXAMPLE = "0=background,128=nucleus,255=cell"
ENTRY = re.compile(r"\s*([^=]+?)\s*=\s*([^=,;]+?)\s*(?:[,;]|$)")
COLOR = re.compile(r"(?:#|0x)([0-9a-fA-F]{6})")
TRIPLE = re.compile(r"\(?\s*(\d{1,3})\s*,\s*(\d{1,3})\s*,\s*(\d{1,3})\s*\)?")
PLACEHOLDER = re.compile(r"NAME\d*")  # of advice
BACKGROUNDS = ("background", "bg", "_background_")
Key = int | tuple[int, int, int] | str
Classes = str | Mapping[Key, str | int]
Ignored = int | str | tuple[int, ...] | list


@dataclass(frozen=True)
class ClassCodes:
    """Classes by what stands for them in masks.

    `classes`: by number, by color (0xRRGGBB) where `colors`, by labels of polygons where `words`.
    `names`: of the classes 0 ... K-1. `ignored`: what stands for pixels that count nowhere.
    """

    classes: dict[int | str, int]
    names: list[str]
    ignored: tuple[int | str, ...] = ()
    colors: bool = False
    words: bool = False
    seen: set[int | str] = field(
        default_factory=set, compare=False
    )  # what masks were found to hold

    def labels(self, path: Path, values: np.ndarray, counted: np.ndarray) -> np.ndarray:
        """The class at every pixel (H, W) of a mask; 0 where a pixel does not count.

        Raises
        ------
        ValueError
            If it holds what has no class: the message says how to name it.
        """
        found, places = np.unique(values, return_inverse=True)
        table = np.array([self.classes.get(value, -1) for value in found.tolist()])
        labels = np.where(counted, table[places.reshape(values.shape)], 0)
        if (labels < 0).any():
            unknown, counts = np.unique(values[labels < 0], return_counts=True)
            shown = ", ".join(
                f"{self._word(v)} ({n} pixels)"
                for v, n in zip(unknown[:5].tolist(), counts, strict=False)
            )
            words = [self._word(value) for value in unknown[:5].tolist()]
            raise ValueError(
                f"{path}: holds what the classes do not name: {shown}; add {placeholders(words)} to "
                f"--classes, or say --ignore {words[0]}"
            )
        self.seen.update(found.tolist())
        return labels

    def unseen(self) -> list[str]:
        """Sentences about what was named and is in none of the masks that were read."""
        found = []
        for number, name in enumerate(self.names):
            absent = [
                key for key, of in self.classes.items() if of == number and key not in self.seen
            ]
            if not absent or not number:
                continue
            if all(key in absent for key, of in self.classes.items() if of == number):
                what = f"class {number} ({name}) has no pixel in any mask"
            else:
                what = f"some of what is named {name} is in no mask"
            found.append(f"{what}: none holds {', '.join(map(self._word, absent))}")
        ignored = [key for key in self.ignored if key not in self.seen]
        if ignored:
            found.append(f"nothing is ignored: no mask holds {', '.join(map(self._word, ignored))}")
        return found

    def _word(self, value: float | str) -> str:
        if isinstance(value, str):
            return value
        return commas(int(value)) if self.colors else f"{value:g}"


def parse(classes: Classes | None, ignore: Ignored | None) -> ClassCodes | None:
    """Read what a user says of classes and of what to ignore; None if that is nothing.

    Classes are numbered in the order in which they are first named, from 0; but a class that is named
    background, or that 0 (black) stands for, is class 0. If there is none, what is 0 is background.
    Names that are all numbers are the numbers of classes.

    Raises
    ------
    ValueError
        If it cannot be understood.
    """
    ignored = tuple(map(_key, _ignored(ignore)))
    wrong = [key for key in ignored if isinstance(key, str)]
    if wrong:
        raise ValueError(
            f"ignore must be a number or a color, as 255 or 255,255,255, got {wrong[0]!r}; polygons "
            "labelled __ignore__ are ignored without it"
        )
    pairs = [] if classes is None else _pairs(classes)
    keys = [key for key, _ in pairs]
    for key, name in pairs:
        if PLACEHOLDER.fullmatch(name):
            raise ValueError(
                f"classes: {name} stands for a name of your choice: say what {_shown(key)} is, as in "
                f"{EXAMPLE}"
            )
    colors = any(isinstance(key, tuple) for key in (*keys, *ignored))
    words = any(isinstance(key, str) for key in keys)
    if colors:
        pairs = [(_as_color(key), name) for key, name in pairs]
        ignored = tuple(map(_as_color, ignored))
    if not pairs:
        return ClassCodes({}, [], ignored, colors) if ignored else None
    by_key: dict[int | str, str] = {}
    for key, name in pairs:
        if by_key.setdefault(key, name) != name:
            raise ValueError(f"classes: {_shown(key)} stands for both {by_key[key]!r} and {name!r}")
    names = _in_order(by_key, ignored)
    numbers = {name: number for number, name in enumerate(names)}
    found = {key: numbers[name] for key, name in by_key.items()}
    if 0 not in found and 0 not in ignored and not words:
        found[0] = 0
    return ClassCodes(found, names, ignored, colors, words)


def _in_order(by_key: dict[int | str, str], ignored: tuple[int | str, ...]) -> list[str]:
    """The names of the classes 0 ... K-1."""
    names = list(dict.fromkeys(by_key.values()))
    if all(name.isdecimal() for name in names):
        last = max(map(int, names))
        if last >= 255:
            raise ValueError(f"classes are numbered 0 ... K-1, got the number {last} for one")
        return [str(number) for number in range(last + 1)]
    first = next((name for name in names if name.casefold() in BACKGROUNDS), None)
    first = first or by_key.get(0)
    if first is None and 0 not in ignored:
        names.insert(0, "background")
    elif first is not None:
        names.remove(first)
        names.insert(0, first)
    return names


def _pairs(classes: Classes) -> list[tuple[Key, str]]:
    if isinstance(classes, Mapping):
        return [(_key(key), str(name).strip()) for key, name in classes.items()]
    text, pairs, at = str(classes).strip(), [], 0
    while at < len(text):
        entry = ENTRY.match(text, at)
        if entry is None or (isinstance(_key(entry[1]), str) and "," in entry[1]):
            raise ValueError(
                f"classes {text!r} cannot be understood from {text[at:]!r} on: write {EXAMPLE}; colors "
                "as 255,0,0=cell or '#ff0000=cell', in quotes"
            )
        pairs.append((_key(entry[1]), entry[2]))
        at = entry.end()
    if not pairs:
        raise ValueError(f"classes are empty: write {EXAMPLE}")
    return pairs


def _key(key: Key) -> Key:
    """A number, a color as a tuple of three, or the label of polygons."""
    if isinstance(key, tuple | list | np.ndarray) and len(key) == 3:
        return _triple(*map(int, key))
    if not isinstance(key, str):
        if key != int(key):
            raise ValueError(f"masks hold whole numbers, got {key} for one to name or ignore")
        return int(key)
    text = key.strip()
    if match := COLOR.fullmatch(text):
        value = int(match[1], 16)
        return value >> 16, value >> 8 & 255, value & 255
    if match := TRIPLE.fullmatch(text):
        return _triple(*map(int, match.groups()))
    return int(text) if re.fullmatch(r"[+-]?\d+", text) else text


def _shown(key: Key) -> str:
    """A number, a color or a label as users write it."""
    return ",".join(map(str, key)) if isinstance(key, tuple) else str(key)


def _triple(*color: int) -> tuple[int, int, int]:
    if not all(0 <= part <= 255 for part in color):
        raise ValueError(f"a color has three numbers from 0 to 255, got {color}")
    return color  # type: ignore[return-value]


def _as_color(key: Key) -> int | str:
    """As 0xRRGGBB; a number beside colors is a gray value."""
    if isinstance(key, str):
        return key
    color = (key,) * 3 if isinstance(key, int) else key
    return int(packed(np.array(_triple(*color))))


def _ignored(ignore: Ignored | None) -> list[Key]:
    """What is ignored, as a list: one number or color, or several (in text, with ; or spaces)."""
    if ignore is None:
        return []
    if isinstance(ignore, str):
        found = [part for part in re.split(r"[;\s]+", ignore.strip()) if part]
        if len(found) == 1 and "," in found[0] and not TRIPLE.fullmatch(found[0]):
            found = found[0].split(",")
        return found
    if isinstance(ignore, tuple) and len(ignore) == 3:
        return [ignore]
    return list(ignore) if isinstance(ignore, tuple | list | set) else [ignore]
