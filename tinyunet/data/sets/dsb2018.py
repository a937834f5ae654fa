"""The nuclei of the 2018 Data Science Bowl."""

from pathlib import Path

import numpy as np
from PIL import Image

from tinyunet.data.dataset import Dataset
from tinyunet.data.weightmap import separate
from tinyunet.engine.progress import Progress


def load_dsb2018(root: str | Path) -> Dataset:
    """Load stage1_train of the 2018 Data Science Bowl: nuclei, one mask file for each.

    Parameters
    ----------
    root
        The folder that holds `dsb2018/stage1_train` or `stage1_train`, in the layout of the
        published archive: `ID/images/ID.png` and `ID/masks/*.png`.

    Returns
    -------
    Dataset
        Sorted by ID, which is the name. Images (H, W, 1), turned to gray; label 1 = nucleus,
        touching nuclei parted by one background pixel (see `separate`); instances 1 ... k.

    Raises
    ------
    FileNotFoundError
        If the folder is not there.
    ValueError
        If an ID has no image or no masks, or a mask of another size.

    References
    ----------
    Caicedo et al.: Nucleus segmentation across imaging experiments, Nature Methods 2019.
    Broad Bioimage Benchmark Collection, image set BBBC038.
    """
    folder = find_dsb2018(root)
    if folder is None:
        places = _places(root)
        raise FileNotFoundError(
            f"no DSB 2018 data: neither {places[0]} nor {places[1]} is a folder; "
            "it should hold ID/images/ID.png and ID/masks/*.png (stage1_train.zip of BBBC038)"
        )
    samples = sorted(path for path in folder.iterdir() if path.is_dir())
    images, instances = [], []
    for sample in Progress(samples, desc="DSB 2018", unit="image", delay=2):
        image = _gray(sample / "images" / f"{sample.name}.png")
        images.append(image[..., None].astype(np.float32) / 255)
        instances.append(_merge(sample / "masks", image.shape))
    labels = [separate(cells) > 0 for cells in instances]
    return Dataset(images, labels, instances, [sample.name for sample in samples])


def find_dsb2018(root: str | Path) -> Path | None:
    """Give the folder that `load_dsb2018` would read, None where there is none."""
    return next((place for place in _places(root) if place.is_dir()), None)


def _places(root: str | Path) -> list[Path]:
    return [Path(root) / "dsb2018" / "stage1_train", Path(root) / "stage1_train"]


def _gray(path: Path) -> np.ndarray:
    """(H, W) uint8. The archive stores RGBA; where R = G = B the gray value is just that."""
    if not path.is_file():
        raise ValueError(f"{path} is missing: the DSB 2018 folder is incomplete")
    with Image.open(path) as image:
        return np.asarray(image.convert("L"))


def _merge(folder: Path, shape: tuple[int, int]) -> np.ndarray:
    """Instances (H, W) int64 from one mask file for each nucleus, numbered in order of names."""
    paths = sorted(folder.glob("*.png"))
    if not paths:
        raise ValueError(f"{folder} has no masks: the DSB 2018 folder is incomplete")
    instances = np.zeros(shape, np.int64)
    for number, path in enumerate(paths, start=1):
        mask = _gray(path)
        if mask.shape != shape:
            raise ValueError(f"{path} has shape {mask.shape}, but its image {shape}")
        instances[mask > 0] = number
    return instances
