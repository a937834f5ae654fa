"""U-Net++ (Zhou et al. 2018, arXiv:1807.10165): a U-Net whose skips are filled with networks."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any, Self

import numpy as np

from tinyunet.engine.arrays import Array, MaybeArray
from tinyunet.layers import Concat, Conv2d, ConvTranspose2d, Dropout, MaxPool2d
from tinyunet.layers.layer import Layer
from tinyunet.networks.blocks import ConvNorm, of_heads, summed
from tinyunet.networks.network import Network
from tinyunet.networks.sizes import Sizes


class UNetPlusPlus(Network):
    """A triangle of nodes X[i, j], i levels down and j steps across, each seeing all to its left.

        x ── X00 ── X01 ── X02 ── X03 ── X04 ── logits
               └ X10 ┘└ X11 ┘└ X12 ┘└ X13 ┘
                   └ X20 ┘└ X21 ┘└ X22 ┘
                       └ X30 ┘└ X31 ┘
                           └ X40 ┘

        X[i, 0] = H(pool X[i-1, 0])
        X[i, j] = H(concat(up X[i+1, j-1], X[i, 0], ..., X[i, j-1]))

    H is two 3x3 convolutions with ReLU, each followed by dropout. The nodes with i + j <= k are a
    U-Net++ of k levels by themselves: with a head on each of X01 ... X04, all trained together, one
    training gives four networks (`pruned`).

    The defaults are the authors' release: 9,041,601 parameters, or 9,041,700 with four heads. It
    regularises the weights by 1e-4; its loss is `BCEDiceLoss`, summed over heads by `DeepSupervision`.

    Parameters
    ----------
    in_channels, num_classes
        Channels of the image and of the logits. A single one is a foreground's logit, for a sigmoid.
    heads
        1: on the last node of the top row. As many as there are poolings: on each from X01. Then a
        forward pass in training returns a list of logits, backward takes the list of their gradients,
        and in eval only the last head answers.
    base_channels
        Of the nodes of the top level; of the four others 2, 4, 8 and 16 times as many.
    channels
        In their place, those of each level from the top; one level more than poolings.
    dropout
        The probability for the dropout after each convolution; 0 for none.
    batch_norm
        Whether each 3x3 convolution has batch norm in place of its bias.
    seed
        Draws the weights and the dropout masks.
    dtype
        ``"float32"`` or ``"float64"``.
    """

    def __init__(
        self,
        in_channels: int = 1,
        num_classes: int = 1,
        *,
        heads: int = 1,
        base_channels: int = 32,
        channels: Sequence[int] | None = None,
        dropout: float = 0.5,
        batch_norm: bool = False,
        seed: int = 0,
        dtype: str = "float32",
    ) -> None:
        super().__init__()
        if channels is None:
            channels = [base_channels * 2**level for level in range(5)]
        if len(channels) < 2 or min(channels) < 1:
            raise ValueError(f"channels must be two numbers or more, each above 0, got {channels}")
        self.depth = depth = len(channels) - 1
        if heads not in (1, depth):
            raise ValueError(
                f"heads must be 1 or {depth}, one for each node of the top row after the first, got "
                f"{heads}"
            )
        self.in_channels, self.num_classes, self.channels = in_channels, num_classes, list(channels)
        self.head_weights = [1.0] * heads if heads > 1 else None
        self.pads, self.tile_stride = True, 2**depth
        rng = np.random.default_rng(seed)

        def node(i: int, j: int) -> Node:
            ins = (j + 1) * channels[i] if j else channels[i - 1] if i else in_channels
            return Node(ins, channels[i], dropout, batch_norm, rng)

        self.pools = [MaxPool2d(2) for _ in range(depth)]
        self.nodes = [[node(i, j) for j in range(depth + 1 - i)] for i in range(depth + 1)]
        self.ups = [
            [ConvTranspose2d(channels[i + 1], channels[i], rng=rng) for _ in range(depth - i)]
            for i in range(depth)
        ]
        self.joins: list[list[Layer]] = [[Concat() for _ in range(depth - i)] for i in range(depth)]
        self.heads = [Conv2d(channels[0], num_classes, 1, rng=rng) for _ in range(heads)]
        self.astype(dtype)

    def forward(  # type: ignore[override]  # a list where there are several heads
        self, image: Array, *, every_head: bool | None = None
    ) -> Array | list[Array]:
        """Return logits (N, H, W, num_classes) for images (N, H, W, in_channels).

        Of several heads a list, X01's first, if `every_head`: by default in training. Otherwise the
        last one's.
        """
        self._check_size(image)
        x = {(0, 0): self.nodes[0][0](image)}
        for i in range(1, self.depth + 1):
            x[i, 0] = self.nodes[i][0](self.pools[i - 1](x[i - 1, 0]))
        for j in range(1, self.depth + 1):
            for i in range(self.depth + 1 - j):
                up = self.ups[i][j - 1](x[i + 1, j - 1])
                across = [x[i, k] for k in range(j)]  # a fork: each goes to all on its right
                x[i, j] = self.nodes[i][j](self.joins[i][j - 1](up, *across))
        every_head = self.training if every_head is None else every_head
        if len(self.heads) == 1 or not every_head:
            return self.heads[-1](x[0, self.depth])
        return [head(x[0, j]) for j, head in enumerate(self.heads, 1)]

    def backward(self, dy: Any, *, input_gradient: bool = True) -> MaybeArray:
        """Set every parameter's gradient from dL/d(logits), a list of them where forward gave one.

        Returns dL/d(images).
        """
        dx: dict[tuple[int, int], list[Array]] = {}  # of each node, all that came back to it
        dys, first = of_heads(self, dy, len(self.heads)), self.depth + 1 - len(self.heads)
        for j, (head, d) in enumerate(zip(self.heads, dys, strict=True), first):
            dx[0, j] = [head.backward(d)]
        for j in reversed(range(1, self.depth + 1)):
            for i in reversed(range(self.depth + 1 - j)):
                d = self.nodes[i][j].backward(summed(dx.pop((i, j))))
                dup, *dacross = self.joins[i][j - 1].backward(d)
                dx.setdefault((i + 1, j - 1), []).append(self.ups[i][j - 1].backward(dup))
                for k, d in enumerate(dacross):  # where forward forked, the gradients add
                    dx.setdefault((i, k), []).append(d)
        for i in reversed(range(1, self.depth + 1)):
            d = self.nodes[i][0].backward(summed(dx.pop((i, 0))))
            dx[i - 1, 0].append(self.pools[i - 1].backward(d))
        return self.nodes[0][0].backward(summed(dx[0, 0]), input_gradient=input_gradient)

    def pruned(self, level: int) -> Self:
        """Return the network of the nodes with i + j <= level alone, whose logits are head `level`'s.

        It has parameters of its own, copies of these, and as many levels; in eval its logits equal
        ``forward(image, every_head=True)[level - 1]`` bit for bit.

        Raises
        ------
        ValueError
            If there is no such head.
        """
        first = self.depth + 1 - len(self.heads)
        if not first <= level <= self.depth:
            raise ValueError(
                f"level must be from {first} to {self.depth}, where {self} has heads, got {level}"
            )
        own = {"heads": 1, "channels": self.channels[: level + 1]}
        part = self.from_config({**self.config, **own}).to(self.device)
        state, head = dict(self.named_state()), f"heads.{level - first}."
        state.update((f"heads.0.{key}", state[head + key]) for key in ("weight", "bias"))
        part.load_state_dict({name: state[name] for name, _ in part.named_state()})
        return part if self.training else part.eval()

    # ------------------------------------------------------------------ sizes

    @functools.cached_property
    def sizes(self) -> tuple[Sizes, Sizes]:
        """The heights and widths that it takes: multiples of 2^depth."""
        side = Sizes(2**self.depth, 2**self.depth, 0)
        return side, side

    @functools.cached_property
    def reach(self) -> int:
        """As for `UNet`: the longest way through the triangle is down to the bottom and up again."""
        return 6 * 2**self.depth

    def _check_size(self, image: Array) -> None:
        self._check_image(image, self.in_channels)
        self.output_size(*image.shape[1:3])

    def _sized(self) -> str:
        return f"{type(self).__name__}(channels={self.channels})"

    def _describe(self) -> str:
        width = "base_channels" if self.config["channels"] is None else "channels"
        shown = ("in_channels", "num_classes", "heads", width)
        return ", ".join(f"{name}={self.config[name]!r}" for name in shown)


class Node(Layer):
    """H: two 3x3 convolutions, each with a ReLU and dropout after it."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        dropout: float,
        batch_norm: bool,
        rng: np.random.Generator,
    ) -> None:
        super().__init__()

        def conv(ins: int) -> Layer:
            if batch_norm:
                return ConvNorm(ins, out_channels, padding="same", rng=rng)
            return Conv2d(ins, out_channels, padding="same", activation="relu", rng=rng)

        self.conv1, self.conv2 = conv(in_channels), conv(out_channels)
        self.drop1, self.drop2 = (Dropout(dropout, rng.spawn(1)[0]) for _ in range(2))

    def forward(self, x: Array) -> Array:
        """Return (N, H, W, out_channels)."""
        return self.drop2(self.conv2(self.drop1(self.conv1(x))))

    def backward(self, dy: Array, *, input_gradient: bool = True) -> MaybeArray:
        """Return dx (N, H, W, in_channels)."""
        dy = self.conv2.backward(self.drop2.backward(dy))
        return self.conv1.backward(self.drop1.backward(dy), input_gradient=input_gradient)
