"""``tinyunet train``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tinyunet.commands.options import AVERAGES, Data, DataRoot, Masks, checked_device

if TYPE_CHECKING:
    from tinyunet.runs.train import Result, Settings


def train(
    context: typer.Context,
    data: Data = "synthetic-cells",
    data_root: DataRoot = None,
    masks: Masks = None,
    minutes: Annotated[float | None, typer.Option(help="How long to train. [default: 1]")] = None,
    steps: Annotated[
        int | None, typer.Option(help="The same in steps: repeats and resumes exactly.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="The run's folder. [default: runs/DATA-1, -2, ...]")
    ] = None,
    resume: Annotated[
        Path | None, typer.Option(help="Continue the run in this folder, with its settings.")
    ] = None,
    images: Annotated[int, typer.Option(help="How many synthetic images to make.")] = 60,
    size: Annotated[int, typer.Option(help="The side of synthetic images.")] = 128,
    split_seed: Annotated[int, typer.Option(help="Chooses the test images.")] = 0,
    recipe: Annotated[
        str,
        typer.Option(help="quick for a laptop, or paper; the options below override parts of it."),
    ] = "quick",
    base_channels: Annotated[int | None, typer.Option(help="Channels of the first level.")] = None,
    depth: Annotated[int | None, typer.Option(help="How often the image is halved.")] = None,
    padding: Annotated[str | None, typer.Option(help="same, or valid as in the paper.")] = None,
    skip: Annotated[str, typer.Option(help="concat, sum or none.")] = "concat",
    dropout: Annotated[
        float | None, typer.Option(help="At the end of the contracting path.")
    ] = None,
    batch_size: Annotated[int | None, typer.Option(help="Windows in a step.")] = None,
    crop: Annotated[
        int | None, typer.Option(help="The side of a window, a valid input size.")
    ] = None,
    optimizer: Annotated[str | None, typer.Option(help="adam or sgd.")] = None,
    lr: Annotated[float | None, typer.Option(help="The learning rate.")] = None,
    momentum: Annotated[float, typer.Option(help="For sgd.")] = 0.99,
    weights: Annotated[
        str | None,
        typer.Option(help="Weigh the borders between cells: auto, paper (wider) or none."),
    ] = None,
    augment: Annotated[
        str | None,
        typer.Option(
            help="none, flips (turn, mirror), rigid (gray values, too), any-angle (and shifts) or "
            "elastic (all of it)."
        ),
    ] = None,
    average: Annotated[
        str | None,
        typer.Option(
            help=f"Also score predictions averaged over {AVERAGES}. [default: the recipe's]"
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Draws the weights and the batches.")] = 0,
    device: Annotated[
        str | None,
        typer.Option(
            help="cpu or gpu. [default: cpu, or the resumed run's]", callback=checked_device
        ),
    ] = None,
) -> None:
    """Train a U-Net; about a minute on synthetic cells by default."""
    from tinyunet.runs import train as run

    if resume is not None:
        _refuse_beside_resume(context)
        settings, folder = run.read_settings(resume), resume
        settings.device = device or settings.device  # a checkpoint goes on anywhere
    else:
        if steps is not None and minutes is not None:
            raise ValueError("give --steps or --minutes, not both")
        # All options but these two are settings, under the same names.
        chosen = {k: v for k, v in context.params.items() if k not in ("out", "resume")}
        chosen.update(device=device or "cpu", masks=masks or "auto")
        if steps is None and minutes is None:
            chosen["minutes"] = 1.0
        settings = run.Settings(**chosen)
        folder = out or run.new_folder(Path("runs"), Path(data).name)
    result = run.train(settings, folder, resume=resume is not None)
    _print(result, settings, folder)
    if result.history.stopped:
        raise typer.Exit(1)


def _print(result: Result, settings: Settings, folder: Path) -> None:
    """Say how a training went, and how good the model is."""
    from tinyunet.segmentation.evaluation import knows_cells, table

    history = result.history
    if history.resumed_at == history.total_steps:
        typer.echo("the run was complete already: there was nothing left to train")
    if history.stopped:
        typer.echo(f"stopped: {history.stopped}", err=True)
        if history.diverged:
            typer.echo(
                f"begin again in another folder, for example with --lr {settings.lr / 10:g}",
                err=True,
            )
        else:
            typer.echo(f"go on with: tinyunet train --resume {folder}", err=True)
    sizes = ", ".join(
        f"{len(part)} {name}"
        for part, name in zip(result.parts, ("train", "validation", "test"), strict=True)
    )
    if Path(settings.data).is_dir() and not knows_cells(result.model, result.parts[0]):
        typer.echo(
            f"masks: numbers of {result.model.config['num_classes']} classes; if each number is a "
            "cell, train with --masks instances"
        )
    typer.echo(
        f"{result.model.num_parameters:,} parameters, {len(history.loss)} steps in "
        f"{history.seconds:.0f} s, images: {sizes}"
    )
    if history.best_step is not None:
        typer.echo(
            f"kept the model of step {history.best_step}: "
            f"{history.score_name} {history.best_score:.3f} on the validation images"
        )
    for look, threshold in result.thresholds.items():
        of = "" if look == "none" else f" of the mean of {look}"
        typer.echo(f"threshold{of} {threshold:g}, chosen on the validation images")
    typer.echo("\nmean over the test images")
    typer.echo(table(result.rows))
    typer.echo(f"\nmodel, scores and pictures are in {folder}")


def _refuse_beside_resume(context: typer.Context) -> None:
    """A run goes on with its own settings: others given beside --resume would be ignored."""
    given = [
        "--" + name.replace("_", "-")
        for name in context.params
        if name not in ("resume", "device")
        and context.get_parameter_source(name).name == "COMMANDLINE"
    ]
    if given:
        raise ValueError(
            f"--resume goes on with the run's own settings: leave out {', '.join(given)}, or begin a "
            "new run"
        )
