"""Every published case comes to the outcome that is expected of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from recon.testing import differences, load_case, load_expectation, replay
from tests.support.shared_cases import DIRECTORIES


@pytest.mark.skipif(not DIRECTORIES, reason="the published cases are not here")
@pytest.mark.parametrize("directory", DIRECTORIES, ids=lambda each: each.name)
def test_a_case_comes_to_what_is_expected(directory: Path) -> None:
    expected = load_expectation(directory)
    assert expected is not None
    assert not expected.unread
    found = differences(expected, replay(load_case(directory)).outcome)
    assert not found, "\n".join(found)
