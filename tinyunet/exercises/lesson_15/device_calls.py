"""Lesson 15: how the checks call a function with a CuPy that needs no GPU."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinyunet.exercises.device import Device, DeviceArray, cupy_is
from tinyunet.exercises.trial import Stop, Trial


def call(trial: Trial, device: Device, **arguments: Any) -> Any:
    """Call the student's function where `device` is CuPy; explain what the device refuses."""
    device.events.clear()
    with cupy_is(device):
        try:
            return trial.call(**arguments)
        except Stop:
            if device.refused:
                trial.findings()[-1].cause = device.refused
            raise


def on_device(trial: Trial, device: Device, name: str, got: Any) -> np.ndarray:
    """Return what lies behind the wall, if it is on the device and nothing was moved to get it."""
    trial.require(got is not None, name, "is None", "a missing return")
    waits = device.noted("wait")
    trial.require(
        not waits, name, f"the host waited for the device: {', '.join(waits)}",
        "numbers were fetched from the device, which waits until all before is done: a layer "
        "computes where its argument lies",
    )  # fmt: skip
    trial.require(
        not device.noted("moved"), name, "an array was moved from the host",
        "it was made by np and then moved: make it on the device, with xp",
    )  # fmt: skip
    trial.require(
        isinstance(got, DeviceArray), name, f"is of type {type(got).__name__}, for a device array",
        "the result left the device: it should lie where the argument lies",
    )  # fmt: skip
    require_no_numpy(trial, device, name)
    return got._memory


def require_no_numpy(trial: Trial, device: Device, name: str) -> None:
    """End the trial if a function of NumPy was called with a device array and handed the call over."""
    called = sorted(set(device.noted("numpy")))
    trial.require(
        not called, name, f"is right, but made with {', '.join(called)} on a device array",
        "NumPy hands such a call over, out of courtesy; in code for both, write xp in place of np",
    )  # fmt: skip
