"""For exercises in which a usual mistake raises an exception: the message says which it was."""

from __future__ import annotations

from typing import Any

from tinyunet.exercises.trial import Stop, Trial


def call_or_name(trial: Trial, causes: dict[str, str], **arguments: Any) -> Any:
    """Call the student's function; if it raises, name the mistake.

    Parameters
    ----------
    trial
        The examination.
    causes
        Mistakes, by words of the message that they lead to.
    arguments
        As for `Trial.call`.

    Raises
    ------
    Stop
        If the function raised anything.
    """
    try:
        return trial.call(**arguments)
    except Stop:
        finding = trial.findings()[0]
        named = (cause for words, cause in causes.items() if words in finding.text)
        finding.cause = finding.cause or next(named, "")
        raise
