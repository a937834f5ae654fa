"""What a check does with a student's function: call it, compare, stop at the first call that fails."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from tinyunet.exercises import comparison
from tinyunet.exercises.raised import Crashes, cause_of, raised
from tinyunet.exercises.result import Finding
from tinyunet.gradcheck.probe import Probe, only

EXACT, SINGLE = 1e-6, 1e-4  # tolerances: of float64 beside finite differences; of float32


class Stop(Exception):
    """Something is wrong: what follows would only confuse."""


class Trial:
    """One examination of a student's answer.

    Attributes
    ----------
    answer
        What the student handed in; `call` is the way to call it.
    seed
        Which random numbers it is examined with: 0 in a lesson, another for a hidden test.
    setting
        What it was called with last.
    crashes
        Usual mistakes that end in an exception of NumPy's, by a description of each: functions that
        make them, and raise the same with the same arguments.
    """

    def __init__(self, answer: Any, seed: int = 0) -> None:
        self.answer = answer
        self.seed = seed
        self.setting = ""
        self.crashes: Crashes = {}
        self._findings: list[Finding] = []
        self._unlikely: set[str] = set()  # mistakes that an earlier call would have shown
        self._arguments: dict[str, Any] = {}
        self._calls = 0
        self._worst = 0.0

    def rng(self, number: int) -> np.random.Generator:
        """Return a generator, an exercise's first, second, ...; the same in each check with a seed."""
        return np.random.default_rng([number, self.seed])

    def drawn(self, *ranges: tuple[int, int], count: int = 5) -> list[tuple[int, ...]]:
        """Draw whole numbers, one from each range (its end excluded), `count` times.

        For exercises about whole numbers, whose calls are chosen by hand: a hidden test tries these as
        well. With seed 0, in a lesson, there are none.
        """
        rng = self.rng(0)
        return [
            tuple(int(rng.integers(*limits)) for limits in ranges)
            for _ in range(count if self.seed else 0)
        ]

    def call(self, **arguments: Any) -> Any:
        """Call the student's function with arguments in this order, and return what it returns.

        The names are for messages only. The function gets copies of arrays, and must not write into
        them. An exception of the student's is a finding that ends the trial.
        """
        self._arguments, self._calls = arguments, self._calls + 1
        self.setting = f"called with {', '.join(_words(n, v) for n, v in arguments.items())}"
        if not callable(self.answer):
            self.fail("your answer", f"is no function but of type {type(self.answer).__name__}")
        given = _copies(arguments)
        try:
            got = self.answer(*given)
        except NotImplementedError:
            raise
        except Exception as error:
            cause = cause_of(error, self.crashes, _copies(arguments))
            self.fail("your function", f"raised {raised(error, self.answer)}", cause)
        for (name, before), after in zip(arguments.items(), given, strict=True):
            if isinstance(before, np.ndarray) and not comparison.same(after, before, 1e-12):
                self._findings.append(
                    Finding(
                        name, False, "your function wrote into it", "an argument was overwritten: "
                        "others may still need it, so write into a copy or a new array",
                    )
                )  # fmt: skip
        return got

    def compare(
        self,
        got: Any,
        right: dict[str, Any],
        *,
        axes: dict[str, Sequence[str]] | None = None,
        mistakes: dict[str, Callable] | None = None,
        tolerance: float | None = None,
        per_image: dict[str, Sequence[np.ndarray]] | None = None,
        dy: np.ndarray | None = None,
    ) -> None:
        """Compare what a call returned; end the trial if anything is wrong.

        Parameters
        ----------
        got
            What `call` returned: one value, or a tuple where `right` has several.
        right
            The right values by the names of the outputs, in their order.
        axes
            What each output's axes mean, such as `tinyunet.gradcheck.diagnosis.IMAGE`.
        mistakes
            Functions that make the usual mistakes, by a description of each. They take the same
            arguments as the student's function and return the same outputs.
        tolerance
            The largest difference allowed, as a share of the output's largest value; by default
            1e-6, and 1e-4 for float32.
        per_image, dy
            For gradients: what each image alone contributes, and the upstream gradient.
        """
        names = list(right)
        if len(names) == 1:
            got = (got,)
        elif not isinstance(got, tuple | list) or len(got) != len(names):
            seen = f"{len(got)} values" if isinstance(got, tuple | list) else type(got).__name__
            self.fail(
                "your function", f"should return {', '.join(names)}, but returned {seen}",
                "a missing return" if got is None else
                f"all {len(names)} belong behind the return, in this order, with commas between",
            )  # fmt: skip
        likely_first = sorted((mistakes or {}).items(), key=lambda item: item[0] in self._unlikely)
        wrong = {what: self._mistaken(make, names) for what, make in likely_first}
        wrong = dict(sorted(wrong.items(), key=lambda item: not _whole(item[1], names, got)))
        found = []
        for name, value in zip(names, got, strict=True):
            expected = np.asarray(right[name])
            finding = comparison.compare(
                name, value, expected, (axes or {}).get(name, ()),
                tolerance=tolerance or (SINGLE if expected.dtype == np.float32 else EXACT),
                mistakes={what: made[name] for what, made in wrong.items() if name in made},
                others={other: right[other] for other in names if other != name},
                per_image=(per_image or {}).get(name, ()), dy=dy,
            )  # fmt: skip
            found.append(finding)
            if finding.right:
                self._worst = max(self._worst, comparison.worst(value, expected))
        if all(finding.right for finding in found):
            found = []  # no more to say about them
        self._findings = found + self._findings
        if self._findings:
            raise Stop
        for what, made in wrong.items():
            if not all(comparison.same(value, right[name]) for name, value in made.items()):
                self._unlikely.add(what)

    def require(self, true: bool, name: str, text: str, cause: str = "") -> None:
        """End the trial with a finding unless something is true."""
        if not true:
            self.fail(name, text, cause)

    def require_array(self, got: Any, name: str) -> None:
        """End the trial if what was returned is a list: the lesson goes on to calculate with it."""
        self.require(
            not isinstance(got, list), name, "is a list, where the lesson goes on with an array",
            "np.array makes one of it",
        )  # fmt: skip

    def fail(self, name: str, text: str, cause: str = "") -> None:
        """End the trial with a finding."""
        self._findings.append(Finding(name, False, text, cause))
        raise Stop

    def findings(self) -> list[Finding]:
        """Return what was found out about the call that went wrong; nothing if none did."""
        return self._findings

    def summary(self) -> str:
        """Say what was checked."""
        calls = "1 call" if self._calls == 1 else f"{self._calls} calls"
        close = f", largest difference {self._worst:.0e}" if self._worst else ""
        return f"Right in {calls}{close}."

    def _mistaken(self, make: Callable, names: list[str]) -> dict[str, Any]:
        """What a usual mistake gives for the last call's arguments, by output."""
        try:
            made = make(*_copies(self._arguments))
        except (ValueError, IndexError, TypeError):  # that mistake cannot be made here
            return {}
        return dict(zip(names, made if len(names) > 1 else (made,), strict=True))


