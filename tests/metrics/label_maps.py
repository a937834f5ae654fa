"""What the tests of metrics share: random label maps, and masks that can be drawn."""

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

EMPTY = np.zeros((3, 4), int)

shapes = array_shapes(min_dims=2, max_dims=2, max_side=8)
# The same shape for both of a pair; few numbers, so that cells are large and overlap.
pairs = shapes.flatmap(
    lambda shape: st.tuples(*[arrays(np.int64, shape, elements=st.integers(0, 4))] * 2)
)
mask_pairs = shapes.flatmap(lambda shape: st.tuples(*[arrays(bool, shape)] * 2))


def mask(*rows):
    """A mask (H, W) from one string a row: # = cell, any other sign = background."""
    return np.array([[sign == "#" for sign in row] for row in rows])
