"""Everything that only a machine with a GPU can tell: `tinyunet gpu-report`.

Three commands run one after the other, each in a process of its own, so that a crash in one leaves
the others alone. What they print goes into one summary, to be pasted into a report.
"""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from tinyunet.engine import machine
from tinyunet.engine.arrays import check_device
from tinyunet.engine.gpu import gpu_in_words

TESTS = Path("tests")
KEPT = 40  # lines of what a command that failed has printed


@dataclass(frozen=True)
class Part:
    """A command of the report.

    Attributes
    ----------
    words
        As a person types them.
    kept
        How many of the last lines that it prints belong in the summary; None for all.
    needed
        Whether it must pass for the report to pass.
    """

    words: tuple[str, ...]
    kept: int | None = None
    needed: bool = True


def parts(torch: bool) -> list[Part]:
    """The commands: the tests where they are, the paper's gradients, and the benchmark."""
    gpu = ("--device", "gpu")
    bench = ("tinyunet", "bench", "steps", *gpu)
    large = (*bench, "--net", "paper", "--mode", "train", "--batch", "4")
    races = []
    if torch:  # to compile takes a minute a network; to let cuDNN choose for a batch of 4, longer
        bench = (*bench, "--against", "torch", "--settings", "eager,benchmark")
        # For this, PyTorch took 73 GB: few cards have them.
        races = [Part((*large, "--against", "torch", "--settings", "eager"), needed=False)]
    tests = [Part(("pytest", "-q", "-m", "gpu", str(TESTS)), kept=1)]
    return [
        *(tests if in_a_clone() else []),
        Part(("tinyunet", "gradcheck", "--paper", *gpu), kept=2),
        Part(bench),
        Part(large),
        *races,
    ]


def in_a_clone() -> bool:
    """Whether the folder `tests` here is this package's own."""
    return (TESTS / "cupy_double").is_dir()


def torch_on_gpu() -> str:
    """What PyTorch is there, if it sees a GPU; else ""."""
    if importlib.util.find_spec("torch") is None:
        return ""
    import torch

    return f"PyTorch {torch.__version__}" if torch.cuda.is_available() else ""


def report() -> tuple[str, bool]:
    """Run everything and return the summary, and whether all of it passed.

    Raises
    ------
    RuntimeError
        If there is no usable GPU; the message says what is missing.
    """
    check_device("gpu")
    torch = torch_on_gpu()
    found = machine.diagnose_system()
    versions = found["versions"]
    lines = [
        "tinyunet GPU report",
        f"GPU       {gpu_in_words(found['gpu'])}",
        f"packages  tinyunet {versions['tinyunet']}, Python {versions['python']}, "
        f"NumPy {versions['numpy']}, {torch or 'no PyTorch that sees a GPU'}",
        f"machine   {found['cpu']['model']}, {found['platform']}",
    ]
    if not in_a_clone():
        lines.append("tests     not run: they are in a clone of the repository")
    passed = True
    for part in parts(bool(torch)):
        text, good = run(part)
        lines += ["", text]
        passed = passed and (good or not part.needed)
    lines += ["", "all passed" if passed else "NOT ALL PASSED"]
    return "\n".join(lines), passed


def run(part: Part) -> tuple[str, bool]:
    """Run a command; return what the summary says of it, and whether it passed."""
    command = " ".join(part.words)
    print(f"running {command} ...", file=sys.stderr, flush=True)
    started = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", *part.words], capture_output=True, text=True, check=False
    )
    seconds, good = time.perf_counter() - started, done.returncode == 0
    printed = (done.stdout if good else done.stdout + done.stderr).strip().splitlines()
    kept = part.kept if good else KEPT
    ending = "passed" if good else f"FAILED with exit code {done.returncode}"
    lines = [f"$ {command}", f"{ending} after {seconds:.0f} s"]
    return "\n".join(lines + (printed if kept is None else printed[-kept:])), good
