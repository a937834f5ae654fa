# ---
# jupyter:
#   tinyunet:
#     lesson: 12
#     title: Touching cells
#     time: 3 min
# ---

# %% [markdown]
# # Lesson 12: Touching cells
#
# *About three minutes of computing and an hour and a half of reading and writing. You need: lesson
# 0 (masks, IoU), lesson 5 (the loss and its weights) and lesson 8 (training).*
#
# A biologist does not ask which pixels are cell. She asks *how many* cells there are, and which
# shape each of them has. As long as cells lie apart, a mask answers that. Cells like company,
# though. After this lesson you can
#
# - say why even a perfect mask merges cells, and count how many it merges;
# - part touching cells by a thin border, and make the network care for it: the **weight map** of
#   the U-Net paper;
# - derive a second loss, **Dice**, with its gradient;
# - tell what the weight map brings, and what it costs, in numbers.
#
# There are six short exercises.

# %%
import matplotlib.pyplot as plt
import numpy as np
from scipy import ndimage

import tinyunet as tu
from tinyunet import rate_factor
from tinyunet.data import Batches
from tinyunet.exercises import check, claim, small
from tinyunet.plots import colour_numbers, draw_numbers, palette

plt.rcParams["figure.dpi"] = 80
BLUE, ORANGE, GREEN = "#0072b2", "#d55e00", "#009e73"


def coloured(cells):
    """Return a picture of numbered cells in which neighbours differ in colour."""
    numbers = colour_numbers(cells)
    return palette(numbers.max())[numbers]


# %% [markdown]
# ## What a mask forgets
#
# In the truth of our images every cell has a **number**: an array `(H, W)` that is 0 in the
# background, 1 on the first cell, 2 on the second, and so on. A network for two classes knows no
# numbers. It says "cell" or "background", a mask. To get back to cells we number the mask's
# **components**: sets of pixels that hang together, each sharing an edge with the next.
#
# **Predict**: here are 10 images that no network is going to train on. Take the *perfect* mask of
# each, with not a single pixel wrong. Of all the cells, how many come out as cells of their own?

# %%
test = tu.data.synthetic_cells(2 if small else 10, size=128, seed=1)
true_cells = sum(cells.max() for cells in test.instances)
image, truth = test.images[0], test.instances[0]
found, count = ndimage.label(truth > 0)
print(f"first image: {truth.max()} cells, {count} components of the perfect mask")

# %% jupyter={"source_hidden": true}
figure, axes = plt.subplots(1, 4, figsize=(9.6, 2.7), layout="constrained")
axes[0].imshow(image[..., 0], cmap="gray")
axes[1].imshow(coloured(truth))
axes[2].imshow(truth > 0, cmap="gray")
axes[3].imshow(coloured(found))
titles = ("image", f"truth: {truth.max()} cells", "perfect mask", f"its {count} components")
for axis, title in zip(axes, titles, strict=True):
    axis.set_title(title, fontsize=11)
    axis.axis("off")
plt.show()

# %% [markdown]
# Where two cells touch, a pixel of the one shares an edge with a pixel of the other. So they hang
# together, and so does everything that touches either of them: a whole chain of cells becomes one
# component. Nothing in the mask tells where one ended. That is no fault of the network; **the
# question was wrong**.
#
# ### Exercise 1: merged cells
#
# We need a number for this. A found cell *holds* a true one if it covers more than half of the true
# one's pixels. (Two found cells cannot both do that.) Where a found cell holds two or more, all of
# them are **merged**. Count these true cells. Numbers may have gaps.


# %% nbgrader={"grade": false, "grade_id": "merged_cells", "locked": false, "schema_version": 3, "solution": true, "task": false}
def merged_cells(found, truth):
    """Return how many true cells are merged; both are numbers (H, W), 0 = background."""
    ### BEGIN SOLUTION
    held = {}  # how many true cells a found cell holds, by its number
    for k in np.unique(truth[truth > 0]):
        inside = found[truth == k]
        for number in np.unique(inside[inside > 0]):
            if (inside == number).sum() > inside.size / 2:
                held[number] = held.get(number, 0) + 1
    return sum(count for count in held.values() if count > 1)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_merged_cells", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check.merged_cells(merged_cells)

