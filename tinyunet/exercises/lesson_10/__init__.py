"""The exercises of lesson 10, Valid or same?"""

from tinyunet.exercises.lesson_10 import sizes, mirroring, starts, overlap, ranges, quiz
