# ---
# jupyter:
#   tinyunet:
#     lesson: 17
#     title: "U-Net++: one training, four networks"
#     time: 5 min
# ---

# %% [markdown]
# # Lesson 17: U-Net++: one training, four networks
#
# *About five minutes of computing and 75 minutes of reading and writing. You need:
# [lesson 6](06_crop_concat_and_the_fork.ipynb) (the fork), [lesson 9](09_do_skips_matter.ipynb)
# (skips) and [lesson 21](21_which_loss.ipynb) (Dice).*
#
# A U-Net's skip carries the encoder's features across, as they are, to a decoder that has come up
# from far below. **U-Net++** ([Zhou et al. 2018](https://arxiv.org/abs/1807.10165)) fills the gap
# between them with small networks: **nested skips**. Its authors had two hopes. The features that
# meet would be more alike, and so the results better. And since each shorter way across is a
# smaller U-Net, one could put an output on each of them, train all together, and afterwards cut off
# what one does not need. We will see what comes true here. After this lesson you can
#
# - count the channels of every node, and with them the parameters;
# - write the backward pass of a value that goes many ways;
# - write the loss of a single sigmoid channel, half cross-entropy and half Dice, without overflow;
# - say what **deep supervision** and **pruning** are, and what they buy and cost;
# - say what a comparison of nested with plain skips shows here, and what it does not.
#
# A prediction is a cell of its own here: write yours in place of the dots and run it. The cell that
# measures will say how far off you were.

# %%
import time
from collections import defaultdict

import matplotlib.pyplot as plt
import numpy as np

import tinyunet as tu
from tinyunet.exercises import check, measured, predict, quiz, small
from tinyunet.reproduce.relatives.outlines import score
from tinyunet.reproduce.relatives.unet import NormalisedUNet

plt.rcParams["figure.dpi"] = 110

# %% [markdown]
# ## A triangle of nodes
#
# A **node** is what you know as a level of a U-Net: two 3x3 convolutions with "same" padding, each
# with a ReLU. Call it $H$. The node in row $i$ (so many poolings below the top) and column $j$ (so
# many steps across) is $X_{ij}$:
#
# $$ X_{i0} = H(\text{pool}\,X_{i-1,0}), \qquad
# X_{ij} = H(\text{concat}(\text{up}\,X_{i+1,j-1},\; X_{i0},\; X_{i1},\; \dots,\; X_{i,j-1})). $$
#
# The first column is the encoder. Every other node takes what comes up from below and *all* nodes on
# its left.

# %% jupyter={"source_hidden": true} alt="Fifteen nodes as a triangle that stands on its tip: five in the top row, X00 to X04, one at the bottom, X40. Orange arrows go down from each node of the first column, blue ones up to the right, gray ones from each node to all on its right."
depth = 4
places = [(i, j) for j in range(depth + 1) for i in range(depth + 1 - j)]
tu.plots.triangle(dict.fromkeys(places, 1.0), labels={(i, j): f"$X_{{{i}{j}}}$" for i, j in places})

# %% [markdown]
# Orange arrows are poolings, blue ones up-convolutions, gray ones skips. The outermost nodes, the
# first column and the diagonal on the right, are those of a plain U-Net. The authors' channels are
# $f = (32, 64, 128, 256, 512)$: every node of row $i$ gives $f_i$.

# %%
predict("channels that go into the paper's X04", 96)

# %% [markdown]
# ### Exercise 1: what goes in
#
# An up-convolution halves nothing by itself: it may give any number of channels. Here it gives as
# many as the row has in which it arrives.


# %% nbgrader={"grade": false, "grade_id": "node_channels", "locked": false, "schema_version": 3, "solution": true, "task": false}
def node_channels(i, j, f, in_channels):
    """Return the channels that go into the first convolution of X[i, j]; f are those of the rows."""
    ### BEGIN SOLUTION
    if j == 0:
        return f[i - 1] if i > 0 else in_channels
    return (j + 1) * f[i]
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_node_channels", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
check.node_channels(node_channels)

