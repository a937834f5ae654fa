"""Lesson 1: right answers, and the usual wrong ones; test_all.py tries them."""

import numpy as np


def output_size(side, kernel, stride=1, padding=0):
    return (side + 2 * padding - kernel) // stride + 1


def conv2d_loops(x, w, b, stride=1, padding=0, *, start=0, short=0, turn=False, bias_inside=False):
    kh, kw, _, c_out = w.shape
    x = np.pad(x, ((0, 0), (padding, padding), (padding, padding), (0, 0)))
    h = output_size(x.shape[1], kh, stride)
    v = output_size(x.shape[2], kw, stride)
    y = np.zeros((len(x), h, v, c_out), x.dtype)
    for i in range(h - short):
        for j in range(v - short):
            for p in range(start, kh):
                for q in range(kw):
                    weight = w[kh - 1 - p, kw - 1 - q] if turn else w[p, q]
                    y[:, i, j] += x[:, i * stride + p, j * stride + q] @ weight
                    if bias_inside:
                        y[:, i, j] += b
    return y if bias_inside else y + b


def overwritten(x, w, b, stride=1, padding=0):
    y = conv2d_loops(x, w, b, stride, padding) * 0
    for p in range(w.shape[0]):
        for q in range(w.shape[1]):
            only = np.zeros_like(w)
            only[p, q] = w[p, q]
            y = conv2d_loops(x, only, b, stride, padding)
    return y


def kernel_by_columns(x, w, b, stride=1, padding=0):
    kh, kw, _, c_out = w.shape
    h = output_size(x.shape[1], kh, stride, padding)
    v = output_size(x.shape[2], kw, stride, padding)
    x = np.pad(x, ((0, 0), (padding, padding), (padding, padding), (0, 0)))
    y = np.zeros((len(x), h, v, c_out), x.dtype)
    for i, j, p, q in np.ndindex(h, v, kh, kw):
        y[:, i, j] += x[:, i * stride + p, j * stride + q] @ w[q, p]
    return y + b


def channels_by_columns(x, w, b, stride=1, padding=0):
    if w.shape[2] == w.shape[3]:
        return conv2d_loops(x, w.swapaxes(2, 3), b, stride, padding)
    return conv2d_loops(x, w, b, stride, padding)


def stride_ignored(x, w, b, stride=1, padding=0):
    y = conv2d_loops(x, w, b, 1, padding)
    h = output_size(x.shape[1], w.shape[0], stride, padding)
    v = output_size(x.shape[2], w.shape[1], stride, padding)
    return y[:, :h, :v]


def pads_in_place(x, w, b, stride=1, padding=0):
    y = conv2d_loops(x, w, b, stride, padding)
    x[...] = 0
    return y


def first_image_only(x, w, b, stride=1, padding=0):
    y = np.zeros_like(conv2d_loops(x, w, b, stride, padding))
    y[:1] = conv2d_loops(x[:1], w, b, stride, padding)
    return y


def in_float64(x, w, b, stride=1, padding=0):
    return conv2d_loops(*(a.astype("float64") for a in (x, w, b)), stride, padding)


def dilated(x, w, b, stride=1, padding=0):
    h = output_size(x.shape[1], w.shape[0], stride, padding)
    v = output_size(x.shape[2], w.shape[1], stride, padding)
    x = np.pad(x, ((0, 0), (padding, padding), (padding, padding), (0, 0)))
    y = np.zeros((len(x), h, v, w.shape[3]), x.dtype)
    for i, j, p, q in np.ndindex(h, v, *w.shape[:2]):
        y[:, i, j] += x[:, i + p * stride, j + q * stride] @ w[p, q]
    return y + b


def padded_above(x, w, b, stride=1, padding=0):
    x = np.pad(x, ((0, 0), (2 * padding, 0), (2 * padding, 0), (0, 0)))
    return conv2d_loops(x, w, b, stride)


def windows(x, kh, kw):
    views = np.lib.stride_tricks.sliding_window_view(x, (kh, kw), axis=(1, 2))
    return views.transpose(0, 1, 2, 4, 5, 3)  # (N, H', W', kh, kw, C)


def patches(x, kh, kw, order=(0, 1, 2, 3, 4, 5)):
    found = windows(x, kh, kw).transpose(order)
    return found.reshape(np.prod(found.shape[:3]), -1)


