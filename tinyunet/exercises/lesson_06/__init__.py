"""The exercises of lesson 6, Crop, concat and the fork."""

from tinyunet.exercises.lesson_06 import crop, concat, fork, quiz, ranges  # isort: skip
