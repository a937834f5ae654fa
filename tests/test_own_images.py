"""From files as people have them to a model and back, by the command line's own functions."""

import json

import numpy as np
import pytest
import tifffile
from PIL import Image
from typer.testing import CliRunner

import tinyunet as tu
from tinyunet.commands.main import app
from tinyunet.data import synthetic_cells
from tinyunet.runs.folder import load_model

SMALL = ("--steps", "1", "--depth", "1", "--base-channels", "2", "--average", "none")


@pytest.fixture
def mine(tmp_path, monkeypatch):
    """A folder of six images, and a function that writes another image, or mask, in one's place."""
    monkeypatch.chdir(tmp_path)
    data = synthetic_cells(6, 32, seed=2)
    for name in ("images", "masks"):
        (tmp_path / "mine" / name).mkdir(parents=True)
    grays = [(255 * image[..., 0].clip(0, 1)).astype(np.uint8) for image in data.images]
    for i, (gray, cells) in enumerate(zip(grays, data.instances, strict=True)):
        Image.fromarray(gray).save(tmp_path / f"mine/images/{i}.png")
        Image.fromarray(((cells > 0) * 255).astype(np.uint8)).save(tmp_path / f"mine/masks/{i}.png")
    return tmp_path / "mine", grays, data.instances


def run(*arguments):
    return CliRunner().invoke(app, [str(a) for a in arguments])


def test_gray_saved_in_color_is_trained_on_predicted_and_evaluated_alike(mine):
    folder, grays, _ = mine
    assert run("train", "--data", "mine", *SMALL, "--out", "gray").exit_code == 0
    for i, gray in enumerate(grays):
        Image.fromarray(np.repeat(gray[..., None], 3, 2)).save(folder / f"images/{i}.png")
    assert run("train", "--data", "mine", *SMALL, "--out", "color").exit_code == 0
    first, second = (tu.load(f"{name}/best.npz") for name in ("gray", "color"))
    assert first.in_channels == second.in_channels == 1
    for name, array in first.named_parameters():
        np.testing.assert_array_equal(array, dict(second.named_parameters())[name])
    done = run("predict", "gray/best.npz", folder / "images/0.png", "--out", "found")
    assert done.exit_code == 0, done.output
    assert run("evaluate", "gray/best.npz", "--data", "mine").exit_code == 0
    three = tu.UNet(3, 2, base_channels=2, depth=1, padding="same")
    tu.save("three.npz", three)
    assert run("evaluate", "three.npz", "--data", "mine").exit_code == 0
    assert tu.predict_image(three, grays[0][..., None] / 255.0).shape == (32, 32, 2)


def test_classes_and_ignore_go_from_the_command_line_to_the_scores(mine):
    folder, grays, cells = mine
    for i, numbers in enumerate(cells):
        mask = np.where(numbers == 0, 0, np.where(numbers % 2, 128, 255))
        mask[-3:] = 77
        Image.fromarray(mask.astype(np.uint8)).save(folder / f"masks/{i}.png")
    done = run("train", "--data", "mine", *SMALL, "--out", "a")
    assert isinstance(done.exception, ValueError)
    assert "--classes 0=background,77=NAME1,128=NAME2,255=NAME3" in str(done.exception)
    classes = ("--classes", "0=background,128=nucleus,255=cell", "--ignore", 77)
    done = run("train", "--data", "mine", *classes, *SMALL, "--out", "a")
    assert done.exit_code == 0, done.output
    assert tu.load("a/best.npz").num_classes == 3
    assert run("evaluate", "a/best.npz").exit_code == 0
    assert run("predict", "a/best.npz", folder / "images/0.png").exit_code == 0
    header = (folder.parent / "predictions/counts.csv").read_text()
    assert "class_0_background,class_1_nucleus,class_2_cell,pieces_1_nucleus" in header
    done = run("predict", "a/last.npz", folder / "images/0.png", "--out", "last")
    assert " 0 background: " in done.stdout  # while it is trained, its settings know
    done = run("train", "--data", "synthetic-cells", "--ignore", 7, *SMALL, "--out", "b")
    assert "--ignore is for a folder of yours" in str(done.exception)


