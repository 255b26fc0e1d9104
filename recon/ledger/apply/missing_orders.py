"""Orders that were open and are reported no more, and what became of them. Pure (semantics 7, protocol 3)."""

from __future__ import annotations

import msgspec

from recon.ems.protocol.messages import OrderReport
from recon.ledger import gaps
from recon.ledger import orders as o
from recon.ledger.account import Account
from recon.ledger.backfills import Missing
from recon.ledger.coverage import settle
from recon.ledger.ledger import Book
from recon.ledger.orders import Order
from recon.ledger.withholding import touched_units, withhold
from recon.times import LogTime


def _look_for(book: Book, account: Account, order: Order, report: OrderReport, at: LogTime, *, listed: bool) -> None:
    """Account for a missing order by a report that tells what became of it; one from before that does not.

    What is fetched must tell more than is known, or list the order as open: the order log repeats what was, and a last
    report that is as before, of an order that is not listed as open, only says that the EMS has lost it too.
    """
    behind = report.amount_filled is not None and report.amount_filled < order.amount_filled
    further = o.is_further(order, report) and (not book.fetching or report.status in o.TERMINAL)
    if listed or further or not (book.fetching or behind):
        account_for(book, account, order, at)
        return
    missing = account.unaccounted[order.key]
    if not missing.why and book.fetching:
        why = f"the EMS tells of it as {report.status or 'unknown'}, nothing later than before, and not as open now"
        account.unaccounted = {**account.unaccounted, order.key: msgspec.structs.replace(missing, why=why)}
        book.touch(account)


def account_for(book: Book, account: Account, order: Order, at: LogTime) -> None:
    """An order that was lost sight of is seen again: its units may agree."""
    order.unaccounted = False
    account.unaccounted = {key: each for key, each in account.unaccounted.items() if key != order.key}
    for held in touched_units(book, account, order):
        withhold(book, held, order.key, on=order.cash_pending)
    book.touch(account)
    book.changes.orders[account.name, order.key] = order
    gaps.reconsider(book, account, at)
    if account.observed:
        book.changes.intervals += settle(account, seq=at.seq, us=at.us)


def lose_sight(book: Book, account: Account, order: Order) -> None:
    """An order that was open is absent from a complete snapshot: what became of it is not known (protocol 3)."""
    order.unaccounted = True
    account.unaccounted = {**account.unaccounted, order.key: Missing(order.client_order_id, order.last_seq)}
    for held in touched_units(book, account, order):
        withhold(book, held, order.key, on=True)
    book.touch(account)
    book.changes.orders[account.name, order.key] = order
