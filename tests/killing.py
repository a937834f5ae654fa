"""Trainings that are killed, and what becomes of them: for tests of a few moments and of a hundred."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

import tinyunet as tu
from tinyunet.data import synthetic_cells

CELLS = synthetic_cells(7, (32, 40), seed=2)
STEPS = 36
OPTIONS = (
    "--data", "mine", "--steps", STEPS, "--depth", 1, "--base-channels", 2, "--batch-size", 2,
    "--dropout", 0.3, "--average", "none",
)  # fmt: skip
NEW = 6  # the image that comes into the folder later


def make_folder(folder: Path) -> None:
    """Write six images with masks into ``mine``."""
    for i in range(NEW):
        add_image(folder, i)


def add_image(folder: Path, i: int) -> None:
    """One image more; the last one comes first by its name, so that a split by place would change."""
    name = f"{(i + 1) % (NEW + 1)}.png"
    gray = (255 * CELLS.images[i][..., 0].clip(0, 1)).astype(np.uint8)
    for kind, pixels in (("images", gray), ("masks", (255 * CELLS.labels[i]).astype(np.uint8))):
        (folder / "mine" / kind).mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(folder / "mine" / kind / name)


QUICK = """
from tinyunet.commands.main import main
from tinyunet.runs import train
train._score = lambda result, *others: result.rows.update(model={"SEG": 0.0})
train.draw = lambda *arguments: None
train.scoring_seconds = lambda *arguments: 0
main()
"""


def start(folder: Path, *arguments: object, quick: bool = False) -> subprocess.Popen:
    """Begin ``tinyunet train`` in a folder; a `quick` one scores and draws nothing."""
    command = [sys.executable, *(("-c", QUICK) if quick else ("-m", "tinyunet"))]
    command += ["train", *map(str, arguments)]
    return subprocess.Popen(
        command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )


def kill(process: subprocess.Popen, number: int, when: Callable[[], bool], limit: float) -> bool:
    """Send a signal as soon as it is time, and wait; whether the process was still there."""
    until = time.monotonic() + limit
    while process.poll() is None and not when():
        assert time.monotonic() < until, "it is never time"
        time.sleep(0.002)
    alive = process.poll() is None
    if alive:
        process.send_signal(number)
    return alive


@dataclass
class Outcome:
    """What a run has come to, in its files."""

    loss: list[float]
    validation: list
    last: dict[str, np.ndarray]
    best: dict[str, np.ndarray]
    parts: dict[str, list[str]]

    @classmethod
    def of(cls, out: Path) -> Outcome:
        """Read it."""
        last = tu.load(out / "last.npz", everything=True)
        history = json.loads((out / "history.json").read_text())
        assert history == last.state["history"]
        record = json.loads((out / "settings.json").read_text())["run"]
        return cls(
            history["loss"],
            history["validation"],
            {**last.model.state_dict(), **last.optimizer.state},
            tu.load(out / "best.npz").state_dict(),
            {part: list(names) for part, names in record["parts"].items()},
        )

    def assert_equal(self, other: Outcome) -> None:
        """Fail unless it is the same to the last bit."""
        assert self.parts == other.parts
        assert self.loss == other.loss
        assert self.validation == other.validation
        for mine, others in ((self.last, other.last), (self.best, other.best)):
            assert mine.keys() == others.keys()
            for name, array in mine.items():
                np.testing.assert_array_equal(array, others[name], name)


def go_on(folder: Path, out: str) -> str:
    """Resume a run that was killed, or begin it anew where that is said; return which."""
    process = start(folder, "--resume", out, quick=True)
    said = process.communicate(timeout=600)[1]
    assert "Traceback" not in said, said
    if process.returncode == 0:
        return "anew" if "it begins anew" in said else "resumed"
    assert process.returncode == 2, said
    assert "holds no run to resume" in said, said
    assert "begin it again" in said, said
    assert not (folder / out / "settings.json").exists()
    process = start(folder, *OPTIONS, "--out", out, quick=True)
    said = process.communicate(timeout=600)[1]
    assert process.returncode == 0, said
    return "begun again"


SIGNALS = (signal.SIGTERM,) if os.name == "nt" else (signal.SIGKILL, signal.SIGTERM)