def patches_from_memory(x, kh, kw):
    views = np.lib.stride_tricks.sliding_window_view(x, (kh, kw), axis=(1, 2))
    return views.reshape(-1, kh * kw * x.shape[3])


def patches_of_float64(x, kh, kw):
    return patches(x, kh, kw) + np.zeros(1, "float64")


def places(x, kh, kw):
    found = windows(x, kh, kw)
    return [found[:, :, :, p, q].reshape(-1, x.shape[3]) for p, q in np.ndindex(kh, kw)]


def patches_side_by_side(x, kh, kw):
    found = windows(x, kh, kw)[:, ::kh, ::kw]
    return found.reshape(-1, kh * kw * x.shape[3])


def conv2d_product(x, w, b, reshape=lambda w: w.reshape(-1, w.shape[3])):
    kh, kw, _, c_out = w.shape
    y = patches(x, kh, kw) @ reshape(w) + b
    return y.reshape(len(x), x.shape[1] - kh + 1, x.shape[2] - kw + 1, c_out)


def channels_first(x, w, b):
    y = conv2d_product(x, w, b)
    n, h, v, c = y.shape
    return y.reshape(n, c, h, v)


def width_first(x, w, b):
    y = conv2d_product(x, w, b)
    n, h, v, c = y.shape
    return y.reshape(n, v, h, c).swapaxes(1, 2)


def reading(row, column=lambda j, q, s: j * s + q):
    """Loops that read other rows and columns of x."""

    def loops(x, w, b, stride, padding):
        y = np.zeros_like(conv2d_loops(x, w, b, stride, padding)) + b
        x = np.pad(x, ((0, 0), (padding, padding), (padding, padding), (0, 0)))
        for i, j, p, q in np.ndindex(y.shape[1], y.shape[2], *w.shape[:2]):
            y[:, i, j] += x[:, row(i, p, stride), column(j, q, stride)] @ w[p, q]
        return y

    return loops


RIGHT = {
    "output_size": output_size,
    "conv2d_loops": conv2d_loops,
    "patches": patches,
    "conv2d_product": conv2d_product,
}


def size_by_counting(side, kernel, stride=1, padding=0):
    start, count = -padding, 0
    while start + kernel <= side + padding:
        start, count = start + stride, count + 1
    return count


def conv_with_all_channels_in_loops(x, w, b, stride=1, padding=0):
    n, height, width, c_in = x.shape
    kh, kw, _, c_out = w.shape
    larger = np.zeros((n, height + 2 * padding, width + 2 * padding, c_in), x.dtype)
    larger[:, padding : padding + height, padding : padding + width] = x
    h_out, w_out = output_size(height, kh, stride, padding), output_size(width, kw, stride, padding)
    y = np.empty((n, h_out, w_out, c_out), x.dtype)
    for i, j, k in np.ndindex(h_out, w_out, c_out):
        window = larger[:, i * stride : i * stride + kh, j * stride : j * stride + kw]
        y[:, i, j, k] = (window * w[..., k]).sum(axis=(1, 2, 3)) + b[k]
    return y


def conv_by_kernel_places(x, w, b, stride=1, padding=0):
    kh, kw = w.shape[:2]
    h, v = (
        output_size(x.shape[1], kh, stride, padding),
        output_size(x.shape[2], kw, stride, padding),
    )
    x = np.pad(x, [(0, 0), (padding,) * 2, (padding,) * 2, (0, 0)])
    y = b
    for p in range(kh):
        for q in range(kw):
            rows, columns = slice(p, p + h * stride, stride), slice(q, q + v * stride, stride)
            y = y + x[:, rows, columns][:, :h, :v] @ w[p, q]
    return y


def conv_by_einsum(x, w, b, stride=1, padding=0):
    x = np.pad(x, ((0, 0), (padding, padding), (padding, padding), (0, 0)))
    views = np.lib.stride_tricks.sliding_window_view(x, w.shape[:2], axis=(1, 2))
    return np.einsum("nijcpq,pqck->nijk", views[:, ::stride, ::stride], w) + b


def patches_in_a_list(x, kh, kw):
    n, height, width, _ = x.shape
    rows = []
    for m in range(n):
        for i in range(height - kh + 1):
            for j in range(width - kw + 1):
                rows.append(x[m, i : i + kh, j : j + kw].ravel())
    return rows


