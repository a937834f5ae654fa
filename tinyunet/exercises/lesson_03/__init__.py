"""The exercises of lesson 3, ReLU and max-pooling."""

from tinyunet.exercises.lesson_03 import relu, pooling, ranges, quiz
