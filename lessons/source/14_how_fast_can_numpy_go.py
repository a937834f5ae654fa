# ---
# jupyter:
#   tinyunet:
#     lesson: 14
#     title: How fast can NumPy go?
#     time: 30 s
# ---

# %% [markdown]
# # Lesson 14: How fast can NumPy go?
#
# *About half a minute of computing and 70 minutes of reading and writing; a last
# part, for the curious, takes half an hour more. You need: [lesson 1](01_convolution.ipynb)
# (patches) and [lesson 2](02_backward_and_proof.ipynb) (the transpose, and the gradients of a
# convolution).*
#
# Nearly all time in a U-Net goes into 3x3 convolutions. [Lesson 1](01_convolution.ipynb) made one
# of them many times faster by turning loops into a matrix product, without saving a single
# multiplication. Can we go on? After this lesson you can
#
# - predict a layer's time by counting its multiplications and its bytes;
# - say what a cache is, see it in a measurement, and work in pieces that fit into it;
# - derive a convolution that needs fewer multiplications, from the product of two polynomials;
# - say what it costs.
#
# There are three exercises, and one for the curious.

# %%
import os
import time

import matplotlib.pyplot as plt
import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

import tinyunet as tu
from tinyunet import num_threads, one_blas_thread
from tinyunet.exercises import check, measured, predict, quiz, small
from tinyunet.plots import draw_numbers

try:
    import torch
except ImportError:  # the lesson works without it
    torch = None

plt.rcParams["figure.dpi"] = 110
BLUE, ORANGE, GREEN, GRAY = "#0072b2", "#d55e00", "#009e73", "0.6"

# %% [markdown]
# Our layer turns 64 channels into 64, on 138 by 138 pixels, as in the middle of a U-Net. We time
# everything in the same way: some rounds, in each of which every candidate has its turn, once to
# warm up and once timed. The fastest time counts, since whatever else a computer does can only make
# a run slower. (`small` is true in quick trial runs: then everything is smaller.)
#
# Matrix products use all cores of the processor by themselves. To keep things simple, everything
# runs on a **single core**; only at the end we let all of them work. (`one_blas_thread` sees to
# that. BLAS is the library that multiplies matrices for NumPy; `Growing` says how long it will take.)

# %%
SIDE, CHANNELS = (38, 64) if small else (138, 64)
rng = np.random.default_rng(0)
x = rng.standard_normal((1, SIDE, SIDE, CHANNELS), np.float32)
w = rng.standard_normal((3, 3, CHANNELS, CHANNELS), np.float32) * np.float32(0.06)
b = np.zeros(CHANNELS, np.float32)


def race(candidates, rounds):
    """Let functions take turns; return the fastest time of each, in seconds."""
    times = {name: [] for name in candidates}
    progress = tu.plots.Growing(rounds, parts="rounds timed")
    with one_blas_thread():
        for _ in range(rounds):
            for name, function in candidates.items():
                function()
                start = time.perf_counter()
                function()
                times[name].append(time.perf_counter() - start)
            progress()
    return {name: min(seconds) for name, seconds in times.items()}


# %% [markdown]
# ## Two things to count
#
# A processor does two kinds of work: it computes, and it moves numbers between the memory
# and its arithmetic units. For the product of patches and weights, both are easy to count. Every
# output pixel and output channel takes $9\,C_\text{in}$ multiplications, and the patches of an
# output pixel are $9\,C_\text{in}$ numbers of 4 bytes (float32).
#
# ### Exercise 1: count
#
# A 3x3 convolution without padding, with stride 1. How much is it for `rows` rows of the output, if
# the *input* is `width` pixels wide?


# %% nbgrader={"grade": false, "grade_id": "costs", "locked": false, "schema_version": 3, "solution": true, "task": false}
def costs(width, c_in, c_out, rows):
    """Return the multiplications, and the bytes of the patches in float32, of some output rows."""
    ### BEGIN SOLUTION
    pixels = rows * (width - 2)
    return pixels * 9 * c_in * c_out, pixels * 9 * c_in * 4
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_costs", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
check.costs(costs)

# %%
multiplications, patch_bytes = costs(138, 64, 64, rows=136)
print(f"{multiplications / 1e6:.0f} million multiplications")
print(f"image {138 * 138 * 64 * 4 / 1e6:.1f} MB, its patches {patch_bytes / 1e6:.1f} MB")
measured("multiplications for each number of the patches", multiplications / (patch_bytes / 4))

# %% [markdown]
# How fast is each kind of work here? The best case of computing is the product of two large square
# matrices. The best case of moving is a plain copy. A copy of $n$ bytes moves $2n$: it reads and
# writes. **Predict** how many multiplications a core does while one number of 4 bytes is moved.

# %%
predict("multiplications in the time of moving one number", 2)

# %%
side = 600 if small else 1500
square = rng.standard_normal((side, side), np.float32)
source = np.ones((1 if small else 16) << 20, np.float32)
target = np.empty_like(source)
best = race({"compute": lambda: square @ square, "move": lambda: np.copyto(target, source)}, 15)
per_second = side**3 / best["compute"]  # multiplications (each with an addition)
numbers = 2 * source.size / best["move"]
balance = per_second / numbers
measured("multiplications in the time of moving one number", balance)

# %% [markdown]
# This is the **balance** of the machine. A computation that does fewer multiplications than that
# for each number it moves is limited by memory, one that does more by arithmetic. (Multiplications
# for each number moved are called the *arithmetic intensity*.)
#
# **Predict**: our layer reads an image, writes one of nearly the same size, and does 682 million
# multiplications. Which of the two is its limit? And if the patch matrix has to be written, and
# read again, how much does that add to the time of the multiplications, in percent?

