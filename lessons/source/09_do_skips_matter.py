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
# *About five minutes of computing and 65 minutes of reading and writing. You need:
# [lesson 3](03_relu_and_max_pooling.ipynb) (max-pooling),
# [lesson 6](06_crop_concat_and_the_fork.ipynb) (the fork) and [lesson 8](08_training.ipynb) (the
# training loop).*
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
from matplotlib.figure import Figure

import tinyunet as tu
from tinyunet import Layer, rate_factor
from tinyunet.data import Batches
from tinyunet.exercises import check, measured, predict, quiz, small

plt.rcParams["figure.dpi"] = 110

# %% [markdown]
# ## Four ways across
#
# | way | what the decoder gets from the encoder | known from |
# |---|---|---|
# | concat | all its features, as additional channels | [U-Net](https://arxiv.org/abs/1505.04597) |
# | sum | all its features, added to its own | [FCN](https://arxiv.org/abs/1411.4038) |
# | pooling indices | only *where* each maximum was | [SegNet](https://arxiv.org/abs/1511.00561) |
# | none | nothing but what went through the bottom | autoencoders |
#
# **Predict** which of them will draw the best outlines after a long training, and which the worst.

# %%
choices = ("concat", "sum", "indices", "none")
predict("best outlines after the long training", "concat", choices=choices)
predict("worst outlines after the long training", "indices", choices=choices)

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
    measured(f"{how}: worst relative error", report.worst)
report = tu.check_function(
    lambda x: unpool(x, winner), lambda dy, x: unpool_backward(dy, winner), x
)
measured("unpool: worst relative error", report.worst)

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
# The network is the U-Net of [lesson 7](07_the_u.ipynb), with "same" padding, so that nothing has
# to be cropped. Look at `fork`, at its end: the encoder's features went two ways, down and across.
# If they grow a little, the loss changes through both, so the gradients of the branches add.


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
measured("most parameters, in times of the fewest", max(count.values()) / min(count.values()))

images = rng.standard_normal((1, 8, 8, 1))
samples = 2 if small else 10  # `small` is True in quick trial runs only
for how in ways:
    report = tu.check_gradients(SkipNet(how, base=2, depth=2), images, samples=samples)
    measured(f"{how}: worst relative error of all gradients", report.worst)

# %% [markdown]
# ## Break it on purpose
#
# The classic mistake: at the fork, one gradient *overwrites* the other. **Predict** where a
# gradient check will find wrong gradients.

# %%
choices = ("in the encoder", "in the decoder", "in both")
predict("the fork overwrites: wrong gradients are", "in both", choices=choices)


# %%
class Overwriting(SkipNet):
    """A network that forgets the gradient of the path downwards."""

    def fork(self, down, across):
        """Keep one of two gradients."""
        return across


report = tu.check_gradients(Overwriting("concat", base=2, depth=2), images, samples=2)
wrong = {row.name for row in report.rows if row.verdict == "FAILED"}
print("wrong:", ", ".join(sorted(wrong)))
in_encoder = {name for name in wrong if name.startswith("encoder") or name == "x"}
found = ("in the encoder", "in both")[wrong > in_encoder] if in_encoder else "in the decoder"
measured("the fork overwrites: wrong gradients are", found)

# %% [markdown]
# The check finds it, and says where: only the *encoder's* gradients are wrong (and so that of the
# image, x). Everything behind the fork, seen from the loss, is right.
#
# Would you have noticed it without the check? Does such a network still learn? Our images are
# tissue with dark membranes, and we score outlines by the **boundary score**. The *precision* is
# the share of the predicted outline's pixels that lie on the true outline, the *recall* the share
# of the true outline's that lie on the predicted one. The score is F1, a mean of the two that is
# high only if both are:
#
# $$ F_1 = \frac{2 \cdot \text{precision} \cdot \text{recall}}
# {\text{precision} + \text{recall}} . $$
#
# 1 is perfect. "0 px" means exactly on the outline, "1 px" lets it be a pixel beside.
#
# **Predict** the score at 1 px, after 480 steps, of a network without the bug and of one with it.

