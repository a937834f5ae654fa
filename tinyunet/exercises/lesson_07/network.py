"""Lesson 7: forward and backward through a U-Net."""

from __future__ import annotations

import functools

import numpy as np

import tinyunet as tu
from tinyunet.exercises.registry import exercise
from tinyunet.exercises.trial import Trial
from tinyunet.gradcheck.diagnosis import IMAGE

# ---------------------------------------------------------------------- forward


@exercise(
    lesson=7,
    hints=(
        "Two loops: down the levels 0, 1, 2, ..., and up again. What do you have to keep on the way "
        "down for the way up?",
        "Down: the encoder of the level, keep the result in a list, then its pool. Then the bottom. "
        "Up, over reversed(range(net.depth)): up, skip, decoder. At last the head.",
        "On the way up: x = net.ups[level](x); x = net.skips[level](across[level], x); x = "
        "net.decoder[level](x). Finally return net.head(x).",
    ),
)
def unet_forward(trial: Trial) -> None:
    """A U-Net forward, from its layers."""
    trial.crashes = FORWARD_MISTAKES | FORWARD_CRASHES
    for depth, side, padding in ((1, 20, "valid"), (2, 44, "valid"), (3, 16, "same")):
        net = _network(trial, depth, padding)
        x = trial.rng(depth).standard_normal((2, side, side + 2**depth, 1))
        right = {"logits": tu.UNet.forward(net, x)}
        y = trial.call(net=net, x=x)
        trial.compare(y, right, axes={"logits": IMAGE}, mistakes=FORWARD_MISTAKES)


def _network(trial, depth, padding="valid"):
    """A narrow network in float64 without its own paths, and with biases that are not zero."""
    net = tu.UNet(1, 2, base_channels=2, depth=depth, padding=padding, dtype="float64", seed=1)
    rng = trial.rng(2)
    for name, array in net.named_parameters():
        if name.endswith("bias"):
            array[...] = 0.1 * rng.standard_normal(array.shape)
    net.forward = net.backward = _unwired
    return net


def _unwired(*arrays, **options):
    """What stands in a network whose paths are the exercise."""
    raise RuntimeError(
        "this network has layers, but no paths yet: yours will be its forward and backward"
    )


def _forward(
    net, x, pooled=False, order=reversed, bottom=True, up=True, pool=True, decode=True, early=False,
    join=lambda skip, across, x: skip(across, x), pick=lambda across, level: across[level],
):  # fmt: skip
    """The forward pass with something changed."""
    across = []
    for level in range(net.depth):
        if early:
            across.append(x)
        x = net.encoder[level](x)
        if not early:
            across.append(x)
        x = net.pools[level](x) if pool else x
        if pooled:
            across[-1] = x
    if bottom:
        x = net.bottom(x)
    for level in order(range(net.depth)):
        x = net.ups[level](x) if up else x
        x = join(net.skips[level], pick(across, level), x)
        x = net.decoder[level](x) if decode else x
    return net.head(x)


def _softmax(y):
    y = np.exp(y - y.max(axis=-1, keepdims=True))
    return y / y.sum(axis=-1, keepdims=True)


def _from_the_image(net, x):
    for level in range(net.depth):
        net.encoder[level](x)


def _no_skip(net, x):
    """What comes out where zeros went across."""
    across = []
    for level in range(net.depth):
        x = net.encoder[level](x)
        across.append(x)
        x = net.pools[level](x)
    x = net.bottom(x)
    for level in reversed(range(net.depth)):
        x = net.ups[level](x)
        x = net.decoder[level](net.skips[level](np.zeros_like(across[level]), x))
    return net.head(x)


def _headless(net, x):
    head, net.head = net.head, lambda y: y
    try:
        return _forward(net, x)
    finally:
        net.head = head


