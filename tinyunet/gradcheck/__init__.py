"""Prove that backward passes are right, by finite differences in float64."""

from tinyunet.gradcheck.checker import check_adjoint, check_gradients
from tinyunet.gradcheck.foreign.function import check_function
from tinyunet.gradcheck.foreign.objects import check_object
from tinyunet.gradcheck.report import GradientReport

__all__ = ["GradientReport", "check_adjoint", "check_function", "check_gradients", "check_object"]
