# ---
# jupyter:
#   tinyunet:
#     lesson: 9
#     title: Do skips matter?
#     time: 5 min
# ---

# %% [markdown]
# # Lesson 9: Do skips matter?
#
# *About five minutes of computing and an hour of reading and writing. You need: lesson 3
# (max-pooling), lesson 6 (the fork) and lesson 8 (the training loop).*
#
# The arrays inside the U-Net are called **features**. Its horizontal arrows carry those of the
# encoder (the left arm), as they were before each pooling, to the decoder (the right arm). They are
# called **skip connections**, or skips. Everybody says that they are why the U-Net draws sharp
# outlines. Is that so? We will not believe it but measure it, and as carefully as we can afford.
# After this lesson you can
#
# - write four ways from the encoder to the decoder, forward and backward;
# - say why gradients add where a path forks, and what happens if they do not;
# - compare networks fairly: the same number of parameters, the same images, several seeds, error
#   bars;
# - say which differences your measurement shows, and which it does not.

# %%
import itertools

import matplotlib.pyplot as plt
import numpy as np

import tinyunet as tu
from tinyunet import Layer, rate_factor
from tinyunet.data import Batches
from tinyunet.exercises import check, claim, small

plt.rcParams["figure.dpi"] = 80

# %% [markdown]
# ## Four ways across
#
# | way | what the decoder gets from the encoder | known from |
# |---|---|---|
# | concat | all its features, as additional channels | U-Net (2015) |
# | sum | all its features, added to its own | FCN (2015), later residual networks |
# | pooling indices | only *where* in each window the maximum was | SegNet (2015) |
# | none | nothing but what went through the bottom | autoencoders |
#
# **Predict**: order the four by how sharp their outlines will be. How far apart will the best and
# the worst be after a short training? And after a long one? Write it down before you go on.

# %% [markdown]
# ### Exercise 1: joining
#
# `across` are the encoder's features and `x` the decoder's, both `(N, H, W, C)`. With `"concat"`
# the encoder's channels come first.


# %% nbgrader={"grade": false, "grade_id": "join", "locked": false, "schema_version": 3, "solution": true, "task": false}
def join(across, x, how):
    """Return what the decoder gets; how is "concat", "sum" or "none"."""
    ### BEGIN SOLUTION
    if how == "concat":
        return np.concatenate([across, x], axis=-1)
    if how == "sum":
        return across + x
    return x
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_join", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
check.join(join)

# %% [markdown]
# **Derive** the way back. Let `dy` be the gradient of the loss with respect to the joined `y`.
#
# - Concat only moves numbers to another place. So each takes its gradient back to where it came
#   from.
# - In a sum, $y = a + x$. If $a$ grows by a little, $y$ grows by just as much, and the same holds
#   for $x$: $\partial L / \partial a = \partial L / \partial x = \partial L / \partial y$.
# - With none, the loss does not depend on `across` through this way at all: its gradient is 0.
#
# ### Exercise 2: and back
#
# `channels` is the number of channels that `across` had. Return the gradient of `across` and that
# of `x`, both as arrays, also where one is 0 everywhere.


# %% nbgrader={"grade": false, "grade_id": "join_backward", "locked": false, "schema_version": 3, "solution": true, "task": false}
def join_backward(dy, channels, how):
    """Return dacross and dx."""
    ### BEGIN SOLUTION
    if how == "concat":
        return dy[..., :channels], dy[..., channels:]
    if how == "sum":
        return dy, dy
    return np.zeros_like(dy), dy
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_join_backward", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check.join_backward(join_backward)

