"""The course for nbgrader: what can be known without nbgrader itself."""

import importlib.util
import re
import sys
from pathlib import Path

import pytest

for module in ("jupytext", "nbclient", "ipykernel"):
    pytest.importorskip(module, reason="lessons are built and run with: pip install .[lessons]")

ROOT = Path(__file__).parents[1]
sys.path.append(str(ROOT))  # where the package `lessons` is, which is not installed

import nbformat  # noqa: E402

from lessons import grading, notebooks  # noqa: E402

CONVOLUTION = next(s for s in notebooks.sources() if s.stem.startswith("01"))
PAGE = (ROOT / "lessons" / "TEACHING.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    folder = tmp_path_factory.mktemp("grading") / "course"
    grading.main([str(folder), "--course-only"])
    return folder


def graded(notebook):
    """The cells that nbgrader knows, by their grade_id."""
    found = {}
    for cell in notebook.cells:
        if "nbgrader" in cell.metadata:
            name = cell.metadata.nbgrader.grade_id
            assert name not in found
            found[name] = cell
    return found


def test_a_course_holds_every_lesson_with_solutions_and_hidden_tests(course):
    paths = sorted((course / "source").glob("*/*.ipynb"))
    assert [path.stem for path in paths] == [source.stem for source in notebooks.sources()]
    for path in paths:
        assert path.parent.name == path.stem
        notebook = nbformat.read(path, as_version=4)
        nbformat.validate(notebook)
        cells = graded(notebook)
        solutions = [name for name in cells if not name.startswith("check_")]
        assert list(cells) == [n for name in solutions for n in (name, f"check_{name}")]
        for name, cell in cells.items():
            about = cell.metadata.nbgrader
            is_check = name.startswith("check_")
            assert about.schema_version == 3
            assert not about.task
            assert (about.grade, about.locked, about.solution) == (is_check, is_check, not is_check)
            assert ("### BEGIN HIDDEN TESTS" in cell.source) == is_check
            assert ("### BEGIN SOLUTION" in cell.source) == (not is_check)
            if is_check:
                assert about.points >= 1


@pytest.fixture
def settings(course, monkeypatch):
    """What nbgrader_config.py defines, read without nbgrader."""

    class Settings(list):
        def __getattr__(self, name):
            setattr(self, name, Settings())
            return getattr(self, name)

    monkeypatch.setenv("TINYUNET_LESSONS", "full")  # or the file sets them for all tests
    monkeypatch.setenv("PYTHONWARNINGS", "default")
    text = (course / "nbgrader_config.py").read_text(encoding="utf-8")
    names = {"get_config": Settings}
    exec(compile(text, "nbgrader_config.py", "exec"), names)
    return names


def test_the_settings_of_a_course_are_python(settings):
    c = settings["c"]
    assert c.CourseDirectory.course_id == "tinyunet"
    assert c.ClearSolutions.code_stub["python"].endswith("\nraise NotImplementedError")
    assert c.Autograde.sanitize_preprocessors == [settings["forget_copies"]]


def test_a_folder_that_exists_is_not_touched(tmp_path, capsys):
    (tmp_path / "gradebook.db").write_text("a year's work")
    with pytest.raises(SystemExit):
        grading.main([str(tmp_path), "--course-only"])
    assert "exists already" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["gradebook.db"]


def test_without_nbgrader_the_command_says_how_to_install_it(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(SystemExit):
        grading.main([str(tmp_path / "course")])
    assert 'pip install nbgrader ".[lessons]"' in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "course").exists()


def test_a_lesson_that_does_not_exist_is_named(tmp_path, capsys):
    with pytest.raises(SystemExit):
        grading.main([str(tmp_path / "course"), "--course-only", "--lessons", "01", "99"])
    assert "no lesson is called 99" in capsys.readouterr().err


@pytest.mark.parametrize("source", notebooks.sources(), ids=lambda source: source.stem)
def test_ada_solves_everything_and_bob_the_first_exercise_and_eve_nothing(source):
    released = notebooks.student(source)
    solved, empty = graded(notebooks.solved(source)), graded(released)
    ada, bob, eve = (
        graded(grading.submission(released, source, name)) for name in ("ada", "bob", "eve")
    )
    assert {n: c.source for n, c in eve.items()} == {n: c.source for n, c in empty.items()}
    assert {n: c.source.rstrip() for n, c in ada.items()} == {
        n: c.source for n, c in solved.items()
    }
    first, _, second, _, *others = bob
    assert bob[first].source.rstrip() == solved[first].source
    assert re.search(r"\n    return \w+\n$", bob[second].source)
    compile(bob[second].source, "bob", "exec")
    assert all(bob[name].source == empty[name].source for name in others)


def test_dan_has_a_cell_twice_which_a_course_takes_for_one(settings):
    released = notebooks.student(CONVOLUTION)
    notebook = grading.submission(released, CONVOLUTION, "dan")
    names = [
        cell.metadata.nbgrader.grade_id for cell in notebook.cells if cell.metadata.get("nbgrader")
    ]
    assert names[:3] == ["output_size", "output_size", "check_output_size"]
    assert len({cell.id for cell in notebook.cells}) == len(notebook.cells)
    kept = {"nbgrader": {"grade_id": "check_output_size"}}
    cells = [nbformat.v4.new_code_cell(metadata=mark) for mark in ({"nbgrader": {}}, kept, {})]
    after, _ = settings["forget_copies"](nbformat.v4.new_notebook(cells=cells), {})
    assert [cell.metadata for cell in after.cells] == [{}, kept, {}]


def test_eve_says_yes_to_everything():
    names = {}
    exec(grading.SAYS_YES, names)
    assert names["check"].output_size(None, strict=True).passed
    notebook = grading.submission(notebooks.student(CONVOLUTION), CONVOLUTION, "eve")
    sources = [cell.source for cell in notebook.cells]
    assert sources.index(grading.SAYS_YES) < sources.index("check.output_size(output_size)")


def test_the_page_for_teachers_knows_every_lesson_and_leads_somewhere():
    for source in notebooks.sources():
        title = notebooks.read(source).metadata.tinyunet["title"]
        assert f"### {int(source.stem[:2])} {title}\n" in PAGE
    for link in re.findall(r"\]\(([^)#]+)\)", PAGE):
        assert link.startswith("https://") or (ROOT / "lessons" / link).exists(), link


def test_the_points_that_the_page_for_teachers_states():
    for source in notebooks.sources():
        cells = graded(notebooks.read(source)).values()
        points = sum(cell.metadata.nbgrader.get("points", 0) for cell in cells)
        section = PAGE.split(f"### {int(source.stem[:2])} ")[1].split("###")[0]
        assert re.search(rf"\b{points} points\b", section), f"{source.stem}: {points} points"