# %%
merged_by_mask = sum(merged_cells(ndimage.label(c > 0)[0], c) for c in test.instances)
print(f"a perfect mask merges {merged_by_mask} of {true_cells} cells")
claim("share of the cells that a perfect mask merges", merged_by_mask / true_cells, 0.6, 0.85)

# %% [markdown]
# Nearly three quarters! This is the **ceiling** of everybody who finds the foreground only: no
# training, however long, gets higher.
#
# ## A border of background
#
# The paper changes the question: before training, touching cells are parted by a thin line that is
# called background. Then the components of a perfect mask *are* the cells.
#
# ### Exercise 2: separation borders
#
# - Of two pixels side by side that belong to different cells, the left one becomes background.
#   Judge all pairs by the numbers before this step.
# - Then of two pixels one above the other that still do, the upper one, in the same way.
#
# Cells that meet only at a corner share no edge: leave them alone.


# %% nbgrader={"grade": false, "grade_id": "separation_borders", "locked": false, "schema_version": 3, "solution": true, "task": false}
def separation_borders(cells):
    """Return a copy of the numbers (H, W) in which no two cells touch."""
    ### BEGIN SOLUTION
    out = cells.copy()
    for a, b in ((out[:, :-1], out[:, 1:]), (out[:-1], out[1:])):
        a[(a != b) & (a > 0) & (b > 0)] = 0
    return out
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_separation_borders", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check.separation_borders(separation_borders)

# %% jupyter={"source_hidden": true}
tiny = np.zeros((6, 9), int)
tiny[1:5, 1:5], tiny[1:3, 5:8], tiny[3:6, 5:8] = 1, 2, 3
tiny[1, 4] = 2
figure, axes = plt.subplots(1, 2, figsize=(8, 2.9), layout="constrained")
draw_numbers(axes[0], tiny, "three cells that touch", fontsize=11)
draw_numbers(axes[1], separation_borders(tiny), "parted", fontsize=11)
plt.show()

# %% [markdown]
# And the new ceiling? Besides merged cells we need a score for shapes. For each true cell, take the
# IoU (lesson 0) with the found cell that holds it, and 0 if there is none. The mean over all true
# cells is called **SEG**; lesson 13 comes back to it. To number what a mask shows, `tu.instances`
# finds the components, and gives the pixels of the thin line back to the cells beside it. (It fills
# true gaps of one pixel, too: that is why even the perfect mask's IoU is 0.999 below. With
# probabilities it can part some components by their *cores*, which lesson 13 shows. Here we look at
# what the mask alone does, so we turn that off: `core=None`.)


# %%
def scores(found):
    """Return merged cells (of all test images), SEG and the mask's IoU (means over the images)."""
    pairs = list(zip(found, test.instances, strict=True))
    merged = sum(merged_cells(f, t) for f, t in pairs)
    seg = np.mean([tu.metrics.seg(f, t) for f, t in pairs])
    iou = np.mean([tu.metrics.iou(f > 0, t > 0) for f, t in pairs])
    return merged, seg, iou


for name, masks in {
    "perfect mask": [cells > 0 for cells in test.instances],
    "perfect mask with borders": [separation_borders(cells) > 0 for cells in test.instances],
}.items():
    merged, seg, iou = scores([tu.instances(mask, core=None) for mask in masks])
    print(f"{name:26} merged {merged:3}, SEG {seg:.3f}, IoU {iou:.3f}")
claim("cells that a perfect mask with borders merges", merged, high=0)
claim("its SEG", seg, low=0.98)

# %% [markdown]
# The ceiling is gone. But who says that a network gets there?
#
# ## How much is a border worth?
#
# **Predict** two numbers. Which share of all pixels lies in the borders? And if a network finds
# every single one of them with a probability of 95 %, which share of touching pairs stays apart?

# %%
lost = [(cells > 0) & (separation_borders(cells) == 0) for cells in test.instances]
share = np.mean(lost)
pairs = 0  # of cells that touch
for cells in test.instances:
    beside = np.concatenate(
        [
            np.stack([a.ravel(), b.ravel()], axis=1)
            for a, b in ((cells[:, :-1], cells[:, 1:]), (cells[:-1], cells[1:]))
        ]
    )
    beside = np.sort(beside[(beside.min(axis=1) > 0) & (beside[:, 0] != beside[:, 1])], axis=1)
    pairs += len(np.unique(beside, axis=0))
