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
# *About two minutes of computing and 70 minutes of reading and writing. You need:
# [lesson 7](07_the_u.ipynb), the U-Net with its backward pass, and
# [lesson 5](05_a_loss_for_every_pixel.ipynb), the loss.*
#
# Since lesson 7 we can say, for each weight of a U-Net, how the loss would change if the weight
# grew a little. That is the gradient. **Training** is what we do with it: change all weights a
# little, so that the loss falls, again and again. After this lesson you can
#
# - say how large the weights have to be before the first step, and what happens if they are not;
# - write gradient descent with momentum, Adam, and the training loop;
# - recognise a dead network by one number;
# - stop a training run and resume it, and check that nothing has changed.

# %%
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

import tinyunet as tu
from tinyunet.data import Batches
from tinyunet.exercises import check, measured, predict, quiz, small

plt.rcParams["figure.dpi"] = 110
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
# **Predict**: in each of 20 layers, the weights are half as large as they should be. What comes out
# at the end, as a share of what should?

# %%
predict("after 20 layers, with half the sigma, as a share", 0.05)

# %% [markdown]
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
# 0, and half of the mean square is left. The layer neither swells nor shrinks the values if
#
# $$ \operatorname{E}[\operatorname{relu}(y)^2] = \tfrac12 N \sigma^2 \operatorname{E}[x^2] =
# \operatorname{E}[x^2] \quad\Longrightarrow\quad \sigma = \sqrt{2 / N}. $$
#
# This is the initialisation of [He et al. 2015](https://arxiv.org/abs/1502.01852), and the one that
# the [U-Net paper](https://arxiv.org/abs/1505.04597) asks for.
#
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
# Now measure: random images with $\operatorname{E}[x^2] = 1$ go through 20 convolutions with ReLUs,
# with your $\sigma$, with half of it and with twice as much. We note the root of the mean square
# after each.


