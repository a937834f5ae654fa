# ---
# jupyter:
#   tinyunet:
#     lesson: 15
#     title: NumPy to CuPy
#     time: 30 s
# ---

# %% [markdown]
# # Lesson 15: NumPy to CuPy
#
# *Some seconds of computing and 70 minutes of reading and writing. You need:
# [lesson 3](03_relu_and_max_pooling.ipynb), which makes layers of slices,
# [lesson 7](07_the_u.ipynb), the U-Net's sizes, and [lesson 8](08_training.ipynb), the training
# step. You do not need a GPU.*
#
# A graphics processor, **GPU**, multiplies and adds with thousands of small processors at once.
# **CuPy** is a package with the functions of NumPy, under the same names, that run on NVIDIA's
# GPUs. So could one just write `import cupy as np` and be done? Nearly. This lesson is about the
# *nearly*. After it you can
#
# - say what it costs to move an array to a GPU, before you have one;
# - write a layer once, for both;
# - say which lines make the computer wait for the GPU, and write a training step with one such
#   line;
# - find, on any laptop, most of what would go wrong on a GPU.
#
# There are five exercises.

# %%
import sys
import time

import matplotlib.pyplot as plt
import numpy as np

import tinyunet as tu
from tinyunet import training_step
from tinyunet.data import Batches
from tinyunet.exercises import check, measured, predict, quiz, small
from tinyunet.exercises.device import toy_gpu

plt.rcParams["figure.dpi"] = 110
BLUE, ORANGE, GRAY = "#0072b2", "#d55e00", "0.6"

# %% [markdown]
# ## Two memories
#
# The computer's processor and its memory are called the **host**. The GPU, called the **device**,
# has a memory of its own, and computes only with what lies there. Between the two runs a cable of
# sorts, and over it an array takes its bytes divided by the **bandwidth**, in seconds.
#
# We *assume* a bandwidth of 16 GB/s (16 thousand million bytes a second), and that the device does
# 10 million million multiplications and additions a second: plausible, but not measured.
#
# **Predict**, for the U-Net of the paper, in float32 (4 bytes a number): how many milliseconds does
# it take to move an image of 572 by 572 pixels? All 31,030,658 parameters? And if every layer
# fetched its output to the host and sent it back, how many times as long as computing the forward
# pass would that take?

# %%
predict("milliseconds for moving an image", 1)
predict("milliseconds for moving all parameters", 10)
predict("all outputs there and back, in times of computing forward", 0.5)


# %% jupyter={"source_hidden": true}
def paper_layers():
    """Yield (side, channels) of each layer's output, and the multiplications for one number of it."""
    side, channels = 572, 1
    for level in range(5):
        for _ in range(2):
            side, before, channels = side - 2, channels, 64 * 2**level
            yield side, channels, 9 * before
        side = side // 2 if level < 4 else side
    for level in (3, 2, 1, 0):
        side, channels = 2 * side, 64 * 2**level
        yield side, channels, 2 * channels  # up-convolution: one kernel position for each pixel
        for before in (2 * channels, channels):
            side -= 2
            yield side, channels, 9 * before
    yield side, 2, channels


# %%
BANDWIDTH, SPEED = 16e9, 10e12  # bytes, and operations, a second: assumed


def milliseconds(nbytes):
    """Return how long so many bytes are on their way."""
    return 1e3 * nbytes / BANDWIDTH


numbers = sum(side**2 * channels for side, channels, _ in paper_layers())
multiplications = sum(side**2 * channels * each for side, channels, each in paper_layers())
operations = 3 * 2 * multiplications  # forward, dx and dw; each multiplies and adds
computing = 1e3 * operations / SPEED

everything = milliseconds(numbers * 4)
print(f"outputs of all layers {numbers * 4 / 1e6:.1f} MB, {everything:.1f} ms to the host")
print(f"a step: {operations / 1e12:.2f} million million operations, {computing:.1f} ms")
measured("milliseconds for moving an image", milliseconds(572**2 * 4))
measured("milliseconds for moving all parameters", milliseconds(31_030_658 * 4))
measured(
    "all outputs there and back, in times of computing forward", 2 * everything / (computing / 3)
)