FORWARD_MISTAKES = {
    "the last convolution, net.head, is missing": _headless,
    "what goes across was kept after the pooling: the fork comes before it": (
        lambda net, x: _forward(net, x, pooled=True)
    ),
    "the right arm begins with level 0: it goes up from the deepest level": (
        lambda net, x: _forward(net, x, order=iter)
    ),
    "net.bottom is missing": lambda net, x: _forward(net, x, bottom=False),
    "the skip's two inputs are exchanged: first what went across, then what came up": (
        lambda net, x: _forward(net, x, join=lambda skip, across, x: skip(x, across))
    ),
    "nothing goes across: the skips got zeros": _no_skip,
    "it is the softmax: the logits are wanted, as the head gives them": (
        lambda net, x: _softmax(_forward(net, x))
    ),
    "it is the classes, by argmax: the logits are wanted": (
        lambda net, x: _forward(net, x).argmax(axis=-1)
    ),
}
FORWARD_CRASHES = {
    "what went across is taken in the wrong order: the level that was kept last is needed first": (
        lambda net, x: _forward(net, x, pick=lambda across, level: across.pop(0))
    ),
    "only the last level's features were kept: each skip needs those of its own level": (
        lambda net, x: _forward(net, x, pick=lambda across, level: across[-1])
    ),
    "levels are counted from 0 to depth - 1": (
        lambda net, x: _forward(net, x, order=lambda levels: range(len(levels), 0, -1))
    ),
    "the right arm ends too early: level 0 belongs to it": (
        lambda net, x: _forward(net, x, order=lambda levels: levels[:0:-1])
    ),
    "net.pools is missing": lambda net, x: _forward(net, x, pool=False),
    "net.decoder is missing": lambda net, x: _forward(net, x, decode=False),
    "what goes across was kept before the encoder: keep what comes out of it": (
        lambda net, x: _forward(net, x, early=True)
    ),
    "every level begins with the image: it should go on with what the level above pooled": (
        _from_the_image
    ),
    "a skip takes two arguments, net.skips[0](across, x), not one pair": (
        lambda net, x: net.skips[0]((x, x))
    ),
    "the concatenation does not fit without a crop: net.skips[level](across, x) does both": (
        lambda net, x: _forward(net, x, join=lambda skip, *both: np.concatenate(both, axis=-1))
    ),
    "the up-convolution is missing: first net.ups, then the skip": (
        lambda net, x: _forward(net, x, up=False)
    ),
    "the skip is missing: the decoder gets what came up alone": (
        lambda net, x: _forward(net, x, join=lambda skip, across, x: x)
    ),
    "that is the exercise: call the layers inside of net, one after the other": (
        lambda net, x: net(x)
    ),
}


# ---------------------------------------------------------------------- backward


@exercise(
    lesson=7,
    hints=(
        "Read your forward pass from its last line to its first, and replace each layer by its "
        "backward. Where forward went up a loop, backward goes down.",
        "First head. Then, for level in range(depth): decoder, skip, up; a skip's backward returns "
        "two gradients, and the first has to wait until the left arm is reached. Then the bottom, "
        "then down the levels backwards: pool, ADD what waited, encoder.",
        "dskip, dx = net.skips[level].backward(dx), and dacross.append(dskip). On the left arm: dx = "
        "net.pools[level].backward(dx) + dacross[level], then dx = net.encoder[level].backward(dx).",
    ),
)
def unet_backward(trial: Trial) -> None:
    """A U-Net backward, from its layers."""
    for depth, side in ((1, 20), (2, 44)):
        net, rng = _network(trial, depth), trial.rng(depth)
        x = rng.standard_normal((2, side, side, 1))
        dy = rng.standard_normal(tu.UNet.forward(net, x).shape)
        right = {"dx": tu.UNet.backward(net, dy)}
        right |= {f"the gradient of {n}": g.copy() for n, g in net.named_gradients()}

        def run(backward, net, dy, x=x):
            """All gradients after a fresh forward pass, by name."""
            for _, layer in net.named_layers():
                layer.grads = {}
            tu.UNet.forward(net, x)
            found = {"dx": backward(net, dy)}
            named = dict(net.named_gradients())
            for name, _ in net.named_parameters():
                found[f"the gradient of {name}"] = named.get(name)
            return found

        trial.crashes = {
            what: functools.partial(run, wrong)
            for what, wrong in (BACKWARD_MISTAKES | BACKWARD_CRASHES).items()
        }
        for _, layer in net.named_layers():
            layer.grads = {}
        tu.UNet.forward(net, x)
        dx = trial.call(net=net, dy=dy)
        named = {n: g.copy() for n, g in net.named_gradients()}
        made = {what: _try(run, wrong, net, dy) for what, wrong in BACKWARD_MISTAKES.items()}
        for name in [n for n in reversed(right) if n != "dx"]:  # from the output to the image
            value = named.get(_bare(name))
            trial.require(
                value is not None, name, "was not computed", "a layer's backward never ran"
            )
            trial.compare(value, {name: right[name]}, mistakes=_only(name, made))
        trial.compare(dx, {"dx": right["dx"]}, axes={"dx": IMAGE}, mistakes=_only("dx", made))


