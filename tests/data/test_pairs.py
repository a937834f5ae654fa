"""Coin-flip colours and line art: what is said of them, seeds, strokes, colours as brightness."""

import numpy as np
import pytest
from scipy import ndimage

from tinyunet.data import (
    Pairs,
    coin_flip_colours,
    line_art,
    rgb_to_yuv,
    stroke,
    yuv_to_rgb,
)

COINS, ART = coin_flip_colours(60, seed=0), line_art(40, seed=0)
HUES = {"red": (1, -1, -1), "blue": (-1, -1, 1), "green": (-1, 1, -1), "yellow": (1, 1, -1)}
DRAWN = {"coins": coin_flip_colours, "line art": lambda *a, **o: line_art(*a, **o).pairs(seed=5)}
each_set = pytest.mark.parametrize("make", DRAWN.values(), ids=DRAWN.keys())


@each_set
def test_a_drawing_depends_on_its_seed_and_index_only(make):
    few, many, other = make(2, seed=7), make(4, seed=7), make(2, seed=8)
    for a, b in ((few.inputs, many.inputs), (few.targets, many.targets)):
        np.testing.assert_array_equal(a, b[:2])
        assert not np.array_equal(b[2], b[3])
    assert not np.array_equal(few.targets, other.targets)


@each_set
@pytest.mark.parametrize("size", [32, (32, 48)])
def test_shapes_and_dtypes(make, size):
    height, width = (size, size) if isinstance(size, int) else size
    pairs = make(3, size, seed=1)
    assert pairs.inputs.shape[:3] == pairs.targets.shape[:3] == (3, height, width)
    assert pairs.targets.shape[3] == 3
    assert pairs.inputs.dtype == pairs.targets.dtype == "float32"


@pytest.mark.parametrize(("n", "size"), [(0, 32), (1, 31), (1, (32, 8))])
@pytest.mark.parametrize("make", [coin_flip_colours, line_art])
def test_sizes_that_cannot_be_drawn_are_refused(make, n, size):
    with pytest.raises(ValueError, match="n must be at least 1 and size at least 32"):
        make(n, size)


# ---------------------------------------------------------------------- coins


def objects():
    """The classes 0 and 1 and the colours (P, 3) of all pixels of objects."""
    inside = COINS.inputs[..., 0] == 0
    return COINS.inputs[inside][:, 2].astype(int), COINS.targets[inside]


def test_maps_are_one_hot_and_the_ground_is_gray():
    assert set(np.unique(COINS.inputs)) == {0, 1}
    np.testing.assert_array_equal(COINS.inputs.sum(-1), 1)
    assert not COINS.targets[COINS.inputs[..., 0] == 1].any()
    shares = COINS.inputs.mean((0, 1, 2))
    assert 0.2 < 1 - shares[0] < 0.45
    assert abs(shares[1] - shares[2]) < 0.06


