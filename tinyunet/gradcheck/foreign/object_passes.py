"""How objects go about their two passes: what they call them, and what they keep beside them."""

from __future__ import annotations

import copy
import types
from collections.abc import Callable
from typing import Any

import numpy as np

from tinyunet.gradcheck.foreign.parameters import parts, walk

# What people call the two passes.
METHODS = (
    ("forward", "backward"),
    ("__call__", "backward"),
    ("forward_pass", "backward_pass"),
    ("fprop", "bprop"),
    ("forward_propagation", "backward_propagation"),
    ("loss", "grad"),
    ("loss", "gradient"),
)
# What clears gradients that add up from pass to pass, or a state that is kept from call to call.
CLEARING = (
    "zero_grad",
    "zero_grads",
    "zero_gradients",
    "cleargrads",
    "flush_gradients",
    "reset_grads",
    "reset_state",
)
# Where objects leave what their forward, or their backward, does not return.
OUTPUTS = ("output", "outputs", "out", "y", "result", "a", "activation")
INPUT_GRADIENTS = ("dinputs", "dinput", "dx", "dX", "d_input", "grad_input", "input_grad")


class Variable(np.ndarray):
    """An array that has its numbers in `data`, as the variables of DeZero."""

    def __new__(cls, array: Any) -> Variable:
        """Look at an array as a variable."""
        return np.asarray(array).view(cls)

    @property
    def data(self) -> np.ndarray:  # type: ignore[override]  # NumPy's is a memoryview
        """The array."""
        return self.view(np.ndarray)


def methods_of(layer: Any) -> tuple[Callable, Callable | None]:
    """An object's forward and backward, whatever they are called."""
    for names in METHODS:
        forward, backward = (getattr(layer, name, None) for name in names)
        if callable(forward) and callable(backward):
            return forward, backward
    if callable(getattr(layer, "loss", None)):
        return layer.loss, None  # it should return the gradients beside the loss
    raise TypeError(
        f"{type(layer).__name__} needs the methods forward (or __call__) and backward: give "
        "check_function the two functions, whatever they are called"
    )


def values_in(layer: Any) -> dict[int, Any]:
    """Everything in an object by its id, which belongs to it as long as it is kept here."""
    return {id(value): value for _, owner in walk(layer) for value in parts(owner).values()}


def copied(layer: Any) -> Any:
    """A copy of an object, so that checking does not change it."""
    values = values_in(layer).values()
    modules = {id(value): value for value in values if isinstance(value, types.ModuleType)}
    try:
        return copy.deepcopy(layer, modules)  # of which there is one each, as in self.xp = numpy
    except Exception as error:
        raise TypeError(
            f"{type(layer).__name__} cannot be copied ({error}): give check_function its forward and "
            "backward"
        ) from error
