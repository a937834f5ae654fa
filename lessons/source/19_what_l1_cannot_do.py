# ---
# jupyter:
#   tinyunet:
#     lesson: 19
#     title: "Colouring: what L1 cannot do"
#     time: 5 min
# ---

# %% [markdown]
# # Lesson 19: Colouring: what L1 cannot do
#
# *About five minutes of computing and 70 minutes of reading and writing. You need:
# [lesson 5](05_a_loss_for_every_pixel.ipynb) (cross-entropy), [lesson 7](07_the_u.ipynb) (the U) and
# [lesson 8](08_training.ipynb) (Adam).*
#
# Most people have seen a U-Net without knowing: it colours line drawings (PaintsChainer, 2017) and
# turns maps into photographs (pix2pix, [Isola et al. 2017](https://arxiv.org/abs/1611.07004)). The
# U is the same, but gives an image in the place of labels. What is new is the question of what
# such an image is *wrong by*, since mostly there is more than one right answer. After this lesson
# you can
#
# - say what a network paints that minimises an error per pixel, and why;
# - train two networks against each other, with a gradient that runs through both;
# - recognise one mistake that no loss shows and that spoils the pictures;
# - say what a condition is for, and what the numbers of such a training do *not* say.

# %%
import matplotlib.pyplot as plt
import numpy as np

import tinyunet as tu
from tinyunet.exercises import check, measured, predict, quiz, small
from tinyunet.reproduce.relatives.coins import mapped, score
from tinyunet.reproduce.relatives.stroke_scores import commanded, unhinted
from tinyunet.reproduce.relatives.stroke_scores import score as stroke_score

plt.rcParams["figure.dpi"] = 80

# %% [markdown]
# ## Nobody can know
#
# The input $x$ is a map: ground, class A, class B. The target $y$ is a picture, R, G and B from -1
# to 1, with gray, 0, as the ground. An A is red or blue, with vertical stripes, a B green or
# yellow, with horizontal ones. Which of the two, **a coin has tossed**, for each object anew, and
# where the stripes begin is drawn as well. Nothing of this can be read from the map.

# %%
train_set = tu.data.coin_flip_colours(8 if small else 400, seed=0)
test_set = tu.data.coin_flip_colours(4 if small else 100, seed=1)

# %% jupyter={"source_hidden": true} alt="Six pairs. Above, maps with black (class A) and white (class B) boxes and ellipses on gray. Below, the same shapes red or blue with vertical stripes, green or yellow with horizontal ones."
count = min(6, len(test_set))
real = {"map": mapped(test_set.inputs[:count]), "real": test_set.targets[:count]}
tu.plots.paintings(real)

# %% [markdown]
# Suppose a network sees a pixel of class A. Its red value is as often +.74 as -.74 (strong
# stripe), as often +.34 as -.34 (weak one). Whatever it answers, it will be wrong. **Which answer
# is least wrong on average?**
#
# **Derive.** Let the possible values be $t_1, \dots, t_n$, all as likely, and the answer $c$. For
# the mean square error, set the derivative to 0:
#
# $$ \frac{d}{dc} \frac1n \sum_i (c - t_i)^2 = \frac2n \sum_i (c - t_i) = 0
# \quad\Longrightarrow\quad c = \frac1n \sum_i t_i: \text{ the mean.} $$
#
# For the mean absolute error, **L1**, the derivative of $|c - t_i|$ is the sign of $c - t_i$:
#
# $$ \frac{d}{dc} \frac1n \sum_i |c - t_i| = \frac{\#(t_i < c) - \#(t_i > c)}{n} = 0: $$
#
# as many values below as above. That is the **median**.

# %%
predict("where L1 is least for -1, -1, 0, 0, 0, 1, 8", 1.0)
predict("where the square is least for -1, -1, 0, 0, 0, 1, 8", 2.0)

# %% [markdown]
# ### Exercise 1: L1
#
# `y` and `t` have the same shape `(N, H, W, C)` and dtype. The loss is the mean over *all* values.
# Where `y` equals `t`, the gradient is 0.


# %% nbgrader={"grade": false, "grade_id": "l1_loss", "locked": false, "schema_version": 3, "solution": true, "task": false}
def l1_loss(y, t):
    """Return the mean absolute error, and its gradient dy."""
    ### BEGIN SOLUTION
    return np.abs(y - t).mean(), np.sign(y - t) / y.size
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_l1_loss", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check.l1_loss(l1_loss)

