import io
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from matplotlib.figure import Figure
from matplotlib.patches import Circle, FancyArrowPatch
from PIL import Image

from tinyunet import plots
from tinyunet.data import separate, synthetic_cells, weight_map
from tinyunet.plots import colours
from tinyunet.plots.colours import ALIKE, BACKGROUND, CELLS, colour_numbers, palette

cell_maps = arrays(
    np.int64, st.tuples(st.integers(1, 9), st.integers(1, 9)), elements=st.integers(0, 6)
)


@pytest.fixture(scope="module")
def cells():
    return synthetic_cells(2, 64, seed=1)


def texts(figure):
    return {
        text.get_text()
        for axis in figure.axes
        for text in (axis.title, axis.xaxis.label, axis.yaxis.label)
        if text.get_text()
    }


def legend_texts(owner):
    legends = owner.legends if isinstance(owner, Figure) else [owner.get_legend()]
    return [text.get_text() for legend in legends for text in legend.get_texts()]


def shown(axis):
    return np.asarray(axis.get_images()[0].get_array())


def pixels_of(picture, colour):
    return np.isclose(picture, colour).all(axis=2)


# ---- colours ----


def close_pairs(cells, reach=2):
    """All pairs of pixels of different cells within `reach`, by a loop over each one's neighbours."""
    inside, near = set(map(tuple, np.argwhere(cells))), range(-reach, reach + 1)
    neighbours = [(a, (a[0] + i, a[1] + j)) for a in inside for i in near for j in near]
    return [(a, b) for a, b in neighbours if b in inside and cells[a] != cells[b]]


@given(cell_maps)
def test_close_cells_never_share_a_colour(cells):
    numbers = colour_numbers(cells)
    assert ((numbers == 0) == (cells == 0)).all()
    for a, b in close_pairs(cells):
        assert numbers[a] != numbers[b]
    for cell in np.unique(cells[cells > 0]):
        assert len(np.unique(numbers[cells == cell])) == 1


def test_more_neighbours_than_colours_get_more_colours():
    cells = np.arange(1, 26).reshape(5, 5)  # every 3x3 block is within two pixels of each other
    numbers = colour_numbers(cells)
    assert numbers.max() > len(CELLS)
    assert all(numbers[a] != numbers[b] for a, b in close_pairs(cells))
    colours = palette(numbers.max())
    assert len(np.unique(colours.round(6), axis=0)) == len(colours)
    assert ((colours >= 0) & (colours <= 1)).all()


def test_cells_apart_use_all_colours():
    cells = np.zeros((1, 80), int)
    cells[0, ::10] = range(1, 9)
    assert sorted(colour_numbers(cells)[0, ::10]) == list(range(1, 9))


def test_neighbours_have_colours_that_are_easy_to_tell_apart():
    instances = synthetic_cells(3, size=128, seed=1).instances
    for cells in instances:
        numbers = colour_numbers(cells)
        for a, b in close_pairs(cells):
            colours = CELLS[numbers[a] - 1], CELLS[numbers[b] - 1]
            assert np.linalg.norm(np.subtract(*colours)) > ALIKE


def test_numbers_need_not_be_consecutive():
    cells = np.array([[0, 70_000_000, 5, 0]])
    assert len(set(colour_numbers(cells)[0])) == 3


def test_prediction_takes_the_colours_of_the_truth_wherever_it_may(cells):
    truth = cells.instances[0]
    own = colour_numbers(truth)
    renamed = np.where(truth > 0, truth.max() + 1 - truth, 0)
    np.testing.assert_array_equal(colour_numbers(renamed, like=own), own)


def test_two_parts_of_a_split_cell_differ_although_both_would_take_its_colour():
    truth = np.ones((4, 10), int)
    guess = np.repeat([[1] * 6 + [2] * 4], 4, axis=0)
    numbers = colour_numbers(guess, like=colour_numbers(truth))
    assert numbers[0, 0] == colour_numbers(truth)[0, 0]
    assert numbers[0, -1] != numbers[0, 0]


def test_cell_over_background_needs_no_counterpart():
    guess = np.array([[1, 1, 0, 0, 0, 2]])
    truth = np.array([[0, 0, 0, 0, 0, 1]])
    assert (colour_numbers(guess, like=truth)[guess > 0] > 0).all()


