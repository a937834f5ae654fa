# ---
# jupyter:
#   tinyunet:
#     lesson: 2
#     title: Backward, and proof
#     time: 20 s
# ---

# %% [markdown]
# # Lesson 2: Backward, and proof
#
# *About 20 seconds of computing and 75 minutes of reading and writing. You need:
# [lesson 1](01_convolution.ipynb), the product of two matrices, and what a derivative is.*
#
# A network learns by changing its weights, each a little, in the direction that makes its output
# better. Which direction that is, the **backward pass** computes. Most mistakes are made here, and
# they are nasty: a network with a wrong backward pass often learns all the same, only worse. So you
# will not only write one, but *prove* that it is right. After this lesson you can
#
# - derive the gradients of a layer by the chain rule, and write them as code;
# - measure any gradient by finite differences, and say how exact that is;
# - build a gradient checker, and say which mistakes it would miss.

# %%
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

import tinyunet as tu
from tinyunet.exercises import check, measured, predict, quiz, small
from tinyunet.plots import draw_numbers

plt.rcParams["figure.dpi"] = 110
BLUE, ORANGE, GREEN = "#0072b2", "#d55e00", "#009e73"


def largest(difference):
    return np.abs(difference).max()


# %% [markdown]
# ## Which way is better?
#
# At its end, a network is judged by one number, the **loss** $L$: how wrong it was. ([Lesson
# 5](05_a_loss_for_every_pixel.ipynb) is about losses. Here any will do.) The **gradient** of the
# loss with respect to an array says for each of its numbers how $L$ reacts: if $x_u$ grows by a
# tiny $\varepsilon$, then $L$ grows by $\varepsilon \cdot \partial L / \partial x_u$. It has the
# array's shape. We write it short:
#
# | we write | for | |
# |---|---|---|
# | `dy` | $\partial L / \partial y$ | the **upstream gradient**: it comes from the layers after ours |
# | `dx` | $\partial L / \partial x$ | goes on to the layer before ours, which takes it as *its* `dy` |
# | `dw`, `db` | $\partial L / \partial w$, $\partial L / \partial b$ | how our weights should change |
#
# So a layer's backward pass makes `dx`, `dw` and `db` of `dy`, and need not know what the loss is,
# or which other layers there are. That is why any number of them can be stacked.

# %% [markdown]
# ## One product, three roles
#
# Take the smallest convolution worth the name: in one dimension, five pixels, three weights, three
# outputs $y_i = b + \sum_p x_{i+p} \, w_p$.

# %%
x = np.array([1.0, 2.0, 4.0, 3.0, 0.0])
w = np.array([0.5, -1.0, 2.0])
b = 0.1


def forward(x, w, b):
    return np.array([b + sum(x[i + p] * w[p] for p in range(3)) for i in range(3)])


print("y =", forward(x, w, b))

# %% [markdown]
# Draw a line for each product $x_{i+p} \, w_p$: from the pixel that it reads to the output that it
# adds to, in a colour for its weight.

# %% jupyter={"source_hidden": true} alt="Five pixels on the left and three outputs on the right, joined by nine lines in three colours, one for each weight, three times. Marked are: the three lines that arrive at output 1; the three that leave pixel 2; the three in the colour of weight 0."
titles = (
    "forward: $y_1$ adds up\nthe lines that arrive",
    "backward: $dx_2$ adds up\nthe lines that leave",
    "backward: $dw_0$ adds up\nthe lines of its colour",
)
seen = (lambda i, p: i == 1, lambda i, p: i + p == 2, lambda i, p: p == 0)
figure, axes = plt.subplots(1, 3, figsize=(8, 3.2), layout="constrained")
label = {"ha": "center", "va": "center", "fontsize": 12, "zorder": 4}
label["bbox"] = {"facecolor": "white", "edgecolor": "none", "pad": 1}
for panel, (axis, title) in enumerate(zip(axes, titles, strict=True)):
    for i in range(3):
        for p in range(3):
            shown = seen[panel](i, p)
            color = (BLUE, ORANGE, GREEN)[p] if shown else "0.88"
            axis.plot([0, 1], [-(i + p), -(i + 1)], color=color, linewidth=3, zorder=1 + shown)
            if shown:  # its weight, on the line
                at = 0.65 if panel == 1 else 0.35
                height = -(at * (i + 1) + (1 - at) * (i + p))
                axis.text(at, height, f"$w_{p}$", color=color, **label)
    for u in range(5):
        name = f"$dx_{u}$" if panel == 1 else f"$x_{u}$"
        axis.text(-0.08, -u, name, ha="right", va="center", fontsize=13)
    for i in range(3):
        name = f"$dy_{i}$" if panel else f"$y_{i}$"
        axis.text(1.08, -(i + 1), name, ha="left", va="center", fontsize=13)
    axis.set_title(title, fontsize=12)
    axis.set_xlim(-0.35, 1.35)
    axis.axis("off")