# %%
values = np.array([-1, -1, 0, 0, 0, 1, 8.0]).reshape(7, 1, 1, 1)
ends = {}
for name in ("L1", "square"):
    c = np.full((1, 1, 1, 1), 3.0)
    for step in range(3000):
        answers = np.broadcast_to(c, values.shape)
        slope = l1_loss(answers, values)[1] if name == "L1" else 2 * (answers - values) / 7
        c = c - 0.5 / (1 + step / 20) * slope.sum()
    ends[name] = c.item()
measured("where L1 is least for -1, -1, 0, 0, 0, 1, 8", ends["L1"])
measured("where the square is least for -1, -1, 0, 0, 0, 1, 8", ends["square"])

# %% [markdown]
# One value far off pulls the mean, not the median. Now the pixel of class A. Half of its red
# values are +.34 or more, half -.34 or less, so *every* answer between the two is a median. The
# same holds for blue, while green is below 0 in both cases. So the least L1 is at something like
# $(0, -.5, 0)$: **a dull purple, which no picture has**.
#
# And the stripes? **Predict** what a U-Net learns. The **gradient ratio** is the mean difference
# between neighbours in objects, divided by that of the real pictures. 1 is as much texture as
# there should be.

# %%
predict("gradient ratio of L1", 0.3)

# %% [markdown]
# The **generator** is pix2pix's, a small one: four convolutions 4x4 with stride 2 take the place of
# pooling, four transposed ones lead up again, skips go across, and a tanh, a smooth step from -1 to
# 1, keeps the values in between. Dropout ([lesson 7](07_the_u.ipynb)) stays on when it is used, as
# the authors have it. First weights are drawn as theirs; the rate is five times as high, since we
# have 500 steps.
#
# `score` knows more, all of it for pixels in objects. The **saturation** is half of what lies between
# the largest and the smallest of R, G and B: 0 is gray. The **EMD**, earth mover's distance, is how
# far saturations would have to be moved, on average, to be spread as in the real pictures. Then two
# shares: of pixels that *decided*, that is, have one of the four hues, and of pixels whose hue is
# nearest to one of their own class.

# %% alt="While it trains: the mean absolute difference of every step, and three test pictures above what is painted of their maps. The curve falls and levels off; the paintings become flat purple and lime."
steps, watched = 4 if small else 500, test_set[:3]


def new_generator():
    """Return an untrained generator."""
    return tu.networks.Pix2PixGenerator(3, 3, widths=(24, 48, 64, 64), drops=2, seed=0)


def adam(model):
    """Return the optimizer of pix2pix, five times as fast."""
    return tu.Adam(model, lr=1e-3, betas=(0.5, 0.999))


def painted_by(generator):
    """Return what it paints of the test maps, and print what can be measured of it."""
    painted = generator.predict(test_set.inputs, seed=0)
    scores = score(painted, test_set)
    print(", ".join(f"{name} {value:.2f}" for name, value in scores.items()))
    return painted, scores


by_l1 = new_generator()
optimizer = adam(by_l1)
live = tu.plots.LivePainting(by_l1, watched.inputs, watched.targets, steps)
for i in range(steps):
    batch = train_set.batch(i, 4)
    loss, dy = l1_loss(by_l1(batch.inputs), batch.targets)
    by_l1.backward(dy)
    optimizer.step()
    live(i + 1, loss)
paintings, scores = {}, {}
paintings["L1"], scores["L1"] = painted_by(by_l1)
measured("gradient ratio of L1", scores["L1"]["gradient ratio"])
measured("class right of L1", scores["L1"]["class right"])

# %% jupyter={"source_hidden": true} alt="Maps, real pictures and what L1 paints: every A is the same dull purple, every B the same lime green, without stripes, though a faint grid of the network's strides is left."
tu.plots.paintings(real | {"L1": paintings["L1"][:count]})

