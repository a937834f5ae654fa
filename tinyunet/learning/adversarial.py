"""One step of two networks: one paints, the other judges, and each learns from the other."""

from __future__ import annotations

import math
from dataclasses import dataclass

from tinyunet.engine.arrays import Array, array_module, to_device
from tinyunet.engine.threads import one_blas_thread
from tinyunet.layers.layer import Layer
from tinyunet.learning.optim import Optimizer
from tinyunet.losses import AdversarialLoss, GANLoss, L1Loss


@dataclass(frozen=True)
class PaintingStep:
    """What a step of training was wrong by, before its updates.

    Attributes
    ----------
    l1
        The mean absolute difference between painted and target.
    discriminator
        Half the discriminator's loss on real images and half that on painted ones; None without one.
    adversarial
        The generator's loss through the discriminator, without L1; None without one.
    """

    l1: float
    discriminator: float | None = None
    adversarial: float | None = None


def adversarial_step(
    generator: Layer,
    discriminator: Layer,
    optimizers: tuple[Optimizer, Optimizer],
    inputs: Array,
    targets: Array,
    *,
    loss: AdversarialLoss | None = None,
    l1_weight: float = 100.0,
    conditional: bool = True,
) -> PaintingStep:
    """Take one step of both networks, as pix2pix does (Isola et al. 2017, arXiv:1611.07004).

    With G the generator, D the discriminator, x the inputs, y the targets, and (x, y) channels joined:

        D's loss = 1/2 (loss(D(x, y), True) + loss(D(x, G(x)), False))       G(x) is a constant
        G's loss = loss(D(x, G(x)), True) + l1_weight * mean |G(x) - y|      after D's update

    The gradient of G's loss comes out of D's backward pass as that of D's input. Its channels of G(x),
    with those of L1 added, go on into G. What the pass sets as gradients of D's own parameters would
    teach D to be fooled: they are thrown away.

    Parameters
    ----------
    generator, discriminator
        Both in training mode.
    optimizers
        The generator's and the discriminator's.
    inputs, targets
        Images (N, H, W, C) and (N, H, W, K); they are put into the generator's dtype, on its device.
    loss
        `GANLoss` by default.
    l1_weight
        Not below 0. The less of it, the less a painting owes to its target.
    conditional
        Whether the discriminator sees the inputs beside what it judges. If not, it cannot tell whether
        a painting belongs to its input.

    Raises
    ------
    ArithmeticError
        If a loss is not finite; the network that it belongs to has not changed in this step.
    """
    loss, l1 = GANLoss() if loss is None else loss, L1Loss()
    x, y = (as_of(generator, images) for images in (inputs, targets))
    join = array_module(x).concatenate

    def judged(images: Array) -> Array:
        return discriminator(join([x, images], axis=-1) if conditional else images)

    with one_blas_thread():  # once: a small network's layers would limit it a hundred times
        painted = generator(x)  # it keeps what its backward pass needs, further down

        halves, kept = [], {}
        for images, real in ((painted, False), (y, True)):  # in two batches: see BatchNorm2d
            halves.append(finite(loss(judged(images), real) / 2, "discriminator"))
            discriminator.backward_parameters(loss.backward() / 2)
            for (
                name,
                gradient,
            ) in discriminator.named_gradients():  # set by each pass, so added here
                gradient += kept.get(name, 0)
                kept[name] = gradient
        optimizers[1].step()

        fooled = finite(loss(judged(painted), True), "generator")
        dpainted = discriminator.backward(loss.backward())[..., -y.shape[3] :]
        for _, layer in discriminator.named_layers():
            layer.grads = {}
        difference = finite(l1(painted, y), "generator")
        generator.backward_parameters(dpainted + l1_weight * l1.backward())
        optimizers[0].step()
    return PaintingStep(difference, sum(halves), fooled)


def as_of(model: Layer, images: Array) -> Array:
    """The images in the model's dtype, on its device."""
    return to_device(images.astype(model.dtype, copy=False), model.device)


def finite(value: float, whose: str) -> float:
    """Return a loss; ArithmeticError if it is infinite or NaN."""
    if not math.isfinite(value):
        raise ArithmeticError(f"the {whose}'s loss became {value}: take a lower learning rate")
    return value
