"""The page that segments in a browser: its files, and under Node, that its scripts do what we do."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

import tinyunet as tu
from tinyunet.networks import Sizes
from tinyunet.segmentation.cells import CORE, SMALLEST_CORE
from tinyunet.segmentation.tiles import plan

pytest.importorskip("onnx")
from tinyunet.exchange import web_page

NODE = shutil.which("node")
WEB = Path(web_page.__file__).parent / "web"
FUNCTIONS = Path(__file__).parent / "browser" / "functions.mjs"
in_node = pytest.mark.skipif(not NODE, reason="the web page's scripts: needs node")
OPTIONS = {"smallest": 10, "core": CORE, "smallestCore": SMALLEST_CORE}


def called(tmp_path, jobs):
    """What functions of the page's scripts give, several at a time: (name, arguments)."""
    (tmp_path / "jobs.json").write_text(json.dumps(jobs))
    (tmp_path / "scripts").mkdir()
    for path in WEB.glob("*.js"):
        shutil.copy(path, tmp_path / "scripts")
    (tmp_path / "scripts" / "package.json").write_text('{"type": "module"}')
    command = [NODE, FUNCTIONS, tmp_path / "scripts", tmp_path / "jobs.json", tmp_path / "out.json"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads((tmp_path / "out.json").read_text())


def settings_of(page):
    text = (page / "index.html").read_text(encoding="utf-8")
    return json.loads(
        re.search(r'<script type="application/json" id="model">(.*?)</script>', text)[1]
    )


def a_network(classes=2, **options):
    return tu.UNet(1, classes, base_channels=2, depth=1, padding="same", **options)


# ---------------------------------------------------------------------- files


def test_a_page_is_a_handful_of_files_that_name_only_each_other_and_the_cdn(tmp_path):
    assert tu.export_web(a_network(), tmp_path / "page", threshold=0.35) == []
    files = {path.name for path in (tmp_path / "page").iterdir()}
    assert files == {
        "index.html", "page.css", "page.js", "worker.js", "tiles.js", "cells.js", "image.js", "png.js",
        "model.onnx", "example.png",
    }  # fmt: skip
    settings = settings_of(tmp_path / "page")
    assert settings["threshold"] == 0.35
    assert settings["runtime"] == web_page.CDN
    assert re.search(r"onnxruntime-web@\d+\.\d+\.\d+/", web_page.CDN)
    for path in (tmp_path / "page").glob("*.*"):
        if path.suffix in (".html", ".js", ".css"):
            text = path.read_text(encoding="utf-8")
            assert "{{" not in text
            elsewhere = set(re.findall(r"https?://[^\s\"'`]+", text))
            assert elsewhere <= {web_page.CDN, "http://localhost:8000"}, path.name
    assert 'lang="en"' in (tmp_path / "page" / "index.html").read_text(encoding="utf-8")


def test_a_runtime_is_copied_from_a_folder(tmp_path):
    dist = tmp_path / "onnxruntime-web" / "dist"
    dist.mkdir(parents=True)
    with pytest.raises(FileNotFoundError, match=r"lacks ort\.wasm\.min\.mjs, .* npm pack"):
        tu.export_web(a_network(), tmp_path / "page", runtime=dist)
    assert not (tmp_path / "page").exists()
    for name in web_page.RUNTIME:
        (dist / name).write_text(name)
    for folder in (dist, dist.parent):
        tu.export_web(a_network(), tmp_path / "page", runtime=folder)
        assert {path.name for path in (tmp_path / "page" / "ort").iterdir()} == set(
            web_page.RUNTIME
        )
        assert settings_of(tmp_path / "page")["runtime"] == "ort/"


def test_a_page_is_made_anew_from_its_own_files(tmp_path):
    (tmp_path / "ort").mkdir()
    for name in web_page.RUNTIME:
        (tmp_path / "ort" / name).write_text(name)
    tu.export_web(a_network(), tmp_path, runtime=tmp_path / "ort")
    tu.export_web(a_network(), tmp_path, runtime=tmp_path / "ort", example=tmp_path / "example.png")
    assert {path.read_text() for path in (tmp_path / "ort").iterdir()} == set(web_page.RUNTIME)


def test_another_page_stays(tmp_path):
    (tmp_path / "index.html").write_text("my home page")
    with pytest.raises(FileExistsError, match="is another page, which stays"):
        tu.export_web(a_network(), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["index.html"]


def test_an_example_is_looked_at_before_anything_is_written(tmp_path):
    (tmp_path / "x.tif").write_bytes(b"II*")
    with pytest.raises(ValueError, match=r"browsers do not read .*x\.tif, but \.png"):
        tu.export_web(a_network(), tmp_path / "page", example=tmp_path / "x.tif")
    with pytest.raises(FileNotFoundError, match="there is no example"):
        tu.export_web(a_network(), tmp_path / "page", example=tmp_path / "x.png")
    with pytest.raises(ValueError, match="nearest valid sizes"):
        tu.export_web(a_network(), tmp_path / "page", size=(7, 9))
    assert not (tmp_path / "page").exists()


def test_words_of_a_users_own_cannot_become_part_of_the_page(tmp_path):
    names = ["none", "</script><b>cell", "x"]
    tu.export_web(a_network(3), tmp_path, class_names=names, title="<i>Mine</i> & yours")
    text = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert "<b>cell" not in text
    assert "<h1>&lt;i&gt;Mine&lt;/i&gt; &amp; yours</h1>" in text
    assert settings_of(tmp_path)["classNames"] == names
    assert not (tmp_path / "example.png").exists()


def test_what_a_page_cannot_show_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"1 or 3 channels, but UNet.* takes 2"):
        tu.export_web(tu.UNet(2, base_channels=2, depth=1), tmp_path / "page")
    with pytest.raises(ValueError, match="gives pictures, not logits"):
        tu.export_web(tu.networks.PaintsChainer(3, 1, widths=(3, 4)), tmp_path / "page")
    with pytest.raises(ValueError, match="class_names are 1, and the network has 2 classes"):
        tu.export_web(a_network(), tmp_path / "page", class_names=["cell"])
    with pytest.raises(ValueError, match="threshold is a probability, from 0 to 1, got 2"):
        tu.export_web(a_network(), tmp_path / "page", threshold=2)
    assert not (tmp_path / "page").exists()


def test_a_network_of_float64_runs_in_float32_on_the_page(tmp_path):
    model = a_network(dtype="float64")
    assert tu.export_web(model, tmp_path) == []
    assert model.dtype == "float64"
    import onnx

    file = onnx.load(tmp_path / "model.onnx")
    assert file.graph.input[0].type.tensor_type.elem_type == onnx.TensorProto.FLOAT


# ---------------------------------------------------------------------- scripts, under Node


@in_node
def test_cells_are_those_of_instances(tmp_path):
    rng, jobs, wanted = np.random.default_rng(0), [], []
    for i in range(80):
        height, width = (int(n) for n in rng.integers(1, 60, 2))
        p = ndimage.gaussian_filter(rng.random((height, width)), rng.uniform(0.7, 3))
        p = (p - p.min()) / max(np.ptp(p), 1e-9)
        p = (np.round(p * 10) / 10 if i % 3 == 0 else p).astype(np.float32)  # values at a threshold
        threshold = float(rng.choice([0.3, 0.35, 0.5, 0.6, 0.9]))
        given = {"p": p.ravel().tolist(), "height": height, "width": width}
        jobs.append(("instances", given | {"threshold": threshold, "options": OPTIONS}))
        wanted.append((tu.instances(p, threshold), tu.instances(p, threshold, core=None).max()))
    for found, (cells, _) in zip(called(tmp_path, jobs), wanted, strict=True):
        assert found["labels"] == cells.ravel().tolist()
        assert found["count"] == cells.max(initial=0)
    assert sum(cells.max() > regions for cells, regions in wanted) > 20  # many were parted


@in_node
def test_of_equally_near_pixels_it_is_the_one_that_scipy_takes(tmp_path):
    rng, jobs, wanted = np.random.default_rng(1), [], []
    for share in (0.01, 0.05, 0.3) * 20:
        shape = tuple(int(n) for n in rng.integers(2, 30, 2))
        seeds = rng.random(shape) < share
        seeds[tuple(rng.integers(0, shape))] = True
        given = {"map": seeds.astype(int).ravel().tolist(), "height": shape[0], "width": shape[1]}
        jobs.append(("nearest", given))
        places = ndimage.distance_transform_edt(~seeds, return_distances=False, return_indices=True)
        wanted.append(np.ravel_multi_index(places, shape).ravel().tolist())
    assert called(tmp_path, jobs) == wanted


@in_node
def test_tiles_lie_as_ours_do(tmp_path):
    n = tu.networks
    models = [
        tu.UNet(1, 2, base_channels=1, depth=3, padding="same"),
        tu.UNet(1, 2, base_channels=1, depth=4, padding="same"),
        tu.UNet(1, 2, base_channels=1, depth=2),
        n.SegNet(1, 2, widths=[1, 2], convolutions=[1, 1]),
        n.FCN(1, 2, base_channels=1, head=[(2, 1)], padding="same"),
        n.SmallPSPNet(1, 2, channels=(1, 1, 1)),
    ]
    jobs, wanted = [], []
    for model in models:
        settings = json.loads(json.dumps(web_page._settings(model, 0.5, None, False)))
        for sides in ((1, 7), (100, 1024), (1025, 1500), (1403, 3211)):
            jobs.append(("plan", {"model": settings, "sides": sides}))
            wanted.append([(a.reads, a.starts, a.places) for a in plan(model, sides, None)])
    for (_, given), found, axes in zip(jobs, called(tmp_path, jobs), wanted, strict=True):
        for mine, (reads, starts, places) in zip(found, axes, strict=True):
            assert mine["reads"] == reads, given
            assert mine["starts"] == starts, given
            assert mine["places"] == [[place.start, place.stop] for place in places], given


@in_node
def test_an_image_is_cut_mirrored_and_put_together(tmp_path):
    rng = np.random.default_rng(0)
    settings = web_page._settings(tu.UNet(1, 1, base_channels=1, depth=2), 0.5, None, False)
    settings = json.loads(json.dumps(settings))
    image = rng.random((1030, 45)).astype(np.float32)
    given = {"data": image.ravel().tolist(), "height": 1030, "width": 45}
    fixed = {**settings, "sizes": [vars(Sizes(64, 1, 0))] * 2, "size": [64, 64], "reach": 5}
    jobs = [
        ("predict", {"model": settings} | given),
        ("predict", {"model": fixed} | given),
        ("mirrored", {"side": 5, "from": -17, "to": 23}),
        ("mirrored", {"side": 1, "from": -2, "to": 3}),
    ]
    whole, tiled, five, one = called(tmp_path, jobs)
    for found in (whole, tiled):
        assert np.array_equal(np.float32(found["found"]).reshape(-1, 2)[:, 1], image.ravel())
    assert len(whole["seen"]) > 1
    assert set(map(tuple, tiled["seen"])) == {(64, 64)}
    assert five == np.pad(np.arange(5), (17, 18), mode="reflect").tolist()
    assert one == [0] * 5


@in_node
def test_a_png_is_read_as_we_read_it(tmp_path):
    rng, jobs = np.random.default_rng(0), []
    smooth = ndimage.gaussian_filter(rng.random((37, 53)), 2)
    smooth = (smooth - smooth.min()) / np.ptp(smooth)
    gray = Image.fromarray((smooth * 255).astype(np.uint8))
    colours = rng.integers(0, 256, (20, 31, 4), dtype=np.uint8)
    pictures = {
        "gray": gray,
        "gray of 16 bits": Image.fromarray((smooth * 9000 + 300).astype(np.uint16)),
        "gray with alpha": Image.fromarray(colours[..., :2]),
        "colours": Image.fromarray(colours[..., :3]),
        "colours with alpha": Image.fromarray(colours),
        "a palette of 3 bits": gray.quantize(7),
        "a mask": Image.fromarray(smooth > 0.5),
    }
    for name, picture in pictures.items():
        picture.save(tmp_path / f"{name}.png")
        for stretched in (False, True):
            jobs.append(("read", {"file": str(tmp_path / f"{name}.png"), "stretched": stretched}))
    jobs.append(
        ("read", {"file": str(tmp_path / "colours.png"), "channels": 1, "stretched": False})
    )
    jobs.append(("read", {"file": str(tmp_path / "gray.png"), "channels": 3, "stretched": False}))
    *found, as_gray, as_colour = called(tmp_path, jobs)
    for (_, given), read in zip(jobs, found, strict=False):
        wanted = tu.data.read_image(given["file"], stretch=given["stretched"])
        assert tuple(read["shape"]) == wanted.shape, given
        assert np.array_equal(np.float32(read["data"]).reshape(wanted.shape), wanted), given
    shades = np.asarray(pictures["colours"].convert("L")) / np.float32(255)
    assert np.array_equal(np.float32(as_gray["data"]).reshape(shades.shape), shades)
    assert as_colour["shape"] == [37, 53, 3]


@in_node
def test_of_equally_probable_classes_it_is_the_first(tmp_path):
    p = np.array([[0.2, 0.5, 0.3], [0.4, 0.4, 0.2], [0.1, 0.45, 0.45]], np.float32)
    assert called(tmp_path, [("classes", {"p": p.ravel().tolist(), "classes": 3})]) == [[1, 0, 1]]


def test_one_version_of_the_runtime_is_named_everywhere():
    root = Path(__file__).parents[1]
    fetched = (root / "tests" / "browser" / "fetch.py").read_text(encoding="utf-8")
    assert f'ONNX_RUNTIME = "{web_page.RUNTIME_VERSION}"' in fetched
    page = (root / "docs" / "export.md").read_text(encoding="utf-8")
    assert set(re.findall(r"onnxruntime-web[@-](\d[\d.]*\d)", page)) == {web_page.RUNTIME_VERSION}
