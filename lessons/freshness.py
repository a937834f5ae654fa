"""Which of the package's definitions a lesson's outputs depend on, and whether they changed since.

A definition is a function, a class or an assignment at the top of a module. It reaches those whose
names it uses, wherever these are written: a definition that moves changes nothing.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType

import tinyunet
from lessons.definitions import Definition, Module, digest, read, whole
from lessons.names import Use

PACKAGE = Path(tinyunet.__file__).parent
Found = Definition | Module | str  # str: the name of something of another package


def fingerprints(code: str, lesson: int, package: Path = PACKAGE) -> dict[str, str]:
    """Return a fingerprint of every definition that a lesson's code reaches, by name.

    A fingerprint has two parts: a hash of the definition's text, without comments, docstrings and
    annotations, and one of what the names in it mean. Definitions of the same name share an entry.
    The lesson's exercises, ``lesson_NN.py`` or all in a folder ``lesson_NN``, are reached as a whole.
    """
    files = _Files(package)
    found: dict[Definition | Module, str] = {}
    waiting: list[Found] = [whole(code, "the lesson"), *files.exercises(lesson)]
    while waiting:
        item = waiting.pop()
        if item in found or isinstance(item, str):
            continue
        if isinstance(item, Module):
            found[item] = ""
            waiting += [*files.contents(item)]
            continue
        meanings = set()
        for use in item.uses:
            for target in files.meant(item, use):
                waiting.append(target)
                if not isinstance(target, Module):
                    known_by = target.text if isinstance(target, Definition) else target
                    meanings.add(f"{'.'.join(use)}: {known_by}")
        meaning = f".{digest(', '.join(sorted(meanings)))}" if meanings else ""
        found[item] = item.text + meaning
        waiting += item.module.others
    entries: dict[str, set[str]] = {}
    for item, fingerprint in found.items():
        if isinstance(item, Definition):
            entries.setdefault(item.name, set()).add(fingerprint)
    return {name: " ".join(sorted(entries[name])) for name in sorted(entries)}


def changes(now: dict[str, str], then: dict[str, str]) -> list[str]:
    """Say what a lesson reaches now that is not as it was then; nothing if all is as it was."""
    changed = []
    for name in now:
        texts = {each.split(".")[0] for each in then.get(name, "").split()}
        if not texts >= {each.split(".")[0] for each in now[name].split()}:
            changed.append(f"{name} {'changed' if name in then else 'is used now'}")
    return changed or [
        f"{name} uses another definition"
        for name in now
        if not set(then[name].split()) >= set(now[name].split())
    ]


class _Files:
    """The modules of a package by name, each read once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._modules: dict[str, Module | None] = {}

    def module(self, name: str) -> Module | None:
        """The module of a name, such as ``tinyunet.data``; None if the package has none."""
        if name not in self._modules:
            base = self._folder.parent.joinpath(*name.split("."))
            path, package = base / "__init__.py", name
            if not path.exists():
                path, package = base.with_name(f"{base.name}.py"), name.rpartition(".")[0]
            is_ours = name.split(".")[0] == self._folder.name and path.exists()
            text = path.read_text(encoding="utf-8") if is_ours else ""
            self._modules[name] = read(text, name, package) if is_ours else None
        return self._modules[name]

    def exercises(self, lesson: int) -> list[Module]:
        """The modules with a lesson's exercises, wherever they are."""
        paths = [path.with_suffix("") for path in self._folder.rglob("*.py")]
        names = [path.relative_to(self._folder.parent).parts for path in sorted(paths)]
        own = [parts for parts in names if f"lesson_{lesson:02d}" in parts]
        return [self.module(".".join(parts).removesuffix(".__init__")) for parts in own]

    def contents(self, module: Module) -> Iterable[Found]:
        """All that is reached by a module as such, not by a name in it."""
        for definitions in module.definitions.values():
            yield from definitions
        yield from module.others
        for name in module.exported:
            yield from self._find(module.name, (name,))

    def meant(self, definition: Definition, use: Use) -> Iterable[Found]:
        """What a name in a definition means; nothing if it is Python's own."""
        name, module = use[0], definition.module
        if name in definition.imports:
            for origin in definition.imports[name]:
                yield from self._follow(origin, use[1:])
        elif name in module.definitions or name in module.imports:
            yield from self._find(module.name, use)

    def _follow(self, origin: tuple[str, str], names: Use, seen: frozenset = frozenset()) -> list:
        module, name = origin
        if module.split(".")[0] != self._folder.name:
            return [".".join(filter(None, origin))]
        return self._find(module, (name, *names) if name else names, seen)

    def _find(self, name: str, names: Use, seen: frozenset = frozenset()) -> list[Found]:
        """What ``module.a.b`` means, for the name of a module and (a, b)."""
        module = self.module(name)
        if module is None:
            raise LookupError(f"{name} is imported, but is no module of {self._folder.name}")
        if not names:
            return [module]
        first, rest = names[0], names[1:]
        found: list[Found] = [*module.definitions.get(first, ())]
        if (name, first) not in seen:
            for origin in module.imports.get(first, ()):
                found += self._follow(origin, rest, seen | {(name, first)})
        if found or first.startswith("__"):
            return found
        if self.module(f"{name}.{first}"):
            return self._find(f"{name}.{first}", rest, seen)
        return self._find_late(name, first, rest)

    def _find_late(self, module: str, name: str, rest: Use) -> list[Found]:
        """What a module's ``__getattr__`` gives for a name that its text does not bind."""
        value = getattr(importlib.import_module(module), name)
        if isinstance(value, ModuleType):
            return self._find(value.__name__, rest)
        home = self.module(getattr(value, "__module__", module))
        found = home.definitions.get(getattr(value, "__qualname__", name), []) if home else []
        if not found:
            raise LookupError(
                f"cannot see where {module}.{name} is written: import it there by its name, under "
                "`if TYPE_CHECKING` if it is to be imported later"
            )
        return [*found]