# %% [markdown]
# (`paper_layers`, in the folded cell, counts as [lesson 1](01_convolution.ipynb) does. Backward
# does the same twice, for $dx$ and for $dw$.)
#
# So an image is nothing. The parameters would be a nuisance in every step. And outputs must not
# travel at all: while *one* float32 is on its way, the device could do 2,500 operations. A 3x3
# convolution from 64 channels does 1,152 for each number that it gives, a ReLU one. So the rule is:
# move the parameters once, at the beginning; move each batch in; everything else stays on the device.

# %% [markdown]
# ## A toy device
#
# To see trips and mistakes, we do not need a GPU. `toy_gpu` gives us a toy: a **device array** is a
# NumPy array behind a wall. Its numbers can be reached only through functions that behave as CuPy's
# do, and these count. It teaches the rules, and says nothing about speed. (It is in
# `tinyunet/exercises/device.py`.)
#
# Python keeps all modules that were imported so far in a dict, `sys.modules`. Inside
# `with toy_gpu() as toy:` the name `cupy` stands for a new toy there, which counts from 0.
# Afterwards all is as it was.

# %%
with toy_gpu() as toy:
    x = toy.asarray(np.arange(6, dtype=np.float32).reshape(2, 3))
    y = toy.maximum(2 * x - 5, 0).sum()  # everything stays on the device, the sum as well
    print(f"a {type(y).__name__} of shape {y.shape}; its value is {float(y)}")
    print(toy.counts())

# %% [markdown]
# One trip of 24 bytes, four launches (times, minus, maximum, sum), and one wait, for `float(y)`.
# Note that the sum is an *array* with no axes: to make a number of it, it has to be fetched. (We
# count that as a wait, and only `.get()`, which fetches whole arrays, as a trip to the host.)
#
# ### Break it on purpose
#
# **Predict** which of these five lines work: how many are refused, and is `np.maximum` one of them?

# %%
predict("lines of five that are refused", 5)
predict("np.maximum of a device array", "refused", choices=("works", "refused"))

# %%
attempts = {
    "np.asarray(x)": lambda x: np.asarray(x),
    "x + np.ones((2, 3))": lambda x: x + np.ones((2, 3)),
    "np.zeros((2, 3))[:] = x": lambda x: np.zeros((2, 3)).__setitem__(slice(None), x),
    "np.maximum(x, 0)": lambda x: np.maximum(x, 0),
    "x * 2 + x.mean()": lambda x: x * 2 + x.mean(),
}
refused = {}
with toy_gpu() as toy:
    x = toy.asarray(np.arange(6, dtype=np.float32).reshape(2, 3))
    for line, attempt in attempts.items():
        try:
            print(f"{line:24} works, and gives a {type(attempt(x)).__name__}")
        except TypeError:
            refused[line] = toy.refused
            print(f"{line:24} TypeError: {toy.refused}")
measured("lines of five that are refused", len(refused))
answer = "refused" if "np.maximum(x, 0)" in refused else "works"
measured("np.maximum of a device array", answer)

# %% [markdown]
# The first three are refused, by CuPy as well. That is a blessing: a silent copy would be a trip
# that nobody sees. The last two work. Operators ask the array itself what to do; so does
# `np.maximum`, which hands the call over. But `np.zeros` has no array to ask: it always makes a host
# array, and the mistake shows up lines later. So we do not rely on this courtesy: in a function that
# should run on both, `np.` does not occur. (The checks insist on it.)

# %% [markdown]
# ## Whose array is it?
#
# What stands there instead? The custom is
#
# ```python
# xp = array_module(x)  # np or cupy
# y = xp.maximum(x, 0)
# ```
#
# The array decides.
#
# ### Exercise 1: the module of an array
#
# Do not write `import cupy`: without a GPU it fails, and where it works it takes its time. Whoever
# holds a device array has imported CuPy already, so it is in `sys.modules`. For what is neither,
# such as a list, raise `TypeError`.


