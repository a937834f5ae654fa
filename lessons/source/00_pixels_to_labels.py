# ---
# jupyter:
#   tinyunet:
#     lesson: 0
#     title: Pixels to labels
#     time: 10 s
# ---

# %% [markdown]
# # Lesson 0: Pixels to labels
#
# *About 10 seconds of computing and 70 minutes of reading and writing. You need:
# NumPy arrays and their arithmetic.*

# %%
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

import tinyunet as tu
from tinyunet.exercises import check, measured, predict, quiz, small
from tinyunet.plots import draw_numbers
from tinyunet.segmentation import components, otsu_threshold

plt.rcParams["figure.dpi"] = 110

# %% [markdown]
# ## You will build this
#
# On the left is a real image: nuclei of cells, stained so that they shine, under a microscope. A
# biologist wants to know how many there are, how large, how bright. On the right, somebody has
# drawn a line around each. That was a **U-Net**: a **network**, a function with very many numbers
# inside, which it learns from examples. It had seen 90 other images, and never this one. By
# the end of [lesson 7](07_the_u.ipynb) you will have built one yourself, in NumPy; in
# [lesson 8](08_training.ipynb) it learns.

# %% jupyter={"source_hidden": true} alt="Left, a gray microscope image with many bright round nuclei, some of which touch. Right, the same image with a thin coloured outline around each nucleus that the network found."
picture = tu.data.microscope_picture()
figure, axes = plt.subplots(1, 2, figsize=(8, 4.3), layout="constrained")
axes[0].imshow(tu.plots.visible(picture.image))
axes[0].set_title("what the microscope saw")
axes[1].imshow(tu.plots.overlay(picture.image, picture.answer))
axes[1].set_title("what a U-Net found")
for axis in axes:
    axis.axis("off")
plt.show()

# %% [markdown]
# (Training takes minutes, so this answer was stored beforehand. The image is one of the 2018 Data
# Science Bowl, CC0, from the [Broad Bioimage Benchmark
# Collection](https://bbbc.broadinstitute.org/BBBC038).)
#
# Look for a minute. Which nuclei would you outline otherwise? Where two touch, are they two? Then
# **predict**, without counting: how many nuclei did the network find? An expert outlined them, too:
# who found more?
#
# You write what you expect in place of the dots, and run the cell. It is kept, and the cell that
# measures says how far off you were. Nobody minds a wrong one: what surprises you, you remember.

# %%
predict("nuclei that the network found", 50)
predict("more nuclei were outlined by", "the network", choices=("the expert", "the network"))

# %%
found, painted = picture.answer.max(), picture.truth.max()  # nuclei are numbered from 1
measured("nuclei that the network found", found)
measured("more nuclei were outlined by", "the network" if found > painted else "the expert")

# %% [markdown]
# To know for every single pixel what it shows, cell or background, is called **segmentation**.
# Before we build a network, we should know what it has to deliver, how to tell whether that is any
# good, and how far one gets without it. After this lesson you can
#
# - turn a network's scores into a label for every pixel;
# - say why "nearly all pixels are right" may mean nothing at all, and measure something better;
# - find cells without any learning, by Otsu's threshold of 1979, and say where that fails.
#
# There are four exercises. `check.NAME(NAME)` tells you at once what is right and what is not, and
# `check.hint("NAME")` gives up to three hints. Five questions close the lesson: `quiz`. Where a
# cell says `3 if small else 20`, take the last number: `small` is True only in quick tests of the
# lesson.

# %% [markdown]
# ## Both are arrays
#
# A gray image is an array of numbers, one for each pixel: 0 is black, 1 is white. The answer that
# we want is an array of the same shape. It holds a **label** for each pixel: 0 for background, 1
# for cell. With more kinds of things there would be a 2, a 3, and so on; each kind is called a
# **class**.
#
# The other images of this lesson are drawn by the package, with everything that makes real ones
# hard: cells touch, some are pale, the light is uneven. So the right labels are known: they are
# called the **truth**. For a real image, an expert has to paint them by hand. Where two cells
# touch, the truth leaves a line of background between them, one pixel wide: look into the frame.

