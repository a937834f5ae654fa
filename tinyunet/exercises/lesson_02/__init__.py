"""The exercises of lesson 2, Backward, and proof."""

from tinyunet.exercises.lesson_02 import (
    finite_differences,
    conv2d_backward,
    adjoint,
    gradient_checker,
    ranges,
    quiz,
)