# %% [markdown]
# ## Pooling indices
#
# SegNet sends less across. A 2x2 max-pooling keeps the largest of four numbers. Note for each
# window *which* of the four corners it was, row by row: 0 top left, 1 top right, 2 bottom left, 3
# bottom right. Later, **unpooling** puts a value back to that corner and fills the other three with
# 0:
#
# $$ y[\text{winner}] = x, \qquad y = 0 \text{ elsewhere}. $$
#
# These are 2 bits for each window, instead of 4 numbers of 32 bits: they say where something was,
# but not what.
#
# ### Exercise 3: unpooling
#
# `winner` holds whole numbers from 0 to 3; `y` has the dtype of `x`.


# %% nbgrader={"grade": false, "grade_id": "unpool", "locked": false, "schema_version": 3, "solution": true, "task": false}
def unpool(x, winner):
    """Return y (N, 2 H, 2 W, C) from x (N, H, W, C) and the winners' corners (N, H, W, C)."""
    ### BEGIN SOLUTION
    n, height, width, channels = x.shape
    y = np.zeros((n, 2 * height, 2 * width, channels), x.dtype)
    for p in range(2):
        for q in range(2):
            y[:, p::2, q::2] = x * (winner == 2 * p + q)
    return y
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_unpool", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check.unpool(unpool)

# %% [markdown]
# ### Exercise 4: its gradient
#
# Each `x` acts on the loss through one pixel of `y` only. So its gradient is ...


# %% nbgrader={"grade": false, "grade_id": "unpool_backward", "locked": false, "schema_version": 3, "solution": true, "task": false}
def unpool_backward(dy, winner):
    """Return dx (N, H, W, C) from dy (N, 2 H, 2 W, C) and the winners' corners (N, H, W, C)."""
    ### BEGIN SOLUTION
    dx = np.zeros(winner.shape, dy.dtype)
    for p in range(2):
        for q in range(2):
            dx += dy[:, p::2, q::2] * (winner == 2 * p + q)
    return dx
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_unpool_backward", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check.unpool_backward(unpool_backward)

# %% [markdown]
# All your backward passes at once, against finite differences:

# %%
rng = np.random.default_rng(0)
across, x = rng.standard_normal((2, 2, 4, 4, 3))
winner = rng.integers(0, 4, (2, 4, 4, 3))

for how in ("concat", "sum"):
    report = tu.check_function(
        lambda across, x, how=how: join(across, x, how),
        lambda dy, across, x, how=how: join_backward(dy, across.shape[-1], how),
        across,
        x,
    )
    claim(f"{how}: worst relative error", report.worst, high=1e-6)
report = tu.check_function(
    lambda x: unpool(x, winner), lambda dy, x: unpool_backward(dy, winner), x
)
claim("unpool: worst relative error", report.worst, high=1e-6)

# %% [markdown]
# ## One network, four ways
#
# A fair comparison changes one thing only. But the ways need different convolutions after them:
# concat hands over twice as many channels, so its decoder has more weights. Is a better score due
# to the skip, or to the weights? Let us count those of one decoder level with $w$ channels, without
# biases. The up-convolution (2x2, from $2w$ to $w$ channels) has $4 \cdot 2w \cdot w = 8 w^2$.
# Then:
#
# | way | first 3x3 convolution | second | sum, with the way up |
# |---|---|---|---|
# | concat | from $2w$ to $w$: $18 w^2$ | from $w$ to $w$: $9 w^2$ | $35 w^2$ |
# | sum, none | from $w$ to $w$: $9 w^2$ | from $w$ to $w$: $9 w^2$ | $26 w^2$ |
#
# To make them equal, we give sum and none a wider middle: from $w$ to $\tfrac32 w$ channels and
# back, $13.5 w^2 + 13.5 w^2$, together $35 w^2$ as well. Pooling indices need no up-convolution,
# but a convolution from $2w$ to $w$ channels before the unpooling: $18 w^2 + 9 w^2 + 9 w^2 = 36
# w^2$. Close enough.
#
# The network is the U-Net of lesson 7, with "same" padding, so that nothing has to be cropped. Look
# at `fork`, at its end: the encoder's features went two ways, down and across. If they grow a
# little, the loss changes through both, so **the gradients of the branches add**.


