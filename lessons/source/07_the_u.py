# ---
# jupyter:
#   tinyunet:
#     lesson: 7
#     title: The U
#     time: 1 min
# ---

# %% [markdown]
# # Lesson 7: The U
#
# *About a minute of computing and an hour and a half of reading and writing. You need: lessons 1
# to 6.*
#
# You have all parts. Today they become a **U-Net**: the network of Ronneberger, Fischer and Brox
# (2015), with all its 31,030,658 parameters. (The paper is short and can be found as
# arXiv:1505.04597.) After this lesson you can
#
# - say which image sizes a U-Net takes, and what comes out;
# - count its parameters by hand;
# - write its forward pass, and its backward pass, each in a dozen lines;
# - prove that every gradient in it is right;
# - look inside, and see what it sees.
#
# There are four exercises.

# %%
import inspect

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.patches import Rectangle

import tinyunet as tu
from tinyunet.exercises import check, claim, small
from tinyunet.networks import DoubleConv, Skip

plt.rcParams["figure.dpi"] = 80
BLUE, ORANGE, GREEN, GRAY = "#0072b2", "#d55e00", "#009e73", "0.6"


def largest(difference):
    return np.abs(difference).max()


# %% [markdown]
# ## The plan
#
# - **Down the left arm**, the *encoder*. On each level two 3x3 convolutions, each followed by a
#   ReLU. Then a max-pooling halves the image. With each level down there are twice as many
#   channels: the network sees more and more of the image in each pixel, and has more to say about
#   it.
# - **The bottom.** Two convolutions more.
# - **Up the right arm**, the *decoder*. An up-convolution doubles the image. What the left arm had
#   on the same level is cropped and put beside it (the *skip* of lesson 6). Two convolutions make
#   one out of both.
# - **The head.** A 1x1 convolution turns the last channels into a score for each class.
#
# The number of poolings is called the **depth**. The paper's depth is 4, and its first level has
# 64 channels.
#
# ## Sizes
#
# The convolutions have no padding. **Predict**: 572 by 572 pixels go in. What comes out?
#
# Let us go through it with a number in place of an image. Two convolutions take 4 pixels off a
# side, a pooling halves it, an up-convolution doubles it:
#
# | | | side |
# |---|---|---|
# | down | minus 4, halve | 572 → 568 → 284 → 280 → 140 → 136 → 68 → 64 → 32 |
# | bottom | minus 4 | 32 → 28 |
# | up | double, minus 4 | 28 → 56 → 52 → 104 → 100 → 200 → 196 → 392 → 388 |
#
# The skips do not change that: they are cropped to what came up. What can go wrong is an odd side
# in front of a pooling, which would lose a pixel and shift everything below by half of one. Or
# nothing is left.

# %% [markdown]
# ### Exercise 1: the output's side
#
# Return 0 where the network cannot take an image of that side, for one of these two reasons.


# %% nbgrader={"grade": false, "grade_id": "unet_output_side", "locked": false, "schema_version": 3, "solution": true, "task": false}
def unet_output_side(side, depth):
    """Return the side of the output, a whole number, or 0 where that input is not possible."""
    ### BEGIN SOLUTION
    for _ in range(depth):
        side -= 4
        if side < 2 or side % 2:
            return 0
        side //= 2
    side -= 4
    for _ in range(depth):
        side = 2 * side - 4
    return max(side, 0)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_unet_output_side", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check.unet_output_side(unet_output_side)

# %%
fits = [side for side in range(1, 700) if unet_output_side(side, 4)]
print(
    "depth 4 takes:", ", ".join(map(str, fits[:4])), "...", ", ".join(map(str, fits[-9:-5])), "..."
)
claim("572 becomes", unet_output_side(572, 4), low=388, high=388)
claim("smallest image", fits[0], low=188, high=188)
claim("what comes out of it", unet_output_side(188, 4), low=4, high=4)
steps_between = np.diff(fits)
claim("smallest step from one possible size to the next", steps_between.min(), low=16, high=16)
claim("largest step", steps_between.max(), low=16, high=16)

