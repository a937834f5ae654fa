"""How good a prediction is, by every measure that the papers on U-Nets report.

`pixels` compares classes pixel by pixel, `cells` cell by cell, `partitions` which pixels belong
together, `topology` splits, mergers and holes, `boundary` outlines, and `reliability` whether
probabilities can be believed. `thresholds` chooses the threshold that most of them need, on
validation images.

The prediction comes first, the truth second. What they are is the same for all functions:

- Every map is a NumPy array. Lists, matrices, masked arrays, tensors and arrays on a GPU are refused.
- A mask holds booleans, or integers: 0 and one number for the foreground, which is 1, or white as in
  image files, 255 or 65535.
- A class map holds the integers 0 ... K-1. 255 or 65535 beside other numbers is refused: it mostly
  means "ignore", and those pixels would count as wrong.
- Cells (or segments) are numbered by positive integers, 0 = background. Numbers may be of any size
  and have gaps. A mask of 0 and white in several pieces is refused: it would pass for one cell. Of
  0 and 1 it may be a cell in pieces: a warning.
- Probabilities are numbers from 0 to 1.

Negative numbers are refused throughout, as are floats where integers are expected. All functions
raise a TypeError for what is no NumPy array or holds another kind of numbers; a ValueError if numbers
are others than these, if shapes differ or there are no pixels, or if a map should be one image (H, W)
and is not. Their docstrings tell only what they refuse besides.
"""

from tinyunet.metrics.boundary import boundary_f1
from tinyunet.metrics.cells import f1, f1_curve, merged, seg
from tinyunet.metrics.ignored import leave_out
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
    "leave_out",
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
