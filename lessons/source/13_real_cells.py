# ---
# jupyter:
#   tinyunet:
#     lesson: 13
#     title: Real cells
#     time: 4 min
# ---

# %% [markdown]
# # Lesson 13: Real cells
#
# *About four minutes of computing and 75 minutes of reading and writing. You need:
# [lesson 0](00_pixels_to_labels.ipynb) (IoU, Otsu, standard errors), [lesson 8](08_training.ipynb)
# (the training loop), [lesson 9](09_do_skips_matter.ipynb) (precision and recall) and
# [lesson 12](12_touching_cells.ipynb) (the weight map, SEG).*
#
# There is no new part of the network today. You have them all, and now they work together. Most of
# this lesson is about the verdict, for it is where most is done wrong. After it you can
#
# - score cells as the field does, by **SEG**, **F1** and **V_Rand**, and say what each of them does
#   not see;
# - train with validation images, and touch the test images once;
# - say by how much a U-Net beats what needs no learning, with error bars.
#
# There are four exercises.
#
# Most images here are synthetic, so that the lesson runs anywhere; near the end comes a real one.
# If you have the nuclei of the 2018 Data Science Bowl (`tinyunet data fetch dsb2018` gets them),
# set `REAL_NUCLEI` below to `True` and run it all again. It takes a minute more. Some lines will
# then say that the lesson expects something else: it expects synthetic cells. (`small` is true in
# quick trial runs only.)

# %%
import matplotlib.pyplot as plt
import numpy as np
from scipy import ndimage

import tinyunet as tu
from tinyunet.exercises import check, measured, predict, quiz, small
from tinyunet.metrics import thinned
from tinyunet.metrics.regions import consecutive  # numbers cells 0, 1, 2, ... without gaps
from tinyunet.plots import draw_numbers
from tinyunet.segmentation import components, otsu_components, otsu_peaks
from tinyunet.segmentation.thresholds import choose_threshold

REAL_NUCLEI = False  # True: the nuclei of the 2018 Data Science Bowl

plt.rcParams["figure.dpi"] = 110
BLUE, ORANGE = "#0072b2", "#d55e00"

# %% [markdown]
# ## Three heaps of images
#
# We deal the images out into three heaps, at random:
#
# - **training images**: the network learns from them;
# - **validation images**: we look at them as often as we like, to *choose*: the best moment of the
#   training, a threshold, anything;
# - **test images**: scored once, at the very end.
#
# Why three? What was chosen because it did best on some images looks better on these than it is:
# a little after a choice among a few thresholds, a lot after fitting all weights of a network. So
# the final number has to come from images on which nothing was chosen.

# %%
if REAL_NUCLEI:
    data = tu.data.load("dsb2018").subset(range(100))
elif small:
    data = tu.data.synthetic_cells(12, size=64, seed=0)
else:
    data = tu.data.synthetic_cells(100, size=128, seed=0)
training, validation, test = data.split(validation=0.15, test=0.25, seed=0)
print(f"{len(training)} training, {len(validation)} validation, {len(test)} test images")
cells = sum(int(truth.max()) for truth in test.instances)
print("cells in the test images:", cells)

# %% jupyter={"source_hidden": true} alt="Four of the training images: bright, roundish cells of different brightness on a dark, noisy ground, many of them touching."
figure, axes = plt.subplots(1, 4, figsize=(8, 2.3), layout="constrained")
for axis, image in zip(axes, training.images, strict=False):
    axis.imshow(image[..., 0], cmap="gray")
    axis.axis("off")
figure.suptitle("four of the training images", fontsize=12)
plt.show()

# %% [markdown]
# Lesson 0 judged masks. Here we judge **cells**: truth and prediction give every pixel the number of
# its cell, 0 for background. Which number means nothing: cell 3 of the prediction may be cell 17 of
# the truth. So first we have to find out who is whose.
#
# ## One table for everything
#
# Count, for every predicted cell $i$ and every true cell $j$, the pixels $n_{ij}$ that they share.
# Row 0 and column 0 are the background. Such a table is called a **contingency table**, and all
# scores of this lesson can be read from it.
#
# **Predict** the table of these two maps: its shape, and one of its numbers.

