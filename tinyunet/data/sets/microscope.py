"""One real picture that needs no download: nuclei under a microscope."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

FILES = Path(__file__).parent / "picture"  # where they come from is said in its README.md


class MicroscopePicture(NamedTuple):
    """A picture, what an expert painted on it, and what a trained U-Net answered.

    Attributes
    ----------
    image
        (256, 256, 1) float32 from 0 to 1.
    truth
        (256, 256) int64. The expert's nuclei, numbered 1 ... k; 0 = background.
    answer
        (256, 256) int64. The nuclei that the network found, numbered in the same way.
    """

    image: np.ndarray
    truth: np.ndarray
    answer: np.ndarray


def microscope_picture() -> MicroscopePicture:
    """Load the picture of nuclei that comes with the package.

    The answer was stored once, from a network that never saw this picture in training. It is here so
    that a picture can be shown where there is no time to train.

    Returns
    -------
    MicroscopePicture
        Image, truth and answer of 256 by 256 pixels.

    References
    ----------
    Stage 1 of the 2018 Data Science Bowl, Broad Bioimage Benchmark Collection, image set BBBC038,
    CC0. Caicedo et al.: Nucleus segmentation across imaging experiments, Nature Methods 2019.
    """
    image, truth, answer = (
        np.asarray(Image.open(FILES / f"{name}.png")) for name in ("image", "truth", "answer")
    )
    return MicroscopePicture(
        image[..., None].astype(np.float32) / 255, truth.astype(np.int64), answer.astype(np.int64)
    )
