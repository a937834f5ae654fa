"""``tinyunet bench``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from tinyunet.commands.options import AsJson, Device


def bench(
    what: Annotated[
        str, typer.Argument(help="steps, small, relatives, layers, ladder or sweep: see below.")
    ] = "steps",
    net: Annotated[str, typer.Option(help="paper, small, default or all.")] = "all",
    mode: Annotated[str, typer.Option(help="train, predict or both.")] = "both",
    threads: Annotated[
        str | None, typer.Option(help="How many, such as 1,2. [default: the usable cores]")
    ] = None,
    processes: Annotated[
        str | None, typer.Option(help="For small: such as 2, each of one thread, by mpirun.")
    ] = None,
    against: Annotated[
        str | None, typer.Option(help="torch: race PyTorch, each side in a process of its own.")
    ] = None,
    settings: Annotated[
        str | None,
        typer.Option(
            help="Of PyTorch, for steps: of eager, channels_last, compile and, on a GPU, benchmark. "
            "[default: all]"
        ),
    ] = None,
    batch: Annotated[
        int | None, typer.Option(help="Images in a step. [default: the net's]")
    ] = None,
    rounds: Annotated[int, typer.Option(help="Repetitions that count.")] = 5,
    plot: Annotated[
        Path | None, typer.Option(help="Draw ladder or sweep into this PNG file.")
    ] = None,
    device: Device = "cpu",
    as_json: AsJson = False,
) -> None:
    """Measure speed, alone or beside PyTorch.

    steps: whole training steps and predictions. small: training steps of small networks beside
    PyTorch's eager mode and PyTorch at its best, and where they go, layer by layer. relatives:
    training steps of FCN, SegNet, U-Net++ and PSPNet at the size of a lesson, and where the time goes.
    layers: the paper's convolutions one by one. ladder: one convolution by every algorithm, from loops
    to Winograd. sweep: growing batches and images.
    """
    from tinyunet.bench import show

    if against not in (None, "torch"):
        raise ValueError(f"--against must be torch, got {against!r}")
    if plot is not None:
        show.check_plot(what)
    found = show.run(
        what, net, mode, threads, against == "torch",
        None if settings is None else settings.split(","),
        batch, rounds, device, quiet=as_json, processes=processes,
    )  # fmt: skip
    if plot is not None:
        show.draw(found, plot)
    typer.echo(json.dumps(found, indent=1) if as_json else show.text(found))
    if all(row["error"] for row in found["rows"]):
        raise typer.Exit(1)
