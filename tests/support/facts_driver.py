"""External facts in the log of a driver."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal

import msgspec

from recon.ledger.facts.external_fact import is_manual
from recon.ledger.facts.waiting import WAITING, WaitingFact, facts_digest
from recon.log import events
from recon.testing import BTC_USDT, GatewayDriver, OrderScript
from tests.support.trading_account import trading

BY: dict[str, object] = {"login": "alice", "authenticated": True, "name": None}
SECOND: dict[str, object] = {"login": "bob", "authenticated": True, "name": None}
#: The file that a statement's fact is a row of.
FILE = {"digest": "f" * 32, "usd": "0"}


def fact_document(
    kind: str, external_id: str, occurred_at: datetime, *, account: str, **more: str | None
) -> dict[str, object]:
    return {
        "by": BY,
        "fact": kind,
        "account": account,
        "external_id": external_id,
        "occurred_at": occurred_at.isoformat(),
        "source": "statement",
        **({} if is_manual(external_id) else {"file": FILE}),
        **{key: value for key, value in more.items() if value is not None},
    }


def record_fact(
    driver: GatewayDriver,
    kind: str,
    unit: str,
    amount: str,
    external_id: str,
    *,
    ago: float = 0,
    account: str | None = None,
    counter_account: str | None = None,
    unit_kind: str = "asset",
    approved: bool = True,
    **more: object,
) -> None:
    """Record a fact that happened `ago` seconds before now; a second person approves it if it waits."""
    happened = driver.now - timedelta(seconds=ago)
    name = account or driver.account
    payload = fact_document(
        kind,
        external_id,
        happened,
        account=name,
        unit=unit,
        amount=amount,
        unit_kind=unit_kind,
        counter_account=counter_account,
    )
    driver.event(events.FACT, msgspec.json.encode(payload | more), account=name)
    if approved:
        approve_waiting(driver)


def record_trade(
    driver: GatewayDriver,
    external_id: str,
    quantity: str,
    price: str,
    *,
    side: str = "BUY",
    ago: float = 0,
    order_id: str | None = None,
    fee: str | None = None,
    fee_asset: str | None = None,
    symbol: str = BTC_USDT.exchange,
    approved: bool = True,
    **more: object,
) -> None:
    """Record an execution from a venue's export; a second person approves it if it waits. `more`: further keys."""
    payload = fact_document(
        "trade",
        external_id,
        driver.now - timedelta(seconds=ago),
        account=driver.account,
        symbol=symbol,
        side=side,
        quantity=quantity,
        price=price,
        order_id=order_id,
        fee=fee,
        fee_asset=fee_asset,
    )
    driver.event(events.FACT, msgspec.json.encode(payload | more), account=driver.account)
    if approved:
        approve_waiting(driver)


def waiting_facts(driver: GatewayDriver) -> list[WaitingFact]:
    """Return the facts that wait for a second person."""
    return [fact for fact in driver.ledger.fact_index.waiting.values() if fact.state == WAITING]


def decide_facts(
    driver: GatewayDriver, action: str, facts: Sequence[WaitingFact], *, by: dict[str, object] = SECOND, **more: object
) -> None:
    """Record a person's decision about facts that wait."""
    digest = facts_digest((fact.seq, fact.digest) for fact in facts)
    payload = {"by": by, "action": action, "facts": [fact.seq for fact in facts], "digest": digest, **more}
    driver.event(events.DECISION, msgspec.json.encode(payload), after=0)


def approve_waiting(driver: GatewayDriver, *, by: dict[str, object] = SECOND) -> None:
    """Let a second person approve everything that waits."""
    waiting = waiting_facts(driver)
    if waiting:
        decide_facts(driver, "approve_facts", waiting, by=by)


def fact_effects(driver: GatewayDriver) -> dict[str, str]:
    """Return the effect of each fact, by its id."""
    return {fact.external_id: fact.effect for fact in driver.ledger.changes.facts}


def day_with_fees(rates: tuple[str, ...], count: int) -> GatewayDriver:
    """Return a day of purchases and sales with fees, and the venue's export of it at the end."""
    dice = random.Random(3)
    driver = trading()
    held = {"BTC": Decimal(10), "USDT": Decimal(100000)}
    executions: list[tuple[str, str, Decimal, Decimal, Decimal, datetime]] = []

    def look(seconds: int) -> None:
        for _ in range(seconds):
            for code, amount in held.items():
                driver.balance(code, amount)
            driver.wait(1)

    for number in range(count):
        side, sign = ("SELL", -1) if number % 2 else ("BUY", 1)
        quantity, price = Decimal(dice.randrange(1, 40)), Decimal(dice.randrange(90, 110))
        fee = quantity * price * Decimal(dice.choice(rates))
        held["BTC"] += sign * quantity
        held["USDT"] -= sign * quantity * price + fee
        order = OrderScript(
            f"o{number}", [(str(quantity), str(price))], side=side, placed_at=driver.now - timedelta(seconds=4)
        )
        driver.report(order.report(1))
        executions.append((order.key, side, quantity, price, fee, driver.now))
        look(4)
    look(30)
    for key, side, quantity, price, fee, at in executions:
        record_trade(
            driver,
            f"T-{key}",
            str(quantity),
            str(price),
            side=side,
            order_id=f"X-{key}",
            fee=str(fee),
            fee_asset="USDT",
            ago=(driver.now - at).total_seconds(),
        )
    look(60)
    return driver