# %%
truth = np.array(
    [
        [0, 1, 1, 1, 0, 0, 0],
        [0, 1, 1, 1, 2, 2, 2],
        [0, 1, 1, 1, 2, 2, 2],
        [0, 0, 0, 0, 2, 2, 2],
        [3, 3, 3, 0, 0, 0, 0],
    ]
)
predicted = np.array(
    [
        [0, 0, 1, 1, 0, 0, 0],
        [0, 1, 1, 1, 1, 2, 2],
        [0, 1, 1, 1, 1, 2, 2],
        [0, 0, 0, 0, 0, 2, 2],
        [0, 0, 0, 0, 0, 2, 0],
    ]
)

# %%
predict("shape of the table of overlaps", (2, 3))
predict("n[1, 2]: predicted cell 1 on true cell 2", 3)

# %% [markdown]
# ### Exercise 1: the table
#
# The numbers of the cells are 0, 1, 2, ... without gaps, in any type of integer. A loop over pixels
# is right, too, but slow: NumPy's `np.add.at` saves you half a minute below.


# %% nbgrader={"grade": false, "grade_id": "overlap_table", "locked": false, "schema_version": 3, "solution": true, "task": false}
def overlap_table(predicted, truth):
    """Return n: n[i, j] pixels are in predicted cell i and in true cell j, background included."""
    ### BEGIN SOLUTION
    n = np.zeros((predicted.max() + 1, truth.max() + 1), int)
    np.add.at(n, (predicted, truth), 1)
    return n
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_overlap_table", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check.overlap_table(overlap_table)

# %%
n = overlap_table(predicted, truth)
measured("shape of the table of overlaps", n.shape)
measured("n[1, 2]: predicted cell 1 on true cell 2", n[1, 2])

# %% jupyter={"source_hidden": true} alt="Three small arrays of numbers: the truth with cells 1 to 3, the prediction with cells 1 and 2, and the table of their overlaps with 3 rows and 4 columns."
figure, axes = plt.subplots(1, 3, figsize=(8, 2.4), width_ratios=(7, 7, 5), layout="constrained")
draw_numbers(axes[0], truth, "truth", fontsize=10)
draw_numbers(axes[1], predicted, "prediction", fontsize=10)
draw_numbers(axes[2], n, "n", fontsize=10)
axes[2].set_xlabel("true cell 0, 1, 2, 3")
axes[2].set_ylabel("predicted 0, 1, 2")
plt.show()

# %% [markdown]
# The sums of the table are the sizes: $s_i = \sum_j n_{ij}$ of the predicted cells, $t_j = \sum_i
# n_{ij}$ of the true ones. And since two sets together have $|A| + |B| - |A \cap B|$ elements, we
# get the IoU of every pair at once:
#
# $$ \text{IoU}_{ij} \;=\; \frac{n_{ij}}{s_i + t_j - n_{ij}} $$
#
# ## SEG: how well does every true cell fit?
#
# Which predicted cell belongs to true cell $j$? The [Cell Tracking
# Challenge](https://doi.org/10.1038/nmeth.4473), of which the U-Net won two categories in 2015,
# says: the one that covers **more than half of it**, $n_{ij} > t_j / 2$. Two predicted cells cannot
# both have more than half, so there is at most one. The true cell then scores its IoU with that
# one; if there is none, it scores 0. SEG is the mean over all true cells:
#
# $$ \text{SEG} \;=\; \frac{1}{\text{true cells}} \sum_{i, j \ge 1} [\, n_{ij} > t_j / 2 \,]\;
# \text{IoU}_{ij} $$
#
# where $[\ldots]$ is 1 if it holds, else 0.
#
# **Predict** SEG of the tiny example.

# %%
predict("SEG of the tiny example", 0.6)

# %% [markdown]
# ### Exercise 2: SEG
#
# There is at least one true cell.


# %% nbgrader={"grade": false, "grade_id": "seg_score", "locked": false, "schema_version": 3, "solution": true, "task": false}
def seg_score(n):
    """Return SEG from the table (predicted cells + 1, true cells + 1)."""
    ### BEGIN SOLUTION
    s, t = n.sum(axis=1, keepdims=True), n.sum(axis=0)
    iou = n / (s + t - n)
    matched = n > t / 2
    return (iou * matched)[1:, 1:].sum() / (n.shape[1] - 1)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_seg_score", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check.seg_score(seg_score)

