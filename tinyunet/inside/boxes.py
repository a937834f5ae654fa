"""What is told of each box of a network's drawing: maps, numbers, time and memory."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinyunet.inside.paths import Paths
from tinyunet.inside.record import Record
from tinyunet.inside.sheets import linear, sheet, thinned
from tinyunet.layers import Concat
from tinyunet.networks.graph import is_crop
from tinyunet.networks.receptive_field import IMAGE
from tinyunet.plots.u_boxes import Box, Layout

SIDE, CHANNELS, BINS = 128, 16, 32


def homes(record: Record, layout: Layout, paths: Paths) -> list[int]:
    """Return for each call the number of the box in which it is told.

    The layout says it, or names do: a call has the box of its name, or of the layer that it is in. One
    without, such as a crop or a dropout, belongs to the box before; an up-convolution to that after,
    with what came across.
    """
    if layout.home is not None:
        return layout.home
    by_name = {box.name: i for i, box in enumerate(layout.boxes)}
    found: list[int | None] = []
    for call in record.calls:
        name: str = call.name
        while name and name not in by_name:
            name = name.rpartition(".")[0]
        found.append(by_name.get(name))
    for number, call in enumerate(record.calls):
        before = call.makers[0] if call.makers else None
        if found[number] is not None:
            continue
        if before is not None and paths.level(number) != paths.level(before):
            after = [n for n, other in enumerate(record.calls) if number in other.makers]
            found[number] = found[after[0]] if after else None
        if found[number] is None:
            known = before is not None and before != IMAGE
            found[number] = (found[before] if known else 0) or 0
    return [box or 0 for box in found]


def tell(
    record: Record, layout: Layout, home: list[int], backward: dict[int, float], paths: Paths
) -> list[dict]:
    """Return what the page says of each box; `backward` has the seconds of each call's backward."""
    forward = {number: call.seconds for number, call in enumerate(record.calls)}
    seconds = sum(forward.values()) + sum(backward.values()) or 1.0
    memory = [_bytes(record, number) for number in range(len(record.calls))]
    told = []
    for i, box in enumerate(layout.boxes):
        calls = [n for n, at in enumerate(home) if at == i]
        if i == 0:
            array, calls = record.x, []
        elif calls:
            call = record.calls[_shown(record, calls, paths.used, box)]
            array = call.output.reshape(call.shape)
        else:
            continue
        layers = [str(record.calls[n].layer) for n in calls]
        told.append(
            {
                "box": i,
                "name": box.name,
                "layers": layers,
                "joined": _joined(paths, home, calls, array.shape),
                "shape": list(array.shape[1:]),
                "parameters": sum(record.calls[n].layer.num_parameters for n in calls),
                "time": sum(forward[n] + backward.get(n, 0.0) for n in calls) / seconds,
                "ms": [1e3 * sum(took.get(n, 0.0) for n in calls) for took in (forward, backward)],
                "memory": sum(memory[n] for n in calls) / (sum(memory) or 1),
                "mb": sum(memory[n] for n in calls) / 1e6,
                **_maps(array[0], relu=any(_is_relu(record.calls[n].layer) for n in calls)),
            }
        )  # fmt: skip
    return told


def _joined(
    paths: Paths, home: list[int], calls: list[int], shape: tuple[int, ...]
) -> list[dict[str, Any]]:
    """Which of the channels of a joined array, in order, come from where, and by which skip."""
    numbers = {skip.edge: k for k, skip in enumerate(paths.skips)}
    record, found = paths.record, []
    joins = [n for n in calls if isinstance(record.calls[n].layer, Concat)]
    for number in joins[-1:]:
        call = record.calls[number]
        if call.shape != shape or None in call.makers:
            continue
        for i, (maker, given) in enumerate(zip(call.makers, call.inputs, strict=True)):
            skip = numbers.get((number, i))
            source = maker if skip is None else paths.skips[skip].source
            image = source is None or source == IMAGE
            found.append(
                {
                    "channels": given[3], "skip": skip, "box": 0 if image else home[source],
                    "from": "image" if image else record.calls[source].name,
                }
            )  # fmt: skip
    return found


def largest(told: list[dict]) -> dict[str, list[int]]:
    """Return the boxes that have the most of each column of the page's table; none if all have 0."""
    columns = {
        "size": lambda box: box["shape"][0] * box["shape"][1],
        "channels": lambda box: box["shape"][2],
        "parameters": lambda box: box["parameters"],
        "dead": lambda box: len(box["dead"]),
        "zeros": lambda box: box["zeros"],
        "time": lambda box: sum(box["ms"]),
        "memory": lambda box: box["mb"],
    }
    found = {}
    for name, value in columns.items():
        most = max(map(value, told), default=0)
        found[name] = [box["box"] for box in told if most > 0 and value(box) == most]
    return found


def _shown(record: Record, calls: list[int], used: set[int], box: Box) -> int:
    """The last of a box's calls that makes what is drawn: no crop for elsewhere, and nothing unused."""
    shape = box.height, box.width, box.channels
    fit = [n for n in calls if n in used and record.calls[n].shape[1:] == shape]
    return (fit or calls)[-1]


def _bytes(record: Record, number: int) -> int:
    """Of a call's output; none where it is its input, or a part of it."""
    call = record.calls[number]
    return 0 if call.passes or is_crop(record, number) else int(call.output.nbytes)


def _is_relu(layer: Any) -> bool:
    return getattr(layer, "activation", None) == "relu" or type(layer).__name__ == "ReLU"


def _maps(array: np.ndarray, relu: bool) -> dict[str, Any]:
    """Feature maps (H, W, C) as bytes, the strongest first, with a histogram of all values."""
    flat = np.asarray(array, np.float64).reshape(-1, array.shape[2])
    strength = np.abs(flat).mean(axis=0)
    order = np.argsort(-strength, kind="stable")[:CHANNELS]
    lows, highs = flat.min(axis=0), flat.max(axis=0)
    lows = np.minimum(lows, 0)
    zeros = (flat == 0).mean(axis=0)
    small, k = thinned(array[..., order], SIDE)
    maps = []
    for i, channel in enumerate(order):
        far = max(-lows[channel], highs[channel])
        low, high = (-far, far) if lows[channel] < 0 else (0.0, far)
        maps.append(linear(small[..., i], low, high))
    counts, edges = np.histogram(flat, BINS)
    return {
        "sheet": sheet(maps),
        "thinned": k,
        "channels": [
            {
                "channel": int(c),
                "low": float(lows[c]),
                "high": float(highs[c]),
                "mean": float(flat[:, c].mean()),
                "zeros": float(zeros[c]),
            }
            for c in order
        ],
        "histogram": {"counts": counts.tolist(), "low": float(edges[0]), "high": float(edges[-1])},
        "zeros": float((flat == 0).mean()),
        "relu": relu,
        "dead": np.flatnonzero(zeros == 1).tolist() if relu else [],
    }
