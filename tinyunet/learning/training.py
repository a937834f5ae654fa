"""fit: the training loop, with progress, validation, checkpoints and resuming."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import numpy as np
from tqdm import tqdm

from tinyunet.data.augment import Augmentation
from tinyunet.data.batches import Batches, Prefetched
from tinyunet.data.dataset import Dataset
from tinyunet.engine.arrays import to_cpu
from tinyunet.engine.interrupts import uninterrupted
from tinyunet.engine.whole_files import write_text
from tinyunet.layers.layer import Layer
from tinyunet.learning import checkpoint
from tinyunet.learning.history import History
from tinyunet.learning.optim import Adam, Optimizer
from tinyunet.learning.preparation import check_settings, weight_maps, window_size
from tinyunet.learning.step import VALIDATIONS, calibrate, training_step
from tinyunet.losses import Loss, SoftmaxCrossEntropy
from tinyunet.networks.network import Network, as_network
from tinyunet.segmentation.thresholds import validation_score

# How long the learning rate rises to its full size, as a share of all steps, and in steps at least.
# Too fast, and Adam's first steps push many a ReLU to where it is 0 for every image, for ever: of the
# 352 channels of the default network, 85 to 147 were dead after 200 steps on membranes when it rose
# in 20, and once a whole level; 25 to 37 when it rose in 245.
WARM_UP, SHORTEST_WARM_UP = 0.05, 20


def fit(
    model: Layer,
    train: Dataset,
    validation: Dataset | None = None,
    *,
    loss: Loss | None = None,
    optimizer: Optimizer | None = None,
    steps: int | None = None,
    minutes: float | None = None,
    batch_size: int = 8,
    crop: int | tuple[int, int] | None = None,
    augment: bool | Augmentation | Callable = True,
    weights: str | list[np.ndarray] | None = "auto",
    schedule: str = "cosine",
    seed: int = 0,
    out: str | Path | None = None,
    resume: bool = False,
    progress: bool = True,
    on_look: Callable[[int, int], None] | None = None,
) -> History:
    """Train `model` in place and return the history.

    Where validation images are given, the model ends with the parameters that scored best on them.
    Where the loss, or what the network predicts, becomes infinite or NaN, training ends early; the
    history's `diverged` and `stopped` say so, and without an earlier best the model is of no use.

    Parameters
    ----------
    model
        The network.
    train, validation
        Images to learn from, and images to choose the best moment by.
    loss
        By default `SoftmaxCrossEntropy`.
    optimizer
        An optimizer of this model; by default `Adam` with a learning rate of 2e-3.
    steps, minutes
        How long: one of the two. Minutes are turned into a number of steps once, by timing a few.
        Only runs given in steps repeat exactly.
    batch_size
        Windows in a step.
    crop
        The side, or (height, width), of the window that the network sees: a valid input size. By
        default about 128 pixels of output.
    augment
        True: flips, right angles, gray values; or an `Augmentation`; see `tinyunet.data.Batches`.
    weights
        ``"auto"``: the weight map where the data set knows its instances, with a narrow border term
        and both classes counting as they come; ``"paper"``: with the paper's border term and balanced
        classes; None: all pixels count the same; or one (H, W) map for each image.
    schedule
        ``"cosine"``: the learning rate rises for 5 % of the steps, 20 at least, and falls to 0 along
        half a cosine; ``"constant"``: it stays.
    seed
        Draws the batches.
    out
        A folder for ``last.npz`` (to resume from), ``best.npz`` (unless there is none: see above) and
        ``history.json``.
    resume
        Continue the run in `out`, with the same settings. A run in steps then ends exactly as if
        it had never been stopped.
    progress
        Show a progress bar.
    on_look
        ``on_look(done, total)`` is called after every look at the validation images, when `model` is
        as it is after `done` steps: to draw it, or to keep scores of your own. Ctrl-C waits for it,
        and `minutes` do not reckon with it.

    Raises
    ------
    ValueError
        If the data do not suit the network, settings contradict each other, or a run is to be resumed
        that was another one or has diverged.
    FileExistsError, FileNotFoundError
        If `out` holds a run and `resume` is False; if there is none to resume.
    """
    model = as_network(model)
    check_settings(model, train, validation, steps, minutes, batch_size, schedule)
    loss = SoftmaxCrossEntropy() if loss is None else loss
    optimizer = Adam(model, lr=2e-3) if optimizer is None else optimizer
    input_size = window_size(model, train, crop)
    settings = {
        "batch_size": batch_size,
        "crop": list(input_size),
        "seed": seed,
        "schedule": schedule,
        "weights": weights if isinstance(weights, str | None) else "given maps",
    }
    if not callable(augment):  # a function cannot be told from another
        settings["augment"] = str(augment)
    last, best = (Path(out) / f"{name}.npz" for name in ("last", "best")) if out else (None, None)
    if last and last.exists() and not resume:
        raise FileExistsError(
            f"{out} already holds a run: resume=True (--resume) continues it, or choose another folder"
        )

    history, done, best_parameters = History(), 0, None
    if resume:
        history, best_parameters = _restore(last, model, optimizer, settings, steps)
        done = history.resumed_at = len(history.loss)
        if history.diverged:  # what is NaN stays NaN
            kept = "" if best_parameters is None else f"; {best} has its best model"
            raise ValueError(f"the run in {out} cannot go on: {history.stopped}{kept}")
    batches = Batches(
        train, weight_maps(train, weights), batch_size,
        input_size, model.output_size(*input_size), augment, seed,
    )  # fmt: skip

    started = time.perf_counter() - history.seconds
    if not history.total_steps:
        history.total_steps = steps or calibrate(
            model, loss, optimizer, batches, validation, minutes
        )
    history.stopped = ""
    total, base_lr = history.total_steps, optimizer.lr
    every = max(1, math.ceil(total / VALIDATIONS))

    def keep() -> None:
        history.seconds = time.perf_counter() - started
        if last:
            state = {"history": asdict(history), "settings": settings}
            kept = {} if best_parameters is None else {"best": best_parameters}
            optimizer.lr = base_lr
            checkpoint.save(last, model, optimizer, **state, **kept)
            write_text(Path(out) / "history.json", json.dumps(asdict(history), indent=1))

    def too_fast(what: str, step: int) -> str:
        return f"{what} at step {step}: try a lower learning rate (it was {base_lr:g})"

    def look() -> None:
        nonlocal best_parameters
        if validation is None:
            return
        history.score_name, score = validation_score(model, validation)
        if math.isnan(score):
            history.stopped = too_fast("the network's predictions became NaN", done)
            return
        if history.best_score is None or score >= history.best_score:  # of equals, the later
            history.best_step, best_parameters = done, model.state_dict()
            if best:
                checkpoint.save(best, model)
        history.validation.append((done, score))
        if on_look:
            on_look(done, total)

    ahead = Prefetched(batches, total)
    bar = tqdm(total=total, initial=done, unit="step", disable=not progress, desc="training")
    try:
        while done < total:
            optimizer.lr = base_lr * rate_factor(schedule, done, total)
            asked = time.perf_counter()
            batch = ahead[done]
            history.waited += time.perf_counter() - asked
            with uninterrupted():
                value = training_step(model, loss, optimizer, batch)
                if not math.isfinite(value):
                    history.stopped = too_fast(f"the loss became {value}", done + 1)
                    break
                history.loss.append(value)
                done += 1
                bar.update()
                bar.set_postfix_str(_postfix(history), refresh=False)
                if done % every == 0 or done == total:
                    look()
                    if history.stopped:
                        break
                    keep()
    except KeyboardInterrupt:
        if not history.stopped:  # else Ctrl-C came in the step that diverged
            history.stopped = f"interrupted after step {done} of {total}"
    finally:
        optimizer.lr = base_lr
        ahead.close()
        bar.close()
    # The last update's work, which no loss and no look shows. To ask a GPU makes it wait: only where
    # the model is written to a file anyway.
    if last and validation is None and not history.stopped and not _finite(model):
        history.stopped = too_fast("the network's parameters became NaN", done)
    keep()
    if best_parameters is not None:
        model.load_state_dict(best_parameters)
    elif best and not history.diverged:
        checkpoint.save(best, model)
    return history


def rate_factor(schedule: str, step: int, total: int) -> float:
    """What the learning rate is multiplied by at a step, the first of which is 0."""
    if schedule == "constant":
        return 1.0
    rising = min(max(SHORTEST_WARM_UP, WARM_UP * total), total)
    return min(1.0, (step + 1) / rising) * 0.5 * (1 + math.cos(math.pi * step / total))


def _finite(model: Network) -> bool:
    return all(bool(np.isfinite(to_cpu(array)).all()) for _, array in model.named_parameters())


def _restore(
    last: Path | None, model: Network, optimizer: Optimizer, settings: dict, steps: int | None
) -> tuple[History, dict | None]:
    """Put a run's model, optimizer and generators back as they were."""
    if last is None:
        raise ValueError("resume=True needs the folder of the run: out=...")
    saved = checkpoint.load(last, everything=True)
    try:
        history, kept = _state_of_run(saved)
    except ValueError as error:
        raise ValueError(f"{last} holds no run that could go on: {error}") from error
    problems = checkpoint.differences(model, saved.model)
    problems += [
        f"{name}: {kept[name]!r} in the file, {value!r} asked for"
        for name, value in settings.items()
        if kept.get(name, value) != value
    ]
    if steps is not None and steps != history.total_steps:
        problems.append(f"steps: {history.total_steps} in the file, {steps} asked for")
    was, asked = (checkpoint.describe_optimizer(o) for o in (saved.optimizer, optimizer))
    if was != asked:
        problems.append(f"optimizer: {was} in the file, {asked} asked for")
    if problems:
        raise ValueError(f"{last} is from a different run:\n  " + "\n  ".join(problems))
    model.load_state_dict(saved.model.state_dict())
    generators = dict(saved.model.named_layers())
    for name, layer in model.named_layers():
        if hasattr(layer, "rng"):
            layer.rng = generators[name].rng
    optimizer.load_state_dict(saved.optimizer.state, saved.optimizer.steps)
    return history, saved.state.get("best")


def _state_of_run(saved: checkpoint.Checkpoint) -> tuple[History, dict]:
    """The history and the settings in a run's last.npz; ValueError if it cannot be one."""
    history = History.restored(saved.state.get("history"))
    settings, best = saved.state.get("settings"), saved.state.get("best")
    if type(settings) is not dict:
        raise ValueError("it has no settings")
    if saved.optimizer is None:
        raise ValueError("it has no optimizer")
    if best is not None:
        if type(best) is not dict or not all(isinstance(a, np.ndarray) for a in best.values()):
            raise ValueError("its best parameters are no arrays")
        shapes = {name: array.shape for name, array in saved.model.named_parameters()}
        if {name: array.shape for name, array in best.items()} != shapes:
            raise ValueError("its best parameters are another network's")
    return history, settings


def _postfix(history: History) -> str:
    recent = history.loss[-20:]
    text = f"loss {sum(recent) / len(recent):.4f}"
    if history.validation:
        text += f", {history.score_name} {history.validation[-1][1]:.3f}"
    return text
