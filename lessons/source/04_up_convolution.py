# ---
# jupyter:
#   tinyunet:
#     lesson: 4
#     title: Up-convolution
#     time: 20 s
# ---

# %% [markdown]
# # Lesson 4: Up-convolution
#
# *About 20 seconds of computing and an hour of reading and writing. You need: lesson 1 (a
# convolution is a matrix) and lesson 2 (its backward, and the adjoint identity).*
#
# On its left side a U-Net makes the image smaller and smaller. On the right side it has to make it
# large again, for in the end every pixel of the image gets a label. The layer that does so is the
# **up-convolution**. Its other names are *transposed convolution*, which is exact, and
# *deconvolution*, which is wrong, as we shall see. After this lesson you can
#
# - say what an up-convolution does in one sentence, and how large its output is;
# - write it, forward and backward, without deriving anything that you do not know already;
# - say where checkerboard patterns come from, and how to avoid them;
# - give it weights with which it interpolates smoothly before it has learned anything.
#
# There are four exercises. Each has a check that tells you at once what is right and what is not,
# and three hints, if you want them.

# %%
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

import tinyunet as tu
from tinyunet.exercises import check, claim, small
from tinyunet.plots import animate, draw_numbers

plt.rcParams["figure.dpi"] = 80

# %% [markdown]
# ## Turn the matrix on its side
#
# Take a convolution along one side only: 7 numbers, a kernel of 3, and **stride 2**, so that the
# kernel moves on by two. By the formula of lesson 1 there are $\lfloor (7 - 3) / 2 \rfloor + 1 = 3$
# outputs. As with every linear thing, there is a matrix $A$ that does it, with 3 rows and 7
# columns:

# %%
kernel = np.array([1, 2, 3])
A = np.zeros((3, 7))
for i in range(3):
    A[i, 2 * i : 2 * i + 3] = kernel  # output i reads from place 2 i on

# %% jupyter={"source_hidden": true}
figure, axes = plt.subplots(1, 2, figsize=(7, 3.4), width_ratios=(7, 3), layout="constrained")
draw_numbers(axes[0], np.where(A == 0, np.nan, A), "A: from 7 numbers to 3")
draw_numbers(axes[1], np.where(A.T == 0, np.nan, A.T), "A transposed:\nfrom 3 to 7")

# %% [markdown]
# This matrix leads from 7 numbers to 3. If we turn it on its side (exchange rows and columns), we
# have a matrix that leads from 3 numbers to 7: the **transpose** $A^T$. That is the whole idea. An
# up-convolution is $y = A^T x$.
#
# What does it do? Look at a column of $A^T$. It says what one input number does to the output: it
# puts down the *whole kernel*, times that number, from place $2i$ on. So while a convolution
# **gathers** (each output reads a window of the input), an up-convolution **stamps**: each input
# pixel presses its kernel onto the output, as strongly as the pixel is bright, and where stamps
# overlap they add up.
#
# In two dimensions it is the same, with the kernel as the stamp. Here the stride is 2 and the
# kernel has 3 by 3 weights, so neighbouring stamps overlap by one row or column.
#
# **Predict**: which number will stand in the very middle?

# %%
x = np.array([[1, 2], [0, 3]])
stamp = np.array([[1, 2, 1], [2, 4, 2], [1, 2, 1]])

# %% jupyter={"source_hidden": true}


def draw_step(step):
    """Draw the output after so many stamps."""
    figure = Figure((8.5, 3.3), layout="constrained")
    axes = figure.subplots(1, 3, width_ratios=(2, 3, 5))
    y = np.zeros((5, 5))
    for i, j in list(np.ndindex(2, 2))[: step + 1]:
        y[2 * i : 2 * i + 3, 2 * j : 2 * j + 3] += x[i, j] * stamp
    draw_numbers(axes[0], x, "input x", mark=(i, j, 1, 1))
    draw_numbers(axes[1], stamp, "kernel w")
    draw_numbers(axes[2], y, f"output y: add {x[i, j]} times w", mark=(2 * i, 2 * j, 3, 3))
    return figure


