"""The same network, data and schedule in PyTorch: for as many steps, and for as many seconds."""

from __future__ import annotations

import math
from collections.abc import Sequence

from matplotlib.figure import Figure

from tinyunet.data.batches import Batches
from tinyunet.learning.preparation import weight_maps
from tinyunet.reproduce import nuclei, pictures
from tinyunet.reproduce.sources import Source
from tinyunet.reproduce.statistics import collect, compare
from tinyunet.reproduce.training import Stopwatch, forget, learn, prepare, seconds_of
from tinyunet.reproduce.words import (
    Column,
    Diverged,
    Experiment,
    Job,
    Options,
    Outcome,
    Record,
    Run,
    Table,
)

OURS, STEPS, SECONDS = "tinyunet", "PyTorch, equal steps", "PyTorch, equal seconds"
NAMES = {"torch-tinyunet": OURS, "torch-steps": STEPS, "torch-seconds": SECONDS}
QUICK_STEPS = 30


def make_runs(options: Options, source: Source) -> list[Run]:
    """Both libraries, PyTorch twice, with every seed."""
    usual = options.usual_steps(QUICK_STEPS)
    for group in ("torch", "torch-seconds"):
        if options.steps.get(group) == 1:
            raise ValueError(f"the first step is not timed: take 2 steps or more, got {group}=1")
    settings = nuclei.cells_settings(options, source, weights="auto", augment="rigid")
    return [
        run
        for seed in range(options.seeds)
        for run in (
            Run("torch-tinyunet", seed, settings, train_ours, "torch", usual),
            Run("torch-steps", seed, settings, train_theirs, "torch", usual),
            Run("torch-seconds", seed, settings, train_theirs, "torch-seconds", equal_seconds),
        )
    ]


def equal_seconds(records: Sequence[Record]) -> int:
    """How many steps PyTorch makes in the time that tinyunet's took, both with the same seed.

    Raises
    ------
    Diverged
        If with every seed one of the two has failed.
    """
    pair = _first_pair(records)
    if pair is None:
        raise Diverged("without a finished run of each library, equal seconds are unknown")
    ours, theirs = pair
    seconds, steps = "seconds of training", ours["steps"]
    return max(2, round(steps * ours["facts"][seconds] / theirs["facts"][seconds]))


def _first_pair(records: Sequence[Record]) -> tuple[Record, Record] | None:
    """The records of tinyunet and of PyTorch's equal steps, with the first seed that has both."""
    ours, theirs = (
        {record["seed"]: record for record in records if record["name"] == name}
        for name in ("torch-tinyunet", "torch-steps")
    )
    seeds = sorted(ours.keys() & theirs.keys())
    return (ours[seeds[0]], theirs[seeds[0]]) if seeds else None


def train_ours(job: Job) -> Outcome:
    """Train with tinyunet, without looking at validation images, which would cost time."""
    parts = nuclei.load_parts(job)
    ready, watch = prepare(job, parts), Stopwatch()
    history = learn(job, ready, parts[0], None, loss=watch)
    # A run that was interrupted has seen only its last part; its steps took as long before.
    seen = min(len(watch.times), history.total_steps)
    # Interrupted at the very end, and nothing is known of its time: once more, from its beginning.
    # That is not for ever, since no run has fewer than two steps.
    if seen < 2:
        forget(job.scratch)
        return train_ours(job)
    seconds = seconds_of(watch.times, seen) * history.total_steps / seen
    return _outcome(OURS, ready.model, parts, history.loss, seconds)


def train_theirs(job: Job) -> Outcome:
    """Train with PyTorch: what `fit` does, from the same weights and with the same batches."""
    from tinyunet.bench import torch_training

    if job.steps is None:
        raise Diverged("tinyunet's run, which turns minutes into steps for both, has failed")
    parts = nuclei.load_parts(job)
    ready = prepare(job, parts)
    model, options = ready.model, ready.options
    batches = Batches(
        parts[0], weight_maps(parts[0], options["weights"]), options["batch_size"],
        options["crop"], model.output_size(*options["crop"]), options["augment"], options["seed"],
    )  # fmt: skip
    losses, times = torch_training.train(model, batches, job.steps, ready.optimizer)
    if not math.isfinite(losses[-1]):
        raise Diverged(f"the loss became {losses[-1]}")
    seconds = seconds_of(times, job.steps)
    outcome = _outcome(NAMES[job.run.name], model, parts, losses, seconds)
    outcome.facts["PyTorch"] = torch_training.VERSION
    return outcome