# %% [markdown]
# It has learned everything that can be known, shapes and classes, and paints the median: purple in
# place of red or blue, lime in place of green or yellow, and no stripes, since a median of stripes
# that begin anywhere has none. That is no failure of the network. **It
# is the right answer to the wrong question.** (What texture there is, is a grid: traces of the
# strides.)
#
# ## A judge
#
# No formula says what looks real. So let a second network learn it: the **discriminator**, or
# judge, gets a picture and says *real* or *fake*. The generator gets a loss for being found out.
# Both learn in turns; together they are called a **GAN** (generative adversarial network,
# [Goodfellow et al. 2014](https://arxiv.org/abs/1406.2661)).
#
# Our judge is a **PatchGAN**: three convolutions, and a *map* of logits, each of which sees 16x16
# pixels only. It judges textures, and leaves the rest to L1. It sees the map and the picture side
# by side as channels: $D(x, y)$. With $G(x)$ the painting,
#
# $$ L_D = \tfrac12 \ell(D(x, y), \text{real}) + \tfrac12 \ell(D(x, G(x)), \text{fake}), \qquad
# L_G = \ell(D(x, G(x)), \text{real}) + \lambda \cdot \text{L1}. $$
#
# $\ell$ is the cross-entropy of one logit $z$, with $t = 1$ for real and $t = 0$ for fake:
#
# $$ \ell = \max(z, 0) - z t + \log(1 + e^{-|z|}), \qquad
# \frac{\partial \ell}{\partial z} = \sigma(z) - t, $$
#
# which is $-\log \sigma(z)$ for real and $-\log(1 - \sigma(z))$ for fake, written so that nothing
# overflows.
#
# ### Exercise 2: the judge's loss
#
# `z` is `(N, H, W, 1)`, any numbers up to $\pm$1000 or so, and all of them should say the same:
# `real` is True or False. The loss is the mean over all logits.


# %% nbgrader={"grade": false, "grade_id": "judge_loss", "locked": false, "schema_version": 3, "solution": true, "task": false}
def judge_loss(z, real):
    """Return what the logits are wrong by, a number, and dz."""
    ### BEGIN SOLUTION
    t, e = float(real), np.exp(-np.abs(z))
    p = np.where(z >= 0, 1, e) / (1 + e)
    return (np.maximum(z, 0) - z * t + np.log1p(e)).mean(), (p - t) / z.size
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_judge_loss", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check.judge_loss(judge_loss)

# %% [markdown]
# A judge that knows nothing says $z = 0$ to everything. **Predict** its loss.

# %%
predict("loss of a judge that knows nothing", 0.5)

# %%
measured("loss of a judge that knows nothing", judge_loss(np.zeros((1, 2, 2, 1)), True)[0])

# %% [markdown]
# ### Exercise 3: the judge learns
#
# Two passes through the same network, `(x, y)` and `(x, painted)`, and one step. For the judge the
# painting is just an image. Two traps:
#
# - `backward` *sets* gradients, so the second pass overwrites those of the first. Keep copies, and
#   add. `judge.named_gradients()` gives pairs (name, array); what you add into an array in place
#   (`array += ...`) is what the optimizer will see.
# - Do not put both into one batch. The judge has batch norm ([lesson 16](16_fcn_and_segnet.ipynb)),
#   and a mean over real and painted tells each what the other looks like.
#
# `optimizer` is the judge's. The judge sees `np.concatenate([x, image], axis=-1)`.


# %% nbgrader={"grade": false, "grade_id": "judge_step", "locked": false, "schema_version": 3, "solution": true, "task": false}
def judge_step(judge, optimizer, x, y, painted):
    """Take a step of the judge, and return its loss L_D."""
    ### BEGIN SOLUTION
    total, kept = 0, {}
    for image, real in ((y, True), (painted, False)):
        loss, dz = judge_loss(judge(np.concatenate([x, image], axis=-1)), real)
        judge.backward(dz / 2)
        for name, gradient in judge.named_gradients():
            gradient += kept.get(name, 0)
            kept[name] = gradient.copy()
        total += loss / 2
    optimizer.step()
    return total
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_judge_step", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
check.judge_step(judge_step)

