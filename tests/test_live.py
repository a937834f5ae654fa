"""The live picture of a training: one output of a notebook, drawn anew in place; silence elsewhere."""

import base64
import io
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

import tinyunet as tu
from tinyunet.data import Dataset, synthetic_cells
from tinyunet.plots import live
from tinyunet.plots.colours import visible

TRAIN, VALIDATION, _ = synthetic_cells(10, 32, seed=3).split(seed=0)


def start(train=TRAIN, validation=VALIDATION, classes=2, steps=4, **options):
    model = tu.UNet(train.channels, classes, base_channels=2, depth=1, padding="same", seed=7)
    options = {"steps": steps, "batch_size": 2, "crop": 16, "progress": False, **options}
    return tu.Training(model, train, validation, **options)


def titles(figure):
    return [axis.get_title() for axis in figure.axes]


def picture(axis):
    return np.asarray(axis.get_images()[0].get_array())


# ---------------------------------------------------------------------- what is drawn


def test_losses_scores_and_a_validation_image_beside_its_truth():
    training = start()
    training.run()
    figure = live.draw(training, image=1)
    assert titles(figure) == [
        "training loss", "SEG on validation images", "image", "truth", "probability", "prediction",
    ]  # fmt: skip
    losses, scores, image, truth, probability, _ = figure.axes
    np.testing.assert_array_equal(losses.lines[0].get_ydata(), training.history.loss)
    drawn = list(zip(*scores.lines[0].get_data(), strict=True))
    assert drawn == training.history.validation
    np.testing.assert_array_equal(picture(image), visible(VALIDATION.images[1]))
    dark = picture(truth).max(axis=2) < 0.2
    np.testing.assert_array_equal(dark, VALIDATION.instances[1] == 0)
    expected = tu.predict_image(training.model, VALIDATION.images[1])[..., 1]
    np.testing.assert_allclose(picture(probability)[..., 0], expected, rtol=1e-6)
    for axis in figure.axes[:2]:
        assert axis.get_xlim() == (0, 4)


def test_before_the_first_validation_there_are_no_scores():
    training = start(steps=30)
    next(iter(training.steps()))
    assert titles(live.draw(training)) == [
        "training loss", "image", "truth", "probability", "prediction",
    ]  # fmt: skip


def test_without_validation_images_the_loss_is_alone():
    training = start(validation=None)
    training.run()
    assert titles(live.draw(training)) == ["training loss"]


def test_classes_have_no_probability():
    rng = np.random.default_rng(0)
    images = [rng.random((32, 48, 3), np.float32) for _ in range(4)]
    data = Dataset(images, [(3 * image[..., 0]).astype(int) for image in images])
    training = start(data, data, classes=3)
    training.run()
    figure = live.draw(training)
    assert titles(figure)[1:] == ["IoU on validation images", "image", "truth", "prediction"]
    box = figure.axes[-1].get_window_extent()
    assert box.height / box.width == pytest.approx(32 / 48)
    colours = len(np.unique(picture(figure.axes[3]).reshape(-1, 3), axis=0))
    assert colours > 2


# ---------------------------------------------------------------------- when it is drawn


@pytest.fixture
def shown(monkeypatch):
    """A notebook whose displays are noted: for each, the number of pictures it has shown."""
    outputs = []

    def display(picture, display_id):
        assert display_id is True
        outputs.append([picture])
        return SimpleNamespace(update=outputs[-1].append)

    shell = SimpleNamespace(execution_count=1)
    fake = SimpleNamespace(
        get_ipython=lambda: shell,
        display=SimpleNamespace(display=display),
        version_info=(9, 0),  # matplotlib asks
    )
    monkeypatch.setitem(sys.modules, "IPython", fake)
    monkeypatch.setitem(sys.modules, "IPython.display", fake.display)
    return SimpleNamespace(outputs=outputs, shell=shell)


def test_it_waits_between_drawings_and_draws_the_end(shown):
    training = start(steps=6, callbacks=[tu.plots.Live(seconds=3600)])
    training.run()
    ((first, last),) = shown.outputs  # the first step and the last
    assert first._repr_png_() != last._repr_png_()
    assert Image.open(io.BytesIO(last._repr_png_())).size[0] == 880


def test_it_takes_a_small_share_of_the_time(shown, monkeypatch):
    # Ten seconds for a drawing, a second for a step: at least ninety seconds from one to the next.
    clock = SimpleNamespace(now=0.0)

    def draw(training, image):
        clock.now += 10
        return live.NotebookFigure((1, 1))

    monkeypatch.setattr(live.time, "perf_counter", lambda: clock.now)
    monkeypatch.setattr(live, "draw", draw)
    picture, training = tu.plots.Live(), start(steps=10**6)
    for number in range(1, 400):
        clock.now += 1
        picture(training, SimpleNamespace(number=number))
    assert len(shown.outputs) == 1
    assert len(shown.outputs[0]) == 5


def test_another_cell_or_training_has_a_picture_of_its_own(shown):
    picture = tu.plots.Live(seconds=3600)
    training = start(steps=6, callbacks=[picture])
    steps = training.steps()
    next(steps), next(steps)
    shown.shell.execution_count = 2
    next(steps), next(steps)
    assert [len(output) for output in shown.outputs] == [1, 1]
    start(callbacks=[picture]).run()
    assert [len(output) for output in shown.outputs] == [1, 1, 2]


def test_a_network_learns_the_same_with_it(shown):
    histories = [start(steps=5, callbacks=c).run() for c in ([], [tu.plots.Live(seconds=0)])]
    assert histories[0].loss == histories[1].loss
    assert histories[0].validation == histories[1].validation
    assert len(shown.outputs[0]) > 1