animate(draw_step, count=4, milliseconds=1300)

# %% [markdown]
# All four stamps meet in the middle: $1 + 2 + 0 + 3 = 6$.
#
# ### Exercise 1: the output's size
#
# How long is the output along one side? Think of where the last stamp begins, and where it ends.
# (No formula this time. But you have two examples: from 3 numbers to 7, and from 2 to 5, both with
# kernel 3 and stride 2.)


# %% nbgrader={"grade": false, "grade_id": "up_size", "locked": false, "schema_version": 3, "solution": true, "task": false}
def up_size(side, kernel, stride):
    """Return how many outputs an up-convolution has along one side, without padding."""
    ### BEGIN SOLUTION
    return (side - 1) * stride + kernel
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_up_size", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
check.up_size(up_size)

# %% [markdown]
# **Predict**: the U-Net's up-convolutions have a kernel of 2 and a stride of 2. What comes out of
# 28 pixels a side? Do the stamps overlap? And the first of these layers makes 512 channels from
# 1024: how many weights and biases does it have?

# %%
claim("28 pixels up", up_size(28, 2, 2), low=56, high=56)
layer = tu.ConvTranspose2d(1024, 512, kernel_size=2, stride=2)
print(f"1024 * 2 * 2 * 512 + 512 = {1024 * 2 * 2 * 512 + 512:,}")
claim("weights and biases, in millions", layer.num_parameters / 1e6, low=2.097664, high=2.097664)

# %% [markdown]
# The side is exactly doubled: with kernel 2 and stride 2 the stamps lie side by side, like tiles.
#
# ## Forward
#
# With channels, the stamp of a pixel is a row of $C_\text{in}$ numbers times a matrix for each
# kernel position. The weight has the shape `(C_in, kh, kw, C_out)`, and $w[p, q]$ stands for the
# matrix `w[:, p, q]` of shape `(C_in, C_out)`. With $s$ for the stride, each input pixel $(i, j)$
# and each kernel position $(p, q)$ does this, starting from $y = b$:
#
# $$ y[n,\; i s + p,\; j s + q] \;\mathrel{+}=\; x[n, i, j] \;\, w[p, q] $$
#
# Compare that with lesson 1. In the convolution, the places $(i s + p,\; j s + q)$ were on the
# right, where numbers are *read*. Here they are on the left, where numbers are *written*. That is
# all that transposing does: **reading becomes writing**.

# %% [markdown]
# ### Exercise 2: an up-convolution
#
# You can loop over pixels and put down stamps, as above. Or loop over the kernel's positions, and
# treat all pixels at once: for a fixed $(p, q)$ they reach a slice of `y` with the step `stride`.


# %% nbgrader={"grade": false, "grade_id": "up_convolution", "locked": false, "schema_version": 3, "solution": true, "task": false}
def up_convolution(x, w, b, stride):
    """Return y (N, H', W', C_out) from x (N, H, W, C_in), w (C_in, kh, kw, C_out) and b (C_out,)."""
    ### BEGIN SOLUTION
    n, height, width, _ = x.shape
    _, kh, kw, c_out = w.shape
    y = np.zeros((n, up_size(height, kh, stride), up_size(width, kw, stride), c_out), x.dtype)
    for p in range(kh):
        for q in range(kw):
            rows = slice(p, p + stride * height, stride)
            columns = slice(q, q + stride * width, stride)
            y[:, rows, columns] += x @ w[:, p, q]
    return y + b
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_up_convolution", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
check.up_convolution(up_convolution)

# %%
rng = np.random.default_rng(1)
layer = tu.ConvTranspose2d(3, 4, kernel_size=3, stride=2)
layer.params["bias"] = rng.standard_normal(4, np.float32)
images = rng.standard_normal((2, 5, 6, 3), np.float32)
ours = up_convolution(images, layer.params["weight"], layer.params["bias"], stride=2)
claim("largest difference to tu.ConvTranspose2d", np.abs(ours - layer(images)).max(), high=1e-5)

