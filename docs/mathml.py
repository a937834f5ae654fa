"""Formulas as MathML, which browsers draw by themselves: no script, nothing to fetch."""

from __future__ import annotations

from docutils import nodes
from latex2mathml.converter import convert
from sphinx.application import Sphinx


def inline(writer: nodes.NodeVisitor, node: nodes.math) -> None:
    """Write a formula that stands in a line."""
    writer.body.append(convert(node.astext()))
    raise nodes.SkipNode


def block(writer: nodes.NodeVisitor, node: nodes.math_block) -> None:
    """Write a formula that stands for itself; a wide one is moved in its own box."""
    formula = convert(node.astext(), display="block")
    writer.body.append(f'<div class="formula">{formula}</div>\n')
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, bool]:
    """Tell Sphinx of it."""
    app.add_html_math_renderer("mathml", (inline, None), (block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
