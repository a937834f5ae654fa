"""``tinyunet predict``."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tinyunet.commands.ending import fail
from tinyunet.commands.options import AsJson, Average, Device, Network, Threshold
from tinyunet.commands.together import shared_among
from tinyunet.runs.ignored import check_network_of
from tinyunet.runs.numbers import check_numbers

if TYPE_CHECKING:
    from tinyunet.networks.network import Network as Model


def predict(
    checkpoint: Annotated[Path, typer.Argument(help="A model, such as runs/.../best.npz.")],
    images: Annotated[
        list[Path],
        typer.Argument(help="Image files, and folders of them (not of folders inside)."),
    ],
    out: Annotated[Path, typer.Option(help="Folder for the results.")] = Path("predictions"),
    tile: Annotated[
        int | None, typer.Option(help="Work in tiles of this side. [default: whole images to 1024]")
    ] = None,
    average: Average = None,
    threshold: Threshold = None,
    network: Network = None,
    polygons: Annotated[
        bool, typer.Option("--polygons", help="Write the outlines of cells, too, as GeoJSON.")
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace results of earlier predictions.")
    ] = False,
    device: Device = "cpu",
    as_json: AsJson = False,
) -> None:
    """Segment images: labels, probabilities, overlays, cells.

    Images that have results already, of the same model and options, are left as they are. What cannot
    be predicted is listed at the end, and the others are done. Several processes share the images:
    mpirun -n 4 python -m mpi4py -m tinyunet predict ...
    """
    from tinyunet.engine.mpi import choose_gpu
    from tinyunet.runs.batch import predict_all
    from tinyunet.runs.folder import load_model
    from tinyunet.runs.image_list import check_names, image_files
    from tinyunet.runs.predictions import checksum
    from tinyunet.segmentation.evaluation import num_classes
    from tinyunet.version import __version__

    workers = shared_among("share the images")
    tell = (lambda line: None) if workers.rank else partial(typer.echo, err=True)
    check_numbers({"tile": tile})
    if out.exists() and not out.is_dir():
        raise NotADirectoryError(f"--out is to be a folder, but {out} is a file")
    model, threshold = load_model(checkpoint, average, threshold, tell)
    check_network_of(model, network)
    _check_tile(model, tile)
    made = {
        "model": checksum(checkpoint),
        "model_file": str(checkpoint),
        "threshold": threshold if num_classes(model) == 2 else None,
        "average": average or "none",
        "tile": tile,
        "stretched": model.stretched,
        **({"class_names": model.class_names} if model.class_names else {}),
        "tinyunet": __version__,
    }
    if device == "gpu":
        choose_gpu(workers)
    model.to(device)
    files = image_files(images, tell)
    check_names(files, out)
    report = predict_all(
        model, files, out, made, polygons=polygons, overwrite=overwrite, workers=workers,
        tell=(lambda line: None) if as_json else typer.echo, note=tell,
    )  # fmt: skip
    workers.wait()
    if workers.rank:
        return
    if as_json:
        typer.echo(json.dumps(report.to_dict(), indent=1))
    elif len(report.images) > 1:
        typer.echo(report.summary())
    if report.failures:
        fail(report)


def _check_tile(model: Model, tile: int | None) -> None:
    """Raise ValueError for a tile of a size that the network does not take."""
    try:
        if tile is not None:
            model.output_size(tile, tile)
    except ValueError as error:
        raise ValueError(f"--tile {tile} is no size for this network: {error}") from error
