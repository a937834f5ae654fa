"""What a network is wrong by, and the gradient of it."""

from tinyunet.losses.cross_entropy import SoftmaxCrossEntropy
from tinyunet.losses.dice import DiceLoss
from tinyunet.losses.loss import Loss

__all__ = ["DiceLoss", "Loss", "SoftmaxCrossEntropy"]
