# ---
# jupyter:
#   tinyunet:
#     lesson: 5
#     title: A loss for every pixel
#     time: 10 s
# ---

# %% [markdown]
# # Lesson 5: A loss for every pixel
#
# *About 10 seconds of computing and 55 minutes of reading and writing. You need:
# [lesson 2](02_backward_and_proof.ipynb) (gradients, and how to check them) and the logarithm.*
#
# A network ends with scores, a few for every pixel. To learn, it needs to be told how wrong
# they are, in one single number, and in which direction each score should move. After this
# lesson you can
#
# - turn scores into probabilities, and probabilities into a loss;
# - compute both so that no score, however large, breaks them;
# - derive the gradient, which turns out to be the simplest formula of this whole course;
# - give every pixel its own weight, and say what that changes;
# - know what the first loss of a training run has to be, before you start it.
#
# There are three exercises, each with a check and three hints.

# %%
import matplotlib.pyplot as plt
import numpy as np

import tinyunet as tu
from tinyunet.exercises import check, measured, predict, quiz, small

plt.rcParams["figure.dpi"] = 110
BLUE, ORANGE = "#0072b2", "#d55e00"


def largest(difference):
    return np.abs(difference).max()


# %% [markdown]
# ## From scores to probabilities
#
# Take one pixel. It belongs to one of $K$ classes ([lesson 0](00_pixels_to_labels.ipynb) wrote
# $C$), say 0 for background, 1 for the inside of a cell and 2 for its border. The network gives a
# score for each, any numbers whatever. They are called **logits** and we write them
# $z_0, \dots, z_{K-1}$. The larger, the more the network believes in that class.
#
# We would like probabilities $p_k$: none below 0, and 1 altogether. Two steps do that. The
# exponential function makes every number positive, and a division by the sum makes the sum 1.
# That is the **softmax**:
#
# $$ p_k = \frac{e^{z_k}}{\sum_j e^{z_j}} $$

# %%
z = np.array([2.0, 1.0, -1.0])


def softmax_as_written(z):
    return np.exp(z) / np.exp(z).sum(axis=-1, keepdims=True)


print("logits", z, " probabilities", softmax_as_written(z).round(3))

# %% [markdown]
# **Predict** what becomes of the largest probability if 5 is added to all logits, and if all are
# doubled.

# %%
predict("5 added to all logits: the largest probability", 0.9)
predict("all logits doubled: the largest probability", 0.705)

# %%
measured("5 added to all logits: the largest probability", softmax_as_written(z + 5).max())
measured("all logits doubled: the largest probability", softmax_as_written(2 * z).max())

# %% [markdown]
# Only *differences* between logits count: $e^{z+5} = e^5 e^z$, and the $e^5$ cancels out. Larger
# differences make the network more certain.
#
# ## From probabilities to a loss
#
# Let $t$ be the class that the pixel really has, its **label**. A good network gives
# $p_t$ near 1. How should we count it if it does not? We take the **surprise**, $-\log p_t$, with
# the natural logarithm:
#
# - it is 0 for $p_t = 1$: what was certain does not surprise;
# - it grows without bound towards $p_t = 0$: to be certain *and* wrong is as bad as can be;
# - it adds up. If pixels were independent, the probability of a whole label image would be the
#   product of all $p_t$, and the logarithm of a product is a sum.
#
# The mean surprise over all pixels is the loss, called **softmax cross-entropy**.

# %% jupyter={"source_hidden": true} alt="The surprise, minus log p, over the probability p of the right class: 0 at p = 1, 0.69 at p = 0.5, 3 at p = 0.05, and steeply up towards p = 0."
p = np.linspace(0.005, 1, 300)
figure, axis = plt.subplots(figsize=(6.5, 2.8), layout="constrained")
axis.plot(p, -np.log(p), color=BLUE, linewidth=2)
for q, words in ((1 / 2, "half and half"), (0.05, "certain and wrong: 3.0")):
    axis.plot(q, -np.log(q), "o", color=ORANGE)
    axis.annotate(words, (q, -np.log(q)), (8, 6), textcoords="offset points", fontsize=11)
