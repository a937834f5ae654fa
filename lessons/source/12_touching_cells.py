# ---
# jupyter:
#   tinyunet:
#     lesson: 12
#     title: Touching cells
#     time: 2 min
# ---

# %% [markdown]
# # Lesson 12: Touching cells
#
# *About two minutes of computing and 65 minutes of reading and writing. You need:
# [lesson 0](00_pixels_to_labels.ipynb) (masks, IoU), [lesson 5](05_a_loss_for_every_pixel.ipynb)
# (the loss and its weights) and [lesson 8](08_training.ipynb) (training).*
#
# A biologist does not ask which pixels are cell. She asks *how many* cells there are, and which
# shape each of them has. As long as cells lie apart, a mask answers that. Cells like company,
# though. After this lesson you can
#
# - say why even a perfect mask merges cells, and count how many it merges;
# - part touching cells by a thin border, and make the network care for it: the **weight map** of
#   the [U-Net paper](https://arxiv.org/abs/1505.04597);
# - tell what the weight map brings, and what it costs, in numbers.
#
# There are four exercises.

# %%
import matplotlib.pyplot as plt
import numpy as np
from scipy import ndimage

import tinyunet as tu
from tinyunet.data import Batches
from tinyunet.exercises import check, measured, predict, quiz, small
from tinyunet.plots import colour_numbers, draw_numbers, palette

plt.rcParams["figure.dpi"] = 110


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
# each, with not a single pixel wrong. Of all the cells, which share comes out as cells of their
# own? (`small` is true in quick trial runs only.)

# %%
test = tu.data.synthetic_cells(2 if small else 10, size=128, seed=1)
true_cells = sum(cells.max() for cells in test.instances)
image, truth = test.images[0], test.instances[0]
print(f"{len(test)} images, {true_cells} cells; {truth.max()} of them in the first image")

# %%
predict("share of the cells that a perfect mask leaves alone", 0.7)

# %% [markdown]
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
measured("share of the cells that a perfect mask leaves alone", 1 - merged_by_mask / true_cells)

# %% jupyter={"source_hidden": true} alt="An image of cells, the truth with 20 cells in different colours, the perfect mask, and its components in colours: wherever cells touch, a whole chain of them has one colour. There are only 10 components."
found, count = ndimage.label(truth > 0)
figure, axes = plt.subplots(1, 4, figsize=(8, 2.35), layout="constrained")
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
# question was wrong**. And it is the **ceiling** of everybody who finds the foreground only: no
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
# Cells that meet only at a corner share no edge: leave them alone. So are pixels beside the
# background: no cell touches them there.


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

# %% jupyter={"source_hidden": true} alt="Two small arrays of numbers: three cells that touch, and the same cells parted. One line of their pixels, on the left or upper side of each contact, became 0."
tiny = np.zeros((6, 9), int)
tiny[1:5, 1:5], tiny[1:3, 5:8], tiny[3:6, 5:8] = 1, 2, 3
tiny[1, 4] = 2
figure, axes = plt.subplots(1, 2, figsize=(8, 2.9), layout="constrained")
draw_numbers(axes[0], tiny, "three cells that touch", fontsize=11)
draw_numbers(axes[1], separation_borders(tiny), "parted", fontsize=11)
plt.show()

# %% [markdown]
# And the new ceiling? Besides merged cells we need a score for shapes. For each true cell, take the
# IoU with the found cell that holds it, and 0 if there is none. The mean over all true cells is
# called **SEG**; [lesson 13](13_real_cells.ipynb) comes back to it. To number what a mask shows,
# `tu.instances` finds the components, and gives the pixels of the thin line back to the cells
# beside it. (True gaps of one pixel are filled, too: so even the perfect mask's IoU is 0.999 below.
# `core=None` turns off what [lesson 20](20_how_sure_can_one_be.ipynb) adds: here we look at what
# the mask alone does.)


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
measured("cells that a perfect mask with borders merges", merged)
measured("SEG of a perfect mask with borders", seg)

# %% [markdown]
# The ceiling is gone. But who says that a network gets there?
#
# ## How much is a border worth?
#
# **Predict** two numbers. Which share of all pixels lies in the borders? And if a network finds
# every single one of them with a probability of 95 %, which share of touching pairs stays apart?

# %%
predict("share of the pixels that lie in borders", 0.03)
predict("pairs that stay apart if 95 % of the border pixels are found", 0.95)

