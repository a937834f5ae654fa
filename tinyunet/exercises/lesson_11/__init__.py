"""The exercises of lesson 11, Few images."""

from tinyunet.exercises.lesson_11 import symmetries, smooth_field, warping, ranges, quiz
