"""What is made from the lessons beside the notebooks: minutes, index, glossary, start page."""

import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
sys.path.append(str(ROOT))  # where the package `lessons` is, which is not installed

from lessons import glossary, minutes, pages, reading  # noqa: E402
from lessons.terms import TERMS  # noqa: E402

each_lesson = pytest.mark.parametrize(
    "source", reading.sources(), ids=lambda source: source.stem[:2]
)
LESSON = """# ---
# jupyter:
#   tinyunet:
#     lesson: 1
#     title: Small
#     time: 1 s
# ---

# %% [markdown]
# # Lesson 1: Small
#
# - say what a **goal** and a **frame** are.
#
# ## First
#
# Now **predict** three words: the **gap** is what is left. It is called a
# **hole** by some, and its size is
#
# $$ a + b . $$
#
# - **Why so large.** No term.
# - A **frame** is around it.

# %%
x = 1

y = 2

# %% nbgrader={"grade": false, "grade_id": "output_size", "solution": true}
def output_size(side):
    ### BEGIN SOLUTION
    return side
    ### END SOLUTION

# %% jupyter={"source_hidden": true}
folded = 3

# %% [markdown]
# ## Quiz
#
# **1.** These **words** do not count.

# %%
z = 4

# %% [markdown]
# ## For the curious: more
#
# Nor does a **rest**.
"""


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "01_small.py"
    path.write_text(LESSON, encoding="utf-8")
    return path


# ---------------------------------------------------------------------- minutes


def test_what_a_reader_has_to_do_is_counted(source):
    found = minutes.effort(source)
    assert (found.formulas, found.lines, found.exercises, found.quizzes) == (1, 2, 1, 1)
    assert found.words == 48  # in the first text, with # and -, without the formula
    assert found.minutes == round(48 / 150 + 1 + 2 / 12 + 8 + 5)


@each_lesson
def test_no_lesson_takes_longer_than_it_may(source):
    found = minutes.effort(source)
    assert found.minutes <= minutes.MOST, f"{found}: python -m lessons.minutes {source.stem[:2]}"


@each_lesson
def test_the_index_and_the_start_page_state_the_minutes(source):
    stated = f"| {minutes.effort(source).minutes} |"
    number = reading.about(source)["lesson"]
    for page in ("README.md", "START.md"):
        rows = (ROOT / "lessons" / page).read_text(encoding="utf-8").splitlines()
        (row,) = [row for row in rows if row.startswith(f"| {number} |")]
        assert stated in row


# ---------------------------------------------------------------------- glossary


def test_terms_come_with_the_words_that_define_them(source):
    found = {entry.term: entry for entry in glossary.terms(source)}
    assert list(found) == ["goal", "frame", "gap", "hole", "rest"]
    assert [entry.worth for entry in found.values()] == [0, 2, 2, 2, 1]
    assert found["hole"].words == (
        "Now **predict** three words: the **gap** is what is left. It is called a **hole** by some, "
        "and its size is $a + b$"
    )


def test_a_definition_replaces_what_only_says_what_a_lesson_is_for(source, monkeypatch):
    monkeypatch.setattr(glossary, "sources", lambda: [source])
    found = {entry.term: entry.words for entry in glossary.entries()}
    assert found["frame"] == "A **frame** is around it."
    page = glossary.page()
    assert "**goal**: Say what a goal and a frame are. ([lesson 1](01_small.ipynb))" in page
    assert "**frame**: A frame is around it." in page
    assert re.findall("^## (.)", page, re.MULTILINE) == ["F", "G", "H", "R"]


def test_formulas_and_brackets_are_whole():
    text = "First. (A **kink** is $a.b$, as in Fig. 2 of it.) Then it goes on."
    assert glossary.words(text, "kink") == "A **kink** is $a.b$, as in Fig. 2 of it."


def test_every_bold_term_is_in_the_glossary():
    page = glossary.key((ROOT / "lessons" / "GLOSSARY.md").read_text(encoding="utf-8"))
    for source in reading.sources():
        for entry in glossary.terms(source):
            assert f"**{glossary.key(entry.term)}**" in page


def test_words_of_its_own_are_for_terms_that_a_lesson_defines():
    found = {glossary.key(entry.term): entry.words for entry in glossary.entries()}
    assert set(TERMS) <= set(found)
    assert found["fork"] == TERMS["fork"]


# ---------------------------------------------------------------------- all of them


def test_the_pages_are_up_to_date():
    assert pages.stale() == [], "python -m lessons.pages"


def test_the_pages_links_lead_somewhere():
    for page in ("README", "GLOSSARY", "SHEET", "START"):
        text = (ROOT / "lessons" / f"{page}.md").read_text(encoding="utf-8")
        for link in re.findall(r"\]\(([^)#]+)\)", text):
            made_from = ROOT / "lessons" / "source" / f"{Path(link).stem}.py"  # what is to be built
            there = made_from if link.endswith(".ipynb") else ROOT / "lessons" / link
            assert link.startswith("https://") or there.exists(), link
