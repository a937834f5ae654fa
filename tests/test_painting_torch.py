"""pix2pix and PaintsChainer written once more in PyTorch, from the papers' tables: an oracle.

Both sides compute in float64 from the same weights.
"""

import numpy as np
import pytest
from helpers import assert_close, upstream
from painters import JUDGES, PAINTERS, made, without_effect
from relatives import by_running_statistics
from test_relatives_layers import random

import tinyunet as tu
from tinyunet.networks.small import small_input

torch = pytest.importorskip("torch", reason="PyTorch is the oracle here and is not installed")
F = torch.nn.functional

from test_torch import (  # noqa: E402
    image_from_torch,
    image_to_torch,
    parameters_to_torch,
    torch_axes,
)


class Oracle:
    """A network of ours computed by PyTorch.

    Parameters
    ----------
    model
        It; dropout's masks are read from its last forward.
    state
        Its parameters, as tensors.
    statistics
        "batch", or "running" where the normalisations use those.
    """

    def __init__(self, model, state, statistics="batch"):
        self.state, self.statistics, self.eps = state, statistics, 1e-5
        self.masks = [image_to_torch(mask) for mask in dropped(model)]
        self.kept = 1 - model.config.get("dropout", 0)
        self.running = {
            key: torch.tensor(np.array(a)) for key, a in model.named_buffers() if "running" in key
        }
        self.name = type(model).__name__
        self.config = model.config

    def conv(self, x, name, stride=1, padding=1):
        weight, bias = self.state[f"{name}.weight"], self.state.get(f"{name}.bias")
        return F.conv2d(x, weight, bias, stride, padding)

    def up(self, x, name):
        weight, bias = self.state[f"{name}.weight"], self.state.get(f"{name}.bias")
        return F.conv_transpose2d(x, weight, bias, 2, 1)

    def norm(self, x, name):
        running = (self.running[f"{name}.running_{what}"] for what in ("mean", "var"))
        weight, bias = self.state[f"{name}.weight"], self.state[f"{name}.bias"]
        return F.batch_norm(x, *running, weight, bias, self.statistics == "batch", eps=self.eps)

    def __call__(self, x):
        return {
            "Pix2PixGenerator": self.pix2pix,
            "PatchGAN": self.patchgan,
            "PaintsChainer": self.paintschainer,
            "PaintsChainerDiscriminator": self.verdict,
        }[self.name](x)

    def pix2pix(self, x):
        depth, across = len(self.config["widths"]), []
        for i in range(depth):
            x = x if i == 0 else F.leaky_relu(x, 0.2)
            x = self.conv(x, f"downs.{i}.{int(i > 0)}", 2)
            x = self.norm(x, f"downs.{i}.2") if 0 < i < depth - 1 else x
            across.append(x)
        first = 1 if self.config["port"] else 0
        for i in range(depth):
            x = x if i == 0 else torch.cat([x, across[depth - 1 - i]], 1)
            x = self.up(F.relu(x), f"ups.{i}.1")
            x = self.norm(x, f"ups.{i}.2") if i < depth - 1 else x
            if self.masks and first <= i < min(first + 3, depth - 1):
                x = x * self.masks[i - first] / self.kept
        return torch.tanh(x)

    def patchgan(self, x):
        n = self.config["layers"]
        padding = 1 if n else 0
        for i in range(max(n, 1) + 1):
            x = self.conv(x, f"stages.{i}.0", 2 if i < n else 1, padding)
            x = F.leaky_relu(self.norm(x, f"stages.{i}.1") if i else x, 0.2)
        return self.conv(x, f"stages.{max(n, 1) + 1}", 1, padding)

    def block(self, x, name, stride=1, up=False):
        self.eps = 2e-5
        x = self.up(x, f"{name}.0") if up else self.conv(x, f"{name}.0", stride)
        return F.relu(self.norm(x, f"{name}.1"))

    def paintschainer(self, x):
        levels = len(self.config["widths"]) - 1
        x = self.block(x, "first")
        across = [x]
        for i in range(levels):
            half = self.block(x, f"downs.{i}", 2)
            x = self.block(half, f"convs.{i}")
            across.append(half if i == levels - 1 else x)
        for i in reversed(range(levels)):
            x = self.block(torch.cat([across[i + 1], x], 1), f"ups.{i}", up=True)
            x = self.block(x, f"backs.{i}")
        return self.conv(torch.cat([across[0], x], 1), "last")

    def verdict(self, x):
        stages = 2 * len(self.config["widths"]) - 1
        for i in range(stages):
            x = self.block(x, f"stages.{i}", 1 + (i + 1) % 2)
        return self.conv(x, f"stages.{stages}", padding=0)


def dropped(model):
    """The masks of the dropout in the last forward."""
    drops = [layer for _, layer in model.named_layers() if isinstance(layer, tu.Dropout)]
    return [mask for drop in drops for mask in drop.decisions()]


def assert_same_gradients(model, state, idle=()):
    axes, gradients = torch_axes(model), dict(model.named_gradients())
    largest = max(float(abs(gradient).max()) for gradient in gradients.values())
    assert gradients.keys() == state.keys()
    for key, gradient in gradients.items():
        ours, theirs = gradient.transpose(axes[key]), state[key].grad.numpy()
        if key in idle:
            assert abs(ours).max() < 1e-10 * largest
            assert abs(theirs).max() < 1e-10 * largest
        else:
            assert_close(ours, theirs, 1e-10, key)


@pytest.mark.parametrize("statistics", ["batch", "running"])
@pytest.mark.parametrize("name", [*PAINTERS, *JUDGES])
def test_forward_and_all_gradients(name, statistics):
    model = made(name)
    if statistics == "running":
        model = by_running_statistics(model)
    _, height, width, channels = small_input(model)
    x = random(2, height, width, channels, seed=5)
    state = parameters_to_torch(model)
    with torch.no_grad():
        expected = Oracle(model.eval(), state, "running")(image_to_torch(x))
    assert_close(model(x), image_from_torch(expected), 1e-10, "y in eval")

    y, leaf = model.train()(x), image_to_torch(x).requires_grad_()
    oracle = Oracle(model, state, statistics)
    for key, array in made(name).named_buffers():  # as before our forward moved them
        if key in oracle.running:
            oracle.running[key] = torch.tensor(array)
    torch_y, dy = oracle(leaf), upstream(y)
    torch_y.backward(image_to_torch(dy))
    dx = model.backward(dy)
    assert_close(y, image_from_torch(torch_y), 1e-10, "y")
    assert_close(dx, image_from_torch(leaf.grad), 1e-10, "dx")
    assert abs(dx).max() > 0
    assert_same_gradients(model, state, without_effect(model))
    for key, array in model.named_buffers():
        if key in oracle.running:
            assert_close(array, oracle.running[key].numpy(), 1e-12, key)


def test_the_oracle_notices_a_skip_after_its_leaky_relu():
    """Which is the same, as a ReLU follows; but dropout elsewhere, or batch norm on e8, is not."""
    model = made("pix2pix")
    x = random(2, 8, 16, 2, seed=5)
    y = model(x)
    oracle = Oracle(model, parameters_to_torch(model))
    with torch.no_grad():
        assert_close(y, image_from_torch(oracle.pix2pix(image_to_torch(x))), 1e-10)
        oracle.masks.reverse()
        with pytest.raises(RuntimeError, match="size"):
            oracle.pix2pix(image_to_torch(x))
        oracle.masks.clear()
        assert abs(y - image_from_torch(oracle.pix2pix(image_to_torch(x)))).max() > 1e-3
