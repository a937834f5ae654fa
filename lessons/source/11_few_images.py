# ---
# jupyter:
#   tinyunet:
#     lesson: 11
#     title: Few images
#     time: 4 min
# ---

# %% [markdown]
# # Lesson 11: Few images
#
# *About four minutes of computing and 70 minutes of reading and writing. You need:
# [lesson 8](08_training.ipynb), the training loop, and what a derivative in two variables is.*
#
# Labels are dear: somebody has to outline every cell by hand. The [U-Net
# paper](https://arxiv.org/abs/1505.04597) had 30 labelled images for one task; we take ten. How can
# a large network learn from them, and not just by heart? The paper's answer is to change the images
# at random, in ways whose right answer we know: **augmentation**. After this lesson you can
#
# - mirror, turn and deform an image, and take its labels and weights along;
# - make a smooth random deformation from nine random vectors;
# - read from a determinant where it stretches, and where it folds the image;
# - say what augmentation brought in an experiment, and what that experiment cannot say.

# %%
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from scipy import ndimage

import tinyunet as tu
from tinyunet import rate_factor
from tinyunet.data import Batches
from tinyunet.exercises import check, measured, predict, quiz, small

plt.rcParams["figure.dpi"] = 110
BLUE, ORANGE, GREEN = "#0072b2", "#d55e00", "#009e73"

# %% [markdown]
# ## Changes that cost nothing
#
# A cell in a mirror is a cell. If we mirror or turn an image *and its labels*, we have a new pair
# of which we know that it is right.
#
# **Predict**: how many different images can you make out of one, itself among them, by mirroring it
# left to right and by quarter turns, in any order and as often as you like?

# %%
predict("different images out of one", 16)

# %% [markdown]
# ### Exercise 1: all of them
#
# `rng` is a random generator. Draw a number of quarter turns (0 to 3) and whether to mirror, all
# equally likely. The image is `(H, H, C)`, labels and weights are `(H, H)`. (Weights say how much
# each pixel counts in the loss, as in [lesson 5](05_a_loss_for_every_pixel.ipynb), so they have to
# move too.) Dtypes stay as they are.


# %% nbgrader={"grade": false, "grade_id": "random_symmetry", "locked": false, "schema_version": 3, "solution": true, "task": false}
def random_symmetry(rng, image, labels, weights):
    """Return image, labels and weights, changed by the same random symmetry of the square."""
    ### BEGIN SOLUTION
    turns, mirrored = rng.integers(4), rng.integers(2)
    changed = [np.rot90(array, turns) for array in (image, labels, weights)]
    return [array[:, ::-1] for array in changed] if mirrored else changed
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_random_symmetry", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check.random_symmetry(random_symmetry)

# %%
rng, square = np.random.default_rng(0), np.arange(9).reshape(3, 3)
drawn = [random_symmetry(rng, square[..., None], square, square)[1] for _ in range(300)]
measured("different images out of one", len({str(array) for array in drawn}))

# %% [markdown]
# These are the **symmetries of the square**, and none of them changes a single gray value.
# Mirroring top to bottom gives no ninth: it is a half turn of the mirrored image.
#
# ## A warp is a map
#
# Tissue is soft, and a bent cell is still a cell. So let us pull at the image as if it were printed
# on rubber: a **warp**, or **elastic deformation**.
#
# Let $p = (p_y, p_x)$ be the place of a pixel, row first. For each pixel of the *new* image $y$ we
# say from where in the *old* image $x$ its value comes: $y(p) = x(p + u(p))$. The vectors $u(p)$
# are the
# **displacement field**, an array `(2, H, W)` in pixels. Why from new to old? If each old pixel
# were sent forwards, some new ones would get two values and others none.
#
# **Predict**: $u(p) = (0, 3)$ for all pixels. Where does the picture move?

# %%
choices = ("to the left", "to the right", "up", "down")
predict("with u = (0, 3) the picture moves", "to the right", choices=choices)

