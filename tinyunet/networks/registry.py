"""All classes of networks that have been defined, by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tinyunet.engine.rules import short

if TYPE_CHECKING:
    from tinyunet.networks.network import Network

_REGISTERED: dict[str, type[Network]] = {}


def register(cls: type[Network]) -> None:
    """Know a class by its name, from now on; of two with one name, the last is meant."""
    _REGISTERED[cls.__name__] = cls


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