length = np.sum(lost) / pairs
print(f"{pairs} pairs touch, along {length:.1f} pixels on average; 0.95^{length:.1f} = ", end="")
print(f"{0.95**length:.2f}")
claim("share of the pixels that lie in borders", share, low=0.001, high=0.01)
claim("pairs that would stay apart", 0.95**length, low=0.5, high=0.9)

# %% [markdown]
# One missing pixel is a bridge, and a bridge is enough. If the pixels were found independently, a
# border of $L$ pixels would be closed with a probability of $0.95^L$. So borders have to be found
# nearly without a gap. But the loss of lesson 5 is a mean over pixels, and the borders are three in
# a thousand of them: a network that ignores them all pays next to nothing. **What is rare and
# counts has to weigh more.**
#
# ## The weight map
#
# Lesson 5 gave every pixel $x$ a weight $w(x)$ in the loss. The paper chooses
#
# $$ w(x) \;=\; w_c(x) + w_0 \exp \left( - \frac{(d_1(x) + d_2(x))^2}{2 \sigma^2} \right) $$
#
# with $w_0 = 10$ and $\sigma = 5$ pixels. Let us build it, piece by piece.
#
# **Class balance.** In $w_c$ all cells together weigh as much as all background, whatever their
# shares are. With $n$ pixels, $n_\text{cell}$ of them in cells, give each cell pixel $a$ and each
# background pixel $b$ so that $a\, n_\text{cell} = b\, n_\text{background} = n / 2$. Then the mean
# of $w_c$ is 1, and
#
# $$ w_c = \frac{n}{2\, n_\text{cell}} \text{ in cells,} \qquad
# w_c = \frac{n}{2\, n_\text{background}} \text{ in the background.} $$
#
# **The border term** should be large where *two* cells are close. One distance cannot say that: the
# distance $d_1$ to the nearest cell is small all around every lonely cell, too. So take the one to
# the second nearest as well. To walk from the nearest cell to $x$ and on to the second nearest is
# $d_1 + d_2$ long: that is about the width of the gap in which $x$ lies. It is small only in a
# narrow gap. The bell curve $\exp(-u^2 / 2\sigma^2)$ turns "small" into "near 1", and "large"
# into 0.
#
# **Predict** the border term in the middle of a border, one pixel wide; in a gap of 5 pixels; and
# in one of 15. (A pixel of a one-pixel border has a cell on its left and one on its right, so
# $d_1 = d_2 = 1$. In a gap of $k$ pixels, $d_1 + d_2 = k + 1$.)

# %%
for k in (1, 5, 15):
    print(f"gap of {k:2} pixels: border term {10 * np.exp(-((k + 1) ** 2) / (2 * 5**2)):.2f}")

# %% [markdown]
# ### Exercise 3: two distances
#
# SciPy has the tool: `ndimage.distance_transform_edt(mask)` gives each True pixel its straight
# distance to the nearest False one, and each False pixel 0. Take the distance to every single cell;
# of these, $d_1$ is the smallest and $d_2$ the second smallest. There are at least two cells.
# Numbers may have gaps.


# %% nbgrader={"grade": false, "grade_id": "two_distances", "locked": false, "schema_version": 3, "solution": true, "task": false}
def two_distances(cells):
    """Return d1 and d2 (H, W), the distances to the nearest and the second nearest cell."""
    ### BEGIN SOLUTION
    numbers = np.unique(cells[cells > 0])
    distances = np.array([ndimage.distance_transform_edt(cells != k) for k in numbers])
    d1, d2 = np.sort(distances, axis=0)[:2]
    return d1, d2
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_two_distances", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check.two_distances(two_distances)

# %% [markdown]
# ### Exercise 4: the weight map
#
# `cells` are parted already; `w0` and `sigma` are numbers. Add the border term in the background
# only, since no border can lie inside a cell.


# %% nbgrader={"grade": false, "grade_id": "weight_map", "locked": false, "schema_version": 3, "solution": true, "task": false}
def weight_map(cells, w0, sigma):
    """Return the weight (H, W) of every pixel of the parted cells (H, W)."""
    ### BEGIN SOLUTION
    inside = cells > 0
    share = inside.mean()
    w_c = np.where(inside, 0.5 / share, 0.5 / (1 - share))
    d1, d2 = two_distances(cells)
    border = w0 * np.exp(-((d1 + d2) ** 2) / (2 * sigma**2))
    return w_c + np.where(inside, 0, border)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_weight_map", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