# %% [markdown]
# Only every 16th size is possible: four halvings have to come out even, and $2^4 = 16$. And the
# output is always 184 pixels smaller, 92 on each side. Where do they come from? A pixel lost on
# level $l$ is as wide as $2^l$ pixels of the image. Four are lost there on the way down and four
# on the way up, at the bottom (level $d$, the depth) four only once:
#
# $$ \text{lost} \;=\; 4 \cdot 2^d + 8 \sum_{l=0}^{d-1} 2^l \;=\; 4 \cdot 2^d + 8 \, (2^d - 1)
# \;=\; 12 \cdot 2^d - 8 $$

# %%
for depth in (1, 2, 3, 4):
    side = next(s for s in range(1000) if unet_output_side(s, depth))
    print(
        f"depth {depth}: {side - unet_output_side(side, depth)} lost, formula {12 * 2**depth - 8}"
    )
claim("lost at depth 4", 572 - unet_output_side(572, 4), low=12 * 2**4 - 8, high=12 * 2**4 - 8)

# %% [markdown]
# ## Parameters
#
# A $k \times k$ convolution from $a$ to $b$ channels has a weight for every place of the kernel
# and every pair of channels, and a bias for every output channel: $k^2 a b + b$. An
# up-convolution has as many.
#
# **Predict**: where are most of the parameters, at the top, where the image is large, or at the
# bottom?

# %% [markdown]
# ### Exercise 2: count them
#
# Mind the channels. Level 0 has `base_channels`. With $c$ channels on a level (64, 128, ...):
#
# - left arm: $c/2 \to c$ (on level 0 from the image's channels), then $c \to c$;
# - the bottom in the same way;
# - right arm: the 2x2 up-convolution makes $2c \to c$. With the skip beside it that is $2c$
#   channels again, so the two convolutions are $2c \to c$ and $c \to c$;
# - the head.


# %% nbgrader={"grade": false, "grade_id": "unet_parameters", "locked": false, "schema_version": 3, "solution": true, "task": false}
def unet_parameters(in_channels, num_classes, base_channels, depth):
    """Return how many weights and biases a U-Net has."""

    ### BEGIN SOLUTION
    def conv(k, a, b):
        return k * k * a * b + b

    total, before, c = 0, in_channels, base_channels
    for _ in range(depth):
        total += conv(3, before, c) + conv(3, c, c)  # left
        total += conv(2, 2 * c, c) + conv(3, 2 * c, c) + conv(3, c, c)  # right
        before, c = c, 2 * c
    total += conv(3, before, c) + conv(3, c, c)  # bottom
    return total + conv(1, base_channels, num_classes)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_unet_parameters", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check.unet_parameters(unet_parameters)

# %%
total = unet_parameters(1, 2, 64, 4)
print(f"{total:,} parameters")
claim("how many more than the paper's 31,030,658", total - 31_030_658, low=0, high=0)
bottom = 9 * 512 * 1024 + 1024 + 9 * 1024 * 1024 + 1024
claim("share of the two convolutions at the bottom", bottom / total, low=0.45, high=0.46)

# %% [markdown]
# Nearly half are at the very bottom, where the image is smallest: with twice the channels, a
# convolution has four times the weights.
#
# ## Build it
#
# Two of the parts are themselves put together from layers. Here is what the package calls
# `DoubleConv`, two convolutions with their ReLUs (`activation="relu"` does the ReLU of lesson 3
# at once), and `Skip`, the crop and the concat of lesson 6. Their whole code:

# %%
for part in (DoubleConv, Skip):
    print(f"class {part.__name__}:")
    print(inspect.getsource(part.forward))
    print(inspect.getsource(part.backward))

# %% [markdown]
# A `Skip` has two inputs, so its `backward` returns two gradients: first that of what went
# across, then that of what came up. (Three things you can pass over. Dropout, which sets random
# numbers to 0 in training, is off here. With `input_gradient=False` the gradient of the image,
# which training does not need, is left out. And `join` is `None` in a network without skips.)
#
# And this makes all layers of a U-Net and keeps them in lists, one entry for each level, level 0
# at the top. Nothing happens yet: the paths between them are your work. (`tu.Layer` is the base
# of all layers. It finds the parameters of everything that is inside.)