# ---------------------------------------------------------------------- of a network that paints


def paint(steps=4, live_from=None, **options):
    painter = tu.networks.Pix2PixGenerator(widths=(2, 3, 4), drops=1, seed=3)
    coins = tu.data.coin_flip_colours(4, 32, seed=2)
    if live_from is not None:
        picture = tu.plots.LivePainting(
            painter, coins.inputs[:3], coins.targets[:3], steps, seconds=live_from, **options
        )
        options = {"callbacks": [picture]}
    history = tu.fit_painter(
        painter, lambda i: coins.batch(i, 2), steps=steps, progress=False, **options
    )
    return history, painter, picture if live_from is not None else None


def test_a_painter_is_drawn_with_its_l1_and_what_it_paints_beside_what_it_should(shown):
    history, painter, live_one = paint(live_from=3600, colours=lambda images: images * 0.5)
    ((first, last),) = shown.outputs
    assert first._repr_png_() != last._repr_png_()
    curve, *images = live_one.figure.axes
    np.testing.assert_allclose(curve.lines[0].get_ydata(), [step.l1 for step in history])
    assert curve.get_xlim() == (0, 4)
    coins = tu.data.coin_flip_colours(3, 32, seed=2)
    expected = [*coins.targets, *painter.predict(coins.inputs)]
    for axis, image in zip(images, expected, strict=True):
        np.testing.assert_allclose(picture(axis), (image * 0.5 + 1) / 2, atol=1e-6)


def test_a_painter_learns_the_same_with_it(shown):
    assert paint(live_from=0)[0] == paint()[0]
    assert len(shown.outputs[0]) > 1
    black = np.zeros((1, 8, 8, 3), np.float32)
    loop = tu.plots.LivePainting(paint()[1], black, black, 2)
    loop(1, 0.5)  # in a loop of one's own, a number will do
    assert loop.l1 == [0.5]


def test_rows_of_paintings_have_names_and_cut_what_no_screen_shows():
    rng = np.random.default_rng(5)
    rows = {"map": rng.uniform(-2, 2, (3, 8, 12, 3)), "real": rng.uniform(-1, 1, (3, 8, 12, 3))}
    figure = tu.plots.paintings(rows)
    assert [text.get_text() for text in figure.texts] == ["map", "real"]
    shown_images = [picture(axis) for axis in figure.axes]
    for found, image in zip(shown_images, np.concatenate(list(rows.values())), strict=True):
        np.testing.assert_allclose(found, ((image + 1) / 2).clip(0, 1))
    boxes = [axis.get_position() for axis in figure.axes]
    assert boxes[0].y0 > boxes[3].y0
    assert boxes[0].x0 < boxes[1].x0
    wrong = ({}, {"a": rows["map"], "b": rows["real"][:2]}, {"a": rows["map"][..., :1]})
    for case in wrong:
        with pytest.raises(ValueError, match="rows of images"):
            tu.plots.paintings(case)


# ---------------------------------------------------------------------- where it is drawn


def test_in_a_terminal_nothing_is_shown(monkeypatch, capsys):
    class TerminalInteractiveShell:
        execution_count = 1

    class Embedded(TerminalInteractiveShell):
        pass

    modules = [
        None,
        SimpleNamespace(get_ipython=lambda: None),
        SimpleNamespace(get_ipython=TerminalInteractiveShell),
        SimpleNamespace(get_ipython=Embedded),
    ]
    picture = tu.plots.Live()
    for module in modules:
        monkeypatch.setitem(sys.modules, "IPython", module)
        start(steps=2, callbacks=[picture]).run()
        assert picture.figure is None
    assert capsys.readouterr() == ("", "")


def test_it_imports_no_ipython():
    code = (
        "import sys, tinyunet as tu; tu.plots.Live()(None, None); print('IPython' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )  # fmt: skip
    assert done.stdout == "False\n"


CELLS = [
    """
import tinyunet as tu
from tinyunet.plots import live
live.SHARE = 1  # draw every step, however slow this machine is
drawn, plain = [], live.draw
live.draw = lambda *arguments: drawn.append(1) or plain(*arguments)
train, validation, _ = tu.data.synthetic_cells(20, 64, seed=1).split(seed=0)
model = tu.UNet(1, 2, base_channels=4, depth=1, padding="same")
training = tu.Training(model, train, validation, steps=12, batch_size=4, crop=32, progress=False,
                       callbacks=[tu.plots.Live(seconds=0)])
""",
    """
for step in training.steps():
    if step.number == 5:
        break
""",
    "training.run()\nprint(len(drawn))",
]


def test_in_a_notebook_it_is_one_output():
    nbformat = pytest.importorskip("nbformat", reason="for notebooks: pip install .[lessons]")
    pytest.importorskip("nbclient", reason="for notebooks: pip install .[lessons]")
    from lessons import running

    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in CELLS])
    running.run(notebook, timeout=240)
    assert notebook.cells[0].outputs == []
    pictures = []
    for cell in notebook.cells[1:]:
        found = [o for o in cell.outputs if "image/png" in o.get("data", {})]
        assert [o.output_type for o in found] == ["display_data"]
        pictures.append(base64.b64decode(found[0].data["image/png"]))
    assert len(notebook.cells[1].outputs) == 1
    assert notebook.cells[2].outputs[1].text == "12\n"
    sizes = {Image.open(io.BytesIO(png)).size for png in pictures}
    assert len(sizes) == 1  # nothing jumps
    assert pictures[0] != pictures[1]