# %%
data = tu.data.synthetic_cells(3 if small else 20, size=128, seed=0)
image = data.images[0][..., 0]  # (H, W): there is one channel only
truth = data.labels[0].astype(int)  # (H, W)
print("image:", image.shape, image.dtype, " truth:", truth.shape, "labels", np.unique(truth))

# %% jupyter={"source_hidden": true} alt="A drawn image of bright blobs and its truth in black and white, each with a small frame; below, the 7 by 7 gray values in the frame, and the same pixels' labels: ones, with a line of zeros between two cells."
figure, axes = plt.subplots(2, 2, figsize=(6.6, 6.8), layout="constrained")
axes = axes.ravel()
top, left, side = 68, 99, 7
for axis, array, title in zip(axes, (image, truth), ("image", "truth"), strict=False):
    axis.imshow(array, cmap="gray")
    axis.add_patch(plt.Rectangle((left, top), side, side, fill=False, color="#d55e00", linewidth=2))
    axis.set_title(title)
    axis.axis("off")
part = slice(top, top + side), slice(left, left + side)
draw_numbers(axes[2], np.round(image[part], 2), "in the frame: image", fontsize=10)
draw_numbers(axes[3], truth[part], "in the frame: truth", fontsize=11)
plt.show()

# %% [markdown]
# ## From scores to labels
#
# A network does not say "cell". For every pixel it gives a number to every class, a **score**: the
# larger it is, the more the pixel looks like that class. (The field's word for such scores is
# *logits*.) So its output is an array `(H, W, C)`: height, width, classes.
#
# To get a label, take the class whose score is the largest. The place of the largest number is
# called the **argmax**, and with $c$ for the class:
#
# $$ \text{label}[i, j] \;=\; \operatorname*{argmax}_c \; \text{score}[i, j, c] $$
#
# Here are 3 by 4 pixels with scores for three classes.

# %% jupyter={"source_hidden": true} alt="Three arrays of 3 by 4 numbers, the scores of classes 0, 1 and 2. At the bottom left pixel they are -1, -4 and -2."
scores = np.array(
    [
        [[3, 1, 0], [2, 4, 1], [0, 5, 1], [1, 2, 3]],
        [[4, 0, 1], [1, 2, 0], [0, 1, -2], [-3, 0, 2]],
        [[-1, -4, -2], [-3, -2, -5], [1, 0, 4], [-2, -3, -1]],
    ]
)
figure, axes = plt.subplots(1, 3, figsize=(8, 2.3), layout="constrained")
for c in range(3):
    draw_numbers(axes[c], scores[..., c], f"scores of class {c}")
plt.show()

# %% [markdown]
# **Predict** the label of the pixel at the bottom left. And how many of the twelve pixels get label
# 2?

# %%
predict("label of the pixel at the bottom left", 2)
predict("pixels with label 2", 5)

# %% [markdown]
# ### Exercise 1: the labels


# %% nbgrader={"grade": false, "grade_id": "labels_from_scores", "locked": false, "schema_version": 3, "solution": true, "task": false}
def labels_from_scores(scores):
    """Return the labels (H, W), whole numbers from 0, of scores (H, W, C)."""
    ### BEGIN SOLUTION
    return scores.argmax(axis=-1)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_labels_from_scores", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
check.labels_from_scores(labels_from_scores)

# %%
labels = np.asarray(labels_from_scores(scores))
print(labels)
measured("label of the pixel at the bottom left", labels[2, 0])
measured("pixels with label 2", np.count_nonzero(labels == 2))

# %% [markdown]
# At the bottom left all scores are negative. The pixel gets a label all the same, that of the least
# negative. Scores are no probabilities; only which is the largest counts.
#
# **Predict**: how many of the twelve labels change if we add 10 to all scores? If we double them?
# If we add 10 to the scores of class 2 alone?