# %%
class Net(tu.Layer):
    """A U-Net of a depth, without padding."""

    def __init__(self, in_channels=1, num_classes=2, base_channels=64, depth=4, seed=0):
        super().__init__()
        rng = np.random.default_rng(seed)
        self.depth = depth
        c = [base_channels * 2**level for level in range(depth + 1)]
        before = [in_channels, *c]
        levels = range(depth)
        self.encoder = [DoubleConv(before[level], c[level], "valid", rng) for level in levels]
        self.pools = [tu.MaxPool2d(2) for level in levels]
        self.bottom = DoubleConv(c[-2], c[-1], "valid", rng)
        self.ups = [
            tu.ConvTranspose2d(c[level + 1], c[level], 2, stride=2, rng=rng) for level in levels
        ]
        self.skips = [Skip("concat") for level in levels]
        self.decoder = [DoubleConv(2 * c[level], c[level], "valid", rng) for level in levels]
        self.head = tu.Conv2d(c[0], num_classes, 1, rng=rng)


net = Net()
print(f"{net.num_parameters:,} parameters in {len(list(net.named_parameters()))} arrays")
claim("how many more than counted by hand", net.num_parameters - total, low=0, high=0)

# %% [markdown]
# ## Forward
#
# ```
#     x ── encoder 0 ─────────────── skip 0 ─── decoder 0 ── head ── logits
#              │                       │
#            pool 0                   up 0
#              │                       │
#           encoder 1 ── skip 1 ── decoder 1
#              │           │
#            pool 1       up 1
#              └── bottom ─┘                                   (depth 2)
# ```

# %% [markdown]
# ### Exercise 3: forward
#
# Call a layer like a function: `y = net.encoder[0](x)`. For a skip: `net.skips[0](across, x)`,
# first what went across, then what came up. It crops by itself. What comes out at the end are the
# **logits**, the scores of lesson 5.


# %% nbgrader={"grade": false, "grade_id": "unet_forward", "locked": false, "schema_version": 3, "solution": true, "task": false}
def unet_forward(net, x):
    """Return the logits (N, H', W', num_classes) of images x (N, H, W, in_channels)."""
    ### BEGIN SOLUTION
    across = []
    for level in range(net.depth):
        x = net.encoder[level](x)
        across.append(x)  # a fork: x goes across, and down
        x = net.pools[level](x)
    x = net.bottom(x)
    for level in reversed(range(net.depth)):
        x = net.ups[level](x)
        x = net.skips[level](across[level], x)
        x = net.decoder[level](x)
    return net.head(x)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_unet_forward", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
check.unet_forward(unet_forward)

# %% [markdown]
# ## Backward
#
# No new derivation is needed. Each layer knows its own backward pass, and the chain rule says:
# **last forward, first backward**. So read your forward pass from its last line to its first. Two
# places need care:
#
# - A skip gives back two gradients. One goes on down the right arm. The other belongs to what
#   went across, and waits there until the backward pass has gone round the bottom and comes up
#   the left arm.
# - There, above each pooling, is the fork. A fork forward is a sum backward.

# %% [markdown]
# ### Exercise 4: backward
#
# `dx = net.head.backward(dy)` does two things: it returns the gradient of the layer's input, and
# keeps those of its weights inside the layer. So all you have to care about is what is passed on.


# %% nbgrader={"grade": false, "grade_id": "unet_backward", "locked": false, "schema_version": 3, "solution": true, "task": false}
def unet_backward(net, dy):
    """Return the gradient of the images from that of the logits; every layer keeps its own."""
    ### BEGIN SOLUTION
    dacross = []
    dx = net.head.backward(dy)
    for level in range(net.depth):
        dx = net.decoder[level].backward(dx)
        dskip, dx = net.skips[level].backward(dx)
        dacross.append(dskip)  # waits for the left arm
        dx = net.ups[level].backward(dx)
    dx = net.bottom.backward(dx)
    for level in reversed(range(net.depth)):
        dx = net.pools[level].backward(dx)
        dx = dx + dacross[level]  # where forward forked, gradients add
        dx = net.encoder[level].backward(dx)
    return dx
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_unet_backward", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
check.unet_backward(unet_backward)

