"""Lesson 11: right answers, and the usual wrong ones; test_all.py tries them."""

import numpy as np
from scipy import ndimage
from scipy.interpolate import CubicSpline

from tinyunet.exercises import check


def symmetry(turns=4, flips=2, axis=1):
    def draw(rng, image, labels, weights):
        k, flip = int(rng.integers(turns)), rng.integers(flips)
        turned = (np.rot90(array, k) for array in (image, labels, weights))
        return tuple(np.flip(array, axis) if flip else array for array in turned)

    return draw


def drawn_for_each(rng, image, labels, weights):
    return tuple(symmetry()(rng, array, array, array)[0] for array in (image, labels, weights))


def weights_forgotten(rng, image, labels, weights):
    return (*symmetry()(rng, image, labels, weights)[:2], weights)


def channels_flipped(rng, image, labels, weights):
    image, labels, weights = symmetry(flips=1)(rng, image, labels, weights)
    return image[..., ::-1], labels, weights


def seeded_inside(rng, image, labels, weights):
    return symmetry()(np.random.default_rng(0), image, labels, weights)


def mostly_still(rng, image, labels, weights):
    if rng.random() < 0.8:
        return image, labels, weights
    return symmetry()(rng, image, labels, weights)


def curve(a, b, c, u, factor=0.75, left=-1):
    s, outer = np.abs(u), np.where(u < 0, a, c)
    slope = factor * (c - a) * np.where(u < 0, left, 1)
    near, far = 1 - 3 * s**2 + 2 * s**3, 3 * s**2 - 2 * s**3
    return b * near + slope * (s - 2 * s**2 + s**3) + outer * far


def curve_without_abs(a, b, c, u):
    near, far = 1 - 3 * u**2 + 2 * u**3, 3 * u**2 - 2 * u**3
    return b * near + 0.75 * (c - a) * (u - 2 * u**2 + u**3) + np.where(u < 0, a, c) * far


def straight(a, b, c, u):
    return np.where(u < 0, b + u * (b - a), b + u * (c - b))


def displacement_field(grid, height, width, curve=curve):
    def shares(n):
        u = np.linspace(-1, 1, n)
        return np.stack([curve(*one, u) for one in np.eye(3)], axis=1)

    return shares(height) @ grid @ shares(width).T


def one_mesh_too_wide(grid, height, width):
    return displacement_field(grid, height + 1, width + 1)[:, :-1, :-1]


def warp(image, labels, weights, field, orders=(3, 0, 0), mode="mirror", places=np.add):
    places = places(np.indices(labels.shape), field)

    def read(array, order):
        return ndimage.map_coordinates(array, places, order=order, mode=mode)

    channels = [read(image[..., k], orders[0]) for k in range(image.shape[2])]
    return np.stack(channels, axis=2), read(labels, orders[1]), read(weights, orders[2])


def labels_as_floats(image, labels, weights, field):
    image, labels, weights = warp(image, labels, weights, field)
    return image, labels.astype(float), weights


def gradient_of_all(field):
    (yy, yx), (xy, xx) = np.gradient(field)
    return (1 + yy) * (1 + xx) - yx * xy


def jacobian(field, one=1, cross=1):
    (yy, yx), (xy, xx) = np.gradient(field[0]), np.gradient(field[1])
    return (one + yy) * (one + xx) - cross * yx * xy


RIGHT = {
    "random_symmetry": symmetry(),
    "curve": curve,
    "displacement_field": displacement_field,
    "warp": warp,
    "jacobian": jacobian,
}


def symmetry_by_transposing(rng, image, labels, weights):
    """Flip rows, flip columns, exchange both: each or not."""
    rows, columns, exchange = rng.random(3) < 0.5
    changed = []
    for array in (image, labels, weights):
        array = array[::-1] if rows else array
        array = array[:, ::-1] if columns else array
        changed.append(array.swapaxes(0, 1) if exchange else array)
    return changed