# %%
predict("10 added to all scores: labels that change", 0)
predict("all scores doubled: labels that change", 3)
predict("10 added to class 2 alone: labels that change", 12)


# %%
def changed(new_scores):
    """Return how many labels differ from those of the scores above."""
    return np.count_nonzero(labels_from_scores(new_scores) != labels)


measured("10 added to all scores: labels that change", changed(scores + 10))
measured("all scores doubled: labels that change", changed(2 * scores))
measured("10 added to class 2 alone: labels that change", changed(scores + np.array([0, 0, 10])))

# %% [markdown]
# All that matters is which scores of a pixel are larger than others. (Those that had label 2
# already keep it.) For two classes, that makes a rule which you will meet often: a pixel is "cell"
# where score 1 minus score 0 is above 0.

# %% [markdown]
# ## Is accuracy a measure?
#
# How good are labels? The obvious measure is the share of pixels that are right, the **accuracy**.
# Let us put it to the test. In this image we keep two cells, 500 of its 16,384 pixels, and paint
# over all others with background. Then we compare three answers:
#
# - *all black*: "there is no cell", the work of a program that does nothing;
# - *too fat*: both cells are found, but 5 pixels too large all around;
# - *shifted*: both cells in their full shape, but 2 pixels too far down and to the right.
#
# **Predict**: how accurate is all black, about? And which is more accurate, all black or too fat?

# %%
predict("accuracy of all black", 0.5)
predict("more accurate", "too fat", choices=("all black", "too fat"))


# %%
def accuracy(predicted, truth):
    """Return the share of the pixels that have the right label."""
    return (predicted == truth).mean()


def grown(mask, pixels):
    """Return a mask that also covers all that is within so many pixels of it."""
    rows, columns = np.indices(mask.shape)
    larger = np.zeros_like(mask)
    for i, j in np.argwhere(mask):
        larger |= (rows - i) ** 2 + (columns - j) ** 2 <= pixels**2
    return larger


kept = np.isin(data.instances[0], (9, 19))  # the cells are numbered: these two
rng = np.random.default_rng(0)
sparse = image.copy()
painted_over = ~grown(kept, 6) | ((data.instances[0] > 0) & ~kept)
sparse[painted_over] = rng.choice(image[image < np.median(image)], painted_over.sum())

answers = {
    "all black": np.zeros_like(kept),
    "too fat": grown(kept, 5),
    "shifted": np.roll(kept, (2, 2), axis=(0, 1)),
}
accuracies = {name: accuracy(answer, kept) for name, answer in answers.items()}
measured("accuracy of all black", accuracies["all black"])
measured("more accurate", max(("all black", "too fat"), key=accuracies.get))

# %% [markdown]
# All black is right in 97 % of the pixels, and beats an answer that found both cells. This is no
# trick but simple counting. Every pixel is one of four things:
#
# | | truth: cell | truth: background |
# |---|---|---|
# | **predicted: cell** | true positive, TP | false positive, FP |
# | **predicted: background** | false negative, FN | true negative, TN |
#
# $$ \text{accuracy} \;=\; \frac{TP + TN}{TP + TN + FP + FN} $$
#
# If cells cover a share $f$ of the image, then all black has $TP = FP = 0$, and its accuracy is
# $1 - f$. The rarer the cells, the better it looks! The culprit is $TN$: background that is called
# background. There is a lot of it, and it is easy.
#
# So leave $TN$ out. What remains are the pixels that somebody calls cell, the prediction $P$ or the
# truth $T$: their **union** $P \cup T$. Among those, how many do both call cell? That is their
# **intersection** $P \cap T$:
#
# $$ \text{IoU} \;=\; \frac{|P \cap T|}{|P \cup T|} \;=\; \frac{TP}{TP + FP + FN} $$
#
# This is the **intersection over union**, IoU, also called the Jaccard index. It is 1 if both masks
# are equal, and 0 if they have nothing in common. (A **mask** is an array of True and False.) If
# both masks are empty they agree, and we call that 1.

