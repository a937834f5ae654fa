"""The lessons as a browser gets them: notebooks, the package, and the links to them."""

import base64
import csv
import hashlib
import io
import json
import re
import sys
import zipfile
from pathlib import Path

import pytest

import tinyunet
from tinyunet.exercises import notebooks

ROOT = Path(__file__).parents[1]
sys.path.append(str(ROOT))  # where docs/ is, which is not installed

from docs import browser, hosts  # noqa: E402

STUDENT = ROOT / "lessons" / "exercises" / "02_backward_and_proof.ipynb"


def test_a_notebook_has_no_outputs_and_begins_by_installing():
    solved = (ROOT / "lessons" / STUDENT.name).read_text(encoding="utf-8")
    before, after = json.loads(solved)["cells"], json.loads(browser.in_browser(solved))["cells"]
    assert any(cell.get("outputs") for cell in before)
    assert not any(cell.get("outputs") for cell in after)
    assert [cell["source"] for cell in after[2:]] == [cell["source"] for cell in before]
    words, install = after[:2]
    assert words["metadata"]["tags"] == install["metadata"]["tags"] == ["browser"]
    assert "sizes are small there" in words["source"]
    assert "Download" in words["source"]
    assert "%pip install -q tinyunet" in install["source"]


def test_the_first_cell_does_nothing_where_tinyunet_is_installed(monkeypatch):
    code = browser.INSTALL.replace("%pip install -q tinyunet", "raise AssertionError")
    exec(code, {})
    monkeypatch.setattr(sys, "platform", "emscripten")
    with pytest.raises(AssertionError):
        exec(code, {})


def test_pages_of_words_stay_as_they_are():
    page = {"cells": [{"cell_type": "markdown", "source": "# Start"}], "metadata": {}}
    assert json.loads(browser.in_browser(json.dumps(page)))["cells"] == page["cells"]


def test_work_that_was_downloaded_counts_as_before(tmp_path):
    before = notebooks.progress(tmp_path)
    mine = tmp_path / "exercises" / STUDENT.name
    mine.parent.mkdir()
    mine.write_text(browser.in_browser(STUDENT.read_text(encoding="utf-8")), encoding="utf-8")
    assert notebooks.progress(tmp_path) == before


def test_the_wheel_holds_the_package_without_the_lessons(tmp_path):
    wheel = browser.slim_wheel(tmp_path)
    assert wheel.name == f"tinyunet-{tinyunet.__version__}-py3-none-any.whl"
    assert wheel.stat().st_size < 1.5e6
    info = f"tinyunet-{tinyunet.__version__}.dist-info"
    with zipfile.ZipFile(wheel) as files:
        names = files.namelist()
        record = list(csv.reader(io.StringIO(files.read(f"{info}/RECORD").decode())))
        about = files.read(f"{info}/METADATA").decode()
        for name, digest, size in record[:-1]:
            data = files.read(name)
            raw = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).decode().rstrip("=")
            assert (digest, int(size)) == (f"sha256={raw}", len(data)), name
    assert [row[0] for row in record] == names
    assert {"tinyunet/__init__.py", "tinyunet/data/sets/picture/image.png"} <= set(names)
    assert not [name for name in names if name.endswith((".ipynb", ".pyc"))]
    # A browser's Python has one version of each package, which a bound could only refuse.
    needs = set(re.findall(r"^Requires-Dist: (.*)$", about, re.MULTILINE))
    assert needs == {"numpy", "scipy", "pillow", "tqdm", "threadpoolctl", "matplotlib"}


# ---------------------------------------------------------------------- links


@pytest.mark.parametrize(
    "urls",
    [{}, {"Homepage": "https://github.com/a/b"}, {"Repository": "https://elsewhere.example"}],
)
def test_without_a_public_place_no_host_is_named(urls):
    assert hosts.of_notebook("lessons/x.ipynb", urls) == []


@pytest.mark.parametrize("end", ["", "/", ".git"])
def test_with_a_public_place_hosts_open_the_notebook(end):
    urls = {"Repository": f"https://github.com/some-one/nets{end}"}
    colab, binder = hosts.of_notebook("lessons/exercises/x.ipynb", urls)
    assert colab.endswith("/github/some-one/nets/blob/main/lessons/exercises/x.ipynb)")
    assert binder.endswith("/gh/some-one/nets/main?labpath=lessons/exercises/x.ipynb)")


def test_links_lead_to_notebooks_that_are_there():
    assert browser.link("04_x").count(
        'href="../run/notebooks/index.html?path=exercises/04_x.ipynb"'
    )
    page = (ROOT / "docs" / "site" / "index.md").read_text(encoding="utf-8")
    assert page.count("<!-- runs in a browser -->\n") == 1
    for path in re.findall(r"\?path=([\w/]+)\.ipynb", browser.FIRST_PAGE):
        folder, _, name = path.rpartition("/")
        assert (ROOT / "lessons" / folder / f"{name}{'.ipynb' if folder else '.md'}").exists()