# %% [markdown]
# ## Nine vectors
#
# A random vector for every single pixel would grind the image to sand. The paper draws vectors on a
# coarse grid of 3 x 3 points, from corner to corner; each component is Gaussian with mean 0 and a
# standard deviation $\sigma$ of 10 pixels, in images of 512 x 512. Between the points it
# interpolates smoothly, with polynomials of third degree.
#
# First in one dimension: three values $a, b, c$ at the places $u = -1, 0, 1$ (here a plain number).
# **Derive** a smooth curve through them, of two cubic polynomials, that ends flat. In the right
# half, write $s = u$; the cubic with value $b$ and slope $m$ at $s = 0$, and value $c$ and slope 0
# at $s = 1$ is
#
# $$ b \, (1 - 3 s^2 + 2 s^3) + m \, (s - 2 s^2 + s^3) + c \, (3 s^2 - 2 s^3). $$
#
# In the left half write $s = -u$. Seen from the middle outwards it is the same with $a$ instead of
# $c$ and $-m$ instead of $m$. Nobody sees a seam if the second derivatives agree in the middle:
# $-6b - 4m + 6c$ from the right and $-6b + 4m + 6a$ from the left. So $m = \tfrac34 (c - a)$.
#
# ### Exercise 2: the curve
#
# `a`, `b` and `c` are numbers, `u` is an array of places between -1 and 1.


# %% nbgrader={"grade": false, "grade_id": "curve", "locked": false, "schema_version": 3, "solution": true, "task": false}
def curve(a, b, c, u):
    """Return the values at u of the smooth curve through a at -1, b at 0 and c at 1."""
    ### BEGIN SOLUTION
    s, outer = np.abs(u), np.where(u < 0, a, c)
    m = 0.75 * (c - a) * np.sign(u)
    return b * (1 - 3 * s**2 + 2 * s**3) + m * (s - 2 * s**2 + s**3) + outer * (3 * s**2 - 2 * s**3)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_curve", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check.curve(curve)

# %% [markdown]
# The curve is $a$ times the curve through 1, 0, 0, plus $b$ times that through 0, 1, 0, plus $c$
# times that through 0, 0, 1. These three curves are the **shares** of the three values.


# %%
def shares(n):
    """Return the shares (n, 3) of three values at n pixels; the first is at -1, the last at 1."""
    u = np.linspace(-1, 1, n)
    return np.stack([curve(*values, u) for values in np.eye(3)], axis=1)


measured("sum of the shares, largest deviation from 1", abs(shares(64).sum(axis=1) - 1).max())

# %% jupyter={"source_hidden": true} alt="Left, a smooth curve through 1, -0.5 and 0.3 that ends flat. Right, the three shares: each is 1 at its own place and 0 at the two others, and goes a little below 0."
figure, (left, right) = plt.subplots(1, 2, figsize=(8, 2.4), layout="constrained")
u = np.linspace(-1, 1, 101)
left.plot(u, curve(1.0, -0.5, 0.3, u), color=BLUE)
left.plot((-1, 0, 1), (1, -0.5, 0.3), "o", color=ORANGE)
left.set_title("the curve through 1, -0.5, 0.3", fontsize=11)
for k, colour in enumerate((ORANGE, BLUE, GREEN)):
    right.plot(u, shares(101)[:, k], color=colour, label=f"share of {'abc'[k]}")
right.set_title("shares", fontsize=11)
right.legend(frameon=False, fontsize=9, loc="center left", bbox_to_anchor=(1, 0.5))
for axis in (left, right):
    axis.set_xlabel("u")
    axis.set_xticks((-1, 0, 1))
    axis.grid(color="0.93")
    axis.spines[["top", "right"]].set_visible(False)
plt.show()

# %% [markdown]
# In two dimensions each of the nine points $(i, j)$ has a vector $g_{ij}$ and two shares, $S$ along
# the height and $T$ along the width. These multiply:
#
# $$ u(p) = \sum_{i=0}^{2} \sum_{j=0}^{2} S_{p_y i} \; g_{ij} \; T_{p_x j}. $$
#
# ### Exercise 3: the field
#
# `grid[0]` holds the $y$ component of the nine vectors, `grid[1]` their $x$ component.


# %% nbgrader={"grade": false, "grade_id": "displacement_field", "locked": false, "schema_version": 3, "solution": true, "task": false}
def displacement_field(grid, height, width):
    """Return the field (2, height, width) of a grid (2, 3, 3) of vectors; use shares."""
    ### BEGIN SOLUTION
    return shares(height) @ grid @ shares(width).T
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_displacement_field", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check.displacement_field(displacement_field)


