"""What a U-Net's parameters are called and how large they are, known without making any of them."""

from __future__ import annotations

from typing import Any

from tinyunet.engine.arrays import DTYPES
from tinyunet.engine.rules import Rule, check, one_of, real, whole
from tinyunet.networks.outline import Outline, Shapes


def _is_seed(value: Any) -> bool:
    """What a NumPy generator takes: a number, several, or None for any."""
    numbers = value if isinstance(value, list) and 0 < len(value) < 100 else [value]
    return value is None or all(isinstance(number, int) and number >= 0 for number in numbers)


CHANNELS = whole(1, 2**31, "a whole number from 1")
CONFIG: dict[str, Rule] = {
    "in_channels": CHANNELS,
    "num_classes": CHANNELS,
    "base_channels": CHANNELS,
    "depth": whole(1, 30, "a whole number from 1 to 30"),
    "padding": one_of("valid", "same"),
    "skip": one_of("concat", "sum", "none"),
    "dropout": real(lambda value: 0 <= value < 1, "at least 0 and below 1"),
    "seed": (_is_seed, "a whole number from 0"),
    "dtype": one_of(*DTYPES),
}


def unet_outline(config: dict[str, Any]) -> Outline:
    """Return what ``UNet(**config)`` holds; ValueError unless each setting is as it must be."""
    check("network.config", config, CONFIG, complete=True)
    shapes = parameter_shapes(config)
    dtypes: dict[str, tuple[str, ...]] = dict.fromkeys(shapes, (config["dtype"],))
    return Outline(shapes, {}, dtypes, [f"{name}.rng" for name in dropout_layers(config)])


def parameter_shapes(config: dict[str, Any]) -> Shapes:
    """Return the shape of every parameter of ``UNet(**config)`` by its name, in its order."""
    base, depth = config["base_channels"], config["depth"]
    widths = [base * 2**level for level in range(depth + 1)]
    shapes: Shapes = {}

    def double_conv(name: str, ins: int, outs: int) -> None:
        for part, channels in (("conv1", ins), ("conv2", outs)):
            shapes[f"{name}.{part}.weight"] = (3, 3, channels, outs)
            shapes[f"{name}.{part}.bias"] = (outs,)

    for level in range(depth):
        ins = widths[level - 1] if level else config["in_channels"]
        double_conv(f"encoder.{level}", ins, widths[level])
    double_conv("bottom", widths[-2], widths[-1])
    for level in range(depth):
        shapes[f"ups.{level}.weight"] = (widths[level + 1], 2, 2, widths[level])
        shapes[f"ups.{level}.bias"] = (widths[level],)
    joined = 2 if config["skip"] == "concat" else 1
    for level in range(depth):
        double_conv(f"decoder.{level}", joined * widths[level], widths[level])
    shapes["head.weight"] = (1, 1, base, config["num_classes"])
    shapes["head.bias"] = (config["num_classes"],)
    return shapes


def dropout_layers(config: dict[str, Any]) -> list[str]:
    """Return the names of the layers of ``UNet(**config)`` that draw masks."""
    return [f"encoder.{config['depth'] - 1}.dropout", "bottom.dropout"] if config["dropout"] else []
