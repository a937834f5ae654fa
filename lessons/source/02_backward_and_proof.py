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
# *About 20 seconds of computing and an hour of reading and writing. You need: lesson 1, the product
# of two matrices, and what a derivative is.*
#
# A network learns by changing its weights, each a little, in the direction that makes its output
# better. In which direction? That is what the **backward pass** computes. It is where most mistakes
# are made, and they are nasty: a network with a wrong backward pass often learns all the same, only
# worse. So in this lesson you will not only write a backward pass, but *prove* that it is right.
# After it you can
#
# - derive the gradients of a layer by the chain rule, and write them as code;
# - measure any gradient by finite differences, and say how exact that is;
# - build a gradient checker, and say which mistakes it would miss.

# %%
import matplotlib.pyplot as plt
import numpy as np

import tinyunet as tu
from tinyunet.exercises import check, claim, small
from tinyunet.plots import draw_numbers

plt.rcParams["figure.dpi"] = 80
BLUE, ORANGE, GREEN = "#0072b2", "#d55e00", "#009e73"


def largest(difference):
    return np.abs(difference).max()


# %% [markdown]
# ## Which way is better?
#
# At its end, a network is judged by one number, the **loss** $L$: how wrong it was. (Lesson 5 is
# about losses. Here any will do.) The **gradient** of the loss with respect to an array says for
# each of its numbers how $L$ reacts: if $x_u$ grows by a tiny $\varepsilon$, then $L$ grows by
# $\varepsilon \cdot \partial L / \partial x_u$. It has the array's shape. We write it short:
#
# | we write | for | |
# |---|---|---|
# | `dy` | $\partial L / \partial y$ | the **upstream gradient**: it comes from the layers after ours |
# | `dx` | $\partial L / \partial x$ | goes on to the layer before ours, which takes it as *its* `dy` |
# | `dw`, `db` | $\partial L / \partial w$, $\partial L / \partial b$ | how our weights should change |
#
# So a layer's backward pass gets `dy` and makes `dx`, `dw` and `db` of it. It does not need to know
# what the loss is, or which layers there are. That is why any number of layers can be stacked.

# %% [markdown]
# ## One product, three roles
#
# Take the smallest convolution worth the name: in one dimension, five pixels, three weights, three
# outputs.
#
# $$ y_i = b + \sum_p x_{i+p} \, w_p $$

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

# %% jupyter={"source_hidden": true}
titles = (
    "forward: $y_1$ adds up\nthe lines that arrive",
    "backward: $dx_2$ adds up\nthe lines that leave",
    "backward: $dw_0$ adds up\nthe lines of its colour",
)
seen = (lambda i, p: i == 1, lambda i, p: i + p == 2, lambda i, p: p == 0)
figure, axes = plt.subplots(1, 3, figsize=(9, 3.4), layout="constrained")
for panel, (axis, title) in enumerate(zip(axes, titles, strict=True)):
    for i in range(3):
        for p in range(3):
            shown = seen[panel](i, p)
            color = (BLUE, ORANGE, GREEN)[p] if shown else "0.88"
            axis.plot([0, 1], [-(i + p), -(i + 1)], color=color, linewidth=3, zorder=1 + shown)
            if shown:  # its weight, on the line
                at = 0.65 if panel == 1 else 0.35
                height = -(at * (i + 1) + (1 - at) * (i + p))
                axis.text(
                    at, height, f"$w_{p}$", color=color, ha="center", va="center", fontsize=12,
                    bbox={"facecolor": "white", "edgecolor": "none", "pad": 1}, zorder=4,
                )  # fmt: skip
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
# **Predict**: which `dx` adds up only one product, and which adds up three? (Look at the lines.)

# %%
dy = np.array([1.0, 0.0, -2.0])  # somebody tells us how L reacts to each output

dx = np.array([sum(dy[u - p] * w[p] for p in range(3) if 0 <= u - p < 3) for u in range(5)])
dw = np.array([sum(dy[i] * x[i + p] for i in range(3)) for p in range(3)])
db = sum(dy)
print("dx =", dx, "  dw =", dw, "  db =", db)

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
claim("dx[2], measured less derived", slope - dx[2], low=-1e-9, high=1e-9)

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
claim("dx: largest difference", largest(numeric_dx - dx), high=1e-9)
claim("dw: largest difference", largest(numeric_dw - dw), high=1e-9)

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
# **Predict**: where is the smallest sum of the two, for float64, if $f$ and its derivatives are
# about 1? And for float32? What will the curve look like for a convolution, which is *linear* in
# `x`, so that $f''$ and $f'''$ are 0?


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
        f = lambda w: (dy * forward(x, w, dtype(0))).sum()  # noqa: E731, B023
        errors.append(largest(numeric_gradient(f, w, dtype(eps)) - dw) / largest(dw))
    return np.median(errors)


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

