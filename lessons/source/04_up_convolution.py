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
# *About 20 seconds of computing and 70 minutes of reading and writing. You need:
# [lesson 1](01_convolution.ipynb) (a convolution is a matrix) and
# [lesson 2](02_backward_and_proof.ipynb) (its backward, and the adjoint identity).*
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
from tinyunet.exercises import check, measured, predict, quiz, small
from tinyunet.plots import draw_numbers

plt.rcParams["figure.dpi"] = 110

# %% [markdown]
# ## Turn the matrix on its side
#
# Take a convolution along one side only: 7 numbers, a kernel of 3, and stride 2, so that the
# kernel moves on by two. By the formula of lesson 1 there are $\lfloor (7 - 3) / 2 \rfloor + 1 = 3$
# outputs. As with every linear thing, there is a matrix $A$ that does it, with 3 rows and 7
# columns:

# %%
kernel = np.array([1, 2, 3])
A = np.zeros((3, 7))
for i in range(3):
    A[i, 2 * i : 2 * i + 3] = kernel  # output i reads from place 2 i on

# %% jupyter={"source_hidden": true} alt="Two matrices of numbers: A with 3 rows and 7 columns, in each row the kernel 1, 2, 3, two places farther right than in the row above; and A transposed, with the kernel in each of its 3 columns."
figure, axes = plt.subplots(1, 2, figsize=(7, 3.4), width_ratios=(7, 3), layout="constrained")
draw_numbers(axes[0], np.where(A == 0, np.nan, A), "A: from 7 numbers to 3")
draw_numbers(axes[1], np.where(A.T == 0, np.nan, A.T), "A transposed:\nfrom 3 to 7")
plt.show()

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
# **Predict**: which number will stand in the very middle of the output, 5 by 5?

# %%
x = np.array([[1, 2], [0, 3]])
stamp = np.array([[1, 2, 1], [2, 4, 2], [1, 2, 1]])

# %%
predict("in the very middle", 4)

# %% jupyter={"source_hidden": true} alt="The 2 by 2 input, the 3 by 3 kernel and the 5 by 5 output after all four stamps: 6 in the middle."


def draw_step(stamps):
    """Draw the output after so many stamps."""
    figure = Figure((8, 3.1), layout="constrained")
    axes = figure.subplots(1, 3, width_ratios=(2, 3, 5))
    y[:] = 0
    for i, j in list(np.ndindex(2, 2))[:stamps]:
        y[2 * i : 2 * i + 3, 2 * j : 2 * j + 3] += x[i, j] * stamp
    draw_numbers(axes[0], x, "input x", mark=(i, j, 1, 1))
    draw_numbers(axes[1], stamp, "kernel w")
    draw_numbers(axes[2], y, f"output y: add {x[i, j]} times w", mark=(2 * i, 2 * j, 3, 3))
    return figure


y = np.zeros((5, 5), int)
words = "The input with a pixel marked, the kernel, and the output with a frame around its stamp."
steps = tu.plots.slider(draw_step, (1, 2, 3, 4), "stamps", alt=words, start=3)
measured("in the very middle", y[2, 2])
steps

# %% [markdown]
# All four stamps meet in the middle: $1 + 2 + 0 + 3 = 6$.
#
# ### Exercise 1: the output's size
#
# How long is the output along one side? Think of where the last stamp begins, and where it ends.
# (No formula this time. But you have examples: with kernel 3 and stride 2, from 3 numbers to 7 and
# from 2 to 5. With kernel 5 and stride 2, 2 numbers would give 7.)


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
# 28 pixels a side? And the first of these layers makes 512 channels from 1024: how many weights and
# biases does it have?

# %%
predict("28 pixels a side become", 57)
predict("weights and biases from 1024 to 512 channels", 2_097_152)

# %%
measured("28 pixels a side become", up_size(28, 2, 2))
layer = tu.ConvTranspose2d(1024, 512, kernel_size=2, stride=2)
measured("weights and biases from 1024 to 512 channels", layer.num_parameters)
print(f"1024 * 2 * 2 * 512 + 512 = {1024 * 2 * 2 * 512 + 512}")

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
# all that transposing does: *reading becomes writing*.

