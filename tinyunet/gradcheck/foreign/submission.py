"""Check a file that somebody handed in: in a process of its own, for it may hang, crash or print a lot.

    tinyunet gradcheck affine.py:affine_forward,affine_backward --input 4x3 --input 3x2 --input 2

The process writes its verdict to a file of ours. What the submission prints goes to standard error, and
how it exits says nothing. This guards against accidents: the submission runs with its user's rights.
"""

from __future__ import annotations

import ast
import contextlib
import functools
import importlib.util
import inspect
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import traceback
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tinyunet.gradcheck.checker import check_gradients
from tinyunet.gradcheck.foreign.function import check_function
from tinyunet.gradcheck.foreign.objects import check_object
from tinyunet.layers.layer import Layer
from tinyunet.losses import Loss

PROVED, WRONG, UNUSABLE, NOT_PROVED = range(4)  # exit codes
WORDS = {PROVED: "proved", WRONG: "wrong", UNUSABLE: "unusable", NOT_PROVED: "not proved"}
INPUT = re.compile(r"^(?P<shape>\d+(x\d+)*|scalar)(:(?P<kind>normal|positive|int(?P<below>\d+)))?$")


@dataclass
class Order:
    """What to check, and how.

    Attributes
    ----------
    file, code
        The file, and what to take from it: ``"forward, backward"``, ``"Affine(4, 3)"``, ``"Sigmoid"``.
    inputs
        ``"2x3x8x8"``, ``"4x3:positive"``, ``"5:int10"``, ``"scalar"``, or ``"=EXPRESSION"``.
    parameters
        Where an object's parameters have their gradients, as `check_object` takes it.
    samples, tolerance
        As for `check_function`; None takes its defaults.
    seed
        Draws the inputs.
    """

    file: str
    code: str
    inputs: list[str]
    parameters: dict[str, str] | None = None
    samples: int | None = None
    tolerance: float | None = None
    seed: int = 0


@dataclass
class Verdict:
    """What became of it: an exit code, a report as plain data and as text, or a reason."""

    code: int
    report: dict | None = None
    text: str = ""
    reason: str = ""


def check_submission(order: Order, seconds: float) -> Verdict:
    """Check a submission in a process of its own, for at most so many seconds."""
    if not Path(order.file).is_file():
        raise FileNotFoundError(f"{order.file}: no such file")
    if not seconds > 0:
        raise ValueError(f"--seconds must be above 0, got {seconds}")
    for text in order.inputs:
        parse_input(text)
    with tempfile.TemporaryDirectory() as folder:
        answer = Path(folder) / "verdict.json"
        command = [sys.executable, "-m", __name__, json.dumps(asdict(order)), str(answer)]
        try:
            code = _run(command, seconds)
        except subprocess.TimeoutExpired:
            return Verdict(
                UNUSABLE,
                reason=f"it did not end within {seconds:g} seconds: does it hang? (--seconds)",
            )
        if not answer.exists():
            how = f"signal {-code}" if code < 0 else f"exit code {code}"
            return Verdict(UNUSABLE, reason=f"it ended its process before a verdict ({how})")
        return Verdict(**json.loads(answer.read_text(encoding="utf-8")))


def _run(command: list[str], seconds: float) -> int:
    """Run a command in a group of processes, which ends as one; return its exit code."""
    group = os.name == "posix"
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=2, start_new_session=group
    ) as process:
        try:
            return process.wait(seconds)
        finally:
            if group:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(process.pid, signal.SIGKILL)  # whatever it started, too
            process.kill()


def parse_input(text: str) -> tuple[str, tuple[int, ...], int]:
    """Read what `--input` says: a kind, a shape, and for integers the number that they stay below."""
    if text.startswith("="):
        ast.parse(text[1:].strip(), mode="eval")
        return "expression", (), 0
    found = INPUT.match(text.replace(" ", ""))
    if not found:
        raise ValueError(
            f"--input {text!r} is none of: a shape such as 2x3x8x8 (random numbers), 4x3:positive, "
            "5:int10 (whole numbers from 0 to 9), scalar, or =EXPRESSION in the file's own names"
        )
    shape = found["shape"]
    sides = () if shape == "scalar" else tuple(int(side) for side in shape.split("x"))
    kind = "integers" if found["below"] else found["kind"] or "normal"
    return kind, sides, int(found["below"] or 0)


