"""What a discriminator is wrong by, and a generator through it.

A discriminator D sees an image, or a pair of input and image, and answers with logits, for the whole or
one for each patch. It should say real of what is real and fake of what the generator G painted:

    L_D = 1/2 (loss(D(real), True) + loss(D(G(x)), False))        G(x) is a constant
    L_G = loss(D(G(x)), True)                                     D is a constant

Both are the same loss: G asks that D take its painting for real. For G's gradient, run D's backward,
and hand the gradient of its input on to G; what it sets as gradients of D's own parameters is not
used. See `tinyunet.learning.adversarial`.
"""

from __future__ import annotations

import numpy as np

from tinyunet.engine.arrays import Array, array_module, device_name, to_device
from tinyunet.losses.cross_entropy import SoftmaxCrossEntropy
from tinyunet.losses.loss import Loss


class AdversarialLoss(Loss):
    """The base of losses that take a discriminator's logits and what it should say of them."""

    def forward(  # type: ignore[override]  # one word for all logits in the place of labels
        self, logits: Array, real: bool, weights: None = None
    ) -> float:
        """Return the loss of logits (N, H, W, C), float32 or float64, which should all say `real`.

        Raises
        ------
        ValueError
            If these are no such logits.
        TypeError
            If `real` is neither True nor False, or there are weights.
        """
        self._kept = None
        name = type(self).__name__
        if not isinstance(real, bool):
            raise TypeError(f"{name} needs to know whether logits should say real: True or False")
        if weights is not None:
            raise TypeError(f"{name} takes no weights: all logits count the same")
        if logits.ndim != 4 or logits.dtype.name not in ("float32", "float64"):
            raise ValueError(
                f"{name} needs float logits (N, H, W, C), got {logits.dtype} {logits.shape}"
            )
        return self._value(logits, real)

    def _value(self, logits: Array, real: bool) -> float:
        """Keep what backward needs and return the loss."""
        raise TypeError(f"{type(self).__name__} does not define _value")


class GANLoss(AdversarialLoss):
    """Binary cross-entropy on logits: the non-saturating loss (Goodfellow et al. 2014, pix2pix).

    With z a logit and t = 1 for real, 0 for fake, the mean over all logits of

        loss = max(z, 0) - z t + log(1 + exp(-|z|))          = -log of the probability of t
        dz   = (p - t) / count,  p = 1 / (1 + exp(-z))

    For G, t is 1: the gradient is largest where D is sure of a fake. (Turned around, -loss(z, False),
    it would be p there, nearly 0: that saturates.)
    """

    def _value(self, z: Array, real: bool) -> float:
        xp, t = array_module(z), float(real)
        e = xp.exp(-xp.abs(z))
        p = xp.where(z >= 0, xp.ones_like(e), e) / (1 + e)
        self._kept = p, t
        return (xp.maximum(z, 0) - z * t + xp.log1p(e)).sum().item() / z.size

    def backward(self) -> Array:
        """Return dL/d(logits) = (p - t) / count."""
        p, t = self._take()
        return (p - t) / p.size


class LeastSquaresGANLoss(AdversarialLoss):
    """The mean square distance from 1 for real and 0 for fake (Mao et al. 2017, arXiv:1611.04076).

        loss = mean of (z - t)^2,   dz = 2 (z - t) / count

    Logits that say real too loudly are wrong as well, and no logit's gradient vanishes.
    """

    def _value(self, z: Array, real: bool) -> float:
        off = z - float(real)
        self._kept = (off,)
        return (off * off).sum().item() / z.size

    def backward(self) -> Array:
        """Return dL/d(logits) = 2 (z - t) / count."""
        (off,) = self._take()
        return off * (2 / off.size)


class SoftmaxGANLoss(AdversarialLoss):
    """Cross-entropy of two classes, as in PaintsChainer: of logits (N, H, W, 2) the first says real.

    It equals `GANLoss` of the difference, z0 - z1.
    """

    def _value(self, logits: Array, real: bool) -> float:
        loss = SoftmaxCrossEntropy()
        labels = np.full(logits.shape[:3], 0 if real else 1)
        value = loss(logits, to_device(labels, device_name(logits)))
        self._kept = (loss,)
        return value

    def backward(self) -> Array:
        """Return dL/d(logits) = (softmax - one-hot) / number of pairs."""
        (loss,) = self._take()
        return loss.backward()