# %% [markdown]
# ### Exercise 2: an up-convolution
#
# You can loop over pixels and put down stamps, as above. Or loop over the kernel's positions, and
# treat all pixels at once: for a fixed $(p, q)$ they reach a slice of `y` with the step `stride`.
# As always, the result has the dtype of what came in.


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
measured("largest difference to tu.ConvTranspose2d", np.abs(ours - layer(images)).max())

# %% [markdown]
# ### Is it really the transpose?
#
# [Lesson 2](02_backward_and_proof.ipynb) had a test for that, the adjoint identity. Write
# $\langle u, v \rangle$ for the sum of the products of all entries. Then for every $u$ and $v$
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
measured("<A u, v> less <u, A^T v>", abs(left - right))

# %% [markdown]
# And why is "deconvolution" a wrong name? It promises to *undo* a convolution. But the transpose is
# not the inverse: it brings back the shape, not the numbers.

# %%
back = up_convolution(conv(u), w, np.zeros(4), stride=2)
print("the same shape:", back.shape == u.shape)
gap = np.linalg.norm(back - u) / np.linalg.norm(u)
measured("down and up again: relative difference", gap)

# %% [markdown]
# ## Backward, for free
#
# Let us first do it by matrices. Forward is $y = A^T x$ (the bias aside). Lesson 2 said: the
# backward of a matrix is its transpose. And the transpose of the transpose is the matrix itself:
#
# $$ dx \;=\; (A^T)^T \, dy \;=\; A \, dy $$
#
# So the backward of an up-convolution is a plain convolution with that stride. Convolution and
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
# By finite differences, with sides, channels and kernel that are all different; and against what we
# said, that $dx$ is a convolution of $dy$:

# %%
x, w, b = (rng.standard_normal(shape) for shape in ((2, 3, 4, 2), (2, 3, 2, 5), (5,)))


def forward(x, w, b):
    """An up-convolution with stride 2."""
    return up_convolution(x, w, b, stride=2)


def backward(dy, x, w, b):
    """The gradients of forward; they do not depend on b."""
    return up_convolution_backward(dy, x, w, stride=2)


report = tu.check_function(forward, backward, x, w, b)
measured("up-convolution: worst relative error", report.worst)

w = rng.standard_normal((3, 3, 3, 4))
conv.params["weight"] = w.transpose(1, 2, 3, 0)
dx, _, _ = up_convolution_backward(u, v, w, stride=2)  # u has the shape of dy, and v that of x
measured("dx less the convolution of dy", np.abs(dx - conv(u)).max())
report

# %% [markdown]
# ## Break it on purpose
#
# Where stamps overlap, they add up. What if one writes `=` instead of `+=`? **Predict**: does a
# test with the U-Net's own setting, kernel 2 and stride 2, notice?

# %%
choices = ("notices", "does not notice")
predict("stamps overwritten: a test with kernel 2 and stride 2", "notices", choices=choices)


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


def difference(kernel):
    """Return by how much it differs from yours, with stride 2."""
    w, b = rng.standard_normal((3, kernel, kernel, 4)), np.zeros(4)
    return np.abs(overwriting(v, w, b, 2) - up_convolution(v, w, b, 2)).max()


verdict = "notices" if difference(2) > 0 else "does not notice"
measured("stamps overwritten: a test with kernel 2 and stride 2", verdict)
measured("stamps overwritten: largest difference with kernel 3", difference(3))

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
# **Predict** how uneven the counts in the middle are, the largest divided by the smallest, for
# stride 2 and kernels of 3 and of 4. (In two dimensions, rows times columns.)

# %%
predict("stride 2, kernel 3: largest count by smallest", 2)
predict("stride 2, kernel 4: largest count by smallest", 2)

# %%
counts = {}
for k in (2, 3, 4):
    ones = np.ones((1, 6, 6, 1))
    y = up_convolution(ones, np.ones((1, k, k, 1)), np.zeros(1), stride=2)
    counts[k] = y[0, 3:-3, 3:-3, 0]
    print(f"kernel {k}: counts in the middle {np.unique(counts[k])}")
