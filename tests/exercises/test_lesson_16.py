"""Lesson 16: right answers, and the usual wrong ones; test_all.py tries them."""

import numpy as np


def crop_offset(layers):
    a, b = 1, 0
    for kind, kernel, stride, padding in layers:
        if kind == "down":
            b += a * ((kernel - 1) / 2 - padding)
            a *= stride
        else:
            a /= stride
            b -= a * ((kernel - 1) / 2 - padding)
    return round(-b / a)


def enlarging_matrix(side, stride):
    matrix = np.zeros((side * stride, side))
    for j in range(side):
        for i in range(side * stride):
            matrix[i, j] = max(0, 1 - abs(i - stride * j - (stride - 1) / 2) / stride)
    return matrix


def enlarge_backward(dy, rows, columns):
    dx = np.tensordot(rows, dy, (0, 1))  # h, n, j, c
    return np.tensordot(dx, columns, (2, 0)).transpose(1, 0, 3, 2)


def class_weights(labels, num_classes):
    f = []
    for c in range(num_classes):
        those = labels[(labels == c).any(axis=(1, 2))]
        f.append((those == c).mean() if those.size else np.nan)
    return np.nan_to_num(np.nanmedian(f) / np.array(f))


def offset_with(half=lambda k: (k - 1) / 2, sign=1, late=True, up=1):
    def wrong(layers):
        a, b = 1, 0
        for kind, kernel, stride, padding in layers:
            shift = half(kernel) - sign * padding
            if kind == "down":
                b += (a if late else a * stride) * shift
                a *= stride
            else:
                a /= stride
                b -= up * a * shift
        return round(-b / a, 3)

    return wrong


def tents(side, stride, middle):
    i, j = np.arange(side * stride)[:, None], np.arange(side)
    return np.maximum(0, 1 - abs(i - stride * j - middle) / stride)


def rows_that_sum_to_1(side, stride):
    matrix = enlarging_matrix(side, stride)
    return matrix / matrix.sum(axis=1, keepdims=True)


def over_all_images(labels, num_classes):
    f = np.bincount(labels.ravel(), minlength=num_classes) / labels.size
    weights = np.median(f[f > 0]) / np.where(f > 0, f, np.inf)
    return weights


def absent_classes_counted(labels, num_classes):
    weights = class_weights(labels, num_classes)
    f = np.where(weights > 0, 1 / np.where(weights > 0, weights, 1), 0)
    return weights * np.median(f)


def squared(labels, num_classes):
    return class_weights(labels, num_classes) ** 2


RIGHT = {
    "crop_offset": crop_offset,
    "enlarging_matrix": enlarging_matrix,
    "enlarge_backward": enlarge_backward,
    "class_weights": class_weights,
}


def backwards(layers):
    """Follow the place 0 of the image through the layers, as a pixel of each map."""
    pixel = 0.0
    for kind, kernel, stride, padding in layers:
        middle = (kernel - 1) / 2 - padding
        pixel = (pixel - middle) / stride if kind == "down" else pixel * stride + middle
    return round(pixel)


def by_kronecker(dy, rows, columns):
    n, h, w, c = dy.shape
    both = np.kron(rows, columns)
    dx = np.stack([both.T @ image.reshape(h * w, c) for image in dy])
    return dx.reshape(n, rows.shape[1], columns.shape[1], c)


def by_loops(dy, rows, columns):
    dx = np.zeros((len(dy), rows.shape[1], columns.shape[1], dy.shape[3]), dy.dtype)
    for n in range(len(dy)):
        for channel in range(dy.shape[3]):
            dx[n, :, :, channel] = rows.T @ dy[n, :, :, channel] @ columns
    return dx


def vectorised(labels, num_classes):
    hot = labels[..., None] == np.arange(num_classes)
    pixels, there = hot.sum(axis=(0, 1, 2)), hot.any(axis=(1, 2))
    of = there.sum(axis=0) * hot[0, ..., 0].size
    known = pixels > 0
    weights = np.zeros(num_classes, np.float32)
    frequency = pixels[known] / of[known]
    weights[known] = np.median(frequency) / frequency
    return weights.tolist()


