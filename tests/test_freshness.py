"""Notebooks are stale when a definition that they reach changed, and not when one has only moved.

The packages are made for the tests; the lesson below reaches all that `pack` defines but `unused`.
"""

import ast
import importlib
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
sys.path.append(str(ROOT))  # where the package `lessons` is, which is not installed

import tinyunet as tu  # noqa: E402
from lessons import freshness  # noqa: E402
from lessons.definitions import read  # noqa: E402
from lessons.names import used  # noqa: E402

LESSON = """
import pack as pk
from pack.exercises import check

print(pk.Layer().forward(2), pk.tables.SIZES, pk.total([1]))
check("add")
"""
PACK = {
    "__init__.py": "from pack import tables\nfrom pack.layers import Layer\n"
    "from pack.tables import total\n",
    "layers.py": '''"""Layers."""

from __future__ import annotations

import math

import pack.tools as tools
from pack.tools import LIMIT


class Base:
    """A base."""

    size: int = 3

    def rounded(self, x: float) -> float:
        """Round."""
        return math.floor(x)  # down


class Layer(Base):
    def forward(self, x, by=2):
        return self.rounded(tools.scaled(x, by)) + LIMIT


def unused(x):
    return x + 1
''',
    "tools.py": '''LIMIT = 10


def scaled(x, by):
    return _product(x, by)


def _product(x, y):
    """Multiply."""
    return x * y
''',
    "tables.py": """SIZES = {"small": 1}
for name in ("large", "huge"):
    SIZES[name] = len(name)
SIZES["none"] = 0


def total(numbers):
    return sum(numbers)
""",
    "exercises/__init__.py": "from pack.exercises.registry import check, exercise\n",
    "exercises/registry.py": """_exercises = {}


def exercise(hint):
    return lambda examine: _exercises.setdefault(examine.__name__, examine)


def check(name):
    return _exercises[name]
""",
    "exercises/lesson_01/__init__.py": "from pack.exercises.lesson_01 import adding\n",
    "exercises/lesson_01/adding.py": """from pack.exercises import exercise


@exercise("think")
def add(x: int):
    return x == right()


def right():
    return 3
""",
    "exercises/lesson_02.py": "def other():\n    return 1\n",
}


def fingerprints(folder, files, code=LESSON):
    for name, text in files.items():
        path = folder / "pack" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return freshness.fingerprints(code, lesson=1, package=folder / "pack")


def edited(file, old, new, files=PACK):
    assert old in files[file]
    return {file: files[file].replace(old, new)}


def changes(folder, files, before=PACK, code=LESSON):
    """What is said after files took the place of others; None takes one away."""
    after = {name: text for name, text in {**before, **files}.items() if text is not None}
    then = fingerprints(folder / "then", before, code)
    return freshness.changes(fingerprints(folder / "now", after, code), then)


def test_what_is_recorded_is_sorted_names(tmp_path):
    found = fingerprints(tmp_path, PACK)
    assert list(found) == sorted(found) == [
        "Base", "LIMIT", "Layer", "SIZES", "SIZES['none'] = 0", "_exercises", "_product", "add",
        "check", "exercise", "for name in ('large', 'huge'):", "right", "scaled", "the lesson", "total",
    ]  # fmt: skip


# ---------------------------------------------------------------------- fresh

TOOLS, LAYERS, TABLES = (PACK[f"{name}.py"] for name in ("tools", "layers", "tables"))
PRODUCT = TOOLS[TOOLS.index("def _product") :]
ADDING, REGISTRY = PACK["exercises/lesson_01/adding.py"], PACK["exercises/registry.py"]
MOVED = {
    "a module into a folder": {
        "tools.py": None,
        "inner/__init__.py": "",
        "inner/tools.py": TOOLS,
        "layers.py": LAYERS.replace("pack.tools", "pack.inner.tools"),
    },
    "a module becomes a folder": {
        "tools.py": None,
        "tools/__init__.py": "from .limits import LIMIT\nfrom .scales import scaled\n",
        "tools/limits.py": "LIMIT = 10\n",
        "tools/scales.py": TOOLS.replace("LIMIT = 10\n", ""),
    },
    "a helper into a file of its own": {
        "tools.py": "from pack.products import _product\n" + TOOLS.replace(PRODUCT, ""),
        "products.py": PRODUCT,
    },
    "two modules become one": {
        "tools.py": None,
        "layers.py": LAYERS.replace("pack.tools", "pack.tables"),
        "tables.py": TABLES + TOOLS,
    },
    "exercises into one file": {
        "exercises/lesson_01/__init__.py": None,
        "exercises/lesson_01/adding.py": None,
        "exercises/lesson_01.py": ADDING,
    },
    "exercises into another folder": {
        **{name: None for name in PACK if name.startswith("exercises/")},
        "exercises.py": "from pack.school.registry import check, exercise\n",
        "school/__init__.py": "",
        "school/registry.py": REGISTRY,
        "school/first/lesson_01.py": ADDING,
    },
}
SAME = {
    "a docstring": ("layers.py", "Round.", "Round down.\n\n        Always.\n        "),
    "no docstring": ("layers.py", '    """A base."""\n\n', ""),
    "a comment": ("layers.py", "# down", "# always down"),
    "a line wrapped": ("layers.py", "(tools.scaled(x, by))", "(\n    tools.scaled(\nx, by)\n)"),
    "annotations": ("tools.py", "scaled(x, by):", "scaled(x: float, by: int) -> float:"),
    "a constant's annotation": ("tools.py", "LIMIT = ", "LIMIT: int = "),
    "another order of imports": (
        "layers.py",
        "import pack.tools as tools\nfrom pack.tools import LIMIT\n",
        "from pack.tools import LIMIT\nfrom pack import tools\n",
    ),
    "a relative import": ("layers.py", "import pack.tools as tools", "from . import tools"),
    "an import inside": ("layers.py", "        return self", "        import re\n        return self"),
    "an import for annotations": (
        "tools.py",
        "def scaled(x",
        "if TYPE_CHECKING:\n    from pack.layers import unused\n\n\ndef scaled(x: unused",
    ),
    "a definition that is not reached": ("layers.py", "return x + 1", "return x + 2"),
    "a new definition": ("tools.py", "def scaled", "def new():\n    return scaled\n\n\ndef scaled"),
    "a new import": ("tables.py", "SIZES =", "from pack.layers import unused\n\nSIZES ="),
    "exercises of another lesson": ("exercises/lesson_02.py", "1", "2"),
    "what a command does": (
        "tables.py", "def total", 'if __name__ == "__main__":\n    print(1)\n\n\ndef total'
    ),
}  # fmt: skip