# %% nbgrader={"grade": false, "grade_id": "array_module", "locked": false, "schema_version": 3, "solution": true, "task": false}
def array_module(x):
    """Return numpy for a NumPy array and cupy for a CuPy array; else raise TypeError."""
    ### BEGIN SOLUTION
    if isinstance(x, np.ndarray):
        return np
    cupy = sys.modules.get("cupy")
    if cupy is not None and isinstance(x, cupy.ndarray):
        return cupy
    raise TypeError(f"neither a NumPy nor a CuPy array: {type(x).__name__}")
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_array_module", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check.array_module(array_module)

# %% [markdown]
# ## A layer for both
#
# A layer that we do not have yet: **mean-pooling** takes the mean of every 2 by 2 window, so each of
# its pixels has the slope $\frac14$. For $p$ and $q$ in $\{0, 1\}$,
#
# $$ y[n, i, j, c] = \frac14 \sum_{p, q} x[n,\; 2i + p,\; 2j + q,\; c], \qquad
# dx[n,\; 2i + p,\; 2j + q,\; c] = \tfrac14 \, dy[n, i, j, c] . $$
#
# ### Exercise 2: mean-pooling, forward


# %% nbgrader={"grade": false, "grade_id": "mean_pool", "locked": false, "schema_version": 3, "solution": true, "task": false}
def mean_pool(x):
    """Return y (N, H / 2, W / 2, C), the mean of each 2 by 2 window of x, where x lies."""
    ### BEGIN SOLUTION
    return (x[:, ::2, ::2] + x[:, ::2, 1::2] + x[:, 1::2, ::2] + x[:, 1::2, 1::2]) / 4
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_mean_pool", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
check.mean_pool(mean_pool)

# %% [markdown]
# ### Exercise 3: mean-pooling, backward


# %% nbgrader={"grade": false, "grade_id": "mean_pool_backward", "locked": false, "schema_version": 3, "solution": true, "task": false}
def mean_pool_backward(dy):
    """Return dx (N, 2 H, 2 W, C) from dy (N, H, W, C), where dy lies and in its dtype."""
    ### BEGIN SOLUTION
    xp = array_module(dy)
    n, h, w, c = dy.shape
    dx = xp.empty((n, 2 * h, 2 * w, c), dy.dtype)
    for p in (0, 1):
        for q in (0, 1):
            dx[:, p::2, q::2] = dy / 4
    return dx
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_mean_pool_backward", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check.mean_pool_backward(mean_pool_backward)

# %% [markdown]
# Forward gets along with operators and slices. Backward makes a *new* array, and that is where `xp`
# is needed. Now both on the host and on the toy, and the gradient check of
# [lesson 2](02_backward_and_proof.ipynb). (The toy computes with NumPy, so its differences are 0. A
# real GPU sums in another order, and rounds differently. The folded cell makes a layer of the two.)


# %% jupyter={"source_hidden": true}
class MeanPool(tu.Layer):
    """Your two functions as a layer of the package."""

    def forward(self, x):
        y = mean_pool(x)
        self._keep(y)
        return y

    def backward(self, dy, *, input_gradient=True):
        self._take(dy)
        return mean_pool_backward(dy)


# %%
rng = np.random.default_rng(15)
x, dy = rng.standard_normal((2, 6, 8, 3)), rng.standard_normal((2, 3, 4, 3))
with toy_gpu() as toy:
    y, dx = mean_pool(toy.asarray(x)), mean_pool_backward(toy.asarray(dy))
    print(toy.counts())
    gap = max(abs(mean_pool(x) - y.get()).max(), abs(mean_pool_backward(dy) - dx.get()).max())