axis.set_xlabel("probability given to the right class")
axis.set_ylabel("surprise")
axis.spines[["top", "right"]].set_visible(False)
plt.show()

# %% [markdown]
# **Predict** the loss of networks that have not learned anything yet, with 2 classes and with 3:
# small U-Nets ([lesson 7](07_the_u.ipynb)) with random weights. (`small` is True only where the
# package's own tests run this lesson, and everything has to be quick.)

# %%
predict("first loss, 2 classes", 0.5)
predict("first loss, 3 classes", 0.67)

# %%
seeds = range(2 if small else 10)
images = tu.data.synthetic_cells(2, size=60, seed=1)
x = np.stack(images.images)  # (N, H, W, 1)
t = np.stack(images.labels).astype(int)  # (N, H, W)

for classes in (2, 3):
    losses = []
    for seed in seeds:
        model = tu.UNet(1, classes, base_channels=8, depth=2, padding="same", seed=seed).eval()
        losses.append(tu.SoftmaxCrossEntropy()(model(x), t))
    measured(f"first loss, {classes} classes", np.mean(losses))
    print(
        f"  standard deviation {np.std(losses, ddof=1):.3f}; log {classes} = {np.log(classes):.3f}"
    )

# %% [markdown]
# A network that gives all classes the same score, whatever they are, has $p_k = 1/K$ for each, and
# the surprise is $-\log(1/K) = \log K$ for every pixel, whatever its label. Remember this number,
# $\log 2 = 0.693$ for two classes. It is the first thing to look at in any training run: a first
# loss far above $\log K$ means that something is wrong before training has begun.
#
# Ours start near $\log K$, on average a little above: a new network's scores are small random
# numbers, not zeros, so it has opinions already, and wrong ones cost more than right ones save.
#
# ## Large scores
#
# By the formula, the logits 1000 and 999 have the same probabilities as 1 and 0, that is 0.731 and
# 0.269. **Predict** what `softmax_as_written` gives for the first, and the largest whole number
# whose `exp` a float32 can hold.

# %%
predict("softmax as written, logit 1000", "0.731", choices=("0.731", "1.0", "0.5", "nan"))
predict("largest whole number whose exp float32 holds", 500)

# %%
with np.errstate(over="ignore", invalid="ignore"):  # no warnings, please: we know
    first = softmax_as_written(np.array([1000.0, 999.0]))[0]
    whole = np.arange(0, 1000, dtype=np.float32)
    fine = np.isfinite(np.exp(whole))
measured("softmax as written, logit 1000", str(first.round(3)))
measured("largest whole number whose exp float32 holds", int(whole[fine].max()))

# %% [markdown]
# A float32 ends at about $3.4 \cdot 10^{38}$, and $e^{89}$ is beyond that. It becomes infinite,
# infinity divided by infinity is "not a number", and one such pixel makes the loss, every
# gradient, and after one step every weight `nan`. Logits of 89 are not as rare as one would wish.
#
# The way out is the thing we saw first: only differences count. Subtract the largest logit, $m =
# \max_j z_j$, from all of them. Then none is above 0, no `exp` is above 1, and one of them *is*
# 1, so that the sum cannot become 0 either.
#
# For the loss we need the logarithm of the sum, the **log-sum-exp**. There the shift comes out in
# front:
#
# $$ \log \sum_j e^{z_j} \;=\; \log \Big( e^m \sum_j e^{z_j - m} \Big)
# \;=\; m + \log \sum_j e^{z_j - m} $$
#
# With it, the surprise needs no division and no probability at all:
#
# $$ -\log p_t \;=\; -\log \frac{e^{z_t}}{\sum_j e^{z_j}} \;=\; \log \sum_j e^{z_j} \;-\; z_t $$

# %% [markdown]
# ### Exercise 1: log-sum-exp
#
# The classes are the last axis of `z`; any axes may come before. Each pixel has its own $m$. As
# always, the result has the dtype of what came in.