# %% [markdown]
# In an image of $n$ pixels a side the vectors shrink with it: $\sigma \, n / 512$. So $\sigma$ is
# always that of an image of 512 pixels.


# %%
def random_field(rng, side, std):
    """Return a random field (2, side, side); std in pixels of an image of 512."""
    return displacement_field(rng.normal(0, std * side / 512, (2, 3, 3)), side, side)


own = random_field(np.random.default_rng(0), 128, 10)
own -= tu.data.displacement_field(np.random.default_rng(0), (128, 128), 10)
measured("your field against the package's: largest difference", abs(own).max())

# %% [markdown]
# ## Reading between pixels
#
# $p + u(p)$ mostly lies between pixels. What is the image's value there? The simplest answer is
# linear interpolation: between two pixels, at a fraction $t$, take $(1 - t)\,x_0 + t\,x_1$. Another
# is a cubic spline, a smooth curve through more than two pixels.
#
# **Predict** what an image of pure noise becomes, which is 0 on average with standard deviation 1:
# of what standard deviation is it after it was read between pixels, at places that are random in
# both directions?

# %%
predict("noise left by linear interpolation", 0.9)
predict("noise left by a cubic spline", 1)

# %% [markdown]
# Labels are another matter. Class 2 and class 0 have no mean, so labels take the nearest pixel, and
# the weights, which belong to them, the same.
#
# ### Exercise 4: the warp
#
# `ndimage.map_coordinates(array, places, order=..., mode="mirror")` reads a two-dimensional array
# at places `(2, H, W)`. Order 0 is the nearest pixel, 1 linear, 3 a cubic spline; beyond the
# border, `"mirror"` mirrors, as in [lesson 10](10_valid_or_same.ipynb). Read the image with order
# 3, channel by channel. All three keep their dtypes: a network of float32 takes no float64.


# %% nbgrader={"grade": false, "grade_id": "warp", "locked": false, "schema_version": 3, "solution": true, "task": false}
def warp(image, labels, weights, field):
    """Return image (H, W, C), labels (H, W) and weights (H, W), deformed by a field (2, H, W)."""
    ### BEGIN SOLUTION
    places = np.indices(labels.shape) + field

    def read(array, order):
        return ndimage.map_coordinates(array, places, order=order, mode="mirror")

    channels = [read(image[..., k], 3) for k in range(image.shape[2])]
    return np.stack(channels, axis=2), read(labels, 0), read(weights, 0)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_warp", "locked": true, "points": 4, "schema_version": 3, "solution": false, "task": false}
check.warp(warp)

# %%
rng = np.random.default_rng(1)
noise = rng.standard_normal((256, 256))
places = np.indices(noise.shape) + rng.uniform(0, 1, (2, *noise.shape))
for order, name in ((0, "the nearest pixel"), (1, "linear interpolation"), (3, "a cubic spline")):
    left_over = ndimage.map_coordinates(noise, places, order=order, mode="mirror").std()
    measured(f"noise left by {name}", left_over)

# %% [markdown]
# Why? The mixture $(1 - t)\,x_0 + t\,x_1$ of two independent values of variance 1 has the variance
# $(1 - t)^2 + t^2$, on average over $t$ $\tfrac13 + \tfrac13 = \tfrac23$. In two dimensions it
# happens twice: $\tfrac49$ of the variance, $\tfrac23$ of the standard deviation. The network would
# train on smooth images and be tested on noisy ones. That is why we take the spline.
#
# Now look. The orange grid was drawn on the old image and is deformed with it.

# %% alt="A synthetic image of cells, and the same deformed: a straight orange grid on it has become gently curved."
data = tu.data.synthetic_cells(1, size=128, seed=5)
image, labels, cells = data.images[0], data.labels[0], data.instances[0]
field = np.zeros((2, 128, 128))
field[1] = 3
moved = warp(image, labels, np.ones((128, 128)), field)[1]
to_left = np.array_equal(moved[:, :-3], labels[:, 3:])
measured("with u = (0, 3) the picture moves", "to the left" if to_left else "elsewhere")
directions = np.random.default_rng(0).standard_normal((2, 3, 3))  # nine vectors of length about 1


