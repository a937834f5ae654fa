"""Sentences that say the same of many files, as one."""

from __future__ import annotations

import re
from collections.abc import Iterable

FORMS = (
    re.compile(r"(?P<mask>mask )?(?P<name>.+)(?P<rest> has no (?:mask|image))"),
    re.compile(r"(?P<name>.+) in (?P<folder>[^,:]+), passed over: (?P<rest>.+)"),
    re.compile(r"(?P<name>[^:;]+\.\w+(?:\[\d+\])?): (?P<rest>.+)"),
    re.compile(r"(?P<name>.+) is \d+x\d+, but its mask .+ is \d+x\d+(?P<rest>.*)"),
    re.compile(r"(?P<name>.+) has (?P<rest>\d+ page\(s\), but its mask ).+ has \d+(?:;.*)?"),
    re.compile(r"image '(?P<name>.+)' (?P<rest>has \d+ channel\(s\), but most have .+)"),
)
# What differs from file to file where the same is wrong.
DETAILS = re.compile(
    r" \(\d+ (?:pixels|bytes not processed)\)| holds \S+ at row \d+, column \d+"
    r"|got one of shape \([\d, ]+\)|, with b['\"].*['\"]|an image of (?:height|width) \d+.*"
)
SHOWN = 5
FROM = 3  # so many are one


def some(names: list[str]) -> str:
    """Some names for a sentence, and how many more there are."""
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more


def group(sentences: Iterable[str]) -> list[str]:
    """Of three sentences or more that differ only in the file that they are about, make one."""
    groups: dict[tuple[str, ...], list[tuple[str, str]]] = {}
    for number, sentence in enumerate(sentences):
        key, name = _parted(sentence) or ((str(number),), "")
        groups.setdefault(key, []).append((name, sentence))
    found = []
    for (form, *rest), alike in groups.items():
        if len(alike) < FROM or not rest:
            found += [sentence for _, sentence in alike]
            continue
        names, count, first = some([name for name, _ in alike]), len(alike), alike[0][1]
        if form == "0":
            kind = "masks" if rest[0] else "images"
            found.append(f"{count} {kind} have no {'image' if rest[0] else 'mask'}: {names}")
        elif form == "1":
            found.append(f"{count} files in {rest[0]} ({names}), passed over: {rest[1]}")
        elif form in "34":
            what = "another size" if form == "3" else "another number of pages"
            found.append(f"{count} images have masks of {what} ({names}); the first: {first}")
        else:
            said = first.removeprefix("image ").removeprefix(repr(alike[0][0]))
            found.append(
                f"{count} files ({names}): {said.removeprefix(f'{alike[0][0]}: ').strip()}"
            )
    return found


def _parted(sentence: str) -> tuple[tuple[str, ...], str] | None:
    """What is said, and of which file."""
    for number, form in enumerate(FORMS):
        match = form.fullmatch(sentence)
        if match is None:
            continue
        parts = match.groupdict()
        first = (parts.get("mask") if number == 0 else parts.get("folder")) or ""
        return (str(number), first, DETAILS.sub("", parts["rest"])), parts["name"]
    return None