# %% [markdown]
# A 3x3 convolution from $a$ to $b$ channels has $9ab + b$ parameters, an up-convolution of kernel 2
# has $4ab + b$. So we can count the whole network, and a plain U-Net of the same widths: the first
# column, the diagonal, and *two* things joined in each of its decoder's nodes.

# %%
predict("parameters of U-Net++, in times of the plain U-Net's", 2.0)

# %%
f = (32, 64, 128, 256, 512)


def node_parameters(i, c_in):
    """Count two convolutions with biases."""
    return 9 * c_in * f[i] + f[i] + 9 * f[i] * f[i] + f[i]


def up_parameters(i):
    """Count the up-convolution that arrives in row i."""
    return 4 * f[i + 1] * f[i] + f[i]


nested = sum(node_parameters(i, node_channels(i, j, f, 1)) for i, j in places)
nested += sum(up_parameters(i) for i, j in places if j) + f[0] + 1  # and the head
plain = sum(node_parameters(i, node_channels(i, 0, f, 1)) for i in range(5))
plain += sum(node_parameters(i, 2 * f[i]) + up_parameters(i) for i in range(4)) + f[0] + 1
print(f"U-Net++ {nested:,}, plain U-Net {plain:,}")
measured("channels that go into the paper's X04", node_channels(0, 4, f, 1))
measured("parameters of U-Net++, in times of the plain U-Net's", nested / plain)
built = tu.networks.UNetPlusPlus().num_parameters
measured("parameters of U-Net++ counted by hand, less those built", nested - built)

# %% [markdown]
# Six nodes more, and a sixth more parameters: the costly nodes are at the bottom, and there are no
# more of them. But parameters are not time. The new nodes are at the top, where the maps are large.
# Keep that in mind until the clock runs.

# %% [markdown]
# ## Backward: a fork with many prongs
#
# In [lesson 6](06_crop_concat_and_the_fork.ipynb) a value went two ways, and its gradient was the
# sum of two. Nothing else holds here, only more often. $X_{ik}$ goes into the concats of all nodes
# on its right; up, if there is a row above; down through a pooling, if it is in the first column;
# into a head, if it has one.

# %%
predict("gradients that meet in X00 (of five levels)", 4)

# %% [markdown]
# **Derive** which part of a concat's gradient belongs to $X_{ik}$. The concat of $X_{ij}$ is
#
# $$ [\;\text{up}\;|\;X_{i0}\;|\;X_{i1}\;|\;\dots\;|\;X_{i,j-1}\;], $$
#
# each $c$ channels wide. So $X_{ik}$ begins at channel $(k + 1)\,c$, whatever $j$ is.
#
# ### Exercise 2: add them all
#
# `dconcats` is a list of the gradients of the concats of $X_{i,k+1}, X_{i,k+2}, \dots$, each as wide
# as its concat; `others` a list of gradients `(N, H, W, c)` that came back another way. One of the
# two lists may be empty.


# %% nbgrader={"grade": false, "grade_id": "node_gradient", "locked": false, "schema_version": 3, "solution": true, "task": false}
def node_gradient(k, c, dconcats, others):
    """Return the gradient (N, H, W, c) of X[i, k]."""
    ### BEGIN SOLUTION
    return sum([d[..., (k + 1) * c : (k + 2) * c] for d in dconcats] + others)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_node_gradient", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
check.node_gradient(node_gradient)

# %% [markdown]
# ### Exercise 3: which nodes a head needs
#
# Put a **head**, a 1x1 convolution to one channel, not only on $X_{04}$ but on each of $X_{01},
# X_{02}, X_{03}, X_{04}$: four heads, four sets of logits. Which nodes does the head on $X_{0k}$
# need? Walk backwards from it.


# %% nbgrader={"grade": false, "grade_id": "nodes_of_head", "locked": false, "schema_version": 3, "solution": true, "task": false}
def nodes_of_head(k):
    """Return the set of all (i, j) that the head on X[0, k] needs."""
    ### BEGIN SOLUTION
    return {(i, j) for i in range(k + 1) for j in range(k + 1 - i)}
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_nodes_of_head", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check.nodes_of_head(nodes_of_head)

# %% [markdown]
# Now the whole network. The layers are the package's; forward and backward are ours, made of your
# functions. Forward goes through the columns from left to right, each from the top; backward is its
# mirror image.