def _whole(made: dict[str, Any], names: list[str], got: Sequence[Any]) -> bool:
    """Whether a mistake explains all outputs, not one of several alone."""
    try:
        return all(comparison.same(g, made[name]) for name, g in zip(names, got, strict=True))
    except (KeyError, TypeError, ValueError):
        return False


class Slopes(NamedTuple):
    """Gradients that were measured by finite differences.

    Attributes
    ----------
    dy
        The upstream gradient: random, since ones would hide mistakes.
    whole
        The gradient with respect to each input.
    per_image
        For each input, what each image alone contributes.
    """

    dy: np.ndarray
    whole: tuple[np.ndarray, ...]
    per_image: tuple[list[np.ndarray], ...]


def slopes(forward: Callable, *inputs: np.ndarray, seed: int | tuple[int, ...] = 0) -> Slopes:
    """Measure the gradients of ``forward(*inputs)`` completely, as `tinyunet.gradcheck` does.

    The inputs are small arrays of float64, such that no kink (of a ReLU, or of a maximum) is within
    0.002 of any value.
    """
    inputs = [x.copy() for x in inputs]
    y = forward(*inputs)
    dy = np.random.default_rng(seed).standard_normal(np.shape(y))
    probe = Probe(lambda: forward(*inputs) * 1.0, dy, 1e-3)
    images = range(len(dy)) if np.ndim(dy) > 1 else ()
    return Slopes(
        dy,
        tuple(probe.whole(x) for x in inputs),
        tuple([probe.whole(x, only(dy, i)) for i in images] for x in inputs),
    )


def _copies(arguments: dict[str, Any]) -> list:
    return [v.copy() if isinstance(v, np.ndarray) else v for v in arguments.values()]


def _words(name: str, value: Any) -> str:
    """An argument in a message: a small array or a number by its value, another by its shape."""
    if isinstance(value, np.ndarray):
        if value.size <= 6 and value.ndim == 1:
            return f"{name} = {np.array2string(value, precision=4, separator=', ')}"
        if value.ndim == 2 and value.size <= 40 and value.dtype.kind in "iu":
            return f"{name} = {value.tolist()}"
        dtype = "" if value.dtype == np.float64 else f" {value.dtype}"
        return f"{name} of shape {value.shape}{dtype}"
    if callable(value):
        return f"{name} = {getattr(value, '__name__', 'a function')}"
    return f"{name} = {value!r}"
