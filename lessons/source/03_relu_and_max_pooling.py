# ---
# jupyter:
#   tinyunet:
#     lesson: 3
#     title: ReLU and max-pooling
#     time: 10 s
# ---

# %% [markdown]
# # Lesson 3: ReLU and max-pooling
#
# *About 10 seconds of computing and 70 minutes of reading and writing. You need:
# [lesson 1](01_convolution.ipynb) (what a convolution is) and [lesson
# 2](02_backward_and_proof.ipynb) (what backward means, and how finite differences check it).*
#
# Between a U-Net's convolutions stand two very simple operations. **ReLU** replaces every negative
# number by 0. **Max-pooling** keeps only the largest of every four pixels. Neither has anything to
# learn, and yet without them the whole network would be worth no more than one single convolution.
# After this lesson you can
#
# - say why a network needs something that is not linear;
# - write both operations, forward and backward;
# - say what happens where they have no slope: at a *kink* and at a *tie*;
# - explain why a gradient check sometimes complains although all is right, and what to do about it.

# %%
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

import tinyunet as tu
from tinyunet.exercises import check, measured, predict, quiz, small
from tinyunet.plots import draw_numbers, slider

plt.rcParams["figure.dpi"] = 110

# %% [markdown]
# ## A hundred convolutions are one
#
# [Lesson 1](01_convolution.ipynb) showed that a convolution is linear: it is a matrix $A$. Put a
# second one, $B$, right behind it, and you get $B (A x) = (B A)\, x$. But $B A$ is just another
# matrix! To find the kernel of that one convolution, send an image that is 1 in the middle and 0
# elsewhere through both.
#
# **Predict**: which side has the kernel that does the work of two 3 by 3 kernels?

# %%
predict("side of the kernel that does the work of two", 6)

# %%
rng = np.random.default_rng(3)
first, second, both = (
    tu.Conv2d(1, 1, kernel_size=k, bias=False).astype("float64") for k in (3, 3, 5)
)
first.params["weight"] = rng.standard_normal((3, 3, 1, 1))
second.params["weight"] = rng.standard_normal((3, 3, 1, 1))

dot = np.zeros((1, 9, 9, 1))
dot[0, 4, 4, 0] = 1
response = second(first(dot))  # (1, 5, 5, 1): every pixel of it saw the dot at another place
both.params["weight"] = response[0, ::-1, ::-1, :, None]  # so it comes out turned by 180 degrees

x = rng.standard_normal((1, 20, 20, 1))
measured("side of the kernel that does the work of two", both.params["weight"].shape[0])
measured("one kernel against two: largest difference", np.abs(both(x) - second(first(x))).max())

# %% [markdown]
# So depth alone buys nothing. Something has to come in between that is *not* linear, and it turns
# out that almost anything will do. The cheapest of all is the **rectified linear unit**, ReLU:
#
# $$ y \;=\; \max(x, 0) $$
#
# for every number on its own. What can it do that a convolution cannot? Take the kernel for
# vertical edges. It answers with large positive numbers where dark turns to bright, and with large
# negative ones where bright turns to dark. ReLU keeps one kind and drops the other. And two ReLUs
# together give $|x| = \max(x, 0) + \max(-x, 0)$: all edges, whichever way they go. No convolution
# can do that: it is linear, so for the negative of an image it gives the negative of its answer.
# But an edge in the negative is still an edge.

# %% [markdown]
# ### Exercise 1: ReLU


# %% nbgrader={"grade": false, "grade_id": "relu", "locked": false, "schema_version": 3, "solution": true, "task": false}
def relu(x):
    """Return y = max(x, 0), in x's shape and dtype."""
    ### BEGIN SOLUTION
    return np.maximum(x, 0)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_relu", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
check.relu(relu)

# %%
cells = tu.data.synthetic_cells(1, size=96, seed=3).images[0][None]  # (1, 96, 96, 1)
edges = tu.Conv2d(1, 1, kernel_size=5, bias=False)
edges.params["weight"] = np.outer(np.ones(5), [-2, -1, 0, 1, 2])[..., None, None].astype(np.float32)
e = edges(cells)

