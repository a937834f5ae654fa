"""Wrong backward passes, each the kind of mistake that people make. The checker must catch them all.

A bug is a function that replaces a layer's ``backward(dy)``. `right` is the backward pass that it
replaces: many mistakes are a right gradient with something done to it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

import tinyunet as tu
from tinyunet.convolution import im2col
from tinyunet.convolution.geometry import geometry
from tinyunet.gradcheck.suite import PoolAndBack, with_biases

IMAGE = (2, 5, 6, 2)
SQUARE = (2, 5, 5, 2)


@dataclass(frozen=True)
class Bug:
    """A wrong layer or loss, what to call it with, and what the report should call the mistake."""

    name: str
    make: Callable[[], Any]
    inputs: Callable[[], list]
    hint: str


BUGS: list[Bug] = []


def planted(
    make: Callable, *inputs: Any, hint: str = "", method: str = "backward", part: str = ""
) -> Callable:
    """Register a function as the `method` of the layer that `make` gives, or of a `part` of it.

    An input is a shape, to be filled with random numbers, or an array, or another option.
    """

    def values() -> list:
        rng = np.random.default_rng(5)
        is_shape = [isinstance(value, tuple) and len(value) == 4 for value in inputs]
        return [
            rng.standard_normal(value) if shape else value
            for value, shape in zip(inputs, is_shape, strict=True)
        ]

    def register(function: Callable) -> Callable:
        def plant() -> Any:
            subject = wrong = make()
            if isinstance(subject, tu.Layer):
                with_biases(subject, np.random.default_rng(6))
                wrong = dict(subject.named_layers())[part]
            cls = type(wrong)
            wrong.__class__ = type(f"Wrong{cls.__name__}", (cls,), {method: function})
            return subject

        BUGS.append(Bug(function.__name__.replace("_", " "), plant, values, hint))
        return function

    return register


def right(layer: Any, *arguments: Any) -> Any:
    """The right backward pass of a wrong layer."""
    return super(type(layer), layer).backward(*arguments)


def kept(layer: Any) -> tuple:
    """What the layer's forward kept."""
    return layer._kept[-1] if isinstance(layer, tu.Layer) else layer._kept


def conv(*channels: int, **options: Any) -> Callable[[], tu.Layer]:
    """Make a convolution, by default with 2 channels in and 3 out."""
    return lambda: tu.Conv2d(*(channels or (2, 3)), **options)


# ---------------------------------------------------------------------- convolution: parameters


@planted(conv(), IMAGE, hint="missing sum over the batch")
def bias_gradient_without_the_sum_over_the_batch(layer, dy):
    dx = right(layer, dy)
    layer.grads["bias"] = dy[0].sum((0, 1))
    return dx


@planted(conv(), IMAGE, hint="missing sum over the batch")
def weight_gradient_without_the_sum_over_the_batch(layer, dy):
    x, _ = kept(layer)
    dx = right(layer, dy)
    layer.grads["weight"] = im2col.weight_gradient(x[:1], dy[:1], (3, 3, 2, 3), layer.geometry)[0]
    return dx


@planted(conv(), IMAGE)
def bias_gradient_without_the_sum_over_pixels(layer, dy):
    dx = right(layer, dy)
    layer.grads["bias"] = dy[:, 0, 0].sum(0)
    return dx


@planted(conv(), IMAGE)
def bias_gradient_with_the_sums_kept_as_axes(layer, dy):
    dx = right(layer, dy)
    layer.grads["bias"] = dy.sum((0, 1, 2), keepdims=True)
    return dx


@planted(conv(), IMAGE, hint="wrong scale: divided by the batch size 2")
def mean_over_the_batch_instead_of_the_sum(layer, dy):
    dx = right(layer, dy)
    layer.grads["weight"] /= len(dy)
    return dx


@planted(conv(), IMAGE, hint="wrong scale")
def mean_over_pixels_instead_of_the_sum(layer, dy):
    dx = right(layer, dy)
    layer.grads["bias"] = dy.mean((0, 1, 2))
    return dx


@planted(conv(), IMAGE, hint="wrong sign")
def wrong_sign(layer, dy):
    dx = right(layer, dy)
    layer.grads["weight"] *= -1
    return dx


