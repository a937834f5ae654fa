"""Where in a file of the user's an error comes from: its mistakes are not tinyunet's."""

from __future__ import annotations

import sysconfig
import traceback
from collections.abc import Iterator
from pathlib import Path

RAN: set[Path] = set()  # the files that the user named and that ran; their classes are in use
OURS = Path(__file__).resolve().parents[1]
LIBRARIES = [Path(sysconfig.get_path(name)).resolve() for name in ("stdlib", "platstdlib")]
INSTALLED = {"site-packages", "dist-packages"}


def raised_in(error: BaseException) -> tuple[str, BaseException] | None:
    """The place in the user's file that raised an error, or what it was raised from; and which it was.

    The place is the innermost call outside of the standard library and of installed packages. None: it
    is not the user's, or no file of the user's was run.
    """
    for cause in _causes(error):
        frames = _frames(cause)
        if frames and not _is_ours(frames[-1]):
            return _words(frames[-1]), cause
    return None


def passed_in(error: BaseException) -> str | None:
    """The last place in the user's file from which tinyunet was called when an error came up."""
    for cause in _causes(error):
        frames = [frame for frame in _frames(cause) if not _is_ours(frame)]
        if frames:
            return _words(frames[-1])
    return None


def in_words(error: BaseException) -> str:
    """The kind of an error, and what it says."""
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """An error, what it was raised from, and so on."""
    seen: list[BaseException] = []
    while error is not None and error not in seen:
        yield error
        seen.append(error)
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def _frames(error: BaseException) -> list[traceback.FrameSummary]:
    """The calls that led to an error, in tinyunet and in the user's files."""
    if not RAN:
        return []
    frames = traceback.extract_tb(error.__traceback__)
    return [frame for frame in frames if _is_ours(frame) or _is_users(Path(frame.filename))]


def _is_ours(frame: traceback.FrameSummary) -> bool:
    path = Path(frame.filename).resolve()
    return path not in RAN and path.is_relative_to(OURS)


def _is_users(path: Path) -> bool:
    """Whether it is a file that the user named, or one near it: not the library's nor installed."""
    path = path.resolve()
    if path in RAN:
        return True
    near = any(path.is_relative_to(file.parent) for file in RAN)
    library = any(path.is_relative_to(folder) for folder in LIBRARIES)
    return near and not library and INSTALLED.isdisjoint(path.parts)


def _words(frame: traceback.FrameSummary) -> str:
    return f"{Path(frame.filename).name}, line {frame.lineno}, in {frame.name}"
