"""Lesson 4: right answers, and the usual wrong ones; test_all.py tries them."""

import numpy as np


def up_size(side, kernel, stride):
    return (side - 1) * stride + kernel


def pieces(y, x, w, stride):
    """For each kernel position the slice of y that it reaches, as a view."""
    _, h, width, _ = x.shape
    for p, q in np.ndindex(*w.shape[1:3]):
        yield p, q, y[:, p : p + stride * h : stride, q : q + stride * width : stride]


def zeros(x, w, stride):
    n, h, width, _ = x.shape
    _, kh, kw, c_out = w.shape
    return np.zeros((n, up_size(h, kh, stride), up_size(width, kw, stride), c_out), x.dtype)


def up_convolution(x, w, b, stride):
    y = zeros(x, w, stride)
    for p, q, part in pieces(y, x, w, stride):
        part += x @ w[:, p, q]
    return y + b


def up_convolution_backward(dy, x, w, stride):
    dx, dw = np.zeros_like(x), np.zeros_like(w)
    for p, q, part in pieces(dy, x, w, stride):
        dx += part @ w[:, p, q].T
        dw[:, p, q] = np.einsum("nhwc,nhwd->cd", x, part)
    return dx, dw, dy.sum((0, 1, 2))


def bilinear_kernel(stride):
    tent = 1 - np.abs(np.arange(2 * stride) - (stride - 0.5)) / stride
    return np.outer(tent, tent)


def by_stamps(x, w, b, stride):
    y = zeros(x, w, stride)
    kh, kw = w.shape[1:3]
    for i, j in np.ndindex(*x.shape[1:3]):
        stamp = np.tensordot(x[:, i, j], w, 1)
        y[:, i * stride : i * stride + kh, j * stride : j * stride + kw] += stamp
    return y + b


def overwriting(x, w, b, stride):
    y = zeros(x, w, stride)
    for p, q, part in pieces(y, x, w, stride):
        part[...] = x @ w[:, p, q]
    return y + b


def overwriting_stamps(x, w, b, stride):
    y = zeros(x, w, stride)
    kh, kw = w.shape[1:3]
    for i, j in np.ndindex(*x.shape[1:3]):
        stamp = np.tensordot(x[:, i, j], w, 1)
        y[:, i * stride : i * stride + kh, j * stride : j * stride + kw] = stamp
    return y + b


def bias_with_every_stamp(x, w, b, stride):
    y = zeros(x, w, stride)
    kh, kw = w.shape[1:3]
    for i, j in np.ndindex(*x.shape[1:3]):
        stamp = np.tensordot(x[:, i, j], w, 1) + b
        y[:, i * stride : i * stride + kh, j * stride : j * stride + kw] += stamp
    return y


def back(change):
    """A wrong backward: the right one, with one of its outputs changed."""

    def wrong(dy, x, w, stride):
        return change(*up_convolution_backward(dy, x, w, stride), dy, x, w, stride)

    return wrong


def overwritten_dx(dx, dw, db, dy, x, w, stride):
    for p, q, part in pieces(dy, x, w, stride):
        dx = part @ w[:, p, q].T
    return dx, dw, db


def sliced(end, plus=True):
    """With slices that end at the wrong place."""

    def wrong(x, w, b, stride):
        y = zeros(x, w, stride)
        _, height, width, _ = x.shape
        for p, q in np.ndindex(*w.shape[1:3]):
            rows = slice(p, end(p, height, stride), stride)
            columns = slice(q, end(q, width, stride), stride)
            if plus:
                y[:, rows, columns] += x @ w[:, p, q]
            else:
                y[:, rows, columns] = y[:, rows, columns] + x @ w[:, p, q]
        return y + b

    return wrong


def stamps_on_a_small_output(x, w, b, stride):
    n, height, width, _ = x.shape
    y = np.zeros((n, height * stride, width * stride, w.shape[3]), x.dtype)
    kh, kw = w.shape[1:3]
    for i in range(height):
        for j in range(width):
            stamp = np.einsum("nc,cpqd->npqd", x[:, i, j], w)
            y[:, i * stride : i * stride + kh, j * stride : j * stride + kw] += stamp
    return y + b


def db_for_each_stamp(dx, dw, db, dy, x, w, stride):
    return dx, dw, sum(part.sum((0, 1, 2)) for _, _, part in pieces(dy, x, w, stride))


