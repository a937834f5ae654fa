"""Softmax cross-entropy with a weight map, the loss of the U-Net paper."""

from __future__ import annotations

from tinyunet.engine.arrays import Array, array_module
from tinyunet.losses.loss import Loss, class_first, class_last, one_hot, softmax


class SoftmaxCrossEntropy(Loss):
    """The negative log-likelihood of the labels, the mean over all pixels.

    With p = softmax(z) over the classes, t the pixel's label and w its weight,

        loss = sum of w * -log p[t]  /  number of counted pixels
        dz   = w * (p - onehot(t))   /  number of counted pixels

    because d(-log p[t])/dz[k] = p[k] - [k = t]. The U-Net paper's equation 1, up to its sign and the
    division, which makes learning rates independent of the image size.

    Parameters
    ----------
    ignore_label
        Pixels with this label count for nothing. With no pixel left, the loss and gradient are 0.
    """

    def __init__(self, ignore_label: int | None = None) -> None:
        super().__init__()
        self.ignore_label = ignore_label

    def forward(self, logits: Array, labels: Array, weights: Array | None = None) -> float:
        """Return the loss of logits (N, H, W, K) for labels (N, H, W) in 0..K-1.

        Parameters
        ----------
        logits
            Scores (N, H, W, K), float32 or float64.
        labels
            Classes (N, H, W), integers.
        weights
            Weight of each pixel (N, H, W), in the logits' dtype; 1 everywhere by default.

        Raises
        ------
        ValueError, TypeError
            If shapes or dtypes do not fit, or a label is no class.
        """
        self._check(logits, labels, weights)
        xp, classes = array_module(logits), logits.shape[3]
        onehot = one_hot(labels, classes)  # (K, N, H, W)
        p, z, normaliser = softmax(class_first(logits))
        losses = xp.log(normaliser) - (z * onehot).sum(axis=0)  # -log p[t], (N, H, W)

        if self.ignore_label is None:
            counts = xp.ones(labels.shape, logits.dtype)
        else:
            counts = (labels != self.ignore_label).astype(logits.dtype)
        weighted = counts if weights is None else counts * weights
        total, counted = self._floats([(weighted * losses).sum(), counts.sum()], labels, onehot)
        counted = max(counted, 1.0)
        self._kept = p, onehot, weighted, counted
        return total / counted

    def backward(self) -> Array:
        """Return dlogits = w * (p - onehot) / number of counted pixels, (N, H, W, K)."""
        p, onehot, weighted, counted = self._take()
        return class_last((p - onehot) * (weighted / counted))
