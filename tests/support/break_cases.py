"""Handmade contexts of causes: one break and the facts that may explain it."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

import msgspec

from recon.exact import exact
from recon.ledger.units import UnitKind
from recon.reconciliation.causes.context import (
    AccountContract,
    BreakContext,
    BreakSummary,
    FillFlow,
    OwnOrder,
    SpotPair,
)
from recon.reconciliation.causes.evaluation import Evaluation, evaluate

D = Decimal
SECOND: Final = 1_000_000
HOUR: Final = 3600 * SECOND
#: Monday, 5 January 2026, 09:00 UTC.
AT: Final = 1_767_603_600 * SECOND
BTC_USDT: Final = SpotPair("BTCUSDT", "BTC", "USDT", D(60000))
USD: Final = {"BTC": D(60000), "ETH": D(3000), "USDT": D(1), "BNB": D(600)}


def broke(
    code: str,
    amount: str,
    *others: str,
    held: str = "1000",
    kind: UnitKind = "asset",
    account: str = "BINANCE",
    seen_us: int = AT,
    after_us: int = AT - 5 * SECOND,
) -> BreakSummary:
    """Return a break with these possible amounts; `held` is the ledger's expected amount."""
    return BreakSummary(
        account=account,
        kind=kind,
        code=code,
        amounts=(D(amount), *map(D, others)),
        after_seq=100,
        until_seq=120,
        seen_us=seen_us,
        after_us=after_us,
        break_id=f"{account}/{code}",
        coinapi=code,
        rate_usd=USD.get(code),
        expected=D(held),
        reported=D(held) + D(amount),
    )


def of(break_: BreakSummary, *related: BreakSummary, **more: object) -> BreakContext:
    """Return the context of a break with related breaks of its account."""
    context = BreakContext(break_=break_, related_breaks=related, tolerance=D("0.00000001"), quantum=D("0.00000001"))
    return msgspec.structs.replace(context, **more)


def bought(quantity: str = "0.5", cash: str = "-30000", **more: object) -> BreakContext:
    """Return the context of a purchase: bitcoin was credited and cash debited; by default 0.5 at 60000."""
    fields = {"pairs": (BTC_USDT,)} | more
    return of(broke("BTC", quantity), broke("USDT", cash, held="100000"), **fields)


def order(
    side: str = "BUY",
    price: str | None = "60000",
    left: str = "0.5",
    *,
    symbol: str = "BTCUSDT",
    vanished: bool = False,
    updated_us: int = AT - 9 * SECOND,
    key: str = "c:1",
) -> OwnOrder:
    limit = None if price is None else D(price)
    return OwnOrder(key, symbol, side, limit, D(left), updated_us, 90, vanished)


def flow(amount: str, code: str = "USDT", *, fee_booked: bool = False) -> FillFlow:
    return FillFlow(code, 110, D(amount), D(amount), USD.get(code), fee_booked)


def contract(position: str = "2", **more: object) -> AccountContract:
    """Return a linear contract that settles in USDT, entered at 50000."""
    terms = AccountContract("PERP", D(position), "USDT", multiplier=D(1), average=D(50000), price=D(60000))
    return msgspec.structs.replace(terms, **more)


def evaluated(context: BreakContext) -> Evaluation:
    with exact():
        return evaluate(context)
