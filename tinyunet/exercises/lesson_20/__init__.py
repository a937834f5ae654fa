"""The exercises of lesson 20, How sure can one be?."""

from tinyunet.exercises.lesson_20 import symmetries, reliability, ranges, quiz
