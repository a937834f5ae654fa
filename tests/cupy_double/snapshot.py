"""Write down what an installed CuPy offers: names and parameters, for the double to go by.

    python tests/cupy_double/snapshot.py

needs a CuPy wheel (``pip install cupy-cuda12x``) and no GPU. It writes ``cupy_api.json``: for every
name of a namespace its parameters, as in ``"sum": "(a, axis=..., dtype=..., out=..., keepdims=...)"``,
or ``"property"``, or ``"numpy"`` for what CuPy takes from NumPy unchanged (``float32``, ``newaxis``),
or ``"other"`` for the rest: classes, submodules, functions whose parameters cannot be found out.
"""

import inspect
import json
import re
import warnings
from pathlib import Path

import numpy as np

FILE = Path(__file__).with_name("cupy_api.json")
UFUNC_PARAMETERS = "(*args, out=..., dtype=..., casting=...)"


def take() -> dict[str, str | dict[str, str]]:
    """Describe every public name of the namespaces that the double covers."""
    import cupy
    import cupyx

    namespaces = {
        "cupy": cupy,
        "cupy.cuda": cupy.cuda,
        "cupy.fft": cupy.fft,
        "cupy.lib": cupy.lib,
        "cupy.lib.stride_tricks": cupy.lib.stride_tricks,
        "cupy.linalg": cupy.linalg,
        "cupy.ndarray": cupy.ndarray,
        "cupy.random": cupy.random,
        "cupy.random.Generator": cupy.random.Generator,
        "cupyx": cupyx,
    }
    return {"version": cupy.__version__} | {
        namespace: {
            name: describe(getattr(owner, name), getattr(np, name, None), cupy.ufunc)
            for name in sorted(dir(owner))
            if not name.startswith("_")
        }
        for namespace, owner in namespaces.items()
    }


def describe(thing: object, twin: object, ufunc: type) -> str:
    """Return the parameters of a function, or ``"numpy"``, ``"property"`` or ``"other"``."""
    if isinstance(thing, ufunc):
        return UFUNC_PARAMETERS
    if thing is twin:
        return "numpy"
    if inspect.isdatadescriptor(thing):
        return "property"
    if not callable(thing) or inspect.isclass(thing):
        return "other"
    try:
        signature = inspect.signature(thing)
    except (TypeError, ValueError):  # compiled: its documentation begins with the signature
        return documented_parameters(thing.__doc__ or "")
    parameters = [
        p.replace(annotation=p.empty, default=p.empty if p.default is p.empty else ...)
        for p in signature.parameters.values()
    ]
    described = str(inspect.Signature(parameters)).replace("Ellipsis", "...")
    return "other" if described == "(*args, **kwargs)" else described


def documented_parameters(documentation: str) -> str:
    """Parse a line such as ``dot(self, ndarray b, int axis=-1) -> ndarray``."""
    found = re.match(r"[\w.]+\(([^()]*)\)", documentation)
    if not found:
        return "other"
    names = []
    for parameter in filter(None, found[1].split(", ")):
        typed_name, equals, _ = parameter.partition("=")
        names.append(typed_name.split()[-1] + ("=..." if equals else ""))
    return f"({', '.join(names)})"


if __name__ == "__main__":
    warnings.simplefilter("ignore")  # CuPy's deprecated names warn when they are looked at
    FILE.write_text(json.dumps(take(), indent=0) + "\n")