# %%
class Nested(tu.networks.UNetPlusPlus):
    """The package's layers, put together by hand."""

    def forward(self, image, k=None):
        """Return a list of all heads' logits; with k those of head k, from the nodes it needs."""
        needed = {(int(i), int(j)) for i, j in nodes_of_head(k or self.depth)}
        x = {}
        for j in range(self.depth + 1):
            for i in range(self.depth + 1 - j):
                if (i, j) not in needed:
                    continue
                if j > 0:
                    up = self.ups[i][j - 1](x[i + 1, j - 1])
                    into = self.joins[i][j - 1](up, *[x[i, left] for left in range(j)])
                else:
                    into = self.pools[i - 1](x[i - 1, 0]) if i > 0 else image
                x[i, j] = self.nodes[i][j](into)
        if k is not None:
            return self.heads[k - 1](x[0, k])
        return [head(x[0, j]) for j, head in enumerate(self.heads, 1)]

    def backward(self, dy, *, input_gradient=True):
        """Set all gradients from those of the four heads' logits; return that of the image."""
        dconcats, others = {}, defaultdict(list)
        for j, (head, d) in enumerate(zip(self.heads, dy, strict=True), 1):
            others[0, j].append(head.backward(d))
        for j in reversed(range(self.depth + 1)):
            for i in reversed(range(self.depth + 1 - j)):
                right = [dconcats[i, r] for r in range(j + 1, self.depth + 1 - i)]
                c = self.nodes[i][j].conv2.out_channels
                dx = self.nodes[i][j].backward(self.gather(j, c, right, others[i, j]))
                if j > 0:
                    dconcats[i, j] = dx
                    dup, *_ = self.joins[i][j - 1].backward(dx)
                    others[i + 1, j - 1].append(self.ups[i][j - 1].backward(dup))
                elif i > 0:
                    others[i - 1, 0].append(self.pools[i - 1].backward(dx))
        return dx

    def gather(self, j, c, dconcats, others):
        """Add all that comes back to a node."""
        self.met = len(dconcats) + len(others)  # in the end that of X00, which comes last
        return node_gradient(j, c, dconcats, others)


rng = np.random.default_rng(0)
images = rng.standard_normal((1, 8, 16, 1))
report = tu.check_gradients(
    Nested(heads=2, channels=(2, 3, 4), dropout=0), images, samples=1 if small else 8
)
measured("U-Net++ by hand: worst relative error of all gradients", report.worst)

mine, theirs = (
    kind(heads=4, channels=(2, 3, 4, 5, 6), dropout=0, dtype="float64", seed=0)
    for kind in (Nested, tu.networks.UNetPlusPlus)
)
images = rng.standard_normal((2, 32, 16, 1))
dy = [rng.standard_normal(y.shape) for y in theirs(images)]
apart = [abs(a - b).max() for a, b in zip(mine(images), theirs(images), strict=True)]
measured("U-Net++ by hand: logits, largest difference from the package's", max(apart))
apart = abs(mine.backward(dy) - theirs.backward(dy)).max()
measured("U-Net++ by hand: image's gradient, largest difference", apart)
measured("gradients that meet in X00 (of five levels)", mine.met)

# %% [markdown]
# ## Break it on purpose
#
# One `=` in place of `+=`, and of the concats that took a node only the last one's gradient is
# kept. How many of the 15 nodes' weights still get the right gradient?

# %%
predict("nodes of 15 that are right with the planted mistake", 3)


# %%
class Overwriting(Nested):
    """Of all concats to the right, only the last one's gradient is kept: a planted mistake."""

    def gather(self, j, c, dconcats, others):
        """Forget the gradients of all concats but the last."""
        return node_gradient(j, c, dconcats[-1:], others)


wrong = Overwriting(heads=4, channels=(2, 3, 4, 5, 6), dropout=0, dtype="float64", seed=0)
for model in (wrong, theirs):
    model(images)
    model.backward(dy)
right_nodes = []
for i, j in places:
    mine, right = (model.nodes[i][j].conv1.grads["weight"] for model in (wrong, theirs))
    if np.allclose(mine, right):
        right_nodes.append(f"X{i}{j}")
