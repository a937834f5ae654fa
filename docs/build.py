"""Make the site: all pages, all lessons with their outputs, and every public name.

    pip install ".[docs]"
    python -m docs.build                 into docs/_build/html
    python -m docs.build --check         and look for dead links, requests elsewhere, raw formulas
    python -m docs.build --browser       and make the lessons run in a browser: see docs/browser.py

What Sphinx reads is put together in docs/_build/source, in the folders of the repository, so that the
links between pages hold. The notebooks are shown as they are stored: nothing is run.
"""

from __future__ import annotations

import argparse
import re
import shutil
import sys
import time
from pathlib import Path

import nbformat
from sphinx.cmd.build import main as sphinx

from docs import api, browser, hosts, links

ROOT = Path(__file__).parents[1]
BUILD = ROOT / "docs" / "_build"
SOURCE, HTML = BUILD / "source", BUILD / "html"
# Beside the pages of docs/ and the lessons.
PAGES = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "tinyunet/README.md")
LINK = re.compile(r"(?<!!)\[([^\]]+)\]\(([^)#:\s]+)(#[^)\s]*)?\)")
RUNS = "<!-- runs in a browser -->\n"  # where the first page says so, if they do
# From code to its description. It supposes that all names of a module are imported from one place.
BACK = re.compile(r'<a class="viewcode-back"[^>]*>.*?</a>')


def build(*, runs: bool = False, pyodide: Path | None = None) -> None:
    """Make the site anew.

    Parameters
    ----------
    runs
        Whether its lessons run in a browser.
    pyodide
        A folder with Python for browsers: see `docs.browser.build`.

    Raises
    ------
    SystemExit
        If Sphinx finds an error, or has a warning; if JupyterLite fails.
    """
    shutil.rmtree(BUILD, ignore_errors=True)
    collect(runs=runs)
    options = ["-W", "--keep-going", "-q", "-j", "auto", "-c", str(ROOT / "docs")]
    done = sphinx([*options, "-d", str(BUILD / "doctrees"), str(SOURCE), str(HTML)])
    if done:
        sys.exit("Sphinx had warnings, which are above; there must be none")
    for page in (HTML / "_modules").rglob("*.html"):
        page.write_text(BACK.sub("", page.read_text(encoding="utf-8")), encoding="utf-8")
    if runs:
        browser.build(HTML, BUILD / "browser", pyodide)


def collect(*, runs: bool = False) -> None:
    """Put together what Sphinx reads; with `runs`, pages lead to lessons that run in a browser."""
    wanted = [ROOT / name for name in PAGES]
    wanted += sorted((ROOT / "docs").glob("*.md"))
    wanted += sorted(set((ROOT / "lessons").glob("*.md")) - {ROOT / "lessons" / "START.md"})
    for page in wanted:
        write(page.relative_to(ROOT), page.read_text(encoding="utf-8"))
    for path in sorted((ROOT / "lessons").glob("[0-9][0-9]_*.ipynb")):
        write_notebook(path, runs=runs)
    for path in (ROOT / "lessons" / "figures").iterdir():
        copy(path)
    for page in sorted((ROOT / "docs" / "site").glob("*.md")):
        text = page.read_text(encoding="utf-8")
        write(Path(page.name), text.replace(RUNS, browser.FIRST_PAGE if runs else ""))
    for name, text in api.pages():
        write(Path("api") / f"{name}.md", text)


def write(place: Path, text: str) -> None:
    """Write a page; what it links to and the site does not have stays as words."""
    path = SOURCE / place
    path.parent.mkdir(parents=True, exist_ok=True)

    def link(match: re.Match) -> str:
        words, target, anchor = match[1], match[2], match[3] or ""
        file = (ROOT / place.parent / target).resolve()
        if place.parent == Path(".") and (ROOT / "docs" / "site" / target).exists():
            return match[0]
        if file.suffix in (".md", ".ipynb") and file.exists():
            return f"[{words}]({target}{anchor})"
        return words

    path.write_text(LINK.sub(link, text), encoding="utf-8")


def write_notebook(path: Path, *, runs: bool = False) -> None:
    """Copy a solved notebook, with a line below its title that leads to the student's."""
    notebook = nbformat.read(path, as_version=4)
    student = path.parent / "exercises" / path.name
    copy(student)
    first = notebook.cells[0]
    title, _, rest = first.source.partition("\n")
    line = (
        f"This page is the solved lesson. Your own copy, to write in: "
        f"{{download}}`exercises/{path.name}`"
    )
    elsewhere = hosts.of_notebook(f"lessons/exercises/{path.name}")
    ways = [line, *([browser.link(path.stem)] if runs else []), *elsewhere]
    first.source = f"{title}\n\n{' · '.join(ways)}\n{rest}"
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = LINK.sub(links.of_lesson, cell.source)
        if cell.metadata.get("jupyter", {}).get("source_hidden"):
            cell.metadata.setdefault("tags", []).append("hide-input")
        if alt := cell.metadata.get("alt"):
            cell.metadata["mystnb"] = {"image": {"alt": alt}}
    place = SOURCE / path.relative_to(ROOT)
    place.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, place)


def copy(path: Path) -> None:
    """Copy a file to the same place among the site's sources."""
    place = SOURCE / path.relative_to(ROOT)
    place.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(path, place)


def main() -> None:
    """Make the site, and check it where that is asked for."""
    parser = argparse.ArgumentParser(
        prog="python -m docs.build", description=__doc__.split("\n")[0]
    )
    parser.add_argument("--check", action="store_true", help="look for what does not work")
    parser.add_argument("--browser", action="store_true", help="make the lessons run in a browser")
    parser.add_argument(
        "--pyodide", type=Path, help="a folder that tests/browser/fetch.py filled, for --browser"
    )
    given = parser.parse_args()
    if given.pyodide and not given.browser:
        parser.error("--pyodide is for the lessons that run in a browser: add --browser")
    start = time.perf_counter()
    build(runs=given.browser, pyodide=given.pyodide)
    size = sum(path.stat().st_size for path in HTML.rglob("*") if path.is_file())
    print(f"{HTML / 'index.html'}: {size / 1e6:.0f} MB in {time.perf_counter() - start:.0f} s")
    if given.check:
        found = links.problems(HTML)
        print("\n".join(found) or "no dead link, no request elsewhere, no raw formula")
        sys.exit(bool(found))


if __name__ == "__main__":
    main()
