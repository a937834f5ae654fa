"""U-Nets in PyTorch under the names of those whose weights people have, with telling numbers."""

import torch
from torch import nn

F = nn.functional


def double(ins, outs, bias=True, norm=True):
    """conv, norm, ReLU twice, as a Sequential."""
    parts = []
    for channels in (ins, outs):
        parts.append(nn.Conv2d(channels, outs, 3, padding=1, bias=bias))
        parts += [nn.BatchNorm2d(outs)] if norm else []
        parts.append(nn.ReLU())
    return nn.Sequential(*parts)


class Double(nn.Module):
    def __init__(self, ins, outs, bias):
        super().__init__()
        self.double_conv = double(ins, outs, bias)

    def forward(self, x):
        return self.double_conv(x)


class MilesialDown(nn.Module):
    def __init__(self, ins, outs, bias):
        super().__init__()
        self.maxpool_conv = nn.Sequential(nn.MaxPool2d(2), Double(ins, outs, bias))

    def forward(self, x):
        return self.maxpool_conv(x)


class MilesialUp(nn.Module):
    def __init__(self, ins, outs, bias):
        super().__init__()
        self.up = nn.ConvTranspose2d(ins, outs, 2, stride=2)
        self.conv = Double(ins, outs, bias)

    def forward(self, below, skip):
        return self.conv(torch.cat([skip, self.up(below)], 1))


class OutConv(nn.Module):
    def __init__(self, ins, outs):
        super().__init__()
        self.conv = nn.Conv2d(ins, outs, 1)

    def forward(self, x):
        return self.conv(x)


class Milesial(nn.Module):
    """milesial/Pytorch-UNet with bilinear=False."""

    def __init__(self, ins=3, classes=2, base=4, depth=4, bias=False):
        super().__init__()
        self.depth = depth
        self.inc = Double(ins, base, bias)
        for i in range(1, depth + 1):
            width = base << (i - 1)
            setattr(self, f"down{i}", MilesialDown(width, 2 * width, bias))
            width = base << (depth - i)
            setattr(self, f"up{i}", MilesialUp(2 * width, width, bias))
        self.outc = OutConv(base, classes)

    def forward(self, x):
        across = [self.inc(x)]
        for i in range(1, self.depth + 1):
            across.append(getattr(self, f"down{i}")(across[-1]))
        x = across.pop()
        for i in range(1, self.depth + 1):
            x = getattr(self, f"up{i}")(x, across.pop())
        return self.outc(x)


class LabmlDouble(nn.Module):
    def __init__(self, ins, outs):
        super().__init__()
        self.first = nn.Conv2d(ins, outs, 3, padding=1)
        self.second = nn.Conv2d(outs, outs, 3, padding=1)

    def forward(self, x):
        return F.relu(self.second(F.relu(self.first(x))))


class LabmlUp(nn.Module):
    def __init__(self, ins, outs):
        super().__init__()
        self.up = nn.ConvTranspose2d(ins, outs, 2, stride=2)

    def forward(self, x):
        return self.up(x)


class Labml(nn.Module):
    def __init__(self, ins=1, classes=2, base=4, depth=3):
        super().__init__()
        widths = [base << i for i in range(depth)]
        firsts = [ins, *widths[:-1]]
        self.down_conv = nn.ModuleList(map(LabmlDouble, firsts, widths))
        self.middle_conv = LabmlDouble(widths[-1], 2 * widths[-1])
        self.up_sample = nn.ModuleList(LabmlUp(2 * w, w) for w in reversed(widths))
        self.up_conv = nn.ModuleList(LabmlDouble(2 * w, w) for w in reversed(widths))
        self.final_conv = nn.Conv2d(base, classes, 1)

    def forward(self, x):
        across = []
        for block in self.down_conv:
            across.append(block(x))
            x = F.max_pool2d(across[-1], 2)
        x = self.middle_conv(x)
        for up, block in zip(self.up_sample, self.up_conv, strict=True):
            x = block(torch.cat([up(x), across.pop()], 1))
        return self.final_conv(x)


def brain_block(ins, outs, name):
    parts = {}
    for i, channels in ((1, ins), (2, outs)):
        parts[f"{name}conv{i}"] = nn.Conv2d(channels, outs, 3, padding=1, bias=False)
        parts[f"{name}norm{i}"] = nn.BatchNorm2d(outs)
        parts[f"{name}relu{i}"] = nn.ReLU()
    block = nn.Sequential()
    for key, part in parts.items():
        block.add_module(key, part)
    return block