def field_of(std):
    """Return always the same field, only stronger or weaker."""
    return displacement_field(std * 128 / 512 * directions, 128, 128)


tu.plots.deformation(image, field_of(10))

# %% [markdown]
# Each pixel shows what was 3 pixels to the right of it, so the picture moves to the left. The
# paper's 10 pixels are gentle. Could we not pull much harder, and get more for nothing?
#
# ## How much does it stretch? The Jacobian
#
# Call the map $\varphi(p) = p + u(p)$. A small step $\delta$ from $p$ is, in the old image, a step
# of
#
# $$ \varphi(p + \delta) - \varphi(p) \approx J \delta, \qquad J = \begin{pmatrix} 1 + \partial_y
# u_y & \partial_x u_y \\ \partial_y u_x & 1 + \partial_x u_x \end{pmatrix}. $$
#
# $J$ is the **Jacobian**: all first derivatives of the map. A matrix turns a unit square into a
# parallelogram of area $\det J$: so many pixels of the old image does a pixel of the new one show.
#
# - $\det J = 1$: areas are kept; 2: two old pixels are squeezed into one, the picture shrinks here;
#   between 0 and 1 it grows.
# - $\det J < 0$: the parallelogram lies face down. The picture is **folded**: the same spot of the
#   tissue is seen a second time, mirrored.
#
# ### Exercise 5: the determinant
#
# Take the derivatives with `np.gradient`, which takes half the difference of the two neighbours,
# $\partial_y u \approx \tfrac12 \big(u(p_y + 1) - u(p_y - 1)\big)$. Of an array `(H, W)` it returns
# two: first along the height, then along the width.


# %% nbgrader={"grade": false, "grade_id": "jacobian", "locked": false, "schema_version": 3, "solution": true, "task": false}
def jacobian(field):
    """Return the determinant (H, W) of the Jacobian of p + u(p), for a field u (2, H, W)."""
    ### BEGIN SOLUTION
    (yy, yx), (xy, xx) = np.gradient(field[0]), np.gradient(field[1])
    return (1 + yy) * (1 + xx) - yx * xy
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_jacobian", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check.jacobian(jacobian)

# %% [markdown]
# **Check** it against cells. Count the pixels of each cell before and after the warp. By what we
# derived, the old area is the sum of $\det J$ over the pixels that the cell has now. Cells at the
# border may be cut off, so we leave them out.

# %%
field = field_of(40)
determinant = jacobian(field)
moved = warp(image, cells, 0 * image[..., 0], field)[1]
edge = np.pad(np.zeros((124, 124), bool), 2, constant_values=True)
kept = set(cells[~edge]) & set(moved[~edge]) - set(cells[edge]) - set(moved[edge]) - {0}
old, new = (np.array([(array == k).sum() for k in kept]) for array in (cells, moved))
predicted = np.array([determinant[moved == k].sum() for k in kept])
measured("largest change of an area", abs(old / new - 1).max())
measured("largest error of the sum of det J", abs(predicted / old - 1).max())

# %% [markdown]
# ## Break it on purpose: too strong
#
# **Predict**: by how much, in percent, do the paper's 10 pixels typically change areas? (Give the
# standard deviation of $\det J$.) And **sketch** how many fields of a hundred fold the image
# somewhere, over $\sigma$ from 10 to 160 pixels.

# %%
predict("change of areas at 10 px, in percent", 20)
predict("fields with a fold, in percent, over sigma", [(10, 0), (50, 10), (100, 50), (160, 70)])

# %%
stds, count = (10, 20, 40, 60, 80, 160), 60 if small else 400  # `small`: in quick trial runs only
folded, spread = [], []
for std in stds:
    rng = np.random.default_rng(0)
    found = np.array([jacobian(random_field(rng, 64, std)) for _ in range(count)])
    folded.append((std, 100 * np.mean(found.min(axis=(1, 2)) < 0)))
    spread.append(found.std())
    print(f"sigma {std:3}: det J = 1 ± {spread[-1]:.2f}, folded {folded[-1][1]:5.1f} %")