# %% jupyter={"source_hidden": true} alt="An image of cells; the convolution's answer, gray with bright left rims and dark right rims; after ReLU only the left rims are left; the sum of both ReLUs shows left and right rims."
pictures = {
    "image": cells,
    "conv(x)": e,
    "relu(conv(x))": relu(e),
    "relu(conv(x))\n+ relu(-conv(x))": relu(e) + relu(-e),
}
figure, axes = plt.subplots(1, 4, figsize=(8, 2.5), layout="constrained")
for axis, (title, picture) in zip(axes, pictures.items(), strict=True):
    axis.imshow(picture[0, ..., 0], cmap="gray")
    axis.set_title(title, fontsize=11)
    axis.axis("off")
plt.show()

# %% [markdown]
# ## ReLU backward
#
# Backward gets `dy`, which says how much the loss $L$ changes for a small change of each output,
# and has to find `dx`, the same for each input. By the chain rule,
#
# $$ dx \;=\; dy \cdot \frac{\partial y}{\partial x}, \qquad
# \frac{\partial y}{\partial x} = \begin{cases} 1 & x > 0 \\ 0 & x < 0 \end{cases} $$
#
# since $y = x$ on the right and $y = 0$ on the left. So backward is a gate: open where $x$ was
# positive, shut elsewhere.
#
# And at $x = 0$ exactly? There the graph has a **kink**: the slope is 0 from the left and 1 from
# the right. A line through the kink that stays below the graph may have any slope from 0 to 1; each
# of these is called a **subgradient**, and each is allowed. Everybody takes 0, so we do, too:
#
# $$ dx \;=\; dy \cdot [x > 0] $$
#
# with $[x > 0]$ for 1 where that is true and 0 where it is not.

# %% [markdown]
# ### Exercise 2: ReLU backward


# %% nbgrader={"grade": false, "grade_id": "relu_backward", "locked": false, "schema_version": 3, "solution": true, "task": false}
def relu_backward(dy, x):
    """Return dx from dy and from the x that went forward; the slope at 0 is 0."""
    ### BEGIN SOLUTION
    return dy * (x > 0)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_relu_backward", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
check.relu_backward(relu_backward)

# %% [markdown]
# ## Max-pooling: the winner takes it all
#
# Cut the image into windows of 2 by 2 pixels, side by side. Of each window keep the largest number:
#
# $$ y[n, i, j, c] \;=\; \max_{p, q \,\in\, \{0, 1\}} \; x[n,\; 2i + p,\; 2j + q,\; c] $$
#
# Height and width are halved, and each channel $c$ is treated on its own. The next convolution then
# sees twice as far, measured in pixels of the image, and has only a quarter of the pixels to work
# on. What is lost is *where* in the window the largest number was.
#
# **Backward.** Say the largest number of a window is 7, and the others are 3, 5 and 2. Change the 7
# by a little: $y$ changes by as much, so its slope is 1. Change the 3 by a little: nothing happens.
# So the slope is 1 for the winner and 0 for all others, and `dy` is *routed* to the winner alone:
#
# $$ dx[n,\; 2i + p,\; 2j + q,\; c] \;=\; dy[n, i, j, c] \cdot
# [\,(p, q) \text{ won window } (i, j)\,] $$
#
# Here are an image of four windows, and a `dy` for each:

# %% jupyter={"source_hidden": true} alt="The 4 by 4 numbers of x: 1 4 2 0, then 7 3 6 5, then 0 0 -3 -1, then 8 0 -2 -9. Beside them the 2 by 2 numbers of dy: 0.5 and -2, then 1 and 3."
numbers = np.array([[1, 4, 2, 0], [7, 3, 6, 5], [0, 0, -3, -1], [8, 0, -2, -9]])
upstream = np.array([[0.5, -2.0], [1.0, 3.0]])
figure, axes = plt.subplots(1, 2, figsize=(4.4, 2.4), width_ratios=(4, 2), layout="constrained")
draw_numbers(axes[0], numbers, "x")
draw_numbers(axes[1], upstream, "dy")
plt.show()

# %% [markdown]
# **Predict** where the `dy` of the window at the bottom right, 3, goes: to which row and column of
# `dx`? (We count from 0.) And how many of the 16 numbers of `dx` are not 0?