print("right:", " ".join(right_nodes))
measured("nodes of 15 that are right with the planted mistake", len(right_nodes))

# %% [markdown]
# Wrong are the six that two concats or more take. From each of them, backward hands its mistake on to
# the left and below, where it meets nodes that are wrong anyway. X40, at the bottom, is right: had we
# looked at the deepest gradients only, we would have found nothing.

# %% [markdown]
# ## Four heads
#
# **Deep supervision** compares each head with the same labels and adds up the losses:
#
# $$ L = \sum_{k=1}^{4} c_k\, \ell(z_k, t). $$
#
# So head $k$ gets $c_k$ times the gradient of its own loss, and where heads share nodes, gradients
# add: the sum of four has up to four times the gradient of their mean. With $c_k = 1$, as the
# authors have it, that counts like a larger learning rate. We take the mean, $c_k = \tfrac14$.
#
# Where does the gradient of a single head go? Here each triangle shows one head alone. The darker a
# node, the larger the gradient of its weights (on a logarithmic scale).

# %%
predict("nodes of 15 that head 2 teaches", 5)

# %%
channels = (8, 12, 20, 32, 48)
model = Nested(heads=4, channels=channels, dropout=0, seed=0)
drawn = tu.data.closed_outlines(4, seed=3)
image, truth = np.stack(drawn.images), np.stack(drawn.labels)
loss = tu.BCEDiceLoss()
flows, differ = [], 0
for head in (1, 2, 3, 4):
    logits = model(image)
    loss(logits[head - 1], truth)
    only = [loss.backward() if k == head else 0 * z for k, z in enumerate(logits, 1)]
    model.backward(only)
    grads = {(i, j): model.nodes[i][j].conv1.grads["weight"] for i, j in places}
    flows.append({place: float(abs(grad).max()) for place, grad in grads.items()})
    reached = {place for place, size in flows[-1].items() if size > 0}
    differ += len(reached ^ {(int(i), int(j)) for i, j in nodes_of_head(head)})
measured("nodes that a head needs or teaches, but not both", differ)
measured("nodes of 15 that head 2 teaches", sum(size > 0 for size in flows[1].values()))

# %% jupyter={"source_hidden": true} alt="The triangle of nodes four times, for each head alone. Head 1 reaches three nodes at the upper left, head 2 six, head 3 ten, head 4 all fifteen; the others stay white."
tu.plots.triangle(flows, titles=[f"gradients of head {k}" for k in (1, 2, 3, 4)])

# %% [markdown]
# What a head needs and what it teaches are the same nodes. So after training, the nodes with $i + j
# \le k$ and head $k$ can be taken out: a network by itself, trained as a part of the large one. That
# is **pruning**, and "L1" to "L4" are the four networks.

# %% [markdown]
# ## The loss
#
# One class against the rest needs one channel only: $p = \sigma(z) = 1 / (1 + e^{-z})$ is the
# probability of the foreground. The authors' loss is half the cross-entropy less Dice:
#
# $$ \ell = \frac12\, \frac1n \sum \big[\max(z, 0) - z\,t + \log(1 + e^{-|z|})\big] - D, \qquad
# D = \frac{2 \sum p\,t + 1}{\sum p + \sum t + 1} = \frac{A}{B}. $$
#
# The square bracket is $-\log p$ where $t = 1$ and $-\log(1 - p)$ where $t = 0$, written so that
# nothing can overflow (put in $t = 1$ and try both signs of $z$). Both sums go over the whole batch.
# The smallest loss is $-1$.
#
# **Derive** the gradient. The first part gives $(p - t) / 2n$, for the reason of
# [lesson 5](05_a_loss_for_every_pixel.ipynb). For the second, $\partial A / \partial p = 2t$ and
# $\partial B / \partial p = 1$; the rule for quotients gives
# $\partial D / \partial p = (2t - D) / B$. That is not yet with respect to $z$: the sigmoid passes
# it on times $\sigma'(z) = p\,(1 - p)$.
#
# ### Exercise 4: value and gradient
#
# `z` and `t` have the same shape `(N, H, W, 1)` and the same dtype; `t` holds 0s and 1s. A logit may
# be 1000 or -1000.