measured("change of areas at 10 px, in percent", 100 * spread[0])
measured("fields with a fold, in percent, over sigma", folded)

# %% jupyter={"source_hidden": true} alt="The same nine vectors with sigma 10, 40 and 160. Above, the deformed image with its grid: gently curved, strongly bent, torn to ribbons. Below, det J: near 1 everywhere, then from about 0.6 to 2, then with a region below 0, where the image is folded."
shown_stds = (10, 40, 160)
figure, axes = plt.subplots(2, 3, figsize=(8, 5.2), layout="constrained")
for column, std in zip(axes.T, shown_stds, strict=True):
    field = field_of(std)
    determinant = jacobian(field)
    column[0].imshow(tu.data.deformed(image, field)[..., 0], cmap="gray")
    for along in np.indices((128, 128)) + field:
        column[0].contour(along, np.arange(8, 128, 16) - 0.5, colors=[ORANGE], linewidths=1)
    column[0].set_title(f"sigma {std} px", fontsize=11)
    picture = column[1].imshow(determinant, cmap=plt.get_cmap("PuOr", 17), vmin=-1, vmax=3)
    if determinant.min() < 0:
        column[1].contour(determinant, [0], colors="black", linewidths=1.5)
    for axis in column:
        axis.set_axis_off()
bar = figure.colorbar(picture, ax=axes[1], fraction=0.02, pad=0.01)
bar.set_label("det J (black line: 0)")
plt.show()

# %% [markdown]
# Could we have known? In one dimension there is a fold where the field falls by more than a pixel
# from one pixel to the next. The grid's points are 256 pixels apart, two vectors differ by about
# $\sqrt2 \sigma$, and the curve is $\tfrac32$ times as steep in its middle as a straight line:
# typically $\sigma / 121$. With a $\sigma$ of 60, a fold takes a vector twice as unlucky, at one of
# many places.
#
# Inside the black line the image lies face down; look how a line of the grid turns back there.
# Labels would still move along correctly. But a network that trains on such images learns about a
# world that does not exist. Augmentation should only do what nature could have done.
#
# ## Break it on purpose: labels and weights
#
# Two more mistakes, which raise no error. First: labels interpolated linearly, as if they were gray
# values. We need three classes to see it: 0 is background, 1 a small cell, 2 a large one. Second:
# the weights stay where they were, though pixels on outlines should count ten times. With
# $\sigma = 20$, **predict** how many of the 16,384 pixels get a class that none of the four pixels
# around their place has, and what share of the heavy pixels still lies on an outline of the warped
# labels.

# %%
predict("pixels with an invented class", 50)
predict("heavy pixels on an outline, weights forgotten", 0.6)

# %%
areas = np.bincount(cells.ravel().astype(np.intp))
classes = np.where(cells == 0, 0, np.where(areas[cells] < np.median(areas[1:]), 1, 2))
field = field_of(20)
places = np.clip(np.indices(classes.shape) + field, 0, 127)
nearest, linear = (ndimage.map_coordinates(classes, places, order=order) for order in (0, 1))
ones_near = ndimage.map_coordinates((classes == 1).astype(float), places, order=1)
invented = (linear == 1) & (ones_near == 0)
measured("pixels with an invented class", invented.sum())


def on_outline(labels):
    """Return where a pixel has a neighbour (above, below, left or right) of another class."""
    cross = {"footprint": ndimage.generate_binary_structure(2, 1)}
    return ndimage.maximum_filter(labels, **cross) != ndimage.minimum_filter(labels, **cross)


weights = np.where(on_outline(classes), 10.0, 1.0)
_, moved, along = warp(image, classes, weights, field)
measured("heavy pixels on an outline, weights moved along", on_outline(moved)[along > 1].mean())
measured("heavy pixels on an outline, weights forgotten", on_outline(moved)[weights > 1].mean())

