"""The progress bar: a bar where it can move, lines where it cannot."""

import io

import pytest

from tinyunet.engine import progress
from tinyunet.engine.progress import Progress


class Terminal(io.StringIO):
    def isatty(self):
        return True


def shown(file, **options):
    with Progress(range(4), desc="training", file=file, **options) as bar:
        for _ in bar:
            bar.set_postfix_str("loss 0.5", refresh=False)
    return file.getvalue()


def test_in_a_pipe_there_are_lines(monkeypatch):
    monkeypatch.setattr(progress, "EVERY", 0)
    said = shown(io.StringIO())
    lines = said.splitlines()
    assert "\r" not in said
    assert said.endswith("\n")
    assert all(line.startswith("training: ") for line in lines)
    assert lines[0].startswith("training: 0 of 4, 00:00 so far, ? to go")
    assert lines[-1].startswith("training: 4 of 4, ")
    assert lines[-1].endswith("loss 0.5")
    assert len(set(lines)) == len(lines)


def test_lines_come_every_few_seconds_and_not_every_step():
    assert len(shown(io.StringIO()).splitlines()) == 2  # the first and the last
    assert shown(io.StringIO(), delay=60, leave=False) == ""
    assert shown(io.StringIO(), disable=True) == ""


@pytest.mark.parametrize("leave", [True, False])
def test_on_a_terminal_a_bar_moves(leave):
    said = shown(Terminal(), leave=leave, mininterval=0)
    assert said.count("\r") > 4
    assert "training:  25%" in said


def test_a_file_that_is_closed_or_none_moves_nothing():
    file = io.StringIO()
    file.close()
    assert not progress.moves(file)
    assert not progress.moves(None)


def test_one_that_ctrl_c_has_kept_from_being_made_closes_without_a_word():
    Progress.__new__(Progress).close()
