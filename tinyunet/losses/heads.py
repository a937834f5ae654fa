"""One loss for several heads of a network."""

from __future__ import annotations

import copy
from collections.abc import Sequence

from tinyunet.engine.arrays import Array
from tinyunet.losses.loss import Loss


class DeepSupervision(Loss):
    """The sum of one loss over several heads, all compared with the same labels.

        loss = sum over heads j of c_j * loss(logits_j),   dlogits_j = c_j * the gradient at head j

    With every c_j = 1, as by default and in U-Net++ (Zhou et al. 2018, arXiv:1807.10165), four heads
    have four times the gradient of their mean: ``weights=[1 / 4] * 4`` takes the mean, and suits the
    learning rate of one head.

    Parameters
    ----------
    loss
        What each head is wrong by.
    weights
        The factors c_j, one for each head; 1 each by default.
    """

    def __init__(self, loss: Loss, weights: Sequence[float] | None = None) -> None:
        super().__init__()
        if not isinstance(loss, Loss):
            raise TypeError(f"DeepSupervision needs a loss, got {loss!r}: give BCEDiceLoss()")
        self.loss = loss
        self.weights = None if weights is None else [float(c) for c in weights]
        self.ignore_label = loss.ignore_label

    def forward(  # type: ignore[override]  # a list where other losses take one array
        self, logits: Sequence[Array], labels: Array, weights: Array | None = None
    ) -> float:
        """Return the sum of the heads' losses, a Python float.

        Parameters
        ----------
        logits
            A list or tuple of one array for each head, each as the loss takes it.
        labels, weights
            Classes (N, H, W) and weights of pixels, as the loss takes them; the same for all heads.

        Raises
        ------
        ValueError, TypeError
            If this is no list, or not of as many heads as there are factors; and what the loss raises.
        """
        self._kept = None
        if not isinstance(logits, list | tuple):
            raise TypeError(
                "DeepSupervision needs a list with the logits of each head, got "
                f"{type(logits).__name__}: for one head use the loss itself, {type(self.loss).__name__}"
            )
        factors = [1.0] * len(logits) if self.weights is None else self.weights
        if not logits or len(factors) != len(logits):
            wanted = (
                "one head at least" if self.weights is None else f"{len(factors)}, one a weight"
            )
            raise ValueError(f"DeepSupervision got {len(logits)} heads: it needs {wanted}")
        heads = [copy.deepcopy(self.loss) for _ in logits]  # each keeps what its backward needs
        values = [head(z, labels, weights) for head, z in zip(heads, logits, strict=True)]
        self._kept = heads, factors
        return sum(c * value for c, value in zip(factors, values, strict=True))

    def backward(self) -> list[Array]:  # type: ignore[override]  # for `forward` took one
        """Return the gradients with respect to the logits, a list of one array for each head."""
        heads, factors = self._take()
        return [c * head.backward() for c, head in zip(factors, heads, strict=True)]
