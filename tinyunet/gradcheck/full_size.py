"""A whole network of full size, of which a single forward pass takes seconds."""

from __future__ import annotations

import numpy as np

from tinyunet.engine.arrays import to_device
from tinyunet.gradcheck.examine import examine
from tinyunet.gradcheck.places import own_generator
from tinyunet.gradcheck.report import GradientReport
from tinyunet.gradcheck.subject import LayerSubject
from tinyunet.gradcheck.suite import with_biases
from tinyunet.layers.layer import Layer


def check_directions(
    network: Layer, shape: tuple[int, ...], seed: int = 0, device: str = "cpu"
) -> GradientReport:
    """Check a network too large for single coordinates: all parameters at once, a few times.

    A mistake in any tensor shows that is not lost in the sum over all: one of a single entry may be.
    """
    rng = np.random.default_rng(seed)
    image = to_device(rng.standard_normal(shape), device)
    subject = LayerSubject(with_biases(network, rng).to(device), (image,))
    report = GradientReport(f"Gradients of {subject.title}", 1e-7)
    examine(subject, report, 0, own_generator(rng))
    report.notes.append("all numbers moved at once, in random directions: none was checked alone")
    return report