# %%
lost = [(cells > 0) & (separation_borders(cells) == 0) for cells in test.instances]
pairs = set()  # of cells that touch: image, one cell, the other
for i, cells in enumerate(test.instances):
    for a, b in ((cells[:, :-1], cells[:, 1:]), (cells[:-1], cells[1:])):
        touch = (a != b) & (a > 0) & (b > 0)
        both = zip(np.minimum(a, b)[touch], np.maximum(a, b)[touch], strict=True)
        pairs |= {(i, *pair) for pair in both}
length = np.sum(lost) / len(pairs)
print(f"{len(pairs)} pairs touch, along {length:.1f} pixels on average")
measured("share of the pixels that lie in borders", np.mean(lost))
measured("pairs that stay apart if 95 % of the border pixels are found", 0.95**length)

# %% [markdown]
# One missing pixel is a bridge, and a bridge is enough. If the pixels were found independently, a
# border of $L$ pixels would be closed with a probability of $0.95^L$. So borders have to be found
# nearly without a gap. But the loss of [lesson 5](05_a_loss_for_every_pixel.ipynb) is a mean over
# pixels, and borders are that rare: a network that ignores them all pays next to nothing. **What is
# rare and counts has to weigh more.**
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
# $d_1 + d_2$ long: in a gap of $k$ pixels, $k + 1$. That is small only in a narrow gap. The bell
# curve $\exp(-u^2 / 2\sigma^2)$ turns "small" into "near 1", and "large" into 0.
#
# **Predict** the border term in a gap of 5 pixels, and in one of 15.

# %%
predict("border term in a gap of 5 pixels", 2)
predict("border term in a gap of 15 pixels", 1)

# %%
term = {k: 10 * np.exp(-((k + 1) ** 2) / (2 * 5**2)) for k in (1, 5, 15)}
print(f"border term in a gap of one pixel: {term[1]:.3g}")
measured("border term in a gap of 5 pixels", term[5])
measured("border term in a gap of 15 pixels", term[15])

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
# On the cells from above: the borders are about 0.3 % of their pixels, too. **Predict** which share
# of all *weight* they have now.

# %%
predict("share of the weight that lies on borders", 0.2)

# %%
cells = separation_borders(truth)
d1, d2 = two_distances(cells)
w = weight_map(cells, w0=10, sigma=5)
border = (truth > 0) & (cells == 0)
print(f"weight in cells {w[cells > 0].mean():.2f}, on borders {w[border].mean():.2f}")
measured("share of the weight that lies on borders", w[border].sum() / w.sum())
measured("your weights less tu.weight_map's", abs(w - tu.weight_map(cells.astype(int))).max())

# %% jupyter={"source_hidden": true} alt="An image of cells; the distance to the nearest cell, dark around every cell; the sum of the two distances, dark only between cells; and the weight, which lights up as thin bright lines just where cells are close."
figure, axes = plt.subplots(1, 4, figsize=(8, 2.2), layout="constrained")
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
# nothing lights up. A border pixel weighs about ten times as much as before; all borders together
# weigh seven times what their share of the pixels is.
#
# How far does the light reach? Move $\sigma$. (Without class balance, so that we see it better.)


# %%
def border_term(cells, w0, sigma):
    """Return 1 plus the border term, without class balance."""
    return 1 + weight_map(cells, w0, sigma) - weight_map(cells, 0, sigma)


def look(sigma):
    """Return a picture of the border term in a part of the image."""
    weights = border_term(cells, 10, sigma)
    return tu.plots.weight_map(image[:80, :80], weights[:80, :80], most=11)


# %% alt="Cells and the weights around them. With a small sigma nothing lights up, with 5 the narrow gaps do, with 30 nearly all of the background."
words = "Cells and the weight of each pixel. The larger sigma is, the wider the gaps that light up."
tu.plots.slider(look, (0.5, 1, 2, 3, 5, 8, 12, 20, 30), "sigma", alt=words, start=4, dpi=80)

# %% [markdown]
# ## Break it on purpose
#
# Two maps that are wrong, with the border term alone ($w_c = 1$): $d_1$ **taken twice**, a slip of
# one character, and $\sigma = 30$, wider than most gaps here. **Predict** what networks do that are
# trained with them. First: does $d_1$ twice merge more cells than the right map, or fewer?