# %% [markdown]
# ## A gradient through two networks
#
# Now the generator. Its loss depends on its weights by a long way: weights, painting, judge,
# logits. Backwards that is: the gradient of the logits goes through the *judge* and comes out as
# that of what the judge saw, $x$ and $G(x)$ side by side. Its last channels are the painting's:
#
# $$ \frac{\partial L_G}{\partial G(x)} =
# \underbrace{\frac{\partial \ell}{\partial G(x)}}_{\text{the judge's backward}} +
# \lambda \frac{\partial\, \text{L1}}{\partial G(x)}, $$
#
# and this goes on into the *generator's* backward. In lesson 10 the gradient of a network's input
# showed what a pixel sees. Here it teaches another network.
#
# On its way, the judge's `backward` also sets gradients of the judge's own weights. They say how
# the judge should change **to be fooled**. They are thrown away: nobody steps with them, and the
# next `judge_step` overwrites them.
#
# ### Exercise 4: the generator learns
#
# `painted` is what the generator has just painted; it remembers what its backward needs.
# `optimizer` is the generator's, `weight` is $\lambda$. Return the judge's part of the loss,
# $\ell$. (`x` may have any number of channels, even 0.)


# %% nbgrader={"grade": false, "grade_id": "generator_step", "locked": false, "schema_version": 3, "solution": true, "task": false}
def generator_step(generator, judge, optimizer, x, y, painted, weight):
    """Take a step of the generator, and return what the judge's part of its loss was."""
    ### BEGIN SOLUTION
    fooled, dz = judge_loss(judge(np.concatenate([x, painted], axis=-1)), True)
    dpainted = judge.backward(dz)[..., x.shape[-1] :]
    _, dl1 = l1_loss(painted, y)
    generator.backward(dpainted + weight * dl1)
    optimizer.step()
    return fooled
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_generator_step", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
check.generator_step(generator_step)

# %% [markdown]
# **Check** the gradient itself: move all weights of a generator a little along a random direction,
# and see by how much $L_G$ changes. If the gradient is right, the change per step is the sum of
# gradient times direction. In float64, with small networks, and a step so short that no ReLU decides
# otherwise on the way:

# %%
tiny = tu.networks.Pix2PixGenerator(widths=(3, 4, 5), dropout=0, seed=2, dtype="float64")
tiny_judge = tu.networks.PatchGAN(6, base_channels=3, layers=1, seed=3, dtype="float64")
batch = train_set.batch(0, 2)
x, y = batch.inputs.astype(float), batch.targets.astype(float)


def generator_loss():
    """Return L_G."""
    painted = tiny(x)
    fooled = judge_loss(tiny_judge(np.concatenate([x, painted], axis=-1)), True)[0]
    return fooled + 10 * l1_loss(painted, y)[0]


generator_step(tiny, tiny_judge, tu.SGD(tiny, lr=1e-12), x, y, tiny(x), 10)
rng = np.random.default_rng(0)
ways = {name: rng.standard_normal(p.shape) for name, p in tiny.named_parameters()}
slope = sum((g * ways[name]).sum() for name, g in tiny.named_gradients())


def moved(by):
    """Move all weights along the direction, and return L_G there."""
    for name, p in tiny.named_parameters():
        p += by * ways[name]
    return generator_loss()


change = moved(1e-8) - moved(-2e-8)
measured("through two networks: relative error", abs(change / 2e-8 / slope - 1))

# %% [markdown]
# ## Against each other
#
# Both networks take a step in each turn, the judge first. $\lambda = 10$ (the authors take 100, in
# longer trainings). **Predict** the gradient ratio, and whether the L1 error on test pictures
# becomes smaller or larger than that of the generator with L1 alone.

# %%
predict("gradient ratio with a judge", 0.8)
choices = ("smaller", "larger")
predict("with a judge the L1 error is", "smaller", choices=choices)


# %% alt="While it trains: the mean absolute difference of every step, and three test pictures above what is painted of their maps. The curve falls and rises a little again; the paintings become red or blue, green or yellow."
def train(weight, condition=3, turn=lambda judge_optimizer: None):
    """Return a generator, and a judge that sees so many channels of the map, trained; and losses."""
    generator = new_generator()
    judge = tu.networks.PatchGAN(condition + 3, base_channels=24, layers=1, seed=1000)
    optimizers = adam(generator), adam(judge)
    live = tu.plots.LivePainting(generator, watched.inputs, watched.targets, steps)
    losses = []
    for i in range(steps):
        batch = train_set.batch(i, 4)
        x, y, painted = batch.inputs[..., :condition], batch.targets, generator(batch.inputs)
        ours = judge_step(judge, optimizers[1], x, y, painted)
        fooled = generator_step(generator, judge, optimizers[0], x, y, painted, weight)
        turn(optimizers[1])
        losses.append((ours, fooled))
        live(i + 1, l1_loss(painted, y)[0])
    return generator, judge, np.array(losses)


