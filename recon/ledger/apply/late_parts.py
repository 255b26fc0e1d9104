"""A report that a later one overtook: it tells of a part of a fill that is booked in one. Pure (semantics 2.2).

The books stay as they are; only the comparison learns when the part happened, for reports may have seen it alone.
"""

from __future__ import annotations

from decimal import Decimal

from recon.ems.protocol.messages import OrderReport
from recon.ems.protocol.timestamps import parse_time
from recon.exact import ZERO
from recon.ledger.account import Account
from recon.ledger.asset_mapping import resolve_asset
from recon.ledger.instruments import Instrument
from recon.ledger.ledger import Ledger
from recon.ledger.legs import FillPart
from recon.ledger.order_cash import total_cash
from recon.ledger.orders import Order
from recon.ledger.posting.pre_opening import FILLING
from recon.ledger.withholding import instrument_of
from recon.times import LogTime, microseconds


def note_late_part(ledger: Ledger, account: Account, order: Order, report: OrderReport, at: LogTime) -> None:
    """Tell the comparison of a part of a booked fill, by a report of less than is booked."""
    filled, booked = report.amount_filled or ZERO, order.booked
    known = booked.cash is not None and not booked.cash_pending
    if not ZERO < filled < booked.amount or not known or ledger.event.from_rest:
        return
    instrument, us = instrument_of(ledger, account, order), _filled_us(report)
    cash = total_cash(filled, report.avg_px, report.fills, 0)[0]
    if instrument is None or not instrument.spot or us is None or cash is None:
        return
    base, quote = _keys(ledger, account, instrument)
    sign = Decimal(-1 if order.identity.side == "SELL" else 1)
    stamp = account.stamps.stamp(us, at.us, skew_us=account.liveness.skew_us)
    left = sign * (booked.amount - filled), -sign * ((booked.cash or ZERO) - cash)
    ledger.effects.parts.append(FillPart(account.name, order.key, stamp, (base, quote), left))


def _keys(ledger: Ledger, account: Account, instrument: Instrument) -> tuple[str, str]:
    rules, seen = ledger.rules_of(account.name), account.snapshots
    base = resolve_asset(instrument.base or "", instrument.base_coinapi, seen, rules)
    return base.unit, resolve_asset(instrument.quote or "", instrument.quote_coinapi, seen, rules).unit


def _filled_us(report: OrderReport) -> int | None:
    """Return when the last fill of a report happened, by the EMS's clock."""
    told = [row.time for row in report.fills] or [step.time for step in report.history if step.status in FILLING]
    parsed = parse_time(told[-1]) if told else None
    return None if parsed is None else microseconds(parsed)
