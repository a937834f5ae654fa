"""Lesson 19: its questions."""

QUIZ = {}