plt.show()

# %% [markdown]
# Each line is one product of three things: a pixel, a weight, and a place in the output. The chain
# rule says: to find how $L$ depends on a number, follow **every** line that this number is part of,
# multiply `dy` at the line's end by the line's *other* factor, and add up.
#
# - $x_u$ is part of the lines to $y_{u-p}$ for every $p$. The other factor is $w_p$:
#   $\; dx_u = \sum_p dy_{u-p} \, w_p$.
# - $w_p$ is part of a line to every $y_i$. The other factor is $x_{i+p}$:
#   $\; dw_p = \sum_i dy_i \, x_{i+p}$.
# - $b$ is added to every $y_i$, times 1: $\; db = \sum_i dy_i$.
#
# **Predict** (look at the lines): how many products does $dx_1$ add up? And for how many of the
# five pixels does `dx` consist of only one?

# %%
predict("products that dx_1 adds up", 3)
predict("pixels whose dx is one product only", 2)

# %%
dy = np.array([1.0, 0.0, -2.0])  # somebody tells us how L reacts to each output

dx = np.array([sum(dy[u - p] * w[p] for p in range(3) if 0 <= u - p < 3) for u in range(5)])
dw = np.array([sum(dy[i] * x[i + p] for i in range(3)) for p in range(3)])
db = sum(dy)
print("dx =", dx, "  dw =", dw, "  db =", db)

products = [sum(0 <= u - p < 3 for p in range(3)) for u in range(5)]
measured("products that dx_1 adds up", products[1])
measured("pixels whose dx is one product only", products.count(1))

# %% [markdown]
# ## Measure it
#
# Is that right? We can *measure*. A loss that has exactly this `dy` is $L = \sum_i dy_i \, y_i$: if
# $y_i$ grows by $\varepsilon$, $L$ grows by $\varepsilon \, dy_i$. So nudge one pixel and look at
# $L$.


# %%
def loss(x, w, b):
    return (dy * forward(x, w, b)).sum()


nudged = x.copy()
nudged[2] += 0.001
slope = (loss(nudged, w, b) - loss(x, w, b)) / 0.001
print("measured:", slope, "  derived:", dx[2])
measured("dx[2], measured less derived", slope - dx[2])

# %% [markdown]
# How exact is such a measurement? Taylor's formula for a function $f$ of one number says
#
# $$ f(x + \varepsilon) = f(x) + \varepsilon f'(x) + \tfrac{\varepsilon^2}{2} f''(x) +
# \tfrac{\varepsilon^3}{6} f'''(x) + \dots $$
#
# so a step to one side gives the slope with an error of about $\frac{\varepsilon}{2} f''$. If we
# step to **both** sides and subtract, the term with $f''$ cancels:
#
# $$ \frac{f(x + \varepsilon) - f(x - \varepsilon)}{2 \varepsilon} = f'(x) +
# \tfrac{\varepsilon^2}{6} f'''(x) + \dots $$
#
# That is the **central difference**. Its error is smaller by another factor $\varepsilon$.

# %% [markdown]
# ### Exercise 1: a gradient by central differences
#
# Write it for a function `f` that takes an array and returns a number. Each entry of `x` has its
# turn. You may change `x` on the way, but in the end it must be as it was. `x` holds floats.


# %% nbgrader={"grade": false, "grade_id": "numeric_gradient", "locked": false, "schema_version": 3, "solution": true, "task": false}
def numeric_gradient(f, x, eps=1e-5):
    """Return the gradient of the number f(x), in x's shape, by central differences."""
    ### BEGIN SOLUTION
    gradient = np.zeros(x.shape)
    for index in np.ndindex(x.shape):
        old = x[index]
        x[index] = old + eps
        up = f(x)
        x[index] = old - eps
        down = f(x)
        x[index] = old
        gradient[index] = (up - down) / (2 * eps)
    return gradient
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_numeric_gradient", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check.numeric_gradient(numeric_gradient)

# %%
numeric_dx = numeric_gradient(lambda x: loss(x, w, b), x)
numeric_dw = numeric_gradient(lambda w: loss(x, w, b), w)
measured("dx: largest difference", largest(numeric_dx - dx))
measured("dw: largest difference", largest(numeric_dw - dw))