# %% nbgrader={"grade": false, "grade_id": "bce_dice", "locked": false, "schema_version": 3, "solution": true, "task": false}
def bce_dice(z, t):
    """Return the loss, a number, and dz, of the shape and the dtype of z."""
    ### BEGIN SOLUTION
    e = np.exp(-np.abs(z))
    p = np.where(z >= 0, 1, e) / (1 + e)
    bottom = p.sum() + t.sum() + 1
    dice = (2 * (p * t).sum() + 1) / bottom
    entropy = (np.maximum(z, 0) - z * t + np.log1p(e)).mean()
    dz = 0.5 * (p - t) / z.size - (2 * t - dice) / bottom * p * (1 - p)
    return 0.5 * entropy - dice, dz
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_bce_dice", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
check.bce_dice(bce_dice)

# %%
z = rng.standard_normal((2, 4, 5, 1))
t = (rng.random(z.shape) < 0.3).astype(float)
report = tu.check_function(
    lambda z: np.array(bce_dice(z, t)[0]), lambda dy, z: dy * bce_dice(z, t)[1], z
)
measured("BCE with Dice: worst relative error of your gradient", report.worst)
mine, theirs = bce_dice(z, t), tu.BCEDiceLoss()
apart = abs(mine[0] - theirs(z, t[..., 0].astype(int)))
apart = max(apart, abs(mine[1] - theirs.backward()).max())
measured("BCE with Dice: largest difference from the package's", apart)

# %% [markdown]
# ## A task that needs a wide view
#
# Dark outlines on mottled ground. **Foreground is what a closed outline goes around**; three of ten
# outlines have a gap, and nothing is inside them. The gray values inside and outside are the same. So
# whether a pixel counts is decided by an outline that may be 20 pixels away.

# %%
train_set, validation_set, test_set = (
    tu.data.closed_outlines(count, seed=seed)
    for count, seed in ((8 if small else 300, 0), (2 if small else 12, 2), (4 if small else 80, 1))
)
test_images = np.stack(test_set.images)
inside = np.stack(test_set.labels) == 1

# %% jupyter={"source_hidden": true} alt="Three images with dark outlines on mottled ground, and beside each the truth: the insides of closed outlines are white, and those of outlines with a gap are not."
figure, axes = plt.subplots(1, 6, figsize=(8, 1.7), layout="constrained")
for n in range(3):
    axes[2 * n].imshow(test_images[n, ..., 0], cmap="gray")
    axes[2 * n + 1].imshow(inside[n], cmap="gray")
    axes[2 * n].set_title("image", fontsize=11)
    axes[2 * n + 1].set_title("truth", fontsize=11)
for axis in axes:
    axis.set_axis_off()
plt.show()

# %% [markdown]
# How far does each head see? Its field can be counted, as in [lesson 10](10_valid_or_same.ipynb),
# from the gradient of one output pixel in a network whose weights are all positive.

# %%
predict("pixels across that head 1 sees", 10)

# %%
positive = tu.networks.UNetPlusPlus(
    heads=4, channels=(1, 1, 1, 1, 1), dropout=0, dtype="float64", seed=0
)
positive.load_state_dict({name: abs(p) for name, p in positive.named_state()})
noise = rng.random((1, 256, 256, 1))
fields = []
for k in (1, 2, 3, 4):
    part = positive.pruned(k)
    dy = np.zeros_like(part(noise))
    dy[0, 128, 128, 0] = 1
    columns = np.flatnonzero(part.backward(dy)[0].any(axis=(0, 2)))
    fields.append(int(np.ptp(columns)) + 1)
print("fields of L1 to L4 in pixels:", *fields)
measured("pixels across that head 1 sees", fields[0])

# %% [markdown]
# The largest outlines are up to 50 pixels wide.
#
# ## One training
#
# **Predict** the intersection over union (IoU) of foreground for each of the four on images never
# seen, and one thing more: which of the two is better, U-Net++ (its head 4) or a plain U-Net of the
# same widths, trained as long?

