"""Do the runs that are not done yet, one after the other."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tinyunet.reproduce import records
from tinyunet.reproduce.sources import Source
from tinyunet.reproduce.words import MINUTES, Diverged, Experiment, Job, Options, Record, Run


@dataclass(frozen=True)
class Planned:
    """A run, and the experiment and data that it belongs to."""

    experiment: Experiment
    source: Source
    run: Run


def plan(
    experiments: Sequence[Experiment], options: Options
) -> tuple[list[Planned], dict[str, str]]:
    """List all runs, and say for each experiment that is left out why."""
    planned, left_out = [], {}
    for experiment in experiments:
        source = experiment.source(options)
        if experiment.package and not _installed(experiment.package):
            left_out[experiment.name] = (
                f"It needs the package {experiment.package}, which is not installed: "
                f"`pip install {experiment.package}`."
            )
        elif source is None:
            left_out[experiment.name] = (
                f"Its data, {experiment.data}, were not found. Get them with "
                f"`tinyunet data fetch {experiment.data}`, or name their folder with --data-root."
            )
        else:
            runs = experiment.make_runs(options, source)
            planned += [Planned(experiment, source, run) for run in runs]
    return planned, left_out


def _installed(package: str) -> bool:
    import importlib.util

    return importlib.util.find_spec(package) is not None


def check_folder(folder: Path, planned: Sequence[Planned], options: Options) -> None:
    """Refuse a folder that is none, or that holds runs of other settings.

    Raises
    ------
    ValueError, NotADirectoryError
        The message says what differs.
    """
    if folder.exists() and not folder.is_dir():
        raise NotADirectoryError(f"{folder} is a file: choose a folder with --out")
    wanted = [records.identity(p.run, length(p.run, options), options.quick) for p in planned]
    found = records.read_all(folder) + records.begun(folder)
    records.check_same(folder, found, wanted, options.quick)


def run_all(
    planned: Sequence[Planned],
    options: Options,
    folder: Path,
    say: Callable[[str], None],
    failures: dict[str, str],
) -> None:
    """Do all runs that have no record yet; each leaves one as soon as it is finished.

    A training that diverges keeps nobody from the other runs: why it failed is put into `failures`,
    under the run's name, and nothing of it is left.

    Raises
    ------
    KeyboardInterrupt
        If the user interrupted it. All that is finished stays.
    """
    for number, item in enumerate(planned, start=1):
        title = f"[{number}/{len(planned)}] {item.run.stem}"
        if is_done(item, folder):
            say(f"{title}: done before")
            continue
        say(f"{title} ...")
        try:
            record = run_one(item, options, folder)
        except Diverged as error:
            failures[item.run.stem] = str(error)
            _clear(folder / "unfinished" / item.run.stem)  # to go on would be to fail again
            say(f"{title} failed: {error}")
            continue
        trained = f"{record['steps']} steps, " if record["steps"] else ""
        left = time_left(planned, folder)
        say(f"{title}: {trained}{record['seconds']:.1f} s; {_best(record)}{left}")


def is_done(item: Planned, folder: Path) -> bool:
    """Whether a run has its record."""
    return (folder / "runs" / f"{item.run.stem}.json").exists()


def missing(planned: Sequence[Planned], folder: Path) -> list[str]:
    """The runs that have no record yet."""
    return [item.run.stem for item in planned if not is_done(item, folder)]


def time_left(planned: Sequence[Planned], folder: Path) -> str:
    """How long the runs that are still to come will take: as long as those of the same name did.

    One whose name no finished run has is reckoned to take as long as the mean of all. Empty where
    nothing is left.
    """
    took: dict[str, float] = {r["name"]: r["seconds"] for r in records.read_all(folder)}
    names = [item.run.name for item in planned if not is_done(item, folder)]
    if not (took and names):
        return ""
    usual = sum(took.values()) / len(took)
    seconds = sum(took.get(name, usual) for name in names)
    return f"; about {max(1, round(seconds / 60))} min left"


def run_one(item: Planned, options: Options, folder: Path) -> Record:
    """Do one run and write its record."""
    run, scratch = item.run, folder / "unfinished" / item.run.stem
    done = records.read_all(folder)
    job = Job(run, item.source, scratch=scratch, **_how_long(run, options, done))
    who = records.identity(run, length(run, options), options.quick)
    records.write_whole(scratch / "run.json", json.dumps(who))
    started = time.perf_counter()
    outcome = run.work(job)
    record = {
        **who,
        "experiment": item.experiment.name,
        "group": run.group,
        "data": item.source.name,
        "real": item.source.real,
        "seconds": time.perf_counter() - started,
    }
    records.write(folder, record, outcome)
    _clear(scratch)
    return {**record, "steps": outcome.steps, "rows": outcome.rows}


def _clear(scratch: Path) -> None:
    """Remove what a run kept while it was unfinished, if anything."""
    if not scratch.exists():
        return
    shutil.rmtree(scratch)
    if not any(scratch.parent.iterdir()):
        scratch.parent.rmdir()


def length(run: Run, options: Options) -> dict[str, Any]:
    """How long a run trains, in the words in which it was asked for."""
    if not run.group:
        return {}
    if run.group in options.steps:
        return {"steps": options.steps[run.group]}
    if isinstance(run.usual_steps, int):
        return {"steps": run.usual_steps}
    return {"steps": "measured"} if run.usual_steps else {"minutes": options.minutes or MINUTES}


def _how_long(run: Run, options: Options, done: Sequence[Record]) -> dict[str, Any]:
    """The same as the job gets it.

    Minutes are turned into steps by the first run of a group; the others take as many, so that runs
    that are compared have been trained for as long, also after an interruption.
    """
    asked = length(run, options)
    if not asked or isinstance(asked.get("steps"), int):
        return asked
    counted = next((r["steps"] for r in done if r["group"] == run.group), None)
    if counted is None and run.usual_steps:
        counted = run.usual_steps(list(done))
    return asked if counted is None else {"steps": counted}


def _best(record: Record) -> str:
    """The first scores of the first row, to see that something happens."""
    name, scores = next(iter(record["rows"].items()))
    return f"{name}: " + ", ".join(f"{key} {value:.3g}" for key, value in list(scores.items())[:3])