# %% [markdown]
# ## How small a step?
#
# By Taylor's formula, the smaller the better. But a computer rounds. Float64 keeps about 16 digits
# and float32 about 7, so $f$ is only known up to about $r \, |f|$, with $r$ = 1e-16 or 6e-8.
# Divided by $\varepsilon$, that becomes an error of $r \, |f| / \varepsilon$ in the slope, which
# *grows* when the step shrinks. Altogether, about
#
# $$ \tfrac{\varepsilon^2}{6} \, |f'''| + \frac{r \, |f|}{\varepsilon} $$
#
# **Predict**: at which step is the sum of the two smallest, for float64, if $f$ and its derivatives
# are about 1? And for float32? **Sketch** the error in float64 by its powers of ten: x = -8 stands
# for a step of 1e-8, y = -3 for an error of 1e-3. And what does the error of a convolution do when
# the step grows, which is *linear* in `x`, so that $f''$ and $f'''$ are 0?

# %%
predict("best step, float64, central", 1e-8)
predict("best step, float32, central", 1e-3)
predict("power of ten of the error, by that of the step", [(-14, -14), (0, 0)])
predict("linear: when the step grows, the error", "rises", choices=("falls", "rises"))


# %%
def slope_error(dtype, eps, one_sided=False):
    """Return the usual relative error of a measured slope of exp, at 50 places."""
    x = np.linspace(0.5, 1.5, 50).astype(dtype)
    step = np.array(eps, dtype)
    low, width = (x, step) if one_sided else (x - step, 2 * step)
    slope = (np.exp(x + step) - np.exp(low)) / width
    return np.median(np.abs(slope / np.exp(x.astype("float64")) - 1))


def line_error(dtype, eps):
    """Return the usual relative error of measured slopes of the little convolution, above."""
    rng = np.random.default_rng(0)
    errors = []
    for _ in range(20):
        x, w, dy = (rng.standard_normal(n).astype(dtype) for n in (5, 3, 3))
        dw = np.array([sum(dy[i] * x[i + p] for i in range(3)) for p in range(3)])

        def f(w, x=x, dy=dy):
            return (dy * forward(x, w, dtype(0))).sum()

        errors.append(largest(numeric_gradient(f, w, dtype(eps)) - dw) / largest(dw))
    return np.median(errors)


# %% jupyter={"source_hidden": true} alt="Relative error against step, both logarithmic. Left, for exp: three V-shaped curves; central differences in float64 reach 1e-11 near a step of 1e-5, one-sided ones 1e-8, float32 1e-5. Right, for the linear convolution: the errors only fall as the step grows."
steps = 10.0 ** np.arange(-14, 0.5, 0.5)
steps32 = steps[steps > 1e-7]
curves = {
    "float64, one side": (steps, [slope_error(np.float64, e, True) for e in steps], GREEN),
    "float64, central": (steps, [slope_error(np.float64, e) for e in steps], BLUE),
    "float32, central": (steps32, [slope_error(np.float32, e) for e in steps32], ORANGE),
}
lines = {
    "float64": (steps, [line_error(np.float64, e) for e in steps], BLUE),
    "float32": (steps32, [line_error(np.float32, e) for e in steps32], ORANGE),
}

figure, axes = plt.subplots(1, 2, figsize=(8, 3.4), sharey=True, layout="constrained")
for axis, family, title in zip(
    axes, (curves, lines), ("a curved function: exp", "a linear one: our convolution"), strict=True
):
    for name, (eps, error, color) in family.items():
        axis.loglog(eps, np.maximum(error, 1e-17), "o-", color=color, markersize=3, label=name)
    axis.set_title(title)
    axis.set_xlabel(r"step $\varepsilon$")
    axis.grid(color="0.92")
    axis.legend(frameon=False)
axes[0].set_ylabel("relative error of the slope")
plt.show()

# %%
best = {name: eps[np.argmin(error)] for name, (eps, error, _) in curves.items()}
measured("best step, float64, central", best["float64, central"])
measured("best step, float32, central", best["float32, central"])
measured("smallest error, float64", min(curves["float64, central"][1]))
measured("smallest error, float32", min(curves["float32, central"][1]))
powers = np.log10([steps, curves["float64, central"][1]]).T
measured("power of ten of the error, by that of the step", powers)
falls = lines["float64"][1][-1] < lines["float64"][1][10]
measured("linear: when the step grows, the error", "falls" if falls else "rises")

