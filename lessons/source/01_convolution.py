# ---
# jupyter:
#   tinyunet:
#     lesson: 1
#     title: Convolution
#     time: 20 s
# ---

# %% [markdown]
# # Lesson 1: Convolution
#
# *About 20 seconds of computing and 65 minutes of reading and writing. You need:
# NumPy arrays, slices and `for` loops.*
#
# A U-Net looks at an image and says for every pixel what it belongs to. Nearly all of its work is a
# single operation, done again and again: the **convolution**. After this lesson you can
#
# - say which size a convolution's output has, before you run it;
# - write a convolution by loops, the way it is defined;
# - write it again as a single matrix product, and measure how much faster that is;
# - say what a convolution cannot do, and why that is its strength.
#
# There are four exercises, each with a check and three hints, and five questions at the end. (What
# `predict`, `check`, `quiz` and `small` are, says [lesson 0](00_pixels_to_labels.ipynb).)

# %%
import time

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

import tinyunet as tu
from tinyunet.exercises import check, measured, predict, quiz, small
from tinyunet.plots import draw_numbers, slider

plt.rcParams["figure.dpi"] = 110

# %% [markdown]
# ## A window that slides
#
# A gray image is an array of numbers: one for each pixel, small where it is dark, large where it is
# bright. Here is a tiny one, dark at the top left and bright at the bottom right, and a still
# smaller array of *weights*, which we call the **kernel**.

# %%
image = np.array(
    [
        [1, 1, 1, 8, 8],
        [1, 1, 1, 8, 8],
        [1, 1, 8, 8, 8],
        [1, 8, 8, 8, 8],
        [8, 8, 8, 8, 8],
    ]
)
kernel = np.array(
    [
        [-1, 0, 1],
        [-1, 0, 1],
        [-1, 0, 1],
    ]
)

# %% [markdown]
# Lay the kernel over the top left corner of the image. Under it lies a *window* of 3 by 3 pixels.
# Multiply each of these pixels by the weight above it and add everything up. That is one number of
# the output.

# %%
window = image[0:3, 0:3]
print(window)
print("sum of window * kernel:", (window * kernel).sum())

# %% [markdown]
# Now shift the kernel one pixel to the right and do the same again, and so on, row by row. That is
# all a convolution is: **a weighted sum that slides over the image**.
#
# **Predict** before you go on: at how many places does the kernel fit? In other words, which shape
# does the output have? And what will it be at the bottom right, where all pixels are equal?

# %%
predict("shape of the output", (4, 4))
predict("output at the bottom right", 24)


# %%
def slide(image, kernel):
    """Return the weighted sum of every window of one gray image."""
    kh, kw = kernel.shape
    y = np.zeros((image.shape[0] - kh + 1, image.shape[1] - kw + 1))
    for i in range(y.shape[0]):
        for j in range(y.shape[1]):
            window = image[i : i + kh, j : j + kw]
            y[i, j] = (window * kernel).sum()
    return y


measured("shape of the output", slide(image, kernel).shape)
measured("output at the bottom right", slide(image, kernel)[-1, -1])

# %% [markdown]
# Slide it yourself, with the arrows or the bar:


# %% jupyter={"source_hidden": true} alt="The 5 by 5 image with a frame around the 3 by 3 window, the kernel, and the 3 by 3 output, in which the numbers of all windows so far stand."
def draw_window(number):
    """Draw the image with the window of this number, the kernel, and the output so far."""
    step = number - 1
    figure = Figure((7.5, 2.9), layout="constrained")
    left, middle, right = figure.subplots(1, 3, width_ratios=(5, 3, 3))
    y = slide(image, kernel)
    i, j = divmod(step, y.shape[1])
    y.ravel()[step + 1 :] = np.nan  # not yet
    draw_numbers(left, image, "image x", mark=(i, j, 3, 3))
    draw_numbers(middle, kernel, "kernel w")
    draw_numbers(right, y, "output y", mark=(i, j, 1, 1))
    return figure


