"""A data set in memory: images, their labels, and the cells they show."""

from collections.abc import Iterable, Sequence

import numpy as np

from tinyunet.data.shapes import remedy
from tinyunet.metrics.checks import WHITE


class Dataset:
    """Images with the class of every pixel and, where known, the cell it belongs to.

    Images may differ in height and width, which is why they are lists and not one array.

    Parameters
    ----------
    images
        Sequence of (H, W, C) float arrays. Scaled to about [0, 1]; kept as float32.
    labels
        Sequence of (H, W) integer arrays. The class of every pixel, 0 ... K-1; kept as int64. A
        largest label of 255 or 65535 is refused: it means the white of a mask, or "ignore", and
        would make as many classes.
    instances
        Sequence of (H, W) integer arrays. The number of the cell at every pixel, 0 = background.
    names
        What messages and plots call the images; "0", "1", ... by default.

    Raises
    ------
    ValueError, TypeError
        If lengths, shapes, channel counts, dtypes or values do not fit; the message names the image.
    """

    def __init__(
        self,
        images: Sequence[np.ndarray],
        labels: Sequence[np.ndarray],
        instances: Sequence[np.ndarray] | None = None,
        names: Sequence[str] | None = None,
    ):
        if len(images) == 0:
            raise ValueError("a Dataset needs at least one image, got none")
        if names is None:
            names = range(len(images))
        for what, items in (("labels", labels), ("instances", instances), ("names", names)):
            if items is not None and len(items) != len(images):
                raise ValueError(f"got {len(images)} images but {len(items)} {what}")

        self.names = [str(name) for name in names]
        self.images = [_image(x, name) for x, name in zip(images, self.names, strict=True)]
        self.labels = self._maps("labels", labels)
        self._check_white()
        self.instances = None if instances is None else self._maps("instances", instances)

        for image, name in zip(self.images, self.names, strict=True):
            if image.shape[2] != self.channels:
                raise ValueError(
                    f"image {name!r} has {image.shape[2]} channel(s), but image "
                    f"{self.names[0]!r} has {self.channels}: all images need the same number"
                )

    def _maps(self, what: str, maps: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Check one (H, W) integer map an image; `what` is the word for messages."""
        return [
            _map(values, what, image.shape, name)
            for values, image, name in zip(maps, self.images, self.names, strict=True)
        ]

    def _check_white(self) -> None:
        largest = self.num_classes - 1
        if largest in WHITE:
            name = next(
                n for n, x in zip(self.names, self.labels, strict=True) if x.max() == largest
            )
            raise ValueError(
                f"labels of image {name!r} hold {largest}, which would make {largest + 1} classes: "
                f"of a mask of 0 and {largest} pass mask > 0; if {largest} means 'ignore', give "
                "those pixels one of the classes 0 ... K-1, for there is no label that is left out"
            )

    @property
    def channels(self) -> int:
        """Channels of every image, C."""
        return self.images[0].shape[2]

    @property
    def num_classes(self) -> int:
        """The largest label + 1, and at least 2: all-background labels still mean two classes."""
        return max(2, 1 + max(int(labels.max()) for labels in self.labels))

    def __len__(self) -> int:
        return len(self.images)

    def __repr__(self) -> str:
        small, large = (pick(image.shape[:2] for image in self.images) for pick in (min, max))
        size = f"{small[0]}x{small[1]}"
        if small != large:
            size += f" to {large[0]}x{large[1]}"
        known = "without" if self.instances is None else "with"
        return (
            f"Dataset({len(self)} images, {size}, {self.channels} channel(s), "
            f"{self.num_classes} classes, {known} instances)"
        )

    def subset(self, indices: Iterable[int]) -> "Dataset":
        """The images at `indices`, in that order (arrays are shared, not copied)."""
        indices = list(indices)

        def pick(items):
            return None if items is None else [items[i] for i in indices]

        return Dataset(*map(pick, (self.images, self.labels, self.instances, self.names)))

    def split(
        self, validation: float = 0.2, test: float = 0.2, seed: int = 0
    ) -> tuple["Dataset", "Dataset", "Dataset"]:
        """Split by image, at random but repeatably, into (train, validation, test).

        Whole images are split, never pixels: neighbouring pixels are so alike that a model would
        be tested on what it has seen.

        Parameters
        ----------
        validation, test
            Fractions of the images, rounded, but at least one image each.
        seed
            The same seed gives the same split.

        Raises
        ------
        ValueError
            If a part would be empty.
        """
        if validation <= 0 or test <= 0 or validation + test >= 1:
            raise ValueError(
                "validation and test must be positive fractions that leave something to train on, "
                f"got validation={validation} and test={test}"
            )
        n_validation, n_test = (max(1, round(f * len(self))) for f in (validation, test))
        if n_validation + n_test >= len(self):
            raise ValueError(
                f"{len(self)} image(s) cannot be split into {n_validation} for validation, "
                f"{n_test} for testing and at least one for training: add images"
            )
        order = np.random.default_rng(seed).permutation(len(self))
        parts = np.split(order, [n_validation, n_validation + n_test])
        validation_part, test_part, train_part = (self.subset(sorted(part)) for part in parts)
        return train_part, validation_part, test_part


def _image(image: np.ndarray, name: str) -> np.ndarray:
    """Check one image; returns it as (H, W, C) float32."""
    image = np.asarray(image)
    if image.ndim != 3 or image.size == 0:
        raise ValueError(
            f"image {name!r} has shape {image.shape}: it should be (H, W, C); "
            "a gray image becomes one with image[..., None]"
        )
    if not np.issubdtype(image.dtype, np.floating):
        raise TypeError(
            f"image {name!r} has dtype {image.dtype}: scale it to about [0, 1] as float32, "
            "8-bit images with image / 255"
        )
    if not np.isfinite(image).all():
        raise ValueError(f"image {name!r} has NaN or infinite values: repair or leave it out")
    return image.astype(np.float32, copy=False)


def _map(values: np.ndarray, what: str, shape: tuple[int, int, int], name: str) -> np.ndarray:
    """Check one label or instance map for an image (H, W, C); returns it as (H, W) int64."""
    values = np.asarray(values)
    if values.shape != shape[:2]:
        raise ValueError(
            f"{what} of image {name!r} have shape {values.shape}, but the image is "
            f"{shape[0]}x{shape[1]}{remedy(values.shape, shape[:2], shape[2])}"
        )
    if values.dtype != bool and not np.issubdtype(values.dtype, np.integer):
        raise TypeError(f"{what} of image {name!r} have dtype {values.dtype}: use integers")
    if values.min() < 0:
        raise ValueError(
            f"{what} of image {name!r} hold the negative value {values.min()}: count from 0"
        )
    if values.max() > np.iinfo(np.int64).max:
        raise ValueError(
            f"{what} of image {name!r} hold {values.max()}, which int64 cannot: number them anew"
        )
    return values.astype(np.int64, copy=False)
