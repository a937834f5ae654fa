"""Lesson 18: right answers, and the usual wrong ones; test_all.py tries them."""

import numpy as np

import tinyunet as tu

# ---------------------------------------------------------------------- right, in other ways


def receptive_field(layers):
    """From the last layer back to the image, as the package counts."""
    field = 1
    for kernel, stride, dilation in reversed(layers):
        field = (field - 1) * stride + (kernel - 1) * dilation + 1
    return field


def bin_matrix(side, bins):
    """A row for each bin: 1 / (its pixels) where it is."""
    pixels, i = np.arange(side), np.arange(bins)[:, None]
    inside = (pixels >= i * side // bins) & (pixels < (i * side + side + bins - 1) // bins)
    return inside / inside.sum(axis=1, keepdims=True)


def bin_means(x, bins):
    rows, columns = (bin_matrix(side, bins).astype(x.dtype) for side in x.shape[1:3])
    return np.einsum("ip,jq,npqc->nijc", rows, columns, x)


def bin_means_backward(dy, height, width):
    rows, columns = (bin_matrix(side, dy.shape[1]).astype(dy.dtype) for side in (height, width))
    return np.einsum("ip,jq,nijc->npqc", rows, columns, dy)


def interpolation(side, new):
    """What NumPy makes of each unit vector; tents around the old pixels would do as well."""
    places = np.linspace(0, side - 1, new)
    return np.array([np.interp(places, range(side), unit) for unit in np.eye(side)]).T


RIGHT = {
    "receptive_field": receptive_field,
    "bin_means": bin_means,
    "bin_means_backward": bin_means_backward,
    "interpolation": interpolation,
}


def tents(side, new):
    places = np.arange(new) * (side - 1) / (new - 1) if new > 1 else np.zeros(1)
    return np.maximum(0, 1 - abs(places[:, None] - np.arange(side)))


def as_fractions(x, bins):
    """Loops over everything, with edges by floor and ceil of a quotient."""
    n, h, w, c = x.shape
    y = []
    for i in range(bins):
        for j in range(bins):
            rows = slice(int(np.floor(i * h / bins)), int(np.ceil((i + 1) * h / bins)))
            columns = slice(int(np.floor(j * w / bins)), int(np.ceil((j + 1) * w / bins)))
            y.append(np.mean(x[:, rows, columns, :], axis=(1, 2)))
    return np.stack(y, axis=1).reshape(n, bins, bins, c)


def as_layers(side, new):
    return tu.Upsample((new, 1), align_corners=True)(np.eye(side)[None, :, :]
        .transpose(1, 0, 2)[:, :, :, None].transpose(0, 2, 1, 3))[:, :, 0, 0].T  # fmt: skip


def from_cumulative_sums(x, bins):
    total = np.cumsum(np.cumsum(np.pad(x, ((0, 0), (1, 0), (1, 0), (0, 0))), axis=1), axis=2)
    y = np.zeros((len(x), bins, bins, x.shape[3]), x.dtype)
    for i, j in np.ndindex(bins, bins):
        a, b = i * x.shape[1] // bins, -(-(i + 1) * x.shape[1] // bins)
        c, d = j * x.shape[2] // bins, -(-(j + 1) * x.shape[2] // bins)
        whole = total[:, b, d] - total[:, a, d] - total[:, b, c] + total[:, a, c]
        y[:, i, j] = whole / ((b - a) * (d - c))
    return y


def pixel_by_pixel(dy, height, width):
    bins = dy.shape[1]
    dx = np.zeros((len(dy), height, width, dy.shape[3]), dy.dtype)
    for i, j in np.ndindex(bins, bins):
        rows = range(i * height // bins, (i * height + height + bins - 1) // bins)
        columns = range(j * width // bins, (j * width + width + bins - 1) // bins)
        for row in rows:
            for column in columns:
                dx[:, row, column] += dy[:, i, j] / (len(rows) * len(columns))
    return dx


def by_numbers(layers):
    return 1 + sum(
        (kernel - 1) * dilation * int(np.prod([stride for _, stride, _ in layers[:i]]))
        for i, (kernel, _, dilation) in enumerate(layers)
    )


ALSO_RIGHT = {
    "receptive_field": [by_numbers, lambda layers: np.int64(receptive_field(layers))],
    "bin_means": [as_fractions, from_cumulative_sums],
    "bin_means_backward": [
        pixel_by_pixel,
        lambda dy, height, width: spread(dy, height, width),
    ],
    "interpolation": [tents, as_layers],
}


# ---------------------------------------------------------------------- wrong


def field(layers, start=1, add=lambda k, d: (k - 1) * d, step_of=lambda step, s, d: step * s):
    total, step = start, 1
    for kernel, stride, dilation in layers:
        total += add(kernel, dilation) * step
        step = step_of(step, stride, dilation)
    return total


def stride_first(layers):
    total, step = 1, 1
    for kernel, stride, dilation in layers:
        step *= stride
        total += (kernel - 1) * dilation * step
    return total


def rows_and_columns(h, w, bins, end):
    for i in range(bins):
        for j in range(bins):
            yield i, j, slice(i * h // bins, end(i, h, bins)), slice(j * w // bins, end(j, w, bins))


def up(i, side, bins):
    return -(-(i + 1) * side // bins)


def means(x, bins, end=up, axis=(1, 2), total=False, dtype=None):
    y = np.zeros((x.shape[0], bins, bins, x.shape[3]), dtype or x.dtype)
    for i, j, rows, columns in rows_and_columns(*x.shape[1:3], bins, end):
        part = x[:, rows, columns]
        y[:, i, j] = part.sum(axis=axis) if total else part.mean(axis=axis)
    return y


def spread(dy, height, width, end=up, share=True, add=True, dtype=None):
    n, bins, _, c = dy.shape
    dx = np.zeros((n, height, width, c), dtype or dy.dtype)
    for i, j, rows, columns in rows_and_columns(height, width, bins, end):
        part = dx[:, rows, columns]
        size = part[0, ..., 0].size if share is True else share(height, width, bins)
        dx[:, rows, columns] = dy[:, i, j][:, None, None] / size + (part if add else 0)
    return dx


def matrix(side, new, place=lambda i, h, n: i * (h - 1) / max(n - 1, 1), add=True):
    u = np.zeros((new, side))
    for i in range(new):
        p = int(place(i, side, new))
        f = place(i, side, new) - p
        u[i, p] = 1 - f
        if p + 1 < side:
            u[i, p + 1] = f
        elif not add:
            u[i, p] = f
    return u


def without_care_for_the_last(side, new):
    u = np.zeros((new, side))
    for i in range(new):
        p = i * (side - 1) // (new - 1)
        f = i * (side - 1) / (new - 1) - p
        u[i, p], u[i, p + 1] = 1 - f, f
    return u


WRONG = {
    "receptive_field": [
        (lambda layers: field(layers, step_of=lambda step, s, d: 1), "strides are ignored"),
        (lambda layers: field(layers, add=lambda k, d: k - 1), "the dilation is ignored"),
        (lambda layers: field([(k, d, s) for k, s, d in layers]), "are exchanged"),
        (lambda layers: field(layers, step_of=lambda step, s, d: step + s), "they multiply it"),
        (lambda layers: field(layers, add=lambda k, d: k - 1 + d), "(kernel - 1) * dilation"),
        (lambda layers: receptive_field(layers[:1]), "behind the loop"),
        (lambda layers: int(np.prod([s for _, s, _ in layers])), "the product of all strides"),
        (stride_first, "own stride is counted in its own step"),
        (lambda layers: field(layers, add=lambda k, d: k * d), "kernel - 1 steps"),
        (lambda layers: field(layers, add=lambda k, d: k * d - 1), "the kernel spans"),
        (lambda layers: field(layers, start=0), "sees itself"),
        (lambda layers: field(layers, step_of=lambda step, s, d: s), "the product of all before"),
        (lambda layers: field(layers, step_of=lambda step, s, d: step + s - 1), "added up"),
        (lambda layers: receptive_field(layers[::-1]), "begins at the image"),
        (lambda layers: receptive_field(layers) // 2, "reach to one side"),
        (lambda layers: receptive_field(layers) + 2, ""),
    ],
    "bin_means": [
        (lambda x, b: means(x, b, end=lambda i, n, b: (i + 1) * n // b), "round up"),
        (lambda x, b: means(x, b, end=lambda i, n, b: (i + 1) * n // b + 1), "one too many"),
        (lambda x, b: means(x, b, total=True), "the sum over a bin"),
        (lambda x, b: means(x, b).swapaxes(1, 2), "exchanged"),
        (lambda x, b: means(x, b, axis=(0, 1, 2)), "over the images as well"),
        (lambda x, b: means(x, b, dtype=float), "a new array without a dtype is float64"),
        (lambda x, b: x[:, : b * (x.shape[1] // b), : b * (x.shape[2] // b)].reshape(
            x.shape[0], b, x.shape[1] // b, b, x.shape[2] // b, x.shape[3]).mean(axis=(2, 4)),
         "left over at the end is in none"),
        (lambda x, b: means(x[:, ::-1], b), "reversed along height"),
        (lambda x, b: means(x**2, b), ""),
    ],
    "bin_means_backward": [
        (lambda dy, h, w: spread(dy, h, w, add=False), "overwrites what its neighbours gave"),
        (lambda dy, h, w: spread(dy, h, w, share=lambda *_: 1), "got all of dy"),
        (
            lambda dy, h, w: spread(dy, h, w, share=lambda *_: 1) / dy[0, :, :, 0].size,
            "the number of bins",
        ),
        (lambda dy, h, w: spread(dy, h, w, share=lambda h, w, b: h * w / b**2), "by that of each"),
        (lambda dy, h, w: spread(dy, h, w, end=lambda i, n, b: (i + 1) * n // b), "round up"),
        (lambda dy, h, w: bin_means_backward(dy, w, h), "height and width are exchanged"),
        (lambda dy, h, w: spread(dy, h, w, dtype=float), "a new array without a dtype is float64"),
        (lambda dy, h, w: dy.repeat(h // dy.shape[1], 1).repeat(w // dy.shape[2], 2), ""),
        (lambda dy, h, w: spread(dy, h, w) ** 2, ""),
    ],
    "interpolation": [
        (lambda side, new: interpolation(side, new).T, "transposed"),
        (lambda side, new: interpolation(new, side), "exchanged"),
        (lambda side, new: matrix(side, new, lambda i, h, n: i * h / n), "i * side / new"),
        (lambda side, new: matrix(side, new, lambda i, h, n: max((i + 0.5) * h / n - 0.5, 0)),
         "corners are not aligned"),
        (lambda side, new: matrix(side, new, add=False), "overwritten by its f of 0"),
        (lambda side, new: np.floor(interpolation(side, new)), "nothing is read"),
        (lambda side, new: np.eye(side)[(np.arange(new) * (side - 1) // max(new - 1, 1))],
         "only the nearest pixel before"),
        (without_care_for_the_last, "beyond the array's end"),
    ],
}  # fmt: skip


# ---------------------------------------------------------------------- the package's layers


def test_the_answers_are_the_packages_layers():
    x = np.random.default_rng(0).standard_normal((2, 17, 13, 3))
    layer = tu.AdaptiveAvgPool2d(6)
    np.testing.assert_allclose(bin_means(x, 6), layer(x), rtol=1e-12)
    dy = np.random.default_rng(1).standard_normal((2, 6, 6, 3))
    np.testing.assert_allclose(bin_means_backward(dy, 17, 13), layer.backward(dy), rtol=1e-12)
    u, v = interpolation(17, 65), interpolation(13, 49)
    resized = tu.Upsample((65, 49), align_corners=True)(x)
    np.testing.assert_allclose(np.einsum("ip,jq,npqc->nijc", u, v, x), resized, rtol=1e-10)
