# ---
# jupyter:
#   tinyunet:
#     lesson: 21
#     title: "Which loss?"
#     time: 2 min
# ---

# %% [markdown]
# # Lesson 21: Which loss?
#
# *About two minutes of computing and 50 minutes of reading and writing. Read it after
# [lesson 12](12_touching_cells.ipynb) (the weight map, merged cells, SEG); you also need
# [lesson 5](05_a_loss_for_every_pixel.ipynb) (softmax and its gradient).*
#
# The weight map of lesson 12 made a network part cells that touch. Two people are not impressed.
# One says that a better loss needs no weights. The other says that it was only a matter of the
# threshold. Both can be asked in numbers. After this lesson you can
#
# - derive a second loss, **Dice**, with its gradient, down to the logits;
# - say what it balances by itself;
# - compare two networks fairly where each could be had at other thresholds, too.
#
# There are three exercises.

# %%
import matplotlib.pyplot as plt
import numpy as np

import tinyunet as tu
from tinyunet.data import Batches
from tinyunet.exercises import check, measured, predict, quiz, small

plt.rcParams["figure.dpi"] = 110
BLUE, ORANGE = "#0072b2", "#d55e00"

# %% [markdown]
# ## Overlap with a slope
#
# The loss of lesson 5 is a mean over pixels, so what is rare counts little. Instead of mending that
# mean by weights, one can drop it. [Lesson 0](00_pixels_to_labels.ipynb) judged masks by IoU, which
# has no slope. A close relative can be given one. The **Dice** overlap of a predicted mask $P$ and
# the true one $T$ is, with $|\cdot|$ for a number of pixels,
#
# $$ D = \frac{2\, |P \cap T|}{|P| + |T|} . $$
#
# **Predict**: two masks have an IoU of 0.5. What is their Dice?

# %%
predict("Dice of two masks with an IoU of 0.5", 0.5)

# %% [markdown]
# Now let $p$ be the probability of "cell" at each pixel instead of 0 or 1, and $g$ the truth,
# 0 or 1. If $p$ happens to be 0 or 1, then $|P \cap T| = \sum p g$, $|P| = \sum p^2$ and
# $|T| = \sum g^2$. So define for *any* $p$
#
# $$ D = \frac{A}{B} , \qquad A = 2 \sum w\, p\, g + s , \qquad B = \sum w\, (p^2 + g^2) + s . $$
#
# This is the form of V-Net ([Milletari et al. 2016](https://arxiv.org/abs/1606.04797)). We have put
# in a weight $w$ for each pixel; with $w = 1$ it is theirs. The small number $s$ saves us from
# $0/0$. The sums go over all pixels of the batch. The loss is $1 - D$.
#
# ### Exercise 1: soft Dice


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
P, T = np.zeros((2, 1, 3, 4))  # two masks of 3 pixels, 2 of them in common
P[0, 0, :3] = T[0, 0, 1:] = 1
print(f"IoU {tu.metrics.iou(P > 0, T > 0):.2f}")
measured("Dice of two masks with an IoU of 0.5", dice(P, T, np.ones_like(P), 0))

# %% [markdown]
# In general $D = 2\,\text{IoU} / (1 + \text{IoU})$, since $|P \cup T| = |P| + |T| - |P \cap T|$:
# the two always agree about which of two masks is better.
#
# **Derive** the gradient. One pixel's $p$ occurs once in $A$ and once in $B$:
#
# $$ \frac{\partial A}{\partial p} = 2 w g , \qquad \frac{\partial B}{\partial p} = 2 w p . $$
#
# With the rule for quotients, and $A = D B$ put in,
#
# $$ \frac{\partial D}{\partial p} = \frac{2 w g \, B - A \, 2 w p}{B^2} = \frac{2 w \, (g - p\,
# D)}{B} . $$
#
# ### Exercise 2: its gradient


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
# A network gives logits $z$, and $p$ is their softmax over the classes, so one more step of the
# chain rule is due. In lesson 5 we saw that the derivative of $\log p_j$ by $z_k$ is $[j = k] -
# p_k$. That of $p_j$ is $p_j$ times as large. All classes of one pixel act on $z_k$, so add up:
#
# $$ dz_k = \sum_j dp_j \, p_j \, ([j = k] - p_k) = p_k \Big( dp_k - \sum_j dp_j \, p_j \Big) . $$
#
# ### Exercise 3: back through the softmax
#
# The classes are the last axis.


