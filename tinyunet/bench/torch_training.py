"""The training loop once more, in PyTorch. Imported only where PyTorch is installed."""

from __future__ import annotations

import time

import torch
import torch.nn.functional as F
from tqdm import tqdm

from tinyunet.bench.torch_unet import channels_first, put_back, same_in_torch
from tinyunet.data.batches import Batches, Prefetched
from tinyunet.engine.threads import num_threads
from tinyunet.learning.optim import Adam
from tinyunet.learning.schedule import rate_factor
from tinyunet.networks.unet import UNet

VERSION = str(torch.__version__)


def train(model: UNet, batches: Batches, steps: int, adam: Adam) -> tuple[list[float], list[float]]:
    """Train in PyTorch what `fit` would train, and put the parameters back into `model`.

    From the same weights, with the same batches, PyTorch's Adam set like `adam` and the cosine
    schedule; eager mode, as many threads as tinyunet uses.

    Returns
    -------
    list of float, list of float
        The loss of every step, and when each was computed.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(num_threads())
    try:
        return _train(model, batches, steps, adam)
    finally:
        torch.set_num_threads(before)


def _train(model: UNet, batches: Batches, steps: int, adam: Adam) -> tuple[list, list]:
    net = same_in_torch(model)
    optimizer = torch.optim.Adam(net.parameters(), adam.lr, adam.betas, adam.eps, adam.weight_decay)
    losses, times = [], []
    bar = tqdm(range(steps), unit="step", desc="PyTorch")
    with Prefetched(batches, steps) as ahead:
        for step in bar:
            optimizer.param_groups[0]["lr"] = adam.lr * rate_factor("cosine", step, steps)
            images, labels, weight_maps = ahead[step]
            optimizer.zero_grad()
            logits = net(channels_first(images))
            times.append(time.perf_counter())
            loss = F.cross_entropy(logits, torch.from_numpy(labels), reduction="none")
            if weight_maps is not None:
                loss = loss * torch.from_numpy(weight_maps)
            loss = loss.mean()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    put_back(net, model)
    return losses, times