@planted(conv(), IMAGE, hint="wrong scale: ")
def twice_the_gradient(layer, dy):
    dx = right(layer, dy)
    layer.grads["bias"] *= 2
    return dx


@planted(conv(), IMAGE, hint="accumulated instead of set")
def accumulated_instead_of_set(layer, dy):
    before = dict(layer.grads)
    dx = right(layer, dy)
    layer.grads = {name: grad + before.get(name, 0) for name, grad in layer.grads.items()}
    return dx


@planted(conv(), IMAGE, hint="swapped height and width")
def weight_gradient_with_swapped_kernel_height_and_width(layer, dy):
    dx = right(layer, dy)
    layer.grads["weight"] = layer.grads["weight"].swapaxes(0, 1)
    return dx


@planted(conv(2, 2), IMAGE, hint="swapped input channels and output channels")
def weight_gradient_with_swapped_channels(layer, dy):
    dx = right(layer, dy)
    layer.grads["weight"] = layer.grads["weight"].swapaxes(2, 3)
    return dx


@planted(conv(), IMAGE, hint="reversed along height and width")
def weight_gradient_turned(layer, dy):
    dx = right(layer, dy)
    layer.grads["weight"] = layer.grads["weight"][::-1, ::-1]
    return dx


@planted(conv(dilation=2), (2, 7, 6, 2))
def dilation_ignored_in_the_weight_gradient(layer, dy):
    x, _ = kept(layer)
    dx = right(layer, dy)
    _, h, w, _ = dy.shape
    for p, q in np.ndindex(3, 3):
        layer.grads["weight"][p, q] = np.tensordot(x[:, p : p + h, q : q + w], dy, ((0, 1, 2),) * 2)
    return dx


@planted(conv(), SQUARE)
def transposed_upstream_gradient_which_ones_would_not_show(layer, dy):
    return right(layer, dy.swapaxes(1, 2))


@planted(conv(), IMAGE)
def upstream_gradient_taken_for_ones(layer, dy):
    return right(layer, np.ones_like(dy))


@planted(conv(), IMAGE, hint="zero everywhere")
def weight_gradient_zero(layer, dy):
    dx = right(layer, dy)
    layer.grads["weight"] = np.zeros_like(layer.grads["weight"])
    return dx


@planted(conv(), IMAGE, hint="no gradient")
def bias_gradient_forgotten(layer, dy):
    dx = right(layer, dy)
    del layer.grads["bias"]
    return dx


@planted(conv(), IMAGE, hint="not finite")
def weight_gradient_not_a_number(layer, dy):
    dx = right(layer, dy)
    layer.grads["weight"][0, 0, 0, 0] = np.nan
    return dx


@planted(conv(8, 8, bias=False), (1, 5, 6, 8))
def one_weight_of_many_wrong(layer, dy):
    dx = right(layer, dy)
    layer.grads["weight"][2, 2, 7, 7] = 0
    return dx


@planted(conv(activation="relu"), IMAGE)
def fused_relu_forgotten_in_the_bias_gradient(layer, dy):
    dx = right(layer, dy)
    layer.grads["bias"] = dy.sum((0, 1, 2))
    return dx


@planted(conv(), IMAGE)
def parameters_overwritten_by_backward(layer, dy):
    dx = right(layer, dy)
    layer.params["bias"] -= 0.1 * layer.grads["bias"]
    return dx


# ---------------------------------------------------------------------- convolution: the input


@planted(conv(), IMAGE)
def kernel_turned_in_the_input_gradient(layer, dy):
    x, _ = kept(layer)
    right(layer, dy)
    return im2col.input_gradient(dy, layer.params["weight"][::-1, ::-1], x.shape, layer.geometry)


@planted(conv(), IMAGE)
def kernel_height_and_width_swapped_in_the_input_gradient(layer, dy):
    x, _ = kept(layer)
    right(layer, dy)
    weight = layer.params["weight"].swapaxes(0, 1)
    return im2col.input_gradient(dy, weight, x.shape, layer.geometry)


