"""Docstrings and signatures as Sphinx wants them.

What is indented in a docstring, a drawing or a formula, stays as it is. And a layer's constructor is
its `__init__`, not the `__new__` that notes the arguments.
"""

from __future__ import annotations

import inspect
import re

from sphinx.application import Sphinx

LISTS = (":", "..", "-", "*")  # what is indented below these belongs to them
# Outside of backticks these would begin a substitution and an emphasis.
BAR = re.compile(r"\|(?=(?:[^`]*`[^`]*`)*[^`]*$)")
SIGN = re.compile(r"[|*](?=(?:[^`]*`[^`]*`)*[^`]*$)")


def literal_blocks(
    app: Sphinx, what: str, name: str, thing: object, options: object, lines: list[str]
) -> None:
    """Put a directive before what is indented; without it, it would become a quotation."""
    out: list[str] = []
    i = 0
    while i < len(lines):
        line, above = lines[i], next((text for text in reversed(out) if text.strip()), "")
        edge = _indent(above)
        begins = line.strip() and out and not out[-1].strip() and _indent(line) >= edge + 4
        if not begins or above.rstrip().endswith("::") or above.lstrip().startswith(LISTS):
            stars = not line.lstrip().startswith("*")  # a parameter's name
            out.append((SIGN if stars else BAR).sub(r"\\\g<0>", line))
            i += 1
            continue
        out += [" " * edge + ".. code-block:: text", ""]
        while i < len(lines) and (not lines[i].strip() or _indent(lines[i]) > edge):
            out.append(lines[i])
            i += 1
        out.append("")
    lines[:] = out


def signature(
    app: Sphinx, what: str, name: str, thing: object, options: object, given: str, returned: str
) -> tuple[str, str] | None:
    """The arguments of a class."""
    if what != "class" or not given or not given.startswith("(*"):
        return None
    _, *arguments = inspect.signature(thing.__init__).parameters.values()
    plain = [each.replace(annotation=inspect.Parameter.empty) for each in arguments]
    return str(inspect.Signature(plain)), returned


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def setup(app: Sphinx) -> dict[str, bool]:
    """Tell Sphinx of it; before the sections are read."""
    app.connect("autodoc-process-docstring", literal_blocks, priority=100)
    app.connect("autodoc-process-signature", signature)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
