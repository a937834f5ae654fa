import json

import numpy as np
import pytest

import tinyunet as tu
from tinyunet.networks.summary import summarize


@pytest.fixture(scope="module")
def paper():
    return summarize(tu.UNet())


def row(summary, name):
    return next(row for row in summary.rows if row.name == name)


def rows_that_matter(model, side, at):
    """The rows of the image that change output pixel (at, at), found by the gradient alone.

    With positive weights on a positive image no ReLU is shut and no gradient cancels. Winograd's
    rounding would spread over whole tiles.
    """
    rng = np.random.default_rng(at)
    for _, layer in model.named_layers():
        if isinstance(layer, tu.Conv2d):
            layer.algorithm = "im2col"
    for _, array in model.named_parameters():
        array[...] = rng.uniform(0.5, 1, array.shape) / max(1, array.size // array.shape[-1])
    y = model(rng.uniform(0.5, 1, (1, side, side, 1)).astype(np.float64))
    dy = np.zeros_like(y)
    dy[0, at, at] = 1
    return np.flatnonzero(np.abs(model.backward(dy)[0, :, :, 0]).max(axis=1))


# ---- the paper's network ----


def test_paper_network_has_the_published_size(paper):
    assert paper.parameters == 31_030_658
    assert paper.parameter_tensors == 46
    assert sum(row.parameters for row in paper.rows) == 31_030_658
    assert paper.parameter_mb == pytest.approx(31_030_658 * 4 / 1e6)


def test_default_size_is_the_smallest_that_gives_an_output(paper):
    assert paper.input_shape == (188, 188, 1)
    assert paper.output_shape == (4, 4, 2)
    assert summarize(tu.UNet(base_channels=1, depth=2, padding="same")).input_shape == (4, 4, 1)


def test_rows_are_the_leaf_layers_in_the_order_they_run(paper):
    names = [row.name for row in paper.rows]
    assert names[:4] == ["encoder.0.conv1", "encoder.0.conv2", "pools.0", "encoder.1.conv1"]
    assert names[-4:] == ["skips.0.join", "decoder.0.conv1", "decoder.0.conv2", "head"]
    assert names.index("encoder.3.conv2") < names.index("bottom.conv1") < names.index("ups.3")
    assert len(names) == 23 + 4 + 8  # convolutions, pools, crops and joins
    assert row(paper, "encoder.1.conv1").kind == "Conv2d 3x3 + ReLU"
    assert row(paper, "bottom.conv2").shape == (4, 4, 1024)
    assert row(paper, "skips.3.join").shape == (8, 8, 1024)


# ---- the receptive field ----


def test_receptive_field_down_to_the_bottom_of_the_paper_network(paper):
    # By hand: r += (span - 1) * jump, with the jump doubled by every pooling.
    down = {"encoder.0.conv1": 3, "encoder.0.conv2": 5, "pools.0": 6, "encoder.1.conv2": 14,
            "pools.1": 16, "encoder.2.conv2": 32, "pools.2": 36, "encoder.3.conv2": 68,
            "pools.3": 76, "bottom.conv1": 108, "bottom.conv2": 140}  # fmt: skip
    for name, field in down.items():
        assert row(paper, name).receptive_field == (field, field), name
    assert row(paper, "skips.0.crop").receptive_field == (5, 5)
    assert row(paper, "skips.0.join").receptive_field > (140, 140)  # the longest path counts


def test_paper_network_sees_188_or_204_pixels(paper):
    model = tu.UNet(base_channels=2, depth=4, dtype="float64")  # channels do not matter here
    seen = {at: np.ptp(rows_that_matter(model, 268, at)) + 1 for at in (0, 3, 4, 15, 16, 19, 20)}
    assert seen == {0: 188, 3: 188, 4: 204, 15: 204, 16: 188, 19: 188, 20: 204}
    assert row(paper, "head").receptive_field == (204, 204)


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize("skip", ["concat", "none"])
@pytest.mark.parametrize("depth", [1, 2, 3])
def test_receptive_field_is_what_the_gradient_reaches(depth, padding, skip):
    options = {"base_channels": 1, "depth": depth, "padding": padding, "skip": skip}
    model = tu.UNet(**options, dtype="float64")
    side = model.input_size(60, 60)[0] if padding == "valid" else 160
    middle = model.output_size(side, side)[0] // 2
    phases = range(middle, middle + 2**depth)
    seen = max(np.ptp(rows_that_matter(model, side, at)) + 1 for at in phases)
    assert row(summarize(model), "head").receptive_field == (seen, seen)


def test_receptive_field_of_rectangles_strides_and_dilations():
    model = tu.Sequential(
        tu.Conv2d(1, 2, (3, 5), stride=(2, 1), dilation=(1, 2)),
        tu.MaxPool2d((1, 2)),
        tu.Conv2d(2, 1, (2, 1)),
    )
    found = summarize(model, 11, 20)
    assert [row.receptive_field for row in found.rows] == [(3, 9), (3, 10), (5, 10)]
    assert "5x10" in str(found)


def test_overlapping_up_convolution_reads_several_pixels():
    model = tu.Sequential(tu.ConvTranspose2d(1, 1, 4, stride=2))
    # Output pixel o is reached by the inputs i with 2 i <= o < 2 i + 4: two of them.
    assert summarize(model, 8, 8).rows[0].receptive_field == (2, 2)


def test_unknown_layer_has_an_unknown_receptive_field():
    class Mystery(tu.Layer):
        def forward(self, x):
            return x + x.mean((1, 2), keepdims=True)

    found = summarize(tu.Sequential(tu.Conv2d(1, 1, 3), Mystery(), tu.ReLU()), 5, 5)
    assert [row.receptive_field for row in found.rows] == [(3, 3), None, None]
    assert str(found).count("?") == 2


# ---- memory ----


def test_activations_count_every_kept_array_once():
    model = tu.Sequential(tu.Conv2d(1, 4, 1, activation="relu"), tu.MaxPool2d(2), tu.ReLU())
    # x is kept by the convolution; its output by itself and by the pool; the pooled image by the
    # pool; the last output by the ReLU.
    floats = 8 * 8 * 1 + 8 * 8 * 4 + 4 * 4 * 4 + 4 * 4 * 4
    assert summarize(model, 8, 8).activation_mb == pytest.approx(4 * floats / 1e6)
    assert summarize(model.astype("float64"), 8, 8).activation_mb == pytest.approx(8 * floats / 1e6)


def test_layer_used_twice_is_counted_once():
    shared = tu.Conv2d(1, 1, 3, padding="same")

    class Twice(tu.Layer):
        def __init__(self):
            super().__init__()
            self.conv = shared

        def forward(self, x):
            return self.conv(self.conv(x))

    found = summarize(Twice(), 9, 9)
    assert [row.parameters for row in found.rows] == [10, 0]
    assert found.rows[1].receptive_field == (5, 5)


# ---- how it behaves ----


def test_the_model_is_not_changed():
    model = tu.UNet(base_channels=2, depth=1, dropout=0.5, seed=3)
    model.eval()
    x = np.random.default_rng(0).random((1, 20, 20, 1), np.float32)
    summarize(model)
    assert not any(layer.training for _, layer in model.named_layers())
    assert not any("forward" in vars(layer) for _, layer in model.named_layers())
    fresh = tu.UNet(base_channels=2, depth=1, dropout=0.5, seed=3)
    np.testing.assert_array_equal(model.train()(x), fresh(x))  # the same dropout masks


def test_a_waiting_backward_still_works():
    model = tu.UNet(base_channels=2, depth=1)
    y = model(np.ones((1, 20, 20, 1), np.float32))
    summarize(model)
    assert model.backward(np.ones_like(y)).shape == (1, 20, 20, 1)


def test_sizes_are_given_by_the_caller():
    model = tu.UNet(3, 5, base_channels=2, depth=1, padding="same")
    assert summarize(model, 32, 48).output_shape == (32, 48, 5)
    assert summarize(model, 32).input_shape == (32, 32, 3)
    assert summarize(model, width=32).input_shape == (32, 32, 3)
    with pytest.raises(ValueError, match="33"):
        summarize(model, 33, 32)
    plain = tu.Sequential(tu.Conv2d(1, 1, 3), tu.MaxPool2d(2), tu.Conv2d(1, 1, (1, 3)))
    assert summarize(plain, 4, 12).input_shape == (4, 12, 1)
    with pytest.raises(ValueError, match=r"no layer .* says how many channels"):
        summarize(tu.Sequential(tu.ReLU()), 4, 4)


def test_text_and_json(paper):
    text = str(paper)
    for expected in ("encoder.0.conv1", "31,030,658", "188x188x1", "4x4x2", "46 arrays", "204"):
        assert expected in text
    assert len({len(line.rstrip()) for line in text.splitlines()[3:39]}) == 1  # aligned
    read = json.loads(json.dumps(paper.to_dict()))
    assert read["parameters"] == 31_030_658
    assert read["rows"][0]["name"] == "encoder.0.conv1"
    assert read["rows"][-1]["receptive_field"] == [204, 204]
