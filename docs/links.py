"""What does not work on the pages that were made: dead links, requests elsewhere, raw formulas."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

RUN = "run"  # the folder of JupyterLite's pages, which are not ours
# Tags whose address is fetched as the page opens; a link that a reader follows may lead anywhere.
ONLY_NAMED = ("index", "search", "next", "prev")  # by <link rel=...>, not fetched
FETCHED = {"script": "src", "img": "src", "iframe": "src", "source": "src", "link": "href"}
RAW = re.compile(r"\$\$|\\(?:frac|sum|text|quad|begin|cdot|left|mathbf|partial)\b|\$\\")


class Page(HTMLParser):
    """A page's links, the addresses it fetches, its anchors and its words outside of code."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.fetched: list[str] = []
        self.anchors: set[str] = set()
        self.words: list[str] = []
        self._quiet = 0  # how many tags around hold code
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what a tag refers to."""
        given = {name: value or "" for name, value in attrs}
        self.anchors |= {given[name] for name in ("id", "name") if name in given}
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        relation = given.get("rel", "")
        if tag in FETCHED and FETCHED[tag] in given and relation not in ONLY_NAMED:
            self.fetched.append(given[FETCHED[tag]])
        self._quiet += tag in ("pre", "code", "script", "style")

    def handle_endtag(self, tag: str) -> None:
        """Leave code."""
        self._quiet -= tag in ("pre", "code", "script", "style")

    def handle_data(self, data: str) -> None:
        """Keep words."""
        if not self._quiet:
            self.words.append(data)


def problems(html: Path) -> list[str]:
    """What is wrong with the pages in a folder, a line each."""
    ours = [path for path in sorted(html.rglob("*.html")) if path.relative_to(html).parts[0] != RUN]
    pages = {path: Page(path.read_text(encoding="utf-8")) for path in ours}
    found = []
    for path, page in pages.items():
        where = path.relative_to(html)
        for address in page.fetched:
            if urlsplit(address).scheme in ("http", "https") or address.startswith("//"):
                found.append(f"{where}: fetches {address}")
        for address in [*page.links, *page.fetched]:
            if reason := _dead(address, path, pages):
                found.append(f"{where}: {address} {reason}")
        if match := RAW.search(" ".join(page.words)):
            found.append(f"{where}: a raw formula: {match[0]}")
    return sorted(set(found))


def _dead(address: str, path: Path, pages: dict[Path, Page]) -> str:
    """Why a link leads nowhere, or ""."""
    parts = urlsplit(address)
    if parts.scheme or address.startswith("//"):
        return ""
    target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
    target = target / "index.html" if target.is_dir() else target
    if not target.exists():
        return "is not there"
    if parts.fragment and target in pages and unquote(parts.fragment) not in pages[target].anchors:
        return "has no such place"
    return ""


def of_lesson(match: re.Match) -> str:
    """A link in a lesson as it should be on the site: to pages, for all else stays as words."""
    return match[0] if match[2].endswith((".ipynb", ".md")) else match[1]
