"""The project's own cases, in tests/cases: each comes to the outcome that is expected of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from recon.testing import differences, load_case, load_expectation, replay
from recon.testing.case import FRAMES

CASES = Path(__file__).parents[1] / "cases"
DIRECTORIES = sorted(path.parent for path in CASES.glob(f"*/{FRAMES}"))


def test_there_are_cases() -> None:
    assert {each.name for each in DIRECTORIES} >= {"lost-fill"}
    assert sorted(CASES.iterdir()) == DIRECTORIES, "each has its frames"


@pytest.mark.parametrize("directory", DIRECTORIES, ids=lambda each: each.name)
def test_a_case_comes_to_what_is_expected(directory: Path) -> None:
    expected = load_expectation(directory)
    assert expected is not None
    assert not expected.unread
    assert expected.trouble
    assert expected.breaks is not None
    found = differences(expected, replay(load_case(directory)).outcome)
    assert not found, "\n".join(found)