# %% jupyter={"source_hidden": true}
figure, axes = plt.subplots(1, 2, figsize=(9, 3.6), sharey=True, layout="constrained")
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
best = {name: (eps[np.argmin(error)], min(error)) for name, (eps, error, _) in curves.items()}
for name, (eps, error) in best.items():
    print(f"{name:18} best step {eps:.0e}, error {error:.0e}")

claim("best step, float64, central", best["float64, central"][0], low=1e-6, high=1e-4)
claim("error with it, float64", best["float64, central"][1], high=1e-9)
claim("best step, float32, central", best["float32, central"][0], low=1e-3, high=0.1)
claim("error with it, float32", best["float32, central"][1], low=1e-7, high=1e-3)
claim("linear, float64, step 1: error", lines["float64"][1][-1], high=1e-14)

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
# A simple way to remember them: the shapes fit in no other way. With it, the three gradients are
#
# $$ \begin{aligned}
# dx[n, u, v] &= \sum_p \sum_q \; dy[n,\, u - p,\, v - q] \;\, w[p, q]^T \\
# dw[p, q] &= \sum_n \sum_i \sum_j \; x[n,\, i + p,\, j + q]^T \;\, dy[n, i, j] \\
# db &= \sum_n \sum_i \sum_j \; dy[n, i, j]
# \end{aligned} $$
#
# where `dy` counts as 0 outside. All sums over images and pixels are sums, not means: each image is
# responsible for its share of the loss.
#
# Here is the forward pass, in the form that lesson 1 found for patches: for each kernel position, a
# slice of the image, shifted, times a matrix. In the backward pass the same slices turn up again.


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
# The check measured all three by finite differences. Do it yourself once, and look at the package's
# layer, too.

# %%
rng = np.random.default_rng(2)
x = rng.standard_normal((2, 6, 5, 2))  # two images of 6 by 5 pixels, 2 channels
w, b = rng.standard_normal((3, 3, 2, 3)), rng.standard_normal(3)
dy = rng.standard_normal(conv2d(x, w, b).shape)
dx, dw, db = conv2d_backward(dy, x, w)

for name, array, derived, f in (
    ("dx", x, dx, lambda x: (dy * conv2d(x, w, b)).sum()),
    ("dw", w, dw, lambda w: (dy * conv2d(x, w, b)).sum()),
    ("db", b, db, lambda b: (dy * conv2d(x, w, b)).sum()),
):
    error = largest(numeric_gradient(f, array, eps=0.01) - derived) / largest(derived)
    claim(f"{name}: relative difference to finite differences", error, high=1e-10)

layer = tu.Conv2d(2, 3).astype("float64")
layer.params = {"weight": w, "bias": b}
layer.forward(x)
claim("dx: largest difference to tu.Conv2d", largest(layer.backward(dy) - dx), high=1e-12)
claim("dw: largest difference to tu.Conv2d", largest(layer.grads["weight"] - dw), high=1e-12)

# %% [markdown]
# ## Backward is the transpose
#
# In lesson 1, a convolution without its bias was a matrix $A$: $y = A x$. What is the backward
# pass, as a matrix? By the rule for one product, above, $dx = A^T dy$. (There $x$ was a row in
# front of the matrix, here it is a column behind it.) Not the inverse of $A$: its **transpose**.
# (Mathematicians also say *adjoint*.)
#
# Let us look. A matrix's columns are what it makes of vectors that are 1 at one place and 0
# elsewhere. So we find the forward's matrix by feeding such images to `conv2d`, and the backward's
# by feeding such upstream gradients to `conv2d_backward`.

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
claim("backward's matrix less forward's, transposed", largest(B - A.T), high=0)

# %% jupyter={"source_hidden": true}
figure, axes = plt.subplots(1, 3, figsize=(9, 4), width_ratios=(3, 12, 5), layout="constrained")
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
# This gives a second test, which needs no step at all. For any $x$ and any $dy$,
#
# $$ \langle A x, \, dy \rangle = \langle x, \, A^T dy \rangle $$
#
# where $\langle a, b \rangle$ means: multiply entry by entry and add everything up. (Write it as a
# sum over the lines of the first drawing: both sides are the sum of $x \cdot w \cdot dy$ over all
# lines.) It is called the **adjoint identity**. It compares whole arrays at once, and holds up to
# rounding.

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
claim("adjoint gap of conv2d", gap, high=1e-12)