# %%
class SkipNet(Layer):
    """A U-Net with one of four ways from the encoder to the decoder."""

    def __init__(self, how, base=6, depth=3, seed=0):
        super().__init__()
        rng = np.random.default_rng(seed)

        def two(*channels):
            options = {"padding": "same", "activation": "relu", "rng": rng}
            pairs = itertools.pairwise(channels)
            return tu.Sequential(*[tu.Conv2d(c_in, c_out, 3, **options) for c_in, c_out in pairs])

        w = [base * 2**level for level in range(depth + 1)]
        self.how, self.levels = how, range(depth)
        self.encoder = [two(w[i - 1] if i else 1, w[i], w[i]) for i in self.levels]
        self.pools = [tu.MaxPool2d(2) for _ in self.levels]
        self.bottom = two(w[-2], w[-1], w[-1])
        if how == "indices":
            self.narrow = [two(w[i + 1], w[i]) for i in self.levels]
            self.ups = [tu.MaxUnpool2d(pool) for pool in self.pools]
        else:
            self.ups = [
                tu.ConvTranspose2d(w[i + 1], w[i], 2, stride=2, rng=rng) for i in self.levels
            ]
        if how in ("concat", "sum"):
            self.joins = [tu.Concat() if how == "concat" else tu.Add() for _ in self.levels]
        first = {"concat": 2, "sum": 1, "none": 1, "indices": 1}[how]
        middle = {"concat": 1, "sum": 1.5, "none": 1.5, "indices": 1}[how]
        self.decoder = [two(first * w[i], int(middle * w[i]), w[i]) for i in self.levels]
        self.head = tu.Conv2d(base, 2, 1, rng=rng)

    def forward(self, x, cut=None):
        """Return logits; `cut` is the number of a level whose skip is fed with zeros."""
        across = []
        for i in self.levels:
            x = self.encoder[i](x)
            across.append(x if i != cut else 0 * x)
            x = self.pools[i](x)
        x = self.bottom(x)
        for i in reversed(self.levels):
            x = self.ups[i](self.narrow[i](x) if self.how == "indices" else x)
            x = self.joins[i](across[i], x) if self.how in ("concat", "sum") else x
            x = self.decoder[i](x)
        return self.head(x)

    def backward(self, dy, *, input_gradient=True):
        """Set all gradients and return that of the images."""
        dx, dacross = self.head.backward(dy), []
        for i in self.levels:
            dx = self.decoder[i].backward(dx)
            if self.how in ("concat", "sum"):
                back, dx = self.joins[i].backward(dx)
                dacross.append(back)
            dx = self.ups[i].backward(dx)
            dx = self.narrow[i].backward(dx) if self.how == "indices" else dx
        dx = self.bottom.backward(dx)
        for i in reversed(self.levels):
            dx = self.pools[i].backward(dx)
            if dacross:
                dx = self.fork(dx, dacross.pop())
            dx = self.encoder[i].backward(dx, input_gradient=input_gradient or i > 0)
        return dx

    def fork(self, down, across):
        """Where forward went two ways, the gradients of the two add."""
        return down + across


ways = ("concat", "sum", "indices", "none")
count = {how: SkipNet(how).num_parameters for how in ways}
print(count)
claim(
    "most parameters, in times of the fewest", max(count.values()) / min(count.values()), high=1.02
)

images = rng.standard_normal((1, 8, 8, 1))
for how in ways:
    report = tu.check_gradients(SkipNet(how, base=2, depth=2), images, samples=2 if small else 10)
    claim(f"{how}: worst relative error of all gradients", report.worst, high=1e-7)

# %% [markdown]
# ## Break it on purpose
#
# The classic mistake: at the fork, one gradient *overwrites* the other.


# %%
class Overwriting(SkipNet):
    """A network that forgets the gradient of the path downwards."""

    def fork(self, down, across):
        """Keep one of two gradients."""
        return across