def by_dicts(labels, num_classes):
    shares = {}
    for c in range(num_classes):
        images = [image for image in labels if c in image]
        if images:
            shares[c] = sum((image == c).sum() for image in images) / sum(i.size for i in images)
    middle = np.median(list(shares.values()))
    return np.array([middle / shares[c] if c in shares else 0 for c in range(num_classes)])


ALSO_RIGHT = {
    "crop_offset": [backwards, lambda layers: np.int64(crop_offset(layers))],
    "enlarging_matrix": [
        lambda side, stride: tents(side, stride, stride / 2 - 0.5),
        lambda side, stride: [list(row) for row in enlarging_matrix(side, stride)],
    ],
    "enlarge_backward": [by_kronecker, by_loops],
    "class_weights": [vectorised, by_dicts],
}

# What is wrong, and words that its message should hold ("" where no cause is named).
WRONG = {
    "crop_offset": [
        (offset_with(late=False), "change a only afterwards"),
        (offset_with(half=lambda k: k / 2), "not k / 2"),
        (offset_with(half=lambda k: (k - 1) // 2), "a fraction where k is even"),
        (offset_with(sign=-1), "to the other side: (kernel - 1) / 2 - padding"),
        (offset_with(up=-1), "b -= ..."),
        (lambda layers: crop_offset([("down", *each[1:]) for each in layers]), "for going down"),
        (lambda layers: sum(each[-1] for each in layers), "paddings alone"),
        (lambda layers: -crop_offset(layers), "not the pixel at place 0"),
        (lambda layers: float(crop_offset(layers)), "used as an index"),
        (lambda layers: 0, ""),
    ],
    "enlarging_matrix": [
        (lambda side, stride: enlarging_matrix(side, stride).T, "transposed"),
        (lambda side, stride: tents(side, stride, 0), "first of its outputs"),
        (lambda side, stride: tents(side, stride, stride / 2), "half a pixel too far"),
        (lambda side, stride: np.repeat(np.eye(side), stride, axis=0), "that is the nearest"),
        (lambda side, stride: tents(side, stride, (stride - 1) // 2), "not //"),
        (lambda side, stride: enlarging_matrix(side, stride) ** 2, "was squared"),
        (rows_that_sum_to_1, "outside of the map there are zeros"),
        (lambda side, stride: np.eye(side * stride)[:, :side], ""),
    ],
    "enlarge_backward": [
        (lambda dy, r, c: enlarge_backward(dy, c, r), "exchanged"),
        (
            lambda dy, r, c: enlarge_backward(dy, np.linalg.pinv(r).T, np.linalg.pinv(c).T),
            "not the inverse",
        ),
        (lambda dy, r, c: dy[:, :: len(r) // r.shape[1], :: len(c) // c.shape[1]], "is read at one"),
        (lambda dy, r, c: enlarge_backward(dy, r, c) * r.shape[1] / len(r) * c.shape[1] / len(c),
         "a mean"),
        (lambda dy, r, c: np.tensordot(r, dy, (0, 1)).transpose(1, 0, 2, 3), "only the rows"),
        (lambda dy, r, c: enlarge_backward(dy, r, c).astype(float), "a new array without a dtype"),
        (lambda dy, r, c: r @ dy @ c, "name the axes in np.einsum"),
        (lambda dy, r, c: r.T @ dy @ c, "@ multiplies the last two axes"),
    ],
    "class_weights": [
        (over_all_images, "of ALL images"),
        (lambda labels, n: 1 / (class_weights(labels, n) + 1e-300), "turned over"),
        (absent_classes_counted, "counted in the median"),
        (lambda labels, n: np.where(class_weights(labels, n) > 0, class_weights(labels, n), np.inf),
         "yours is infinite"),
        (lambda labels, n: class_weights(labels, n) / class_weights(labels, n).sum(), "by their sum"),
        (squared, ""),
    ],
}  # fmt: skip
