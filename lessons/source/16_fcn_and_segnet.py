# ---
# jupyter:
#   tinyunet:
#     lesson: 16
#     title: "From FCN to SegNet: what a stride costs"
#     time: 5 min
# ---

# %% [markdown]
# # Lesson 16: From FCN to SegNet: what a stride costs
#
# *About five minutes of computing and 70 minutes of reading and writing. You need:
# [lesson 4](04_up_convolution.ipynb) (the up-convolution), [lesson 8](08_training.ipynb) (training)
# and [lesson 9](09_do_skips_matter.ipynb) (ways across).*
#
# The U-Net has elder relatives. **FCN** (Long, Shelhamer and Darrell,
# [arXiv:1411.4038](https://arxiv.org/abs/1411.4038)) was the first to give every pixel a class with
# a network trained end to end; **SegNet** (Badrinarayanan, Kendall and Cipolla,
# [arXiv:1511.00561](https://arxiv.org/abs/1511.00561)) wanted street scenes labelled with little
# memory. Both go down by poolings as the U-Net does, and differ in how they come back. After this
# lesson you can
#
# - say where the pixels of a coarse map lie in the image, and why maps have to be cut;
# - enlarge a map bilinearly, and take the gradient back;
# - say what a stride costs, and where;
# - compare a sum of scores, pooling indices and whole features;
# - weigh rare classes, and say what that buys and what it is paid with.

# %%
import matplotlib.pyplot as plt
import numpy as np
from scipy import ndimage

import tinyunet as tu
from tinyunet.data import synthetic_streets
from tinyunet.exercises import check, measured, predict, quiz, small

plt.rcParams["figure.dpi"] = 110

# %% [markdown]
# ## Streets
#
# Six classes: sky, building, road, tree, car, pole. Buildings, cars and poles share their colours,
# so only what is around a pixel tells what it is. And a pole is one or two pixels wide.
#
# A prediction is a cell here: write yours in place of the dots and run it. Later the measuring cell
# says how far off you were.

# %%
predict("share of all pixels that are pole", 0.01)

# %% alt="Two noisy street scenes and their classes in colours: sky above, a road below, buildings, trees, a car on the road, and poles of one or two pixels."
classes = ("sky", "building", "road", "tree", "car", "pole")
train = synthetic_streets(8 if small else 200, seed=0)
test = synthetic_streets(3 if small else 60, seed=1)
truth = np.stack(test.labels)

shares = np.bincount(np.ravel(train.labels), minlength=6) / np.size(train.labels)
print({name: round(float(share), 3) for name, share in zip(classes, shares, strict=True)})
measured("share of all pixels that are pole", shares[5])
tu.plots.class_maps(
    {"image": test.images[0], "truth": truth[0], "another": test.images[1], "its truth": truth[1]},
    classes,
)

# %% [markdown]
# Who calls every pixel sky, building or road is right in nearly nine of ten. So accuracy will not
# do. All that we want to know is in one table: how many pixels of class $t$ (row) were called $p$
# (column).
#
# - **Recall** of a class: the share of its pixels that were found, diagonal by row sum.
# - **Precision**: the share of what was called so that is so, diagonal by column sum.
# - **IoU**: the diagonal by both together, each pixel counted once. The **mean IoU** is the mean
#   over the six classes, so that a pole counts as much as the sky.
#
# Beside it stands the **boundary score** of [lesson 9](09_do_skips_matter.ipynb) at 0 px: is the
# outline exactly where it should be?
#
# All networks train alike. `schedule="poly"` lets the learning rate fall to 0 as a power of what is
# left, $(1 - \text{step} / \text{steps})^{0.9}$: the **poly** schedule.


# %%
def scores(labels):
    """Return a dict of scores for class maps (N, H, W) of the test images."""
    table = np.bincount((6 * truth + labels).ravel(), minlength=36).reshape(6, 6)
    right, rows, columns = np.diag(table), table.sum(axis=1), table.sum(axis=0)
    iou = right / (rows + columns - right)
    # + 1, for 0 would be a background without an outline
    pairs = zip(labels + 1, truth + 1, strict=True)
    return {
        "accuracy": right.sum() / table.sum(),
        "mean IoU": iou.mean(),
        "boundary": np.mean([tu.metrics.boundary_f1(p, t, tolerance=0) for p, t in pairs]),
        "IoU": iou,
        "recall": right / np.maximum(rows, 1),
        "precision": right / np.maximum(columns, 1),
    }


