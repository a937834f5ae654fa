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
# *Some seconds of computing, and an hour of reading and writing. You need: lesson 3, which
# makes layers of slices, lesson 7, the U-Net's sizes, and lesson 8, the training step. You do
# **not** need a GPU.*
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
from contextlib import contextmanager
from functools import partial
from types import ModuleType, SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np

import tinyunet as tu
from tinyunet import training_step
from tinyunet.data import Batches
from tinyunet.exercises import check, claim, small

plt.rcParams["figure.dpi"] = 80
BLUE, ORANGE, GRAY = "#0072b2", "#d55e00", "0.6"

# %% [markdown]
# ## Two memories
#
# The computer's processor and its memory are called the **host**. The GPU, called the **device**,
# has a memory of its own, and computes with what lies there, with nothing else. Between the two
# runs a cable of sorts, and over it an array takes
#
# $$ \text{time} \;=\; \frac{\text{bytes}}{\text{bandwidth}} . $$
#
# We *assume* a bandwidth of 16 GB/s (16 thousand million bytes a second), and that the device does
# 10 million million multiplications and additions a second. Both numbers are of a plausible size,
# but they are assumptions, not measurements: put in those of your own machine.
#
# **Predict**, for the U-Net of the paper, in float32 (4 bytes a number): how many milliseconds does
# it take to move an image of 572 by 572 pixels? All 31,030,658 parameters? And is that much or
# little beside the time for computing one training step?

# %%
BANDWIDTH, SPEED = 16e9, 10e12  # bytes, and operations, a second: assumed


def milliseconds(nbytes):
    """Return how long so many bytes are on their way."""
    return 1e3 * nbytes / BANDWIDTH


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


numbers = sum(side**2 * channels for side, channels, _ in paper_layers())
multiplications = sum(side**2 * channels * each for side, channels, each in paper_layers())
operations = 3 * 2 * multiplications  # forward, dx and dw; each multiplies and adds
computing = 1e3 * operations / SPEED

image, parameters = milliseconds(572**2 * 4), milliseconds(31_030_658 * 4)
everything = milliseconds(numbers * 4)
print(f"one image                      {572**2 * 4 / 1e6:8.1f} MB {image:8.2f} ms")
print(f"all parameters                 {31_030_658 * 4 / 1e6:8.1f} MB {parameters:8.2f} ms")
print(f"the outputs of all layers      {numbers * 4 / 1e6:8.1f} MB {everything:8.2f} ms")
print(f"computing a step: {operations / 1e12:.2f} million million operations {computing:8.2f} ms")
claim("moving an image, in percent of computing", 100 * image / computing, high=0.5)
claim("moving the parameters, in percent of computing", 100 * parameters / computing, high=20)
claim("all outputs there and back, in percent of forward", 200 * everything / (computing / 3), 100)

# %% [markdown]
# (The multiplications were counted as in lesson 1: for every number of an output, one for each
# weight that it needs. Backward does this twice, for $dx$ and for $dw$.)
#
# So an image is nothing. The parameters would be a nuisance in every step, there and back. And if
# every layer fetched its output to the host and sent it back, the forward pass would spend twice as
# long on the way as it computes. Another way to say it: while *one* float32 is on its way, the
# device could do

# %%
claim("operations in the time of moving one number", SPEED / (BANDWIDTH / 4), low=2000, high=3000)

# %% [markdown]
# A 3x3 convolution from 64 channels does 1,152 operations for each number that it gives, a ReLU
# one. Nothing in a network is worth a trip. The rule is simple: **move the parameters once, at the
# beginning. Move each batch in. Everything else stays on the device.**

# %% [markdown]
# ## A toy device
#
# To see trips and mistakes, we do not need a GPU. We build a toy: a **device array** is a NumPy
# array behind a wall. Its numbers can be reached only through functions that behave as CuPy's do,
# and these count. It teaches the rules. It says nothing about speed. (You need not read its code
# closely; what it does is shown below.)