measured("mean-pooling, host against toy: largest difference", gap)
report = tu.check_gradients(MeanPool(), x)
measured("mean-pooling: worst relative error of the gradient", report.worst)

# %% [markdown]
# The house rules so far, for code that runs on both:
#
# 1. `xp = array_module(x)` in the first line, and no `np.` after it.
# 2. New arrays come from `xp`, with `x`'s dtype: `xp.empty(shape, x.dtype)`.
# 3. Lists are made into arrays on the host, and moved once.
# 4. Random numbers are drawn on the host.
#
# Why the fourth? A generator turns a seed into numbers by a recipe, and CuPy's is another one. NumPy
# has several, too:

# %%
for recipe in (np.random.PCG64, np.random.Philox):
    numbers = np.random.Generator(recipe(0)).standard_normal(3)
    print(f"{recipe.__name__:7} seed 0: {numbers}")

# %% [markdown]
# Same seed, other numbers: other first weights, other batches, other results. Drawn on the host and
# moved, they are the same on both.

# %% [markdown]
# ## Moving a whole structure
#
# Parameters come in dicts, dicts come in lists, and a batch is a tuple in which `None` may stand
# for missing weights.
#
# ### Exercise 4: move them all
#
# `put` moves one array (`cupy.asarray`, for example). Dicts, lists and tuples may lie in each
# other. Leave alone what is no array, and do not change the structure that you got.


# %% nbgrader={"grade": false, "grade_id": "move_all", "locked": false, "schema_version": 3, "solution": true, "task": false}
def move_all(things, put):
    """Return the same structure of dicts, lists and tuples with put(array) for every NumPy array."""
    ### BEGIN SOLUTION
    if isinstance(things, dict):
        return {key: move_all(value, put) for key, value in things.items()}
    if isinstance(things, list | tuple):
        return type(things)(move_all(item, put) for item in things)
    return put(things) if isinstance(things, np.ndarray) else things
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_move_all", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check.move_all(move_all)

# %% [markdown]
# **Predict**: how many trips for the parameters of a U-Net with two levels? (A weight and a bias
# for each layer: five pairs of convolutions, two up-convolutions, the last 1x1 convolution.)

# %%
predict("trips for the parameters", 20)

# %%
model = tu.UNet(base_channels=4, depth=2, padding="same", seed=0)
with toy_gpu() as toy:
    move_all(dict(model.named_parameters()), toy.asarray)
    print(toy.counts())
measured("trips for the parameters", toy.counts()["to device"])
measured("bytes moved for each parameter", toy.counts()["bytes"] / model.num_parameters)

# %% [markdown]
# ## Launch, and walk away
#
# Trips are one half of the story, waiting is the other. When the host calls `cupy.maximum(x, 0)`,
# nothing is computed yet. The host writes an order, "maximum of this, to there" (a **launch**),
# puts it in a queue, and goes on with the next line at once; the device works through the queue in
# its own time. This is called **asynchronous**.
#
# Until the host needs a *number*. `float(loss)` cannot return before the device has computed the
# loss, and everything before it in the queue. That is a **synchronisation**, a wait. When it is
# over, the queue is empty, and the device idles until new orders arrive.
#
# Say each of $n$ orders takes the host $a$ and the device $d$. **Predict** how many microseconds 8
# orders take with $a = 10$ and $d = 25$: with a wait after each, and with one wait at the end.

# %%
predict("microseconds with a wait after each order", 280)
predict("microseconds with one wait, at the end", 200)

# %% [markdown]
# **Derive** how long all of it takes. With a wait after each, nothing overlaps: $T = n\,(a + d)$.
# With one wait at the end, the slower of the two sets the pace: if the device is slower, it starts
# after the first order and is busy from then on, $T = a + n d$; if the host is, the device does the
# last order after it has been written, $T = n a + d$.


