"""The site is made without a warning, and nothing on it is dead, fetched elsewhere or left as TeX."""

import subprocess
import sys
from pathlib import Path

import pytest

for module in ("sphinx", "myst_nb", "furo", "latex2mathml"):
    pytest.importorskip(module, reason="the site is made with: pip install .[docs]")

ROOT = Path(__file__).parents[1]
sys.path.append(str(ROOT))  # where docs/ is, which is not installed

from docs import links  # noqa: E402


def test_the_site_is_made_and_everything_on_it_works():
    done = subprocess.run(
        [sys.executable, "-m", "docs.build", "--check"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    html = ROOT / "docs" / "_build" / "html"
    lesson = (html / "lessons" / "01_convolution.html").read_text(encoding="utf-8")
    assert lesson.count("<math") > 5
    assert "<img" in lesson
    assert "Conv2d" in (html / "api" / "layers.html").read_text(encoding="utf-8")


PAGE = """<html><head><script src="{script}"></script></head><body>
<p id="here">{words}</p><a href="{link}">on</a><pre>\\frac{{a}}{{b}}</pre></body></html>"""


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({}, ""),
        ({"script": "https://elsewhere.example/x.js"}, "fetches https://elsewhere.example/x.js"),
        ({"link": "nowhere.html"}, "nowhere.html is not there"),
        ({"link": "#there"}, "#there has no such place"),
        ({"words": r"\frac{a}{b}"}, r"a raw formula: \frac"),
    ],
)
def test_what_does_not_work_is_found(tmp_path, change, found):
    given = {"script": "own.js", "words": "a / b", "link": "page.html#here"} | change
    (tmp_path / "own.js").touch()
    (tmp_path / "page.html").write_text(PAGE.format(**given))
    assert [line.partition(": ")[2] for line in links.problems(tmp_path)] == [found] * bool(found)
