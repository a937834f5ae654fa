"""The files around the package agree with each other."""

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import yaml
from conftest import QUICK

import tinyunet

ROOT = Path(__file__).parents[1]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PROJECT = PYPROJECT["project"]
RENAMED = {"matplotlib": "matplotlib-base"}  # conda's name for it without a window toolkit


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def split(requirement: str) -> tuple[str, str]:
    requirement = requirement.partition(";")[0]  # without where it is needed
    name, version = re.fullmatch(r"([\w-]+)\s*(>=[\d.]+)?", requirement).groups()
    return RENAMED.get(name, name), version or ""


def test_environment_is_in_step_with_pyproject():
    lines = read("environment.yml").splitlines()
    listed = dict(
        split(line[4:]) for line in lines if re.match(r"  - \w", line) and "pip" not in line
    )
    listed.pop("conda-forge")
    extras = PROJECT["optional-dependencies"]
    wanted = dict(split(r) for r in PROJECT["dependencies"] + extras["lessons"] + extras["test"])
    wanted["python"] = PROJECT["requires-python"]
    assert listed == wanted


def test_binder_and_dev_containers_install_what_the_lessons_need():
    binder = yaml.safe_load(read(".binder/environment.yml"))
    (python,) = (line for line in binder["dependencies"] if line.startswith("python="))
    container = json.loads(read(".devcontainer/devcontainer.json"))
    assert python.partition("=")[2] == container["image"].partition(":")[2]
    assert os.access(ROOT / ".binder" / "postBuild", os.X_OK)
    for command in (read(".binder/postBuild"), container["postCreateCommand"]):
        (extras,) = re.findall(r"""install .*-e ["']\.\[([\w,]+)\]["']""", command)
        assert "lessons" in extras.split(",")
        assert set(extras.split(",")) <= PROJECT["optional-dependencies"].keys()


def test_every_file_states_the_same_version():
    assert tinyunet.__version__ == PROJECT["version"]
    assert re.search(r"^## (\S+)", read("CHANGELOG.md"), re.MULTILINE)[1] == PROJECT["version"]
    citation = yaml.safe_load(read("CITATION.cff"))
    assert citation["version"] == PROJECT["version"]
    assert citation["license"] == PROJECT["license"]
    assert citation["authors"] == PROJECT["authors"]


def test_the_sdist_takes_files_that_are_there():
    for name in PYPROJECT["tool"]["hatch"]["build"]["targets"]["sdist"]["include"]:
        assert (ROOT / name).exists(), name


def test_the_type_check_reads_what_is_to_be_read_and_wants_types_there():
    mypy = PYPROJECT["tool"]["mypy"]
    assert mypy["files"] == [f"tinyunet/{x}" for x in ("layers", "losses", "networks", "gradcheck")]
    assert mypy["disallow_untyped_defs"]
    assert all((ROOT / folder).is_dir() for folder in mypy["files"])
    assert (ROOT / "tinyunet" / "py.typed").exists()


# ---------------------------------------------------------------------- what hosts and hooks run

WORKFLOW = yaml.safe_load(read(".github/workflows/tests.yml"))


def commands(job: str) -> list[str]:
    return [step["run"] for step in WORKFLOW["jobs"][job]["steps"] if "run" in step]


def test_the_workflow_runs_on_every_system_with_the_lowest_and_the_newest_python():
    assert WORKFLOW[True] == {"push": {"branches": ["main"]}, "pull_request": None}  # YAML's "on"
    job = WORKFLOW["jobs"]["quick"]
    matrix = job["strategy"]["matrix"]
    assert matrix["system"] == ["ubuntu-latest", "macos-latest", "windows-latest"]
    lowest, newest = matrix["python"]  # text: 3.10 as a number is 3.1
    assert PROJECT["requires-python"] == f">={lowest}"
    assert newest == "3.14"  # that of browsers
    used = set(re.findall(r"\$\{\{ matrix\.(\w+) \}\}", json.dumps(job)))
    assert used == matrix.keys()
    assert f"with Python {lowest} and {newest}" in read("CONTRIBUTING.md")
    (lint,) = [step["with"] for step in WORKFLOW["jobs"]["lint"]["steps"] if "with" in step]
    assert lint == {"python-version": lowest}


def test_the_workflow_runs_what_ci_runs():
    ci = (
        read(".ci/run")
        .replace("pip install -q", "pip install")
        .replace("tinyunet/examples", "examples")
    )
    for job in WORKFLOW["jobs"]:
        install, *checks = commands(job)
        extras = re.fullmatch(r'python -m pip install "\.\[([\w,]+)\]"', install)[1]
        assert f"[{extras}]" in ci
        assert set(extras.split(",")) <= PROJECT["optional-dependencies"].keys()
        assert len(checks) > 1
        for check in checks:
            assert check.removeprefix("python ") in ci, check


def test_what_checks_style_has_one_version():
    dev = PROJECT["optional-dependencies"]["dev"]
    (ruff,) = [requirement for requirement in dev if requirement.startswith("ruff==")]
    assert any(requirement.startswith("mypy==") for requirement in dev)
    (repo,) = yaml.safe_load(read(".pre-commit-config.yaml"))["repos"]
    hooks = {hook["id"]: hook for hook in repo["hooks"]}
    for name in ("ruff-check", "ruff-format"):
        assert hooks[name]["additional_dependencies"] == [ruff]
        assert hooks[name]["entry"].removesuffix(" --force-exclude") in " ".join(commands("lint"))
    assert hooks["quick-tests"]["entry"] in commands("quick")[1].replace("-W error ", "")


def test_the_example_runs_in_one_go_and_is_short(tmp_path):
    example = ROOT / "examples" / "train_by_hand.py"
    assert len(example.read_text(encoding="utf-8").splitlines()) <= 60
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-W", "error", str(example), "20"]
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert re.search(r"^step   20 of 20   loss 0\.\d+$", done.stdout, re.MULTILINE)
    assert re.search(r"^SEG 0\.\d+ on 10 test images", done.stdout, re.MULTILINE)
    assert [path.name for path in tmp_path.iterdir()] == ["by_hand.png"]


def test_the_example_uses_public_names_alone():
    text = read("examples/train_by_hand.py")
    assert set(re.findall(r"^(?:import|from) (\w+)", text, re.MULTILINE)) == {
        "sys",
        "numpy",
        "tinyunet",
    }
    for name in set(re.findall(r"\btu\.([\w.]+)", text)):
        first, _, second = name.partition(".")
        assert first in tinyunet.__all__
        assert not second or second in getattr(tinyunet, first).__all__


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
        text = read(f"tests/{path}")
        assert f"def {start.partition('[')[0]}" in text, name