# %% [markdown]
# ### Exercise 2: IoU


# %% nbgrader={"grade": false, "grade_id": "mask_iou", "locked": false, "schema_version": 3, "solution": true, "task": false}
def mask_iou(predicted, truth):
    """Return the intersection over union of two masks (H, W) of bool; 1 if both are empty."""
    ### BEGIN SOLUTION
    intersection = (predicted & truth).sum()
    union = (predicted | truth).sum()
    return intersection / union if union else 1.0
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_mask_iou", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check.mask_iou(mask_iou)

# %% [markdown]
# Now judge the three answers by both. **Predict** the IoU of the shifted one, which has every cell
# in its full shape, two pixels away from its place.

# %%
predict("IoU of shifted", 0.9)

# %%
ious = {name: mask_iou(answer, kept) for name, answer in answers.items()}
measured("IoU of shifted", ious["shifted"])

# %% jupyter={"source_hidden": true} alt="The image with two cells, the truth, and the three answers: all black, cells that are too fat, and cells shifted by two pixels, each with its accuracy and IoU. The accuracies are all above 0.95; the IoUs are 0, about 0.4 and about 0.7."
figure, axes = plt.subplots(1, 5, figsize=(8, 2.3), layout="constrained")
axes[0].imshow(sparse, cmap="gray", vmin=0, vmax=0.7)
axes[0].set_title("image", fontsize=11)
axes[1].imshow(kept, cmap="gray")
axes[1].set_title("truth", fontsize=11)
for axis, (name, answer) in zip(axes[2:], answers.items(), strict=True):
    axis.imshow(answer, cmap="gray", vmin=0, vmax=1)
    scored = f"accuracy {accuracy(answer, kept):.3f}\nIoU {mask_iou(answer, kept):.3f}"
    axis.set_title(f"{name}\n{scored}", fontsize=11)
for axis in axes:
    axis.axis("off")
plt.show()

# %% [markdown]
# IoU puts all black where it belongs. And note how strict it is: with a shift of two pixels,
# invisible at first glance, it is far from 1. Small things have long borders, for their size.
#
# Now we put image, truth and answers into an ever larger black frame. **Sketch** the accuracy of
# all black over the side of the framed image, from 128 to 848 pixels, and say by how much the IoU
# of shifted changes.

# %%
predict("accuracy of all black, by the image's side", [(128, 0.97), (848, 0.97)])
predict("change of the IoU of shifted, in the widest frame", -0.1)

# %%
frames = np.arange(0, 400, 40)  # pixels on every side
in_frame = {
    name: [
        (accuracy(np.pad(answer, f), np.pad(kept, f)), mask_iou(np.pad(answer, f), np.pad(kept, f)))
        for f in frames
    ]
    for name, answer in answers.items()
}
sides = 128 + 2 * frames
measured(
    "accuracy of all black, by the image's side",
    [(s, v[0]) for s, v in zip(sides, in_frame["all black"], strict=True)],
)
measured(
    "change of the IoU of shifted, in the widest frame",
    in_frame["shifted"][-1][1] - ious["shifted"],
)

# %% jupyter={"source_hidden": true} alt="Two panels over the side of the image. On the left the accuracies of all three answers climb towards 1. On the right their IoUs stay where they were."
figure, axes = plt.subplots(1, 2, figsize=(8, 2.8), sharex=True, layout="constrained")
for (name, values), colour, style in zip(
    in_frame.items(), ("black", "#d55e00", "#0072b2"), ("o-", "s-", "^-"), strict=True
):
    for axis, numbers in zip(axes, np.transpose(values), strict=True):
        axis.plot(sides, numbers, style, color=colour, label=name, markersize=4)
