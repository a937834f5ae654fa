"""What the workers of one run do alike: each makes the network, and all but the first help train it."""

from __future__ import annotations

from tinyunet.engine.mpi import choose_gpu
from tinyunet.engine.workers import Workers
from tinyunet.learning.optim import Optimizer
from tinyunet.learning.training import Training
from tinyunet.networks.network import Network
from tinyunet.runs.build import build, fit_options
from tinyunet.runs.images import Parts, Tell
from tinyunet.runs.settings import Settings


def built(
    settings: Settings, parts: Parts, workers: Workers, tell: Tell, resume: bool
) -> tuple[Network, Optimizer]:
    """Make the network and its optimizer, where there are GPUs on this worker's own."""
    if settings.device == "gpu":
        choose_gpu(workers)
    return build(settings, parts, tell, resume=resume)


def help_train(workers: Workers) -> None:
    """Share the batches of a run, which the first worker leads: it alone reads and writes files."""
    settings, parts = workers.same(None)
    # What files hold comes from the first worker, and it has said all that there is to say.
    model, optimizer = built(settings, parts, workers, lambda _: None, resume=True)
    options = fit_options(settings, model, parts[0])
    Training(model, *parts[:2], optimizer=optimizer, workers=workers, **options).run()
