"""The exercises of lesson 14, How fast can NumPy go?"""

from tinyunet.exercises.lesson_14 import counting, winograd, any_points, ranges, quiz