# %% jupyter={"source_hidden": true} alt="Four maps of small and large cells. With the nearest pixel classes stay what they are; with linear interpolation each large cell has a thin rim of small cell. Weights that moved along follow the outlines; forgotten ones lie beside them."
figure, axes = plt.subplots(1, 4, figsize=(8, 2.4), layout="constrained")
colours = np.array([(1, 1, 1), (0.34, 0.71, 0.91), (0, 0.45, 0.7)])
axes[0].imshow(colours[nearest])
axes[0].set_title("nearest", fontsize=11)
wrong = colours[linear]
wrong[invented] = (0.84, 0.37, 0)
axes[1].imshow(wrong)
axes[1].set_title("linear: invented", fontsize=11)
for axis, heavy, title in zip(
    axes[2:], (along, weights), ("weights moved along", "weights forgotten"), strict=True
):
    shown = 0.5 + 0.5 * colours[moved]
    shown[heavy > 1] = 0.2
    axis.imshow(shown)
    axis.set_title(title, fontsize=11)
for axis in axes:
    axis.set_xticks([])
    axis.set_yticks([])
plt.show()

# %% [markdown]
# Half way between "background" and "large" linear interpolation finds "small": large cells get a
# rim of small cell (orange). Nothing complains, and the network learns to paint rims.
#
# ## Measure: ten images
#
# Ten images of 64 x 64 pixels, with about five cells each. A small U-Net, 500 steps of four images.
# Three kinds of augmentation: none; rigid, your symmetries; elastic, your symmetries and your warp,
# with the paper's 10 pixels. Three seeds for each, which draw the first weights and the order of
# the images, the same for all kinds. We test on 24 images that no network has seen: the loss, and
# the IoU of the cells ([lesson 0](00_pixels_to_labels.ipynb)), a mean over images. All weights are
# 1.
#
# **Predict** which has the lowest loss on its *training* images at the end, and which on the test
# images.

# %%
choices = ("none", "rigid", "elastic")
predict("lowest training loss", "elastic", choices=choices)
predict("lowest test loss", "elastic", choices=choices)

# %% jupyter={"source_hidden": true}
# The images, the scores on the test images, and how the picture below is drawn.
side, steps, every = 64, 10 if small else 500, 5 if small else 50
train_images = tu.data.synthetic_cells(10, size=side, seed=0)
test_images = tu.data.synthetic_cells(4 if small else 24, size=side, seed=1)
images, truth = np.stack(test_images.images), np.stack(test_images.labels)
ones = [np.ones((side, side), np.float32) for _ in train_images.images]
loss = tu.SoftmaxCrossEntropy()
runs = {}  # by kind and seed: the network, its losses and its scores


def score(model):
    """Return the loss and the IoU on the test images."""
    logits = model.predict(images)
    found = logits.argmax(axis=-1)
    iou = np.mean([tu.metrics.iou(one, other) for one, other in zip(found, truth, strict=True)])
    return loss(logits, truth), iou


