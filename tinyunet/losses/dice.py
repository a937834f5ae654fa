"""Soft Dice, the loss of V-Net."""

from __future__ import annotations

from tinyunet.engine.arrays import Array, array_module
from tinyunet.engine.workers import joined
from tinyunet.losses.loss import Loss, class_first, class_last, one_hot, softmax


class DiceLoss(Loss):
    """One minus the soft Dice overlap, averaged over the classes that are present.

    With p = softmax(z), g the one-hot labels, and sums over all pixels of the batch, each times its
    weight, the Dice of a class in the form of V-Net (Milletari et al. 2016, arXiv:1606.04797) is

        D = (2 sum(p g) + s) / (sum(p^2) + sum(g^2) + s)  =  A / B
        dD/dp = (2 g - 2 p D) / B

    and a softmax passes a gradient dp on as dz = p * (dp - sum over classes of dp * p).

    Parameters
    ----------
    smooth
        The s above, which keeps the quotient finite.
    ignore_label
        Pixels with this label count for nothing. With no pixel left, the loss is 1 and the gradient 0.
    """

    def __init__(self, smooth: float = 1.0, ignore_label: int | None = None) -> None:
        super().__init__()
        self.ignore_label = ignore_label
        if smooth <= 0:
            raise ValueError(f"DiceLoss needs smooth above 0, got {smooth}")
        self.smooth = smooth

    def forward(self, logits: Array, labels: Array, weights: Array | None = None) -> float:
        """Return the loss of logits (N, H, W, K) for labels (N, H, W) in 0..K-1.

        Parameters and errors as for `SoftmaxCrossEntropy.forward`.
        """
        self._check(logits, labels, weights)
        xp, classes = array_module(logits), logits.shape[3]
        onehot = one_hot(labels, classes)  # (K, N, H, W)
        g = onehot.astype(logits.dtype)
        w = xp.ones(labels.shape, logits.dtype) if weights is None else weights
        if self.ignore_label is not None:
            counts = (labels != self.ignore_label).astype(logits.dtype)
            w, g = w * counts, g * counts
        p, _, _ = softmax(class_first(logits))

        pixels = (1, 2, 3)
        both, either = (w * p * g).sum(pixels), (w * (p * p + g)).sum(pixels)  # g * g is g
        both, either, pixels_of = joined(both, either, g.sum(pixels))
        bottom = either + self.smooth
        dice = (2 * both + self.smooth) / bottom
        present = (pixels_of > 0).astype(logits.dtype)
        share = present / xp.maximum(present.sum(), 1)  # each present class counts the same
        (loss,) = self._own_floats([1 - (share * dice).sum()], labels, onehot)
        self._kept = p, g, w, dice, bottom, share
        return loss

    def backward(self) -> Array:
        """Return dlogits (N, H, W, K)."""
        p, g, w, dice, bottom, share = self._take()
        share, dice, bottom = (v[:, None, None, None] for v in (share, dice, bottom))
        dp = -share * w * 2 * (g - p * dice) / bottom
        return class_last(p * (dp - (dp * p).sum(axis=0)))