def mirrored(rng, image, labels, weights):
    """Mirror left and right, half of the time."""
    if rng.random() < 0.5:
        image, labels = image[:, ::-1], labels[:, ::-1]
        weights = None if weights is None else weights[:, ::-1]
    return image, labels, weights


found, results = {}, {}  # class maps, and their scores, by the network's name


def experiment(name, model, steps, weights=None):
    """Train a network, with its loss drawn meanwhile, and score it on the test images."""
    print(f"{name}: {model.num_parameters:,} parameters, {steps} steps")
    tu.fit(
        model,
        train,
        steps=steps,
        batch_size=4,
        crop=64,
        augment=mirrored,
        weights=weights,
        optimizer=tu.Adam(model, 2e-3),
        schedule="poly",
        progress=False,
        callbacks=[tu.plots.Live()],
    )
    found[name] = np.stack([model.predict(image[None])[0].argmax(-1) for image in test.images])
    results[name] = scores(found[name])


short, long = (3, 6) if small else (300, 900)

# %% [markdown]
# ## FCN: scores for every 32 pixels
#
# FCN is a classifier, VGG16, made to take any image: its fully connected layers become convolutions
# ([lesson 1](01_convolution.ipynb): a product with all of a window *is* a convolution). Five
# poolings halve the image five times; then a 1x1 convolution gives scores for each class: one
# vector for every 32 x 32 pixels. These scores are enlarged 32 times, and there is a class for each
# pixel. That is **FCN-32s**; 32 is its **stride**.
#
# Ours has **batch norm** (batch normalisation) after each convolution, so that few steps go a long
# way: each channel is brought to mean 0 and variance 1 over the batch, and then gets a scale and a
# shift, which are learned. When the network is used, a stored mean and variance stand in for the
# batch's.

# %%
predict("shape of FCN-32s's scores for a 64 x 64 image", (1, 4, 4, 6))

# %%
options = {
    "widths": (12, 20, 32, 44, 56),
    "convolutions": (2, 2, 2, 2, 2),
    "head": ((48, 3),),
    "padding": "same",
    "batch_norm": True,
    "dropout": 0,
}


def fcn(stride):
    """Return a small FCN: two convolutions in each of five blocks, and one 3x3 after them."""
    return tu.networks.FCN(3, 6, stride=stride, **options)


model, x = fcn(32), test.images[0][None]
for block, pool in zip(model.encoder, model.pools, strict=True):
    x = pool(block(x))
coarse = model.score(model.head(x))
measured("shape of FCN-32s's scores for a 64 x 64 image", coarse.shape)

# %% [markdown]
# **Derive** where such a score lies. Number the image's pixels 0, 1, 2, ... along one side, and let
# pixel $i$ of a map have the middle of what it sees at
#
# $$ a \, i + b $$
#
# The image itself has $a = 1, b = 0$. Now a convolution or pooling with kernel $k$, stride $s$ and
# padding $p$: its window $i$ covers the map's pixels $s i - p$ to $s i - p + k - 1$, whose middle
# is $s i - p + \frac{k-1}{2}$. Put that into $a \, i + b$:
#
# $$ b \leftarrow b + a \left( \tfrac{k-1}{2} - p \right), \qquad a \leftarrow a s . $$
#
# A transposed convolution ("up") is the same read backwards: the map that it makes is the one of
# which such windows would make the map that it reads. So
#
# $$ a \leftarrow a / s, \qquad b \leftarrow b - a \left( \tfrac{k-1}{2} - p \right) . $$
#
# FCN's authors padded the image by 100 pixels, so that even a small one survives five poolings, and
# cut the enlarged scores down to the image at the end. At which pixel does one have to begin? A
# number in their files says so, without a word on where it comes from.

# %%
predict("where the authors cut the enlarged scores of FCN-32s", 100)

# %% [markdown]
# ### Exercise 1: where the image begins
#
# `layers` is a list of `(kind, kernel, stride, padding)` with the kinds `"down"` and `"up"`; the
# last map has pitch $a = 1$. Return the number of its pixel whose place in the image is 0, as an
# `int`.