@planted(conv(3, 3), (2, 5, 6, 3))
def channels_swapped_in_the_input_gradient(layer, dy):
    x, _ = kept(layer)
    right(layer, dy)
    weight = layer.params["weight"].swapaxes(2, 3)
    return im2col.input_gradient(dy, weight, x.shape, layer.geometry)


@planted(conv(padding="same"), SQUARE, hint="swapped height and width")
def input_gradient_with_swapped_height_and_width(layer, dy):
    return right(layer, dy).swapaxes(1, 2)


@planted(conv(stride=2), (2, 7, 5, 2))
def stride_ignored_in_the_input_gradient(layer, dy):
    x, _ = kept(layer)
    right(layer, dy)
    dx, (_, h, w, _) = np.zeros_like(x), dy.shape
    for p, q in np.ndindex(3, 3):
        dx[:, p : p + h, q : q + w] += dy @ layer.params["weight"][p, q].T
    return dx


@planted(conv(padding=1), IMAGE, hint="off-by-one")
def padding_ignored_in_the_input_gradient(layer, dy):
    x, _ = kept(layer)
    right(layer, dy)
    n, h, w, c = x.shape
    padded = (n, h + 2, w + 2, c)
    dx = im2col.input_gradient(dy, layer.params["weight"], padded, geometry(3))
    return dx[:, :h, 1 : w + 1]


@planted(conv(padding=1), (2, 12, 12, 2))
def last_row_of_the_input_gradient_missing(layer, dy):
    dx = right(layer, dy)
    dx[:, -1] = 0
    return dx


@planted(conv(padding=1), (2, 12, 12, 2))
def corner_pixel_of_the_input_gradient_wrong(layer, dy):
    dx = right(layer, dy)
    dx[:, -1, -1] *= 0.5
    return dx


@planted(conv(activation="relu"), IMAGE)
def fused_relu_forgotten_in_the_input_gradient(layer, dy):
    x, _ = kept(layer)
    right(layer, dy)
    return im2col.input_gradient(dy, layer.params["weight"], x.shape, layer.geometry)


@planted(conv(activation="relu"), IMAGE, hint="wrote into it")
def upstream_gradient_overwritten(layer, dy):
    _, gate = kept(layer)
    dy *= gate > 0
    return right(layer, dy)


@planted(conv(), IMAGE, hint="float32")
def input_gradient_in_float32(layer, dy):
    return right(layer, dy).astype("float32")


@planted(conv(), IMAGE)
def float32_inside(layer, dy):
    x, _ = kept(layer)
    right(layer, dy)
    dy, weight = dy.astype("float32"), layer.params["weight"].astype("float32")
    return im2col.input_gradient(dy, weight, x.shape, layer.geometry).astype("float64")


@planted(conv(), IMAGE, hint="no gradient")
def input_gradient_not_returned(layer, dy):
    right(layer, dy)


@planted(conv(), IMAGE, hint="returned 2 gradients for 1 input")
def one_gradient_too_many_returned(layer, dy):
    return right(layer, dy), layer.grads["weight"]


@planted(conv(), IMAGE, hint="wrote into it", method="forward")
def input_overwritten_by_forward(layer, x):
    x += 1
    return super(type(layer), layer).forward(x)


# ---------------------------------------------------------------------- transposed convolution


def up() -> tu.Layer:
    """A transposed convolution with overlaps, of equal channels."""
    return tu.ConvTranspose2d(3, 3, 3, stride=2)


@planted(up, (2, 3, 4, 3), hint="reversed along height and width")
def transposed_convolution_with_a_turned_weight_gradient(layer, dy):
    dx = right(layer, dy)
    layer.grads["weight"] = layer.grads["weight"][:, ::-1, ::-1]
    return dx


@planted(up, (2, 3, 4, 3), hint="swapped input channels and output channels")
def transposed_convolution_with_swapped_channels(layer, dy):
    dx = right(layer, dy)
    layer.grads["weight"] = layer.grads["weight"].swapaxes(0, 3)
    return dx


@planted(up, (2, 3, 4, 3), hint="swapped height and width")
def transposed_convolution_with_swapped_height_and_width(layer, dy):
    dx = right(layer, dy)
    layer.grads["weight"] = layer.grads["weight"].swapaxes(1, 2)
    return dx