# %% nbgrader={"grade": false, "grade_id": "log_sum_exp", "locked": false, "schema_version": 3, "solution": true, "task": false}
def log_sum_exp(z):
    """Return log(sum of exp(z)) over the last axis: (...) from z (..., K)."""
    ### BEGIN SOLUTION
    m = z.max(axis=-1, keepdims=True)
    return m[..., 0] + np.log(np.exp(z - m).sum(axis=-1))
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_log_sum_exp", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check.log_sum_exp(log_sum_exp)

# %%
certain = np.array([1000.0, 0.0])
measured("logits 1000 and 0: surprise at class 0", log_sum_exp(certain) - certain[0])
measured("logits 1000 and 0: surprise at class 1", log_sum_exp(certain) - certain[1])

# %% [markdown]
# Being certain and wrong costs 1000 here, and not infinity. That is a number to learn from.
#
# ## Every pixel, and how much it counts
#
# The U-Net paper gives every pixel a **weight** $w$, a number from 0 up. A pixel with weight 10
# counts as much as ten others. The paper uses it to make the thin lines between touching cells
# matter ([lesson 12](12_touching_cells.ipynb)). Numbering the pixels by $i$, $n$ of them in all
# images of the batch together,
#
# $$ L \;=\; \frac{1}{n} \sum_i w_i \Big( \log \sum_j e^{z_{ij}} - z_{i t_i} \Big) $$
#
# We divide by the number of pixels. Then neither a larger image nor a larger batch makes the loss
# larger. (PyTorch, with weights for classes, divides by the sum of the weights. Both are in use;
# know which one you have when you compare numbers.)

# %% [markdown]
# ### Exercise 2: the loss
#
# To pick the logit of the right class, compare: `t[..., None] == np.arange(K)` is an array (N, H,
# W, K) which is True at the right class and False at all others. Such labels are called
# **one-hot**.


# %% nbgrader={"grade": false, "grade_id": "pixel_loss", "locked": false, "schema_version": 3, "solution": true, "task": false}
def pixel_loss(z, t, w):
    """Return the loss, a number, of z (N, H, W, K) for labels t and weights w, both (N, H, W)."""
    ### BEGIN SOLUTION
    onehot = t[..., None] == np.arange(z.shape[-1])
    surprise = log_sum_exp(z) - (z * onehot).sum(axis=-1)
    return (w * surprise).mean()
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_pixel_loss", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check.pixel_loss(pixel_loss)

# %% [markdown]
# ## In which direction?
#
# Now **derive** how the surprise of one pixel, $\ell = \log \sum_j e^{z_j} - z_t$, changes with
# each logit. The derivative of a logarithm is one over what is inside, times the derivative of
# what is inside:
#
# $$ \frac{\partial}{\partial z_k} \log \sum_j e^{z_j}
# \;=\; \frac{1}{\sum_j e^{z_j}} \; e^{z_k} \;=\; p_k $$
#
# It is the softmax! And $-z_t$ has the derivative $-1$ for $k = t$ and 0 for the others. So
#
# $$ \frac{\partial \ell}{\partial z_k} \;=\; p_k - [k = t] $$
#
# where $[k = t]$ is 1 if $k$ is the right class, and 0 if it is not. *What the class got, minus
# what it should have got.* The right class is pulled up, all others are pushed down, each by the
# probability that it took away. A pixel that is already right hardly pulls at all.
#
# With weights and the mean, $dz_{ik} = w_i \, (p_{ik} - [k = t_i]) \, / \, n$.

# %% jupyter={"source_hidden": true} alt="Three bar charts over three classes: the probabilities 0.71, 0.26 and 0.04; the one-hot label, 1 at class 1; and their difference, the gradient: positive at classes 0 and 2, negative at class 1."
p = softmax_as_written(z)
figure, axes = plt.subplots(1, 3, figsize=(8, 2.3), sharey=True, layout="constrained")
bars = (p, "p: what it got"), (np.eye(3)[1], "one-hot t: what it should get")
for axis, (values, title) in zip(
    axes, (*bars, (p - np.eye(3)[1], "p - t: the gradient")), strict=True
):
    axis.bar(range(3), values, color=[ORANGE if k == 1 else BLUE for k in range(3)])
    axis.axhline(0, color="0.4", linewidth=0.8)
    axis.set_title(title, fontsize=12)
    axis.set_xlabel("class (orange: the right one)")
    axis.set_xticks(range(3))
    axis.spines[["top", "right"]].set_visible(False)
