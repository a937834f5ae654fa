"""Functions of PyTorch are checked through NumPy."""

import pytest
from foreign_code import X, numbers

import tinyunet as tu

torch = pytest.importorskip("torch", reason="PyTorch is optional and is not installed")


class Power(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, power=2):
        ctx.save_for_backward(x)
        ctx.power = power
        return x**power

    @staticmethod
    def backward(ctx, grad_output):
        (x,) = ctx.saved_tensors
        return grad_output * ctx.power * x ** (ctx.power - 1), None


class HalfPower(Power):
    @staticmethod
    def backward(ctx, grad_output):
        (x,) = ctx.saved_tensors
        return grad_output * x, None


class SumAndProduct(torch.autograd.Function):
    @staticmethod
    def forward(ctx, a, b):
        ctx.save_for_backward(a, b)
        return a + b, a * b

    @staticmethod
    def backward(ctx, d_sum, d_product):
        a, b = ctx.saved_tensors
        return d_sum + d_product * b, d_sum + d_product * a


class TooMany(Power):
    @staticmethod
    def backward(ctx, grad_output):
        return grad_output, grad_output, grad_output


def test_torch_functions():
    for inputs in ((X,), (X, 3), (torch.tensor(X),), (torch.tensor(X).float(),), (1.5,)):
        report = tu.check_object(Power, *inputs)
        assert report.passed, report
        assert report.rows[0].name == "x"
    assert "0.5 times" in str(tu.check_object(HalfPower, X))
    report = tu.check_object(SumAndProduct, X, numbers(4, 3, seed=2))
    assert report.passed, report
    assert [row.name for row in report.rows] == ["a", "b", "all inputs"]


def test_functions_of_tensors():
    x = torch.tensor(X)
    assert tu.check_function(torch.relu, lambda dy, x: dy * (x > 0), x).passed
    report = tu.check_function(lambda x: torch.relu(x), lambda dy, x: 2 * dy * (x > 0), x)
    assert "wrong scale: twice" in str(report)


def test_a_wrong_number_of_gradients_is_refused_in_words():
    with pytest.raises(ValueError, match=r"backward of TooMany: .* incorrect number of gradients"):
        tu.check_object(TooMany, X)