# %% [markdown]
# ### Is it really the transpose?
#
# Lesson 2 had a test for that, the **adjoint identity**. Write $\langle u, v \rangle$ for the sum
# of the products of all entries. Then for every $u$ and $v$
#
# $$ \langle A u,\; v \rangle \;=\; \langle u,\; A^T v \rangle $$
#
# and only the transpose has this property. For $A$ we take the package's convolution with stride 2,
# and for $A^T$ your up-convolution. They use the same numbers as weights. A convolution keeps them
# as `(kh, kw, channels in, channels out)`, and going the other way, in and out change places.

# %%
conv = tu.Conv2d(4, 3, kernel_size=3, stride=2, bias=False).astype("float64")  # A: 4 channels to 3
w = rng.standard_normal((3, 3, 3, 4))  # of A transposed: (C_in = 3, kh, kw, C_out = 4)
conv.params["weight"] = w.transpose(1, 2, 3, 0)

u = rng.standard_normal((2, 11, 13, 4))
v = rng.standard_normal((2, 5, 6, 3))
left = (conv(u) * v).sum()  # <A u, v>
right = (u * up_convolution(v, w, np.zeros(4), stride=2)).sum()  # <u, A^T v>
claim("<A u, v> less <u, A^T v>", abs(left - right), high=1e-10)

# %% [markdown]
# And why is "deconvolution" a wrong name? It promises to *undo* a convolution. But the transpose is
# not the inverse: it brings back the shape, not the numbers.

# %%
back = up_convolution(conv(u), w, np.zeros(4), stride=2)
print("the same shape:", back.shape == u.shape)
claim("relative difference", np.linalg.norm(back - u) / np.linalg.norm(u), low=1)

# %% [markdown]
# ## Backward, for free
#
# Let us first do it by matrices. Forward is $y = A^T x$ (the bias aside). Lesson 2 said: the
# backward of a matrix is its transpose. And the transpose of the transpose is the matrix itself:
#
# $$ dx \;=\; (A^T)^T \, dy \;=\; A \, dy $$
#
# So the backward of an up-convolution is a plain **convolution with that stride**. Convolution and
# up-convolution are a pair: each is the other's backward.
#
# By indices it is the same. The formula for forward has one product, $x[n, i, j]\; w[p, q]$, a row
# times a matrix. For $y = x\, m$ the chain rule gives $dx = dy\; m^T$ and $dm = x^T\, dy$. Every
# pixel takes part once for each $(p, q)$, and every weight once for each pixel, so we add up:
#
# $$ dx[n, i, j] \;=\; \sum_{p, q} \; dy[n,\; i s + p,\; j s + q] \;\, w[p, q]^T $$
#
# $$ dw[p, q] \;=\; \sum_{n, i, j} \; x[n, i, j]^T \;\, dy[n,\; i s + p,\; j s + q] $$
#
# $$ db \;=\; \sum_{n, u, v} \; dy[n, u, v] $$
#
# The first is the convolution's formula, word for word. In the last one, the sum goes over all
# pixels $(u, v)$ of the output, since $b$ was added to every one of them.

# %% [markdown]
# ### Exercise 3: an up-convolution, backward
#
# `dy` has the shape of `y`, that is `(N, H', W', C_out)`.


