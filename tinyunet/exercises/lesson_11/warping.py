"""Lesson 11: an image bent by a field, and where it would fold."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from tinyunet.exercises.registry import exercise
from tinyunet.exercises.trial import Trial

PIXELS = ("height", "width")


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
    rng, trial.crashes = trial.rng(4), WARP_CRASHES
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
        trial.require(
            np.asarray(got[1]).dtype.kind in "iu", "labels", f"have dtype {np.asarray(got[1]).dtype}",
            "labels are whole numbers, and no loss takes others: keep their dtype",
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


def _first_channel(image, labels, weights, field):
    image = np.repeat(image[..., :1], image.shape[2], axis=2)
    return _warp(image, labels, weights, field)


WARP_CRASHES = {
    "map_coordinates reads one array (H, W) at places (2, H, W): take the image channel by channel": (
        lambda image, labels, weights, field: ndimage.map_coordinates(image, field)
    )
}
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
    "all channels were read from the first: image[..., k]": _first_channel,
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
    rng, trial.crashes = trial.rng(5), DET_CRASHES
    y, x = np.indices((5, 6), float)
    fields = [
        rng.standard_normal((2, 5, 6)) / 2,
        0 * np.stack([y, x]),
        np.stack([0.2 * y, 0 * x]),
        np.stack([0.2 * y, 0.5 * x]),
    ]
    fields += [np.stack([0.3 * x, -0.2 * y]), rng.standard_normal((2, 7, 4)) / 2]
    for field in fields:
        got = trial.call(field=field)
        trial.compare(
            got, {"det J": _jacobian(field)}, axes={"det J": PIXELS}, mistakes=DET_MISTAKES
        )


def _jacobian(field, one=1, sign=-1, cross=1):
    (yy, yx), (xy, xx) = np.gradient(field[0]), np.gradient(field[1])
    return (one + yy) * (one + xx) + sign * cross * yx * xy


def _unpacked(field):
    down, along = np.gradient(field)


DET_CRASHES = {
    "np.gradient of the whole field differentiates along three axes: take one component, "
    "np.gradient(field[0]), which returns two arrays": _unpacked
}
DET_MISTAKES = {
    "the 1s are missing: the map is p + u(p), and p has a derivative": lambda u: _jacobian(
        u, one=0
    ),
    "a plus where the determinant has a minus": lambda u: _jacobian(u, sign=1),
    "the product of the off-diagonal entries is missing": lambda u: _jacobian(u, cross=0),
    "that is the trace of J, and not its determinant": (
        lambda u: 2 + np.gradient(u[0])[0] + np.gradient(u[1])[1]
    ),
    "one of the two 1s is missing: the map is p + u(p) in both directions": (
        lambda u: (
            (1 + np.gradient(u[0])[0]) * np.gradient(u[1])[1]
            - np.gradient(u[0])[1] * np.gradient(u[1])[0]
        )
    ),
    "np.gradient takes half the difference already": lambda u: _jacobian(2 * u),
    "the two products are exchanged: the sign is wrong": lambda u: -_jacobian(u),
    "the 1s belong to the diagonal only": lambda u: (
        (1 + np.gradient(u[0])[0]) * (1 + np.gradient(u[1])[1])
        - (1 + np.gradient(u[0])[1]) * (1 + np.gradient(u[1])[0])
    ),
    "upside down: the area in the old image that a pixel of the new one shows is wanted": (
        lambda u: 1 / _jacobian(u)
    ),
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
