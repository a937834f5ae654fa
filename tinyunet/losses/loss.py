"""Losses over every pixel: softmax cross-entropy with a weight map, and soft Dice.

Both take logits (N, H, W, K) and integer labels (N, H, W), return a Python float, and then hand back
its gradient with respect to the logits, once.
"""

from __future__ import annotations

from tinyunet.engine.arrays import Array, array_module, device_name


class Loss:
    """The base of both losses: ``loss = f.forward(logits, labels)``, ``dlogits = f.backward()``."""

    def __init__(self) -> None:
        self._kept: tuple | None = None

    def forward(self, logits: Array, labels: Array, weights: Array | None = None) -> float:
        """Return the loss, a Python float."""
        raise TypeError(f"{type(self).__name__} does not define forward")

    def backward(self) -> Array:
        """Return the gradient of the loss with respect to the logits, (N, H, W, K)."""
        raise TypeError(f"{type(self).__name__} does not define backward")

    def __call__(self, logits: Array, labels: Array, weights: Array | None = None) -> float:
        """Run `forward`."""
        return self.forward(logits, labels, weights)

    def _take(self) -> tuple:
        if self._kept is None:
            raise RuntimeError(f"{type(self).__name__}.backward needs a fresh forward")
        kept, self._kept = self._kept, None
        return kept

    def _check(self, logits: Array, labels: Array, weights: Array | None) -> None:
        self._kept = None  # after a refused batch, backward must not answer for the one before
        name = type(self).__name__
        if logits.ndim != 4 or logits.dtype.name not in ("float32", "float64"):
            raise ValueError(
                f"{name} needs float logits (N, H, W, K), got {logits.dtype} {logits.shape}"
            )
        if logits.shape[3] < 2:
            raise ValueError(f"{name} needs at least 2 classes, got logits of {logits.shape}")
        if labels.shape != logits.shape[:3]:
            raise ValueError(
                f"{name} got labels of shape {labels.shape} for logits of shape {logits.shape}: "
                f"they should be {logits.shape[:3]}"
            )
        if labels.dtype.kind not in "iu":
            raise TypeError(
                f"{name} needs integer labels, got {labels.dtype}: use labels.astype(int)"
            )
        if weights is not None and weights.shape != labels.shape:
            raise ValueError(
                f"{name} got weights of shape {weights.shape} for labels of shape {labels.shape}"
            )
        if weights is not None and weights.dtype != logits.dtype:
            raise TypeError(
                f"{name} got {logits.dtype} logits but {weights.dtype} weights: use weights.astype"
            )
        for other in (labels, weights):
            if other is not None and device_name(other) != device_name(logits):
                raise TypeError(
                    f"{name} got logits on the {device_name(logits)} and labels or weights on the "
                    f"{device_name(other)}: move them with tinyunet.to_cpu or to_gpu"
                )


class SoftmaxCrossEntropy(Loss):
    """How surprised the predicted class probabilities are by the labels, pixel by pixel.

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
        z, onehot = _class_first(logits), _onehot(labels, classes)  # (K, N, H, W)
        z = z - z.max(axis=0)  # exp cannot overflow, and the softmax stays the same
        p = xp.exp(z)
        normaliser = p.sum(axis=0)
        p /= normaliser
        surprise = xp.log(normaliser) - (z * onehot).sum(axis=0)  # -log p[t]

        if self.ignore_label is None:
            counts = xp.ones(labels.shape, logits.dtype)
        else:
            counts = (labels != self.ignore_label).astype(logits.dtype)
        valid = onehot.any(axis=0) | (counts == 0)
        if weights is not None:
            weighted = counts * weights
        else:
            weighted = counts
        sums = [(weighted * surprise).sum(), counts.sum(), (~valid).sum().astype(logits.dtype)]
        total, counted, wrong = xp.stack(sums).tolist()  # the one moment that waits for a GPU
        if wrong:
            raise ValueError(
                f"SoftmaxCrossEntropy got labels from {int(labels.min())} to {int(labels.max())}, "
                f"but the logits have {classes} classes: labels must be 0 to {classes - 1}"
                + (f" or {self.ignore_label} (ignored)" if self.ignore_label is not None else "")
            )
        counted = max(counted, 1.0)
        self._kept = p, onehot, weighted, counted
        return total / counted

    def backward(self) -> Array:
        """Return dlogits = w * (p - onehot) / number of counted pixels, (N, H, W, K)."""
        p, onehot, weighted, counted = self._take()
        return _class_last((p - onehot) * (weighted / counted))


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
    """

    def __init__(self, smooth: float = 1.0) -> None:
        super().__init__()
        if smooth <= 0:
            raise ValueError(f"DiceLoss needs smooth above 0, got {smooth}")
        self.smooth = smooth

    def forward(self, logits: Array, labels: Array, weights: Array | None = None) -> float:
        """Return the loss of logits (N, H, W, K) for labels (N, H, W) in 0..K-1."""
        self._check(logits, labels, weights)
        xp, classes = array_module(logits), logits.shape[3]
        z, g = _class_first(logits), _onehot(labels, classes).astype(logits.dtype)  # (K, N, H, W)
        w = xp.ones(labels.shape, logits.dtype) if weights is None else weights
        p = xp.exp(z - z.max(axis=0))
        p /= p.sum(axis=0)

        pixels = (1, 2, 3)
        bottom = (w * (p * p + g)).sum(pixels) + self.smooth  # g * g is g
        dice = (2 * (w * p * g).sum(pixels) + self.smooth) / bottom
        present = (g.sum(pixels) > 0).astype(logits.dtype)
        share = present / xp.maximum(present.sum(), 1)  # each present class counts the same
        strangers = (1 - g.sum(0)).sum()
        loss, wrong = xp.stack([1 - (share * dice).sum(), strangers]).tolist()
        if wrong:
            raise ValueError(
                f"DiceLoss got labels from {int(labels.min())} to {int(labels.max())}, but the "
                f"logits have {classes} classes: labels must be 0 to {classes - 1}"
            )
        self._kept = p, g, w, dice, bottom, share
        return loss

    def backward(self) -> Array:
        """Return dlogits (N, H, W, K)."""
        p, g, w, dice, bottom, share = self._take()
        share, dice, bottom = (v[:, None, None, None] for v in (share, dice, bottom))
        dp = -share * w * 2 * (g - p * dice) / bottom
        return _class_last(p * (dp - (dp * p).sum(axis=0)))


# NumPy works on the innermost axis in one go, and the classes are few: with them as the first axis, all
# that a loss does runs along whole images.


def _class_first(logits: Array) -> Array:
    """Return logits (N, H, W, K) as (K, N, H, W)."""
    xp = array_module(logits)
    return xp.ascontiguousarray(xp.moveaxis(logits, 3, 0))


def _class_last(dz: Array) -> Array:
    """Return (K, N, H, W) as (N, H, W, K)."""
    xp = array_module(dz)
    return xp.ascontiguousarray(xp.moveaxis(dz, 0, 3))


def _onehot(labels: Array, classes: int) -> Array:
    """Return a mask (K, N, H, W): which pixels have class k."""
    return labels == array_module(labels).arange(classes)[:, None, None, None]
