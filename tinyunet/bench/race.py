"""Run workers, one or two that take turns, and compare what they measured."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from tinyunet.bench.tasks import Task

WARM_UP = 2  # repetitions that do not count: they fill caches and memory pools
# Repetitions in a turn. A GPU's come in a row, as in training: a single one, after the other side's
# turn, would be measured on a processor that has just woken up, whose launches the GPU waits for.
IN_A_ROW = {"cpu": 1, "gpu": 5}
CLOSE = 1e-3  # checksums in float32, after a few training steps, agree to this
# glibc's allocator gives large arrays back to the system at once, and every new one costs page
# faults. These settings make it keep them, for any program.
KEEP_MEMORY = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": str(1 << 36)}


@dataclass(frozen=True)
class Runner:
    """Who runs a task and how.

    Attributes
    ----------
    engine
        ``"tinyunet"`` or ``"torch"``.
    setting
        For PyTorch: ``"eager"``, ``"channels_last"``, ``"compile"`` or ``"benchmark"``.
    threads
        How many, in each process.
    processes
        How many share the task's batch, started by mpirun.
    keep_memory
        Whether the C allocator keeps freed memory: see `KEEP_MEMORY`.
    device
        ``"cpu"`` or ``"gpu"``.
    """

    engine: str = "tinyunet"
    setting: str = ""
    threads: int = 1
    keep_memory: bool = False
    device: str = "cpu"
    processes: int = 1

    @property
    def name(self) -> str:
        """A few words for a table."""
        words = [self.setting or self.engine, "allocator kept" if self.keep_memory else ""]
        return ", ".join(word for word in words if word)


@dataclass
class Measured:
    """What a worker measured: a repetition's seconds and checksum, turn by turn, and its memory.

    And `cpu`, the seconds in which its threads had a processor: more than the others where there are
    several, less where other programs wanted them.
    """

    runner: Runner
    seconds: list[float] = field(default_factory=list)
    checksums: list[float] = field(default_factory=list)
    peak_mb: float = 0.0
    error: str = ""
    cpu: list[float] = field(default_factory=list)

    @property
    def median(self) -> float:
        """The middle of the seconds."""
        return median(self.seconds)

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain data."""
        return {**vars(self), "runner": vars(self.runner)}


class Worker:
    """A process that runs a task when asked to."""

    def __init__(self, task: Task, runner: Runner) -> None:
        self.measured = Measured(runner)
        order = {
            "engine": runner.engine,
            "setting": runner.setting,
            "device": runner.device,
            "in_a_row": IN_A_ROW[runner.device],
            "task": task.to_dict(),
        }
        environment = {**os.environ, "TINYUNET_NUM_THREADS": str(runner.threads)}
        for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
            environment[variable] = str(runner.threads)
        if runner.keep_memory:
            environment.update(KEEP_MEMORY)
        self.errors = tempfile.TemporaryFile()  # noqa: SIM115 (a pipe that nobody reads would fill up)
        shared = ("-m", "mpi4py") if runner.processes > 1 else ()
        start = (shutil.which("mpirun") or "mpirun", "-n", str(runner.processes)) if shared else ()
        self.process = subprocess.Popen(
            [*start, sys.executable, *shared, "-m", "tinyunet.bench.worker", json.dumps(order)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors,
            text=True, env=environment,
        )  # fmt: skip

    def repeat(self, count: bool = True) -> None:
        """Run once more, unless an error has ended it."""
        found = self._ask("go")
        if count and not self.measured.error:
            self.measured.seconds.append(found["seconds"])
            self.measured.cpu.append(found["cpu"])
        if not self.measured.error:
            self.measured.checksums.append(found["checksum"])

    def stop(self) -> Measured:
        """End the process and return what it measured."""
        found = self._ask("stop")
        self.measured.peak_mb = found.get("peak_mb", 0.0)
        self.end()
        return self.measured

    def end(self) -> None:
        """End the process, whatever it does."""
        self.process.kill()
        with contextlib.suppress(BrokenPipeError):
            self.process.communicate()
        self.errors.close()

    def _ask(self, word: str) -> dict[str, Any]:
        if self.measured.error:
            return {}
        try:
            with contextlib.suppress(BrokenPipeError):  # it has ended: its last answer says why
                self.process.stdin.write(word + "\n")
                self.process.stdin.flush()
            found = json.loads(self.process.stdout.readline())
        except ValueError:
            self.errors.seek(0)
            lines = self.errors.read().decode(errors="replace").strip().splitlines()
            found = {"error": lines[-1] if lines else "it stopped silently"}
        self.measured.error = found.get("error", "")
        return found


def race(task: Task, runners: list[Runner], rounds: int) -> list[Measured]:
    """Let the runners take turns at a task, and return what each measured."""
    workers = [Worker(task, runner) for runner in runners]
    try:
        for i in range(-WARM_UP, rounds):
            for worker in workers:
                worker.repeat(count=i >= 0)
        return [worker.stop() for worker in workers]
    finally:
        for worker in workers:
            if worker.process.returncode is None:
                worker.end()


def ratio(ours: Measured, theirs: Measured) -> float:
    """The median over the rounds of our time over theirs."""
    return median(a / b for a, b in zip(ours.seconds, theirs.seconds, strict=True))


def difference(ours: Measured, theirs: Measured) -> float:
    """The largest relative difference of the first checksums, the warm-up's."""
    first = zip(ours.checksums[:WARM_UP], theirs.checksums[:WARM_UP], strict=True)
    return max(abs(a - b) / max(abs(a), abs(b), 1e-30) for a, b in first)
