"""A strict double of CuPy for machines without a GPU.

    with installed() as cupy:
        x = cupy.asarray(host_array)
        ...
        assert counts == {"to_gpu": 1, "to_cpu": 0, "waits": 0, "copies": 0}

It answers three questions before a GPU is near: does the code use only what CuPy has, how often does
it move data or make the host wait, and how often does CuPy copy an array unasked? It does not tell how
fast or how exact a GPU computes.
"""

from .double import counts, reset_counts
from .modules import installed

__all__ = ["counts", "installed", "reset_counts"]
