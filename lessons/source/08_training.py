# ---
# jupyter:
#   tinyunet:
#     lesson: 8
#     title: Training
#     time: 2 min
# ---

# %% [markdown]
# # Lesson 8: Training
#
# *About two minutes of computing and an hour of reading and writing. You need: lesson 7, the U-Net
# with its backward pass, and lesson 5, the loss.*
#
# Since lesson 7 we can say, for each weight of a U-Net, how the loss would change if the weight
# grew a little. That is the gradient. **Training** is what we do with it: change all weights a
# little, so that the loss falls, again and again. After this lesson you can
#
# - say how large the weights have to be before the first step, and what happens if they are not;
# - write gradient descent with momentum, Adam, and the training loop;
# - recognise a dead network by one number;
# - stop a training run and resume it so that nobody can tell.

# %%
import matplotlib.pyplot as plt
import numpy as np

import tinyunet as tu
from tinyunet.data import Batches
from tinyunet.exercises import check, claim, small

plt.rcParams["figure.dpi"] = 80
BLUE, ORANGE, GREEN, PINK = "#0072b2", "#d55e00", "#009e73", "#cc79a7"


def tidy(axis, xlabel, ylabel):
    """Label an axis and take its frame away."""
    axis.set_xlabel(xlabel)
    axis.set_ylabel(ylabel)
    axis.spines[["top", "right"]].set_visible(False)
    axis.grid(color="0.93")


# %% [markdown]
# ## Before the first step: how large are the weights?
#
# The first weights are random. If they were all equal, all channels of a layer would compute the
# same, receive the same gradient, and stay the same for ever. But how *large* should they be?
#
# **Predict**: a value passes through 20 layers, and each makes it half as large as it should. What
# is left of it at the end?
#
# **Derive.** One output of a convolution is a sum of $N$ products, where $N$ is the number of
# values under the kernel: its pixels, times the channels of each,
#
# $$ y = \sum_{k=1}^{N} w_k \, x_k , \qquad N = k_h \, k_w \, C_\text{in}. $$
#
# Draw the weights independently of each other and of $x$, with mean 0 and variance $\sigma^2$ (the
# variance is the mean of the square, if the mean is 0). Let $\operatorname{E}$ be the mean over all
# draws. In the square of the sum, the mixed products $w_k w_l$ have mean 0, and only the squares
# remain:
#
# $$ \operatorname{E}[y^2] = \sum_k \operatorname{E}[w_k^2] \operatorname{E}[x_k^2] = N \sigma^2
# \operatorname{E}[x^2]. $$
#
# The weights are as often positive as negative, so $y$ is, too. The ReLU sets the negative half to
# 0, and half of the mean square is left:
#
# $$ \operatorname{E}[\operatorname{relu}(y)^2] = \tfrac12 N \sigma^2 \operatorname{E}[x^2]. $$
#
# A layer neither swells nor shrinks the values if the factor in front is 1:
#
# $$ \tfrac12 N \sigma^2 = 1 \quad\Longrightarrow\quad \sigma = \sqrt{2 / N}. $$
#
# This is the initialisation of He et al. (2015), and the one that the U-Net paper asks for.

# %% [markdown]
# ### Exercise 1: the size of the first weights


# %% nbgrader={"grade": false, "grade_id": "he_std", "locked": false, "schema_version": 3, "solution": true, "task": false}
def he_std(kh, kw, c_in, c_out):
    """Return the standard deviation for the weights of a convolution before a ReLU."""
    ### BEGIN SOLUTION
    return (2 / (kh * kw * c_in)) ** 0.5
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_he_std", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
check.he_std(he_std)

# %% [markdown]
# Now measure. We send random images through 20 convolutions with ReLUs and note the root of the
# mean square after each: with your $\sigma$, with half of it, and with twice as much. We start with
# $\operatorname{E}[x^2] = 1$, so your $\sigma$ should keep the values near 1.


