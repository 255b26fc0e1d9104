"""Facts from outside, told to a desk as the log would hold them."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from decimal import Decimal

import msgspec

from recon.log import events
from tests.support.gateway_driver import BTC_USDT, Desk, Life
from tests.support.trading_account import trading

BY = {"login": "alice", "authenticated": True, "name": None}


def document(
    kind: str, external_id: str, occurred_at: datetime, *, account: str, **more: str | None
) -> dict[str, object]:
    return {
        "by": BY,
        "fact": kind,
        "account": account,
        "external_id": external_id,
        "occurred_at": occurred_at.isoformat(),
        "source": "statement",
        **{key: value for key, value in more.items() if value is not None},
    }


def tell(
    desk: Desk,
    kind: str,
    unit: str,
    amount: str,
    external_id: str,
    *,
    ago: float = 0,
    account: str | None = None,
    counter_account: str | None = None,
    unit_kind: str = "asset",
) -> None:
    """A person or a statement tells a fact that happened `ago` seconds before now."""
    happened = desk.now - timedelta(seconds=ago)
    name = account or desk.account
    payload = document(
        kind,
        external_id,
        happened,
        account=name,
        unit=unit,
        amount=amount,
        unit_kind=unit_kind,
        counter_account=counter_account,
    )
    desk.event(events.FACT, msgspec.json.encode(payload), account=name)


def trade(
    desk: Desk,
    external_id: str,
    quantity: str,
    price: str,
    *,
    side: str = "BUY",
    ago: float = 0,
    order_id: str | None = None,
    fee: str | None = None,
    fee_asset: str | None = None,
    symbol: str = BTC_USDT[0],
) -> None:
    """A venue's export tells an execution."""
    payload = document(
        "trade",
        external_id,
        desk.now - timedelta(seconds=ago),
        account=desk.account,
        symbol=symbol,
        side=side,
        quantity=quantity,
        price=price,
        order_id=order_id,
        fee=fee,
        fee_asset=fee_asset,
    )
    desk.event(events.FACT, msgspec.json.encode(payload), account=desk.account)


def effects(desk: Desk) -> dict[str, str]:
    """What became of each fact, by its id."""
    return {fact.external_id: fact.effect for fact in desk.book.changes.facts}


def with_fees(rates: tuple[str, ...], count: int) -> Desk:
    """A day of purchases and sales at a venue that takes fees, and its export of all of it, told at the end."""
    dice = random.Random(3)
    desk = trading()
    held = {"BTC": Decimal(10), "USDT": Decimal(100000)}
    told: list[tuple[str, str, Decimal, Decimal, Decimal, datetime]] = []

    def look(seconds: int) -> None:
        for _ in range(seconds):
            for code, amount in held.items():
                desk.balance(code, amount)
            desk.wait(1)

    for number in range(count):
        side, sign = ("SELL", -1) if number % 2 else ("BUY", 1)
        quantity, price = Decimal(dice.randrange(1, 40)), Decimal(dice.randrange(90, 110))
        fee = quantity * price * Decimal(dice.choice(rates))
        held["BTC"] += sign * quantity
        held["USDT"] -= sign * quantity * price + fee
        life = Life(f"o{number}", [(str(quantity), str(price))], side=side, began=desk.now - timedelta(seconds=4))
        desk.report(life.report(1))
        told.append((life.key, side, quantity, price, fee, desk.now))
        look(4)
    look(30)
    for key, side, quantity, price, fee, at in told:
        trade(
            desk,
            f"T-{key}",
            str(quantity),
            str(price),
            side=side,
            order_id=f"X-{key}",
            fee=str(fee),
            fee_asset="USDT",
            ago=(desk.now - at).total_seconds(),
        )
    look(60)
    return desk