# %%
predict("boundary score at 1 px, without the bug", 0.9)
predict("boundary score at 1 px, with the bug", 0.2)

# %%
side, batch = (32, 2) if small else (40, 2)
train_images = tu.data.synthetic_membranes(8 if small else 40, size=48, seed=0)
test_images = tu.data.synthetic_membranes(2 if small else 10, size=64, seed=1)
batches = Batches(train_images, None, batch, (side, side), (side, side), augment=True, seed=0)
loss = tu.SoftmaxCrossEntropy()


lengths = (6, 12) if small else (120, 480)
seeds = range(2 if small else 5)


def trained(model, steps, seed, progress, lr=0.004):
    """Train with a learning rate that falls to 0; return the model and its losses."""
    optimizer, losses = tu.Adam(model, lr), []
    for i in range(steps):
        optimizer.lr = lr * rate_factor("cosine", i, steps)
        images, labels, _ = batches[10_000 * seed + i]
        losses.append(loss(model(images), labels))
        model.backward(loss.backward(), input_gradient=False)
        optimizer.step()
        progress()
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


def interval(values):
    """Return the mean and the half width of its 95 % confidence interval (Student's t)."""
    t = {2: 12.706, 5: 2.776}[len(values)]  # for as many seeds
    return np.mean(values), t * np.std(values, ddof=1) / np.sqrt(len(values))


# %% jupyter={"source_hidden": true}
results, models = {}, {}  # by way and length: the scores of each seed; and by seed: the network


def draw_results():
    """Draw the scores so far: a dot for each seed, and the interval where all seeds are there."""
    figure = Figure((8, 3.2), layout="constrained")
    for k, axis in enumerate(figure.subplots(1, 2, sharey=True)):
        for (how, steps), values in results.items():
            values = np.array(values).reshape(-1, 2)[:, k]
            colour, shift = {lengths[0]: ("#d55e00", -0.2), lengths[1]: ("#0072b2", 0.12)}[steps]
            place = ways.index(how) + shift
            axis.plot(np.full(len(values), place), values, ".", color=colour, alpha=0.4)
            if len(values) == len(seeds):
                mean, half = interval(values)
                label = f"{steps} steps" if how == "concat" else None
                marker = {"fmt": "o", "capsize": 4, "markersize": 5}
                axis.errorbar(place + 0.1, mean, half, color=colour, label=label, **marker)
        axis.set_xticks(range(4), ("concat", "sum", "pooling\nindices", "none"))
        axis.set_xlim(-0.5, 3.5)
        axis.set_title(f"boundary score, tolerance {k} px", fontsize=11)
        axis.set_ylim(-0.02, 1)
        axis.grid(axis="y", color="0.93")
        axis.spines[["top", "right"]].set_visible(False)
        if axis.get_legend_handles_labels()[0] and k == 0:
            axis.legend(frameon=False, loc="upper right")
    return figure


# %% alt="Boundary scores of concat at two tolerances. After the short training the five seeds scatter from near 0 to a good score; after the long one they lie close together."
def experiment(how, steps, progress):
    """Train and score a network of this kind for every seed."""
    results[how, steps] = []
    for seed in seeds:
        models[how, steps, seed], _ = trained(SkipNet(how, seed=seed), steps, seed, progress)
        results[how, steps].append(scores(models[how, steps, seed]))


progress = tu.plots.Growing(len(seeds) * sum(lengths) + lengths[1], draw_results)
for steps in lengths:
    experiment("concat", steps, progress)
buggy, losses = trained(Overwriting("concat", seed=0), lengths[1], 0, progress)

