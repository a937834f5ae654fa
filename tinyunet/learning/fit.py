"""fit: train a network in one line."""

from __future__ import annotations

import inspect
from typing import Any

from tinyunet.data.dataset import Dataset
from tinyunet.layers.layer import Layer
from tinyunet.learning.arguments import refuse_unknown
from tinyunet.learning.history import History
from tinyunet.learning.training import Training


def fit(
    model: Layer, train: Dataset, validation: Dataset | None = None, **settings: Any
) -> History:
    """Train `model` in place and return the history: ``Training(...).run()``.

    With validation images the model ends with the parameters that scored best on them; without, with
    the last ones. Where the loss, or what the network predicts, becomes infinite or NaN, training ends
    early; the history's `diverged` and `stopped` say so, and without an earlier best the model is of no
    use.

    Parameters
    ----------
    model
        The network: a `Network`, or any layer that turns images into logits.
    train, validation
        Images to learn from, and images to choose the best moment by.
    loss
        By default `SoftmaxCrossEntropy`. For logits of one channel, `BCEWithLogitsLoss` or
        `BCEDiceLoss`.
    optimizer
        An optimizer of this model; by default `Adam` with a learning rate of 2e-3.
    steps, minutes
        How long: one of the two. Minutes are turned into a number of steps once, by timing a few.
        Only runs given in steps repeat exactly.
    patience
        Stop when so many validations in a row brought nothing better. There are 12 in a training.
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
        half a cosine; ``"poly"``: it falls as (1 - step / steps)^0.9; ``"constant"``: it stays.
    seed
        Draws the batches.
    out
        A folder for ``last.npz`` (to resume from), ``best.npz`` (what the model ends with; none if
        training diverged before there was a best) and ``history.json``. It needs a `Network`, whose
        class files can name, and an optimizer of ours.
    resume
        Continue the run in `out`, with the same settings. A run in steps then ends exactly as if
        it had never been stopped.
    progress
        Show a progress bar.
    callbacks
        Functions that are called after every step, as ``callback(training, step)``, with a `Training`
        and a `Step`: to draw, or to keep scores of your own. `tinyunet.plots.Live` is one.
        ``training.finish()`` ends the training. Ctrl-C waits for them, and `minutes` do not reckon with
        them.
    workers
        Who shares each batch: ``tinyunet.workers()`` gives the processes that mpirun started. Each
        calls `fit` with the same arguments, and their models end with the same parameters. The
        first alone writes to `out` and shows a bar. By default this process does all.

    Returns
    -------
    History

    Raises
    ------
    ValueError
        If the data do not suit the network, settings contradict each other, or a run is to be resumed
        that was another one or has diverged.
    TypeError
        If the model is no layer, if it or its optimizer could not be kept in `out`, or if a callback is
        no function.
    FileExistsError, FileNotFoundError
        If `out` holds a run and `resume` is False; if there is none to resume.
    """
    refuse_unknown(settings, [*inspect.signature(Training).parameters][3:])
    return Training(model, train, validation, **settings).run()


# For help(), and editors that ask.
fit.__signature__ = inspect.signature(Training).replace(return_annotation="History")