# ---- images and overlays ----


def test_outline_is_the_outermost_line_of_pixels():
    cells = np.zeros((9, 9), int)
    cells[2:7, 2:7] = 3
    expected = cells > 0
    expected[3:6, 3:6] = False
    np.testing.assert_array_equal(plots.outlines(cells), expected)


def test_touching_cells_are_both_outlined_at_their_border():
    cells = np.ones((5, 8), int)
    cells[:, 4:] = 2
    assert plots.outlines(cells).sum(axis=0).tolist() == [0, 0, 0, 5, 5, 0, 0, 0]


def test_overlay_colours_outlines_and_leaves_the_rest_gray(cells):
    image, instances = cells.images[0], cells.instances[0]
    picture = plots.overlay(image, instances)
    assert picture.shape == (64, 64, 3)
    assert picture.dtype == np.uint8
    outline = plots.outlines(instances)
    gray = np.round(255 * plots.visible(image)).astype(np.uint8)
    np.testing.assert_array_equal(picture[~outline], gray[~outline])
    colours = np.round(255 * np.array(CELLS)).astype(int).tolist()
    assert all(colour in colours for colour in picture[outline].tolist())


def test_overlay_without_cells_is_the_image():
    image = np.linspace(0, 1, 48, dtype=np.float32).reshape(6, 8, 1)
    picture = plots.overlay(image, np.zeros((6, 8), int))
    assert (picture == picture[..., :1]).all()
    assert (picture.min(), picture.max()) == (0, 255)


def test_brightness_is_stretched():
    image = np.linspace(0.2, 0.3, 10_000).reshape(100, 100, 1)
    picture = plots.visible(image)
    assert (picture.min(), picture.max()) == (0, 1)
    np.testing.assert_allclose(picture[50, 0], 0.5, atol=0.01)


def test_channels_one_three_and_other():
    rng = np.random.default_rng(0)
    rgb = rng.random((8, 8, 3))
    picture = plots.visible(rgb)
    assert np.corrcoef(picture.ravel(), rgb.ravel())[0, 1] > 0.99
    for channels in (1, 2, 5):
        image = rng.random((8, 8, channels))
        np.testing.assert_array_equal(plots.visible(image), plots.visible(image[..., :1]))


def test_constant_image_is_no_problem():
    assert np.isfinite(plots.visible(np.full((4, 4, 1), 0.5))).all()


# ---- errors ----


def test_error_colours_are_counted():
    truth = np.array([[0, 1, 1, 1, 2, 0, 0]])
    guess = np.array([[0, 1, 2, 0, 2, 3, 3]])
    picture = plots.errors(truth, guess)
    counts = [
        pixels_of(picture, colour).sum()
        for colour in (BACKGROUND, colours.RIGHT, colours.EXTRA, colours.MISSED, colours.CONFUSED)
    ]
    assert counts == [1, 3, 2, 1, 0]
    as_classes = plots.errors(truth, guess, classes=True)
    assert pixels_of(as_classes, colours.CONFUSED).tolist() == [[0, 0, 1, 0, 0, 0, 0]]
    assert pixels_of(as_classes, colours.RIGHT).sum() == 2


# ---- compare ----


def test_compare_has_a_row_for_each_image(cells):
    figure = plots.compare(
        cells.images, cells.instances, cells.instances, captions=["SEG 0.8", "SEG 0.9"], title="T"
    )
    assert isinstance(figure, Figure)
    assert len(figure.axes) == 8
    assert texts(figure) == {
        "image", "truth", "prediction", "errors", "SEG 0.8", "SEG 0.9"
    }  # fmt: skip
    assert figure.get_suptitle() == "T"
    assert legend_texts(figure) == ["right", "too much", "missed"]
    np.testing.assert_array_equal(shown(figure.axes[1]), shown(figure.axes[2]))
    assert not pixels_of(shown(figure.axes[3]), colours.EXTRA).any()