# %%
def sizes(factor, layers=20, channels=32, seed=0):
    """Return the root mean square of the values after each of many layers."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((2, 16, 16, channels)).astype(np.float32)
    found = []
    for _ in range(layers):
        conv = tu.Conv2d(channels, channels, 3, padding="same", activation="relu")
        sigma = factor * he_std(3, 3, channels, channels)
        conv.params["weight"] = rng.normal(0, sigma, (3, 3, channels, channels)).astype("float32")
        x = conv(x)
        found.append(np.sqrt((x**2).mean()))
    return np.array(found)


ladder = {
    factor: np.array([sizes(factor, seed=seed) for seed in range(3)]) for factor in (0.5, 1, 2)
}
measured("after 20 layers, with your sigma", ladder[1][:, -1].mean())
share = (ladder[0.5] / ladder[1])[:, -1].mean()
measured("after 20 layers, with half the sigma, as a share", share)

# %% jupyter={"source_hidden": true} alt="The root mean square over 20 layers, on a logarithmic axis. With sigma it stays near 1; with half of it it falls in a straight line to a millionth, with twice as much it grows as fast."
figure, axis = plt.subplots(figsize=(6, 2.8), layout="constrained")
for (factor, lines), colour in zip(ladder.items(), (ORANGE, BLUE, GREEN), strict=True):
    axis.plot(range(1, 21), lines.T, color=colour, linewidth=1)
    axis.text(20.3, lines[0, -1], f"{factor} $\\sigma$", color=colour, va="center")
axis.set_yscale("log")
axis.set_xticks((1, 5, 10, 15, 20))
tidy(axis, "layer", "root mean square")
plt.show()

# %% [markdown]
# Half of it leaves exactly $0.5^{20}$, a millionth: the ReLU lets half a value through as a half.
# (With your $\sigma$ the values wander by a factor of a few: the derivation speaks of the mean over all
# possible weights, and this is one draw. The zeros of "same" padding also take a small share at
# every layer.)
#
# ## Downhill
#
# Let $p$ be all parameters in one long row and $g$ the gradient of the loss $L$ there. For a small
# step $d$, the chain rule says $L(p + d) \approx L(p) + g \cdot d$. Among all steps of one length,
# $g \cdot d$ is the most negative for the step against the gradient, $d = -\eta g$. The number
# $\eta$ is the **learning rate**. So a step should lower the loss by
#
# $$ L(p) - L(p - \eta g) \approx \eta \, \lvert g \rvert^2 . $$
#
# This is also the shortest check of a whole network's gradient: one number that is right only if
# all of it is. We use a small U-Net, in float64, and images of tissue with dark membranes. The
# label says what each pixel is: 1 in a cell, 0 in a membrane.
#
# **Predict** for which $\eta$ it holds: of 0.000001, 0.00001, ... up to 10, the largest at which
# the loss falls as it should, to a fifth.

# %%
predict("largest eta with the right fall", 1)

# %%
side = 32 if small else 48  # `small` is True in quick trial runs only
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
for eta, seen in zip(rates, fall, strict=True):
    print(f"eta {eta:7.0e}: expected fall {eta * squared:9.3g}, seen {seen:9.3g}")
right = rates[abs(fall / (rates * squared) - 1) < 0.2]
measured("largest eta with the right fall", right.max())
measured("seen / expected, at the smallest eta", fall[0] / (rates[0] * squared))
measured("loss after the largest step, minus before", -fall[-1])

# %% [markdown]
# For small steps the fall is right to three digits: so is the gradient. For large ones the
# landscape bends before we arrive, and the largest step ends *higher* than it began. That is what
# "the learning rate is too large" means.
#
# The gradient we use is that of two images, not of all. It points about downhill, at a small part
# of the cost. As the images are drawn at random, this is **stochastic gradient descent**, SGD.
#
# ## A valley, and momentum
#
# Why not just take small steps? Because landscapes have valleys. The simplest one is $L(p) =
# \tfrac12 (p_1^2 + 30\, p_2^2)$ with $g = (p_1,\, 30\, p_2)$, thirty times steeper across than
# along. Along $p_2$, a step does $p_2 \leftarrow (1 - 30 \eta) p_2$. For $\eta > 2/30$ this grows
# in size: we are thrown out of the valley. Even with $\eta$ just below that, the way along the
# valley, $p_1 \leftarrow (1 - \eta) p_1$, is slow. The steepest direction sets the learning rate,
# and the flattest one the time.
#
# **Momentum** helps. Keep a velocity $v$, like a ball that rolls:
#
# $$ v \leftarrow \mu v + g , \qquad p \leftarrow p - \eta \, v . $$
#
# Across the valley the gradients change their sign and cancel in $v$. Along it they agree and add
# up.
#
# **Predict**: how long does a step become at last, in times of $\eta g$, if the gradient is always
# the same, for the U-Net paper's $\mu = 0.99$?

# %%
predict("length of a step after many", 10)

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
measured("length of a step after many", (last - p)[0])

# %% [markdown]
# $v$ adds up to $g + \mu g + \mu^2 g + \dots = g / (1 - \mu)$. So a learning rate that is right
# without momentum is far too large with 0.99.
#
# ## Adam
#
# Gradients of different parameters can differ in size by thousands. **Adam** ([Kingma and Ba
# 2015](https://arxiv.org/abs/1412.6980)) gives each parameter a step of its own size. It keeps two
# running means for each, one of the gradient and one of its square:
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
# about 1 or -1, whatever their size: a step of Adam is about as long as the learning rate. Where
# they contradict each other, it is nearly 0. Usual are $\beta_1 = 0.9$, $\beta_2 = 0.999$ and
# $\epsilon = 10^{-8}$.
#
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
measured("largest difference of its length from the learning rate", abs(abs(p) - 0.01).max())

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
measured("L after 60 steps: SGD, in times of momentum", gain)

# %% jupyter={"source_hidden": true} alt="Three ways through a long narrow valley. Plain SGD jumps from wall to wall, momentum swings and arrives, Adam walks along and overshoots a little."
figure, axes = plt.subplots(1, 3, figsize=(8, 2.4), layout="constrained", sharey=True)
across, along = np.meshgrid(np.linspace(-11, 4, 90), np.linspace(-1.6, 1.6, 60))
for axis, (name, way), colour in zip(axes, ways.items(), (BLUE, ORANGE, GREEN), strict=True):
    levels = (0.5, 2, 6, 14, 26, 42, 62)
    axis.contour(across, along, (across**2 + 30 * along**2) / 2, levels, colors="0.8", linewidths=1)
    axis.plot(*way.T, "o-", color=colour, markersize=2.5, linewidth=1)
    axis.plot(0, 0, "k+", markersize=12)
    axis.set_title(name, fontsize=11)
    axis.set_xlabel("$p_1$, along the valley")
axes[0].set_ylabel("$p_2$, across")
axes[0].set_ylim(-1.6, 1.6)
plt.show()

# %% [markdown]
# Plain SGD jumps from wall to wall while it creeps along. The ball with momentum swings a little
# and arrives. Adam walks along as if the walls were no steeper than the floor, and beyond.
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
# To judge a loss one needs something to compare it with. A network that ignores the image can still
# learn how many pixels are cell, a share $q$ of all. It does best if it says "cell, with
# probability $q$" everywhere, and its loss is then
#
# $$ H(q) = -q \log q - (1 - q) \log (1 - q) . $$
#
# **Predict** where the loss ends in three runs: all weights begin at 0; the learning rate is thirty
# times too large; nothing is wrong.

# %%
choices = ("below H(q)", "near H(q)", "far above H(q)")
predict("all weights 0: its last losses", "far above H(q)", choices=choices)
predict("learning rate 0.1: its last losses", "far above H(q)", choices=choices)
predict("healthy: its last losses", "below H(q)", choices=choices)

# %% jupyter={"source_hidden": true}
# How the picture below is drawn, and drawn again while the networks learn.
q = np.mean([labels.mean() for labels in data.labels])
base = -q * np.log(q) - (1 - q) * np.log(1 - q)
steps = 12 if small else 150
broken = {}


def draw_broken():
    """Draw the losses of the runs so far, and H(q)."""
    figure = Figure((7, 2.8), layout="constrained")
    axis = figure.subplots()
    for (name, line), colour in zip(broken.items(), (ORANGE, PINK, BLUE), strict=False):
        axis.plot(np.minimum(line, 1.2), color=colour, label=name, linewidth=1)
    axis.axhline(base, color="black", linewidth=1, linestyle=":")
    axis.text(0, base - 0.012, "H(q)", va="top")
    axis.legend(frameon=False, ncols=3, loc="upper right")
    axis.set_xlim(-0.03 * steps, 1.03 * steps)
    axis.set_ylim(0.2, 1.25)
    tidy(axis, "step", "loss")
    return figure


# %% alt="The losses of three runs. With all weights 0 and with too large a learning rate they end at the dotted line, H(q); the healthy run falls far below it."
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
print(f"{100 * q:.0f} % of the pixels are cell: H(q) = {base:.3f}")
progress = tu.plots.Growing(len(runs), draw_broken, parts="networks")
for name, (model, lr) in runs.items():
    broken[name] = train(model, loss, tu.Adam(model, lr=lr), batches, 0, steps)
    progress()

# %%
for name, (model, _) in runs.items():
    end = np.mean(broken[name][-30:])
    print(f"{name:17} last 30 losses {end:.3f}, spread of its answers {spread(model):.5f}")
    place = "below" if end < base - 0.1 else "near" if end < base + 0.1 else "far above"
    measured(f"{name}: its last losses", f"{place} H(q)")
others = max(abs(p).max() for name, p in zeros.named_parameters() if name != "head.bias")
measured("all weights 0: largest other parameter than the last bias", others)

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
# they are. The score is the mean loss of the last 30 steps. **Predict** which is the lowest.

# %%
choices = ("SGD", "momentum 0.9", "momentum 0.99", "Adam")
predict("lowest last losses of the four", "momentum 0.99", choices=choices)

# %% jupyter={"source_hidden": true}
curves = {}  # the losses, by optimizer and seed


def draw_race(width=15):
    """Draw the losses so far, each a mean of `width` steps."""
    figure = Figure((7, 3.2), layout="constrained")
    axis, width = figure.subplots(), min(width, steps // 2)
    colours = dict(zip(optimizers, (PINK, ORANGE, GREEN, BLUE), strict=True))
    for (name, seed), line in curves.items():
        mean = np.convolve(line, np.full(width, 1 / width), mode="valid")
        place = np.arange(len(mean)) + width / 2
        label = None if seed else name
        axis.plot(place, mean, color=colours[name], linewidth=1, label=label)
    axis.axhline(base, color="black", linewidth=1, linestyle=":")
    axis.set_xlim(0, steps)
    axis.set_ylim(0.2, 1.0)
    axis.legend(frameon=False, loc="upper right")
    tidy(axis, "step", "loss, mean of 15 steps")
    return figure


# %% alt="Losses of four optimizers, three seeds each. All three of Adam are lowest at the end; one of plain SGD stays at the dotted line, H(q)."
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


progress = tu.plots.Growing(len(optimizers) * len(seeds), draw_race, parts="networks")
for name, optimizer in optimizers.items():
    for seed in seeds:
        curves[name, seed] = learn(optimizer, seed)
        progress()

# %%
ends = {name: np.array([np.mean(curves[name, s][-30:]) for s in seeds]) for name in optimizers}
for name, values in ends.items():
    print(f"{name:24} {values.mean():.3f}, from {values.min():.3f} to {values.max():.3f}")
best = min(ends, key=lambda name: ends[name].mean())
measured("lowest last losses of the four", best.split(",")[0])
gap = (ends["SGD, lr 0.1"] - ends["Adam, lr 0.003"]).min()  # seed by seed
measured("last losses of SGD minus Adam's, smallest over the seeds", gap)

# %% [markdown]
# Now Adam alone, with learning rates from 0.0001 to 0.1. **Sketch** its last losses over
# $\log_{10}$ of the rate, from -4 to -1; at -2.5 you know about what they are.

# %%
predict("last losses over log10 of Adam's rate", [(-4, 0.5), (-3, 0.3), (-2.5, 0.26), (-1, 0.3)])

# %%
lrs = (1e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1)
sweep = {3e-3: ends["Adam, lr 0.003"]}
progress = tu.plots.Growing((len(lrs) - 1) * len(seeds), parts="networks")
for lr in lrs:
    if lr not in sweep:
        found = []
        for seed in seeds:
            found.append(np.mean(learn(lambda model, lr=lr: tu.Adam(model, lr), seed)[-30:]))
            progress()
        sweep[lr] = np.array(found)

for lr in lrs:
    values = sweep[lr]
    print(f"Adam, lr {lr:<7g} {values.mean():.3f}, from {values.min():.3f} to {values.max():.3f}")
curve = [(np.log10(lr), sweep[lr].mean()) for lr in lrs]
measured("last losses over log10 of Adam's rate", curve)

# %% [markdown]
# - The learning rate matters as much as the optimizer. Too small is slow; too large is dead.
# - One of the three runs of plain SGD never leaves the dotted line. With only that seed, or only
#   another, we would believe something else: that is why we draw several.
# - The three losses of Adam lie below all others. So Adam learns faster *here*, in so few steps.
#   One cannot say that it always does. The paper used momentum 0.99, and ten hours.
# - Single losses jump, since every batch is different. Compare means, seed by seed.
#
# (`tu.fit` also begins with smaller steps and lets the learning rate fall to 0 along half a cosine,
# which makes the last steps calm.)

# %% [markdown]
# ## Resume
#
# A long run should survive that the computer is switched off. We run 20 steps at once; then 10,
# keep the parameters and what the optimizer has in it, put both into a *new* network and a new
# optimizer, and run 10 more. Then once more, with the parameters alone. **Predict** by how much the
# losses differ from those of the run that never stopped, at most.

# %%
predict("largest difference of a loss, resumed with both", 0.001)
predict("largest difference of a loss, resumed with the parameters alone", 0.001)


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
    return np.concatenate([losses, train(model, loss, optimizer, batches, 10, 20)])


model = unet()
whole = np.array(train(model, loss, tu.Adam(model, 0.003), batches, 0, 20))
resumed, forgot = stopped_and_resumed(True), stopped_and_resumed(False)
measured("largest difference of a loss, resumed with both", abs(resumed - whole).max())
gap = abs(forgot - whole).max()
measured("largest difference of a loss, resumed with the parameters alone", gap)

# %% [markdown]
# Not one bit is different, as long as three things come back: the parameters, the optimizer's two
# means with its number of steps, and the place in the series of batches. Here that place is
# `first`: batch `i` depends on nothing but the seed and `i`. Forget the means, and Adam takes its
# first steps anew. `tu.save` and `tu.fit(out=..., resume=True)` keep all three in one file.

# %% [markdown]
# ## Quiz
#
# **More channels.** You double the channels of all layers, but draw the weights with the old
# $\sigma$. The values after 10 layers?
#
# - a) The same: the values do not depend on the number of channels.
# - b) About 32 times as large.
# - c) About 1000 times as large.

# %%
quiz("more channels", "b")

# %% [markdown]
# **Momentum comes in.** Plain SGD learned well with a learning rate of 0.1. Now with momentum 0.9,
# you try first
#
# a) 1 &emsp; b) 0.1 &emsp; c) 0.01

# %%
quiz("momentum comes in", "c")

# %% [markdown]
# **Loss times 1000.** The loss is multiplied by 1000, and with it all gradients. Adam's steps are
# then
#
# - a) about as long as before.
# - b) 1000 times as long.
# - c) 1000 times as short.

# %%
quiz("loss times 1000", "a")

# %% [markdown]
# **95 % right.** Of the pixels, 5 % are cell. After 500 steps the loss is at $H(0.05) = 0.2$, and
# 95 % of the pixels are right. You first
#
# - a) train longer: it is learning.
# - b) look whether its answer is the same for all pixels.
# - c) take more layers.

# %%
quiz("95 % right", "b")

# %% [markdown]
# **All equal.** All first weights of each layer have one value, which is not 0. Then
#
# - a) all gradients are 0.
# - b) training makes the channels different, since the images differ.
# - c) the channels of each layer but the last stay equal to each other for ever.

# %%
quiz("all equal", "c")

# %% [markdown]
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
# In [lesson 9](09_do_skips_matter.ipynb) we use the loop for an experiment: what do the skip
# connections do?
