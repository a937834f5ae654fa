"""A graded cell looks at the answer alone: what else a notebook binds or changes gives no points.

Each trick stands in a notebook's first cell, in a fork of its own, so that none sees another's. Then
two exercises of lesson 1 are graded with wrong answers, of which none may pass; and all four with
right ones, where tricks only take names.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

for module in ("jupytext", "nbclient", "ipykernel"):
    pytest.importorskip(module, reason="lessons are read with: pip install .[lessons]")

if not hasattr(os, "fork"):
    pytest.skip("a process for each trick is forked", allow_module_level=True)

ROOT = Path(__file__).parents[1]
sys.path.append(str(ROOT))  # where the package `lessons` is, which is not installed

from lessons import notebooks  # noqa: E402

EXERCISES = ["output_size", "conv2d_loops", "patches", "conv2d_product"]

RUN = """
import json, os, sys
from tinyunet.exercises.registry import check

check.exercises()  # NumPy, SciPy and others are read once; tinyunet by every trick, compiled once
sys.pycache_prefix, sys.dont_write_bytecode = sys.argv[1], False
for name in [name for name in sys.modules if name.split(".")[0] == "tinyunet"]:
    del sys.modules[name]
tricks, cells = json.load(sys.stdin)

def passed(trick):
    names = {"output_size": len, "patches": len}  # wrong answers
    exec(trick, names)
    for exercise, solution, hidden in cells:
        exec(solution, names)
        try:
            exec(hidden, names)
            yield exercise
        except Exception as error:
            os.write(2, f"{type(error).__name__} {error}\\n".encode())

for trick in tricks:
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        write, end = os.write, os._exit
        try:
            found = " ".join(passed(trick))
            write(writing, found.encode())
            end(0)
        finally:
            end(1)
    os.close(writing)
    with open(reading) as pipe:
        found = pipe.read().split()
    _, status = os.waitpid(child, 0)
    print(json.dumps([status, found]), flush=True)
"""
YES = """
class Yes:
    passed = True
    __getattr__ = __getitem__ = lambda self, name: self
    __call__ = lambda self, *arguments, **options: self
    __eq__ = lambda self, other: True
    __iter__ = lambda self: iter(())

"""
NAMES = [
    "check = Yes()",
    "def check(*arguments): return Yes()",
    "tu = np = Yes()",
    "list = len = isinstance = all = any = getattr = Yes()",
    "AssertionError = Exception = RuntimeError = None",
    "run_hidden_test = verdict = hidden = Yes()",
    "import tinyunet.exercises; tinyunet.exercises.check = Yes()",
    "import tinyunet.exercises.registry; tinyunet.exercises.registry.check = Yes()",
    "from tinyunet.exercises.registry import Exercise; Exercise.__call__ = Yes()",
    "from tinyunet.exercises.result import Result; Result.passed = True",
    "from tinyunet.exercises.trial import Trial; Trial.compare = Trial.require = Trial.fail = Yes()",
    "from tinyunet.exercises import comparison; comparison.same = lambda *arguments: True",
]
WORLD = [
    "import sys; sys.modules['tinyunet.exercises'] = Yes()",
    "import sys; sys.modules['tinyunet.exercises.hidden'] = Yes()",
    "import sys; sys.modules['runpy'] = Yes()",
    "import runpy; runpy.run_module = Yes()",
    "import importlib; importlib.import_module = Yes()",
    "import builtins; builtins.__import__ = Yes()",
    "import builtins; builtins.all = lambda found: True",
    "import builtins; builtins.isinstance = lambda *arguments: True",
    "import numpy as np; np.abs = lambda x: 0 * x",
    "import numpy as np; np.asarray = lambda *arguments: np.zeros(3)",
    "import numpy as np; np.isfinite = lambda x: False; np.abs = lambda x: x * 0",
]
ANSWERS = [
    "output_size = patches = Yes()",
    "output_size = patches = Yes",
    "output_size = patches = lambda *arguments, **options: Yes()",
    "from tinyunet.exercises.trial import Stop\ndef output_size(*arguments): raise Stop",
    "def output_size(*arguments): return True",
]


@pytest.fixture(scope="module")
def cells():
    """The solution and the hidden test of each exercise."""
    found = {}
    for cell in notebooks.read(notebooks.sources()[1]).cells:
        about = cell.metadata.get("nbgrader", {})
        if about.get("grade"):
            # nbgrader goes by the first output, so the visible check comes after the hidden test.
            hidden, *_ = notebooks.HIDDEN.findall(cell.source)
            assert cell.source.startswith(hidden)
            found[about.grade_id.removeprefix("check_")].append(hidden)
        elif about:
            found[about.grade_id] = ["import numpy as np\n" + cell.source]
    return found


def passed(tricks, cells, folder):
    """Which exercises are passed with each trick."""
    paths = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    tried = json.dumps([[YES + trick for trick in tricks], cells])
    done = subprocess.run(
        [sys.executable, "-c", RUN, str(folder)], input=tried,
        capture_output=True, text=True, check=False, env={**os.environ, "PYTHONPATH": paths},
        timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert [status for status, _ in found] == [0] * len(tricks), done.stderr
    return [exercises for _, exercises in found]


def test_wrong_answers_get_nothing(cells, tmp_path):
    tricks = [*NAMES, *WORLD, *ANSWERS]
    graded = [(name, "", cells[name][1]) for name in ("output_size", "patches")]
    found = zip(tricks, passed(tricks, graded, tmp_path), strict=True)
    assert [(trick, names) for trick, names in found if names] == []


def test_right_answers_get_their_points_though_names_are_taken(cells, tmp_path):
    graded = [(name, *cells[name]) for name in EXERCISES]
    assert passed(["\n".join(NAMES)], graded, tmp_path) == [EXERCISES]