measured("stride 2, kernel 3: largest count by smallest", counts[3].max() / counts[3].min())
measured("stride 2, kernel 4: largest count by smallest", counts[4].max() / counts[4].min())

# %% jupyter={"source_hidden": true} alt="Four stamps of kernel 3 at stride 2, each overlapping the next by one place, and how often each place is hit: 1 and 2 in turn. Beside it the counts in two dimensions, a checkerboard."
pairs = {f"{k}, {s}": (k, s) for s in (1, 2, 3) for k in (1, 2, 3, 4)}


def draw_stamps(pair):
    """Draw four stamps along one side and how often each place is hit; beside it two dimensions."""
    k, s = pairs[pair]
    figure = Figure((8, 3.1), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(3, 2))
    hits = np.zeros(13, int)
    for i in range(4):
        hits[i * s : i * s + k] += 1
        left.barh(-i, k, left=i * s - 0.5, height=0.8, color="#8ec1e6", edgecolor="0.25")
    for place, count in enumerate(hits[: 3 * s + k]):
        left.text(place, -4.2, count, ha="center", va="center", fontsize=12)
    left.set_xlim(-0.6, 12.6)
    left.set_ylim(-4.8, 0.6)
    left.set_xticks([])
    left.set_yticks([0, -1, -2, -3, -4.2], [*(f"pixel {i}" for i in range(4)), "hits"])
    left.spines[:].set_visible(False)
    left.tick_params(length=0)
    left.set_title(f"kernel {k}, stride {s}, along one side", fontsize=12)
    right.imshow(np.outer(hits, hits), cmap="Blues", vmin=0)
    right.set_title("hits in two dimensions", fontsize=12)
    right.set_axis_off()
    return figure


words = "Four stamps along one side and how often each place is hit; and in two dimensions."
first = list(pairs).index("3, 2")
tu.plots.slider(draw_stamps, list(pairs), "kernel, stride", alt=words, start=first)

# %% [markdown]
# Move the slider: where do gaps open, and where is the pattern even? So the first rule is: *make
# the kernel a multiple of the stride*. The U-Net's 2 and 2 obeys it.
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
# dimensions, the weights for rows and columns are multiplied. This is called **bilinear
# interpolation**.
#
# As a stamp, the tent takes the $2s$ places that are closer than $s$ to its middle. They are
# numbered $0$ to $2s - 1$, so the middle is at $s - \tfrac12$, and the tent has the heights
#
# $$ t[p] \;=\; 1 - \frac{|\,p - (s - \tfrac12)\,|}{s} , \qquad w[p, q] \;=\; t[p] \; t[q] $$
#
# **Predict** for $s = 2$ the first of the four heights, and the sum of those two that meet at one
# output pixel of neighbouring stamps.

# %%
predict("tent of stride 2: its first height", 0.5)
predict("tent of stride 2: sum of two that meet", 1.5)

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

# %%
tent = bilinear_kernel(2).sum(axis=1) / 2  # the other side's four heights have the sum 2
print("heights:", tent)
measured("tent of stride 2: its first height", tent[0])
measured("tent of stride 2: sum of two that meet", tent[0] + tent[2])

# %% [markdown]
# Places 0 and 2 of neighbouring stamps meet, and so do 1 and 3. So a flat image stays flat. And a
# ramp, which rises evenly, should stay a ramp:

# %%
w = bilinear_kernel(2)[None, :, :, None]  # (1, 4, 4, 1)
flat = up_convolution(np.ones((1, 8, 8, 1)), w, np.zeros(1), stride=2)[0, 2:-2, 2:-2, 0]
measured("a flat image, enlarged: largest less smallest", np.ptp(flat))

