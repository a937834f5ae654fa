"""How the package is built: who imports whom, and how long a file and a function may be.

Nothing is imported here. The source is read, so that an import inside a function counts as well.
"""

import ast
import graphlib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "tinyunet"

# Each folder of the package, or file in it, may import those above it, and none in its own line.
ORDER = (
    ("version",),
    ("engine",),
    ("convolution", "metrics"),
    ("layers", "data"),
    ("losses",),
    ("networks", "gradcheck"),
    ("segmentation",),
    ("exchange",),
    ("learning", "plots"),
    ("runs", "inside"),
    ("__init__",),
    ("bench", "exercises"),
    ("reproduce",),
    ("commands",),
    ("__main__",),
)
FLOORS = {name: i for i, line in enumerate(ORDER) for name in line}

WINGS = ("bench", "exercises", "reproduce")  # only commands import them,
AMONG_WINGS = ("reproduce", "bench")  # but experiments race with PyTorch, and it has one side there

FILES = 8  # directly in the package
FILE_LINES = 250  # outside of exercises
FUNCTION_LINES = 60  # without its docstring
SHORT_FUNCTIONS = ("layers", "losses", "networks", "convolution", "learning", "gradcheck")


def modules(package: Path) -> dict[str, Path]:
    """All modules of a package by their dotted names; a folder's name is that of its __init__."""
    found = {}
    for path in sorted(package.rglob("*.py")):
        parts = path.relative_to(package.parent).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def place(module: str) -> str:
    """The folder, or the file directly in the package, to which a module belongs."""
    return [*module.split("."), "__init__"][1]


def is_for_types(node: ast.AST) -> bool:
    """Whether it is the ``if TYPE_CHECKING`` that Python itself passes by."""
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)


def import_nodes(tree: ast.AST, everywhere: bool) -> list[ast.Import | ast.ImportFrom]:
    """The imports in a module: everywhere, or only those that run when it is imported."""
    found = []
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            found.append(node)
        late = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or is_for_types(node)
        if everywhere or not late:
            found += import_nodes(node, everywhere)
    return found


def imports(path: Path, known: dict[str, Path], everywhere: bool) -> list[tuple[int, str]]:
    """The modules that a file imports, each with its line; of others the name that it gives."""
    found = []
    for node in import_nodes(ast.parse(path.read_text(encoding="utf-8")), everywhere):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            assert not node.level, f"{path}:{node.lineno}: write out what is imported, without dots"
            inner = (f"{node.module}.{alias.name}" for alias in node.names)
            names = [name if name in known else node.module for name in inner]
        found += [(node.lineno, name) for name in names]
    return found


def wrong_way(package: Path, floors: dict[str, int]) -> list[str]:
    """The imports between folders that do not go down, as FILE:LINE and what they import."""
    known, found = modules(package), []
    for module, path in known.items():
        here, everywhere = place(module), path != package / "__init__.py"
        for line, other in imports(path, known, everywhere):
            there = place(other)
            if other.split(".")[0] != package.name or there == here:
                continue
            if floors[there] >= floors[here]:
                found.append(
                    f"{path.relative_to(package.parent).as_posix()}:{line} imports {other}"
                )
    return sorted(set(found))


def circle(package: Path) -> list[str]:
    """Modules that import each other in a circle as they are imported; none if there is no circle."""
    known = modules(package)
    graph = {
        module: {other for _, other in imports(path, known, False) if other in known} - {module}
        for module, path in known.items()
    }
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        return error.args[1]
    return []


def long_functions(path: Path, limit: int) -> list[str]:
    """The functions in a file with more lines than a limit: with decorators, without the docstring."""
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            first = min(part.lineno for part in [node, *node.decorator_list])
            lines = node.end_lineno - first + 1
            if ast.get_docstring(node) is not None:
                lines -= node.body[0].end_lineno - node.body[0].lineno + 1
            if lines > limit:
                found.append(f"{path.name}:{node.name}: {lines} lines, at most {limit}")
    return found


# ---------------------------------------------------------------------- the package


def test_each_folder_has_its_place_in_the_order():
    places = {place(module) for module in modules(PACKAGE)}
    assert places <= set(FLOORS), "say in ORDER what these may import"


def test_imports_between_folders_go_one_way():
    found = wrong_way(PACKAGE, FLOORS)
    assert not found, "\n".join(["these do not go to a line further up in ORDER:", *found])