# %% nbgrader={"grade": false, "grade_id": "crop_offset", "locked": false, "schema_version": 3, "solution": true, "task": false}
def crop_offset(layers):
    """Return at which pixel of the last map the image begins."""
    ### BEGIN SOLUTION
    a, b = 1, 0
    for kind, kernel, stride, padding in layers:
        if kind == "down":
            b += a * ((kernel - 1) / 2 - padding)
            a *= stride
        else:
            a /= stride
            b -= a * ((kernel - 1) / 2 - padding)
    return round(-b / a)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_crop_offset", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check.crop_offset(crop_offset)

# %%
conv, pool = ("down", 3, 1, 1), ("down", 2, 2, 0)
authors = [("down", 3, 1, 100), conv, pool, conv, conv, pool]  # blocks 1 and 2 of VGG16
authors += 3 * [conv, conv, conv, pool] + [("down", 7, 1, 0), ("up", 64, 32, 0)]
measured("where the authors cut the enlarged scores of FCN-32s", crop_offset(authors))
print(
    "our small FCN-32s is cut at", crop_offset(5 * [conv, conv, pool] + [conv, ("up", 64, 32, 0)])
)

# %% [markdown]
# ## Enlarging
#
# FCN enlarges with an up-convolution whose kernel is the tent of
# [lesson 4](04_up_convolution.ipynb), fixed, and each class for itself. Along one side that is a
# matrix $U$ with a row for each output and a column for each input: column $j$ is what a single 1
# at place $j$ becomes. With stride $s$, input $j$ has the $s$ outputs $s j, \dots, s j + s - 1$;
# the tent has its middle in the middle of them and reaches 0 at a distance of $s$. Outside the map
# there is nothing, so near the border the rows sum to less than 1.
#
# ### Exercise 2: the matrix
#
# Along one side, `side` inputs become `side * stride` outputs.


# %% nbgrader={"grade": false, "grade_id": "enlarging_matrix", "locked": false, "schema_version": 3, "solution": true, "task": false}
def enlarging_matrix(side, stride):
    """Return U (side * stride, side), which enlarges bilinearly."""
    ### BEGIN SOLUTION
    i, j = np.arange(side * stride)[:, None], np.arange(side)
    middle = stride * j + (stride - 1) / 2
    return np.maximum(0, 1 - np.abs(i - middle) / stride)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_enlarging_matrix", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check.enlarging_matrix(enlarging_matrix)

# %% [markdown]
# An image is enlarged along both sides: $Y = U X V^T$ for each image and channel. Is that what
# FCN's layer does, cut where exercise 1 says?


# %%
def enlarge(x, rows, columns):
    """Return y (N, H, W, C) from x (N, h, w, C) with the matrices (H, h) and (W, w)."""
    return np.einsum("ih,nhwc,jw->nijc", rows, x, columns)


U = np.array(enlarging_matrix(2, 32))
layer, cut = tu.BilinearConvTranspose2d(6, 64, stride=32), 16
theirs = layer(coarse)[:, cut : cut + 64, cut : cut + 64]
measured("largest difference from FCN's layer", np.abs(enlarge(coarse, U, U) - theirs).max())

# %% [markdown]
# **Derive** the way back. With indices, $y_{ij} = \sum_{h,w} U_{ih} \, x_{hw} \, V_{jw}$. So
# $x_{hw}$ acts on each $y_{ij}$ with the factor $U_{ih} V_{jw}$, and
#
# $$ dx_{hw} = \sum_{i,j} U_{ih} \, dy_{ij} \, V_{jw}, \qquad dX = U^T dY \, V . $$
#
# ### Exercise 3: and its gradient
#
# `rows` is $U$ and `columns` is $V$; every image and channel for itself.


# %% nbgrader={"grade": false, "grade_id": "enlarge_backward", "locked": false, "schema_version": 3, "solution": true, "task": false}
def enlarge_backward(dy, rows, columns):
    """Return dx (N, h, w, C), in the dtype of dy, from dy (N, H, W, C), U (H, h) and V (W, w)."""
    ### BEGIN SOLUTION
    return np.einsum("ih,nijc,jw->nhwc", rows, dy, columns)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_enlarge_backward", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check.enlarge_backward(enlarge_backward)