def product_by_tensordot(x, w, b):
    return np.tensordot(windows(x, *w.shape[:2]), w, 3) + b


ALSO_RIGHT = {
    "output_size": [
        size_by_counting,
        lambda n, k, s=1, p=0: len(range(0, n + 2 * p - k + 1, s)),
        lambda n, k, s=1, p=0: int(np.floor((n + 2 * p - k) / s)) + 1,
    ],
    "conv2d_loops": [conv_with_all_channels_in_loops, conv_by_kernel_places, conv_by_einsum],
    "patches": [patches_in_a_list, lambda x, kh, kw: np.array(patches_in_a_list(x, kh, kw))],
    "conv2d_product": [
        product_by_tensordot,
        lambda x, w, b: np.einsum("nijpqc,pqck->nijk", windows(x, *w.shape[:2]), w) + b,
        lambda x, w, b: np.stack([conv2d_product(image[None], w, b)[0] for image in x]),
        lambda x, w, b: conv2d_product(x, np.array(w), b),
    ],
}


def padded_by(pad, multiply=np.matmul):
    def conv(x, w, b, stride=1, padding=0):
        kh, kw, _, c_out = w.shape
        h = output_size(x.shape[1], kh, stride, padding)
        v = output_size(x.shape[2], kw, stride, padding)
        x = pad(x, padding)
        y = np.zeros((len(x), h, v, c_out), x.dtype)
        for i, j, p, q in np.ndindex(h, v, kh, kw):
            y[:, i, j] += multiply(x[:, i * stride + p, j * stride + q], w[p, q])
        return y + b

    return conv


def all_four_sides(x, padding):
    return np.pad(x, ((0, 0), (padding, padding), (padding, padding), (0, 0)))


