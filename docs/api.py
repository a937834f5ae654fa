"""Pages of the public names, a page for each part of the package."""

from __future__ import annotations

import inspect
import types
from collections.abc import Iterator

import tinyunet as tu

# Page, title, what stands there.
PARTS = {
    "layers": ("Layers", "Forward and backward passes, one idea a class."),
    "losses": ("Losses", "From logits to a number, and the gradient of it."),
    "networks": ("Networks", "The U-Net and its relatives."),
    "learning": ("Training", "The loop, optimizers, checkpoints."),
    "gradcheck": ("Gradient checks", "Is a backward pass right?"),
    "segmentation": ("Prediction", "Probabilities, cells, scores of a data set."),
    "metrics": ("Scores", "How alike two segmentations are."),
    "data": ("Data", "Images, masks, batches, synthetic scenes."),
    "plots": ("Figures", "What a run and an array look like."),
    "engine": ("Arrays and machines", "NumPy or CuPy, threads, files of weights for others."),
}
SPACES = ("networks", "data", "metrics", "segmentation", "plots")
ELSEWHERE = {"exchange": "engine"}


def names() -> dict[str, list[str]]:
    """The public names of each page, as they are imported: ``tinyunet.data.stroke``.

    What has two names stands under the longer one: Sphinx leads from the code back to one name alone.
    """
    found = {space: {f"tinyunet.{space}.{name}" for name in all_of(space)} for space in SPACES}
    for name in tu.__all__:
        thing = getattr(tu, name)
        if isinstance(thing, types.ModuleType):
            continue
        part = thing.__module__.split(".")[1]
        part = ELSEWHERE.get(part, part)
        if part not in SPACES or name not in all_of(part):
            found.setdefault(part, set()).add(f"tinyunet.{name}")
    return {part: sorted(found[part], key=str.lower) for part in PARTS}


def all_of(space: str) -> list[str]:
    """The public names of a module such as `tinyunet.data`."""
    return getattr(tu, space).__all__


def pages() -> Iterator[tuple[str, str]]:
    """Names and texts of the pages."""
    listed = names()
    entries = "\n".join(listed)
    yield "index", f"# Every public name\n\n```{{toctree}}\n{entries}\n```\n"
    for part, (title, words) in PARTS.items():
        blocks = "\n".join(map(_directive, listed[part]))
        yield part, f"# {title}\n\n{words}\n\n```{{eval-rst}}\n{blocks}\n```\n"


def _directive(name: str) -> str:
    home, _, last = name.rpartition(".")
    thing = getattr(getattr(tu, home.partition(".")[2]) if "." in home else tu, last)
    short = f"Also ``tinyunet.{last}``:\n\n" if "." in home and last in tu.__all__ else ""
    if inspect.isclass(thing):
        return f"{short}.. autoclass:: {name}\n   :members:\n"
    if callable(thing):
        return f"{short}.. autofunction:: {name}\n"
    return f".. py:data:: {name}\n   :value: {thing!r}\n"