# %% nbgrader={"grade": false, "grade_id": "up_convolution_backward", "locked": false, "schema_version": 3, "solution": true, "task": false}
def up_convolution_backward(dy, x, w, stride):
    """Return dx, dw and db, in the shapes of x, w and b."""
    ### BEGIN SOLUTION
    _, height, width, c_in = x.shape
    _, kh, kw, c_out = w.shape
    dx, dw = np.zeros_like(x), np.zeros_like(w)
    for p in range(kh):
        for q in range(kw):
            rows = slice(p, p + stride * height, stride)
            columns = slice(q, q + stride * width, stride)
            part = dy[:, rows, columns]  # (N, H, W, C_out): what each pixel wrote to through (p, q)
            dx += part @ w[:, p, q].T
            dw[:, p, q] = x.reshape(-1, c_in).T @ part.reshape(-1, c_out)
    return dx, dw, dy.sum(axis=(0, 1, 2))
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_up_convolution_backward", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
check.up_convolution_backward(up_convolution_backward)

# %% [markdown]
# ### Check the gradient
#
# By finite differences, with sides, channels and kernel that are all different; and against the
# claim that $dx$ is a convolution of $dy$:

# %%
x, w, b = (rng.standard_normal(shape) for shape in ((2, 3, 4, 2), (2, 3, 2, 5), (5,)))


def forward(x, w, b):
    """An up-convolution with stride 2."""
    return up_convolution(x, w, b, stride=2)


def backward(dy, x, w, b):
    """The gradients of forward; they do not depend on b."""
    return up_convolution_backward(dy, x, w, stride=2)


report = tu.check_function(forward, backward, x, w, b)
print(report)
claim("largest relative error", report.worst, high=1e-6)

w = rng.standard_normal((3, 3, 3, 4))
conv.params["weight"] = w.transpose(1, 2, 3, 0)
dx, _, _ = up_convolution_backward(u, v, w, stride=2)  # u has the shape of dy, and v that of x
claim("dx less the convolution of dy", np.abs(dx - conv(u)).max(), high=1e-12)

# %% [markdown]
# ## Break it on purpose
#
# Where stamps overlap, they add up. What if one writes `=` instead of `+=`? **Predict**: does a
# test with the U-Net's own setting, kernel 2 and stride 2, notice?


# %%
def overwriting(x, w, b, stride):
    """An up-convolution in which later stamps overwrite earlier ones."""
    _, kh, kw, c_out = w.shape
    n, height, width, _ = x.shape
    y = np.zeros((n, up_size(height, kh, stride), up_size(width, kw, stride), c_out), x.dtype)
    for p in range(kh):
        for q in range(kw):
            y[:, p : p + stride * height : stride, q : q + stride * width : stride] = x @ w[:, p, q]
    return y + b


b = np.zeros(4)
for k, low, high in ((2, 0, 0), (3, 1, None)):
    w = rng.standard_normal((3, k, k, 4))
    gap = np.abs(overwriting(v, w, b, 2) - up_convolution(v, w, b, 2)).max()
    claim(f"kernel {k}, stride 2: largest difference", gap, low=low, high=high)

# %% [markdown]
# With kernel 2 and stride 2 the mistake is invisible: nothing overlaps. It would sleep until
# somebody tries a larger kernel. Our check tries overlapping stamps, too:

# %%
check.up_convolution(overwriting)

# %% [markdown]
# Now break your own: forget the `.T`, add the bias to every stamp, take the mean for `db`.

# %% [markdown]
# ## Checkerboards
#
# Up-convolutions are notorious for a pattern: images that they make often show a fine grid, like a
# checkerboard. Let us see where it comes from. Take an image of ones, and a kernel of ones. Then
# each output pixel simply counts how many stamps have hit it.
#
# Along one side, output $o$ is hit by the stamps that begin at $0, s, 2s, \ldots$ and cover it,
# that is, by those that begin among the $k$ places $o - k + 1, \ldots, o$. How many multiples of
# $s$ are there among $k$ consecutive numbers? If $k$ is a multiple of $s$, always $k / s$. If not,
# sometimes $\lfloor k / s \rfloor$ and sometimes one more, in turn.
#
# **Predict** the counts in the middle for stride 2 and kernels of 2, 3 and 4. (In two dimensions,
# rows times columns.)

