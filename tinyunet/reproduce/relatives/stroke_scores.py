"""Whether strokes are obeyed: drawings with one stroke of another colour than the true one."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from tinyunet.data.sets.line_art import EMPTY, JITTER, ROUNDED, LineArt, stroke
from tinyunet.data.yuv import rgb_to_yuv
from tinyunet.engine.arrays import occurrences
from tinyunet.networks.network import Network

# Red, green, blue and yellow, Y, U and V.
ORDERS = rgb_to_yuv(
    np.array([[0.85, 0.2, 0.2], [0.2, 0.75, 0.25], [0.2, 0.3, 0.85], [0.9, 0.85, 0.2]])
)
NEAR, FAR = 2, 4  # pixels from a stroke
HALF = 0.5  # share of regions with a stroke, where hinted ones are compared with others
SEED = 0


def commanded(art: LineArt) -> tuple[np.ndarray, np.ndarray, list[tuple[np.ndarray, ...]]]:
    """Give every region a true stroke, and then one in each drawing another colour.

    Returns
    -------
    truth, order
        What a network gets (N, H, W, 4): with true strokes only, and with the other one.
    regions
        For each drawing the mask (H, W) of its largest region but the ground, that of the stroke in
        it, and the stroke's colour (3,).
    """
    truth = art.pairs(SEED, share=1.0).inputs
    order, regions = truth.copy(), []
    for i in range(len(art)):
        rng = np.random.default_rng([SEED, 1, i])
        sizes = occurrences(art.regions[i][art.regions[i] >= 0])
        inside = art.regions[i] == (1 + sizes[1:].argmax() if len(sizes) > 1 else 0)
        own = art.colours[i][inside].mean(0)
        colour = ORDERS[np.linalg.norm(ORDERS - own, axis=1).argmax()]
        line = stroke(inside, rng)
        order[i, ..., 1:][inside] = EMPTY
        given = colour + JITTER * rng.standard_normal(3)
        order[i, ..., 1:][line] = np.round(given / ROUNDED) * ROUNDED
        regions.append((inside, line, colour))
    return truth, order, regions


def unhinted(art: LineArt) -> np.ndarray:
    """Return what a network gets of drawings without strokes (N, H, W, 4)."""
    return art.pairs(SEED, share=0.0).inputs


def score(model: Network, art: LineArt) -> dict[str, float]:
    """Measure what a stroke does, and how far from the true colours paintings are."""
    truth, order, regions = commanded(art)
    before, after = model.predict(truth), model.predict(order)
    found: dict[str, list[float]] = {
        name: [] for name in ("obeyed", "near", "far", "here", "there")
    }
    for i, (inside, line, colour) in enumerate(regions):
        mean, own = after[i][inside].mean(0), art.colours[i][inside].mean(0)
        found["obeyed"].append(np.linalg.norm(mean - colour) < np.linalg.norm(mean - own))
        away = ndimage.distance_transform_edt(~line)
        error = abs(after[i] - colour).mean(-1)
        for name, where in (("near", away <= NEAR), ("far", away >= FAR)):
            if (inside & where).any():
                found[name].append(error[inside & where].mean())
        changed = abs(after[i] - before[i]).mean(-1)
        found["here"].append(changed[inside].mean())
        others = (art.regions[i] >= 0) & ~inside
        found["there"].append(changed[others].mean())
    means = {name: float(np.mean(values)) for name, values in found.items()}
    leak = means.pop("there") / max(means.pop("here"), 1e-9)
    return {**means, "leak": leak, **_errors(model, art)}


def _errors(model: Network, art: LineArt) -> dict[str, float]:
    """The error to true colours: regions with a stroke, those without, and without any stroke."""
    some = art.pairs(SEED, share=HALF).inputs
    error = abs(model.predict(some) - art.colours).mean(-1)
    has = np.zeros(art.regions.shape, bool)
    for i, numbers in enumerate(art.regions):
        given = np.unique(numbers[some[i, ..., 1] != np.float32(EMPTY[0])])
        has[i] = np.isin(numbers, given)
    drawn = art.regions >= 0
    alone = abs(model.predict(unhinted(art)) - art.colours).mean(-1)
    parts = {"hinted": error[drawn & has], "unhinted": error[drawn & ~has], "none": alone[drawn]}
    return {name: float(values.mean()) for name, values in parts.items() if values.size}
