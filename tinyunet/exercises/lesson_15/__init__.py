"""The exercises of lesson 15, NumPy to CuPy.

The checks need no GPU: while they call a student's function, ``cupy`` means the stand-in of
`tinyunet.exercises.device`.
"""

from tinyunet.exercises.lesson_15 import (
    array_module,
    mean_pool,
    structure,
    training_step,
    ranges,
    quiz,
)