# %% [markdown]
# **Check** it against finite differences, and **break** it: a tempting mistake is to *undo* the
# enlargement, with the inverse instead of the transposed matrix.

# %%
x = np.random.default_rng(0).standard_normal((2, 3, 2, 2))
rows, columns = np.array(enlarging_matrix(3, 4)), np.array(enlarging_matrix(2, 4))
back = {
    "transposed": lambda dy, x: enlarge_backward(dy, rows, columns),
    "undone": lambda dy, x: enlarge(dy, np.linalg.pinv(rows), np.linalg.pinv(columns)),
}
for name, backward in back.items():
    report = tu.check_function(lambda x: enlarge(x, rows, columns), backward, x)
    measured(f"enlarging, {name}: worst relative error", report.worst)

# %% [markdown]
# ## A sum of scores
#
# FCN-16s adds finer scores: a 1x1 convolution of what the *fourth* pooling gave, for every 16
# pixels, to the coarse ones enlarged twice. FCN-8s does it once more with the third. The U-Net
# would put features side by side instead. How different is that? Let $f$ be the features that go
# across and $g$ what comes from below, and let a convolution follow on the concat. At each pixel,
#
# $$ W \begin{pmatrix} f \\ g \end{pmatrix} = W_f \, f + W_g \, g . $$
#
# So a sum of scores is a concat too, one with a single linear layer after it. What FCN lacks is
# what a U-Net does *next*: a ReLU and more convolutions, in which "there is an edge here" (fine)
# and "this region is a car" (coarse) can act on each other. FCN's fine scores never see the coarse
# ones.
#
# How much is learned in addition? From 32s to 8s only two 1x1 convolutions, of 44 and 32 channels
# to 6 classes. **Predict** what they are worth: 0.3 is a poor mean IoU here, 0.6 a good one.

# %%
predict("mean IoU of FCN-32s", 0.4)
predict("mean IoU that FCN-8s has more", 0.1)

# %% [markdown]
# And *where* is FCN-32s wrong? Measure how far a pixel is from the next boundary between two
# classes: 0 means beside it. Sketch the accuracy against that distance, as a list of points, say
# for 0, 2, 4 and 8 pixels.

# %%
predict("accuracy of FCN-32s over the distance from a boundary", [(0, 0.5), (2, 0.7), (8, 0.8)])

# %% alt="The training loss of an FCN over 300 steps. It falls quickly, then slowly, and ends the lower the smaller the stride."
for stride in (32, 16, 8):
    experiment(f"FCN-{stride}s", fcn(stride), short)


# %% alt="The reader's sketch of the accuracy over the distance from a boundary, and the measured curve, which rises from about a half to nearly 1."
def from_boundary(labels):
    """Return each pixel's distance (N, H, W) from the next pixel beside another class."""
    beside = np.zeros(labels.shape, bool)
    for axis in (1, 2):
        change = np.diff(labels, axis=axis) != 0
        before, after = [(0, 0)] * 3, [(0, 0)] * 3
        before[axis], after[axis] = (0, 1), (1, 0)
        beside |= np.pad(change, before) | np.pad(change, after)
    return np.stack([ndimage.distance_transform_edt(~image) for image in beside])


def table(*names):
    """Print the scores of some networks."""
    print(f"{'':24}accuracy  mean IoU  boundary  IoU of cars  poles")
    for name in names:
        r = results[name]
        cells = r["accuracy"], r["mean IoU"], r["boundary"], r["IoU"][4], r["IoU"][5]
        print("{:24}{:8.3f}  {:8.3f}  {:8.3f}  {:11.3f}  {:5.3f}".format(name, *cells))


distance, fcns = from_boundary(truth), ("FCN-32s", "FCN-16s", "FCN-8s")
near = {
    name: [
        (d, np.mean((found[name] == truth)[(distance >= d) & (distance < d + 1)])) for d in range(9)
    ]
    for name in fcns
}
table(*fcns)
measured("mean IoU of FCN-32s", results["FCN-32s"]["mean IoU"])
gained = results["FCN-8s"]["mean IoU"] - results["FCN-32s"]["mean IoU"]
measured("mean IoU that FCN-8s has more", gained)
measured("accuracy of FCN-32s over the distance from a boundary", near["FCN-32s"])

