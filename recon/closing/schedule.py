"""Which business day an account should have signed by now. Pure (operator 7.2)."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import msgspec

from recon.closing.calendar import calendar_of
from recon.ledger.rules import AccountRules


class DueClose(msgspec.Struct, frozen=True):
    """A business day that is to be signed, when it ended, and by when."""

    day: date
    cut_off: datetime
    due_at: datetime


def due_close(rules: AccountRules, now: datetime) -> DueClose | None:
    """Return the last business day whose time to be signed is over; None where no closing is planned."""
    if rules.close_within_us is None:
        return None
    within, calendar = timedelta(microseconds=rules.close_within_us), calendar_of(rules)
    day = calendar.last_over(now - within)
    cut_off = calendar.cut_off(day)
    return DueClose(day, cut_off, cut_off + within)
