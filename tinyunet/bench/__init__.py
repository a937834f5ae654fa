"""Measure: training steps, single convolutions, and how time grows, beside PyTorch where wanted.

Every measurement runs in a process of its own (`worker.py`), so that neither library touches the
other's threads or memory. Where two are compared, their processes take turns, one repetition each, or
five on a GPU: a machine that slows down slows both. (A GPU's own memory they share.)
"""

from tinyunet.bench.tasks import LAYERS, NETWORKS, Task

__all__ = ["LAYERS", "NETWORKS", "Task"]