# %%
counts = {}
for k in (2, 3, 4):
    ones = np.ones((1, 6, 6, 1))
    counts[k] = up_convolution(ones, np.ones((1, k, k, 1)), np.zeros(1), stride=2)[0, ..., 0]
    print(f"kernel {k}: counts in the middle {np.unique(counts[k][3:-3, 3:-3])}")
claim("kernel 2: largest less smallest", np.ptp(counts[2][3:-3, 3:-3]), high=0)
claim(
    "kernel 3: largest by smallest",
    counts[3][3:-3, 3:-3].max() / counts[3][3:-3, 3:-3].min(),
    low=4,
    high=4,
)
claim("kernel 4: largest less smallest", np.ptp(counts[4][3:-3, 3:-3]), high=0)

# %% jupyter={"source_hidden": true}
figure, axes = plt.subplots(1, 3, figsize=(9, 3.1), layout="constrained")
for axis, (k, count) in zip(axes, counts.items(), strict=True):
    draw_numbers(axis, count[2:-2, 2:-2], f"stride 2, kernel {k}: stamps", fontsize=10)

# %% [markdown]
# So the first rule is: **make the kernel a multiple of the stride**. The U-Net's 2 and 2 obeys it.
#
# But that is not enough. With kernel 2 and stride 2, the four pixels under a stamp are made by four
# different weights, and nothing forces these to be alike. With random weights, each pixel of a flat
# gray image turns into four different ones. The even count only makes it *possible* to have no
# pattern. For an even output, the weights that reach an output pixel must have the same sum for all
# pixels, wherever they lie relative to the stamps.

# %% [markdown]
# ## Weights that interpolate
#
# Which weights are good to start with? Think of a smooth enlargement by the factor $s$, with input
# pixels $s$ output pixels apart. Between two neighbours we would like to go along a straight line:
# the closer to a neighbour, the more it counts. So the weight of an input pixel, at a distance of
# $d$ output pixels, is
#
# $$ 1 - d / s $$
#
# which is 1 right at the pixel and reaches 0 where its neighbour lies: a **tent**. In two
# dimensions, the weights for rows and columns are multiplied. This is called *bilinear*
# interpolation.
#
# As a stamp, the tent takes the $2s$ places that are closer than $s$ to its middle. They are
# numbered $0$ to $2s - 1$, so the middle is at $s - \tfrac12$, and the tent has the heights
#
# $$ t[p] \;=\; 1 - \frac{|\,p - (s - \tfrac12)\,|}{s} , \qquad w[p, q] \;=\; t[p] \; t[q] $$
#
# **Predict** the four heights for $s = 2$. Which of them meet at one output pixel? What is their
# sum?

# %% [markdown]
# ### Exercise 4: a bilinear kernel


# %% nbgrader={"grade": false, "grade_id": "bilinear_kernel", "locked": false, "schema_version": 3, "solution": true, "task": false}
def bilinear_kernel(stride):
    """Return the weights (2 * stride, 2 * stride) of a bilinear interpolation."""
    ### BEGIN SOLUTION
    places = np.arange(2 * stride)
    tent = 1 - np.abs(places - (stride - 0.5)) / stride
    return np.outer(tent, tent)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_bilinear_kernel", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check.bilinear_kernel(bilinear_kernel)

# %% [markdown]
# For stride 2 the heights are 0.25, 0.75, 0.75, 0.25. Places 0 and 2 of neighbouring stamps meet,
# and so do 1 and 3; both pairs sum to 1. So a flat image stays flat. And a ramp, which rises
# evenly, should stay a ramp:

# %%
w = bilinear_kernel(2)[None, :, :, None]  # (1, 4, 4, 1)
flat = up_convolution(np.ones((1, 8, 8, 1)), w, np.zeros(1), stride=2)[0, 2:-2, 2:-2, 0]
claim("flat stays flat: largest less smallest", np.ptp(flat), high=1e-12)