axes[0].set_ylim(top=1)
axes[1].set_ylim(-0.03, 1)
axes[0].legend(frameon=False, loc="lower right")
for axis, title in zip(axes, ("accuracy", "IoU"), strict=True):
    axis.set_title(title)
    axis.set_xlabel("side of the image, in pixels")
    axis.spines[["top", "right"]].set_visible(False)
plt.show()

# %% [markdown]
# ## Cells without learning: a threshold
#
# Cells are brighter than the background. So say: *cell* is what is brighter than some
# **threshold**. Which one? Think of the **histogram**: how many pixels there are of each gray
# value. (It is drawn after exercise 4.) There is a tall peak of dark pixels, and a low,
# broad hill of bright ones. The threshold should part the two.
#
# In 1979 Nobuyuki [Otsu](https://doi.org/10.1109/TSMC.1979.4310076) proposed a rule with no number
# to tune. A threshold $t$ splits the pixels into a dark group ($\le t$) and a bright group ($> t$).
# Let $w$ be the share of the dark ones, so that $1 - w$ is the share of the bright ones, and let
# $m_0$ and $m_1$ be the groups' means. The mean of all pixels is
#
# $$ m \;=\; w\, m_0 + (1 - w)\, m_1 . $$
#
# Now replace every pixel by the mean of its group. How much do these values vary? Their
# **variance** is the mean squared distance from $m$:
#
# $$ v \;=\; w\,(m_0 - m)^2 + (1 - w)\,(m_1 - m)^2 $$
#
# Put in $m$: the first difference is $m_0 - m = (1 - w)(m_0 - m_1)$, and the second is
# $m_1 - m = w\,(m_1 - m_0)$. So
#
# $$ v \;=\; \big( w (1 - w)^2 + (1 - w)\, w^2 \big) (m_1 - m_0)^2
# \;=\; w\,(1 - w)\,(m_1 - m_0)^2 $$
#
# This is the **variance between the groups**, and Otsu takes the threshold that makes it largest.
#
# **Predict**: for which threshold is it larger, one that cuts off the single brightest pixel (and
# so has the means far apart), or the mean gray value?

# %%
choices = ("the brightest pixel alone", "the mean gray value")
predict("larger variance between the groups", "the brightest pixel alone", choices=choices)

# %% [markdown]
# ### Exercise 3: the variance between the groups
#
# If one of the groups is empty, nothing is split, and the answer is 0.


# %% nbgrader={"grade": false, "grade_id": "between_groups", "locked": false, "schema_version": 3, "solution": true, "task": false}
def between_groups(image, threshold):
    """Return w (1 - w) (m1 - m0)^2 of the pixels of an image <= threshold and those above it."""
    ### BEGIN SOLUTION
    dark = image <= threshold
    w = dark.mean()
    if w in (0, 1):
        return 0.0
    m0, m1 = image[dark].mean(), image[~dark].mean()
    return w * (1 - w) * (m1 - m0) ** 2
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_between_groups", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check.between_groups(between_groups)

# %%
second = np.unique(image)[-2]  # only the brightest pixel is above it
variances = between_groups(image, second), between_groups(image, image.mean())
measured("larger variance between the groups", choices[int(np.argmax(variances))])

# %% [markdown]
# The means alone would part off a single pixel. The shares $w (1 - w)$ see to it that both groups
# are of a decent size.
#
# ### Exercise 4: Otsu's threshold
#
# Try 256 thresholds, evenly spread from the darkest value of the image to the brightest, and return
# the one with the largest variance between the groups. (Nothing is above the brightest value, so
# the last of the 257 is left out.)


# %% nbgrader={"grade": false, "grade_id": "otsu", "locked": false, "schema_version": 3, "solution": true, "task": false}
def otsu(image):
    """Return the best of the 256 thresholds np.linspace(darkest, brightest, 257)[:-1]."""
    ### BEGIN SOLUTION
    thresholds = np.linspace(image.min(), image.max(), 257)[:-1]
    between = [between_groups(image, threshold) for threshold in thresholds]
    return thresholds[np.argmax(between)]
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_otsu", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check.otsu(otsu)

