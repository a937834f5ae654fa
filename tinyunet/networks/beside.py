"""A network of its authors' size, summed up without making it, and beside what they published.

Every number of channels is a multiple of the base plus a constant, so counts of activations are
linear in the base and counts of weights quadratic. Three thin networks, of bases 1, 2 and 3, say them
for all:

    f(b) = f(1) + (b - 1) (f(2) - f(1)) + (b - 1) (b - 2) / 2 * (f(3) - 2 f(2) + f(1))

(Newton's form). So a table of 138 million parameters takes no half gigabyte.
"""

from __future__ import annotations

import inspect
from dataclasses import asdict, dataclass, replace
from typing import Any

from tinyunet.networks.names import ALIASES
from tinyunet.networks.network import Network
from tinyunet.networks.part import Part, Published
from tinyunet.networks.published import PUBLISHED
from tinyunet.networks.summary import MB, Summary, by, summarize

KNOB = "base_channels"


def alias_of(network: type[Network], options: dict[str, Any]) -> str | None:
    """The name of the authors' network that a class with these options is; None if it is none."""
    defaults = {p.name: p.default for p in inspect.signature(network).parameters.values()}
    for alias, (name, fixed) in ALIASES.items():
        if name == network.__name__ and defaults | fixed == defaults | options:
            return alias
    return None


def standard_image(network: type[Network]) -> tuple[int, int] | None:
    """The (height, width) of the authors' standard input; None for other networks."""
    aliases = (alias for alias, (name, _) in ALIASES.items() if name == network.__name__)
    return next((PUBLISHED[alias].image for alias in aliases), None)


def summarize_wide(
    network: type[Network], options: dict[str, Any], height: int | None, width: int | None
) -> Summary:
    """Return what `summarize` says of a network of a class that has a `base_channels`."""
    base = options.get(KNOB, inspect.signature(network).parameters[KNOB].default)
    if base < 1:
        raise ValueError(f"base_channels must be at least 1, got {base}")
    models = [network(**{**options, KNOB: thin}) for thin in (1, 2, 3)]
    thin = [summarize(model, height, width) for model in models]
    models[0].config[KNOB] = base  # for its words

    def at_base(*values: float) -> Any:
        one, two, three = values
        bend = (base - 1) * (base - 2) // 2
        return one + (base - 1) * (two - one) + bend * (three - 2 * two + one)

    rows = [
        replace(
            alike[0],
            shape=tuple(at_base(*sides) for sides in zip(*(r.shape for r in alike), strict=True)),
            parameters=at_base(*(row.parameters for row in alike)),
        )
        for alike in zip(*(found.rows for found in thin), strict=True)
    ]
    parameters = at_base(*(found.parameters for found in thin))
    return replace(
        thin[0],
        model=str(models[0]),
        rows=rows,
        parameters=parameters,
        parameter_mb=parameters * models[0].dtype.itemsize / MB,
        activation_mb=at_base(*(found.activation_mb for found in thin)),
    )


@dataclass(frozen=True)
class Beside:
    """A network's parts beside the published ones; print it.

    Attributes
    ----------
    published
        What was published.
    parameters, sides
        Ours, of each part.
    """

    published: Published
    parameters: list[int]
    sides: list[tuple[int, ...]]

    @property
    def differing(self) -> list[str]:
        """The names of parts which are not as published."""
        ours = zip(self.published.parts, self.parameters, self.sides, strict=True)
        return [part.name for part, count, side in ours if (count, side) != part[3:]]

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain data, fit for JSON."""
        return {**asdict(self), "differing": self.differing}

    def __str__(self) -> str:
        cells = [("part", "parameters", "published", "output", "published")]
        ours = zip(self.published.parts, self.parameters, self.sides, strict=True)
        for part, count, side in ours:
            counts = (
                (f"{count:,}", f"{part.parameters:,}") if count or part.parameters else ("", "")
            )
            cells.append((part.name, *counts, by(side), by(part.side)))
        total = self.published.parameters
        cells.append(("all", f"{sum(self.parameters):,}", f"{total:,}", "", ""))
        widths = [max(len(line[i]) for line in cells) for i in range(5)]
        lines = [
            f"{name:{widths[0]}}  "
            + "  ".join(f"{cell:>{w}}" for cell, w in zip(numbers, widths[1:], strict=True))
            for name, *numbers in cells
        ]
        wrong = ", ".join(self.differing)
        words = f"these differ: {wrong}" if wrong else f"all {len(self.parameters)} parts agree"
        title = f"beside {self.published.source}, for {by(self.published.image)}:"
        return "\n".join([title, *lines, words])


def beside(summary: Summary, alias: str) -> Beside:
    """Lay the summary of a network for its standard input beside what was published."""
    published = PUBLISHED[alias]
    shapes = {row.name: row.shape[:2] for row in summary.rows}

    def parameters(part: Part) -> int:
        rows = (row for row in summary.rows if f"{row.name}.".startswith(part.ours))
        return sum(row.parameters for row in rows)

    parts = published.parts
    return Beside(
        published, [parameters(part) for part in parts], [shapes[part.last] for part in parts]
    )
