"""Which network a run is about: one of ours by its name, or a class in a file of the user's.

A file is run only where the user names it on the command line, never because a checkpoint or a run's
settings.json names it.
"""

from __future__ import annotations

import importlib.util
import inspect
import sys
import traceback
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tinyunet.engine.spelling import did_you_mean
from tinyunet.networks.names import ALIASES, meaning
from tinyunet.networks.network import Network
from tinyunet.networks.registry import registered
from tinyunet.runs.own_files import RAN, in_words

# What tables call them; the others go by the name of their class.
OURS = {
    "UNet": "U-Net",
    "UNetPlusPlus": "U-Net++",
    "SegNetBasic": "SegNet-Basic",
    "FCN": "FCN-{stride}s",
}


def class_name(network: str) -> str:
    """The name of the class that ``NAME`` or ``FILE.py:NAME`` stands for."""
    file, _, name = network.rpartition(":")
    return name if file else meaning(name)[0]


def fixed(network: str) -> dict[str, Any]:
    """The constructor's arguments that a name stands for, such as the stride of ``fcn8s``."""
    return meaning(network)[1]


def known_names(*, labelling: bool = False) -> str:
    """All that a network may be called, for messages; or those that give logits for pixels."""
    classes = registered()
    others = {name for name, found in classes.items() if labelling and found.gives_instead}
    names = [name for name, (of, _) in ALIASES.items() if of not in others]
    return ", ".join([*names, *sorted(set(classes) - others)])


def find(network: str) -> type[Network]:
    """Return the class of a network that has been defined; no file is run.

    Raises
    ------
    ValueError
        If there is none of that name.
    """
    file, name = network.rpartition(":")[0], class_name(network)
    classes = registered()
    if name in classes:
        return classes[name]
    if file:
        raise ValueError(
            f"the network is {name} of {file}, and a file is run only on your word: add --network "
            f"{network}"
        )
    raise ValueError(
        f"there is no network called {name!r}{did_you_mean(name, [*ALIASES, *classes])}, but "
        f"{known_names()}; a class of yours is FILE.py:{name}"
    )


def define(network: str) -> None:
    """Run the file of ``FILE.py:CLASS``, so that the class is known by its name; check a mere name.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it fails, or has no network of that name.
    """
    file, _, name = network.rpartition(":")
    if name.endswith(".py"):  # without a class, such as C:\folder\mine.py
        file, name = network, ""
    if not file:
        find(network)
        return
    names = _names_of(Path(file))
    found = names.get(name)
    if found is None:
        raise ValueError(_which(file, name, names))
    if not _is_network(found):
        raise ValueError(f"{name} of {file} is no network: derive its class from tinyunet.Network")
    if found.__name__ != name:
        raise ValueError(f"{name} of {file} is a class called {found.__name__}: name it so")
    if registered().get(name) is not found:
        raise ValueError(f"{name} of {file} has a name of tinyunet's own: give the class another")


def _is_network(thing: Any) -> bool:
    return isinstance(thing, type) and issubclass(thing, Network)


def _which(file: str, name: str, names: dict[str, Any]) -> str:
    """Say which networks a file has, where a name is not, or not one, of them."""
    classes = [cls for cls in names.values() if _is_network(cls)]
    own = [cls.__name__ for cls in dict.fromkeys(classes) if cls.__module__ == names["__name__"]]
    words = (
        f"{file} has no class {name}" if name else f"--network {file} names no class of the file"
    )
    if not own:
        return f"{words}, nor any network: derive a class from tinyunet.Network"
    bare = name.partition("(")[0].strip()
    if bare in own:
        return f"{words}: leave the brackets out, --network {file}:{bare}"
    return f"{words}, which has {', '.join(own)}: for example --network {file}:{own[0]}"


def _names_of(file: Path) -> dict[str, Any]:
    """Run a Python file as a module, with its folder on the path, and return its names."""
    if not file.is_file():
        near = file.with_name(file.name + ".py")
        raise FileNotFoundError(f"{file}: no such file" + f", but {near}" * near.is_file())
    module_name = f"network_file_{file.stem}"
    spec = importlib.util.spec_from_file_location(module_name, file)
    if spec is None or spec.loader is None:
        raise ValueError(f"{file} is no Python file: its name should end in .py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[module_name] = module  # dataclasses and pickle look there
    sys.path.append(str(file.resolve().parent))
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        raise ValueError(f"{file} cannot be run: {_in_words(error, file)}") from error
    RAN.add(file.resolve())
    return vars(module)


def _in_words(error: BaseException, file: Path) -> str:
    """An error, and the last line of the file that led to it."""
    words = in_words(error)
    lines = [
        frame.lineno
        for frame in traceback.extract_tb(error.__traceback__)
        if Path(frame.filename).resolve() == file.resolve()
    ]
    return f"{words} (line {lines[-1]})" if lines else words


# ---------------------------------------------------------------------- making one


def defaults(network: type[Network]) -> dict[str, Any]:
    """What a network's constructor takes, and its defaults; ``Parameter.empty`` where it has none."""
    plain = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    parameters = inspect.signature(network).parameters.values()
    return {p.name: p.default for p in parameters if p.kind in plain}


def refuse_others(network: type[Network], options: Iterable[str]) -> None:
    """Raise ValueError for options that a network's constructor does not take."""
    parameters = inspect.signature(network).parameters.values()
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
        return
    named = defaults(network)
    others = ["--" + name.replace("_", "-") for name in options if name not in named]
    if others:
        raise ValueError(f"the network {network.__name__} takes no {', '.join(others)}")


def make(network: type[Network], options: dict[str, Any], choices: Iterable[str] = ()) -> Network:
    """Make a network; `choices` are options of the command that its user might have given.

    Raises
    ------
    ValueError
        If it needs more than these options.
    """
    missing = [
        parameter.name
        for parameter in inspect.signature(network).parameters.values()
        if parameter.default is parameter.empty
        and parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
        and parameter.name not in options
    ]
    if missing and set(missing) <= set(choices):
        others = ", ".join("--" + name.replace("_", "-") for name in missing)
        raise ValueError(
            f"the network {network.__name__} needs {', '.join(missing)}: give {others}, or a default "
            "in its constructor"
        )
    if missing:
        raise ValueError(
            f"the network {network.__name__} needs {', '.join(missing)}, for which there is no option: "
            "give it a default in its constructor"
        )
    return network(**options)


def name_of(model: Network) -> str:
    """What a network is called in tables."""
    name = type(model).__name__
    return OURS.get(name, name).format_map(model.config)
