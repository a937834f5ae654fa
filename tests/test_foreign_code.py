"""The checker understands backward passes as other people write them, and what it says of them is true."""

import functools

import numpy as np
import pytest
from foreign_code import RIGHT, WRONG, B, W, X, numbers

import tinyunet as tu


@pytest.mark.parametrize("case", RIGHT, ids=lambda case: case.name)
def test_right_code_passes(case):
    report = case.check()
    assert report.passed, report
    names = [row.name for row in report.rows]
    assert not set(case.rows.split()) - set(names), names


@pytest.mark.parametrize("case", WRONG, ids=lambda case: case.name)
def test_wrong_code_fails_and_only_what_is_wrong(case):
    report = case.check()
    failed = {row.name.replace(" ", "-") for row in report.rows if row.verdict == "FAILED"}
    assert failed == set(case.rows.split()), report
    assert case.says in str(report)


def test_there_are_plenty_of_cases():
    names = [case.name for case in RIGHT], [case.name for case in WRONG]
    assert all(len(set(group)) == len(group) for group in names)
    assert len(RIGHT) >= 45
    assert len(WRONG) >= 25