ramp = np.arange(8.0) * np.ones((8, 1))  # rises by 1 from column to column
up = up_convolution(ramp[None, :, :, None], w, np.zeros(1), stride=2)[0, 2:-2, 2:-2, 0]
rise = np.diff(up, axis=1)
claim("a ramp stays a ramp: rise from column to column", rise.mean(), low=0.5, high=0.5)
claim("largest difference from that", np.abs(rise - 0.5).max(), high=1e-12)

# %% [markdown]
# (At the border there are fewer stamps, so we cut off two pixels. A layer does so with `padding`:
# in an up-convolution, padding is *removed*.)

# %% [markdown]
# ## Measure
#
# Does the start matter, or does training put it right anyway? We shrink images of cells to half
# their side, by taking the mean of every 2 by 2 pixels, and train a single up-convolution to bring
# the large image back. Its loss is the mean squared error, in units of the images' variance: 1 is
# as good as a gray area. Each step moves the weights a little against the gradient, $w \leftarrow w
# - 0.2\; dw$, and the bias too. We start
#
# - from random weights, kernel 4;
# - from random weights, kernel 2, as in the U-Net;
# - from the bilinear weights, kernel 4.
#
# Random starts differ, so we take five seeds and give mean and standard error. Besides the loss we
# measure the **pattern**: send a flat image of ones through the layer, and take the standard
# deviation of what comes out, away from the border.
#
# **Predict**: how many steps from random weights until the loss is as low as the bilinear start's?
# Does the pattern go away by training?

# %%
seeds = 2 if small else 5
steps = 40 if small else 400
large = np.stack(tu.data.synthetic_cells(4 if small else 8, size=64, seed=5).images)
large = (large - large.mean()) / large.std()  # (N, 64, 64, 1), mean 0 and variance 1
half = sum(large[:, p::2, q::2] for p in (0, 1) for q in (0, 1)) / 4  # (N, 32, 32, 1)
ones = np.ones((1, 10, 10, 1), np.float32)


def train(layer):
    """Return the loss and the pattern before each step."""
    losses, patterns = [], []
    for _ in range(steps):
        patterns.append(layer.predict(ones)[0, 4:-4, 4:-4].std())  # predict: forward alone
        difference = layer(half) - large
        losses.append((difference**2).mean())
        layer.backward(2 * difference / difference.size)
        for name in layer.params:
            layer.params[name] -= 0.2 * layer.grads[name]
    return losses, patterns


def up_layer(kernel, seed=0):
    """Return a layer that doubles the side, with random weights."""
    rng = np.random.default_rng(seed)
    padding = (kernel - 2) // 2
    return tu.ConvTranspose2d(1, 1, kernel, stride=2, padding=padding, rng=rng)


bilinear = up_layer(4)
bilinear.params["weight"][0, :, :, 0] = bilinear_kernel(2)
first_look = {"bilinear, kernel 4": bilinear.predict(half)[0, ..., 0]}
runs = {}
for k in (4, 2):
    layers = [up_layer(k, seed) for seed in range(seeds)]
    first_look[f"random, kernel {k}"] = layers[0].predict(half)[0, ..., 0]
    runs[f"random, kernel {k}"] = np.array([train(layer) for layer in layers])
runs["bilinear, kernel 4"] = np.array([train(bilinear)])  # nothing random: once is enough
# each is (seeds, 2, steps): losses and patterns

for name, run in runs.items():
    for step in sorted({0, min(30, steps - 1), steps - 1}):
        values = run[:, :, step]
        mean = values.mean(axis=0)
        error = values.std(axis=0, ddof=1) / np.sqrt(len(values)) if len(values) > 1 else (0, 0)
        numbers = "   ".join(
            f"{what} {m:.3f} +- {e:.3f}"
            for what, m, e in zip(("loss", "pattern"), mean, error, strict=True)
        )
        print(f"{name:20} after {step:3} steps: {numbers}")