# %%
def sizes(factor, layers=20, channels=32, seed=0):
    """Return the root mean square of the values after each of many layers."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((2, 16, 16, channels)).astype(np.float32)
    found = []
    for _ in range(layers):
        conv = tu.Conv2d(channels, channels, 3, padding="same", activation="relu")
        weight = rng.normal(
            0, factor * he_std(3, 3, channels, channels), (3, 3, channels, channels)
        )
        conv.params["weight"] = weight.astype(np.float32)
        x = conv(x)
        found.append(np.sqrt((x**2).mean()))
    return np.array(found)


ladder = {
    factor: np.array([sizes(factor, seed=seed) for seed in range(3)]) for factor in (0.5, 1, 2)
}
claim("after 20 layers, with your sigma", ladder[1][:, -1].mean(), low=0.05, high=4)
half = (ladder[0.5] / ladder[1])[:, -1]
claim("half the sigma, in times of that", half.mean(), low=0.99 * 0.5**20, high=1.01 * 0.5**20)

# %% [markdown]
# Half of it leaves exactly $0.5^{20}$, a millionth: weights that are all half as large make every
# layer's output half as large, ReLU included. (With your $\sigma$ the values wander a little. The
# derivation speaks of the mean over all possible weights, and this is one draw, with 32 channels.
# The zeros that "same" padding puts around each image also take a small share at every layer.)

# %% jupyter={"source_hidden": true}
figure, axis = plt.subplots(figsize=(6, 2.8), layout="constrained")
for (factor, lines), colour in zip(ladder.items(), (ORANGE, BLUE, GREEN), strict=True):
    axis.plot(range(1, 21), lines.T, color=colour, linewidth=1)
    axis.text(20.3, lines[0, -1], f"{factor} $\\sigma$", color=colour, va="center")
axis.set_yscale("log")
axis.set_xticks((1, 5, 10, 15, 20))
tidy(axis, "layer", "root mean square")

# %% [markdown]
# ## Downhill
#
# Let $p$ be all parameters in one long row and $g$ the gradient of the loss $L$ there. For a small
# step $d$, the chain rule says
#
# $$ L(p + d) \approx L(p) + g \cdot d . $$
#
# Among all steps of one length, $g \cdot d$ is the most negative for the step against the gradient,
# $d = -\eta g$. The number $\eta$ is the **learning rate**. So a step should lower the loss by
#
# $$ L(p) - L(p - \eta g) \approx \eta \, \lvert g \rvert^2 . $$
#
# **Predict**: for which $\eta$ does this hold? For all? Up to some size?
#
# This is also the shortest **gradient check** of a whole network: one number that is right only if
# all gradients are. We use a small U-Net, in float64, and images of tissue with dark membranes. The
# label says what each pixel is: 1 in a cell, 0 in a membrane.

# %%
side = 32 if small else 48
data = tu.data.synthetic_membranes(8 if small else 24, size=side, seed=0)
# 2 images each, without weights; augment=True flips and turns them at random
batches = Batches(data, None, 2, (side, side), (side, side), augment=True, seed=0)


def unet(seed=0, dtype="float32"):
    """Return a small, untrained U-Net."""
    return tu.UNet(base_channels=6, depth=2, padding="same", seed=seed, dtype=dtype)


loss = tu.SoftmaxCrossEntropy()
images, labels, _ = batches[0]
images = images.astype(np.float64)
model = unet(dtype="float64")
start = model.state_dict()  # a copy of all parameters, by their names
before = loss(model(images), labels)
model.backward(loss.backward())
g = {name: gradient.copy() for name, gradient in model.named_gradients()}
squared = sum((gradient**2).sum() for gradient in g.values())

rates = 10.0 ** np.arange(-6, 2)
fall = []
for eta in rates:
    model.load_state_dict({name: p - eta * g[name] for name, p in start.items()})
    fall.append(before - loss(model(images), labels))
print(f"loss {before:.4f}, |g|^2 = {squared:.4f}")
for eta, seen in zip(rates, fall, strict=True):
    print(f"eta {eta:7.0e}: predicted fall {eta * squared:9.3g}, seen {seen:9.3g}")
claim(
    "seen / predicted, at the smallest eta", fall[0] / (rates[0] * squared), low=0.999, high=1.001
)
claim("loss after the largest step, minus before", -fall[-1], low=0)

# %% [markdown]
# For small steps the fall is as predicted to three digits: the gradient is right. For large ones
# the landscape bends before we arrive, and the largest step ends *higher* than it began. That is
# what "the learning rate is too large" means.
#
# The gradient we use is that of two images, not of all. It points about downhill, at a small part
# of the cost. As the images are drawn at random, this is **stochastic** gradient descent, SGD.

# %% [markdown]
# ## A valley, and momentum
#
# Why not just take small steps? Because landscapes have valleys. Here is the simplest one,
#
# $$ L(p) = \tfrac12 \left( p_1^2 + 30\, p_2^2 \right), \qquad g = (p_1,\; 30\, p_2) , $$
#
# thirty times steeper across than along. Along $p_2$, a step does $p_2 \leftarrow (1 - 30 \eta)
# p_2$. For $\eta > 2/30$ this grows in size: we are thrown out of the valley. Even with $\eta$ just
# below that, the way along the valley, $p_1 \leftarrow (1 - \eta) p_1$, is slow. The steepest
# direction sets the learning rate, and the flattest one the time.
#
# **Momentum** helps. Keep a velocity $v$, like a ball that rolls:
#
# $$ v \leftarrow \mu v + g , \qquad p \leftarrow p - \eta \, v . $$
#
# Across the valley the gradients change their sign and cancel in $v$. Along it they agree and add
# up: to $g + \mu g + \mu^2 g + \dots = g / (1 - \mu)$. **Predict**: how many times larger do steps
# become for the U-Net paper's $\mu = 0.99$?

# %% [markdown]
# ### Exercise 2: a step with momentum
#
# `lr` is $\eta$, and `momentum` is $\mu$. Return the new $p$ and the new $v$, as new arrays.


# %% nbgrader={"grade": false, "grade_id": "sgd_step", "locked": false, "schema_version": 3, "solution": true, "task": false}
def sgd_step(p, g, v, lr, momentum):
    """Return the parameter p and the velocity v after one step along the gradient g."""
    ### BEGIN SOLUTION
    v = momentum * v + g
    return p - lr * v, v
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_sgd_step", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check.sgd_step(sgd_step)

# %%
p, v = np.zeros(1), np.zeros(1)
for _ in range(1000):  # always the same slope, 1
    last, (p, v) = p, sgd_step(p, np.ones(1), v, lr=1.0, momentum=0.99)
claim("length of a step after many, in times of lr * g", (last - p)[0], low=99.9, high=100.1)

# %% [markdown]
# A hundred times. So a learning rate that is right without momentum is far too large with 0.99.
#
# ## Adam
#
# Gradients of different parameters can differ in size by thousands. **Adam** (Kingma and Ba 2015)
# gives each parameter a step of its own size. It keeps two running means for each, one of the
# gradient and one of its square:
#
# $$ m \leftarrow \beta_1 m + (1 - \beta_1)\, g, \qquad s \leftarrow \beta_2 s + (1 - \beta_2)\, g^2
# . $$
#
# Both begin at 0, which pulls them down at first. By how much? If $g$ were always 1, then after $t$
# steps $m = (1 - \beta_1)(1 + \beta_1 + \dots + \beta_1^{t-1}) = 1 - \beta_1^t$. So divide by that,
# and step by the quotient of mean and root mean square:
#
# $$ \hat m = \frac{m}{1 - \beta_1^t}, \qquad \hat s = \frac{s}{1 - \beta_2^t}, \qquad p \leftarrow
# p - \eta\, \frac{\hat m}{\sqrt{\hat s} + \epsilon} . $$
#
# The small $\epsilon$ only keeps us from dividing by 0. Where the gradients agree, the quotient is
# about 1 or -1, whatever their size: **a step of Adam is about as long as the learning rate.**
# Where they contradict each other, it is nearly 0. Usual are $\beta_1 = 0.9$, $\beta_2 = 0.999$ and
# $\epsilon = 10^{-8}$.

# %% [markdown]
# ### Exercise 3: a step of Adam
#
# Steps are counted from $t = 1$; `lr` is $\eta$. Return the new $p$, $m$ and $s$, as new arrays.


# %% nbgrader={"grade": false, "grade_id": "adam_step", "locked": false, "schema_version": 3, "solution": true, "task": false}
def adam_step(p, g, m, s, t, lr, beta1, beta2, eps):
    """Return p, m and s after step number t along the gradient g."""
    ### BEGIN SOLUTION
    m = beta1 * m + (1 - beta1) * g
    s = beta2 * s + (1 - beta2) * g * g
    m_hat = m / (1 - beta1**t)
    s_hat = s / (1 - beta2**t)
    return p - lr * m_hat / (np.sqrt(s_hat) + eps), m, s
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_adam_step", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
check.adam_step(adam_step)

# %%
g = np.array([1e-5, 1.0, -1000.0])
p, _, _ = adam_step(np.zeros(3), g, np.zeros(3), np.zeros(3), 1, 0.01, 0.9, 0.999, 1e-12)
print("first step for gradients of 0.00001, 1 and -1000:", p)
claim(
    "largest difference of its length from the learning rate", abs(abs(p) - 0.01).max(), high=1e-6
)

# %% [markdown]
# All three in the valley, 60 steps each:

# %%
slope = np.array([1.0, 30.0])


def walk(step, steps=60):
    """Return the way (steps + 1, 2) of an optimizer through the valley, from (-10, 1)."""
    p, way, state = np.array([-10.0, 1.0]), [], [np.zeros(2), np.zeros(2)]
    for t in range(1, steps + 2):
        way.append(p)
        p, *state = step(p, slope * p, state, t)
    return np.array(way)


ways = {
    "SGD, lr 0.06": walk(lambda p, g, state, t: sgd_step(p, g, state[0], 0.06, 0)),
    "momentum 0.8, lr 0.03": walk(lambda p, g, state, t: sgd_step(p, g, state[0], 0.03, 0.8)),
    "Adam, lr 0.5": walk(lambda p, g, state, t: adam_step(p, g, *state, t, 0.5, 0.9, 0.999, 1e-8)),
}
height = {name: (slope * way**2).sum(axis=1) / 2 for name, way in ways.items()}
for name, heights in height.items():
    print(f"{name:22} L after 20 steps {heights[20]:8.4f}, after 60 {heights[-1]:8.5f}")
gain = height["SGD, lr 0.06"][-1] / height["momentum 0.8, lr 0.03"][-1]
claim("L after 60 steps: SGD, in times of momentum", gain, low=10)

# %% jupyter={"source_hidden": true}
figure, axes = plt.subplots(1, 3, figsize=(9, 2.4), layout="constrained", sharey=True)
across, along = np.meshgrid(np.linspace(-11, 4, 90), np.linspace(-1.6, 1.6, 60))
for axis, (name, way), colour in zip(axes, ways.items(), (BLUE, ORANGE, GREEN), strict=True):
    levels = (0.5, 2, 6, 14, 26, 42, 62)
    axis.contour(across, along, (across**2 + 30 * along**2) / 2, levels, colors="0.8", linewidths=1)
    axis.plot(*way.T, "o-", color=colour, markersize=2.5, linewidth=1)
    axis.plot(0, 0, "k+", markersize=12)
    axis.set_title(name, fontsize=11)
    axis.set_xlabel("$p_1$, along the valley")
axes[0].set_ylabel("$p_2$, across")
_ = axes[0].set_ylim(-1.6, 1.6)

# %% [markdown]
# Plain SGD jumps from wall to wall while it creeps along. The ball with momentum swings a little
# and arrives. Adam walks along at its own pace, as if the walls were no steeper than the floor;
# then its momentum carries it beyond.
#
# ## The loop
#
# What is left is to do it again and again: forward, loss, backward, update.
#
# ### Exercise 4: the training loop
#
# `batches[i]` gives the images, labels and weights of batch `i`; there are no weights in this
# lesson. The model, the loss and the optimizer are the package's: `model(images)`, `loss(logits,
# labels)`, `loss.backward()`, `model.backward(dlogits)`, `optimizer.step()`. Run the steps `first`,
# `first + 1`, up to and without `last`, and return the list of their losses.


# %% nbgrader={"grade": false, "grade_id": "train", "locked": false, "schema_version": 3, "solution": true, "task": false}
def train(model, loss, optimizer, batches, first, last):
    """Train the model on the batches first, ..., last - 1 and return the loss of each step."""
    ### BEGIN SOLUTION
    losses = []
    for i in range(first, last):
        images, labels, _ = batches[i]
        losses.append(loss(model(images), labels))
        model.backward(loss.backward())
        optimizer.step()
    return losses
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_train", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
check.train(train)

# %% [markdown]
# ## Break it on purpose
#
# **Predict** what the loss does in these three runs:
#
# 1. all weights begin at 0;
# 2. the learning rate is thirty times too large;
# 3. nothing is wrong.
#
# To judge a loss one needs something to compare it with. A network that ignores the image can still
# learn how many pixels are cell, a share $q$ of all. It does best if it says "cell, with
# probability $q$" everywhere, and its loss is then
#
# $$ H(q) = -q \log q - (1 - q) \log (1 - q) . $$

# %%
q = np.mean([labels.mean() for labels in data.labels])
base = -q * np.log(q) - (1 - q) * np.log(1 - q)
print(f"{100 * q:.0f} % of the pixels are cell: a network that sees nothing reaches {base:.3f}")

steps = 12 if small else 150


def spread(model):
    """Return how much the probability of "cell" differs from pixel to pixel (its deviation)."""
    return tu.predict_image(model, data.images[0])[..., 1].std()


zeros = unet()
zeros.load_state_dict({name: 0 * p for name, p in zeros.named_parameters()})
runs = {
    "all weights 0": (zeros, 0.003),
    "learning rate 0.1": (unet(), 0.1),
    "healthy": (unet(), 0.003),
}
broken = {}
for name, (model, lr) in runs.items():
    broken[name] = train(model, loss, tu.Adam(model, lr=lr), batches, 0, steps)
    end = np.mean(broken[name][-30:])
    print(f"{name:20} last 30 losses {end:.3f}, spread of its answers {spread(model):.5f}")

others = max(abs(p).max() for name, p in zeros.named_parameters() if name != "head.bias")
claim("all weights 0: largest other parameter than the last bias", others, high=0)
claim("all weights 0: spread of its answers", spread(zeros), high=1e-6)
too_fast = np.mean(broken["learning rate 0.1"][-30:])
claim("learning rate 0.1: loss beyond H(q)", too_fast - base, low=-1 if small else -0.03, high=2)
claim("healthy: loss below H(q)", base - np.mean(broken["healthy"][-30:]), low=-1 if small else 0.1)

# %% jupyter={"source_hidden": true}
figure, axis = plt.subplots(figsize=(7, 2.8), layout="constrained")
for (name, line), colour in zip(broken.items(), (ORANGE, PINK, BLUE), strict=True):
    axis.plot(np.minimum(line, 1.2), color=colour, label=name, linewidth=1)
axis.axhline(base, color="black", linewidth=1, linestyle=":")
axis.text(0, base - 0.012, "H(q)", va="top")
axis.legend(frameon=False, ncols=3, loc="upper right")
axis.set_ylim(0.2, 1.2)
tidy(axis, "step", "loss")

# %% [markdown]
# The first two end at the dotted line. They are **dead**: they give every pixel the same answer.
#
# - With all weights 0, every layer gives 0. The gradient of a weight is a sum of what came in times
#   what comes back, and one of the two is always 0. Only the very last bias has a gradient: it
#   learned $q$.
# - With too large a learning rate, a few wild steps push all values of some layer below 0. Its
#   ReLUs give 0 for every image, pass no gradient back, and never wake up.
#
# So there is one number to look at before anything else. A loss that sits at $H(q)$, an answer that
# is the same all over: the network does not see the image at all. Take a smaller learning rate and
# begin again; waiting does not help.

# %% [markdown]
# ## Measure: which optimizer, which learning rate?
#
# Four optimizers, three seeds each. A seed draws the first weights and which images come when, and
# all optimizers get the same ones. Each has the learning rate that did best of the few that we
# tried, on these very seeds: a fair race for the four, but all of them look a little better than
# they are. The score is the mean loss of the last 30 steps.

# %%
seeds = range(2 if small else 3)
optimizers = {
    "SGD, lr 0.1": lambda model: tu.SGD(model, 0.1, momentum=0),
    "momentum 0.9, lr 0.03": lambda model: tu.SGD(model, 0.03, momentum=0.9),
    "momentum 0.99, lr 0.003": lambda model: tu.SGD(model, 0.003, momentum=0.99),
    "Adam, lr 0.003": lambda model: tu.Adam(model, 0.003),
}


def learn(optimizer, seed):
    """Train a new network and return its losses."""
    model = unet(seed)
    return train(model, loss, optimizer(model), batches, 1000 * seed, 1000 * seed + steps)


curves = {
    name: np.array([learn(optimizer, seed) for seed in seeds])
    for name, optimizer in optimizers.items()
}
ends = {name: lines[:, -30:].mean(axis=1) for name, lines in curves.items()}
for name, values in ends.items():
    print(f"{name:24} {values.mean():.3f}, from {values.min():.3f} to {values.max():.3f}")

lrs = (1e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1)
sweep = {
    lr: ends["Adam, lr 0.003"]
    if lr == 3e-3
    else np.array([np.mean(learn(lambda m, lr=lr: tu.Adam(m, lr), s)[-30:]) for s in seeds])
    for lr in lrs
}
for lr, values in sweep.items():
    print(f"Adam, lr {lr:<7g} {values.mean():.3f}, from {values.min():.3f} to {values.max():.3f}")

plain = ends["SGD, lr 0.1"] - ends["Adam, lr 0.003"]  # seed by seed
claim("loss of SGD minus Adam, smallest over the seeds", plain.min(), low=-1 if small else 0)
slow = sweep[1e-4] - sweep[3e-3]
claim("loss at lr 0.0001 minus at 0.003, smallest", slow.min(), low=-1 if small else 0)
fast = sweep[1e-1] - sweep[3e-3]
claim("loss at lr 0.1 minus at 0.003, smallest", fast.min(), low=-1 if small else 0)


# %% jupyter={"source_hidden": true}
def smooth(line, width=15):
    """The mean of every few losses in a row."""
    width = min(width, len(line) // 2)
    return np.convolve(line, np.full(width, 1 / width), mode="valid")


figure, (left, right) = plt.subplots(
    1, 2, figsize=(9, 3), width_ratios=(3, 2), layout="constrained"
)
for (name, lines), colour in zip(curves.items(), (PINK, ORANGE, GREEN, BLUE), strict=True):
    for i, line in enumerate(lines):
        mean = smooth(line)
        place = np.arange(len(mean)) + (len(line) - len(mean)) / 2
        left.plot(place, mean, color=colour, linewidth=1, label=None if i else name)
left.set_ylim(0.2, 1.0)
left.legend(frameon=False, fontsize=9)
tidy(left, "step", "loss, mean of 15 steps")
means = np.array([values.mean() for values in sweep.values()])
low = means - [values.min() for values in sweep.values()]
high = [values.max() for values in sweep.values()] - means
right.errorbar(lrs, means, (low, high), fmt="o-", color=BLUE, capsize=3)
right.set_xscale("log")
right.set_ylim(0.2, 0.8)
tidy(right, "learning rate of Adam", "last losses: mean and range")
for axis in (left, right):
    axis.axhline(base, color="black", linewidth=1, linestyle=":")

# %% [markdown]
# What to keep from it:
#
# - The learning rate matters as much as the optimizer. Too small is slow; too large is dead.
# - One of the three runs of plain SGD never leaves the dotted line. Had we drawn only that seed, or
#   only another, we would believe something else: that is why we draw several.
# - The three losses of Adam lie below all those of the other optimizers. So one can say that Adam
#   learns faster *here*, in so few steps. One cannot say that it always does. The paper used
#   momentum 0.99, and ten hours.
# - Single losses jump, since every batch is different. Compare means, seed by seed.
#
# (`tu.fit` also begins with smaller steps and lets the learning rate fall along half a cosine to 0
# at the end. That makes the last steps calm.)

# %% [markdown]
# ## Resume
#
# A long run should survive that the computer is switched off. **Predict**: which arrays have to be
# kept, so that the run goes on exactly as if nothing had happened? The parameters: and what else?
#
# We run 20 steps at once; then 10, keep everything, put it into a *new* network and a new
# optimizer, and run 10 more. Then once more, but without the optimizer's state.


# %%
def stopped_and_resumed(keep_optimizer):
    """Return the losses of 20 steps with a stop in the middle."""
    model = unet()
    optimizer = tu.Adam(model, 0.003)
    losses = train(model, loss, optimizer, batches, 0, 10)
    kept = model.state_dict(), optimizer.state_dict(), optimizer.steps
    model = unet(seed=99)
    model.load_state_dict(kept[0])
    optimizer = tu.Adam(model, 0.003)
    if keep_optimizer:
        optimizer.load_state_dict(*kept[1:])
    return np.array(losses + train(model, loss, optimizer, batches, 10, 20))


model = unet()
whole = np.array(train(model, loss, tu.Adam(model, 0.003), batches, 0, 20))
resumed, forgot = stopped_and_resumed(True), stopped_and_resumed(False)
claim("resumed: largest difference of a loss", abs(resumed - whole).max(), high=0)
claim("without the optimizer's state", abs(forgot - whole).max(), low=1e-4)

# %% [markdown]
# Not one bit is different, as long as three things come back: the parameters, the optimizer's two
# means with its number of steps, and the place in the series of batches. Here that place is
# `first`: batch `i` depends on nothing but the seed and `i`. Forget the means, and Adam takes its
# first steps anew. `tu.save` and `tu.fit(out=..., resume=True)` keep all three in one file.
#
# ## What you know now
#
# - First weights have the standard deviation $\sqrt{2/N}$; an error is raised to the power of the
#   number of layers.
# - A step lowers the loss by $\eta |g|^2$ only as long as it is small.
# - Momentum adds up what agrees; Adam gives each parameter a step of about the learning rate.
# - A loss of $H(q)$ is a dead network.
#
# The package's versions are `tinyunet/learning/optim.py` and `tinyunet/learning/training.py`.
#
# In **lesson 9** we use the loop for an experiment: what do the skip connections do?