def symmetry_by_a_list(rng, image, labels, weights):
    """One draw from all eight, and pixels copied one by one."""
    which = rng.choice(8)
    places = np.indices(labels.shape)
    places = np.rot90(places, which % 4, axes=(1, 2))
    places = places[:, ::-1] if which >= 4 else places
    new = [np.empty_like(array) for array in (image, labels, weights)]
    for i, j in np.ndindex(labels.shape):
        for after, before in zip(new, (image, labels, weights), strict=True):
            after[i, j] = before[tuple(places[:, i, j])]
    return tuple(new)


def curve_by_scipy(a, b, c, u):
    """A cubic spline with flat ends is what was derived."""
    return CubicSpline((-1, 0, 1), (a, b, c), bc_type="clamped")(u)


def curve_by_loops(a, b, c, u):
    values = []
    for place in u:
        s, outer, m = (place, c, 0.75 * (c - a)) if place >= 0 else (-place, a, 0.75 * (a - c))
        values.append(
            b + m * s + s * s * (3 * outer - 3 * b - 2 * m) + s**3 * (2 * b - 2 * outer + m)
        )
    return values


def field_by_einsum(grid, height, width):
    rows, columns = (
        np.stack([curve(*one, np.linspace(-1, 1, n)) for one in np.eye(3)], axis=1)
        for n in (height, width)
    )
    return np.einsum("yi,cij,xj->cyx", rows, grid, columns)


def field_by_rows(grid, height, width):
    """First down the columns of the grid, then along the rows."""
    u, v = np.linspace(-1, 1, height), np.linspace(-1, 1, width)
    down = [[curve(*component[:, j], u) for j in range(3)] for component in grid]
    return [np.array([curve(*left_to_right, v) for left_to_right in np.transpose(g)]) for g in down]


def warp_all_at_once(image, labels, weights, field):
    """With mgrid, a loop over channels that fills an array, and a list in the end."""
    height, width = labels.shape
    places = np.mgrid[:height, :width] + field
    new = np.empty_like(image)
    for k in range(image.shape[-1]):
        ndimage.map_coordinates(image[:, :, k], places, new[:, :, k], order=3, mode="mirror")
    near = {"coordinates": places, "order": 0, "mode": "mirror"}
    return [new, ndimage.map_coordinates(labels, **near), ndimage.map_coordinates(weights, **near)]


def warp_by_rounding(image, labels, weights, field):
    """The nearest pixel by hand, mirrored."""
    places = np.rint(np.indices(labels.shape) + field).astype(int)
    for axis, side in enumerate(labels.shape):
        places[axis] = np.abs(places[axis]) % (2 * side - 2)
        places[axis] = np.minimum(places[axis], 2 * side - 2 - places[axis])
    near = tuple(places)
    return warp(image, labels, weights, field)[0], labels[near].astype(np.int32), weights[near]


def jacobian_by_det(field):
    matrices = np.array([np.gradient(component) for component in field])
    return np.linalg.det(np.moveaxis(matrices, (0, 1), (2, 3)) + np.eye(2))


def jacobian_of_the_map(field):
    """Of p + u(p) itself, with an axis each."""
    y, x = np.indices(field.shape[1:]) + field
    down, along = (lambda a: np.gradient(a, axis=0)), (lambda a: np.gradient(a, axis=1))
    return down(y) * along(x) - along(y) * down(x)


ALSO_RIGHT = {
    "random_symmetry": [symmetry_by_transposing, symmetry_by_a_list],
    "curve": [curve_by_scipy, curve_by_loops],
    "displacement_field": [field_by_einsum, field_by_rows],
    "warp": [warp_all_at_once, warp_by_rounding],
    "jacobian": [jacobian_by_det, jacobian_of_the_map],
}