plt.show()

# %% [markdown]
# ### Exercise 3: the gradient
#
# `p` is `exp(z - log_sum_exp(z))`: the same shift keeps it safe. The result has the dtype of `z`.


# %% nbgrader={"grade": false, "grade_id": "pixel_loss_gradient", "locked": false, "schema_version": 3, "solution": true, "task": false}
def pixel_loss_gradient(z, t, w):
    """Return dz (N, H, W, K), the gradient of pixel_loss(z, t, w) with respect to z."""
    ### BEGIN SOLUTION
    onehot = t[..., None] == np.arange(z.shape[-1])
    p = np.exp(z - log_sum_exp(z)[..., None])
    return w[..., None] * (p - onehot) / t.size
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_pixel_loss_gradient", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check.pixel_loss_gradient(pixel_loss_gradient)

# %% [markdown]
# ## Check the gradient
#
# Believe nothing, measure: move each logit a little and see how the loss changes.
# `check_function`, which you know from lesson 2, does that. `dy` is the upstream gradient as
# always, here a single number because the loss is one.

# %%
rng = np.random.default_rng(0)
z = rng.standard_normal((2, 3, 4, 3))
t_random = rng.integers(0, 3, (2, 3, 4))
w = rng.uniform(0.5, 3, (2, 3, 4))


def forward(z):
    return pixel_loss(z, t_random, w)


def backward(dy, z):
    return dy * pixel_loss_gradient(z, t_random, w)


report = tu.check_function(forward, backward, z)
measured("cross-entropy: worst relative error of the gradient", report.worst)
report

# %% [markdown]
# Two more things follow from the formula. The probabilities add up to 1 and so do the one-hot
# labels, so the gradients of a pixel add up to 0: what is pulled up in one class is pushed
# down in the others. And your pair of functions is the package's loss.

# %%
dz = pixel_loss_gradient(z, t_random, w)
measured("largest sum of a pixel's gradients", largest(dz.sum(axis=-1)))

loss = tu.SoftmaxCrossEntropy()
difference = abs(loss(z, t_random, w) - pixel_loss(z, t_random, w))
measured("difference to tu.SoftmaxCrossEntropy", difference)
measured("and to its gradient", largest(loss.backward() - dz))

# %% [markdown]
# ## What the loss says to the network
#
# Let us look at the gradient of a whole image. In place of a network we take the simplest guess:
# the brighter, the more cell. So logit 0 is 0, and logit 1 grows with the brightness $x$ and is 0,
# too, at a brightness of 0.3: $z_1 = 20 \, (x - 0.3)$. It gets some pixels wrong. **Predict** which
# share of the gradient, by its size, these have.

# %%
predict("wrong pixels: their share of the gradient", 0.3)

# %%
picture = tu.data.synthetic_cells(1, size=96, seed=3)
x, t = picture.images[0][None, ..., 0], picture.labels[0][None].astype(int)  # both (1, H, W)
z = np.stack([np.zeros_like(x), 20 * (x - 0.3)], axis=-1)
ones = np.ones_like(x)
dz = pixel_loss_gradient(z, t, ones)
p = np.exp(z - log_sum_exp(z)[..., None])
print(f"loss {pixel_loss(z, t, ones):.3f}")
size = np.abs(dz[..., 1])
wrong = (p[..., 1] > 0.5) != t
measured("wrong pixels: their share of all pixels", wrong.mean())
measured("wrong pixels: their share of the gradient", size[wrong].sum() / size.sum())