def test_a_class_has_two_hues_and_a_coin_tosses():
    classes, colours = objects()
    near = np.array(list(HUES.values())) / np.sqrt(3)
    cosines = colours @ near.T / np.linalg.norm(colours, axis=1, keepdims=True)
    assert cosines.max(1).min() > 0.999
    hue = cosines.argmax(1)
    np.testing.assert_array_equal(hue // 2, classes)
    for k in range(2):
        heads = (hue[classes == k] % 2).mean()
        assert 0.35 < heads < 0.65


def test_the_saturation_of_objects():
    _, colours = objects()
    assert np.ptp(colours, axis=1).mean() / 2 == pytest.approx(0.542, abs=0.01)


def test_stripes_stand_for_a_and_lie_for_b_and_repeat_every_four_pixels():
    for k, axis in ((0, 2), (1, 1)):
        own = COINS.inputs[..., 1 + k] == 1
        strength = np.ptp(COINS.targets, axis=-1)

        def changes(step, along, own=own, strength=strength):
            """How often a pixel of the class differs from the one `step` further in the same hue."""
            pixels, others = (np.moveaxis(a, along, 1) for a in (own, strength))
            hues = np.moveaxis(np.sign(COINS.targets), along, 1)
            same = (
                (hues[:, step:] == hues[:, :-step]).all(-1) & pixels[:, step:] & pixels[:, :-step]
            )
            return (others[:, step:] != others[:, :-step])[same].mean()

        assert changes(2, axis) > 0.9  # two strong, two weak
        assert changes(4, axis) < 0.1  # but where two objects of one hue touch
        assert changes(1, 3 - axis) < 0.05


def test_the_median_over_all_pictures_of_a_map_is_neither_hue():
    """Pixel by pixel, of the four equally likely pictures; and it has no stripes."""
    red, blue = (np.array(HUES[name]) for name in ("red", "blue"))
    pictures = np.array([strength * hue for hue in (red, blue) for strength in (0.74, 0.34)])
    median = np.median(pictures, axis=0)
    assert median[0] == median[2]  # as much red as blue
    assert np.ptp(median) / 2 < 0.3


# ---------------------------------------------------------------------- line art


def test_lines_bound_the_regions():
    for i in range(len(ART)):
        lines, regions = ART.lines[i, ..., 0], ART.regions[i]
        on_line = regions < 0
        assert (lines[on_line] < 0.4).all()
        assert (lines[~on_line] > 0.8).all()
        _, count = ndimage.label(~on_line)
        assert regions.max() == count - 1
        for region in range(count):
            assert ndimage.label(regions == region)[1] == 1
    assert 3 < (ART.regions.max((1, 2)) + 1).mean() < 6


def test_lines_are_a_pixel_wide():
    """Nowhere do they fill a square of three by three pixels, and rarely one of two by two."""
    on_line = ART.regions < 0
    assert 0.05 < on_line.mean() < 0.2
    square = np.ones((1, 3, 3))
    assert ndimage.binary_erosion(on_line, square).sum() < 0.01 * on_line.sum()
    assert ndimage.binary_erosion(on_line, np.ones((1, 2, 2))).sum() < 0.2 * on_line.sum()


def test_a_region_has_one_hue_which_is_darker_below():
    for i in range(10):
        rgb = yuv_to_rgb(ART.colours[i])
        for region in range(ART.regions[i].max() + 1):
            rows, _ = np.nonzero(ART.regions[i] == region)
            flat = rgb[ART.regions[i] == region] / (1 - 0.12 * rows / 31)[:, None]
            assert np.ptp(flat, axis=0).max() < 1e-5
            value, saturation = flat[0].max(), np.ptp(flat[0]) / flat[0].max()
            assert 0.65 - 1e-5 <= value <= 0.95 + 1e-5
            assert 0.35 - 1e-5 <= saturation <= 0.8 + 1e-5


def test_hues_are_anywhere_on_the_circle():
    largest = [yuv_to_rgb(ART.colours[i])[ART.regions[i] == 0][0].argmax() for i in range(40)]
    assert min(np.bincount(largest, minlength=3)) >= 5


def test_hints_are_strokes_in_the_regions_own_colour():
    hints = ART.hints(seed=3, share=1.0)
    given = hints[..., 0] > -1.4
    assert not given[ART.regions < 0].any()
    assert (hints[~given] == np.float32([-1.5, 0, 0])).all()
    np.testing.assert_allclose(hints[given] / 0.16, np.round(hints[given] / 0.16), atol=1e-4)
    errors = []
    for i in range(len(ART)):
        for region in range(ART.regions[i].max() + 1):
            inside = (ART.regions[i] == region) & given[i]
            assert inside.any()
            assert np.ptp(hints[i][inside], axis=0).max() == 0
            errors += list(hints[i][inside][0] - ART.colours[i][inside].mean(0))
    # Noise of 0.04 and rounding to 0.16, which has a spread of 0.16 / sqrt(12).
    assert np.std(errors) == pytest.approx(np.hypot(0.04, 0.16 / np.sqrt(12)), rel=0.1)
    assert 0.01 < given.mean() < 0.15


def test_how_many_regions_have_a_hint():
    none = ART.hints(share=0.0)
    assert (none[..., 0] == -1.5).all()
    art, shares = line_art(200, seed=4), []
    hints = art.hints(seed=1)
    for i in range(200):
        regions = range(art.regions[i].max() + 1)
        hinted = [(hints[i, ..., 0] > -1.4)[art.regions[i] == region].any() for region in regions]
        shares.append(np.mean(hinted))
    blank = np.mean(np.array(shares) == 0)
    assert 0.04 < blank < 0.18  # 0.1, and a few that were left out by chance
    assert np.mean([share for share in shares if share]) == pytest.approx(0.85, abs=0.05)


def test_hints_have_a_seed_of_their_own():
    np.testing.assert_array_equal(ART.hints(seed=2), ART.hints(seed=2))
    assert not np.array_equal(ART.hints(seed=2), ART.hints(seed=3))
    pairs = ART.pairs(seed=2)
    np.testing.assert_array_equal(pairs.inputs[..., :1], ART.lines)
    np.testing.assert_array_equal(pairs.inputs[..., 1:], ART.hints(seed=2))
    np.testing.assert_array_equal(pairs.targets, ART.colours)
    assert len(pairs) == len(ART) == 40


def test_a_stroke_is_two_pixels_wide_and_stays_in_its_region():
    rng = np.random.default_rng(0)
    everywhere = np.ones((40, 50), bool)
    for _ in range(20):
        mask = stroke(everywhere, rng)
        assert ndimage.label(mask, np.ones((3, 3)))[1] == 1
        # Nowhere does a diamond of five pixels from corner to corner fit in.
        assert not ndimage.binary_erosion(mask, ndimage.iterate_structure(
            ndimage.generate_binary_structure(2, 1), 2)).any()  # fmt: skip
    half = everywhere.copy()
    half[:, 20:] = False
    assert not stroke(half, rng)[:, 20:].any()
    lone = np.zeros((5, 5), bool)
    lone[2, 3] = True
    np.testing.assert_array_equal(stroke(lone, rng), lone)
    with pytest.raises(ValueError, match="at least one pixel, got an empty mask"):
        stroke(~everywhere, rng)


# ---------------------------------------------------------------------- colours, pairs


def test_brightness_and_two_differences():
    rgb = np.array([[0, 0, 0], [1, 1, 1], [0.5, 0.5, 0.5], [1, 0, 0], [0, 0, 1]])
    yuv = rgb_to_yuv(rgb)
    np.testing.assert_allclose(yuv[:3], [[-1, 0, 0], [1, 0, 0], [0, 0, 0]], atol=1e-12)
    np.testing.assert_allclose(yuv[3], [-0.402, -2 * 0.492 * 0.299, 2 * 0.877 * 0.701])
    np.testing.assert_allclose(yuv[4], [-0.772, 2 * 0.492 * 0.886, -2 * 0.877 * 0.114])
    colours = np.random.default_rng(0).random((4, 5, 3))
    np.testing.assert_allclose(yuv_to_rgb(rgb_to_yuv(colours)), colours, atol=1e-12)
    assert rgb_to_yuv(colours.astype("float32")).dtype == "float32"
    np.testing.assert_allclose(yuv_to_rgb(np.array([3.0, 0, 0])), 1)


def test_batches_of_pairs_depend_on_seed_and_step():
    batch, again = COINS.batch(3, 8, seed=1), COINS.batch(3, 8, seed=1)
    np.testing.assert_array_equal(batch.inputs, again.inputs)
    assert len(batch) == 8
    assert not np.array_equal(batch.inputs, COINS.batch(4, 8, seed=1).inputs)
    assert not np.array_equal(batch.inputs, COINS.batch(3, 8, seed=2).inputs)
    where = [np.flatnonzero((COINS.inputs == x).all((1, 2, 3))) for x in batch.inputs]
    for i, (number,) in enumerate(where):
        np.testing.assert_array_equal(batch.targets[i], COINS.targets[number])
    assert len({number for (number,) in where}) == 8
    assert len(COINS[:2].batch(0, 5)) == 5


def test_pairs_that_do_not_belong_together_are_refused():
    x = np.zeros((2, 4, 4, 1), "float32")
    for y in (x[:1], x[:, :3], x[0]):
        with pytest.raises(ValueError, match=r"as many and of one size, got \(2, 4, 4, 1\) and"):
            Pairs(x, y)


def test_a_stroke_owes_nothing_to_the_numbers_that_drew_its_drawing():
    # With one stream for both, the number that placed a first shape set the first stroke, too.
    art = line_art(1, seed=3)
    rng = np.random.default_rng([3, 0])
    assert not np.array_equal(art.hints(3, share=1.0)[0], art._hints(0, rng, 1.0))