# %% nbgrader={"grade": false, "grade_id": "softmax_gradient", "locked": false, "schema_version": 3, "solution": true, "task": false}
def softmax_gradient(dp, p):
    """Return dz from dp and p, all (N, H, W, K)."""
    ### BEGIN SOLUTION
    return p * (dp - (dp * p).sum(axis=-1, keepdims=True))
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_softmax_gradient", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check.softmax_gradient(softmax_gradient)

# %% [markdown]
# **Check** the whole loss: 1 minus the mean of $D$ over both classes, background and cell.


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
    dp = [-dice_gradient(p[..., k], g[..., k], w, 1.0) / len(classes) for k in classes]
    return softmax_gradient(np.stack(dp, axis=-1), p)


rng = np.random.default_rng(0)
z, t = rng.standard_normal((2, 3, 4, 2)), rng.integers(0, 2, (2, 3, 4))
v = rng.uniform(0.5, 3, t.shape)  # weights
report = tu.check_function(
    lambda z: dice_loss(z, t, v), lambda dy, z: dy * dice_loss_gradient(z, t, v), z
)
measured("Dice loss: worst relative error of the gradient", report.worst)
loss = tu.DiceLoss()
measured("your Dice loss less tu.DiceLoss", abs(loss(z, t, v) - dice_loss(z, t, v)))
gap = abs(loss.backward() - dice_loss_gradient(z, t, v)).max()
measured("your gradient less that of tu.DiceLoss", gap)

# %% [markdown]
# ## Will it find the borders?
#
# Look at $D$ again: background that is called background has $p = g = 0$ and appears in no sum. So
# Dice balances the classes by itself, and people like it where cells are rare. The thin borders of
# lesson 12 are rare as well: three pixels in a thousand. How much of $\sum p g$ is at stake there?
#
# We train the same small U-Net in four ways, with equal numbers of steps and three seeds: with the
# cross-entropy of lesson 5 and with Dice, each without weights and with the border term ($w_0 =
# 10$, $\sigma = 5$). All masks have borders. (`small` is true in quick trial runs only.)
#
# **Predict** how many of the 185 cells of the test images are merged, in the mean of the seeds. (In
# lesson 12 it was about 140 with cross-entropy alone and 40 with the border term.)

# %%
predict("merged with Dice, without weights", 60)
predict("merged with Dice and the border term", 20)

# %%
data = tu.data.synthetic_cells(6 if small else 40, size=128, seed=0)
test = tu.data.synthetic_cells(2 if small else 10, size=128, seed=1)
true_cells = sum(cells.max() for cells in test.instances)
numbers = [tu.separate(cells) for cells in data.instances]
borders = [tu.weight_map(cells, 10, 5, class_weights=(1, 1)) for cells in numbers]
images = tu.data.Dataset(data.images, [cells > 0 for cells in numbers])
side, steps = (32, 8) if small else (64, 250)


def scores(maps, threshold=0.5):
    """Return merged cells (of all test images), SEG and the mask's IoU (means over the images)."""
    found = [tu.instances(p, threshold, core=None) for p in maps]
    pairs = list(zip(found, test.instances, strict=True))
    merged = sum(tu.metrics.merged(f, t) for f, t in pairs)
    seg = np.mean([tu.metrics.seg(f, t) for f, t in pairs])
    return merged, seg, np.mean([tu.metrics.iou(f > 0, t > 0) for f, t in pairs])


def trained(loss, weights, seed):
    """Train a new U-Net; return its probability of "cell" (H, W) for each test image."""
    batches = Batches(images, weights, 2, (side, side), (side, side), augment=True, seed=seed)
    model = tu.UNet(base_channels=8, depth=2, padding="same", seed=seed)
    optimizer = tu.Adam(model, 0.004)
    for i in range(steps):
        optimizer.lr = 0.004 * tu.rate_factor("cosine", i, steps)  # falls to 0
        x, labels, w = batches[i]
        loss(model(x), labels, w)
        model.backward(loss.backward(), input_gradient=False)
        optimizer.step()
        progress()
    return [tu.predict_image(model, image)[..., 1] for image in test.images]