# %%
predict("what limits our layer", "moving", choices=("computing", "moving"))
predict("percent that moving the patches adds", 100)

# %%
image_intensity = multiplications / (138 * 138 * 64 + 136 * 136 * 64)
patch_intensity = multiplications / (2 * patch_bytes / 4)
print(f"image in, image out: {image_intensity:4.0f} multiplications a number")
print(f"patches in and out:  {patch_intensity:4.0f} multiplications a number")
print(f"the machine:         {balance:4.0f}")
measured("what limits our layer", "computing" if image_intensity > balance else "moving")
measured("percent that moving the patches adds", 100 * balance / patch_intensity)

# %% [markdown]
# The convolution itself has far more to compute than to move. It is the patch matrix, nine times as
# large as the image, that makes moving dear. And a plain copy is the best case: patches are copied
# in short pieces, and into a large new array. (The system hands out memory in pages of 4 KiB, and
# the first touch of each costs time.)

# %% [markdown]
# ## A cache, seen with the naked eye
#
# Memory is far from the processor, and large memory is slow. So each core has small, fast memories
# of its own, the **caches**, which keep copies of what it used last. Work that stays with a few
# hundred kilobytes never waits for the large memory.
#
# So: compute the output in **bands** of a few rows. The patches of one band are small, and the
# product reads them while they are still in the cache. Here is [lesson 1](01_convolution.ipynb)'s
# `patches`, and a convolution in bands. With a single band, it is
# [lesson 1](01_convolution.ipynb)'s convolution.


# %%
def patches(x):
    """Return the patches (N * H' * W', 9 * C) of a 3x3 kernel."""
    n, height, width, channels = x.shape
    windows = np.empty((n, height - 2, width - 2, 3, 3, channels), x.dtype)
    for p in range(3):
        for q in range(3):
            windows[:, :, :, p, q] = x[:, p : p + height - 2, q : q + width - 2]
    return windows.reshape(-1, 9 * channels)


def conv2d_bands(x, w, rows):
    """Return y (1, H', W', C_out), computed in bands of so many rows."""
    _, height, width, _ = x.shape
    y = np.empty((1, height - 2, width - 2, w.shape[3]), x.dtype)
    for top in range(0, height - 2, rows):
        band = y[:, top : top + rows]
        part = patches(x[:, top : top + rows + 2]) @ w.reshape(-1, w.shape[3])
        band[...] = part.reshape(band.shape)
    return y


# %% [markdown]
# **Predict**: a band of one row, the whole image of 136 in one band, or something in between: how
# many rows are fastest? And how many times as long does the whole image take?
#
# To see the cache itself, we copy arrays of different sizes as well, and look at how many bytes go
# through in a second.

# %%
predict("rows of the fastest band", 136)
predict("whole patch matrix, in times of the best bands", 1.1)

