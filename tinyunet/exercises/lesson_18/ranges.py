"""Lesson 18: in which ranges its measured values lie."""

RANGES: dict = {}
SMALL: dict = {}
