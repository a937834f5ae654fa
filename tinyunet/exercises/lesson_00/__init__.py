"""The exercises of lesson 0, Pixels to labels."""

from tinyunet.exercises.lesson_00 import labels, overlap, otsu, ranges, quiz
