"""All classes of networks that have been defined, by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tinyunet.engine.rules import short

if TYPE_CHECKING:
    from tinyunet.networks.network import Network

_REGISTERED: dict[str, type[Network]] = {}


def register(cls: type[Network]) -> None:
    """Know a class by its name, from now on; of two with one name, the last is meant.

    Names of tinyunet's own classes are taken: another class of such a name works, but isn't known.
    """
    if not _is_ours(_REGISTERED.get(cls.__name__)) or _is_ours(cls):
        _REGISTERED[cls.__name__] = cls


def _place(cls: type[Network]) -> tuple[str, str]:
    """Where a class is defined."""
    return cls.__module__, cls.__qualname__


def _is_ours(cls: type[Network] | None) -> bool:
    return cls is not None and cls.__module__.partition(".")[0] == __name__.partition(".")[0]


def check_known(cls: type[Network]) -> None:
    """Raise unless a class is what its name stands for, so that a file of it means this class.

    Raises
    ------
    TypeError
        If the name is that of a class of tinyunet's own, or of one defined later.
    """
    known = _REGISTERED.get(cls.__name__)
    if known is cls or (
        known and _place(known) == _place(cls)
    ):  # the second: a cell that ran again
        return
    if _is_ours(known):
        raise TypeError(
            f"{cls.__module__}'s class {cls.__name__} could not be told from tinyunet's in a file: "
            f"name it otherwise: {cls.__name__} is tinyunet's own"
        )
    where = "" if known is None else f", that of {known.__module__},"
    raise TypeError(
        f"this network is of an earlier class {cls.__name__}: another of that name{where} was defined "
        "since, which a file would be loaded as: make the network again, or give the classes two names"
    )


def registered() -> dict[str, type[Network]]:
    """Return all classes of networks that have been defined, by name."""
    return dict(_REGISTERED)


class UnknownNetwork(ValueError):
    """No network of a name has been defined."""

    name: str


def find_network(name: str) -> type[Network]:
    """Return the class of networks that has a name.

    Raises
    ------
    ValueError
        If none has been defined. A file's word is never imported.
    """
    if name not in _REGISTERED:
        known = ", ".join(sorted(_REGISTERED))
        error = UnknownNetwork(
            f"there is no network called {short(name)}, but {known}: if it is yours, define or import "
            "its class first"
        )
        error.name = name
        raise error
    return _REGISTERED[name]
