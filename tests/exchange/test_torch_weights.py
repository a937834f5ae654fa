"""PyTorch's networks in and ours out, beside PyTorch; and what is wrong with a file, in words."""

import numpy as np
import pytest

import tinyunet as tu

torch = pytest.importorskip("torch", reason="PyTorch is the oracle here and is not installed")
st = pytest.importorskip("safetensors.torch")
from torch_families import FAMILIES, stirred  # noqa: E402

every = pytest.mark.parametrize("name", FAMILIES)


def both(module, model, channels, dtype):
    """The largest difference of logits, as a share of the largest logit."""
    image = np.random.default_rng(5).random((2, 32, 48, channels)).astype(dtype)
    with torch.no_grad():
        expected = module(torch.tensor(image).permute(0, 3, 1, 2)).permute(0, 2, 3, 1).numpy()
    found = model.predict(image)
    assert found.dtype == dtype
    return abs(found - expected).max() / abs(expected).max()


@every
@pytest.mark.parametrize("fold", [False, True])
@pytest.mark.parametrize(("dtype", "most"), [("float64", 1e-10), ("float32", 1e-5)])
def test_logits_are_those_of_pytorch(tmp_path, name, fold, dtype, most):
    make, channels, family, options = FAMILIES[name]
    module = stirred(make()).to(getattr(torch, dtype))
    st.save_file(module.state_dict(), tmp_path / "net.safetensors")
    model, report = tu.load_torch(
        tmp_path / "net.safetensors", fold=fold, everything=True, **options
    )
    assert model.dtype == dtype
    assert report.family == family
    assert both(module, model, channels, dtype) < most