@planted(up, (2, 3, 4, 3))
def transposed_convolution_with_stride_ignored(layer, dy):
    (x,) = kept(layer)
    right(layer, dy)
    kernel = layer.params["weight"].transpose(1, 2, 3, 0)
    return im2col.forward(dy, kernel, None, geometry(3))[:, : x.shape[1], : x.shape[2]]


# ---------------------------------------------------------------------- ReLU and dropout

WITH_ZEROS = np.random.default_rng(7).integers(-2, 3, (2, 5, 6, 2)).astype("float64")


@planted(tu.ReLU, IMAGE)
def relu_passes_everything(layer, dy):
    return right(layer, dy) * 0 + dy


@planted(tu.ReLU, IMAGE)
def relu_masks_by_the_upstream_gradient(layer, dy):
    return right(layer, dy) * 0 + dy * (dy > 0)


@planted(tu.ReLU, WITH_ZEROS)
def relu_lets_the_gradient_through_at_zero(layer, dy):
    (gate,) = kept(layer)
    right(layer, dy)
    return dy * (gate >= 0)


def _relu_with_a_stale_mask() -> tu.Layer:
    layer = tu.ReLU()
    layer.first_mask = np.random.default_rng(8).random(IMAGE) > 0.5  # of an earlier image
    return layer


@planted(_relu_with_a_stale_mask, IMAGE)
def relu_with_a_stale_mask(layer, dy):
    right(layer, dy)
    return dy * layer.first_mask


@planted(tu.ReLU, IMAGE, hint="wrote into it", method="forward")
def relu_in_place(layer, x):
    x *= x > 0
    return super(type(layer), layer).forward(x)


@planted(lambda: tu.Dropout(0.4), IMAGE, hint="wrong scale: 0.6 times")
def dropout_not_rescaled(layer, dy):
    (mask,) = kept(layer)
    right(layer, dy)
    return dy * mask


@planted(lambda: tu.Dropout(0.4), IMAGE, hint="wrong scale: 1.667 times")
def dropout_rescaled_twice(layer, dy):
    return right(layer, dy) / (1 - layer.p)


@planted(lambda: tu.Dropout(0.4), IMAGE)
def dropout_without_its_mask(layer, dy):
    right(layer, dy)
    return dy / (1 - layer.p)


@planted(lambda: tu.Dropout(0.4), IMAGE)
def dropout_with_a_new_mask(layer, dy):
    right(layer, dy)
    return dy * (layer.rng.random(dy.shape) >= layer.p) / (1 - layer.p)


# ---------------------------------------------------------------------- pooling

TIED = np.maximum(np.random.default_rng(9).standard_normal((2, 4, 6, 2)), 0).round()


@planted(tu.MaxPool2d, TIED)
def pool_gives_ties_to_the_last_maximum(layer, dy):
    x, y, *_ = kept(layer)
    right(layer, dy)
    dx = np.zeros_like(x)
    corners = zip(
        reversed(list(layer._corners(x))), reversed(list(layer._corners(dx))), strict=True
    )
    open_ = np.ones(y.shape, bool)
    for corner, dcorner in corners:
        won = open_ & (corner == y)
        dcorner[...] = dy * won
        open_ &= ~won
    return dx


@planted(tu.MaxPool2d, TIED)
def pool_gives_every_tied_maximum_the_gradient(layer, dy):
    x, y, *_ = kept(layer)
    right(layer, dy)
    return np.kron(dy, np.ones((1, 2, 2, 1))) * (x == np.kron(y, np.ones((1, 2, 2, 1))))


@planted(tu.MaxPool2d, (2, 4, 6, 2))
def pool_spreads_the_gradient_like_an_average(layer, dy):
    right(layer, dy)
    return np.kron(dy, np.ones((1, 2, 2, 1))) / 4


@planted(tu.MaxPool2d, (2, 4, 6, 2))
def pool_swaps_height_and_width_in_its_windows(layer, dy):
    dx = right(layer, dy)
    windows = dx.reshape(2, 2, 2, 3, 2, 2).swapaxes(2, 4)
    return windows.reshape(dx.shape)


