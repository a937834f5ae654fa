"""The exercises of lesson 13, Real cells."""

from tinyunet.exercises.lesson_13 import matching, v_rand, ranges, quiz