ramp = np.arange(8.0) * np.ones((8, 1))  # rises by 1 from column to column
up = up_convolution(ramp[None, :, :, None], w, np.zeros(1), stride=2)[0, 2:-2, 2:-2, 0]
rise = np.diff(up, axis=1)
measured("a ramp, enlarged: least rise from column to column", rise.min())
measured("a ramp, enlarged: largest rise", rise.max())

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
# Random starts differ, so we take five **seeds** (numbers from which a generator makes all of its
# random ones) and give mean and standard error. Besides the loss we measure the **pattern**: send a
# flat image of ones through the layer, and take the standard deviation of what comes out, away from
# the border.
#
# **Predict**: how many steps until all random kernels of 4 have at most 1.5 times the loss with
# which the bilinear one starts? How strong is their pattern after 400 steps, if it begins at about
# 1.2?
#
# (`small` is True only where the package's own tests run this lesson, and everything has to be
# quick.)

# %%
predict("random, kernel 4: steps to 1.5 times the bilinear start", 20)
predict("random, kernel 4: pattern at the end", 0.2)

# %% jupyter={"source_hidden": true}


def draw_training():
    """Draw loss and pattern before each step: the mean of the layers so far, and its error."""
    figure = Figure((8, 2.9), layout="constrained", dpi=110)
    axes = figure.subplots(1, 2)
    for (name, run), colour in zip(runs.items(), ("#d55e00", "#009e73", "#0072b2"), strict=True):
        done = np.array([each for each in run if len(each[1]) == steps])
        for axis, values in zip(axes, done.swapaxes(0, 1) if len(done) else (), strict=False):
            mean, at = values.mean(axis=0), np.arange(1, steps + 1)
            axis.plot(at, mean, color=colour, label=name)
            if len(values) > 1:
                error = values.std(axis=0, ddof=1) / np.sqrt(len(values))
                low = np.maximum(mean - error, mean / 10)
                axis.fill_between(at, low, mean + error, color=colour, alpha=0.2, linewidth=0)
    for axis, title in zip(axes, ("loss", "pattern on a flat image"), strict=True):
        axis.set_xscale("log")
        axis.set_yscale("log")
        axis.set_xlim(1, steps)
        axis.set_title(title, fontsize=12)
        axis.set_xlabel("step (the first is number 1)")
        axis.spines[["top", "right"]].set_visible(False)
    axes[0].set_ylim(0.03, 5)
    axes[1].set_ylim(1e-3, 2)
    if axes[1].lines:
        axes[1].legend(frameon=False, fontsize=9)
    return figure


# %% alt="Loss and pattern over 400 steps, both on logarithmic scales. The bilinear start is low from the first step on; random kernels of 4 come down to it after some hundred steps, those of 2 stay a little above. The random patterns fall from about 1 to less than a hundredth."
seeds, steps = (2, 40) if small else (5, 400)
large = np.stack(tu.data.synthetic_cells(4 if small else 8, size=64, seed=5).images)
large = (large - large.mean()) / large.std()  # (N, 64, 64, 1), mean 0 and variance 1
half = sum(large[:, p::2, q::2] for p in (0, 1) for q in (0, 1)) / 4  # (N, 32, 32, 1)
ones = np.ones((1, 10, 10, 1), np.float32)


def up_layer(kernel, seed=0):
    """Return a layer that doubles the side, with random weights."""
    rng = np.random.default_rng(seed)
    padding = (kernel - 2) // 2
    return tu.ConvTranspose2d(1, 1, kernel, stride=2, padding=padding, rng=rng)


bilinear = up_layer(4)
bilinear.params["weight"][0, :, :, 0] = bilinear_kernel(2)
layers = {
    "random, kernel 4": [up_layer(4, seed) for seed in range(seeds)],
    "random, kernel 2": [up_layer(2, seed) for seed in range(seeds)],
    "bilinear, kernel 4": [bilinear],  # nothing random: once is enough
}
first_look = {name: first[0].predict(half)[0, ..., 0] for name, first in layers.items()}
runs = {name: [] for name in layers}  # for each layer the losses and the patterns before each step
progress = tu.plots.Growing((2 * seeds + 1) * steps, draw_training)