# %%
predict("row and column that get the 3", (3, 3))
predict("numbers of dx that are not 0", 16)

# %%
window = numbers[2:4, 2:4]
row, column = divmod(int(window.argmax()), 2)
measured("row and column that get the 3", (2 + row, 2 + column))
measured("numbers of dx that are not 0", upstream.size)

# %% [markdown]
# Step by step, forward for each of the four windows, then backward:

# %% jupyter={"source_hidden": true} alt="The array x with a frame around a window, and y, dy and dx as far as they are known after this step. Each dy goes to the largest number of its window."
winners = {(0, 0): (1, 0), (0, 1): (1, 2), (1, 0): (3, 0), (1, 1): (2, 3)}


def draw_step(number):
    """Draw forward in steps 1 to 4, and backward in steps 5 to 8."""
    step = number - 1
    figure = Figure((8, 2.6), layout="constrained")
    axes = figure.subplots(1, 4, width_ratios=(4, 2, 2, 4))
    y, dy, dx = np.full((2, 2), np.nan), np.full((2, 2), np.nan), np.full((4, 4), np.nan)
    for k, (window, winner) in enumerate(winners.items()):
        i, j = window
        if k <= step:
            y[window] = numbers[winner]
        if step >= 4:
            dy[window] = upstream[window]
            if k <= step - 4:
                dx[2 * i : 2 * i + 2, 2 * j : 2 * j + 2] = 0
                dx[winner] = upstream[window]
    window = list(winners)[step % 4]
    (i, j), winner = window, winners[window]
    draw_numbers(axes[0], numbers, "x", mark=(2 * i, 2 * j, 2, 2))
    here = (i, j, 1, 1)
    draw_numbers(axes[1], y, "y = max_pool(x)", mark=here if step < 4 else None)
    draw_numbers(axes[2], dy, "dy", mark=here if step >= 4 else None)
    draw_numbers(axes[3], dx, "dx", mark=(*winner, 1, 1) if step >= 4 else None)
    return figure


slider(
    draw_step,
    range(1, 9),
    "step",
    start=0,
    alt="x with a frame around a window, and y, dy and dx as far as they are known.",
)

# %% [markdown]
# ### Exercise 3: max-pooling, forward
#
# Height and width of `x` are even.


# %% nbgrader={"grade": false, "grade_id": "max_pool", "locked": false, "schema_version": 3, "solution": true, "task": false}
def max_pool(x):
    """Return y (N, H / 2, W / 2, C), the largest of each 2 by 2 window of x (N, H, W, C)."""
    ### BEGIN SOLUTION
    y = x[:, 0::2, 0::2]
    for p, q in ((0, 1), (1, 0), (1, 1)):
        y = np.maximum(y, x[:, p::2, q::2])
    return y
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_max_pool", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check.max_pool(max_pool)

# %% [markdown]
# ### Ties
#
# What if the largest number is in a window more than once? Again there is no slope, only
# subgradients, and we have to agree on something. As in most libraries, **the first maximum wins**,
# row by row: top left, top right, bottom left, bottom right. It gets all of `dy`, so `dx` sums to
# the same as `dy`.
#
# **Predict**: in what share of the windows is there a tie, after a convolution with random kernels
# and a ReLU?

# %%
predict("share of windows with a tie", 0.01)

# %%
conv = tu.Conv2d(1, 16, rng=np.random.default_rng(0))
images = np.stack(tu.data.synthetic_cells(2 if small else 8, size=130, seed=0).images)
z = conv(images - images.mean())  # (N, 128, 128, 16), of both signs
x = relu(z)

largest = max_pool(x)
winners_each = sum((x[:, p::2, q::2] == largest).astype(int) for p in (0, 1) for q in (0, 1))
measured("share of windows with a tie", (winners_each > 1).mean())
measured("of these, share in which all are 0", (largest[winners_each > 1] == 0).mean())
measured("share of zeros after the ReLU", (x == 0).mean())

# %% [markdown]
# One might think that a tie between decimal numbers is a rare accident. But where the convolution's
# answer is negative at all four pixels, ReLU leaves four zeros. So a rule for ties is no luxury.