def dx_without_end(dx, dw, db, dy, x, w, stride):
    dx = np.zeros_like(x)
    for p, q in np.ndindex(*w.shape[1:3]):
        dx += dy[:, p::stride, q::stride] @ w[:, p, q].T
    return dx, dw, db


def dw_without_end(dx, dw, db, dy, x, w, stride):
    for p, q in np.ndindex(*w.shape[1:3]):
        dw[:, p, q] = np.einsum("nhwc,nhwd->cd", x, dy[:, p::stride, q::stride])
    return dx, dw, db


def dw_on_four_axes(dx, dw, db, dy, x, w, stride):
    for p, q, part in pieces(dy, x, w, stride):
        dw[:, p, q] = x.T @ part
    return dx, dw, db


def not_transposed(dx, dw, db, dy, x, w, stride):
    dx = np.zeros_like(x)
    for p, q, part in pieces(dy, x, w, stride):
        dx += part @ w[:, p, q]
    return dx, dw, db


# ---------------------------------------------------------------------- right, in other ways


def by_a_convolution(x, w, b, stride):
    """Spread the pixels apart, put zeros around, and convolve with the turned kernel."""
    n, height, width, c = x.shape
    kh, kw = w.shape[1:3]
    shape = n, (height - 1) * stride + 2 * kh - 1, (width - 1) * stride + 2 * kw - 1, c
    apart = np.zeros(shape, x.dtype)
    apart[:, kh - 1 : shape[1] - kh + 1 : stride, kw - 1 : shape[2] - kw + 1 : stride] = x
    windows = np.lib.stride_tricks.sliding_window_view(apart, (kh, kw), axis=(1, 2))
    return np.einsum("nijcpq,cpqd->nijd", windows, w[:, ::-1, ::-1]) + b


def pixel_by_pixel(x, w, b, stride):
    y = np.broadcast_to(b, (zeros(x, w, stride) + b).shape).astype(x.dtype)
    for n, i, j, p, q in np.ndindex(*x.shape[:3], *w.shape[1:3]):
        y[n, i * stride + p, j * stride + q] += x[n, i, j] @ w[:, p, q]
    return y


def back_by_windows(dy, x, w, stride):
    """dx as a convolution of dy; all returned as a list."""
    windows = np.lib.stride_tricks.sliding_window_view(dy, w.shape[1:3], axis=(1, 2))
    windows = windows[:, ::stride, ::stride]  # (N, H, W, C_out, kh, kw)
    dx = np.einsum("nijdpq,cpqd->nijc", windows, w)
    return [dx, np.einsum("nijdpq,nijc->cpqd", windows, x), dy.reshape(-1, dy.shape[3]).sum(0)]


def back_by_pixels(dy, x, w, stride):
    dx, dw, db = 0 * x, 0 * w, np.zeros(dy.shape[-1:], dy.dtype)
    for n, i, j in np.ndindex(*x.shape[:3]):
        window = dy[n, i * stride :, j * stride :][: w.shape[1], : w.shape[2]]  # (kh, kw, C_out)
        dx[n, i, j] = (window * w).sum((1, 2, 3))
        dw += np.multiply.outer(x[n, i, j], window)
    for row in dy:
        db += row.sum((0, 1))
    return dx, dw, db


def averaged_triangle(stride):
    box = np.ones(stride)
    tent = np.convolve(np.convolve(box, box), [0.5, 0.5]) / stride
    return tent[:, None] * tent


def entry_by_entry(stride):
    kernel = np.zeros((2 * stride, 2 * stride), np.float32)
    for p, q in np.ndindex(*kernel.shape):
        far = [abs(place - stride + 0.5) / stride for place in (p, q)]
        kernel[p, q] = (1 - far[0]) * (1 - far[1])
    return kernel


def up_size_by_stamps(side, kernel, stride):
    return max(place for i in range(side) for place in range(i * stride, i * stride + kernel)) + 1


ALSO_RIGHT = {
    "up_size": [up_size_by_stamps, lambda n, k, s: float(n * s + k - s)],
    "up_convolution": [by_stamps, by_a_convolution, pixel_by_pixel],
    "up_convolution_backward": [back_by_windows, back_by_pixels],
    "bilinear_kernel": [averaged_triangle, entry_by_entry, lambda s: bilinear_kernel(s).tolist()],
}

RIGHT = {
    "up_size": up_size,
    "up_convolution": up_convolution,
    "up_convolution_backward": up_convolution_backward,
    "bilinear_kernel": bilinear_kernel,
}


