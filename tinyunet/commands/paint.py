"""``tinyunet paint``."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tinyunet.commands.ending import fail
from tinyunet.commands.options import AsJson, given, with_settings
from tinyunet.runs.ignored import check_options_of_painting, check_seed_of_painter
from tinyunet.runs.numbers import check_numbers, option
from tinyunet.runs.painting.settings import PaintSettings

if TYPE_CHECKING:
    from tinyunet.runs.painting.train import Painted

MOVABLE = ("device", "data")  # a run goes on anywhere, and its pictures may be elsewhere
OF_PAINTING = ("model", "pictures", "out", "overwrite", "seed", "device", "as_json")
OWN = ("model", "pictures", "out", "resume", "overwrite", "as_json")  # no settings of a run


@with_settings(PaintSettings)
def paint(
    context: typer.Context,
    model: Annotated[
        Path | None,
        typer.Argument(help="A model, such as runs/.../model.npz; without one, train one."),
    ] = None,
    pictures: Annotated[
        list[Path] | None,
        typer.Argument(help="Picture files, and folders of them (not of folders inside)."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            help="The run's folder, or with MODEL the one for what is painted. [default: "
            "runs/paint-DATA-1, -2, ...; with MODEL paintings]"
        ),
    ] = None,
    resume: Annotated[
        Path | None, typer.Option(help="Continue the run in this folder, with its settings.")
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="With MODEL: replace earlier paintings.")
    ] = False,
    as_json: AsJson = False,
    **settings: Any,
) -> None:
    """Train a network that paints, or paint pictures with one.

    Without MODEL a network is trained, for two minutes by default: pix2pix or PaintsChainer, on pairs
    of yours (--data FOLDER), on gray and colour (--data FOLDER --colour gray), or on drawn ones. Look
    at pictures.png in its folder meanwhile.

    With MODEL and PICTURES each is painted into --out; what is there already is left as it is. On a
    drawing for a model of line-art, strokes in colour are hints.
    """
    chosen = given(context)
    check_numbers(chosen)
    if model is None:
        _train(chosen, out, resume, as_json)
    elif not pictures:
        words = "Give pictures, or a folder, after it"
        if model.suffix.lower() != ".npz":
            words = f"A model, *.npz, comes first; to train on a folder: --data {model}"
        raise ValueError(f"what should {model} paint? {words}")
    else:
        _paint(chosen, model, pictures, out or Path("paintings"), overwrite, as_json)


# ---------------------------------------------------------------------- training


def _train(chosen: dict[str, Any], out: Path | None, resume: Path | None, as_json: bool) -> None:
    from tinyunet.runs.painting import folder, train

    if "overwrite" in chosen:
        raise ValueError("--overwrite is for painting, with MODEL: a new run needs another --out")
    if resume is not None:
        others = [option(n) for n in chosen if n not in ("resume", "as_json", *MOVABLE)]
        if others:
            raise ValueError(
                f"--resume goes on with the run's own settings: leave out {', '.join(others)}, or "
                "begin a new run"
            )
        run, out = folder.read_settings(resume), resume
        _check_moved(run, chosen.get("data"))
        for name in MOVABLE:
            setattr(run, name, chosen.get(name, getattr(run, name)))
    else:
        run = _new(chosen)
    result = train.train(run, out, resume=resume is not None)
    if result.complete_before:
        typer.echo("the run was complete already: there was nothing left to train", err=True)
    if as_json:
        typer.echo(json.dumps(result.to_dict(), indent=1))
    else:
        _print_run(result)


def _check_moved(run: PaintSettings, data: str | None) -> None:
    """Raise ValueError for data that are none of the run's: a folder may have moved, no more."""
    from tinyunet.runs.painting.kinds import DRAWN

    if data is not None and data != run.data and (run.kind in DRAWN or data in DRAWN):
        raise ValueError(
            f"the run learned from {run.data}, so it cannot go on with --data {data}: leave it out, or "
            "begin a new run"
        )


def _new(chosen: dict[str, Any]) -> PaintSettings:
    """The settings of a new run."""
    if {"steps", "minutes"} <= set(chosen):
        raise ValueError("give --steps or --minutes, not both")
    if "steps" not in chosen:
        chosen = {"minutes": 2.0, **chosen}
    settings = PaintSettings(**{name: value for name, value in chosen.items() if name not in OWN})
    check_options_of_painting(settings, chosen)
    return settings


def _print_run(result: Painted) -> None:
    """Say what was trained, and where to look."""
    from tinyunet.segmentation.evaluation import table

    of = f"{len(result.source.held)} pictures kept back"
    typer.echo(
        f"{result.model.num_parameters:,} parameters, {len(result.history)} steps in "
        f"{result.seconds:.0f} s\n\nmean over {of}\n{table(result.rows)}\n"
    )
    typer.echo(
        f"No number says that a picture is good: look at {result.out / 'pictures.png'}\n"
        f"paint others with: tinyunet paint {result.out / 'model.npz'} PICTURE"
    )


# ---------------------------------------------------------------------- painting


def _paint(
    chosen: dict[str, Any],
    model: Path,
    pictures: list[Path],
    out: Path,
    overwrite: bool,
    as_json: bool,
) -> None:
    from tinyunet.runs.image_list import check_names, image_files
    from tinyunet.runs.painting.apply import END, paint_all
    from tinyunet.runs.painting.folder import load_painter
    from tinyunet.runs.predictions import checksum

    tell = partial(typer.echo, err=True)
    others = [option(name) for name in chosen if name not in OF_PAINTING]
    if others:
        raise ValueError(f"{', '.join(others)}: to train, leave out {model} and the pictures")
    if out.exists() and not out.is_dir():
        raise NotADirectoryError(f"--out is to be a folder, but {out} is a file")
    painter = load_painter(model)
    check_seed_of_painter(painter.model, chosen)
    painter.model.to(chosen.get("device", "cpu"))
    files = image_files(pictures, tell, (END,))
    check_names(files, out, (END,))
    made = {"model": checksum(model), "model_file": str(model), "seed": chosen.get("seed", 0)}
    report = paint_all(
        painter, files, out, made, overwrite=overwrite,
        tell=(lambda line: None) if as_json else typer.echo,
    )  # fmt: skip
    if as_json:
        typer.echo(json.dumps(report.to_dict(), indent=1))
    elif len(report.images) > 1:
        typer.echo(f"{len(report.images)} pictures: {out}")
    if report.failures:
        fail(report)
