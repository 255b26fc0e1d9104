"""A person's decisions on missing orders and on gaps. Pure (semantics 7)."""

from __future__ import annotations

from recon.ledger import gaps
from recon.ledger.actor import Actor
from recon.ledger.apply.missing_orders import resolve_missing_order
from recon.ledger.coverage import reassess
from recon.ledger.ledger import Ledger
from recon.times import LogTime


def settle_order(
    ledger: Ledger, by: Actor, name: str | None, key: str | None, outcome: str | None, at: LogTime
) -> None:
    """Settle a missing order by a person's decision: the order's units may agree again (semantics 7)."""
    account, order = ledger.accounts.get(name or ""), ledger.orders.get((name or "", key or ""))
    if account is None or order is None or not order.flags.missing:
        message = f"{by.label} asked to settle order {key}, refused: no such order is missing"
        ledger.note_finding(name, at, "decision_refused", key or "", message)
        return
    order.settle_by_person(on=True)
    resolve_missing_order(ledger, account, order, at)
    ledger.note_finding(
        name, at, "order_settled", order.key, f"{by.label} settled it: {outcome or 'no outcome is given'}"
    )


def settle_gap(
    ledger: Ledger, by: Actor, name: str | None, from_seq: int | None, outcome: str | None, at: LogTime
) -> None:
    """Settle a gap's open questions by a person's decision; missing orders stay missing (see `settle_order`)."""
    account = ledger.accounts.get(name or "")
    if account is None or from_seq is None or not gaps.settle_by_person(ledger, account, from_seq, at):
        message = f"{by.label} asked to settle the gap at event {from_seq}, refused: no such gap has open questions"
        ledger.note_finding(name, at, "decision_refused", str(from_seq), message)
        return
    if account.coverage.observed:
        ledger.changes.intervals += reassess(account, seq=at.seq, us=at.us)
    ledger.note_finding(
        name, at, "gap_settled", str(from_seq), f"{by.label} settled it: {outcome or 'no outcome is given'}"
    )
