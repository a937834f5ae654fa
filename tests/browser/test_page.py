"""An exported page in Chromium: it finds the pixels and cells that `tinyunet predict` finds.

python tests/browser/fetch.py FOLDER
TINYUNET_PYODIDE=FOLDER python -m pytest -m browser tests/browser/test_page.py
"""

import base64
import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import tinyunet as tu
from tinyunet.exchange.web_page import CDN

HERE = Path(__file__).parent
FOLDER = os.environ.get("TINYUNET_PYODIDE", "")
MODULES = Path(FOLDER, "node_modules")
NODE = shutil.which("node")
CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), ""
)
THRESHOLD = 0.4137  # between two steps of the slider

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(
        not (NODE and CHROMIUM and FOLDER and (MODULES / "onnxruntime-web").is_dir()),
        reason="an exported page in a browser: needs node, Chromium, and TINYUNET_PYODIDE to name a "
        "folder that tests/browser/fetch.py filled",
    ),
]


def shown(page, tmp_path, elsewhere=(), **task):
    """What Chromium finds on a page, with each image's probabilities and labels as arrays."""
    (tmp_path / "task.json").write_text(json.dumps(task))
    command = [NODE, HERE / "page.mjs", MODULES, CHROMIUM, page]
    done = subprocess.run(
        [*command, tmp_path / "task.json", tmp_path / "report.json"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["elsewhere"] == list(elsewhere)
    for found in report["images"]:
        sides = found["height"], found["width"]
        for key, dtype in (("found", np.float32), ("labels", np.int32)):
            found[key] = np.frombuffer(base64.b64decode(found[key]), dtype).reshape(*sides, -1)
    return report


@pytest.fixture(scope="module")
def model():
    """A network that has learned some of what cells look like."""
    model = tu.UNet(1, 2, base_channels=8, depth=3, padding="same")
    cells = tu.data.synthetic_cells(20, size=96, seed=0)
    options = {"steps": 60, "batch_size": 4, "crop": 96, "seed": 0}
    tu.fit(model, cells, optimizer=tu.Adam(model, lr=0.006), progress=False, **options)
    return model.eval()


def images(tmp_path):
    """The real picture, a large one of two by six of it, a small one and one in colour."""
    real = tu.data.microscope_picture().image[..., 0]
    gray = np.round(real * 255).astype(np.uint8)
    pictures = {
        "real": gray,
        "large": np.tile(gray, (5, 2))[:1161, : 2 * gray.shape[1] - 7],
        "small": gray[:21, 30:67],
        "deep": gray.astype(np.uint16) * 31 + 400,
    }
    for name, picture in pictures.items():
        Image.fromarray(picture).save(tmp_path / f"{name}.png")
    return [tmp_path / f"{name}.png" for name in pictures]


def test_the_page_finds_what_predict_finds(model, tmp_path):
    page, files = tmp_path / "page", images(tmp_path)
    tu.export_web(model, page, threshold=THRESHOLD, runtime=MODULES.parent)
    report = shown(
        page, tmp_path, images=[str(path) for path in files], mask=str(tmp_path / "mask.png")
    )
    assert report["errors"] == []
    assert report["example"]
    for path, found in zip(files, report["images"], strict=True):
        p = tu.predict_image(model, tu.data.read_image(path))
        assert np.abs(found["found"] - p).max() < 1e-4, path
        cells = tu.instances(p, THRESHOLD)
        assert np.array_equal(found["labels"][..., 0], cells), path
        assert found["count"] == f"{cells.max()} cells"
    assert report["images"][0]["labels"].max() > 20
    assert report["mask"] == "deep_mask.png"
    mask = np.asarray(Image.open(tmp_path / "mask.png").convert("L"))
    assert np.array_equal(mask, 255 * (report["images"][-1]["labels"][..., 0] > 0))


def test_the_slider_counts_anew(model, tmp_path):
    page = tmp_path / "page"
    tu.export_web(model, page, threshold=THRESHOLD, runtime=MODULES.parent)
    real = images(tmp_path)[0]
    report = shown(page, tmp_path, images=[str(real)], threshold=0.7)
    p = tu.predict_image(model, tu.data.read_image(real))
    assert report["after"] == f"{tu.instances(p, 0.7).max()} cells"


@pytest.mark.parametrize("classes", [1, 3])
def test_one_channel_and_several_classes(classes, tmp_path):
    model = tu.UNet(3, classes, base_channels=4, depth=2, seed=3)  # valid: its tiles are mirrored
    names = ["none", "cell", "edge"] if classes == 3 else None
    page = tmp_path / "page"
    tu.export_web(model, page, class_names=names, runtime=MODULES.parent)
    colours = np.random.default_rng(0).integers(0, 256, (50, 63, 3), dtype=np.uint8)
    Image.fromarray(colours).save(tmp_path / "colours.png")
    report = shown(page, tmp_path, images=[str(tmp_path / "colours.png")])
    p = tu.predict_image(model, tu.data.read_image(tmp_path / "colours.png"))
    assert not report["example"]  # it is of gray nuclei
    (found,) = report["images"]
    assert np.abs(found["found"] - p).max() < 1e-4
    wanted = p.argmax(2) if classes == 3 else tu.instances(p)
    assert np.array_equal(found["labels"][..., 0], wanted)
    if classes == 3:
        share = 100 * np.mean(wanted == 1)
        assert f"cell: {share:.1f} %" in found["count"]


def test_a_page_that_cannot_reach_its_runtime_says_so(model, tmp_path):
    tu.export_web(model, tmp_path / "page")
    said = "The network could not be loaded: "
    report = shown(tmp_path / "page", tmp_path, [f"{CDN}ort.wasm.min.mjs"], images=[], said=said)
    assert report["said"].startswith(f"{said}{CDN}, from where this page takes what computes")


def test_what_is_no_image_is_refused_in_words(model, tmp_path):
    tu.export_web(model, tmp_path / "page", runtime=MODULES.parent)
    real = images(tmp_path)[0]
    (tmp_path / "words.png").write_text("no image")
    (tmp_path / "half.png").write_bytes(real.read_bytes()[:3000])
    for name, words in (
        ("words", "it is no image"),
        ("half", "it is no image.*cut off, or damaged"),
    ):
        refused = str(tmp_path / f"{name}.png")
        report = shown(tmp_path / "page", tmp_path, images=[str(real)], refused=refused)
        assert re.match(f"{name}.png could not be segmented: {words}", report["refused"])
        assert not report["stale"]  # the result of the image before
