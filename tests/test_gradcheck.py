"""The gradient checker is checked itself: wrong layers are caught and named, right ones never fail."""

import copy
import functools
import json

import numpy as np
import pytest
from layer_cases import CASES
from planted_bugs import BUGS, Product

import tinyunet as tu
from tinyunet.gradcheck.subject import Subject
from tinyunet.gradcheck.suite import check_all, check_network, with_biases
from tinyunet.networks.small import small_input, small_networks

HINTED = [bug for bug in BUGS if bug.hint]


# ---------------------------------------------------------------------- planted bugs


@functools.cache
def report_on(bug):
    return tu.check_gradients(bug.make(), *bug.inputs())


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_planted_bug_is_caught(bug):
    assert not report_on(bug).passed, report_on(bug)
    assert any(row.verdict == "FAILED" for row in report_on(bug).rows)  # not merely untested


@pytest.mark.parametrize("bug", HINTED, ids=lambda bug: bug.name)
def test_planted_bug_is_named(bug):
    remarks = report_on(bug).remarks
    assert any(bug.hint in remark for remark in remarks), report_on(bug)


def test_there_are_plenty_of_planted_bugs():
    assert len(BUGS) == len({bug.name for bug in BUGS}) >= 75


def test_ones_would_not_show_the_planted_transposition():
    # The reason for a random upstream gradient: this wrong layer is right for dy = 1.
    bug = next(bug for bug in BUGS if "which ones would not show" in bug.name)
    wrong, (x,) = bug.make().astype("float64"), bug.inputs()
    correct = copy.deepcopy(wrong)
    correct.__class__ = tu.Conv2d
    ones = np.ones_like(wrong(x))
    correct(x)
    np.testing.assert_allclose(wrong.backward(ones), correct.backward(ones))
    np.testing.assert_allclose(wrong.grads["weight"], correct.grads["weight"])


# ---------------------------------------------------------------------- right layers never fail


def random_side(rng, smallest):
    return smallest + int(rng.integers(0, 4))