# %%
start = runs["bilinear, kernel 4"][0, 0, 0]
random4, random2 = runs["random, kernel 4"], runs["random, kernel 2"]
claim("loss of the bilinear start", start, low=0.02, high=0.12)
claim("random, kernel 4: loss at the start, in times that", random4[:, 0, 0].mean() / start, low=5)
claim(
    "steps after which all random kernels 4 are within a factor of 1.5",
    (random4[:, 0].max(axis=0) > 1.5 * start).sum(),
    low=15 if small else 50,
)
claim("bilinear: pattern at the start", runs["bilinear, kernel 4"][0, 1, 0], high=1e-6)
claim("random, kernel 4: pattern at the start", random4[:, 1, 0].mean(), low=0.2)
claim("random, kernel 4: pattern at the end", random4[:, 1, -1].mean(), high=0.05)
claim("random, kernel 2: pattern at the end", random2[:, 1, -1].mean(), high=0.2 if small else 0.05)

# %% jupyter={"source_hidden": true}
figure, axes = plt.subplots(1, 4, figsize=(9, 2.6), layout="constrained")
first_look = {"the small image": half[0, ..., 0], **first_look}
for axis, (name, picture) in zip(axes, first_look.items(), strict=True):
    part = slice(8, 24) if picture.shape[0] == 32 else slice(16, 48)
    axis.imshow(picture[part, part], cmap="gray")
    axis.set_title(name, fontsize=11)
    axis.axis("off")

# %% jupyter={"source_hidden": true}
figure, axes = plt.subplots(1, 2, figsize=(9, 3), layout="constrained")
for (name, run), colour in zip(runs.items(), ("#d55e00", "#009e73", "#0072b2"), strict=True):
    for axis, values in zip(axes, run.swapaxes(0, 1), strict=True):
        mean = values.mean(axis=0)
        at = np.arange(1, steps + 1)
        axis.plot(at, mean, color=colour, label=name)
        if len(values) > 1:
            error = values.std(axis=0, ddof=1) / np.sqrt(len(values))
            low = np.maximum(mean - error, mean / 10)
            axis.fill_between(at, low, mean + error, color=colour, alpha=0.2, linewidth=0)
axes[1].legend(frameon=False)
for axis, title in zip(axes, ("loss", "pattern on a flat image"), strict=True):
    axis.set_xscale("log")
    axis.set_yscale("log")
    axis.set_title(title)
    axis.set_xlabel("step (the first is number 1)")
    axis.spines[["top", "right"]].set_visible(False)
axes[1].set_ylim(bottom=1e-3)
axes[0].grid(color="0.93")

# %% [markdown]
# The random starts show a strong pattern, which costs them a lot of loss. So training removes it
# within some tens of steps. To become *smooth* takes a kernel of 4 longer: about a hundred steps to
# come near the bilinear start, and some hundreds to draw level with it. The kernel of 2 stays a
# little behind for good. Its stamps do not overlap, so it can only enlarge each pixel to a tile of
# 2 by 2.
#
# A very faint pattern remains in all three, and training even adds it to the bilinear start, where
# there was none: the best weights for just these images have it.
#
# So with kernel 4 the start saves time rather than changing the end, for this is a single layer
# with an easy task. A U-Net has random up-convolutions and learns to live with them: the
# convolutions that follow can even out the pattern. Where nothing follows, bilinear weights are the
# usual choice.
#
# ## What you know now
#
# - An up-convolution is the transpose of a convolution with a stride. Each pixel stamps the kernel
#   onto the output; stamps add up.
# - Its output has $(n - 1)\, s + k$ pixels a side.
# - Its backward is that convolution. Each is the other's backward.
# - Kernels that are no multiple of the stride make checkerboards; random weights do so even if they
#   are.
# - Bilinear weights enlarge smoothly from the start.
#
# The package's version is `tinyunet/layers/upconv.py`; its first lines say again why nothing new
# had to be derived.
#
# The layers are complete. What do they work towards? In **lesson 5** every pixel gets a loss.
