"""The one real picture that comes with the package."""

import numpy as np

import tinyunet as tu
from tinyunet.data.sets.microscope import FILES


def test_the_picture_fits_its_truth_and_its_answer():
    image, truth, answer = tu.data.microscope_picture()
    assert image.shape == (256, 256, 1)
    assert image.dtype == np.float32
    assert 0 <= image.min() < 0.1 < image.max() <= 1
    for cells in (truth, answer):
        assert cells.shape == (256, 256)
        assert cells.dtype == np.int64
        assert set(np.unique(cells)) == set(range(cells.max() + 1))
        # Nuclei shine: an image that belonged to other cells would not be brighter in these.
        assert image[cells > 0].mean() > 3 * image[cells == 0].mean()


def test_the_answer_is_good_but_not_the_truth():
    _, truth, answer = tu.data.microscope_picture()
    assert 0.75 < tu.metrics.iou(answer > 0, truth > 0) < 1
    assert 0.5 < tu.metrics.seg(truth, answer) < 0.99


def test_the_files_are_small_and_say_where_they_come_from():
    assert sum(path.stat().st_size for path in FILES.iterdir()) < 100_000
    words = (FILES / "README.md").read_text(encoding="utf-8")
    assert "CC0" in words
    assert "BBBC038" in words
