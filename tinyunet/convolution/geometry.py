"""The geometry of a convolution: kernel, stride, padding and dilation, each (height, width)."""

from __future__ import annotations

from dataclasses import dataclass

from tinyunet.engine.arrays import pair
from tinyunet.engine.threads import Band


@dataclass(frozen=True)
class Geometry:
    """Where the kernel looks, the same for every algorithm.

    Output pixel (i, j) reads the input at (i * stride + p * dilation - padding before), for kernel
    row p, and likewise for columns.

    Attributes
    ----------
    kernel, stride, dilation
        (height, width) pairs.
    padding
        ((top, bottom), (left, right)) rows and columns of zeros around the input.
    """

    kernel: tuple[int, int]
    stride: tuple[int, int] = (1, 1)
    padding: tuple[tuple[int, int], tuple[int, int]] = ((0, 0), (0, 0))
    dilation: tuple[int, int] = (1, 1)

    @property
    def span(self) -> tuple[int, int]:
        """The height and width that the dilated kernel covers: dilation * (kernel - 1) + 1."""
        return (
            self.dilation[0] * (self.kernel[0] - 1) + 1,
            self.dilation[1] * (self.kernel[1] - 1) + 1,
        )

    def output_size(self, height: int, width: int) -> tuple[int, int]:
        """Return the output's (height, width): (side + padding - span) // stride + 1."""
        sides = zip((height, width), self.padding, self.span, self.stride, strict=True)
        h, w = ((side + sum(pad) - span) // stride + 1 for side, pad, span, stride in sides)
        return h, w

    def turned(self) -> Geometry | None:
        """Return the geometry of the convolution with the turned kernel that leads from dy to dx.

        None if there is none: a stride leaves gaps between the pixels of dy (see `phases.py`), and with
        a padding larger than span - 1, some pixels of dy belong to no pixel of x.
        """
        spare = [span - 1 for span in self.span]
        padding = [(s - a, s - b) for s, (a, b) in zip(spare, self.padding, strict=True)]
        if self.stride != (1, 1) or min(map(min, padding)) < 0:
            return None
        return Geometry(self.kernel, (1, 1), (padding[0], padding[1]), self.dilation)

    def tiles(self, size: tuple[int, int]) -> bool:
        """Whether the windows tile an input of `size` (height, width): each pixel lies in just one."""
        plain = self.padding == ((0, 0), (0, 0)) and self.dilation == (1, 1)
        whole = all(side % k == 0 for side, k in zip(size, self.kernel, strict=True))
        return plain and whole and self.kernel == self.stride

    def meeting_place(self) -> int | None:
        """Return the place of the turned kernel where pixel (i, j) of x meets pixel (i, j) of dy.

        None if there is no such place, or if dy is larger than x, so that not all of dy is met there.
        """
        place = 0
        for kernel, span, (before, after), step in zip(
            self.kernel, self.span, self.padding, self.dilation, strict=True
        ):
            index, between = divmod(span - 1 - before, step)
            if between or before + after > span - 1:
                return None
            place = place * kernel + index
        return place

    def window(self, x_shape: tuple, band: Band) -> tuple[tuple, tuple, tuple]:
        """Return what a band of output rows reads of x (N, H, W, C).

        Three things: the shape of the window with its padding; where in the window the image lies;
        and which images, rows and columns those are.
        """
        images, rows = band
        n, height, width, channels = x_shape
        (sy, sx), ((above, _), (left, _)) = self.stride, self.padding
        tall = (rows.stop - 1 - rows.start) * sy + self.span[0]
        wide = (self.output_size(height, width)[1] - 1) * sx + self.span[1]
        window_rows, image_rows = _common(rows.start * sy - above, tall, height)
        window_columns, image_columns = _common(-left, wide, width)
        count = len(range(*images.indices(n)))
        inside = slice(None), window_rows, window_columns
        return (count, tall, wide, channels), inside, (images, image_rows, image_columns)


def _common(start: int, length: int, side: int) -> tuple[slice, slice]:
    """Return the part of the window [start, start + length) that lies in an image of `side`.

    Once counted from the window's first pixel, once from the image's.
    """
    first, last = (min(max(edge, 0), side) for edge in (start, start + length))
    return slice(first - start, last - start), slice(first, last)


def geometry(kernel_size, stride=1, padding=0, dilation=1) -> Geometry:
    """Check a user's settings (ints, pairs, "valid" or "same") and return the `Geometry`.

    ``"same"`` pads a stride 1 convolution so that the output has the input's size; an odd pixel goes
    to the bottom and right.

    Raises
    ------
    ValueError
        If a setting is no positive int or pair of them, or "same" comes with a stride above 1.
    """
    kernel = pair(kernel_size, "kernel_size", 1)
    stride = pair(stride, "stride", 1)
    dilation = pair(dilation, "dilation", 1)
    if padding == "valid":
        padding = 0
    if padding == "same":
        if stride != (1, 1):
            raise ValueError(f'padding="same" needs stride 1, got stride {stride}: give a number')
        spare = [d * (k - 1) for k, d in zip(kernel, dilation, strict=True)]
        rows, columns = ((total // 2, total - total // 2) for total in spare)
        return Geometry(kernel, stride, (rows, columns), dilation)
    if isinstance(padding, str):
        raise ValueError(f'padding must be "valid", "same" or a number, got {padding!r}')
    rows, columns = pair(padding, "padding", 0)
    return Geometry(kernel, stride, ((rows, rows), (columns, columns)), dilation)
