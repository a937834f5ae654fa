"""FCN, VGG16 and SegNet written once more in PyTorch, from the papers' figures: an oracle.

Both sides compute in float64 from the same weights. Where maps are cut is worked out by hand here.
"""

import numpy as np
import pytest
from helpers import assert_close, upstream
from relatives import NETWORKS, VGG, biases_without_effect, by_running_statistics, stirred

from tinyunet.networks.small import small_input

torch = pytest.importorskip("torch", reason="PyTorch is the oracle here and is not installed")
F = torch.nn.functional

from test_torch import (  # noqa: E402
    image_from_torch,
    image_to_torch,
    parameters_to_torch,
    torch_axes,
    twin,
)

# Crops of the small FCNs, worked out on paper as `alignment.py` derives: three poolings leave pixels
# at 8 i + 3.5, two at 4 i + 1.5, one at 2 i + 0.5. A padding of 40 takes off 39, a head of 3 adds 8.
CROPS = {
    "FCN, stride 8": [35],
    "FCN, stride 4": [1, 37],
    "FCN, stride 2": [1, 1, 38],
    "FCN, same, stride 8": [4],
    "FCN, same, stride 4": [-1, 2],
    "FCN, same, stride 2": [-1, -1, 1],
}


class Oracle:
    """A network of ours computed by PyTorch.

    Parameters
    ----------
    model
        It; dropout's masks are read from its last forward.
    state
        Its parameters, as tensors.
    statistics
        "batch", or "running" where the normalisations use those.
    """

    def __init__(self, model, state, statistics):
        self.model, self.state, self.statistics = model, state, statistics
        self.parts = dict(model.named_layers())
        self.running = {
            key: torch.tensor(np.array(a)) for key, a in model.named_buffers() if "running" in key
        }

    def conv(self, x, name, padding):
        return F.conv2d(
            x, self.state[f"{name}.weight"], self.state[f"{name}.bias"], padding=padding
        )

    def block(self, x, name, padding=1, relu=True):
        i = 0
        while f"{name}.convs.{i}.weight" in self.state:
            x = self.conv(x, f"{name}.convs.{i}", padding)
            norm, padding = f"{name}.norms.{i}", 1
            if f"{norm}.weight" in self.state:
                running = (self.running[f"{norm}.running_{what}"] for what in ("mean", "var"))
                batch = self.statistics == "batch"
                weight, bias = self.state[f"{norm}.weight"], self.state[f"{norm}.bias"]
                x = F.batch_norm(x, *running, weight, bias, batch)
            x = F.relu(x) if relu else x
            i += 1
        assert i > 0 or name == "decoder.0"
        return x

    def up(self, x, name):
        """By a kernel of tents, each channel to itself."""
        k = self.parts[name].geometry.kernel[0]
        line = 1 - abs(torch.arange(k, dtype=x.dtype) - (k - 1) / 2) / (k / 2)
        kernel = torch.outer(line, line).expand(x.shape[1], 1, k, k)
        return F.conv_transpose2d(x, kernel, stride=k // 2, groups=x.shape[1])

    def classifier(self, x, paddings):
        for i, padding in enumerate(paddings):
            x = self.block(x, f"head.{2 * i}", padding)
            x = twin(self.parts[f"head.{2 * i + 1}"], self.state, x)
        return self.conv(x, "score", 0)

    def vgg(self, x):
        for level in range(2):
            x = F.max_pool2d(self.block(x, f"encoder.{level}"), 2)
        return self.classifier(x, [0, 0])

    def fcn(self, x, crops, at_once):
        size, pooled, same = x.shape[2:], [], min(crops) < 0 or crops == [4]
        for level in range(3):
            x = self.block(x, f"encoder.{level}", 40 if level == 0 and not same else 1)
            x = F.max_pool2d(x, 2, ceil_mode=True)
            pooled.append(x)
        x = self.classifier(x, [1] if same else [0, 0])
        for i, begin in enumerate(crops[:-1]):
            x, fine = self.up(x, f"ups.{i}"), pooled[1 - i] * (0.01 ** (i + 1) if at_once else 1)
            fine = self.conv(fine, f"skips.{i}.score", 0)
            x, fine = (
                y[:, :, cut:, cut:] for y, cut in ((x, max(0, -begin)), (fine, max(0, begin)))
            )
            h, w = (min(a, b) for a, b in zip(x.shape[2:], fine.shape[2:], strict=True))
            x = x[:, :, :h, :w] + fine[:, :, :h, :w]
        x, cut = self.up(x, "up"), crops[-1]
        return x[:, :, cut : cut + size[0], cut : cut + size[1]]

    def segnet(self, x, levels, indices, **options):
        across = []
        for level in range(levels):
            x = self.block(x, f"encoder.{level}", **options)
            size = x.shape
            x, winners = F.max_pool2d(x, 2, ceil_mode=True, return_indices=True)
            across.append((size, winners))
        if "padding" in options:
            options["relu"] = False  # SegNet-Basic's decoder
        for level in reversed(range(levels)):
            size, winners = across[level]
            if indices:
                y = torch.zeros(size, dtype=x.dtype).flatten(2)
                x = y.scatter(2, winners.flatten(2), x.flatten(2)).reshape(size)
            else:
                x = F.interpolate(x, size[2:], mode="bilinear", align_corners=False)
            x = self.block(x, f"decoder.{level}", **options)
        return self.conv(x, "head", 0 if "padding" in options else 1)

    def __call__(self, name, x):
        if name == "VGG16":
            return self.vgg(x)
        if name in CROPS:
            return self.fcn(x, CROPS[name], name == "FCN, stride 2")
        if name == "SegNet-Basic":
            return self.segnet(x, 2, True, padding=2)
        return self.segnet(x, 3, name != "SegNet, bilinear")


@pytest.mark.parametrize("statistics", ["batch", "running"])
@pytest.mark.parametrize("odd", [0, 3], ids=["even", "odd"])
@pytest.mark.parametrize("name", [*NETWORKS, *VGG])
def test_forward_and_all_gradients(name, odd, statistics):
    model = stirred({**NETWORKS, **VGG}[name](seed=2, dtype="float64"))
    if statistics == "running":
        model = by_running_statistics(model)
    _, height, width, channels = small_input(model)
    odd = odd if name in NETWORKS else 0
    x = np.random.default_rng(5).standard_normal((2, height + 8 + odd, width + 8 + odd, channels))
    if name in VGG:
        x = x[:, :height, :width]
    state, eval_y = parameters_to_torch(model), model.predict(x)
    with torch.no_grad():
        expected = Oracle(model, state, "running")(name, image_to_torch(x))
    assert_close(eval_y, image_from_torch(expected), 1e-10, "y in eval")

    oracle = Oracle(model, state, statistics)  # its statistics move on their own
    y, leaf = model(x), image_to_torch(x).requires_grad_()
    torch_y, dy = oracle(name, leaf), upstream(y)
    torch_y.backward(image_to_torch(dy))
    dx = model.backward(dy)
    assert_close(y, image_from_torch(torch_y), 1e-10, "y")
    assert_close(dx, image_from_torch(leaf.grad), 1e-10, "dx")
    assert abs(dx).max() > 0

    axes, gradients = torch_axes(model), dict(model.named_gradients())
    largest = max(float(abs(gradient).max()) for gradient in gradients.values())
    assert gradients.keys() == state.keys()
    for key, gradient in gradients.items():
        ours, theirs = gradient.transpose(axes[key]), state[key].grad.numpy()
        if key in biases_without_effect(model):
            assert abs(ours).max() < 1e-10 * largest
            assert abs(theirs).max() < 1e-10 * largest
        else:
            assert_close(ours, theirs, 1e-10, key)
    for key, array in model.named_buffers():
        if key in oracle.running:
            assert_close(array, oracle.running[key].numpy(), 1e-12, key)


def test_the_oracle_notices_a_crop_that_is_off():
    """One pixel, where the two scores meet."""
    model = stirred(NETWORKS["FCN, stride 2"](seed=2, dtype="float64"))
    x = np.random.default_rng(5).standard_normal((1, 12, 13, 2))
    with torch.no_grad():
        oracle = Oracle(model.eval(), parameters_to_torch(model), "running")
        right, wrong = (oracle.fcn(image_to_torch(x), c, True) for c in ([1, 1, 38], [1, 2, 38]))
    assert_close(model(x), image_from_torch(right), 1e-10)
    assert abs(model(x) - image_from_torch(wrong)).max() > 1e-6
