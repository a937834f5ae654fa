"""The same tasks in tinyunet and in PyTorch: each engine runs one repetition and says what came out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tinyunet.bench.tasks import Task
from tinyunet.convolution import im2col
from tinyunet.engine.arrays import to_cpu, to_device
from tinyunet.engine.threads import num_threads
from tinyunet.layers.layer import Layer
from tinyunet.learning.optim import SGD
from tinyunet.learning.step import training_step

LR, MOMENTUM = 1e-3, 0.9
TORCH_SETTINGS = ("eager", "channels_last", "compile")
GPU_SETTINGS = ("eager", "channels_last", "benchmark", "compile")


def tinyunet_engine(
    task: Task, device: str, setting: str, model: Layer | None = None
) -> Callable[[], Any]:
    """Return a function that runs one repetition; its result is for `checksum`.

    The model is the task's own unless one is given.
    """
    if task.algorithm == "whole patches":
        im2col.BAND = 1 << 62
    model = (task.model() if model is None else model).to(device)
    x = to_device(task.input(), device)
    if task.mode == "predict":
        return lambda: model.predict(x)
    if task.net == "conv":
        dy = to_device(upstream(model.predict(x).shape), device)

        def both_ways() -> Any:
            model(x)
            return model.backward(dy)

        return both_ways

    labels = to_device(task.labels(model.output_size(*task.shape[1:3])), device)
    loss, optimizer = task.loss(), SGD(model, LR, MOMENTUM)
    return lambda: training_step(model, loss, optimizer, (x, labels, None))


def torch_engine(task: Task, device: str, setting: str) -> Callable[[], Any]:
    """The same with PyTorch, from the same weights.

    Settings: eager, channels_last and compile; benchmark lets cuDNN time its algorithms first.
    """
    if setting not in GPU_SETTINGS:
        raise ValueError(f"PyTorch runs {', '.join(GPU_SETTINGS)}, got {setting!r}")
    import torch

    from tinyunet.bench.torch_relatives import loss_of, twin
    from tinyunet.bench.torch_unet import channels_first

    torch.set_num_threads(num_threads())
    torch.backends.cudnn.allow_tf32 = False  # float32 on both sides: its default on a GPU is less
    torch.backends.cudnn.benchmark = setting == "benchmark"
    model = task.model()
    where = "cuda" if device == "gpu" else "cpu"
    net = twin(model).to(where)
    x = channels_first(task.input()).to(where)
    if setting == "channels_last":
        net, x = net.to(memory_format=torch.channels_last), x.to(memory_format=torch.channels_last)
    if setting == "compile":
        net = torch.compile(net)
    if task.mode == "predict":
        net.eval()

        def predict() -> Any:
            with torch.no_grad():
                return net(x)

        return predict
    if task.net == "conv":
        x.requires_grad_()
        shape = (*x.shape[:1], *(side - 2 for side in x.shape[2:]), task.channels)
        dy = channels_first(upstream(shape)).to(where)

        def both_ways() -> Any:
            x.grad = None
            net.zero_grad()
            net(x).backward(dy)
            return x.grad

        return both_ways

    labels = torch.tensor(task.labels(model.output_size(*task.shape[1:3]))).to(where)
    optimizer, loss = torch.optim.SGD(net.parameters(), LR, MOMENTUM), loss_of(model)

    def step() -> float:
        optimizer.zero_grad()
        value = loss(net(x), labels)
        value.backward()
        optimizer.step()
        return value.item()

    return step


ENGINES = {"tinyunet": tinyunet_engine, "torch": torch_engine}


def upstream(shape: tuple[int, ...]) -> np.ndarray:
    """A random upstream gradient for a convolution."""
    return np.random.default_rng(2).standard_normal(shape, np.float32)


def checksum(result: Any) -> float:
    """One number that both libraries must agree on: the loss, or the mean size of the output."""
    if isinstance(result, float):
        return result
    array = result.detach().cpu().numpy() if hasattr(result, "detach") else to_cpu(result)
    return float(np.abs(array, dtype=np.float64).mean())


def waiter(engine: str, device: str) -> Callable[[], None]:
    """Return what waits until the device has finished: a GPU answers before it is done."""
    if device == "cpu":
        return lambda: None
    if engine == "torch":
        import torch

        return torch.cuda.synchronize
    import cupy

    return cupy.cuda.get_current_stream().synchronize


def device_peak_mb(engine: str, device: str) -> float | None:
    """Memory of the GPU that the library holds, in MB, or None on a CPU."""
    if device == "cpu":
        return None
    if engine == "torch":
        import torch

        return torch.cuda.max_memory_reserved() / 1e6
    import cupy

    return cupy.get_default_memory_pool().total_bytes() / 1e6
