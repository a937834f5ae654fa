"""The exercises of lesson 18, Seeing far."""

from tinyunet.exercises.lesson_18 import field, bins, resizing, ranges, quiz