# %% [markdown]
# ### Exercise 4: max-pooling, backward
#
# Go through the four places of the window in order. Each takes the `dy` of the windows that it has
# won, unless an earlier place has taken it.


# %% nbgrader={"grade": false, "grade_id": "max_pool_backward", "locked": false, "schema_version": 3, "solution": true, "task": false}
def max_pool_backward(dy, x):
    """Return dx (N, H, W, C): dy at the first maximum of each window of x, row by row, else 0."""
    ### BEGIN SOLUTION
    y = max_pool(x)
    dx = np.zeros_like(x)
    unclaimed = dy.copy()
    for p, q in ((0, 0), (0, 1), (1, 0), (1, 1)):
        won = x[:, p::2, q::2] == y
        dx[:, p::2, q::2] = unclaimed * won
        unclaimed = unclaimed * ~won
    return dx
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_max_pool_backward", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
check.max_pool_backward(max_pool_backward)

# %% [markdown]
# Your four functions beside the package's layers. On the ReLU's output, with its many ties, they
# should agree to the last digit:

# %%
dy = rng.standard_normal(largest.shape, np.float32)
package_relu, package_pool = tu.ReLU(), tu.MaxPool2d(2)
gap = np.abs(max_pool(relu(z)) - package_pool(package_relu(z))).max()
measured("pool and ReLU forward: largest difference to the package", gap)
mine = relu_backward(max_pool_backward(dy, relu(z)), z)
gap = np.abs(mine - package_relu.backward(package_pool.backward(dy))).max()
measured("pool and ReLU backward: largest difference to the package", gap)

# %% [markdown]
# ## Check the gradient, and stumble over a kink
#
# [Lesson 2](02_backward_and_proof.ipynb) measured a slope by a small step $\varepsilon$ to both
# sides, the finite difference:
#
# $$ f'(x) \;\approx\; \frac{f(x + \varepsilon) - f(x - \varepsilon)}{2 \varepsilon} $$
#
# Put ReLU in. If $x > \varepsilon$, both points are on the right, and the result is exactly 1. If
# $x < -\varepsilon$ it is exactly 0. But if the step crosses the kink, then $f(x + \varepsilon) =
# x + \varepsilon$ while $f(x - \varepsilon) = 0$, and out comes
#
# $$ \frac{x + \varepsilon}{2 \varepsilon} , $$
#
# something between 0 and 1, which is the slope of nothing. **Predict**: we draw random numbers with
# a standard deviation of 1. Their density at 0 is $1 / \sqrt{2 \pi} \approx 0.4$. How many of
# 100,000 lie within $\varepsilon = 0.01$ of the kink, where the check fails although backward is
# right?

# %%
predict("slopes that seem wrong, of 100,000", 400)

# %%
x = rng.standard_normal(100_000)
eps = 0.01
slopes = (relu(x + eps) - relu(x - eps)) / (2 * eps)
wrong = np.abs(slopes - relu_backward(np.ones_like(x), x)) > 1e-9
print(f"expected: {100_000 * 2 * eps / np.sqrt(2 * np.pi):.0f}")
measured("slopes that seem wrong, of 100,000", wrong.sum())
measured("the farthest of them from the kink, in eps", np.abs(x[wrong]).max() / eps)

# %% jupyter={"source_hidden": true} alt="The slope of ReLU near 0: backward's is a step from 0 to 1. Measured with a step of eps it is a ramp from -eps to eps; the smaller eps, the steeper."
figure, axis = plt.subplots(figsize=(7.5, 2.8), layout="constrained")
line = np.linspace(-0.03, 0.03, 601)
axis.plot(line, line > 0, color="black", linewidth=1, label="the slope that backward takes")
for eps, colour in ((0.02, "#0072b2"), (0.01, "#d55e00"), (0.002, "#009e73")):
    slope = (relu(line + eps) - relu(line - eps)) / (2 * eps)
    axis.plot(line, slope, color=colour, label=f"measured with eps = {eps}")
axis.set_xlabel("x")
axis.set_ylabel("slope of ReLU")
axis.legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
axis.spines[["top", "right"]].set_visible(False)
plt.show()