# %% [markdown]
# Yours beside the package's `otsu_threshold`, which sorts the pixels into 256 drawers first and is
# much faster for it:

# %%
threshold = otsu(image)
measured("my threshold, less the package's", abs(threshold - otsu_threshold(image)))

# %% [markdown]
# Move the threshold. Where does the variance between the groups peak, and where is the mask best?

# %% jupyter={"source_hidden": true} alt="The histogram of the image, a tall dark peak and a low bright hill, with the threshold as a dashed line; the mask of brighter pixels with its IoU; the truth."
tried = np.linspace(image.min(), image.max(), 120)[:-1]
between = [between_groups(image, t) for t in tried]


def draw_threshold(t):
    """Draw the histogram with a threshold in it, the mask that it gives, and the truth."""
    figure = Figure((8, 2.7), layout="constrained")
    axes = figure.subplots(1, 3, width_ratios=(5, 3, 3))
    axes[0].hist(image.ravel(), bins=80, color="0.75")
    axes[0].set(xlabel="gray value", ylabel="pixels")
    curve = axes[0].twinx()
    curve.plot(tried, between, color="#0072b2")
    curve.set_yticks([])
    curve.set_ylabel("variance between groups", color="#0072b2")
    curve.axvline(t, color="#d55e00", linestyle="--")
    axes[1].imshow(image > t, cmap="gray")
    axes[1].set_title(f"brighter: IoU {mask_iou(image > t, truth == 1):.2f}", fontsize=11)
    axes[2].imshow(truth, cmap="gray")
    axes[2].set_title("truth", fontsize=11)
    for axis in axes[1:]:
        axis.axis("off")
    return figure


shifts = (-0.12, -0.08, -0.05, -0.02, 0, 0.03, 0.06, 0.1, 0.2)
tu.plots.slider(
    draw_threshold,
    [round(float(threshold) + shift, 2) for shift in shifts],
    "threshold",
    alt="The histogram of the image with the threshold, the mask that it gives, and the truth.",
)

# %% [markdown]
# ## Can one follow the slope?
#
# In every later lesson we improve a network like this: change a number in it by very little, see
# whether the result gets better, and go that way. In other words, follow the slope, or
# **gradient**. Could we follow the slope of IoU?
#
# Take simple scores: for *cell*, how much brighter than the threshold a pixel is; for background,
# 0.
#
# We nudge the score of one pixel by 0.00001, and do so for 300 pixels, one after the other.
# **Predict** for how many of them IoU changes at all.

# %%
predict("nudges that changed IoU at all, of 300", 60)

# %%
scores = np.stack([np.zeros_like(image), image - threshold], axis=-1)  # (H, W, 2)
before = mask_iou(labels_from_scores(scores) == 1, truth == 1)

changes = []
for i, j in rng.integers(0, 128, size=(300, 2)):
    nudged = scores.copy()
    nudged[i, j, 1] += 1e-5
    changes.append(mask_iou(labels_from_scores(nudged) == 1, truth == 1) - before)
measured("nudges that changed IoU at all, of 300", np.count_nonzero(changes))

# %% [markdown]
# The argmax stays where it is, until a score overtakes another; then a label jumps. So
# IoU has slope zero nearly everywhere: there is nothing to follow. IoU is good for *judging*, but
# to *learn* we need something smooth, that rewards being a bit less wrong. That is the loss of
# [lesson 5](05_a_loss_for_every_pixel.ipynb).

# %% [markdown]
# ## Break it on purpose
#
# Label images are often stored with 255 for cell, since that shows as white, where 1 looks black.
# Many people's first network "does not learn" just because of that. Say your mask is right in most
# pixels, but it says 1 where the truth says 255. **Predict** its accuracy, and its IoU of the
# pixels with label 1.

