"""A graded cell looks at the answer alone: what else a notebook binds or changes gives no points.

Each trick stands in a notebook's first cell. Then two exercises of lesson 1 are graded with wrong
answers, of which none may pass; and all four with right ones, where tricks only take names.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

for module in ("jupytext", "nbclient", "ipykernel"):
    pytest.importorskip(module, reason="lessons are read with: pip install .[lessons]")

ROOT = Path(__file__).parents[1]
sys.path.append(str(ROOT))  # where the package `lessons` is, which is not installed

from lessons import notebooks  # noqa: E402

EXERCISES = ["output_size", "conv2d_loops", "patches", "conv2d_product"]

RUN = """
import json, sys

trick, cells = json.load(sys.stdin)
names, passed = {"output_size": len, "patches": len}, []  # wrong answers
exec(trick, names)
for exercise, solution, hidden in cells:
    exec(solution, names)
    try:
        exec(hidden, names)
        passed.append(exercise)
    except Exception as error:
        print(type(error).__name__, error, file=sys.stderr)
sys.stdout.write(" ".join(passed))
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


def passed(trick, cells):
    paths = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-c", RUN], input=json.dumps([YES + trick, cells]), capture_output=True,
        text=True, check=False, env={**os.environ, "PYTHONPATH": paths}, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


@pytest.mark.parametrize("trick", [*NAMES, *WORLD, *ANSWERS])
def test_wrong_answers_get_nothing(trick, cells):
    assert passed(trick, [(name, "", cells[name][1]) for name in ("output_size", "patches")]) == []


def test_right_answers_get_their_points_though_names_are_taken(cells):
    graded = [(name, *cells[name]) for name in EXERCISES]
    assert passed("\n".join(NAMES), graded) == EXERCISES
