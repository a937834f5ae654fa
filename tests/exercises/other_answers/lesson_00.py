"""Lesson 0: right answers that are not ours, with which its whole notebook is run."""

import numpy as np


# %% labels_from_scores
def labels_from_scores(scores):
    labels = np.zeros(scores.shape[:2], dtype=int)
    best = scores[..., 0]
    for c in range(1, scores.shape[2]):
        larger = scores[..., c] > best
        labels = np.where(larger, c, labels)
        best = np.where(larger, scores[..., c], best)
    return labels


# %% mask_iou
def mask_iou(predicted, truth):
    tp = np.count_nonzero(predicted & truth)
    fp = np.count_nonzero(predicted & ~truth)
    fn = np.count_nonzero(~predicted & truth)
    if tp + fp + fn == 0:
        return 1
    return tp / (tp + fp + fn)


# %% between_groups
def between_groups(image, threshold):
    dark, bright = image[image <= threshold], image[image > threshold]
    if not dark.size or not bright.size:
        return 0
    w = dark.size / image.size
    mean = image.mean()
    return w * (dark.mean() - mean) ** 2 + (1 - w) * (bright.mean() - mean) ** 2


# %% otsu
def otsu(image):
    best, most = image.min(), -1
    for threshold in np.linspace(image.min(), image.max(), 257)[:-1]:
        between = between_groups(image, threshold)
        if between > most:
            best, most = threshold, between
    return best
