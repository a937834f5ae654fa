"""A data set in memory: images, their labels, and the cells they show."""

import copy
import operator
from collections.abc import Iterable, Sequence

import numpy as np

from tinyunet.data.dataset_checks import check_codes, checked_image, checked_map
from tinyunet.data.files.gray import in_channels
from tinyunet.data.groups import by_groups


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
    ignore_label
        Pixels with this label count nowhere: not in the loss, not in scores. It is no class. A map of
        cells should be 0 there.
    class_names
        Names of the classes 0 ... K-1, where known.
    groups
        For each image, what it belongs to, such as the file of a stack: `split` keeps a group together.
    stretched
        Whether images of 8 bits were stretched as those of more bits are, see `load_folder`; files for
        prediction then should be, too: ``read_image(path, stretch=True)``.

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
        *,
        ignore_label: int | None = None,
        class_names: Sequence[str] | None = None,
        groups: Sequence[str] | None = None,
        stretched: bool = False,
    ):
        if len(images) == 0:
            raise ValueError("a Dataset needs at least one image, got none")
        if names is None:
            names = range(len(images))
        self.ignore_label = None if ignore_label is None else operator.index(ignore_label)
        self.class_names = None if class_names is None else list(class_names)
        self.stretched = stretched
        groups = names if groups is None else groups
        of_all = {"labels": labels, "instances": instances, "names": names, "groups": groups}
        for what, items in of_all.items():
            if items is not None and len(items) != len(images):
                raise ValueError(f"got {len(images)} images but {len(items)} {what}")

        self.names = [str(name) for name in names]
        self.groups = [str(group) for group in groups]
        self.images = [checked_image(x, name) for x, name in zip(images, self.names, strict=True)]
        self.labels = self._maps("labels", labels)
        check_codes(self.names, self.labels, self.num_classes, self.ignore_label)
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
            checked_map(
                values, what, image.shape, name, self.ignore_label if what == "labels" else None
            )
            for values, image, name in zip(maps, self.images, self.names, strict=True)
        ]

    def classes(self) -> list[np.ndarray]:
        """The labels with 0 in the place of the one that is ignored."""
        if self.ignore_label is None:
            return self.labels
        return [np.where(labels == self.ignore_label, 0, labels) for labels in self.labels]

    def in_channels(self, channels: int) -> "Dataset":
        """The same images for a model that takes so many channels, if no information is lost by it.

        Gray images that were saved in colour become gray, gray ones are shown in all three channels;
        any others stay as they are.
        """
        if channels == self.channels:
            return self
        images = [in_channels(image, channels) for image in self.images]
        if any(image.shape[2] != channels for image in images):
            return self
        part = copy.copy(self)
        part.images = images
        return part

    def ignored(self, i: int) -> np.ndarray | None:
        """Where pixels of image i count nowhere (H, W); None if all of them count."""
        if self.ignore_label is None:
            return None
        mask = self.labels[i] == self.ignore_label
        return mask if mask.any() else None

    @property
    def channels(self) -> int:
        """Channels of every image, C."""
        return self.images[0].shape[2]

    @property
    def num_classes(self) -> int:
        """The largest label + 1, and at least 2: all-background labels still mean two classes."""
        return max(2, len(self.class_names or ()), *(1 + self._largest(x) for x in self.labels))

    def _largest(self, labels: np.ndarray) -> int:
        """The largest class in labels (H, W)."""
        largest = int(labels.max())
        if largest != self.ignore_label:
            return largest
        return int(labels.max(where=labels != largest, initial=0))

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
        if not indices:
            raise ValueError("a Dataset needs at least one image, got none")
        part = copy.copy(self)  # what was checked once
        for name in ("images", "labels", "instances", "names", "groups"):
            items = getattr(self, name)
            setattr(part, name, None if items is None else [items[i] for i in indices])
        return part

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
        if len(set(self.groups)) < len(self):
            order, n_validation, n_test = by_groups(self.groups, order, n_validation, n_test)
        parts = np.split(order, [n_validation, n_validation + n_test])
        validation_part, test_part, train_part = (self.subset(sorted(part)) for part in parts)
        return train_part, validation_part, test_part