generator, judge, losses = train(weight=10)
paintings["L1 + judge"], scores["L1 + judge"] = painted_by(generator)
measured("gradient ratio with a judge", scores["L1 + judge"]["gradient ratio"])
more = scores["L1 + judge"]["L1 error"] > scores["L1"]["L1 error"]
measured("with a judge the L1 error is", choices[more])

# %% jupyter={"source_hidden": true} alt="The same maps: with a judge every object is decidedly red or blue, green or yellow, sometimes both in one object, with rough stripes; L1 alone stays purple and lime."
tu.plots.paintings(real | {name: images[:count] for name, images in paintings.items()})

# %% [markdown]
# Now it **decides**: red or blue, not purple. Neither is "right", for nobody knows; but such
# pictures exist. Half an object may be red and the other blue: a logit sees 16 pixels, and 500
# steps are few.
#
# And look at the numbers: the L1 error became *worse*. Of course: the median is least wrong, and
# who decides is quite wrong half of the time. **An error per pixel prefers the blurred picture.**
# Whoever ranks such networks by it ranks them upside down.
#
# ## Break it on purpose: nothing is thrown away
#
# The gradients that we threw away: what if one does not? One line more, the judge's optimizer
# steps again after `generator_step`. **Predict** the generator's loss $\ell$ at the end (a judge
# that knows nothing gives $\log 2 = .69$), and the gradient ratio.

# %%
predict("broken: the generator's loss at the end", 1.5)
predict("broken: gradient ratio", 0.8)

# %% alt="While it trains: the mean absolute difference of every step, and three test pictures above what is painted of their maps. The curve falls as with L1 alone; the paintings are purple and lime again."
broken, broken_judge, broken_losses = train(
    weight=10, turn=lambda judge_optimizer: judge_optimizer.step()
)
paintings["broken"], scores["broken"] = painted_by(broken)
measured("broken: the generator's loss at the end", broken_losses[-50:, 1].mean())
measured("broken: gradient ratio", scores["broken"]["gradient ratio"])
measured("the generator's loss at the end", losses[-50:, 1].mean())
measured("share of pixels that decided, with a judge", scores["L1 + judge"]["decided"])
measured("share of pixels that decided, broken", scores["broken"]["decided"])


def logit(judge, images):
    """Return the judge's mean logit, as in training: above 0 it says real."""
    return judge(np.concatenate([test_set.inputs, images], axis=-1)).mean()


for name, who in (("L1 + judge", judge), ("broken", broken_judge)):
    truth, painted = logit(who, test_set.targets), logit(who, paintings[name])
    print(f"{name}: the judge's mean logit {truth:.2f} of real, {painted:.2f} of painted pictures")

# %% jupyter={"source_hidden": true} alt="Losses of every step. On the left the right training, where the generator's is high and wavers; on the right the broken one, where it is low from the start."
figure, axes = plt.subplots(1, 2, figsize=(8, 3), layout="constrained", sharey=True)
for axis, (title, curve) in zip(
    axes, {"right": losses, "broken": broken_losses}.items(), strict=True
):
    axis.plot(curve[:, 0], label="judge", color="0.5")
    axis.plot(curve[:, 1], label="generator, the judge's part", color="#0072b2")
    axis.axhline(np.log(2), color="0.8", linestyle="--", zorder=0)
    axis.set_title(title, fontsize=12)
    axis.set_xlabel("step", fontsize=11)
    axis.spines[["top", "right"]].set_visible(False)
figure.legend(
    *axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=2, frameon=False
)
plt.show()

# %% jupyter={"source_hidden": true} alt="What three generators paint: with a judge red or blue, green or yellow; the broken one purple and lime, like L1 alone."
names = ("L1", "L1 + judge", "broken")
tu.plots.paintings(real | {name: paintings[name][:count] for name in names})

