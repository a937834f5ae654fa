"""Random right configurations: what the checker must pass, or at least must not call wrong.

`random_case(seed)` gives one. The kinds take turns, so that any run of fifty seeds has them all.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from right_layers import (
    SCALES,
    deeper_unet,
    numbers,
    random_layer,
    random_linear,
    random_loss,
    unet,
    with_scales,
)
from user_elementwise import ELEMENTWISE, Function, moved
from user_layers import FUNCTIONS, KEEPS_SHAPE, UserLayer

import tinyunet as tu


@dataclass
class Case:
    """A right configuration: what to call it, and how it is checked."""

    name: str
    check: Callable[[], tu.GradientReport]


def random_case(seed: int) -> Case:
    """The configuration of one seed."""
    rng = np.random.default_rng([seed, 77])
    kind = KINDS[seed % len(KINDS)]
    case = kind(rng)
    return Case(f"{seed} {kind.__name__}: {case.name}", case.check)


# ---------------------------------------------------------------------- tinyunet's own


def layer(rng):
    subject, inputs = random_layer(rng)
    return Case(f"{subject}", lambda: tu.check_gradients(subject, *inputs))


def loss(rng):
    subject, inputs = random_loss(rng)
    return Case(type(subject).__name__, lambda: tu.check_gradients(subject, *inputs))


def network(rng):
    subject, inputs = random_layer(rng, (unet, unet, deeper_unet), orders=0)
    return Case(f"{subject}", lambda: tu.check_gradients(subject, *inputs))


def adjoint(rng):
    subject, inputs = random_linear(rng)
    return Case(f"{subject}", lambda: tu.check_adjoint(subject, *inputs))


# ---------------------------------------------------------------------- user-written ones


def drawn(rng, function: Function, shape=None) -> tuple[Function, list]:
    """A function made for the inputs' scale, and its inputs."""
    shape = shape or (int(rng.integers(1, 3)), 2, 4, int(rng.choice([2, 4])))
    scale = float(rng.choice(SCALES))
    if function.domain == "positive":
        x = rng.uniform(0.05, 3, shape) if rng.integers(2) else 10 ** rng.uniform(-2, 1, shape)
        offset = 0.0
    else:
        x = numbers(rng, shape, 1.0, offset=0)
        offset = float(rng.choice([0, 0, 10, 1000]))
    if function.domain == "any":
        x += offset / 10 if not function.kinks else offset / 1000
        return function, [scale * x, *function.draw(rng, shape)]
    function = moved(function, scale, scale * offset)
    return function, [scale * (x + offset), *function.draw(rng, shape)]


def user_layer(rng):
    function, (x, *parameters) = drawn(rng, FUNCTIONS[rng.integers(len(FUNCTIONS))])
    subject = UserLayer(function, parameters)
    return Case(function.name, lambda: tu.check_gradients(subject, x))


def user_network(rng):
    """User-written layers among tinyunet's own."""
    shape = (int(rng.integers(1, 3)), 2, 4, 2)
    layers: list[tu.Layer] = []
    for _ in range(rng.integers(2, 5)):
        if rng.random() < 0.4:
            layers.append(tu.Conv2d(2, 2, int(rng.choice([1, 3])), padding="same", rng=rng))
        elif rng.random() < 0.2:
            layers.append((tu.ReLU(), tu.Dropout(0.3, rng))[rng.integers(2)])
        else:
            function = IN_NETWORKS[rng.integers(len(IN_NETWORKS))]
            layers.append(UserLayer(function, function.draw(rng, shape)))
    last = rng.integers(3)
    if last == 0:
        layers += [tu.MaxPool2d(2), tu.ConvTranspose2d(2, 2, rng=rng)]
    elif last == 1:
        layers += [UserLayer(ENDS[rng.integers(len(ENDS))], [])]
    subject = with_scales(tu.Sequential(*layers), rng, orders=1)
    x = numbers(rng, shape, 1.0, offset=0)
    name = ", ".join(f"{type(part).__name__}({part._describe()})" for part in layers)
    return Case(name, lambda: tu.check_gradients(subject, x))