@planted(PoolAndBack, (2, 4, 6, 2))
def unpooling_sums_over_the_window(layer, dy):
    right(layer, dy)
    sums = dy.reshape(2, 2, 2, 2, 3, 2).sum((2, 4))  # windows of (2, 3)
    return np.kron(sums, np.ones((1, 2, 3, 1)))


# ---------------------------------------------------------------------- normalisation, resizing


def normalised(layer):
    """What a normalisation kept, and the values it normalised to."""
    x, mean, root, _ = kept(layer)
    return (x - mean) / root, root


def norm(**options):
    """Make a normalisation with scales and statistics of its own."""

    def make():
        layer, rng = tu.BatchNorm2d(2, **options), np.random.default_rng(8)
        for array in (layer.params["weight"], layer.buffers["running_var"]):
            array[...] = rng.uniform(0.5, 2, 2)
        layer.buffers["running_mean"][...] = 1
        return layer

    return make


@planted(norm(), IMAGE)
def the_batchs_mean_and_variance_taken_for_constants(layer, dy):
    _, root = normalised(layer)
    right(layer, dy)
    return dy * layer.params["weight"] / root


@planted(norm(), IMAGE)
def the_variance_taken_for_constant(layer, dy):
    xh, root = normalised(layer)
    dx = right(layer, dy)
    return dx + layer.params["weight"] / root * xh * (dy * xh).mean((0, 1, 2))


@planted(norm(), IMAGE)
def the_normalisation_forgets_its_weight(layer, dy):
    return right(layer, dy) / layer.params["weight"]


@planted(norm(statistics="running"), IMAGE)
def running_statistics_treated_as_the_batchs(layer, dy):
    dx = right(layer, dy)
    return dx - dx.mean((0, 1, 2))


@planted(norm(), IMAGE)
def the_weight_gradient_of_values_not_normalised(layer, dy):
    x, *_ = kept(layer)
    dx = right(layer, dy)
    layer.grads["weight"] = (dy * x).sum((0, 1, 2))
    return dx


@planted(lambda: tu.AdaptiveAvgPool2d((4, 3)), IMAGE)
def overlapping_bins_assign_instead_of_adding(layer, dy):
    a, b = kept(layer)
    dx = right(layer, dy)
    for i, j in np.ndindex(dy.shape[1:3]):
        places = np.ix_(range(len(dx)), a[i].nonzero()[0], b[j].nonzero()[0])
        dx[places] = (dy[:, i, j] * a[i].max() * b[j].max())[:, None, None]
    return dx


@planted(lambda: tu.Upsample((8, 9)), IMAGE)
def resized_back_instead_of_the_adjoint(layer, dy):
    dx = right(layer, dy)
    return tu.Upsample(dx.shape[1:3])(dy)


@planted(lambda: tu.Upsample((8, 9), align_corners=True), IMAGE)
def the_other_convention_in_backward(layer, dy):
    dx = right(layer, dy)
    other = tu.Upsample(dy.shape[1:3])
    other(dx)
    return other.backward(dy)


@planted(tu.Sigmoid, IMAGE)
def the_slope_of_a_sigmoid_at_its_input(layer, dy):
    (y,) = kept(layer)
    x = np.log(y / (1 - y))
    right(layer, dy)
    return dy * x * (1 - x)


@planted(tu.Tanh, IMAGE)
def the_slope_of_tanh_at_its_input(layer, dy):
    (y,) = kept(layer)
    right(layer, dy)
    return dy * (1 - np.arctanh(y) ** 2)


@planted(lambda: tu.LeakyReLU(0.2), IMAGE)
def a_leaky_relu_that_does_not_leak_backwards(layer, dy):
    (gate,) = kept(layer)
    return right(layer, dy) * gate


@planted(lambda: tu.LeakyReLU(0.2), WITH_ZEROS)
def a_leaky_relu_with_the_slope_1_at_zero(layer, dy):
    (gate,) = kept(layer)
    right(layer, dy)
    zero = ~gate & (WITH_ZEROS == 0)
    return np.where(gate | zero, dy, dy * layer.negative_slope)