check.weight_map(weight_map)

# %% [markdown]
# On the cells from above:

# %%
cells = separation_borders(truth)
d1, d2 = two_distances(cells)
w = weight_map(cells, w0=10, sigma=5)
border = (truth > 0) & (cells == 0)
print(f"weight in cells {w[cells > 0].mean():.2f}, on borders {w[border].mean():.2f}")
claim("difference to tu.weight_map", abs(w - tu.weight_map(cells)).max(), high=1e-4)
claim("the borders' share of the pixels", border.mean(), low=0.001, high=0.01)
claim("their share of all weight", w[border].sum() / w.sum(), low=0.01, high=0.1)

# %% jupyter={"source_hidden": true}
figure, axes = plt.subplots(1, 4, figsize=(10, 2.8), layout="constrained")
axes[0].imshow(image[..., 0], cmap="gray")
shown = (d1, 30, "$d_1$"), (d1 + d2, 60, "$d_1 + d_2$"), (w, 11, "weight $w$")
for axis, (values, most, _) in zip(axes[1:], shown, strict=True):
    seen = axis.imshow(values, cmap="magma", vmin=0, vmax=most)
    figure.colorbar(seen, ax=axis, fraction=0.046, pad=0.02)
for axis, title in zip(axes, ("image", *(title for *_, title in shown)), strict=True):
    axis.set_title(title, fontsize=12)
    axis.axis("off")
plt.show()

# %% [markdown]
# The map draws just the lines that a biologist would draw, and where a cell has no neighbour
# nothing lights up. The borders weigh about ten times as much as before. So they have 2.2 % of all
# weight, seven times their share of the pixels.
#
# ## Break it on purpose
#
# Three maps that are wrong, all with the border term alone ($w_c = 1$), so that we see it better.
# **Predict** for each whether a network that trains with it will part cells, and what else it will
# do:
#
# 1. $d_1$ taken twice, a slip of one character;
# 2. $\sigma = 0.5$ (the narrowest gap has $d_1 + d_2 = 2$);
# 3. $\sigma = 30$, wider than most gaps here.


# %%
def border_term(cells, w0, sigma):
    """Return 1 plus the border term, without class balance."""
    return 1 + weight_map(cells, w0, sigma) - weight_map(cells, 0, sigma)


def nearest_twice(cells, w0, sigma):
    """Return a weight map with d1 where d2 should be."""
    d1, _ = two_distances(cells)
    border = w0 * np.exp(-((d1 + d1) ** 2) / (2 * sigma**2))
    return weight_map(cells, 0, sigma) + np.where(cells > 0, 0, border)


check.weight_map(nearest_twice)

# %%
broken = {
    "d1 twice": lambda cells: 1 + nearest_twice(cells, 10, 5) - weight_map(cells, 0, 5),
    "sigma = 0.5": lambda cells: border_term(cells, 10, 0.5),
    "sigma = 30": lambda cells: border_term(cells, 10, 30),
}
lonely = (cells == 0) & (d1 <= 2) & (d2 > 20)  # at the rim of a cell, far from all others
for name, wrong in {"right": lambda cells: border_term(cells, 10, 5), **broken}.items():
    v = wrong(cells)
    print(f"{name:12} weight on borders {v[border].mean():5.2f}, at lonely rims ", end="")
    print(f"{v[lonely].mean():5.2f}, of all background {v[cells == 0].mean():5.2f}")
claim("sigma = 0.5: weight on borders", broken["sigma = 0.5"](cells)[border].mean(), high=1.1)
claim("d1 twice: weight at lonely rims", broken["d1 twice"](cells)[lonely].mean(), low=6)

# %% jupyter={"source_hidden": true}
figure, axes = plt.subplots(1, 4, figsize=(9.6, 2.7), layout="constrained")
pictures = {"right": border_term(cells, 10, 5)} | {n: f(cells) for n, f in broken.items()}
for axis, (title, values) in zip(axes, pictures.items(), strict=True):
    seen = axis.imshow(values, cmap="magma", vmin=0, vmax=11)
    axis.set_title(title, fontsize=12)
    axis.axis("off")
