"""Lesson 15: right answers, and the usual wrong ones; test_all.py tries them."""

import sys

import numpy as np
import pytest

from tinyunet.exercises import check
from tinyunet.exercises.device import Device, cupy_is


def array_module(x):
    if isinstance(x, np.ndarray):
        return np
    cupy = sys.modules.get("cupy")
    if cupy is not None and isinstance(x, cupy.ndarray):
        return cupy
    raise TypeError(f"no array: {type(x).__name__}")


def imports_cupy(x):
    import cupy

    return cupy.get_array_module(x)


def by_import(x):
    try:
        import cupy
    except ImportError:
        cupy = np
    if not isinstance(x, np.ndarray | cupy.ndarray):
        raise TypeError("no array")
    return cupy if isinstance(x, cupy.ndarray) else np


def accepts_lists(x):
    return np if isinstance(x, np.ndarray | list | dict) else sys.modules["cupy"]


def accepts_none(x):
    if isinstance(x, list | dict):
        raise ValueError("no array")
    return array_module(x)


def mean_pool(x):
    return (x[:, ::2, ::2] + x[:, ::2, 1::2] + x[:, 1::2, ::2] + x[:, 1::2, 1::2]) / 4


def largest(x):
    windows = [x[:, p::2, q::2] for p in (0, 1) for q in (0, 1)]
    return array_module(x).stack(windows).max(axis=0)


