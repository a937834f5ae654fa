"""Lesson 7: right answers, and the usual wrong ones; test_all.py tries them."""

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


def unet_backward(net, dy, join=np.add, bottom=True):
    dx, waiting = net.head.backward(dy), []
    for level in range(net.depth):
        dskip, dx = net.skips[level].backward(net.decoder[level].backward(dx))
        waiting.append(dskip)
        dx = net.ups[level].backward(dx)
    if bottom:
        dx = net.bottom.backward(dx)
    for level in reversed(range(net.depth)):
        dx = net.encoder[level].backward(join(net.pools[level].backward(dx), waiting.pop()))
    return dx


def returns_nothing(net, dy):
    unet_backward(net, dy)


def one_too_much(net, dy):
    dx = unet_backward(net, dy)
    net.bottom.conv1.grads["bias"] += 1
    return dx


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
        (lambda side, depth: side - 184, ""),
    ],
    "unet_parameters": [
        (without_biases, "the biases are missing"),
        (lambda *all: unet_parameters(*all, joined=1), "the concat is forgotten"),
        (lambda *all: unet_parameters(*all, up=3), "2 by 2, not 3 by 3"),
        (lambda *all: unet_parameters(*all, head=3), "1 by 1, not 3 by 3"),
        (lambda i, k, b, d: unet_parameters(1, k, b, d), "image's channels"),
        (lambda i, k, b, d: unet_parameters(i, k, b, d + 1), "one level too many"),
        (lambda *all: unet_parameters(*all) + 7, ""),
    ],
    "unet_forward": [
        (headless, "net.head, is missing"),
        (zeros_across, "nothing goes across"),
        (lambda net, x: 2 * unet_forward(net, x), "wrong scale"),
        (lambda net, x: unet_forward(net, x)[:, ::-1], "height"),
        (forks_after_pooling, ""),  # the crop refuses it
        (up_the_wrong_way, ""),  # a convolution refuses it
        (lambda net, x: None, "missing return"),
    ],
    "unet_backward": [
        (lambda net, dy: unet_backward(net, dy, lambda a, b: a), "came across was lost"),
        (lambda net, dy: unet_backward(net, dy, lambda a, b: b), "from below was lost"),
        (lambda net, dy: unet_backward(net, dy, lambda a, b: (a + b) / 2), "the mean"),
        (lambda net, dy: unet_backward(net, dy, np.subtract), "were subtracted"),
        (returns_nothing, "missing return"),
        (lambda net, dy: dy, "never ran"),
        (one_too_much, "off by the same number"),
    ],
}
