"""What if: the same network with a skip cut, other borders, a turned image, and what that changes."""

from __future__ import annotations

import contextlib
import copy
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from tinyunet.inside.frame import ZEROS, Frame, frame, probabilities
from tinyunet.inside.paths import Paths
from tinyunet.inside.record import Record
from tinyunet.layers import MaxUnpool2d
from tinyunet.layers.layer import Layer
from tinyunet.networks.network import Network
from tinyunet.networks.receptive_field import IMAGE

P = 0.5  # of the dropout where the network has none
ROOM = 4  # times as many pixels, at most, for a mirrored border


@dataclass(frozen=True)
class Variant:
    """One way to predict: its group, its name, what it means, and the class probabilities (H, W, K).

    Of a network that paints, `p` are the values that it gives.
    """

    group: str
    name: str
    words: str
    p: np.ndarray


def variants(record: Record, paths: Paths, framed: Frame) -> Iterator[Variant]:
    """Yield the prediction as it is, then changed in one way after the other."""
    model = copy.deepcopy(record.model).eval()
    x = framed.seen()

    def predicted(seen: np.ndarray = x, at: Frame = framed) -> np.ndarray:
        if model.gives_instead:  # in eval mode, as it is recorded
            return at.cut(model.forward(seen))
        return probabilities(at.cut(model.predict(seen)))

    yield Variant("", "as it is", "The network's prediction.", predicted())
    yield from _cuts(record, paths, model, predicted)
    yield from _dropout(record, paths, model, predicted)
    yield from _border(model, framed, predicted)
    yield from _symmetries(model, framed, predicted)


def _cuts(
    record: Record, paths: Paths, model: Network, predicted: Callable[[], np.ndarray]
) -> Iterator[Variant]:
    """Each skip's array made 0 where it is joined, then all, then what the bottom gives."""
    layers = dict(model.named_layers())
    edges: list[tuple[Layer, int, int]] = []
    for i, skip in enumerate(paths.skips, start=1):
        call, source = record.calls[skip.edge[0]], skip.source
        brought = "the image" if source == IMAGE else record.calls[source].name
        edges.append((layers[call.name], record.turn(skip.edge[0]), skip.edge[1]))
        with replayed(paths, layers, [skip.edge[0]]), zero_inputs(edges[-1:]):
            yield Variant(
                "cut", f"skip {i} cut", f"What {brought} brings to {call.name} is 0.", predicted()
            )
    if len(edges) > 1:
        joins = [skip.edge[0] for skip in paths.skips]
        with replayed(paths, layers, joins), zero_inputs(edges):
            yield Variant("cut", "all skips cut", "What every skip brings is 0.", predicted())
    if paths.bottom is not None:
        name = record.calls[paths.bottom].name
        again = replayed(paths, layers, [paths.bottom])
        with again, changed_output(layers[name], record.turn(paths.bottom), np.zeros_like):
            yield Variant("cut", "bottom cut", f"What {name} gives is 0.", predicted())


def _dropout(
    record: Record, paths: Paths, model: Network, predicted: Callable[[], np.ndarray]
) -> Iterator[Variant]:
    """One draw of the network's own dropout; where it has none, of half of what the bottom gives."""
    wanted = dict(record.dropouts)
    if wanted:
        own = [(layer, wanted[name]) for name, layer in model.named_layers() if name in wanted]
        with drawing(own):
            chances = ", ".join(sorted({f"{p:g}" for _, p in own}))
            yield Variant(
                "dropout", "dropout on", f"One draw of its dropout, p = {chances}.", predicted()
            )
    elif paths.bottom is not None:
        name = record.calls[paths.bottom].name
        rng = np.random.default_rng(0)

        def half(y: np.ndarray) -> np.ndarray:
            return y * (rng.random(y.shape) >= P).astype(y.dtype) / y.dtype.type(1 - P)

        layer = dict(model.named_layers())[name]
        with changed_output(layer, record.turn(paths.bottom), half):
            yield Variant(
                "dropout", "dropout at the bottom",
                f"The network has no dropout; here one draws half of what {name} gives, p = {P}.",
                predicted(),
            )  # fmt: skip


