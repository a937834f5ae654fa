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
# *About a minute of computing and 65 minutes of reading and writing. You need:
# lessons 1 to 6, at least [lesson 4](04_up_convolution.ipynb) and
# [lesson 6](06_crop_concat_and_the_fork.ipynb).*
#
# You have all parts. Today they become a **U-Net**: the network of
# [Ronneberger, Fischer and Brox (2015)](https://arxiv.org/abs/1505.04597), with all its 31,030,658
# parameters. (The paper is short: read it.) After this lesson you can
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
from matplotlib.figure import Figure

import tinyunet as tu
from tinyunet.exercises import check, measured, predict, quiz, small
from tinyunet.networks import DoubleConv, Skip

plt.rcParams["figure.dpi"] = 110
BLUE, ORANGE, GRAY = "#0072b2", "#d55e00", "0.6"


def largest(difference):
    return np.abs(difference).max()


# %% [markdown]
# ## The plan
#
# - Down the left arm, the **encoder**. On each level two 3x3 convolutions, each followed by a
#   ReLU. Then a max-pooling halves the image. With each level down there are twice as many
#   channels: the network sees more and more of the image in each pixel, and has more to say about
#   it.
# - The bottom. Two convolutions more.
# - Up the right arm, the **decoder**. An up-convolution doubles the image. What the left arm had
#   on the same level is cropped and put beside it (the *skip* of lesson 6). Two convolutions make
#   one out of both.
# - The head. A 1x1 convolution turns the last channels into a score for each class.
#
# The number of poolings is called the **depth**. The paper's depth is 4, and its first level has
# 64 channels.
#
# ## Sizes
#
# The convolutions have no padding. **Predict**: 572 by 572 pixels go into the paper's network, of
# depth 4. How large is what comes out, and how large the smallest array inside?

# %%
predict("572 pixels become", 572)
predict("572 pixels: side of the smallest array inside", 32)

# %% [markdown]
# Let us go through a smaller one, of depth 2, with a number in place of an image. Two convolutions
# take 4 pixels off a side, a pooling halves it, an up-convolution doubles it:
#
# | | | side |
# |---|---|---|
# | down | minus 4, halve | 60 → 56 → 28 → 24 → 12 |
# | bottom | minus 4 | 12 → 8 |
# | up | double, minus 4 | 8 → 16 → 12 → 24 → 20 |
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
print("depth 4 takes:", *fits[:4], "...", *fits[-9:-5], "...")
measured("572 pixels become", unet_output_side(572, 4))
measured("smallest image of depth 4", fits[0])
measured("and what comes out of it", unet_output_side(fits[0], 4))
steps_between = np.unique(np.diff(fits)).tolist()
print("steps from one possible size to the next:", steps_between)

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
    lost = side - unet_output_side(side, depth)
    print(f"depth {depth}: {lost} lost, formula {12 * 2**depth - 8}")
measured("pixels lost at depth 4", lost)

# %% [markdown]
# ## Parameters
#
# A $k \times k$ convolution from $a$ to $b$ channels has a weight for every place of the kernel
# and every pair of channels, and a bias for every output channel: $k^2 a b + b$. An
# up-convolution has as many.
#
# **Predict**: where are most of the parameters, at the top, where the image is large, or below?
# There are 23 layers with parameters. Which share of all numbers lies in two of them, the
# convolutions at the bottom?

# %%
predict("share of the two convolutions at the bottom", 0.2)

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
measured("more than the paper's 31,030,658", total - 31_030_658)
bottom = 9 * 512 * 1024 + 1024 + 9 * 1024 * 1024 + 1024
measured("share of the two convolutions at the bottom", bottom / total)

# %% [markdown]
# Nearly half are at the very bottom, where the image is smallest: with twice the channels, a
# convolution has four times the weights.
#
# ## Build it
#
# Two of the parts are themselves put together from layers. Here is what the package calls
# `DoubleConv`, two convolutions with their ReLUs (`activation="relu"` does the ReLU of
# [lesson 3](03_relu_and_max_pooling.ipynb) at once), and `Skip`, the crop and the concat of lesson
# 6. Their whole code:

# %%
for part in (DoubleConv, Skip):
    print(f"class {part.__name__}:")
    print(inspect.getsource(part.forward))
    print(inspect.getsource(part.backward))

# %% [markdown]
# A `Skip` has two inputs, so its `backward` returns two gradients: first that of what went
# across, then that of what came up. (Three things you can pass over. **Dropout**, which sets random
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
measured("more than you counted by hand", net.num_parameters - total)

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
# logits, the scores of [lesson 5](05_a_loss_for_every_pixel.ipynb).


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
# *last forward, first backward*. So read your forward pass from its last line to its first. Two
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
# and do the sizes come out as computed? And is it the package's U-Net, number for number? (`small`
# is True only where the package's own tests run this lesson, and everything has to be quick.)

# %%
Net.forward, Net.backward = unet_forward, unet_backward

side = 188 if small else 572
x = np.random.default_rng(1).random((1, side, side, 1), np.float32)
logits = net.eval()(x)  # in eval mode nothing is kept for backward, which saves memory
print(f"{x.shape} in, {logits.shape} out")
measured("side of the logits", logits.shape[1])

x = x[:, :188, :188]
package = tu.UNet(seed=0)
measured("largest difference to tu.UNet", largest(net(x) - package.predict(x)))
del package

# %% [markdown]
# ## Draw it
#
# The paper's first figure shows the U, with a box for every array. We draw it, too, but not from
# memory: `tu.plots.u_shape` goes through *your network*, asks every layer for its sizes and its
# channels, and draws what it finds. (A layer that was built wrongly would show as a wrong box.)

# %% alt="A U of 28 boxes, from 572 pixels and 1 channel at the top left down to 28 pixels and 1024 channels, and up to 388 pixels and 2 channels at the top right; four gray arrows lead across, to the white halves of boxes."
layout = tu.plots.u_layout(net, 572)  # boxes and arrows, as numbers
smallest = min(box.height for box in layout.boxes)
measured("572 pixels: side of the smallest array inside", smallest)
print(f"{len(layout.boxes)} arrays, {net.num_parameters:,} parameters")
drawing = tu.plots.u_shape(net, 572)
del net  # 124 MB
drawing

# %% [markdown]
# A box is as tall as its array (the side stands below it) and as wide as it has channels (above
# it). White came across; dashes show what the crop leaves of it. Boxes become small and wide, and
# then tall and thin again: down there the network knows *what*, and up here *where*.
#
# ## Check the gradient
#
# Now the proof. A small U-Net of depth 2 has the same code as the large one, and 26 arrays of
# parameters. For each of them, and for the image, the checker of
# [lesson 2](02_backward_and_proof.ipynb) moves numbers a little and measures what the output does.
# It holds the decisions of ReLU and pooling (lesson 3), so that there are no kinks. The biases are 0 in a new network. Zeros can hide mistakes, so we make
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
arrays = {row.name for row in report.rows} - {"all inputs", "all parameters"}
measured("arrays whose gradient was checked", len(arrays))
measured("the whole U-Net: worst relative error", report.worst)
print(report)

# %% [markdown]
# Every gradient of the whole network is right, to nine digits. The last two rows move all numbers
# at once, so not a single one was left out.
#
# ## Break it on purpose
#
# Let us exchange the two inputs of the concat, in both directions: first what came up, then what
# went across. **Predict** what the gradient check says.

# %%
found = ("nothing", "wrong gradients")
predict("inputs of the concat exchanged: the check finds", "wrong gradients", choices=found)


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
verdict = "nothing" if report.passed else "wrong gradients"
measured("inputs of the concat exchanged: the check finds", verdict)
x = image.astype(np.float32)
measured("but the output differs from the right one by", largest(wrong(x) - right(x)))