slider(
    draw_window,
    range(1, 10),
    "window",
    start=0,
    alt="The image with a frame around a window, the kernel, and the output up to this window.",
)

# %% [markdown]
# The output is 0 wherever the window sees only one brightness: the kernel's weights add up to 0. It
# is large where dark pixels on the left meet bright ones on the right. This kernel *finds vertical
# edges*. Nobody has to think of such kernels: a network **learns** its weights. But it helps to
# have seen what some of them see.

# %%
cells = tu.data.synthetic_cells(1, size=96, seed=3).images[0][..., 0]  # (H, W), from 0 to 1
kernels = {
    "mean of 25 pixels": np.full((5, 5), 1 / 25),
    "vertical edges": kernel,
    "horizontal edges": kernel.T,
}

# %% jupyter={"source_hidden": true} alt="An image of bright cells, and what three kernels make of it: the mean of 25 pixels is blurred; vertical edges shows left rims bright and right rims dark; horizontal edges the upper and the lower ones."
figure, axes = plt.subplots(1, 4, figsize=(8, 2.3), layout="constrained")
axes[0].imshow(cells, cmap="gray")
axes[0].set_title("image")
for axis, (name, weights) in zip(axes[1:], kernels.items(), strict=True):
    axis.imshow(slide(cells, weights), cmap="gray")
    axis.set_title(name)
for axis in axes:
    axis.axis("off")
plt.show()

# %% [markdown]
# ## How large is the output?
#
# Two more words. The **stride** is how far the kernel moves from one window to the next: with
# stride 2 it skips every second place, and the output has about half the side. The **padding** is a
# frame of zeros that is laid around the image first, so that the kernel may stick out over the
# border.
#
# Let us count windows along one side, of $n$ pixels, with a kernel of $k$, stride $s$ and padding
# $p$ at both ends:
#
# - With its padding the side has $n + 2p$ pixels.
# - The first window takes up $k$ of them. So $n + 2p - k$ are left.
# - Every further window needs $s$ more. So there are $\lfloor (n + 2p - k) / s \rfloor$ of them,
#   where $\lfloor\;\rfloor$ means rounding down: a window that does not fit completely does not
#   count.
# - And the first one counts, too:
#
# $$ n_\text{out} = \left\lfloor \frac{n + 2p - k}{s} \right\rfloor + 1 $$

# %% [markdown]
# ### Exercise 1: the output's size
#
# Write this formula as a function. (In Python, `//` divides and rounds down.)


# %% nbgrader={"grade": false, "grade_id": "output_size", "locked": false, "schema_version": 3, "solution": true, "task": false}
def output_size(side, kernel, stride=1, padding=0):
    """Return how many outputs a convolution has along one side."""
    ### BEGIN SOLUTION
    return (side + 2 * padding - kernel) // stride + 1
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_output_size", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
check.output_size(output_size)

# %% [markdown]
# **Predict**: the U-Net of the [paper](https://arxiv.org/abs/1505.04597) starts with an image of
# 572 by 572 pixels and two convolutions with 3 by 3 kernels, without padding. Which side is left?
# And which padding would keep the side through one of them?

# %%
predict("572 pixels after two 3x3 convolutions", 570)
predict("padding that keeps the side", 1)

# %%
measured("572 pixels after two 3x3 convolutions", output_size(output_size(572, 3), 3))
measured("padding that keeps the side", [output_size(572, 3, 1, p) for p in range(9)].index(572))

# %% [markdown]
# Every 3x3 convolution without padding costs one pixel at each border. That is why the U-Net's
# output is smaller than its input. (Without padding is called **valid**, with a padding that keeps
# the size **same**.)

