"""The exercises of lesson 7, The U."""

from __future__ import annotations

import numpy as np

import tinyunet as tu
from tinyunet.exercises.registry import exercise
from tinyunet.exercises.trial import Trial
from tinyunet.gradcheck.diagnosis import IMAGE

# ---------------------------------------------------------------------- sizes


@exercise(
    lesson=7,
    hints=(
        "Go down the left arm with a number in place of an image: what does a pair of convolutions "
        "do to a side, and what does a pooling?",
        "Down, depth times: minus 4, is it even and above 0? Halve it. At the bottom: minus 4. Up, "
        "depth times: twice, minus 4. Return 0 as soon as something does not work.",
        "for _ in range(depth): side -= 4; if side < 2 or side % 2: return 0; side //= 2. Then "
        "side -= 4, and the loop upwards with side = 2 * side - 4. At the end max(side, 0).",
    ),
)
def unet_output_side(trial: Trial) -> None:
    """How large the output of a U-Net is, and which inputs it refuses."""
    for side, depth in (
        (20, 1), (572, 4), (44, 2), (92, 3), (188, 4), (61, 2), (58, 2), (572, 3), (570, 4), (12, 1),
        (10, 2), (40, 2), (300, 1), *trial.drawn((10, 200), (1, 5)),
        *((12 + 2**depth * n, depth) for n, depth in trial.drawn((4, 40), (1, 5))),
    ):  # fmt: skip
        got = trial.call(side=side, depth=depth)
        trial.compare(got, {"the output's side": _output_side(side, depth)}, mistakes=SIDE_MISTAKES)
        trial.require(
            isinstance(got, int | np.integer), "the output's side",
            f"is {got!r}, should be a whole number", "/ gives a float: // divides whole numbers",
        )  # fmt: skip


def _output_side(side, depth):
    try:
        return tu.UNet(base_channels=1, depth=depth).output_size(side, side)[0]
    except ValueError:
        return 0


def _walk(down=4, bottom=4, up=4, even=True, levels=0):
    """The output's side with some of the losses changed, and perhaps odd sides allowed."""

    def walk(side, depth):
        for _ in range(depth + levels):
            side -= down
            if side < 2 or (even and side % 2):
                return 0
            side //= 2
        side -= bottom
        for _ in range(depth + levels):
            side = 2 * side - up
        return max(side, 0)

    return walk


def _below_zero(side, depth):
    for _ in range(depth):
        side = (side - 4) // 2
    side -= 4
    for _ in range(depth):
        side = 2 * side - 4
    return side


SIDE_MISTAKES = {
    "each pair of convolutions takes 4 pixels off, here it is 2": _walk(2, 2, 2),
    "the two convolutions at the bottom are missing": _walk(bottom=0),
    "the convolutions of the right arm are missing": _walk(up=0),
    "the convolutions of the left arm are missing": _walk(down=0),
    "an odd side is refused: a pooling would have to cut a pixel off": _walk(even=False),
    "so much is lost on the way, but not every side fits: each pooling needs an even one": (
        lambda side, depth: max(side - 12 * 2**depth + 8, 0)
    ),
    "there is one level too many": _walk(levels=1),
    "there is one level too few": _walk(levels=-1),
    "where nothing is left, the answer is 0, not a number below 0": _below_zero,
}


# ---------------------------------------------------------------------- parameters


@exercise(
    lesson=7,
    hints=(
        "A convolution has a weight for each pair of an input and an output channel, at every place "
        "of its kernel, and a bias for each output channel. Write a small function for that.",
        "Go through the levels: the left arm's pair, from half as many channels (or the image's); "
        "the bottom; the up-convolution, from twice as many; the right arm's pair, whose first "
        "reads twice as many because of the concat; at last the 1x1 convolution.",
        "With conv = lambda k, a, b: k * k * a * b + b and c = base * 2**level, each level has "
        "conv(3, before, c) + conv(3, c, c) + conv(2, 2 * c, c) + conv(3, 2 * c, c) + conv(3, c, c).",
    ),
)
def unet_parameters(trial: Trial) -> None:
    """How many numbers a U-Net learns."""
    for images, classes, base, depth in (
        (1, 2, 1, 1), (1, 2, 4, 1), (3, 2, 4, 2), (3, 5, 8, 3), (1, 2, 16, 4),
        *trial.drawn((1, 5), (2, 6), (1, 10), (1, 4)),
    ):  # fmt: skip
        right = tu.UNet(images, classes, base_channels=base, depth=depth).num_parameters
        got = trial.call(in_channels=images, num_classes=classes, base_channels=base, depth=depth)
        trial.compare(got, {"the number": right}, mistakes=COUNT_MISTAKES)
    got = trial.call(in_channels=1, num_classes=2, base_channels=64, depth=4)
    trial.compare(got, {"the number": 31_030_658}, mistakes=COUNT_MISTAKES)