# %% [markdown]
# What happens to the numbers? Move the step for the slope of exp at 1, in float64:


# %% jupyter={"source_hidden": true} alt="On the left, exp of 1 plus and minus the step with all digits, their difference and the slope, wrong digits in orange. On the right, the V curve with a mark at this step."
def draw_slope(step):
    """Draw the two values, with their digits, and where the step lies on the V curve."""
    figure = Figure((8, 2.9), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(5, 4))
    up, down = np.exp(1 + step), np.exp(1 - step)
    slope, true = f"{(up - down) / (2 * step):.15f}", f"{np.e:.15f}"
    same = next((k for k in range(len(true)) if slope[k] != true[k]), len(true))
    rows = [
        ("exp(1 + step)", f"{up:.15f}", ""),
        ("exp(1 - step)", f"{down:.15f}", ""),
        ("slope", slope[:same], slope[same:]),
        ("right", true, ""),
    ]
    for k, (name, good, bad) in enumerate(rows):
        left.text(0, 0.85 - 0.23 * k, f"{name:14}{good}", family="monospace", fontsize=11)
        left.text(
            0,
            0.85 - 0.23 * k,
            " " * (14 + len(good)) + bad,
            family="monospace",
            fontsize=11,
            color=ORANGE,
        )
    left.axis("off")
    right.loglog(steps, curves["float64, central"][1], color=BLUE)
    right.loglog(step, slope_error(np.float64, step), "o", color=ORANGE, markersize=9)
    right.set(xlabel="step", ylabel="relative error")
    right.spines[["top", "right"]].set_visible(False)
    return figure


tu.plots.slider(
    draw_slope,
    [10.0**-k for k in (0, 1, 2, 3, 5, 7, 9, 11, 13, 15)],
    "step",
    alt="Two values of exp with their digits, the slope, and the step on the V curve.",
)

# %% [markdown]
# On the left, the famous **V**: coming from large steps, the error falls with $\varepsilon^2$ (or
# only with $\varepsilon$, for one side), until rounding takes over and it rises again. With $f$ and
# $f'''$ about 1, the sum above is smallest at $\varepsilon = \sqrt[3]{3 r}$, that is 7e-6 or 6e-3,
# and measured it is not far from there. In float64 the slope is then right to about 11 digits, in
# float32 to no more than 5. Three rules follow:
#
# - **Check gradients in float64**, whatever you train in.
# - **Step to both sides.**
# - What is linear has no right arm of the V: there, **large steps are best**. A convolution is
#   linear in its input, and in its weights. (So the package's checker takes steps of 0.01.)

# %% [markdown]
# ## The gradients of a convolution
#
# Now the real thing: two dimensions, channels, a batch. Stride 1 and no padding will do. A line in
# the drawing is now a product of a pixel, a *row* of `C_in` numbers, with a *matrix* $w_{p,q}$ of
# shape `(C_in, C_out)`. So let us see what one such product gives back. For $y = x w$, that is $y_k
# = \sum_c x_c w_{ck}$, the same reasoning as above gives
#
# $$ dx_c = \sum_k dy_k \, w_{ck} \quad\text{that is}\quad dx = dy \, w^T, \qquad\qquad
# dw_{ck} = x_c \, dy_k \quad\text{that is}\quad dw = x^T dy $$
#
# The shapes fit in no other way. With it, the three gradients are
#
# $$ \begin{aligned}
# dx[n, u, v] &= \sum_p \sum_q \; dy[n,\, u - p,\, v - q] \;\, w[p, q]^T \\
# dw[p, q] &= \sum_n \sum_i \sum_j \; x[n,\, i + p,\, j + q]^T \;\, dy[n, i, j] \\
# db &= \sum_n \sum_i \sum_j \; dy[n, i, j]
# \end{aligned} $$
#
# where `dy` counts as 0 outside. All sums over images and pixels are sums, not means: each image is
# responsible for its share of the loss. (The sum of $x^T dy$ over many pixels is a single product:
# put all pixels of all images as rows into a matrix $X$ of shape `(pixels, C_in)`, and those of
# `dy` into $D$. Then it is $X^T D$. In NumPy, `.T` of an array with four axes reverses all four.)
#
# Here is the forward pass, in the form that [lesson 1](01_convolution.ipynb) found for patches: for
# each kernel position, a slice of the image, shifted, times a matrix. In the backward pass the same
# slices turn up again.


