"""How good a prediction is, by every measure that the papers on U-Nets report.

`pixels` compares classes pixel by pixel, `cells` cell by cell, `partitions` which pixels belong
together, `topology` splits, mergers and holes, `boundary` outlines, and `reliability` whether
probabilities can be believed. `thresholds` chooses the threshold that most of them need, on
validation images. The prediction comes first, the truth second. All take NumPy arrays on the host;
`checks` says what a mask, a class map, cells and probabilities are, for all of them.
"""

from tinyunet.metrics.boundary import boundary_f1
from tinyunet.metrics.cells import f1, f1_curve, merged, seg
from tinyunet.metrics.partitions import rand_error, v_info, v_rand
from tinyunet.metrics.pixels import dice, iou, isbi_pixel_error, pixel_error
from tinyunet.metrics.regions import segments, thinned
from tinyunet.metrics.reliability import Calibration, calibration
from tinyunet.metrics.thresholds import best_threshold
from tinyunet.metrics.topology import warped_truth, warping_error

__all__ = [
    "Calibration",
    "best_threshold",
    "boundary_f1",
    "calibration",
    "dice",
    "f1",
    "f1_curve",
    "iou",
    "isbi_pixel_error",
    "merged",
    "pixel_error",
    "rand_error",
    "seg",
    "segments",
    "thinned",
    "v_info",
    "v_rand",
    "warped_truth",
    "warping_error",
]