# %% [markdown]
# The left training looks bad: the generator's loss is high, and rises. The right one looks like a
# success: it is low from the start, for the generator "fools" the judge, and the L1 error is better,
# too. And it paints purple again. Its judge has learned to call *everything* real, as the logits
# say; so it teaches next to nothing, and only L1 is left. No exception, no NaN, no loss that warns:
# **compare with a reference step, or look at the pictures.**
#
# ## What is the condition for?
#
# The judge sees the map $x$ beside the picture. Suppose that it does not: $D(y)$,
# **unconditional**. And take L1 away, $\lambda = 0$. **Predict** the share of object pixels whose
# hue belongs to the right class, with and without the condition. (With two classes chance is .5;
# L1 had nearly 1.)

# %%
predict("class right without the condition", 0.9)
predict("class right with the condition", 0.9)

# %% alt="While it trains: the mean absolute difference of every step, and three test pictures above what is painted of their maps. The curve stays high; colours and shapes have little to do with the maps."
generator, _, _ = train(weight=0, condition=0)
paintings["judge alone, no map"], scores["no map"] = painted_by(generator)
measured("class right without the condition", scores["no map"]["class right"])

# %% alt="While it trains: the mean absolute difference of every step, and three test pictures above what is painted of their maps. The curve stays high; shapes and classes are right, with much noise."
generator, _, _ = train(weight=0)
paintings["judge alone, map"], scores["map"] = painted_by(generator)
measured("class right with the condition", scores["map"]["class right"])

# %% jupyter={"source_hidden": true} alt="Without the map the judge accepts any colours anywhere: green on class A, patches on the ground. With the map colours and classes agree, but the pictures are noisy."
names = ("judge alone, no map", "judge alone, map")
tu.plots.paintings(real | {name: paintings[name][:count] for name in names})

# %% [markdown]
# Without the map the judge asks only: does this look like *a* real picture? Red where a B should
# be is as good as anything, and which share of the classes is right is luck: another training,
# another share. With the map it asks whether picture and map *belong together*. (With
# L1 in the loss the difference all but disappears: L1 does the tying. `tinyunet reproduce coins`
# trains both.)
#
# These two have gradient ratios far above 1. That is not more texture but noise.
#
# ## Can one ask for a colour?
#
# There is another way out: **ask**. In PaintsChainer the user draws strokes into a line drawing:
# this region blue, that one yellow. The generator gets four channels, the lines and the strokes'
# Y, U, V (brightness and two colour differences; -1.5 where there is no stroke), and learns with
# L1 alone. Where a stroke says the colour, the median is no longer gray.
#
# In training, strokes have the true colours, and one drawing in ten has none. The test: the
# largest shape gets a stroke of *another* colour, the farthest of red, green, blue and yellow.
# **Predict** in what share of 99 drawings the shape becomes more like the stroke than like the
# truth; and the error to the true colours of regions with a stroke and of regions without, from 0
# to 2.

# %%
predict("share of strokes that are obeyed", 0.6)
predict("error with a stroke", 0.05)
predict("error without a stroke", 0.1)

# %% alt="While it trains: the mean absolute difference of every step, and three coloured drawings above what is painted of them. The curve falls; regions take the colours of their strokes."
painter = tu.networks.PaintsChainer(widths=(4, 6, 8) if small else (12, 24, 32, 48), seed=0)
turns = 4 if small else 1500


def drawn(step):
    """Return eight new drawings with strokes; no two steps have the same."""
    return tu.data.line_art(8, seed=step).pairs(seed=step)


def rgb(yuv):
    """Return R, G and B from -1 to 1."""
    return 2 * tu.data.yuv_to_rgb(yuv) - 1


watched = tu.data.line_art(3, seed=10**9 + 1).pairs(share=1.0)
live = tu.plots.LivePainting(painter, watched.inputs, watched.targets, turns, colours=rgb)
history = tu.fit_painter(
    painter, drawn, steps=turns, optimizers=[tu.Adam(painter, lr=5e-3)], schedule="poly",
    progress=False, callbacks=[live],
)  # fmt: skip

# %%
drawings = tu.data.line_art(4 if small else 99, seed=10**9)
found = stroke_score(painter, drawings)
print(", ".join(f"{name} {value:.3f}" for name, value in found.items()))
measured("share of strokes that are obeyed", found["obeyed"])
measured("error with a stroke", found["hinted"])
measured("error without a stroke", found["unhinted"])
measured("change of other regions, over that of the stroke's", found["leak"])

