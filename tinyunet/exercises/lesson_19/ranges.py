"""Lesson 19: in which ranges its measured values lie."""

RANGES = {}
SMALL = {}