@pytest.mark.parametrize("files", MOVED.values(), ids=MOVED)
def test_fresh_after_a_move(tmp_path, files):
    assert changes(tmp_path, files) == []


@pytest.mark.parametrize("edit", SAME.values(), ids=SAME)
def test_fresh_after_an_edit_without_effect(tmp_path, edit):
    assert changes(tmp_path, edited(*edit)) == []


def test_what_is_no_longer_reached_does_not_matter(tmp_path):
    before = {**PACK, "tools.py": f"{TOOLS}\n\nprint(LIMIT)\n"}
    assert changes(tmp_path, {"tools.py": TOOLS}, before) == []


# ---------------------------------------------------------------------- stale

CHANGED = {
    "a default": ("layers.py", "by=2", "by=3", "Layer"),
    "a helper's helper": ("tools.py", "x * y", "x / y", "_product"),
    "a constant": ("tools.py", "10", "11", "LIMIT"),
    "a base class": ("layers.py", "math.floor", "math.ceil", "Base"),
    "a field's default": ("layers.py", "size: int = 3", "size: int = 4", "Base"),
    "a field's annotation": ("layers.py", "size: int", "size: ClassVar[int]", "Base"),
    "a method": ("layers.py", "scaled(x, by)", "scaled(by, x)", "Layer"),
    "a decorator": ("tools.py", "def _product", "@cache\ndef _product", "_product"),
    "a text": ("tables.py", '"small"', '"tiny"', "SIZES"),
    "a loop": ("tables.py", "len(name)", "2", "for name in ('large', 'huge'):"),
    "an exercise's check": ("exercises/lesson_01/adding.py", "==", "is", "add"),
    "an exercise's hint": ("exercises/lesson_01/adding.py", "think", "add", "add"),
    "what an exercise needs": ("exercises/lesson_01/adding.py", "return 3", "return 4", "right"),
    "the registry": ("exercises/registry.py", "_exercises[name]", "_exercises.get(name)", "check"),
}


@pytest.mark.parametrize("edit", CHANGED.values(), ids=CHANGED)
def test_stale_after_a_change_and_the_definition_is_named(tmp_path, edit):
    *edit, name = edit
    assert changes(tmp_path, edited(*edit)) == [f"{name} changed"]


def test_stale_when_a_name_comes_from_elsewhere(tmp_path):
    other = {
        "other.py": "LIMIT = 12\n",
        **edited("layers.py", "pack.tools import L", "pack.other import L"),
    }
    assert changes(tmp_path, other) == ["LIMIT changed"]
    import_of_python = edited("layers.py", "import math", "import cmath as math")
    assert changes(tmp_path / "python", import_of_python) == ["Base uses another definition"]


@pytest.mark.parametrize("name", ["f", "g"])
def test_stale_when_two_definitions_are_exchanged(tmp_path, name):
    def user(first, second):
        imports = f"from pack.{first} as first\nfrom pack.{second} as second\n"
        return {"user.py": f"{imports}\n\ndef user():\n    return first() - second()\n"}

    f, g = "a import f", f"b import {name}"
    written = {"a.py": "def f():\n    return 1\n", "b.py": f"def {name}():\n    return 2\n"}
    before = {"__init__.py": "", **written, **user(f, g)}
    code = "from pack.user import user\nuser()"
    assert changes(tmp_path, user(g, f), before, code) == ["user uses another definition"]


def test_stale_when_more_is_reached(tmp_path):
    more = "from pack.layers import unused\n" + TABLES.replace("sum(", "unused(")
    assert changes(tmp_path, {"tables.py": more}) == ["total changed", "unused is used now"]


