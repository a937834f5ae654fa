"""The checker understands backward passes as people write them, and says what is true of them."""

import numpy as np
import pytest
from foreign_code import RIGHT, WRONG, W, X

import tinyunet as tu


@pytest.mark.parametrize("case", RIGHT, ids=lambda case: case.name)
def test_right_code_passes(case):
    report = case.check()
    assert report.passed, report
    names = [row.name for row in report.rows]
    assert not set(case.rows.split()) - set(names), names


@pytest.mark.parametrize("case", WRONG, ids=lambda case: case.name)
def test_wrong_code_fails_and_only_what_is_wrong(case):
    report = case.check()
    failed = {
        row.name.removesuffix(", again").replace(" ", "-")
        for row in report.rows
        if row.verdict == "FAILED"
    }
    assert failed == set(case.rows.split()), report
    assert case.says in str(report)


def test_there_are_plenty_of_cases():
    names = [case.name for case in RIGHT], [case.name for case in WRONG]
    assert all(len(set(group)) == len(group) for group in names)
    assert len(RIGHT) >= 60
    assert len(WRONG) >= 30


# ---------------------------------------------------------------------- what a report says


def square(x):
    return x**2


def square_backward(dy, x):
    return 2 * x * dy


def verdicts(report):
    return {row.name: row.verdict for row in report.rows}


def test_float32_inside_is_said_and_accuses_nobody():
    report = tu.check_function(
        lambda x: np.exp(x.astype("f")).astype("d"), lambda dy, x: np.exp(x) * dy, X
    )
    assert not report.failed
    assert "float32" in " ".join(report.remarks)


def test_a_gradient_in_float32_is_said():
    report = tu.check_function(square, lambda dy, x: square_backward(dy, x).astype("f"), X)
    assert report.passed, report
    assert "x: its gradient came back in float32, from float64 inputs" in report.remarks


def test_a_random_forward_is_said():
    rng = np.random.default_rng(0)
    report = tu.check_function(lambda x: x * (rng.random(x.shape) > 0.5), lambda dy, x: dy, X)
    assert verdicts(report) == {"x": "not measurable"}
    assert "it is random" in " ".join(report.remarks)


@pytest.mark.parametrize("forward", [np.log, lambda x: 1 / (x * 0)])
def test_a_forward_that_is_not_finite_is_said(forward):
    report = tu.check_function(forward, lambda dy, x: dy / x, X)
    assert verdicts(report) == {"x": "not measurable"}
    assert f"in {(X < 0).sum() if forward is np.log else X.size} of 12 outputs" in str(report)


def test_who_writes_into_dy_is_accused_and_x_is_not():
    def backward(dy, x):
        dy *= 2 * x
        return dy

    report = tu.check_function(square, backward, X)
    assert verdicts(report) == {"the upstream gradient": "FAILED", "x": "ok"}
    assert "the upstream gradient: backward wrote into it" in str(report)


@pytest.mark.parametrize("who", ["forward", "backward"])
def test_who_writes_into_an_input_is_named(who):
    def forward(x):
        y = x**2
        x += who == "forward"
        return y, x - (who == "forward")

    def backward(dy, cache):
        dx = 2 * cache * dy
        cache += who == "backward"
        return dx

    def backward_of_input(dy, x):
        dx = 2 * x * dy
        x += 1
        return dx

    pair = (forward, backward) if who == "forward" else (square, backward_of_input)
    report = tu.check_function(*pair, X)
    assert f"x: {who} wrote into it" in str(report)


def test_gradients_that_share_their_memory_are_said():
    report = tu.check_function(lambda a, b: a + b, lambda dy: (dy, dy), X, X + 1)
    assert report.passed, report
    assert "the gradients of a and b share their memory" in str(report)
    halves = tu.check_function(
        lambda a, b: np.hstack([a, b]), lambda dy: (dy[:, :3], dy[:, 3:]), X, X
    )
    assert "share" not in str(halves)


def test_a_wrong_scale_is_said_only_where_dy_was_used():
    used = tu.check_function(square, lambda dy, x: 3 * x * dy, X)
    assert "wrong scale: 1.5 times" in str(used)
    unused = tu.check_function(square, lambda dy, x: 3 * x, X)
    assert "wrong scale" not in str(unused)
    assert "does not depend on the upstream gradient dy" in str(unused)


def test_what_was_left_out_is_said():
    def loss(p, y):
        return ((p - y) ** 2).sum()

    report = tu.check_function(loss, lambda p, y: 2 * (p - y), X, X + 1)
    assert report.passed, report
    assert "y was left out, for backward gives no gradient for it" in str(report)
    asked = tu.check_function(loss, lambda p, y: 2 * (p - y), X, X + 1, wrt=["p", "y"])
    assert verdicts(asked)["y"] == "FAILED"


def test_a_missing_gradient_of_integers_is_said():
    n = np.arange(12).reshape(4, 3)
    report = tu.check_function(lambda n, x: n * x, lambda dy, n, x: (dy * x, dy * n), n, X)
    assert "n holds integers, so its gradient was not checked: give floats" in report.remarks


def test_checking_an_object_leaves_it_alone():
    layer = Keeps()
    assert tu.check_object(layer, X).passed
    assert vars(layer).keys() == {"W"}
    np.testing.assert_array_equal(layer.W, W)


def test_an_object_that_holds_a_module_and_a_long_list_is_checked():
    layer = Keeps()
    layer.xp, layer.history = np, list(range(20_000))
    assert tu.check_object(layer, X).passed