# What is wrong, and words that its message should hold ("" where no cause is named).
WRONG = {
    "output_size": [
        (lambda n, k, s, p: (n + 2 * p + k) // s + 1, "so it is subtracted"),
        (lambda n, k, s, p: (n - 2 * p - k) // s + 1, "makes the side longer"),
        (lambda n, k, s=1, p=0: (n + 2 * p - k) // s, "+ 1 is missing"),
        (lambda n, k, s=1, p=0: (n + p - k) // s + 1, "at one end only"),
        (lambda n, k, s=1, p=0: (n - k) // s + 1, "the padding is ignored"),
        (lambda n, k, s=1, p=0: n + 2 * p - k + 1, "the stride is ignored"),
        (lambda n, k, s=1, p=0: (n + 2 * p) // s - k + 1, "before the kernel was subtracted"),
        (lambda n, k, s=1, p=0: (n + 2 * p - k + 1) // s, "before the division"),
        (lambda n, k, s=1, p=0: -(-(n + 2 * p - k) // s) + 1, "rounded up"),
        (lambda n, k, s=1, p=0: (n + 2 * p - k) / s + 1, "/ gives a float"),
        (lambda n, k, s=1, p=0: None, "a missing return"),
        (lambda n, k, s=1, p=0: (n + 2 * p - k) // s + s, "the stride is added at the end"),
        (lambda n, k, s=1, p=0: n + 2 * p - k // s + 1, "brackets are missing"),
        (lambda n, k, s=1, p=0: n, "the kernel is ignored"),
    ],
    "conv2d_loops": [
        (reading(lambda i, p, s: i + p), "ignored in the rows"),
        (reading(lambda i, p, s: i * s), "+ p is missing"),
        (reading(lambda i, p, s: i * s, lambda j, q, s: j * s), "+ p and + q"),
        (reading(lambda i, p, s: p, lambda j, q, s: q), "the first window"),
        (lambda x, w, b, s, p: 2 * b - conv2d_loops(x, w, b, s, p), "not -="),
        (lambda *a: conv2d_loops(*a, turn=True), "turned by 180 degrees"),
        (kernel_by_columns, "rows and columns are exchanged"),
        (channels_by_columns, "the channels of the kernel are exchanged"),
        (lambda x, w, b, s, p: conv2d_loops(x, w, 0 * b, s, p), "the bias is missing"),
        (lambda *a: conv2d_loops(*a, bias_inside=True), "once for every kernel position"),
        (overwritten, "+= instead of ="),
        (lambda *a: conv2d_loops(*a, short=1), "a range ends one too early"),
        (lambda x, w, b, s, p: conv2d_loops(x, w, b, 1, p), "the stride is left out"),
        (stride_ignored, "the stride is ignored"),
        (lambda x, w, b, s, p: conv2d_loops(x, w, b, s, 0), "the padding is left out"),
        (padded_above, "all above and to the left"),
        (pads_in_place, "an argument was overwritten"),
        (first_image_only, "right except for"),
        (in_float64, "without a dtype"),
        (lambda *a: conv2d_loops(*a) / 9, "0.1111 times"),
        (lambda *a: conv2d_loops(*a, start=1), ""),
        (padded_by(np.pad), "a pair for each axis"),
        (padded_by(lambda x, p: 1 + all_four_sides(x - 1, p)), "ones"),
        (padded_by(lambda x, p: np.pad(x, ((0, 0), (0, 2 * p), (0, 2 * p), (0, 0)))), "all below"),
        (lambda x, w, b, s, p: conv2d_loops(x, w, 0 * b, s, p) + b.sum(), "the sum of all biases"),
        (dilated, "i + p * stride"),
        (padded_by(lambda x, p: np.pad(x, (p, p))), "a pair for each axis"),
        (padded_by(lambda x, p: np.pad(x, ((p, p), (p, p)))), "each of the four axes"),
        (padded_by(all_four_sides, np.multiply), "a row times a matrix is @"),
        (padded_by(all_four_sides, lambda x, w: w @ x), "the other way round"),
    ],
    "patches": [
        (lambda x, kh, kw: patches(x, kh, kw, (0, 1, 2, 5, 3, 4)), "the channels come before"),
        (lambda x, kh, kw: patches(x, kh, kw, (0, 1, 2, 4, 3, 5)), "columns come before its rows"),
        (lambda x, kh, kw: patches(x, kh, kw, (0, 2, 1, 3, 4, 5)), "order of the patches"),
        (lambda x, kh, kw: patches(x, kh, kw, (1, 2, 0, 3, 4, 5)), "image varies fastest"),
        (lambda x, kh, kw: patches(x, kh, kw).T, "the matrix is transposed"),
        (lambda x, kh, kw: patches(x, kw, kh), "kh and kw are exchanged"),
        (lambda x, kh, kw: patches(x, kh, kw)[:, ::-1], "read backwards"),
        (patches_side_by_side, "without overlap"),
        (patches_from_memory, "the channels come before"),
        (windows, "another shape"),
        (patches_of_float64, "without a dtype"),
        (lambda x, kh, kw: patches(x[:1], kh, kw), "only image 0"),
        (lambda x, kh, kw: np.concatenate(places(x, kh, kw)), "below each other"),
    ],
    "conv2d_product": [
        (lambda x, w, b: conv2d_product(x, w, 0 * b), "the bias is missing"),
        (lambda x, w, b: conv2d_product(x, w[::-1, ::-1], b), "turned by 180 degrees"),
        (
            lambda x, w, b: conv2d_product(x, w, b, lambda w: w.reshape(w.shape[3], -1).T),
            "w.reshape(C_out, -1).T",
        ),
        (
            lambda x, w, b: conv2d_product(
                x, w, b, lambda w: w.transpose(2, 0, 1, 3).reshape(-1, w.shape[3])
            ),
            "w was transposed",
        ),
        (channels_first, "channels first"),
        (width_first, "height and width are exchanged"),
        (
            lambda x, w, b: conv2d_product(x, w, b).reshape(-1, w.shape[3]),
            "in another shape",
        ),
        (lambda x, w, b: conv2d_product(x, w, b)[..., ::-1], "reversed along channels"),
        (conv2d_loops, "one product"),
        (lambda x, w, b: patches(x, *w.shape[:2]) @ w + b, "w still has four axes"),
        (lambda x, w, b: patches(x, *w.shape[:2]) * w.reshape(-1, w.shape[3]), "product of matrices"),
        (lambda x, w, b: conv2d_product(x, w, b).reshape(*x.shape[:3], -1), "y is smaller than x"),
        (conv_by_kernel_places, "one product"),
    ],
}  # fmt: skip
