"""Sizes, depths, channels and formats of files, in a line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from tinyunet.data.files.report import FileFacts

BITS = {"bool": "1 bit", "uint8": "8 bits", "uint16": "16 bits", "int16": "16 bits with sign"}
SHALLOW = ("bool", "uint8")


def files_in_words(facts: Sequence[FileFacts], stretched: bool = False) -> str:
    """Sizes, depths, channels and formats of files."""
    sizes = sorted({(f.height, f.width) for f in facts}, key=lambda size: size[0] * size[1])
    small, large = (f"{height} x {width}" for height, width in (sizes[0], sizes[-1]))
    parts = [f"{small} pixels" if len(sizes) == 1 else f"{small} to {large} pixels"]
    parts.append(_counted(BITS.get(f.depth, f.depth) for f in facts))
    parts.append(_counted(_channels(f) for f in facts))
    parts.append(_counted(f.format for f in facts))
    turned = sum(f.orientation != 1 for f in facts)
    if turned:
        parts.append(f"{turned} turned upright, as EXIF says")
    if stretched:
        mixed = len({f.depth in SHALLOW for f in facts}) > 1
        parts.append(
            "depths are mixed, so all are stretched to one range" if mixed else "stretched"
        )
    return "; ".join(parts)


def _channels(facts: FileFacts) -> str:
    if facts.gray_as_rgb:
        return "gray saved as RGB"
    if facts.channels == 1:
        return "gray" if facts.format != "LabelMe" else "polygons"
    return "in color" if facts.channels == 3 else f"{facts.channels} channels"


def _counted(kinds: Iterable[str]) -> str:
    """Each kind once, with numbers where there are several."""
    counts = Counter(kinds)
    if len(counts) == 1:
        return next(iter(counts))
    return ", ".join(f"{kind} ({count})" for kind, count in counts.most_common())
