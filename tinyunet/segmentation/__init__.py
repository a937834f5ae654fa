"""From a network's logits to labels and cells, and how good they are."""

from tinyunet.segmentation.by_class import class_scores, confusion
from tinyunet.segmentation.cells import components, instances, part
from tinyunet.segmentation.evaluation import evaluate
from tinyunet.segmentation.large_cells import instances_large
from tinyunet.segmentation.large_images import predict_large
from tinyunet.segmentation.measure import measure
from tinyunet.segmentation.otsu import otsu_components, otsu_peaks, otsu_threshold
from tinyunet.segmentation.polygons import polygon
from tinyunet.segmentation.tiles import predict_image

__all__ = [
    "class_scores",
    "components",
    "confusion",
    "evaluate",
    "instances",
    "instances_large",
    "measure",
    "otsu_components",
    "otsu_peaks",
    "otsu_threshold",
    "part",
    "polygon",
    "predict_image",
    "predict_large",
]
