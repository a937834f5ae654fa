"""The U-Net in PyTorch, to stand beside ours. Imported only where PyTorch is installed."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F

from tinyunet.layers import Conv2d
from tinyunet.networks.unet import UNet


class Weights(torch.nn.Module):
    """Parameters under tinyunet's names."""

    def __init__(self, weights: dict[str, torch.Tensor]) -> None:
        super().__init__()
        self.names = {name: name.replace(".", "_") for name in weights}
        for name, value in weights.items():
            self.register_parameter(self.names[name], torch.nn.Parameter(value))

    def pair(self, name: str) -> tuple[torch.Tensor, torch.Tensor]:
        """The weight and bias of a layer."""
        return tuple(getattr(self, self.names[f"{name}.{key}"]) for key in ("weight", "bias"))


class TorchConv(Weights):
    """One 3x3 convolution with a ReLU."""

    def __init__(self, weights: dict[str, torch.Tensor], layer: Conv2d) -> None:
        super().__init__({f"conv.{name}": value for name, value in weights.items()})

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return (N, C', H', W') from x (N, C, H, W)."""
        return F.relu(F.conv2d(x, *self.pair("conv")))


class TorchUNet(Weights):
    """The U-Net with concatenated skips, the same computation as `tinyunet.UNet`."""

    def __init__(self, weights: dict[str, torch.Tensor], model: UNet) -> None:
        super().__init__(weights)
        self.depth, self.padding = model.depth, 1 if model.padding == "same" else 0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return logits (N, K, H', W') from images (N, C, H, W)."""
        across = []
        for level in range(self.depth):
            x = self.double_conv(x, f"encoder.{level}")
            across.append(x)
            x = F.max_pool2d(x, 2)
        x = self.double_conv(x, "bottom")
        for level in reversed(range(self.depth)):
            x = F.conv_transpose2d(x, *self.pair(f"ups.{level}"), stride=2)
            h, w = x.shape[2:]
            top, left = (across[level].shape[2] - h) // 2, (across[level].shape[3] - w) // 2
            x = torch.cat((across[level][:, :, top : top + h, left : left + w], x), 1)
            x = self.double_conv(x, f"decoder.{level}")
        return F.conv2d(x, *self.pair("head"))

    def double_conv(self, x: torch.Tensor, name: str) -> torch.Tensor:
        """Two 3x3 convolutions with ReLUs."""
        for conv in ("conv1", "conv2"):
            x = F.relu(F.conv2d(x, *self.pair(f"{name}.{conv}"), padding=self.padding))
        return x


def same_in_torch(model: UNet | Conv2d) -> TorchUNet | TorchConv:
    """The same network or layer in PyTorch, with a copy of its parameters."""
    weights = {
        name: torch.tensor(np.ascontiguousarray(array))
        for name, array in model.torch_state().items()
    }
    return (TorchConv if isinstance(model, Conv2d) else TorchUNet)(weights, model)


def put_back(net: TorchUNet, model: UNet) -> None:
    """Fill the parameters of our model with those of its twin."""
    for name, view in model.torch_state().items():
        view[...] = getattr(net, net.names[name]).detach().numpy()  # this fills our parameter


def channels_first(x: np.ndarray) -> torch.Tensor:
    """An array (N, H, W, C) as a tensor (N, C, H, W)."""
    return torch.from_numpy(np.ascontiguousarray(np.moveaxis(x, 3, 1)))
