"""Lesson 14: Winograd's F(2, 3), and a convolution along one axis made of it."""

from __future__ import annotations

import numpy as np

from tinyunet.exercises.registry import exercise
from tinyunet.exercises.trial import Trial

# ---------------------------------------------------------------------- F(2, 3)


AT = np.array([[1, 1, 1, 0], [0, 1, -1, 1]], np.float32)
G = np.array([[1, 0, 0], [0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0, 0, 1]], np.float32)
BT = np.array([[1, 0, -1, 0], [0, 1, 1, 0], [0, -1, 1, 0], [0, -1, 0, 1]], np.float32)


class _Counted:
    """A number that is made of "x", "w" or both, and notes the products of the one with the other."""

    def __init__(self, value: float, made_of: frozenset, products: list) -> None:
        self.value, self.made_of, self.products = value, made_of, products

    def _with(self, other, operation) -> _Counted:
        made_of = getattr(other, "made_of", frozenset())
        return _Counted(operation(self.value, float(other)), self.made_of | made_of, self.products)

    def __add__(self, other):
        return self._with(other, lambda a, b: a + b)

    def __sub__(self, other):
        return self._with(other, lambda a, b: a - b)

    def __rsub__(self, other):
        return self._with(other, lambda a, b: b - a)

    def __mul__(self, other):
        made_of = getattr(other, "made_of", frozenset())
        if made_of and len(self.made_of | made_of) == 2:
            self.products.append(1)
        return self._with(other, lambda a, b: a * b)

    def __truediv__(self, other):
        return self._with(other, lambda a, b: a / b)

    def __neg__(self):
        return self * -1

    __radd__, __rmul__ = __add__, __mul__

    def __float__(self) -> float:
        return float(self.value)

    def __repr__(self) -> str:
        return f"{self.value:g}"


def _count(arrays: dict[str, np.ndarray]) -> tuple[dict[str, np.ndarray], list]:
    """The same arrays of numbers that count, and the list of the products."""
    products: list = []
    counted = {}
    for name, array in arrays.items():
        numbers = [_Counted(float(v), frozenset(name), products) for v in array.ravel()]
        counted[name] = np.array(numbers).reshape(array.shape)
    return counted, products


@exercise(
    lesson=14,
    hints=(
        "The formula says it: transform w, transform x, multiply the two entry by entry, transform "
        "back. Each of the three matrices is drawn above.",
        "The four products are (row 0 of B^T times x) times (row 0 of G times w), and so on. The "
        "first is w[0] * (x[0] - x[2]), the last w[2] * (x[3] - x[1]).",
        "The two in between are (w[0] + w[1] + w[2]) / 2 * (x[1] + x[2]) and (w[0] - w[1] + w[2]) / 2 "
        "* (x[2] - x[1]). With the four called m0 to m3, the rows of A^T say which are added for y0, "
        "and which for y1. Return np.array([y0, y1]).",
    ),
)
def f23(trial: Trial) -> None:
    """Two outputs of three weights with four multiplications."""
    rng = trial.rng(1)
    for dtype in (float, float, np.float32):
        x, w = rng.standard_normal(4).astype(dtype), rng.standard_normal(3).astype(dtype)
        trial.compare(trial.call(x=x, w=w), {"y": _slide(x, w)}, mistakes=F23_MISTAKES)
    counted, products = _count({"x": np.array([1, 2, 4, 8]), "w": np.array([3, 5, 7])})
    trial.call(**counted)
    causes = {
        5: "one of the four products is computed twice: keep it and use it for both outputs",
        6: "six are what the definition takes, or products that both outputs share computed twice",
    }
    trial.require(
        len(products) <= 4, "your function", f"is right, but with {len(products)} multiplications "
        "of something made of x and something made of w; four are enough",
        causes.get(len(products), "transform first, then multiply the four values entry by entry"),
    )  # fmt: skip


def _slide(x, w):
    return np.array([x[:3] @ w, x[1:] @ w])


def _f23(at=AT, g=G, bt=BT):
    return lambda x, w: at @ ((g @ w) * (bt @ x))


def _but(matrix, *changes):
    """A matrix with some entries changed: (row, column, value)."""
    matrix = matrix.copy()
    for i, j, value in changes:
        matrix[i, j] = value
    return matrix


F23_MISTAKES = {
    "the kernel is turned: w[0] belongs to the first number of x": (
        lambda x, w: _slide(x, w[::-1])
    ),
    "the halves are missing: G has them in its two middle rows": _f23(g=np.sign(G)),
    "the first product has a wrong sign: it is x[0] - x[2]": _f23(bt=_but(BT, (0, 2, 1))),
    "the third product has a wrong sign: it is x[2] - x[1]": (
        _f23(bt=_but(BT, (2, 1, 1), (2, 2, -1)))
    ),
    "the last product has a wrong sign: it is x[3] - x[1]": (
        _f23(bt=_but(BT, (3, 1, 1), (3, 3, -1)))
    ),
    "the second output adds all: the third product counts with a minus there": (
        _f23(at=_but(AT, (1, 2, 1)))
    ),
    "w(-1) has a wrong sign: it is w[0] - w[1] + w[2]": _f23(g=_but(G, (2, 2, -0.5))),
    "C where its transpose belongs: sliding is the transpose of the product": _f23(bt=BT.T),
}  # fmt: skip