def random_case(rng):
    """A right layer of random kind and geometry, and its inputs, of random size and scale."""

    def pair(low, high):
        return tuple(int(v) for v in rng.integers(low, high + 1, 2))

    def image(channels, smallest=(1, 1), multiple=(1, 1)):
        sides = [random_side(rng, s) * m for s, m in zip(smallest, multiple, strict=True)]
        scale = 10.0 ** rng.integers(-1, 2)
        return scale * rng.standard_normal((int(rng.integers(1, 3)), *sides, channels))

    a, b = (int(c) for c in rng.integers(1, 4, 2))
    bias = bool(rng.integers(2))
    kind = rng.choice(["conv", "up", "pool", "relu", "dropout", "crop", "concat", "add", "network"])
    if kind == "conv":
        layer = tu.Conv2d(
            a, b, pair(1, 3), stride=pair(1, 3), padding=pair(0, 3), dilation=pair(1, 2),
            bias=bias, rng=rng, activation=rng.choice([None, "relu"]),
        )  # fmt: skip
        return layer, [image(a, layer.geometry.span)]
    if kind == "up":
        kernel = pair(1, 4)
        padding = tuple(int(rng.integers(0, (k + 1) // 2)) for k in kernel)
        layer = tu.ConvTranspose2d(
            a, b, kernel, stride=pair(1, 3), padding=padding, bias=bias, rng=rng
        )
        return layer, [image(a)]
    if kind == "pool":
        layer = tu.MaxPool2d(pair(1, 3))
        return layer, [image(a, multiple=layer.kernel_size)]
    if kind == "crop":
        x = image(a)
        return tu.CenterCrop(), [x, tuple(int(rng.integers(1, side + 1)) for side in x.shape[1:3])]
    if kind in ("concat", "add"):
        x = image(a)
        others = [rng.standard_normal(x.shape) for _ in range(rng.integers(1, 3))]
        return {"concat": tu.Concat, "add": tu.Add}[kind](), [x, *others]
    if kind == "network":
        layer = tu.Sequential(
            tu.Conv2d(a, 3, padding="same", activation="relu", rng=rng), tu.MaxPool2d((2, 1)),
            tu.Dropout(0.3, rng), tu.ConvTranspose2d(3, b, (2, 3), stride=(2, 1), rng=rng),
        )  # fmt: skip
        return layer, [image(a, multiple=(2, 1))]
    return {"relu": tu.ReLU, "dropout": tu.Dropout}[kind](), [image(a)]


@pytest.mark.parametrize("block", range(8))
def test_right_layers_never_fail(block):
    passed = 0
    for seed in range(30 * block, 30 * (block + 1)):
        rng = np.random.default_rng(seed)
        layer, inputs = random_case(rng)
        report = tu.check_gradients(with_biases(layer, rng), *inputs, samples=4, rng=rng)
        assert not any(row.verdict == "FAILED" for row in report.rows), f"seed {seed}: {report}"
        passed += report.passed
    assert passed >= 28  # now and then a gradient is 0: no ReLU open, or a kernel only over padding


@pytest.mark.parametrize("seed", range(20))
def test_right_losses_never_fail(seed):
    rng = np.random.default_rng(seed)
    classes = int(rng.integers(2, 5))
    shape = (2, random_side(rng, 1), random_side(rng, 1))
    logits = 10.0 ** rng.uniform(-2, 1) * rng.standard_normal((*shape, classes))
    labels = rng.integers(0, classes, shape)
    weights = rng.uniform(0.1, 3, shape)
    for loss in (tu.SoftmaxCrossEntropy(), tu.SoftmaxCrossEntropy(0), tu.DiceLoss()):
        report = tu.check_gradients(loss, logits, labels, weights, samples=6, rng=rng)
        assert not any(row.verdict == "FAILED" for row in report.rows), report
        nothing_to_learn = len(np.unique(labels)) == 1
        assert report.passed or nothing_to_learn, report


def test_the_suite_of_the_command_passes():
    reports = dict(check_all(small_networks(), samples=4))
    assert len(reports) >= 20
    assert set(small_networks()) <= set(reports)
    assert all(report.passed for report in reports.values())


def test_a_whole_network_is_checked_on_a_small_input():
    network = tu.UNet(2, 3, base_channels=2, depth=1)
    shape = small_input(network)
    assert shape[1] != shape[2]
    assert shape[3] == 2
    assert check_network(network, shape, samples=2).passed


@pytest.mark.parametrize(("method", "arguments"), [("value", ()), ("gradients", (1.0, None))])
def test_a_subject_without_a_pass_says_which(method, arguments):
    class Unfinished(Subject):
        pass

    with pytest.raises(TypeError, match=rf"Unfinished does not define {method}"):
        getattr(Unfinished(), method)(*arguments)


# ---------------------------------------------------------------------- what a report says


def conv_report(**options):
    rng = np.random.default_rng(0)
    layer = with_biases(tu.Conv2d(2, 3, activation="relu"), rng)
    return tu.check_gradients(layer, rng.standard_normal((2, 5, 6, 2)), **options)


def test_report_has_a_row_for_every_tensor_and_for_a_common_direction():
    report = conv_report()
    assert [row.name for row in report.rows] == [
        "x",
        "weight",
        "bias",
        "all inputs",
        "all parameters",
    ]
    assert [row.shape for row in report.rows] == [(2, 5, 6, 2), (3, 3, 2, 3), (3,), (120,), (57,)]
    assert [row.checked for row in report.rows] == [20, 20, 3, 1, 1]
    assert report.passed
    assert 0 < report.worst < report.tolerance


def test_samples_say_how_many_coordinates_are_checked():
    rows = {row.name: row.checked for row in conv_report(samples=100).rows}
    assert rows == {"x": 100, "weight": 54, "bias": 3, "all inputs": 1, "all parameters": 1}
    with pytest.raises(ValueError, match="samples must be at least 1, got 0"):
        conv_report(samples=0)


def test_the_largest_gradient_is_always_among_the_samples():
    # Only one gradient is not 0: without it, one sample of 240 would find nothing.
    x = np.ones((1, 1, 240, 1))
    layer = tu.MaxPool2d((1, 240))
    x[0, 0, 123, 0] = 2
    report = tu.check_gradients(layer, x, samples=1)
    assert report.passed
    assert report.rows[0].where == (0, 0, 123, 0)


def test_any_step_is_exact_when_decisions_are_held():
    for eps in (1e-4, 1e-2, 1.0):
        assert conv_report(eps=eps).passed
    with pytest.raises(ValueError, match=r"eps must be above 0, got -1"):
        conv_report(eps=-1)


def test_flips_are_counted():
    x = np.full((1, 2, 2, 1), 0.5)
    assert tu.check_gradients(tu.ReLU(), x, eps=0.1).rows[0].flips == 0
    assert tu.check_gradients(tu.ReLU(), x, eps=0.6).rows[0].flips == 4


def test_zero_gradient_is_untested_and_does_not_pass():
    layer = tu.Conv2d(2, 3, activation="relu")
    layer.params["bias"] -= 100  # no pixel is above 0: every gradient is 0, which proves nothing
    report = tu.check_gradients(layer, np.random.default_rng(0).standard_normal((1, 4, 5, 2)))
    assert {row.verdict for row in report.rows} == {"untested"}
    assert not report.passed
    assert "NOT PROVEN" in report.summary
    assert "FAILED" not in str(report)


def test_report_prints_as_a_table():
    report = tu.check_gradients(BUGS[0].make(), *BUGS[0].inputs())
    lines = str(report).splitlines()
    assert lines[0].startswith("Gradients of Wrong")
    assert lines[1].split()[:3] == ["tensor", "shape", "checked"]
    assert [line.split()[0] for line in lines[2:5]] == ["x", "weight", "bias"]
    assert lines[4].endswith("FAILED")
    assert lines[1].index("verdict") == lines[2].index("ok") == lines[4].index("FAILED")
    assert "FAILED in bias" in str(report)
    assert repr(report) == str(report)


def test_report_shows_in_a_notebook():
    model = tu.UNet(1, 2, base_channels=2, depth=1, padding="same")
    report = tu.check_gradients(model, np.ones((1, 4, 6, 1)), samples=1)
    page = report._repr_html_()
    for name, _ in model.named_parameters():
        assert f">{name}<" in page
    assert page.count("<tr>") == len(report.rows) + 1
    assert report.summary.replace("<", "&lt;") in page


def test_report_is_plain_data():
    report = conv_report()
    data = json.loads(json.dumps(report.to_dict()))
    assert data["passed"] is True
    assert data["worst"] == report.worst
    assert [row["name"] for row in data["rows"]] == [
        "x",
        "weight",
        "bias",
        "all inputs",
        "all parameters",
    ]
    assert data["rows"][0]["shape"] == [2, 5, 6, 2]


def test_inputs_are_called_by_their_order():
    rng = np.random.default_rng(0)
    report = tu.check_gradients(Product(), rng.random((1, 2, 3, 1)), rng.random((1, 2, 3, 1)))
    assert [row.name for row in report.rows] == ["x0", "x1", "all inputs"]
    assert report.passed


def test_adjoint_identity_fails_for_a_wrong_layer():
    bug = next(bug for bug in BUGS if bug.name == "kernel turned in the input gradient")
    report = tu.check_adjoint(bug.make(), *bug.inputs())
    assert not report.passed
    assert report.title.startswith("Adjoint identity of WrongConv2d")


# ---------------------------------------------------------------------- what a check leaves alone


@pytest.mark.parametrize("check", [tu.check_gradients, tu.check_adjoint])
def test_a_check_changes_nothing_about_the_layer(check):
    layer = tu.Sequential(tu.Conv2d(2, 3, activation="relu"), tu.MaxPool2d(), tu.Dropout(0.4))
    x = np.random.default_rng(0).standard_normal((2, 6, 8, 2)).astype("float32")
    dy = np.ones((2, 2, 3, 3), "float32")
    layer(x)
    layer.backward(dy)
    layer(x)
    layer.layers[1].training = False
    arrays = [*layer.named_parameters(), *layer.named_gradients()]
    before = {id(array): array.tobytes() for _, array in arrays}
    drawn = layer.layers[2].rng.bit_generator.state
    x_before = x.tobytes()

    check(layer, x)

    arrays = [*layer.named_parameters(), *layer.named_gradients()]
    assert {id(array): array.tobytes() for _, array in arrays} == before
    assert x.tobytes() == x_before
    assert [part.training for part in layer.layers] == [True, False, True]
    assert layer.layers[2].rng.bit_generator.state == drawn
    assert all(part._held is None for part in layer.layers)
    layer.backward(dy)  # what its own forward kept is still there


def test_a_check_changes_nothing_about_the_loss():
    loss, logits = tu.SoftmaxCrossEntropy(), np.zeros((1, 2, 2, 2), "float32")
    labels = np.zeros((1, 2, 2), "int64")
    loss(logits, labels)
    assert tu.check_gradients(loss, logits, labels).passed
    assert loss.backward().dtype == "float32"


def test_the_same_check_gives_the_same_numbers():
    assert conv_report().to_dict() == conv_report().to_dict()


ON_DEVICES = ["Conv2d auto: everything at once", "Sequential with kinks", "U-Net same, no skips"]


@pytest.mark.parametrize("name", ON_DEVICES)
def test_checks_on_every_device(name, xp, device):
    case = next(case for case in CASES if case.name == name)
    layer = case.layer().to(device)
    report = tu.check_gradients(layer, *map(xp.asarray, case.inputs()), samples=2)
    assert report.passed, report


def test_losses_are_checked_on_every_device(xp):
    rng = np.random.default_rng(0)
    logits, labels = rng.standard_normal((1, 3, 4, 3)), rng.integers(0, 3, (1, 3, 4))
    for loss in (tu.SoftmaxCrossEntropy(), tu.DiceLoss()):
        report = tu.check_gradients(loss, xp.asarray(logits), xp.asarray(labels), samples=4)
        assert report.passed, report


# ---------------------------------------------------------------------- a pair of functions


def relu(x):
    return np.maximum(x, 0)


def relu_backward(dy, x):
    return dy * (x > 0)


def test_functions_with_a_kink():
    x = np.linspace(-2.0, 2.0, 9).reshape(3, 3)  # its middle is 0, on the kink
    report = tu.check_function(relu, relu_backward, x)
    assert report.passed, report
    assert report.rows[0].checked == 8
    assert report.rows[0].flips == 1
    assert any("1 coordinates on a kink were left out" in note for note in report.notes)


def test_functions_near_a_kink_are_measured_with_a_smaller_step():
    x = np.array([[3e-4, -2e-4, 1.0]])
    report = tu.check_function(relu, relu_backward, x)
    assert report.passed, report
    assert report.rows[0].checked == 3


def test_functions_of_several_inputs():
    rng = np.random.default_rng(0)
    x, w = rng.standard_normal((4, 3)), rng.standard_normal((3, 2))
    right = tu.check_function(lambda x, w: x @ w, lambda dy, x, w: (dy @ w.T, x.T @ dy), x, w)
    assert right.passed, right
    assert [row.name for row in right.rows] == ["x", "w", "all inputs"]

    wrong = tu.check_function(lambda x, w: x @ w, lambda dy, x, w: (dy @ w.T, 2 * x.T @ dy), x, w)
    assert not wrong.passed
    assert [row.verdict for row in wrong.rows] == ["ok", "FAILED"]
    assert any("wrong scale: twice the gradient" in remark for remark in wrong.remarks)


def test_a_missing_transposition_is_a_wrong_shape():
    x, w = np.ones((4, 3)), np.ones((3, 2))
    report = tu.check_function(lambda x, w: x @ w, lambda dy, x, w: (dy @ w.T, dy.T @ x), x, w)
    assert any("shape (2, 3)" in remark and "transposition" in remark for remark in report.remarks)


def test_functions_with_integer_inputs():
    labels = np.array([2, 0, 1])

    def pick(x, labels):
        return x[np.arange(3), labels]

    def pick_backward(dy, x, labels):
        dx = np.zeros_like(x)
        dx[np.arange(3), labels] = dy
        return dx

    report = tu.check_function(pick, pick_backward, np.random.default_rng(0).random((3, 4)), labels)
    assert report.passed, report
    assert [row.name for row in report.rows] == ["x", "all inputs"]


def test_functions_with_a_number_for_a_value():
    x = np.random.default_rng(0).standard_normal((3, 4))
    right = tu.check_function(lambda x: float((x**2).mean()), lambda dy, x: dy * 2 * x / x.size, x)
    assert right.passed, right
    wrong = tu.check_function(lambda x: (x**2).mean(), lambda dy, x: dy * 2 * x, x)
    assert not wrong.passed
    assert any("wrong scale: 12 times" in remark for remark in wrong.remarks)


def test_functions_that_write_into_their_arguments():
    def careless(dy, x):
        dy[x <= 0] = 0
        return dy

    x = np.random.default_rng(0).standard_normal((3, 4))
    report = tu.check_function(relu, careless, x)
    assert not report.passed
    assert any("upstream gradient: backward wrote into it" in text for text in report.remarks)
    assert [row.verdict for row in report.rows if row.name == "x"] == ["ok"]

    def in_place(x):
        x *= x > 0
        return x

    report = tu.check_function(in_place, relu_backward, x)
    assert not report.passed
    assert any("wrote into it" in text for text in report.remarks)


def test_functions_get_copies():
    x = np.random.default_rng(0).standard_normal((3, 4)).astype("float32")
    before = x.tobytes()
    assert tu.check_function(relu, relu_backward, x).passed  # float32 is measured in float64
    assert x.tobytes() == before


def test_a_wrong_kink_is_caught():
    x = np.random.default_rng(0).standard_normal((4, 4))
    report = tu.check_function(relu, lambda dy, x: dy, x)
    assert not report.passed


def test_a_function_that_is_nowhere_smooth_proves_nothing():
    rng = np.random.default_rng(0)
    report = tu.check_function(
        lambda x: x + rng.standard_normal(x.shape), lambda dy, x: dy, np.ones((2, 3))
    )
    assert not report.passed
