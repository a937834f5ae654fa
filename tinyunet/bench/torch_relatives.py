"""The U-Net's relatives in PyTorch, to stand beside ours. Imported only where PyTorch is installed.

As they are written there: batch statistics, `max_unpool2d`, `interpolate`, autograd.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F

from tinyunet.bench.torch_unet import Weights, same_in_torch
from tinyunet.layers import BatchNorm2d, Conv2d
from tinyunet.networks import FCN, SegNet, SmallPSPNet, UNetPlusPlus
from tinyunet.networks.network import Network

Tensor = torch.Tensor


class TorchRelative(Weights):
    """What the twins share: convolutions and batch normalisations by tinyunet's names."""

    def __init__(self, weights: dict[str, Tensor], model: Network) -> None:
        frozen = {f"{path}.{key}" for path, part in model.named_layers() for key in part.frozen}
        moving = {name for name in weights if "running" in name or "num_batches" in name}
        super().__init__({n: w for n, w in weights.items() if n not in frozen | moving})
        self.model = model
        self.running = {name: weights[name] for name in moving}
        self.eps = {path: n.eps for path, n in model.named_layers() if isinstance(n, BatchNorm2d)}

    def get(self, name: str) -> Tensor | None:
        """A parameter, None where the network has none of that name."""
        return getattr(self, self.names[name]) if name in self.names else None

    def conv(self, x: Tensor, name: str, **options: int) -> Tensor:
        """A convolution, with its bias where it has one."""
        return F.conv2d(x, self.get(f"{name}.weight"), self.get(f"{name}.bias"), **options)

    def norm(self, x: Tensor, name: str) -> Tensor:
        """Batch normalisation by the batch's statistics, which move the running ones."""
        running = (self.running[f"{name}.running_{what}"] for what in ("mean", "var"))
        return F.batch_norm(x, *running, *self.pair(name), True, 0.1, self.eps[name])

    def block(self, x: Tensor, name: str) -> Tensor:
        """A `ConvBlock`."""
        i = 0
        while f"{name}.convs.{i}.weight" in self.names:
            x = self.conv(x, f"{name}.convs.{i}", padding=1)
            x = F.relu(self.norm(x, f"{name}.norms.{i}"))
            i += 1
        return x

    def conv_norm(self, x: Tensor, name: str, stride: int = 1, dilation: int = 1) -> Tensor:
        """A `ConvNorm`."""
        weight = self.get(f"{name}.conv.weight")
        padding = dilation * (weight.shape[2] // 2)
        y = F.conv2d(x, weight, None, stride, padding, dilation)
        return F.relu(self.norm(y, f"{name}.norm"))


class TorchFCN(TorchRelative):
    """FCN with "same" padding, on sides that all poolings divide."""

    def forward(self, x: Tensor) -> Tensor:
        """Return logits (N, K, H, W) from images (N, C, H, W)."""
        size, pooled, model = x.shape[2:], [], self.model
        for level in range(len(model.encoder)):
            x = F.max_pool2d(self.block(x, f"encoder.{level}"), 2)
            pooled.append(x)
        x = self.conv(self.block(x, "head.0"), "score")
        for i, _ in enumerate(model.ups):
            fine = self.conv(pooled[-2 - i], f"skips.{i}.score")
            x = enlarged(x, 2)[:, :, 1:-1, 1:-1] + fine
        stride, (h, w) = model.stride, size
        cut = stride // 2
        return enlarged(x, stride)[:, :, cut : cut + h, cut : cut + w]


def enlarged(x: Tensor, factor: int) -> Tensor:
    """A fixed bilinear transposed convolution, each channel to itself."""
    line = 1 - abs(torch.arange(2 * factor, dtype=x.dtype) - factor + 0.5) / factor
    kernel = torch.outer(line, line).expand(x.shape[1], 1, -1, -1)
    return F.conv_transpose2d(x, kernel, stride=factor, groups=x.shape[1])


class TorchSegNet(TorchRelative):
    """SegNet with indices."""

    def forward(self, x: Tensor) -> Tensor:
        """Return logits (N, K, H, W) from images (N, C, H, W)."""
        across = []
        for level in range(len(self.model.encoder)):
            x = self.block(x, f"encoder.{level}")
            size = x.shape[2:]
            x, winners = F.max_pool2d(x, 2, return_indices=True)
            across.append((winners, size))
        for level in reversed(range(len(across))):
            winners, size = across[level]
            x = self.block(F.max_unpool2d(x, winners, 2, output_size=size), f"decoder.{level}")
        return self.conv(x, "head", padding=1)


class TorchUNetPlusPlus(TorchRelative):
    """U-Net++ with a head for each pooling."""

    def forward(self, image: Tensor) -> list[Tensor]:
        """Return the heads' logits, each (N, K, H, W)."""
        depth = self.model.depth
        x = {(0, 0): self.node(image, "nodes.0.0")}
        for i in range(1, depth + 1):
            x[i, 0] = self.node(F.max_pool2d(x[i - 1, 0], 2), f"nodes.{i}.0")
        for j in range(1, depth + 1):
            for i in range(depth + 1 - j):
                up = F.conv_transpose2d(x[i + 1, j - 1], *self.pair(f"ups.{i}.{j - 1}"), stride=2)
                across = [x[i, k] for k in range(j)]
                x[i, j] = self.node(torch.cat([up, *across], 1), f"nodes.{i}.{j}")
        return [self.conv(x[0, j], f"heads.{j - 1}") for j in range(1, depth + 1)]

    def node(self, x: Tensor, name: str) -> Tensor:
        """Two convolutions."""
        return self.conv_norm(self.conv_norm(x, f"{name}.conv1"), f"{name}.conv2")


class TorchPSPNet(TorchRelative):
    """`SmallPSPNet`."""

    def forward(self, x: Tensor) -> Tensor:
        """Return logits (N, K, H, W) from images (N, C, H, W)."""
        size, config = x.shape[2:], self.model.config
        for i, stride in enumerate((2, 1, 2)):
            x = self.conv_norm(x, f"stages.0.{i}", stride)
        for i, dilation in enumerate(config["dilations"]):
            x = self.conv_norm(x, f"stages.1.{i}", dilation=dilation)
        parts = [x]
        for i, bins in enumerate(config["bins"]):
            mean = self.conv_norm(F.adaptive_avg_pool2d(x, bins), f"pyramid.convs.{i}")
            parts.append(resized(mean, x.shape[2:]))
        x = self.conv_norm(torch.cat(parts, 1) if len(parts) > 1 else x, "head.0")
        return resized(self.conv(x, "head.2"), size)


def resized(x: Tensor, size: torch.Size) -> Tensor:
    """Bilinear resize with aligned corners."""
    return F.interpolate(x, size, mode="bilinear", align_corners=True)


TWINS: dict[type[Network], type[TorchRelative]] = {
    FCN: TorchFCN,
    SegNet: TorchSegNet,
    UNetPlusPlus: TorchUNetPlusPlus,
    SmallPSPNet: TorchPSPNet,
}


def twin(model: Network | Conv2d) -> Weights:
    """Any network or layer that is measured, with a copy of its parameters, in PyTorch."""
    if type(model) not in TWINS:
        return same_in_torch(model)
    state = model.torch_state().items()
    return TWINS[type(model)]({name: torch.tensor(np.array(a)) for name, a in state}, model)


def loss_of(model: Network) -> Callable[..., Tensor]:
    """The loss that our side has, for logits and labels (N, H, W)."""
    return heads_loss if isinstance(model, UNetPlusPlus) else F.cross_entropy


def heads_loss(logits: list[Tensor], labels: Tensor) -> Tensor:
    """Half the cross-entropy less the Dice overlap, the mean over heads."""
    t = labels[:, None].float()
    losses = []
    for z in logits:
        p = torch.sigmoid(z)
        dice = (2 * (p * t).sum() + 1) / (p.sum() + t.sum() + 1)
        losses.append(0.5 * F.binary_cross_entropy_with_logits(z, t) - dice)
    return torch.stack(losses).mean()