# %%
predict("IoU of L1", 0.3)
predict("IoU of L2", 0.5)
predict("IoU of L3", 0.7)
predict("IoU of L4", 0.9)
predict(
    "better on the test images",
    "U-Net++ by .05 or more",
    choices=("U-Net++ by .05 or more", "less than .05 apart", "plain U-Net by .05 or more"),
)

# %% [markdown]
# The networks have batch norm ([lesson 16](16_fcn_and_segnet.ipynb)) in place of the convolutions'
# biases and no dropout, 400 steps of 4 images, Adam with a rate that falls to 0 (`"poly"`, as in
# lesson 16), mirrored and turned images. Kept is the moment that was best on a dozen validation
# images.

# %% alt="The training with four heads: the loss falls over 400 steps while the IoU on validation images rises, and below an image with its truth, the probability and the prediction, which fills the closed outlines."
steps = 6 if small else 400


def train(model, loss):
    """Train a network, and show how it goes."""
    tu.fit(
        model,
        train_set,
        validation_set,
        loss=loss,
        optimizer=tu.Adam(model, lr=2e-3),
        steps=steps,
        batch_size=4,
        schedule="poly",
        augment=tu.data.Augmentation(flips=True),
        progress=False,
        callbacks=[tu.plots.Live(seconds=3)],
    )
    return model.eval()


def new_network():
    """Return an untrained U-Net++ with four heads."""
    return tu.networks.UNetPlusPlus(heads=4, channels=channels, dropout=0, batch_norm=True, seed=1)


supervised = train(new_network(), tu.DeepSupervision(tu.BCEDiceLoss(), [1 / 4] * 4))

# %% [markdown]
# ## Four networks
#
# `pruned(k)` takes out what `nodes_of_head(k)` says. Each of the four is measured by itself: the time
# of an image as a share of L4's (the best of many tries), the IoU over all test pixels, and the
# recall: the share found of what is inside small, middle and large closed outlines. (`sigmoid` and
# `race` are in the folded cell.)


# %% jupyter={"source_hidden": true}
def sigmoid(z):
    """Return the probabilities of logits."""
    return (1 + np.tanh(z / 2)) / 2


def race(networks):
    """Return each network's time for one image, the best of many tries; they take turns."""
    clock = dict.fromkeys(networks, np.inf)
    for _ in range(3 if small else 60):
        for name, model in networks.items():
            start = time.perf_counter()
            model.predict(test_images[:1])
            clock[name] = min(clock[name], time.perf_counter() - start)
    return clock


# %%
def table(networks):
    """Print what each network costs and finds; return times and scores by name."""
    clock, scores = race(networks), {}
    print(" " * 19, "parameters   time  ", "  ".join(score(inside, inside)))
    for name, model in networks.items():
        scores[name] = score(model.predict(test_images)[..., 0] > 0, inside)
        share = clock[name] / next(iter(clock.values()))  # of the first one's
        numbers = "  ".join(f"{value:.3f}" for value in scores[name].values())
        print(f"{name:20}{model.num_parameters:10,}  {share:5.2f}  {numbers}")
    return clock, scores


four = {f"L{k}": supervised.pruned(k) for k in (4, 3, 2, 1)}
clock, scores = table(four)
heads = supervised.forward(test_images[:8], every_head=True)
same = [np.array_equal(four[f"L{k}"](test_images[:8]), heads[k - 1]) for k in (1, 2, 3, 4)]
measured("pruned networks of four that give their head's logits bit for bit", sum(same))
measured("IoU of L1", scores["L1"]["IoU"])
measured("IoU of L2", scores["L2"]["IoU"])
measured("IoU of L3", scores["L3"]["IoU"])
measured("IoU of L4", scores["L4"]["IoU"])
measured("L2's IoU less L1's", scores["L2"]["IoU"] - scores["L1"]["IoU"])
measured("L3's IoU less L2's", scores["L3"]["IoU"] - scores["L2"]["IoU"])
measured("share of L4's IoU that L3 has", scores["L3"]["IoU"] / scores["L4"]["IoU"])
measured("share of L4's time that L3 takes", clock["L3"] / clock["L4"])
measured("large outlines: L1's share found", scores["L1"]["recall large"])