# %% jupyter={"source_hidden": true} alt="Line drawings, their true colours, strokes in them, and what is painted: with true strokes nearly the true colours; with one stroke exchanged that shape takes the new colour; without strokes everything is grayish."
few = tu.data.line_art(4 if small else 6, seed=10**9)
true, order, _ = commanded(few)
tu.plots.paintings(
    {
        "drawing": np.repeat(2 * few.lines - 1, 3, axis=3),
        "real": rgb(few.colours),
        "true strokes": rgb(true[..., 1:]),
        "painted": rgb(painter.predict(true)),
        "one other stroke": rgb(order[..., 1:]),
        "painted ": rgb(painter.predict(order)),
        "painted, no strokes": rgb(painter.predict(unhinted(few))),
    }
)

# %% [markdown]
# Strokes are obeyed, mostly end at lines, and **fade with distance** (`near` and `far` are errors to
# the stroke's colour, beside it and farther away): a few pixels away colours
# mix, and most of a large ground is not reached. What a stroke says has to be carried across the
# region, from convolution to convolution, and that takes steps: in trial runs (in PyTorch) with 600
# steps, few drawings, and single pixels in the place of strokes, .38 were obeyed. And the last row
# is the first picture again: without a stroke all is gray, the median of all hues.
#
# (The authors' network learns with a judge, too. Flat regions of 32 pixels have no texture to
# judge, so we left it out.)
#
# ## What the numbers do not say
#
# - **The losses of a GAN do not say how far it is.** Each is measured by an opponent that learns
#   as well. Level curves can be a training that goes on, or one that has stopped; and the lowest
#   loss of a generator was the broken one's. That is why the live pictures show no judge's loss.
# - **A gradient ratio of 1 is not quality**, nor is a saturation: noise reaches both. Ours was
#   above 1 where the picture was worst. No number of this lesson replaces a look at the pictures.
# - **Nothing here draws from what is possible.** The generator has no coin to toss but its dropout,
#   and nothing has taught it to use that one.
# - **One seed each.** `tinyunet reproduce relatives` trains every one with three. Which object
#   becomes red is another matter with each.
# - Our maps are made so that nobody can know. In photographs of real things much can.
#
# ## What you know now
#
# - The least mean square is at the mean, the least L1 at the median: of red and blue a purple.
# - $L_G$'s gradient comes out of the judge's backward, as that of its input, and goes on into the
#   generator. The judge's own gradients of that pass are thrown away.
# - A condition makes the judge ask whether picture and map belong together.
# - A stroke takes the doubt away, and with it the gray.
#
# The package's versions are `tu.adversarial_step`, `tu.fit_painter`, `tu.GANLoss` and `tu.L1Loss`;
# the authors' networks `tu.networks.Pix2PixGenerator`, `PatchGAN` and `PaintsChainer`. With pairs
# of your own: `tinyunet paint`.
#
# ## Quiz
#
# **1.** A street lamp's pixel is black in six of ten photographs taken at one place and white in
# four. What does a network paint there that has learned with L1, what one with squares?
#
# - a. both a dark gray
# - b. L1 black, squares a dark gray
# - c. L1 a dark gray, squares black

# %%
quiz("six of ten", "b")

# %% [markdown]
# **2.** In `generator_step` somebody asks the judge for *fake* and turns the sign of the gradient
# round: $-\ell(D(x, G(x)), \text{fake})$. The minimum is the same. Early in training, when the
# judge is sure of every fake, $\sigma(z) = .001$, the generator's gradient is about
#
# - a. a thousandth of ours
# - b. the same as ours
# - c. a thousand times ours

# %%
quiz("the sign turned round", "a")

# %% [markdown]
# **3.** Why does `judge_step` send no gradient into the generator?
#
# - a. It could; it would only take longer.
# - b. It would teach the generator to be found out.
# - c. There is none: the judge's loss does not depend on the painting.

# %%
quiz("no gradient into the generator", "b")

# %% [markdown]
# **4.** "Our network halves the L1 error of the best GAN for colouring." What follows?
#
# - a. Its pictures are better.
# - b. Its colours are truer, but its textures may be worse.
# - c. Nothing about its pictures.

# %%
quiz("half the L1 error", "c")

# %% [markdown]
# **5.** The losses of a GAN have been level for an hour. You
#
# - a. look at what it paints.
# - b. stop: it has converged.
# - c. raise the judge's learning rate until its loss falls.

# %%
quiz("level for an hour", "a")