# %%
measured("SEG of the tiny example", seg_score(n))
print(f"by hand: (8/11 + 6/10 + 0) / 3 = {(8 / 11 + 6 / 10 + 0) / 3:.4f}; cell 3 is missed")

# %% [markdown]
# ## F1: were the cells found?
#
# SEG looks from the truth's side. A predicted cell where there is no true one costs nothing! So
# count both. ([Lesson 9](09_do_skips_matter.ipynb) had precision, recall and F1 for the pixels of
# outlines; now for cells.) A predicted and a true cell are a **match** if their IoU is above 0.5.
# Can one cell have two matches? From $\text{IoU}_{ij} > \tfrac12$ we get
#
# $$ n_{ij} > \tfrac12 (s_i + t_j - n_{ij}) \ge \tfrac12 s_i, \qquad\text{since } t_j \ge n_{ij}, $$
#
# and $n_{ij} > \tfrac12 t_j$ likewise: a match has more than half of *both*. So nobody has two.
# With $m$ matches among $P$ predicted and $T$ true cells, the *precision* $m / P$ says how many
# predicted cells are right, and the *recall* $m / T$ how many true ones were found. Their harmonic
# mean, which is high only if both are, is called F1:
#
# $$ F_1 \;=\; \frac{2}{P / m + T / m} \;=\; \frac{2m}{P + T} $$
#
# Instead of 0.5 one may ask for more, up to 0.95. F1 against this threshold is the **F1 curve**: it
# falls late if the outlines fit tightly.
#
# ### Exercise 3: F1
#
# Read $P$ and $T$ from the shape of the table, which has a row and a column of background as well.
# There is at least one true cell, but perhaps no match: then F1 is 0, so use the last form.


# %% nbgrader={"grade": false, "grade_id": "f1_score", "locked": false, "schema_version": 3, "solution": true, "task": false}
def f1_score(n, threshold=0.5):
    """Return F1 from the table; a match has an IoU above the threshold, which is 0.5 or more."""
    ### BEGIN SOLUTION
    s, t = n.sum(axis=1, keepdims=True), n.sum(axis=0)
    iou = (n / (s + t - n))[1:, 1:]
    return 2 * (iou > threshold).sum() / (iou.shape[0] + iou.shape[1])
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_f1_score", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check.f1_score(f1_score)

# %% [markdown]
# ## V_Rand: do pixels that belong together stay together?
#
# The third score needs no matching. It was made for neurons, where a small gap in a membrane joins
# two of them, the one error that must not happen. Draw two pixels at random from the true cells. (The
# same pixel twice is allowed.) There are $N = \sum_{j \ge 1} t_j$ of them. What is
# the probability that ...
#
# - both are in one true cell? The first is in cell $j$ with probability $t_j / N$, and so is the
#   second: $\sum_j (t_j / N)^2$.
# - both are in one predicted cell? Just so, $\sum_i (s_i / N)^2$, where $s_i$ counts only pixels in
#   true cells.
# - both at once, in one true *and* in one predicted cell? $\sum_{ij} (n_{ij} / N)^2$.
#
# Divide, and $N$ cancels. **Split** is the share of the pairs in one true cell that were kept
# together. **Merge** is the share of the pairs in one predicted cell that belong together. All sums
# leave out column 0:
#
# $$ \text{split} = \frac{\sum n_{ij}^2}{\sum t_j^2}, \qquad \text{merge} = \frac{\sum
# n_{ij}^2}{\sum s_i^2} $$
#
# 1 is perfect for both. **V_Rand** is their harmonic mean, just as F1 was:
#
# $$ V_\text{Rand} \;=\; \frac{2}{1 / \text{split} + 1 / \text{merge}} \;=\; \frac{\sum
# n_{ij}^2}{\tfrac12 \sum s_i^2 + \tfrac12 \sum t_j^2} $$
#
# Pixels of true cells that the prediction calls background have to be settled. The [challenge for
# neurons](https://doi.org/10.3389/fnana.2015.00142) (ISBI 2012), from which V_Rand comes, lets the
# predicted cells grow first, until there is hardly any background left, so that it does not matter
# how wide the gaps between them are. The package's `thinned` gives every such pixel to the nearest
# cell.
#
# **Predict**: a cell of 20 pixels is cut into 10 and 10. What is split? And merge?

