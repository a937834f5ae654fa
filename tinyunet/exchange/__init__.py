"""A network's weights in the layouts of other libraries."""