# %% [markdown]
# ## Channels and batches
#
# A colour image has three numbers for each pixel, and inside a network there are many more: 64
# after the U-Net's first convolution. They are called **channels**. And we treat several images at
# once, a **batch**. So our arrays have four axes:
#
# | array | shape | |
# |---|---|---|
# | input `x` | `(N, H, W, C_in)` | images, height, width, channels |
# | weight `w` | `(kh, kw, C_in, C_out)` | the kernel's height and width, channels in and out |
# | bias `b` | `(C_out,)` | a number added to every output channel |
# | output `y` | `(N, H', W', C_out)` | height and width by the formula above |
#
# A pixel `x[n, i, j]` is now a row of `C_in` numbers, and a kernel position `w[p, q]` is a matrix
# that makes `C_out` numbers of them. So where one product of two numbers was, there is now a row
# times a matrix, which Python writes `@`. Apart from that, nothing changes. With $s$ for the
# stride, and `x` already padded:
#
# $$ y[n, i, j] \;=\; b \;+\; \sum_{p} \sum_{q} \; x[n,\; i s + p,\; j s + q] \;\, w[p, q] $$

# %% [markdown]
# ### Exercise 2: a convolution by loops
#
# First lay `padding` zeros around height and width (`np.pad`). Then write it just as the formula
# says. You need no loop over images: `x[:, u, v]` is the pixel `(u, v)` of all images, an array
# `(N, C_in)`, and `x[:, u, v] @ w[p, q]` treats them all.
#
# Make new arrays with `x`'s dtype, for example `np.zeros(shape, x.dtype)`. Networks compute in
# float32, and a float64 array in between would quietly make everything after it slower and twice as
# large.


# %% nbgrader={"grade": false, "grade_id": "conv2d_loops", "locked": false, "schema_version": 3, "solution": true, "task": false}
def conv2d_loops(x, w, b, stride=1, padding=0):
    """Return y (N, H', W', C_out) from x (N, H, W, C_in), w (kh, kw, C_in, C_out), b (C_out,)."""
    ### BEGIN SOLUTION
    n, height, width, _ = x.shape
    kh, kw, _, c_out = w.shape
    x = np.pad(x, ((0, 0), (padding, padding), (padding, padding), (0, 0)))  # a new array
    h_out, w_out = output_size(height, kh, stride, padding), output_size(width, kw, stride, padding)
    y = np.zeros((n, h_out, w_out, c_out), x.dtype)
    for i in range(h_out):
        for j in range(w_out):
            for p in range(kh):
                for q in range(kw):
                    y[:, i, j] += x[:, i * stride + p, j * stride + q] @ w[p, q]
    return y + b
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_conv2d_loops", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
check.conv2d_loops(conv2d_loops)

# %% [markdown]
# Your function beside the package's own, on random numbers. That one is a **layer**: one step of a
# network, which holds its numbers, here weight and bias, in `params`.

# %%
rng = np.random.default_rng(1)
layer = tu.Conv2d(3, 4, kernel_size=3, stride=2, padding=1)
layer.params["bias"] = rng.standard_normal(4, np.float32)
x = rng.standard_normal((2, 9, 8, 3), np.float32)  # two images of 9 by 8 pixels with 3 channels

ours = conv2d_loops(x, layer.params["weight"], layer.params["bias"], stride=2, padding=1)
print("shape:", ours.shape)
measured("conv2d_loops: largest difference to tu.Conv2d", np.abs(ours - layer(x)).max())

# %% [markdown]
# ## What a convolution can and cannot do
#
# Three properties explain why networks for images are built of convolutions. They follow from the
# formula; let us not only believe but measure them.
#
# **It is linear.** The formula only multiplies pixels by weights and adds up. So (without the bias)
# the convolution of a sum is the sum of the convolutions, and twice the image gives twice the
# output: $\operatorname{conv}(\alpha u + \beta v) = \alpha \operatorname{conv}(u) + \beta
# \operatorname{conv}(v)$.
#
# **It moves along.** The same weights are used everywhere. So if the image moves by a pixel, the
# output moves by a pixel (away from the border). A cell looks the same to the network wherever it
# lies.
#
# **It sees only its window.** An output pixel knows nothing about what lies outside. To see
# farther, a network needs many layers, or has to shrink the image in between
# ([lesson 3](03_relu_and_max_pooling.ipynb)).

