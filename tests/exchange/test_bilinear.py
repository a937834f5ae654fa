"""examples/bilinear.py: milesial's U-Net that enlarges by interpolation, beside PyTorch's."""

import runpy
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

import tinyunet as tu
from tinyunet.commands.main import app

torch = pytest.importorskip("torch", reason="PyTorch is the oracle here and is not installed")
st = pytest.importorskip("safetensors.torch")
from torch_families import Milesial, MilesialUp, double, stirred  # noqa: E402

EXAMPLE = Path(__file__).parents[2] / "examples" / "bilinear.py"
BASE = 2


class BilinearUp(MilesialUp):
    def __init__(self, ins, outs):
        super().__init__(ins, outs, False)
        self.up = torch.nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True)
        first, second = double(ins, ins // 2, False), double(ins // 2, outs, False)
        self.conv.double_conv = torch.nn.Sequential(*first[:3], *second[:3])


@pytest.fixture
def module():
    module = Milesial(1, 3, base=BASE, bias=False)
    module.down4.maxpool_conv[1].double_conv = double(8 * BASE, 8 * BASE, False)
    for number, (ins, outs) in enumerate([(16, 4), (8, 2), (4, 1), (2, 1)], 1):
        setattr(module, f"up{number}", BilinearUp(ins * BASE, outs * BASE))
    return stirred(module)


def test_the_class_of_the_example_takes_the_weights(module, tmp_path):
    st.save_file(module.state_dict(), tmp_path / "net.safetensors")
    with pytest.raises(ValueError, match="enlarges by interpolation"):
        tu.load_torch(tmp_path / "net.safetensors")
    model = runpy.run_path(str(EXAMPLE))["BilinearUNet"](1, 3, base_channels=BASE)
    tu.load_torch(tmp_path / "net.safetensors", model=model)
    image = np.random.default_rng(0).random((2, 32, 48, 1)).astype(np.float32)
    with torch.no_grad():
        logits = module(torch.tensor(image).permute(0, 3, 1, 2)).permute(0, 2, 3, 1).numpy()
    assert abs(model.predict(image) - logits).max() < 1e-5 * abs(logits).max()


def test_its_gradients_are_those_of_pytorch(module, tmp_path):
    module = module.double().train()
    st.save_file(module.state_dict(), tmp_path / "net.safetensors")
    model = runpy.run_path(str(EXAMPLE))["BilinearUNet"](1, 3, base_channels=BASE)
    tu.load_torch(tmp_path / "net.safetensors", model=model)
    rng = np.random.default_rng(1)
    image, dy = rng.random((2, 16, 32, 1)), rng.standard_normal((2, 16, 32, 3))
    x = torch.tensor(image.transpose(0, 3, 1, 2), requires_grad=True)
    module(x).backward(torch.tensor(dy.transpose(0, 3, 1, 2)))
    model(image)
    dx, expected = model.backward(dy), x.grad.numpy().transpose(0, 2, 3, 1)
    assert abs(dx - expected).max() < 1e-9 * abs(expected).max()
    for own, their in ((model.inc, module.inc), (model.up1.conv, module.up1.conv)):
        dweight = own.double_conv[0].grads["weight"]
        wanted = their.double_conv[0].weight.grad.numpy().transpose(2, 3, 1, 0)
        assert abs(dweight - wanted).max() < 1e-9 * abs(wanted).max()


def test_the_commands_of_its_first_lines_work(module, tmp_path):
    st.save_file(module.state_dict(), tmp_path / "net.safetensors")
    own, out = tmp_path / "own.py", tmp_path / "net.npz"
    text = EXAMPLE.read_text(encoding="utf-8")
    own.write_text(
        text.replace(
            "in_channels=3, num_classes=2, base_channels=64",
            f"in_channels=1, num_classes=3, base_channels={BASE}",
        )
    )
    network = f"{own}:BilinearUNet"
    done = CliRunner().invoke(
        app, ["import", str(tmp_path / "net.safetensors"), "--network", network]
    )
    assert f"tinyunet predict {out} IMAGES --network {network}" in done.output
    image = tmp_path / "a.png"
    Image.fromarray(np.arange(1024, dtype=np.uint8).reshape(32, 32)).save(image)
    options = ["--network", network, "--out", str(tmp_path / "found")]
    done = CliRunner().invoke(app, ["predict", str(out), str(image), *options])
    assert "pixels of classes" in done.output
    assert (tmp_path / "found" / "a_labels.png").exists()
