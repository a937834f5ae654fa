"""``tinyunet reproduce``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tinyunet.commands.options import DataRoot

if TYPE_CHECKING:
    from tinyunet.reproduce.schedule import Planned
    from tinyunet.reproduce.words import Options


def reproduce(
    experiments: Annotated[
        list[str] | None,
        typer.Argument(
            help="Of nuclei, membranes, rates, seams and torch [default: these]; or relatives, which "
            "stands for cues, outlines, streets, coins and strokes."
        ),
    ] = None,
    quick: Annotated[
        bool,
        typer.Option(
            "--quick", help="Everything small, in under two minutes; synthetic data if need be."
        ),
    ] = False,
    seeds: Annotated[
        int | None, typer.Option(help="Repeat each run so often. [default: 3, with --quick 1]")
    ] = None,
    minutes: Annotated[
        float | None,
        typer.Option(
            help="How long to train each network, turned into steps once. [default: 5, with --quick "
            "a few steps]"
        ),
    ] = None,
    steps: Annotated[
        str | None,
        typer.Option(
            help="The same in steps, which repeats exactly: 300, or nuclei=300,torch=200 with the "
            "groups nuclei, membranes, rates, seams, torch, torch-seconds, cues, outlines, streets, "
            "streets-long, coins and strokes."
        ),
    ] = None,
    data_root: DataRoot = None,
    out: Annotated[
        Path, typer.Option(help="The folder for runs and report; finished runs are not repeated.")
    ] = Path("reproduction"),
) -> None:
    """Repeat the paper's and its relatives' experiments in small.

    nuclei: the weight map, and augmentation of ten images. membranes: the challenge ISBI 2012. rates:
    learning rates for the paper's recipe. seams: tiles against whole images. torch: the same training
    in PyTorch. All of them with the defaults take hours; stop with Ctrl-C whenever you like, the same
    command goes on.

    relatives: what FCN, SegNet, U-Net++, PSPNet, pix2pix and PaintsChainer were made for, beside
    PyTorch's numbers. cues: seeing far. outlines: one training, four networks. streets: stride,
    indices, class weights. coins: what L1 cannot do. strokes: hints are obeyed.
    """
    from tinyunet.reproduce import schedule
    from tinyunet.reproduce.experiments import choose, read_steps
    from tinyunet.reproduce.words import Options

    by_group = read_steps(steps)
    if minutes is not None and steps is not None and "=" not in steps:
        raise ValueError("give --minutes or --steps, not both")
    options = Options(
        quick=quick,
        seeds=seeds if seeds is not None else 1 if quick else 3,
        minutes=minutes,
        steps=by_group,
        data_root=data_root,
    )
    planned, left_out = schedule.plan(choose(experiments or []), options)
    schedule.check_folder(out, planned, options)
    _run(planned, left_out, options, out)


def _run(planned: Sequence[Planned], left_out: dict[str, str], options: Options, out: Path) -> None:
    """Do all runs, write the report, and say what is missing in it."""
    from tinyunet.reproduce import report, schedule

    for name, reason in left_out.items():
        typer.echo(f"{name} is left out. {reason}", err=True)
    if not planned:
        raise typer.Exit(2)
    interrupted, failures = False, {}
    try:
        schedule.run_all(planned, options, out, typer.echo, failures)
    except KeyboardInterrupt:
        interrupted = True
    missing = [stem for stem in schedule.missing(planned, out) if stem not in failures]
    path = report.write(out, left_out, missing, failures)
    typer.echo(f"\nthe report is in {path}")
    if interrupted:
        typer.echo(f"interrupted: {len(missing)} runs are still to come", err=True)
        typer.echo("the same command goes on with them", err=True)
    for stem, reason in failures.items():
        typer.echo(f"{stem} failed: {reason}", err=True)
    if interrupted or failures:
        raise typer.Exit(1)