report = tu.check_gradients(Overwriting("concat", base=2, depth=2), images, samples=2)
wrong = {row.name for row in report.rows if row.verdict == "FAILED"}
print("wrong:", ", ".join(sorted(wrong)))
claim("gradients found wrong", len(wrong), low=1)

# %% [markdown]
# The check finds it, and says where: only the *encoder's* gradients are wrong (and so that of the
# image). Everything behind the fork, seen from the loss, is right.
#
# Would you have noticed it without the check? **Predict**: does such a network still learn? Here
# are the images we use, tissue with dark membranes, a training function, and the answer.
#
# We score outlines by the **boundary score**. The *precision* is the share of the predicted
# outline's pixels that lie on the true outline, the *recall* the share of the true outline's that
# lie on the predicted one. The score is F1, a mean of the two that is high only if both are:
#
# $$ F_1 = \frac{2 \cdot \text{precision} \cdot \text{recall}}
# {\text{precision} + \text{recall}} . $$
#
# 1 is perfect. "0 px" means exactly on the outline, "1 px" lets it be a pixel beside.

# %%
side, batch = (32, 2) if small else (40, 2)
train_images = tu.data.synthetic_membranes(8 if small else 40, size=48, seed=0)
test_images = tu.data.synthetic_membranes(2 if small else 10, size=64, seed=1)
batches = Batches(train_images, None, batch, (side, side), (side, side), augment=True, seed=0)
loss = tu.SoftmaxCrossEntropy()


def trained(model, steps, seed, lr=0.004):
    """Train with a learning rate that falls to 0; return the model and its losses."""
    optimizer, losses = tu.Adam(model, lr), []
    for i in range(steps):
        optimizer.lr = lr * rate_factor("cosine", i, steps)
        images, labels, _ = batches[10_000 * seed + i]
        losses.append(loss(model(images), labels))
        model.backward(loss.backward(), input_gradient=False)
        optimizer.step()
    return model, losses


def scores(model, **options):
    """Return the boundary score at 0 and at 1 pixel, each a mean over the test images."""
    model.eval()
    found = []
    for image, labels in zip(test_images.images, test_images.labels, strict=True):
        predicted = model.forward(image[None], **options)[0].argmax(axis=-1)
        found.append([tu.metrics.boundary_f1(predicted, labels, tolerance) for tolerance in (0, 1)])
    model.train()
    return np.mean(found, axis=0)


lengths = (6, 12) if small else (120, 480)
seeds = range(2 if small else 5)
models = {}  # by way, length and seed


def experiment(how, steps):
    """Train a network of this kind for every seed, and return their scores (seeds, 2)."""
    for seed in seeds:
        models[how, steps, seed], _ = trained(SkipNet(how, seed=seed), steps, seed)
    return np.array([scores(models[how, steps, seed]) for seed in seeds])


results = {("concat", steps): experiment("concat", steps) for steps in lengths}
buggy, losses = trained(Overwriting("concat", seed=0), lengths[1], 0)
print("with the bug, last 20 losses:", np.round(np.mean(losses[-20:]), 3))
print("boundary score at 1 px with the bug:", scores(buggy)[1].round(3))
print("without it, for the five seeds:     ", results["concat", lengths[1]][:, 1].round(3))
claim("boundary score at 1 px with the bug", scores(buggy)[1], low=0 if small else 0.3)

# %% [markdown]
# ## The experiment
#
# Four ways, two lengths of training, five seeds. A seed draws the first weights and the order of
# the images; for all four ways it draws the same order. We score on 10 images that no network has
# seen. Behind the ± is half of an **interval** that holds the true mean with 95 % confidence, if
# seeds scatter as a normal distribution does: 2.776 standard errors for five seeds.

# %%
for how in ways[1:]:
    for steps in lengths:
        results[how, steps] = experiment(how, steps)


