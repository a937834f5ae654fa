"""What a network is wrong by, and the gradient of it."""

from tinyunet.losses.adversarial import (
    AdversarialLoss,
    GANLoss,
    LeastSquaresGANLoss,
    SoftmaxGANLoss,
)
from tinyunet.losses.binary import BCEDiceLoss, BCEWithLogitsLoss
from tinyunet.losses.class_weights import median_frequency, pixel_weights
from tinyunet.losses.cross_entropy import SoftmaxCrossEntropy
from tinyunet.losses.dice import DiceLoss
from tinyunet.losses.heads import DeepSupervision
from tinyunet.losses.l1 import L1Loss
from tinyunet.losses.loss import Loss

__all__ = [
    "AdversarialLoss",
    "BCEDiceLoss",
    "BCEWithLogitsLoss",
    "DeepSupervision",
    "DiceLoss",
    "GANLoss",
    "L1Loss",
    "LeastSquaresGANLoss",
    "Loss",
    "SoftmaxCrossEntropy",
    "SoftmaxGANLoss",
    "median_frequency",
    "pixel_weights",
]
