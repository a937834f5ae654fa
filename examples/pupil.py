"""A network of somebody else's, with an attention that tinyunet has not: written in a page, and filled.

python examples/pupil.py pupil.safetensors      draws an eye, finds the pupil, writes pupil.png

The package mouse-pupil-analysis 0.3.0 (MIT) has a U-Net that its authors trained on 615 mouse eyes.
Get it with `pip download --no-deps mouse-pupil-analysis==0.3.0`, unzip the wheel, and turn the .pth in
its folder checkpoints into safetensors: `tinyunet import` says how.
"""

import sys

import numpy as np

import tinyunet as tu

SIDE = 148  # pixels, of the eyes that it was trained on


class MeanAndMax(tu.Layer):
    """The mean and the maximum over the channels, (N, H, W, 2)."""

    def forward(self, x):
        xp = tu.array_module(x)
        winner = self._decide(x.argmax(3)[..., None])  # held while gradients are checked
        largest = xp.take_along_axis(x, winner, 3)
        y = xp.concatenate([x.mean(3, keepdims=True), largest], 3)
        self._keep(y, x.shape, winner)
        return y

    def backward(self, dy, *, input_gradient=True):
        shape, winner = self._take(dy)
        channels = tu.array_module(dy).arange(shape[3])
        return dy[..., :1] / shape[3] + dy[..., 1:] * (channels == winner)

    def decisions(self):
        return [] if self._kept is None else [self._kept[-1][1]]


class SpatialAttention(tu.Layer):
    """x times a map from 0 to 1, which a convolution makes of x's mean and maximum."""

    def __init__(self, rng):
        super().__init__()
        self.pool, self.sigmoid = MeanAndMax(), tu.Sigmoid()
        self.conv = tu.Conv2d(2, 1, 7, padding="same", bias=False, rng=rng)

    def forward(self, x):
        a = self.sigmoid(self.conv(self.pool(x)))
        y = x * a
        self._keep(y, x, a)
        return y

    def backward(self, dy, *, input_gradient=True):
        x, a = self._take(dy)
        da = (dy * x).sum(3, keepdims=True)
        return dy * a + self.pool.backward(self.conv.backward(self.sigmoid.backward(da)))


class DoubleConv(tu.Layer):
    """Convolution, batch norm and ReLU, twice."""

    def __init__(self, ins, outs, rng):
        super().__init__()
        self.double_conv = []
        for channels in (ins, outs):
            conv = tu.Conv2d(channels, outs, 3, padding="same", rng=rng)
            self.double_conv += [conv, tu.BatchNorm2d(outs), tu.ReLU()]

    def forward(self, x):
        for layer in self.double_conv:
            x = layer(x)
        return x

    def backward(self, dy, *, input_gradient=True):
        for layer in reversed(self.double_conv):
            dy = layer.backward(dy)
        return dy


class PupilNet(tu.Network):
    """Its layers have the names that they have in PyTorch, which is all that the weights need."""

    def __init__(self, base_channels=32, seed=0):
        super().__init__()
        rng, c = np.random.default_rng(seed), base_channels
        self.inc = DoubleConv(1, c, rng)
        self.down1 = [tu.MaxPool2d(2), DoubleConv(c, 2 * c, rng)]
        self.down2 = [tu.MaxPool2d(2), DoubleConv(2 * c, 4 * c, rng)]
        self.att = SpatialAttention(rng)
        self.up1 = tu.ConvTranspose2d(4 * c, 2 * c, 2, stride=2, rng=rng)
        self.join1, self.conv1 = tu.Concat(), DoubleConv(4 * c, 2 * c, rng)
        self.up2 = tu.ConvTranspose2d(2 * c, c, 2, stride=2, rng=rng)
        self.join2, self.conv2 = tu.Concat(), DoubleConv(2 * c, c, rng)
        self.outc = tu.Conv2d(c, 1, 1, rng=rng)

    def forward(self, x):
        x1 = self.inc(x)
        x2 = self.down1[1](self.down1[0](x1))
        x3 = self.att(self.down2[1](self.down2[0](x2)))
        x = self.conv1(self.join1(self.up1(x3), x2))
        return self.outc(self.conv2(self.join2(self.up2(x), x1)))

    def backward(self, dy, *, input_gradient=True):
        dup, dx1 = self.join2.backward(self.conv2.backward(self.outc.backward(dy)))
        dup, dx2 = self.join1.backward(self.conv1.backward(self.up2.backward(dup)))
        dx3 = self.att.backward(self.up1.backward(dup))
        dx2 = dx2 + self.down2[0].backward(self.down2[1].backward(dx3))
        dx1 = dx1 + self.down1[0].backward(self.down1[1].backward(dx2))
        return self.inc.backward(dx1)


def eye(radius, centre=(SIDE / 2, SIDE / 2), seed=0):
    """A drawn eye (SIDE, SIDE) from 0 to 1 with a dark pupil and a glint, and where the pupil is."""
    rows, columns = np.mgrid[:SIDE, :SIDE]
    away = np.hypot(rows - centre[0], columns - centre[1])
    image = 0.35 + 0.25 * np.exp(-(away**2) / 7200)
    image *= 1 - 0.75 / (1 + np.exp(-(radius - away) / 1.2))
    glint = (rows - centre[0] + 5) ** 2 + (columns - centre[1] - 5) ** 2
    image += 0.5 * np.exp(-glint / 6)
    image += 0.02 * np.random.default_rng(seed).standard_normal(image.shape)
    return image.clip(0, 1), away < radius


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    model = tu.load_torch(sys.argv[1], model=PupilNet())
    image, pupil = eye(20)
    logits = model.predict(image[None, ..., None].astype(np.float32))[0, ..., 0]
    found = logits > 0
    print(f"IoU {(found & pupil).sum() / (found | pupil).sum():.2f}")
    from PIL import Image

    shown = np.concatenate([image, pupil, found], 1) * 255
    Image.fromarray(shown.astype(np.uint8)).save("pupil.png")
    print("pupil.png: the eye, its pupil, what was found")