def _border(model: Network, framed: Frame, predicted: Callable) -> Iterator[Variant]:
    """Zeros in the place of a mirrored border; where layers pad with zeros, the mirror image."""
    if any(map(sum, framed.border)):
        yield Variant(
            "border", "zeros around", "What lies beyond the image's border is 0, not its mirror image.",
            predicted(framed.seen(mode=ZEROS)),
        )  # fmt: skip
    if not model.pads or model.reach is None:
        return
    step, (height, width) = model.tile_stride, framed.image.shape[:2]
    rim = -(-model.reach // step) * step
    if (height + 2 * rim) * (width + 2 * rim) > ROOM * height * width:
        rim = step * max(1, min(height, width) // (2 * step))
    wide = np.pad(framed.image, ((rim, rim), (rim, rim), (0, 0)), mode="reflect")
    around = frame(model, wide)
    if around.image.shape != wide.shape:  # too large
        return
    p = predicted(around.seen(), around)[rim : rim + height, rim : rim + width]
    yield Variant(
        "border", "mirrored border",
        f"Around the image are {rim} pixels of its mirror image, not the zeros of the padding.", p,
    )  # fmt: skip


def _symmetries(model: Network, framed: Frame, predicted: Callable) -> Iterator[Variant]:
    """The image turned and mirrored, and the prediction turned back."""
    for flip in (False, True):
        for turns in range(4):
            if not flip and not turns:
                continue
            image = framed.image[:, ::-1] if flip else framed.image
            turned = frame(model, np.ascontiguousarray(np.rot90(image, turns)))
            p = np.rot90(predicted(turned.seen(), turned), -turns)
            p = p[:, ::-1] if flip else p
            name = " and ".join(
                ["mirrored"] * flip + [f"turned by {90 * turns} degrees"] * bool(turns)
            )
            yield Variant("symmetry", name, f"The image is {name}; its prediction, turned back.", p)


# ---------------------------------------------------------------------- changed layers


@contextlib.contextmanager
def replayed(paths: Paths, layers: dict[str, Layer], changed: list[int]) -> Iterator[None]:
    """Let layers that don't depend on the changed calls give what they gave before: it is the same."""
    calls, depends = paths.record.calls, set(changed)
    for number, makers in enumerate(paths.makers):
        if not depends.isdisjoint(makers):
            depends.add(number)
    twice = len({call.name for call in calls}) < len(calls)
    with contextlib.ExitStack() as held:
        # An unpooling asks its pooling, which must have run.
        if (
            paths.complete
            and not twice
            and not any(isinstance(c.layer, MaxUnpool2d) for c in calls)
        ):
            for number, call in enumerate(calls):
                if number not in depends:
                    held.enter_context(_forward(layers[call.name], _giving(call.output)))
        yield


def _giving(y: np.ndarray) -> Callable:
    return lambda *inputs, **options: y


@contextlib.contextmanager
def zero_inputs(edges: list[tuple[Layer, int, int]]) -> Iterator[None]:
    """Let inputs be 0 in one forward pass: a layer, which of its runs, and which of its arrays."""
    inputs: dict[int, tuple[Layer, set[tuple[int, int]]]] = {}
    for layer, turn, i in edges:
        inputs.setdefault(id(layer), (layer, set()))[1].add((turn, i))
    with contextlib.ExitStack() as held:
        for layer, which in inputs.values():
            held.enter_context(_forward(layer, _zeroing(layer.forward, which)))
        yield


@contextlib.contextmanager
def changed_output(
    layer: Layer, turn: int, change: Callable[[np.ndarray], np.ndarray]
) -> Iterator[None]:
    """Let what a layer gives in one of its runs be changed, in one forward pass."""
    forward, turns = layer.forward, itertools.count()

    def changed(*inputs: object, **options: object) -> np.ndarray:
        y = forward(*inputs, **options)
        return change(y) if next(turns) == turn else y

    with _forward(layer, changed):
        yield


@contextlib.contextmanager
def drawing(dropouts: list[tuple[Layer, float]]) -> Iterator[None]:
    """Let dropouts draw as in training, from a seed, with probabilities of their own."""

    def draws(layer: Layer, p: float, seed: int) -> Callable:
        own = type(layer)(p, np.random.default_rng(seed))  # type: ignore[call-arg]
        return own.forward

    with contextlib.ExitStack() as held:
        for seed, (layer, p) in enumerate(dropouts):
            held.enter_context(_forward(layer, draws(layer, p, seed)))
        yield


def _zeroing(forward: Callable, which: set[tuple[int, int]]) -> Callable:
    turns = itertools.count()

    def zeroed(*inputs: object, **options: object) -> np.ndarray:
        turn = next(turns)
        return forward(
            *(np.zeros_like(x) if (turn, i) in which else x for i, x in enumerate(inputs)),
            **options,
        )

    return zeroed


@contextlib.contextmanager
def _forward(layer: Layer, forward: Callable) -> Iterator[None]:
    layer.forward = forward  # type: ignore[method-assign]
    try:
        yield
    finally:
        del layer.forward
