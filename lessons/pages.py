"""The pages that are made from the lessons: the index's table, the glossary, the start page.

python -m lessons.pages            bring them up to date; `lessons.build` does so, too
python -m lessons.pages --check    only say which are not; exit code 1 if any is
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from lessons import glossary
from lessons.minutes import effort
from lessons.reading import about, sources

LESSONS = Path(__file__).parent

HEAD = "| # | lesson | you write | you measure or see | runs for | minutes |\n|---|---|---|---|---|---|"
START = """\
# Start here

You will build a U-Net by hand: a network that finds cells in microscope images, in NumPy, every layer
forward and backward, and every gradient proved. Begin with lesson 0 and go on in order; the lessons
from 9 on ask questions about what you have built, and need only the first nine.

Your notebooks are in the folder `exercises`: there you predict, write and measure. The same lessons
solved, with all outputs, are in `solved`; their titles say so. Work is kept when you save, and
`tinyunet lessons list` in a terminal counts what you have done.

To look things up: the [glossary](GLOSSARY.md), and [one sheet](SHEET.md) with symbols, shapes and every
layer forward and backward.

## The lessons

| # | yours | minutes | runs for | solved |
|---|---|---|---|---|
{rows}

Minutes are for reading and writing, by a plain formula: 150 words or 12 lines of code a minute, a
minute for a formula, 8 for an exercise, 5 for the quiz. If you are new to NumPy, take twice as long.

## How it goes

Run a cell with Shift and Enter, from the top. A few names stand in every notebook:

| name | what it does |
|---|---|
| `predict("...", ...)` | keeps your prediction: write it in place of the dots, then run the cell |
| `measured("...", value)` | prints what was measured, and how far off you were |
| `check.NAME(NAME)` | examines your function, and says what is wrong, where, and often why |
| `check.hint("NAME")` | the next of three hints |
| `quiz("...", ...)` | says whether your answer, a letter, is right, and why |
| `small`, `seed` | whether this is a quick trial run; what decides which random numbers are drawn |
"""


def index() -> str:
    """The index with its links, times and minutes; a new lesson's row is written by hand."""
    text = (LESSONS / "README.md").read_text(encoding="utf-8")
    rows = re.sub(r"^\| # \| lesson .*\n.*$", HEAD, text, flags=re.MULTILINE).splitlines()
    for source in sources():
        known = about(source)
        start = f"| {known['lesson']} |"
        for i, row in enumerate(rows):
            if row.startswith(start):
                _, number, _, written, measured, *_ = row.split("|")
                link = f" [{known['title']}]({source.stem}.ipynb) "
                times = f" {known['time']} ", f" {effort(source).minutes} "
                rows[i] = "|".join(["", number, link, written, measured, *times, ""])
    return "\n".join(rows) + "\n"


def start() -> str:
    """The page that JupyterLab opens first in a student's copy; its lessons in the index's order."""
    rows, order = [], re.findall(r"^\| (\d+) \|", index(), re.MULTILINE)
    for source in sorted(sources(), key=lambda source: order.index(about(source)["lesson"])):
        known = about(source)
        mine = f"[{known['title']}](exercises/{source.stem}.ipynb)"
        solved = f"[solved]({source.stem}.ipynb)"
        minutes = effort(source).minutes
        rows.append(f"| {known['lesson']} | {mine} | {minutes} | {known['time']} | {solved} |")
    return START.format(rows="\n".join(rows))


def pages() -> dict[Path, str]:
    """All pages that are made, by their paths."""
    return {
        LESSONS / "README.md": index(),
        LESSONS / "GLOSSARY.md": glossary.page(),
        LESSONS / "START.md": start(),
    }


def stale() -> list[Path]:
    """Those that are not up to date."""
    return [
        path
        for path, text in pages().items()
        if not path.exists() or path.read_text(encoding="utf-8") != text
    ]


def update() -> None:
    """Write what is not up to date."""
    for path, text in pages().items():
        path.write_text(text, encoding="utf-8", newline="\n")


def main(arguments: list[str]) -> int:
    """Run the command; return its exit code."""
    if "--check" not in arguments:
        update()
    found = stale()
    for path in found:
        print(f"{path.name} is not up to date: python -m lessons.pages")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