def train(layer, losses, patterns):
    """Train a layer, and append its loss and its pattern before each step."""
    for _ in range(steps):
        patterns.append(layer.predict(ones)[0, 4:-4, 4:-4].std())  # predict: forward alone
        difference = layer(half) - large
        losses.append((difference**2).mean())
        layer.backward(2 * difference / difference.size)
        for name in layer.params:
            layer.params[name] -= 0.2 * layer.grads[name]
        progress()


for name in layers:
    for layer in layers[name]:
        runs[name].append(([], []))
        train(layer, *runs[name][-1])

# %%
print("                               loss               pattern")
for name, run in runs.items():
    for step in sorted({0, min(30, steps - 1), steps - 1}):
        values = np.array(run)[:, :, step]  # (seeds, 2)
        row = [f"{mean:.3f}" for mean in values.mean(axis=0)]
        if len(values) > 1:
            errors = values.std(axis=0, ddof=1) / np.sqrt(len(values))
            row = [f"{mean} +- {error:.3f}" for mean, error in zip(row, errors, strict=True)]
        print(f"{name:18} step {step:3}    {row[0]:18} {row[1]}")

start = runs["bilinear, kernel 4"][0][0][0]
random4, random2 = (np.array(runs[f"random, kernel {k}"]) for k in (4, 2))  # (seeds, 2, steps)
above = random4[:, 0].max(axis=0) > 1.5 * start
measured(
    "random, kernel 4: first loss, in times of the bilinear one", random4[:, 0, 0].mean() / start
)
measured("random, kernel 4: steps to 1.5 times the bilinear start", int(above.sum()))
measured("random, kernel 4: pattern at the end", random4[:, 1, -1].mean())
measured("random, kernel 2: pattern at the end", random2[:, 1, -1].mean())

# %% jupyter={"source_hidden": true} alt="Parts of four pictures of cells: the small one, and what each layer makes of it before training. The random kernels show a grid of light and dark pixels, the bilinear one is smooth."
figure, axes = plt.subplots(1, 4, figsize=(8, 2.4), layout="constrained")
for axis, (name, picture) in zip(
    axes, {"the small image": half[0, ..., 0], **first_look}.items(), strict=True
):
    part = slice(8, 24) if picture.shape[0] == 32 else slice(16, 48)
    axis.imshow(picture[part, part], cmap="gray")
    axis.set_title(name, fontsize=11)
    axis.axis("off")
plt.show()

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

# %% [markdown]
# ## Quiz
#
# **How long is it?** 10 pixels, kernel 3, stride 2. The output?
#
# a) 20 &emsp; b) 21 &emsp; c) 23

# %%
quiz("how long is it", "b")

# %% [markdown]
# **Why not deconvolution?** What is wrong with that name?
#
# - a) The layer has weights of its own, and a deconvolution has none.
# - b) It promises to undo a convolution.
# - c) It works on the gradient and not on the image.

# %%
quiz("why not deconvolution", "b")

# %% [markdown]
# **The way back.** How does one compute dx of an up-convolution with stride 2?
#
# - a) By a convolution of dy with stride 2 and the same weights.
# - b) By an up-convolution of dy with the kernel turned by 180 degrees.
# - c) By dividing dy by the weights.

# %%
quiz("the way back", "a")

# %% [markdown]
# **Evenly hit.** With kernel 4 and stride 2 every output pixel is hit by four stamps. Is a flat
# image's output flat?
#
# - a) Yes: all pixels get equally many numbers.
# - b) No: the stamps overlap.
# - c) Only with suitable weights.

# %%
quiz("evenly hit", "c")

# %% [markdown]
# **It sleeps.** A layer writes `=` in the place of `+=`. Your U-Net uses kernel 2 and stride 2
# only, and its gradient check passes. What do you know?
#
# - a) The layer is right.
# - b) The gradient check is too coarse: it needs a smaller tolerance.
# - c) It is right where stamps do not overlap.

# %%
quiz("it sleeps", "c")

# %% [markdown]
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
# The layers are complete. What do they work towards? In [lesson 5](05_a_loss_for_every_pixel.ipynb)
# every pixel gets a loss.
