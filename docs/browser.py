"""The lessons in a browser: Python itself runs in the page, nothing is installed, nothing is sent away.

    pip install ".[docs,browser]"
    python -m docs.build --browser                      into docs/_build/html/run
    python -m docs.build --browser --pyodide FOLDER     with Python for browsers from a folder

JupyterLite makes the pages. They fetch Pyodide, which is Python for browsers, from where JupyterLite
says; with a folder that `tests/browser/fetch.py` filled, the site holds it, and fetches nothing from
elsewhere (50 MB more).
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import tinyunet
from tinyunet.exercises import copies

ROOT = Path(__file__).parents[1]
NAME = re.compile(r"[\w-]+")  # of a requirement
RUN = "run"  # the folder of the site
INSTALL = """\
import sys

if sys.platform == "emscripten":
    %pip install -q tinyunet
    import logging

    logging.getLogger("matplotlib.font_manager").setLevel("ERROR")  # its first start is slow"""
WORDS = """\
*You are in a browser: Python runs on this page, and sizes are small there. Run the first cell to get
tinyunet. Your work is kept in this browser alone: **File → Download** saves this notebook on your
computer, where `tinyunet lessons` continues it.*"""
FIRST_PAGE = """\
- **In your browser**, without installing anything:
  <a href="run/notebooks/index.html?path=exercises/00_pixels_to_labels.ipynb">run lesson 0</a>, or
  <a href="run/lab/index.html?path=START.ipynb">all lessons</a>.
"""
SETTINGS = {"@jupyterlab/apputils-extension:sessionDialogs": {"skipKernelRestartDialog": True}}


def build(html: Path, work: Path, pyodide: Path | None = None) -> None:
    """Put the lessons, to be run in a browser, into the site.

    Parameters
    ----------
    html
        The site's folder; they go to its folder ``run``.
    work
        A folder for what is made on the way.
    pyodide
        A folder that ``tests/browser/fetch.py`` filled; None for pages that fetch Pyodide.

    Raises
    ------
    SystemExit
        If JupyterLite fails.
    """
    shutil.rmtree(work, ignore_errors=True)
    content = work / "content"
    copies.copy(content)
    for path in content.rglob("*.ipynb"):
        path.write_text(in_browser(path.read_text(encoding="utf-8")), encoding="utf-8")
    wheels = [slim_wheel(work)]
    (work / "overrides.json").write_text(json.dumps(SETTINGS), encoding="utf-8")
    if pyodide:
        shutil.copytree(pyodide / "pyodide", work / "static" / "pyodide")
        wheels += sorted((pyodide / "site_wheels").glob("*.whl"))
    command = [sys.executable, "-m", "jupyter", "lite", "build", "--no-libarchive"]
    command += ["--no-sourcemaps", "--no-unused-shared-packages"]
    command += ["--lite-dir", str(work), "--contents", str(content)]
    command += ["--output-dir", str(html / RUN), "--apps", "lab", "--apps", "notebooks"]
    for wheel in wheels:
        command += ["--piplite-wheels", str(wheel)]
    done = subprocess.run(command, cwd=work, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{done.stdout}{done.stderr}\nJupyterLite failed, see above")


def link(lesson: str) -> str:
    """What leads from a lesson's page to the student's notebook; HTML, for Sphinx has no such page."""
    address = f"../{RUN}/notebooks/index.html?path=exercises/{lesson}.ipynb"
    return f'<a href="{address}">Run it in the browser</a>'


def in_browser(text: str) -> str:
    """Prepare a notebook: without outputs, with cells before its code that install tinyunet."""
    notebook = json.loads(text)
    cells = notebook["cells"]
    for cell in cells:
        if cell["cell_type"] == "code":
            cell["outputs"], cell["execution_count"] = [], None
    if any(cell["cell_type"] == "code" for cell in cells):
        about = {"metadata": {"tags": ["browser"]}}
        words = {"cell_type": "markdown", "id": "browser-words", "source": WORDS} | about
        code = {"cell_type": "code", "id": "browser-install", "source": INSTALL} | about
        cells[:0] = [words, code | {"outputs": [], "execution_count": None}]
    notebook["metadata"]["kernelspec"] = {
        "display_name": "Python (Pyodide)",
        "language": "python",
        "name": "python",
    }
    return json.dumps(notebook, ensure_ascii=False, indent=1)


def slim_wheel(folder: Path) -> Path:
    """Write a wheel of the package without the lessons' files, which the site has anyway.

    It asks for packages, not for versions: the browser's Python has one version of each.
    """
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    name = f"tinyunet-{tinyunet.__version__}"
    package = sorted(path for path in (ROOT / "tinyunet").rglob("*") if path.is_file())
    files = {
        path.relative_to(ROOT).as_posix(): path.read_bytes()
        for path in package
        if "__pycache__" not in path.parts
    }
    needs = [line for line in project["dependencies"] if "!= 'emscripten'" not in line]
    about = ["Metadata-Version: 2.1", "Name: tinyunet", f"Version: {tinyunet.__version__}"]
    about += [f"Requires-Dist: {NAME.match(line)[0]}" for line in needs]
    wheel = ["Wheel-Version: 1.0", "Generator: docs.browser", "Root-Is-Purelib: true"]
    info = f"{name}.dist-info"
    files[f"{info}/METADATA"] = ("\n".join(about) + "\n").encode()
    files[f"{info}/WHEEL"] = ("\n".join([*wheel, "Tag: py3-none-any"]) + "\n").encode()
    files[f"{info}/LICENSE"] = (ROOT / "LICENSE").read_bytes()
    record = [f"{path},{_digest(data)},{len(data)}" for path, data in files.items()]
    files[f"{info}/RECORD"] = "\n".join([*record, f"{info}/RECORD,,", ""]).encode()
    target = folder / f"{name}-py3-none-any.whl"
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, data in files.items():
            archive.writestr(path, data)
    return target


def _digest(data: bytes) -> str:
    """A checksum as a wheel's list has it."""
    raw = base64.urlsafe_b64encode(hashlib.sha256(data).digest())
    return "sha256=" + raw.decode().rstrip("=")
