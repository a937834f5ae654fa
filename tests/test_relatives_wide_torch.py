"""PyTorch as an oracle for U-Net++ and PSPNet, built there anew and filled with the same weights."""

import numpy as np
import pytest
from helpers import assert_close, upstream

from tinyunet.gradcheck.suite import scaled, with_biases
from tinyunet.layers import BatchNorm2d
from tinyunet.networks import PSPNet, SmallPSPNet, UNetPlusPlus

torch = pytest.importorskip("torch", reason="PyTorch is the oracle here and is not installed")
nn, F = torch.nn, torch.nn.functional
torch.set_num_threads(1)


class ConvNorm(nn.Module):
    def __init__(self, ins, outs, kernel=3, stride=1, dilation=1, relu=True):
        super().__init__()
        padding = dilation * (kernel // 2)
        self.conv = nn.Conv2d(ins, outs, kernel, stride, padding, dilation, bias=False)
        self.norm, self.rectify = nn.BatchNorm2d(outs), relu

    def forward(self, x):
        y = self.norm(self.conv(x))
        return F.relu(y) if self.rectify else y


# ---------------------------------------------------------------------- U-Net++


class Node(nn.Module):
    def __init__(self, ins, outs, norm):
        super().__init__()
        made = ConvNorm if norm else lambda a, b: nn.Conv2d(a, b, 3, padding=1)
        self.conv1, self.conv2 = made(ins, outs), made(outs, outs)

    def forward(self, x):
        return F.relu(self.conv2(F.relu(self.conv1(x))))


class Nested(nn.Module):
    def __init__(self, ins, classes, heads, f, norm):
        super().__init__()
        self.f = f
        d = len(f) - 1
        before = [ins, *f]
        self.nodes = nn.ModuleList(
            nn.ModuleList(
                Node((j + 1) * f[i] if j else before[i], f[i], norm) for j in range(d + 1 - i)
            )
            for i in range(d + 1)
        )
        self.ups = nn.ModuleList(
            nn.ModuleList(nn.ConvTranspose2d(f[i + 1], f[i], 2, 2) for _ in range(d - i))
            for i in range(d)
        )
        self.heads = nn.ModuleList(nn.Conv2d(f[0], classes, 1) for _ in range(heads))

    def forward(self, x):
        d = len(self.f) - 1
        rows = [[] for _ in self.f]
        for diagonal in range(d + 1):  # another order than ours
            for j in range(diagonal + 1):
                i = diagonal - j
                if j:
                    up = self.ups[i][j - 1](rows[i + 1][j - 1])
                    given = torch.cat([up, *rows[i]], 1)
                else:
                    given = F.max_pool2d(rows[i - 1][0], 2) if i else x
                rows[i].append(self.nodes[i][j](given))
        tops = rows[0][-len(self.heads) :]
        y = [head(top) for head, top in zip(self.heads, tops, strict=True)]
        return y if self.training else y[-1:]


# ---------------------------------------------------------------------- PSPNet


class Bottleneck(nn.Module):
    def __init__(self, ins, width, stride, dilation, stride_in):
        super().__init__()
        one, three = (stride, 1) if stride_in == "1x1" else (1, stride)
        self.reduce = ConvNorm(ins, width, 1, one)
        self.middle = ConvNorm(width, width, 3, three, dilation)
        self.expand = ConvNorm(width, 4 * width, 1, relu=False)
        plain = stride == 1 and ins == 4 * width
        self.around = None if plain else ConvNorm(ins, 4 * width, 1, stride, relu=False)

    def forward(self, x):
        y = self.expand(self.middle(self.reduce(x)))
        return F.relu(y + (x if self.around is None else self.around(x)))


class Pyramid(nn.Module):
    def __init__(self, channels, bins):
        super().__init__()
        self.bins = bins
        self.convs = nn.ModuleList(ConvNorm(channels, -(-channels // 4), 1) for _ in bins)

    def forward(self, x):
        parts = [x]
        for bins, conv in zip(self.bins, self.convs, strict=True):
            part = conv(F.adaptive_avg_pool2d(x, bins))
            parts.append(F.interpolate(part, x.shape[2:], mode="bilinear", align_corners=True))
        return torch.cat(parts, 1)


def head(ins, width, classes):
    return nn.Sequential(ConvNorm(ins, width), nn.Identity(), nn.Conv2d(width, classes, 1))


class Scenes(nn.Module):
    def __init__(self, stages, channels, width, classes, bins, auxiliary=None):
        super().__init__()
        self.stages = nn.ModuleList(stages)
        self.pyramid = Pyramid(channels, bins) if bins else None
        self.head = head(channels + len(bins) * -(-channels // 4), width, classes)
        self.auxiliary = auxiliary

    def forward(self, x):
        size = x.shape[2:]
        for stage in self.stages:
            before, x = x, stage(x)
        y = [self.head(x if self.pyramid is None else self.pyramid(x))]
        if self.auxiliary is not None and self.training:
            y.append(self.auxiliary(before))
        return [F.interpolate(z, size, mode="bilinear", align_corners=True) for z in y]


def scenes(ins, classes, base, blocks, bins, stride_in="1x1", auxiliary=False):
    b = base
    pool = nn.MaxPool2d(3, 2, 1)
    stages = [nn.Sequential(ConvNorm(ins, b, 3, 2), ConvNorm(b, b), ConvNorm(b, 2 * b), pool)]
    before = 2 * b
    for count, width, stride, dilation in zip(
        blocks, (b, 2 * b, 4 * b, 8 * b), (1, 2, 1, 1), (1, 1, 2, 4), strict=True
    ):
        stage = [Bottleneck(before, width, stride, dilation, stride_in)]
        stage += [Bottleneck(4 * width, width, 1, dilation, stride_in) for _ in range(count - 1)]
        stages.append(nn.Sequential(*stage))
        before = 4 * width
    second = head(16 * b, 4 * b, classes) if auxiliary else None
    return Scenes(stages, 32 * b, 8 * b, classes, bins, second)


def small_scenes(ins, classes, channels, dilations, bins):
    a, b, c = channels
    stem = nn.Sequential(ConvNorm(ins, a, 3, 2), ConvNorm(a, b), ConvNorm(b, c, 3, 2))
    dilated = nn.Sequential(*(ConvNorm(c, c, 3, 1, d) for d in dilations))
    return Scenes([stem, dilated], c, c, classes, bins)


# ---------------------------------------------------------------------- the comparison

F4, BLOCKS = (3, 4, 5, 6), (2, 1, 2, 1)
PAIRS = {
    "U-Net++": (
        lambda: UNetPlusPlus(2, 3, channels=F4, dropout=0),
        lambda: Nested(2, 3, 1, F4, False),
        (2, 16, 24, 2),
    ),
    "U-Net++, three heads": (
        lambda: UNetPlusPlus(2, 1, channels=F4, heads=3, dropout=0),
        lambda: Nested(2, 1, 3, F4, False),
        (2, 16, 24, 2),
    ),
    "U-Net++, batch norm": (
        lambda: UNetPlusPlus(1, 1, channels=F4, heads=3, dropout=0, batch_norm=True),
        lambda: Nested(1, 1, 3, F4, True),
        (2, 16, 24, 1),
    ),
    "PSPNet": (
        lambda: PSPNet(3, 4, base_channels=2, blocks=BLOCKS, dropout=0),
        lambda: scenes(3, 4, 2, BLOCKS, (1, 2, 3, 6)),
        (2, 33, 49, 3),
    ),
    "PSPNet, other order, auxiliary": (
        lambda: PSPNet(
            3, 4, base_channels=2, blocks=BLOCKS, bins=(3, 1), dropout=0,
            stride_in="3x3", auxiliary=True,
        ),
        lambda: scenes(3, 4, 2, BLOCKS, (3, 1), "3x3", auxiliary=True),
        (2, 33, 49, 3),
    ),
    "PSPNet, small": (
        lambda: SmallPSPNet(channels=(3, 4, 5), dilations=(2, 4)),
        lambda: small_scenes(1, 3, (3, 4, 5), (2, 4), (1, 2, 3, 6)),
        (2, 25, 33, 1),
    ),
    "PSPNet, small, no pyramid": (
        lambda: SmallPSPNet(channels=(3, 4, 6), dilations=(1, 2, 4), bins=()),
        lambda: small_scenes(1, 3, (3, 4, 6), (1, 2, 4), ()),
        (2, 25, 33, 1),
    ),
}  # fmt: skip


def filled(make):
    """A network in float64 with other biases, scales and statistics than zeros and ones."""
    model = with_biases(make(), np.random.default_rng(6))
    for _, layer in model.named_layers():
        if isinstance(layer, BatchNorm2d):
            scaled(layer)
    return model.astype("float64")


def to_torch(x):
    return torch.tensor(np.moveaxis(x, 3, 1).copy())


def from_torch(x):
    return np.moveaxis(x.detach().numpy(), 1, 3)


@pytest.mark.parametrize(("make", "make_twin", "shape"), PAIRS.values(), ids=PAIRS.keys())
def test_values_gradients_and_statistics_are_pytorchs(make, make_twin, shape):
    model, twin = filled(make), make_twin().double()
    state = {k: torch.tensor(np.array(a)) for k, a in model.torch_state().items()}
    twin.load_state_dict(state)  # strict: every name and shape is the same on both sides
    x = np.random.default_rng(7).standard_normal(shape)

    eval_y, eval_twin = model.predict(x), twin.eval()(to_torch(x))[0]
    assert_close(eval_y, from_torch(eval_twin), 1e-12, "y in eval")

    model.train()
    twin.train()
    y, image = model(x), to_torch(x).requires_grad_()
    y, twin_y = y if isinstance(y, list) else [y], twin(image)
    dy = [upstream(z, seed) for seed, z in enumerate(y)]
    dx = model.backward(dy if len(dy) > 1 else dy[0])
    torch.autograd.backward(twin_y, [to_torch(d) for d in dy])
    for j, (ours, theirs) in enumerate(zip(y, twin_y, strict=True)):
        assert_close(ours, from_torch(theirs), 1e-11, f"y of head {j}")
    assert_close(dx, from_torch(image.grad), 1e-10, "dx")

    gradients, theirs = dict(model.named_gradients()), dict(twin.named_parameters())
    assert gradients.keys() == theirs.keys()
    axes = {4: (2, 3, 1, 0), 1: (0,)}
    for name, gradient in gradients.items():
        order = (
            (0, 2, 3, 1) if name.startswith("ups") and gradient.ndim == 4 else axes[gradient.ndim]
        )
        assert_close(gradient, theirs[name].grad.numpy().transpose(order), 1e-10, name)
    running = dict(twin.named_buffers())
    for name, array in model.named_buffers():
        assert_close(array, running[name].numpy(), 1e-12, name)