def _count(bias=1, concat=2, up=2, second=True, bottom=True, head=1, image=True, right_bottom=2):
    """The number of parameters of a network that was misunderstood in some way."""

    def conv(k, a, b):
        return k * k * a * b + bias * b

    def pair(a, c):
        return conv(3, a, c) + second * conv(3, c, c)

    def count(in_channels, num_classes, base, depth):
        total = 0
        for level in range(depth):
            c = base * 2**level
            before = c // 2 if level else (in_channels if image else 1)
            total += pair(before, c) + pair(concat * c, c)
            total += conv(up, 2 * c, c) if up else 0
        if bottom:
            total += pair(base * 2 ** (depth - 1), base * 2**depth)
        return total + (conv(head, base, num_classes) if head else 0)

    return count


COUNT_MISTAKES = {
    "the biases are missing: one for each output channel": _count(bias=0),
    "the concat is forgotten: the first convolution of the right arm reads twice as many channels": (
        _count(concat=1)
    ),
    "the up-convolutions are missing": _count(up=0),
    "the up-convolutions' kernels are 2 by 2, not 3 by 3": _count(up=3),
    "a level's second convolution is missing": _count(second=False),
    "the bottom is missing": _count(bottom=False),
    "the last convolution, to the classes, is missing": _count(head=0),
    "the last convolution's kernel is 1 by 1, not 3 by 3": _count(head=3),
    "the image's channels are ignored": _count(image=False),
    "one level too many": lambda i, k, b, d: _count()(i, k, b, d + 1),
}


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
    for depth, side, padding in ((1, 20, "valid"), (2, 44, "valid"), (3, 16, "same")):
        net = _network(trial, depth, padding)
        x = trial.rng(depth).standard_normal((2, side, side + 2**depth, 1))
        trial.compare(
            trial.call(net=net, x=x), {"logits": net(x)}, axes={"logits": IMAGE},
            mistakes=FORWARD_MISTAKES,
        )  # fmt: skip


def _network(trial, depth, padding="valid"):
    """A narrow network in float64, with biases that are not zero."""
    net = tu.UNet(1, 2, base_channels=2, depth=depth, padding=padding, dtype="float64", seed=1)
    rng = trial.rng(2)
    for name, array in net.named_parameters():
        if name.endswith("bias"):
            array[...] = 0.1 * rng.standard_normal(array.shape)
    return net


def _forward(net, x, pooled=False, order=reversed, bottom=True, exchanged=False, decode=True):
    """The forward pass with something changed."""
    across = []
    for level in range(net.depth):
        x = net.encoder[level](x)
        across.append(x)
        x = net.pools[level](x)
        if pooled:
            across[-1] = x
    if bottom:
        x = net.bottom(x)
    for level in order(range(net.depth)):
        x = net.ups[level](x)
        pair = (x, across[level]) if exchanged else (across[level], x)
        x = net.skips[level](*pair)
        x = net.decoder[level](x)
    return net.head(x)


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
        lambda net, x: _forward(net, x, exchanged=True)
    ),
    "nothing goes across: the skips got zeros": _no_skip,
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
        dy = rng.standard_normal(net(x).shape)
        right = {"dx": net.backward(dy)}
        right |= {f"the gradient of {n}": g.copy() for n, g in net.named_gradients()}

        def run(backward, net, dy, x=x):
            """All gradients after a fresh forward pass, by name."""
            for _, layer in net.named_layers():
                layer.grads = {}
            net(x)
            found = {"dx": backward(net, dy)}
            named = dict(net.named_gradients())
            for name, _ in net.named_parameters():
                found[f"the gradient of {name}"] = named.get(name)
            return found

        for _, layer in net.named_layers():
            layer.grads = {}
        net(x)
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


def _backward(net, dy, join=lambda below, across: below + across, bottom=True):
    """The backward pass with something changed."""
    dx, dacross = net.head.backward(dy), []
    for level in range(net.depth):
        dx = net.decoder[level].backward(dx)
        dskip, dx = net.skips[level].backward(dx)
        dacross.append(dskip)
        dx = net.ups[level].backward(dx)
    if bottom:
        dx = net.bottom.backward(dx)
    for level in reversed(range(net.depth)):
        dx = net.pools[level].backward(dx)
        dx = join(dx, dacross[level])
        dx = net.encoder[level].backward(dx)
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
