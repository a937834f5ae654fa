"""The files around the package agree with each other."""

import re
import tomllib
from pathlib import Path

import tinyunet

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
RENAMED = {"matplotlib": "matplotlib-base"}  # conda's name for it without a window toolkit


def split(requirement: str) -> tuple[str, str]:
    name, version = re.fullmatch(r"([\w-]+)\s*(>=[\d.]+)?", requirement).groups()
    return RENAMED.get(name, name), version or ""


def test_environment_is_in_step_with_pyproject():
    lines = (ROOT / "environment.yml").read_text().splitlines()
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
