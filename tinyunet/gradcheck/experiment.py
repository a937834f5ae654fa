"""A subject with its upstream gradient, its gradients and its noise: all that a measurement needs."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

import numpy as np

from tinyunet.engine.arrays import Array, MaybeArray, device_name, to_cpu, to_device
from tinyunet.gradcheck.line import ROUNDING, Line
from tinyunet.gradcheck.noise import noise_along
from tinyunet.gradcheck.places import direction, scale_of
from tinyunet.gradcheck.report import GradientReport
from tinyunet.gradcheck.subject import Subject

DISPLACEMENT = 2.0**-10  # of a tensor's scale
RANDOM = (
    "forward gives another output for the same input when it is called twice: it is random, or it "
    "keeps something from call to call, so no slope can be measured. Make it draw the same numbers "
    "each time: a mask drawn beforehand, a generator seeded anew in forward, or for NumPy's global one "
    "lambda x: (np.random.seed(0), forward(x))[1]"
)


class Experiment:
    """One subject under examination.

    Parameters
    ----------
    subject
        What is examined.
    rng
        Draws dy and the places.
    samples
        How many coordinates of each tensor are checked.
    tolerance
        The relative error that passes.
    first
        The first step, where the user chose it.

    Attributes
    ----------
    y, dy, gradients
        The output, the upstream gradient, and what backward made of it.
    noise, rounding
        What rounding does to s = sum(dy * y); the part of it that float64 does by itself.
    coarse
        Whether forward has far fewer digits than float64, and what to say about that.
    flips
        How many decisions would have come out differently since it was called last.
    """

    def __init__(
        self,
        subject: Subject,
        rng: np.random.Generator,
        samples: int,
        tolerance: float,
        first: float | None = None,
    ) -> None:
        self.subject, self.rng = subject, rng
        self.samples, self.tolerance, self.first = samples, tolerance, first
        self.y = self.output()
        self.dy = subject.upstream(self.y, rng)
        if np.ndim(self.dy) > 0:
            subject.snapshot.add("the upstream gradient", self.dy)
        self.gradients: dict[str, MaybeArray] = {}
        self.noise, self.rounding, self.coarse = 0.0, 0.0, ""
        self.flips: Callable[[], int] = lambda: 0

    def output(self) -> Array:
        """Run forward; a copy, for it may give back an array that it writes into again."""
        y = self.subject.value() * 1.0
        if y.dtype.kind != "f":
            raise TypeError(f"forward should return real numbers, got an array of {y.dtype}")
        return y

    def backward(self) -> None:
        """Take the gradients that belong to the last forward."""
        self.gradients = self.subject.gradients(self.dy, GradientReport("", 0.0))

    def unusable(self) -> str:
        """Run forward once more; say why nothing can be measured, or return ""."""
        first, self.y = self.y, self.output()
        size = int(np.size(self.y))
        if not size:
            return f"forward gives an empty output: shape {self.y.shape}"
        finite = int((abs(self.y) < np.inf).sum())
        if finite < size:
            return f"forward gives NaN or infinity in {size - finite} of {size} outputs"
        alike = first.shape == self.y.shape
        if not alike or float(abs(first - self.y).max()) > 1e-9 * float(abs(self.y).max()):
            return RANDOM
        return ""

    # ------------------------------------------------------------------ lines

    def line(self, move: Callable[[float], None], **options: float) -> Line:
        """A line along which `move` moves the tensors."""
        return Line(self.subject.value, self.dy, self.y, move, self.noise, **options)

    def direction(self, members: list[str]) -> tuple[Line, dict[str, Array]]:
        """A random line through several tensors, and the numbers by which they move."""
        move, numbers = self._moves(members)
        tensors = [self.subject.tensors[name] for name in members]
        reach = max(float(abs(array).max()) / scale_of(array) for array in tensors)
        return self.line(move, largest_value=reach), numbers

    def _moves(self, members: list[str], narrow: bool = False) -> tuple[Callable, dict[str, Array]]:
        tensors = {name: self.subject.tensors[name] for name in members}
        starts = {name: array.copy() for name, array in tensors.items()}
        numbers = {name: direction(array, self.rng, narrow) for name, array in tensors.items()}

        def move(t: float) -> None:
            for name, array in tensors.items():
                array[...] = starts[name] + t * numbers[name] if t else starts[name]

        return move, numbers

    @contextlib.contextmanager
    def displaced(self, members: list[str], but: tuple[str, tuple] | None = None) -> Iterator[None]:
        """Move some tensors by a little, and take output and gradients there, while the context lasts.

        `but` is a coordinate that stays, as a tensor's name and an index.
        """
        here = self.y, self.gradients
        try:
            with self._moved(members, but):
                self.y = self.output()
                self.backward()
                yield
        finally:
            self.y, self.gradients = here

    @contextlib.contextmanager
    def _moved(self, members: list[str], but: tuple[str, tuple] | None = None) -> Iterator[None]:
        tensors = [self.subject.tensors[member] for member in members]
        starts = [array.copy() for array in tensors]
        try:
            for array, start in zip(tensors, starts, strict=True):
                noise = to_device(self.rng.uniform(-1, 1, start.shape), device_name(array))
                array[...] = start + DISPLACEMENT * scale_of(start) * noise
            if but is not None:
                name, index = but
                self.subject.tensors[name][index] = starts[members.index(name)][index]
            yield
        finally:
            for array, start in zip(tensors, starts, strict=True):
                array[...] = start

    # ------------------------------------------------------------------ noise

    def _output_of_many_digits(self) -> Array:
        """The output a little beside: the given inputs may have few digits themselves, as images do."""
        try:
            with self._moved(list(self.subject.tensors)), np.errstate(all="ignore"):
                y = self.output()
        except Exception:  # outside of its domain there
            return self.y
        return y if bool((abs(y) < np.inf).all()) else self.y

    def _gradients_are_finite(self) -> bool:
        """Whether they are: beside a singularity, noise is none."""
        given = [gradient for gradient in self.gradients.values() if gradient is not None]
        return all(bool((abs(gradient) < np.inf).all()) for gradient in given)

    def measure_noise(self) -> None:
        """Find out what rounding does to s: from the output's size, and by measuring."""
        size = float(((self.y * self.dy) ** 2).sum()) ** 0.5
        noise, measured = ROUNDING * size, []
        self.rounding = noise
        for _ in range(2):  # a kink may be next to one of the two directions
            move, _ = self._moves(list(self.subject.tensors), narrow=True)
            found = noise_along(self.line(move))
            measured += [found] if np.isfinite(found) else []
            if found <= noise / 3:
                break
        noise = max(noise, 3 * min(measured, default=0.0))
        self.coarse = few_digits(self._output_of_many_digits())
        if self.coarse:
            eps = np.finfo(np.float16 if "float16" in self.coarse else np.float32).eps
            noise = max(noise, float(eps) * size)
        elif noise > 1e-10 * size > 0 and self._gradients_are_finite():
            self.coarse = (
                f"forward is exact to about {noise / size:.0e} only: is something inside computed in "
                "float32, or do large numbers cancel?"
            )
        self.noise = noise


def few_digits(y: Array) -> str:
    """Say so if an output has few digits only, in its dtype or in its finite numbers."""
    if y.dtype.itemsize < 8:
        return f"forward computes in {y.dtype}: slopes cannot be measured to more digits than that"
    values = np.ravel(to_cpu(y) if np.ndim(y) else np.asarray(y))
    mantissa = np.frexp(values[np.isfinite(values)])[0]
    widths = (bits for bits in (6, 11, 24) if (mantissa * 2.0**bits % 1 == 0).all())
    name = {11: "float16", 24: "float32"}.get(next(widths, 53))  # fewer may be whole numbers
    if name is None:
        return ""
    return (
        f"forward's output has {name}'s digits only: is something inside computed in {name}, or "
        "rounded, or do large numbers cancel?"
    )