# %%
def conv2d(x, w, b):
    """Return y (N, H', W', C_out) from x (N, H, W, C_in), w (kh, kw, C_in, C_out), b (C_out,)."""
    kh, kw, _, c_out = w.shape
    h_out, w_out = x.shape[1] - kh + 1, x.shape[2] - kw + 1
    y = np.zeros((len(x), h_out, w_out, c_out), x.dtype)
    for p in range(kh):
        for q in range(kw):
            y += x[:, p : p + h_out, q : q + w_out] @ w[p, q]
    return y + b


# %% [markdown]
# ### Exercise 2: the backward pass
#
# Loop over the kernel's positions as the forward pass does. At each, one line for `dx` and one for
# `dw`. Do not write into `dy`, `x` or `w`.


# %% nbgrader={"grade": false, "grade_id": "conv2d_backward", "locked": false, "schema_version": 3, "solution": true, "task": false}
def conv2d_backward(dy, x, w):
    """Return dx, dw and db of y = conv2d(x, w, b), from dy (N, H', W', C_out)."""
    ### BEGIN SOLUTION
    kh, kw, c_in, c_out = w.shape
    h_out, w_out = dy.shape[1:3]
    dx, dw = np.zeros_like(x), np.zeros_like(w)
    for p in range(kh):
        for q in range(kw):
            window = x[:, p : p + h_out, q : q + w_out]
            dw[p, q] = window.reshape(-1, c_in).T @ dy.reshape(-1, c_out)
            dx[:, p : p + h_out, q : q + w_out] += dy @ w[p, q].T
    return dx, dw, dy.sum(axis=(0, 1, 2))
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_conv2d_backward", "locked": true, "points": 4, "schema_version": 3, "solution": false, "task": false}
check.conv2d_backward(conv2d_backward)

# %% [markdown]
# The check measured all three by finite differences. The package's layer should agree, too:

# %%
rng = np.random.default_rng(2)
x = rng.standard_normal((2, 6, 5, 2))  # two images of 6 by 5 pixels, 2 channels
w, b = rng.standard_normal((3, 3, 2, 3)), rng.standard_normal(3)
dy = rng.standard_normal(conv2d(x, w, b).shape)
dx, dw, db = conv2d_backward(dy, x, w)

layer = tu.Conv2d(2, 3).astype("float64")
layer.params = {"weight": w, "bias": b}
layer.forward(x)
measured("dx: largest difference to tu.Conv2d", largest(layer.backward(dy) - dx))
measured("dw: largest difference to tu.Conv2d", largest(layer.grads["weight"] - dw))

# %% [markdown]
# ## Backward is the transpose
#
# In [lesson 1](01_convolution.ipynb), a convolution without its bias was a matrix $A$: $y = A x$.
# What is the backward pass, as a matrix? By the rule for one product, above, $dx = A^T dy$. (There
# $x$ was a row in front of the matrix, here it is a column behind it.) Not the inverse of $A$: its
# **transpose**. (Mathematicians also say *adjoint*.)
#
# A matrix's columns are what it makes of vectors that are 1 at one place and 0 elsewhere. So we
# feed such images to `conv2d`, and such upstream gradients to `conv2d_backward`.

# %%
kernel = rng.integers(-3, 4, (3, 3, 1, 1)).astype(float)


def unit(size, k, shape):
    """An array that is 1 at its k-th entry and 0 elsewhere."""
    return (np.arange(size) == k).astype(float).reshape(shape)


A = np.array([conv2d(unit(25, k, (1, 5, 5, 1)), kernel, np.zeros(1)).ravel() for k in range(25)]).T
B = np.array(
    [
        conv2d_backward(unit(9, k, (1, 3, 3, 1)), np.zeros((1, 5, 5, 1)), kernel)[0].ravel()
        for k in range(9)
    ]
).T
measured("backward's matrix less forward's, transposed", largest(B - A.T))

# %% jupyter={"source_hidden": true} alt="The 3 by 3 kernel; the forward matrix of 9 rows and 25 columns, a band of coloured entries; and the backward matrix of 25 rows and 9 columns, the same picture mirrored at its diagonal."
figure, axes = plt.subplots(1, 3, figsize=(8, 3.6), width_ratios=(3, 12, 5), layout="constrained")
draw_numbers(axes[0], kernel[..., 0, 0], "kernel")
for axis, matrix, title in zip(
    axes[1:], (A, B), ("forward: $A$, 9 x 25", "backward: $A^T$"), strict=True
):
    axis.imshow(matrix, cmap="PuOr_r", vmin=-4.8, vmax=4.8)
    axis.set_title(title)
    axis.set_xticks([])
    axis.set_yticks([])