def test_merged_cells_are_outlined():
    truth = np.zeros((12, 24), int)
    truth[2:10, 2:8], truth[2:10, 8:14], truth[2:10, 17:22] = 1, 2, 3
    guess = np.where(truth == 2, 1, truth)
    image = np.zeros((12, 24, 1))
    figure = plots.compare([image], [truth], [guess])
    assert "merged cells" in legend_texts(figure)
    marked = pixels_of(shown(figure.axes[3]), colours.CONFUSED)
    np.testing.assert_array_equal(marked, plots.outlines(guess) & (guess == 1))
    # A cell that is split is not merged, and neither is one that barely touches another.
    assert "merged cells" not in legend_texts(plots.compare([image], [guess], [truth]))
    grown = np.where(np.roll(truth, 1, axis=1) == 1, 1, truth)
    assert "merged cells" not in legend_texts(plots.compare([image], [truth], [grown]))


def test_classes_keep_their_own_colours():
    truth = np.repeat([[0, 1, 2, 3]], 4, axis=0).repeat(4, axis=1)
    guess = np.where(truth == 3, 1, truth)
    image = np.zeros((*truth.shape, 3))
    figure = plots.compare([image], [truth], [guess], classes=True)
    left, right = shown(figure.axes[1]), shown(figure.axes[2])
    np.testing.assert_allclose(left[1, 6], CELLS[0])  # inside of class 1
    np.testing.assert_allclose(right[1, 14], CELLS[0])  # where 3 was taken for 1
    assert pixels_of(shown(figure.axes[3]), colours.CONFUSED).sum() == 16
    assert "wrong class" in legend_texts(figure)


def test_compare_of_images_of_different_shapes_gives_each_its_height():
    shapes = [(20, 40), (40, 40)]
    images = [np.zeros((*shape, 1)) for shape in shapes]
    maps = [np.zeros(shape, int) for shape in shapes]
    figure = plots.compare(images, maps, maps)
    assert figure.axes[0].get_gridspec().get_height_ratios() == [0.5, 1]


def test_compare_says_what_does_not_fit(cells):
    image, instances = cells.images[0], cells.instances[0]
    with pytest.raises(ValueError, match="at least one"):
        plots.compare([], [], [])
    with pytest.raises(ValueError, match=r"differ in size.*\(64, 60\)"):
        plots.compare([image], [instances], [instances[:, :60]])
    with pytest.raises(ValueError, match="1 images but 2 captions"):
        plots.compare([image], [instances], [instances], captions=["a", "b"])


# ---- curves ----


def history(**changes):
    validation = [(2, 0.1), (4, 0.7), (6, 0.6)]
    run = {"loss": [4.0, 3.0, 2.0, 2.0, 1.0, 1.0], "validation": validation, "score_name": "SEG"}
    return {**run, "best_step": 4, **changes}


def test_curves_show_losses_and_scores():
    left, right = plots.curves(history()).axes
    steps, loss = left.lines[0].get_data()
    np.testing.assert_array_equal(steps, [1, 2, 3, 4, 5, 6])
    np.testing.assert_array_equal(loss, history()["loss"])
    assert left.get_ylabel() == "training loss"
    assert right.get_ylabel() == "SEG on validation images"
    np.testing.assert_array_equal(right.lines[0].get_data(), [[2, 4, 6], [0.1, 0.7, 0.6]])
    np.testing.assert_array_equal(right.lines[1].get_data(), [[4], [0.7]])
    assert legend_texts(right) == ["kept: 0.700 at step 4"]


def test_curves_take_a_history_as_well():
    class History:
        loss, validation, score_name, best_step = [1.0, 0.5], [(2, 0.3)], "IoU", None

    _, right = plots.curves(History()).axes
    assert right.get_ylabel() == "IoU on validation images"
    assert len(right.lines) == 1  # no step was kept


def test_running_mean_stays_in_the_middle_of_its_steps():
    loss = np.linspace(2, 1, 200)
    line = plots.curves(history(loss=loss, validation=[])).axes[0].lines[1]
    steps, smooth = line.get_data()
    assert len(steps) == 200 - 8 + 1
    np.testing.assert_allclose(smooth, np.interp(steps, np.arange(1, 201), loss))


def test_curves_without_validation_have_one_panel():
    figure = plots.curves(history(validation=[], best_step=None))
    assert len(figure.axes) == 1


