"""A whole experiment in a folder: data, training, a table of scores, pictures.

This is what `tinyunet train` does. A run's folder holds

    settings.json     everything that was chosen, to resume or repeat it
    best.npz          the model that scored best on the validation images, and its thresholds
    last.npz          where training stands, to resume it
    history.json      losses and validation scores
    results.json      scores of the test images, beside the references
    predictions.png, curves.png, weights.png
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from tinyunet import plots
from tinyunet.data import Augmentation, Dataset, load, load_folder, separate, weight_map
from tinyunet.engine.whole_files import write_text
from tinyunet.learning import checkpoint
from tinyunet.learning.checkpoint_header import check_thresholds
from tinyunet.learning.history import History
from tinyunet.learning.optim import SGD, Adam, Optimizer
from tinyunet.learning.preparation import WEIGHTS, check_settings, window_size
from tinyunet.learning.training import fit
from tinyunet.networks.unet import UNet
from tinyunet.segmentation import evaluation
from tinyunet.segmentation.cells import instances
from tinyunet.segmentation.symmetries import AVERAGES
from tinyunet.segmentation.thresholds import choose_threshold
from tinyunet.segmentation.tiles import predict_image

SHOWN = 3  # test images in the picture


BETAS = (0.9, 0.999)  # Adam's usual ones

# What `--recipe` stands for; any other option of `tinyunet train` overrides its part.
RECIPES = {
    # For a laptop: a minute is enough to see it learn. Gray values stay: on DSB 2018 the brightness of
    # the background tells experiments apart, and so how tightly their cells were outlined. Adam
    # remembers squares for 100 steps, not the usual 1,000: on validation images of DSB 2018, after
    # 2,300 steps, SEG was .005 to .012 higher, with each of three seeds.
    "quick": {
        "base_channels": 8, "depth": 3, "padding": "same", "dropout": 0.0,
        "batch_size": 8, "window": 128, "optimizer": "adam", "lr": 6e-3, "betas": (0.9, 0.99),
        "weights": "auto", "augment": "flips", "average": "symmetries",
    },
    # The paper's network and training. It names no learning rate: 1e-3 is the best of a sweep,
    # `tinyunet reproduce rates`. Above it, training sometimes collapses.
    "paper": {
        "base_channels": 64, "depth": 4, "padding": "valid", "dropout": 0.5,
        "batch_size": 1, "window": 388, "optimizer": "sgd", "lr": 1e-3, "betas": BETAS,
        "weights": "paper", "augment": "elastic", "average": "rotations",
    },
}  # fmt: skip

AUGMENTS = {
    "none": Augmentation.none(),
    "flips": Augmentation(flips=True),
    "rigid": Augmentation.rigid(),
    "any-angle": replace(Augmentation.full(), elastic=0.0),
    "elastic": Augmentation.full(),
}


@dataclass
class Settings:
    """What a run is made of; see ``tinyunet train --help``. None: as the recipe has it."""

    data: str = "synthetic-cells"
    data_root: str | None = None
    masks: str = "auto"
    images: int = 60
    size: int = 128
    split_seed: int = 0
    recipe: str = "quick"
    base_channels: int | None = None
    depth: int | None = None
    padding: str | None = None
    skip: str = "concat"
    dropout: float | None = None
    steps: int | None = None
    minutes: float | None = None
    batch_size: int | None = None
    crop: int | None = None
    window: int | None = None
    optimizer: str | None = None
    lr: float | None = None
    momentum: float = 0.99
    betas: tuple[float, float] | None = None
    weights: str | None = None
    augment: str | None = None
    average: str | None = None
    seed: int = 0
    device: str = "cpu"

    def __post_init__(self) -> None:
        if self.recipe not in RECIPES:
            raise ValueError(f"recipe must be one of {', '.join(RECIPES)}, got {self.recipe!r}")
        for name, value in RECIPES[self.recipe].items():
            if getattr(self, name) is None:
                setattr(self, name, value)


@dataclass
class Result:
    """A finished run: the model, its history, and the scores to print.

    `thresholds` for cells, by what predictions were averaged over; empty where none are known.
    """

    model: UNet
    history: History
    thresholds: dict[str, float]
    rows: dict[str, dict[str, float]]
    parts: tuple[Dataset, Dataset, Dataset]


def load_parts(settings: Settings) -> tuple[Dataset, Dataset, Dataset]:
    """Load the data and split it by image into train, validation and test."""
    return load_data(settings).split(seed=settings.split_seed)


def load_data(settings: Settings) -> Dataset:
    """Load the data; what the masks of a folder mean is as the settings say."""
    if settings.masks == "auto":
        return load(settings.data, settings.data_root, n=settings.images, size=settings.size)
    folder = Path(settings.data)
    if not folder.is_dir():
        raise ValueError(f"--masks is for a folder of yours, but there is no folder {folder}")
    return load_folder(folder / "images", folder / "masks", settings.masks)


def build(settings: Settings, parts: Sequence[Dataset]) -> tuple[UNet, Optimizer]:
    """Make the network for these images, and its optimizer."""
    model = UNet(
        parts[0].channels,
        max(part.num_classes for part in parts),
        base_channels=settings.base_channels,
        depth=settings.depth,
        padding=settings.padding,
        skip=settings.skip,
        dropout=settings.dropout,
        seed=settings.seed,
    ).to(settings.device)
    if settings.optimizer == "adam":
        return model, Adam(model, settings.lr, tuple(settings.betas))
    if settings.optimizer == "sgd":
        return model, SGD(model, settings.lr, settings.momentum)
    raise ValueError(f'optimizer must be "adam" or "sgd", got {settings.optimizer!r}')


def fit_options(settings: Settings, model: UNet, train_part: Dataset) -> dict[str, Any]:
    """What `fit` is told, by the names of its arguments."""
    if settings.augment not in AUGMENTS:
        names = ", ".join(AUGMENTS)
        raise ValueError(f"augment must be one of {names}, got {settings.augment!r}")
    if settings.average not in ("none", *AVERAGES):
        names = ", ".join(("none", *AVERAGES))
        raise ValueError(f"average must be one of {names}, got {settings.average!r}")
    return {
        "steps": settings.steps,
        "minutes": settings.minutes,
        "batch_size": settings.batch_size,
        "crop": window_size(model, train_part, settings.crop, settings.window),
        "augment": AUGMENTS[settings.augment],
        "weights": None if settings.weights == "none" else settings.weights,
        "seed": settings.seed,
    }


def train(settings: Settings, out: Path, *, resume: bool = False) -> Result:
    """Train, evaluate on the test images, and fill the folder `out`.

    Raises
    ------
    ValueError
        If settings and data do not go together; if training diverges before there is a model worth
        keeping; if the run to resume was another one, or has diverged.
    FileExistsError, FileNotFoundError
        If `out` holds a run and `resume` is False; if there is none to resume.
    """
    parts = load_parts(settings)
    train_part, validation, test = parts
    model, optimizer = build(settings, parts)
    options = fit_options(settings, model, train_part)
    length = settings.steps, settings.minutes
    check_settings(model, train_part, validation, *length, settings.batch_size, "cosine")
    if not any(labels.any() for labels in train_part.labels):
        raise ValueError(f"no mask among the training images of {settings.data} has anything in it")
    out.mkdir(parents=True, exist_ok=True)
    if not resume:
        if (out / "last.npz").exists():  # before anything of the run in it is lost
            raise FileExistsError(
                f"{out} already holds a run: --resume {out} continues it, or choose another folder"
            )
        write_text(out / "settings.json", json.dumps(asdict(settings), indent=1) + "\n")
    elif not (out / "last.npz").exists():
        raise FileNotFoundError(
            f"the run in {out} ended before its first steps were kept: there is nothing to go on from. "
            f"Begin it again, with --out {out}"
        )
    history = fit(
        model, train_part, validation, optimizer=optimizer, **options, out=out, resume=resume
    )
    if history.diverged and history.best_step is None:  # there is no model to score
        raise ValueError(
            f"{history.stopped}; begin again in another folder, for example with --lr "
            f"{settings.lr / 10:g}"
        )

    rows, scores, thresholds = {}, {}, {}
    for look in dict.fromkeys(("none", settings.average)):
        name = row_name(look)
        threshold = choose_threshold(model, validation, look)
        if threshold is not None:
            thresholds[look] = threshold
        scores[look] = evaluation.evaluate(model, test, average=look, threshold=threshold)
        rows[name] = evaluation.mean(scores[look])
    checkpoint.save(out / "best.npz", model, thresholds=thresholds)
    if evaluation.knows_cells(model, test):
        rows.update({n: evaluation.mean(s) for n, s in evaluation.references(test).items()})
    images = dict(zip(test.names, scores["none"], strict=True))
    results = {"test": rows, "thresholds": thresholds, "images": images}
    write_text(out / "results.json", json.dumps(results, indent=1) + "\n")
    result = Result(model, history, thresholds, rows, parts)
    draw(result, scores["none"], out, settings.weights)
    return result


def row_name(look: str) -> str:
    """What the row of a model is called in tables, by what its predictions are averaged over."""
    return "U-Net" if look == "none" else f"U-Net, mean of {look}"


def settings_beside(checkpoint_file: Path) -> Settings | None:
    """The settings of the run in whose folder a model lies; None if it lies elsewhere."""
    folder = checkpoint_file.parent
    return read_settings(folder) if (folder / "settings.json").is_file() else None


def load_model(path: Path, average: str | None, threshold: float | None) -> tuple[UNet, float]:
    """Read a model; and the threshold that `train` chose for it (else 0.5), unless one is given.

    Raises
    ------
    ValueError
        If a threshold is no probability, or is given to a model of three classes or more.
    """
    saved = checkpoint.load(path, everything=True)
    if threshold is not None:
        if not 0 <= threshold <= 1:
            raise ValueError(f"--threshold is a probability, from 0 to 1, got {threshold}")
        classes = saved.model.config["num_classes"]
        if classes != 2:
            raise ValueError(
                f"--threshold {threshold} is for cells, but {path} knows {classes} classes"
            )
        return saved.model, threshold
    own = saved.state.get("thresholds", {})
    try:
        check_thresholds(saved.state)
    except ValueError as error:
        raise ValueError(f"{path} holds no thresholds of tinyunet's: {error}") from error
    return saved.model, own.get(average or "none", own.get("none", 0.5))


def draw(result: Result, scores: list[dict], out: Path, kind_of_weights: str) -> None:
    """Draw the pictures of a run."""
    model, (train_part, _, test) = result.model, result.parts
    plots.save(plots.curves(result.history), out / "curves.png")
    cells = evaluation.knows_cells(model, test)
    shown = range(min(SHOWN, len(test)))
    probabilities = [predict_image(model, test.images[i]) for i in shown]
    predicted = [
        instances(p, result.thresholds["none"]) if cells else p.argmax(2) for p in probabilities
    ]
    truths = test.instances if cells else test.labels
    captions = [", ".join(f"{k} {scores[i][k]:.2f}" for k in list(scores[i])[:2]) for i in shown]
    figure = plots.compare(
        [test.images[i] for i in shown],
        [truths[i] for i in shown],
        predicted,
        captions=captions,
        classes=not cells,
    )
    plots.save(figure, out / "predictions.png")
    if cells and kind_of_weights in WEIGHTS:
        weights = weight_map(separate(train_part.instances[0]), **WEIGHTS[kind_of_weights])
        plots.save(plots.weight_map(train_part.images[0], weights), out / "weights.png")


def new_folder(parent: Path, name: str) -> Path:
    """Return the first of name-1, name-2, ... that does not exist: no run overwrites another."""
    numbers = iter(range(1, 1_000_000))
    return next(path for n in numbers if not (path := parent / f"{name}-{n}").exists())


def read_settings(out: Path) -> Settings:
    """Read the settings of the run in a folder."""
    path = out / "settings.json"
    if not path.is_file():
        raise FileNotFoundError(f"{out} holds no run to resume: there is no settings.json in it")
    try:
        chosen = json.loads(path.read_text(encoding="utf-8"))
        return Settings(**{"betas": BETAS, **chosen})  # older runs name none
    except (ValueError, TypeError, RecursionError) as error:
        raise ValueError(f"{path} holds no settings that tinyunet wrote: {error}") from error
