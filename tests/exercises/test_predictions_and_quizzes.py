"""Predictions, measured values and quizzes: what is printed, and what is an error where."""

import base64
import math
import re
import sys
import types

import numpy as np
import pytest

from tinyunet.exercises import measured, predict, predictions, quiz, quizzes, sketches, tables
from tinyunet.exercises.quizzes import Quiz

RANGES = {
    "score": (0.2, 0.5),
    "at least": (3, None),
    "side": (568, 568),
    "shape": ((1, 4, 4, 2),),
    "trend": ("fewer",),
    "loss": [(0, 0.5, 1.5), (10, None, 0.2)],
}
SMALL = {"score": (0, 0.9)}


@pytest.fixture(autouse=True)
def world(monkeypatch):
    """Ranges of this file's own, no prediction made, and nothing said about the size."""
    own = {"RANGES": RANGES, "SMALL": SMALL}
    monkeypatch.setattr(predictions, "look_up", lambda file, table, what: own[table].get(what))
    monkeypatch.setattr(predictions, "_made", {})
    monkeypatch.delenv("TINYUNET_LESSONS", raising=False)


@pytest.fixture
def said(capsys):
    """What a call prints."""

    def printed(function, *arguments, **options):
        function(*arguments, **options)
        return capsys.readouterr().out

    return printed


@pytest.mark.parametrize(
    ("what", "guess", "value", "words"),
    [
        ("score", 0.4, 0.31, "you predicted 0.4, measured 0.31: 0.09 too high."),
        ("score", 0.25, np.float32(0.31), "you predicted 0.25, measured 0.31: 0.06 too low."),
        ("score", 0.3, 0.312, "you predicted 0.3, measured 0.312: right, to the digits"),
        ("score", 0, 0.312, "you predicted 0, measured 0.312: 0.31 too low."),
        ("side", 568, np.int64(568), "you predicted 568, measured 568: right."),
        ("side", 570, 568, "you predicted 570, measured 568: 2 too high."),
        ("shape", (1, 4, 4, 3), (1, 4, 4, 2), "measured (1, 4, 4, 2): not what you expected."),
        ("shape", [1, 4, 4, 2], (1, 4, 4, 2), "you predicted (1, 4, 4, 2), measured (1, 4, 4, 2): r"),
        ("loss", [(0, 1), (10, 0)], [(0, 1.0), (5, 0.1), (10, 0.1)], "farthest off at x = 5: you 0.5"),
        ("loss", [(0, 1), (10, 0.1)], [(0, 1.0), (10, 0.1)], "your sketch is right."),
        ("loss", [(3, 1), (4, 0.1)], [(0, 1.0), (10, 0.1)], "no point between x = 0 and 10"),
    ],
)  # fmt: skip
def test_a_measured_value_says_how_far_off_its_prediction_was(said, what, guess, value, words):
    assert said(predict, what, guess).startswith(f"{what}: your prediction is ")
    out = said(measured, what, value)
    assert out.startswith(f"{what}: ")
    assert words in out
    assert out.count("\n") == 1


def test_a_choice_is_right_or_not(said):
    choices = ("more", "fewer", "the same")
    assert said(predict, "trend", " More", choices=choices) == "trend: your prediction is more.\n"
    assert "measured fewer: not what you expected." in said(measured, "trend", "fewer")
    said(predict, "trend", "fewer", choices=choices)
    assert "measured fewer: right." in said(measured, "trend", "fewer")
    assert "'many' is no prediction" in said(predict, "trend", "many", choices=choices)
    assert "one of 'more', 'fewer', 'the same'" in said(predict, "trend", ..., choices=choices)


@pytest.mark.parametrize("what", ["score", "shape", "loss"])
@pytest.mark.parametrize("guess", ["0.4", None, True, {}, [], [(1, 2)], ("a", "b"), 4 + 1j])
def test_a_wrong_kind_gets_a_sentence_and_is_not_remembered(said, what, guess):
    out = said(predict, what, guess)
    assert f"{what}: {guess!r} is no prediction of this kind. Write a " in out
    assert out.count("\n") == 1
    value = {"score": 0.3, "shape": (1, 4, 4, 2), "loss": [(0, 1), (10, 0)]}[what]
    assert "no prediction was made" in said(measured, what, value)


def test_dots_say_what_to_write(said):
    assert "write your prediction in place of the dots (a number" in said(predict, "score", ...)
    assert "(a shape: " in said(predict, "shape", ...)
    assert "(a sketch of a curve: " in said(predict, "loss", ...)
    assert said(measured, "score", 0.3) == "score: measured 0.3; no prediction was made.\n"


def test_without_a_prediction_the_value_alone_is_printed(said):
    assert said(measured, "score", 0.3) == "score: 0.3\n"
    assert said(measured, "never heard of", 3) == "never heard of: 3\n"
    with pytest.raises(ValueError, match="should be measured as a number"):
        measured("score", "0.3")


