"""The exercises of lesson 19, Colouring: what L1 cannot do."""

from tinyunet.exercises.lesson_19 import losses, steps, quiz, ranges  # isort: skip
