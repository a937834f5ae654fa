"""PyTorch as an oracle: the same numbers forward and backward, and the same training.

Its autograd shares no code with tinyunet. Differences are max|difference| / max|reference|.
"""

import numpy as np
import pytest
from helpers import assert_close, upstream
from layer_cases import CASES

import tinyunet as tu
from tinyunet.gradcheck.suite import PoolAndBack, with_biases

torch = pytest.importorskip("torch", reason="PyTorch is the oracle here and is not installed")
F = torch.nn.functional
torch.set_num_threads(1)

LAYERS = [case for case in CASES if not case.name.startswith("Conv2d naive")]


# ---------------------------------------------------------------------- between the two layouts


def image_to_torch(x):
    """(N, H, W, C) to (N, C, H, W)."""
    return torch.tensor(np.ascontiguousarray(np.moveaxis(x, 3, 1)))


def image_from_torch(x):
    return np.moveaxis(x.detach().numpy(), 1, 3)


def torch_axes(layer):
    """Which axes, in which order, give each parameter PyTorch's layout.

    (kh, kw, I, O) becomes (O, I, kh, kw); transposed convolutions: (I, kh, kw, O), (I, O, kh, kw).
    """
    axes = {}
    for path, part in layer.named_layers():
        weight = (0, 3, 1, 2) if isinstance(part, tu.ConvTranspose2d) else (3, 2, 0, 1)
        for key, array in part.params.items():
            axes[f"{path}.{key}" if path else key] = weight if array.ndim == 4 else (0,)
    return axes


def parameters_to_torch(layer):
    """Leaf tensors by name, in PyTorch's layout."""
    axes = torch_axes(layer)
    return {
        name: torch.tensor(np.ascontiguousarray(array.transpose(axes[name])), requires_grad=True)
        for name, array in layer.named_learned()
    }


# ---------------------------------------------------------------------- the twins


def twin(layer, state, *inputs, path=""):
    """Compute in PyTorch what `layer` computes, with the tensors of `state`."""
    (x, *others) = inputs
    weight, bias = (state.get(f"{path}{key}") for key in ("weight", "bias"))
    if isinstance(layer, tu.Conv2d):
        g = layer.geometry
        (top, bottom), (left, right) = g.padding
        x = F.pad(x, (left, right, top, bottom))
        y = F.conv2d(x, weight, bias, stride=g.stride, dilation=g.dilation)
        return F.relu(y) if layer.activation == "relu" else y
    if isinstance(layer, tu.BatchNorm2d):
        running = [
            torch.tensor(layer.buffers[f"running_{what}"], dtype=x.dtype)
            for what in ("mean", "var")
        ]
        return F.batch_norm(x, *running, weight, bias, layer.statistics == "batch", eps=layer.eps)
    if isinstance(layer, tu.AdaptiveAvgPool2d):
        return F.adaptive_avg_pool2d(x, layer.output_size)
    if isinstance(layer, tu.Upsample):
        size = others[0] if others else layer.size
        options = {"mode": "bilinear", "align_corners": layer.align_corners}
        return F.interpolate(x, size, layer.scale_factor, **options)
    if isinstance(layer, tu.Sigmoid):
        return torch.sigmoid(x)
    if isinstance(layer, tu.Tanh):
        return torch.tanh(x)
    if isinstance(layer, tu.LeakyReLU):
        return F.leaky_relu(x, layer.negative_slope)
    if isinstance(layer, tu.InstanceNorm2d):
        return F.instance_norm(x, weight=weight, bias=bias, eps=layer.eps)
    if isinstance(layer, tu.Scale):
        return layer.factor * x
    if isinstance(layer, tu.CropAt):
        (top, left), (h, w) = layer.offset, others[0]
        return x[:, :, top : top + h, left : left + w]
    if isinstance(layer, tu.BilinearConvTranspose2d):
        weight = torch.tensor(layer.torch_state()["weight"])
    if isinstance(layer, tu.ConvTranspose2d):
        (top, _), (left, _) = layer.geometry.padding
        return F.conv_transpose2d(x, weight, bias, layer.geometry.stride, (top, left))
    if isinstance(layer, tu.MaxPool2d):
        return F.max_pool2d(x, *window(layer))
    if isinstance(layer, PoolAndBack):
        values, indices = F.max_pool2d(x, *window(layer.pool), return_indices=True)
        y = torch.zeros_like(x).flatten(2)  # unlike `max_unpool2d`, for every size
        return y.scatter(2, indices.flatten(2), values.flatten(2)).reshape(x.shape)
    if isinstance(layer, tu.ReLU):
        return F.relu(x)
    if isinstance(layer, tu.Dropout):  # the draw is not PyTorch's, so it is read from the layer
        masks = [image_to_torch(mask) for mask in layer.decisions()]
        return x * masks[0] / (1 - layer.p) if masks else x
    if isinstance(layer, tu.CenterCrop):
        h, w = others[0]
        top, left = (x.shape[2] - h) // 2, (x.shape[3] - w) // 2
        return x[:, :, top : top + h, left : left + w]
    if isinstance(layer, tu.Concat):
        return torch.cat(inputs, 1)
    if isinstance(layer, tu.Add):
        return sum(others, x)
    if isinstance(layer, tu.Sequential):
        for i, part in enumerate(layer.layers):
            x = twin(part, state, x, path=f"{path}{i}.")
        return x
    return unet_twin(layer, state, x)


