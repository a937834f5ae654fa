"""Lesson 7: right answers, and the usual wrong ones; test_all.py tries them."""

import itertools

import numpy as np


def unet_output_side(side, depth, lost=4, even=True):
    for _ in range(depth):
        side -= lost
        if side < 2 or (even and side % 2):
            return 0
        side //= 2
    side -= lost
    for _ in range(depth):
        side = 2 * side - lost
    return max(side, 0)


def by_formula(side, depth):
    bottom = (side - 4 * (2 ** (depth + 1) - 1)) / 2**depth
    return int(max(bottom * 2**depth - 4 * (2**depth - 1), 0))


def never_refuses(side, depth):
    for _ in range(depth):
        side = (side - 4) // 2
    side -= 4
    for _ in range(depth):
        side = 2 * side - 4
    return side


def conv(k, a, b):
    return k * k * a * b + b


def unet_parameters(i, classes, base, depth, up=2, joined=2, head=1):
    widths = [base * 2**level for level in range(depth + 1)]
    total = sum(conv(3, a, b) + conv(3, b, b)
                for a, b in zip([i, *widths[:-1]], widths, strict=True))  # fmt: skip
    for c in widths[:-1]:
        total += conv(up, 2 * c, c) + conv(3, joined * c, c) + conv(3, c, c)
    return total + conv(head, base, classes)


def without_biases(i, classes, base, depth):
    widths = [base * 2**level for level in range(depth + 1)]
    biases = 2 * sum(widths) + 3 * sum(widths[:-1]) + classes
    return unet_parameters(i, classes, base, depth) - biases


def unet_forward(net, x):
    across = []
    for encoder, pool in zip(net.encoder, net.pools, strict=True):
        x = encoder(x)
        across.append(x)
        x = pool(x)
    x = net.bottom(x)
    for up, skip, decoder in reversed(
        list(zip(net.ups, net.skips, net.decoder, strict=True))
    ):  # fmt: skip
        x = decoder(skip(across.pop(), up(x)))
    return net.head(x)


def forks_after_pooling(net, x):
    across = []
    for encoder, pool in zip(net.encoder, net.pools, strict=True):
        x = pool(encoder(x))
        across.append(x)
    x = net.bottom(x)
    for level in reversed(range(net.depth)):
        x = net.decoder[level](net.skips[level](across[level], net.ups[level](x)))
    return net.head(x)


def headless(net, x):
    across = []
    for level in range(net.depth):
        x = net.encoder[level](x)
        across.append(x)
        x = net.pools[level](x)
    x = net.bottom(x)
    for level in reversed(range(net.depth)):
        x = net.decoder[level](net.skips[level](across[level], net.ups[level](x)))
    return x


def zeros_across(net, x):
    across = []
    for level in range(net.depth):
        x = net.encoder[level](x)
        across.append(0 * x)
        x = net.pools[level](x)
    x = net.bottom(x)
    for level in reversed(range(net.depth)):
        x = net.decoder[level](net.skips[level](across[level], net.ups[level](x)))
    return net.head(x)


def up_the_wrong_way(net, x):
    across = []
    for level in range(net.depth):
        x = net.encoder[level](x)
        across.append(x)
        x = net.pools[level](x)
    x = net.bottom(x)
    for level in range(net.depth):
        x = net.decoder[level](net.skips[level](across[level], net.ups[level](x)))
    return net.head(x)


def with_skips(net, x, join=lambda skip, across, x: skip(across, x)):
    """A recursion: what is below a level is the level below, or the bottom."""

    def from_level(level, x):
        if level == net.depth:
            return net.bottom(x)
        across = net.encoder[level](x)
        below = net.ups[level](from_level(level + 1, net.pools[level](across)))
        return net.decoder[level](join(net.skips[level], across, below))

    return net.head(from_level(0, x))


