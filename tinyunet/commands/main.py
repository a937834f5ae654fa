"""The command line: ``tinyunet --help``."""

from __future__ import annotations

try:
    import json
    import os
    import sys
    import traceback
    from pathlib import Path
    from typing import TYPE_CHECKING, Annotated, Any

    import typer

    from tinyunet import __version__
    from tinyunet.commands.bench import bench
    from tinyunet.commands.data import data_app
    from tinyunet.commands.gradcheck import gradcheck
    from tinyunet.commands.lessons import lessons
    from tinyunet.commands.options import AsJson, Average, DataRoot, Device, Masks, Threshold
    from tinyunet.commands.reproduce import reproduce
    from tinyunet.commands.train import train
    from tinyunet.engine.interrupts import sigterm_is_ctrl_c
except KeyboardInterrupt:  # nothing has begun: there is nothing to say
    raise SystemExit(130) from None

if TYPE_CHECKING:
    from tinyunet.runs.train import Settings

INTERRUPTED = 130  # as shells have it: 128 and the number of SIGINT
USERS = (ValueError, TypeError, OSError, RuntimeError, MemoryError)  # errors with words for users
SHOW = "TINYUNET_TRACEBACK"  # the environment variable that shows where an error comes from


class _Commands(typer.core.TyperGroup):
    """The commands; Ctrl-C and SIGTERM end them with a sentence."""

    def invoke(self, context: Any) -> Any:
        try:
            with sigterm_is_ctrl_c():
                return super().invoke(context)
        except KeyboardInterrupt:
            typer.echo("interrupted", err=True)
            raise typer.Exit(INTERRUPTED) from None


app = typer.Typer(
    cls=_Commands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.add_typer(data_app, name="data")


def _show_version(asked: bool) -> None:
    if asked:
        typer.echo(f"tinyunet {__version__}")
        raise typer.Exit


@app.callback()
def tinyunet(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, help="Show the version and exit.")
    ] = False,
) -> None:
    """A U-Net built by hand in NumPy: train it, use it, prove its gradients."""


app.command()(train)


@app.command()
def predict(
    checkpoint: Annotated[Path, typer.Argument(help="A model, such as runs/.../best.npz.")],
    images: Annotated[list[Path], typer.Argument(help="Image files.")],
    out: Annotated[Path, typer.Option(help="Folder for the results.")] = Path("predictions"),
    tile: Annotated[
        int | None, typer.Option(help="Work in tiles of this side. [default: whole images to 1024]")
    ] = None,
    average: Average = None,
    threshold: Threshold = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace results of earlier predictions.")
    ] = False,
    device: Device = "cpu",
) -> None:
    """Segment images: labels, probabilities and an overlay of each."""
    from tinyunet.data import read_image
    from tinyunet.runs.predict import predict_file, predicted_files
    from tinyunet.runs.train import load_model

    model, threshold = load_model(checkpoint, average, threshold)
    model.to(device)
    options = {"tile": tile, "average": average, "threshold": threshold}
    stems = [out / path.stem for path in images]
    if len(set(stems)) < len(stems):
        raise ValueError("two images have the same name: predict them with a different --out each")
    there = [file for stem in stems for file in predicted_files(stem) if file.exists()]
    if there and not overwrite:
        raise FileExistsError(f"{there[0]} exists: choose another --out, or --overwrite it")
    for path, stem in zip(images, stems, strict=True):
        try:
            labels = predict_file(model, read_image(path), stem, **options)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from error
        two = model.config["num_classes"] == 2
        cells = f"{labels.max()} cells at threshold {threshold:g}, " if two else ""
        typer.echo(f"{path}: {cells}" + ", ".join(map(str, predicted_files(stem))))


@app.command()
def evaluate(
    checkpoint: Annotated[Path, typer.Argument(help="A model, such as runs/.../best.npz.")],
    data: Annotated[
        str | None, typer.Option(help="As for train. [default: what the model's run was given]")
    ] = None,
    data_root: DataRoot = None,
    masks: Masks = None,
    part: Annotated[str, typer.Option(help="test, validation, train or all.")] = "test",
    images: Annotated[int | None, typer.Option(help="How many synthetic images to make.")] = None,
    size: Annotated[int | None, typer.Option(help="The side of synthetic images.")] = None,
    split_seed: Annotated[
        int | None, typer.Option(help="Chooses the test images. [default: as in the model's run]")
    ] = None,
    average: Average = None,
    threshold: Threshold = None,
    in_detail: Annotated[
        bool,
        typer.Option(
            "--details",
            help="Of cells also F1 by overlap, outlines, V_Rand and its like, calibration.",
        ),
    ] = False,
    device: Device = "cpu",
    as_json: AsJson = False,
) -> None:
    """Score a model beside methods that learn nothing.

    Where cells are known, also beside what a perfect mask would reach.
    """
    from dataclasses import replace

    from tinyunet.runs.train import Settings, load_data, load_model, row_name, settings_beside
    from tinyunet.segmentation import evaluation

    parts = ("train", "validation", "test")
    if part not in (*parts, "all"):
        raise ValueError(f"--part must be train, validation, test or all, got {part!r}")
    given = {
        "data": data, "data_root": data_root, "masks": masks, "images": images, "size": size,
        "split_seed": split_seed,
    }  # fmt: skip
    given = {name: value for name, value in given.items() if value is not None}
    model, threshold = load_model(checkpoint, average, threshold)
    model.to(device)
    own = settings_beside(checkpoint)
    settings = replace(own or Settings(), **given)
    if own and part in ("validation", "test") and _split_otherwise(settings, own):
        typer.echo(
            f"note: the data are split otherwise than in the model's run: some of these {part} images "
            "may be ones that it was trained on",
            err=True,
        )
    chosen = load_data(settings)
    if part != "all":
        chosen = chosen.split(seed=settings.split_seed)[parts.index(part)]
    cells = evaluation.knows_cells(model, chosen)
    if in_detail and not cells:
        raise ValueError(
            "--details are of single cells, but the data or the model knows classes only"
        )
    probabilities = evaluation.predict(model, chosen, average=average)
    scores = evaluation.evaluate(model, chosen, threshold=threshold, probabilities=probabilities)
    rows = {row_name(average or "none"): evaluation.mean(scores)}
    if cells:
        references = evaluation.references(chosen)
        rows.update({name: evaluation.mean(s) for name, s in references.items()})
    more = evaluation.details(chosen, probabilities, threshold) if in_detail else {}
    if as_json:
        found = {"data": settings.data, "part": part, "mean": rows}
        found |= {"threshold": threshold} if cells else {}
        found |= {"details": more} if more else {}
        found["images"] = dict(zip(chosen.names, scores, strict=True))
        typer.echo(json.dumps(found, indent=1))
    else:
        at = f", threshold {threshold:g}" if cells else ""
        _print_scores(f"mean over {len(chosen)} images of {settings.data} ({part}){at}", rows, more)