# %% [markdown]
# Now make them the network's own. That is all there is to a U-Net. Does the paper's network run,
# and do the sizes come out as computed? And is it the package's U-Net, number for number?

# %%
Net.forward, Net.backward = unet_forward, unet_backward

side = 188 if small else 572
x = np.random.default_rng(1).random((1, side, side, 1), np.float32)
logits = net.eval()(x)  # in eval mode nothing is kept for backward, which saves memory
print(f"{x.shape} in, {logits.shape} out")
claim("side of the output", logits.shape[1], unet_output_side(side, 4), unet_output_side(side, 4))

x = x[:, :188, :188]
package = tu.UNet(seed=0)
claim("largest difference to tu.UNet", largest(net(x) - package.predict(x)), high=1e-5)
del package

# %% [markdown]
# ## Draw it
#
# The paper's first figure shows the U, with a box for every array: as tall as the image and as
# wide as there are channels. We draw it, too, but not from memory: a function goes through *your
# network*, asks every layer for its geometry and its channels, and draws what it finds.
# **Predict**: if the network were built wrongly, where would you see it?


# %%
def walk(net, side):
    """Return (step, level, side, channels, channels from across) of all arrays, in their order."""
    found = [("image", 0, side, net.encoder[0].conv1.in_channels, 0)]

    def add(step, level, layer):
        nonlocal side
        side = layer.geometry.output_size(side, side)[0]
        found.append((step, level, side, layer.out_channels, 0))

    for level in range(net.depth):
        add("conv", level, net.encoder[level].conv1)
        add("conv", level, net.encoder[level].conv2)
        side //= net.pools[level].kernel_size[0]
        found.append(("pool", level + 1, side, net.encoder[level].conv2.out_channels, 0))
    add("conv", net.depth, net.bottom.conv1)
    add("conv", net.depth, net.bottom.conv2)
    for level in reversed(range(net.depth)):
        up, pair = net.ups[level], net.decoder[level]
        side *= up.geometry.stride[0]
        across = pair.conv1.in_channels - up.out_channels  # what is left comes from the skip
        found.append(("up", level, side, pair.conv1.in_channels, across))
        add("conv", level, pair.conv1)
        add("conv", level, pair.conv2)
    add("head", 0, net.head)
    return found


arrays = walk(net, 572)
for step, level, side, channels, across in arrays:
    if step in ("up", "head"):
        print(f"{step:4} level {level}: {side} x {side}, {channels} channels, {across} from across")
claim("side at the bottom", min(array[2] for array in arrays), low=28, high=28)
claim("arrays in the drawing", len(arrays), low=28, high=28)

# %% jupyter={"source_hidden": true}
ARROWS = {"conv": BLUE, "pool": ORANGE, "up": GREEN, "head": "#cc79a7"}
NAMES = {
    "conv": "conv 3x3, ReLU",
    "pool": "max-pool 2x2",
    "up": "up-conv 2x2",
    "head": "conv 1x1",
}


