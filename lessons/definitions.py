"""What a module's text defines, each definition with a hash and the names it uses.

The text is only read; nothing is imported.
"""

from __future__ import annotations

import ast
import functools
import hashlib
from dataclasses import dataclass, field

from lessons.names import Use, bound, used

Imports = dict[str, set[tuple[str, str]]]  # a name: the module it is from, and its name there or ""
WITH_DOCSTRING = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


@dataclass(eq=False)
class Module:
    """A module: what it defines and imports by name, and what else happens when it is imported.

    `exported` are the names of ``__all__``, and imports that the module itself has no use for.
    """

    name: str
    definitions: dict[str, list[Definition]] = field(default_factory=dict)
    others: list[Definition] = field(default_factory=list)
    imports: Imports = field(default_factory=dict)
    exported: set[str] = field(default_factory=set)


@dataclass(eq=False)
class Definition:
    """A function, a class, an assignment or another statement (then `name` is its first line).

    `text` is a hash of what has an effect in it, the same in every version of Python, and `imports`
    are those inside of it.
    """

    name: str
    text: str
    uses: frozenset[Use]
    imports: Imports
    module: Module


@functools.cache
def read(text: str, name: str, package: str) -> Module:
    """Read a module; its relative imports start at `package`."""
    module = Module(name)
    mentioned = set()  # in annotations, too
    for statement in ast.parse(text).body:
        names = bound(statement)
        if "__all__" in names:
            nodes = ast.walk(statement)
            module.exported |= {node.value for node in nodes if isinstance(node, ast.Constant)}
        elif not _is_main(statement):
            mentioned |= {node.id for node in ast.walk(statement) if isinstance(node, ast.Name)}
            _add(statement, names, module, package)
    module.exported |= set(module.imports) - mentioned
    return module


def whole(code: str, name: str) -> Definition:
    """Take code as one definition, of which only the names count that it uses."""
    tree = ast.parse(code)
    imports = _imports(tree, "")
    return Definition(name, "", used(_Bare().visit(tree)), imports, Module(name))


def digest(text: str) -> str:
    """Return a short hash."""
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def _add(statement: ast.stmt, names: list[str], module: Module, package: str) -> None:
    imports = _imports(statement, package)
    if not isinstance(statement, WITH_DOCSTRING):
        for name, origins in imports.items():
            module.imports.setdefault(name, set()).update(origins)
    bare = _Bare().visit(statement)
    if bare is None or not _has_effect(bare):
        return
    defines = isinstance(bare, WITH_DOCSTRING) or (
        isinstance(bare, ast.Assign) and not any(map(_is_part, ast.walk(bare)))
    )
    title = ", ".join(names) if defines else ast.unparse(bare).split("\n")[0]
    definition = Definition(title, digest(_canonical(bare)), used(bare), imports, module)
    for name in names:
        module.definitions.setdefault(name, []).append(definition)
    if not defines:
        module.others.append(definition)


def _imports(tree: ast.AST, package: str) -> Imports:
    found: Imports = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for name in node.names:
                module = name.name if name.asname else name.name.split(".")[0]
                found.setdefault(name.asname or module, set()).add((module, ""))
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1]
            module = ".".join([*(above if node.level else []), *filter(None, [node.module])])
            for name in node.names:
                found.setdefault(name.asname or name.name, set()).add((module, name.name))
    return found


def _is_main(statement: ast.stmt) -> bool:
    """Whether it is ``if __name__ == "__main__"``, which nothing that imports the module runs."""
    return isinstance(statement, ast.If) and "__name__" in ast.unparse(statement.test)


def _is_part(node: ast.AST) -> bool:
    """Whether something is assigned to a part of an object, as in ``table[key] = value``."""
    is_place = isinstance(node, ast.Subscript | ast.Attribute)
    return is_place and isinstance(node.ctx, ast.Store)


def _has_effect(node: ast.stmt) -> bool:
    """Whether more is in a statement than text and imports."""
    if isinstance(node, ast.If | ast.Try | ast.With):
        return any(isinstance(inner, ast.stmt) for inner in ast.walk(node) if inner is not node)
    return not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))


def _canonical(value: object) -> str:
    """A tree as text; `ast.dump` and `ast.unparse` say it otherwise in other versions of Python."""
    if isinstance(value, list):
        return f"[{','.join(map(_canonical, value))}]"
    if not isinstance(value, ast.AST):
        return ascii(value)
    fields = {name: getattr(value, name, None) for name in value._fields}
    filled = [
        f"{name}={_canonical(each)}" for name, each in fields.items() if each not in (None, [])
    ]
    return f"{type(value).__name__}({','.join(filled)})"


class _Bare(ast.NodeTransformer):
    """Leaves what has an effect: no docstring, no import, no annotation but those of a class."""

    def visit(self, node: ast.AST) -> ast.AST | None:
        if isinstance(node, WITH_DOCSTRING) and ast.get_docstring(node, clean=False) is not None:
            del node.body[0]
        if isinstance(node, ast.ClassDef):
            for statement in node.body:
                statement.in_class = True
        return super().visit(node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.returns = None
        return self.generic_visit(node)

    visit_AsyncFunctionDef = visit_FunctionDef

    def visit_arg(self, node: ast.arg) -> ast.AST:
        node.annotation = None
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST | None:
        if hasattr(node, "in_class"):  # a dataclass makes a field of it
            return node
        return ast.Assign([node.target], node.value) if node.value else None

    def visit_JoinedStr(self, node: ast.JoinedStr) -> ast.AST:
        node.values = [each for each in node.values if getattr(each, "value", None) != ""]
        return self.generic_visit(node)  # Python 3.12 has empty strings there

    def visit_Import(self, node: ast.Import | ast.ImportFrom) -> None:
        return None

    visit_ImportFrom = visit_Import
