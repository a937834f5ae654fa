"""The exercises of lesson 7, The U."""

from tinyunet.exercises.lesson_07 import counting, network, quiz, ranges
