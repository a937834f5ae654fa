"""Print docs/exchange.md's table: python tests/exchange/table.py"""

import tempfile
from pathlib import Path

import numpy as np
import safetensors.torch as st
import torch
from torch_families import FAMILIES, stirred

import tinyunet as tu


def row(name):
    make, channels, _, options = FAMILIES[name]
    image = np.random.default_rng(5).random((2, 32, 48, channels))
    found = []
    for dtype in ("float64", "float32"):
        module = stirred(make()).to(getattr(torch, dtype))
        with tempfile.TemporaryDirectory() as folder, torch.no_grad():
            path = Path(folder) / "net.safetensors"
            st.save_file(module.state_dict(), path)
            expected = module(torch.tensor(image.astype(dtype)).permute(0, 3, 1, 2))
            expected = expected.permute(0, 2, 3, 1).numpy()
            for fold in (False, True):
                model, report = tu.load_torch(path, fold=fold, everything=True, **options)
                difference = abs(model.predict(image.astype(dtype)) - expected).max()
                found.append(difference / abs(expected).max())
    return f"| {name} | {report.tensors} | {max(found[:2]):.0e} | {max(found[2:]):.0e} |"


if __name__ == "__main__":
    for name in FAMILIES:
        print(row(name))
