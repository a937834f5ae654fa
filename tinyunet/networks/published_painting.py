"""pix2pix and PaintsChainer as their authors' files have them; see `tinyunet.networks.published`."""

from __future__ import annotations

from tinyunet.networks.part import Part, Published, part


def _counted(kernel: int, ins: int, outs: int, norm: bool = True) -> int:
    """The parameters of a convolution with a bias, and of a batch norm after it."""
    return kernel**2 * ins * outs + outs + 2 * outs * norm


# in, out, the side that comes out, and whether batch norm follows: models.lua, for 256 pixels
# fmt: off
DOWN = ((3, 64, 128, False), (64, 128, 64, True), (128, 256, 32, True), (256, 512, 16, True),
        (512, 512, 8, True), (512, 512, 4, True), (512, 512, 2, True), (512, 512, 1, False))
UP = ((512, 512, 2, True), (1024, 512, 4, True), (1024, 512, 8, True), (1024, 512, 16, True),
      (1024, 256, 32, True), (512, 128, 64, True), (256, 64, 128, True), (128, 3, 256, False))
PATCH = ((6, 64, 128, False), (64, 128, 64, True), (128, 256, 32, True), (256, 512, 31, True),
         (512, 1, 30, False))
# where ours is, kernel, in, out, side: unet.py, for 128 pixels
CHAINER = {
    "c0": ("first", 3, 4, 32, 128),
    "c1": ("downs.0", 4, 32, 64, 64), "c2": ("convs.0", 3, 64, 64, 64),
    "c3": ("downs.1", 4, 64, 128, 32), "c4": ("convs.1", 3, 128, 128, 32),
    "c5": ("downs.2", 4, 128, 256, 16), "c6": ("convs.2", 3, 256, 256, 16),
    "c7": ("downs.3", 4, 256, 512, 8), "c8": ("convs.3", 3, 512, 512, 8),
    "dc8": ("ups.3", 4, 1024, 512, 16), "dc7": ("backs.3", 3, 512, 256, 16),
    "dc6": ("ups.2", 4, 512, 256, 32), "dc5": ("backs.2", 3, 256, 128, 32),
    "dc4": ("ups.1", 4, 256, 128, 64), "dc3": ("backs.1", 3, 128, 64, 64),
    "dc2": ("ups.0", 4, 128, 64, 128), "dc1": ("backs.0", 3, 64, 32, 128),
}
JUDGE = ((4, 3, 32, 64), (3, 32, 32, 64), (4, 32, 64, 32), (3, 64, 64, 32), (4, 64, 128, 16),
         (3, 128, 128, 16), (4, 128, 256, 8))
# fmt: on


def _chain(name: str, ours: str, kernel: int, ins: int, outs: int, side: int) -> Part:
    words = f"{name}, {kernel}x{kernel}" + (", stride 2" if kernel == 4 else "")
    return part(words, f"{ours}.", f"{ours}.2", _counted(kernel, ins, outs), side)


PAINTING: dict[str, Published] = {
    "pix2pix": Published(
        "models.lua of Isola and others, with all its biases",
        (256, 256),
        (
            *(
                part(f"e{i + 1}", f"downs.{i}.", f"downs.{i}.{int(i > 0)}",
                     _counted(4, ins, outs, norm), side)
                for i, (ins, outs, side, norm) in enumerate(DOWN)
            ),
            *(
                part(f"concat, d{i + 1}" if i else "d1", f"ups.{i}.", f"ups.{i}.1",
                     _counted(4, ins, outs, norm), side)
                for i, (ins, outs, side, norm) in enumerate(UP)
            ),
        ),
    ),
    "patchgan": Published(
        "models.lua of Isola and others, three strided layers, with all its biases",
        (256, 256),
        tuple(
            part(f"4x4, {outs}, stride {2 if i < 3 else 1}", f"stages.{i}.",
                 "stages.4" if i == 4 else f"stages.{i}.0", _counted(4, ins, outs, norm), side)
            for i, (ins, outs, side, norm) in enumerate(PATCH)
        ),
    ),
    "paintschainer": Published(
        "unet.py of PaintsChainer",
        (128, 128),
        (
            *(_chain(name, *numbers) for name, numbers in CHAINER.items()),
            part("dc0, 3x3", "last.", "last", _counted(3, 64, 3, norm=False), 128),
        ),
    ),
    "paintschainer-judge": Published(
        "the discriminator in unet.py of PaintsChainer",
        (128, 128),
        (
            *(_chain(f"c{i}", f"stages.{i}", *numbers) for i, numbers in enumerate(JUDGE)),
            part("fully connected, 2", "stages.7.", "stages.7", 8 * 8 * 256 * 2 + 2, 1),
        ),
    ),
}  # fmt: skip