# %%
predict("a cell cut in two halves: split", 0.8)
predict("a cell cut in two halves: merge", 0.5)

# %% [markdown]
# ### Exercise 4: V_Rand
#
# Row 0 is empty, since the prediction has grown. Column 0, the true background, does not count.


# %% nbgrader={"grade": false, "grade_id": "rand_scores", "locked": false, "schema_version": 3, "solution": true, "task": false}
def rand_scores(n):
    """Return V_Rand, split and merge from the table."""
    ### BEGIN SOLUTION
    n = n[:, 1:]
    s, t = n.sum(axis=1), n.sum(axis=0)
    split = (n**2).sum() / (t**2).sum()
    merge = (n**2).sum() / (s**2).sum()
    return (n**2).sum() / ((s**2).sum() / 2 + (t**2).sum() / 2), split, merge
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_rand_scores", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check.rand_scores(rand_scores)

# %%
v_rand, split, merge = rand_scores(np.array([[0, 0], [0, 10], [0, 10]]))
measured("a cell cut in two halves: split", split)
measured("a cell cut in two halves: merge", merge)

# %% [markdown]
# All four functions together, beside the package's, on one image whose truth we moved by three
# pixels:

# %%
MEASURES = ("IoU", "SEG", "F1", "V_Rand", "split", "merge")


def scores(predicted, truth):
    """Return all scores of one map (H, W) of predicted cells."""
    n = overlap_table(predicted, truth)
    iou = n[1:, 1:].sum() / (n.sum() - n[0, 0])  # of the masks, as in lesson 0
    grown = overlap_table(thinned(predicted), truth)
    return np.array([iou, seg_score(n), f1_score(n), *rand_scores(grown)])


truth = validation.instances[0]
moved = np.roll(truth, 3, axis=1)
package = [measure(moved, truth) for measure in (tu.metrics.seg, tu.metrics.f1, tu.metrics.v_rand)]
mine = scores(moved, truth)
print(", ".join(f"{name} {value:.3f}" for name, value in zip(MEASURES, mine, strict=True)))
measured("your SEG, F1 and V_Rand less the package's", abs(mine[1:4] - package).max())

# %% [markdown]
# ## Break it on purpose: what does each score see?
#
# Take the true cells and damage every fourth of them, in one way at a time:
#
# - **merged**: it gets the number of a cell that touches it;
# - **cut**: its lower half becomes another cell;
# - **missed**: it becomes background;
# - **ghosts**: as many small discs are added where there is nothing;
# - **thin**: all cells lose their outermost pixels.
#
# **Predict** some of the table of 5 rows and 6 scores.

# %%
predict("every fourth cell merged: IoU of the masks", 0.9)
predict("every fourth cell cut: merge", 0.8)
predict("ghosts: SEG", 0.8)
predict("ghosts: F1", 0.8)
predict("all cells thin: SEG", 0.95)