def test_a_model_of_mixed_depths_stretches_what_it_is_shown(mine):
    folder, grays, _ = mine
    (folder / "images/0.png").unlink()
    tifffile.imwrite(folder / "images/0.tif", grays[0].astype(np.uint16) * 16)
    assert run("train", "--data", "mine", *SMALL, "--out", "a").exit_code == 0
    for name in ("a/best.npz", "a/last.npz"):  # the latter is also what best.npz is while training
        model, _ = load_model(folder.parent / name, None, None)
        assert model.stretched
    Image.fromarray(grays[0]).save(folder / "images/6.png")
    for name in ("images/6.png", "images/0.tif"):
        assert run("predict", "a/best.npz", folder / name, "--out", "found").exit_code == 0
    maps = [tifffile.imread(f"found/{i}_probabilities.tif") for i in (6, 0)]
    np.testing.assert_allclose(*maps, atol=1e-3)


def test_depth_does_not_change_what_a_model_of_16_bits_alone_is_shown(mine):
    folder, grays, _ = mine
    for i, gray in enumerate(grays):
        (folder / f"images/{i}.png").unlink()
        tifffile.imwrite(folder / f"images/{i}.tif", gray.astype(np.uint16) * 16)
    assert run("train", "--data", "mine", *SMALL, "--out", "a").exit_code == 0
    scores = [run("evaluate", "a/best.npz", "--part", "all", "--json")]
    for i, gray in enumerate(grays):
        (folder / f"images/{i}.tif").rename(folder.parent / f"{i}.tif")
        Image.fromarray(gray).save(folder / f"images/{i}.png")
    scores.append(run("evaluate", "a/best.npz", "--part", "all", "--data", "mine", "--json"))
    first, second = (json.loads(done.stdout)["mean"]["U-Net"] for done in scores)
    assert first == pytest.approx(second, abs=1e-3)
    for name in ("mine/images/0.png", "0.tif"):
        done = run("predict", "a/best.npz", name, "--out", name[:2], "--json")
        assert done.exit_code == 0, done.output
        assert "more than 8 bits" not in done.stderr
    maps = [tifffile.imread(f"{out}/0_probabilities.tif") for out in ("mi", "0.")]
    np.testing.assert_allclose(*maps, atol=1e-3)


def test_16_bits_shown_to_a_model_of_8_bits_are_said_once(mine):
    folder, grays, _ = mine
    assert run("train", "--data", "mine", *SMALL, "--out", "a").exit_code == 0
    for i in range(3):
        tifffile.imwrite(f"{i}.tif", grays[i].astype(np.uint16) * 16)
    done = run("predict", "a/best.npz", "0.tif", "1.tif", "2.tif", "mine/images/3.png")
    assert done.exit_code == 0, done.output
    assert done.stderr.count("3 images have more than 8 bits") == 1
    for i in range(6):
        (folder / f"images/{i}.png").unlink()
        tifffile.imwrite(folder / f"images/{i}.tif", grays[i].astype(np.uint16) * 16)
    with pytest.warns(UserWarning, match="6 images have more than 8 bits"):
        assert run("evaluate", "a/best.npz", "--data", "mine", "--part", "all").exit_code == 0


def test_a_training_begins_with_what_is_in_its_folder(mine):
    folder, grays, _ = mine
    Image.fromarray(grays[0]).save(folder / "images/5.png")
    (folder / "images/more").mkdir()
    Image.fromarray(grays[0]).save(folder / "images/more/6.png")
    done = run("train", "--data", "mine", *SMALL, "--out", "a")
    assert done.exit_code == 0, done.output
    lines = done.stderr.splitlines()
    assert lines[0] == "mine: 6 pairs of image and mask in images and masks"
    assert lines[1] == "passed over: 1 folder (more)"
    assert lines[2].startswith("masks: binary, ")
    assert any("more in images, passed over: a folder" in line for line in lines)
    assert any("the same image is there 2 times (0, 5)" in line for line in lines)
    assert "pairs" not in done.stdout
    again = run("train", "--resume", "a")
    assert "pairs" not in again.stderr
    Image.fromarray(grays[0]).save(folder / "masks/6.png")
    done = run("train", "--data", "mine", *SMALL, "--out", "b")
    assert "to see more of it: tinyunet data check mine" in done.stderr
    assert "mask 6.png has no image" in str(done.exception)


def test_predict_says_where_the_images_are(mine):
    tu.save("m.npz", tu.UNet(1, 2, base_channels=2, depth=1, padding="same"))
    done = run("predict", "m.npz", "mine")
    assert "to predict those, give mine/images" in str(done.exception)
