"""Lesson 0: right answers, and the usual wrong ones; test_all.py tries them."""

import numpy as np

from tinyunet.exercises import check


def labels_from_scores(scores):
    return np.argmax(scores, axis=-1)


def mask_iou(predicted, truth):
    union = (predicted | truth).sum()
    return (predicted & truth).sum() / union if union else 1.0


def between_groups(image, threshold):
    dark = image <= threshold
    if dark.all() or not dark.any():
        return 0.0
    w = dark.mean()
    return w * (1 - w) * (image[~dark].mean() - image[dark].mean()) ** 2


def candidates(image):
    return np.linspace(image.min(), image.max(), 257)[:-1]


def spreads(image, thresholds):
    return [between_groups(image, threshold) for threshold in thresholds]


def otsu(image):
    thresholds = candidates(image)
    return thresholds[np.argmax(spreads(image, thresholds))]


def between_without_empty(image, threshold):
    dark = image <= threshold
    w = dark.mean()
    with np.errstate(all="ignore"):
        means = [part.sum() / np.float64(part.size) for part in (image[dark], image[~dark])]
        return w * (1 - w) * (means[1] - means[0]) ** 2


def between_of_sums(image, threshold):
    dark = image <= threshold
    return dark.mean() * (~dark).mean() * (image[dark].sum() - image[~dark].sum()) ** 2


def iou_nan(p, t):
    with np.errstate(all="ignore"):
        return (p & t).sum() / (p | t).sum()


def iou_over_intersection_by_mistake(p, t):
    return (p & t).sum() / max(1, (p ^ t).sum())


def overwriting_iou(p, t):
    p &= t
    return p.sum() / max(1, t.sum())


RIGHT = {
    "labels_from_scores": labels_from_scores,
    "mask_iou": mask_iou,
    "between_groups": between_groups,
    "otsu": otsu,
}


def labels_in_loops(scores):
    height, width, classes = scores.shape
    labels = np.zeros((height, width))  # floats, but whole
    for i in range(height):
        for j in range(width):
            best = 0
            for c in range(1, classes):
                if scores[i, j, c] > scores[i, j, best]:
                    best = c
            labels[i, j] = best
    return labels


def iou_by_counting(predicted, truth):
    both = either = 0
    for p, t in zip(predicted.ravel(), truth.ravel(), strict=True):
        both += bool(p and t)
        either += bool(p or t)
    return 1 if either == 0 else both / either


def groups_by_total_variance(image, threshold):
    dark, bright = image[image <= threshold], image[image > threshold]
    if len(dark) == 0 or len(bright) == 0:
        return 0
    within = (dark.var() * dark.size + bright.var() * bright.size) / image.size
    return image.var() - within


def groups_by_means(image, threshold):
    values = image.ravel().tolist()
    dark = [v for v in values if v <= threshold]
    bright = [v for v in values if v > threshold]
    if not dark or not bright:
        return 0.0
    mean = sum(values) / len(values)
    return sum(
        len(group) / len(values) * (sum(group) / len(group) - mean) ** 2 for group in (dark, bright)
    )


def otsu_in_a_loop(image):
    best, best_variance = None, -1.0
    for k in range(256):
        threshold = image.min() + k * (image.max() - image.min()) / 256
        if (variance := between_groups(image, threshold)) > best_variance:
            best, best_variance = threshold, variance
    return best


ALSO_RIGHT = {
    "labels_from_scores": [
        lambda s: s.argmax(2).astype("uint8"),
        lambda s: np.argsort(s, axis=-1)[..., -1],
        labels_in_loops,
    ],
    "mask_iou": [
        lambda p, t: float(p[t].sum() / (p | t).sum()) if (p | t).any() else 1,
        lambda p, t: np.minimum(p, t).sum() / max(np.maximum(p, t).sum(), 1) + (not (p | t).any()),
        iou_by_counting,
    ],
    "between_groups": [groups_by_total_variance, groups_by_means],
    "otsu": [
        lambda image: float(otsu(image)),
        lambda image: max(candidates(image), key=lambda t: between_groups(image, t)),
        lambda image: candidates(image)[::-1][np.argmax(spreads(image, candidates(image))[::-1])],
        otsu_in_a_loop,
    ],
}


def best_of(image, thresholds):
    return thresholds[np.argmax(spreads(image, thresholds))]


def with_the_brightest(image):
    return best_of(image, np.linspace(image.min(), image.max(), 256))


