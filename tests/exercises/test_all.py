"""What holds for the exercises of all lessons, and for the checks themselves.

Each lesson's file ``test_lesson_NN.py`` holds its answers in dicts by the exercise's name: `RIGHT`, a
right answer; `ALSO_RIGHT`, a list of others, written in other ways; `WRONG`, a list of wrong ones, each
with words that name the mistake ("" where the check cannot know it). The folder ``other_answers`` has
one more right answer to each; whole notebooks are run with them. They are tried here; what is special
to a lesson is tested in its file.
"""

import functools
import importlib
import re
import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tinyunet import exercises
from tinyunet.exercises import NotSolved, WrongAnswer, check, claim
from tinyunet.exercises.registry import exercise
from tinyunet.exercises.trial import Trial

TABLES = sorted(path.stem for path in Path(__file__).parent.glob("test_lesson_[0-9][0-9].py"))
TESTED = [importlib.import_module(table) for table in TABLES]
RIGHT = {name: answer for lesson in TESTED for name, answer in lesson.RIGHT.items()}
ALSO_RIGHT = [
    (name, answer)
    for lesson in TESTED
    for name, answers in getattr(lesson, "ALSO_RIGHT", {}).items()
    for answer in answers
]
OTHERS = sorted((Path(__file__).parent / "other_answers").glob("lesson_[0-9][0-9].py"))
WRONG = [
    (name, *case) for lesson in TESTED for name, cases in lesson.WRONG.items() for case in cases
]


# ---------------------------------------------------------------------- all exercises


def test_every_exercise_has_a_right_answer_in_its_lessons_table():
    for table, lesson in zip(TABLES, TESTED, strict=True):
        assert set(check.exercises(int(table[-2:]))) == set(lesson.RIGHT) == set(lesson.WRONG)
    assert set(check.exercises()) == set(RIGHT)


@pytest.mark.parametrize("name", RIGHT)
def test_a_right_answer_passes(name):
    result = check.exercises()[name](RIGHT[name])
    assert result.passed, str(result)


@pytest.mark.parametrize(("name", "answer"), ALSO_RIGHT)
def test_right_answers_of_other_kinds_pass(name, answer):
    result = check.exercises()[name](answer)
    assert result.passed, str(result)


@pytest.mark.parametrize("path", OTHERS, ids=lambda path: path.stem)
def test_the_other_answers_of_a_lesson_pass(path):
    answers = runpy.run_path(str(path))
    for name, examine in check.exercises(int(path.stem[-2:])).items():
        result = examine(answers[name])
        assert result.passed, str(result)


@pytest.mark.parametrize(("name", "answer", "words"), WRONG)
def test_a_wrong_answer_is_rejected_and_named(name, answer, words):
    with np.errstate(all="ignore"):
        result = check.exercises()[name](answer)
    assert not result.passed
    assert words in (" ".join(result.causes) or str(result))
    assert words or not result.causes, str(result)


@pytest.mark.parametrize("name", RIGHT)
def test_with_another_seed_right_answers_pass_and_wrong_ones_do_not(name):
    examine = functools.partial(check.exercises()[name], strict=True, seed=2015)
    assert examine(RIGHT[name]).passed
    for answer in (case[1] for case in WRONG if case[0] == name):
        with np.errstate(all="ignore"), pytest.raises(WrongAnswer):
            examine(answer)


@pytest.mark.parametrize("name", RIGHT)
def test_another_seed_gives_other_numbers(name, monkeypatch):
    asked = []
    seed = property(lambda trial: asked.append(True) or 0, lambda trial, value: None)
    monkeypatch.setattr(Trial, "seed", seed, raising=False)
    check.exercises()[name](RIGHT[name])
    assert asked, f"take the numbers of {name} from trial.rng or trial.drawn"


def test_a_lesson_draws_nothing_that_a_hidden_test_draws():
    lesson, hidden = Trial(None), Trial(None, seed=3)
    assert lesson.rng(7).random() == np.random.default_rng(7).random() != hidden.rng(7).random()
    assert lesson.drawn((1, 5)) == []
    assert len(numbers := hidden.drawn((1, 5), (10, 12))) == 5
    assert all(1 <= a < 5 and 10 <= b < 12 for a, b in numbers)


@pytest.mark.parametrize("name", check.exercises())
def test_an_exercise_has_wrong_answers_of_which_most_are_named(name):
    words = [words for exercise, _, words in WRONG if exercise == name]
    assert len(words) >= 3
    assert sum(map(bool, words)) >= 2 / 3 * len(words)


@pytest.mark.parametrize("name", check.exercises())
def test_an_exercise_has_three_hints_and_a_title(name):
    found = check.exercises()[name]
    assert len(set(found.hints)) == 3
    assert all(len(hint) > 20 for hint in found.hints)
    assert found.title


@pytest.mark.parametrize("name", check.exercises())
def test_an_empty_answer_is_met_kindly(name):
    def not_yet(*arguments, **options):
        raise NotImplementedError("Exercise so and so is not solved yet.")

    with pytest.raises(NotSolved, match="not solved yet"):
        check.exercises()[name](not_yet)


@pytest.mark.parametrize("name", check.exercises())
@pytest.mark.parametrize("answer", [lambda *a, **k: None, lambda *a, **k: "words", lambda: 0, 7])
def test_nonsense_is_rejected_without_an_exception(name, answer):
    result = check.exercises()[name](answer)
    assert not result.passed
    assert name in str(result)