def interval(values):
    """Return the mean and the half width of its 95 % confidence interval (Student's t)."""
    t = {2: 12.706, 5: 2.776}[len(values)]  # for as many seeds
    return np.mean(values), t * np.std(values, ddof=1) / np.sqrt(len(values))


print(f"{'':10} steps      0 px           1 px")
for (how, steps), values in results.items():
    texts = ["{:.3f} ± {:.3f}".format(*interval(values[:, k])) for k in (0, 1)]
    print(f"{how:10} {steps:5}  {'  '.join(texts)}")

# %% jupyter={"source_hidden": true}
figure, axes = plt.subplots(1, 2, figsize=(9, 3.2), sharey=True, layout="constrained")
for k, axis in enumerate(axes):
    for steps, colour, shift in zip(lengths, ("#d55e00", "#0072b2"), (-0.15, 0.15), strict=True):
        for place, how in enumerate(ways):
            values = results[how, steps][:, k]
            mean, half = interval(values)
            label = f"{steps} steps" if place == 0 else None
            axis.plot(np.full(len(values), place + shift), values, ".", color=colour, alpha=0.4)
            axis.errorbar(place + shift + 0.07, mean, half, fmt="o", color=colour, capsize=4,
                          markersize=5, label=label)  # fmt: skip
    axis.set_xticks(range(4), ("concat", "sum", "pooling\nindices", "none"))
    axis.set_title(f"boundary score, tolerance {k} px", fontsize=11)
    axis.set_ylim(-0.05, 1)
    axis.grid(axis="y", color="0.93")
    axis.spines[["top", "right"]].set_visible(False)
_ = axes[0].legend(frameon=False)

# %% [markdown]
# Small dots are seeds; large ones are means, with their intervals. A bar that goes below 0, where no
# score can be, says that five seeds which scatter so unevenly are too few for this kind of interval.
#
# Two overlapping bars do not yet mean that there is no difference. Since each seed gave all four
# ways the same images in the same order, we may compare **seed by seed** and look at the five
# differences:

# %%
gaps = {}
for steps in lengths:
    for k in (0, 1):
        for how in ways[1:]:
            gaps[how, steps, k] = interval(
                results["concat", steps][:, k] - results[how, steps][:, k]
            )
        texts = ["{} {:+.3f} ± {:.3f}".format(how, *gaps[how, steps, k]) for how in ways[1:]]
        print(f"{steps:4} steps, {k} px: concat minus {', '.join(texts)}")

short, long = lengths
for k in (0, 1):
    mean, half = interval(results["indices", long][:, k] - results["none", long][:, k])
    print(f"{long:4} steps, {k} px: pooling indices minus none {mean:+.3f} ± {half:.3f}")
failed = {how: int((results[how, long][:, 1] < 0.1).sum()) for how in ways}
print("seeds that found next to no membrane in the long training:", failed)
scores_of = {how: results[how, long].mean(axis=0) for how in ways}
claim(
    "long, 0 px: concat minus pooling indices",
    gaps["indices", long, 0][0],
    low=-1 if small else 0.1,
)
claim("long, 0 px: pooling indices minus none",
      scores_of["indices"][0] - scores_of["none"][0], low=-1 if small else 0.05)  # fmt: skip
claim("long, 0 px: concat minus sum, size", abs(gaps["sum", long, 0][0]), high=1 if small else 0.08)
gained = results["indices", long][:, 1].mean() - results["indices", short][:, 1].mean()
claim("1 px: what longer training gives pooling indices", gained, low=-1 if small else 0.2)