plt.show()

# %% [markdown]
# This gives a second test, without any step. For any $x$ and any $dy$,
#
# $$ \langle A x, \, dy \rangle = \langle x, \, A^T dy \rangle $$
#
# where $\langle a, b \rangle$ means: multiply entry by entry and add everything up. (Both sides are
# the sum of $x \cdot w \cdot dy$ over all lines of the first drawing.) It is called the **adjoint
# identity**, and holds up to rounding.

# %% [markdown]
# ### Exercise 3: the adjoint identity
#
# Return how far the two sides are from each other, relative to the larger of their absolute values.
# It should work for arrays of any shape.


# %% nbgrader={"grade": false, "grade_id": "adjoint_gap", "locked": false, "schema_version": 3, "solution": true, "task": false}
def adjoint_gap(forward, backward, x, dy):
    """Return the relative gap between <forward(x), dy> and <x, backward(dy)>."""
    ### BEGIN SOLUTION
    left = (forward(x) * dy).sum()
    right = (x * backward(dy)).sum()
    return abs(left - right) / max(abs(left), abs(right))
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_adjoint_gap", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
check.adjoint_gap(adjoint_gap)

# %%
gap = adjoint_gap(
    lambda x: conv2d(x, w, np.zeros(3)), lambda dy: conv2d_backward(dy, x, w)[0], x, dy
)
measured("adjoint gap of conv2d", gap)

# %% [markdown]
# ## A checker
#
# Now build the tool that you will use in every lesson from now on: it says whether a backward pass
# is right. Compare with `numeric_gradient`, of course. But a bad checker lets wrong gradients pass,
# or rejects right ones. Four decisions make it good:
#
# - **Which `dy`?** A random one. With ones, many mistakes are invisible.
# - **Which entries?** All of them, if there are few.
# - **How close is close?** Compare the difference with the *size of the gradient*, not with a fixed
#   number: gradients may be near 1e-8 or 1e6.
# - **What about entries that are 0?** Dividing entry by entry would give 0 / 0. Take the largest
#   difference and the largest gradient of the whole array.

# %% [markdown]
# ### Exercise 4: a gradient checker
#
# `forward(x)` returns an array, `backward(dy, x)` returns `dx`. Say `True` if the largest
# difference is at most `tolerance` times the largest gradient. Use your `numeric_gradient`, with
# `eps`.


# %% nbgrader={"grade": false, "grade_id": "gradients_agree", "locked": false, "schema_version": 3, "solution": true, "task": false}
def gradients_agree(forward, backward, x, eps=1e-4, tolerance=1e-6):
    """Return whether backward(dy, x) is the gradient of forward(x), as far as can be measured."""
    ### BEGIN SOLUTION
    dy = np.random.default_rng(0).standard_normal(forward(x).shape)
    derived = backward(dy, x)
    measured = numeric_gradient(lambda x: (dy * forward(x)).sum(), x, eps)
    return np.abs(derived - measured).max() <= tolerance * np.abs(measured).max()
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_gradients_agree", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
check.gradients_agree(gradients_agree)

# %% [markdown]
# ## Break it on purpose
#
# Now plant five mistakes into the backward pass, the kind that people really make. Who finds them?
#
# 1. your checker, with its random `dy`;
# 2. the same, with a `dy` of ones;
# 3. the adjoint identity;
# 4. the one that most people trust: *the loss falls, so it will be right*.
#
# **Predict** how many of the five each finds, when you have read the mistakes below.


# %%
def image_0_alone(dy, x, w):
    dx, _, db = conv2d_backward(dy, x, w)
    return dx, conv2d_backward(dy[:1], x[:1], w)[1], db


def kernel_turned(dy, x, w):
    _, dw, db = conv2d_backward(dy, x, w)
    return conv2d_backward(dy, x, w[::-1, ::-1])[0], dw, db


def dy_transposed(dy, x, w):
    return conv2d_backward(dy.swapaxes(1, 2), x, w)


def mean_in_db(dy, x, w):
    dx, dw, _ = conv2d_backward(dy, x, w)
    return dx, dw, dy.mean(axis=(0, 1, 2))


def last_row_lost(dy, x, w):
    dx, dw, db = conv2d_backward(dy, x, w)
    dx[:, -1] = 0
    return dx, dw, db


planted = {
    "right": conv2d_backward,
    "dw of image 0 alone": image_0_alone,
    "kernel turned in dx": kernel_turned,
    "dy transposed": dy_transposed,
    "a mean in db": mean_in_db,
    "last row of dx lost": last_row_lost,
}

