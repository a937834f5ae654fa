"""The exercises of lesson 4, Up-convolution."""

from tinyunet.exercises.lesson_04 import size, up_convolution, bilinear
