"""Lesson 0: right answers pass, usual wrong ones are rejected and mostly explained."""

import numpy as np
import pytest

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


def iou_nan(p, t):
    with np.errstate(all="ignore"):
        return (p & t).sum() / (p | t).sum()


def iou_over_intersection_by_mistake(p, t):
    return (p & t).sum() / max(1, (p ^ t).sum())


def overwriting_iou(p, t):
    p &= t
    return p.sum() / max(1, t.sum())


ANSWERS = [labels_from_scores, mask_iou, between_groups, otsu]


@pytest.mark.parametrize("answer", ANSWERS, ids=lambda a: a.__name__)
def test_right_answers_pass(answer):
    result = check.exercises(0)[answer.__name__](answer, strict=True)
    assert result.passed


def test_other_right_answers_pass():
    assert check.labels_from_scores(lambda s: s.argmax(2).astype("uint8")).passed
    assert check.mask_iou(lambda p, t: float(p[t].sum() / (p | t).sum()) if (p | t).any() else 1)
    assert check.otsu(lambda image: float(otsu(image))).passed


def test_every_exercise_is_tested():
    assert {a.__name__ for a in ANSWERS} == set(check.exercises(0))


WRONG = [  # exercise, answer, words that name the mistake ("" where the message cannot know it)
    ("labels_from_scores", lambda s: s.argmax(0), "height is compared"),
    ("labels_from_scores", lambda s: s.argmax(1), "width is compared"),
    ("labels_from_scores", lambda s: s.max(-1), "argmax, not max"),
    ("labels_from_scores", lambda s: np.argmax(s), "no axis"),
    ("labels_from_scores", lambda s: s.argmin(-1), "smallest score"),
    ("labels_from_scores", lambda s: s.argmax(-1) + 1, "numbered from 1"),
    ("labels_from_scores", lambda s: s.argmax(-1)[..., None], "keepdims"),
    ("labels_from_scores", lambda s: (s[..., 1] > 0.5) * 1, "no probabilities"),
    ("labels_from_scores", lambda s: (s[..., 1] > s[..., 0]) * 1, ""),
    ("mask_iou", lambda p, t: (p == t).mean(), "accuracy"),
    ("mask_iou", lambda p, t: 2 * (p & t).sum() / max(1, p.sum() + t.sum()), "Dice"),
    ("mask_iou", lambda p, t: (p & t).sum() / max(1, p.sum() + t.sum()), "counts common pixels"),
    ("mask_iou", lambda p, t: (p & t).sum() / max(1, t.sum()), "recall"),
    ("mask_iou", lambda p, t: (p & t).sum() / max(1, p.sum()), "precision"),
    ("mask_iou", lambda p, t: (p & t).mean(), "all pixels"),
    ("mask_iou", iou_nan, "0 / 0"),
    ("mask_iou", lambda p, t: (p & t).sum() / max(1, (p | t).sum()), "0 / 0"),
    ("mask_iou", iou_over_intersection_by_mistake, ""),
    ("mask_iou", overwriting_iou, "overwritten"),
    ("mask_iou", lambda p, t: None, "missing return"),
    ("between_groups", lambda i, t: np.sqrt(between_groups(i, t)), ""),
    ("between_groups", lambda i, t: i.var() - between_groups(i, t), "within the groups"),
    ("between_groups", lambda i, t: between_groups(i, t) * i.size**2, "share is wanted"),
    ("between_groups", lambda i, t: between_groups(i, np.nextafter(t, -9)), "<=, not <"),
    ("between_groups", between_without_empty, "not finite"),
    (
        "between_groups",
        lambda i, t: (i[i > t].mean() - i[i <= t].mean()) ** 2 if i.min() <= t < i.max() else 0,
        "shares are missing",
    ),
    ("otsu", lambda image: np.argmax(spreads(image, candidates(image))), "place of the best"),
    ("otsu", lambda image: max(spreads(image, candidates(image))), "largest variance, not"),
    ("otsu", lambda image: image > otsu(image), "a mask"),
    ("otsu", lambda image: image.mean(), "the mean"),
    ("otsu", lambda image: candidates(image)[np.argmin(spreads(image, candidates(image)))], "argmin"),
    ("otsu", lambda image: candidates(image), "all of them"),
    ("otsu", lambda image: np.percentile(image, 30), ""),
]  # fmt: skip


@pytest.mark.parametrize(("name", "answer", "words"), WRONG)
def test_wrong_answers_are_rejected_and_explained(name, answer, words):
    result = check.exercises(0)[name](answer)
    assert not result.passed
    assert words in str(result)


def test_enough_mistakes_are_named():
    for name in check.exercises(0):
        words = [words for exercise, _, words in WRONG if exercise == name]
        assert len(words) >= 3
        assert sum(map(bool, words)) >= 2 / 3 * len(words)