# %%
class ToyArray(np.lib.mixins.NDArrayOperatorsMixin):  # + - * / @ and so on call __array_ufunc__
    """An array "on the device"."""

    def __init__(self, memory):
        self._memory = memory

    def __array__(self, dtype=None, copy=None):
        raise TypeError("a device array does not become a host array by itself: .get() fetches it")

    def __array_ufunc__(self, ufunc, method, *inputs, **options):
        return launch(getattr(ufunc, method), *inputs, **options)

    def __getattr__(self, name):  # x.shape, x.sum(), ...
        if name.startswith("__"):
            raise AttributeError(name)
        value = getattr(self._memory, name)
        return partial(launch, value) if callable(value) else wrap(value)

    def __len__(self):
        return len(self._memory)

    def __getitem__(self, index):
        counts["waits"] += getattr(index, "dtype", "") == "bool"  # how many are True?
        return wrap(self._memory[unwrap(index)])

    def __setitem__(self, index, value):
        launch(self._memory.__setitem__, index, value)

    def get(self):
        counts["to host"] += 1
        return self._wait().copy()

    def _wait(self):  # until the device has computed it
        counts["waits"] += 1
        return self._memory

    def tolist(self):
        return self._wait().tolist()

    item = tolist  # of one number

    def __float__(self):
        return float(self._wait())

    def __bool__(self):
        return bool(self._wait())

    def __str__(self):
        return str(self._wait())


class ToyCuPy(ModuleType):
    """The toy's module: NumPy's functions, for device arrays."""

    ndarray = generic = ToyArray
    cuda = SimpleNamespace(is_available=lambda: True, nvrtc=SimpleNamespace(getVersion=lambda: 1))

    def __getattr__(self, name):  # toy.maximum, toy.zeros, ...
        value = getattr(np, name)
        return partial(launch, value) if callable(value) else value

    def asarray(self, x):
        if isinstance(x, ToyArray):
            return x  # it is there already
        counts["to device"] += 1
        counts["bytes"] += x.nbytes
        return ToyArray(x.copy())


def launch(function, *inputs, **options):
    """Run a function of NumPy behind the wall."""
    counts["launches"] += getattr(function, "__name__", "") not in NO_WORK
    return wrap(function(*unwrap(inputs), **unwrap(options)))


def wrap(value):
    return ToyArray(np.asarray(value)) if isinstance(value, np.ndarray | np.generic) else value


def unwrap(value):
    if isinstance(value, np.ndarray):
        raise TypeError("a host array among device arrays: move it first")
    if isinstance(value, tuple | list):
        return type(value)(map(unwrap, value))
    if isinstance(value, dict):
        return {key: unwrap(item) for key, item in value.items()}
    return value._memory if isinstance(value, ToyArray) else value


NO_WORK = ("empty", "reshape", "transpose", "as_strided")  # another look at memory, at most
toy = ToyCuPy("toy")
as_strided = partial(launch, np.lib.stride_tricks.as_strided)
toy.lib = SimpleNamespace(stride_tricks=SimpleNamespace(as_strided=as_strided))
toy.fuse = lambda kernel_name: lambda function: function  # a GPU makes one launch of a function
counts = {}

# %% [markdown]
# One more piece. Python keeps all modules that were imported so far in a dict, `sys.modules`.
# Inside `with toy_gpu():` we let the name `cupy` stand for our toy there, and count from 0.
# Afterwards all is as it was.


# %%
@contextmanager
def toy_gpu():
    """Let the name `cupy` mean the toy while the context lasts; yield what it counts."""
    before = sys.modules.get("cupy")
    sys.modules["cupy"] = toy
    counts.update({"to device": 0, "bytes": 0, "to host": 0, "launches": 0, "waits": 0})
    try:
        yield counts
    finally:
        del sys.modules["cupy"]
        if before is not None:
            sys.modules["cupy"] = before


with toy_gpu():
    x = toy.asarray(np.arange(6, dtype=np.float32).reshape(2, 3))
    y = toy.maximum(2 * x - 5, 0).sum()  # everything stays on the device, the sum as well
    print("the type of a sum:", type(y).__name__, "of shape", y.shape)
    print("its value:", float(y))
    print(counts)

# %% [markdown]
# One trip of 24 bytes, four launches (times, minus, maximum, sum), and one wait, for `float(y)`.
# Note that the sum is an *array* with no axes: to make a number of it, it has to be fetched. (We
# count that as a wait, and only `.get()`, which fetches whole arrays, as a trip to the host.)
#
# ### Break it on purpose
#
# **Predict** which of these five lines work.

# %%
attempts = {
    "np.asarray(x)": lambda x: np.asarray(x),
    "x + np.ones((2, 3))": lambda x: x + np.ones((2, 3)),
    "np.zeros((2, 3))[:] = x": lambda x: np.zeros((2, 3)).__setitem__(slice(None), x),
    "np.maximum(x, 0)": lambda x: np.maximum(x, 0),
    "x * 2 + x.mean()": lambda x: x * 2 + x.mean(),
}
refused = 0
with toy_gpu():
    for line, attempt in attempts.items():
        try:
            print(f"{line:24} works, and gives a {type(attempt(x)).__name__}")
        except TypeError as error:
            refused += 1
            print(f"{line:24} TypeError: {error}")
