"""``tinyunet explore``."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from tinyunet.commands.options import Network
from tinyunet.runs.ignored import check_network_of


def explore(
    checkpoint: Annotated[Path, typer.Argument(help="A model, such as runs/.../best.npz.")],
    image: Annotated[Path, typer.Argument(help="An image file.")],
    out: Annotated[Path, typer.Option(help="The page to write.")] = Path("page.html"),
    mask: Annotated[
        Path | None, typer.Option(help="The image's true mask, for scores of what is changed.")
    ] = None,
    places: Annotated[
        int | None,
        typer.Option(
            min=1, max=32, help="Views along each side. [default: up to 6, as time allows]"
        ),
    ] = None,
    network: Network = None,
) -> None:
    """See inside a network: a page of maps, gradients and what-ifs."""
    import tinyunet as tu
    from tinyunet.inside.frame import LARGEST
    from tinyunet.learning.film import FILE
    from tinyunet.runs.folder import settings_beside
    from tinyunet.runs.limits import check_step
    from tinyunet.runs.seen import model_and_image
    from tinyunet.runs.truth import read_truth

    tell = partial(typer.echo, err=True)
    if out.suffix.lower() not in (".html", ".htm") or out.is_dir():
        raise ValueError(f"--out is the page's file, as page.html, but got {out}")
    model, pixels = model_and_image(checkpoint, image)
    check_network_of(model, network)
    check_step(model, tuple(min(n, LARGEST) for n in pixels.shape[:2]), 1, "cpu")
    beside = None if mask is None or model.gives_instead else settings_beside(checkpoint)
    truth = None if mask is None else read_truth(mask, beside)
    out.parent.mkdir(parents=True, exist_ok=True)
    page = tu.explore(
        model, pixels, mask=truth, places=places,
        film=checkpoint.parent if (checkpoint.parent / FILE).is_file() else None,
        title=f"Inside {checkpoint.name} on {image.name}",
    )  # fmt: skip
    page.save(out)
    tell(f"{out}: {out.stat().st_size / 1e6:.1f} MB; open it in a browser")
