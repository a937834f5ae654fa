"""The U-Net paper's answer to touching cells: part them by a thin ridge, and weight the ridge."""

import numpy as np
from scipy import ndimage

from tinyunet.metrics.checks import check_cells, warn_of_a_mask
from tinyunet.metrics.regions import consecutive

# Arguments of `weight_map`. "auto" was measured on nuclei of some 15 pixels: a border term as wide as
# the paper's makes their masks thin, and weighing the fewer foreground pixels more makes them fat.
WEIGHTS = {
    "auto": {"w0": 10.0, "sigma": 2.0, "class_weights": (1, 1)},
    "paper": {"w0": 10.0, "sigma": 5.0},
}


def separate(instances: np.ndarray) -> np.ndarray:
    """Part touching cells by a ridge of background, one pixel wide.

    `separate(instances) > 0` is what a network should predict: its connected components are the
    cells again.

    Parameters
    ----------
    instances
        (H, W) integer array. The number of the cell at every pixel, 0 = background. Numbers may
        have gaps.

    Returns
    -------
    (H, W) array of the same dtype
        A copy in which no pixel shares an edge with a pixel of another cell. A cell one pixel wide
        may be lost in its ridge.

    Raises
    ------
    ValueError
        If it is not one image, a number is negative, or it is a mask of 0 and 255 in several pieces.
    TypeError
        If it is no NumPy array of integers; a mask becomes one with `metrics.segments`.

    Notes
    -----
    Components are counted with 4-connectivity (`scipy.ndimage.label`'s default), so only pixels
    that share an edge connect two cells; cells that meet at a corner are apart already. Of each
    such pair the left or upper pixel is given up: one side of a border, not both.
    """
    check_cells("instance map", instances)
    out = instances.copy()
    # The second pass looks at what the first one left: on a slanted border, where a pixel has
    # foreign neighbours on its right and below, the ridge stays one pixel wide.
    for first, second in ((out[:, :-1], out[:, 1:]), (out[:-1], out[1:])):
        first[(first != second) & (first > 0) & (second > 0)] = 0
    return out


def weight_map(
    instances: np.ndarray,
    w0: float = 10.0,
    sigma: float = 5.0,
    class_weights: tuple[float, float] | None = None,
    ignored: np.ndarray | None = None,
) -> np.ndarray:
    """How much each pixel counts in the loss: class balance, and more between close cells.

    w(x) = w_c(x) + w0 * exp(-(d1(x) + d2(x))^2 / (2 sigma^2)), the second term on background only

    where d1 and d2 are the distances from x to the nearest and the second nearest cell, in pixels.
    With fewer than two cells there is no second term.

    Parameters
    ----------
    instances
        (H, W) integer array. The number of the cell at every pixel, 0 = background; pass the result
        of `separate`, which has background between any two cells. Numbers may have gaps.
    w0
        Height of the border term.
    sigma
        Its width in pixels.
    class_weights
        (background, foreground), the two values of w_c. By default each class weighs the same in
        sum and w_c is 1 on average: w_c = pixels / (2 * pixels of the class); if there is one class
        only, w_c = 1.
    ignored
        (H, W) booleans, or None. Pixels that count nowhere: they have no say in the balance, and
        weight 0.

    Returns
    -------
    (H, W) float32 array

    Raises
    ------
    ValueError, TypeError
        As `separate`, and if `w0`, `sigma` or a class weight makes no sense.

    Warns
    -----
    UserWarning
        If 1 is the only number and is in several pieces: a mask has no two cells to tell apart.

    References
    ----------
    Ronneberger, Fischer, Brox: U-Net, MICCAI 2015, equation 2.
    """
    check_cells("instance map", instances)
    if not 0 < sigma < np.inf:
        raise ValueError(f"sigma must be positive and finite, got {sigma}")
    two = (1, 1) if class_weights is None else class_weights
    if len(two) != 2 or not all(0 <= weight < np.inf for weight in (w0, *two)):
        raise ValueError(
            "w0 and both class weights (background, foreground) must be numbers, 0 or more, got "
            f"w0={w0} and class_weights={class_weights}"
        )
    effect = "there are no borders between cells"
    warn_of_a_mask("instance map", instances, effect, stacklevel=3)
    foreground = instances > 0
    if class_weights is None:
        class_weights = _balance(foreground if ignored is None else foreground[~ignored])
    background_weight, foreground_weight = class_weights
    weights = np.where(foreground, foreground_weight, background_weight)

    d1, d2 = _two_nearest(instances, reach=6 * sigma)
    border = w0 * np.exp(-((d1 + d2) ** 2) / (2 * sigma**2))
    weights = weights + np.where(foreground, 0, border)
    if ignored is not None:
        weights[ignored] = 0
    return weights.astype(np.float32)


def _balance(foreground: np.ndarray) -> tuple[float, float]:
    """Weights (background, foreground) that give both classes the same sum, 1 on average."""
    share = foreground.mean() if foreground.size else 0
    if share in (0, 1):
        return 1.0, 1.0
    return 0.5 / (1 - share), 0.5 / share


def _two_nearest(instances: np.ndarray, reach: float) -> tuple[np.ndarray, np.ndarray]:
    """Distances (H, W) to the nearest and second nearest cell, infinite where far from any.

    A distance transform of the whole image for each cell would be slow. Each is computed in the
    cell's bounding box grown by `reach`; outside of it that cell counts as infinitely far. A pixel
    thus changed has d2 > reach, and at reach = 6 sigma its border term is below
    w0 * exp(-18) < 2e-8 w0: nothing in float32.
    """
    d1 = np.full(instances.shape, np.inf)
    d2 = np.full(instances.shape, np.inf)
    pad = int(np.ceil(reach))
    # A box for each number up to the largest, so without gaps; 0 stays background.
    instances = consecutive(instances)
    for number, box in enumerate(ndimage.find_objects(instances), start=1):
        # NumPy clips a slice that ends beyond the image, but not one that starts before it.
        box = tuple(slice(max(0, side.start - pad), side.stop + pad) for side in box)
        distance = ndimage.distance_transform_edt(instances[box] != number)
        d2[box] = np.minimum(d2[box], np.maximum(d1[box], distance))
        d1[box] = np.minimum(d1[box], distance)
    return d1, d2
