"""How far a network sees: which columns of the image have a gradient of one logit, and how much."""

from __future__ import annotations

import numpy as np

from tinyunet.layers import BatchNorm2d, Sequential
from tinyunet.networks import SmallPSPNet

SIDE = 161  # of the image, in pixels: more than any of these networks sees
SHARE = 0.95
ROUNDING = 1e-12  # of the largest: Winograd's sums leave that where the gradient is 0


def effective_field(model: SmallPSPNet) -> dict[str, float]:
    """Measure the receptive field of all but the pyramid, in pixels; the model is not changed.

    The gradient of the middle logit, before the resize, with respect to the image, in float64. The
    weights are replaced by their absolute values: of either sign, they would cancel somewhere.

    Returns
    -------
    dict
        ``"field"``: columns with a gradient. ``"effective"``: how many, from the middle outwards, hold
        95 % of its absolute values.
    """
    made = model.from_config({**model.config, "bins": (), "dtype": "float64"})
    net = Sequential(*made.stages, made.head)
    for name, array in net.named_parameters():
        if name.endswith("weight"):
            np.abs(array, out=array)
    for _, layer in net.named_layers():
        if isinstance(layer, BatchNorm2d):
            layer.statistics = "running"
    y = net(np.ones((1, SIDE, SIDE, model.in_channels)))
    dy = np.zeros_like(y)
    dy[0, y.shape[1] // 2, y.shape[2] // 2, 0] = 1
    columns = np.abs(net.backward(dy)).sum((0, 1, 3))
    middle, reach = SIDE // 2, np.arange(SIDE // 2 + 1)
    held = np.array([columns[middle - r : middle + r + 1].sum() for r in reach]) / columns.sum()
    return {
        "field": float(np.count_nonzero(columns > ROUNDING * columns.max())),
        "effective": float(2 * reach[np.argmax(held >= SHARE)] + 1),
    }
