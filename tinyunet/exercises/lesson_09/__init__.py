"""The exercises of lesson 9, Do skips matter?"""

from tinyunet.exercises.lesson_09 import joining, indices, ranges, quiz