# %%
u, v = rng.standard_normal((2, 1, 12, 12, 1))  # two images, in float64
w, b = rng.standard_normal((3, 3, 1, 1)), np.zeros(1)


def largest(difference):
    return np.abs(difference).max()


linear = conv2d_loops(2 * u + 3 * v, w, b) - (2 * conv2d_loops(u, w, b) + 3 * conv2d_loops(v, w, b))
measured("linear: largest difference", largest(linear))

moved = np.roll(u, 1, axis=1)  # one pixel down; the last row comes in at the top
along = conv2d_loops(moved, w, b)[:, 1:] - conv2d_loops(u, w, b)[:, :-1]
measured("moves along: largest difference", largest(along))

elsewhere = np.full_like(u, 100)  # everything changes ...
elsewhere[:, :3, :3] = u[:, :3, :3]  # ... except the first window
first = conv2d_loops(elsewhere, w, b)[0, 0, 0] - conv2d_loops(u, w, b)[0, 0, 0]
measured("sees only its window: change of the first output", largest(first))

# %% [markdown]
# What is linear is a matrix. Here it is for the tiny image from the beginning: write its 25 pixels
# as one long column; then there is a matrix with 9 rows, one for each output, and 25 columns, one
# for each pixel, that does the convolution. To find column $k$, convolve an image that is 1 at
# pixel $k$ and 0 everywhere else.

# %%
A = np.zeros((9, 25))
for k in range(25):
    unit = np.zeros(25)
    unit[k] = 1
    A[:, k] = slide(unit.reshape(5, 5), kernel).ravel()

difference = A @ image.ravel() - slide(image, kernel).ravel()
measured("the matrix against sliding: largest difference", largest(difference))

# %% jupyter={"source_hidden": true} alt="A matrix of 9 rows and 25 columns, mostly white. Each row holds the same three orange and three purple entries; they move to the right from row to row."
figure, axis = plt.subplots(figsize=(7.5, 3), layout="constrained")
axis.imshow(A, cmap="PuOr_r", vmin=-1.6, vmax=1.6)
axis.set_xlabel("pixel of the image, row by row")
axis.set_ylabel("output")
axis.set_title("a convolution as a matrix: orange is 1, purple -1, white 0")
axis.set_xticks(np.arange(0, 25, 5))
axis.set_yticks(np.arange(0, 9, 3))
plt.show()

# %% [markdown]
# Every row holds the same 9 weights, moved along. A general matrix of this shape has 225 numbers of
# its own. For the first layer of the U-Net, a general matrix would have (570 * 570 * 64) * (572 *
# 572) entries, almost 7 million million; the convolution has 3 * 3 * 64 weights and 64 biases. That
# is the strength of being unable to do more: there are 640 numbers to learn.
#
# (Keep this matrix in mind. In [lesson 2](02_backward_and_proof.ipynb) its transpose turns up, and
# in [lesson 4](04_up_convolution.ipynb) it becomes a layer.)

# %% [markdown]
# ## The same as one matrix product
#
# Loops in Python are slow: each step costs far more than the few multiplications that it does.
# NumPy is fast if we give it one large piece of work, such as a product of two large matrices. So
# write the convolution as one.
#
# All numbers that output pixel $(i, j)$ reads form a *patch*: `kh * kw` pixels with `C_in`
# channels. Write the patch as one long row, first by `p`, then `q`, then channel. The weight, in
# the same order, is a matrix with a column for each output channel. Then row times matrix is
# exactly the double sum above. With one row for every output pixel,
#
# $$ \underbrace{y}_{(N H' W',\; C_\text{out})} \;=\;
# \underbrace{\operatorname{patches}(x)}_{(N H' W',\; k_h k_w C_\text{in})} \;\;
# \underbrace{w}_{(k_h k_w C_\text{in},\; C_\text{out})} \;+\; b $$
#
# This is called **im2col**, "image to columns" (ours are rows). Here is what it does to the tiny
# image:

# %% jupyter={"source_hidden": true} alt="The 5 by 5 image; its patch matrix with 9 rows of 9 numbers, one row for each window; the kernel as a column; and the output as a column."
rows = np.array([image[i : i + 3, j : j + 3].ravel() for i in range(3) for j in range(3)])
figure, axes = plt.subplots(1, 4, figsize=(8, 3.4), width_ratios=(5, 9, 1, 1), layout="constrained")
for axis, array, title in zip(
    axes,
    (image, rows, kernel.reshape(9, 1), slide(image, kernel).reshape(9, 1)),
    ("image x", "patches(x)", "@ w", "= y"),
    strict=True,
):
    draw_numbers(axis, array, title, fontsize=11)
plt.show()

# %% [markdown]
# **Predict**: how many times as many numbers as the image does the patch matrix hold, for a 3x3
# kernel and an image of 128 by 128 pixels?

# %%
predict("size of the patch matrix, in images", 3)

# %% [markdown]
# ### Exercise 3: patches
#
# Write the patch matrix for stride 1 and no padding: images come first, then rows and columns of
# the output; along a row, first the kernel's rows, then its columns, then the channels.
#
# Loop over the kernel's positions only. It is a nice surprise how little is to do then.


# %% nbgrader={"grade": false, "grade_id": "patches", "locked": false, "schema_version": 3, "solution": true, "task": false}
def patches(x, kh, kw):
    """Return the patches (N * H' * W', kh * kw * C) of x (N, H, W, C), H' = H - kh + 1."""
    ### BEGIN SOLUTION
    n, height, width, channels = x.shape
    h_out, w_out = height - kh + 1, width - kw + 1
    windows = np.empty((n, h_out, w_out, kh, kw, channels), x.dtype)
    for p in range(kh):
        for q in range(kw):
            windows[:, :, :, p, q] = x[:, p : p + h_out, q : q + w_out]
    return windows.reshape(n * h_out * w_out, kh * kw * channels)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_patches", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check.patches(patches)

# %%
x = np.zeros((1, 128, 128, 8), np.float32)
measured("size of the patch matrix, in images", patches(x, 3, 3).size / x.size)

# %% [markdown]
# Almost nine times the memory: that is the price. (The package pays it only for a few rows of the
# image at a time, small enough for the processor's cache. [Lesson
# 14](14_how_fast_can_numpy_go.ipynb) is about that.)

# %% [markdown]
# ### Exercise 4: a convolution as one product


# %% nbgrader={"grade": false, "grade_id": "conv2d_product", "locked": false, "schema_version": 3, "solution": true, "task": false}
def conv2d_product(x, w, b):
    """Return y (N, H', W', C_out), with stride 1 and no padding, by one matrix product."""
    ### BEGIN SOLUTION
    n, height, width, _ = x.shape
    kh, kw, _, c_out = w.shape
    y = patches(x, kh, kw) @ w.reshape(-1, c_out) + b
    return y.reshape(n, height - kh + 1, width - kw + 1, c_out)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_conv2d_product", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check.conv2d_product(conv2d_product)

# %% [markdown]
# ## Break it on purpose
#
# Mathematicians turn the kernel by 180 degrees before they slide it, and call *that* a convolution.
# (Ours they call a correlation. For a network it makes no difference: it would learn the turned
# weights.) To mix the two up is a classic mistake. What does the check say about it?


# %%
def turned(x, w, b, stride=1, padding=0):
    """A convolution with the kernel turned by 180 degrees."""
    return conv2d_loops(x, w[::-1, ::-1], b, stride, padding)


