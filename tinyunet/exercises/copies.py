"""A student's copy of the lessons: a start page, the notebooks to fill in, and the solved ones.

    tinyunet-lessons/START.ipynb                            what there is; JupyterLab opens it first
    tinyunet-lessons/GLOSSARY.ipynb, SHEET.ipynb            to look things up
    tinyunet-lessons/exercises/01_convolution.ipynb         a student's, to fill in
    tinyunet-lessons/solved/01_convolution_solved.ipynb     the same, solved

The solved ones have names of their own, so that nobody takes one for the other.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

from tinyunet.exercises.notebooks import original

START = "START.ipynb"
LINK = re.compile(r"\]\((\d\d_\w+)\.ipynb\)")  # to a solved notebook, as the originals have it
PAGE = re.compile(r"\]\(([A-Z]+)\.md\)")
KERNEL = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}


def copy(folder: Path) -> tuple[int, int]:
    """Copy the lessons to a folder; return how many files were copied, and how many were there.

    What is there is never touched.
    """
    source, texts = original(), {}
    for page in sorted(source.glob("[A-Z]*.md")):
        if page.stem in ("START", "GLOSSARY", "SHEET"):
            texts[folder / f"{page.stem}.ipynb"] = _notebook(page)
    for path in sorted(source.glob("exercises/*.ipynb")):
        texts[folder / "exercises" / path.name] = path.read_text(encoding="utf-8")
    for path in sorted(source.glob("*.ipynb")):
        text = LINK.sub(r"](\1_solved.ipynb)", path.read_text(encoding="utf-8"))
        texts[folder / "solved" / f"{path.stem}_solved.ipynb"] = text
    new = {path: text for path, text in texts.items() if not path.exists()}
    for path, text in new.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="\n")
    return len(new), len(texts) - len(new)


def _notebook(page: Path) -> str:
    """A page of text as a notebook, which JupyterLab shows with its formulas; links fit the copy."""
    text = page.read_text(encoding="utf-8")
    if page.stem == "START":
        text = LINK.sub(r"](solved/\1_solved.ipynb)", text)
    else:
        text = LINK.sub(r"](exercises/\1.ipynb)", text)
    parts = re.split(r"^(?=## )", PAGE.sub(r"](\1.ipynb)", text), flags=re.MULTILINE)
    cells = [
        {
            "cell_type": "markdown",
            "id": f"part-{number}",
            "metadata": {},
            "source": part.strip().splitlines(keepends=True),
        }
        for number, part in enumerate(parts)
    ]
    metadata = {"kernelspec": KERNEL, "language_info": {"name": "python"}}
    whole = {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(whole, ensure_ascii=False, indent=1) + "\n"