def pool_by_numpy(x):
    return np.asarray(x).reshape(len(x), x.shape[1] // 2, 2, -1, 2, x.shape[3]).mean(axis=(2, 4))


def pool_by_np_mean(x):
    corners = [x[:, p::2, q::2] for p in (0, 1) for q in (0, 1)]
    return np.mean(np.stack(corners), axis=0)


def pool_by_reshape(x):
    n, h, w, c = x.shape
    return x.reshape(n, h // 2, 2, w // 2, 2, c).mean(axis=(2, 4))


def pool_into_zeros(x):
    y = np.zeros((len(x), x.shape[1] // 2, x.shape[2] // 2, x.shape[3]), x.dtype)
    for p in (0, 1):
        for q in (0, 1):
            y += x[:, p::2, q::2] / 4
    return y


def pool_on_the_host(x):
    return mean_pool(x if isinstance(x, np.ndarray) else x.get())


def there_and_back(function):
    def make(x):
        xp = array_module(x)
        return function(x) if xp is np else xp.asarray(function(x.get()))

    return make


def mean_pool_backward(dy):
    xp = array_module(dy)
    n, h, w, c = dy.shape
    dx = xp.empty((n, 2 * h, 2 * w, c), dy.dtype)
    for p in (0, 1):
        for q in (0, 1):
            dx[:, p::2, q::2] = dy / 4
    return dx


def spread_by_repeat(dy):
    xp = array_module(dy)
    return xp.repeat(xp.repeat(dy, 2, axis=1), 2, axis=2) / 4


def spread_into(make, share=0.25, corners=((0, 0), (0, 1), (1, 0), (1, 1))):
    def backward(dy):
        n, h, w, c = dy.shape
        dx = make(dy)((n, 2 * h, 2 * w, c), dy.dtype)
        for p, q in corners:
            dx[:, p::2, q::2] = dy * share
        return dx

    return backward


def spread_by_tile(dy):
    return array_module(dy).tile(dy, (1, 2, 2, 1)) / 4


def spread_in_float64(dy):
    n, h, w, c = dy.shape
    dx = array_module(dy).zeros((n, 2 * h, 2 * w, c))
    for p in (0, 1):
        for q in (0, 1):
            dx[:, p::2, q::2] = dy / 4
    return dx


def spread_from_the_host(dy):
    xp, dx = array_module(dy), np.zeros((len(dy), 2 * dy.shape[1], 2 * dy.shape[2], dy.shape[3]))
    dx = xp.asarray(dx.astype(dy.dtype))
    dx += spread_by_repeat(dy)
    return dx


def spread_with_a_look(dy):
    if not dy.any():
        return 0 * spread_by_repeat(dy)
    return spread_by_repeat(dy)


def move_all(things, put):
    if isinstance(things, dict):
        return {key: move_all(value, put) for key, value in things.items()}
    if isinstance(things, list | tuple):
        return type(things)(move_all(item, put) for item in things)
    return put(things) if isinstance(things, np.ndarray) else things


def moves_everything(things, put):
    if isinstance(things, dict):
        return {key: moves_everything(value, put) for key, value in things.items()}
    if isinstance(things, list | tuple):
        return type(things)(moves_everything(item, put) for item in things)
    return put(things)


def forgets_tuples(things, put):
    if isinstance(things, dict):
        return {key: forgets_tuples(value, put) for key, value in things.items()}
    if isinstance(things, list):
        return [forgets_tuples(item, put) for item in things]
    return put(things) if isinstance(things, np.ndarray) else things


def tuples_to_lists(things, put):
    if isinstance(things, dict):
        return {key: tuples_to_lists(value, put) for key, value in things.items()}
    if isinstance(things, list | tuple):
        return [tuples_to_lists(item, put) for item in things]
    return put(things) if isinstance(things, np.ndarray) else things


def moves_in_place(things, put):
    if isinstance(things, dict):
        for key, value in things.items():
            things[key] = moves_in_place(value, put)
        return things
    return move_all(things, put)


def moves_twice(things, put):
    if isinstance(things, np.ndarray):
        put(things)
    elif isinstance(things, dict | list | tuple):
        move_all(things, put)
    return move_all(things, put)


def drops_what_is_no_array(things, put):
    if isinstance(things, dict):
        return {
            key: drops_what_is_no_array(value, put)
            for key, value in things.items()
            if isinstance(value, np.ndarray | list | dict | tuple)
        }
    return move_all(things, put)


def step_with(
    *, early=False, put=True, gate=True, sign=1, divide=lambda y: y.size, rebind=False,
    order="w2 last", peek=lambda value: None, end=float, zeros=False,
):  # fmt: skip
    def device_step(params, x, t, lr):
        xp = array_module(params["w1"])
        if put:
            x, t = xp.asarray(x), xp.asarray(t)
        h = xp.maximum(x @ params["w1"] + params["b1"], 0)
        peek(h)
        y = h @ params["w2"] + params["b2"]
        loss = ((y - t) ** 2).mean()
        if early:
            loss = float(loss)
        dy = 2 * (y - t) / divide(y)
        changes = {"w2": h.T @ dy, "b2": dy.sum(axis=0)}
        if order == "w2 first":
            params["w2"] -= lr * changes.pop("w2")
        dh = dy @ params["w2"].T
        if gate:
            dh = dh * (h > 0)
        if zeros:
            dh = dh + np.zeros(dh.shape, dh.dtype)
        changes |= {"w1": x.T @ dh, "b1": dh.sum(axis=0)}
        for key, change in changes.items():
            p = params[key]
            if rebind:
                p = p - lr * change
            else:
                p -= sign * lr * change
        return end(loss)

    return device_step


def step_on_the_host(params, x, t, lr):
    on_host = {key: p if isinstance(p, np.ndarray) else p.get() for key, p in params.items()}
    loss = step_with()(on_host, x, t, lr)
    for key, p in params.items():
        p[...] = array_module(p).asarray(on_host[key])
    return loss


def step_by_new_arrays(params, x, t, lr):
    old = {key: 1.0 * p for key, p in params.items()}
    changed = dict(old)
    loss = step_with()(changed, x, t, lr)
    params.update(changed)
    return loss


def step_with_a_slice(params, x, t, lr):
    new = {key: 1 * p for key, p in params.items()}
    loss = step_with(end=lambda loss: loss)(new, x, t, lr)
    for key in params:
        params[key][...] = new[key]
    return float(loss)


def by_numpys_maximum(params, x, t, lr):
    loss = step_with(end=lambda loss: loss)(params, x, t, lr)
    return float(np.maximum(loss, loss))


def of_its_class(x):
    modules = {np.ndarray: np}
    if (cupy := sys.modules.get("cupy")) is not None:
        modules[cupy.ndarray] = cupy
    for kind, module in modules.items():
        if isinstance(x, kind):
            return module
    raise TypeError(x)


def by_trying(x):
    if isinstance(x, np.ndarray):
        return np
    try:
        if isinstance(x, sys.modules["cupy"].ndarray):
            return sys.modules["cupy"]
    except (KeyError, AttributeError):
        pass
    raise TypeError("host or device?")


def by_its_class_name(x):
    name = type(x).__module__.split(".")[0]
    if name in ("numpy", "cupy"):
        return sys.modules[name]
    raise TypeError(name)


def by_module_alone(x):
    if type(x).__module__ not in ("numpy", "cupy"):
        raise TypeError(f"{x} is no array")
    return np if type(x).__module__ == "numpy" else sys.modules["cupy"]


def by_key(x):
    if isinstance(x, np.ndarray):
        return np
    if isinstance(x, sys.modules["cupy"].ndarray):
        return sys.modules["cupy"]
    raise TypeError("no array")


def by_key_first(x):
    kinds = {sys.modules["cupy"].ndarray: sys.modules["cupy"], np.ndarray: np}
    if type(x) not in kinds:
        raise TypeError("no array")
    return kinds[type(x)]


def by_get(x):
    if isinstance(x, np.ndarray):
        return np
    if isinstance(x, sys.modules.get("cupy").ndarray):
        return sys.modules["cupy"]
    raise TypeError("no array")


def pool_by_stack(x):
    xp = array_module(x)
    return xp.mean(xp.stack([x[:, p::2, q::2] for p in (0, 1) for q in (0, 1)]), axis=0)


def pool_by_adding_up(x):
    y = array_module(x).zeros_like(x[:, ::2, ::2])
    for p in (0, 1):
        for q in (0, 1):
            y += 0.25 * x[:, p::2, q::2]
    return y


def spread_by_broadcasting(dy):
    n, h, w, c = dy.shape
    wide = array_module(dy).broadcast_to(dy[:, :, None, :, None] / 4, (n, h, 2, w, 2, c))
    return wide.reshape(n, 2 * h, 2 * w, c)


def moved_by_kind(things, put):
    if type(things) is dict:
        return dict(zip(things, [moved_by_kind(v, put) for v in things.values()], strict=True))
    if type(things) is list:
        return [moved_by_kind(thing, put) for thing in things]
    if type(things) is tuple:
        return tuple([moved_by_kind(thing, put) for thing in things])
    return put(things) if hasattr(things, "dtype") else things


def moved_by_match(things, put):
    match things:
        case dict():
            new = {}
            for key in things:
                new[key] = moved_by_match(things[key], put)
            return new
        case list() | tuple():
            new = []
            for thing in things:
                new.append(moved_by_match(thing, put))
            return new if isinstance(things, list) else tuple(new)
        case np.ndarray():
            return put(things)
    return things


def step_line_by_line(params, x, t, lr):
    w1, b1, w2, b2 = params.values()
    xp = array_module(w1)
    x, t = xp.asarray(x), xp.asarray(t)
    a = x @ w1 + b1
    h = a * (a > 0)
    error = h @ w2 + b2 - t
    dy = error * (2 / (error.shape[0] * error.shape[1]))
    dh = xp.where(a > 0, dy @ xp.transpose(w2), 0).astype(w1.dtype)
    dw1, dw2 = x.T @ dh, xp.dot(h.T, dy)
    w1 -= lr * dw1
    b1 -= lr * xp.sum(dh, axis=0)
    w2 -= lr * dw2
    b2 -= lr * xp.sum(dy, axis=0)
    return xp.mean(xp.square(error)).item()


RIGHT = {
    "array_module": array_module,
    "mean_pool": mean_pool,
    "mean_pool_backward": mean_pool_backward,
    "move_all": move_all,
    "device_step": step_with(),
}

ALSO_RIGHT = {
    "array_module": [of_its_class, by_trying, by_its_class_name, by_module_alone],
    "mean_pool": [
        pool_by_reshape,
        pool_by_stack,
        pool_by_adding_up,
        lambda x: sum(x[:, p::2, q::2] for p in (0, 1) for q in (0, 1)) * 0.25,
    ],
    "mean_pool_backward": [
        spread_by_repeat,
        spread_by_broadcasting,
        lambda dy: (dy / 4).repeat(2, axis=1).repeat(2, axis=2),
    ],
    "move_all": [moved_by_kind, moved_by_match],
    "device_step": [step_with(end=lambda loss: loss.item()), step_line_by_line, step_with_a_slice],
}

# What is wrong, and words that its message should hold ("" where no cause is named).
WRONG = {
    "array_module": [
        (lambda x: np, "the same answer for every array"),
        (lambda x: sys.modules.get("cupy") or np, "does not mean that this array is on the device"),
        (lambda x: array_module(x).__name__, "the module itself"),
        (accepts_lists, "belongs to no module"),
        (lambda x: None, "a missing return"),
        (imports_cupy, "there may be no CuPy"),
        (lambda x: [np, sys.modules.get("cupy").ndarray][0], "there may be no CuPy"),
        (by_import, "ask sys.modules"),
        (by_key, "nothing in sys.modules"),
        (by_key_first, "nothing in sys.modules"),
        (by_get, "nothing in sys.modules"),
        (accepts_none, ""),
    ],
    "mean_pool": [
        (lambda x: 4 * mean_pool(x), "divide by 4"),
        (largest, "the largest of the four"),
        (lambda x: mean_pool(x)[:, ::-1], "reversed along height"),
        (lambda x: x[:, ::2, ::2], "one pixel of each window"),
        (lambda x: (x[:, ::2, ::2] + x[:, 1::2, 1::2]) / 2, "the mean of two pixels"),
        (pool_by_numpy, "NumPy was handed a device array"),
        (pool_by_np_mean, "NumPy was handed a device array"),
        (pool_into_zeros, "a host array met a device array"),
        (lambda x: np.add(mean_pool(x), 0), "write xp in place of np"),
        (pool_on_the_host, "numbers were fetched"),
        (there_and_back(mean_pool), "numbers were fetched"),
        (lambda x: mean_pool(x).astype("float64"), "without a dtype"),
        (lambda x: None, "a missing return"),
    ],
    "mean_pool_backward": [
        (spread_into(lambda dy: array_module(dy).empty, 1), "a quarter"),
        (spread_into(lambda dy: array_module(dy).zeros, 1, [(0, 0)]), "as with a maximum"),
        (spread_into(lambda dy: array_module(dy).zeros, 0.25, [(0, 0)]), "its share"),
        (spread_into(lambda dy: np.zeros), "NumPy was handed a device array"),
        (lambda dy: np.kron(dy, np.ones((1, 2, 2, 1), dy.dtype)) / 4, "NumPy was handed"),
        (lambda dy: np.repeat(np.repeat(dy, 2, axis=1), 2, axis=2) / 4, "NumPy was handed"),
        (spread_by_tile, "tile"),
        (spread_in_float64, "without a dtype"),
        (spread_from_the_host, "make it on the device"),
        (spread_with_a_look, "numbers were fetched"),
        (lambda dy: dy / 4, ""),
        (lambda dy: spread_by_repeat(dy)[:, ::-1], "reversed along height"),
        (lambda dy: None, "a missing return"),
    ],
    "move_all": [
        (lambda things, put: put(things), "look into it"),
        (moves_everything, "is no array"),
        (forgets_tuples, "is not looked into"),
        (tuples_to_lists, "a tuple a tuple"),
        (moves_in_place, "make a new dict"),
        (moves_twice, "more than once"),
        (lambda things, put: {key: put(value) for key, value in things.items()}, "with isinstance"),
        (lambda things, put: [put(thing) for thing in things], ""),
        (drops_what_is_no_array, ""),
        (lambda things, put: None, "a missing return"),
    ],
    "device_step": [
        (step_with(early=True), "the loss is read too early"),
        (step_with(put=False), "a host array met a device array"),
        (step_with(gate=False), "ReLU's gate"),
        (step_with(sign=-1), "uphill"),
        (step_with(divide=lambda y: 1), "divide by the number of entries"),
        (step_with(divide=len), "rows times columns"),
        (step_with(rebind=True), "what the caller has"),
        (step_by_new_arrays, "not in place"),
        (step_with(order="w2 first"), "w2 was changed before"),
        (step_with(peek=lambda h: float(h.mean())), "between the lines"),
        (step_with(peek=lambda h: f"{h.mean():.3f}"), "between the lines"),
        (step_with(zeros=True), "a host array met a device array"),
        (step_with(end=lambda loss: loss), "that is the one wait"),
        (step_on_the_host, "between the lines"),
        (by_numpys_maximum, "write xp in place of np"),
        (lambda params, x, t, lr: 0.0, "what the caller has"),
    ],
}  # fmt: skip


def test_the_name_cupy_means_the_stand_in_only_while_a_check_runs():
    before = sys.modules.get("cupy")
    check.mean_pool(pool_by_numpy)
    assert sys.modules.get("cupy") is before
    device = Device()
    with cupy_is(device):
        assert sys.modules["cupy"] is device
    assert sys.modules.get("cupy") is before


def test_the_stand_in_notes_what_happens_in_order():
    device = Device()
    x = device.asarray(np.arange(4.0).reshape(2, 2))
    y = (x + 1).sum()
    assert [kind for kind, _ in device.events] == ["moved", "launch", "launch"]
    assert float(y) == 10
    assert f"{y:.1f}" == "10.0"
    assert len(device.noted("wait")) == 2
    with pytest.raises(TypeError, match="do not go together"):
        x + np.ones((2, 2))
    assert "a host array met" in device.refused
    with pytest.raises(TypeError, match="do not go together"):
        np.asarray(x)
    assert "NumPy was handed" in device.refused