def draw_u(axis, arrays, gap=34):
    """Draw the arrays of a network as boxes, with an arrow for each step."""
    depth = max(level for _, level, *_ in arrays)
    tops = [0]
    for level in range(depth):
        tallest = max(side for _, at, side, *_ in arrays if at == level)
        tops.append(tops[-1] + tallest + 75)
    boxes, x = [], 0  # (left, top, width, height)
    for step, level, side, channels, across in arrays:
        width = 8 + 0.13 * channels
        if step in ("conv", "head"):
            x = boxes[-1][0] + boxes[-1][2] + gap
        elif step == "up":
            x = boxes[-1][0] + boxes[-1][2] - 8
        tall = max(s for _, at, s, *_ in arrays if at == level)
        box = (x, tops[level] + (tall - side) / 2, width, side)
        white = width * across / channels
        axis.add_patch(Rectangle(box[:2], width, side, facecolor="#8ec1e6", edgecolor="0.25"))
        axis.add_patch(Rectangle(box[:2], white, side, facecolor="white", edgecolor="0.25"))
        if step == "pool":  # an arrow comes in from above
            axis.text(x - 5, box[1] - 2, channels, ha="right", va="top", fontsize=8)
        else:
            axis.text(x + width / 2, box[1] - 6, channels, ha="center", va="bottom", fontsize=8)
        axis.text(x + 4, box[1] + side + 4, side, ha="right", va="top", fontsize=7, color="0.35")
        if boxes:
            left, top, wide, high = boxes[-1]
            if step in ("conv", "head"):
                y = tops[level] + tall / 2
                start, end = (left + wide, y), (x, y)
            elif step == "pool":
                start, end = (x + width / 2 + 2, top + high), (x + width / 2 + 2, box[1])
            else:
                middle = (max(x + white, left) + min(x + width, left + wide)) / 2
                start, end = (middle, top - 32), (middle, box[1] + side)
            arrow = {
                "arrowstyle": "-|>",
                "color": ARROWS[step],
                "lw": 1.8,
                "shrinkA": 1,
                "shrinkB": 1,
            }
            axis.annotate("", end, start, arrowprops=arrow)
        boxes.append(box)
    for i, (step, level, *_) in enumerate(arrays):  # the skips
        if step == "up":
            j = max(k for k in range(i) if arrays[k][1] == level)
            left, top, wide, high = boxes[j]
            y = top + high / 2 - (0.18 * high if level == 0 else 0)
            arrow = {"arrowstyle": "-|>", "color": GRAY, "lw": 1.8, "shrinkA": 1, "shrinkB": 1}
            axis.annotate("", (boxes[i][0], y), (left + wide, y), arrowprops=arrow)
    for step, name in NAMES.items():
        axis.plot([], [], color=ARROWS[step], linewidth=3, label=name)
    axis.plot([], [], color=GRAY, linewidth=3, label="crop and concat")
    axis.set_xlim(-40, boxes[-1][0] + boxes[-1][2] + 40)
    axis.set_ylim(tops[-1] + 75, -45)
    axis.axis("off")


figure, axis = plt.subplots(figsize=(10.5, 7), layout="constrained")
draw_u(axis, arrays)
axis.legend(loc="lower left", frameon=False, fontsize=10)
title = axis.set_title(f"drawn from the network: {net.num_parameters:,} parameters", fontsize=13)
del net  # 124 MB

# %% [markdown]
# Above each box are its channels, below it its side. White boxes came across. Look at how the
# boxes become small and wide, and then tall and thin again: down there the network knows *what*,
# and up here *where*.
#
# ## Check the gradient
#
# Now the proof. A small U-Net of depth 2 has the same code as the large one, and 26 arrays of
# parameters. For each of them, and for the image, the checker of lesson 2 moves numbers a little
# and measures what the output does. It holds the decisions of ReLU and pooling (lesson 3), so
# that there are no kinks. The biases are 0 in a new network. Zeros can hide mistakes, so we make
# them random first.


# %%
def small_net(seed=0):
    """A network of depth 2 with random biases."""
    net = Net(1, 2, base_channels=2, depth=2, seed=seed)
    rng = np.random.default_rng(seed)
    for name, array in net.named_parameters():
        if name.endswith("bias"):
            array[...] = 0.1 * rng.standard_normal(array.shape)
    return net


image = np.random.default_rng(0).standard_normal((2, 44, 44, 1))
report = tu.check_gradients(small_net(), image, samples=4 if small else 20)
claim(
    "tensors checked",
    len({row.name for row in report.rows} - {"all inputs", "all parameters"}),
    27,
    27,
)
claim("worst relative error in the whole network", report.worst, high=1e-7)
print(report)

# %% [markdown]
# Every gradient of the whole network is right, to ten digits. The last two rows move all numbers
# at once, so not a single one was left out.
#
# ## Break it on purpose
#
# What does the check *not* see? Let us exchange the two inputs of the concat, in both directions:
# first what came up, then what went across.


# %%
class Exchanged(Skip):
    """A skip that puts what went across behind what came up."""

    def forward(self, across, x):
        return self.join(x, self.crop(across, x.shape[1:3]))

    def backward(self, dy, *, input_gradient=True):
        dx, dcropped = self.join.backward(dy)
        return self.crop.backward(dcropped), dx