# %% [markdown]
# In a whole network it is worse: nudge a single weight of a convolution, and thousands of pixels
# move. Some always cross a kink, or a tie where another pixel takes over as the winner. One can
# make $\varepsilon$ smaller, but then rounding errors grow (the V curve of [lesson
# 2](02_backward_and_proof.ipynb)). There are two cures.
#
# **Look for smooth ground.** `tu.check_function`, for a pair of functions such as yours, measures
# each slope with smaller and smaller steps, until one shows the slope that backward claims, or
# three in a row agree on another. A number that sits exactly on the kink has two slopes, one to
# each side, however small the step is; it is left out, and counted. Here 3 of 24 numbers are
# exactly 0:

# %%
x = rng.standard_normal((1, 4, 6, 1))
x[0, 0, :3] = 0
print(tu.check_function(relu, relu_backward, x))

# %%
report = tu.check_function(max_pool, max_pool_backward, rng.standard_normal((2, 6, 4, 3)))
print(report)
measured("max-pooling's gradient: largest relative error", report.worst)

# %% [markdown]
# **Hold the decisions.** ReLU decides for each number: let through or not. Pooling decides for each
# window: who wins. All kinks come from decisions that turn out differently after a nudge. So write
# them down in the forward pass, and while we measure, use *those*, even where a nudge would have
# led to others. With its decisions held, the operation is linear: there is no kink. And at the
# point where we measure the slope, nothing has changed.
#
# `tu.check_gradients` does that for the package's layers. We compare both ways, on three weights of
# a convolution that is followed by ReLU and max-pooling, and take the worst of the three:

# %%
net = tu.Sequential(tu.Conv2d(1, 8, rng=np.random.default_rng(1)), tu.ReLU(), tu.MaxPool2d(2))
net.astype("float64")
x = images[:1].astype("float64") - images.mean()  # (1, 130, 130, 1)
y = net(x)
dy = rng.standard_normal(y.shape)
weight = net.layers[0].params["weight"]
steps = 10.0 ** -np.arange(1, 11)


def error_of_slope(eps):
    """Return the largest relative error of three weights' slopes, measured with steps of eps."""
    errors = []
    for index in ((0, 0, 0, 1), (1, 1, 0, 4), (2, 0, 0, 6)):
        values = []
        start = weight[index]
        for step in (eps, -eps):
            weight[index] = start + step
            values.append(net(x))
        weight[index] = start
        slope = (dy * (values[0] - values[1])).sum() / (2 * eps)
        errors.append(abs(slope - right[index]) / abs(right[index]))
    return max(errors)


with tu.held_decisions(net):
    net.backward(dy)
    right = net.layers[0].grads["weight"].copy()
    held = [error_of_slope(eps) for eps in steps]
plain = [error_of_slope(eps) for eps in steps]
measured("eps = 0.01, plain: relative error", plain[1])
measured("eps = 0.01, decisions held: relative error", held[1])

# %% jupyter={"source_hidden": true} alt="Relative error of a slope against the step, both logarithmic. Plain, it is 0.01 to 0.1 for all steps from 1e-4 on. With decisions held it falls to 1e-14 at the largest step. Below 1e-5 both curves lie on each other and rise as the step shrinks."
figure, axis = plt.subplots(figsize=(6, 3), layout="constrained")
axis.loglog(steps, plain, "o-", color="#d55e00", label="plain")
axis.loglog(steps, held, "s-", color="#0072b2", label="decisions held")
axis.set_xlabel("step eps")
axis.set_ylabel("relative error of a slope")
axis.legend(frameon=False)
axis.spines[["top", "right"]].set_visible(False)
plt.show()

# %% [markdown]
# Held, the function is linear in the weight, so even a huge step is exact, and a large step has the
# least rounding error. In the report, the column "flips" counts how often a decision would have
# come out differently:

# %%
report = tu.check_gradients(net, x[:, :12, :12])
print(report)
measured("the whole piece of network: largest relative error", report.worst)

# %% [markdown]
# ## Break it on purpose
#
# **Mistake 1: `>=` for `>`.** With random numbers no check would ever notice. Ours has a few exact
# zeros up its sleeve:

# %%
check.relu_backward(lambda dy, x: dy * (x >= 0))