# %% [markdown]
# All gradients are right, and yet the network is another one. *A gradient check proves that
# backward belongs to forward. It cannot know which forward you meant.* (This network would learn
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
# What changes the weights after each backward pass is an *optimizer*: it moves every weight a
# little against its gradient. Ours is called Adam; [lesson 8](08_training.ipynb) is about it. The
# score is the IoU of [lesson 0](00_pixels_to_labels.ipynb): the overlap of found and true cells, 1
# where they are the same.
#
# **Predict** the first loss (lesson 5), and after how many steps the IoU is above 0.99.

# %%
predict("one image by heart: first loss", 0.69)
predict("one image by heart: steps until the IoU is above 0.99", 500)

# %% jupyter={"source_hidden": true}


def draw_learning():
    """Draw the image, the label and what was found after some steps; below it, loss and IoU."""
    figure = Figure((8, 4.2), layout="constrained", dpi=110)
    above, below = figure.subfigures(2, 1)
    pictures = {"image": x[0, frame : frame + out, frame : frame + out, 0], "label": t[0]}
    pictures |= {f"step {step}": seen.get(step) for step in looks}
    for axis, (name, picture) in zip(
        above.subplots(1, len(pictures)), pictures.items(), strict=True
    ):
        axis.axis("off")
        if picture is not None:
            axis.imshow(picture, cmap="gray")
            axis.set_title(name, fontsize=12)
    left, right = below.subplots(1, 2)
    left.semilogy(losses, color=BLUE, linewidth=2)
    left.axhline(np.log(2), color="0.5", linestyle=":")
    left.text(steps, np.log(2), "log 2", ha="right", va="bottom", color="0.4")
    left.set_ylim(5e-5, 2)
    left.set_ylabel("loss")
    right.plot(ious, color=ORANGE, linewidth=2)
    right.set_ylabel("IoU")
    right.set_ylim(0, 1.03)
    for axis in (left, right):
        axis.set_xlim(0, steps)
        axis.set_xlabel("step")
        axis.spines[["top", "right"]].set_visible(False)
    return figure


# %% alt="Above, an image of cells, its label, and what the network found at steps 0, 20, 40 and 160: from noise to the label itself. Below, the loss falls from about log 2 to less than a thousandth, and the IoU rises to 1."
side, depth, steps = (92, 3, 15) if small else (156, 3, 160)
out = unet_output_side(side, depth)
frame = (side - out) // 2
cells = tu.data.synthetic_cells(1, size=side, seed=5)
x = cells.images[0][None]  # (1, H, W, 1)
t = cells.labels[0][None].astype(int)[:, frame : frame + out, frame : frame + out]  # the middle

net = Net(1, 2, base_channels=8, depth=depth, seed=0)
optimizer, loss = tu.Adam(net, lr=3e-3), tu.SoftmaxCrossEntropy()
print(f"{net.num_parameters:,} parameters, {t.size:,} pixels to learn")