class Brain(nn.Module):
    """mateuszbuda/brain-segmentation-pytorch, without the sigmoid at its end."""

    def __init__(self, ins=3, classes=1, base=4, depth=4):
        super().__init__()
        self.depth = depth
        for i in range(1, depth + 1):
            width = base << (i - 1)
            before = ins if i == 1 else width // 2
            setattr(self, f"encoder{i}", brain_block(before, width, f"enc{i}"))
            setattr(self, f"upconv{i}", nn.ConvTranspose2d(2 * width, width, 2, stride=2))
            setattr(self, f"decoder{i}", brain_block(2 * width, width, f"dec{i}"))
        self.bottleneck = brain_block(width, 2 * width, "bottleneck")
        self.conv = nn.Conv2d(base, classes, 1)

    def forward(self, x):
        across = []
        for i in range(1, self.depth + 1):
            across.append(getattr(self, f"encoder{i}")(x))
            x = F.max_pool2d(across[-1], 2)
        x = self.bottleneck(x)
        for i in range(self.depth, 0, -1):
            x = torch.cat([getattr(self, f"upconv{i}")(x), across.pop()], 1)
            x = getattr(self, f"decoder{i}")(x)
        return self.conv(x)


class Flat(nn.Module):
    """All layers beside each other, numbered through: conv1, bn1, conv2, ..., conv10, conv11."""

    def __init__(self, ins=1, classes=3, base=4, depth=2):
        super().__init__()
        self.depth = depth
        widths = [base << i for i in range(depth + 1)]
        blocks = [*zip([ins, *widths], widths, strict=False)]
        blocks += [(2 * w, w) for w in widths[-2::-1]]
        for i, (first, outs) in enumerate(blocks):
            for j, channels in ((2 * i + 1, first), (2 * i + 2, outs)):
                setattr(self, f"conv{j}", nn.Conv2d(channels, outs, 3, padding=1))
                setattr(self, f"bn{j}", nn.BatchNorm2d(outs))
        for i, width in enumerate(reversed(widths[:-1])):
            setattr(self, f"upconv{i + 1}", nn.ConvTranspose2d(2 * width, width, 2, stride=2))
        self.out = nn.Conv2d(base, classes, 1)

    def block(self, i, x):
        for j in (2 * i + 1, 2 * i + 2):
            x = F.relu(getattr(self, f"bn{j}")(getattr(self, f"conv{j}")(x)))
        return x

    def forward(self, x):
        across = []
        for i in range(self.depth):
            across.append(self.block(i, x))
            x = F.max_pool2d(across[-1], 2)
        x = self.block(self.depth, x)
        for i in range(self.depth):
            x = torch.cat([across.pop(), getattr(self, f"upconv{i + 1}")(x)], 1)
            x = self.block(self.depth + 1 + i, x)
        return self.out(x)


