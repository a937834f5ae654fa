"""What several test files share: running a layer once, comparing what came out, no endless waits."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, NamedTuple

import numpy as np
import pytest

import tinyunet as tu


class Pass(NamedTuple):
    """What one forward and one backward gave, the gradients of inputs always as a tuple."""

    y: Any
    dx: tuple
    grads: dict


def run(layer: tu.Layer, inputs: list, dy: Any = None, **options: Any) -> Pass:
    """One forward and one backward, by default with `upstream` of the output as dy."""
    y = layer(*inputs)
    dx = layer.backward(upstream(y) if dy is None else dy, **options)
    return Pass(y, dx if isinstance(dx, tuple) else (dx,), dict(layer.named_gradients()))


def upstream(y: Any, seed: int = 3) -> Any:
    """A random upstream gradient: one of ones would hide mistakes."""
    dy = np.random.default_rng(seed).standard_normal(y.shape).astype(y.dtype)
    return tu.array_module(y).asarray(dy)


def host(value: Any) -> Any:
    """`value` with every array in it on the host; tuples and lists become flat lists."""
    if isinstance(value, Pass):
        return {"y": tu.to_cpu(value.y), **_numbered(value.dx), **host(value.grads)}
    if isinstance(value, dict):
        return {name: tu.to_cpu(array) for name, array in value.items()}
    return tu.to_cpu(value)


def _numbered(arrays: tuple) -> dict:
    return {f"dx{i}": None if a is None else tu.to_cpu(a) for i, a in enumerate(arrays)}


def assert_same(actual: Pass, expected: Pass, tolerance: float = 0.0) -> None:
    """Every array of two passes agrees: max|difference| / max|reference| is within `tolerance`."""
    actual, expected = host(actual), host(expected)
    assert actual.keys() == expected.keys()
    for name, reference in expected.items():
        assert_close(actual[name], reference, tolerance, name)


def assert_close(actual: Any, reference: Any, tolerance: float, what: str = "arrays") -> None:
    """max|actual - reference| / max|reference| is within `tolerance`."""
    actual, reference = np.asarray(tu.to_cpu(actual)), np.asarray(tu.to_cpu(reference))
    assert actual.shape == reference.shape, f"{what}: {actual.shape} is not {reference.shape}"
    difference = np.abs(actual - reference).max(initial=0)
    bound = tolerance * np.abs(reference).max(initial=0)
    assert difference <= bound, f"{what}: differs by {difference:.3g}, allowed {bound:.3g}"


def within(seconds: float, function: Callable[[], Any]) -> Any:
    """What a function returns, called on a thread of its own; fail where it hangs."""
    outcome: Future = Future()

    def call() -> None:
        try:
            outcome.set_result(function())
        except BaseException as error:
            outcome.set_exception(error)

    thread = threading.Thread(target=call, daemon=True)
    thread.start()
    thread.join(seconds)
    if not outcome.done():
        pytest.fail(f"still running after {seconds} s")
    return outcome.result()