@pytest.mark.parametrize(
    ("what", "value"),
    [("score", 0.6), ("score", math.nan), ("at least", 2), ("shape", (1, 4, 4, 3)),
     ("trend", "more"), ("loss", [(0, 1), (10, 0.5)])],
)  # fmt: skip
def test_outside_its_range_is_an_error_where_lessons_are_built(said, monkeypatch, what, value):
    out = said(measured, what, value)
    assert "your machine or your code may differ" in out
    monkeypatch.setenv("TINYUNET_LESSONS", "full")
    with pytest.raises(AssertionError, match="outside of"):
        measured(what, value)


def test_at_small_size_other_limits_hold_or_none(monkeypatch):
    monkeypatch.setenv("TINYUNET_LESSONS", "small")
    measured("score", 0.6)
    measured("side", 3)
    measured("trend", "more")
    measured("loss", [(0, 9), (10, 9)])
    for what, value in (("score", 0.95), ("side", math.inf), ("loss", [(0, 1), (1, math.nan)])):
        with pytest.raises(AssertionError):
            measured(what, value)
    with pytest.raises(LookupError, match="no lesson's RANGES have 'elsewhere'"):
        measured("elsewhere", 0.6)


def test_a_sketch_is_drawn_with_words_for_those_who_cannot_see_it(monkeypatch):
    from tinyunet.plots import live

    try:
        from IPython import display
    except ImportError:  # as after `pip install ".[test]"`: what is used of it is little
        display = types.ModuleType("IPython.display")
        display.HTML = lambda data: types.SimpleNamespace(data=data)
        monkeypatch.setitem(sys.modules, "IPython.display", display)
    shown = []
    monkeypatch.setattr(live, "notebook", lambda: True)
    monkeypatch.setattr(display, "display", shown.append, raising=False)
    predict("loss", [(0, 1), (10, 0)])
    measured("loss", [(0, 1.0), (5, 0.1), (10, 0.1)])
    (picture,) = shown
    assert 'alt="loss: your sketch is farthest off at x = 5: you 0.5' in picture.data
    png = base64.b64decode(re.search(r"base64,([^\"]+)", picture.data)[1])
    assert png.startswith(b"\x89PNG")
    sketch, curve = sketches.figure([(0, 1), (10, 0)], [(0, 1.0), (5, 0.1)]).axes[0].lines
    assert sketch.get_ydata().tolist() == [1, 0]
    assert curve.get_ydata().tolist() == [1, 0.1]


# ---------------------------------------------------------------------- quizzes

QUESTION = Quiz("b", {"a": "It is too small.", "b": "It fits.", "c": "It is too large."})


def test_a_quiz_says_right_or_wrong_and_why(said, monkeypatch):
    monkeypatch.setattr(quizzes, "look_up", lambda f, t, name: {"size": QUESTION}.get(name))
    assert said(quiz, "size", "a") == "size: a is not right. It is too small.\n"
    assert said(quiz, "size", "B") == (
        "size: b is right. It fits.\n  not a: It is too small.\n  not c: It is too large.\n"
    )
    assert "in place of the dots, one of the letters a, b, c" in said(quiz, "size", ...)
    assert "size: 3 is no choice. Write one of the letters" in said(quiz, "size", 3)
    with pytest.raises(LookupError, match="no question is called 'sise'"):
        quiz("sise", "a")


# ---------------------------------------------------------------------- of the real lessons


def test_the_words_of_a_range_and_of_a_question_are_of_one_lesson():
    for file, table in (("ranges", "RANGES"), ("quiz", "QUIZ")):
        names = [name for entries in tables.by_lesson(file, table).values() for name in entries]
        assert len(names) == len(set(names))


def test_ranges_are_ranges():
    ranges = tables.by_lesson("ranges", "RANGES")
    for lesson, small in tables.by_lesson("ranges", "SMALL").items():
        assert set(small) <= set(ranges[lesson])
    for what, limits in [item for entries in ranges.values() for item in entries.items()]:
        if isinstance(limits, tuple) and not isinstance(limits[0], str | tuple):
            low, high = limits
            assert None in limits or low <= high, what
            assert limits != (None, None), what
        assert isinstance(limits, tuple | list | str), what


def test_questions_have_an_answer_and_reasons():
    for lesson, questions in tables.by_lesson("quiz", "QUIZ").items():
        assert len(questions) == 5, lesson
        for name, question in questions.items():
            assert sorted(question.reasons) == list("abcd"[: len(question.reasons)]), name
            assert question.answer in question.reasons, name
            assert len(question.reasons) >= 3, name
            assert all(len(reason) > 20 for reason in question.reasons.values()), name