# %% jupyter={"source_hidden": true} alt="An image of cells, its label, the probability of cell by brightness alone, and n times its gradient: white nearly everywhere, blue on dark cells and rims, red in the gaps between bright cells."
figure, axes = plt.subplots(1, 4, figsize=(8, 2.3), layout="constrained")
shown = {
    "image": x[0],
    "label t": t[0],
    "p of cell": p[0, ..., 1],
    "n times its gradient": dz[0, ..., 1] * t.size,
}
for axis, (title, values) in zip(axes, shown.items(), strict=True):
    signed = {"cmap": "RdBu_r", "vmin": -1, "vmax": 1}
    seen = axis.imshow(values, **(signed if "gradient" in title else {"cmap": "gray"}))
    axis.set_title(title, fontsize=11)
    axis.axis("off")
figure.colorbar(seen, ax=axes[3], fraction=0.05)
plt.show()

# %% [markdown]
# Blue says: raise the score of "cell" here. These are cells in the dark and the rims of others,
# which the guess missed. Red says lower it: mostly the narrow gaps between bright cells. Where
# the guess is right and certain, the gradient is white. *The loss asks for change only where
# there is something to change.*

# %% [markdown]
# ## Break it on purpose
#
# A common mistake is to subtract the *label* where the one-hot label should be: `p - t` looks so
# much like the formula. What does the check say?


# %%
def label_subtracted(z, t, w):
    p = np.exp(z - log_sum_exp(z)[..., None])
    return w[..., None] * (p - t[..., None]) / t.size


check.pixel_loss_gradient(label_subtracted)

# %% [markdown]
# And one that no small test finds: a probability first, its logarithm afterwards, with a tiny
# number inside so that the logarithm of 0 does not bother us. It is right for all ordinary
# logits. **Predict** what it says of a pixel that is wrong by 100: logit 0 at its class, 100 at the
# other.

# %%
predict("with the tiny number: wrong by 100", 100)


# %%
def loss_with_a_tiny_number(z, t, w):
    onehot = t[..., None] == np.arange(z.shape[-1])
    e = np.exp(z - z.max(axis=-1, keepdims=True))
    p = e / e.sum(axis=-1, keepdims=True)
    return (w * -np.log((p * onehot).sum(axis=-1) + 1e-12)).mean()


one = np.ones((1, 1, 1))
for wrong_by in (5.0, 20.0, 30.0, 100.0):
    z_one, t_one = np.array([[[[0.0, wrong_by]]]]), np.zeros((1, 1, 1), int)
    tiny, whole = (f(z_one, t_one, one) for f in (loss_with_a_tiny_number, pixel_loss))
    print(f"wrong by {wrong_by:5}: with the tiny number {tiny:7.3f}, log-sum-exp {whole:7.3f}")
measured("with the tiny number: wrong by 100", tiny)

# %% [markdown]
# It never gets beyond $-\log 10^{-12} = 27.6$: it hides that a network is certain and wrong. There
# its slope goes to 0, and nothing pulls the pixel back.
#
# Now break your own: leave out the shift, forget the division, take the maximum over everything.
# Run the checks each time.
#
# ## Measure: what do weights do?
#
# Imagine a network that sees nothing: it gives every pixel the same two logits. All it can learn
# is how common the classes are. **Predict** which probability of "cell" it ends with if 9 % of
# the pixels are cells. And with weights, so that all cell pixels together count as much as all
# background?

# %%
predict("p of cell: all weights 1", 0.0)
predict("p of cell: classes balanced", 0.9)

# %% [markdown]
# We let it learn, by steps against the gradient with your functions.

# %%
few = np.zeros((1, 20, 50), int)
few[0, 3:12, 5:15] = 1  # 90 cell pixels of 1000
share = few.mean()
balanced = np.where(few == 1, 0.5 / share, 0.5 / (1 - share))  # mean 1, half of it on cells


def learn_two_logits(t, w, steps=300, rate=2.0):
    """Return the probability of class 1 after each step, for a network that sees nothing."""
    z, probabilities = np.array([0.0, 1.0]), []  # some guess to begin with
    for _ in range(steps):
        everywhere = np.broadcast_to(z, (*t.shape, 2))
        z = z - rate * pixel_loss_gradient(everywhere, t, w).sum(axis=(0, 1, 2))
        probabilities.append(np.exp(z[1] - log_sum_exp(z)))
    return probabilities


