"""Every published case comes to the outcome that is expected of it; what is still wrong stands in one table."""

from __future__ import annotations

from pathlib import Path

import pytest
from _pytest.mark.structures import ParameterSet

from recon.testing import differences, load_case, load_expectation, replay
from tests.support.shared_cases import DIRECTORIES

#: The cases that come to another outcome today, and why. Whoever mends one removes its line.
WRONG_TODAY: dict[str, str] = {}


def _marked(directory: Path) -> ParameterSet:
    reason = WRONG_TODAY.get(directory.name)
    marks = [] if reason is None else [pytest.mark.xfail(reason=reason, strict=True, raises=AssertionError)]
    return pytest.param(directory, id=directory.name, marks=marks)


@pytest.mark.skipif(not DIRECTORIES, reason="the published cases are not here")
@pytest.mark.parametrize("directory", [_marked(each) for each in DIRECTORIES])
def test_a_case_comes_to_what_is_expected(directory: Path) -> None:
    expected = load_expectation(directory)
    assert expected is not None
    assert not expected.unread
    found = differences(expected, replay(load_case(directory)).outcome)
    assert not found, "\n".join(found)


@pytest.mark.skipif(not DIRECTORIES, reason="the published cases are not here")
def test_the_table_names_only_cases_that_exist() -> None:
    assert WRONG_TODAY.keys() <= {each.name for each in DIRECTORIES}