# %% jupyter={"source_hidden": true} alt="Two time lines of host and device for eight orders. With a wait after each, host and device take turns and idle meanwhile. With one wait at the end, the host writes all orders at once, the device works without a gap, and all is over sooner."
def play(a, d, n, wait_each):
    """Return the times (n, 2) at which the host wrote, and the device began, each order; the end."""
    host = device = 0.0
    times = []
    for _ in range(n):
        host += a
        begin = max(host, device)  # the order must be there, and the order before it done
        device = begin + d
        times.append((host - a, begin))
        if wait_each:
            host = max(host, device)
    return times, max(host, device)


a, n = 10, 8  # microseconds for a launch: an assumption
figure, axes = plt.subplots(2, 1, figsize=(8, 3.2), layout="constrained", sharex=True)
for axis, wait_each in zip(axes, (True, False), strict=True):
    times, end = play(a, 14, n, wait_each)
    for number, (host, begin) in enumerate(times, start=1):
        for start, length, row, colour in ((host, a, 1, BLUE), (begin, 14, 0, ORANGE)):
            axis.barh(row, length, left=start, color=colour, edgecolor="white", linewidth=1.5)
            axis.text(start + length / 2, row, str(number), color="white", ha="center", va="center")
    axis.axvline(end, color=GRAY, linestyle="--", linewidth=1)
    axis.set_yticks((0, 1), ("device", "host"))
    axis.set_title("a wait after each order" if wait_each else "one wait, at the end", fontsize=11)
    axis.spines[["top", "right"]].set_visible(False)
axes[1].set_xlabel("microseconds (a model: 10 for a launch, 14 for the device's work)")
plt.show()

# %%
(_, waiting), (_, walking) = play(10, 25, 8, wait_each=True), play(10, 25, 8, wait_each=False)
assert (waiting, walking) == (8 * (10 + 25), 10 + 8 * 25)  # as derived
measured("microseconds with a wait after each order", waiting)
measured("microseconds with one wait, at the end", walking)

# %% [markdown]
# (`play`, in the folded cell, follows every order.) Which lines wait? All that need numbers on the
# host:
#
# | waits | does not |
# |---|---|
# | `float(x)`, `x.item()`, `x.tolist()`, `x.get()` | `x.shape`, `x.dtype`, `len(x)` |
# | `print(x)`, an f-string with `x` in it | `x.sum()`, `x.max()`: arrays without axes |
# | `if x > 0:`, `while`, `max(x, y)`, `assert` | `xp.where(x > 0, ...)`, `xp.maximum(x, y)` |
# | `x[x > 0]`: how large is the result? | `x * (x > 0)` |
#
# ## One step, one wait
#
# A training step needs *one* number on the host: the loss, to look at. Here is the smallest network
# with a hidden layer, of H numbers. It gets rows `x` (M, C) and should give `t` (M, K). Its
# parameters are `w1` (C, H), `b1` (H,), `w2` (H, K) and `b2` (K,):
#
# $$ h = \max(x\,w_1 + b_1,\, 0), \qquad y = h\,w_2 + b_2, \qquad L = \frac{1}{MK} \sum (y - t)^2 .
# $$
#
# Backward, with what you know from [lesson 2](02_backward_and_proof.ipynb) and
# [lesson 3](03_relu_and_max_pooling.ipynb) ($\odot$ multiplies entry by entry, and $[h > 0]$ is 1
# where that holds, else 0):
#
# $$ dy = \frac{2}{MK}\,(y - t), \quad dw_2 = h^\top dy, \quad db_2 = \sum_{\text{rows}} dy, \quad
# dh = (dy\; w_2^\top) \odot [h > 0], \quad dw_1 = x^\top dh, \quad db_1 = \sum_{\text{rows}} dh .
# $$
#
# ### Exercise 5: a training step for both
#
# The parameters are on the host or on the device; `x` and `t` always come from the host. Move these
# two in (`xp.asarray`; with NumPy it does nothing), compute, change the parameters *in place* by
# `-= lr * gradient` (first all gradients, then the changes), and return the loss as a Python float.
# Wait once, when all orders are written.