right, wrong = small_net(), small_net()
wrong.skips = [Exchanged("concat") for _ in wrong.skips]
report = tu.check_gradients(wrong, image, samples=4)
claim("worst relative error of the gradients", report.worst, high=1e-7)
x = image.astype(np.float32)
claim("but the output differs from the right one by", largest(wrong(x) - right(x)), low=0.01)

# %% [markdown]
# All gradients are right, and yet the network is another one. **A gradient check proves that
# backward belongs to forward. It cannot know which forward you meant.** (This network would learn
# just as well; but weights from somebody else's U-Net would make nonsense in it.) Whether forward
# is right, only a comparison can tell: with the paper's numbers, or with another program, given
# the same weights.
#
# Now break your own: leave the sum at the fork out, forget the bottom, take what goes across
# after the pooling. Which mistakes does NumPy refuse by itself, because the shapes do not fit,
# and which does only the check find?
#
# ## Measure: can it learn one image by heart?
#
# Before you train any network on a thousand images, train it on one. It has far more parameters
# than that image has pixels, so it *has* to be able to learn it by heart. If it cannot, something
# is broken, and you have found out in a few seconds.
#
# **Predict** the first loss (lesson 5), and how many steps it takes until every pixel is right.
#
# What changes the weights after each backward pass is an *optimizer*: it moves every weight a
# little against its gradient. Ours is called Adam; lesson 8 is about it.

# %%
side, depth, steps = (92, 3, 15) if small else (156, 3, 160)
out = unet_output_side(side, depth)
frame = (side - out) // 2
cells = tu.data.synthetic_cells(1, size=side, seed=5)
x = cells.images[0][None]  # (1, H, W, 1)
t = cells.labels[0][None].astype(int)[:, frame : frame + out, frame : frame + out]  # the middle

net = Net(1, 2, base_channels=8, depth=depth, seed=0)
optimizer, loss = tu.Adam(net, lr=3e-3), tu.SoftmaxCrossEntropy()
print(f"{net.num_parameters:,} parameters, {t.size:,} pixels to learn")