def window(pool):
    """A max-pooling's settings, as `max_pool2d` takes them before `return_indices`."""
    return pool.kernel_size, pool.stride, pool.padding, 1, pool.ceil_mode


def unet_twin(model, state, x):
    """The U-Net written once more, in PyTorch, from the paper's figure."""
    depth, skip = model.config["depth"], model.config["skip"]
    padding = 1 if model.config["padding"] == "same" else 0

    def double_conv(x, name):
        for conv in (f"{name}.conv1", f"{name}.conv2"):
            x = F.relu(F.conv2d(x, state[f"{conv}.weight"], state[f"{conv}.bias"], padding=padding))
        part = dict(model.named_layers())[name]
        return x if part.dropout is None else twin(part.dropout, state, x)

    across = []
    for level in range(depth):
        across.append(double_conv(x, f"encoder.{level}"))
        x = F.max_pool2d(across[-1], 2)
    x = double_conv(x, "bottom")
    for level in reversed(range(depth)):
        x = F.conv_transpose2d(x, state[f"ups.{level}.weight"], state[f"ups.{level}.bias"], 2)
        top, left = (
            (a - b) // 2 for a, b in zip(across[level].shape[2:], x.shape[2:], strict=True)
        )
        h, w = x.shape[2:]
        cropped = across[level][:, :, top : top + h, left : left + w]
        x = {"concat": torch.cat((cropped, x), 1), "sum": cropped + x, "none": x}[skip]
        x = double_conv(x, f"decoder.{level}")
    return F.conv2d(x, state["head.weight"], state["head.bias"])


# ---------------------------------------------------------------------- one pass


def assert_agrees_with_torch(layer, inputs, tolerance):
    """Output, input gradients and parameter gradients of one pass are the same."""
    y = layer(*inputs)
    state = parameters_to_torch(layer)
    arrays = [x for x in inputs if isinstance(x, np.ndarray)]
    leaves = [image_to_torch(x).requires_grad_() for x in arrays]
    torch_y = twin(layer, state, *leaves, *inputs[len(arrays) :])
    dy = upstream(y)
    torch_y.backward(image_to_torch(dy))

    dx = layer.backward(dy)
    assert_close(y, image_from_torch(torch_y), tolerance, "y")
    for actual, leaf in zip(dx if isinstance(dx, tuple) else (dx,), leaves, strict=True):
        assert_close(actual, image_from_torch(leaf.grad), tolerance, "dx")
    axes, gradients = torch_axes(layer), dict(layer.named_gradients())
    assert gradients.keys() == state.keys()
    for name, gradient in gradients.items():
        assert_close(gradient.transpose(axes[name]), state[name].grad.numpy(), tolerance, name)


@pytest.mark.parametrize("case", LAYERS, ids=lambda case: case.name)
def test_layers_in_double_precision(case):
    assert_agrees_with_torch(case.layer(), case.inputs(), 1e-10)


@pytest.mark.parametrize("case", LAYERS, ids=lambda case: case.name)
def test_layers_in_single_precision(case):
    assert_agrees_with_torch(case.layer("float32"), case.inputs("float32"), 1e-5)