def test_wings_are_imported_by_commands_only():
    known, found = modules(PACKAGE), []
    for module, path in known.items():
        here = place(module)
        for line, other in imports(path, known, True):
            there = place(other) if other in known else ""
            if there in WINGS and here not in (there, "commands") and (here, there) != AMONG_WINGS:
                found.append(f"{path.relative_to(ROOT).as_posix()}:{line} imports {other}")
    assert not found, "\n".join(found)


def test_no_modules_import_each_other_in_a_circle():
    found = circle(PACKAGE)
    assert not found, " -> ".join(found)


@pytest.mark.parametrize("folder", ["tinyunet", "lessons", "examples"])
def test_nothing_imports_tests(folder):
    tests = {"tests", *(path.stem for path in (ROOT / "tests").glob("*.py"))}
    found = [
        f"{path.relative_to(ROOT).as_posix()}:{line} imports {name}"
        for path in (ROOT / folder).rglob("*.py")
        for line, name in imports(path, {}, True)
        if name.split(".")[0] in tests
    ]
    assert not found


def test_few_files_stand_directly_in_the_package():
    names = [path.name for path in PACKAGE.glob("*.py")]
    assert len(names) <= FILES, f"{len(names)} files, at most {FILES}: {names}"


def test_files_are_short():
    lines = {
        path.relative_to(ROOT): len(path.read_text(encoding="utf-8").splitlines())
        for module, path in modules(PACKAGE).items()
        if place(module) != "exercises"
    }
    found = [
        f"{path}: {n} lines, at most {FILE_LINES}" for path, n in lines.items() if n > FILE_LINES
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize("folder", SHORT_FUNCTIONS)
def test_functions_are_short(folder):
    paths = sorted((PACKAGE / folder).rglob("*.py"))
    assert paths
    found = [line for path in paths for line in long_functions(path, FUNCTION_LINES)]
    assert not found, "\n".join(found)


# ---------------------------------------------------------------------- these tests


@pytest.fixture
def house(tmp_path):
    """A package with a ground floor and an upper one, and a file beside them."""
    for name in ("ground/__init__.py", "ground/stone.py", "upper/__init__.py", "upper/room.py"):
        path = tmp_path / "house" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
    (tmp_path / "house/__init__.py").write_text("from house.upper.room import bed\n")
    (tmp_path / "house/upper/room.py").write_text("import numpy\nfrom house.ground import stone\n")
    return tmp_path / "house"


HOUSE = {"ground": 0, "upper": 1, "__init__": 2}


def test_imports_that_go_down_are_right(house):
    assert wrong_way(house, HOUSE) == []
    assert circle(house) == []


@pytest.mark.parametrize(
    ("source", "line"),
    [
        ("import house.upper.room", 1),
        ("from house.upper import room", 1),
        ("from house import upper", 1),
        ("from house import bed", 1),
        ("def late():\n    from house.upper.room import bed", 2),
        ("if TYPE_CHECKING:\n    from house.upper.room import bed", 2),
        ("try:\n    from house.upper.room import bed\nexcept ImportError:\n    bed = None", 2),
    ],
)
def test_an_import_that_goes_up_is_found_wherever_it_stands(house, source, line):
    (house / "ground/stone.py").write_text(source)
    (found,) = wrong_way(house, HOUSE)
    assert found.startswith(f"house/ground/stone.py:{line} imports house")


def test_the_package_itself_may_import_later_what_it_hands_on(house):
    (house / "__init__.py").write_text("def later():\n    import house.attic.box")
    assert wrong_way(house, HOUSE) == []


def test_a_circle_of_modules_is_found_where_it_runs_at_import(house):
    (house / "ground/stone.py").write_text("def late():\n    import house.upper.room\n")
    assert circle(house) == []
    (house / "ground/stone.py").write_text("if True:\n    import house.upper.room\n")
    assert set(circle(house)) == {"house.ground.stone", "house.upper.room"}


def test_a_function_is_measured_without_its_docstring(tmp_path):
    path = tmp_path / "long.py"
    path.write_text('def f():\n    """Say\n\n    what it is.\n    """\n    a = 1\n    return a\n')
    assert long_functions(path, 3) == []
    assert long_functions(path, 2) == ["long.py:f: 3 lines, at most 2"]
    path.write_text("class A:\n    @staticmethod\n    def f():\n        return 1\n")
    assert long_functions(path, 2) == ["long.py:f: 3 lines, at most 2"]
