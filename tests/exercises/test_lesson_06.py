"""Lesson 6: right answers, and the usual wrong ones; test_all.py tries them."""

import numpy as np


def corner(whole, part):
    return [(a - b) // 2 for a, b in zip(whole[1:3], part, strict=True)]


def center_crop(x, h, w):
    top, left = corner(x.shape, (h, w))
    return x[:, top : top + h, left : left + w].copy()


def with_minus(x, h, w):
    top, left = corner(x.shape, (h, w))
    return x[:, top:-top, left:-left]


def same_on_both_sides(x, h, w):
    top, left = corner(x.shape, (h, w))
    return x[:, top : x.shape[1] - top, left : x.shape[2] - left]


def rounded_up(x, h, w):
    top, left = (x.shape[1] - h + 1) // 2, (x.shape[2] - w + 1) // 2
    return x[:, top : top + h, left : left + w]


def center_crop_backward(dy, shape):
    top, left = corner(shape, dy.shape[1:3])
    dx = np.zeros(shape, dy.dtype)
    dx[:, top : top + dy.shape[1], left : left + dy.shape[2]] = dy
    return dx


def left_from_heights(x, h, w):
    top = (x.shape[1] - h) // 2
    return x[:, top : top + h, top : top + w]


def equal_on_both_sides(dy, shape):
    top, left = corner(shape, dy.shape[1:3])
    return np.pad(dy, ((0, 0), (top, top), (left, left), (0, 0)))


def put_at_the_corner(dy, shape):
    dx = np.zeros(shape, dy.dtype)
    dx[:, : dy.shape[1], : dy.shape[2]] = dy
    return dx


def ones_around(dy, shape):
    return np.where(center_crop_backward(np.ones_like(dy), shape) == 1,
                    center_crop_backward(dy, shape), 1)  # fmt: skip


def without_dtype(dy, shape):
    return center_crop_backward(dy, shape).astype(np.float64)


def concat(a, b):
    return np.concatenate((a, b), axis=3)


def concat_backward(dy, channels):
    return dy[..., :channels], dy[..., channels:]


def fork_backward(dy, channels, shape, down_backward):
    dcropped, dup = concat_backward(dy, channels)
    return center_crop_backward(dcropped, shape) + down_backward(dup)


def across(dy, channels, shape, down_backward):
    return center_crop_backward(dy[..., :channels], shape)


def overwritten(dy, channels, shape, down_backward):
    dx = across(dy, channels, shape, down_backward)
    dx[:] = down_backward(dy[..., channels:])
    return dx


def adds_into_dy(dy, channels, shape, down_backward):
    dx = fork_backward(dy, channels, shape, down_backward)
    dy += 1
    return dx


def in_the_shape_of_dy(dy, shape):
    top, left = corner(shape, dy.shape[1:3])
    dx = np.zeros_like(dy)
    dx[:, top : top + dy.shape[1], left : left + dy.shape[2]] = dy
    return dx


def ends_with_minus(dy, shape):
    top, left = corner(shape, dy.shape[1:3])
    dx = np.zeros(shape, dy.dtype)
    dx[:, top:-top, left:-left] = dy
    return dx


def parts_exchanged(dy, channels, shape, down_backward):
    dup, dcropped = concat_backward(dy, channels)
    return center_crop_backward(dcropped, shape) + down_backward(dup)


def parts_exchanged_down_first(dy, channels, shape, down_backward):
    dup, dcropped = concat_backward(dy, channels)
    dx = down_backward(dup)
    return dx + center_crop_backward(dcropped, shape)


def padded_parts_exchanged(dy, channels, shape, down_backward):
    dup, dcropped = concat_backward(dy, channels)
    return by_padding(dcropped, shape) + down_backward(dup)


def whole_dy_to_both(dy, channels, shape, down_backward):
    return center_crop_backward(dy, shape) + down_backward(dy)


def crop_by_take(x, h, w):
    top, left = corner(x.shape, (h, w))
    return np.take(np.take(x, range(top, top + h), 1), range(left, left + w), 2)


def crop_by_loops(x, h, w):
    """A row and a column at a time, from whichever side has more left."""
    while x.shape[1] > h:
        x = x[:, 1:] if (x.shape[1] - h) % 2 == 0 else x[:, :-1]
    while x.shape[2] > w:
        x = x[:, :, 1:] if (x.shape[2] - w) % 2 == 0 else x[:, :, :-1]
    return x


def by_padding(dy, shape):
    top, left = corner(shape, dy.shape[1:3])
    bottom, right = shape[1] - dy.shape[1] - top, shape[2] - dy.shape[2] - left
    return np.pad(dy, ((0, 0), (top, bottom), (left, right), (0, 0)))


def pixel_by_pixel(dy, shape):
    dx = np.zeros(shape).astype(dy.dtype)
    top, left = corner(shape, dy.shape[1:3])
    for i, j in np.ndindex(*dy.shape[1:3]):
        dx[:, i + top, j + left] += dy[:, i, j]
    return dx


def filled(a, b):
    y = np.empty((*a.shape[:3], a.shape[3] + b.shape[3]))
    y[..., : a.shape[3]], y[..., a.shape[3] :] = a, b
    return y


def down_first(dy, channels, shape, down_backward):
    dx = np.array(down_backward(dy[..., channels:].copy()))
    h, w = dy.shape[1:3]
    top, left = corner(shape, (h, w))
    dx[:, top : top + h, left : left + w] += dy[..., :channels]
    return dx


ALSO_RIGHT = {
    "center_crop": [crop_by_take, crop_by_loops],
    "center_crop_backward": [by_padding, pixel_by_pixel],
    "concat": [
        filled,
        lambda a, b: np.append(a, b, -1),
        lambda a, b: np.concatenate((a.T, b.T)).T,
    ],
    "concat_backward": [
        lambda dy, c: np.split(dy, [c], axis=-1),
        lambda dy, c: [dy[:, :, :, :c].copy(), dy[:, :, :, c:].copy()],
    ],
    "fork_backward": [
        down_first,
        lambda dy, c, shape, down: np.add(down(dy[..., c:]), by_padding(dy[..., :c], shape)),
    ],
}

RIGHT = {
    "center_crop": center_crop,
    "center_crop_backward": center_crop_backward,
    "concat": concat,
    "concat_backward": concat_backward,
    "fork_backward": fork_backward,
}

# What is wrong, and words that its message should hold ("" where no cause is named).
WRONG = {
    "center_crop": [
        (with_minus, "is empty where p is 0"),
        (same_on_both_sides, "one too few where the rest is odd"),
        (lambda x, h, w: x[:, :h, :w], "top left corner"),
        (lambda x, h, w: x[:, -h:, -w:], "bottom right corner"),
        (rounded_up, "rounded up"),
        (lambda x, h, w: x[:, (x.shape[1] - h) / 2 :], "divided by /"),
        (lambda x, h, w: center_crop(x, w, h), "exchanged"),
        (lambda x, h, w: center_crop(x, h, w) * 2, "wrong scale"),
        (lambda x, h, w: x, "nothing was cut off"),
        (left_from_heights, "left was taken from the heights"),
        (
            lambda x, h, w: x[:, (x.shape[1] - h) // 2 : h, (x.shape[2] - w) // 2 : w],
            "ends at top + h",
        ),
        (lambda x, h, w: center_crop(np.roll(x, -1, (1, 2)), h, w), "one pixel too far"),
        (lambda x, h, w: center_crop(x, h, w) + x.mean() * center_crop(x, h, w) ** 2, ""),
    ],
    "center_crop_backward": [
        (lambda dy, shape: dy, "size of the whole image"),
        (put_at_the_corner, "top left"),
        (ones_around, "the border is 1"),
        (equal_on_both_sides, "one too few where the rest is odd"),
        (lambda dy, shape: np.pad(dy, (shape[1] - dy.shape[1]) // 2), "pads all four axes"),
        (in_the_shape_of_dy, "in the shape of dy"),
        (ends_with_minus, "is empty where p is 0"),
        (without_dtype, "without a dtype"),
        (lambda dy, shape: np.zeros(shape, dy.dtype), "zero everywhere"),
        (lambda dy, shape: center_crop_backward(dy, shape).sum(), ""),
    ],
    "concat": [
        (lambda a, b: concat(b, a), "b comes first"),
        (lambda a, b: np.concatenate([a, b], axis=2), "along the width"),
        (lambda a, b: np.stack([a, b], axis=-1), "makes a new axis"),
        (lambda a, b: a + b, "were added"),
        (lambda a, b: [a, b], "in a list"),
        (lambda a, b: np.concatenate((a, b), 4), "axis 3, or -1"),
        (lambda a, b: concat(a, a), ""),
        (lambda a, b: 2 * concat(a, b), "wrong scale"),
        (lambda a, b: concat(a, b)[:, ::-1], "height"),
        (lambda a, b: concat(a, b).swapaxes(1, 2), "axes in another order"),
        (lambda a, b: None, "missing return"),
        (lambda a, b: np.concatenate(a, b), "takes a list"),
        (lambda a, b: np.concatenate(a, b, axis=-1), "takes a list"),
        (lambda a, b: np.dstack([a, b]), "along the width"),
    ],
    "concat_backward": [
        (lambda dy, c: (dy[..., c:], dy[..., :c]), "exchanged"),
        (lambda dy, c: (dy, dy), "both got all"),
        (lambda dy, c: (dy[..., :c], dy[..., -c:]), "before the end"),
        (lambda dy, c: tuple(np.array_split(dy, 2, axis=-1)), "split in the middle"),
        (lambda dy, c: (dy[..., :c] ** 2, dy[..., c:]), ""),
        (lambda dy, c: (dy[..., -c:], dy[..., :-c]), "counted from the end"),
        (lambda dy, c: (dy[..., :c] / 2, dy[..., c:] / 2), "divided by 2"),
        (lambda dy, c: (dy[:, :c], dy[:, c:]), "along the height"),
        (lambda dy, c: np.split(dy, c, axis=-1), "so many equal parts"),
    ],
    "fork_backward": [
        (across, "of the path down was dropped"),
        (lambda dy, c, shape, down: dy[..., :c] + down(dy[..., c:]), "was not put back"),
        (
            lambda dy, c, shape, down: center_crop(down(dy[..., c:]), *dy.shape[1:3]) + dy[..., :c],
            "what came up was cropped",
        ),
        (lambda dy, c, shape, down: across(dy, c, shape, down) + down, "parentheses are missing"),
        (
            lambda dy, c, shape, down: down(center_crop_backward(dy[..., :c], shape)),
            "before anything is put back",
        ),
        (overwritten, "of the path across was dropped"),
        (lambda *all: fork_backward(*all) / 2, "the mean"),
        (lambda *all: 2 * fork_backward(*all) - across(*all), "path down was counted twice"),
        (adds_into_dy, "an argument was overwritten"),
        (lambda *all: None, "missing return"),
        (lambda dy, c, shape, down: dy, ""),
        (parts_exchanged, "two parts of dy are exchanged"),
        (parts_exchanged_down_first, "two parts of dy are exchanged"),
        (padded_parts_exchanged, "two parts of dy are exchanged"),
        (whole_dy_to_both, "all of dy was handed on"),
        (
            lambda dy, c, shape, down: across(dy, c, shape, down) + down(dy),
            "all of dy was handed on",
        ),
        (lambda dy, c, shape, down: down(dy[..., c:], c), "down_backward takes one argument"),
    ],
}