figure.colorbar(seen, ax=axes, fraction=0.02, pad=0.01)
plt.show()

# %% [markdown]
# None of them raises an error. That is why one looks at a weight map before one trains with it. We
# train with all three below.
#
# ## Another loss: Dice
#
# Instead of mending the mean over pixels, one can drop it. Lesson 0 judged masks by IoU, which has
# no slope. A close relative can be given one. The **Dice** overlap of a predicted mask $P$ and the
# true one $T$ is, with $|\cdot|$ for a number of pixels,
#
# $$ D = \frac{2\, |P \cap T|}{|P| + |T|} = \frac{2\, \text{IoU}}{1 + \text{IoU}} , $$
#
# since $|P \cup T| = |P| + |T| - |P \cap T|$. Now let $p$ be the probability of "cell" at each
# pixel instead of 0 or 1, and $g$ the truth, 0 or 1. If $p$ happens to be 0 or 1, then $|P \cap
# T| = \sum p g$, $|P| = \sum p^2$ and $|T| = \sum g^2$. So define for *any* $p$
#
# $$ D = \frac{A}{B} , \qquad A = 2 \sum w\, p\, g + s , \qquad B = \sum w\, (p^2 + g^2) + s . $$
#
# This is the form of V-Net (Milletari et al. 2016). We have put in a weight $w$ for each pixel;
# with $w = 1$ it is theirs. The small number $s$ saves us from $0/0$. The sums go over all pixels
# of the batch. The loss is $1 - D$.
#
# ### Exercise 5: soft Dice


# %% nbgrader={"grade": false, "grade_id": "dice", "locked": false, "schema_version": 3, "solution": true, "task": false}
def dice(p, g, w, s):
    """Return D, a number; p, g and w are (N, H, W)."""
    ### BEGIN SOLUTION
    A = 2 * (w * p * g).sum() + s
    B = (w * (p * p + g * g)).sum() + s
    return A / B
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_dice", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
check.dice(dice)

# %%
rng = np.random.default_rng(0)
P, T = rng.random((2, 1, 9, 9)) < 0.4  # two masks
iou = tu.metrics.iou(P, T)
by_iou = 2 * iou / (1 + iou)
claim("masks: D minus 2 IoU / (1 + IoU)", abs(dice(P * 1.0, T * 1.0, 1.0, 0) - by_iou), high=1e-12)

# %% [markdown]
# **Derive** its gradient. One pixel's $p$ occurs once in $A$ and once in $B$:
#
# $$ \frac{\partial A}{\partial p} = 2 w g , \qquad \frac{\partial B}{\partial p} = 2 w p . $$
#
# With the rule for quotients, and $A = D B$ put in,
#
# $$ \frac{\partial D}{\partial p} = \frac{2 w g \, B - A \, 2 w p}{B^2} = \frac{2 w \, (g - p\,
# D)}{B} . $$
#
# ### Exercise 6: its gradient


# %% nbgrader={"grade": false, "grade_id": "dice_gradient", "locked": false, "schema_version": 3, "solution": true, "task": false}
def dice_gradient(p, g, w, s):
    """Return dp (N, H, W), the gradient of dice(p, g, w, s) with respect to p."""
    ### BEGIN SOLUTION
    B = (w * (p * p + g * g)).sum() + s
    D = dice(p, g, w, s)
    return 2 * w * (g - p * D) / B
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_dice_gradient", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check.dice_gradient(dice_gradient)

# %% [markdown]
# A network gives logits $z$, so one more step of the chain rule is due. In lesson 5 we saw that the
# derivative of $\log p_j$ by $z_k$ is $[j = k] - p_k$. That of $p_j$ is $p_j$ times as large. So,
# with $dp$ and $dz$ for the loss's gradients,
#
# $$ dz_k = \sum_j dp_j \, p_j \, ([j = k] - p_k) = p_k \Big( dp_k - \sum_j dp_j \, p_j \Big) . $$
#
# The loss takes the mean of $D$ over both classes, background and cell.


# %%
def softmax_and_truth(z, t):
    """Return p and the one-hot truth g, both (N, H, W, K)."""
    e = np.exp(z - z.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True), (t[..., None] == np.arange(z.shape[-1])) * 1.0