losses, ious, seen = [], [], {}
for step in range(steps + 1):
    z = net(x)
    losses.append(loss(z, t))
    found = z.argmax(axis=-1) == 1
    ious.append((found & (t == 1)).sum() / (found | (t == 1)).sum())
    if step in (0, steps // 8, steps // 4, steps):
        seen[step] = found[0]
    net.backward(loss.backward())
    optimizer.step()

claim("first loss, beside log 2 = 0.69", losses[0], low=0.4, high=1.5)
claim("last loss", losses[-1], high=1.0 if small else 0.02)
claim(
    "last IoU (overlap of found and true cells; 1 is perfect)", ious[-1], low=0 if small else 0.99
)

# %% jupyter={"source_hidden": true}
figure = plt.figure(figsize=(9.5, 4.6), layout="constrained")
above, below = figure.subfigures(2, 1)
shown = {"image": x[0, frame : frame + out, frame : frame + out, 0], "label": t[0]}
shown |= {f"step {step}": found for step, found in seen.items()}
for axis, (name, picture) in zip(above.subplots(1, len(shown)), shown.items(), strict=True):
    axis.imshow(picture, cmap="gray")
    axis.set_title(name)
    axis.axis("off")
left, right = below.subplots(1, 2)
left.semilogy(losses, color=BLUE, linewidth=2)
left.axhline(np.log(2), color="0.5", linestyle=":")
left.text(steps, np.log(2), "log 2", ha="right", va="bottom", color="0.4")
left.set_ylabel("loss")
right.plot(ious, color=ORANGE, linewidth=2)
right.set_ylabel("IoU")
right.set_ylim(0, 1.03)
for axis in (left, right):
    axis.set_xlabel("step")
    axis.spines[["top", "right"]].set_visible(False)

# %% [markdown]
# It knows the image by heart. That says nothing about *other* images, which is what lessons 8 to
# 13 are about. But the machine works: forward, loss, backward, step.
#
# ## Look inside
#
# What is in the boxes of the drawing? We send the image through the trained network once more,
# and look at each level: on the left what the left arm has there after its two convolutions, on
# the right what the right arm has. Of all channels we show the two that vary most. **Predict**:
# where will you recognise cells, where only blocks, and where will inside and outside be told
# apart?

# %%
maps, y = {}, x
net.eval()
for level in range(depth):
    y = net.encoder[level](y)
    maps["left", level] = y
    y = net.pools[level](y)
y = net.bottom(y)
maps["bottom", depth] = y
for level in reversed(range(depth)):
    y = net.decoder[level](net.skips[level](maps["left", level], net.ups[level](y)))
    maps["right", level] = y
for (arm, level), y in maps.items():
    print(f"{arm:6} level {level}: {y.shape[1]} x {y.shape[2]}, {y.shape[3]} channels")


def told_apart(channel, label):
    """The share of pixels that the best single threshold on a channel labels right."""
    values, label = channel.ravel(), label.ravel()
    order = np.argsort(values)
    cells_below = np.cumsum(label[order]) / label.size
    rest_below = np.cumsum(1 - label[order]) / label.size
    right = rest_below + label.mean() - cells_below  # the rest below the threshold, cells above
    return max(right.max(), (1 - right).max())


first = maps["left", 0][0, frame - 2 : frame - 2 + out, frame - 2 : frame - 2 + out]
last = maps["right", 0][0]
best_first = max(told_apart(first[..., k], t[0]) for k in range(first.shape[2]))
best_last = max(told_apart(last[..., k], t[0]) for k in range(last.shape[2]))
claim("best single channel, top of the left arm", best_first, low=0.5, high=1)
claim("best single channel, top of the right arm", best_last, low=0.5 if small else 0.9, high=1)

# %% jupyter={"source_hidden": true}
figure, axes = plt.subplots(depth + 1, 5, figsize=(8.5, 7.2), layout="constrained")
for axis in axes.ravel():
    axis.axis("off")
columns = {"left": (0, 1), "right": (3, 4), "bottom": (1, 3)}
for (arm, level), y in maps.items():
    spread = y[0].std(axis=(0, 1))
    for column, channel in zip(columns[arm], np.argsort(-spread, kind="stable")[:2], strict=True):
        axis = axes[level, column]
        axis.imshow(y[0, ..., channel], cmap="magma")
        axis.set_title(f"{arm}, {y.shape[1]} x {y.shape[2]}", fontsize=10)
axes[0, 2].imshow(x[0, ..., 0], cmap="gray")
axes[0, 2].set_title("the image", fontsize=10)
for level in range(1, depth):
    axes[level, 2].annotate(
        "", (1, 0.5), (0, 0.5), xycoords="axes fraction",
        arrowprops={"arrowstyle": "-|>", "color": GRAY, "lw": 2},
    )  # fmt: skip

# %% [markdown]
# At the top left one recognises the image itself, with every detail. At the bottom there are only
# a few large pixels, each with a word about a whole region. On the way up, the finer levels of
# the left arm add where things are; the light and dark squares there are the checkerboard of the
# up-convolutions (lesson 4). At the top right are cells again. The right arm shows a smaller
# part, the middle: that is all it has.
#
# The two numbers say how many pixels one channel alone, cut at its best brightness, would label
# right. These cells are bright, so brightness alone does well. What is left for the network are
# the rims, the gaps between touching cells, and cells in the dark.
#
# ## What you know now
#
# - A U-Net of depth $d$ loses $12 \cdot 2^d - 8$ pixels of a side and takes every $2^d$-th size;
#   the paper's takes 572 and gives 388.
# - It has 31,030,658 parameters, nearly half of them at the bottom.
# - Forward is two loops, backward is the same two loops read backwards, with a sum at every fork.
# - A gradient check proves that backward fits forward; a comparison, that forward is what you
#   meant.
# - Learning one image by heart is the first test of any network.
#
# The package's version is `tinyunet/networks/unet.py`: the same two functions, with clear errors
# for sizes that do not fit. In **lesson 8** it is trained for real.