# ---------------------------------------------------------------------- what names mean


def test_a_module_that_is_handed_on_counts_as_a_whole(tmp_path):
    code = "from pack import tools\nprint(tools)"
    assert changes(tmp_path / "a", edited("tools.py", "x * y", "x / y"), code=code) == [
        "_product changed"
    ]
    folder = MOVED["a module becomes a folder"]
    assert changes(tmp_path / "b", folder, code=code) == []
    before = {**PACK, **folder}
    del before["tools.py"]
    edit = edited("tools/scales.py", "x * y", "x / y", before)
    assert changes(tmp_path / "c", edit, before, code) == ["_product changed"]


def test_imports_for_annotations_do_not_count_in_a_module_that_is_handed_on(tmp_path):
    typed = "from pack.layers import unused\n" + TOOLS.replace("(x, by):", "(x: unused, by):")
    assert changes(tmp_path, {"tools.py": typed}, code="from pack import tools\nprint(tools)") == []


def test_stale_when_a_part_of_a_constant_changed(tmp_path):
    edit = edited("tables.py", "] = 0", "] = -1")
    assert changes(tmp_path, edit) == ["SIZES['none'] = -1 is used now"]


def test_exercises_count_that_are_no_definitions(tmp_path):
    before = {
        **PACK,
        "more/lesson_01.py": "from pack.exercises import exercise\n\nexercise(1)(len)\n",
    }
    edit = edited("more/lesson_01.py", "len", "max", before)
    assert changes(tmp_path, edit, before) == ["exercise(1)(max) is used now"]


def test_names_that_a_module_gives_late(tmp_path, monkeypatch):
    late = "def __getattr__(name):\n    import late.there\n\n    return getattr(late.there, name)\n"
    there = "def f():\n    return 1\n\n\nSIZE = 1\n"
    (tmp_path / "late").mkdir()
    (tmp_path / "late" / "__init__.py").write_text(late)
    (tmp_path / "late" / "there.py").write_text(there)
    monkeypatch.syspath_prepend(tmp_path)

    def found(code):
        return list(freshness.fingerprints(code, lesson=1, package=tmp_path / "late"))

    assert found("import late\nlate.f()") == ["f", "the lesson"]
    with pytest.raises(LookupError, match=r"late.SIZE is written: import it there by its name"):
        found("import late\nlate.SIZE")
    checked = "if TYPE_CHECKING:\n    from late.there import SIZE\n"
    (tmp_path / "late" / "__init__.py").write_text(checked + late)
    assert found("import late\nlate.SIZE") == ["SIZE", "the lesson"]
    with pytest.raises(AttributeError, match="nothing"):
        found("import late\nlate.nothing()")
    with pytest.raises(LookupError, match=r"late.nowhere is imported, but is no module of late"):
        found("from late.nowhere import f\nf()")


@pytest.mark.parametrize("name", tu.__all__)
def test_our_own_names_are_found_where_they_are_written(name):
    (found,) = freshness._Files(freshness.PACKAGE)._find("tinyunet", (name,))
    if isinstance(found, freshness.Module):
        assert getattr(tu, name).__name__ == found.name
    else:
        assert getattr(importlib.import_module(found.module.name), name) is getattr(tu, name)


@pytest.mark.parametrize(
    ("code", "names"),
    [
        ("np.linalg.norm(x)", {"np.linalg.norm", "x"}),
        ("def f(x, *y, z=a, **k):\n    q = x + y + z + k + b\n    return q", {"a", "b"}),
        ("lambda x, y=a: x + y + b", {"a", "b"}),
        ("[x + a for x in x]", {"a", "x"}),
        ("def f():\n    return [x for x in a], x", {"a", "x"}),
        ("def f():\n    global x\n    x = x + 1", {"x"}),
        ("def f():\n    def g(x):\n        return x + y\n    y = 1\n    return g(x)", {"x"}),
        ("def f():\n    try:\n        a()\n    except E as e:\n        return e", {"a", "E"}),
        (
            "def f(x):\n    match x:\n        case {'a': y, **z} | [*y, z]:\n            y + z + a",
            {"a"},
        ),
        (
            "class C(B, k=a):\n    x: T = b\n    def x(self):\n        return x",
            {"B", "a", "b", "x"},
        ),
        ("@d(a)\nasync def f():\n    async with b as c:\n        c()", {"d", "a", "b"}),
        ("f().g.h[a].b(c=d)", {"f", "a", "d"}),
        ("def f():\n    from m import x\n    return x.y", {"x.y"}),
    ],
)
def test_names_that_code_takes_from_outside(code, names):
    assert {".".join(use) for use in used(ast.parse(code))} == names


def test_hashes_are_the_same_in_every_python():
    code = '''def f(x, /, *, y=None):
    """Not this."""
    z: list[int] = [*x, -1, 1e-3, b"b", ..., "\\u00e9\\U0001fae8"]
    return f"{x!r:>{y}} {{}} {y:.3f} {z=}" "end", lambda: z[1:, ::2] @ x
'''
    (definition,) = read(code, "m", "m").definitions["f"]
    assert definition.text == "8d35dbf4"
