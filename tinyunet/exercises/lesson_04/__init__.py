"""The exercises of lesson 4, Up-convolution."""

from tinyunet.exercises.lesson_04 import output_size, up_convolution, bilinear, quiz, ranges