# %%
def damaged(truth, how):
    """Return a map of cells with one kind of flaw."""
    cells, rows = truth.copy(), np.arange(len(truth))[:, None]
    grow = ndimage.binary_dilation  # a pixel up, down, left and right, each time
    for k in range(1, truth.max() + 1, 4):
        here = truth == k
        if how == "merged":
            beside = cells[grow(here) & (cells > 0) & (cells != k)]
            if beside.size:
                cells[here] = beside[0]
        elif how == "cut":
            cells[here & (rows > rows[here.any(axis=1)].mean())] = cells.max() + 1
        elif how == "missed":
            cells[here] = 0
        elif how == "ghosts":
            free = np.argwhere(~grow(cells > 0, iterations=5))
            if len(free):
                disc = np.zeros_like(here)
                disc[tuple(free[len(free) // 2])] = True
                cells[grow(disc, iterations=2)] = cells.max() + 1
    if how == "thin":
        cells[tu.metrics.boundary.outline(truth)] = 0
    return consecutive(cells)


flaws = ("merged", "cut", "missed", "ghosts", "thin")
seen = np.array(
    [np.mean([scores(damaged(t, how), t) for t in validation.instances], axis=0) for how in flaws]
)
value = {(how, m): seen[i, k] for i, how in enumerate(flaws) for k, m in enumerate(MEASURES)}
measured("every fourth cell merged: IoU of the masks", value["merged", "IoU"])
measured("every fourth cell cut: merge", value["cut", "merge"])
measured("ghosts: SEG", value["ghosts", "SEG"])
measured("ghosts: F1", value["ghosts", "F1"])
measured("all cells thin: SEG", value["thin", "SEG"])

# %% jupyter={"source_hidden": true} alt="A table of five kinds of damage and six scores, darker where a score falls more. IoU stays 1 for merged and cut cells, SEG for ghosts, F1 nearly for thin ones; merge falls most where cells are merged or missed."
figure, axis = plt.subplots(figsize=(6, 2.9), layout="constrained")
axis.imshow(seen, cmap="Oranges_r", vmin=0.3, vmax=1, aspect="auto")
for (i, k), number in np.ndenumerate(seen):
    text = "1" if number == 1 else f"{number:.3f}"
    axis.text(k, i, text, ha="center", va="center", color="0.6" if number == 1 else "black")
axis.set_xticks(range(len(MEASURES)), MEASURES)
axis.set_yticks(range(len(flaws)), flaws)
axis.tick_params(length=0, labeltop=True, labelbottom=False)
axis.spines[:].set_visible(False)
plt.show()

# %% [markdown]
# (A gray 1 is exactly 1.) What falls most: *merge* where cells are merged or missed, SEG where they
# are cut (just before F1 and *split*) or thin, F1 where there are ghosts. No score sees everything.
#
# - **IoU** of masks does not notice at all when cells are merged or cut.
# - **SEG** does not notice ghosts, and is strict about outlines.
# - **F1** at 0.5 sees what was missed, merged, cut or invented, but not that all cells are thin.
# - **V_Rand** sees merging and cutting, and its two parts tell which of the two. It does not notice
#   ghosts (they lie outside of the true cells) nor thin outlines (they grow again). That a missed
#   cell lowers it is due to the growing, too: its pixels go to a neighbour, like a merger.
#
# So one reports several. We choose by SEG, and look at all.

# %% [markdown]
# ## Training
#
# The whole recipe in one cell: a U-Net with 8 channels on its first level and three poolings; Adam;
# the weight map of lesson 12 (`weights="auto"`: $w_0 = 10$, $\sigma = 2$, no class balance);
# windows of 128 pixels, turned and mirrored at random. `fit` scores the validation images twelve
# times by SEG, and in the end the network gets back the parameters of the best moment. Two seeds,
# since one may be lucky.
#
# **Predict** when the best moment comes, in percent of the 400 steps, in the mean of the seeds. And
# before you see any score of these networks: which SEG and which F1 will they have on the test
# images?

# %%
predict("best moment, in percent of the steps", 100)
predict("U-Net on the test images: SEG", 0.7)
predict("U-Net on the test images: F1", 0.8)

# %% alt="For each of two seeds the training loss, which falls, the SEG on validation images, which rises steeply and then levels off above 0.9 with a star at the best moment, and a validation image with its truth, the probability and the predicted cells."
steps = 6 if small else 400
models, moments = [], []
for seed in range(2):
    model = tu.UNet(base_channels=8, depth=3, padding="same", seed=seed)
    history = tu.fit(
        model,
        training,
        validation,
        optimizer=tu.Adam(model, lr=0.006),
        steps=steps,
        batch_size=2 if small else 8,
        weights="auto",
        seed=seed,
        callbacks=[tu.plots.Live()],
        progress=False,
    )
    models.append(model.eval())
    moments.append(history.best_step)
    print(f"seed {seed}: best SEG {history.best_score:.3f}, at step {history.best_step}")
measured("best moment, in percent of the steps", 100 * np.mean(moments) / steps)

# %% [markdown]
# Towards the end the learning rate falls to 0 and little changes, so the best moment (the star)
# wins by a hair. At the second look the two seeds differ far more in SEG than in the loss. One
# bridge between two cells can cost SEG a whole cell. In the loss it is still a few pixels of many,
# even if the weight map counts each of them seven times. We want cells, so the moment is chosen by
# SEG and not by the loss.
#
# From probabilities to cells it is one more step, `tu.instances`: pixels above a threshold are
# cell, and what hangs together is parted where the network is surest of several cells. How that
# works, and what can go wrong with a threshold, is the subject of [lesson
# 20](20_how_sure_can_one_be.ipynb). Here the package chooses the threshold, by SEG on the
# validation images.

# %%
cut = [choose_threshold(model, validation) for model in models]
print("thresholds:", *cut)

# %% [markdown]
# ## The test
#
# Everything is chosen now. So take the test images out of the drawer, for the first and the last
# time. The rivals of the U-Net learn nothing:
#
# - **Otsu + components**: every connected region above Otsu's threshold is a cell;
# - **Otsu + distance peaks**: for each pixel of Otsu's foreground, how far is it to the background?
#   This distance has a peak in the middle of each round cell, also where cells touch. Every peak
#   becomes a cell, and each pixel goes to the nearest peak in its region;
# - **perfect mask**: the true foreground, every pixel of it, and connected regions as cells;
# - **perfect mask, parted**: the true foreground with one pixel between cells, what our network was
#   taught. This is our ceiling.
#
# **Predict**: is the U-Net's SEG higher than that of the perfect mask, or lower?

# %%
predict("SEG of the U-Net, beside a perfect mask", "lower", choices=("higher", "lower"))


# %%
def unet(seed):
    """Return a function from an image (H, W, 1) to the cells that a network finds."""
    return lambda x: tu.instances(tu.predict_image(models[seed], x), cut[seed])


answers = {  # for each seed, or once: the cells in every test image
    "Otsu + components": [[otsu_components(x) for x in test.images]],
    "Otsu + distance peaks": [[otsu_peaks(x) for x in test.images]],
    "U-Net": [[unet(seed)(x) for x in test.images] for seed in range(2)],
    "perfect mask": [[components(truth > 0) for truth in test.instances]],
    "perfect mask, parted": [[tu.instances(tu.separate(truth) > 0) for truth in test.instances]],
}
results = {  # (seeds, images, measures)
    name: np.array(
        [[scores(c, t) for c, t in zip(run, test.instances, strict=True)] for run in runs]
    )
    for name, runs in answers.items()
}
print(" " * 22 + "".join(f"{m:>8}" for m in MEASURES))
for name, values in results.items():
    print(f"{name:22}" + "".join(f"{v:8.3f}" for v in values.mean(axis=(0, 1))))
measured("U-Net on the test images: SEG", results["U-Net"][..., 1].mean())
measured("U-Net on the test images: F1", results["U-Net"][..., 2].mean())
higher = results["U-Net"][..., 1].mean() > results["perfect mask"][..., 1].mean()
measured("SEG of the U-Net, beside a perfect mask", "higher" if higher else "lower")

# %% [markdown]
# Is that more than luck? Take differences image by image (after the mean over the seeds), with
# their standard errors over the images. The same image is hard for all methods, so a difference is
# known much better than the two scores are.

# %%
print(" " * 38 + "SEG             F1")
for better, worse in (
    ("U-Net", "Otsu + components"),
    ("U-Net", "Otsu + distance peaks"),
    ("U-Net", "perfect mask"),
    ("perfect mask, parted", "U-Net"),
):
    difference = results[better].mean(axis=0) - results[worse].mean(axis=0)
    mean, error = difference.mean(axis=0), difference.std(axis=0, ddof=1) / len(difference) ** 0.5
    texts = [f"{mean[k]:+.3f} ± {error[k]:.3f}" for k in (1, 2)]
    print(f"{better:20} - {worse:21}", *texts)
worst = results["U-Net"][..., 1].mean(axis=1).min()  # of the seeds
measured("SEG: worst seed less Otsu", worst - results["Otsu + components"][..., 1].mean())
measured("SEG: worst seed less peaks", worst - results["Otsu + distance peaks"][..., 1].mean())

# %% jupyter={"source_hidden": true} alt="F1 on the test images against the IoU that a match must exceed. The U-Net stays near 1 until about 0.8 and falls then; Otsu with distance peaks falls earlier, Otsu and the perfect mask start below 0.5."
levels = np.arange(0.5, 1, 0.05)
figure, axis = plt.subplots(figsize=(7.5, 3), layout="constrained")
for name, colour, style in (
    ("U-Net", BLUE, "o-"),
    ("Otsu + distance peaks", ORANGE, "^-"),
    ("Otsu + components", "0.5", "v-"),
    ("perfect mask", "black", ":"),
):
    pairs = [(c, t) for run in answers[name] for c, t in zip(run, test.instances, strict=True)]
    tables = [overlap_table(c, t) for c, t in pairs]
    values = [np.mean([f1_score(n, level) for n in tables]) for level in levels]
    axis.plot(levels, values, style, color=colour, markersize=4, label=name)
axis.set_ylim(0, 1.02)
axis.set_xlabel("IoU that a match must exceed")
axis.set_ylabel("F1 on the test images")
axis.legend(frameon=False, fontsize=10, loc="upper left", bbox_to_anchor=(1, 1))
axis.spines[["top", "right"]].set_visible(False)
plt.show()

# %% jupyter={"source_hidden": true} alt="A test image with its truth, the cells found by Otsu with distance peaks and by the U-Net, and their errors. The U-Net parts nearly all cells and gets their outlines nearly right."
i = results["Otsu + distance peaks"][0, :, 1].argsort()[len(test) // 2]  # a middling image
pair = ("Otsu + distance peaks", "U-Net")
tu.plots.compare(
    [test.images[i]] * 2,
    [test.instances[i]] * 2,
    [answers[name][0][i] for name in pair],
    captions=[f"{name}: SEG {results[name][0, i, 1]:.2f}" for name in pair],
)

# %% [markdown]
# - **Against Otsu**: in SEG each seed is far above both rivals that learn nothing.
# - **Against the perfect mask**: most of these cells touch (about three in four in lesson 12), so
# to
#   know all of the foreground, and nothing of where cells part, is of little use. A network that
#   learned where cells *part* beats it easily.
# - **To the ceiling**: nearly all cells are found, but the F1 curve falls towards the right. What
#   is missing are tight outlines.
# - The errors behind the ± are over images. They say nothing about other seeds: for that one has to
#   train again.
#
# ## And real cells?
#
# Here is a real image, nuclei under a fluorescence microscope, from the [2018 Data Science
# Bowl](https://doi.org/10.1038/s41592-019-0612-7). Experts have numbered them. Our networks have
# seen invented cells only. **Predict** the SEG of the first one on it, and that of Otsu with
# distance peaks.

# %%
predict("real nuclei: SEG of our network", 0.4)
predict("real nuclei: SEG of Otsu + distance peaks", 0.5)

# %% alt="A real microscope image of nuclei with their truth; in one row what our network found, trained on synthetic cells, in the other what a network trained on real nuclei found, with the errors beside it."
real = tu.data.microscope_picture()
ours = unet(0)(real.image)
measured("real nuclei: SEG of our network", seg_score(overlap_table(ours, real.truth)))
peaks = seg_score(overlap_table(otsu_peaks(real.image), real.truth))
measured("real nuclei: SEG of Otsu + distance peaks", peaks)
other = seg_score(overlap_table(real.answer, real.truth))
measured("real nuclei: SEG of a network trained on real ones", other)
tu.plots.compare(
    [real.image] * 2,
    [real.truth] * 2,
    [ours, real.answer],
    captions=["our network, from synthetic cells", "a network trained on real nuclei"],
)

# %% [markdown]
# **A victory on synthetic images is a victory on synthetic images.** Our network finds most of
# these nuclei, though it has never seen one. But nothing is gained over distance peaks here, not
# even by a network that was trained on real nuclei: few of them touch. One picture proves
# nothing, in either direction; others of the collection look quite different. So train on many:
# real nuclei, the same settings, three seeds and all of lesson 20 gave, on 25 test images with
# 1,010 nuclei,
#
# | | SEG | F1 |
# |---|---|---|
# | Otsu + components | 0.585 | 0.700 |
# | Otsu + distance peaks | 0.634 | 0.789 |
# | U-Net | 0.695 (0.692 to 0.698) | 0.851 |
# | perfect mask | 0.854 | 0.892 |
# | perfect mask, parted | 0.994 | 0.998 |
#
# It beats plain Otsu by 0.111 ± 0.025 in SEG, but distance peaks only by 0.061 ± 0.026: little more
# than two errors, so probably, but not surely, more than luck. And the perfect mask, so poor on our
# cells, is far ahead here. Real nuclei touch less often, so more depends on finding the foreground.
# That helps Otsu, too. And they are more varied than ours. Are 400 steps too few for them? Or 60
# images? Both are easy to try, now that you can tell a difference from luck.
#
# ## Your network on a web page
#
# Whoever is to use your network need not install anything. This writes a folder with your first
# network as a file in the format ONNX, which browsers can run, and a page around it.

# %%
try:
    tu.export_web(models[0], "my_page", threshold=cut[0], title="My own U-Net")
    print("the page is my_page/index.html")
except ImportError as missing:
    print(missing)

# %% [markdown]
# To see it, open a terminal in the folder of this notebook, run `python -m http.server -d my_page`,
# and open `http://localhost:8000` in a browser. (The page fetches the program that computes from
# the net, once.) Drop an image on it: it is segmented there, on your own machine, and is sent
# nowhere. Move the threshold and watch the count. **Which images does your network get wrong?** Try
# your own, and pictures that hold no cells at all. How to show it to others stands in
# `docs/export.md`.
#
# ## Quiz
#
# **Twenty ghosts.** A network invents twenty cells where there is only background. Which score does
# not notice?
#
# - a) SEG
# - b) F1
# - c) IoU of the masks

# %%
quiz("twenty ghosts", "a")

# %% [markdown]
# **Two in one.** Two true cells of 10 pixels each, and one predicted cell that is both of them,
# exactly.
#
# - a) SEG 1, F1 at 0.5 is 2/3
# - b) SEG 0.5, F1 at 0.5 is 0
# - c) SEG 0, F1 at 0.5 is 0

# %%
quiz("two in one", "b")

# %% [markdown]
# **Thin outlines.** All cells are one pixel too thin, and V_Rand is nearly 1. Why?
#
# - a) It looks at cells, not at pixels.
# - b) The predicted cells grow before they are scored.
# - c) It is a mean of two numbers.

# %%
quiz("thin outlines", "b")

# %% [markdown]
# **The wrong heap.** Somebody chooses the best moment of training on the test images. The reported
# score is ...
#
# - a) too good: some of it is luck that other images will not have.
# - b) right, since no weight was fitted to them.
# - c) too low, since fewer images are left to train on.

# %%
quiz("the wrong heap", "a")

# %% [markdown]
# **Is it luck?** Scores scatter from image to image by 0.1, and two methods differ by 0.03 in the
# mean of 25 images. What tells whether that is luck?
#
# - a) 0.03 is less than 0.1, so it is.
# - b) The standard error of the differences, image by image.
# - c) The number of pixels in all images together.

# %%
quiz("is it luck", "b")

# %% [markdown]
# ## What you know now
#
# - A table of overlaps $n_{ij}$ gives every score of cells. SEG asks how well true cells fit, F1
#   whether cells were found, V_Rand whether pixels stay together. Each is blind to something.
# - Training images to learn, validation images to choose, test images once.
# - A result is a difference from a rival, with its error.
#
# The package's versions are `tinyunet/metrics/cells.py` and `tinyunet/metrics/partitions.py`;
# `tinyunet train` does all of this in one command.
#
# Next is [lesson 20](20_how_sure_can_one_be.ipynb): what stands between a probability and a cell,
# and more from the same network. In [lesson 14](14_how_fast_can_numpy_go.ipynb) we look under the
# hood: how fast can NumPy go?
