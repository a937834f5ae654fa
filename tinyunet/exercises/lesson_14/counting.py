"""Lesson 14: how much work a convolution is."""

from __future__ import annotations

from tinyunet.exercises.registry import exercise
from tinyunet.exercises.trial import Trial


@exercise(
    lesson=14,
    hints=(
        "Count for one output pixel first: how many numbers does it read, and how many outputs does "
        "it have? Then count the pixels.",
        "A row of the output has width - 2 pixels. A pixel's patch holds 9 * c_in numbers of 4 bytes, "
        "and each of its c_out outputs multiplies all of them.",
        "With pixels = rows * (width - 2), the patches have pixels * 9 * c_in numbers: times c_out "
        "they are multiplications, times 4 they are bytes. Return both, in that order.",
    ),
)
def costs(trial: Trial) -> None:
    """The multiplications of some output rows, and the bytes of their patches."""
    for width, c_in, c_out, rows in (
        (9, 5, 7, 6), (5, 1, 5, 1), (5, 1, 1, 3), (8, 3, 1, 2), (138, 64, 64, 136), (570, 64, 128, 4),
        *trial.drawn((5, 90), (1, 70), (1, 70), (1, 9)),
    ):  # fmt: skip
        got = trial.call(width=width, c_in=c_in, c_out=c_out, rows=rows)
        trial.compare(got, _costs(width, c_in, c_out, rows), mistakes=COST_MISTAKES)


def _costs(width, c_in, c_out, rows, lost=2, taps=9, size=4):
    numbers = rows * (width - lost) * taps * c_in
    return {"multiplications": numbers * c_out, "bytes": numbers * size}


def _counted(**wrong):
    return lambda *arguments: tuple(_costs(*arguments, **wrong).values())


def _each_output_has_patches(width, c_in, c_out, rows):
    multiplications, size = _costs(width, c_in, c_out, rows).values()
    return multiplications, size * c_out


COST_MISTAKES = {
    "the two are exchanged: multiplications come first": lambda *arguments: tuple(
        _costs(*arguments).values()
    )[::-1],
    "the output is as wide as the input: without padding it has 2 pixels fewer": _counted(lost=0),
    "`rows` are rows of the output already: none of them is lost": lambda v, c_in, c_out, r: tuple(
        _costs(v, c_in, c_out, r - 2).values()
    ),
    "a 3x3 kernel has 9 positions, not 3": _counted(taps=3),
    "the 9 positions of the kernel are missing": _counted(taps=1),
    "one pixel is lost on each side, 2 of a row": _counted(lost=1),
    "3 pixels of a row are lost: 2 are, since a window of 3 fits width - 2 times": _counted(lost=3),
    "bits are counted in place of bytes: float32 has 4 bytes": _counted(size=32),
    "only one row was counted": lambda v, c_in, c_out, r: tuple(_costs(v, c_in, c_out, 1).values()),
    "the bytes of the input: in patches its numbers come several times": (
        lambda v, c_in, c_out, r: (
            _costs(v, c_in, c_out, r)["multiplications"],
            (r + 2) * v * c_in * 4,
        )
    ),
    "input and output channels are added: each output channel multiplies all the patch": (
        lambda v, c_in, c_out, r: (
            r * (v - 2) * 9 * (c_in + c_out),
            _costs(v, c_in, c_out, r)["bytes"],
        )
    ),
    "numbers are counted in place of bytes: float32 has 4": _counted(size=1),
    "float32 has 4 bytes, not 8": _counted(size=8),
    "the patches are counted once for each output channel: all channels read the same ones": (
        _each_output_has_patches
    ),
    "the input channels are missing": lambda v, c_in, c_out, r: tuple(
        _costs(v, 1, c_out, r).values()
    ),
    "the output channels are missing in the multiplications": lambda v, c_in, c_out, r: tuple(
        _costs(v, c_in, 1, r).values()
    ),
}