# %% [markdown]
# For the fourth, we train: a network of two convolutions should learn to do what another one, with
# other weights, does. In each step, every weight moves a little *against* its gradient.

# %%
predict("caught with a random dy, of five", 5)
predict("caught with a dy of ones, of five", 4)
predict("caught by the adjoint identity, of five", 5)
predict("caught by watching the loss, of five", 3)

# %%
x = rng.standard_normal((4, 10, 10, 2))


def new_weights(seed):
    rng = np.random.default_rng(seed)
    shapes = (3, 3, 2, 4), (4,), (3, 3, 4, 1), (1,)
    return [rng.standard_normal(shape) / 3 for shape in shapes]


def network(x, w1, b1, w2, b2):
    hidden = conv2d(x, w1, b1)
    return hidden, conv2d(hidden, w2, b2)


_, target = network(x, *new_weights(seed=0))


def train(backward, steps, rate=0.1):
    """Return the loss of every step."""
    w1, b1, w2, b2 = new_weights(seed=1)
    losses = []
    for _ in range(steps):
        hidden, y = network(x, w1, b1, w2, b2)
        losses.append(0.5 * ((y - target) ** 2).mean())
        dy = (y - target) / y.size
        dhidden, dw2, db2 = backward(dy, hidden, w2)
        _, dw1, db1 = backward(dhidden, x, w1)
        for array, gradient in ((w1, dw1), (b1, db1), (w2, dw2), (b2, db2)):
            array -= rate * gradient
    return np.array(losses)


losses = {}
for name, backward in planted.items():
    print("training with:", name)
    with np.errstate(all="ignore"):  # one of them runs away to infinity
        losses[name] = train(backward, 60 if small else 300)

# %%
x4, dy4 = x[:2, :6, :6], rng.standard_normal((2, 4, 4, 2))  # small: every entry is measured
w4, b4 = rng.standard_normal((3, 3, 2, 2)), rng.standard_normal(2)


def ones_agree(forward, backward, x):
    """The checker with a dy of ones."""
    slope = numeric_gradient(lambda x: forward(x).sum(), x, 1e-4)
    return largest(backward(np.ones_like(forward(x)), x) - slope) <= 1e-6 * largest(slope)


def accepts(checker, backward):
    """Whether a checker accepts dx, dw and db."""
    dx = checker(lambda x: conv2d(x, w4, b4), lambda dy, x: backward(dy, x, w4)[0], x4.copy())
    dw = checker(lambda w: conv2d(x4, w, b4), lambda dy, w: backward(dy, x4, w)[1], w4.copy())
    db = checker(lambda b: conv2d(x4, w4, b), lambda dy, b: backward(dy, x4, w4)[2], b4.copy())
    return dx and dw and db


def gap_of(backward):
    return adjoint_gap(
        lambda x: conv2d(x, w4, np.zeros(2)), lambda dy: backward(dy, x4, w4)[0], x4, dy4
    )


caught = {}
for name, backward in planted.items():
    caught[name] = (
        not accepts(gradients_agree, backward),
        not accepts(ones_agree, backward),
        gap_of(backward) > 1e-10,
        not losses[name][-1] < losses[name][0] / 2,
    )

wrong = [name for name in planted if name != "right"]
tests = "with a random dy", "with a dy of ones", "by the adjoint identity", "by watching the loss"
for test, number in zip(tests, np.sum([caught[name] for name in wrong], axis=0), strict=True):
    measured(f"caught {test}, of five", number)
measured("right, but rejected by any of the four", sum(caught["right"]))

# %% jupyter={"source_hidden": true} alt="Loss against step for the right backward and the five wrong ones. With dy transposed the loss leaves the picture at the top within a few steps. The other five curves fall, some as fast as the right one."
print(f"{'':20} random dy  dy of ones  adjoint    loss does not fall")
for name, found in caught.items():
    print(f"{name:20}", *(f"{'caught' if c else '-':^10}" for c in found))
figure, axis = plt.subplots(figsize=(8, 3.4), layout="constrained")
styles = dict(zip(planted, ("-", "--", "-.", ":", "--", "-"), strict=True))
colors = dict(zip(planted, ("black", BLUE, ORANGE, GREEN, "#cc79a7", "#56b4e9"), strict=True))
for name, values in losses.items():
    seen = values[values < 20]
    axis.semilogy(seen, styles[name], color=colors[name], label=name, linewidth=2)
    if len(seen) < len(values):  # it leaves the picture
        top = len(seen) - 1
        arrow = {"arrowstyle": "->", "color": colors[name], "linewidth": 2}
        axis.annotate("", (top + 6, 20), (top, seen[-1]), arrowprops=arrow)
        axis.text(top + 9, 12, f"{name}: runs away", color=colors[name], fontsize=11)