# What is wrong, and words that its message should hold ("" where no cause is named).
WRONG = {
    "random_symmetry": [
        (drawn_for_each, "draw once"),
        (weights_forgotten, "stayed where it was"),
        (lambda rng, i, k, w: (symmetry()(rng, i, k, w)[0], k, w), "stayed where it was"),
        (channels_flipped, "the channels were moved"),
        (seeded_inside, "a generator made anew inside"),
        (lambda rng, i, k, w: (i, k, w), "or nothing drawn"),
        (symmetry(flips=1), "nothing is ever mirrored"),
        (symmetry(turns=1), "never turned"),
        (symmetry(turns=3), "the end is not included"),
        (mostly_still, "equally likely"),
        (lambda rng, *a: symmetry()(np.random.default_rng(), *a), "draw with rng"),
        (lambda *a: [array.astype(float) for array in symmetry()(*a)], "without a dtype"),
        (lambda rng, i, k, w: (i[:-1], k, w), ""),
    ],
    "curve": [
        (straight, "straight lines"),
        (lambda a, b, c, u: curve(a, b, c, u, 0), "flat in the middle"),
        (lambda a, b, c, u: curve(a, b, c, u, 0.5), "3/4 (c - a)"),
        (lambda a, b, c, u: curve(a, b, c, u, 1), "the slope is c - a"),
        (lambda a, b, c, u: curve(a, b, c, u, left=1), "is -m, not m"),
        (lambda a, b, c, u: curve(a, b, c, u, 4 / 3), "upside down"),
        (curve_without_abs, "it should be -u"),
        (lambda a, b, c, u: curve(c, b, a, u), "reversed"),
        (lambda a, b, c, u: curve(a, b, c, u) + 0.1, "off by the same number"),
        (lambda a, b, c, u: b * np.cos(np.pi * u / 2), ""),
    ],
    "displacement_field": [
        (lambda g, h, w: displacement_field(g.swapaxes(1, 2), h, w), "rows and columns"),
        (lambda g, h, w: displacement_field(g[::-1], h, w), "components are exchanged"),
        (lambda g, h, w: displacement_field(g, w, h), "height and width are exchanged"),
        (lambda g, h, w: displacement_field(g, h, w, straight), "straight lines"),
        (lambda g, h, w: displacement_field(g, h, w)[0], "only the first component"),
        (lambda g, h, w: np.ones((h, 3)) @ g @ np.ones((w, 3)), "is transposed"),
        (one_mesh_too_wide, ""),
    ],
    "warp": [
        (lambda *a: warp(*a, places=np.subtract), "was subtracted"),
        (lambda i, k, w, f: warp(i, k, w, f[::-1]), "rows come first"),
        (lambda *a: warp(*a, places=lambda p, f: f), "the field alone"),
        (lambda *a: warp(*a, orders=(3, 1, 0)), "invents classes"),
        (lambda *a: warp(*a, orders=(3, 3, 3)), "invents classes"),
        (lambda *a: warp(*a, orders=(3, 0, 1)), "the same nearest pixel"),
        (lambda *a: warp(*a, orders=(1, 0, 0)), "linearly: order 3"),
        (lambda *a: warp(*a, mode="constant"), "outside there are zeros"),
        (lambda *a: warp(*a, mode="reflect"), "repeats the border pixel"),
        (lambda i, k, w, f: (*warp(i, k, w, f)[:2], w), "the weights did not move"),
        (lambda i, k, w, f: (warp(i, k, w, f)[0], k, w), "the labels did not move"),
        (lambda i, k, w, f: warp(i[..., [0] * i.shape[2]], k, w, f), "from the first"),
        (
            lambda i, k, w, f: ndimage.map_coordinates(i, np.indices(k.shape) + f),
            "channel by channel",
        ),
        (labels_as_floats, "labels are whole numbers"),
        (lambda *a: warp(*a)[0], "belong behind the return"),
        (lambda *a: warp(*a, orders=(2, 0, 0)), ""),
    ],
    "jacobian": [
        (lambda u: jacobian(u, one=0), "the 1s are missing"),
        (lambda u: jacobian(u, cross=-1), "a plus where"),
        (lambda u: jacobian(u, cross=0), "off-diagonal"),
        (lambda u: jacobian(-u), "p - u(p)"),
        (lambda u: np.abs(jacobian(u)), "the sign"),
        (lambda u: -jacobian(u), "products are exchanged"),
        (lambda u: jacobian(2 * u), "half the difference already"),
        (lambda u: 1 / jacobian(u), "upside down"),
        (lambda u: np.gradient(u[0], axis=0) + np.gradient(u[1], axis=1) + 2, "the trace of J"),
        (lambda u: jacobian(u[::-1]), "rows come first"),
        (gradient_of_all, "take one component"),
    ],
}


def test_a_refused_symmetry_names_no_address():
    assert "rng = a generator" in str(check.random_symmetry(weights_forgotten))