def dice_loss(z, t, w):
    """Return 1 minus the mean of D over the classes."""
    p, g = softmax_and_truth(z, t)
    return 1 - np.mean([dice(p[..., k], g[..., k], w, 1.0) for k in range(z.shape[-1])])


def dice_loss_gradient(z, t, w):
    """Return dz (N, H, W, K)."""
    p, g = softmax_and_truth(z, t)
    classes = range(z.shape[-1])
    dp = -np.stack([dice_gradient(p[..., k], g[..., k], w, 1.0) for k in classes], axis=-1)
    dp /= len(classes)
    return p * (dp - (dp * p).sum(axis=-1, keepdims=True))


z, t = rng.standard_normal((2, 3, 4, 2)), rng.integers(0, 2, (2, 3, 4))
v = rng.uniform(0.5, 3, t.shape)  # weights
report = tu.check_function(
    lambda z: dice_loss(z, t, v), lambda dy, z: dy * dice_loss_gradient(z, t, v), z
)
claim("worst relative error of the gradient", report.worst, high=1e-7)
loss = tu.DiceLoss()
claim("difference to tu.DiceLoss", abs(loss(z, t, v) - dice_loss(z, t, v)), high=1e-12)
claim("of the gradients", abs(loss.backward() - dice_loss_gradient(z, t, v)).max(), high=1e-12)

# %% [markdown]
# Look at $D$ again: background that is called background has $p = g = 0$ and appears in no sum. So
# Dice balances the classes by itself, and people like it where cells are rare. **Predict**: will it
# also find the borders, without a weight map? (How many pixels of $\sum p g$ are at stake?)
#
# ## Measure
#
# Ten ways to train the same small U-Net, with equal numbers of steps and three seeds. A seed draws
# the first weights and which windows come when; all ten get the same. We take $w_0$ and $\sigma$
# from the paper and tune nothing. Cells are what is connected at a probability above 0.5.

# %%
data = tu.data.synthetic_cells(6 if small else 40, size=128, seed=0)
numbers = [separation_borders(cells) for cells in data.instances]
side, steps = (32, 8) if small else (64, 250)
seeds = range(3)


def trained(cells, maps, loss, seed):
    """Train a new U-Net on the masks of cells; return p of "cell" (H, W) for each test image."""
    masks = [c > 0 for c in cells]
    images = tu.data.Dataset(data.images, masks)
    batches = Batches(images, maps, 2, (side, side), (side, side), augment=True, seed=seed)
    model = tu.UNet(base_channels=8, depth=2, padding="same", seed=seed)
    optimizer = tu.Adam(model, 0.004)
    for i in range(steps):
        optimizer.lr = 0.004 * rate_factor("cosine", i, steps)  # falls to 0
        x, labels, weights = batches[i]
        loss(model(x), labels, weights)
        model.backward(loss.backward(), input_gradient=False)
        optimizer.step()
    return [tu.predict_image(model, image)[..., 1] for image in test.images]


entropy = tu.SoftmaxCrossEntropy()
ways = {  # the cells, the function that makes a weight map, the loss
    "touching masks": (data.instances, None, entropy),
    "borders": (numbers, None, entropy),
    "borders, w_c": (numbers, lambda cells: weight_map(cells, 0, 5), entropy),
    "borders, border term": (numbers, lambda cells: border_term(cells, 10, 5), entropy),
    "borders, paper's map": (numbers, lambda cells: weight_map(cells, 10, 5), entropy),
    "Dice": (numbers, None, tu.DiceLoss()),
    "Dice, border term": (numbers, lambda cells: border_term(cells, 10, 5), tu.DiceLoss()),
} | {name: (numbers, wrong, entropy) for name, wrong in broken.items()}
predicted = {}
for name, (cells, make_map, loss) in ways.items():
    maps = make_map and [make_map(c).astype(np.float32) for c in cells]
    predicted[name] = [trained(cells, maps, loss, seed) for seed in seeds]


def judged(name, threshold=0.5):
    """Return merged, SEG and IoU for each seed, (seeds, 3)."""
    return np.array(
        [scores([tu.instances(p, threshold, core=None) for p in seed]) for seed in predicted[name]]
    )