claim("refused", refused, low=3, high=3)

# %% [markdown]
# The first three are refused, by CuPy as well. That is a blessing: a silent copy would be a trip
# that nobody sees. The last two work. Operators ask the array itself what to do. `np.maximum` does,
# too: NumPy notices that the array is not its own, and hands the call over. But `np.zeros` has no
# array to ask. It always makes a host array, and the mistake shows up lines later. So we do not
# rely on this courtesy: **in a function that should run on both, `np.` does not occur.**

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
# The array decides; there is no switch somewhere that one could forget.
#
# ### Exercise 1: the module of an array
#
# Do not write `import cupy`: on a computer without a GPU it fails, and where it works it takes its
# time. Nor need you: whoever holds a device array has imported CuPy already, so it is in
# `sys.modules`. For what is neither, such as a list, raise `TypeError`.


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
# A layer that we do not have yet: **mean-pooling** takes the mean of every 2 by 2 window, where
# max-pooling takes the largest number:
#
# $$ y[n, i, j, c] \;=\; \frac14 \sum_{p, q \,\in\, \{0, 1\}} x[n,\; 2i + p,\; 2j + q,\; c] . $$
#
# Each pixel of a window has the slope $\frac14$, so
#
# $$ dx[n,\; 2i + p,\; 2j + q,\; c] \;=\; \tfrac14 \, dy[n, i, j, c] . $$
#
# **Predict**: which of the two, forward or backward, needs `xp`, and what for?
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
# is needed.
#
# Now both on the host and on the toy, and **the gradient check** of lesson 2. (On a real GPU we
# would expect differences of rounding: there, sums are done in another order. The toy computes with
# NumPy, so its differences are 0. What it proves is that the *code* is the same.)


# %%
class MeanPool(tu.Layer):
    """Your two functions as a layer of the package."""

    def forward(self, x):
        y = mean_pool(x)
        self._keep(y)  # backward needs no values, only a fresh forward
        return y

    def backward(self, dy, *, input_gradient=True):
        self._take(dy)
        return mean_pool_backward(dy)


rng = np.random.default_rng(15)
x, dy = rng.standard_normal((2, 6, 8, 3)), rng.standard_normal((2, 3, 4, 3))
with toy_gpu():
    y, dx = mean_pool(toy.asarray(x)), mean_pool_backward(toy.asarray(dy))
    print(counts)
    claim("y: host against toy", abs(mean_pool(x) - y.get()).max(), high=1e-12)
    claim("dx: host against toy", abs(mean_pool_backward(dy) - dx.get()).max(), high=1e-12)
report = tu.check_gradients(MeanPool(), x)
claim("worst relative error of the gradient", report.worst, high=1e-7)

# %% [markdown]
# The house rules so far, for code that runs on both:
#
# 1. `xp = array_module(x)` in the first line, and no `np.` after it.
# 2. New arrays come from `xp`, with `x`'s dtype: `xp.empty(shape, x.dtype)`.
# 3. Lists are made into arrays on the host, and moved once.
# 4. Random numbers are drawn on the host.
#
# Why the fourth? A generator turns a seed into numbers by a recipe, and CuPy's recipe is another
# one. NumPy has several, too, so we can see what that does:

# %%
for recipe in (np.random.PCG64, np.random.Philox):
    numbers = np.random.Generator(recipe(0)).standard_normal(3)
    print(f"{recipe.__name__:7} seed 0: {numbers}")

# %% [markdown]
# Same seed, other numbers: other first weights, other batches, other results. Drawn on the host and
# moved, they are the same on both, and a run on the GPU can be compared with one on the laptop.

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
model = tu.UNet(base_channels=4, depth=2, padding="same", seed=0)
with toy_gpu():
    move_all(dict(model.named_parameters()), toy.asarray)
    print(counts)
    claim("trips", counts["to device"], low=26, high=26)
    claim("bytes, in parameters of float32", counts["bytes"] / 4 / model.num_parameters, 1, 1)