# What is wrong, and words that its message should hold ("" where no cause is named).
WRONG = {
    "up_size": [
        (lambda n, k, s: (n + 1) * s + k, "(side + 1)"),
        (lambda n, k, s: (n - 1) * s - k, "the kernel is subtracted"),
        (lambda n, k, s: n * s, "only where kernel and stride are equal"),
        (lambda n, k, s: n * s + k, "begins at (side - 1)"),
        (lambda n, k, s: (n - k) // s + 1, "a convolution's output"),
        (lambda n, k, s: (n - 1) * s + k + 1, "one too many"),
        (lambda n, k, s: n * s + 1, "larger than the stride by just 1"),
        (lambda n, k, s: n * k - (n - 1) * s, "overlap by kernel - stride"),
        (lambda n, k, s: (n + 1) * s - k, ""),
    ],
    "up_convolution": [
        (lambda x, w, b, s: 2 * b - up_convolution(x, w, b, s), "not -="),
        (overwriting, "kernel position overwrites"),
        (overwriting_stamps, "stamp overwrites"),
        (lambda x, w, b, s: up_convolution(x, w, 0, s), "bias is missing"),
        (bias_with_every_stamp, "every stamp"),
        (lambda x, w, b, s: up_convolution(x, w[:, ::-1, ::-1], b, s), "180"),
        (lambda x, w, b, s: up_convolution(x, w, b, 1), "stride is ignored"),
        (lambda x, w, b, s: up_convolution(x, w, b, s).astype(float), "dtype"),
        (sliced(lambda p, n, s: None), "without an end"),
        (sliced(lambda p, n, s: None, plus=False), "without an end"),
        (sliced(lambda p, n, s: p + n), "ends too early"),
        (sliced(lambda p, n, s: n * s), "ends too early"),
        (stamps_on_a_small_output, "ends too early"),
        (lambda x, w, b, s: (x @ w).sum(), "the whole weight was multiplied"),
        (lambda x, w, b, s: np.roll(up_convolution(x, w, b, s), 1, 1), "an off-by-one"),
    ],
    "up_convolution_backward": [
        (
            lambda dy, x, w, s: back(lambda dx, dw, db, *_: (dx, dw, db))(
                dy, x, w[:, ::-1, ::-1], s
            ),
            "180",
        ),
        (back(overwritten_dx), "overwrites the one before"),
        (back(lambda dx, dw, db, dy, *_: (dx, dw, dy.mean((0, 1, 2)))), "where the sum belongs"),
        (back(lambda dx, dw, db, dy, *_: (dx, dw, dy.sum(0))), "images only"),
        (back(lambda dx, dw, db, *_: (dx, dw[:, ::-1, ::-1], db)), "turned"),
        (back(db_for_each_stamp), "for each stamp that reads it"),
        (
            back(lambda dx, dw, db, dy, x, w, s: (dx, dw, db * w[0, ..., 0].size)),
            "once for each kernel position",
        ),
        (back(dx_without_end), "without an end"),
        (back(dw_without_end), "without an end"),
        (back(dw_on_four_axes), "four axes"),
        (back(not_transposed), "dx needs w[:, p, q].T"),
        (back(lambda dx, dw, db, *_: (dx, -dw, db)), "wrong sign"),
        (back(lambda dx, dw, db, dy, x, w, s: (dx, dw / len(x), db)), "divided by the batch size"),
        (back(lambda dx, dw, db, *_: (dx, dw)), "belong behind the return"),
        (back(lambda dx, dw, db, *_: (dx + db.sum(), dw, db)), "same number"),
    ],
    "bilinear_kernel": [
        (lambda s: bilinear_kernel(s)[0] * 2 * s, "np.outer"),
        (lambda s: bilinear_kernel(s) / s**2, "sum to stride * stride"),
        (lambda s: 1 - np.abs(np.arange(2 * s) - (s - 0.5)) / s, "np.outer"),
        (lambda s: np.full((2 * s, 2 * s), 0.25), "all weights are equal"),
        (lambda s: np.outer(*[1 - np.abs(np.arange(2 * s) - s) / s] * 2), "place too far"),
        (
            lambda s: np.outer(*[1 - np.abs(np.arange(2 * s) - s + 0.5) / 2 / s] * 2),
            "too wide",
        ),
        (lambda s: bilinear_kernel(s) ** 2, ""),
    ],
}