@planted(lambda: tu.InstanceNorm2d(2, affine=True), IMAGE)
def an_instance_norm_whose_mean_is_a_constant(layer, dy):
    xh, root = kept(layer)
    right(layer, dy)
    along = (dy * xh).mean((1, 2), keepdims=True)
    return layer.params["weight"] * (dy - xh * along) / root


@planted(lambda: tu.InstanceNorm2d(2, affine=True), IMAGE)
def an_instance_norm_by_the_batch_in_backward(layer, dy):
    xh, root = kept(layer)
    right(layer, dy)
    mean, along = (part.mean((0, 1, 2)) for part in (dy, dy * xh))
    return layer.params["weight"] * (dy - mean - xh * along) / root


@planted(lambda: tu.Dropout2d(0.4), IMAGE)
def dropped_channels_not_rescaled(layer, dy):
    return right(layer, dy) * (1 - layer.p)


@planted(lambda: tu.CropAt((0, 1)), IMAGE, (4, 5))
def a_crop_put_back_into_the_middle(layer, dy):
    return np.roll(right(layer, dy), 1, axis=1)


# ---------------------------------------------------------------------- joining


@planted(tu.CenterCrop, (2, 9, 8, 2), (5, 4), hint="off-by-one")
def crop_off_by_one(layer, dy):
    return np.roll(right(layer, dy), 1, axis=1)


@planted(tu.CenterCrop, (2, 9, 8, 2), (5, 4))
def crop_at_the_corner(layer, dy):
    return np.roll(right(layer, dy), (-2, -2), axis=(1, 2))


@planted(tu.Concat, IMAGE, IMAGE, hint="exchanged")
def concat_halves_swapped(layer, dy):
    return right(layer, dy)[::-1]


@planted(tu.Concat, (2, 3, 4, 1), (2, 3, 4, 3), hint="shape")
def concat_split_in_the_middle(layer, dy):
    right(layer, dy)
    return tuple(np.split(dy, 2, axis=3))


@planted(tu.Add, IMAGE, IMAGE, hint="no gradient")
def sum_gives_the_first_input_everything(layer, dy):
    return right(layer, dy)[0]


@planted(tu.Add, IMAGE, IMAGE, hint="wrong scale: 0.5 times")
def sum_shares_the_gradient(layer, dy):
    return tuple(dx / 2 for dx in right(layer, dy))


class Product(tu.Layer):
    """y = a * b."""

    def forward(self, a, b):
        y = a * b
        self._keep(y, a, b)
        return y

    def backward(self, dy):
        a, b = self._take(dy)
        return dy * b, dy * a


@planted(Product, IMAGE, IMAGE, hint="it is the gradient of x1")
def gradients_returned_in_the_wrong_order(layer, dy):
    return right(layer, dy)[::-1]


# ---------------------------------------------------------------------- networks


class Residual(tu.Layer):
    """y = x + conv(x): a fork."""

    def __init__(self):
        super().__init__()
        self.conv = tu.Conv2d(2, 2, padding="same")
        self.add = tu.Add()

    def forward(self, x):
        return self.add(x, self.conv(x))

    def backward(self, dy):
        dx, dconv = self.add.backward(dy)
        return dx + self.conv.backward(dconv)


@planted(Residual, IMAGE, hint="overwritten fork")
def overwritten_fork(layer, dy):
    dx, dconv = layer.add.backward(dy)
    dx = layer.conv.backward(dconv)
    return dx


def small_unet() -> tu.Layer:
    """A level deep, everything small."""
    return tu.UNet(1, 2, base_channels=2, depth=1, padding="same")


@planted(small_unet, (2, 4, 6, 1), part="skips.0", hint="overwritten fork")
def unet_skip_dropped(skip, dy):
    _, dx = right(skip, dy)
    return None, dx


@planted(small_unet, (2, 4, 6, 1), part="pools.0", hint="overwritten fork")
def unet_pooling_path_dropped_where_the_skip_joins(pool, dy):
    return right(pool, dy) * 0


@planted(small_unet, (2, 4, 6, 1), part="skips.0")
def unet_skip_halves_swapped(skip, dy):
    return right(skip, dy)[::-1]