def _split_otherwise(settings: Settings, own: Settings) -> bool:
    """Whether the same images as in a model's own run are dealt out in another way."""
    if (settings.data, settings.size) != (own.data, own.size):
        return False
    more = settings.data.startswith("synthetic") and settings.images != own.images
    return more or settings.split_seed != own.split_seed


def _print_scores(title: str, rows: dict[str, dict[str, float]], more: dict[str, float]) -> None:
    """Print rows of scores as a table, and then more scores of the model, a line each."""
    from tinyunet.segmentation.evaluation import table

    typer.echo(title)
    typer.echo(table(rows))
    if more:
        typer.echo(
            "\nU-Net in detail: F1 and outlines are of the cells; V_Rand, V_Info and Rand error of "
            "the\nmask's connected parts, as ISBI 2012 scores membranes"
        )
    for name, value in more.items():
        typer.echo(f"{name:22}{value:10.4g}")


@app.command()
def summary(
    checkpoint: Annotated[
        Path | None, typer.Argument(help="A model; without one, the network of the options.")
    ] = None,
    in_channels: Annotated[int, typer.Option(help="Channels of the image.")] = 1,
    num_classes: Annotated[int, typer.Option(help="Channels of the logits.")] = 2,
    base_channels: Annotated[int, typer.Option(help="Channels of the first level.")] = 64,
    depth: Annotated[int, typer.Option(help="How often the image is halved.")] = 4,
    padding: Annotated[str, typer.Option(help="valid as in the paper, or same.")] = "valid",
    skip: Annotated[str, typer.Option(help="concat, sum or none.")] = "concat",
    height: Annotated[int | None, typer.Option(help="Of the image.")] = None,
    width: Annotated[int | None, typer.Option(help="Of the image.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show a network layer by layer; the paper's by default."""
    from tinyunet.learning import checkpoint as checkpoints
    from tinyunet.networks.summary import summarize
    from tinyunet.networks.unet import UNet

    if checkpoint is not None:
        model = checkpoints.load(checkpoint)
    else:
        model = UNet(
            in_channels,
            num_classes,
            base_channels=base_channels,
            depth=depth,
            padding=padding,
            skip=skip,
        )
    found = summarize(model, height, width)
    typer.echo(json.dumps(found.to_dict(), indent=1) if as_json else str(found))


@app.command()
def doctor(as_json: AsJson = False) -> None:
    """Show versions, BLAS, threads and the GPU, for a bug report."""
    from tinyunet.engine.machine import diagnose_system, format_report

    found = diagnose_system()
    typer.echo(json.dumps(found, indent=1) if as_json else format_report(found))


@app.command()
def gpu_report() -> None:
    """Test and measure on this machine's GPU, and sum it up.

    The summary is made to be pasted into a report. Run this in a clone of the repository: its tests
    then run too. Exit code 2 without a GPU.
    """
    from tinyunet.bench.gpu_report import report

    summary, passed = report()
    typer.echo(summary)
    if not passed:
        raise typer.Exit(1)


for command in (gradcheck, bench, reproduce, lessons):
    app.command()(command)


def main() -> None:
    """Run the command line; whatever goes wrong ends with a sentence.

    A mistake of the user's ends with exit code 2, one of tinyunet's own with 1, Ctrl-C with 130.
    """
    try:
        app()
    except KeyboardInterrupt:
        typer.echo("interrupted", err=True)
        sys.exit(INTERRUPTED)
    except Exception as error:
        if os.environ.get(SHOW):
            traceback.print_exc()
        typer.echo(f"error: {_in_words(error)}", err=True)
        sys.exit(2 if isinstance(error, USERS) else 1)


def _in_words(error: Exception) -> str:
    if isinstance(error, MemoryError):
        return f"out of memory: {error}" if str(error) else "out of memory"
    if isinstance(error, USERS) and str(error):
        return str(error)
    what = type(error).__name__ + (f" ({error})" if str(error) else "")
    return f"{what}: a mistake of tinyunet's, not yours; set {SHOW}=1 to see where, and report it"
