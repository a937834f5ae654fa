"""The exercises of lesson 12, Touching cells."""

from tinyunet.exercises.lesson_12 import merged_cells, borders, weight_map, ranges, quiz
