"""L1: the mean absolute difference, for images in place of labels."""

from __future__ import annotations

from tinyunet.engine.arrays import Array, array_module, device_name
from tinyunet.engine.workers import joined
from tinyunet.losses.loss import Loss


class L1Loss(Loss):
    """The mean absolute difference between what a network paints and what it should paint.

    With x the output, t the target, w a pixel's weight, and count the number of values in x,

        loss = sum of w * |x - t|     / count
        dx   = w * sign(x - t)        / count        0 where they are equal

    Where several targets are possible for one input, the least loss is at their median, value by value:
    of red or blue something in between, of stripes of any phase no stripes. As PyTorch's L1Loss.
    """

    def forward(self, outputs: Array, targets: Array, weights: Array | None = None) -> float:
        """Return the loss of outputs for targets of the same shape (N, H, W, C) and dtype.

        Parameters
        ----------
        outputs, targets
            Images, float32 or float64.
        weights
            Weight of each pixel (N, H, W), in the outputs' dtype; 1 everywhere by default.

        Raises
        ------
        ValueError, TypeError
            If shapes, dtypes or devices do not fit.
        """
        self._kept = None
        _check_images(outputs, targets, weights)
        difference = outputs - targets
        w = 1 if weights is None else weights[..., None]
        total, count = joined((abs(difference) * w).sum().item(), float(difference.size))
        self._kept = difference, w, count
        return total / count

    def backward(self) -> Array:
        """Return dL/d(outputs) = w * sign(x - t) / count."""
        difference, w, count = self._take()
        return array_module(difference).sign(difference) * w / count


def _check_images(outputs: Array, targets: Array, weights: Array | None) -> None:
    if outputs.ndim != 4 or outputs.dtype.name not in ("float32", "float64"):
        raise ValueError(
            f"L1Loss needs float outputs (N, H, W, C), got {outputs.dtype} {outputs.shape}"
        )
    for what, other, shape in (
        ("targets", targets, outputs.shape),
        ("weights", weights, outputs.shape[:3]),
    ):
        if other is None:
            continue
        if other.shape != shape:
            raise ValueError(
                f"L1Loss got {what} of shape {other.shape} for outputs of shape {outputs.shape}: "
                f"they should be {shape}"
            )
        if other.dtype != outputs.dtype:
            raise TypeError(
                f"L1Loss got {outputs.dtype} outputs but {other.dtype} {what}: use {what}.astype"
            )
        if device_name(other) != device_name(outputs):
            raise TypeError(
                f"L1Loss got outputs on the {device_name(outputs)} and {what} on the "
                f"{device_name(other)}: move them with tinyunet.to_cpu or to_gpu"
            )