results = {name: judged(name) for name in ways}
print(f"{true_cells} cells; mean (lowest to highest of three seeds)")
print(f"{'':22} {'merged':>16}   {'SEG':>18}   {'IoU of the mask':>18}")
for name, rows in results.items():
    texts = [
        f"{rows[:, k].mean():{f}} ({rows[:, k].min():{f}} to {rows[:, k].max():{f}})"
        for k, f in enumerate((".0f", ".2f", ".2f"))
    ]
    print(f"{name:22} {texts[0]:>16}   {texts[1]:>18}   {texts[2]:>18}")

# %%
fewer = results["borders"][:, 0] - results["borders, paper's map"][:, 0]  # seed by seed
claim("fewer merged cells with the paper's map, smallest", fewer.min(), low=-999 if small else 20)
fewer = results["borders"][:, 0] - results["borders, border term"][:, 0]
claim("fewer with the border term alone, smallest", fewer.min(), low=-999 if small else 40)
gain = results["borders, paper's map"][:, 1] - results["borders"][:, 1]
claim("SEG gained by the paper's map, smallest", gain.min(), low=-1 if small else 0.1)
cost = results["borders"][:, 2] - results["borders, paper's map"][:, 2]
claim("IoU of the mask lost, smallest", cost.min(), low=-1 if small else 0.01)

# %% jupyter={"source_hidden": true}
figure, axes = plt.subplots(1, 3, figsize=(10, 3.6), sharey=True, layout="constrained")
titles = (f"merged, of {true_cells} cells", "SEG", "IoU of the mask")
for k, (axis, title) in enumerate(zip(axes, titles, strict=True)):
    for place, rows in enumerate(results.values()):
        colour = BLUE if place < 5 else GREEN if place < 7 else ORANGE
        axis.plot(rows[:, k], np.full(len(rows), place), "o", color=colour, alpha=0.5)
        axis.plot(rows[:, k].mean(), place, "|", color=colour, markersize=16, markeredgewidth=2)
    axis.set_title(title, fontsize=12)
    axis.grid(color="0.93")
    axis.spines[["top", "right"]].set_visible(False)
axes[0].axvline(merged_by_mask, color="0.4", linestyle=":")
axes[0].set_yticks(range(len(results)), results)
axes[0].invert_yaxis()
plt.show()

# %% [markdown]
# Dots are seeds, the stroke is their mean, the dotted line a perfect mask without borders.
#
# - **Borders alone hardly help.** They are in the truth now, but in so few steps the network hardly
#   learns them: it merges about as many cells as a perfect mask without any. (A longer training
#   may do better. This experiment cannot say.)
# - **The border term helps a lot**, in each of the three seeds: far more than the seeds scatter. It
#   does not reach the 0 merged cells and the SEG of 0.99 that a perfect mask with borders has.
# - **It is not for free.** The IoU of the mask falls. Background near borders weighs more, so in
#   doubt the network now says background, and cells become thin. SEG, which pays for both, says
#   that it is worth it.
# - **Class balance works against it** here. Cells cover less than half of the image, so $w_c$ makes
#   *them* heavier: in doubt, cell. Alone it merges more cells than no weights at all, and the
#   border term does better without it. (The paper had other cells; do not throw $w_c$ away for
#   good.)
# - **Dice does not find borders by itself**: a few pixels more or less hardly change its sums. With
#   the border term in its sums, it does.
#
# And the three broken maps:

# %%
narrow, borders = results["sigma = 0.5"][:, 0], results["borders"][:, 0]
claim("merged, sigma = 0.5 minus borders alone, mean", (narrow - borders).mean(), low=-12, high=12)
twice, right = results["d1 twice"], results["borders, border term"]
claim(
    "IoU lost by taking d1 twice, smallest",
    (right - twice)[:, 2].min(),
    low=-1 if small else 0,
)
found_none = [
    sum(tu.instances(p, core=None).max() for p in seed) == 0 for seed in predicted["sigma = 30"]
]
print("sigma = 30: seeds that find no cell at all:", sum(found_none), "of", len(found_none))
inside = np.concatenate([(c > 0).ravel() for c in numbers])
heavy = np.concatenate([broken["sigma = 30"](c).ravel() for c in numbers])
claim("sigma = 30: cells' share of the weight", heavy[inside].sum() / heavy.sum(), high=0.15)