# %% [markdown]
# What did we see? Take a difference as shown if its interval does not hold 0. (We look at
# fourteen intervals, each of which is wrong once in twenty times. So do not trust one that misses 0
# by a hair.)
#
# - **After the short training, little is certain.** The seeds scatter from 0 to a good score: some
#   networks still call every pixel "cell", which scores 0, and others have begun to see membranes.
#   With such a spread the interval, which assumes a normal distribution, is only a rough guide. But
#   none of the five networks without skips has begun at all.
# - **After the long one, concat and sum are ahead of pooling indices, and those of none**, at both
#   tolerances. At 0 px, two bits for each window, with no features at all, come half of the way
#   from none to concat.
# - **Between concat and sum** no difference is shown: 0.01, with intervals that hold 0.
# - **At 1 px the gaps are about as large as at 0 px.** So this is not about sharpness alone: the
#   networks behind have not found all membranes yet. Look how much they gain from the short
#   training to the long one, and that four of the five seeds without skips still score about 0. In
#   trial runs with larger networks and 700 steps, which are no part of this lesson, the scores at 1
#   px were .98 (concat), .96 (pooling indices) and .94 (none), and at 0 px .84, .75 and .62. Take
#   it as a hint only: *then* what is left of the gap is sharpness.
#
# So a careful answer is: within the time that we gave them, skips make these networks learn much
# faster. How much better the outlines are at the very end, this experiment cannot say; a short
# training exaggerates what skips do. If somebody shows you a table with one seed and one length of
# training, you know now what to ask.
#
# The same in pictures, with one of the test images and seed 0. Blue is a membrane found, orange one
# that was missed, and green one that is none.

# %%
image, labels = test_images.images[0], test_images.labels[0]

# %% jupyter={"source_hidden": true}
figure, axes = plt.subplots(1, 5, figsize=(9.5, 2.2), layout="constrained")
axes[0].imshow(image[..., 0], cmap="gray")
axes[0].set_title("image", fontsize=11)
for axis, how in zip(axes[1:], ways, strict=True):
    logits = models[how, long, 0].predict(image[None])[0]
    membrane, found = labels == 0, logits.argmax(axis=-1) == 0
    shown = np.full((*labels.shape, 3), 1.0)
    for where, colour in (
        (membrane & found, (0, 0.45, 0.7)),
        (membrane & ~found, (0.9, 0.6, 0.1)),
        (~membrane & found, (0, 0.62, 0.45)),
    ):
        shown[where] = colour
    axis.imshow(shown)
    axis.set_title({"indices": "pooling indices"}.get(how, how), fontsize=11)
for axis in axes:
    axis.set_axis_off()

# %% [markdown]
# ## Cut a wire
#
# One more question to a network that is trained: which of its three skips does the work? Feed one
# of them with zeros and score again. **Predict**: is it the uppermost, with the full resolution, or
# the lowest, which sees most?

# %%
concat = models["concat", long, 0]
intact = scores(concat)
print(f"intact:          0 px {intact[0]:.3f}, 1 px {intact[1]:.3f}")
for level in range(3):
    cut = scores(concat, cut=level)
    print(f"level {level} cut off: 0 px {cut[0]:.3f}, 1 px {cut[1]:.3f}")
    if level == 0:
        claim("0 px: lost without level 0", intact[0] - cut[0], low=-1 if small else 0.2)

# %% [markdown]
# Here it is the middle one, then the uppermost, and the lowest does next to nothing. (Another seed, or
# other first steps, may give another order of the first two.)
#
# Be careful with the answer. It says what *this trained* network relies on, not what a network
# trained without that skip could do. Those are two different questions; the experiment above asked
# the second.
#
# ## What you know now
#
# - Concat splits the gradient, sum copies it, unpooling reads it at the winners; at the fork the
#   branches add.
# - A wrong gradient may still train. Only a check shows it.
# - A comparison needs as many parameters on both sides, several seeds, differences seed by seed,
#   and more than one length of training.
# - Here, skips buy speed of learning first.
#
# The package's versions are `tinyunet/layers/join.py`, `MaxUnpool2d` in `tinyunet/layers/pool.py`,
# and `UNet(skip="sum")`.
#
# In **lesson 10** images become too large to be computed in one piece.
