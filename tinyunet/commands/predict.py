"""``tinyunet predict``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tinyunet.commands.options import Average, Device, Network, Threshold


def predict(
    checkpoint: Annotated[Path, typer.Argument(help="A model, such as runs/.../best.npz.")],
    images: Annotated[list[Path], typer.Argument(help="Image files.")],
    out: Annotated[Path, typer.Option(help="Folder for the results.")] = Path("predictions"),
    tile: Annotated[
        int | None, typer.Option(help="Work in tiles of this side. [default: whole images to 1024]")
    ] = None,
    average: Average = None,
    threshold: Threshold = None,
    network: Network = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace results of earlier predictions.")
    ] = False,
    device: Device = "cpu",
) -> None:
    """Segment images: labels, probabilities and an overlay of each."""
    from tinyunet.data import read_image
    from tinyunet.runs.folder import load_model
    from tinyunet.runs.predict import predict_file, predicted_files
    from tinyunet.segmentation.evaluation import num_classes

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
            labels = predict_file(model, read_image(path, stretch=model.stretched), stem, **options)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from error
        two = num_classes(model) == 2
        cells = f"{labels.max()} cells at threshold {threshold:g}, " if two else ""
        typer.echo(f"{path}: {cells}" + ", ".join(map(str, predicted_files(stem))))