# ---------------------------------------------------------------------- results


def right(side, kernel, stride=1, padding=0):
    return (side + 2 * padding - kernel) // stride + 1


def wrong(side, kernel, stride=1, padding=0):
    return (side + 2 * padding - kernel) // stride


def test_a_result_prints_in_a_terminal_and_a_notebook():
    result = check.output_size(wrong)
    for text in (str(result), repr(result), result._repr_html_()):
        assert "not yet" in text
        assert "the first window is not counted" in text
        assert "check.hint(" in text
    passed = check.output_size(right)
    assert "passed" in str(passed)
    assert "passed" in passed._repr_html_()


def test_strict_raises_for_automatic_grading():
    assert check.output_size(right, strict=True).passed
    with pytest.raises(WrongAnswer, match="the first window is not counted") as caught:
        check.output_size(wrong, strict=True)
    assert isinstance(caught.value, AssertionError)
    assert caught.value._render_traceback_() == str(caught.value).splitlines()


def test_an_exception_of_the_students_is_reported_with_its_line():
    def raises(side, kernel, stride, padding):
        half = side // 2
        return half @ kernel

    text = str(check.output_size(raises))
    assert "raised TypeError" in text
    assert "line 3 of it (return half @ kernel)" in text
    assert "side = 5" in text


def test_where_is_said_first_and_how_much():
    def one_row_wrong(x, w, b, stride=1, padding=0):
        from test_lesson_01 import conv2d_loops

        y = conv2d_loops(x, w, b, stride, padding)
        y[:, 2] += 1
        return y

    text = str(check.conv2d_loops(one_row_wrong))
    assert "only at height 2, the last" in text
    assert "first at [0, 2, 0, 0] (batch 0, height 2, width 0, channels 0)" in text
    assert "largest difference 1" in text


def test_hints_come_one_after_the_other():
    fresh = type(check)()
    texts = [str(fresh.hint("output_size")) for _ in range(4)]
    assert [text.split(":")[0] for text in texts[:3]] == [
        f"output_size, hint {number} of 3" for number in (1, 2, 3)
    ]
    assert "those were all" in texts[3]
    assert fresh.hint("output_size", 2).text == check.exercises()["output_size"].hints[1]
    with pytest.raises(ValueError, match="numbered from 1 to 3"):
        fresh.hint("output_size", 4)
    with pytest.raises(AttributeError, match="no exercise is called 'nothing'"):
        fresh.hint("nothing")


def test_check_lists_its_exercises():
    assert "check.output_size" in repr(check)
    assert "output_size" in dir(check)
    assert set(check.exercises(lesson=1)) < set(check.exercises())


def test_an_exercise_needs_a_new_name_three_hints_and_words():
    def hint(trial):
        """A name that check itself uses."""

    def untitled(trial):
        pass

    with pytest.raises(ValueError, match="already"):
        exercise(lesson=1, hints=("a", "b", "c"))(hint)
    with pytest.raises(ValueError, match="3 hints, got 2"):
        exercise(lesson=1, hints=("a", "b"))(untitled)
    with pytest.raises(ValueError, match="docstring"):
        exercise(lesson=1, hints=("a", "b", "c"))(untitled)


# ---------------------------------------------------------------------- claims


def test_a_claim_prints_and_is_strict_only_where_lessons_are_built(capsys, monkeypatch):
    monkeypatch.setattr("tinyunet.exercises.claims._SIZE", "")
    claim("speed", np.float32(3), low=2)
    claim("speed", 1, low=2, high=5)
    claim("error", float("nan"), high=5)
    printed = capsys.readouterr().out.splitlines()
    assert printed[0] == "speed: 3 (expected: at least 2)"
    assert printed[1] == "speed: 1 (expected: between 2 and 5)  <-- outside"
    assert printed[2].endswith("<-- outside")
    monkeypatch.setattr("tinyunet.exercises.claims._SIZE", "small")
    claim("speed", 3, low=2)
    with pytest.raises(AssertionError, match="speed: 1"):
        claim("speed", 1, low=2)
    with pytest.raises(ValueError, match="needs a limit"):
        claim("speed", 1)


# ---------------------------------------------------------------------- without a notebook

ALONE = """
import builtins, sys, threading
import tinyunet.exercises
tinyunet.exercises.check.exercises()

def refuse(*arguments, **options):
    raise RuntimeError("a check needs this")

threading.Thread.start = builtins.open = refuse
answer = lambda side, kernel, stride, padding: (side + 2 * padding - kernel) // stride + 1
print(tinyunet.exercises.check.output_size(answer))
print(tinyunet.exercises.check.conv2d_loops(lambda x, w, b, stride, padding: x))
assert not any(name.startswith(("IPython", "jupyter")) for name in sys.modules)
"""


def test_checks_run_in_plain_python_without_threads_or_files():
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", ALONE], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert re.search("output_size: passed.*conv2d_loops: not yet", done.stdout, re.DOTALL)


def test_a_lessons_folder_imports_all_its_files():
    folders = list(Path(exercises.__file__).parent.glob("lesson_*/"))
    assert folders
    for folder in folders:
        lesson = importlib.import_module(f"tinyunet.exercises.{folder.name}")
        files = {path.stem for path in folder.glob("*.py")} - {"__init__"}
        assert files <= set(vars(lesson)), folder.name