def test_pooling_gives_ties_to_the_same_pixel():
    x = np.random.default_rng(0).integers(0, 3, (2, 6, 8, 3)).astype("float64")
    assert_agrees_with_torch(tu.MaxPool2d((2, 4)), [x], 1e-10)


@pytest.mark.parametrize("skip", ["concat", "sum", "none"])
@pytest.mark.parametrize(
    ("padding", "depth", "side"),
    [("valid", 1, (20, 24)), ("valid", 2, (44, 48)), ("same", 2, (16, 12)), ("same", 3, (16, 24))],
)
def test_unet(padding, depth, side, skip):
    rng = np.random.default_rng(depth)
    model = tu.UNet(2, 3, base_channels=3, depth=depth, padding=padding, skip=skip)
    model = with_biases(model, rng).astype("float64")
    assert_agrees_with_torch(model, [rng.standard_normal((2, *side, 2))], 1e-10)


def test_unet_forward_in_single_precision():
    rng = np.random.default_rng(0)
    model = with_biases(tu.UNet(1, 2, base_channels=16, depth=4), rng)
    x = rng.standard_normal((1, 188, 204, 1)).astype("float32")
    expected = unet_twin(model, parameters_to_torch(model), image_to_torch(x))
    assert_close(model.predict(x), image_from_torch(expected), 1e-4, "logits")


def test_torch_state_goes_into_a_sequential_of_pytorch():
    """Strided, rectangular, down and up again; and trained numbers come back through the views."""
    rng = np.random.default_rng(9)
    model = tu.Sequential(
        tu.Conv2d(2, 3, (3, 2), stride=(1, 2), padding=1, rng=rng),
        tu.ConvTranspose2d(3, 4, (2, 3), stride=(2, 3), rng=rng),
    )
    net = torch.nn.Sequential(
        torch.nn.Conv2d(2, 3, (3, 2), stride=(1, 2), padding=1),
        torch.nn.ConvTranspose2d(3, 4, (2, 3), stride=(2, 3)),
    )
    state = model.torch_state()
    net.load_state_dict({name: torch.tensor(array) for name, array in state.items()})
    x = rng.standard_normal((2, 5, 6, 2)).astype("float32")
    assert_close(model.predict(x), image_from_torch(net(image_to_torch(x))), 1e-6, "y")
    for name, tensor in net.state_dict().items():
        state[name][...] = tensor.numpy() * 2 + 1
    net.load_state_dict({name: tensor * 2 + 1 for name, tensor in net.state_dict().items()})
    assert_close(model.predict(x), image_from_torch(net(image_to_torch(x))), 1e-6, "y")


# ---------------------------------------------------------------------- losses


def cross_entropy_twin(logits, labels, weights, ignore_label=None):
    ignored = -100 if ignore_label is None else ignore_label
    each = F.cross_entropy(logits, labels, reduction="none", ignore_index=ignored)
    return (each * weights).sum() / (labels != ignored).sum()


def dice_twin(logits, labels, weights, smooth=1.0):
    p, w = torch.softmax(logits, 1), weights[:, None]
    g = F.one_hot(labels, logits.shape[1]).movedim(3, 1)
    over, under = 2 * (w * p * g).sum((0, 2, 3)), (w * (p**2 + g**2)).sum((0, 2, 3))
    dice = (over + smooth) / (under + smooth)
    return 1 - dice[g.sum((0, 2, 3)) > 0].mean()


LOSSES = {
    "cross-entropy": (tu.SoftmaxCrossEntropy(), cross_entropy_twin, (0, 1, 2, 3)),
    "cross-entropy, a label ignored": (
        tu.SoftmaxCrossEntropy(ignore_label=2),
        lambda *arrays: cross_entropy_twin(*arrays, 2),
        (0, 1, 2, 3),
    ),
    "cross-entropy, 255 ignored": (
        tu.SoftmaxCrossEntropy(ignore_label=255),
        lambda *arrays: cross_entropy_twin(*arrays, 255),
        (0, 1, 2, 3, 255),
    ),
    "Dice": (tu.DiceLoss(), dice_twin, (0, 1, 2, 3)),
    "Dice, two classes absent": (
        tu.DiceLoss(smooth=0.3),
        lambda *arrays: dice_twin(*arrays, 0.3),
        (0, 3),
    ),
}