def draw_runs():
    """Draw training losses (means of some steps), test losses and test IoUs so far."""
    figure = Figure((8, 2.9), layout="constrained")
    axes = figure.subplots(1, 3)
    for (name, seed), (_, losses, scores) in runs.items():
        means = np.reshape(losses[: len(losses) // every * every], (-1, every)).mean(axis=1)
        colour = {"none": ORANGE, "rigid": GREEN, "elastic": BLUE}[name]
        label = None if seed else name
        at = np.arange(1, len(means) + 1) * every
        axes[0].plot(at - every / 2, means, color=colour, label=label, linewidth=1)
        for axis, values in zip(axes[1:], np.reshape(scores, (-1, 2)).T, strict=True):
            axis.plot(at[: len(values)], values, color=colour, linewidth=1)
    for axis, title in zip(axes, ("training loss", "test loss", "test IoU"), strict=True):
        axis.set_title(title, fontsize=11)
        axis.grid(color="0.93")
        axis.spines[["top", "right"]].set_visible(False)
        axis.set_xlabel("step")
        axis.set_xlim(0, steps)
    for axis in axes[:2]:
        axis.set_yscale("log")
        axis.set_ylim(3e-4, 1)
    axes[0].legend(frameon=False)
    axes[2].set_ylim(0.85, 0.95)
    return figure


# %% alt="Losses and IoU over 500 steps, three seeds a kind. Without augmentation the training loss falls to a thousandth while the test loss rises; with it both losses stay together near 0.05. The test IoU is lowest without augmentation, and highest and closest together with elastic."
def elastic(rng, image, labels, weights):
    """A random warp, then a random symmetry."""
    field = random_field(rng, side, 10)
    return random_symmetry(rng, *warp(image, labels, weights, field))


def experiment(augment, seed, losses, scores):
    """Train a new network and return it; add the loss of every step, and scores along the way."""
    model = tu.UNet(base_channels=6, depth=3, padding="same", seed=seed)
    optimizer = tu.Adam(model, lr=0.004)
    batches = Batches(train_images, ones, 4, (side, side), (side, side), augment, seed)
    for i in range(steps):
        optimizer.lr = 0.004 * rate_factor("cosine", i, steps)
        batch, labels, weights = batches[i]
        losses.append(loss(model(batch), labels, weights))
        model.backward(loss.backward(), input_gradient=False)
        optimizer.step()
        if (i + 1) % every == 0:
            scores.append(score(model))
        progress()
    return model


kinds = {"none": False, "rigid": random_symmetry, "elastic": elastic}
seeds = range(2 if small else 3)
progress = tu.plots.Growing(len(kinds) * len(seeds) * steps, draw_runs)
for name, augment in kinds.items():
    for seed in seeds:
        runs[name, seed] = None, (losses := []), (scores := [])
        runs[name, seed] = experiment(augment, seed, losses, scores), losses, scores

# %% jupyter={"source_hidden": true}
training = {k: np.array([np.mean(runs[k, s][1][-50:]) for s in seeds]) for k in kinds}
test = {k: np.array([runs[k, s][2][-1] for s in seeds]) for k in kinds}  # seed, loss and IoU
print(f"{'':9}training loss    test loss        test IoU")
for name in kinds:
    columns = (training[name], test[name][:, 0], test[name][:, 1])
    print(f"{name:9}{'   '.join(f'{v.mean():.3f} ± {v.std(ddof=1):.3f}' for v in columns)}")
measured("lowest training loss", min(kinds, key=lambda name: training[name].mean()))
measured("lowest test loss", min(kinds, key=lambda name: test[name][:, 0].mean()))

# %% [markdown]
# Behind ± is the standard deviation over the seeds. Seed by seed, since each gave the same weights
# and images to all three, with 95 % intervals as in [lesson 9](09_do_skips_matter.ipynb):

# %% jupyter={"source_hidden": true}
t = {2: 12.706, 3: 4.303}[len(seeds)]  # Student's t for as many seeds
for better, worse in (("rigid", "none"), ("elastic", "rigid")):
    for k, what in enumerate(("test loss", "test IoU")):
        gap = test[better][:, k] - test[worse][:, k]
        half = t * gap.std(ddof=1) / len(gap) ** 0.5
        print(f"{what}, {better} minus {worse}: {gap.mean():+.4f} ± {half:.4f}")
gain = (test["rigid"] - test["none"])[:, 1].min()
measured("IoU, rigid minus none, smallest over the seeds", gain)
measured("IoU, elastic minus rigid, mean", (test["elastic"] - test["rigid"])[:, 1].mean())
for name in kinds:
    ratio = (test[name][:, 0] / training[name]).mean()
    measured(f"{name}: test loss in times of training loss", ratio)

# %% [markdown]
# Without augmentation the training loss falls almost to 0: the network has learned the ten images
# by heart, noise included. This is **overfitting**. Meanwhile its test loss rises to several times
# its smallest value, while its IoU only sinks a little. How can that be? The loss of a pixel is
# $-\log p$, with $p$ the probability of the right class. **Predict** the median of $p$ over the
# pixels where a network is wrong. (It is below 0.5, or they would be right.)

# %%
predict("none: median of p where wrong", 0.3)
predict("elastic: median of p where wrong", 0.3)

# %% jupyter={"source_hidden": true}
for name in kinds:
    medians = []
    for seed in seeds:
        z = runs[name, seed][0].predict(images)
        gap = np.where(truth == 1, 1, -1) * (z[..., 1] - z[..., 0])
        p = np.exp(-np.logaddexp(0, -gap))  # softmax of two classes, without overflow
        medians.append(np.median(p[p < 0.5]))
    measured(f"{name}: median of p where wrong", np.mean(medians))

# %% jupyter={"source_hidden": true} alt="Two test images, their truth, and the errors of three networks. All errors lie on outlines and in the thin gaps between touching cells; without augmentation there are a few more."
figure, axes = plt.subplots(2, 5, figsize=(8, 3.5), layout="constrained")
for row, k in zip(axes, (0, 1), strict=True):
    row[0].imshow(images[k, ..., 0], cmap="gray")
    row[1].imshow(truth[k], cmap="gray")
    for axis, name in zip(row[2:], kinds, strict=True):
        found = runs[name, 0][0].predict(images[k : k + 1])[0].argmax(axis=-1)
        shown = np.where(truth[k][..., None] == 1, 0.85, 0.97) * np.ones(3)
        shown[(found == 1) & (truth[k] == 0)] = (0.84, 0.37, 0)
        shown[(found == 0) & (truth[k] == 1)] = (0, 0.45, 0.7)
        axis.imshow(shown)
    for axis, title in zip(row, ("image", "truth", *kinds), strict=True):
        axis.set_title(title if k == 0 else "", fontsize=11)
        axis.set_axis_off()
plt.show()

# %% [markdown]
# Where the network without augmentation is wrong, it is sure of itself, and the loss makes it pay.
# For the IoU, wrong is wrong.
#
# (The pictures show two test images, seed 0. Orange: called cell, but is none. Blue: a cell pixel
# that was missed. Nearly all errors lie on outlines, and all three networks paint over the thin
# gaps between touching cells. That is for [lesson 12](12_touching_cells.ipynb).)
#
# What did we see, and what did we not?
#
# - Any augmentation against none: a clear difference, in loss and IoU, for all three seeds. The
#   interval of the IoU's difference does not hold 0. That of the loss's does: one seed without
#   augmentation did far worse than the others, which makes it very wide.
# - Elastic against rigid: both intervals hold 0. Three seeds cannot tell so small a gap from luck.
# - What elastic did change is the *gap between training and test*. With rigid alone the training
#   loss is still below the test loss: those images, too, are being learned by heart, more slowly.
#   So a longer training may have more to gain from elastic; we did not measure that.
# - Our cells are round and lie in all directions. Other tissue, and another ten images, would give
#   other numbers.
#
# The paper takes elastic deformation to be the key to training with few images, and does not show
# the comparison. Now you know how to make one.

# %% [markdown]
# ## Quiz
#
# **Turned digits.** You augment images of handwritten digits by all eight symmetries. That
#
# - a) helps, as with cells.
# - b) only costs time.
# - c) teaches that a 6 upside down is a 6.

# %%
quiz("turned digits", "c")

# %% [markdown]
# **Half an area.** $\det J = 2$ all over a cell. In the new image the cell is
#
# - a) half as large.
# - b) twice as large.
# - c) folded.

# %%
quiz("half an area", "a")

# %% [markdown]
# **Smooth training.** Images are warped with linear interpolation. What may go wrong?
#
# - a) Classes are invented.
# - b) The network sees less noise in training than in the test.
# - c) The image folds.

# %%
quiz("smooth training", "b")

# %% [markdown]
# **Loss up, IoU steady.** During training the test loss doubles, and the test IoU hardly changes.
# So
#
# - a) about as many pixels are wrong, but more surely so.
# - b) twice as many pixels are wrong.
# - c) one of the two is computed wrongly.

# %%
quiz("loss up, IoU steady", "a")

# %% [markdown]
# **Forgotten weights.** Image and labels are warped, the weights are not. What do you notice?
#
# - a) An exception.
# - b) Nothing.
# - c) A loss that does not fall.

# %%
quiz("forgotten weights", "b")

# %% [markdown]
# ## What you know now
#
# - Image, labels and weights move together, by one draw.
# - A warp reads the old image at $p + u(p)$: gray values by a spline, labels and weights from the
#   nearest pixel.
# - $\det J$ says how many old pixels a new one shows; below 0 the image is folded.
# - A training loss far below the test loss means learned by heart.
#
# The package's versions are `tinyunet/data/warp.py` and `tinyunet/data/augment.py`. They also turn
# by any angle, shift, and change gray values: `tu.fit(..., augment=tu.data.Augmentation.full())`.
#
# In [lesson 12](12_touching_cells.ipynb) cells touch, and the weights earn their name.