# %% jupyter={"source_hidden": true} alt="Accuracy over the distance from the next boundary, for FCN-32s, FCN-16s and FCN-8s. Beside a boundary all are right about half of the time; the smaller the stride, the sooner they come close to 1."
figure, axis = plt.subplots(figsize=(6, 3), layout="constrained")
for name, colour, mark in zip(fcns, ("#d55e00", "#009e73", "#0072b2"), "os^", strict=True):
    axis.plot(*np.transpose(near[name]), mark + "-", color=colour, label=name)
axis.set_xlabel("pixels from the next boundary")
axis.set_ylabel("accuracy")
axis.set_ylim(0, 1.02)
axis.grid(color="0.93")
axis.spines[["top", "right"]].set_visible(False)
axis.legend(frameon=False, loc="lower right")
plt.show()

# %% alt="A street scene and what three networks make of it. FCN-32s finds smooth bands of sky, building and road, FCN-16s some of the trees, FCN-8s trees with rough outlines; none finds a pole."
tu.plots.class_maps({"image": test.images[0], **{name: found[name][0] for name in fcns}}, classes)

# %% [markdown]
# **The stride costs boundaries.** Far from them FCN-8s is nearly always right, and beside them all
# three are worst, the coarsest most: a tent 64 pixels wide cannot draw a corner. Poles are thinner
# than any of these strides, and are lost: their IoU is 0, or next to it, for all three. A mean over
# classes hides that, so look at the classes.
#
# In the paper the step from 32s to 8s brought two points only: its objects were large, and its
# network had learned on a million images before. FCN's real advantage, those weights, is not in
# this experiment.
#
# **Break it on purpose**: cut the logits of FCN-8s one pixel too early, as somebody would who cuts
# the middle out without reckoning. All is moved by a pixel, down and to the right. How much of the
# boundary score is left?

# %%
predict("boundary score of FCN-8s cut one pixel off, as a share", 0.9)

# %%
moved = np.pad(found["FCN-8s"], ((0, 0), (1, 0), (1, 0)), mode="edge")[:, :-1, :-1]
left = scores(moved)["boundary"] / results["FCN-8s"]["boundary"]
measured("boundary score of FCN-8s cut one pixel off, as a share", left)
print(f"mean IoU: {results['FCN-8s']['mean IoU']:.3f} -> {scores(moved)['mean IoU']:.3f}")

# %% [markdown]
# A mistake of one pixel would hardly be seen in the mean IoU. (A network *trained* with a wrong cut
# learns to make up for a part of it. That is why such mistakes live long.)
#
# ## SegNet: where, not what
#
# SegNet comes back level by level, with two convolutions each, and sends across only *where* each
# pooling found its maximum ([lesson 9](09_do_skips_matter.ipynb): unpooling puts a value back to
# that corner, zeros elsewhere). For 2x2 windows that is 2 bits a window and channel. A U-Net sends
# the four features themselves, 32 bits each. How many times as much memory is that?

# %%
predict("bits that a U-Net's skip keeps, in times of SegNet's", 16)

