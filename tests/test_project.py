"""The files around the package agree with each other."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

from conftest import QUICK

import tinyunet

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
RENAMED = {"matplotlib": "matplotlib-base"}  # conda's name for it without a window toolkit


def split(requirement: str) -> tuple[str, str]:
    name, version = re.fullmatch(r"([\w-]+)\s*(>=[\d.]+)?", requirement).groups()
    return RENAMED.get(name, name), version or ""


def test_environment_is_in_step_with_pyproject():
    lines = (ROOT / "environment.yml").read_text(encoding="utf-8").splitlines()
    listed = dict(
        split(line[4:]) for line in lines if re.match(r"  - \w", line) and "pip" not in line
    )
    listed.pop("conda-forge")
    wanted = dict(
        split(r) for r in PROJECT["dependencies"] + PROJECT["optional-dependencies"]["test"]
    )
    wanted["python"] = PROJECT["requires-python"]
    assert listed == wanted


def test_version_is_stated_once():
    assert tinyunet.__version__ == PROJECT["version"]


def test_everything_public_is_there():
    assert all(hasattr(tinyunet, name) for name in tinyunet.__all__)


def test_importing_waits_for_neither_scipy_nor_matplotlib():
    code = (
        "import sys, tinyunet as tu; layer = tu.Conv2d(1, 2); "
        "print([name for name in ('scipy', 'matplotlib', 'PIL', 'tifffile') if name in sys.modules]); "
        "print(tu.weight_map.__module__, tu.plots.compare.__name__, 'scipy' in sys.modules)"
    )
    command = [sys.executable, "-c", code]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["[]", "tinyunet.data.weightmap compare True"]
    assert set(dir(tinyunet)) >= set(tinyunet.__all__)
    assert not hasattr(tinyunet, "weightmap")


def test_quick_tests_exist():
    for name in QUICK:
        path, _, start = name.partition("::")
        text = (ROOT / "tests" / path).read_text(encoding="utf-8")
        assert f"def {start.partition('[')[0]}" in text, name
