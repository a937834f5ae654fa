"""``tinyunet export``."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from tinyunet.commands.options import Network, Threshold
from tinyunet.runs.ignored import check_network_of
from tinyunet.runs.numbers import option


def export(
    checkpoint: Annotated[Path, typer.Argument(help="A model, such as runs/.../best.npz.")],
    onnx: Annotated[
        Path | None, typer.Option("--onnx", help="Write this ONNX file, which other programs run.")
    ] = None,
    web: Annotated[
        Path | None,
        typer.Option("--web", help="Fill this folder with a page that segments in a browser."),
    ] = None,
    probabilities: Annotated[
        bool,
        typer.Option("--probabilities", help="With --onnx: give probabilities, not logits."),
    ] = False,
    size: Annotated[
        tuple[int, int] | None,
        typer.Option(
            metavar="HEIGHT WIDTH",
            help="The one size of images that the file is for. [default: any, where the network "
            "allows that]",
        ),
    ] = None,
    runtime: Annotated[
        Path | None,
        typer.Option(
            help="With --web: a folder of the npm package onnxruntime-web, to be copied. [default: "
            "the page loads it from a CDN]"
        ),
    ] = None,
    example: Annotated[
        Path | None,
        typer.Option(
            help="With --web: an image that the page offers. [default: of cells, a picture of nuclei]"
        ),
    ] = None,
    title: Annotated[str | None, typer.Option(help="With --web: the page's.")] = None,
    threshold: Threshold = None,
    network: Network = None,
) -> None:
    """Write a model for other programs: an ONNX file, or a web page.

    The page works in any browser, without a server that calculates: images stay where they are.
    """
    from tinyunet.exchange.onnx_file import export_onnx
    from tinyunet.exchange.web_page import export_web
    from tinyunet.runs.exported import read_for_export

    if onnx is None and web is None:
        raise ValueError("say what to write: --onnx FILE, or --web FOLDER")
    if onnx is None:
        _refuse("--onnx", probabilities=probabilities)
    elif onnx.resolve() == checkpoint.resolve():
        raise ValueError(f"{onnx} is the model: give another name to the ONNX file")
    elif onnx.is_file() and onnx.suffix != ".onnx":
        raise FileExistsError(
            f"{onnx} is there already, and its name is not that of an ONNX file: it stays; name one "
            f"{onnx.with_suffix('.onnx')}, which may replace an earlier one"
        )
    if web is None:
        _refuse("--web", runtime=runtime, example=example, title=title)
    tell = partial(typer.echo, err=True)
    model, about = read_for_export(checkpoint, threshold, tell)
    check_network_of(model, network)
    notes: list[str] = []
    if onnx is not None:
        notes += export_onnx(model, onnx, probabilities=probabilities, size=size, **about)
        typer.echo(f"{onnx}: {_in_words(onnx.stat().st_size)}")
    if web is not None:
        chosen = {key: about[key] for key in ("threshold", "class_names", "stretched") if about}
        notes += export_web(
            model, web, **chosen, runtime=runtime, example=example, size=size,
            **({} if title is None else {"title": title}),
        )  # fmt: skip
        typer.echo(f"{web / 'index.html'}: see it with python -m http.server -d {web}")
    for sentence in dict.fromkeys(notes):
        tell(f"note: {sentence}")


def _refuse(without: str, **options: object) -> None:
    """Raise ValueError for options that are for a file that is not asked for."""
    given = [option(name) for name, value in options.items() if value not in (None, False)]
    if given:
        raise ValueError(f"{', '.join(given)} would have no effect without {without}")


def _in_words(size: int) -> str:
    """A number of bytes."""
    return f"{size / 1e3:.0f} kB" if size < 1e6 else f"{size / 1e6:.1f} MB"