# %% alt="Three panels, four rows of dots: merged cells, SEG and IoU of the mask for cross-entropy and Dice, each without weights and with the border term. The border term decides; the two losses differ little."
ways = {
    "cross-entropy": (tu.SoftmaxCrossEntropy(), None),
    "cross-entropy, border term": (tu.SoftmaxCrossEntropy(), borders),
    "Dice": (tu.DiceLoss(), None),
    "Dice, border term": (tu.DiceLoss(), borders),
}
results = {name: [] for name in ways}  # for each seed: merged, SEG, IoU
predicted = {name: [] for name in ways}  # for each seed: the probabilities of all test images
titles = (f"merged, of {true_cells}", "SEG", "IoU of the mask")


def draw():
    return tu.plots.score_dots(results, titles)


progress = tu.plots.Growing(3 * len(ways) * steps, draw)
for seed in range(3):
    for name, (loss, weights) in ways.items():
        predicted[name].append(trained(loss, weights, seed))
        results[name].append(scores(predicted[name][-1]))
progress(0)  # the last network is in the picture, too

# %%
means = {name: np.mean(rows, axis=0) for name, rows in results.items()}
for name, (merged, seg, iou) in means.items():
    print(f"{name:27} merged {merged:3.0f}, SEG {seg:.2f}, IoU {iou:.2f}")
measured("merged with Dice, without weights", means["Dice"][0])
measured("merged with Dice and the border term", means["Dice, border term"][0])

# %% [markdown]
# **Dice does not find borders by itself**: a few pixels more or less hardly change its sums. What
# it balances are classes, and the borders are a small part of a large class. With the border term
# in its sums it does, about as well as the cross-entropy. So here it is the weights that count, and
# hardly the loss. (With cells that are rare it may be otherwise. Ours cover a quarter of the
# image.)
#
# ## Is it only a threshold?
#
# The sceptic says: the map makes the network say "background" more often, that is all. The same
# comes for free: take the network without a map, and ask for a probability of 0.9 instead of 0.5.
# Cells become thinner and fall apart.
#
# To be fair, compare at equal cost. Thin cells cost IoU. So for each seed, raise the threshold of
# the network without weights until its IoU has fallen to that of the network with the border term,
# and count merged cells there. **Predict** how many.

# %%
predict("merged by a threshold, at the IoU of the border term", 60)

# %%
thresholds = (0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.98)
contest = ("cross-entropy", "cross-entropy, border term")
curves = {  # (thresholds, seeds, scores)
    name: np.array([[scores(maps, t) for maps in predicted[name]] for t in thresholds])
    for name in contest
}
by_threshold = []
for seed, (merged, _, iou) in enumerate(results["cross-entropy, border term"]):
    line, _, falling = curves["cross-entropy"][1:, seed].T  # from 0.5 up: the IoU falls
    by_threshold.append(np.interp(iou, falling[::-1], line[::-1]))
    print(f"seed {seed}, IoU {iou:.3f}: merged {merged} with the border term, ", end="")
    print(f"{by_threshold[-1]:.0f} by a threshold")
measured("merged by a threshold, at the IoU of the border term", np.mean(by_threshold))
more = np.array(by_threshold) - np.array(results["cross-entropy, border term"])[:, 0]
measured("more merged by the threshold, least of the seeds", more.min())

# %% jupyter={"source_hidden": true} alt="Merged cells against the IoU of the mask, a curve for each network, from threshold 0.3 to 0.98. At every IoU the networks with the border term lie far below those without."
figure, axis = plt.subplots(figsize=(7.5, 3.6), layout="constrained")
for (name, curve), colour, style in zip(curves.items(), (BLUE, ORANGE), ("o-", "s--"), strict=True):
    for seed in range(3):
        merged, _, iou = curve[:, seed].T
        label = None if seed else name
        axis.plot(iou, merged, style, color=colour, linewidth=1, markersize=4, label=label)
    for t, x, y in zip(thresholds, iou, merged, strict=True):  # of the last seed
        axis.annotate(f"{t}", (x, y), (6, -9), textcoords="offset points", fontsize=9, color=colour)