def backward_by_recursion(net, dy):
    def back(level, dy):
        if level == net.depth:
            return net.bottom.backward(dy)
        across, below = net.skips[level].backward(net.decoder[level].backward(dy))
        below = net.pools[level].backward(back(level + 1, net.ups[level].backward(below)))
        return net.encoder[level].backward(below + across)

    return back(0, net.head.backward(dy))


def by_levels(net, dy, swap=False, right=iter, left=reversed):
    """With a dict by level, and the sum written into the pooling's gradient."""
    waiting, dx = {}, net.head.backward(dy)
    for level in right(range(net.depth)):
        pair = net.skips[level].backward(net.decoder[level].backward(dx))
        waiting[level], dx = pair[::-1] if swap else pair
        dx = net.ups[level].backward(dx)
    dx = net.bottom.backward(dx)
    for level in left(range(net.depth)):
        dx = net.pools[level].backward(dx)
        dx += waiting[level]
        dx = net.encoder[level].backward(dx)
    return dx


def unet_backward(net, dy, join=np.add, bottom=True, first_come=False):
    dx, waiting = net.head.backward(dy), []
    for level in range(net.depth):
        dskip, dx = net.skips[level].backward(net.decoder[level].backward(dx))
        waiting.append(dskip)
        dx = net.ups[level].backward(dx)
    if bottom:
        dx = net.bottom.backward(dx)
    for level in reversed(range(net.depth)):
        dx = net.encoder[level].backward(
            join(net.pools[level].backward(dx), waiting.pop(0 if first_come else -1))
        )
    return dx


def returns_nothing(net, dy):
    unet_backward(net, dy)


def one_too_much(net, dy):
    dx = unet_backward(net, dy)
    net.bottom.conv1.grads["bias"] += 1
    return dx


def side_of_the_left_arm(side, depth):
    for _ in range(depth):
        side = (side - 4) / 2
        if side < 1 or side != int(side):
            return 0
    return max(int(side) - 4, 0)


def halved_first(side, depth):
    for _ in range(depth):
        side = side // 2 - 4
    side -= 4
    for _ in range(depth):
        side = side + side - 4
    return side if side > 0 else 0


def by_layers(
    i, k, base, depth, places=2, biases=lambda a, b: b, wider=lambda b, level: b << level,
    kept=False, second=1, up=True,
):  # fmt: skip
    """The parameters, layer by layer, with something changed."""
    c = [wider(base, level) for level in range(depth + 1)]
    layers = [(3, a, b) for a, b in zip([i, *c], c, strict=False)] + [(3, a, a) for a in c]
    for a, b in itertools.pairwise(c) if up else ():
        layers += [(2, b, b if kept else a), (3, (3 if kept else 2) * a, a), (3, second * a, a)]
    layers.append((1, base, k))
    return sum(side**places * a * b + biases(a, b) for side, a, b in layers)


def in_steps(net, x, take=list.pop, last=-1, pool=True, decode=True, before=False):
    """Forward, with something changed."""
    kept = []
    for level in range(net.depth):
        y = net.encoder[level](x)
        kept.append(x if before else y)
        x = net.pools[level](y) if pool else y
    x = net.bottom(x)
    for level in range(net.depth - 1, last, -1):
        x = net.skips[level](take(kept), net.ups[level](x))
        x = net.decoder[level](x) if decode else x
    return net.head(x)


def whole_way(net, dy, only_last=False, late=False, at_once=False):
    """Backward, with something changed."""
    dx, waiting = net.head.backward(dy), {}
    for level in range(net.depth):
        across, dx = net.skips[level].backward(net.decoder[level].backward(dx))
        waiting[0 if only_last else level] = (
            net.encoder[level].backward(across) if at_once else across
        )
        dx = net.ups[level].backward(dx)
    dx = net.bottom.backward(dx)
    for level in range(net.depth - 1, -1, -1):
        across = 0 if at_once else waiting[0 if only_last else level]
        dx = net.pools[level].backward(dx)
        dx = net.encoder[level].backward(dx if late else dx + across) + (across if late else 0)
    return dx