# %%
predict("d1 twice, beside the right map: merged cells", "fewer", choices=("more", "fewer"))
predict("d1 twice: IoU of the mask", 0.85)
predict("sigma = 30: IoU of the mask", 0.7)


# %%
def nearest_twice(cells, w0, sigma):
    """Return a weight map with d1 where d2 should be."""
    d1, _ = two_distances(cells)
    border = w0 * np.exp(-((d1 + d1) ** 2) / (2 * sigma**2))
    return weight_map(cells, 0, sigma) + np.where(cells > 0, 0, border)


check.weight_map(nearest_twice)

# %%
maps = {
    "right": lambda cells: border_term(cells, 10, 5),
    "d1 twice": lambda cells: 1 + nearest_twice(cells, 10, 5) - weight_map(cells, 0, 5),
    "sigma = 30": lambda cells: border_term(cells, 10, 30),
}
lonely = (cells == 0) & (d1 <= 2) & (d2 > 20)  # at the rim of a cell, far from all others
print("mean weight     on borders   at lonely rims   of all background")
for name, make in maps.items():
    v = make(cells)
    means = [v[where].mean() for where in (border, lonely, cells == 0)]
    print(f"{name:12} {means[0]:13.2f} {means[1]:16.2f} {means[2]:19.2f}")

# %% [markdown]
# Neither raises an error. That is why one looks at a weight map before one trains with it.
#
# ## Measure
#
# Six ways to train the same small U-Net, with equal numbers of steps and three seeds. A seed draws
# the first weights and which windows come when; all ways get the same. We take $w_0$ and $\sigma$
# from the paper and tune nothing. Cells are what is connected at a probability above 0.5.
#
# **Predict** how many of the cells are merged, on average over the seeds: trained on masks with
# borders but without weights, with the border term, and with the paper's whole map.

# %%
predict("merged with borders, without weights", 60)
predict("merged with the border term", 10)
predict("merged with the paper's map", 10)

# %%
data = tu.data.synthetic_cells(6 if small else 40, size=128, seed=0)
numbers = [separation_borders(cells) for cells in data.instances]
side, steps = (32, 8) if small else (64, 250)


def trained(cells, make_map, seed):
    """Train a new U-Net on the masks of cells; return p of "cell" (H, W) for each test image."""
    images = tu.data.Dataset(data.images, [c > 0 for c in cells])
    weights = make_map and [make_map(c).astype(np.float32) for c in cells]
    batches = Batches(images, weights, 2, (side, side), (side, side), augment=True, seed=seed)
    model = tu.UNet(base_channels=8, depth=2, padding="same", seed=seed)
    loss, optimizer = tu.SoftmaxCrossEntropy(), tu.Adam(model, 0.004)
    for i in range(steps):
        optimizer.lr = 0.004 * tu.rate_factor("cosine", i, steps)  # falls to 0
        x, labels, w = batches[i]
        loss(model(x), labels, w)
        model.backward(loss.backward(), input_gradient=False)
        optimizer.step()
        progress()
    return [tu.predict_image(model, image)[..., 1] for image in test.images]


# %% alt="Three panels, six rows of dots: merged cells, SEG and IoU of the mask for six ways to train, three seeds each. With the border term far fewer cells are merged than without weights, and the IoU is a little lower; sigma = 30 is bad at everything but merged cells."
ways = {  # the cells to train on, and the function that makes a weight map
    "touching masks": (data.instances, None),
    "borders": (numbers, None),
    "borders, border term": (numbers, maps["right"]),
    "borders, paper's map": (numbers, lambda cells: weight_map(cells, 10, 5)),
    "d1 twice": (numbers, maps["d1 twice"]),
    "sigma = 30": (numbers, maps["sigma = 30"]),
}
results = {name: [] for name in ways}  # for each seed: merged, SEG, IoU
titles = (f"merged, of {true_cells}", "SEG", "IoU of the mask")
dotted = {titles[0]: merged_by_mask}  # a perfect mask without borders


def draw():
    return tu.plots.score_dots(results, titles, lines=dotted)


progress = tu.plots.Growing(3 * len(ways) * steps, draw)
for seed in range(3):
    for name, (cells, make_map) in ways.items():
        found = [tu.instances(p, core=None) for p in trained(cells, make_map, seed)]
        results[name].append(scores(found))
progress(0)  # the last network is in the picture, too

