"""What the library says of its arguments, in the words of the command line: --masks classes."""

from __future__ import annotations

import re
from typing import Any

from tinyunet.commands.options import settings_of
from tinyunet.runs.numbers import COUNTS, option
from tinyunet.runs.painting.settings import PaintSettings
from tinyunet.runs.settings import Settings

SETTINGS = {**settings_of(Settings), **settings_of(PaintSettings)}
OTHERS = ("threshold", "resume", "out", "joined", "scale", "fold")
OPTIONS = {name: option(name) for name in (*SETTINGS, *COUNTS, *OTHERS)}
OPTIONS |= {"kind": "--masks"}
VALUE = r"(?:\"[^\"]*\"|'[^']*'|[\w.+-]+)"
IN_PYTHON = re.compile(r" \((?:in )?Python [^()]*(?:\([^()]*\)[^()]*)*\)", re.IGNORECASE)
BESIDE_OPTION = re.compile(rf"\b\w+={VALUE} \((--[^()]+)\)")  # resume=True (--resume)
AFTER_OPTION = re.compile(r"(--[\w-]+ \S+) \(\w+=[^()]*\)")  # --ignore 255 (ignore=255)
# A call or a network, such as UNet(depth=2), stays as it is.
ARGUMENT = re.compile(
    rf"\b\w+\((?:[^()]|\([^()]*\))*\)|(?<![\w.-])(?P<name>{'|'.join(OPTIONS)})=(?P<value>{VALUE})"
)
FIRST = re.compile(
    rf"^(?P<name>{'|'.join(OPTIONS)})(?= (?:must|should|needs?|is to be)\b)", re.MULTILINE
)


def as_options(text: str) -> str:
    """A sentence of the library's, with options in place of Python's arguments."""
    text = IN_PYTHON.sub("", text)
    text = BESIDE_OPTION.sub(r"\1", text)
    text = AFTER_OPTION.sub(r"\1", text)
    text = ARGUMENT.sub(_option, text)
    return FIRST.sub(lambda match: OPTIONS[match["name"]], text)


def all_as_options(data: Any) -> Any:
    """The same for every text in plain data."""
    if isinstance(data, str):
        return as_options(data)
    if isinstance(data, dict):
        return {key: all_as_options(value) for key, value in data.items()}
    return [all_as_options(value) for value in data] if isinstance(data, list) else data


def _option(match: re.Match[str]) -> str:
    if match["name"] is None:
        return match[0]
    name, value = OPTIONS[match["name"]], match["value"].strip("\"'")
    return name if value == "True" else f"{name} {'none' if value == 'None' else value}"