# %%
predict("accuracy with labels 0 and 255", 0.3)
predict("IoU with labels 0 and 255", 0.3)

# %%
stored = truth * 255
mask = (image > threshold).astype(int)
measured("accuracy with labels 0 and 255", accuracy(mask, stored))
measured("IoU with labels 0 and 255", mask_iou(mask == 1, stored == 1))
measured("IoU with labels 0 and 1", mask_iou(mask == 1, truth == 1))

# %% [markdown]
# IoU is 0, which makes you look. Accuracy is about that of all black, and looks like a bad start
# that will get better. It never does. **Look at `np.unique(labels)` before you do anything else**,
# and make it 0 and 1: `labels > 0`. The package's own `tu.metrics.iou` knows this mistake: it takes
# 0 and 255 for a mask, too.
#
# Next, a mistake in the argmax, along the wrong axis. What does the check say?


# %%
def along_the_height(scores):
    """An argmax that compares rows of the image instead of classes."""
    return scores.argmax(axis=0)


check.labels_from_scores(along_the_height)

# %% [markdown]
# Now break your own functions: divide by the truth's area instead of the union's, forget the case
# of two empty masks, leave out $w (1 - w)$. Each time, see whether the check finds the cause.

# %% [markdown]
# ## Measure
#
# How good is Otsu? We take all images, and give the mean with its **standard error**: the standard
# deviation divided by the root of the number of images. The mean of as many other images would
# probably lie within two standard errors or so.
#
# To see what one threshold could reach *at best*, we also try 100 thresholds on each image and keep
# the one with the highest IoU. That is cheating, since it looks at the truth. But it is a useful
# ceiling: no rule for a threshold, however clever, gets higher.


# %%
def mean_and_error(values):
    """Return the mean and its standard error."""
    return np.mean(values), np.std(values, ddof=1) / np.sqrt(len(values))


scores_of = {"accuracy of all black": [], "accuracy, Otsu": [], "IoU, Otsu": [], "IoU, ceiling": []}
masks = []
for pixels, labels in zip(data.images, data.labels, strict=True):
    gray, right = pixels[..., 0], labels == 1
    masks.append(gray > otsu_threshold(gray))
    best = max(mask_iou(gray > t, right) for t in np.linspace(0, 1, 101))
    scores_of["accuracy of all black"].append(accuracy(np.zeros_like(right), right))
    scores_of["accuracy, Otsu"].append(accuracy(masks[-1], right))
    scores_of["IoU, Otsu"].append(mask_iou(masks[-1], right))
    scores_of["IoU, ceiling"].append(best)

for name, values in scores_of.items():
    mean, error = mean_and_error(values)
    print(f"{name:22} {mean:.3f} +- {error:.3f}   ({len(values)} images)")
measured("mean IoU of Otsu", np.mean(scores_of["IoU, Otsu"]))
measured("mean IoU of the ceiling", np.mean(scores_of["IoU, ceiling"]))

# %% [markdown]
# Otsu's 92 % accuracy sounds splendid, until one knows that all black has 73 %. By IoU it is far
# from done. Even the ceiling stays below 0.9: the light is uneven, so a pale cell in a dark corner
# is darker than the haze in a bright one, and **no** threshold is right for both. A pixel's
# brightness is not enough. One has to look at what is around it.
#
# ### One last question
#
# We know where every single cell is. Let us hand in that very truth, with one flaw: the thin dark
# lines where cells touch are called cell, too.
#
# **Predict**: these lines are one pixel wide. What are the accuracy and the IoU, and what share of
# the cells does one still count?

# %%
predict("accuracy without the lines", 0.95)
predict("IoU without the lines", 0.9)
predict("cells that one still counts, as a share", 0.9)

# %%
without_lines = [cells > 0 for cells in data.instances]
with_lines = [labels == 1 for labels in data.labels]
pairs = list(zip(without_lines, with_lines, strict=True))