def side_by_formula(side, depth):
    out, even = side - 12 * 2**depth + 8, (side + 4) % 2**depth == 0
    return np.int64(out) if even and out > 0 else np.int64(0)


def side_by_recursion(side, depth):
    side -= 4
    if depth == 0 or side <= 0:
        return max(side, 0)
    inner = side_by_recursion(side // 2, depth - 1) if side % 2 == 0 else 0
    return max(2 * inner - 4, 0)


def parameters_by_shapes(in_channels, num_classes, base_channels, depth):
    """One array of (kernel, in, out) for all layers."""
    c = base_channels * 2 ** np.arange(depth + 1)
    left = [(3, a, b) for a, b in zip([in_channels, *c[:-1]], c, strict=True)]
    rows = [*left, *((3, b, b) for b in c), *((2, 2 * b, b) for b in c[:-1])]
    rows += [(3, 2 * b, b) for b in c[:-1]] + [(3, b, b) for b in c[:-1]]
    k, a, b = np.array([*rows, (1, base_channels, num_classes)]).T
    return (k**2 * a * b + b).sum()


ALSO_RIGHT = {
    "unet_output_side": [side_by_formula, side_by_recursion],
    "unet_parameters": [
        parameters_by_shapes,
        lambda i, k, b, d: float(unet_parameters(i, k, b, d)),
    ],
    "unet_forward": [with_skips, lambda net, x: np.asfortranarray(unet_forward(net, x))],
    "unet_backward": [by_levels, backward_by_recursion],
}

RIGHT = {
    "unet_output_side": unet_output_side,
    "unet_parameters": unet_parameters,
    "unet_forward": unet_forward,
    "unet_backward": unet_backward,
}

# What is wrong, and words that its message should hold ("" where no cause is named).
WRONG = {
    "unet_output_side": [
        (lambda side, depth: unet_output_side(side, depth, lost=2), "takes 4 pixels off"),
        (lambda side, depth: unet_output_side(side, depth, even=False), "odd side is refused"),
        (lambda side, depth: unet_output_side(side, depth - 1), "one level too few"),
        (never_refuses, "odd side is refused"),
        (lambda side, depth: float(unet_output_side(side, depth)), "/ gives a float"),
        (by_formula, "not every side fits"),
        (side_of_the_left_arm, "the way up is missing"),
        (halved_first, "halved before the convolutions"),
        (
            lambda side, depth: 0 if side % 2**depth else unet_output_side(side, depth),
            "need not be a multiple",
        ),
        (lambda side, depth: side - 184, ""),
    ],
    "unet_parameters": [
        (without_biases, "the biases are missing"),
        (lambda *all: unet_parameters(*all, joined=1), "the concat is forgotten"),
        (lambda *all: unet_parameters(*all, up=3), "2 by 2, not 3 by 3"),
        (lambda *all: unet_parameters(*all, head=3), "1 by 1, not 3 by 3"),
        (lambda i, k, b, d: unet_parameters(1, k, b, d), "image's channels"),
        (lambda i, k, b, d: unet_parameters(i, k, b, d + 1), "one level too many"),
        (lambda i, k, b, d: unet_parameters(i, k, b, d - 1), "one level too few"),
        (lambda i, k, b, d: unet_parameters(k, i, b, d), "are exchanged"),
        (lambda i, k, b, d: unet_parameters(i, 2, b, d), "num_classes is ignored"),
        (lambda i, k, b, d: unet_parameters(i, k, 64, d), "need not be 64"),
        (lambda i, k, b, d: unet_parameters(i, k, b, d) - k, "bias of the last convolution"),
        (
            lambda i, k, b, d: unet_parameters(i, k, b, d) - b * (2**d - 1),
            "up-convolutions' biases are missing",
        ),
        (lambda *all: by_layers(*all, places=1), "k * k places"),
        (lambda *all: by_layers(*all, wider=lambda b, level: b + b * level), "double from level"),
        (lambda *all: by_layers(*all, biases=lambda a, b: a), "not for each input channel"),
        (lambda *all: by_layers(*all, kept=True), "yours keeps them"),
        (lambda *all: by_layers(*all, second=2), "only the first reads 2 c"),
        (lambda *all: by_layers(*all, up=False), "the right arm is missing"),
        (lambda *all: unet_parameters(*all) + 7, ""),
    ],
    "unet_forward": [
        (headless, "net.head, is missing"),
        (zeros_across, "nothing goes across"),
        (lambda net, x: np.exp(y := unet_forward(net, x)) / np.exp(y).sum(3)[..., None], "softmax"),
        (lambda net, x: unet_forward(net, x).argmax(-1), "by argmax"),
        (lambda net, x: in_steps(net, x, take=lambda kept: kept.pop(0)), "in the wrong order"),
        (lambda net, x: in_steps(net, x, take=lambda kept: kept[-1]), "only the last level's"),
        (lambda net, x: in_steps(net, x, last=0), "ends too early"),
        (lambda net, x: in_steps(net, x, pool=False), "net.pools is missing"),
        (lambda net, x: in_steps(net, x, decode=False), "net.decoder is missing"),
        (lambda net, x: in_steps(net, x, before=True), "before the encoder"),
        (lambda net, x: [net.encoder[i](x) for i in range(net.depth)] and None, "missing return"),
        (lambda net, x: net.encoder(x), "[...] takes one of several entries"),
        (lambda net, x: with_skips(net, x, lambda skip, a, b: skip((a, b))), "not one pair"),
        (
            lambda net, x: with_skips(net, x, lambda skip, a, b: np.concatenate([a, b], 3)),
            "without a crop",
        ),
        (lambda net, x: 2 * unet_forward(net, x), "wrong scale"),
        (lambda net, x: unet_forward(net, x)[:, ::-1], "height"),
        (forks_after_pooling, "kept after the pooling"),  # the crop refuses it
        (up_the_wrong_way, "begins with level 0"),  # a convolution refuses it
        (lambda net, x: with_skips(net, x, lambda skip, a, b: skip(b, a)), "inputs are exchanged"),
        (lambda net, x: with_skips(net, x, lambda skip, a, b: b), "the skip is missing"),
        (lambda net, x: net(x), "that is the exercise"),
        (lambda net, x: net.head(net.bottom(x)), ""),
        (lambda net, x: None, "missing return"),
    ],
    "unet_backward": [
        (lambda net, dy: unet_backward(net, dy, lambda a, b: a), "came across was lost"),
        (lambda net, dy: unet_backward(net, dy, lambda a, b: b), "from below was lost"),
        (lambda net, dy: unet_backward(net, dy, lambda a, b: (a + b) / 2), "the mean"),
        (lambda net, dy: unet_backward(net, dy, np.subtract), "were subtracted"),
        (returns_nothing, "missing return"),
        (lambda net, dy: dy, "never ran"),
        (lambda net, dy: by_levels(net, dy, swap=True), "two gradients are exchanged"),
        (lambda net, dy: by_levels(net, dy, right=reversed), "right arm begins with the deepest"),
        (lambda net, dy: by_levels(net, dy, left=iter), "left arm begins with level 0"),
        (lambda net, dy: unet_backward(net, dy, first_come=True), "in the wrong order"),
        (lambda net, dy: net.backward(dy), "that is the exercise"),
        (lambda net, dy: whole_way(net, dy, only_last=True), "only the last gradient"),
        (lambda net, dy: whole_way(net, dy, late=True), "added after the encoder's backward"),
        (lambda net, dy: whole_way(net, dy, at_once=True), "an encoder allows one backward"),
        (lambda net, dy: net.skips[0].backward(net.head.backward(dy)), "its backward comes first"),
        (
            lambda net, dy: net.decoder[0].backward((net.head.backward(dy), 0)),
            "came back as one tuple",
        ),
        (one_too_much, "off by the same number"),
    ],
}