# %% [markdown]
# ## Launch, and walk away
#
# Trips are one half of the story, waiting is the other. When the host calls `cupy.maximum(x, 0)`,
# nothing is computed yet. The host writes an order, "maximum of this, to there" (a **launch**),
# puts it in a queue, and goes on with the next line at once. The device works through the queue in
# its own time. This is called **asynchronous**. The host writes orders while the device computes,
# and neither waits for the other.
#
# Until the host needs a *number*. `float(loss)` cannot return before the device has computed the
# loss, and everything before it in the queue. That is a **synchronisation**, a wait. Worse: when it
# is over, the queue is empty, and the device has nothing to do until new orders arrive.
#
# Say each of $n$ orders takes the host $a$ and the device $d$. **Derive** how long all of it takes:
#
# - With a wait after each, nothing overlaps: $T = n\,(a + d)$.
# - With one wait at the end, the slower of the two sets the pace. If the device is slower ($d \ge
#   a$), it starts after the first order and is busy from then on: $T = a + n d$. If the host is
#   slower, the device does the last order after it has been written: $T = n a + d$. In one formula:
#
# $$ T \;=\; \min(a, d) + n \max(a, d) . $$


# %%
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
for d in (4, 10, 25):
    (_, waiting), (_, walking) = play(a, d, n, True), play(a, d, n, False)
    print(f"d = {d:2}: wait after each {waiting:4.0f}, one wait {walking:4.0f} microseconds")
    claim("formula with waits, difference", waiting - n * (a + d), high=0, low=0)
    claim("formula without, difference", walking - (min(a, d) + n * max(a, d)), high=0, low=0)

# %% jupyter={"source_hidden": true}
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

# %% [markdown]
# Which lines wait? All that need numbers on the host:
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
# with a hidden layer, of H numbers. It gets rows `x` (M, C), one for each pixel, and should give
# `t` (M, K). Its parameters are `w1` (C, H), `b1` (H,), `w2` (H, K) and `b2` (K,):
#
# $$ h = \max(x\,w_1 + b_1,\, 0), \qquad y = h\,w_2 + b_2, \qquad L = \frac{1}{MK} \sum (y - t)^2 .
# $$
#
# Backward, with what you know from lessons 2 and 3 ($\odot$ multiplies entry by entry, and
# $[h > 0]$ is 1 where that holds, else 0):
#
# $$ dy = \frac{2}{MK}\,(y - t), \quad dw_2 = h^\top dy, \quad db_2 = \sum_{\text{rows}} dy, \quad
# dh = (dy\; w_2^\top) \odot [h > 0], \quad dw_1 = x^\top dh, \quad db_1 = \sum_{\text{rows}} dh .
# $$
#
# ### Exercise 5: a training step for both
#
# The parameters are on the host or on the device; `x` and `t` always come from the host. Move these
# two in (`xp.asarray`; with NumPy it does nothing), compute, change the parameters *in place* by
# `-= lr * gradient` (all gradients first, then the changes), and return the loss as a Python float.
# Wait once, and only when all orders are written.


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
# Let it learn something: `x` are the 25 noisy pixels around a pixel, `t` is the pixel without
# noise. Once on the host and once on the toy, from the same first weights and with the same
# batches, all drawn on the host.

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
with toy_gpu():
    on_toy = train(toy.asarray)
    print(counts)
    claim("trips to the device in a step", (counts["to device"] - 4) / steps, low=2, high=2)
    claim("waits in a step", counts["waits"] / steps, low=1, high=1)
    claim("launches in a step", (launches := counts["launches"] / steps), low=15, high=50)
claim("loss: host against toy, largest difference", abs(on_host - on_toy).max(), high=1e-6)
noise = ((noisy[2:-2, 2:-2] - clean[2:-2, 2:-2]) ** 2).mean()
claim("last losses, in times of the noise", on_host[-20:].mean() / noise, high=1 if small else 0.6)

# %% [markdown]
# Two trips, one wait, and exactly the same losses. (And the little network does remove noise.)
#
# ### Break it on purpose: one look too many
#
# A typical accident: while debugging, somebody prints the mean of each layer. **Predict** the waits
# in the next cell, and what our model says to them.


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


check.device_step(talkative)

# %% [markdown]
# (It also moves `x` twice; the check stops at the first problem.) In this tiny network two more
# waits may not matter. In the worst case of our model, with a look after every order, each order
# takes $a + d$ instead of the larger of the two: up to twice the time, when they are equal. The
# results are the same, and there is no error. Only counting finds it.
#
# ## The package, on the toy
#
# tinyunet was written by the same rules: its own `array_module` is your exercise 1. So it runs on
# the toy as well: `model.to("gpu")`, and then the training step that `tinyunet train` uses.
# **Predict** trips and waits of a step. A batch is three arrays: images, labels, and
# a weight for every pixel. And with **dropout**? In training it sets random numbers of a layer to
# 0; its masks, which say where, are drawn on the host.