# %%
print("with the bug, last 20 losses:", np.round(np.mean(losses[-20:]), 3))
without = np.array(results["concat", lengths[1]])[:, 1]
print("score at 1 px without the bug, each seed:", without.round(3))
measured("boundary score at 1 px, without the bug", without.mean())
measured("boundary score at 1 px, with the bug", scores(buggy)[1])

# %% [markdown]
# A loss that falls and a good score prove nothing about a gradient.
#
# ## The experiment
#
# Four ways, two lengths of training, five seeds. A seed draws the first weights and the order of
# the images; for all four ways it draws the same order. We score on 10 images that no network has
# seen. Behind the ± is half of an **interval** that holds the true mean with 95 % confidence, if
# seeds scatter as a normal distribution does: 2.776 standard errors for five seeds. **Predict**
# three differences after the long training.

# %%
predict("long, 0 px: concat minus sum", 0.1)
predict("long, 0 px: concat minus pooling indices", 0.2)
predict("long, 0 px: concat minus none", 0.3)

# %% alt="Boundary scores of the four ways, short and long training, at two tolerances. After the long one concat and sum are level and highest, pooling indices are lower, and four of five seeds without skips are near 0."
progress = tu.plots.Growing(3 * len(seeds) * sum(lengths), draw_results)
for how in ways[1:]:
    for steps in lengths:
        experiment(how, steps, progress)
results = {key: np.array(values) for key, values in results.items()}

# %%
print(f"{'':10} steps      0 px           1 px")
for (how, steps), values in results.items():
    texts = ["{:.3f} ± {:.3f}".format(*interval(values[:, k])) for k in (0, 1)]
    print(f"{how:10} {steps:5}  {'  '.join(texts)}")
means = {how: results[how, lengths[1]][:, 0].mean() for how in ways}
measured("best outlines after the long training", max(means, key=means.get))
measured("worst outlines after the long training", min(means, key=means.get))

# %% [markdown]
# Small dots are seeds; large ones are means, with their intervals. A bar that would go on below 0,
# where no score can be, says that five seeds which scatter so unevenly are too few for this kind of
# interval.
#
# Two overlapping bars do not yet mean that there is no difference. Since each seed gave all four
# ways the same images in the same order, we may compare seed by seed and look at the five
# differences:

# %%
print(f"{'concat minus':16}{'sum':18}{'pooling indices':18}none")
for steps in lengths:
    for k in (0, 1):
        gaps = [
            interval(results["concat", steps][:, k] - results[how, steps][:, k]) for how in ways
        ]
        texts = ["{:+.3f} ± {:.3f}".format(*gap) for gap in gaps[1:]]
        print(f"{steps:4} steps, {k} px: {'   '.join(texts)}")

short, long = lengths
for k in (0, 1):
    mean, half = interval(results["indices", long][:, k] - results["none", long][:, k])
    print(f"pooling indices minus none, {long} steps, {k} px: {mean:+.3f} ± {half:.3f}")
for how in ways:
    failed = (results[how, long][:, 1] < 0.1).sum()
    print(f"{how}: {failed} seeds found next to no membrane in the long training")
measured("long, 0 px: concat minus sum", means["concat"] - means["sum"])
measured("long, 0 px: concat minus pooling indices", means["concat"] - means["indices"])
measured("long, 0 px: concat minus none", means["concat"] - means["none"])
gained = results["indices", long][:, 1].mean() - results["indices", short][:, 1].mean()
measured("1 px: what longer training gives pooling indices", gained)

# %% [markdown]
# What did we see? Take a difference as shown if its interval does not hold 0. (We look at
# fourteen intervals, each of which is wrong once in twenty times. So do not trust one that misses 0
# by a hair.)
#
# - After the short training, little is certain. The seeds scatter from 0 to a good score: some
#   networks still call every pixel "cell", which scores 0, and others have begun to see membranes.
#   With such a spread the interval, which assumes a normal distribution, is only a rough guide. But
#   none of the five networks without skips has begun at all.
# - After the long one, concat and sum are ahead of pooling indices, and those of none, at both
#   tolerances. At 0 px, two bits for each window, with no features at all, come half of the way
#   from none to concat.
# - Between concat and sum no difference is shown: 0.01 to 0.02, with intervals that hold 0.
# - At 1 px the gaps are about as large as at 0 px. So this is not about sharpness alone: the
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

