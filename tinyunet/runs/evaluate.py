"""Score a model on the data of its run or on other data, as `tinyunet evaluate` does."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tinyunet.data import Dataset
from tinyunet.data.catalogue import SYNTHETIC
from tinyunet.networks.network import Network
from tinyunet.runs.network import name_of
from tinyunet.runs.record import PARTS
from tinyunet.runs.settings import Settings
from tinyunet.runs.train import row_name
from tinyunet.segmentation import by_class, evaluation
from tinyunet.segmentation.by_class import plain


@dataclass
class Scores:
    """What was found of a model.

    `rows` are means over the images by what they are of, `images` the model's scores by image,
    `threshold` is None where no cells are scored, `details` are empty unless they were asked for,
    `classes`, the scores of each, unless there are three or more.
    """

    network: str
    data: str
    part: str
    rows: dict[str, dict[str, float]]
    images: dict[str, dict[str, float]]
    threshold: float | None = None
    details: dict[str, float] = field(default_factory=dict)
    classes: dict[str, dict[str, float]] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """As plain data, for JSON."""
        found: dict[str, Any] = {"data": self.data, "part": self.part, "mean": plain(self.rows)}
        found |= {} if self.threshold is None else {"threshold": self.threshold}
        found |= plain({"details": self.details}) if self.details else {}
        found |= {"classes": plain(self.classes)} if self.classes else {}
        return found | {"images": plain(self.images)}

    def __str__(self) -> str:
        at = "" if self.threshold is None else f", threshold {self.threshold:g}"
        lines = [
            f"mean over {len(self.images)} images of {self.data} ({self.part}){at}",
            evaluation.table(self.rows),
        ]
        if self.classes:
            lines.append("\n" + by_class.class_table(self.classes))
        if self.details:
            lines.append(
                f"\n{self.network} in detail: F1 and outlines are of the cells; V_Rand, "
                "V_Info and Rand error of the\nmask's connected parts, as ISBI 2012 scores membranes"
            )
        lines += [f"{name:22}{value:10.4g}" for name, value in self.details.items()]
        return "\n".join(lines)


def check_part(part: str) -> None:
    """Raise ValueError for a part that there is not."""
    if part not in (*PARTS, "all"):
        raise ValueError(f"--part must be train, validation, test or all, got {part!r}")


def may_be_trained_on(settings: Settings, own: Settings, part: str) -> bool:
    """Whether the images of an older run, without a record, are dealt out in another way than in it."""
    if part not in ("validation", "test") or (settings.data, settings.size) != (own.data, own.size):
        return False
    more = settings.data.replace("_", "-") in SYNTHETIC and settings.images != own.images
    return more or settings.split_seed != own.split_seed


def score(
    model: Network,
    data: Dataset,
    name: str,
    part: str,
    average: str | None,
    threshold: float,
    details: bool,
) -> Scores:
    """Score the model beside methods that learn nothing; the data's name and part are for the table.

    Raises
    ------
    ValueError
        If the model does not take the images; if `details` are asked for where no cells are known.
    """
    cells = evaluation.knows_cells(model, data)
    if details and not cells:
        raise ValueError(
            "--details are of single cells, but the data or the model knows classes only"
        )
    maps = evaluation.predict(model, data, average=average)
    scores = evaluation.evaluate(model, data, threshold=threshold, probabilities=maps)
    rows = {row_name(model, average or "none"): evaluation.mean(scores)}
    if cells:
        rows |= {name: evaluation.mean(s) for name, s in evaluation.references(data).items()}
    return Scores(
        name_of(model),
        name,
        part,
        rows,
        dict(zip(data.names, scores, strict=True)),
        threshold if cells else None,
        evaluation.details(data, maps, threshold) if details else {},
        {} if cells or maps[0].shape[2] == 2 else by_class.scores_by_class(data, maps),
    )
