"""Pieces of a web page that needs nothing but itself: text, tables, and pictures inside of it."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Sequence
from html import escape

from matplotlib.figure import Figure

from tinyunet import plots

STYLE = """
:root { --ink: #1d2530; --soft: #5b6673; --line: #dde2e8; --paper: #ffffff; --mark: #0072b2; }
* { box-sizing: border-box; }
body { margin: 0; background: #f3f5f7; color: var(--ink);
       font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
main { max-width: 62rem; margin: 0 auto; padding: 1rem; }
header { padding: 1.2rem .4rem .4rem; }
h1 { font-size: 1.9rem; line-height: 1.2; margin: 0 0 .5rem; }
h2 { font-size: 1.4rem; line-height: 1.25; margin: 0 0 .6rem; }
h3 { font-size: 1.02rem; margin: 1.8rem 0 .4rem; }
p { margin: .5rem 0; }
a { color: var(--mark); }
section { background: var(--paper); border: 1px solid var(--line); border-radius: 10px;
          padding: 1.2rem 1.3rem; margin: 1.1rem 0; }
nav { display: flex; flex-wrap: wrap; gap: .4rem 1.1rem; margin: .8rem 0; }
.tag { display: inline-block; border-radius: 1rem; padding: .05rem .65rem; font-size: .8rem;
       font-weight: 600; color: #17613a; background: #def3e6; vertical-align: .18em;
       white-space: nowrap; }
.tag.warn { color: #7a4b00; background: #fdeecb; }
.note, figcaption { color: var(--soft); font-size: .88rem; }
.findings { border-left: 4px solid var(--mark); background: #eef6fb; margin: 1rem 0;
            padding: .6rem 1rem .6rem 2rem; border-radius: 0 6px 6px 0; }
.findings li, .protocol li { margin: .35rem 0; }
.wide { overflow-x: auto; margin: .3rem 0; }
table { border-collapse: collapse; width: 100%; font-size: .92rem; font-variant-numeric: tabular-nums; }
th, td { padding: .38rem .5rem; text-align: right; border-bottom: 1px solid var(--line);
         vertical-align: top; }
td { white-space: nowrap; }
th:first-child, td:first-child { text-align: left; }
td:first-child { white-space: normal; min-width: 8.5rem; }
.plain th, .plain td { text-align: left; white-space: normal; }
thead th { font-size: .8rem; line-height: 1.25; color: var(--soft); vertical-align: bottom; }
tr.aside td { color: var(--soft); font-style: italic; }
.sd { color: var(--soft); font-size: .82em; }
figure { margin: 1.2rem 0 0; }
img { max-width: 100%; height: auto; display: block; margin: 0 auto .4rem; }
code, pre { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; font-size: .85rem; }
code { background: #eef1f4; border-radius: 4px; padding: .05rem .3rem; overflow-wrap: anywhere; }
pre { background: #f5f7f9; border: 1px solid var(--line); border-radius: 6px; padding: .7rem .9rem;
      overflow-x: auto; }
pre.command { white-space: pre-wrap; overflow-wrap: anywhere; }
details { margin: .9rem 0 0; }
summary { cursor: pointer; font-weight: 600; }
@media (max-width: 40rem) {
  main { padding: .5rem; }
  section { padding: .9rem .8rem; }
  h1 { font-size: 1.5rem; }
}
"""


def page(title: str, body: str) -> str:
    """A whole document."""
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{STYLE}</style>\n</head>\n"
        f"<body>\n<main>\n{body}\n</main>\n</body>\n</html>\n"
    )


def text(words: str) -> str:
    """Escape words; what stands between backquotes becomes code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(words))


def paragraph(words: str, kind: str = "") -> str:
    """A paragraph, of a class if one is given."""
    return f"<p{_class(kind)}>{text(words)}</p>\n"


def bullets(items: Sequence[str], kind: str = "") -> str:
    """A list; nothing where there are no items."""
    if not items:
        return ""
    return f"<ul{_class(kind)}>" + "".join(f"<li>{text(i)}</li>\n" for i in items) + "</ul>\n"


def tag(words: str, warn: bool = False) -> str:
    """A word or two on a coloured ground."""
    return f'<span class="tag{" warn" if warn else ""}">{escape(words)}</span>'


def table(head: Sequence[str], rows: Sequence[tuple[str, Sequence[str]]], kind: str = "") -> str:
    """A table that scrolls sideways where the screen is narrow.

    Parameters
    ----------
    head
        The words above the columns.
    rows
        For each row its class, "" for none, and its cells as HTML.
    kind
        The class of the table: ``"plain"`` for words instead of numbers.
    """
    above = "".join(f'<th scope="col">{escape(words)}</th>' for words in head)
    lines = "".join(
        f"<tr{_class(which)}>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>\n"
        for which, cells in rows
    )
    return (
        f'<div class="wide"><table{_class(kind)}>\n<thead><tr>{above}</tr></thead>\n'
        f"<tbody>\n{lines}</tbody>\n</table></div>\n"
    )


def picture(png: bytes, caption: str) -> str:
    """A PNG inside the page."""
    data = base64.b64encode(png).decode()
    return (
        f'<figure><img src="data:image/png;base64,{data}" alt="{escape(caption, quote=True)}">'
        f"<figcaption>{text(caption)}</figcaption></figure>\n"
    )


def png(figure: Figure) -> bytes:
    """A figure as a PNG file."""
    file = io.BytesIO()
    plots.save(figure, file)
    return file.getvalue()


def details(title: str, content: str) -> str:
    """What opens with a click."""
    return f"<details><summary>{escape(title)}</summary>\n{content}</details>\n"


def _class(kind: str) -> str:
    return f' class="{kind}"' if kind else ""
