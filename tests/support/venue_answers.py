"""What a venue answers, in the log of a driver."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

import msgspec

from recon.log import events
from recon.testing import BTC_USDT, GatewayDriver
from recon.times import microseconds

BY = {"login": "venue kraken", "authenticated": True}


def answer_document(account: str, at: datetime, **more: object) -> dict[str, object]:
    us = microseconds(at)
    return {
        "account": account,
        "venue": "kraken",
        "what": "balances",
        "asked_us": us - 50_000,
        "answered_us": us + 50_000,
        "at_us": us,
        **more,
    }


def tell_answer(
    driver: GatewayDriver, amounts: Mapping[str, str], *, at: datetime | None = None, **more: object
) -> None:
    """Let the venue answer what was held at a time, by default now."""
    told = [{"unit": unit, "amount": amount} for unit, amount in amounts.items()]
    document = answer_document(driver.account, driver.now if at is None else at, amounts=told, **more)
    driver.event(events.VENUE_ANSWER, msgspec.json.encode(document), account=driver.account)


def tell_trade(
    driver: GatewayDriver, trade_id: str, quantity: str, price: str, *, ago: float = 0, **more: object
) -> None:
    """Let the venue tell a trade that happened `ago` seconds before now."""
    document = {
        "fact": "trade",
        "account": driver.account,
        "external_id": f"kraken:{BTC_USDT.exchange}:{trade_id}",
        "occurred_at": (driver.now - timedelta(seconds=ago)).isoformat(),
        "by": BY,
        "source": "kraken",
        "source_class": "venue",
        "statement": "venue kraken",
        "symbol": BTC_USDT.exchange,
        "side": "BUY",
        "quantity": quantity,
        "price": price,
        "trade_id": trade_id,
    }
    driver.event(events.VENUE_TRADE, msgspec.json.encode(document | more), account=driver.account)