@pytest.mark.parametrize("loss", [[1.0], [1.0, 0.0], [1.0, float("nan")], [float("nan")] * 2])
def test_curves_of_odd_losses_can_be_drawn(loss, tmp_path):
    plots.save(plots.curves(history(loss=loss)), tmp_path / "curves.png")


def test_curves_of_no_step_are_refused():
    with pytest.raises(ValueError, match="no step"):
        plots.curves(history(loss=[]))


# ---- triangles ----


def nodes(depth):
    return {(i, j): 1.0 for i in range(depth + 1) for j in range(depth + 1 - i)}


def test_a_triangle_has_all_nodes_and_paths_and_shades_those_that_have_a_value():
    figure = plots.triangle([{**nodes(3), (0, 3): 1e-2, (3, 0): 0}, {(0, 0): 0.5}], titles="ab")
    first, second = figure.axes
    circles = [patch for patch in first.patches if isinstance(patch, Circle)]
    arrows = [patch for patch in first.patches if isinstance(patch, FancyArrowPatch)]
    assert len(circles) == 10
    assert len(arrows) == 3 + 6 + (6 + 3 + 1)  # poolings, up-convolutions, skips of three rows
    shades = {t.get_text(): c.get_facecolor()[0] for t, c in zip(first.texts, circles, strict=True)}
    assert shades["0,0"] == shades["1,1"] < shades["0,3"] < shades["3,0"] == 1
    white = [c for c in second.patches if isinstance(c, Circle) and c.get_facecolor()[0] == 1]
    assert len(white) == 9  # all triangles have the places of the largest
    assert [axis.get_title() for axis in figure.axes] == ["a", "b"]


def test_a_triangle_without_nodes_is_refused():
    for nothing in ({}, [], [{}]):
        with pytest.raises(ValueError, match="at least one node"):
            plots.triangle(nothing)


# ---- deformations ----


def test_the_grid_is_deformed_as_the_image_is(cells):
    image = cells.images[0]
    shift = np.stack([np.full((64, 64), 3.0), np.full((64, 64), -5.0)])  # 3 down, 5 to the left
    figure = plots.deformation(image, shift, lines=4)
    left, right = figure.axes
    assert texts(figure) == {"image", "deformed"}
    np.testing.assert_array_equal(shown(left), plots.visible(image))
    inner = np.s_[20:40, 20:40]
    moved = plots.visible(np.roll(image, (-3, 5), (0, 1)))
    np.testing.assert_allclose(shown(right)[inner], moved[inner], atol=0.05)
    regular = np.array([7.5, 23.5, 39.5, 55.5])
    for axis, rows, columns in ((left, 0, 0), (right, -3, 5)):
        along_rows, along_columns = (
            np.concatenate([path.vertices for path in lines.get_paths()])
            for lines in axis.collections
        )
        np.testing.assert_allclose(np.unique(along_rows[:, 1]), regular + rows)
        np.testing.assert_allclose(np.unique(along_columns[:, 0]), regular + columns)


def test_a_field_of_another_size_is_refused(cells):
    with pytest.raises(ValueError, match=r"64x64, but the field has shape \(2, 64, 60\)"):
        plots.deformation(cells.images[0], np.zeros((2, 64, 60)))


# ---- weight maps and files ----


def test_weight_map_has_a_colour_bar(cells):
    weights = weight_map(separate(cells.instances[0]), class_weights=(1, 1))
    figure = plots.weight_map(cells.images[0], weights)
    assert texts(figure) == {"image", "weight in the loss"}
    assert len(figure.axes) == 3
    np.testing.assert_array_equal(shown(figure.axes[1]), weights)


def test_saved_picture_is_light_and_of_the_promised_width(cells, tmp_path):
    figure = plots.compare(cells.images, cells.instances, cells.instances)
    plots.save(figure, tmp_path / "picture.png")
    data = (tmp_path / "picture.png").read_bytes()
    assert len(data) < 500_000
    with Image.open(io.BytesIO(data)) as picture:
        assert picture.format == "PNG"
        assert picture.width == 800