@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-10), ("float32", 1e-5)])
@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
@pytest.mark.parametrize("name", LOSSES)
def test_losses(name, weighted, dtype, tolerance):
    loss, oracle, classes = LOSSES[name]
    rng = np.random.default_rng(0)
    logits = (3 * rng.standard_normal((2, 5, 6, 4))).astype(dtype)
    labels = rng.choice(classes, (2, 5, 6))
    weights = rng.uniform(0.2, 5, labels.shape).astype(dtype)
    leaf = image_to_torch(logits).requires_grad_()
    expected = oracle(
        leaf, torch.tensor(labels), torch.tensor(weights if weighted else np.ones_like(weights))
    )
    expected.backward()
    value = loss(logits, labels, weights) if weighted else loss(logits, labels)
    assert value == pytest.approx(expected.item(), rel=tolerance)
    assert_close(loss.backward(), image_from_torch(leaf.grad), tolerance, "dlogits")


# ---------------------------------------------------------------------- training

OPTIMIZERS = {
    "SGD": (
        lambda model: tu.SGD(model, 0.02, momentum=0.9, weight_decay=1e-3),
        lambda tensors: torch.optim.SGD(tensors, 0.02, momentum=0.9, weight_decay=1e-3),
    ),
    "Adam": (
        lambda model: tu.Adam(model, 0.003, betas=(0.9, 0.99), weight_decay=1e-3),
        lambda tensors: torch.optim.Adam(tensors, 0.003, betas=(0.9, 0.99), weight_decay=1e-3),
    ),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_fifty_training_steps_follow_pytorch(name):
    rng = np.random.default_rng(0)
    images = rng.standard_normal((2, 16, 16, 1))
    labels = (images[..., 0] + 0.5 * rng.standard_normal((2, 16, 16)) > 0).astype(int)
    weights = rng.uniform(0.5, 2, labels.shape)
    model = tu.UNet(1, 2, base_channels=4, depth=2, padding="same", dtype="float64")
    state = parameters_to_torch(model)
    make, make_torch = OPTIMIZERS[name]
    optimizer, torch_optimizer = make(model), make_torch(list(state.values()))

    loss = tu.SoftmaxCrossEntropy()
    losses, expected = [], []
    for _ in range(50):
        losses.append(loss(model(images), labels, weights))
        model.backward(loss.backward(), input_gradient=False)
        optimizer.step()

        torch_optimizer.zero_grad()
        logits = unet_twin(model, state, image_to_torch(images))
        value = cross_entropy_twin(logits, torch.tensor(labels), torch.tensor(weights))
        value.backward()
        torch_optimizer.step()
        expected.append(value.item())

    assert losses[-1] < 0.8 * losses[0]  # it learned: equal losses that stand still prove nothing
    assert_close(np.array(losses), np.array(expected), 1e-6, "losses")


@pytest.mark.parametrize("momentum", [0.1, 0.3, None])
def test_a_normalisation_in_training_and_eval(momentum):
    rng = np.random.default_rng(4)
    model = tu.Sequential(tu.Conv2d(2, 3, (3, 2), bias=False), tu.BatchNorm2d(3, momentum=momentum))
    model = with_biases(model, rng).astype("float64")
    model.layers[1].params["weight"][...] = rng.uniform(0.5, 2, 3)
    net = torch.nn.Sequential(
        torch.nn.Conv2d(2, 3, (3, 2), bias=False), torch.nn.BatchNorm2d(3, momentum=momentum)
    ).double()
    state = model.torch_state()
    net.load_state_dict({name: torch.tensor(array.copy()) for name, array in state.items()})
    for _ in range(3):
        x = 2 + rng.standard_normal((2, 6, 5, 2))
        y, torch_y = model(x), net(image_to_torch(x))
        assert_close(y, image_from_torch(torch_y), 1e-12, "in training")
    torch_y.backward(image_to_torch(upstream(y)))
    model.backward(upstream(y))
    axes = torch_axes(model)
    for name, parameter in net.named_parameters():
        gradient = dict(model.named_gradients())[name]
        assert_close(gradient.transpose(axes[name]), parameter.grad.numpy(), 1e-12, name)
    for name, buffer in net.named_buffers():
        assert_close(dict(model.named_buffers())[name], buffer.numpy(), 1e-12, name)
    assert_close(
        model.predict(x), image_from_torch(net.eval()(image_to_torch(x))), 1e-12, "in eval"
    )
