"""The tables on streets, with what the same networks reached in PyTorch."""

from __future__ import annotations

from tinyunet.reproduce.relatives.recipe import pilots
from tinyunet.reproduce.words import Column, Table

FCNS = ("FCN-32s", "FCN-16s", "FCN-8s", "FCN-4s")
MAIN = (
    *FCNS, "SegNet", "SegNet, no indices", "U-Net", "SegNet, weighted", "U-Net, weighted",
)  # fmt: skip

PILOTS = pilots(
    "parameters | accuracy | mean IoU | BF 0 | BF 1 | trimap | far | seconds",
    **{
        "FCN-32s": "128466 | .763 | .347 ± .003 | .242 | .436 | .560 | .940 | 10",
        "FCN-16s": "128736 | .819 | .442 ± .003 | .307 | .551 | .630 | .983 | 15",
        "FCN-8s": "128934 | .879 | .573 ± .012 | .471 | .773 | .741 | .998 | 15",
        "FCN-4s": "129060 | .916 | .663 ± .009 | .635 | .891 | .822 | .999 | 11",
        "SegNet": "131874 | .902 | .575 ± .024 | .633 | .852 | .793 | .997 | 18",
        "SegNet, no indices": "131874 | .850 | .489 ± .002 | .386 | .654 | .685 | .994 | 13",
        "U-Net": "132378 | .955 | .762 ± .024 | .848 | .951 | .906 | .999 | 37",
        "SegNet, weighted": "131874 | .831 | .591 ± .005 | .572 | .813 | .681 | .962 | 19",
        "U-Net, weighted": "132378 | .947 | .804 ± .006 | .821 | .960 | .893 | .994 | 12",
    },
)
WEIGHTED = pilots(
    "accuracy | mean IoU | pole recall | pole precision | pole IoU | car IoU",
    **{
        "SegNet": ".902 | .575 ± .024 | 0 | - | 0 | .141",
        "SegNet, weighted": ".831 | .591 ± .005 | .418 | .163 | .133 | .383",
        "U-Net": ".955 | .762 ± .024 | .189 | .931 | .183 | .706",
        "U-Net, weighted": ".947 | .804 ± .006 | .854 | .557 | .509 | .667",
    },
)
LONGER = pilots(
    "accuracy | mean IoU | BF 0 | pole IoU",
    **{
        "SegNet": ".902 | .575 ± .024 | .633 | 0",
        "SegNet, longer": ".935 | .703 | .751 | -",
        "U-Net": ".955 | .762 ± .024 | .848 | .183",
        "U-Net, longer": ".980 | .896 | .925 | .682",
    },
)
IOU, ACCURACY = Column("mean IoU", "mean IoU"), Column("accuracy", "accuracy")
BF0 = Column("BF 0", "boundary F1, 0 px")
POLE = Column("pole IoU", "IoU of poles")

TABLES = (
    Table(
        "From coarse to fine, and what goes across",
        (
            Column("parameters", "parameters that learn", ".0f"),
            ACCURACY,
            IOU,
            BF0,
            Column("BF 1", "within 1 px"),
            Column("trimap", "accuracy within 2 px of a boundary"),
            Column("far", "beyond"),
            POLE,
            Column("seconds", "processor seconds of training", ".0f"),
        ),
        MAIN,
        beside=PILOTS,
        note="Poles are thinner than any stride: look at their IoU before the mean. Weighted: by "
        "median frequency.",
    ),
    Table(
        "What class weights trade",
        (
            ACCURACY,
            Column("mean recall", "mean recall"),
            IOU,
            Column("pole recall", "recall of poles"),
            Column("pole precision", "precision of poles"),
            POLE,
            Column("car IoU", "IoU of cars"),
        ),
        ("SegNet", "SegNet, weighted", "U-Net", "U-Net, weighted"),
        beside=WEIGHTED,
        note="Weights let the network find more of what is rare and be wrong more often about it. A "
        "precision is 0 where nothing was predicted.",
    ),
    Table(
        "Three times the steps",
        (ACCURACY, IOU, BF0, POLE, Column("pole recall", "recall of poles")),
        ("SegNet", "SegNet, longer", "U-Net", "U-Net, longer"),
        beside=LONGER,
        note="What weights do for rare classes in few steps, more steps do as well: part of what "
        "weights buy is speed. PyTorch's long trainings are of two seeds.",
    ),
)

PROTOCOL = (
    "200 drawn street scenes of 64 x 64 pixels to train on, 60 others to test on; batches of 4, "
    "mirrored half of the time; Adam with a rate of 0.002 that falls to 0 as (1 - step / steps)^0.9; "
    "cross-entropy. Each 3x3 convolution is followed by batch normalisation and a ReLU.",
    "FCN: five blocks of two convolutions with 12, 20, 32, 44 and 56 channels, a 3x3 convolution with "
    "48, scores, zero scores of pooled features, bilinear enlargement by fixed kernels. SegNet: levels "
    "of 12, 24, 36 and 48 channels, two convolutions each way; U-Net the same channels.",
    "A boundary is made of all pixels that share an edge with one of another class. Its F1 score is "
    "that of `tinyunet.metrics.boundary_f1`, the mean over images; IoU and recall are of all test "
    "images together.",
    "First weights are drawn as PyTorch draws them, 0.4 times as large as our layers' own. In front of "
    "a batch normalisation their size changes no output, but how far a step of Adam turns them.",
    "PyTorch's numbers, in small letters, are from other drawings of such streets; their deviations "
    "have n in the denominator, and each was trained on one thread.",
    "Not shown: a really long training, pretraining, which is FCN's real advantage, and real streets.",
)
