"""Which names code takes from outside, and which it binds itself."""

from __future__ import annotations

import ast
from collections.abc import Iterable

Use = tuple[str, ...]
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda, *COMPREHENSIONS)


def used(*nodes: ast.AST) -> frozenset[Use]:
    """Return the names that nodes take from outside, with attributes: ``np.pad`` is (np, pad)."""
    visitor = _Uses()
    for node in nodes:
        visitor.visit(node)
    return frozenset(visitor.found)


def bound(*nodes: ast.AST) -> list[str]:
    """Return the names that nodes bind where they are, in order; but not those of imports."""
    found: dict[str, None] = {}
    elsewhere: set[str] = set()
    waiting = list(reversed(nodes))
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Global):
            elsewhere.update(node.names)
        elif isinstance(node, ast.Name):
            found |= {node.id: None} if isinstance(node.ctx, ast.Store) else {}
        elif isinstance(node, ast.MatchMapping):
            found |= {node.rest: None} if node.rest else {}
        elif not isinstance(node, ast.alias) and isinstance(getattr(node, "name", None), str):
            found |= {node.name: None}  # a function, a class, an exception, what matches
        if not isinstance(node, SCOPES):
            waiting += reversed(list(ast.iter_child_nodes(node)))
    return [name for name in found if name not in elsewhere]


class _Uses(ast.NodeVisitor):
    """Collects names, but those that a function binds only outside of it."""

    def __init__(self) -> None:
        self.found: set[Use] = set()
        self._local: list[set[str]] = []

    def visit_Name(self, node: ast.Name) -> None:
        if isinstance(node.ctx, ast.Load):
            self._use(node.id)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        names: list[str] = []
        inner: ast.AST = node
        while isinstance(inner, ast.Attribute):
            names.insert(0, inner.attr)
            inner = inner.value
        if isinstance(inner, ast.Name):
            self._use(inner.id, *names)
        else:
            self.visit(inner)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if node.value:  # the annotation only names types
            self.visit(node.value)

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.Lambda) -> None:
        given = node.args
        for outside in (*getattr(node, "decorator_list", ()), *given.defaults, *given.kw_defaults):
            if outside:
                self.visit(outside)
        body = node.body if isinstance(node.body, list) else [node.body]
        arguments = (*given.posonlyargs, *given.args, *given.kwonlyargs, given.vararg, given.kwarg)
        self._inside({each.arg for each in arguments if each} | set(bound(*body)), body)

    visit_AsyncFunctionDef = visit_Lambda = visit_FunctionDef

    def visit_ListComp(self, node: ast.ListComp) -> None:
        self.visit(node.generators[0].iter)  # where the targets are not bound yet
        targets = bound(*(generator.target for generator in node.generators))
        self._inside(set(targets), ast.iter_child_nodes(node))

    visit_SetComp = visit_DictComp = visit_GeneratorExp = visit_ListComp

    def _inside(self, local: set[str], nodes: Iterable[ast.AST]) -> None:
        self._local.append(local)
        for node in nodes:
            self.visit(node)
        self._local.pop()

    def _use(self, *names: str) -> None:
        if not any(names[0] in local for local in self._local):
            self.found.add(names)