# %% jupyter={"source_hidden": true} alt="A test image and what four networks made of it. Concat and sum find nearly all membranes, pooling indices miss parts, and the network without skips finds next to none."
figure, axes = plt.subplots(1, 5, figsize=(8, 1.9), layout="constrained")
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
plt.show()

# %% [markdown]
# ## Cut a wire
#
# One more question to a network that is trained: which of its three skips does the work? Feed one
# of them with zeros and score again. **Predict** without which it loses most: the uppermost, with
# the full resolution, the middle one, or the lowest, which sees most?

# %%
choices = ("level 0, the uppermost", "level 1", "level 2, the lowest")
predict("most is lost without", "level 0, the uppermost", choices=choices)

# %%
concat = models["concat", long, 0]
print("intact:          0 px {:.3f}, 1 px {:.3f}".format(*scores(concat)))
cut = [scores(concat, cut=level) for level in range(3)]
for level in range(3):
    print(f"level {level} cut off: 0 px {cut[level][0]:.3f}, 1 px {cut[level][1]:.3f}")
measured("most is lost without", choices[np.argmin([score[0] for score in cut])])
measured("0 px: lost without level 0", scores(concat)[0] - cut[0][0])

# %% [markdown]
# Here it is the middle one, then the uppermost, and the lowest does next to nothing. (Another seed,
# or other first steps, may give another order of the first two.)
#
# Be careful with the answer. It says what *this trained* network relies on, not what a network
# trained without that skip could do. Those are two different questions; the experiment above asked
# the second.
#
# And a third: through which skip does the *gradient* of a pixel's logit come? `tu.explore` tells them
# apart, and writes a page in which you can click any pixel, and cut each wire with a switch.

# %%
page = tu.explore(concat, image, places=3, progress=False)
page.save("skips.html")  # open it in your browser
for way, share in page.shares().items():
    print(f"{way}: {100 * share:5.1f} % of the gradient, mean of nine pixels")

# %% [markdown]
# (Skip 1 is the uppermost. What a way brings to the gradient says how strongly a small change of the
# image acts along it; what is lost without it is another number.)

# %% [markdown]
# ## Quiz
#
# **Where a path forks.** In forward, an array goes two ways. In backward, its gradient is
#
# - a) the mean of the two.
# - b) the sum of the two.
# - c) that of the way with the larger one.

# %%
quiz("where a path forks", "b")

# %% [markdown]
# **What indices carry.** Why can pooling indices not replace concat?
#
# - a) Their gradient is not defined.
# - b) They need more memory.
# - c) They do not say what was there.

# %%
quiz("what indices carry", "c")

# %% [markdown]
# **It trains.** A colleague's network reaches a good score. So its backward pass
#
# - a) may still be wrong.
# - b) is right in most layers.
# - c) is right.

# %%
quiz("it trains", "a")

# %% [markdown]
# **Equal parameters.** Sum and none got a wider middle. Why?
#
# - a) So that all four take the same time.
# - b) Else the weights could make the difference.
# - c) So that shapes fit.

# %%
quiz("equal parameters", "b")

# %% [markdown]
# **Seed by seed.** The bars of two networks overlap, but for each of five seeds the first scored a
# little more than the second. Then
#
# - a) no difference is shown, since the bars overlap.
# - b) the first is better on all data sets.
# - c) the interval of the five differences may still lie above 0.

# %%
quiz("seed by seed", "c")

# %% [markdown]
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
# In [lesson 10](10_valid_or_same.ipynb) images become too large to be computed in one piece.