axis.set_xlabel("step")
axis.set_ylabel("loss")
axis.grid(color="0.92")
axis.spines[["top", "right"]].set_visible(False)
axis.legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
plt.show()

# %% [markdown]
# Only the first finds all of them. With ones, a transposed `dy` looks right. The adjoint identity
# sees only `dx`, but there it is as strong as the checker, and far faster. And the loss? One
# mistake makes it run away. With all the others it falls, for some nearly as well as with the right
# gradient. **A loss that falls proves nothing.**
#
# The check of exercise 2 goes one step further: it compares a wrong gradient with those that the
# usual mistakes give. So it can often say what the mistake looks like.

# %%
for name in wrong:
    result = check.conv2d_backward(planted[name])
    print(f"{name}:")
    for finding in result.findings:
        print(f"    {finding.name}: {finding.cause or finding.text}")

# %% [markdown]
# ## The package's checker
#
# `tu.check_function` is your exercise 4, with a few additions: it tries several steps, and leaves
# out places where a function has a kink ([lesson 3](03_relu_and_max_pooling.ipynb); its table
# counts them as "flips"). For layers, there is `tu.check_gradients`. The last rows of its table move
# all numbers at once, in a random direction.

# %%
report = tu.check_function(conv2d, lambda dy, x, w, b: conv2d_backward(dy, x, w), x4, w4, b4)
measured("yours: worst relative error", report.worst)
report

# %%
report = tu.check_gradients(tu.Conv2d(2, 3, kernel_size=(3, 2), stride=2, padding=1), x4)
measured("the package's: worst relative error", report.worst)
report

# %% [markdown]
# ## Quiz
#
# **Two ways.** A number $x$ acts on the loss in two ways, $y_0 = 2x$ and $y_1 = 3x$, with `dy` =
# (1, 10). What is `dx`?
#
# a) 32 &emsp; b) 30 &emsp; c) 16

# %%
quiz("two ways", "a")

# %% [markdown]
# **A tenth of the loss.** With your new backward pass the loss falls to a tenth, with three seeds. So
# it is
#
# - a) right.
# - b) right in its weights' gradients.
# - c) right or wrong.

# %%
quiz("a tenth of the loss", "c")

# %% [markdown]
# **A tiny step.** A right backward pass is checked in float32 with a step of 1e-9, near x = 1. All
# slopes come out as 0. Why?
#
# - a) Taylor's terms with $f'''$ are too large.
# - b) x + eps and x - eps are the same float32 number.
# - c) The function is linear.

# %%
quiz("a tiny step", "b")

# %% [markdown]
# **Ones.** Which mistake does a `dy` of ones on a square output never show?
#
# - a) `dy` is transposed before it is used.
# - b) `dw` is divided by the number of images.
# - c) The last row of `dx` is lost.

# %%
quiz("ones", "a")

# %% [markdown]
# **Sum or mean.** Somebody divides `dw` by the number of images, "since the loss is a mean over
# images".
#
# - a) Right: else the weights move too far.
# - b) Wrong: it would come in twice.
# - c) It does not matter: the learning rate makes up for it.

# %%
quiz("sum or mean", "b")

# %% [markdown]
# ## What you know now
#
# - Backward follows every product of the forward pass once more: `dy` times the *other* factor,
#   added up. For a matrix product that is `dx = dy @ w.T` and `dw = x.T @ dy`.
# - What is a sum in forward is a copy in backward, and a copy (a weight used everywhere) is a sum.
# - Backward is the transpose of forward. The adjoint identity tests it without any step.
# - Central differences in float64 are exact to about 11 digits; the best step is between 1e-6 and
#   1e-5 for curved functions, and large for linear ones.
# - A checker needs a random `dy`, all entries, and a sense of size. A falling loss is no proof.
#
# In the package: `tinyunet/convolution/naive.py` has the three gradients by loops,
# `tinyunet/layers/conv.py` the layer around them, and `tinyunet/gradcheck/` the checker.
#
# In [lesson 3](03_relu_and_max_pooling.ipynb) come the two layers that are *not* linear, and have
# kinks: ReLU and max-pooling.