# %% nbgrader={"grade": false, "grade_id": "device_step", "locked": false, "schema_version": 3, "solution": true, "task": false}
def device_step(params, x, t, lr):
    """Take one step with params {"w1", "b1", "w2", "b2"}, where they lie, and return the loss."""
    ### BEGIN SOLUTION
    xp = array_module(params["w1"])
    x, t = xp.asarray(x), xp.asarray(t)
    h = xp.maximum(x @ params["w1"] + params["b1"], 0)
    y = h @ params["w2"] + params["b2"]
    loss = ((y - t) ** 2).mean()  # still on the device
    dy = 2 * (y - t) / y.size
    dh = dy @ params["w2"].T * (h > 0)
    gradients = {"w1": x.T @ dh, "b1": dh.sum(axis=0), "w2": h.T @ dy, "b2": dy.sum(axis=0)}
    for key, gradient in gradients.items():
        params[key] -= lr * gradient
    return float(loss)  # the one wait
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_device_step", "locked": true, "points": 4, "schema_version": 3, "solution": false, "task": false}
check.device_step(device_step)

# %% [markdown]
# Let it learn something, once on the host and once on the toy: `x` are the 25 noisy pixels around a
# pixel, `t` is the pixel without noise.

# %%
clean = tu.data.synthetic_cells(1, size=96, seed=3).images[0][..., 0]
noisy = clean + 0.2 * rng.standard_normal(clean.shape, np.float32)
patches = np.lib.stride_tricks.sliding_window_view(noisy, (5, 5)).reshape(-1, 25)
targets = clean[2:-2, 2:-2].reshape(-1, 1)
steps = 100 if small else 600


def train(put):
    """Return the losses of some steps on parameters that were moved by `put`."""
    rng = np.random.default_rng(0)
    w1, w2 = rng.standard_normal((25, 16), np.float32) / 5, rng.standard_normal((16, 1), np.float32)
    params = {"w1": w1, "b1": np.zeros(16, np.float32), "w2": w2 / 4, "b2": np.zeros(1, np.float32)}
    params, losses = move_all(params, put), []
    for _ in range(steps):
        rows = rng.integers(len(patches), size=256)
        losses.append(device_step(params, patches[rows], targets[rows], lr=0.05))
    return np.array(losses)


on_host = train(np.asarray)
with toy_gpu() as toy:
    on_toy = train(toy.asarray)
seen = toy.counts()
measured("trips in a step of the little network", (seen["to device"] - 4) / steps)
measured("waits in a step of the little network", seen["waits"] / steps)
measured("launches in a step of the little network", seen["launches"] / steps)
measured("losses of the little network, host against toy: difference", abs(on_host - on_toy).max())
measured("loss of the little network, in times of the noise", on_host[-20:].mean() / 0.2**2)

# %% [markdown]
# Two trips, one wait, and exactly the same losses. (And it does remove noise.)
#
# ### Break it on purpose: one look too many
#
# A typical accident: while debugging, somebody looks at a mean, and guards against large numbers.
# **Predict** how often this step waits.


# %%
def talkative(params, x, t, lr):
    """A training step that looks at what it does."""
    xp = array_module(params["w1"])
    h = xp.maximum(xp.asarray(x) @ params["w1"] + params["b1"], 0)
    float(h.mean())  # say, for a plot
    y = h @ params["w2"] + params["b2"]
    if y.max() > 1e6:  # an innocent safety check
        raise ArithmeticError("it exploded")
    return device_step(params, x, t, lr)


predict("waits of the talkative step", 2)

# %%
sizes = {"w1": (25, 16), "b1": (16,), "w2": (16, 1), "b2": (1,)}
with toy_gpu() as toy:
    params = {name: toy.asarray(np.zeros(size, np.float32)) for name, size in sizes.items()}
    talkative(params, patches[:256], targets[:256], lr=0.05)
measured("waits of the talkative step", toy.counts()["waits"])
check.device_step(talkative)