def middles(image):
    edges = np.linspace(image.min(), image.max(), 257)
    return best_of(image, (edges[1:] + edges[:-1]) / 2)


def test_256_thresholds_with_the_brightest_are_named_wherever_they_lie():
    for seed in (1, 2, 3):
        causes = check.otsu(with_the_brightest, seed=seed).causes
        assert "256 thresholds with the brightest among them" in causes[0]


# What is wrong, and words that its message should hold ("" where no cause is named).
WRONG = {
    "labels_from_scores": [
        (lambda s: s.argmax(0), "height is compared"),
        (lambda s: s.argmax(1), "width is compared"),
        (lambda s: s.max(-1), "argmax, not max"),
        (lambda s: np.argmax(s), "no axis"),
        (lambda s: s.argmin(-1), "smallest score"),
        (lambda s: np.abs(s).argmax(-1), "signs count"),
        (lambda s: s == s.max(-1)[..., None], "its place among the classes"),
        (lambda s: s.argmax(-1) + 1, "numbered from 1"),
        (lambda s: s.argmax(-1)[..., None], "keepdims"),
        (lambda s: (s[..., 1] > 0.5) * 1, "no probabilities"),
        (lambda s: (s[..., 1] > s[..., 0]) * 1, ""),
        (lambda s: s.argmax(-1).tolist(), "np.array(...)"),
    ],
    "mask_iou": [
        (lambda p, t: t.sum() / max(1, (p | t).sum()), "count what both have"),
        (lambda p, t: (p & t).mean() / max(1, (p | t).sum()), "a mean above and a sum below"),
        (lambda p, t: (p == t).mean(), "accuracy"),
        (lambda p, t: 2 * (p & t).sum() / max(1, p.sum() + t.sum()), "Dice"),
        (lambda p, t: (p & t).sum() / max(1, p.sum() + t.sum()), "counts common pixels"),
        (lambda p, t: (p & t).sum() / max(1, t.sum()), "recall"),
        (lambda p, t: (p & t).sum() / max(1, p.sum()), "precision"),
        (lambda p, t: (p & t).mean(), "all pixels"),
        (iou_nan, "0 / 0"),
        (lambda p, t: (p & t).sum() // max(1, (p | t).sum()) + (not (p | t).any()), "rounds down"),
        (lambda p, t: (p and t).sum(), "want one number"),
        (lambda p, t: (p - t).sum(), "is not for masks"),
        (lambda p, t: (p & t).sum() / max(1, (p | t).sum()), "0 / 0"),
        (iou_over_intersection_by_mistake, "only one of them has"),
        (overwriting_iou, "overwritten"),
        (lambda p, t: None, "missing return"),
    ],
    "between_groups": [
        (lambda image, t: between_groups(image, t) if image.max() > t else np.nan, "where a group"),
        (lambda image, t: between_groups(image, t) * (image <= t).mean(), "bright group alone"),
        (lambda image, t: between_groups(image, t) * (image > t).mean(), "dark group alone"),
        (lambda i, t: np.sqrt(between_groups(i, t)), ""),
        (lambda i, t: i.var() - between_groups(i, t), "within the groups"),
        (lambda i, t: between_groups(i, t) * i.size**2, "share is wanted"),
        (lambda i, t: between_groups(i, np.nextafter(t, -9)), "<=, not <"),
        (between_without_empty, "where a group"),
        (lambda i, t: between_groups(i, t) or 1.0, "that is 0"),
        (lambda i, t: between_groups(i, t) and between_of_sums(i, t), "sums of the groups"),
        (
            lambda i, t: (i[i > t].mean() - i[i <= t].mean()) ** 2 if i.min() <= t < i.max() else 0,
            "shares are missing",
        ),
    ],
    "otsu": [
        (lambda image: np.argmax(spreads(image, candidates(image))), "place of the best"),
        (lambda image: max(spreads(image, candidates(image))), "largest variance, not"),
        (lambda image: image > otsu(image), "a mask"),
        (lambda image: image.mean(), "the mean"),
        (with_the_brightest, "make 257, and leave out the last"),
        (middles, "the middles of the drawers"),
        (lambda image: best_of(image, np.linspace(0, image.max(), 257)[:-1]), "from 0 on"),
        (lambda image: best_of(image, np.linspace(image.min(), image.max(), 99)), "another list"),
        (lambda image: candidates(image)[np.argmin(spreads(image, candidates(image)))], "argmin"),
        (lambda image: candidates(image), "all of them"),
        (lambda image: np.percentile(image, 30), ""),
    ],
}
