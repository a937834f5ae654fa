"""``tinyunet train``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tinyunet.commands.options import AsJson, given, with_settings
from tinyunet.commands.shell_words import as_options
from tinyunet.commands.together import shared_among
from tinyunet.runs.ignored import check_options_of_data, check_options_of_optimizer
from tinyunet.runs.network import class_name, fixed
from tinyunet.runs.numbers import check_numbers, option
from tinyunet.runs.settings import Settings
from tinyunet.runs.start import started

if TYPE_CHECKING:
    from tinyunet.engine.workers import Workers
    from tinyunet.runs.train import Result

MOVABLE = ("device", "data", "data_root")  # a run goes on anywhere, and its images may be elsewhere


@with_settings()
def train(
    context: typer.Context,
    out: Annotated[
        Path | None, typer.Option(help="The run's folder. [default: runs/DATA-1, -2, ...]")
    ] = None,
    resume: Annotated[
        Path | None, typer.Option(help="Continue the run in this folder, with its settings.")
    ] = None,
    film: Annotated[
        bool,
        typer.Option("--film", help="Keep frames of the training, for tinyunet explore to play."),
    ] = False,
    as_json: AsJson = False,
    **settings: Any,
) -> None:
    """Train a network; about a minute on synthetic cells by default.

    Several processes share each batch: mpirun -n 4 python -m mpi4py -m tinyunet train ...
    """
    from tinyunet.runs import helping

    workers = shared_among("share each batch")
    if workers.rank:
        helping.help_train(workers)
    else:
        _lead(context, out, resume, film, as_json, workers)
    workers.wait()


def _lead(
    context: typer.Context,
    out: Path | None,
    resume: Path | None,
    film: bool,
    as_json: bool,
    workers: Workers,
) -> None:
    """Train, alone or as the first of several workers, and say what came of it."""
    from tinyunet.runs import folder, train

    chosen = given(context)
    if resume is not None:
        run, out = folder.read_settings(resume), resume
        _refuse_beside_resume(chosen, run)
        for name in MOVABLE:
            setattr(run, name, chosen.get(name, getattr(run, name)))
    else:
        run = _new(chosen)
    result = train.train(
        run, out, resume=resume is not None, film=film, workers=workers,
        tell=lambda sentence: typer.echo(as_options(sentence), err=True),
    )  # fmt: skip
    _print_end(result, run)
    if as_json:
        typer.echo(json.dumps(result.to_dict(), indent=1))
    else:
        _print_model(result)
    if result.history.stopped:
        raise typer.Exit(1)


def _new(chosen: dict[str, Any]) -> Settings:
    """The settings of a new run. All options but these two are settings, under the same names."""
    if {"steps", "minutes"} <= set(chosen):
        raise ValueError("give --steps or --minutes, not both")
    if "steps" not in chosen:
        chosen.setdefault("minutes", 1.0)
    check_numbers(chosen)
    chosen = started(chosen)
    settings = Settings(
        **{k: v for k, v in chosen.items() if k not in ("out", "resume", "film", "as_json")}
    )
    check_options_of_data(settings.data, chosen)
    check_options_of_optimizer(settings.optimizer, chosen)
    return settings


def _refuse_beside_resume(chosen: dict[str, Any], run: Settings) -> None:
    """A run goes on with its own settings: others given beside --resume would be ignored."""
    kept = {"resume", "film", "as_json", *MOVABLE}
    named = chosen.get("network", "")
    if (class_name(named), fixed(named)) == (class_name(run.network), fixed(run.network)):
        kept.add("network")  # says where the class of the run's network is
    others = [option(name) for name in chosen if name not in kept]
    if others:
        raise ValueError(
            f"--resume goes on with the run's own settings: leave out {', '.join(others)}, or begin a "
            "new run"
        )


def _print_end(result: Result, settings: Settings) -> None:
    """Say how a training ended, and what to do where it ended early; beside the results."""
    from tinyunet.runs.train import how_to_go_on

    history = result.history
    if history.resumed_at and history.resumed_at == len(history.loss):
        typer.echo("the run was complete already: there was nothing left to train", err=True)
    if not history.stopped:
        if len(history.loss) < history.total_steps:
            typer.echo(
                f"ended after step {len(history.loss)} of {history.total_steps}: {settings.patience} "
                f"validations in a row were no better than that of step {history.first_best_step}",
                err=True,
            )
        return
    typer.echo(f"stopped: {history.stopped}", err=True)
    if history.diverged:
        lower = f"{settings.lr / 10:g}"
        typer.echo(f"begin again in another folder, for example with --lr {lower}", err=True)
    else:
        typer.echo(how_to_go_on(settings, result.out), err=True)


def _print_model(result: Result) -> None:
    """Say what was trained, and how good it is."""
    from tinyunet.segmentation.evaluation import table

    model, history = result.model, result.history
    parts = zip(result.parts, ("train", "validation", "test"), strict=True)
    sizes = ", ".join(f"{len(part)} {name}" for part, name in parts)
    typer.echo(
        f"{model.num_parameters:,} parameters, {len(history.loss)} steps in "
        f"{history.seconds:.0f} s, images: {sizes}"
    )
    if history.best_step is not None:
        typer.echo(
            f"kept the model of step {history.best_step}: "
            f"{history.score_name} {history.best_score:.3f} on the validation images"
        )
    for average, threshold in result.thresholds.items():
        of = "" if average == "none" else f" of the mean of {average}"
        typer.echo(f"threshold{of} {threshold:g}, chosen on the validation images")
    typer.echo("\nmean over the test images")
    typer.echo(table(result.rows))
    typer.echo(f"\nmodel, scores and pictures are in {result.out}")