# %% jupyter={"source_hidden": true} alt="An image with a large closed outline, its truth, and the probabilities of L1 to L4. L1 finds only a rim and the small outlines, L2 leaves a hole in the middle, L3 a dent at the right, and L4 fills the outline."
figure, axes = plt.subplots(1, 6, figsize=(8, 1.7), layout="constrained")
shown = max(range(len(inside)), key=lambda n: inside[n].sum())
pictures = {"image": test_images[shown, ..., 0], "truth": inside[shown]}
for k in (1, 2, 3, 4):
    z = four[f"L{k}"].predict(test_images[shown : shown + 1])[0, ..., 0]
    pictures[f"p of L{k}"] = sigmoid(z)
for axis, (name, picture) in zip(axes, pictures.items(), strict=True):
    axis.imshow(picture, cmap="gray", **({} if name == "image" else {"vmin": 0, "vmax": 1}))
    axis.set_title(name, fontsize=11)
    axis.set_axis_off()
plt.show()

# %% [markdown]
# That is the first hope, and it holds: **one training gives four networks, each better than the one
# before**, and the user chooses. L3 has 37 % of L4's parameters and most of its score. L1 is
# tiny and finds the small outlines, but of a large one it sees only a piece at a time, 18 pixels
# across. It cannot know whether it is closed.
#
# Are the smaller ones cheap? Look at the times, not at the parameters: L3 takes far more than 37 % of
# L4's time, since much of what is cut off lies at the bottom, where maps are small.

# %% [markdown]
# ## Break it on purpose: without deep supervision
#
# The same network, the same batches, but $c = (0, 0, 0, 1)$: only head 4 gets a loss.

# %%
predict("IoU of L3 without deep supervision", 0.5)
predict(
    "deep supervision changes the IoU of L4 by",
    "+.05 or more",
    choices=("-.05 or less", "less than .05 either way", "+.05 or more"),
)

# %% alt="The training with a loss for head 4 only: its loss falls over 400 steps, and the IoU on validation images rises as it did with four losses."
last_only = train(new_network(), tu.DeepSupervision(tu.BCEDiceLoss(), [0, 0, 0, 1]))

# %%
_, unsupervised = table({f"L{k}, head 4 only": last_only.pruned(k) for k in (4, 3, 2, 1)})


def size_of(gap, names):
    """Put a difference of IoUs into words."""
    return names[0] if gap <= -0.05 else names[2] if gap >= 0.05 else names[1]


measured("IoU of L3 without deep supervision", unsupervised["L3, head 4 only"]["IoU"])
gap = scores["L4"]["IoU"] - unsupervised["L4, head 4 only"]["IoU"]
print(f"L4's IoU with deep supervision, less that without: {gap:+.3f}")
measured(
    "deep supervision changes the IoU of L4 by",
    size_of(gap, ("-.05 or less", "less than .05 either way", "+.05 or more")),
)

# %% [markdown]
# All nodes learned, but heads 1 to 3 are as they were drawn at first, so their answers mean
# nothing: there is nothing to prune to. What deep supervision buys is the choice afterwards. For
# L4 itself this training shows no gain. (How much it loses is chance: with `seed=0` it lost .09 in one
# run, while three longer trainings of each kind came to the same score.)

# %% [markdown]
# ## Beside a plain U-Net
#
# The second hope: better results. Fair means: the same widths, batch norm, loss, batches and
# steps. The plain U-Net is that of [lesson 7](07_the_u.ipynb), with "same" padding and batch
# norm.

# %% alt="The training of the plain U-Net: loss and validation IoU over 400 steps, and an image with truth, probability and prediction. It goes much as that of U-Net++ did."
plain = train(NormalisedUNet(1, 1, widths=channels, seed=1), tu.BCEDiceLoss())

# %% [markdown]
# And the authors' "accurate mode": the mean of the four heads' probabilities. ("Fast mode" is one
# head, pruned.)

# %%
predict("accurate mode's IoU less L4's", 0.02)

