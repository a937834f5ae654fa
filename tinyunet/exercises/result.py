"""What a check found out, readable in a terminal and in a notebook."""

from __future__ import annotations

import html
from dataclasses import dataclass, field

RIGHT, WRONG = "#2a7d2a", "#c62828"


class _Short:
    """An exception of which a notebook shows the message alone, without the way it came."""

    def _render_traceback_(self) -> list[str]:
        return str(self).splitlines()


class NotSolved(_Short, NotImplementedError):
    """The exercise still holds its `raise NotImplementedError`."""


class WrongAnswer(_Short, AssertionError):
    """A strict check that did not pass; its message is the result."""


@dataclass
class Finding:
    """What was found out about one output, or one property, of the student's function.

    Attributes
    ----------
    name
        What it is about, such as ``"dw"``.
    right
        Whether it is as it should be.
    text
        What was seen: where first, how large.
    cause
        Which mistake it looks like, or "".
    """

    name: str
    right: bool
    text: str
    cause: str = ""


@dataclass
class Result:
    """The result of a check; print it, or let a notebook show it.

    Attributes
    ----------
    exercise
        Its name.
    findings
        What was found out in the call that went wrong, or nothing where all went well.
    setting
        What the student's function was called with then.
    summary
        What was checked, where all went well.
    """

    exercise: str
    findings: list[Finding] = field(default_factory=list)
    setting: str = ""
    summary: str = ""

    @property
    def passed(self) -> bool:
        """Whether everything is right."""
        return all(finding.right for finding in self.findings)

    @property
    def causes(self) -> list[str]:
        """Which mistakes it looks like."""
        return [finding.cause for finding in self.findings if finding.cause]

    def __str__(self) -> str:
        if self.passed:
            return f"{self.exercise}: passed, well done. {self.summary}"
        lines = [f"{self.exercise}: not yet"]
        lines += [f"  {self.setting}"] if self.setting else []
        for finding in self.findings:
            lines.append(f"  {finding.name}: {finding.text}")
            lines += [f"      It looks like this: {finding.cause}."] if finding.cause else []
        lines.append(f'  For a hint: check.hint("{self.exercise}")')
        return "\n".join(lines)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        name = html.escape(self.exercise)
        if self.passed:
            head = f"<b style='color:{RIGHT}'>{name}: passed, well done.</b>"
            return f"<p>{head} {html.escape(self.summary)}</p>"
        rows = ""
        for finding in self.findings:
            colour = RIGHT if finding.right else WRONG
            text = html.escape(finding.text)
            if finding.cause:
                text += f"<br>It looks like this: <b>{html.escape(finding.cause)}</b>."
            rows += f"<li><b style='color:{colour}'>{html.escape(finding.name)}</b>: {text}</li>"
        return (
            f"<b style='color:{WRONG}'>{name}: not yet</b><br>{html.escape(self.setting)}"
            f"<ul>{rows}</ul>For a hint: <code>check.hint(&quot;{name}&quot;)</code>"
        )


@dataclass
class Hint:
    """One hint; print it, or let a notebook show it."""

    exercise: str
    number: int
    of: int
    text: str

    def __str__(self) -> str:
        if not self.number:
            return f"{self.exercise}: {self.text}"
        return f"{self.exercise}, hint {self.number} of {self.of}: {self.text}"

    __repr__ = __str__