class Keeps:
    def __init__(self):
        self.W = W.copy()

    def forward(self, x):
        self.x = x
        return x @ self.W

    def backward(self, dout):
        self.dW = self.x.T @ dout
        return dout @ self.W.T


class Learns(Keeps):
    def backward(self, dout, learning_rate):
        return super().backward(dout)


# ---------------------------------------------------------------------- what cannot be used

FUNCTIONS = {
    "forward returned None: is a return missing": (lambda x: None, square_backward, X),
    "forward returned a str, which is no array": (lambda x: "x", square_backward, X),
    "forward returned a dict with 'out'": (lambda x: {"out": x}, square_backward, X),
    "forward returned an empty tuple": (lambda x: (), square_backward, X),
    "forward returned an empty array of shape (0, 3)": (lambda x: x[:0], square_backward, X),
    "forward returned complex numbers": (lambda x: 1j * x, square_backward, X),
    "forward returned an array of object": (lambda x: np.array([None, 1]), square_backward, X),
    "forward returned a generator": (lambda x: (v for v in x), square_backward, X),
    "backward returned a str": (square, lambda dy, x: "dx", X),
    "backward returned a function": (square, lambda dy, x: square, X),
    "backward returned complex numbers": (square, lambda dy, x: 1j * dy, X),
    "backward returned a list": (square, lambda dy, x: [[1, 2], [3]], X),
    "forward should be a function, got ndarray": (X, square_backward, X),
    "backward should be a function, got ndarray": (square, X, X),
    "it returned an array of float64 and 0 values beside it": (square, None, X),
    "(none was given)": (lambda: 1.0, lambda dy: ()),
    "(x is an array of int64)": (square, square_backward, np.arange(3)),
    "(x is a str)": (square, square_backward, "x"),
    "x has dtype complex128: give an array of floats": (square, square_backward, 1j * X),
    "x has NaN or infinite numbers (12 of 12)": (square, square_backward, X * np.nan),
    "x is empty: shape (0, 3)": (square, square_backward, X[:0]),
    "forward is square(x), but 2 inputs given": (square, square_backward, X, X),
    "give the method of an object, as in layer.forward": (Keeps.forward, Keeps.backward, X),
    "functools.partial(<lambda>, stride=...)": (lambda x, *, stride: x, square_backward, X),
    "backward is <lambda>(dy, x, p, q)": (square, lambda dy, x, p, q: x, X),
    "square(x) takes the input 'x' first": (square, square, X),
}


@pytest.mark.parametrize("words", FUNCTIONS)
def test_unusable_functions_are_refused_in_words(words):
    with pytest.raises((TypeError, ValueError)) as caught:
        tu.check_function(*FUNCTIONS[words])
    assert words in str(caught.value)


OPTIONS = {
    "wrt names 'z'": {"wrt": "z"},
    "wrt names 1.5": {"wrt": 1.5},
    "wrt names 3": {"wrt": [3]},
    "layout must be one of NHWC, NCHW": {"layout": "HWC"},
}


@pytest.mark.parametrize("words", OPTIONS)
def test_unusable_options_are_refused_in_words(words):
    with pytest.raises(ValueError) as caught:
        tu.check_function(square, square_backward, X, **OPTIONS[words])
    assert words in str(caught.value)


OBJECTS = {
    "NoneType needs the methods forward": (None, None),
    "dict is a class: give an object": (dict, None),
    "module cannot be copied": (np, None),
    "Keeps has no 'dV' after forward and backward; it has W, x, dW": (Keeps(), {"W": "dV"}),
    "no gradient of 'V' was found in Keeps (looked for dV": (Keeps(), ["V"]),
    "parameters should be a dict or a list of names, got 3": (Keeps(), 3),
    "backward is backward(dout, learning_rate)": (Learns(), None),
}


@pytest.mark.parametrize("words", OBJECTS)
def test_unusable_objects_are_refused_in_words(words):
    layer, parameters = OBJECTS[words]
    with pytest.raises((TypeError, ValueError)) as caught:
        tu.check_object(layer, X, parameters=parameters)
    assert words in str(caught.value)


def test_functions_on_every_device(xp):
    x, w = xp.asarray(X), xp.asarray(W)
    right = tu.check_function(lambda x, w: x @ w, lambda dy, x, w: (dy @ w.T, x.T @ dy), x, w)
    assert right.passed, right
    wrong = tu.check_function(lambda x: x**2, lambda dy, x: x * dy, x)
    assert verdicts(wrong) == {"x": "FAILED"}
    two = tu.check_function(
        lambda a: (a + 1, a**2), lambda dsum, dsquare, a: dsum + 2 * a * dsquare, x
    )
    assert two.passed, two


def test_an_array_without_a_gradient_is_not_passed_over():
    class Odd:  # leaves its (wrong) gradient under a name that nobody knows
        def __init__(self):
            self.kernel = np.random.default_rng(0).random((3, 2))

        def forward(self, x):
            self.x = x
            return x @ self.kernel

        def backward(self, dy):
            self.update = 17 * self.x.T @ dy
            return dy @ self.kernel.T

    x = np.random.default_rng(1).random((4, 3))
    report = tu.check_object(Odd(), x)
    assert not report.passed
    assert not report.failed
    assert any("no gradient of kernel was found" in remark for remark in report.remarks)
    assert tu.check_object(Odd(), x, parameters={"kernel": "update"}).failed
    assert tu.check_object(Odd(), x, parameters={}).passed
