# ---
# jupyter:
#   tinyunet:
#     lesson: 6
#     title: Crop, concat and the fork
#     time: 15 s
# ---

# %% [markdown]
# # Lesson 6: Crop, concat and the fork
#
# *About 15 seconds of computing and 70 minutes of reading and writing. You need:
# [lesson 2](02_backward_and_proof.ipynb) (backward); [lesson 3](03_relu_and_max_pooling.ipynb)
# (pooling) and [lesson 4](04_up_convolution.ipynb) (up-convolution) help.*
#
# The U-Net goes down to see far, and up again to say where. On the way down it loses where things
# are. So it sends what it saw straight across, from each level of the left arm to the same
# level of the right: the **skips**. This lesson is about the three small operations that a skip is
# made of:
#
# - a **fork**: one array goes two ways, down and across;
# - a **crop**: what goes across is too large and loses its border;
# - a **concat**: the two ways meet again.
#
# None of them multiplies anything. And yet it is at the fork that a backward pass most easily goes
# wrong, and we shall measure what that costs. There are five short exercises.

# %%
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

import tinyunet as tu
from tinyunet.exercises import check, measured, predict, quiz, small
from tinyunet.networks import Skip
from tinyunet.plots import draw_numbers

plt.rcParams["figure.dpi"] = 110
BLUE, ORANGE = "#0072b2", "#d55e00"


def largest(difference):
    return np.abs(difference).max()


# %% [markdown]
# ## Crop
#
# **Predict** first. On one level of the U-Net there are 64 by 64 pixels. They go across. They also
# go down: a pooling halves the side, two 3x3 convolutions without padding take 4 pixels off it, and
# an up-convolution doubles it. Which side comes back up? How many of the 64 pixels have to go on
# each side of what went across?

# %%
predict("64 pixels: side that comes back up", 60)
predict("64 pixels: to cut on each side", 2)