# %% [markdown]
# ## A checker
#
# Time to build the tool that you will use in every lesson from now on: a function that says whether
# a backward pass is right. It seems simple: compare with `numeric_gradient`. But a bad checker lets
# wrong gradients pass, or rejects right ones. Four decisions make it good:
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
# Now plant mistakes into the backward pass, the kind that people really make, and see who finds
# them:
#
# 1. your checker, with its random `dy`;
# 2. the same, with a `dy` of ones;
# 3. the adjoint identity;
# 4. the one that most people trust: *the loss falls, so it will be right*.


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


steps = 60 if small else 300
with np.errstate(all="ignore"):  # one of them runs away to infinity
    losses = {name: train(backward, steps) for name, backward in planted.items()}

# %%
x4, dy4 = x[:2, :6, :6], rng.standard_normal((2, 4, 4, 2))  # small: every entry is measured
w4, b4 = rng.standard_normal((3, 3, 2, 2)), rng.standard_normal(2)


def ones_agree(forward, backward, x):
    """The checker with a dy of ones."""
    measured = numeric_gradient(lambda x: forward(x).sum(), x, 1e-4)
    return largest(backward(np.ones_like(forward(x)), x) - measured) <= 1e-6 * largest(measured)


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


print(f"{'':20} random dy  dy of ones  adjoint    loss does not fall")
caught = {}
for name, backward in planted.items():
    caught[name] = (
        not accepts(gradients_agree, backward),
        not accepts(ones_agree, backward),
        gap_of(backward) > 1e-10,
        not losses[name][-1] < losses[name][0] / 2,
    )
    words = ["caught" if c else "-" for c in caught[name]]
    print(f"{name:20}", *(f"{word:^10}" for word in words))

# %% jupyter={"source_hidden": true}
figure, axis = plt.subplots(figsize=(8, 3.4), layout="constrained")
styles = dict(zip(planted, ("-", "--", "-.", ":", "--", "-"), strict=True))
colors = dict(zip(planted, ("black", BLUE, ORANGE, GREEN, "#cc79a7", "#56b4e9"), strict=True))
for name, values in losses.items():
    seen = values[values < 20]
    axis.semilogy(seen, styles[name], color=colors[name], label=name, linewidth=2)
axis.set_xlabel("step")
axis.set_ylabel("loss")
axis.grid(color="0.92")
axis.spines[["top", "right"]].set_visible(False)
axis.legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
plt.show()

# %%
wrong = [name for name in planted if name != "right"]
by_random, by_ones, by_adjoint, by_loss = np.sum([caught[name] for name in wrong], axis=0)
claim("planted mistakes", len(wrong), low=5, high=5)
claim("caught with a random dy", by_random, low=5, high=5)
claim("caught with a dy of ones", by_ones, low=1, high=4)
claim("caught by the adjoint identity", by_adjoint, low=2, high=4)
claim("caught by watching the loss", by_loss, high=2)
fall = min(losses[name][0] / losses[name][-1] for name in wrong if not caught[name][3])
claim("the others: the loss fell at least to one in", fall, low=2)
claim("right, but rejected by any of the four", sum(caught["right"]), low=0, high=0)

# %% [markdown]
# Only the first finds all of them. With ones, a transposed `dy` looks right. The adjoint identity
# sees only `dx`, but there it is as strong as the checker, and far faster. And the loss? One
# mistake makes it run away. With all the others it falls, for some nearly as well as with the right
# gradient, and nobody would notice who does not have the right curve beside it. **A loss that falls
# proves nothing.**
#
# The check of exercise 2 is built on the same idea, and goes one step further: it compares a wrong
# gradient with those that the usual mistakes give. So it can often say what the mistake looks like.

# %%
for name in wrong:
    result = check.conv2d_backward(planted[name])
    print(f"{name}:")
    for finding in result.findings:
        print(f"    {finding.name}: {finding.cause or finding.text}")

# %% [markdown]
# ## The package's checker
#
# `tu.check_function` is your exercise 4, with a few additions: it tries several steps, leaves
# out places where a function has a kink (lesson 3; its table counts them as "flips"). You can
# use it for functions of your own. For layers, there is `tu.check_gradients`. The last rows of
# its table move all numbers at once, in a random direction.

# %%
report = tu.check_function(conv2d, lambda dy, x, w, b: conv2d_backward(dy, x, w), x4, w4, b4)
claim("yours: worst relative error", report.worst, high=1e-7)
report

# %%
report = tu.check_gradients(tu.Conv2d(2, 3, kernel_size=(3, 2), stride=2, padding=1), x4)
claim("the package's: worst relative error", report.worst, high=1e-7)
report

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
# In **lesson 3** come the two layers that are *not* linear, and have kinks: ReLU and max-pooling.
