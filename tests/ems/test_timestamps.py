from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recon.ems.protocol.timestamps import parse_time
from tests.support.wire_messages import steady


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2020-02-07T12:37:46.6967101Z", datetime(2020, 2, 7, 12, 37, 46, 696710, UTC)),
        ("2020-02-07T12:37:46.6967109Z", datetime(2020, 2, 7, 12, 37, 46, 696710, UTC)),
        ("2020-02-07T12:37:46.696Z", datetime(2020, 2, 7, 12, 37, 46, 696000, UTC)),
        ("2020-02-07T12:37:46Z", datetime(2020, 2, 7, 12, 37, 46, 0, UTC)),
        ("2022-05-01T00:00:00", datetime(2022, 5, 1, tzinfo=UTC)),
        ("2020-02-07T12:37Z", datetime(2020, 2, 7, 12, 37, tzinfo=UTC)),
        ("2020-02-07T12", datetime(2020, 2, 7, 12, tzinfo=UTC)),
        ("2020-02-07", datetime(2020, 2, 7, tzinfo=UTC)),
        ("20200207T123746.6967101Z", datetime(2020, 2, 7, 12, 37, 46, 696710, UTC)),
        ("2020-02-07T14:37:46+02:00", datetime(2020, 2, 7, 12, 37, 46, 0, UTC)),
        ("0001-01-01T00:00:00.0000000Z", None),
        ("0001-01-01T00:00:00+14:00", None),
        ("9999-12-31T23:59:59-14:00", None),
        ("yesterday", None),
        ("", None),
        (None, None),
    ],
)
def test_forms(text: str | None, moment: datetime | None) -> None:
    assert parse_time(text) == moment


@steady
@given(st.text())
def test_any_text_passes(text: str) -> None:
    moment = parse_time(text)
    assert moment is None or moment.tzinfo is UTC


@steady
@given(st.datetimes(min_value=datetime(1970, 1, 1), max_value=datetime(2200, 1, 1)), st.integers(0, 9))  # noqa: DTZ001  # made UTC below
def test_seven_digits_are_truncated_to_microseconds(moment: datetime, digit: int) -> None:
    text = f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond:06d}{digit}Z"
    assert parse_time(text) == moment.replace(tzinfo=UTC)
