"""What is checked, seen alike from outside: a layer, a loss, a pair of functions, an object."""

from __future__ import annotations

import contextlib
import copy
import itertools
from collections.abc import Callable
from typing import Any

import numpy as np

from tinyunet.engine.arrays import Array, array_module
from tinyunet.gradcheck.arguments import Snapshot, arrays, double, match_inputs, variables
from tinyunet.gradcheck.diagnosis import IMAGE, TRANSPOSED_WEIGHT, WEIGHT
from tinyunet.gradcheck.places import upstream
from tinyunet.gradcheck.probe import only
from tinyunet.gradcheck.report import GradientReport
from tinyunet.layers import ConvTranspose2d
from tinyunet.layers.decisions import held_decisions
from tinyunet.layers.layer import Layer
from tinyunet.losses import Loss


class Subject:
    """Something with a forward and a backward pass.

    Attributes
    ----------
    title
        Its name in a report.
    tensors
        What is differentiated, by name: float64 arrays, which are moved in place.
    groups
        The names of tensors that are moved together, by a name for the row of a report.
    snapshot
        What it was given and must not change.
    idle
        The names of tensors whose gradient is 0 if all is right.
    contract
        Whether it promises to return gradients in the dtype of their tensors, as layers do.
    """

    title: str
    tensors: dict[str, Array]
    groups: dict[str, list[str]]
    snapshot: Snapshot
    contract = True
    idle: frozenset[str] = frozenset()
    who = "the layer"  # that may have written into what it was given

    def value(self) -> Array:
        """Run forward on the arrays' present contents."""
        raise TypeError(f"{type(self).__name__} does not define value")

    def upstream(self, y: Array, rng: np.random.Generator) -> Array:
        """Draw an upstream gradient for an output y."""
        return upstream(y, rng)

    def gradients(self, dy: Array, report: GradientReport) -> dict[str, Array | None]:
        """Run the backward pass that belongs to the last `value`; return copies by tensor."""
        raise TypeError(f"{type(self).__name__} does not define gradients")

    def held(self) -> contextlib.AbstractContextManager[Callable[[], int]]:
        """Hold the decisions of the last forward, where they are known; see `held_decisions`."""
        return contextlib.nullcontext(lambda: 0)

    def axes(self, name: str) -> list[str]:
        """What a tensor's axes mean."""
        return [f"axis {i}" for i in range(self.tensors[name].ndim)]

    def sums_over_the_batch(self, name: str) -> bool:
        """Whether a tensor's gradient is a sum over the batch, as a parameter's is."""
        return False

    def batch_alone(self, dy: Array) -> list[Array]:
        """The upstream gradient of each image alone."""
        return [only(dy, i) for i in range(len(dy))] if np.ndim(dy) > 1 else []


class LayerSubject(Subject):
    """A copy of a layer in float64, and its inputs.

    Of a network with several heads, whose forward returns a list, the logits are joined as channels.
    """

    def __init__(self, layer: Layer, inputs: tuple) -> None:
        self.title = str(layer)
        self.layer = copy.deepcopy(layer).astype("float64").train()
        self.arguments = [double(value) for value in inputs]
        self.ends: list[int] = []  # where each head's channels end
        self.inputs, parameters = variables(self.arguments), dict(self.layer.named_learned())
        self.tensors = {**self.inputs, **parameters}
        self.groups = {"all inputs": list(self.inputs), "all parameters": list(parameters)}
        self.snapshot = Snapshot({**arrays(self.arguments), **dict(self.layer.named_parameters())})
        self.idle = frozenset(
            f"{path}.{key}".lstrip(".")
            for path, part in self.layer.named_layers()
            for key in part.idle
        )
        self._transposed = {
            f"{path}.weight".lstrip(".")
            for path, part in self.layer.named_layers()
            if isinstance(part, ConvTranspose2d)
        }

    def value(self) -> Array:
        """Run forward."""
        y: Any = self.layer(*self.arguments)
        self.ends = []
        if isinstance(y, list | tuple):
            self.ends = list(itertools.accumulate(head.shape[-1] for head in y))
            y = array_module(y[0]).concatenate(y, axis=-1)
        return y

    def gradients(self, dy: Array, report: GradientReport) -> dict[str, Array | None]:
        """Run backward and return copies of all gradients."""
        given: Any = dy
        if self.ends:
            starts = [0, *self.ends]
            given = [dy[..., a:b] for a, b in itertools.pairwise(starts)]
        found = match_inputs(list(self.inputs), self.layer.backward(given), report)
        found.update(self.layer.named_gradients())
        return {name: g if g is None else g.copy() for name, g in found.items()}

    def held(self) -> contextlib.AbstractContextManager[Callable[[], int]]:
        """Hold the layers' decisions."""
        return held_decisions(self.layer)

    def axes(self, name: str) -> list[str]:
        """Images are (N, H, W, C), weights (kh, kw, C_in, C_out) or transposed."""
        if self.tensors[name].ndim != 4:
            return super().axes(name)
        if name in self._transposed:
            return list(TRANSPOSED_WEIGHT)
        return list(WEIGHT if name.endswith("weight") else IMAGE)

    def sums_over_the_batch(self, name: str) -> bool:
        """Parameters' gradients do."""
        return name not in self.inputs


class LossSubject(Subject):
    """A copy of a loss and what it is called with; only the logits are differentiated.

    A loss of several heads takes a list of logits, which are differentiated one by one.
    """

    def __init__(self, loss: Loss, inputs: tuple) -> None:
        self.title = type(loss).__name__
        self.loss = copy.deepcopy(loss)
        logits, *others = inputs
        if isinstance(logits, list | tuple):
            self.tensors = {f"logits {j}": double(head) for j, head in enumerate(logits)}
            first: Any = [*self.tensors.values()]
        else:
            first = double(logits)
            self.tensors = {"logits": first}
        self.arguments = [first, *(double(value) for value in others)]
        self.groups = {"all logits": list(self.tensors)}
        self.snapshot = Snapshot({**self.tensors, **arrays(self.arguments)})

    def value(self) -> Any:
        """The loss, a number."""
        return np.float64(self.loss(*self.arguments))

    def upstream(self, y: Any, rng: np.random.Generator) -> Any:
        """One: nothing follows a loss."""
        return np.float64(1.0)

    def gradients(self, dy: Array, report: GradientReport) -> dict[str, Array | None]:
        """The loss's gradient."""
        return {**match_inputs(list(self.tensors), self.loss.backward(), report)}

    def axes(self, name: str) -> list[str]:
        """Logits are (N, H, W, K)."""
        return list(IMAGE)


def problem(array: Array, gradient: Array | None, contract: bool) -> str:
    """Say why a gradient cannot even be compared, or return ""."""
    if gradient is None:
        return "backward gave no gradient for it"
    if gradient.shape != array.shape:
        return f"its gradient has shape {gradient.shape}: is a sum or a transposition missing?"
    if contract and gradient.dtype != array.dtype:
        return f"its gradient came back in {gradient.dtype}: a dtype is fixed somewhere"
    wrong = gradient.size - int((abs(gradient) < np.inf).sum())
    if wrong:
        return f"its gradient is not finite (NaN or infinite) in {wrong} of {gradient.size} entries"
    return ""