def test_a_notebook_shows_a_figure_without_pyplot(cells):
    code = (
        "import sys; from tinyunet import data, plots; from IPython.core.formatters import "
        "DisplayFormatter; s = data.synthetic_cells(1, 32); figure = plots.compare(s.images, "
        "s.instances, s.instances); found, _ = DisplayFormatter().format(figure); "
        "print('image/png' in found, 'matplotlib.pyplot' in sys.modules)"
    )
    pytest.importorskip("IPython", reason="notebooks come with: pip install .[lessons]")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "False"]


def test_class_maps_give_every_class_a_colour_and_a_name():
    classes = ("sky", "road", "car")
    scene = np.array([[0, 1], [2, 1]])
    pictures = {"image": np.random.default_rng(0).random((2, 2, 3)), "truth": scene}
    figure = plots.class_maps(pictures | {f"net {i}": scene for i in range(3)}, classes)
    drawn = [axis for axis in figure.axes if axis.axison]
    assert [axis.get_title() for axis in drawn] == ["image", "truth", "net 0", "net 1", "net 2"]
    np.testing.assert_array_equal(drawn[1].images[0].get_array(), palette(2)[scene])
    assert [text.get_text() for text in figure.legends[0].get_texts()] == list(classes)
    with pytest.raises(ValueError, match=r"'truth' has classes 0 to 2, and 2 have names"):
        plots.class_maps({"truth": scene}, classes[:2])
    with pytest.raises(ValueError, match="at least one picture"):
        plots.class_maps({}, classes)


# ---- what a pixel sees ----


def test_fields_are_drawn_with_two_squares_around_the_middle():
    gradient = np.zeros((9, 9))
    gradient[2:7, 3:6] = 2
    gradient[4, 4] = 4
    figure = plots.receptive_fields({"a": gradient, "b": gradient}, {"a": (5, 3), "b": (7, 1)})
    assert {"a", "b"} <= texts(figure)
    first, second = figure.axes[:2]
    assert shown(first)[4, 4] == 1
    assert shown(first)[2, 3] == 0.5
    assert 0 < shown(first)[0, 0] < 1e-5
    for axis, sides in ((first, (5, 3)), (second, (7, 1))):
        assert [patch.get_width() for patch in axis.patches] == list(sides)
        assert [patch.get_x() + patch.get_width() / 2 for patch in axis.patches] == [4, 4]


def test_sensitivities_mark_the_pixel_in_every_picture():
    gradient = np.arange(48.0).reshape(6, 8)
    figure = plots.sensitivities(np.ones((6, 8, 1)), (2, 5), {"one": gradient, "two": gradient})
    assert texts(figure) == {"image", "one", "two"}
    for axis in figure.axes:
        assert [list(map(float, line.get_xydata()[0])) for line in axis.lines] == [[5, 2]]
    assert shown(figure.axes[2])[2, 3] == pytest.approx(gradient[1:4, 2:5].mean())


def test_scores_are_dots_with_a_stroke_at_their_mean():
    scores = {"plain": [(3, 0.5), (5, 0.7)], "weighted": []}
    figure = plots.score_dots(scores, ("merged", "SEG"), lines={"merged": 4.5})
    merged, seg = figure.axes
    assert [tick.get_text() for tick in merged.get_yticklabels()] == ["plain", "weighted"]
    dots, stroke, dotted = merged.lines
    assert list(dots.get_xdata()) == [3, 5]
    assert list(stroke.get_xdata()) == [4]
    assert list(dotted.get_xdata()) == [4.5, 4.5]
    assert len(seg.lines) == 2
    assert (
        plots.score_dots({}, ("SEG",), rows=["plain", "weighted"]).get_size_inches()[1]
        == (figure.get_size_inches()[1])
    )


def test_scores_without_names_are_refused():
    with pytest.raises(ValueError, match="'plain' has a run of 2 scores, but 1 have names"):
        plots.score_dots({"plain": [(3, 0.5)]}, ("merged",))


def test_weight_maps_can_share_their_colours(cells):
    image, weights = cells.images[0], weight_map(separate(cells.instances[0]))
    figure = plots.weight_map(image, weights, most=20)
    assert figure.axes[1].images[0].get_clim() == (0, 20)