# %%
clock, both = table({"L4": four["L4"], "plain U-Net": plain})
logits = np.stack([four[f"L{k}"].predict(test_images)[..., 0] for k in (1, 2, 3, 4)])
accurate = score(sigmoid(logits).mean(axis=0) > 0.5, inside)["IoU"]
print(f"accurate mode: {accurate:.3f}")
measured("accurate mode's IoU less L4's", accurate - scores["L4"]["IoU"])
gap = scores["L4"]["IoU"] - both["plain U-Net"]["IoU"]
measured("plain U-Net's time, as a share of L4's", clock["plain U-Net"] / clock["L4"])
measured(
    "better on the test images",
    size_of(gap, ("plain U-Net by .05 or more", "less than .05 apart", "U-Net++ by .05 or more")),
)

# %% [markdown]
# - **U-Net++ does not beat the plain U-Net here.** The two are a hundredth or so apart, and another
#   seed may turn that round. For it, U-Net++ has a third more parameters, and takes about twice as
#   long, to train and to use.
# - **"Accurate mode" is not more accurate**: it is worse than L4 alone, since the mean gives as much
#   weight to L1, which cannot see the large outlines, as to L4.
# - So a plain U-Net is cheaper than L4 at the same score. Nested skips pay if you want *several*
#   networks from one training, and do not know yet how much time there will be for each image.
#
# ## What is not shown
#
# - Each network was trained once. A difference of .01 between two single runs is nothing.
#   `tinyunet reproduce relatives` trains three seeds of each and gives the spread.
# - That U-Net++ is better *or worse* on the authors' medical images, at their widths, or after a
#   longer training: none of that was tried.
# - That four heads always come in order. In trial runs on street scenes with six classes (in PyTorch,
#   400 steps, mean IoU .53, .59, .55, .63 for heads 1 to 4) they did not: rare classes wake up by
#   chance.
# - What dropout, which the authors' release has after each convolution, would change.
# - That these outlines are like anything you care about. They were made so that a wide view matters.
#
# ## What you know now
#
# - $X_{ij}$ joins $j + 1$ things of $f_i$ channels; that costs few parameters and much time.
# - However often a value is used, its gradient is the sum of all that come back.
# - Head $k$ needs, and teaches, the nodes with $i + j \le k$. Pruning changes no bit of its output.
# - One channel: $p - t$ for the cross-entropy; Dice goes through $p\,(1 - p)$.
# - A new architecture has to be measured against the plain one, at the same widths and steps.
#
# The package's versions are `tinyunet/networks/unet_plus_plus.py`, `tinyunet/losses/binary.py` and
# `tinyunet/losses/heads.py`.
#
# ## Quiz
#
# **1.** How many gradients meet in $X_{11}$ of a U-Net++ with five levels and four heads?
#
# - a. 2: one from the right, one from above
# - b. 3: two from the right, one from above
# - c. 4: two from the right, one from above, one from its head

# %%
quiz("how many gradients meet in X11", "b")

# %% [markdown]
# **2.** Somebody adds up the four heads' losses where you take their mean, and uses SGD without
# momentum. What has to change so that both trainings are the same?
#
# - a. nothing: the sum has its minimum at the same place
# - b. the learning rate, to four times yours
# - c. the learning rate, to a quarter of yours

# %%
quiz("sum in place of mean", "c")

# %% [markdown]
# **3.** Why is the pruned L2 equal to head 2 bit for bit, and not only nearly?
#
# - a. because the same numbers go through the same operations
# - b. because the other nodes' weights are close to 0 after training
# - c. because deep supervision trains head 2 to agree with head 4

# %%
quiz("why bit for bit", "a")

# %% [markdown]
# **4.** The gradient of $-D$ with respect to $z$ is $-(2t - D)/B \cdot p\,(1 - p)$. A network is
# sure of itself and wrong at a pixel: $t = 1$, $p = 10^{-6}$. What does the loss do for this pixel?
#
# - a. both parts push hard
# - b. Dice pushes hard, the cross-entropy hardly
# - c. the cross-entropy pushes hard, Dice hardly

# %%
quiz("sure and wrong", "c")

# %% [markdown]
# **5.** A table in a paper: "U-Net .887, ours .893, one run each". What do you know?
#
# - a. theirs is better, by .006
# - b. that both work; not which is better
# - c. theirs is worse, since it has more parameters

# %%
quiz("one run each", "b")
