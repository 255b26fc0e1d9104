"""Orders and gaps that a person settles. Pure (semantics 7)."""

from __future__ import annotations

from recon.ledger import gaps
from recon.ledger.actor import Person
from recon.ledger.apply.missing_orders import account_for
from recon.ledger.coverage import settle
from recon.ledger.ledger import Book
from recon.times import LogTime


def settle_order(book: Book, by: Person, name: str | None, key: str | None, outcome: str | None, at: LogTime) -> None:
    """Settle an order that is not accounted for by a person's word: its units may agree again (semantics 7)."""
    account, order = book.accounts.get(name or ""), book.orders.get((name or "", key or ""))
    if account is None or order is None or not order.unaccounted:
        message = f"{by.shown} asked to settle order {key}, refused: no such order is unaccounted for"
        book.find(name, at, "decision_refused", key or "", message)
        return
    order.settled = True
    account_for(book, account, order, at)
    book.find(name, at, "order_settled", order.key, f"{by.shown} settled it: {outcome or 'no outcome is told'}")


def settle_gap(
    book: Book, by: Person, name: str | None, from_seq: int | None, outcome: str | None, at: LogTime
) -> None:
    """Settle what is open of a gap by a person's word; orders that are missing by name stay so (settle_order)."""
    account = book.accounts.get(name or "")
    if account is None or from_seq is None or not gaps.settle(book, account, from_seq, at):
        message = f"{by.shown} asked to settle the gap at event {from_seq}, refused: nothing is open of any such gap"
        book.find(name, at, "decision_refused", str(from_seq), message)
        return
    if account.observed:
        book.changes.intervals += settle(account, seq=at.seq, us=at.us)
    book.find(name, at, "gap_settled", str(from_seq), f"{by.shown} settled it: {outcome or 'no outcome is told'}")