def by_functions(rng):
    function, inputs = drawn(rng, FUNCTIONS[rng.integers(len(FUNCTIONS))])
    forward, backward = function.forward, function.backward
    if rng.integers(2):
        return Case(function.name, lambda: tu.check_function(forward, backward, *inputs))

    def forward_with_cache(*arguments):
        return forward(*arguments), arguments

    def backward_by_cache(dy, cache):
        return backward(dy, *cache)

    return Case(
        f"{function.name}, cache",
        lambda: tu.check_function(forward_with_cache, backward_by_cache, *inputs),
    )


def channels_first(rng):
    function, (x, *parameters) = drawn(rng, FUNCTIONS[rng.integers(len(FUNCTIONS))])

    def last(x):
        return x.transpose(0, 2, 3, 1) if np.ndim(x) == 4 else x

    def first(x):
        return x.transpose(0, 3, 1, 2) if np.ndim(x) == 4 else x

    def forward(x, *parameters):
        return first(function.forward(last(x), *parameters))

    def backward(dy, x, *parameters):
        dx, *gradients = function.backward(last(dy), last(x), *parameters)
        return first(dx), *gradients

    inputs = [np.ascontiguousarray(first(x)), *parameters]
    return Case(
        f"{function.name}, NCHW",
        lambda: tu.check_function(forward, backward, *inputs, layout="NCHW"),
    )


def other_shapes(rng):
    """Numbers, vectors and matrices; float32 now and then."""
    shape = [(), (5,), (3, 4), (1, 1), (2, 3, 2)][rng.integers(5)]
    function, (x,) = drawn(rng, ELEMENTWISE[rng.integers(len(ELEMENTWISE))], shape or (1,))
    x = float(x[0]) if not shape else x
    if shape and rng.random() < 0.3:
        x = x.astype(np.float32)
    name = f"{function.name} of {shape}"
    return Case(name, lambda: tu.check_function(function.forward, function.backward, x))


def with_integers(rng):
    """Rows of a table, or a cross-entropy: integers say which."""
    table, rows = numbers(rng, (6, 4), offset=0), rng.integers(0, 4, 6)

    def lookup(table, rows):
        return table[rows]

    def lookup_backward(dy, table, rows):
        dtable = np.zeros_like(table)
        np.add.at(dtable, rows, dy)
        return dtable

    scale = np.abs(table).max()

    def cross_entropy(logits, rows):
        z = logits / scale
        return (np.log(np.exp(z).sum(1)) - z[np.arange(len(z)), rows]).mean()

    def cross_entropy_backward(dy, logits, rows):
        p = np.exp(logits / scale)
        p /= p.sum(1, keepdims=True)
        p[np.arange(len(p)), rows] -= 1
        return dy * p / len(p) / scale, None

    if rng.integers(2):
        return Case("lookup", lambda: tu.check_function(lookup, lookup_backward, table, rows))
    return Case(
        "cross-entropy",
        lambda: tu.check_function(cross_entropy, cross_entropy_backward, table, rows),
    )


class Plain:
    """A function as an object of nobody's library."""

    def __init__(self, function, parameters):
        self.function = function
        self.params = {f"p{i}": parameter for i, parameter in enumerate(parameters)}
        self.grads = {}

    def forward(self, x):
        self.x = x
        return self.function.forward(x, *self.params.values())

    def backward(self, dy):
        dx, *gradients = self.function.backward(dy, self.x, *self.params.values())
        self.grads = dict(zip(self.params, gradients, strict=True))
        return dx


def by_object(rng):
    function, (x, *parameters) = drawn(rng, FUNCTIONS[rng.integers(len(FUNCTIONS))])
    subject = Plain(function, parameters)
    return Case(f"{function.name}, object", lambda: tu.check_object(subject, x))


IN_NETWORKS = [
    function
    for function in FUNCTIONS
    if function.name in KEEPS_SHAPE or (function in ELEMENTWISE and function.domain != "positive")
]
ENDS = [
    function
    for function in FUNCTIONS
    if function.name in ("max pooling", "max over channels", "average pooling", "hinge loss")
]
KINDS = (
    [layer] * 12 + [loss] * 8 + [network] + [adjoint] * 2 + [user_layer] * 10 + [user_network] * 6
    + [by_functions] * 4 + [channels_first] * 2 + [other_shapes] * 2 + [with_integers] + [by_object] * 2
)  # fmt: skip
