"""Leave out an event that the fold cannot take. Pure (architecture 2.12, semantics 7.5).

1. A refused frame is a gap of one event of its account. A refused event of the whole gateway touches every account.
2. A refused answer over REST belongs to the backfill that asked: its question stays open, and is asked again.
3. A refused decision, fact, answer of a venue or proposal has no effect. Its finding is all that remains.
"""

from __future__ import annotations

from typing import Final

from recon.ledger.account import REFUSED_EVENT, Account
from recon.ledger.apply.sessions import interrupt_coverage
from recon.ledger.ledger import Ledger
from recon.ledger.withholding import withhold
from recon.log import events
from recon.log.events import Event
from recon.times import LogTime

#: Longest account name in a finding, in characters; a longer name may be what the database refused.
MAX_ACCOUNT: Final = 200

#: Events that say nothing about what the accounts hold: without them the books are late, not wrong.
_WITHOUT_BALANCES: Final = frozenset(
    {
        events.RULES_PROPOSED,
        events.DECISION,
        events.FACT,
        events.VENUE_ANSWER,
        events.VENUE_TRADE,
        events.CATCH_UP_BEGUN,
        events.CATCH_UP_ENDED,
        events.SESSION_FAILED,
        events.CLOCK_JUMPED,
        events.EVENT_REFUSED,
    }
)


def leave_out(ledger: Ledger, event: Event, reason: str, at: LogTime) -> None:
    """Note that an event is refused, and withhold `agreed` from the units that it may touch."""
    name, kind = event.account, event.kind
    known = None if name is None or len(name) > MAX_ACCOUNT else name
    ledger.note_finding(known, at, "event_refused", kind, f"{REFUSED_EVENT}: {reason}")
    if kind in _WITHOUT_BALANCES:
        return
    if kind == events.REST_ANSWER:
        _leave_out_answer(ledger, name, at)
        return
    if kind == events.SESSION_OPENED:
        # The frames that follow belong to it.
        for account in ledger.accounts.values():
            account.liveness.enter_session(event.session)
        ledger.clock.session = event.session
    for account in ledger.accounts.values():
        if name in {None, account.name}:
            account.coverage.note_refused(at.seq, at.seq)
            interrupt_coverage(ledger, account, REFUSED_EVENT, at)
            _withhold_all(ledger, account)


def _leave_out_answer(ledger: Ledger, name: str | None, at: LogTime) -> None:
    """Leave an answer out: what it was about stays unread, so the agent asks again."""
    ledger.clock.backfill_answers += 1
    for account in ledger.accounts.values():
        backfill = account.coverage.backfill
        if backfill is not None and name in {None, account.name}:
            account.coverage.note_refused(at.seq, backfill.from_seq)
            _withhold_all(ledger, account)


def _withhold_all(ledger: Ledger, account: Account) -> None:
    ledger.mark_changed(account)
    for state in ledger.units_of(account.name):
        withhold(ledger, state, REFUSED_EVENT, on=True)