# %% [markdown]
# **Mistake 2: saving memory.** `dy[x <= 0] = 0` seems elegant: no new array. But `dy` is not yours.
# In a U-Net the same `dy` also travels through the skip connection
# ([lesson 6](06_crop_concat_and_the_fork.ipynb)), which would now get a gradient with holes.


# %%
def thrifty(dy, x):
    """ReLU backward that writes into its argument."""
    dy[x <= 0] = 0
    return dy


check.relu_backward(thrifty)

# %% [markdown]
# **Mistake 3: everybody wins.** Comparing `x` with the maximum, without a rule for ties, gives `dy`
# to every pixel that equals it:


# %%
def everybody(dy, x):
    """Max-pooling backward that gives dy to all maxima of a window."""

    def spread(small):
        return small.repeat(2, axis=1).repeat(2, axis=2)

    return spread(dy) * (x == spread(max_pool(x)))


check.max_pool_backward(everybody)

# %% [markdown]
# How bad would that be? **Predict** the relative difference of `dx`: at the pooling, right behind a
# ReLU; in front of that ReLU; and where we pool an image in which bright parts are cut off at
# white.

# %%
predict("behind a ReLU: relative difference of dx", 0.5)
predict("in front of the ReLU: relative difference of dx", 0.5)
predict("an overexposed image: relative difference of dx", 0.01)

# %%
dy = rng.standard_normal(largest.shape, np.float32)


def difference(a, b):
    """Return the relative difference of two arrays."""
    return np.linalg.norm(a - b) / np.linalg.norm(b)


x = relu(z)
behind = everybody(dy, x), max_pool_backward(dy, x)
measured("behind a ReLU: relative difference of dx", difference(*behind))
in_front = (relu_backward(dx, z) for dx in behind)
measured("in front of the ReLU: relative difference of dx", difference(*in_front))
white = np.minimum(images[:, :128, :128] * 2.5, 1)  # overexposed
dy = rng.standard_normal(max_pool(white).shape, np.float32)
pair = everybody(dy, white), max_pool_backward(dy, white)
measured("an overexposed image: relative difference of dx", difference(*pair))

# %% [markdown]
# A surprise: behind a ReLU the mistake does no harm at all. Ties there are between zeros, and the
# gate of the ReLU is shut at all of them. So the network would train perfectly well with it, until
# one day somebody pools something else. Many wrong backward passes are like that: **that it trains
# proves nothing.**

# %% [markdown]
# ## Measure
#
# What does a U-Net gain by pooling? Cells lie wherever they like, and a prediction should not hang
# on a pixel more or less. So we move the camera by one pixel, and see by how much the numbers
# change, relative to their size: right after the ReLU, pooled once, and pooled twice. For
# comparison we keep every second pixel without looking, and take the mean of each window. For each
# image we measure on its own, and give the mean over the images with its standard error.
#
# **Predict** which of the other four changes least, and the changes of two of them as a part of the
# change right after the ReLU: half as large would be 0.5.

# %%
choices = "max-pooled", "max-pooled twice", "every second pixel", "mean of each window"
predict("least changed", "mean of each window", choices=choices)
predict("max-pooled, in parts of after the ReLU", 0.5)
predict("every second pixel, in parts of after the ReLU", 0.5)


# %%
def every_second(x):
    return x[:, ::2, ::2]


def mean_pool(x):
    return sum(x[:, p::2, q::2] for p in (0, 1) for q in (0, 1)) / 4


ways = {
    "after the ReLU": lambda x: x,
    "every second pixel": every_second,
    "max-pooled": max_pool,
    "max-pooled twice": lambda x: max_pool(max_pool(x)),
    "mean of each window": mean_pool,
}
here, moved = relu(z)[:, :124, :124], relu(z)[:, 1:125, :124]
change = {}
for name, way in ways.items():
    changes = [difference(way(b[None]), way(a[None])) for a, b in zip(here, moved, strict=True)]
    change[name] = np.mean(changes), np.std(changes, ddof=1) / np.sqrt(len(changes))
    print(f"{name:20} {change[name][0]:.3f} +- {change[name][1]:.3f}")

measured("least changed", min(change, key=change.get))
for name in ("max-pooled", "every second pixel"):
    measured(f"{name}, in parts of after the ReLU", change[name][0] / change["after the ReLU"][0])