# %%
sizes = [1 << k for k in range(16, 26 if small else 28)]  # bytes of source and target together
repeats = {size: max(1, (1 << 21) // size) for size in sizes}


def copying(size):
    """Return a function that copies so many bytes again and again."""
    a, c = np.ones((2, size // 8), np.float32)

    def copies():
        for _ in range(repeats[size]):
            np.copyto(c, a)

    return copies


copied = race({size: copying(size) for size in sizes}, 15)
speed = {size: repeats[size] * size / copied[size] / 1e9 for size in sizes}

all_rows = SIDE - 2
rows = [r for r in (1, 2, 3, 4, 6, 8, 12, 17, 24, 34, 48, 68) if r < all_rows] + [all_rows]
in_bands = race({r: lambda r=r: conv2d_bands(x, w, r) for r in rows}, 3 if small else 10)
best_rows = min(in_bands, key=in_bands.get)

# %% jupyter={"source_hidden": true} alt="Above, the speed of copying over the size of the arrays: high as long as they fit into the caches, then a fraction of it. Below, the layer's time over the bytes of a band's patches: a little slow for one row, flat and fast in between, and clearly slower for large bands."
figure, (above, below) = plt.subplots(2, 1, figsize=(7, 5), sharex=True, layout="constrained")
above.plot(sizes, list(speed.values()), "o-", color=BLUE, markersize=4)
above.set_ylabel("GB a second")
above.set_title("copying arrays of so many bytes", fontsize=12)
band_bytes = [costs(SIDE, CHANNELS, CHANNELS, r)[1] for r in rows]
below.plot(band_bytes, [1e3 * t for t in in_bands.values()], "o-", color=ORANGE, markersize=4)
for r, size in zip(rows, band_bytes, strict=True):
    if r in (1, best_rows, all_rows):
        words = f"{r} row{'s' if r > 1 else ''}"
        below.annotate(
            words, (size, 1e3 * in_bands[r]), (0, 9), textcoords="offset points", ha="center"
        )
below.set_ylabel("milliseconds")
below.set_title("our layer in bands whose patches have so many bytes", fontsize=12)
below.set_xlabel("bytes")
below.set_xscale("log", base=2)
below.set_xticks([2**k for k in range(16, 28, 2)], ["64 K", "256 K", "1 M", "4 M", "16 M", "64 M"])
for axis in (above, below):
    axis.set_ylim(0, 1.15 * axis.get_ylim()[1])
    axis.grid(color="0.93")
    axis.spines[["top", "right"]].set_visible(False)
plt.show()

# %%
measured("copying in cache, in times of memory", max(speed.values()) / speed[sizes[-1]])
measured("rows of the fastest band", best_rows)
measured("whole patch matrix, in times of the best bands", in_bands[all_rows] / in_bands[best_rows])

# %% [markdown]
# Up to some size all is fast. Then the caches are too small, one after the other (there are
# several, each larger and slower than the one before), and in the end the memory sets the pace. The
# layer follows: large bands wait for the memory. Very small ones lose a little as well, to Python's
# steps and to matrices too thin for a good product. In between it is flat, so nobody needs to know
# the exact sizes of the caches.
#
# How much farther can this go? Not below the time of the multiplications alone:

# %%
multiplications, patch_bytes = costs(SIDE, CHANNELS, CHANNELS, all_rows)
limit = multiplications / per_second
measured("best bands, in times of the multiplications alone", in_bands[best_rows] / limit)

# %% [markdown]
# Better ways to move numbers can win this factor, and no more. There is only one way on: *fewer
# multiplications*.

# %% [markdown]
# ## Fewer multiplications
#
# Go back to one dimension. Three weights slide over four numbers and give two outputs:
#
# $$ \begin{aligned} y_0 &= x_0 w_0 + x_1 w_1 + x_2 w_2 \\ y_1 &= x_1 w_0 + x_2 w_1 + x_3 w_2
# \end{aligned} $$
#
# Six multiplications. **Predict**: how few are enough, if sums, differences and halves are free?

# %%
predict("fewest products of something of x and something of w", 5)

# %%
outputs, weights = 2, 3
least = outputs + weights - 1  # Winograd's theorem; what follows finds a way that has no more
measured("fewest products of something of x and something of w", least)

# %% [markdown]
# The way there leads through something that looks unrelated: **the product of two polynomials**.
# Take the three weights, and two numbers $v_0, v_1$, as coefficients:
#
# $$ w(z) = w_0 + w_1 z + w_2 z^2, \qquad v(z) = v_0 + v_1 z $$
#
# Their product $p(z) = w(z)\,v(z)$ has four coefficients. If we multiply out, they take six
# multiplications, too:
#
# $$ p_0 = w_0 v_0, \qquad p_1 = w_1 v_0 + w_0 v_1, \qquad p_2 = w_2 v_0 + w_1 v_1, \qquad
# p_3 = w_2 v_1 $$
#
# But a polynomial can be known in another way: by its **values**. Four coefficients are determined
# by four values, at any four points. And values are easy to multiply. At a point $a$ there is a
# *single* multiplication, $p(a) = w(a) \cdot v(a)$, whatever the degrees are. So:
#
# 1. evaluate both polynomials at four points;
# 2. multiply the values, point by point: four multiplications;
# 3. find the coefficients that belong to these values.
#
# With easy points, steps 1 and 3 need only sums. At 0, 1 and -1,
#
# $$ p(0) = w_0 v_0, \qquad p(1) = (w_0 + w_1 + w_2)(v_0 + v_1), \qquad p(-1) = (w_0 - w_1 + w_2)
# (v_0 - v_1) $$
#
# The fourth point is **infinity**. For very large $z$ only the highest power matters, $p(z) \approx
# p_3 z^3$, so by the "value at infinity" we mean the leading coefficient, $p(\infty) = w_2 v_1$.

# %% jupyter={"source_hidden": true} alt="Three curves over z: w(z), v(z) and their product p(z). At -1, 0 and 1 there are dots on them: the height of the product is the one height times the other."
z = np.linspace(-1.25, 1.25, 101)
w3, v2 = np.array([0.5, 1.3, 0.4]), np.array([2.0, -0.6])
figure, axis = plt.subplots(figsize=(7, 3.1), layout="constrained")
for coefficients, colour, name in (
    (w3, BLUE, "w(z)"),
    (v2, GREEN, "v(z)"),
    (np.convolve(w3, v2), ORANGE, "p(z) = w(z) v(z)"),
):
    axis.plot(z, np.polyval(coefficients[::-1], z), color=colour, label=name)
    at = np.array([-1, 0, 1])
    axis.plot(at, np.polyval(coefficients[::-1], at), "o", color=colour)
for point in (-1, 0, 1):
    axis.axvline(point, color="0.8", linewidth=1, zorder=0)
axis.axhline(0, color="0.8", linewidth=1, zorder=0)
axis.set_xticks([-1, 0, 1])
axis.set_xlabel("z")
axis.set_title("at each point, the orange height is the blue one times the green one", fontsize=12)
axis.legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
axis.spines[["top", "right"]].set_visible(False)
plt.show()

# %% [markdown]
# Back to coefficients: $p_0 = p(0)$ and $p_3 = p(\infty)$. Adding $p(1) = p_0 + p_1 + p_2 + p_3$
# and $p(-1) = p_0 - p_1 + p_2 - p_3$ gives $p_2$, subtracting them gives $p_1$:
#
# $$ p_1 = \tfrac12 p(1) - \tfrac12 p(-1) - p(\infty), \qquad p_2 = \tfrac12 p(1) + \tfrac12 p(-1) -
# p(0) $$
#
# All of this is linear, so we write it with matrices. $A$ holds the values of $v$ at the four
# points, one point a row; $G$ those of $w$. The two halves we put into $G$ as well, for the weights
# of a layer have to be transformed only once, but every image anew. $C$ leads back to coefficients.
# With a dot for "entry by entry",
#
# $$ p = C \, \big[ (G\, w) \cdot (A\, v) \big] $$

# %%
A = np.array([[1, 0], [1, 1], [1, -1], [0, 1]], np.float32)
G = np.array([[1, 0, 0], [0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0, 0, 1]], np.float32)
C = np.array([[1, 0, 0, 0], [0, 1, -1, -1], [-1, 1, 1, 0], [0, 0, 0, 1]], np.float32)

w3, v2 = rng.standard_normal(3), rng.standard_normal(2)
product = C @ ((G @ w3) * (A @ v2))
difference = abs(product - np.convolve(w3, v2)).max()
measured("product of two polynomials: largest difference to np.convolve", difference)

# %% [markdown]
# ### Sliding is the transpose
#
# For fixed weights, the product of polynomials is a matrix that makes four numbers $p$ of two
# numbers $v$. Our sliding weights make two numbers $y$ of four numbers $x$. Write both down:
#
# $$ \begin{pmatrix} p_0 \\ p_1 \\ p_2 \\ p_3 \end{pmatrix} = \begin{pmatrix} w_0 & \\ w_1 & w_0 \\
# w_2 & w_1 \\ & w_2 \end{pmatrix} \begin{pmatrix} v_0 \\ v_1 \end{pmatrix}, \qquad \begin{pmatrix}
# y_0 \\ y_1 \end{pmatrix} = \begin{pmatrix} w_0 & w_1 & w_2 & \\ & w_0 & w_1 & w_2 \end{pmatrix}
# \begin{pmatrix} x_0 \\ x_1 \\ x_2 \\ x_3 \end{pmatrix} $$
#
# One matrix is the other's transpose. (As in [lesson 4](04_up_convolution.ipynb): one stamps, one
# gathers.) And the first one we have taken apart into $C D A$, where $D$ is the diagonal matrix
# with $G w$ on it. Its transpose is $A^T D\, C^T$. The last matrix is usually called $B^T$, so with
# $B^T = C^T$
#
# $$ y = A^T \, \big[ (G\, w) \cdot (B^T x) \big] $$
#
# Two outputs with a kernel of three, in four multiplications: it is called **F(2, 3)**.

# %%
AT, BT = A.T, C.T

# %% jupyter={"source_hidden": true} alt="The three matrices as tables of numbers. B^T is 4 by 4 and A^T is 2 by 4, both of 0, 1 and -1; G is 4 by 3, with halves in its two middle rows."
figure, axes = plt.subplots(1, 3, figsize=(8, 2.5), width_ratios=(4, 3, 4), layout="constrained")
for axis, matrix, title in zip(axes, (BT, G, AT), ("$B^T$", "$G$", "$A^T$"), strict=True):
    draw_numbers(axis, matrix, title)
plt.show()

# %% [markdown]
# ### Exercise 2: F(2, 3)
#
# Write it, with four multiplications, in the dtype of `x`. The check counts them: every product of
# something made of `x` and something made of `w` counts as one.


# %% nbgrader={"grade": false, "grade_id": "f23", "locked": false, "schema_version": 3, "solution": true, "task": false}
def f23(x, w):
    """Return the two outputs of three weights w (3,) that slide over four numbers x (4,)."""
    ### BEGIN SOLUTION
    m0 = w[0] * (x[0] - x[2])
    m1 = (w[0] + w[1] + w[2]) / 2 * (x[1] + x[2])
    m2 = (w[0] - w[1] + w[2]) / 2 * (x[2] - x[1])
    m3 = w[2] * (x[3] - x[1])
    return np.array([m0 + m1 + m2, m1 - m2 + m3])
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_f23", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check.f23(f23)

# %% [markdown]
# ## Tiles and channels
#
# A long row of numbers is cut into **tiles** of four, each two further than the one before: tile
# $\tau$ holds $x_{2\tau}, \ldots, x_{2\tau+3}$ and gives $y_{2\tau}, y_{2\tau+1}$. Where the number
# of outputs is odd, zeros fill up the last tile, and its second output is thrown away.
#
# With channels, each number of $x$ is a row of $C_\text{in}$ numbers and each weight a matrix.
# Nothing changes but the four multiplications: each becomes a product of a row and a matrix. And
# for all tiles at once, it is a product of *two matrices*, $(\text{tiles}, C_\text{in})$ times
# $(C_\text{in}, C_\text{out})$: what NumPy does best.
#
# ### Exercise 3: a convolution by F(2, 3)
#
# Use the matrices `BT`, `G` and `AT` of the drawing. They are float32, and all their numbers are
# exact in it; with a float64 `x` everything becomes float64 by itself. `np.tensordot(BT, X, 1)`
# multiplies `BT` by an array `X` of any shape, along the first axis of `X`. The check counts
# multiplications here, too.


# %% nbgrader={"grade": false, "grade_id": "conv1d_f23", "locked": false, "schema_version": 3, "solution": true, "task": false}
def conv1d_f23(x, w):
    """Return y (L - 2, C_out) from x (L, C_in) and w (3, C_in, C_out), in their dtype, by F(2, 3)."""
    ### BEGIN SOLUTION
    outputs = len(x) - 2
    tiles = -(-outputs // 2)  # rounded up
    x = np.pad(x, ((0, 2 * tiles - outputs), (0, 0)))
    X = np.stack([x[i : i + 2 * tiles : 2] for i in range(4)])  # (4, tiles, C_in)
    products = np.tensordot(BT, X, 1) @ np.tensordot(G, w, 1)  # (4, tiles, C_out)
    y = np.tensordot(AT, products, 1)  # (2, tiles, C_out)
    return y.swapaxes(0, 1).reshape(2 * tiles, -1)[:outputs]
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_conv1d_f23", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
check.conv1d_f23(conv1d_f23)

# %% [markdown]
# ### The gradient
#
# For $dx$ there is nothing to write. [Lesson 2](02_backward_and_proof.ipynb) found
# $dx_u = \sum_p dy_{u-p} \, w_p^T$. That is again three weights that slide: over $dy$, with two
# zeros laid at each end, and with the kernel *turned*, its last weight first. So the same function
# serves backward.
#
# For $dw$, follow the formula $y = A^T [(G w) \cdot (B^T x)]$ backwards, each matrix transposed.
# What was $A^T$ on the way out is $A$ on the way in, $dM = A\, dy$ for the $dy$ of a tile. With the
# tile's $V = B^T x$, the multiplications become $V^T dM$, summed over the tiles; and $G$ becomes
# $G^T$. Again four multiplications a tile, in place of six.


# %%
def in_tiles(x, size):
    """Cut x (L, C) into tiles (size, tiles, C), each two further than the one before."""
    count = -(-(len(x) - size + 2) // 2)
    x = np.pad(x, ((0, 2 * count + size - 2 - len(x)), (0, 0)))
    return np.stack([x[i : i + 2 * count : 2] for i in range(size)])


def conv1d_backward(dy, x, w):
    dx = conv1d_f23(np.pad(dy, ((2, 2), (0, 0))), w[::-1].swapaxes(1, 2))
    V, dM = np.tensordot(BT, in_tiles(x, 4), 1), np.tensordot(A, in_tiles(dy, 2), 1)
    dw = np.tensordot(G.T, V.swapaxes(1, 2) @ dM, 1)
    return dx, dw


x1, w1 = rng.standard_normal((9, 3)), rng.standard_normal((3, 3, 2))
report = tu.check_function(conv1d_f23, conv1d_backward, x1, w1)
print(report)
measured("F(2, 3): worst relative error of the gradients", report.worst)

# The adjoint identity of lesson 2, on a longer row
x1, dy1 = rng.standard_normal((2001, 3)), rng.standard_normal((1999, 2))
left = (conv1d_f23(x1, w1) * dy1).sum()
right = (x1 * conv1d_backward(dy1, x1, w1)[0]).sum()
gap = abs(left - right) / max(abs(left), abs(right))
measured("F(2, 3): gap of the adjoint identity", gap)

# %% [markdown]
# ## Two dimensions
#
# An image goes through twice: first along the columns, then along the rows. A tile of 4 by 4 pixels
# gives 2 by 2 outputs,
#
# $$ Y = A^T \, \big[ (G\, w\, G^T) \cdot (B^T X B) \big] \, A $$
#
# for a 3x3 kernel $w$ and a tile $X$. **Predict**: how many times fewer multiplications is that?

# %%
predict("F(2x2, 3x3): times fewer multiplications", 1.5)


# %%
def conv2d_winograd(x, w, AT, G, BT):
    """Return y (N, H', W', C_out), in tiles of m x m outputs for A^T (m, m + 2)."""
    AT, G, BT = (matrix.astype(x.dtype) for matrix in (AT, G, BT))
    m, t = AT.shape
    n, height, width, channels = x.shape
    down, across = -(-(height - 2) // m), -(-(width - 2) // m)  # tiles
    x = np.pad(x, ((0, 0), (0, m * down + 2 - height), (0, m * across + 2 - width), (0, 0)))
    X = sliding_window_view(x, (t, t), axis=(1, 2))[:, ::m, ::m]  # (N, down, across, C_in, t, t)
    V = np.einsum("ai,bj,nyxcij->abnyxc", BT, BT, X, optimize=True)
    U = np.einsum("ai,bj,ijcd->abcd", G, G, w, optimize=True)
    M = V.reshape(t * t, -1, channels) @ U.reshape(t * t, channels, -1)  # the multiplications
    M = M.reshape(t, t, n, down, across, -1)
    Y = np.einsum("ia,jb,abnyxd->nyixjd", AT, AT, M, optimize=True)
    return Y.reshape(n, m * down, m * across, -1)[:, : height - 2, : width - 2]


def far(y, exact):
    """Return the largest difference, as a share of the largest number."""
    return abs(y - exact).max() / abs(exact).max()


measured("F(2x2, 3x3): times fewer multiplications", 9 * 2**2 / 4**2)
exact = conv2d_bands(x.astype(float), w.astype(float), rows=8)
ours = conv2d_winograd(x.astype(float), w.astype(float), AT, G, BT)
measured("F(2x2, 3x3): largest difference to patches, in float64", far(ours, exact))

# %% [markdown]
# This is **Winograd's convolution** (Winograd 1980; for networks
# [Lavin and Gray 2015](https://arxiv.org/abs/1509.09308)). The idea of multiplying values is Toom's
# and Cook's, from the 1960s.
#
# ## Break it on purpose
#
# A wrong sign: what does the check say if the last row of $B^T$ has it?


# %%
def wrong_sign(x, w):
    broken = BT.copy()
    broken[3] *= -1
    return AT @ ((G @ w) * (broken @ x))


check.f23(wrong_sign)

# %% [markdown]
# ## Measure: the ladder
#
# - **loops**: [lesson 1](01_convolution.ipynb)'s loops over pixels and kernel positions
#   (`algorithm="naive"`);
# - **whole patches**, and **our bands**;
# - **our Winograd**: `conv2d_winograd`, the whole image at once;
# - **tinyunet, im2col** and **tinyunet, Winograd**: in pieces that stay in cache;
# - **PyTorch**, the library that most people use, if you have it: channels before or after the
#   pixels, whichever is faster. (How it is asked is in the folded cell.)
#
# The limit is the time that the direct multiplications alone would take. **Predict** two places:

# %%
predict("faster of our two ways", "our Winograd", choices=("our bands", "our Winograd"))
predict("tinyunet's Winograd, in times of the limit", 1.2)

# %%
layers = {}
for name in ("naive", "im2col", "winograd"):
    layers[name] = tu.Conv2d(CHANNELS, CHANNELS, algorithm=name)
    layers[name].params.update(weight=w, bias=b)

dy = rng.standard_normal((1, SIDE - 2, SIDE - 2, CHANNELS), np.float32)
ways = {
    "whole patches": lambda: conv2d_bands(x, w, all_rows),
    "our bands": lambda: conv2d_bands(x, w, best_rows),
    "our Winograd": lambda: conv2d_winograd(x, w, AT, G, BT),
    "tinyunet, im2col": lambda: layers["im2col"].predict(x),
    "tinyunet, Winograd": lambda: layers["winograd"].predict(x),
}


# %% jupyter={"source_hidden": true}
def torch_layer(order, training=False):
    """Return a function that runs the same layer in PyTorch, with one of its orders of the axes."""
    channels_first = (np.moveaxis(x, 3, 1), np.moveaxis(dy, 3, 1), w.transpose(3, 2, 0, 1))
    image, upstream, weight = (
        torch.tensor(np.ascontiguousarray(a)).to(memory_format=order) for a in channels_first
    )
    arrays = [array.requires_grad_(training) for array in (image, weight, torch.tensor(b))]

    def forward():
        with torch.no_grad():
            return torch.nn.functional.conv2d(*arrays)

    def both_ways():
        for array in arrays:
            array.grad = None
        torch.nn.functional.conv2d(*arrays).backward(upstream)
        return image.grad

    return both_ways if training else forward


def with_torch(ways, rounds, **options):
    """Race, also against PyTorch if it is installed; of its two orders the faster counts."""
    orders = (torch.contiguous_format, torch.channels_last) if torch else ()
    theirs = {f"PyTorch {order}": torch_layer(order, **options) for order in orders}
    seconds = race(ways | theirs, rounds)
    if torch:
        seconds["PyTorch"] = min(seconds.pop(name) for name in theirs)
    return seconds


# %%
your_setting = os.environ.get("TINYUNET_NUM_THREADS")  # how many cores the package uses
os.environ["TINYUNET_NUM_THREADS"] = "1"
if torch:
    torch.set_num_threads(1)
seconds = race({"loops": lambda: layers["naive"].predict(x)}, 1)
seconds |= with_torch(ways, 3 if small else 25)

results = {name: way() for name, way in ways.items()}
if torch:
    results["PyTorch"] = np.moveaxis(torch_layer(torch.contiguous_format)().numpy(), 1, 3)
worst = max(far(y, exact) for y in results.values())
measured("all ways: largest difference from float64, relative", worst)

# %% jupyter={"source_hidden": true} alt="Bars of milliseconds on a logarithmic scale, with the limit as a dashed line. Loops take longest by far. Our Winograd and whole patches lie well above the limit, our bands, tinyunet's im2col and PyTorch near it, and only tinyunet's Winograd is clearly below."
figure, axis = plt.subplots(figsize=(8, 3.2), layout="constrained")
colours = [GRAY if "PyTorch" in n else ORANGE if "tinyunet" in n else BLUE for n in seconds]
bars = axis.barh(list(seconds), [1e3 * t for t in seconds.values()], color=colours)
texts = axis.bar_label(bars, [f"{t / limit:.2f}" for t in seconds.values()], padding=6)
for text in texts:
    text.set_bbox({"facecolor": "white", "edgecolor": "none", "pad": 1})
axis.axvline(1e3 * limit, color="black", linestyle="--", linewidth=1)
axis.set_xscale("log")
axis.set_xlim(500 * min(seconds.values()), 3e3 * max(seconds.values()))
axis.invert_yaxis()
axis.set_xlabel("milliseconds; beside the bars: in times of the limit (dashed)")
axis.spines[["top", "right"]].set_visible(False)
plt.show()

# %%
measured("loops, in times of whole patches", seconds["loops"] / seconds["whole patches"])
measured("faster of our two ways", min(("our bands", "our Winograd"), key=seconds.get))
gain = seconds["our bands"] / seconds["tinyunet, Winograd"]
measured("our bands, in times of tinyunet's Winograd", gain)
measured("tinyunet's Winograd, in times of the limit", seconds["tinyunet, Winograd"] / limit)

# %% [markdown]
# Read it from top to bottom. Loops lose their time to Python, whole patches to the memory. Bands
# come close to the limit, and so does PyTorch: it multiplies directly, too, and nearly as fast as
# the processor can (here even a little faster than NumPy's best product, by which we measured the
# limit). There, direct multiplication ends.
#
# Our own Winograd is slower than patches, with less than half of the multiplications! Its transformed
# tiles hold four times as many numbers as the image and go through memory several times. Only
# **both** ideas together, fewer multiplications *and* pieces that stay in cache, take the package
# below the limit, in plain NumPy. (It chose $m = 6$ here. The fifth of the multiplications that is
# left is about half of its time; the transforms are the other half.)
#
# At last, what training needs: forward *and backward*, on all cores. **Predict**: how many times as
# long as forward alone does it take? (In [lesson 2](02_backward_and_proof.ipynb), each product had
# three roles.)

# %%
predict("forward and backward, in times of forward", 2)

# %%
del os.environ["TINYUNET_NUM_THREADS"]
if your_setting:
    os.environ["TINYUNET_NUM_THREADS"] = your_setting
if torch:
    torch.set_num_threads(num_threads())


def both_ways():
    layers["winograd"](x)
    return layers["winograd"].backward(dy)


ways = {"forward": ways["tinyunet, Winograd"], "both ways": both_ways}
seconds = with_torch(ways, 3 if small else 25, training=True)
for name, time_taken in seconds.items():
    print(f"{name:10} {1e3 * time_taken:6.1f} ms{' (both ways)' if name == 'PyTorch' else ''}")
times = seconds["both ways"] / seconds["forward"]
measured("forward and backward, in times of forward", times)

# %% [markdown]
# Each product of the forward pass has two more in the backward pass, for $dx$ and for $dw$: three
# times the work in all.
#
# (Large layers are where this way shines. With few channels or small images there is little to
# save, and Python's steps count: there PyTorch is faster.)
#
# ## What you know now
#
# - A computation is limited by its multiplications or by its bytes. Count both before you measure.
# - Caches are small and fast: work in pieces that fit.
# - Polynomials multiplied at points need one multiplication a point; the transpose of that is a
#   sliding kernel. F(2, 3) takes 4 multiplications in place of 6, in two dimensions 16 in place of
#   36.
# - Backward has the same structure: $dx$ by the same function, $dw$ by the transposed one.
#
# The package's version is in `tinyunet/convolution/winograd/`: `plain.py` is the whole in a few
# lines, `blocks.py` cuts the image into blocks for the cache, and `blocked.py` works on them.
# `tinyunet bench ladder` runs the ladder as separate programs, the fairest way.
#
# In [lesson 15](15_numpy_to_cupy.ipynb) the arrays move to another machine altogether: a graphics
# card.
#
# ## Quiz
#
# **1.** A 1x1 convolution makes 4 channels of 4. On a machine with a balance of 10 multiplications
# a number, what is its limit?
#
# - a. computing
# - b. moving
# - c. both are equal

# %%
quiz("limit of a small 1x1 convolution", "b")

# %% [markdown]
# **2.** Bands of a few rows were faster than the whole image at once. Why?
#
# - a. they need fewer multiplications
# - b. the product of small matrices is faster
# - c. when the product reads a band's patches, they are still in the cache

# %%
quiz("why bands are faster", "c")

# %% [markdown]
# **3.** Why are four multiplications enough for the product of three and two coefficients?
#
# - a. four values determine its four coefficients, and each value is one multiplication
# - b. two of the six products are equal
# - c. with zeros and ones in $A$ and $C$, most products can be skipped

# %%
quiz("why four are enough", "a")

# %% [markdown]
# **4.** By the same count, how much does it save on a kernel with a *single* weight?
#
# - a. half
# - b. nothing
# - c. a third, as with three weights

# %%
quiz("Winograd for one weight", "b")

# %% [markdown]
# **5.** F(2x2, 3x3) has 2.25 times fewer multiplications, and a layer that uses it is not 2.25 times
# as fast. Mostly since
#
# - a. tiles overlap, so outputs are computed twice
# - b. float32 multiplies slowly
# - c. tiles have to be transformed and moved

# %%
quiz("fewer, but not as much faster", "c")

# %% [markdown]
# ## For the curious: larger tiles
#
# All that follows may be left out: the later lessons do not need it.
#
# Nothing forces us to take two outputs. For $m$ of them, $v$ has $m$ coefficients, and $p$ has $m +
# 2$: so $m + 2$ multiplications in place of $3m$. (Winograd proved that fewer are impossible.) We
# need $m + 1$ points $a_0, \ldots, a_m$, and infinity. $A$ and $G$ hold powers of the points. For
# the way back, $C$, we need polynomials that single out one value:
#
# $$ q_i(z) = \prod_{j \ne i} (z - a_j), \qquad q_\infty(z) = \prod_j (z - a_j) $$
#
# $q_i$ is 0 at every point but $a_i$; there it has some value $s_i = \prod_{j \ne i} (a_i - a_j)$.
# $q_\infty$ is 0 at all of them, and its leading coefficient is 1. With these,
#
# $$ p(z) = \sum_i \frac{p(a_i)}{s_i} \, q_i(z) \; + \; p(\infty) \, q_\infty(z) $$
#
# Why? Both sides have the same values at all $m + 1$ points, and the same leading coefficient. So
# their difference has degree $m$ at most, and $m + 1$ zeros: it is 0. (This is Lagrange's formula,
# with infinity.)
#
# Therefore the columns of $C$, the **rows of $B^T$**, are the coefficients of $q_0, \ldots, q_m,
# q_\infty$. The divisions by $s_i$ go into $G$, once a layer.
#
# ### Exercise 4: the input's transform
#
# Coefficients stand in a row from $z^0$ up to $z^{m+1}$, with zeros where there is none.
# `np.poly(a)` gives the coefficients of the product of all $(z - a_j)$, **highest power first**.


# %% nbgrader={"grade": false, "grade_id": "input_transform", "locked": false, "schema_version": 3, "solution": true, "task": false}
def input_transform(points):
    """Return B^T (m + 2, m + 2) for an array of m + 1 points."""
    ### BEGIN SOLUTION
    rows = []
    for i in range(len(points)):
        others = np.delete(points, i)
        rows.append(np.append(np.poly(others)[::-1], 0))
    rows.append(np.poly(points)[::-1])
    return np.array(rows)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_input_transform", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check.input_transform(input_transform)


# %%
def transforms(points):
    """Return A^T, G and B^T of F(m, 3) for m + 1 points."""
    points = np.array(points, float)
    m = len(points) - 1
    s = np.array([np.prod(a - np.delete(points, i)) for i, a in enumerate(points)])
    infinity = np.eye(m + 2)[-1]  # (0, ..., 0, 1): the leading coefficient alone
    A = np.vstack([np.vander(points, m, increasing=True), infinity[-m:]])  # powers of the points
    G = np.vstack([np.vander(points, 3, increasing=True) / s[:, None], infinity[-3:]])
    return A.T, G, np.array(input_transform(points))


print(transforms([0, 1, -1])[2])

# %% [markdown]
# That is our $B^T$ again, except that the signs of its first row are turned, and so are those of
# the first row of $G$: $s_0 = (0 - 1)(0 + 1) = -1$.
#
# In two dimensions F(m, 3) has $(m + 2)^2$ multiplications in place of $9 m^2$. Larger tiles save
# more, so why not take huge ones? We need more points then; let us simply take whole numbers, 0, 1,
# 2, 3, ... **Predict** what the savings approach, and how large the largest error of $m = 8$ is in
# float32, which keeps about 7 digits, in times of the largest number of the result. (At the point
# 8, the power $z^7$ is about two million.)
#
# The same with points on both sides of 0, and with points that come with their reciprocals, so that
# not all powers become large. We compare with float64, for five seeds.

# %%
predict("F(m x m, 3x3) for huge m: times fewer multiplications", 100)
predict("error of F(8x8), points 0, 1, 2, ..., 8", 0.001)

# %%
choices = {
    "0, 1, 2, 3, 4, ...": [0, 1, 2, 3, 4, 5, 6, 7, 8],
    "0, ±1, ±2, ±3, ±4": [0, 1, -1, 2, -2, 3, -3, 4, -4],
    "0, ±1, ½, -2, -½, 2, ¼, -4": [0, 1, -1, 0.5, -2, -0.5, 2, 0.25, -4],
}
tiles = (2, 4, 6, 8)
errors = {name: [] for name in [*choices, "patches"]}  # one row a seed
for seed in range(2 if small else 5):
    draw = np.random.default_rng(seed)
    xs = draw.standard_normal((1, 26, 26, 64), np.float32)
    ws = draw.standard_normal((3, 3, 64, 16), np.float32) * np.float32(0.06)
    true = conv2d_bands(xs.astype(float), ws.astype(float), rows=24)
    for name, points in choices.items():
        sets = [transforms(points[: m + 1]) for m in tiles]
        errors[name].append([far(conv2d_winograd(xs, ws, *three), true) for three in sets])
    errors["patches"].append([far(conv2d_bands(xs, ws, rows=24), true)] * len(tiles))
errors = {name: np.array(rows) for name, rows in errors.items()}

# %% jupyter={"source_hidden": true} alt="The largest relative error in float32 over the size of the tiles, m = 2 to 8, on a logarithmic scale, for three choices of points and for patches. Patches stay near a millionth. Points with reciprocals grow slowly, points on both sides of 0 faster, and whole numbers from 0 on end a thousand million times as large as the result."
figure, axis = plt.subplots(figsize=(7.5, 3.6), layout="constrained")
for (name, rows), colour in zip(errors.items(), (ORANGE, BLUE, GREEN, GRAY), strict=True):
    middle = np.median(rows, axis=0)
    spread = [middle - rows.min(axis=0), rows.max(axis=0) - middle]
    axis.errorbar(tiles, middle, spread, fmt="o-", capsize=3, color=colour, label=name)
axis.axhline(1, color="0.8", linewidth=1, zorder=0)
axis.text(1.9, 2, "as large as the result", color="0.4", fontsize=9)
axis.set_yscale("log")
axis.set_xticks(tiles, [f"m = {m}\n{9 * m**2 / (m + 2) ** 2:.2f} times fewer" for m in tiles])
axis.set_ylabel("largest relative error, float32")
axis.legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5), title="points")
axis.grid(color="0.93")
axis.spines[["top", "right"]].set_visible(False)
plt.show()

# %%
m = 1000
saving = 9 * m**2 / (m + 2) ** 2
measured("F(m x m, 3x3) for huge m: times fewer multiplications", saving)
positive, both, reciprocal, direct = (np.median(rows, axis=0) for rows in errors.values())
measured("error of F(8x8), points 0, 1, 2, ..., 8", positive[3])
measured("error of F(8x8), points 0, ±1, ±2, ±3, ±4", both[3])
measured("error of F(4x4), points 0, ±1, ½, -2", reciprocal[1])
measured("error of patches", direct[0])
three = transforms(choices["0, ±1, ½, -2, -½, 2, ¼, -4"][:5])
ours = conv2d_winograd(x.astype(float), w.astype(float), *three)
measured("F(4x4, 3x3): largest difference to patches, in float64", far(ours, exact))

# %% [markdown]
# (Medians of the seeds; the bars, where they are large enough to be seen, go from the best seed to
# the worst.)
#
# The formulas are exact, and still the result may be garbage, a thousand million times as large as
# the truth. Large powers make large numbers in between, each rounded at its seventh digit, and the
# result is a small difference of them. So: points near 1, and small tiles. F(4x4) keeps more
# than five digits, which is plenty for training. The package takes $m = 4$, or 6 where no more than
# 128 channels are added up. The savings say the same: from 4 to 8 there is a factor of 1.4 to gain,
# for a hundred times the error. (`matrices.py` beside `plain.py` is exercise 4.)
