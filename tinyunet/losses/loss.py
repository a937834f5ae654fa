"""What every loss shares: its checks, the classes first, the softmax.

Losses take logits (N, H, W, K) and integer labels (N, H, W), return a Python float, and then hand back
its gradient with respect to the logits, once.
"""

from __future__ import annotations

from tinyunet.engine.arrays import Array, array_module, device_name
from tinyunet.engine.workers import joined


class Loss:
    """The base of losses: ``loss = f.forward(logits, labels)``, ``dlogits = f.backward()``."""

    ignore_label: int | None = None  # pixels with this label count for nothing

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
        if isinstance(logits, list | tuple) and hasattr(logits[0] if logits else None, "dtype"):
            raise TypeError(
                f"{name} takes the logits of one head, got {len(logits)}: give "
                f"DeepSupervision({name}())"
            )
        for what, array in (("logits", logits), ("labels", labels), ("weights", weights)):
            if array is not None and not hasattr(array, "dtype"):
                raise TypeError(
                    f"{name} takes arrays, got {what} as {type(array).__name__}: use "
                    f"numpy.asarray({what})"
                )
        if logits.ndim != 4 or logits.dtype.name not in ("float32", "float64"):
            raise ValueError(
                f"{name} needs float logits (N, H, W, K), got {logits.dtype} {logits.shape}"
            )
        self._check_channels(logits)
        if labels.shape != logits.shape[:3]:
            raise ValueError(
                f"{name} got labels of shape {labels.shape} for logits of shape {logits.shape}: "
                f"they should be {logits.shape[:3]}{_remedy(logits.shape, labels.shape)}"
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

    def _check_channels(self, logits: Array) -> None:
        """Raise ValueError for logits (N, H, W, K) of a K that this loss does not take."""
        if logits.shape[3] < 2:
            name = type(self).__name__
            raise ValueError(
                f"{name} needs at least 2 classes, got logits of {logits.shape}: a "
                "single channel is for BCEWithLogitsLoss"
            )

    def _floats(self, sums: list[Array], labels: Array, onehot: Array) -> list[float]:
        """Return sums over the batch as `_own_floats` does; where workers share it, over all of it."""
        return list(joined(*self._own_floats(sums, labels, onehot)))

    def _own_floats(self, sums: list[Array], labels: Array, onehot: Array) -> list[float]:
        """Return sums as Python floats, or raise ValueError if a label is out of range.

        Both are asked for at once: it is the one moment that waits for a GPU.
        """
        known = onehot.any(axis=0)
        if self.ignore_label is not None:
            known |= labels == self.ignore_label
        out_of_range = (~known).sum().astype(sums[0].dtype)
        *floats, wrong = array_module(labels).stack([*sums, out_of_range]).tolist()
        if wrong:
            name, classes = type(self).__name__, len(onehot)
            ignored = "" if self.ignore_label is None else f" or {self.ignore_label} (ignored)"
            raise ValueError(
                f"{name} got labels from {int(labels.min())} to {int(labels.max())}, but the logits "
                f"have {classes} classes: labels must be 0 to {classes - 1}{ignored}"
            )
        return floats


def _remedy(logits: tuple[int, ...], labels: tuple[int, ...]) -> str:
    """What makes labels of another shape right, where that can be told."""
    if (logits[0], *logits[2:]) == labels:
        return (
            "; or the logits' channels come first, and should last: numpy.moveaxis(logits, 1, -1)"
        )
    if labels == logits and labels[3] > 1:
        return "; of one-hot labels the class numbers: labels.argmax(axis=-1)"
    if labels == (logits[0], logits[3], *logits[1:3]) and labels[1] > 1:
        return "; of one-hot labels the class numbers: labels.argmax(axis=1)"
    if labels == (*logits[:3], 1):
        return "; without the last axis: labels[..., 0]"
    return ""


# NumPy works on the innermost axis in one go, and the classes are few: with them as the first axis, all
# that a loss does runs along whole images.


def class_first(logits: Array) -> Array:
    """Return logits (N, H, W, K) as (K, N, H, W)."""
    xp = array_module(logits)
    return xp.ascontiguousarray(xp.moveaxis(logits, 3, 0))


def class_last(dz: Array) -> Array:
    """Return (K, N, H, W) as (N, H, W, K)."""
    xp = array_module(dz)
    return xp.ascontiguousarray(xp.moveaxis(dz, 0, 3))


def one_hot(labels: Array, classes: int) -> Array:
    """Return a mask (K, N, H, W): which pixels have class k."""
    return labels == array_module(labels).arange(classes)[:, None, None, None]


def softmax(z: Array) -> tuple[Array, Array, Array]:
    """Return p = softmax(z) over the first axis, and what log p = z - log(normaliser) needs.

    That is z less its largest value, with which exp cannot overflow and the softmax stays the same,
    and the normaliser, the sum of exp(z).
    """
    xp = array_module(z)
    z = z - z.max(axis=0)
    p = xp.exp(z)
    normaliser = p.sum(axis=0)
    p /= normaliser
    return p, z, normaliser