def make_input(text: str, rng: np.random.Generator, names: dict[str, Any]) -> Any:
    """Make the input that `--input` describes."""
    kind, shape, below = parse_input(text)
    if kind == "expression":
        return eval(text[1:].strip(), names)
    if kind == "integers":
        value: Any = rng.integers(0, max(below, 1), shape)
        return value if shape else int(value)
    value = rng.uniform(0.5, 2, shape) if kind == "positive" else rng.standard_normal(shape)
    return value if shape else float(value)


# ---------------------------------------------------------------------- in the other process


def names_of(file: Path) -> dict[str, Any]:
    """Run a file as a module, with its folder on the path, and return its names, and np."""
    sys.path.insert(0, str(file.resolve().parent))
    spec = importlib.util.spec_from_file_location(file.stem, file)
    if spec is None or spec.loader is None:
        raise ValueError(f"{file} is no Python file: its name should end in .py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[file.stem] = module
    spec.loader.exec_module(module)
    return {"np": np, **vars(module)}


def subjects(code: str, names: dict[str, Any]) -> list[Any]:
    """Evaluate one or two expressions, separated by a comma."""
    parts = ast.parse(f"({code},)", mode="eval").body.elts  # type: ignore[attr-defined]
    if not 1 <= len(parts) <= 2:
        raise ValueError(f"{code!r} should name a forward and a backward, or one class or object")
    found = []
    for part in parts:
        try:
            found.append(eval(compile(ast.Expression(part), "<command line>", "eval"), names))
        except NameError as error:
            own = [name for name, v in names.items() if callable(v) and not name.startswith("_")]
            raise ValueError(f"{error}; the file has {', '.join(own)}") from error
    return found


def examine(order: Order) -> Verdict:
    """Check what an order names, in this process."""
    names = names_of(Path(order.file))
    found = subjects(order.code, names)
    rng = np.random.default_rng(order.seed)
    inputs = [make_input(text, rng, names) for text in order.inputs]
    options: dict[str, Any] = {"samples": order.samples, "tolerance": order.tolerance}
    options = {name: value for name, value in options.items() if value is not None}
    if len(found) == 2:
        report = check_function(*found, *inputs, **options)
    else:
        (subject,) = found
        if isinstance(subject, type) and not _is_static(subject):
            subject = _instance(subject)
        if inspect.isroutine(subject) or isinstance(subject, functools.partial):
            report = check_function(subject, None, *inputs, **options)
        elif isinstance(subject, Layer | Loss):
            report = check_gradients(subject, *inputs, **options)
        else:
            report = check_object(subject, *inputs, parameters=order.parameters, **options)
    code = PROVED if report.passed else WRONG if report.failed else NOT_PROVED
    return Verdict(code, report.to_dict(), str(report))


def _is_static(cls: type) -> bool:
    """Whether a class is checked without an object, for its methods are static."""
    methods = (inspect.getattr_static(cls, name, None) for name in ("forward", "loss"))
    return any(isinstance(method, staticmethod) for method in methods)


def _instance(cls: type) -> Any:
    try:
        return cls()
    except TypeError as error:
        raise ValueError(
            f"{cls.__name__} needs arguments: write {cls.__name__}(...) ({error})"
        ) from error


def _where(error: BaseException, file: Path) -> str:
    """An error in words, with the last line of the submission that led to it."""
    message = f"{type(error).__name__}: {error}"
    if isinstance(error, SyntaxError) and error.lineno:
        return f"{message} ({Path(error.filename or file).name}, line {error.lineno})"
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if Path(frame.filename).resolve() == file.resolve():
            return f"{message} ({file.name}, line {frame.lineno}: {frame.line})"
    return message


def main(order_text: str, answer: str) -> None:
    """Check what an order names, and write the verdict into a file."""
    order = Order(**json.loads(order_text))
    try:
        verdict = examine(order)
    except BaseException as error:  # also SystemExit: nothing that it raises is a verdict
        verdict = Verdict(UNUSABLE, reason=_where(error, Path(order.file)))
    partial = Path(f"{answer}.part")
    partial.write_text(json.dumps(asdict(verdict)), encoding="utf-8")
    partial.replace(answer)


if __name__ == "__main__":
    main(*sys.argv[1:])
