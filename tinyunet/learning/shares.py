"""Data parallelism: the gradient of a batch from the gradients of its shares.

Every worker runs the network forward and backward on some images of the batch. The loss of the whole
batch is a sum over all its pixels, divided by how many count:

    L = sum of l over all counted pixels / n,     n = counted pixels of the whole batch

So each loss adds up its sums over the workers (`tinyunet.engine.workers.joined`) before it divides.
What its backward then hands the network is dL/d(logits) of that worker's images, and as no image's
logits depend on another image, the gradient of a parameter is the sum of what the workers find:

    dL/dw = sum over workers of dL/dw through their images

The mean of the workers' own mean gradients is something else: where one share has fewer counted pixels
than another (a label to ignore, 3 images against 2), it makes them count more.

Layers that look at the whole batch add up over workers, too: `BatchNorm2d` its statistics. `Dropout`
draws the mask of the whole batch everywhere and takes its own images' rows. So any number of workers
does what one does, up to rounding; and the same number does it to the last bit.
"""

from __future__ import annotations

import contextlib
import zlib
from collections.abc import Callable, Iterator

import numpy as np

from tinyunet.data.batches import Batch
from tinyunet.engine.arrays import Array, array_module, to_cpu, to_device
from tinyunet.engine.interrupts import noted
from tinyunet.engine.workers import Workers
from tinyunet.layers.layer import Layer
from tinyunet.learning.history import History
from tinyunet.learning.optim import Optimizer
from tinyunet.learning.run_files import RunFiles


def share_of(batch: Batch, workers: Workers) -> Batch:
    """Return this worker's images, labels and weights of a batch.

    Raises
    ------
    ValueError
        If there are fewer images than workers.
    """
    images, labels, weights = batch
    check_shares(len(images), workers)
    mine = workers.share(len(images))
    return images[mine], labels[mine], None if weights is None else weights[mine]


def check_shares(batch_size: int, workers: Workers) -> None:
    """Raise ValueError if a batch has fewer images than there are workers."""
    if batch_size < workers.count:
        raise ValueError(
            f"{workers.count} workers cannot share a batch of {batch_size}: each needs an image of its "
            f"own; take a batch size of {workers.count} or more, or fewer workers"
        )


def add_gradients(model: Layer, workers: Workers) -> None:
    """Replace the gradients of each worker's share by their sum: those of the whole batch.

    One message carries all of them. Of a network on a GPU it goes by way of the host's memory.
    """
    gradients = [gradient for _, gradient in model.named_gradients()]
    flat = array_module(gradients[0]).concatenate([g.reshape(-1) for g in gradients])
    numbers = to_cpu(flat)
    workers.sum(numbers)
    flat, start = to_device(numbers, model.device), 0
    for gradient in gradients:
        gradient[...] = flat[start : start + gradient.size].reshape(gradient.shape)
        start += gradient.size


def check_agreement(model: Layer, step: int, workers: Workers) -> None:
    """Raise RuntimeError unless all workers' parameters have the same bits."""
    if workers.count == 1:
        return
    sums = workers.all(_checksum(array for _, array in model.named_parameters()))
    others = [rank for rank, value in enumerate(sums) if value != sums[0]]
    if others:
        raise RuntimeError(
            f"after step {step} the parameters of worker {others[0]} are not those of worker 0: are "
            "processors or NumPy's versions different?"
        )


def _checksum(arrays: object) -> int:
    value = 0
    for array in arrays:
        value = zlib.crc32(np.ascontiguousarray(to_cpu(array)), value)
    return value


# ---------------------------------------------------------------------- a whole training


def begun(
    files: RunFiles, run: tuple, workers: Workers
) -> tuple[History, dict[str, np.ndarray] | None]:
    """Begin or resume a run on all workers as the first finds it; `run` is what `files.begin` takes.

    Parameters, optimizer and generators of the others become those of the first, which alone needs
    the files.
    """
    found = files.begin(*run) if workers.rank == 0 else None
    if workers.count == 1:
        return found
    model, optimizer, *_ = run
    generators = dict(model.named_generators())
    known = isinstance(optimizer, Optimizer)
    kept = None
    if workers.rank == 0:
        states = {name: g.bit_generator.state for name, g in generators.items()}
        moving = _on_host(optimizer.state) if known else {}
        steps = optimizer.steps if known else 0
        kept = found, _on_host(model.state_dict()), states, moving, steps
    found, parameters, states, moving, steps = workers.same(kept)
    if workers.rank:
        model.load_state_dict(parameters)
        for name, generator in generators.items():
            generator.bit_generator.state = states[name]
        if known:
            optimizer.load_state_dict(moving, steps)
    return found


def _on_host(arrays: dict[str, Array]) -> dict[str, np.ndarray]:
    return {name: to_cpu(array) for name, array in arrays.items()}


@contextlib.contextmanager
def end_together(workers: Workers) -> Iterator[Callable[[], None]]:
    """Let Ctrl-C end the training of all workers after the same step.

    It reaches each at another moment, or only one of them, and the others would wait for ever. So it is
    taken down, and the function that this gives, called by all after each step, raises
    KeyboardInterrupt in all.
    """
    if workers.count == 1:
        yield lambda: None
        return

    def look() -> None:
        if any(workers.all(bool(came))):
            raise KeyboardInterrupt

    with noted() as came:
        yield look