check.conv2d_loops(turned)

# %% [markdown]
# That was found. **Predict**: how large is the largest difference between `turned` and
# `conv2d_loops` on random pixels, if the kernel is the mean of 9 pixels (nine times 1/9)? And for
# random weights?

# %%
predict("turned mean: largest difference", 0.3)
predict("turned random kernel: largest difference", 3)

# %%
x, b = rng.standard_normal((1, 8, 8, 1)), np.zeros(1)
mean, random = np.full((3, 3, 1, 1), 1 / 9), rng.standard_normal((3, 3, 1, 1))
for name, kernel4 in (("turned mean", mean), ("turned random kernel", random)):
    difference = turned(x, kernel4, b) - conv2d_loops(x, kernel4, b)
    measured(f"{name}: largest difference", largest(difference))

# %% [markdown]
# A kernel that looks the same when it is turned hides the mistake. Remember that for every test
# that you will ever write: **test with numbers that have no symmetry**. Ones, zeros, square kernels
# and square images hide mistakes.
#
# Now break your own function. Leave out the bias; write `=` for `+=`; let a loop end one too early;
# swap `kh` and `kw`. Run the check each time and see whether it finds the cause.

# %% [markdown]
# ## Measure
#
# We time the same convolution, 16 channels to 16, on five rungs of a ladder. The lowest rung has a
# Python loop for every single multiplication. Then come your loops and your product. The uppermost
# two are the package's: `im2col`, in pieces that fit into the cache, and Winograd's algorithm,
# which needs fewer multiplications. We take the fastest of several runs: whatever else a computer
# does can only make a run slower.
#
# **Predict**: how many times faster than your loops is your product? And how many times slower than
# your loops is a loop for everything?

# %%
predict("conv2d_loops, in times of conv2d_product", 100)
predict("a loop for everything, in times of conv2d_loops", 3)


# %%
def conv2d_numbers(x, w, b):
    """A convolution with a loop for everything."""
    n, height, width, c_in = x.shape
    kh, kw, _, c_out = w.shape
    y = np.zeros((n, height - kh + 1, width - kw + 1, c_out), x.dtype)
    for m, i, j, p, q in np.ndindex(n, y.shape[1], y.shape[2], kh, kw):
        for c in range(c_in):
            for k in range(c_out):
                y[m, i, j, k] += x[m, i + p, j + q, c] * w[p, q, c, k]
    return y + b


def measure(function, rounds):
    """Run a function several times; return its result, and how many seconds each run took."""
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        result = function()
        times.append(time.perf_counter() - start)
    return result, np.array(times)


# %%
side = 16 if small else 48
x = rng.standard_normal((1, side, side, 16), np.float32)
w = rng.standard_normal((3, 3, 16, 16), np.float32)
b = rng.standard_normal(16, np.float32)
im2col = tu.Conv2d(16, 16, algorithm="im2col").eval()  # eval: nothing is kept for backward
winograd = tu.Conv2d(16, 16, algorithm="winograd").eval()
im2col.params = winograd.params = {"weight": w, "bias": b}

ladder = {  # what to run, and how often
    "a loop for everything": (lambda: conv2d_numbers(x, w, b), 1),
    "conv2d_loops": (lambda: conv2d_loops(x, w, b), 5),
    "conv2d_product": (lambda: conv2d_product(x, w, b), 50),
    "tinyunet, im2col": (lambda: im2col(x), 50),
    "tinyunet, Winograd": (lambda: winograd(x), 50),
}
multiplications = (side - 2) ** 2 * 9 * 16 * 16
print(f"{multiplications:,} multiplications, the slowest way first: it takes some seconds")
results, fastest, slow = {}, {}, {}
for name, (function, rounds) in ladder.items():
    results[name], times = measure(function, rounds)
    fastest[name] = 1e3 * times.min()  # milliseconds
    slow[name] = 1e3 * np.percentile(times, 90)
    rate = multiplications / fastest[name] / 1e3
    print(f"{name:22} {fastest[name]:9.2f} ms {rate:8.0f} million multiplications a second")

