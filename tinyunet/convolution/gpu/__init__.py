"""A GPU's own ways to compute a convolution."""
