"""Machinery: devices, threads, memory, files. You need not read this to learn."""