# %% [markdown]
# - $\sigma = 0.5$ is as good as no map: $e^{-8}$ is nothing.
# - $d_1$ twice does part cells, since their borders weigh more, but so does every other rim. The
#   cells shrink all around. It is worse in all three scores than the right map.
# - $\sigma = 30$ makes the background about seven times as heavy. Cells are left with a small share
#   of the weight, and lesson 5 told us what a network that sees nothing answers: just that share.
#   It is below one half, so **all black**, and a seed may sit there to the end.
#
# Look at what "merged" says of all black: no cell is merged, full marks! **A score that counts one
# kind of mistake is best where all others are made.** Never report it alone.
#
# ## Is it only a threshold?
#
# A sceptic says: the map makes the network say "background" more often, that is all. The same comes
# for free: take the network without a map, and ask for a probability of 0.9 instead of 0.5. Cells
# become thinner and fall apart. **Predict**: is the sceptic right?
#
# We vary the threshold and plot what is gained against what it costs: merged cells against the
# mask's IoU. At the same IoU, the lower curve is better.

# %%
thresholds = (0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.98)
contest = ("borders", "borders, paper's map", "borders, border term")
curves = {name: np.array([judged(name, t) for t in thresholds]) for name in contest}
at_equal_iou = []
for seed in seeds:
    merged, _, iou = curves["borders"][1:, seed].T  # from 0.5 up: the IoU falls
    target = results["borders, border term"][seed]
    at_equal_iou.append(np.interp(target[2], iou[::-1], merged[::-1]))
    print(
        f"seed {seed}: with the border term, merged {target[0]:.0f} at IoU {target[2]:.3f}; "
        f"without, by threshold, {at_equal_iou[-1]:.0f} at the same IoU"
    )
gap = np.array(at_equal_iou) - results["borders, border term"][:, 0]
claim("more merged by the threshold at equal IoU, smallest", gap.min(), low=-999 if small else 20)

# %% jupyter={"source_hidden": true}
figure, axis = plt.subplots(figsize=(6.5, 3.2), layout="constrained")
for (name, curve), colour in zip(curves.items(), (BLUE, GREEN, ORANGE), strict=True):
    for seed in seeds:
        merged, _, iou = curve[:, seed].T
        axis.plot(
            iou, merged, "-", color=colour, linewidth=1, label=None if seed else name, zorder=1
        )
        axis.plot(iou[1], merged[1], "o", color=colour)  # threshold 0.5
axis.set_xlabel("IoU of the mask")
axis.set_ylabel("merged cells")
axis.set_ylim(bottom=0)
axis.legend(frameon=False)
axis.grid(color="0.93")
axis.spines[["top", "right"]].set_visible(False)
plt.show()

# %% [markdown]
# The large dots are the threshold 0.5. No, the sceptic is not right: at the same IoU, the networks
# with a border term merge far fewer cells. They have *looked for* the borders; a threshold only
# makes everything thinner. (It is right that a threshold moves each network along its own curve: so
# do not compare two networks at one threshold alone.)
#
# One of the test images, without and with the border term. Pink outlines are merged cells.

# %%
pair = ("borders", "borders, border term")
found = [tu.instances(predicted[name][0][1], core=None) for name in pair]  # seed 0, test image 1
merged = [merged_cells(cells, test.instances[1]) for cells in found]
captions = [f"{name}: {count} merged" for name, count in zip(pair, merged, strict=True)]
tu.plots.compare([test.images[1]] * 2, [test.instances[1]] * 2, found, captions=captions)

# %% [markdown]
# ## What you know now
#
# - A mask forgets which cell a pixel belongs to: what touches, merges. Here that is the fate of
#   nearly three in four cells, under a *perfect* mask.
# - A border of background parts cells, at less than half a percent of the pixels. So few pixels
#   have to weigh more to be learned.
# - $d_1 + d_2$ is small only between two cells. $\sigma$ has to suit the gaps, and a look at the
#   map shows whether it does.
# - Dice: $D = A / B$, and $\partial D / \partial p = 2 w (g - p D) / B$.
# - The map buys parted cells with thinner masks. Judge it by a score that pays for both.
#
# The package's versions are `tinyunet/data/weightmap.py`, `tinyunet/losses/dice.py` and
# `tinyunet/metrics/cells.py`. `tu.fit` trains with a weight map unless told otherwise: its own
# default has $\sigma = 2$ and no $w_c$, for small nuclei; `weights="paper"` is the paper's.
#
# In **lesson 13** all of it meets real cells.
