"""The neuron membranes of the ISBI 2012 segmentation challenge."""

from pathlib import Path

import numpy as np
from scipy import ndimage

from tinyunet.data.dataset import Dataset

FILES = ("train-volume.tif", "train-labels.tif")


def load_isbi2012(root: str | Path) -> Dataset:
    """Load the training stack of the ISBI 2012 challenge: electron microscopy of neurons.

    Parameters
    ----------
    root
        The folder that holds `isbi2012/train-volume.tif` and `isbi2012/train-labels.tif`, or the
        two files themselves.

    Returns
    -------
    Dataset
        One image (H, W, 1) for each slice; label 1 = cell, 0 = membrane (255 and 0 in the file);
        instances are the connected parts of the cells within the slice.

    Raises
    ------
    FileNotFoundError
        If a file is not there.
    ValueError
        If the two stacks do not fit together.

    References
    ----------
    Arganda-Carreras et al.: Crowdsourcing the creation of image segmentation algorithms for
    connectomics, Frontiers in Neuroanatomy 2015. Data: Cardona et al., PLoS Biology 2010.
    """
    folder = find_isbi2012(root)
    if folder is None:
        places = _places(root)
        raise FileNotFoundError(
            f"no ISBI 2012 data: neither {places[0]} nor {places[1]} holds both train-volume.tif "
            "and train-labels.tif"
        )
    import tifffile  # late, for in a browser it may be missing

    volume, targets = (tifffile.imread(folder / name) for name in FILES)  # (slices, H, W), 8 bits
    if volume.ndim != 3 or volume.shape != targets.shape or volume.dtype != np.uint8:
        raise ValueError(
            f"{folder}: expected two 8-bit stacks of one shape (slices, H, W), got "
            f"{volume.dtype} {volume.shape} and {targets.shape}"
        )
    images = volume[..., None].astype(np.float32) / 255
    labels = (targets > 127).astype(np.int64)
    instances = [ndimage.label(label)[0] for label in labels]
    names = [f"slice {i}" for i in range(len(images))]
    return Dataset(list(images), list(labels), instances, names)


def find_isbi2012(root: str | Path) -> Path | None:
    """Give the folder that `load_isbi2012` would read, None where there is none."""
    complete = (place for place in _places(root) if all((place / name).is_file() for name in FILES))
    return next(complete, None)


def _places(root: str | Path) -> list[Path]:
    return [Path(root) / "isbi2012", Path(root)]
