"""The exercises of lesson 17, Nested skips."""

from tinyunet.exercises.lesson_17 import nodes, fork, loss, quiz, ranges  # isort: skip