def _outcome(row: str, model, parts, losses: list[float], seconds: float) -> Outcome:
    """Score with tinyunet's own prediction, whoever trained."""
    rows = nuclei.score(model, parts, row)
    rows[row].update({"steps": len(losses), "seconds": seconds})
    return Outcome(rows, len(losses), losses, {"seconds of training": seconds})


def findings(records: list[Record]) -> list[str]:
    """Say whether equal steps give equal scores, and who is ahead after equal seconds."""
    rows = collect(records)
    sentences = []
    pair = _first_pair(records)
    if pair is not None:
        first = [record["loss"][0] for record in pair]
        same = (
            "both begin at the same place. After that, roundings drive them apart, as they would two "
            "computers."
        )
        other = "they DO NOT begin at the same place."
        sentences.append(
            f"The first loss, with one seed, is {first[0]:.6f} and {first[1]:.6f}: "
            + (same if math.isclose(*first, rel_tol=1e-4) else other)
        )
        sentences.append("Equal steps. " + compare(rows, OURS, STEPS, "SEG"))
    if OURS in rows and SECONDS in rows:
        ours, theirs = rows[OURS], rows[SECONDS]
        our_steps = ours.mean("steps") / ours.mean("seconds") * theirs.mean("seconds")
        faster = "tinyunet" if our_steps > theirs.mean("steps") else "PyTorch"
        sentences.append(
            f"Equal seconds. In {ours.mean('seconds'):.1f} s tinyunet makes {ours.mean('steps'):.0f} "
            f"steps; PyTorch makes {theirs.mean('steps'):.0f} in {theirs.mean('seconds'):.1f} s. "
            f"{faster} is the faster one here. " + compare(rows, OURS, SECONDS, "SEG")
        )
    return sentences


def charts(records: list[Record]) -> list[tuple[str, Figure]]:
    """The losses of the first seed over seconds."""
    curves = {
        NAMES[record["name"]]: (record["rows"][NAMES[record["name"]]]["seconds"] / record["steps"],
                                record["loss"])
        for record in sorted(records, key=lambda r: list(NAMES).index(r["name"]))
        if record["seed"] == 0
    }  # fmt: skip
    return [("Training loss over seconds, first seed.", pictures.losses(curves))] if curves else []


EXPERIMENT = Experiment(
    name="torch",
    title="PyTorch: the same training",
    question="Does a network written by hand in NumPy learn what the same network learns in PyTorch? "
    "And who is ahead after the same time?",
    data="dsb2018",
    stand_in="synthetic-cells",
    needs_real=False,
    make_runs=make_runs,
    tables=(
        Table(
            "The same start, batches and schedule",
            (
                Column("seconds", "seconds of training", ".1f"),
                Column("SEG", "SEG"),
                Column("F1", "F1"),
                Column("IoU", "IoU"),
                Column("merged", "merged cells", ".1f"),
            ),
            (OURS, STEPS, SECONDS),
            note="The schedule of the learning rate is stretched over the steps of each row, so that "
            "equal seconds are a complete training too.",
        ),
    ),
    findings=findings,
    charts=charts,
    protocol=(
        "Both start from the same weights, see the same batches of all training images with the weight "
        "map and rigid augmentation, and use Adam with the same rates.",
        "Neither looks at validation images while it trains; they choose only the threshold for "
        "cells. What is scored is the network after the last step, "
        "PyTorch's too by tinyunet's own prediction.",
        "PyTorch runs in eager mode as installed, with as many threads as tinyunet. Seconds are those "
        "of the steps, making the batches included, tinyunet's also with the few files from which it "
        "could be resumed; the first step, in which libraries warm up, is "
        "left out. `tinyunet bench --against torch` measures more settings of PyTorch.",
        "How many steps equal seconds are is measured once, with the first seed, and recorded.",
        "Seconds mean something only where nothing else is running: PyTorch's threads wait for one "
        "another, and lose much where another program wants their cores.",
    ),
    package="torch",
)  # fmt: skip
