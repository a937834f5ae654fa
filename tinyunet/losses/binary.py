"""Losses of one channel of logits, whose sigmoid is the probability of label 1."""

from __future__ import annotations

from tinyunet.engine.arrays import Array, array_module
from tinyunet.losses.loss import Loss, one_hot


class BinaryLoss(Loss):
    """The base of losses that take logits (N, H, W, 1) and labels (N, H, W) of 0 and 1.

    Parameters
    ----------
    ignore_label
        Pixels with this label count for nothing. With no pixel left, the cross-entropy is 0, and so
        is the gradient.
    """

    def __init__(self, ignore_label: int | None = None) -> None:
        super().__init__()
        self.ignore_label = ignore_label

    def _check_channels(self, logits: Array) -> None:
        if logits.shape[3] != 1:
            raise ValueError(
                f"{type(self).__name__} needs logits (N, H, W, 1) of one channel, got "
                f"{logits.shape}: for a channel a class there is SoftmaxCrossEntropy"
            )

    def _pixels(
        self, logits: Array, labels: Array, weights: Array | None
    ) -> tuple[Array, Array, Array, Array, Array]:
        """Return what both losses are made of, each (N, H, W): p, t, -log p[t], what counts, weights.

        With e = exp(-|z|), which cannot overflow, and t the label,

            p        = 1 / (1 + e)  where z >= 0,  e / (1 + e)  elsewhere
            -log p[t] = max(z, 0) - z t + log(1 + e)

        The weights are 0 where nothing counts.
        """
        self._check(logits, labels, weights)
        xp, z = array_module(logits), logits[..., 0]
        t = (labels == 1).astype(logits.dtype)
        e = xp.exp(-xp.abs(z))
        p = xp.where(z >= 0, xp.ones_like(e), e) / (1 + e)
        losses = xp.maximum(z, 0) - z * t + xp.log1p(e)

        if self.ignore_label is None:
            counts = xp.ones(labels.shape, logits.dtype)
        else:
            counts = (labels != self.ignore_label).astype(logits.dtype)
        return p, t, losses, counts, counts if weights is None else counts * weights


class BCEWithLogitsLoss(BinaryLoss):
    """Binary cross-entropy: the negative log-likelihood of labels 0 and 1, the mean over all pixels.

    With p = sigmoid(z), t the pixel's label and w its weight,

        loss = sum of w * -(t log p + (1 - t) log(1 - p))  /  number of counted pixels
        dz   = w * (p - t)                                 /  number of counted pixels

    because d(-log p)/dz = p - 1 and d(-log(1 - p))/dz = p. It equals `SoftmaxCrossEntropy` of the
    two channels (0, z). Taken from the logits, the gradient stays right where p rounds to 0 or 1; that
    of a log of p with a clamp vanishes there. PyTorch's loss of this name, whose mean divides by the
    number of all pixels.

    Parameters
    ----------
    ignore_label
        Pixels with this label count for nothing. With no pixel left, the loss and gradient are 0.
    """

    def forward(self, logits: Array, labels: Array, weights: Array | None = None) -> float:
        """Return the loss of logits (N, H, W, 1) for labels (N, H, W) of 0 and 1.

        Parameters
        ----------
        logits
            Scores (N, H, W, 1), float32 or float64; above 0 where label 1 is likelier.
        labels
            Classes (N, H, W), integers.
        weights
            Weight of each pixel (N, H, W), in the logits' dtype; 1 everywhere by default.

        Raises
        ------
        ValueError, TypeError
            If shapes or dtypes do not fit, or a label is neither 0 nor 1 nor ignored.
        """
        p, t, losses, counts, weighted = self._pixels(logits, labels, weights)
        sums = [(weighted * losses).sum(), counts.sum()]
        total, counted = self._floats(sums, labels, one_hot(labels, 2))
        counted = max(counted, 1.0)
        self._kept = p, t, weighted, counted
        return total / counted

    def backward(self) -> Array:
        """Return dlogits = w * (p - t) / number of counted pixels, (N, H, W, 1)."""
        p, t, weighted, counted = self._take()
        return ((p - t) * (weighted / counted))[..., None]


class BCEDiceLoss(BinaryLoss):
    """Half the binary cross-entropy less the soft Dice overlap, the loss of U-Net++.

    With p = sigmoid(z), t the labels, and sums over all counted pixels of the batch, each times its
    weight w,

        D     = (2 sum(p t) + s) / (sum(p) + sum(t) + s)  =  A / B
        dD/dp = (2 t - D) / B
        loss  = a BCE - b D
        dz    = a w (p - t) / number of counted pixels  -  b w dD/dp p (1 - p)

    because a sigmoid passes a gradient dp on as dz = dp * p (1 - p). Sums of p, not of its square as
    in `DiceLoss`. At best the loss is -b: a curve of it has no logarithm.

    As in the authors' code (Zhou et al. 2018, arXiv:1807.10165: a = 1/2, b = 1, s = 1).

    Parameters
    ----------
    bce, dice
        The factors a and b above, not negative.
    smooth
        The s above, which keeps the quotient finite.
    ignore_label
        Pixels with this label count for nothing. With no pixel left, D is 1 and the gradient is 0.
    """

    def __init__(
        self,
        bce: float = 0.5,
        dice: float = 1.0,
        smooth: float = 1.0,
        ignore_label: int | None = None,
    ) -> None:
        super().__init__(ignore_label)
        if smooth <= 0:
            raise ValueError(f"BCEDiceLoss needs smooth above 0, got {smooth}")
        if bce < 0 or dice < 0:
            raise ValueError(f"BCEDiceLoss needs factors of 0 or more, got bce={bce}, dice={dice}")
        self.bce, self.dice, self.smooth = bce, dice, smooth

    def forward(self, logits: Array, labels: Array, weights: Array | None = None) -> float:
        """Return the loss of logits (N, H, W, 1) for labels (N, H, W) of 0 and 1.

        Parameters and errors as for `BCEWithLogitsLoss.forward`.
        """
        p, t, losses, counts, w = self._pixels(logits, labels, weights)
        sums = [(w * losses).sum(), counts.sum(), (w * p * t).sum(), (w * (p + t)).sum()]
        total, counted, both, either = self._floats(sums, labels, one_hot(labels, 2))
        counted, bottom = max(counted, 1.0), either + self.smooth
        dice = (2 * both + self.smooth) / bottom
        self._kept = p, t, w, counted, dice, bottom
        return self.bce * total / counted - self.dice * dice

    def backward(self) -> Array:
        """Return dlogits (N, H, W, 1)."""
        p, t, w, counted, dice, bottom = self._take()
        ddice = (2 * t - dice) / bottom
        dz = self.bce * (p - t) / counted - self.dice * ddice * p * (1 - p)
        return (w * dz)[..., None]