# %% jupyter={"source_hidden": true} alt="Five bars of milliseconds on a logarithmic scale, from thousands for a loop for everything to about one for the package's algorithms."
figure, axis = plt.subplots(figsize=(8, 2.8), layout="constrained")
later = [[0] * len(slow), [slow[name] - fastest[name] for name in slow]]
bars = axis.barh(
    list(fastest), list(fastest.values()), color="#0072b2", xerr=later, ecolor="#d55e00"
)
labels = [f"{m:.2f} ms" if m < 10 else f"{m:,.0f} ms" for m in fastest.values()]
axis.bar_label(bars, labels, padding=6)
axis.set_xscale("log")
axis.set_xlim(right=20 * max(fastest.values()))
axis.invert_yaxis()
axis.set_xlabel("milliseconds: the fastest run; the line ends where 9 of 10 runs are faster")
axis.spines[["top", "right"]].set_visible(False)
plt.show()

# %%
everything, loops, product, *_ = fastest.values()
measured("conv2d_loops, in times of conv2d_product", loops / product)
measured("a loop for everything, in times of conv2d_loops", everything / loops)
slowest = results["a loop for everything"]
gaps = [largest(y - slowest) / largest(slowest) for y in results.values()]
measured("all five: largest relative difference of their results", max(gaps))

# %% [markdown]
# All five compute the same numbers (up to the rounding of float32). Not one multiplication was
# saved on the way from the first rung to the fourth: the time went into Python's steps between
# them. (For so small an image the upper three rungs are close, and their order may differ from run
# to run. What the package's two are good for shows with larger ones, in [lesson
# 14](14_how_fast_can_numpy_go.ipynb).)
#
# ## Quiz
#
# **One pixel changes.** Of a 3x3 convolution with stride 1 and padding 1, how many output pixels
# can change if a single pixel in the middle of the image does?
#
# a) 1 &emsp; b) 9 &emsp; c) all

# %%
quiz("one pixel changes", "b")

# %% [markdown]
# **A larger image.** The same layer is used on an image of twice the side. How many weights does it
# need then?
#
# - a) Four times as many, as there are four times as many pixels.
# - b) Twice as many.
# - c) As many as before.

# %%
quiz("a larger image", "c")

# %% [markdown]
# **Linear?** A convolution *with* its bias: is conv(2x) = 2 conv(x)?
#
# - a) Yes, every convolution is linear.
# - b) No, because of the bias.
# - c) Only with padding.

# %%
quiz("linear", "b")

# %% [markdown]
# **Why faster?** What makes the matrix product so much faster than your loops?
#
# - a) It needs fewer multiplications.
# - b) It needs less memory.
# - c) Python does less between them.

# %%
quiz("why faster", "c")

# %% [markdown]
# **A test.** A convolution is tested with random pixels and a 3x3 kernel of ones, and passes. Which
# mistake may still be in it?
#
# - a) Rows and columns of the kernel are exchanged.
# - b) The bias is added nine times.
# - c) The last row of the output is left out.

# %%
quiz("a test", "a")

# %% [markdown]
# ## What you know now
#
# - A convolution is a weighted sum that slides; its output has $\lfloor (n + 2p - k) / s \rfloor +
#   1$ pixels along a side.
# - It is linear, moves along with the image, and sees only its window. So it needs few weights.
# - As patches times a matrix it is one product, and much faster than loops.
# - Tests need numbers without symmetry.
#
# The package's versions are short, too: `tinyunet/convolution/naive.py` is exercise 2, and
# `tinyunet/convolution/im2col.py` is exercises 3 and 4, with dilation and in pieces.
#
# In [lesson 2](02_backward_and_proof.ipynb) the convolution runs backwards: how must the weights
# change to make the output better?
