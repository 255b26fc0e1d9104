"""Which day an account should have signed by now."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from recon.closing.schedule import due_close
from recon.ledger.rules import AccountRules

HOUR_US = 3_600_000_000
RULES = AccountRules(
    time_zone="America/New_York", cutoff_minute=17 * 60, business_days=(0, 1, 2, 3, 4), close_within_us=2 * HOUR_US
)


@pytest.mark.parametrize(
    ("now", "day"),
    [
        # Friday's cut-off is at 22:00 UTC, and it is to be signed by midnight.
        ("2026-11-27T23:59:59", "2026-11-26"),
        ("2026-11-28T00:00:00", "2026-11-27"),
        ("2026-11-30T23:00:00", "2026-11-27"),
        ("2026-12-01T00:00:00", "2026-11-30"),
    ],
)
def test_a_day_is_due_so_long_after_its_cut_off(now: str, day: str) -> None:
    found = due_close(RULES, datetime.fromisoformat(now).replace(tzinfo=UTC))
    assert found is not None
    assert found.day == date.fromisoformat(day)
    assert found.due_at <= datetime.fromisoformat(now).replace(tzinfo=UTC)


def test_without_a_delay_nothing_is_planned() -> None:
    assert due_close(AccountRules(), datetime(2026, 11, 28, tzinfo=UTC)) is None
