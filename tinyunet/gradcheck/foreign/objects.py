"""Check a layer that is an object of another library, of a course, or of your own."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from tinyunet.gradcheck.checker import check_gradients, check_options
from tinyunet.gradcheck.foreign.function import examined
from tinyunet.gradcheck.foreign.function_subject import FunctionSubject
from tinyunet.gradcheck.foreign.object_passes import METHODS
from tinyunet.gradcheck.foreign.object_subject import ObjectSubject
from tinyunet.gradcheck.foreign.signature import Signature
from tinyunet.gradcheck.foreign.torch_function import TorchFunction, is_torch_function
from tinyunet.gradcheck.report import GradientReport
from tinyunet.layers.layer import Layer
from tinyunet.losses import Loss


def check_object(
    layer: Any,
    *inputs: Any,
    parameters: Mapping[str, str] | Iterable[str] | None = None,
    samples: int = 50,
    rng: np.random.Generator | None = None,
    tolerance: float = 1e-6,
    wrt: Iterable | None = None,
    layout: str | None = None,
) -> GradientReport:
    """Compare the gradients that an object's ``backward`` computes with finite differences.

    Parameters
    ----------
    layer
        An object with ``forward(*inputs)`` (or ``__call__``) and ``backward(dy)``, which is copied; or
        a class with static ``forward(ctx, ...)`` and ``backward(ctx, dy)``, as a `Function` of PyTorch
        or minitorch. For a loss, ``backward`` (or ``grad``) may do without dy. What forward leaves in
        ``output``, and backward in ``dinputs``, need not be returned.
    *inputs
        What forward takes, as for `check_function`.
    parameters
        Where the learned arrays are, and where backward leaves their gradients:
        ``{"W": "dW", "b": "db"}``, names of attributes, or of entries (``"params.W"``). By default they
        are looked for, in the object and in the objects that it holds: ``params`` and ``grads`` (or
        ``parameters`` and ``gradients``), which are dicts or lists, or pairs of attributes such as
        ``W`` and ``dW``. An empty dict means none.
    samples, rng, tolerance, wrt, layout
        As for `check_function`.

    Returns
    -------
    GradientReport
        With a row for each input and each parameter. Its notes say what was taken for parameters.

    Raises
    ------
    TypeError, ValueError
        If the object, or what it returns, cannot be understood.

    Examples
    --------
    >>> import numpy as np
    >>> class Affine:
    ...     def __init__(self, W):
    ...         self.W = W
    ...     def forward(self, x):
    ...         self.x = x
    ...         return x @ self.W
    ...     def backward(self, dout):
    ...         self.dW = self.x.T @ dout
    ...         return dout @ self.W.T
    >>> rng = np.random.default_rng(1)
    >>> report = check_object(Affine(rng.random((3, 2))), rng.random((4, 3)))
    >>> [row.name for row in report.rows], report.passed
    (['x', 'W', 'all inputs', 'all parameters'], True)
    """
    check_options(samples, tolerance)
    if isinstance(layer, Layer | Loss):
        return check_gradients(layer, *inputs, samples=samples, rng=rng, tolerance=tolerance)
    if isinstance(layer, type):
        subject: FunctionSubject = _class_subject(layer, inputs, wrt, layout)
    else:
        subject = ObjectSubject(layer, inputs, parameters, wrt, layout)
    return examined(subject, samples, rng, tolerance)


def _class_subject(cls: type, inputs: tuple, wrt: Iterable | None, layout: str | None) -> Any:
    """A Function: its static forward and backward, or PyTorch's way of calling them."""
    if is_torch_function(cls):
        return TorchFunction(cls, inputs, wrt, layout)
    for names in METHODS:
        forward, backward = (getattr(cls, name, None) for name in names)
        static = all(
            isinstance(inspect.getattr_static(cls, name, None), staticmethod | classmethod)
            for name in names
        )
        own_context = callable(forward) and callable(backward) and Signature(forward).context
        if forward is not None and (static or own_context):
            subject = FunctionSubject(forward, backward, inputs, wrt, layout)
            subject.title = cls.__name__
            return subject
    raise TypeError(
        f"{cls.__name__} is a class: give an object, check_object({cls.__name__}(...), x). (A class "
        "itself can be checked if it has static forward(ctx, ...) and backward(ctx, dy).)"
    )
