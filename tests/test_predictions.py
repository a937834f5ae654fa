"""`tinyunet predict` for many images, large ones, and a second try."""

import csv
import errno
import json
import os
import re
import sys
import tracemalloc

import numpy as np
import pytest
import tifffile
from matplotlib.path import Path as Outline
from PIL import Image
from scipy import ndimage

import tinyunet as tu
from tinyunet.commands.main import main
from tinyunet.data import large_files, large_limits, synthetic_cells
from tinyunet.engine import memory, scratch
from tinyunet.runs import predict as predicting
from tinyunet.segmentation import large_cells, windows
from tinyunet.segmentation.pieces import number_pieces


def network(classes=2, seed=2, channels=1):
    """A network that has not learned, but finds something on a quarter of an image."""
    model = tu.UNet(channels, classes, base_channels=2, depth=1, padding="same", seed=seed)
    image = synthetic_cells(1, 64, seed=3).images[0].repeat(channels, axis=2)
    logits = model.predict(image[None])[0]
    parameters = dict(model.named_parameters())
    lead = logits[..., 1] - logits[..., 0]
    parameters["head.weight"] *= 3 / lead.std()
    parameters["head.bias"][1] = -3 / lead.std() * np.quantile(lead, 0.75)
    return model


def three_classes():
    """A network that has not learned, but finds pieces of three classes."""
    model = network(classes=3)
    logits = model.predict(synthetic_cells(1, 64, seed=3).images[0][None])[0].astype(float)
    parameters = dict(model.named_parameters())
    parameters["head.bias"] += -logits.mean(axis=(0, 1))
    spread = logits.std(axis=(0, 1))
    parameters["head.weight"] /= spread
    parameters["head.bias"] /= spread
    return model


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A model, and a folder with four images, of which two cannot be predicted."""
    monkeypatch.chdir(tmp_path)
    tu.save("m.npz", network(), thresholds={"none": 0.5})
    os.mkdir("mine")
    for i, image in enumerate(synthetic_cells(2, (40, 52), seed=3).images):
        gray = (255 * image[..., 0].clip(0, 1)).astype(np.uint8)
        Image.fromarray(gray).save(f"mine/{'ad'[i]}.png")
    tifffile.imwrite("mine/b.tif", np.full((8, 9), np.nan, np.float32))
    (tmp_path / "mine/c.png").write_bytes((tmp_path / "mine/a.png").read_bytes()[:90])
    return tmp_path


@pytest.fixture
def predict(monkeypatch, capsys):
    """`tinyunet predict` here; returns its exit code and what it said."""

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["tinyunet", "predict", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        return ended.value.code, said.out, said.err

    return run


def labels_of(path):
    with Image.open(path) as image:
        return np.asarray(image)


def table(path):
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_after_a_bad_file_the_others_are_done_and_it_is_listed_at_the_end(folder, predict):
    code, out, err = predict("m.npz", "mine")
    assert code == 1
    lines = out.splitlines()
    assert lines[0].startswith("mine/a.png: ")
    assert lines[1].startswith("mine/d.png: ")
    assert err.startswith("error: 2 of 4 images could not be predicted:\n- mine/b.tif: has NaN")
    assert err.count("b.tif") == err.count("c.png") == 1
    counts = table("predictions/counts.csv")
    assert [row["image"] for row in counts] == ["mine/a.png", "mine/d.png"]
    for row in counts:
        name = row["image"][5]
        labels = labels_of(f"predictions/{name}_labels.png")
        assert int(row["cells"]) == labels.max() == len(table(f"predictions/{name}_cells.csv"))
        assert f"mine/{name}.png: {labels.max()} cells at threshold 0.5, " in out
    assert sum(int(row["cells"]) for row in counts) > 0
    assert not list(folder.glob("predictions/[bc]_*"))


def test_a_second_try_does_what_is_missing(folder, predict):
    assert predict("m.npz", "mine")[0] == 1
    before = (folder / "predictions/a_labels.png").stat().st_mtime_ns
    for bad in ("b.tif", "c.png"):
        (folder / "mine" / bad).unlink()
    Image.fromarray(np.full((20, 20), 90, np.uint8)).save("mine/e.png")
    code, out, err = predict("m.npz", "mine")
    assert (code, err) == (0, "")
    assert out.count("has these results already") == 2
    assert "mine/e.png: " in out
    assert (folder / "predictions/a_labels.png").stat().st_mtime_ns == before
    assert [row["image"][5] for row in table("predictions/counts.csv")] == ["a", "d", "e"]


@pytest.mark.parametrize(
    ("options", "word"),
    [
        (("--threshold", 0.4), "at the threshold 0.5"),
        (("--average", "symmetries"), "averaged over none"),
        (("--tile", 32), "in tiles of None"),
        ("another model", "by another model"),
        ("another image", "of another image"),
    ],
)
def test_results_of_something_else_are_never_taken_for_these(folder, predict, options, word):
    assert predict("m.npz", "mine/a.png")[0] == 0
    image, before = "mine/a.png", labels_of("predictions/a_labels.png")
    if options == "another model":
        tu.save("m.npz", network(seed=4))
    if options == "another image":
        os.mkdir("other")
        image = "other/a.png"
        os.replace("mine/d.png", image)
    more = options if isinstance(options, tuple) else ()
    code, _, err = predict("m.npz", "mine/d.png" if word == "" else image, *more)
    assert code == 2
    assert f"a_labels.png exists, {word}: choose another --out, or --overwrite it" in err
    np.testing.assert_array_equal(labels_of("predictions/a_labels.png"), before)
    assert predict("m.npz", image, *more, "--overwrite")[0] == 0
    code, out, _ = predict("m.npz", image, *more)
    assert code == 0
    assert "already" in out


def test_files_of_ones_own_are_not_replaced(folder, predict):
    os.mkdir("predictions")
    (folder / "predictions/a_cells.csv").write_text("mine")
    code, _, err = predict("m.npz", "mine/a.png")
    assert code == 2
    assert "a_cells.csv exists: choose another --out" in err
    (folder / "predictions/predictions.json").write_text("[]")
    code, _, err = predict("m.npz", "mine/a.png")
    assert code == 2
    assert "predictions.json is nothing that tinyunet wrote" in err
    (folder / "note").write_text("")
    code, _, err = predict("m.npz", "mine/a.png", "--out", "note")
    assert code == 2
    assert "--out is to be a folder, but note is a file" in err


def test_what_was_interrupted_is_made_anew(folder, predict, monkeypatch):
    def stop(*arguments, **options):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(predicting.plots, "overlay", stop)
        assert predict("m.npz", "mine/a.png")[0] == 130
    assert (folder / "predictions/a_labels.png").exists()
    assert not (folder / "predictions/counts.csv").exists()
    code, out, _ = predict("m.npz", "mine/a.png")
    assert code == 0
    assert "already" not in out
    assert (folder / "predictions/a_overlay.png").exists()


def test_a_full_disk_ends_it_and_the_file_is_named(folder, predict, monkeypatch):
    plain = os.replace

    def move(source, target):
        if str(target).endswith("b_probabilities.tif"):
            raise OSError(errno.ENOSPC, "No space left on device")
        plain(source, target)

    os.remove("mine/c.png")
    Image.fromarray(np.full((20, 20), 90, np.uint8)).save("mine/b.png")
    os.remove("mine/b.tif")
    monkeypatch.setattr(os, "replace", move)
    code, out, err = predict("m.npz", "mine")
    assert code == 1
    assert out.startswith("mine/a.png: ")
    assert "the disk is full: free some space" in err
    assert "b_probabilities.tif" in err
    assert "not tried after that: mine/d.png" in err
    assert not (folder / "predictions/b_probabilities.tif").exists()
    assert [row["image"] for row in table("predictions/counts.csv")] == ["mine/a.png"]
    monkeypatch.undo()
    monkeypatch.chdir(folder)


def test_a_disk_that_is_full_before_there_is_a_result_is_said_with_its_name(
    folder, predict, monkeypatch
):
    def full(*arguments):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(scratch.Scratch, "__setitem__", full)
    code, _, err = predict("m.npz", "mine/a.png")
    assert code == 2
    assert "the disk is full" in err
    assert "a_labels.png" in err
    assert sorted(os.listdir("predictions")) == ["predictions.json"]


def test_json_is_one_object(folder, predict):
    code, out, err = predict("m.npz", "mine", "--json")
    assert code == 1
    found = json.loads(out)
    assert [entry["image"] for entry in found["images"]] == ["mine/a.png", "mine/d.png"]
    first = found["images"][0]
    assert first["cells"] == labels_of("predictions/a_labels.png").max()
    assert (first["height"], first["width"], first["skipped"]) == (40, 52, False)
    assert all(os.path.exists(path) for path in [*first["files"], found["counts"]])
    assert [failure["image"] for failure in found["failures"]] == ["mine/b.tif", "mine/c.png"]
    assert found["failures"][0]["error"].startswith("mine/b.tif: has NaN")
    assert found["threshold"] == 0.5
    code, out, err = predict("m.npz", "mine/b.tif", "--json")
    assert code == 2
    assert len(json.loads(out)["failures"]) == 1


def test_of_a_folder_images_are_taken_and_the_rest_is_named(folder, predict):
    for bad in ("b.tif", "c.png"):
        (folder / "mine" / bad).unlink()
    (folder / "mine/inner").mkdir()
    (folder / "mine/notes.txt").write_text("")
    (folder / "mine/.hidden.png").write_text("")
    code, out, err = predict("m.npz", "mine", "--out", "mine")
    assert code == 0, err
    assert err == (
        "mine: passed over inner: a folder, and folders inside are not read (0 image files in it); "
        "notes.txt: no image file\n"
    )
    assert "2 images, " in out
    code, out, err = predict("m.npz", "mine", "--out", "mine")  # its results are no images
    assert code == 0, err
    assert out.count("already") == 2
    code, _, err = predict("m.npz", "mine/inner")
    assert code == 2
    assert "mine/inner has no images that end in .png" in err
    Image.fromarray(np.zeros((9, 9), np.uint8)).save("mine/a.bmp")
    code, _, err = predict("m.npz", "mine", "--out", "new")
    assert code == 2
    assert "the same name, mine/a.bmp and mine/a.png" in err


def test_an_image_in_colour_is_refused_by_a_gray_model_with_a_remedy(folder, predict):
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (9, 9, 3), np.uint8)).save("x.png")
    code, _, err = predict("m.npz", "x.png")
    assert code == 2
    assert "got one of shape (9, 9, 3); it is in colour: save it as gray, or train" in err
    assert err.count("x.png") == 1


def test_gray_images_suit_models_of_either_kind(folder, predict):
    with Image.open("mine/a.png") as image:
        image.convert("RGB").save("rgb.png")
    assert predict("m.npz", "mine/a.png", "rgb.png")[0] == 0
    gray, rgb = (labels_of(f"predictions/{name}_labels.png") for name in ("a", "rgb"))
    np.testing.assert_array_equal(gray, rgb)
    assert table("predictions/a_cells.csv") == table("predictions/rgb_cells.csv")
    tu.save("m.npz", network(channels=3))
    assert predict("m.npz", "mine/a.png", "rgb.png", "--out", "colour")[0] == 0
    gray, rgb = (labels_of(f"colour/{name}_labels.png") for name in ("a", "rgb"))
    np.testing.assert_array_equal(gray, rgb)


def test_a_stack_is_predicted_page_by_page(folder, predict):
    pages = [labels_of(f"mine/{name}.png") for name in "ad"]
    tifffile.imwrite("stack.tif", np.stack(pages), photometric="minisblack")
    code, out, err = predict("m.npz", "stack.tif", "mine/a.png", "mine/d.png")
    assert code == 0, err
    for k, name in enumerate("ad"):
        np.testing.assert_array_equal(
            labels_of(f"predictions/stack_page{k}_labels.png"),
            labels_of(f"predictions/{name}_labels.png"),
        )
        assert f"stack.tif[{k}]: " in out
    names = [row["image"] for row in table("predictions/counts.csv")]
    assert names == ["mine/a.png", "mine/d.png", "stack.tif[0]", "stack.tif[1]"]
    code, out, _ = predict("m.npz", "stack.tif")
    assert code == 0
    assert out.count("already") == 2
    tifffile.imwrite("stack.tif", np.stack(pages[:1] * 3), photometric="minisblack")
    assert predict("m.npz", "stack.tif", "--overwrite")[0] == 0
    tifffile.imwrite("stack.tif", np.stack(pages), photometric="minisblack")
    assert predict("m.npz", "stack.tif", "--overwrite")[0] == 0
    assert not [name for name in os.listdir("predictions") if "page2" in name]


def test_a_result_never_takes_the_place_of_an_image(folder, predict):
    image = (folder / "mine/a.png").read_bytes()
    (folder / "mine/d_labels.png").write_bytes(image)
    given = "mine/d_labels.png", "mine/d.png", "--out", "mine", "--overwrite"
    code, _, err = predict("m.npz", *given)
    assert code == 2
    assert "a result of mine/d.png would take the place of the image mine/d_labels.png" in err
    assert (folder / "mine/d_labels.png").read_bytes() == image


def test_cells_are_measured_in_the_values_of_the_file(folder, predict):
    stored = (synthetic_cells(1, 60, seed=3).images[0][..., 0].clip(0, 1) * 4000).astype(np.uint16)
    tifffile.imwrite("deep.tif", stored)
    assert predict("m.npz", "deep.tif", "--polygons")[0] == 0
    labels = labels_of("predictions/deep_labels.png")
    rows = table("predictions/deep_cells.csv")
    shapes = json.loads((folder / "predictions/deep_cells.geojson").read_text())["features"]
    assert len(rows) == len(shapes) == labels.max() > 0
    places = np.stack(np.mgrid[:60, :60][::-1], -1).reshape(-1, 2) + 0.5
    for row, shape in zip(rows, shapes, strict=True):
        cell = labels == int(row["label"])
        y, x = np.nonzero(cell)
        assert int(row["area"]) == shape["properties"]["area"] == cell.sum()
        assert float(row["centre_row"]) == pytest.approx(y.mean(), abs=1e-3)
        assert float(row["centre_column"]) == pytest.approx(x.mean(), abs=1e-3)
        assert float(row["mean"]) == pytest.approx(stored[cell].mean(), abs=1e-3)
        assert [int(row[n]) for n in ("top", "left")] == [y.min(), x.min()]
        assert [int(row[n]) for n in ("bottom", "right")] == [y.max() + 1, x.max() + 1]
        parts = shape["geometry"]["coordinates"]
        parts = [parts] if shape["geometry"]["type"] == "Polygon" else parts
        inside = sum(Outline(ring).contains_points(places) for part in parts for ring in part)
        np.testing.assert_array_equal(inside.reshape(60, 60) % 2 == 1, cell)


def test_more_cells_than_a_png_can_number_are_kept(folder, predict, monkeypatch):
    assert predict("m.npz", "mine/a.png")[0] == 0
    labels = labels_of("predictions/a_labels.png")
    monkeypatch.setattr(predicting, "IN_PNG", int(labels.max()) - 1)
    code, out, err = predict("m.npz", "mine/a.png", "--overwrite")
    assert code == 0
    assert f"{labels.max()} cells are more than a PNG can number" in err
    assert "a_labels.tif" in out
    wide = tifffile.imread("predictions/a_labels.tif")
    assert wide.dtype == np.uint32
    np.testing.assert_array_equal(wide, labels)
    assert not os.path.exists("predictions/a_labels.png")  # nothing that is no longer true
    assert "already" in predict("m.npz", "mine/a.png")[1]


def test_of_classes_pixels_are_counted(folder, predict):
    tu.save("m.npz", three_classes())
    code, out, err = predict("m.npz", "mine/a.png", "mine/d.png")
    assert code == 0, err
    for row in table("predictions/counts.csv"):
        labels = labels_of(f"predictions/{row['image'][5]}_labels.png")
        counts = np.bincount(labels.ravel(), minlength=3)
        assert [int(row[f"class_{k}"]) for k in range(3)] == counts.tolist()
        pieces = [ndimage.label(labels == k)[0] for k in range(3)]
        areas = [sorted(n for n in np.bincount(found.ravel())[1:] if n >= 10) for found in pieces]
        assert [int(row[f"pieces_{k}"]) for k in (1, 2)] == [len(areas[1]), len(areas[2])]
        rows = table(f"predictions/{row['image'][5]}_cells.csv")
        for k in (1, 2):
            assert sorted(int(r["area"]) for r in rows if r["class"] == str(k)) == areas[k]
    assert "mine/a.png: pixels of classes 0: " in out
    assert len(rows) > 2


def test_classes_have_their_names_and_polygons(folder, predict):
    tu.save("m.npz", three_classes(), class_names=["background", "nucleus", "cell"])
    code, out, err = predict("m.npz", "mine/a.png", "--polygons")
    assert code == 0, err
    assert re.search(r"classes 0 background: [\d.]+ %, 1 nucleus: [\d.]+ % in \d+ piece", out)
    (row,) = table("predictions/counts.csv")
    assert {"class_0_background", "class_1_nucleus", "class_2_cell", "pieces_1_nucleus"} < set(row)
    rows = table("predictions/a_cells.csv")
    features = json.loads((folder / "predictions/a_cells.geojson").read_text())["features"]
    assert (
        len(rows) == len(features) == sum(int(row[f"pieces_{k}"]) for k in ("1_nucleus", "2_cell"))
    )
    for row, feature in zip(rows, features, strict=True):
        name = ["", "nucleus", "cell"][int(row["class"])]
        assert row["name"] == feature["properties"]["name"] == name
        assert feature["properties"]["area"] == int(row["area"])
    again = predict("m.npz", "mine/a.png", "--polygons")
    assert "1 nucleus" in again[1]
    tu.save("m.npz", network(classes=3), class_names=["a", "b"])  # not one for each class
    code, out, err = predict("m.npz", "mine/d.png")
    assert "0: " in out


def test_a_threshold_that_was_not_chosen_is_said(folder, predict):
    tu.save("m.npz", network())
    code, out, err = predict("m.npz", "mine/a.png")
    assert "m.npz has no threshold" in err
    assert "0.5 is taken" in err
    tu.save("n.npz", network(), thresholds={"none": 0.4})
    code, out, err = predict("n.npz", "mine/a.png", "--out", "n")
    assert "note" not in err
    code, out, err = predict("n.npz", "mine/a.png", "--out", "s", "--average", "symmetries")
    assert "averaged over symmetries, so that for others is taken, 0.4" in err
    code, out, err = predict("m.npz", "mine/a.png", "--out", "t", "--threshold", 0.3)
    assert "note" not in err


def test_pieces_are_numbered_alike_in_strips(monkeypatch):
    classes = np.random.default_rng(3).integers(0, 3, (60, 40)) * (
        np.indices((60, 40)).sum(0) % 9 > 2
    )
    classes = np.kron(classes[::4, ::4], np.ones((4, 4), int))
    pixels = np.bincount(classes.ravel(), minlength=3)
    whole, found = np.zeros((2, 60, 40), np.int64)
    counts = number_pieces(classes, whole, pixels)
    monkeypatch.setattr(windows, "STRIP", 40 * 7)
    assert number_pieces(classes, found, pixels) == counts
    np.testing.assert_array_equal(whole, found)
    assert counts == [0, *(ndimage.label(classes == k)[1] for k in (1, 2))]
    assert whole[classes == 1].max() == counts[1]


def test_a_large_image_takes_little_memory_and_gives_the_cells_of_one_piece(tmp_path, monkeypatch):
    image = np.tile(synthetic_cells(1, 140, seed=1).images[0][..., 0], (10, 4)).clip(0, 1)
    tifffile.imwrite(tmp_path / "large.tif", (255 * image).astype(np.uint8), compression="zlib")
    model, options = network(), {"tile": 128, "average": None}
    with tu.data.open_image(tmp_path / "large.tif") as file:
        whole = file[:, :]
    probabilities = tu.predict_image(model, whole, **options)
    expected = tu.instances(probabilities)
    assert expected.max() > 100
    for module, name, value in (
        (scratch, "IN_MEMORY", 1), (windows, "STRIP", 2**14), (large_files, "LARGE", 0),
        (large_limits, "STRIP", 2**14), (predicting, "WHOLE_OVERLAY", 0),
        (predicting, "REDUCED_OVERLAY", 2**12), (predicting, "IN_PNG", 50),
        (large_cells, "STRIP", 2**14), (memory, "HUGE", 2**40),  # tracemalloc sees NumPy's memory
    ):  # fmt: skip
        monkeypatch.setattr(module, name, value)
    with large_files.open_image(tmp_path / "large.tif") as file:
        tracemalloc.start()
        try:
            found = predicting.predict_to_files(
                model, file, tmp_path / "large", threshold=0.5, **options
            )
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    labels = tifffile.imread(tmp_path / "large_labels.tif")
    np.testing.assert_array_equal(labels, expected)
    np.testing.assert_array_equal(
        tifffile.imread(tmp_path / "large_probabilities.tif"), np.moveaxis(probabilities, 2, 0)
    )
    assert found.count == expected.max()
    assert peak < 0.5 * (whole.nbytes + probabilities.nbytes + expected.nbytes)  # of one map each
    with Image.open(tmp_path / "large_overlay.png") as overlay:
        assert overlay.size == (40, 100)
    assert "the overlay shows one of 14 x 14 pixels" in found.notes


def test_what_fails_alike_is_said_once(folder, predict):
    with Image.open("mine/a.png") as file:
        for i in range(4):
            Image.merge("RGB", [file, file, file.transpose(Image.Transpose.ROTATE_180)]).save(
                f"{i}.png"
            )
    code, out, err = predict("m.npz", "mine/a.png", *(f"{i}.png" for i in range(4)))
    assert code == 1
    lines = err.splitlines()
    assert lines[0] == "error: 4 of 5 images could not be predicted:"
    assert lines[1].startswith("- 4 files (0.png, 1.png, 2.png, 3.png): the model needs an image")
    assert len(lines) == 2
