"""The package in Python for browsers: its core tests under Node, and lessons in Chromium, offline.

python tests/browser/fetch.py FOLDER
pip install ".[docs,browser]"
TINYUNET_PYODIDE=FOLDER python -m pytest -m browser
"""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HERE, ROOT = Path(__file__).parent, Path(__file__).parents[2]
FOLDER = os.environ.get("TINYUNET_PYODIDE", "")
NODE = shutil.which("node")
CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), ""
)
CORE = (
    "data/test_dataset.py", "data/test_synthetic.py", "metrics/test_cells.py",
    "metrics/test_partitions.py", "test_labelling.py", "test_loss.py", "test_optim.py",
    "test_unet.py",
)  # fmt: skip
LESSON = "02_backward_and_proof"

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(
        not (NODE and FOLDER and Path(FOLDER, "pyodide").is_dir()),
        reason="in Python for browsers: needs node, and TINYUNET_PYODIDE to name a folder that "
        "tests/browser/fetch.py filled",
    ),
]
in_chromium = pytest.mark.skipif(not CHROMIUM, reason="lessons in a browser: needs Chromium")


def test_the_core_tests_pass_in_python_for_browsers():
    files = [f"tests/{name}" for name in CORE]
    command = [NODE, str(HERE / "suite.mjs"), FOLDER, str(ROOT), "-q", *files]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]
    assert int(re.search(r"(\d+) passed", done.stdout)[1]) > 300


@pytest.fixture(scope="module")
def site():
    for module in ("sphinx", "myst_nb", "jupyterlite_core", "jupyterlite_pyodide_kernel"):
        pytest.importorskip(module, reason="the site is made with: pip install .[docs,browser]")
    command = [sys.executable, "-m", "docs.build", "--check", "--browser", "--pyodide", FOLDER]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return ROOT / "docs" / "_build" / "html"


def visit(site, folder, **task):
    """What Chromium reports of a task for chromium.mjs."""
    given, found = folder / "task.json", folder / "report.json"
    given.write_text(json.dumps({"seconds": 600, **task}))
    command = [NODE, HERE / "chromium.mjs", FOLDER, site, CHROMIUM, given, found]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    report = json.loads(found.read_text(encoding="utf-8"))
    assert report["over"]
    assert report["elsewhere"] == []
    return report


def outputs(report, kind):
    return [x for cell in report["cells"] for x in cell["outputs"] if x["output_type"] == kind]


def passed(report):
    """The names of the checks that say that they passed."""
    results = outputs(report, "execute_result") + outputs(report, "display_data")
    texts = ["".join(result["data"].get("text/plain", "")) for result in results]
    return {text.partition(":")[0] for text in texts if ": passed" in text.split("\n")[0]}


def names(lesson):
    text = (ROOT / "lessons" / "exercises" / f"{lesson}.ipynb").read_text(encoding="utf-8")
    return set(re.findall(r'"grade_id": "check_(\w+)"', text))


@in_chromium
def test_two_clicks_from_the_first_page_to_an_exercise_that_runs(site, tmp_path):
    report = visit(site, tmp_path, start="index.html", click=["run lesson 0"], button=True)
    assert report["clicks"] == 2
    (error,) = outputs(report, "error")  # the student's notebook ends at the first exercise
    assert "is not solved yet. For a hint:" in error["evalue"].replace("\n", "")


@in_chromium
def test_a_solved_lesson_runs_to_its_end(site, tmp_path):
    start = f"run/notebooks/index.html?path=solved/{LESSON}_solved.ipynb"
    hints = [f"print(check.hint({name!r}))" for name in names(LESSON) for _ in range(3)]
    report = visit(site, tmp_path, start=start, last="\n".join(hints))
    assert outputs(report, "error") == []
    assert [x for x in outputs(report, "stream") if x["name"] == "stderr"] == []
    assert passed(report) == names(LESSON)
    printed = "".join("".join(x["text"]) for x in outputs(report, "stream"))
    assert "In a browser the lessons take fewer images and steps" in printed
    assert all(printed.count(f"{name}, hint ") == 3 for name in names(LESSON))


@in_chromium
def test_right_answers_pass_in_a_students_notebook(site, tmp_path):
    other = ROOT / "tests" / "exercises" / "other_answers" / f"lesson_{LESSON[:2]}.py"
    found = re.findall(
        r"^# %% (\w+)\n(.*?)(?=^# %% |\Z)", other.read_text(), re.MULTILINE | re.DOTALL
    )
    start = f"run/notebooks/index.html?path=exercises/{LESSON}.ipynb"
    report = visit(site, tmp_path, start=start, answers=dict(found))
    assert outputs(report, "error") == []
    assert passed(report) == names(LESSON)