axis.set_xlabel("IoU of the mask")
axis.set_ylabel("merged cells")
axis.set_ylim(bottom=0)
axis.legend(frameon=False)
axis.grid(color="0.93")
axis.spines[["top", "right"]].set_visible(False)
plt.show()

# %% [markdown]
# Each curve is a network, and the numbers are thresholds. (Below the best threshold the curves bend
# back: cells get too fat, so the IoU falls again, and more of them merge.)
#
# No, the sceptic is not right: at the same IoU, the networks with a border term merge far fewer
# cells. They have *looked for* the borders; a threshold only makes everything thinner. It is right
# that a threshold moves each network along its own curve: so do not compare two networks at one
# threshold alone.
#
# A part of a test image, without and with the border term. Pink outlines are merged cells.

# %% jupyter={"source_hidden": true} alt="Two rows: image, truth, prediction and errors. Without the border term chains of cells are outlined as merged; with it most are parted, and all are a little thinner."
part = np.s_[48:120, 24:96]
found = [tu.instances(predicted[name][0][1], core=None) for name in contest]  # seed 0, image 1
captions = [
    f"{name}: {tu.metrics.merged(cells, test.instances[1])} merged in all of the image"
    for name, cells in zip(contest, found, strict=True)
]
tu.plots.compare(
    [test.images[1][part]] * 2,
    [test.instances[1][part]] * 2,
    [cells[part] for cells in found],
    captions=captions,
)

# %% [markdown]
# ## Quiz
#
# **All background.** A network calls every pixel background, with certainty. One image has no cell.
# What is $s$ for?
#
# - a) Without it, $D$ of the cells would be $0 / 0$ there.
# - b) It makes small cells count as much as large ones.
# - c) It keeps the gradient from getting too large.

# %%
quiz("all background", "a")

# %% [markdown]
# **Ten times the background.** An image is put into a frame of black, all of it surely background
# for the network. What happens to the cells' $D$, and to the mean cross-entropy?
#
# - a) Both get better.
# - b) $D$ stays, the cross-entropy falls.
# - c) $D$ falls, the cross-entropy stays.

# %%
quiz("ten times the background", "b")

# %% [markdown]
# **Why Dice misses borders.** It balances classes. Why not borders?
#
# - a) Its gradient is 0 on lines of one pixel.
# - b) It needs more steps than the cross-entropy.
# - c) The border's pixels are a small part of the sums, of either class.

# %%
quiz("why Dice misses borders", "c")

# %% [markdown]
# **A sum that is 0.** What is $\sum_k dz_k$ of a pixel behind the softmax, whatever the loss?
#
# - a) 0: the same number added to all logits changes no probability.
# - b) 1, as the sum of the probabilities.
# - c) $\sum_k dp_k$: the softmax only passes it on.

# %%
quiz("a sum that is 0", "a")

# %% [markdown]
# **Two networks, one threshold.** At 0.5, network A merges 40 cells and B 80. A's IoU is lower. You
# conclude:
#
# - a) A is better, for it merges fewer cells.
# - b) B is better, for IoU judges the masks.
# - c) Nothing yet.

# %%
quiz("two networks, one threshold", "c")

# %% [markdown]
# ## What you know now
#
# - Dice: $D = A / B$, and $\partial D / \partial p = 2 w (g - p D) / B$; through the softmax, $dz_k
#   = p_k (dp_k - \sum_j dp_j\, p_j)$.
# - It balances classes, not parts of a class. What is rare *within* a class has to be weighed.
# - A threshold moves a network along a curve of gain against cost. Compare curves, or compare at
#   equal cost.
#
# The package's version is `tinyunet/losses/dice.py`. In [lesson 13](13_real_cells.ipynb) all of it
# meets real cells; what else a threshold can do is the subject of
# [lesson 20](20_how_sure_can_one_be.ipynb).