def count(mask):
    """Return how many separate regions a mask has."""
    return components(mask).max()


measured("accuracy without the lines", np.mean([accuracy(p, t) for p, t in pairs]))
measured("IoU without the lines", np.mean([mask_iou(p, t) for p, t in pairs]))
found = sum(count(p) for p, _ in pairs) / sum(count(t) for _, t in pairs)
measured("cells that one still counts, as a share", found)

# %% alt="Image, truth, prediction and errors side by side. In the prediction, groups of touching cells have one colour each, and the errors mark them as merged."
tu.plots.compare(
    data.images[:1], data.instances[:1], [components(without_lines[0])], captions=["no lines"]
)

# %% [markdown]
# More than 99 % accuracy, an IoU of almost 0.99, and most cells are gone: wherever two touch,
# one counts one cell. What a good measure is depends on the question. If cells are to be
# counted, the few pixels between them weigh more than all others. The U-Net's authors saw that,
# and it is the story of [lesson 12](12_touching_cells.ipynb).
#
# The image of the first page has even light, so Otsu is at its best there. Its IoU beside the
# U-Net's, and the number of nuclei that one counts:

# %%
gray, nuclei = picture.image[..., 0], picture.truth > 0
by_otsu = gray > otsu_threshold(gray)
measured("real nuclei: IoU of Otsu", mask_iou(by_otsu, nuclei))
measured("real nuclei: IoU of the U-Net", mask_iou(picture.answer > 0, nuclei))
measured("real nuclei: counted with Otsu", count(by_otsu))
measured("real nuclei: counted by the U-Net", picture.answer.max())
measured("real nuclei: counted by the expert", picture.truth.max())

# %% [markdown]
# ## Quiz
#
# **A rare thing.** A program that looks for a rare defect is right in 99.9 % of the pixels. What
# does that tell you?
#
# - a) That it finds nearly all defects.
# - b) Nothing, until you know what all black would get.
# - c) That its IoU is close to 0.999.

# %%
quiz("a rare thing", "b")

# %% [markdown]
# **Half of it.** A prediction covers exactly the left half of a cell, and nothing else. Its IoU?
#
# - a) 1, since all that it says is right.
# - b) 1/3
# - c) 1/2

# %%
quiz("half of it", "c")

# %% [markdown]
# **Three classes.** One pixel has the scores -2, -7 and -3. Its label?
#
# - a) 0
# - b) 1, which is farthest from zero.
# - c) None: no class reaches a positive score.

# %%
quiz("three classes", "a")

# %% [markdown]
# **In a dark corner.** Otsu's threshold misses pale cells in a dark corner. What would help?
#
# - a) Another rule, which finds a better threshold for the whole image.
# - b) To try 10,000 thresholds in place of 256.
# - c) To judge a pixel by its surroundings as well.

# %%
quiz("in a dark corner", "c")

# %% [markdown]
# **Follow the IoU.** Why can a network not learn by following the slope of IoU?
#
# - a) Its slope is 0 nearly everywhere.
# - b) IoU takes too long to compute.
# - c) IoU leaves out the background.

# %%
quiz("follow the iou", "a")

# %% [markdown]
# ## What you know now
#
# - Segmentation gives every pixel a label: the argmax of its scores.
# - Accuracy rewards the background. IoU leaves it out: intersection over union.
# - Otsu's threshold needs no training, and is the least that a network must beat. No threshold can
#   cope with uneven light.
# - A measure that jumps has no slope to learn from.
# - Even IoU does not notice when cells merge.
#
# The package's versions: `tinyunet/metrics/pixels.py` has IoU and its relatives, and
# `tinyunet/segmentation/otsu.py` has Otsu's threshold.
#
# To do better than a threshold, a program has to look at the surroundings of a pixel.
# [Lesson 1](01_convolution.ipynb) is about the operation that does so: the convolution.