# %% [markdown]
# Pooling makes the numbers steadier, though not steady; just skipping pixels gains nothing. Of one
# pooling, the mean is steadier still, but it blurs a strong answer with weak neighbours, and it is
# linear: a convolution could have done it. The maximum asks instead "was there an edge *anywhere*
# in this window?".
#
# And which share of the pixels does a gradient reach on its way back through pooling and ReLU?

# %%
predict("share of pixels that get a gradient", 0.25)

# %%
dx = relu_backward(max_pool_backward(np.ones_like(largest), relu(z)), z)
measured("share of pixels that get a gradient", (dx != 0).mean())

# %% [markdown]
# At most a quarter can: one winner a window. Where all four are negative, nobody gets any.
#
# In a network, convolutions stand between gates and winners, and spread again what is left. `tu.explore`
# makes a page of a network and an image, for any browser: click a pixel of the output, and see within the
# frame of all that it can see where its gradient went.

# %%
layers = [
    tu.Conv2d(1, 8, padding="same", activation="relu", rng=np.random.default_rng(1)),
    tu.MaxPool2d(2),
    tu.Conv2d(8, 8, padding="same", activation="relu", rng=np.random.default_rng(2)),
    tu.ConvTranspose2d(8, 8, rng=np.random.default_rng(3)),
    tu.Conv2d(8, 2, 1, rng=np.random.default_rng(4)),
]
page = tu.explore(tu.Sequential(*layers), images[0], places=3, progress=False)
page.save("gates.html")  # open it in your browser
*_, high, wide = page.data["views"]["places"][4]["maps"][0]["box"]
print(f"The pixel in the middle can see {high} x {wide} pixels.")
dead = {told["name"]: told["dead"] for told in page.data["boxes"] if told["relu"]}
print("Channels whose ReLU is closed all over the image, by layer:", dead)

# %% [markdown]
# ## Quiz
#
# **Ten in a row.** Ten 3x3 convolutions with stride 1 follow each other, with no ReLU between. They
# can do
#
# - a) the same as one convolution of 21x21.
# - b) more than any single convolution.
# - c) the same as one convolution of 3x3.

# %%
quiz("ten in a row", "a")

# %% [markdown]
# **Four zeros.** Behind a ReLU, a window holds four zeros, and its `dy` is 5. Where does the 5 end?
#
# - a) A quarter of it goes to each pixel in front of the ReLU.
# - b) At the top left pixel in front of the ReLU.
# - c) Nowhere: no pixel in front of the ReLU gets any of it.

# %%
quiz("four zeros", "c")

# %% [markdown]
# **The check complains.** A check by finite differences finds a few wrong slopes behind a ReLU,
# each between 0 and 1 times `dy`, others with every new step. Most likely
#
# - a) backward is wrong at negative numbers.
# - b) the steps cross the kink there.
# - c) float64 is not exact enough.

# %%
quiz("the check complains", "b")

# %% [markdown]
# **The negative.** Is the pooled negative of an image the negative of the pooled image?
#
# - a) Yes, pooling keeps signs.
# - b) No, not in general.
# - c) Only if there are no ties.

# %%
quiz("the negative", "b")

# %% [markdown]
# **Saved memory.** `dy[x <= 0] = 0; return dy` gives the right numbers. When does it do harm?
#
# - a) Never: `dy` is not needed any more after backward.
# - b) Only in float32.
# - c) When another branch of the network still needs the same `dy`.

# %%
quiz("saved memory", "c")

# %% [markdown]
# ## What you know now
#
# - Without something that is not linear, any number of convolutions is one convolution.
# - ReLU's backward is a gate, $dx = dy \cdot [x > 0]$. Max-pooling routes `dy` to the winner.
# - At kinks and ties there is no slope but a choice: 0, and the first maximum. After a ReLU, ties
#   are normal.
# - Finite differences fail at kinks, though backward is right. Hold the decisions, or look for
#   smooth ground.
# - Do not write into what others may still need.
#
# The package's versions: `tinyunet/layers/activation.py` and `tinyunet/layers/pool.py`.
#
# Pooling goes down, from large images to small ones. The U-Net also has to come back up:
# [lesson 4](04_up_convolution.ipynb).
