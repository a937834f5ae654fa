"""milesial/Pytorch-UNet with bilinear=True: a class for weights that need one.

tinyunet import net.safetensors --network examples/bilinear.py:BilinearUNet
tinyunet predict net.npz image.png --network examples/bilinear.py:BilinearUNet

The defaults are its authors', for images in colour and two classes: change them to your weights'.
"""

import numpy as np

import tinyunet as tu


class DoubleConv(tu.Layer):
    """Convolution, batch norm and ReLU, twice."""

    def __init__(self, ins, outs, middle, rng):
        super().__init__()
        self.double_conv = []
        for one, other in ((ins, middle), (middle, outs)):
            conv = tu.Conv2d(one, other, 3, padding="same", bias=False, rng=rng)
            self.double_conv += [conv, tu.BatchNorm2d(other), tu.ReLU()]

    def forward(self, x):
        for layer in self.double_conv:
            x = layer(x)
        return x

    def backward(self, dy, *, input_gradient=True):
        for layer in reversed(self.double_conv):
            dy = layer.backward(dy)
        return dy


class Down(tu.Layer):
    """Half the size."""

    def __init__(self, ins, outs, rng):
        super().__init__()
        self.maxpool_conv = [tu.MaxPool2d(2), DoubleConv(ins, outs, outs, rng)]

    def forward(self, x):
        pool, conv = self.maxpool_conv
        return conv(pool(x))

    def backward(self, dy, *, input_gradient=True):
        pool, conv = self.maxpool_conv
        return pool.backward(conv.backward(dy))


class Up(tu.Layer):
    """Twice the size, by interpolation, joined with what came across."""

    def __init__(self, ins, outs, rng):
        super().__init__()
        self.up = tu.Upsample(scale_factor=2, align_corners=True)
        self.join, self.conv = tu.Concat(), DoubleConv(ins, outs, ins // 2, rng)

    def forward(self, below, across):
        return self.conv(self.join(across, self.up(below)))

    def backward(self, dy, *, input_gradient=True):
        dacross, dup = self.join.backward(self.conv.backward(dy))
        return self.up.backward(dup), dacross


class BilinearUNet(tu.Network):
    """Its layers have the names that they have in PyTorch, which is all that the weights need."""

    def __init__(self, in_channels=3, num_classes=2, base_channels=64, seed=0):
        super().__init__()
        rng, c = np.random.default_rng(seed), base_channels
        self.inc = DoubleConv(in_channels, c, c, rng)
        self.down1, self.down2 = Down(c, 2 * c, rng), Down(2 * c, 4 * c, rng)
        self.down3, self.down4 = Down(4 * c, 8 * c, rng), Down(8 * c, 8 * c, rng)
        self.up1, self.up2 = Up(16 * c, 4 * c, rng), Up(8 * c, 2 * c, rng)
        self.up3, self.up4 = Up(4 * c, c, rng), Up(2 * c, c, rng)
        self.outc = OutConv(c, num_classes, rng)

    def forward(self, x):
        across = [self.inc(x)]
        for down in (self.down1, self.down2, self.down3, self.down4):
            across.append(down(across[-1]))
        x = across.pop()
        for up in (self.up1, self.up2, self.up3, self.up4):
            x = up(x, across.pop())
        return self.outc(x)

    def backward(self, dy, *, input_gradient=True):
        dy, dacross = self.outc.backward(dy), []
        for up in (self.up4, self.up3, self.up2, self.up1):
            dy, dskip = up.backward(dy)
            dacross.append(dskip)
        for down in (self.down4, self.down3, self.down2, self.down1):
            dy = down.backward(dy) + dacross.pop()
        return self.inc.backward(dy)


class OutConv(tu.Layer):
    """The logits."""

    def __init__(self, ins, outs, rng):
        super().__init__()
        self.conv = tu.Conv2d(ins, outs, 1, rng=rng)

    def forward(self, x):
        return self.conv(x)

    def backward(self, dy, *, input_gradient=True):
        return self.conv.backward(dy)