class Lists(nn.Module):
    """downs, ups with up-convolutions and blocks in turn, bottleneck, final_conv."""

    def __init__(self, ins=3, classes=1, base=4, depth=3):
        super().__init__()
        self.downs, self.ups = nn.ModuleList(), nn.ModuleList()
        for i in range(depth):
            width = base << i
            self.downs.append(double(ins if i == 0 else width // 2, width, bias=False))
        for i in reversed(range(depth)):
            width = base << i
            self.ups.append(nn.ConvTranspose2d(2 * width, width, 2, stride=2))
            self.ups.append(double(2 * width, width, bias=False))
        self.bottleneck = double(base << (depth - 1), base << depth, bias=False)
        self.final_conv = nn.Conv2d(base, classes, 1)

    def forward(self, x):
        across = []
        for block in self.downs:
            across.append(block(x))
            x = F.max_pool2d(across[-1], 2)
        x = self.bottleneck(x)
        for up, block in zip(self.ups[::2], self.ups[1::2], strict=True):
            x = block(torch.cat([across.pop(), up(x)], 1))
        return self.final_conv(x)


class Letters(nn.Module):
    """e11, e12, e21, ..., upconv1, d11, d12, ...: without normalisation."""

    def __init__(self, ins=3, classes=4, base=4, depth=2):
        super().__init__()
        self.depth = depth
        widths = [base << i for i in range(depth + 1)]
        for i, (before, width) in enumerate(zip([ins, *widths], widths, strict=False), 1):
            setattr(self, f"e{i}1", nn.Conv2d(before, width, 3, padding=1))
            setattr(self, f"e{i}2", nn.Conv2d(width, width, 3, padding=1))
        for i, width in enumerate(reversed(widths[:-1]), 1):
            setattr(self, f"upconv{i}", nn.ConvTranspose2d(2 * width, width, 2, stride=2))
            setattr(self, f"d{i}1", nn.Conv2d(2 * width, width, 3, padding=1))
            setattr(self, f"d{i}2", nn.Conv2d(width, width, 3, padding=1))
        self.outconv = nn.Conv2d(base, classes, 1)

    def block(self, name, x):
        return F.relu(getattr(self, f"{name}2")(F.relu(getattr(self, f"{name}1")(x))))

    def forward(self, x):
        across = []
        for i in range(1, self.depth + 1):
            across.append(self.block(f"e{i}", x))
            x = F.max_pool2d(across[-1], 2)
        x = self.block(f"e{self.depth + 1}", x)
        for i in range(1, self.depth + 1):
            x = torch.cat([getattr(self, f"upconv{i}")(x), across.pop()], 1)
            x = self.block(f"d{i}", x)
        return self.outconv(x)


class OursDouble(nn.Module):
    def __init__(self, ins, outs):
        super().__init__()
        self.conv1 = nn.Conv2d(ins, outs, 3, padding=1)
        self.conv2 = nn.Conv2d(outs, outs, 3, padding=1)

    def forward(self, x):
        return F.relu(self.conv2(F.relu(self.conv1(x))))


class Ours(nn.Module):
    """With the names of `tinyunet.UNet`."""

    def __init__(self, ins=1, classes=2, base=4, depth=2):
        super().__init__()
        widths = [base << i for i in range(depth)]
        self.encoder = nn.ModuleList(map(OursDouble, [ins, *widths[:-1]], widths))
        self.bottom = OursDouble(widths[-1], 2 * widths[-1])
        self.ups = nn.ModuleList(nn.ConvTranspose2d(2 * w, w, 2, stride=2) for w in widths)
        self.decoder = nn.ModuleList(OursDouble(2 * w, w) for w in widths)
        self.head = nn.Conv2d(base, classes, 1)

    def forward(self, x):
        across = []
        for block in self.encoder:
            across.append(block(x))
            x = F.max_pool2d(across[-1], 2)
        x = self.bottom(x)
        for up, block in zip(reversed(self.ups), reversed(self.decoder), strict=True):
            x = block(torch.cat([across.pop(), up(x)], 1))
        return self.head(x)


class Wrapped(nn.Module):
    def __init__(self, module):
        super().__init__()
        self.module = module

    def forward(self, x):
        return self.module(x)


# What makes one, the channels of its image, the family that is recognised, and what must be said of it.
FAMILIES = {
    "milesial/Pytorch-UNet": (Milesial, 3, "milesial/Pytorch-UNet", {}),
    "milesial, with biases": (
        lambda: Milesial(1, bias=True, depth=3), 1, "milesial/Pytorch-UNet", {}),
    "milesial, in DataParallel": (lambda: Wrapped(Milesial(depth=2)), 3, "milesial/Pytorch-UNet", {}),
    "labml": (Labml, 1, "labml", {}),
    "brain-segmentation": (Brain, 3, "brain-segmentation (mateuszbuda)", {}),
    "conv1, bn1, ..., conv10": (Flat, 1, "a U-Net of other names", {"joined": "skip_up"}),
    "downs, ups, bottleneck": (Lists, 3, "a U-Net of other names", {"joined": "skip_up"}),
    "e11, e12, ..., d12": (Letters, 3, "a U-Net of other names", {"joined": "up_skip"}),
}  # fmt: skip


def stirred(module, seed=0):
    """The module with random weights, biases and statistics, in eval."""
    draw = torch.Generator().manual_seed(seed)
    for name, array in module.state_dict().items():
        if array.dtype == torch.int64:
            array.fill_(7)
        elif name.endswith("running_var") or (name.endswith("weight") and array.ndim == 1):
            array.uniform_(0.5, 2, generator=draw)
        elif array.ndim == 1:
            array.normal_(0, 0.3, generator=draw)
        else:
            array.normal_(0, (2 / array[0].numel()) ** 0.5, generator=draw)
    return module.eval()
