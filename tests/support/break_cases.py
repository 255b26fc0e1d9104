"""Cases made by hand: one break and what may tell why it is there, in a few words."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

import msgspec

from recon.exact import exact
from recon.ledger.units import UnitKind
from recon.reconciliation.causes.context import CaseContext, ContractSeen, Flow, OrderSeen, Pair, Residual
from recon.reconciliation.causes.evaluation import Evaluation, evaluate

D = Decimal
SECOND: Final = 1_000_000
HOUR: Final = 3600 * SECOND
#: Monday, 5 January 2026, 09:00 UTC.
AT: Final = 1_767_603_600 * SECOND
BTC_USDT: Final = Pair("BTCUSDT", "BTC", "USDT", D(60000))
USD: Final = {"BTC": D(60000), "ETH": D(3000), "USDT": D(1), "BNB": D(600)}


def residual(
    code: str,
    amount: str,
    *others: str,
    held: str = "1000",
    kind: UnitKind = "asset",
    account: str = "BINANCE",
    seen_us: int = AT,
    after_us: int = AT - 5 * SECOND,
) -> Residual:
    """A break of some amount on a unit that the books say so much of."""
    return Residual(
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


def of(own: Residual, *legs: Residual, **more: object) -> CaseContext:
    """A case of one break, with what else broke in its account."""
    case = CaseContext(own=own, legs=legs, tolerance=D("0.00000001"), quantum=D("0.00000001"))
    return msgspec.structs.replace(case, **more)


def bought(quantity: str = "0.5", cash: str = "-30000", **more: object) -> CaseContext:
    """Bitcoin came and cash went, as a purchase of 0.5 at 60000 does it."""
    known = {"pairs": (BTC_USDT,)} | more
    return of(residual("BTC", quantity), residual("USDT", cash, held="100000"), **known)


def order(
    side: str = "BUY",
    price: str | None = "60000",
    left: str = "0.5",
    *,
    symbol: str = "BTCUSDT",
    vanished: bool = False,
    updated_us: int = AT - 9 * SECOND,
    key: str = "c:1",
) -> OrderSeen:
    limit = None if price is None else D(price)
    return OrderSeen(key, symbol, side, limit, D(left), updated_us, 90, vanished)


def flow(amount: str, code: str = "USDT", *, charged: bool = False) -> Flow:
    return Flow(code, 110, D(amount), D(amount), USD.get(code), charged)


def contract(position: str = "2", **more: object) -> ContractSeen:
    """A linear contract that settles in USDT, held at 50000."""
    known = ContractSeen("PERP", D(position), "USDT", multiplier=D(1), average=D(50000), price=D(60000))
    return msgspec.structs.replace(known, **more)


def judged(case: CaseContext) -> Evaluation:
    with exact():
        return evaluate(case)