# %%
side = 64
back = 2 * (side // 2 - 4)
measured("64 pixels: side that comes back up", back)
measured("64 pixels: to cut on each side", (side - back) // 2)

# %% [markdown]
# The convolutions lose the same number of pixels at every border. So what comes up belongs to the
# middle of what goes across, and the middle is what we keep. With height $H$ of which $h$
# stay,
#
# $$ \text{top} = \lfloor (H - h) / 2 \rfloor, \qquad
# y[n, i, j] = x[n,\; \text{top} + i,\; \text{left} + j] $$
#
# and `left` from the widths in the same way, for every channel. If $H - h$ is odd, the odd pixel
# is lost at the bottom, or at the right.

# %% [markdown]
# ### Exercise 1: crop


# %% nbgrader={"grade": false, "grade_id": "center_crop", "locked": false, "schema_version": 3, "solution": true, "task": false}
def center_crop(x, h, w):
    """Return the middle (N, h, w, C) of x (N, H, W, C)."""
    ### BEGIN SOLUTION
    top, left = (x.shape[1] - h) // 2, (x.shape[2] - w) // 2
    return x[:, top : top + h, left : left + w]
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_center_crop", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
check.center_crop(center_crop)

# %% [markdown]
# Is the middle really the right part? Let us measure it. One bright pixel, two convolutions
# with a kernel that only blurs, and the fork: across, and down and up again. Where is the bright
# spot in each? We compare the centres of the two spots, for the middle and for the top left
# corner.

# %%
# 3x3 kernels; in eval mode nothing is kept for backward
blur = tu.Conv2d(1, 1, padding="valid").astype("float64").eval()
blur.params["weight"][...] = 1 / 9
pool = tu.MaxPool2d(2).eval()
up = tu.ConvTranspose2d(1, 1, 2, stride=2).astype("float64").eval()
up.params["weight"][...] = 1


def where(image):
    """The centre (row, column) of the brightness of one gray image (1, H, W, 1)."""
    image = image[0, ..., 0]
    rows, columns = np.indices(image.shape)
    return np.array([(rows * image).sum(), (columns * image).sum()]) / image.sum()


def two_ways(row, column):
    """Return what goes across and what comes up, for one bright pixel."""
    x = np.zeros((1, 44, 44, 1))
    x[0, row, column] = 1
    x = blur(blur(x))
    return x, up(blur(blur(pool(x))))


middle, at_corner = [], []
for row, column in np.random.default_rng(1).integers(17, 27, (20, 2)):
    across, came_up = two_ways(row, column)
    h, w = came_up.shape[1:3]
    middle.append(largest(where(center_crop(across, h, w)) - where(came_up)))
    at_corner.append(largest(where(across[:, :h, :w]) - where(came_up)))

print(f"across: {across.shape[1:3]}, came up: {came_up.shape[1:3]}")
measured("middle: how far the spots are apart, in pixels, at most", max(middle))
measured("corner: how far they are apart, in pixels, at least", min(at_corner))

# %% jupyter={"source_hidden": true} alt="Three pictures of a blurred spot with a cross where it came up: on the middle of what went across the cross hits the spot, on the corner it misses it by some pixels."
figure, axes = plt.subplots(1, 3, figsize=(7.5, 2.8), layout="constrained")
across, came_up = two_ways(18, 25)
h, w = came_up.shape[1:3]
spots = ("across, the middle", center_crop(across, h, w)), ("across, the corner", across[:, :h, :w])
for axis, (title, image) in zip(axes, (*spots, ("what came up", came_up)), strict=True):
    axis.imshow(image[0, ..., 0], cmap="gray")
    row, column = where(came_up)
    axis.plot(column, row, "+", color=ORANGE, markersize=16, markeredgewidth=2)
    axis.set_title(title)
    axis.axis("off")
plt.show()

# %% [markdown]
# The cross marks the same place in all three pictures. With the middle, a pixel of the one path
# lies on the pixel of the other that saw the same part of the image. (To within a pixel: pooling
# rounds places to pairs.)
#
# ### Backward
#
# **Derive**: how does the loss $L$ change with a pixel of $x$? A pixel that was kept *is* a pixel
# of $y$, so it has that one's gradient. A pixel that was cut off changes nothing: its gradient is
# 0. So
#
# $$ dx[n,\; \text{top} + i,\; \text{left} + j] = dy[n, i, j], \qquad dx = 0 \text{ elsewhere} $$
#
# *A crop forward is a frame of zeros backward.*

# %% [markdown]
# ### Exercise 2: crop, backward
#
# `dx` has the dtype of `dy`, as in every backward pass.


# %% nbgrader={"grade": false, "grade_id": "center_crop_backward", "locked": false, "schema_version": 3, "solution": true, "task": false}
def center_crop_backward(dy, shape):
    """Return dx, of the shape (N, H, W, C) that x had, from dy (N, h, w, C)."""
    ### BEGIN SOLUTION
    h, w = dy.shape[1:3]
    top, left = (shape[1] - h) // 2, (shape[2] - w) // 2
    dx = np.zeros(shape, dy.dtype)
    dx[:, top : top + h, left : left + w] = dy
    return dx
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_center_crop_backward", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
check.center_crop_backward(center_crop_backward)

# %% jupyter={"source_hidden": true} alt="The numbers of a 5 by 5 image with a frame around its 3 by 3 middle, the middle as y, a 3 by 3 dy, and dx: dy in the middle, zeros around it."
numbers = np.arange(1.0, 26).reshape(1, 5, 5, 1)
dy = np.array([[3.0, -1, 2], [0.5, 4, -2], [1, -3, 5]]).reshape(1, 3, 3, 1)
figure, axes = plt.subplots(1, 4, figsize=(8, 2.5), width_ratios=(5, 3, 3, 5), layout="constrained")
draw_numbers(axes[0], numbers[0, ..., 0], "x", mark=(1, 1, 3, 3), fontsize=10)
draw_numbers(axes[1], center_crop(numbers, 3, 3)[0, ..., 0], "y = crop", fontsize=10)
draw_numbers(axes[2], dy[0, ..., 0], "dy", fontsize=10)
shown = center_crop_backward(dy, numbers.shape)[0, ..., 0]
draw_numbers(axes[3], shown, "dx", mark=(1, 1, 3, 3), fontsize=10)
plt.show()

# %% [markdown]
# ## Concat
#
# Now both have the same height and width, and their channels can stand side by side: 512 that
# went across and 512 that came up make 1024. Whoever reads them next may use both.
#
# $$ y = [\,a \mid b\,], \qquad y[\dots, k] = a[\dots, k] \text{ for } k < C_a, \qquad
# y[\dots, C_a + k] = b[\dots, k] $$
#
# Backward there is hardly anything to derive: each number of $y$ is a copy of one number of $a$
# or $b$, so each gets its own part of $dy$. *A concat forward is a split backward.*

# %% [markdown]
# ### Exercises 3 and 4: concat, forward and backward


# %% nbgrader={"grade": false, "grade_id": "concat", "locked": false, "schema_version": 3, "solution": true, "task": false}
def concat(a, b):
    """Return (N, H, W, Ca + Cb) from a (N, H, W, Ca) and b (N, H, W, Cb): first a, then b."""
    ### BEGIN SOLUTION
    return np.concatenate([a, b], axis=-1)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_concat", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
check.concat(concat)


# %% nbgrader={"grade": false, "grade_id": "concat_backward", "locked": false, "schema_version": 3, "solution": true, "task": false}
def concat_backward(dy, channels):
    """Return da and db from dy (N, H, W, C), where a has the first `channels` channels."""
    ### BEGIN SOLUTION
    return dy[..., :channels], dy[..., channels:]
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_concat_backward", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
check.concat_backward(concat_backward)

# %% [markdown]
# ## The fork
#
# There is a fork in $f(x) = x \cdot x$: one $x$ goes into the multiplication twice, as $a = x$ and
# as $b = x$. **Predict** the slope at $x = 3$ along $a$ alone, while $b$ stays 3, and that of $f$.

# %%
predict("slope of x * x at 3, along a alone", 3)
predict("slope of x * x at 3", 3)

# %%
e = 1e-6  # how far x is moved
measured("slope of x * x at 3, along a alone", ((3 + e) * 3 - (3 - e) * 3) / (2 * e))
measured("slope of x * x at 3", ((3 + e) * (3 + e) - (3 - e) * (3 - e)) / (2 * e))

# %% [markdown]
# Along $b$ alone it is as much as along $a$, and the slope of $f$ is their sum.
#
# **Derive** it in general. Let $x$ go two ways, $a = x$ and $b = x$, and let the loss $L(a, b)$
# depend on both. Move $x$ by a little $\varepsilon$. Then both move by $\varepsilon$, and
#
# $$ L(x + \varepsilon,\; x + \varepsilon) \;\approx\; L(x, x) +
# \frac{\partial L}{\partial a} \varepsilon + \frac{\partial L}{\partial b} \varepsilon
# \qquad\Longrightarrow\qquad \boxed{\; dx = da + db \;} $$
#
# *A fork forward is a sum backward.* This is the most important line of the lesson. Here is the
# fork of the U-Net, forward from left to right. Backward, read it from right to left:
#
# ```
#             ┌──────────── crop ─────────────┐
#     x ── fork                             concat ── y
#             └── pool ── conv ── up ── ... ──┘
# ```

# %% [markdown]
# ### Exercise 5: all of it, backward
#
# Forward is `y = concat(center_crop(x, h, w), down(x))`. Here `down` stands for the whole path
# down and up, and `down_backward(d)` is its backward pass: it turns the gradient of what came up
# into the gradient of $x$ along this path. `shape` is the shape of $x$, and `channels` are its
# channels, the first of those that `dy` has. Use your own functions.


# %% nbgrader={"grade": false, "grade_id": "fork_backward", "locked": false, "schema_version": 3, "solution": true, "task": false}
def fork_backward(dy, channels, shape, down_backward):
    """Return dx, of shape (N, H, W, channels), for y = concat(center_crop(x, h, w), down(x))."""
    ### BEGIN SOLUTION
    dcropped, dup = concat_backward(dy, channels)
    return center_crop_backward(dcropped, shape) + down_backward(dup)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_fork_backward", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check.fork_backward(fork_backward)

# %% [markdown]
# ## Check the gradient
#
# With the package's layers for the path down: a pooling, a convolution and an up-convolution.

# %%
rng = np.random.default_rng(0)
path = tu.Sequential(
    tu.MaxPool2d(2),
    tu.Conv2d(2, 3, 3, padding="valid", rng=rng),
    tu.ConvTranspose2d(3, 3, 2, stride=2, rng=rng),
).astype("float64")


def forward(x):
    came_up = path(x)
    h, w = came_up.shape[1:3]
    return concat(center_crop(x, h, w), came_up)


def backward(dy, x):
    forward(x)  # backward needs a fresh forward
    return fork_backward(dy, 2, x.shape, path.backward)


x = rng.standard_normal((2, 10, 12, 2))
report = tu.check_function(forward, backward, x)
measured("crop, concat and fork: worst relative error", report.worst)
report

# %% [markdown]
# ## Break it on purpose
#
# *Overwriting.* In code, the fork is often a variable that is written twice: first by the path
# across, then again by the path down. Write `=` where `+=` belongs, and the first gradient is
# gone.


# %%
def overwriting(dy, channels, shape, down_backward):
    dcropped, dup = concat_backward(dy, channels)
    dx = center_crop_backward(dcropped, shape)
    dx = down_backward(dup)  # should be +=
    return dx


check.fork_backward(overwriting)

# %% [markdown]
# *Sharing.* If the two paths are *added* where they meet (some networks do), then backward both
# get the same `dy`. In NumPy, the same means the very same memory. A layer that writes into its
# upstream gradient, to save an array, then damages the gradient of the *other* path:


# %%
def relu_backward_in_place(dy, y):
    dy[y <= 0] = 0  # saves memory, at the expense of others
    return dy


dy = np.array([1.0, 2.0, 3.0, 4.0])
d_across, d_down = dy, dy  # a sum forward: each path gets dy
relu_backward_in_place(d_down, y=np.array([0.5, 0.0, 0.7, 0.0]))
print("the path across should have got [1 2 3 4], and has", d_across)
measured("numbers damaged on the other path", int((d_across != [1, 2, 3, 4]).sum()))

# %% [markdown]
# So a backward pass never writes into `dy`. The checks of these lessons look for that, too.
#
# ## Measure: does a network with this mistake still train?
#
# We take a whole U-Net and plant the mistake at every fork of its left arm, in two ways: one
# network loses what comes back across, the other what comes back from below. **Predict** the loss
# after 60 steps of training, as a share of the first one: 1 is "nothing learned", more is
# "explodes". (How the network and its training work is the matter of lessons 7 and 8.)

# %%
predict("right network: last loss, as a share of the first", 0.6)
predict("across lost: last loss, as a share of the first", 0.8)
predict("below lost: last loss, as a share of the first", 1.0)


# %%
class AcrossLost(Skip):
    """Crop and concat; what should go back across is lost."""

    def backward(self, dy, *, input_gradient=True):
        dacross, dx = super().backward(dy)
        return 0 * dacross, dx


class BelowLost(tu.MaxPool2d):
    """A pooling; what should go back through it is lost."""

    def backward(self, dy, *, input_gradient=True):
        return 0 * super().backward(dy)


def network(lost, **options):
    """Return a U-Net that loses one of the two gradients at each fork, or none."""
    model = tu.UNet(1, 2, **options)
    if lost == "across lost":
        model.skips = [AcrossLost("concat") for _ in model.skips]
    if lost == "below lost":
        model.pools = [BelowLost(2) for _ in model.pools]
    return model


# %% [markdown]
# Each is trained from five seeds, that is, from five different random beginnings and with other
# images at each step. (`small` is True only where the package's own tests run this lesson, and
# everything has to be quick.)

# %% jupyter={"source_hidden": true}


def draw_losses():
    """Draw the mean loss of the seeds so far for each network, and its standard error."""
    figure = Figure((7.5, 3), layout="constrained", dpi=110)
    axis = figure.subplots()
    smooth = np.ones(window := min(10, steps)) / window
    for (name, runs), color in zip(losses.items(), ("0.2", ORANGE, BLUE), strict=True):
        lines = [np.convolve(run, smooth, "valid") for run in runs if len(run) == steps]
        if lines:
            middle, at = np.mean(lines, axis=0), np.arange(len(lines[0])) + window
            axis.plot(at, middle, color=color, linewidth=2, label=name)
        if len(lines) > 1:
            error = np.std(lines, axis=0, ddof=1) / np.sqrt(len(lines))
            axis.fill_between(
                at, middle - error, middle + error, color=color, alpha=0.15, linewidth=0
            )
    axis.set_xlim(0, steps)
    axis.set_xlabel("step")
    axis.set_ylabel(f"loss (mean of {window} steps)")
    axis.set_title(f"mean of up to {seeds} seeds, with its standard error", fontsize=11)
    if axis.lines:
        axis.legend(frameon=False)
    axis.spines[["top", "right"]].set_visible(False)
    return figure


# %% alt="The losses of three networks over 60 steps: the right one, and those that lose the gradient across or from below. The three curves fall together; the one that loses what comes across ends a little higher, within the bands of the others."
data = tu.data.synthetic_membranes(16, size=60, seed=0)
images = np.stack(data.images)  # (N, H, W, 1)
labels = np.stack(data.labels).astype(int)[:, 20:40, 20:40]  # what a valid U-Net gives: the middle
seeds, steps = (2, 6) if small else (5, 60)
losses = {name: [] for name in ("right network", "across lost", "below lost")}  # a list a seed
progress = tu.plots.Growing(seeds * len(losses) * steps, draw_losses)


def train(name, seed):
    """Train a network and put the loss of each step into `losses`."""
    model = network(name, base_channels=4, depth=2, seed=seed)
    optimizer, loss = tu.Adam(model, lr=5e-3), tu.SoftmaxCrossEntropy()
    rng, run = np.random.default_rng(seed), []
    losses[name].append(run)
    for _ in range(steps):
        chosen = rng.integers(0, len(images), 2)
        run.append(loss(model(images[chosen]), labels[chosen]))
        model.backward(loss.backward())
        optimizer.step()
        progress()


for seed in range(seeds):
    for name in losses:
        train(name, seed)

# %%
right = np.array(losses["right network"])[:, -steps // 5 :].mean(axis=1)  # at the end, one a seed
for name, runs in losses.items():
    runs = np.array(runs)
    end = runs[:, -steps // 5 :].mean(axis=1)
    print(f"{name}: loss at the end {end.mean():.3f}, that is {(end - right).mean():+.3f}")
    measured(f"{name}: last loss, as a share of the first", end.mean() / runs[:, 0].mean())
    if name != "right network":
        spread = right.std(ddof=1)  # from seed to seed
        measured(
            f"{name}: how much worse, in standard deviations over seeds",
            (end - right).mean() / spread,
        )

# %% [markdown]
# All three learn. Looking at a loss curve, nobody would suspect anything: the wrong gradients
# still point roughly downhill, since a part of each is right, and everything after the last fork
# is right anyway. And what it costs is small: the networks differ less from the right one than
# the right one differs from seed to seed. Without the right one beside it, and several seeds,
# that cannot be seen. (It need not always be so cheap: a longer run or a deeper network may pay
# more.)
#
# *That a network learns does not prove that its backward pass is right.* A gradient check does,
# and it even says where to look:

# %%
x = np.random.default_rng(3).standard_normal((1, 20, 20, 1))
reports = {name: tu.check_gradients(network(name, base_channels=2, depth=1), x) for name in losses}
for name, report in reports.items():
    print(f"{name}: {'passed' if report.passed else 'FAILED'}")
    measured(f"{name}: worst relative error", report.worst)
print("\nThe checker says of the second:", reports["across lost"].notes[-1])

# %% [markdown]
# ## Quiz
#
# **A gradient of zero.** A pixel that the crop cut off has the gradient 0. Why?
#
# - a) The loss stays the same, whatever this pixel is.
# - b) It lies at the border, where there is no image.
# - c) It has the gradient of its nearest neighbour, which is small there.

# %%
quiz("a gradient of zero", "a")

# %% [markdown]
# **Three ways.** An array goes three ways and comes together in one loss. What is its gradient?
#
# - a) The mean of the three, so that it does not become larger with every fork.
# - b) The largest of the three: it says most about the loss.
# - c) The sum of the three.

# %%
quiz("three ways", "c")

# %% [markdown]
# **Added, not joined.** A skip adds, $y = a + b$, in the place of a concat. Backward?
#
# - a) Each gets half of dy.
# - b) Each gets all of dy.
# - c) a gets the first channels of dy, b the others.

# %%
quiz("added, not joined", "b")

# %% [markdown]
# **A loss that falls.** You changed a layer, and the network's loss still falls as before. What do
# you know about the layer's backward pass?
#
# - a) It is right.
# - b) It is at least nearly right.
# - c) Hardly anything.

# %%
quiz("a loss that falls", "c")

# %% [markdown]
# **Where to look.** A gradient check of a U-Net says: right in head, decoder and bottom, wrong in
# all of the encoder. Where do you look first?
#
# - a) In the convolution's backward pass.
# - b) Where gradients come together at the forks.
# - c) In the loss.

# %%
quiz("where to look", "b")

# %% [markdown]
# ## What you know now
#
# | forward | backward |
# |---|---|
# | crop: keep the middle | put it back, zeros around |
# | concat: side by side | split |
# | fork: one goes two ways | add |
# | sum: two become one | each gets all of `dy` (the same memory: do not write into it) |
#
# The package's version is `tinyunet/layers/join.py`. Now you have everything a U-Net is made of:
# convolution, ReLU, pooling, up-convolution, crop, concat and a loss. In
# [lesson 7](07_the_u.ipynb) you put it together.
