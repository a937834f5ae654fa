"""What a network is wrong by, and the gradient of it."""

from tinyunet.losses.loss import DiceLoss, Loss, SoftmaxCrossEntropy

__all__ = ["DiceLoss", "Loss", "SoftmaxCrossEntropy"]