# %% [markdown]
# With a look after every order, each takes $a + d$ instead of the larger of the two: up to twice the
# time. The results are the same, and there is no error. Only counting finds it.
#
# ## The package, on the toy
#
# tinyunet was written by the same rules: its own `array_module` is your exercise 1. So it runs on
# the toy as well: `model.to("gpu")`, and then the training step that `tinyunet train` uses. A batch
# is three arrays: images, labels, and a weight for every pixel. **Predict** for a step of a small
# U-Net:

# %%
predict("trips to the device in a step of a U-Net", 3)
predict("waits in a step of a U-Net", 2)
predict("launches in a step of a U-Net", 100)

# %%
side = 32
data = tu.data.synthetic_cells(6, size=48, seed=3)
weights = [np.ones(labels.shape, np.float32) for labels in data.labels]
batches = Batches(data, weights, 2, (side, side), (side, side), augment=True, seed=0)


def losses_of_unet(model):
    """Return the losses of the first steps of a network, where it lies."""
    loss, optimizer = tu.SoftmaxCrossEntropy(), tu.Adam(model, lr=0.002)
    return np.array([training_step(model, loss, optimizer, batches[i]) for i in range(5)])


def small_unet():
    return tu.UNet(base_channels=4, depth=2, padding="same", seed=0)


with toy_gpu() as toy:
    model = small_unet().to("gpu")
    before = toy.counts()
    on_toy = losses_of_unet(model)
    each = {what: (count - before[what]) / 5 for what, count in toy.counts().items()}
print("in a step:", each)
measured("trips to the device in a step of a U-Net", each["to device"])
measured("waits in a step of a U-Net", each["waits"])
measured("launches in a step of a U-Net", each["launches"])
gap = abs(on_toy / losses_of_unet(small_unet()) - 1).max()
measured("losses of a U-Net, host against toy: relative difference", gap)

# %% [markdown]
# Three arrays in, one number out, and the same losses. The launches are worth a thought. At 10
# microseconds each, writing them takes 6 milliseconds, whatever the size of the images. For *small*
# images that is longer than carrying them out, and the device idles. So a GPU shows its strength on
# large images, many channels and large batches.
#
# ## What you know now
#
# - Host and device have two memories. A trip takes bytes over bandwidth; parameters make it once,
#   batches once a step, and nothing else does.
# - `xp = array_module(x)`: the array decides where to compute. New arrays come from `xp`, random
#   numbers from the host.
# - A launch only writes an order. Whatever needs a number on the host waits: one wait a step, at
#   its end.
# - Results say nothing about trips and waits. Count them; a toy device does, on any laptop.
#
# The package's version is `tinyunet/engine/arrays.py`; its tests count trips and waits in the same
# way, on a stricter double of CuPy (`tests/cupy_double` in the repository). In
# [lesson 16](16_fcn_and_segnet.ipynb) come the U-Net's elder relatives.
#
# ## Quiz
#
# **1.** `total = x.sum()`, where `x` lies on the device. What is `total`?
#
# - a. a number, for which the host has waited
# - b. a device array without axes
# - c. a NumPy array without axes

# %%
quiz("what a sum on the device is", "b")

# %% [markdown]
# **2.** What travels between host and device in every training step, if all is right?
#
# - a. the batch in, the loss out
# - b. the parameters in, their gradients out
# - c. the batch in, the outputs of all layers out

# %%
quiz("what travels in every step", "a")

# %% [markdown]
# **3.** Somebody reads the clock before and after `y = layer(x)` on a GPU: 0.2 milliseconds, for a
# small image as for a huge one. Why?
#
# - a. for a GPU, all sizes are alike
# - b. the clock is too coarse
# - c. that is the time of writing the orders

# %%
quiz("the same time for every size", "c")

# %% [markdown]
# **4.** The same network, the same seed, the weights drawn by NumPy here and by CuPy there. After a
# training the two differ a lot. Why?
#
# - a. a GPU rounds more coarsely
# - b. they began with other numbers
# - c. the GPU skips steps when the queue is full

