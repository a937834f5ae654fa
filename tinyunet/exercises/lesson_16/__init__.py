"""The exercises of lesson 16, From FCN to SegNet: what a stride costs."""

from tinyunet.exercises.lesson_16 import alignment, enlarging, quiz, ranges, weights
