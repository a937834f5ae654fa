"""A strict double of CuPy over NumPy, for tests without a GPU.

It offers only the names, keywords and methods that the real CuPy has (api.json, taken from the real
package by snapshot.py), and refuses what a GPU would refuse or punish: implicit conversion to NumPy,
mixing host and device arrays, duplicate indices in an assignment. Reductions and single elements are
0-d arrays. It counts transfers and synchronisations.

    with cupy_double.installed() as cupy:
        x = cupy.asarray(numpy_array)
"""

from cupy_double.double import counts, installed, reset_counts

__all__ = ["counts", "installed", "reset_counts"]