# %%
measured("bits that a U-Net's skip keeps, in times of SegNet's", 4 * 32 // 2)

# %% [markdown]
# What are two bits worth? Compare SegNet with itself, enlarged bilinearly instead of unpooled: the
# same layers, the same number of parameters, nothing across. And with a U-Net of about as many
# parameters. Ours has no batch norm, which the other two do; so if it is better, it is not for that.
#
# **Predict** the gain in the boundary score (between 0 and 1), and in the mean IoU.

# %%
predict("boundary score that indices bring SegNet", 0.05)
predict("mean IoU that indices bring SegNet", 0.05)


# %% alt="The training loss over 300 steps of SegNet, of SegNet enlarged bilinearly and of the U-Net: all fall, quickly at first."
def segnet(unpool):
    """Return a small SegNet: four levels of two convolutions, down and up."""
    levels = {"widths": (12, 24, 36, 48), "convolutions": (2, 2, 2, 2)}
    return tu.networks.SegNet(3, 6, unpool=unpool, **levels)


def unet():
    """Return a U-Net of three poolings."""
    return tu.UNet(3, 6, base_channels=8, depth=3, padding="same")


experiment("SegNet", segnet("indices"), short)
experiment("SegNet, bilinear", segnet("bilinear"), short)
experiment("U-Net", unet(), short)

# %% alt="The true classes of a scene, and those by SegNet enlarged bilinearly, SegNet and the U-Net. Without indices outlines are round and smooth, with them jagged and sharp; the U-Net has the sharpest."
across = ("FCN-8s", "SegNet, bilinear", "SegNet", "U-Net")
table(*across)
gains = {
    key: results["SegNet"][key] - results["SegNet, bilinear"][key]
    for key in ("boundary", "mean IoU")
}
measured("boundary score that indices bring SegNet", gains["boundary"])
measured("mean IoU that indices bring SegNet", gains["mean IoU"])
measured(
    "boundary score of the U-Net above SegNet's",
    results["U-Net"]["boundary"] - results["SegNet"]["boundary"],
)
tu.plots.class_maps({"truth": truth[0], **{n: found[n][0] for n in across[1:]}}, classes)

# %% [markdown]
# Indices sharpen outlines, for nothing to learn and next to no memory. But they say where, and not
# what: that the sharp thing there is a pole, the decoder has to know from below. Whole features
# carry both, and are ahead of indices in every column. Now compare FCN-8s with SegNet: has the one
# with the better outlines also the better mean IoU? They are two questions.
#
# And the mean IoU of one seed says little about indices: whether a rare class "wakes up" within so
# few steps is a matter of luck, and moves the mean by a sixth of its IoU.
#
# ## Weights for rare classes
#
# Poles are few, so the loss hardly feels them. SegNet weighs each pixel by its class. Let $f_c$ be
# the share of class $c$ in the pixels of those images *in which it occurs*; then
#
# $$ w_c = \frac{\operatorname{median}(f)}{f_c} , $$
#
# so half of the classes weigh more than 1, half less.
#
# ### Exercise 4: median frequency
#
# `labels` is an array (N, H, W). A class that never occurs is left out of the median and has weight
# 0.


# %% nbgrader={"grade": false, "grade_id": "class_weights", "locked": false, "schema_version": 3, "solution": true, "task": false}
def class_weights(labels, num_classes):
    """Return a weight for each class, (num_classes,)."""
    ### BEGIN SOLUTION
    counts = np.stack([np.bincount(image.ravel(), minlength=num_classes) for image in labels])
    pixels, of = counts.sum(axis=0), (counts > 0).sum(axis=0) * labels[0].size
    there = pixels > 0
    f = pixels[there] / of[there]
    weights = np.zeros(num_classes)
    weights[there] = np.median(f) / f
    return weights
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_class_weights", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check.class_weights(class_weights)

# %% [markdown]
# A pole then weighs more than ten times as much as a pixel of road. What will that do to the U-Net?
# Choose for each.

# %%
predict("recall of poles with class weights", "higher", choices=("higher", "lower"))
predict("precision of poles with class weights", "higher", choices=("higher", "lower"))
predict("accuracy with class weights", "higher", choices=("higher", "lower"))

# %% alt="The training loss of the U-Net with class weights over 300 steps: it falls, and is noisier than without weights."
weights = np.array(class_weights(np.stack(train.labels), 6))
print({name: round(float(weight), 2) for name, weight in zip(classes, weights, strict=True)})
maps = [weights[labels].astype("float32") for labels in train.labels]
experiment("U-Net, weighted", unet(), short, maps)

# %%
pair = [results[name] for name in ("U-Net", "U-Net, weighted")]
for name in ("recall", "precision", "IoU"):
    before, after = (np.round(r[name], 2) for r in pair)
    cells = before[4], after[4], before[5], after[5]
    print("{:10} cars {:.2f} -> {:.2f}   poles {:.2f} -> {:.2f}".format(name, *cells))


def change(before, after):
    """Say in which direction a number moved."""
    return "higher" if after > before else "lower"


measured("recall of poles with class weights", change(*(r["recall"][5] for r in pair)))
measured("precision of poles with class weights", change(*(r["precision"][5] for r in pair)))
measured("accuracy with class weights", change(*(r["accuracy"] for r in pair)))

# %% [markdown]
# **Weights trade precision for recall.** A missed pole now costs more than a false one, so the
# network calls "pole" what may be one. Which is better is no question to the network: who drives
# prefers false poles to missed ones, and who counts them does not. So whoever shows a recall has to
# show the precision too.
#
# ## Weights or time?
#
# There is another way to spend effort: train the *unweighted* U-Net three times as long.
# **Predict** what raises the IoU of poles more.

# %%
predict("IoU of poles is raised more by", "weights", choices=("weights", "more steps"))

# %% alt="The training loss of the U-Net over 900 steps: most of the fall is over after 300, and it goes on slowly."
experiment("U-Net, longer", unet(), long)

# %% alt="The true classes of a scene, and those by the U-Net, with class weights, and after a longer training. Weights make cars and poles larger than they are; the longer training finds them more exactly."
unets = ("U-Net", "U-Net, weighted", "U-Net, longer")
table(*unets)
gain = {name: results[name]["IoU"][5] - results["U-Net"]["IoU"][5] for name in unets[1:]}
more = "weights" if gain["U-Net, weighted"] > gain["U-Net, longer"] else "more steps"
measured("IoU of poles is raised more by", more)
tu.plots.class_maps({"truth": truth[0], **{n: found[n][0] for n in unets}}, classes)

# %% [markdown]
# The poles were only late: part of what class weights buy is speed. A table with one length of
# training would have called them the cure for thin things.
#
# ## What is not shown
#
# - **One seed.** Each network was trained once. `tinyunet reproduce relatives` trains them with
#   three seeds and at two lengths, and prints means and deviations.
# - **The end.** Nothing here was trained until it stopped getting better; who is ahead after 300
#   steps need not be after 30,000.
# - **Pretraining**, which FCN and SegNet were built around.
# - **Real streets.** These scenes are drawn, and a network can learn how they are drawn.
# - FCN-32s counts more parameters than FCN-8s only because its fixed tent is 64 x 64 pixels for
#   each pair of classes; nothing in it is learned.
#
# ## Quiz
#
# Five questions; put a letter in place of the dots.
#
# **1.** FCN-32s and FCN-8s are compared pixel by pixel. Where do they differ most?
#
# - a: everywhere alike
# - b: in the middle of large regions
# - c: near boundaries and in thin things

# %%
quiz("where a coarse stride is wrong", "c")

# %% [markdown]
# **2.** Somebody doubles the padding of the first convolution from 100 to 200 and leaves the rest.
# What happens to the pixel at which the image begins in the enlarged scores?
#
# - a: it moves by 100
# - b: it moves by 100 / 32, rounded
# - c: nothing, for the padding is cut off again

# %%
quiz("padding moves the cut", "a")

# %% [markdown]
# **3.** What is the gradient of an enlargement $y = U x$?
#
# - a: $U^{-1} dy$, for the gradient goes back
# - b: $U^T dy$, by the weights of the way there
# - c: the mean of $dy$ over the outputs of each input

# %%
quiz("back through an enlargement", "b")

# %% [markdown]
# **4.** What does a decoder know from pooling indices alone?
#
# - a: how large the maxima were
# - b: which class a pixel has
# - c: in which corner of each window the maximum was
# - d: all four values of each window

# %%
quiz("what an index carries", "c")

# %% [markdown]
# **5.** With class weights, the recall of a rare class rises from 0.2 to 0.6. What do you ask
# first?
#
# - a: what its precision is now
# - b: nothing; recall is what counts for rare classes
# - c: whether the accuracy rose as well

# %%
quiz("a recall alone", "a")

# %% [markdown]
# ## What you know now
#
# - Where a map's pixels lie follows from kernels, strides and paddings: two numbers, and so do the
#   cuts.
# - The gradient of an enlargement is its transposed matrix.
# - A stride costs boundaries and thin things; finer scores give much back for a few hundred
#   numbers.
# - Sum, indices, features: what, where, both.
# - Class weights trade precision for recall; a longer training is the comparison to make.
#
# The package's versions are `tu.networks.FCN`, `tu.networks.SegNet`, `tu.BilinearConvTranspose2d`,
# `tu.median_frequency` and `tu.pixel_weights`; where maps are cut is in
# `tinyunet/networks/alignment.py`.
