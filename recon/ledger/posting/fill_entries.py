"""Entries that follow from a fill. Pure (semantics 2)."""

from __future__ import annotations

from decimal import Decimal

from recon.ledger.ledger import Ledger
from recon.ledger.timeline import CERTAIN, Uncertainty
from recon.ledger.units import FILL, FillRef, Posting, UnitState, post
from recon.times import LogTime


def fill_posting(
    amount: Decimal, fill: FillRef, uncertainty: Uncertainty = CERTAIN, *, cause: str = FILL, certainty: str = "exact"
) -> Posting:
    """Return the posting of an amount of a fill, at the time of the fill."""
    return Posting(amount, cause, fill.occurred_us, certainty, uncertainty, fill)


def post_fill(ledger: Ledger, state: UnitState, posting: Posting, at: LogTime) -> None:
    """Post an amount of a fill; a fill hidden by a gap counts as booked before all reports after the gap."""
    booked = ledger.clock_of_fill(state.unit.account, posting.occurred_us, at)
    then = LogTime(at.seq, at.us, max(booked, state.timeline.clocks[-1]))
    ledger.record_entry(post(state, posting, then), state)