# %%
quiz("one seed, two trainings", "b")

# %% [markdown]
# **5.** Which of these lines waits for the device?
#
# - a. `y = xp.where(x > 0, x, 0)`
# - b. `if x.max() > 0: y = x`
# - c. `y = x * (x > 0)`

# %%
quiz("the line that waits", "b")

# %% [markdown]
# ## For the curious: on a real GPU
#
# All counts above hold for a real GPU, as far as the toy keeps CuPy's rules; all *times* were computed
# from assumptions. The next cell, folded, measures one, if it is there: the same network, on the host
# and on the GPU. It waits for a number before it reads the clock, for else it would time the writing
# of orders.


# %% jupyter={"source_hidden": true}
def seconds_of_a_step(model, side, steps):
    """Return the fastest of some training steps, and their losses."""
    loss, optimizer = tu.SoftmaxCrossEntropy(), tu.Adam(model, lr=0.002)
    rng, times, losses = np.random.default_rng(0), [], []
    for _ in range(steps):
        x = rng.standard_normal((4, side, side, 1), np.float32)
        batch = x, (x[..., 0] > 0).astype(np.int64), None
        start = time.perf_counter()
        losses.append(training_step(model, loss, optimizer, batch))
        first = next(p for _, p in model.named_parameters())
        float(first.sum())  # wait: this needs the update of the step, too
        times.append(time.perf_counter() - start)
    return min(times), np.array(losses)


def unet(device):
    return tu.UNet(base_channels=16, depth=3, padding="same", seed=0).to(device)


if tu.gpu_available():
    for side in (64, 256):
        slow, on_host = seconds_of_a_step(unet("cpu"), side, steps=4)
        fast, on_gpu = seconds_of_a_step(unet("gpu"), side, steps=8)
        print(f"{side} x {side}: host {1e3 * slow:.1f} ms, GPU {1e3 * fast:.1f} ms a step")
        print("largest relative difference of the losses:", abs(on_gpu[:4] / on_host - 1).max())
else:
    print("This copy was made on a machine without a GPU: there is nothing to report.")
    try:
        tu.to_gpu(np.zeros(1))
    except RuntimeError as error:
        print("What is missing here:", error)

# %% [markdown]
# If you have an NVIDIA GPU, install CuPy as the message says and run the cell again. Here is what
# somebody else's GPU did, a large one: an H100 with 80 GB, CuPy 14.2, PyTorch 2.11. A training step
# of the paper's network, 572 pixels, in float32:
#
# | images in a step | tinyunet | PyTorch | its time is | memory, GB: tinyunet, PyTorch |
# |---|---|---|---|---|
# | 1 | 27.5 ms | 43.0 ms | 1.6 times ours | 3.3, 2.4 |
# | 1, after it has tried all its algorithms | 28.0 ms | 34.6 ms | 1.2 times ours | 3.3, 36 |
# | 4 | 75.0 ms | 466 ms | 6 times ours | 6.6, 73 |
#
# Four images cost us less than three times as much as one: with one, the 25 milliseconds that Python
# needs to write its orders are nearly the whole step. (Why PyTorch is so slow on four, and takes
# so much memory, we have not looked into.)
#
# Two things the toy does not show. CuPy can **fuse** a function of whole arrays: it makes *one*
# launch of all its operations, which reads and writes every array once. The package asks for that:
# `v *= momentum; v += g; p -= lr * v` is one launch for a parameter on a GPU, and four on our toy.
# And the package's loss needs three numbers on the host: two sums to divide, and whether a label was
# wrong. It stacks them into one array and fetches that, in the *middle* of the step, before backward,
# and gives away what you did better: it wants to stop before a loss that is not finite spoils the
# parameters.
#
# For a report of your own (the package's tests on the GPU, the gradient check of the paper's network,
# and the times of training steps, beside PyTorch where it is installed):
#
# ```
# tinyunet gpu-report
# ```
