"""A run that tinyunet 0.1 began goes on as it would have gone on there.

`tests/data/old_run` holds what version 0.1 left of two runs of 40 steps that were interrupted after
20 of them, and in `expected.npz` what it came to without the interruption.
"""

import shutil
from pathlib import Path

import numpy as np
import pytest

import tinyunet as tu
from tinyunet.data import Dataset, synthetic_cells

OLD = Path(__file__).parent / "data" / "old_run"
KINDS = {
    "adam": lambda model: tu.Adam(model, 0.05),
    "sgd": lambda model: tu.SGD(model, 0.05, momentum=0.9),
}


def joined(arrays):
    return np.concatenate([arrays[name].ravel() for name in sorted(arrays)])


@pytest.mark.parametrize("kind", KINDS)
def test_a_run_of_version_0_1_goes_on(tmp_path, kind):
    expected = np.load(OLD / "expected.npz")
    shutil.copytree(OLD / kind, tmp_path / kind)
    train, validation, _ = synthetic_cells(12, 40, seed=3).split(seed=0)
    model = tu.UNet(1, 2, base_channels=2, depth=1, padding="same", dropout=0.3, seed=7)
    history = tu.fit(
        model, train, Dataset(validation.images, validation.labels), optimizer=KINDS[kind](model),
        steps=40, batch_size=2, crop=32, seed=5, progress=False, out=tmp_path / kind, resume=True,
    )  # fmt: skip
    assert history.resumed_at == 20
    last = tu.load(tmp_path / kind / "last.npz", everything=True)
    found = {
        "loss": history.loss,
        "validation": history.validation,
        "last": joined(last.model.state_dict()),
        "optimizer": joined(last.optimizer.state),
        "best": joined(model.state_dict()),
    }
    for what, value in found.items():
        # On the machine that made them they are the same to the last bit; another BLAS may round
        # otherwise.
        np.testing.assert_allclose(value, expected[f"{kind}/{what}"], rtol=1e-4, atol=1e-6)