def _bare(name):
    return name.removeprefix("the gradient of ")


def _try(run, wrong, net, dy):
    try:
        return run(wrong, net, dy)
    except (ValueError, RuntimeError, TypeError):  # that mistake cannot be made here
        return None


def _only(name, made):
    """Mistakes for one output, from what each of them gave."""
    return {
        what: (lambda net, dy, value=found[name]: value)
        for what, found in made.items()
        if found and found[name] is not None
    }


def _backward(
    net, dy, join=lambda below, across: below + across, bottom=True, swapped=False, up=iter,
    down=reversed, pick=lambda dacross, level: dacross[level], pooled=False,
    late=False, twice=False,
):  # fmt: skip
    """The backward pass with something changed."""
    dx, dacross = net.head.backward(dy), []
    for level in up(range(net.depth)):
        dx = net.decoder[level].backward(dx)
        dskip, dx = net.skips[level].backward(dx)[:: -1 if swapped else 1]
        dacross.append(net.encoder[level].backward(dskip) if twice else dskip)
        dx = net.ups[level].backward(dx)
    if bottom:
        dx = net.bottom.backward(dx)
    for level in down(range(net.depth)):
        if pooled:
            dx = join(dx, pick(dacross, level))
        dx = net.pools[level].backward(dx)
        if not pooled and not late:
            dx = join(dx, pick(dacross, level))
        dx = net.encoder[level].backward(dx)
        if late:
            dx = join(dx, pick(dacross, level))
    return dx


BACKWARD_MISTAKES = {
    "at the fork, the gradient that came across was lost: add it to the one from below": (
        lambda net, dy: _backward(net, dy, lambda below, across: below)
    ),
    "at the fork, the gradient from below was lost or overwritten by the one that came across: "
    "add the two": lambda net, dy: _backward(net, dy, lambda below, across: across),
    "at the fork, the mean of the two gradients was taken: it should be their sum": (
        lambda net, dy: _backward(net, dy, lambda below, across: (below + across) / 2)
    ),
    "at the fork, the two gradients were subtracted: they should be added": (
        lambda net, dy: _backward(net, dy, lambda below, across: below - across)
    ),
    "net.bottom.backward is missing": lambda net, dy: _backward(net, dy, bottom=False),
}
BACKWARD_CRASHES = {
    "only the last gradient that came across was kept: each level's has to wait": (
        lambda net, dy: _backward(net, dy, pick=lambda dacross, level: dacross[-1])
    ),
    "what came across was added after the encoder's backward: it is the gradient of what the encoder "
    "gave, so add it before": lambda net, dy: _backward(net, dy, late=True),
    "on each level of the right arm the decoder came last, so its backward comes first": (
        lambda net, dy: net.skips[0].backward(net.head.backward(dy))
    ),
    "an encoder allows one backward: add what came across and from below first, then go through it "
    "once": lambda net, dy: _backward(net, dy, lambda below, across: below, twice=True),
    "the skip's two gradients are exchanged: first comes that of what went across": (
        lambda net, dy: _backward(net, dy, swapped=True)
    ),
    "the right arm begins with the deepest level: last forward, first backward, so with level 0": (
        lambda net, dy: _backward(net, dy, up=reversed)
    ),
    "the left arm begins with level 0: last forward, first backward, so with the deepest level": (
        lambda net, dy: _backward(net, dy, down=iter)
    ),
    "what waited is taken in the wrong order: the level that came last is needed first": (
        lambda net, dy: _backward(net, dy, pick=lambda dacross, level: dacross.pop(0))
    ),
    "the sum is taken before the pooling's backward: the fork is above the pooling": (
        lambda net, dy: _backward(net, dy, pooled=True)
    ),
    "that is the exercise: call backward of the layers inside of net, one after the other": (
        lambda net, dy: net.backward(dy)
    ),
}
