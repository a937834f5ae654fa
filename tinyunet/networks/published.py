"""The layers of the authors' networks: what their own files say, to lay beside ours.

Counts and sides were worked out from the files that `Published.source` names, by their kernels, their
channels and their frameworks' size rules, without any code of this package.
"""

from __future__ import annotations

from tinyunet.networks.part import Part, Published
from tinyunet.networks.part import part as _part
from tinyunet.networks.published_painting import PAINTING

BLOCKS = (38_720, 221_440, 1_475_328, 5_899_776, 7_079_424)  # VGG16's convolutions with biases
FC6, FC7 = 102_764_544, 16_781_312


def _vgg(sides: tuple[int, ...]) -> tuple[Part, ...]:
    """The encoder's blocks, each with its pooling, and the first two fully connected layers."""
    blocks = (
        _part(f"conv{i + 1}, pool{i + 1}", f"encoder.{i}.", f"pools.{i}", count, sides[i])
        for i, count in enumerate(BLOCKS)
    )
    fc6 = _part("fc6, 7x7", "head.0.", "head.1", FC6, sides[5])
    return (*blocks, fc6, _part("fc7", "head.2.", "head.3", FC7, sides[5]))


FCN = (*_vgg((349, 175, 88, 44, 22, 16)), _part("score_fr", "score.", "score", 86_037, 16))
POOL4 = (
    _part("deconv k4 s2", "ups.0.", "ups.0", 7_056, 34),
    _part("score_pool4, crop 5, sum", "skips.0.", "skips.0.add", 10_773, 34),
)
POOL3 = (
    _part("deconv k4 s2", "ups.1.", "ups.1", 7_056, 70),
    _part("score_pool3, crop 9, sum", "skips.1.", "skips.1.add", 5_397, 70),
)


def _fcn(stride: int, sums: tuple[Part, ...], last: Part, crop: int) -> Published:
    end = _part(f"crop {crop}", "crop.", "crop", 0, 500)
    source = f"voc-fcn{stride}s/net.py and train.prototxt of Long, Shelhamer and Darrell"
    return Published(source, (500, 500), (*FCN, *sums, last, end))


SEGNET_UP = ((6_347 + 37_056, 360, 480), (221_760, 180, 240), (1_476_480, 90, 120),
             (5_902_080, 45, 60), (7_082_496, 23, 30))  # fmt: skip
SEGNET_DOWN = ((38_976, 180, 240), (221_952, 90, 120), (1_476_864, 45, 60),
               (5_902_848, 23, 30), (7_082_496, 12, 15))  # fmt: skip
NODES = {
    (0, 0): 9_568, (1, 0): 55_424, (2, 0): 221_440, (3, 0): 885_248, (4, 0): 3_539_968,
    (0, 1): 35_936, (1, 1): 143_552, (2, 1): 573_824, (3, 1): 2_294_528,
    (0, 2): 45_152, (1, 2): 180_416, (2, 2): 721_280,
    (0, 3): 54_368, (1, 3): 217_280,
    (0, 4): 63_584,
}  # fmt: skip
STAGES = ((2, 3, 2, 236_288, 119), (3, 4, 3, 1_219_584, 60), (4, 6, 5, 7_098_368, 60),
          (5, 3, 2, 14_964_736, 60))  # fmt: skip

PUBLISHED: dict[str, Published] = {
    "fcn32s": _fcn(32, (), _part("deconv k64 s32", "up.", "up", 1_806_336, 544), 19),
    "fcn16s": _fcn(16, POOL4, _part("deconv k32 s16", "up.", "up", 451_584, 560), 27),
    "fcn8s": _fcn(8, POOL4 + POOL3, _part("deconv k16 s8", "up.", "up", 112_896, 568), 31),
    "vgg16": Published(
        "table 1, configuration D, of Simonyan and Zisserman, arXiv:1409.1556",
        (224, 224),
        (*_vgg((112, 56, 28, 14, 7, 1)), _part("fc8", "score.", "score", 4_097_000, 1)),
    ),
    "segnet": Published(
        "segnet_train.prototxt of SegNet-Tutorial",
        (360, 480),
        (
            *(
                _part(f"encoder {i + 1}, pool", f"encoder.{i}.", f"pools.{i}", *numbers)
                for i, numbers in enumerate(SEGNET_DOWN)
            ),
            *(
                _part(f"unpool, decoder {i + 1}", f"decoder.{i}. head." if i == 0 else f"decoder.{i}.",
                      "head" if i == 0 else f"decoder.{i}.relus.{1 + (i > 1)}", *SEGNET_UP[i])
                for i in reversed(range(5))
            ),
        ),
    ),
    "segnet-basic": Published(
        "segnet_basic_train.prototxt of SegNet-Tutorial, without its normalisation of the image",
        (360, 480),
        (
            *(
                _part(f"encoder {i + 1}, pool", f"encoder.{i}.", f"pools.{i}",
                      200_896 if i else 9_600, SEGNET_DOWN[i][1], SEGNET_DOWN[i][2])
                for i in range(4)
            ),
            *(
                _part(f"unpool, decoder {i + 1}", f"decoder.{i}.", f"decoder.{i}.norms.0",
                      200_896, SEGNET_UP[i][1], SEGNET_UP[i][2])
                for i in reversed(range(4))
            ),
            _part("classifier", "head.", "head", 715, 360, 480),
        ),
    ),
    "unet++": Published(
        "keras/helper_functions.py of Zhou and others, for an image of 512 pixels",
        (512, 512),
        (
            *(
                _part(f"X[{i},{j}]" + ", its up-convolution" * (j > 0),
                      f"nodes.{i}.{j}." + f" ups.{i}.{j - 1}." * (j > 0),
                      f"nodes.{i}.{j}.drop2", count, 512 >> i)
                for (i, j), count in NODES.items()
            ),
            _part("head on X[0,4]", "heads.0.", "heads.0", 33, 512),
        ),
    ),
    "pspnet": Published(
        "pspnet50_ADE20K_473.prototxt of Zhao and others",
        (473, 473),
        (
            _part("3x3, 64, stride 2", "stages.0.0.", "stages.0.0.relu", 1_856, 237),
            _part("3x3, 64", "stages.0.1.", "stages.0.1.relu", 36_992, 237),
            _part("3x3, 128", "stages.0.2.", "stages.0.2.relu", 73_984, 237),
            _part("max-pool 3x3, stride 2", "stages.0.3.", "stages.0.3", 0, 119),
            *(
                _part(f"stage {stage}, {blocks} bottlenecks", f"stages.{stage - 1}.",
                      f"stages.{stage - 1}.{last}.relu", count, side)
                for stage, blocks, last, count, side in STAGES
            ),
            *(
                _part(f"bin {bins}", f"pyramid.convs.{i}.", f"pyramid.convs.{i}.relu", 1_049_600, bins)
                for i, bins in enumerate((1, 2, 3, 6))
            ),
            _part("concat, 4096 channels", "pyramid.join.", "pyramid.join", 0, 60),
            _part("3x3, 512", "head.0.", "head.0.relu", 18_875_392, 60),
            _part("1x1, 150 classes", "head.2.", "head.2", 76_950, 60),
            _part("resize", "resize.", "resize", 0, 473),
        ),
    ),
    **PAINTING,
}  # fmt: skip
