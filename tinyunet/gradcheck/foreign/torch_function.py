"""A `torch.autograd.Function`, called as PyTorch calls it, with NumPy arrays around it."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterable
from typing import Any

import numpy as np

from tinyunet.gradcheck.foreign.function_subject import FunctionSubject


def is_torch_function(cls: type) -> bool:
    """Whether a class is one. Whoever has one has imported PyTorch already."""
    torch = sys.modules.get("torch")
    return torch is not None and issubclass(cls, torch.autograd.Function)


class TorchFunction(FunctionSubject):
    """Its inputs become tensors for each forward pass."""

    def __init__(self, cls: Any, inputs: tuple, wrt: Iterable | None, layout: str | None) -> None:
        self._torch = sys.modules["torch"]
        self._apply = cls.apply
        self._made: dict[str, Any] = {}
        self._results: list[Any] = []
        names = _names(cls, len(inputs))
        super().__init__(self._forward, self._backward, inputs, wrt, layout, names)
        self.title = cls.__name__
        self._tensors = False  # dy becomes one below

    def _upstreams(self) -> int:
        return 0

    def _forward(self, *inputs: Any) -> Any:
        torch = self._torch
        alone = not any(isinstance(value, np.ndarray) for value in inputs)
        self._made = {
            name: torch.as_tensor(value) if alone or isinstance(value, np.ndarray) else value
            for name, value in zip(self.inputs, inputs, strict=True)
        }
        for name in self.wanted:
            if isinstance(self._made[name], torch.Tensor):
                self._made[name].requires_grad_()
        results = self._apply(*self._made.values())
        results = results if isinstance(results, tuple) else (results,)
        self._results = [result for result in results if result.requires_grad]
        if not self._results:
            raise TypeError(
                f"{self.title} gave no output that has a gradient: is it marked non-differentiable?"
            )
        return tuple(self._results)

    def _arguments(self, dy: Any) -> tuple[list[Any], bool]:
        return self._split(dy), True

    def _backward(self, *dys: Any) -> list[Any]:
        torch = self._torch
        upstream = [
            torch.as_tensor(np.array(dy), dtype=y.dtype).reshape(y.shape)
            for dy, y in zip(dys, self._results, strict=True)
        ]
        leaves = {n: self._made[n] for n in self.wanted if isinstance(self._made[n], torch.Tensor)}
        try:
            found = torch.autograd.grad(
                self._results, [*leaves.values()], upstream, allow_unused=True
            )
        except RuntimeError as error:
            raise ValueError(f"PyTorch stopped in the backward of {self.title}: {error}") from error
        named = dict(zip(leaves, found, strict=True))
        return [named.get(name) for name in self.inputs]


def _names(cls: Any, count: int) -> list[str]:
    """The inputs' names, as its forward calls them after its context."""
    names = [name for name in inspect.signature(cls.forward).parameters if name != "ctx"]
    return names[:count] if len(names) >= count else [f"x{i}" for i in range(count)]
