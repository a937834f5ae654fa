"""The exercises of lesson 8, Training."""

from tinyunet.exercises.lesson_08 import initialisation, optimizers, training_loop, ranges, quiz