@planted(small_unet, (2, 4, 6, 1), part="decoder.0.conv2")
def unet_convolution_left_out_of_the_chain(layer, dy):
    right(layer, dy)
    return dy


@planted(lambda: tu.UNet(1, 2, base_channels=2, depth=1), (2, 20, 18, 1), part="skips.0.crop")
def unet_crop_at_the_corner(crop, dy):
    dx = right(crop, dy)
    return np.roll(dx, (-4, -4), axis=(1, 2))


# ---------------------------------------------------------------------- losses

LOGITS = (2, 3, 4, 3)
LABELS = np.random.default_rng(10).integers(0, 3, (2, 3, 4))
WEIGHTS = np.random.default_rng(11).uniform(0.5, 2, (2, 3, 4))


@planted(tu.SoftmaxCrossEntropy, LOGITS, LABELS, WEIGHTS, hint="wrong scale: 24 times")
def loss_gradient_not_divided_by_the_count(loss):
    return right(loss) * LABELS.size


@planted(tu.SoftmaxCrossEntropy, LOGITS, LABELS, WEIGHTS)
def weights_ignored_in_the_loss_gradient(loss):
    p, onehot, _, counted = kept(loss)
    return np.moveaxis((p - onehot) / counted, 0, 3)


@planted(tu.SoftmaxCrossEntropy, LOGITS, LABELS, hint="wrong sign")
def labels_minus_probabilities(loss):
    return -right(loss)


@planted(tu.SoftmaxCrossEntropy, LOGITS, LABELS)
def labels_not_subtracted(loss):
    p, _, _, counted = kept(loss)
    return np.moveaxis(p / counted, 0, 3)


@planted(lambda: tu.SoftmaxCrossEntropy(ignore_label=1), LOGITS, LABELS)
def ignored_pixels_get_a_gradient(loss):
    p, onehot, _, counted = kept(loss)
    return np.moveaxis((p - onehot) / counted, 0, 3)


@planted(tu.SoftmaxCrossEntropy, LOGITS, LABELS, hint="zero everywhere")
def loss_gradient_zero(loss):
    return right(loss) * 0


@planted(tu.SoftmaxCrossEntropy, LOGITS, LABELS, hint="wrote into it", method="forward")
def logits_overwritten_by_the_loss(loss, logits, labels, weights=None):
    logits -= logits.max(axis=3, keepdims=True)
    return super(type(loss), loss).forward(logits, labels, weights)


def kept_of_dice(loss):
    """What the loss kept, with one number for each class shaped to fit (K, N, H, W)."""
    p, g, w, *per_class = kept(loss)
    return p, g, w, *(value[:, None, None, None] for value in per_class)


@planted(tu.DiceLoss, LOGITS, LABELS, WEIGHTS)
def softmax_jacobian_dropped_in_dice(loss):
    p, g, w, dice, bottom, share = kept_of_dice(loss)
    return np.moveaxis(-share * w * 2 * (g - p * dice) / bottom, 0, 3)


@planted(tu.DiceLoss, LOGITS, LABELS)
def denominator_taken_for_constant_in_dice(loss):
    p, g, w, _, bottom, share = kept_of_dice(loss)
    dp = -share * w * 2 * g / bottom
    return np.moveaxis(p * (dp - (dp * p).sum(axis=0)), 0, 3)


@planted(tu.DiceLoss, LOGITS, LABELS, hint="wrong scale: 3 times")
def dice_summed_over_classes(loss):
    return right(loss) * 3


@planted(tu.L1Loss, IMAGE, np.random.default_rng(9).standard_normal(IMAGE))
def l1_as_if_squared(loss):
    difference, _, count = kept(loss)
    right(loss)
    return 2 * difference / count


@planted(tu.GANLoss, (2, 3, 4, 1), True)
def a_generator_that_is_taught_to_be_found_out(loss):
    dz = right(loss)
    return dz + 1 / dz.size  # p where it should be p - 1


@planted(tu.LeastSquaresGANLoss, (2, 3, 4, 1), False, hint="wrong scale: 0.5 times")
def a_square_without_its_2(loss):
    return right(loss) / 2