losses, ious, seen, looks = [], [], {}, (0, steps // 8, steps // 4, steps)
progress = tu.plots.Growing(steps + 1, draw_learning)
for step in range(steps + 1):
    z = net(x)
    losses.append(loss(z, t))
    found = z.argmax(axis=-1) == 1
    ious.append((found & (t == 1)).sum() / (found | (t == 1)).sum())
    if step in looks:
        seen[step] = found[0]
    net.backward(loss.backward())
    optimizer.step()
    progress()

measured("one image by heart: first loss", losses[0])
measured("one image by heart: last loss", losses[-1])
known = int(np.argmax(np.array(ious) > 0.99)) if max(ious) > 0.99 else steps
measured("one image by heart: steps until the IoU is above 0.99", known)

# %% [markdown]
# It knows the image by heart. That says nothing about *other* images, which is what the lessons
# from 8 on are about. But the machine works: forward, loss, backward, step.
#
# ## Look inside
#
# What is in the boxes of the drawing? We send the image through the trained network once more,
# and look at each level: on the left what the left arm has there after its two convolutions, on
# the right what the right arm has. Of all channels we show the two that vary most.
#
# One number for it: cut a single channel at its best brightness. How many pixels does that label
# right? **Predict** it for the best channel at the top of the left arm, and of the right arm. (Four
# in ten pixels are cells.)

# %%
predict("left arm, top: share that one channel labels right", 0.7)
predict("right arm, top: share that one channel labels right", 0.9)

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
measured("left arm, top: share that one channel labels right", best_first)
measured("right arm, top: share that one channel labels right", best_last)

# %% jupyter={"source_hidden": true} alt="Two channels of each level, in the shape of the U: at the top left cells with every detail, at the bottom a few large squares, and up the right arm cells again, at the end bright on dark, in a smaller part."
figure, axes = plt.subplots(depth + 1, 5, figsize=(8, 6.8), layout="constrained")
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
    arrow = {"arrowstyle": "-|>", "color": GRAY, "lw": 2}
    axes[level, 2].annotate("", (1, 0.5), (0, 0.5), xycoords="axes fraction", arrowprops=arrow)
plt.show()

# %% [markdown]
# At the top left one recognises the image itself, with every detail. At the bottom there are only a
# few large pixels, each with a word about a whole region. On the way up, the finer levels of the
# left arm add where things are; the light and dark squares there are the checkerboard of the
# up-convolutions ([lesson 4](04_up_convolution.ipynb)). At the top right are cells again. The right
# arm shows a smaller part, the middle: that is all it has.
#
# These cells are bright, so brightness alone, a channel of the left arm, does well. What is left
# for the network are the rims, the gaps between touching cells, and cells in the dark.
#
# `tu.explore` makes a page of all this, which any browser opens without a network: click a box of the
# drawing to see its maps, click a pixel to see on what its logit depends. A way leads from the image to
# that logit through every skip, and one by the bottom, and the gradient is the sum over all of them (the
# fork!). How much does each bring?

# %%
page = tu.explore(net, x[0, frame : frame + out, frame : frame + out], places=3, progress=False)
page.save("the_u.html")  # open it in your browser
for way, share in page.shares().items():
    print(f"{way}: {100 * share:5.1f} % of the gradient, mean of nine pixels")

# %% [markdown]
# ## Quiz
#
# **A size that fits.** Which side can a U-Net of depth 3, without padding, take?
#
# a) 96 &emsp; b) 100 &emsp; c) 102

# %%
quiz("a size that fits", "b")

# %% [markdown]
# **Twice as wide.** `base_channels` is 128 in place of 64. How many parameters?
#
# - a) About twice as many.
# - b) About four times as many.
# - c) That depends on the image's size.

# %%
quiz("twice as wide", "b")

# %% [markdown]
# **The gradient that waits.** Why does backward keep what comes back across, instead of sending it
# through the encoder at once?
#
# - a) The encoder's layers need the whole sum at the fork, and only once.
# - b) It is larger than the one from below, since the crop gave it a frame of zeros.
# - c) To save memory.

# %%
quiz("the gradient that waits", "a")

# %% [markdown]
# **Right to nine digits.** The gradient check passes on the whole network. What is proved?
#
# - a) That it computes what the paper's network computes.
# - b) That it will learn.
# - c) That its backward pass belongs to its forward pass.

# %%
quiz("right to nine digits", "c")

# %% [markdown]
# **One image, not learned.** After 500 steps on a single image the loss is still near 0.69. What
# now?
#
# - a) More images: one is too few to learn from.
# - b) Look for the mistake: labels, gradients, learning rate.
# - c) A deeper network: this one is too small.

# %%
quiz("one image, not learned", "b")

# %% [markdown]
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
# for sizes that do not fit. In [lesson 8](08_training.ipynb) it is trained for real.