# ---------------------------------------------------------------------- tiles and channels


@exercise(
    lesson=14,
    hints=(
        "Cut x into tiles, transform them and the weights, multiply, transform back, and put the "
        "outputs in order. Every step takes all tiles at once.",
        "There are tiles = (outputs + 1) // 2. Pad x at its end to 2 * tiles + 2 numbers. The tiles' "
        "first entries are x[0], x[2], ...; so X = np.stack of x[i : i + 2 * tiles : 2] for the four "
        "i has shape (4, tiles, C_in).",
        "np.tensordot(BT, X, 1) is (4, tiles, C_in), np.tensordot(G, w, 1) is (4, C_in, C_out), and @ "
        "multiplies their last two axes. AT makes (2, tiles, C_out) of that. Outputs of one tile are "
        "neighbours: swap the first two axes before you reshape, then cut to L - 2.",
    ),
)
def conv1d_f23(trial: Trial) -> None:
    """A one-dimensional convolution with channels, by F(2, 3)."""
    rng = trial.rng(2)
    for length, c_in, c_out in ((4, 1, 1), (8, 1, 1), (7, 1, 1), (8, 3, 3), (9, 3, 2), (3, 2, 4)):
        x, w = rng.standard_normal((length, c_in)), rng.standard_normal((3, c_in, c_out))
        y = trial.call(x=x, w=w)
        trial.compare(y, {"y": _conv1d(x, w)}, axes=AXES, mistakes=CONV_MISTAKES)
    x, w = (rng.standard_normal(s, np.float32) for s in ((10, 3), (3, 3, 2)))
    y = trial.call(x=x, w=w)
    trial.compare(y, {"y": _conv1d(x, w)}, axes=AXES, mistakes=CONV_MISTAKES)
    _count_products(trial, outputs=7, c_in=2, c_out=3)


def _count_products(trial: Trial, outputs: int, c_in: int, c_out: int) -> None:
    """Refuse a right convolution that multiplies as often as the definition."""
    arrays = {
        "x": np.arange(1.0, 1 + (outputs + 2) * c_in).reshape(-1, c_in),
        "w": np.arange(2.0, 2 + 3 * c_in * c_out).reshape(3, c_in, c_out),
    }
    counted, products = _count(arrays)
    try:
        trial.answer(*counted.values())
    except Exception:  # written for numbers of NumPy's own: then its multiplications stay uncounted
        return
    enough, definition = 4 * (-(-outputs // 2)) * c_in * c_out, 3 * outputs * c_in * c_out
    trial.setting = f"called with x ({outputs + 2}, {c_in}) and w (3, {c_in}, {c_out})"
    trial.require(
        len(products) <= enough, "your function", f"is right, but with {len(products)} "
        f"multiplications of something made of x and something made of w; {enough} are enough",
        "as many as the definition takes, slid over directly: transform tiles of four, then multiply"
        if len(products) == definition else
        "something is multiplied twice, or tiles are two further than needed: four products a tile "
        "and pair of channels",
    )  # fmt: skip


AXES = {"y": ("place", "channel")}


def _conv1d(x, w):
    return sum(x[p : p + len(x) - 2] @ w[p] for p in range(3))


def _reordered(x, w):
    """First all tiles' first outputs, then all second ones."""
    y = _conv1d(np.pad(x, ((0, len(x) % 2), (0, 0))), w)
    return np.concatenate([y[::2], y[1::2]])[: len(x) - 2]


def _uncut(x, w):
    return _conv1d(np.pad(x, ((0, len(x) % 2), (0, 0))), w)


def _transformed(at=AT, g=G, bt=BT):
    """The right way with other matrices."""

    def make(x, w):
        padded = np.pad(x, ((0, len(x) % 2), (0, 0)))
        tiles = np.stack([padded[i : i + len(padded) - 2 : 2] for i in range(4)])
        y = np.tensordot(at, np.tensordot(bt, tiles, 1) @ np.tensordot(g, w, 1), 1)
        return y.swapaxes(0, 1).reshape(len(padded) - 2, -1)[: len(x) - 2]

    return make


CONV_MISTAKES = {
    "the outputs are out of order: y[0] and y[1] come from one tile, so swap axes, then reshape": (
        _reordered
    ),
    "too long: with an odd number of outputs, the last tile's second one is thrown away": _uncut,
    "the last output is missing: where their number is odd, zeros fill up a last tile": (
        lambda x, w: _conv1d(x, w)[: (len(x) - 2) // 2 * 2]
    ),
    "the tiles do not overlap: each is two further than the one before, not four": (
        lambda x, w: np.concatenate([_conv1d(x[i : i + 4], w) for i in range(0, len(x) - 3, 4)])
    ),
    "the kernel is turned": lambda x, w: _conv1d(x, w[::-1]),
    "the channels of the weights are exchanged": lambda x, w: _conv1d(x, w.swapaxes(1, 2)),
    "BT is transposed": _transformed(bt=BT.T),
    "the halves of G are missing": _transformed(g=2 * G - _but(0 * G, (0, 0, 1), (3, 2, 1))),
}