# %%
side = 32
data = tu.data.synthetic_cells(6, size=48, seed=3)
weights = [np.ones(labels.shape, np.float32) for labels in data.labels]
batches = Batches(data, weights, 2, (side, side), (side, side), augment=True, seed=0)


def losses_of_unet(device, dropout=0.0, steps=5):
    """Return the losses of the first steps of a U-Net; counting begins when it is on its device."""
    model = tu.UNet(base_channels=4, depth=2, padding="same", dropout=dropout, seed=0).to(device)
    loss, optimizer = tu.SoftmaxCrossEntropy(), tu.Adam(model, lr=0.002)
    counts.update(dict.fromkeys(counts, 0))
    return [training_step(model, loss, optimizer, batches[i]) for i in range(steps)]


with toy_gpu():
    plain = losses_of_unet("gpu")
    print("plain:       ", counts)
    claim("trips to the device in a step", counts["to device"] / 5, low=3, high=3)
    claim("trips back", counts["to host"], low=0, high=0)
    claim("waits in a step", counts["waits"] / 5, low=1, high=1)
    launches = counts["launches"] / 5
    with_dropout = losses_of_unet("gpu", dropout=0.3)
    print("with dropout:", counts)
    claim("trips in a step, with two dropouts", counts["to device"] / 5, low=5, high=5)
for name, on_toy, dropout in (("plain", plain, 0.0), ("dropout", with_dropout, 0.3)):
    gap = np.abs(np.array(on_toy) / losses_of_unet("cpu", dropout) - 1).max()
    claim(f"{name}: losses, host against toy, relative", gap, high=1e-4)
claim("launches in a step", launches, low=100, high=5000)
claim("milliseconds for the launches, at 10 microseconds each", launches / 100, low=1, high=50)

# %% [markdown]
# Three arrays in, one number out. Each dropout adds the trip of its mask: the price of equal seeds.
# The losses agree, up to rounding. (The package cuts its work into other pieces on a device: a
# processor likes pieces that fit into its cache, a GPU likes large ones. So it adds up the sums of
# a convolution in another order there.)
#
# The package's loss needs three numbers on the host: two sums to divide, and whether a label was
# wrong. It stacks them into one array and fetches that: three numbers, one wait. But it does so in
# the middle of the step, before backward, and gives away what you did better: it wants to stop
# before a loss that is not finite spoils the parameters.
#
# The last number is worth a thought. It does not depend on the size of the images. For *small*
# images, writing the orders takes longer than carrying them out, and the device idles. So a GPU
# shows its strength on large images, many channels and large batches.
#
# It counts too much, though. CuPy can **fuse** a function of whole arrays: it follows it once and
# makes *one* launch of all its operations, which reads and writes every array once. The package asks
# for that in its convolutions, max-pooling and optimizers: `v *= momentum; v += g; p -= lr * v`
# is one launch for a parameter on a GPU, and four on our toy, whose `fuse` does nothing.
#
# ## On a real GPU
#
# All counts above hold for a real GPU, as far as the toy keeps CuPy's rules. All *times* were
# computed from assumptions. How fast is a real one? The next cell measures it, if there is one:
# the same network, on the host and on the GPU, from the same seed. Note how it measures. Without
# the wait before the clock is read, it would time the writing of orders.


# %%
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
        claim("losses, relative difference", abs(on_gpu[:4] / on_host - 1).max(), high=1e-2)
else:
    print(
        "This copy of the lesson was made on a machine without a GPU: there is nothing to report."
    )
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
# so much memory, we have not looked into. tinyunet needs only matrix products: for large layers it
# saves three of four multiplications by the trick of lesson 14, whose sums are fused launches.)
#
# In eleven minutes there, the paper's network saw 25,893 batches of real nuclei. By the validation
# images it was best after *one* minute; that model, which was kept, has SEG 0.76 on images that it
# never saw. With 90 images to learn from, a fast machine soon has nothing more to learn.
#
# For a report of your own (the package's tests on the GPU, the gradient check of the paper's network,
# and the times of training steps, beside PyTorch where it is installed), one command in a terminal
# does it:
#
# ```
# tinyunet gpu-report
# ```
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
# way, on a stricter double of CuPy (`tests/cupy_double` in the repository).
#
# That was the last lesson.
