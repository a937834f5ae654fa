"""Which of the package's modules a lesson's outputs depend on, and whether they changed since."""

from __future__ import annotations

import ast
import hashlib
import importlib
import io
import tokenize
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import tinyunet

PACKAGE = Path(tinyunet.__file__).parent


def fingerprints(code: str, lesson: int) -> dict[str, str]:
    """Return a fingerprint of every module that a lesson's code uses, directly or through others.

    ``tu.Conv2d`` counts as the module in which Conv2d is written and all that this one imports, so a
    change of another layer does not touch the lesson. Comments and docstrings do not count.
    """
    waiting = _imported(code, "")
    if "tinyunet.exercises.registry" in waiting:
        waiting.add(f"tinyunet.exercises.lesson_{lesson:02d}")  # found by its name, not imported
    found: dict[str, str] = {}
    while waiting:
        name = waiting.pop()
        text = _path(name).read_text(encoding="utf-8")
        found[name] = hashlib.sha256(_bare(text).encode()).hexdigest()[:12]
        waiting |= _imported(text, name) - set(found)
    return dict(sorted(found.items()))


def _imported(code: str, own_name: str) -> set[str]:
    """The modules of tinyunet in which everything is written that some code imports."""
    tree = ast.parse(code)
    aliases = {}  # names of modules in the code: tu, np, data
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for name in node.names:
                if name.name.split(".")[0] == "tinyunet":
                    aliases[name.asname or "tinyunet"] = name.name if name.asname else "tinyunet"
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "tinyunet":
            for name in node.names:
                home, is_module = _home(node.module, name.name)
                if is_module:
                    aliases[name.asname or name.name] = home
                else:
                    found.add(home)
    for alias, module in aliases.items():
        chains = list(_chains(tree, alias))
        found |= {_follow(module, chain) for chain in chains}
        if not chains and module != "tinyunet":
            found.add(module)
    return found - {own_name, "tinyunet"}


def _chains(tree: ast.Module, alias: str) -> Iterator[list[str]]:
    """Every ``alias.a.b`` as [a, b]."""
    inner = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    for node in ast.walk(tree):
        if id(node) in inner:  # ``alias.a`` of ``alias.a.b``
            continue
        names: list[str] = []
        while isinstance(node, ast.Attribute):
            names.insert(0, node.attr)
            node = node.value
        if names and isinstance(node, ast.Name) and node.id == alias:
            yield names


def _follow(module: str, names: list[str]) -> str:
    """The module in which ``module.a.b`` is written."""
    for name in names:
        module, is_module = _home(module, name)
        if not is_module:
            break
    return module


def _home(module: str, name: str) -> tuple[str, bool]:
    """Where `name` of a module is written, and whether it is a module itself."""
    try:
        value = getattr(importlib.import_module(module), name)
    except AttributeError:
        return importlib.import_module(f"{module}.{name}").__name__, True
    if isinstance(value, ModuleType):
        return value.__name__, True
    home = getattr(value, "__module__", None) or module
    return (home if home.split(".")[0] == "tinyunet" else module), False


def _path(module: str) -> Path:
    base = PACKAGE.parent.joinpath(*module.split("."))
    return base / "__init__.py" if base.is_dir() else base.with_suffix(".py")


def _bare(text: str) -> str:
    """The text without comments, docstrings and empty lines: what has an effect."""
    lines = text.splitlines(keepends=True)
    previous, spans = tokenize.NEWLINE, []
    tokens = list(tokenize.generate_tokens(io.StringIO(text).readline))
    for token, following in zip(tokens, [*tokens[1:], tokens[-1]], strict=True):
        starts_line = previous in (tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT)
        is_docstring = token.type == tokenize.STRING and starts_line
        if token.type == tokenize.COMMENT or (
            is_docstring and following.type in (tokenize.NEWLINE, tokenize.COMMENT)
        ):
            spans.append((token.start, token.end))
        if token.type not in (tokenize.NL, tokenize.COMMENT):
            previous = token.type
    for (row, column), (end_row, end_column) in reversed(spans):
        rest = lines[end_row - 1][end_column:]
        lines[row - 1 : end_row] = [lines[row - 1][:column] + rest]
    stripped = (line.rstrip() for line in "".join(lines).splitlines())
    return "\n".join(line for line in stripped if line)