plain, weighted = learn_two_logits(few, np.ones(few.shape)), learn_two_logits(few, balanced)
measured("p of cell: all weights 1", plain[-1])
measured("p of cell: classes balanced", weighted[-1])

# %% jupyter={"source_hidden": true} alt="The probability of cell over 300 steps: with all weights 1 it falls to 0.09, the share of cell pixels, within ten steps; with balanced classes to 0.5."
figure, axis = plt.subplots(figsize=(6.5, 2.7), layout="constrained")
steps = np.arange(1, len(plain) + 1)
axis.semilogx(steps, plain, color=BLUE, linewidth=2, label="all weights 1")
axis.semilogx(steps, weighted, color=ORANGE, linewidth=2, label="classes balanced")
axis.axhline(share, color="0.5", linestyle=":", label="share of cell pixels")
axis.set_ylim(0, 0.75)
axis.set_xlabel("step")
axis.set_ylabel("p of cell")
axis.legend(frameon=False)
axis.spines[["top", "right"]].set_visible(False)
plt.show()

# %% [markdown]
# To **derive** it, set the gradient of the second logit to 0. With the same $p$ everywhere,
# $\sum_i w_i \, (p - [t_i = 1]) = 0$, so
#
# $$ p \;=\; \frac{\sum_{t_i = 1} w_i}{\sum_i w_i} $$
#
# It answers with the *share of the weight* that lies on cells.
#
# With $p = 0.09$ everywhere, the most probable class is background everywhere: an all-black
# prediction. So if your network predicts all black, it has probably learned how common cells are,
# and nothing else *yet*. More steps help, or a better learning rate
# ([lesson 8](08_training.ipynb)). Balanced weights
# lift the answer to one half, where both classes are equally good, but they cannot make a network
# see.

# %% [markdown]
# ## Quiz
#
# **Ten classes.** A new network tells ten classes apart. Near what should its first loss be?
#
# a) 0.7 &emsp; b) 2.3 &emsp; c) 10

# %%
quiz("ten classes", "b")

# %% [markdown]
# **Certain and wrong.** The logits are 0 and 50, the right class is the first. What is the loss, by
# log-sum-exp?
#
# a) 1 &emsp; b) 50 &emsp; c) infinite

# %%
quiz("certain and wrong", "b")

# %% [markdown]
# **Which pulls hardest?** Three pixels give their right class 0.99, 0.5 and 0.01. Which has the
# largest gradient?
#
# a) 0.99 &emsp; b) 0.5 &emsp; c) 0.01

# %%
quiz("which pulls hardest", "c")

# %% [markdown]
# **A larger batch.** You put twice as many images into a batch. What happens to the loss?
#
# - a) It doubles.
# - b) It stays about as it is.
# - c) It halves.

# %%
quiz("a larger batch", "b")

# %% [markdown]
# **All black.** 3 % of the pixels are cells. After 20 steps the network gives every pixel 0.03 for
# cell, and so predicts black. What do you conclude?
#
# - a) The loss is wrong: it does not punish black.
# - b) The labels are broken.
# - c) It has learned how common cells are.

# %%
quiz("all black", "c")

# %% [markdown]
# ## What you know now
#
# - Softmax turns logits into probabilities; the loss is $-\log p_t$, averaged over pixels.
# - Its value at the start is about $\log K$.
# - Subtract the largest logit, and nothing overflows. Do not take a logarithm of a probability.
# - The gradient is $w \, (p - t) / n$, with $t$ one-hot, and each pixel's gradients add up to 0.
# - Weights say what counts, and by how much.
#
# The package's version is in `tinyunet/losses/cross_entropy.py`, beside a second loss, Dice, which
# [lesson 21](21_which_loss.ipynb) tells more about. In
# [lesson 6](06_crop_concat_and_the_fork.ipynb) two paths of the network meet, and their gradients have to find
# the way back.
