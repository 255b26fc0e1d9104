"""Missing orders: open before, absent from a complete snapshot, and resolved later. Pure (semantics 7, protocol 3)."""

from __future__ import annotations

import msgspec

from recon.ems.protocol.messages import OrderReport
from recon.ledger import gaps
from recon.ledger import order_life as life
from recon.ledger import orders as o
from recon.ledger.account import Account
from recon.ledger.backfills import MissingOrder
from recon.ledger.coverage import reassess
from recon.ledger.ledger import Ledger
from recon.ledger.orders import Order
from recon.ledger.withholding import touched_units, withhold
from recon.times import LogTime


def match_missing_order(
    ledger: Ledger, account: Account, order: Order, report: OrderReport, at: LogTime, *, listed: bool
) -> None:
    """Resolve a missing order by a report that is not older than the ledger.

    A report over REST must be further than the ledger's and terminal, or list the order as open. The order log repeats
    old reports: a repeated report of an order that is not open only shows that the EMS has lost the order too.
    """
    behind = report.amount_filled is not None and report.amount_filled < order.reported.amount_filled
    further = life.is_further(order, report) and (not ledger.event.from_rest or report.status in o.TERMINAL)
    further = further or life.is_end(order, report)
    if listed or further or not (ledger.event.from_rest or behind):
        resolve_missing_order(ledger, account, order, at)
        return
    missing = account.coverage.missing_orders[order.key]
    if not missing.why and ledger.event.from_rest:
        why = f"the EMS reports it as {report.status or 'unknown'}, no later than before, and does not list it as open"
        account.coverage.set_missing(order.key, msgspec.structs.replace(missing, why=why))
        ledger.mark_changed(account)


def resolve_missing_order(ledger: Ledger, account: Account, order: Order, at: LogTime) -> None:
    """Mark a missing order as accounted for: the order's units may agree again."""
    order.mark_missing(on=False)
    ledger.note_open(order)
    account.coverage.remove_missing(order.key)
    for state in touched_units(ledger, account, order):
        withhold(ledger, state, order.key, on=order.booked.cash_pending)
    ledger.mark_changed(account)
    ledger.changes.orders[account.name, order.key] = order
    gaps.reassess(ledger, account, at)
    if account.coverage.observed:
        ledger.changes.intervals += reassess(account, seq=at.seq, us=at.us)


def mark_order_missing(ledger: Ledger, account: Account, order: Order) -> None:
    """Mark an open order as missing and withhold `agreed` from the order's units (protocol 3)."""
    order.mark_missing(on=True)
    ledger.note_open(order)
    missing = MissingOrder(order.identity.client_order_id, order.reported.last_seq)
    account.coverage.set_missing(order.key, missing)
    for state in touched_units(ledger, account, order):
        withhold(ledger, state, order.key, on=True)
    ledger.mark_changed(account)
    ledger.changes.orders[account.name, order.key] = order
