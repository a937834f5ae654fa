"""The exercises of lesson 1, Convolution."""

from tinyunet.exercises.lesson_01 import output_size, loops, matrix_product, ranges, quiz
