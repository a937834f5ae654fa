"""The exercises of lesson 11, Few images."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from tinyunet.data.warp import spread
from tinyunet.exercises.registry import exercise
from tinyunet.exercises.trial import Trial

PIXELS = ("height", "width")
FIELD = ("component", *PIXELS)

# ---------------------------------------------------------------------- symmetries


class _Generator(np.random.Generator):
    """A random generator that has no address in a message."""

    def __repr__(self) -> str:
        return "a generator"


@exercise(
    lesson=11,
    hints=(
        "Draw what will be done first, with rng; then do it, the same to all three arrays.",
        "rng.integers(4) is a number of quarter turns and rng.integers(2) says whether to mirror. "
        "np.rot90(array, turns) turns the first two axes, whether there is a third or not.",
        "After both draws, for each array: array = np.rot90(array, turns), and if mirrored "
        "array = array[:, ::-1]. Return the three.",
    ),
)
def random_symmetry(trial: Trial) -> None:
    """One of the eight symmetries of the square, the same for image, labels and weights."""
    rng = _Generator(trial.rng(1).bit_generator)
    labels = np.arange(25).reshape(5, 5)  # every pixel can be recognised
    image, weights = np.stack([labels + 0.5, -labels - 0.5], axis=2), labels / 10
    seen = np.zeros(8, int)
    for _ in range(400):
        got = trial.call(rng=rng, image=image, labels=labels, weights=weights)
        if not isinstance(got, tuple | list) or len(got) != 3:
            trial.fail("your function", "should return image, labels and weights")
        which = None
        for name, before, after in zip(
            ("the image", "labels", "weights"), (image, labels, weights), got, strict=True
        ):
            which = _symmetry_of(trial, name, before, after, which)
        seen[which] += 1
    never = [SYMMETRIES[i] for i in np.flatnonzero(seen == 0)]
    causes = {
        tuple(SYMMETRIES[4:]): "the quarter turns are drawn, but nothing is ever mirrored",
        tuple(SYMMETRIES[1:4] + SYMMETRIES[5:]): "mirrored or not, but never turned",
        tuple(SYMMETRIES[i] for i in (1, 3, 5, 7)): "half turns only: a square has quarter turns",
        tuple(SYMMETRIES[i] for i in (3, 7)): "rng.integers(3) ends at 2: the end is not included",
    }
    cause = causes.get(tuple(never), "")
    if len(never) == 7:
        cause = "always the same: is a generator made anew inside, or nothing drawn?"
    trial.require(
        not never, "the draw", f"never gave in 400 calls: {', '.join(never)}", cause,
    )  # fmt: skip
    trial.require(
        seen.min() >= 20, "the draw", f"gave the eight symmetries {list(map(int, seen))} times",
        "all eight should be equally likely",
    )  # fmt: skip


SYMMETRIES = [
    f"{turn}{flip}"
    for flip in ("", ", mirrored")
    for turn in ("no turn", "a quarter turn", "a half turn", "three quarter turns")
]


def _symmetries(array):
    turned = [np.rot90(array, turns) for turns in range(4)]
    return turned + [array[:, ::-1] for array in turned]


def _symmetry_of(trial: Trial, name: str, before, after, wanted: int | None) -> int:
    """Which symmetry was applied; ends the trial if it is none, or not the wanted one."""
    after = np.asarray(after)
    all_eight = _symmetries(before)
    found = next((i for i, s in enumerate(all_eight) if np.array_equal(s, after)), None)
    if found is None:
        text = f"is no symmetry of what was given (shape {before.shape} before, {after.shape} now)"
        channels = any(np.array_equal(s[..., ::-1], after) for s in all_eight)
        axes = [np.rot90(before, k, (1, 2)) for k in (1, 2, 3)] if before.ndim == 3 else []
        if before.ndim == 3 and (channels or any(np.array_equal(a, after) for a in axes)):
            trial.fail(name, text, "the channels were moved: they are the last axis of the image")
        trial.fail(name, text)
    if wanted is not None and found != wanted:
        cause = "it was turned otherwise: draw once, and do the same to all three"
        if found == 0:
            cause = "it stayed where it was, while the image moved"
        trial.fail(
            name, f"got '{SYMMETRIES[found]}', but the image got '{SYMMETRIES[wanted]}'", cause
        )
    return found


# ---------------------------------------------------------------------- a smooth field


@exercise(
    lesson=11,
    hints=(
        "First only the right half, u from 0 to 1: put s = u into the formula. Then think of the "
        "left half as its mirror image.",
        "In the left half s = -u, the outer value is a instead of c, and the slope away from the "
        "middle is -m. So s = np.abs(u), and np.where(u < 0, ..., ...) chooses.",
        "outer = np.where(u < 0, a, c) and slope = np.sign(u) * 0.75 * (c - a); then b times its "
        "polynomial, plus slope times its own, plus outer times its own.",
    ),
)
def curve(trial: Trial) -> None:
    """The smooth curve through three values."""
    rng = trial.rng(2)
    for a, b, c, count in ((0, 1, 0, 9), (0, 0, 1, 9), (1, 0, 0, 9), (2, 2, 2, 5), (-1, 0, 1, 9)):
        u = np.linspace(-1, 1, count)
        _try_curve(trial, float(a), float(b), float(c), u)
    for _ in range(3):
        _try_curve(trial, *rng.standard_normal(3), rng.uniform(-1, 1, 7))


def _try_curve(trial, a, b, c, u):
    got = trial.call(a=a, b=b, c=c, u=u)
    trial.compare(got, {"y": _curve(a, b, c, u)}, axes={"y": ("u",)}, mistakes=CURVE_MISTAKES)


def _curve(a, b, c, u):
    column = np.array([[a], [b], [c]]) * np.ones(3)
    return spread(np.stack([column, column]), (u + 1) * 500, np.zeros(1), (1001, 1))[0, :, 0]


def _spline(factor=0.75, left=-1, s=np.abs, swap=False):
    def make(a, b, c, u):
        slope, outer = factor * (c - a) * np.where(u < 0, left, 1), np.where(u < 0, a, c)
        if swap:
            outer = np.where(u < 0, c, a)
        t = s(u)
        near, far = 1 - 3 * t**2 + 2 * t**3, 3 * t**2 - 2 * t**3
        return b * near + slope * (t - 2 * t**2 + t**3) + outer * far

    return make


CURVE_MISTAKES = {
    "straight lines between the values": lambda a, b, c, u: np.interp(u, (-1, 0, 1), (a, b, c)),
    "the curve is flat in the middle: the slope m is missing": _spline(0),
    "the slope in the middle has the wrong sign": _spline(-0.75),
    "the slope is (c - a) / 2, but equal curvatures ask for 3/4 (c - a)": _spline(0.5),
    "in the left half the slope away from the middle is -m, not m": _spline(left=1),
    "s is u itself: in the left half it should be -u": _spline(s=lambda u: u),
    "a and c are exchanged in the outer term: a belongs to u < 0": _spline(swap=True),
}


@exercise(
    lesson=11,
    hints=(
        "Once along the rows and once along the columns: the field is a sum over the nine points of "
        "the grid, each with its share along the height times its share along the width.",
        "shares(height) is (height, 3) and shares(width) is (width, 3). For one component g, a (3, 3) "
        "array, the field is a product of three matrices, (height, 3) (3, 3) (3, width).",
        "shares(height) @ grid @ shares(width).T: NumPy does the product for both components at once.",
    ),
)
def displacement_field(trial: Trial) -> None:
    """Displacements of all pixels from a coarse grid of 3 x 3."""
    rng = trial.rng(3)
    simple = np.zeros((2, 3, 3))
    simple[0, 1, 1] = 1
    for grid, height, width in (
        (simple, 5, 5), (rng.standard_normal((2, 3, 3)), 5, 5), (rng.standard_normal((2, 3, 3)), 6, 9),
        (rng.standard_normal((2, 3, 3)), 12, 7),
    ):  # fmt: skip
        got = trial.call(grid=grid, height=height, width=width)
        right = {"u": _right_field(grid, height, width)}
        trial.compare(got, right, axes={"u": FIELD}, mistakes=FIELD_MISTAKES)


def _right_field(grid, height, width):
    return spread(grid, np.arange(height), np.arange(width), (height, width))


def _straight(n):
    return np.stack([np.interp(np.linspace(-1, 1, n), (-1, 0, 1), row) for row in np.eye(3)], 1)


FIELD_MISTAKES = {
    "the grid's rows and columns are exchanged": (
        lambda grid, height, width: _right_field(grid.swapaxes(1, 2), height, width)
    ),
    "the two components are exchanged": (
        lambda grid, height, width: _right_field(grid[::-1], height, width)
    ),
    "height and width are exchanged": (
        lambda grid, height, width: _right_field(grid, width, height)
    ),
    "straight lines between the grid's points: use the smooth curve": (
        lambda grid, height, width: _straight(height) @ grid @ _straight(width).T
    ),
    "only the first component": lambda grid, height, width: _right_field(grid, height, width)[0],
}


# ---------------------------------------------------------------------- sampling


@exercise(
    lesson=11,
    hints=(
        "Pixel p of the new image is read from p + u(p). np.indices((H, W)) gives all p as an array "
        "(2, H, W), just as the field.",
        "ndimage.map_coordinates(array, places, order=..., mode='mirror') reads a 2-D array at "
        "places (2, H, W). Order 3 is the cubic spline, order 0 the nearest pixel.",
        "places = np.indices(labels.shape) + field. Labels and weights with order 0. The image channel "
        "by channel with order 3, and np.stack(..., axis=2).",
    ),
)
def warp(trial: Trial) -> None:
    """Image, labels and weights, deformed by one field."""
    rng = trial.rng(4)
    for shape, dtype in (
        ((6, 6, 1), float), ((7, 9, 1), float), ((8, 6, 2), float), ((6, 7, 1), np.float32),
    ):  # fmt: skip
        image = rng.random(shape).astype(dtype)
        labels = 3 * rng.integers(0, 3, shape[:2])
        weights = rng.uniform(1, 9, shape[:2]).astype(dtype)
        field = rng.normal(0, 1, (2, *shape[:2]))
        got = trial.call(image=image, labels=labels, weights=weights, field=field)
        right = _warp(image, labels, weights, field)
        names = ("the image", "labels", "weights")
        axes = {"the image": (*PIXELS, "channel"), "labels": PIXELS, "weights": PIXELS}
        trial.compare(
            got, dict(zip(names, right, strict=True)), axes=axes, mistakes=WARP_MISTAKES
        )  # fmt: skip


def _warp(image, labels, weights, field, orders=(3, 0, 0), mode="mirror", still=()):
    places = np.indices(labels.shape) + field

    def read(array, order):
        return ndimage.map_coordinates(array, places, order=order, mode=mode)

    channels = [read(image[..., k], orders[0]) for k in range(image.shape[2])]
    moved = [np.stack(channels, axis=2), read(labels, orders[1]), read(weights, orders[2])]
    return [a if i in still else b for i, (a, b) in enumerate(zip((image, labels, weights), moved,
                                                                  strict=True))]  # fmt: skip


def _other(**changes):
    return lambda image, labels, weights, field: _warp(image, labels, weights, field, **changes)


def _with_field(change):
    return lambda image, labels, weights, field: _warp(image, labels, weights, change(field))


WARP_MISTAKES = {
    "the field was subtracted: y(p) = x(p + u(p))": _with_field(lambda u: -u),
    "the two components of the field are exchanged: rows come first": _with_field(
        lambda u: u[::-1]
    ),
    "the field alone: add it to the pixels' own places": (
        _with_field(lambda u: u - np.indices(u.shape[1:]))
    ),
    "labels were interpolated linearly, which invents classes: order 0": _other(orders=(3, 1, 0)),
    "labels were interpolated by a spline, which invents classes: order 0": (
        _other(orders=(3, 3, 0))
    ),
    "the weights should be those of their labels: the same nearest pixel, order 0": (
        _other(orders=(3, 0, 1))
    ),
    "weights were interpolated by a spline: they belong to their labels, so order 0": (
        _other(orders=(3, 0, 3))
    ),
    "the image was interpolated linearly: order 3": _other(orders=(1, 0, 0)),
    "the image took the nearest pixel: order 3": _other(orders=(0, 0, 0)),
    "outside there are zeros: mode='mirror'": _other(mode="constant"),
    "outside the border is smeared: mode='mirror'": _other(mode="nearest"),
    "mode='reflect' repeats the border pixel: mode='mirror' does not": _other(mode="reflect"),
    "the image did not move": _other(still=(0,)),
    "the labels did not move with the image": _other(still=(1,)),
    "the weights did not move with their labels": _other(still=(2,)),
}


# ---------------------------------------------------------------------- the Jacobian


@exercise(
    lesson=11,
    hints=(
        "Write down the matrix for one pixel first. What is it where the field is 0, and what is its "
        "determinant there?",
        "np.gradient(field[0]) returns two arrays: how the first component changes along the rows, "
        "and how along the columns.",
        "With (yy, yx) = np.gradient(field[0]) and (xy, xx) = np.gradient(field[1]): the matrix is "
        "((1 + yy, yx), (xy, 1 + xx)). Its determinant is a product minus a product.",
    ),
)
def jacobian(trial: Trial) -> None:
    """The determinant of the Jacobian of a warp."""
    rng = trial.rng(5)
    y, x = np.indices((5, 6), float)
    fields = [0 * np.stack([y, x]), np.stack([0.2 * y, 0 * x]), np.stack([0.2 * y, 0.5 * x])]
    fields += [np.stack([0.3 * x, -0.2 * y]), rng.standard_normal((2, 5, 6)) / 2]
    fields += [rng.standard_normal((2, 7, 4)) / 2]
    for field in fields:
        got = trial.call(field=field)
        trial.compare(
            got, {"det J": _jacobian(field)}, axes={"det J": PIXELS}, mistakes=DET_MISTAKES
        )


def _jacobian(field, one=1, sign=-1, cross=1):
    (yy, yx), (xy, xx) = np.gradient(field[0]), np.gradient(field[1])
    return (one + yy) * (one + xx) + sign * cross * yx * xy


DET_MISTAKES = {
    "the 1s are missing: the map is p + u(p), and p has a derivative": lambda u: _jacobian(
        u, one=0
    ),
    "a plus where the determinant has a minus": lambda u: _jacobian(u, sign=1),
    "the product of the off-diagonal entries is missing": lambda u: _jacobian(u, cross=0),
    "that is the trace": lambda u: np.gradient(u[0])[0] + np.gradient(u[1])[1],
    "1 plus the trace is the determinant for very small slopes only": (
        lambda u: 1 + np.gradient(u[0])[0] + np.gradient(u[1])[1]
    ),
    "the components, or the directions of np.gradient, are exchanged: rows come first": (
        lambda u: (
            (1 + np.gradient(u[0])[1]) * (1 + np.gradient(u[1])[0])
            - np.gradient(u[0])[0] * np.gradient(u[1])[1]
        )
    ),
    "the map would be p - u(p)": lambda u: _jacobian(-u),
    "the sign is lost: below 0 the image is folded": lambda u: np.abs(_jacobian(u)),
}