# %%
table = {name: np.array(rows) for name, rows in results.items()}
for name, rows in table.items():
    merged, seg, iou = rows.mean(axis=0)
    print(f"{name:22} merged {merged:3.0f}, SEG {seg:.2f}, IoU {iou:.2f}")
plain, term = table["borders"], table["borders, border term"]
twice, wide = table["d1 twice"], table["sigma = 30"]
measured("merged with borders, without weights", plain[:, 0].mean())
measured("merged with the border term", term[:, 0].mean())
measured("merged with the paper's map", table["borders, paper's map"][:, 0].mean())
measured("IoU of the mask lost by the border term, least of the seeds", (plain - term)[:, 2].min())
more = "more" if twice[:, 0].mean() > term[:, 0].mean() else "fewer"
measured("d1 twice, beside the right map: merged cells", more)
measured("d1 twice: IoU of the mask", twice[:, 2].mean())
measured("sigma = 30: IoU of the mask", wide[:, 2].mean())

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
# - **Class balance works against it** here: the paper's map merges more than the border term alone.
#   Cells cover less than half of the image, so $w_c$ makes *them* heavier: in doubt, cell. (The
#   paper had other cells; do not throw $w_c$ away for good.)
# - **$d_1$ twice** does part cells, since their borders weigh more, but so does every other rim.
#   The cells shrink all around. It is worse in all three scores than the right map.
# - **$\sigma = 30$** makes the background about seven times as heavy. Cells are left with a small
#   share of the weight, and lesson 5 told us what a network that sees nothing answers: just that
#   share. It is below one half, so **all black**, and a seed may sit there to the end.
#
# Look at what "merged" says of all black: no cell is merged, full marks! **A score that counts one
# kind of mistake is best where all others are made.** Never report it alone.
#
# ## Quiz
#
# **Why a perfect mask merges.** Not a pixel of it is wrong. Why are touching cells lost?
#
# - a) A threshold of 0.5 is too low for them.
# - b) Which of the cells a pixel belongs to is not in the mask.
# - c) The components should be found with corners as neighbours, too.

# %%
quiz("why a perfect mask merges", "b")

# %% [markdown]
# **Two distances.** Why does the border term need $d_2$ as well?
#
# - a) $d_1$ alone is small around every cell, also where no other is near.
# - b) $d_1$ alone is too small a number, and the term would be too large everywhere.
# - c) Because two cells have two centres.

# %%
quiz("two distances", "a")

# %% [markdown]
# **Borders, unweighted.** They are in the truth, and the network ignores them. Why?
#
# - a) It cannot see lines of one pixel.
# - b) To ignore them costs little.
# - c) The borders were drawn in the wrong place.

# %%
quiz("borders, unweighted", "b")

# %% [markdown]
# **Nothing merged.** A network merges 0 of 185 cells. What do you know?
#
# - a) It parts all touching cells.
# - b) Its masks are a little thin.
# - c) Little: it may have found no cell at all.

# %%
quiz("nothing merged", "c")

# %% [markdown]
# **Larger nuclei.** The same images, enlarged twofold: the gaps are 2 pixels wide instead of 1, 4
# instead of 2. Which $\sigma$ gives the old weights, about?
#
# - a) Half of it. &emsp; b) The same: it has no unit. &emsp; c) Twice as large.

# %%
quiz("larger nuclei", "c")

# %% [markdown]
# ## What you know now
#
# - A mask forgets which cell a pixel belongs to: what touches, merges. Here that is the fate of
#   nearly three in four cells, under a *perfect* mask.
# - A border of background parts cells, at less than half a percent of the pixels. So few pixels
#   have to weigh more to be learned.
# - $d_1 + d_2$ is small only between two cells. $\sigma$ has to suit the gaps, and a look at the
#   map shows whether it does.
# - The map buys parted cells with thinner masks. Judge it by a score that pays for both.
#
# The package's versions are `tinyunet/data/weightmap.py` and `tinyunet/metrics/cells.py`. `tu.fit`
# trains with a weight map unless told otherwise: its own default has $\sigma = 2$ and no $w_c$, for
# small nuclei; `weights="paper"` is the paper's.
#
# Could another loss do the same? And is it all only a threshold? Next is [lesson
# 21](21_which_loss.ipynb), then [lesson 13](13_real_cells.ipynb), where all of it meets real cells.
