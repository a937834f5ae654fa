"""Lesson 16: where its measured values have to lie."""

RANGES = {
    "share of all pixels that are pole": (0.02, 0.04),
    "shape of FCN-32s's scores for a 64 x 64 image": ((1, 2, 2, 6),),
    "where the authors cut the enlarged scores of FCN-32s": (19, 19),
    "largest difference from FCN's layer": (0, 1e-5),
    "enlarging, transposed: worst relative error": (0, 1e-7),
    "enlarging, undone: worst relative error": (0.1, None),
    "mean IoU of FCN-32s": (0.2, 0.45),
    "mean IoU that FCN-8s has more": (0.05, 0.35),
    "accuracy of FCN-32s over the distance from a boundary": [(0, 0.3, 0.7), (8, 0.8, 1)],
    "boundary score of FCN-8s cut one pixel off, as a share": (0.3, 1),
    "bits that a U-Net's skip keeps, in times of SegNet's": (64, 64),
    "boundary score that indices bring SegNet": (0.03, 0.4),
    "mean IoU that indices bring SegNet": (-0.15, 0.2),
    "boundary score of the U-Net above SegNet's": (0.02, 0.4),
    "recall of poles with class weights": ("higher",),
    "precision of poles with class weights": ("lower",),
    "accuracy with class weights": ("lower",),
    "IoU of poles is raised more by": ("more steps",),
}
SMALL = {
    name: RANGES[name]
    for name in (
        "shape of FCN-32s's scores for a 64 x 64 image",
        "where the authors cut the enlarged scores of FCN-32s",
        "largest difference from FCN's layer",
        "enlarging, transposed: worst relative error",
        "enlarging, undone: worst relative error",
        "bits that a U-Net's skip keeps, in times of SegNet's",
    )
}
