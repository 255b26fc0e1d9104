"""The calm account: sound messages of an account that nobody attacks, with one wrong balance planted among them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Final, NamedTuple

import msgspec

from recon.ledger.rules import AccountRules, Rules
from recon.log import events
from recon.testing import BTC_USDT, START, OrderScript, Row, balance_row, symbol_row
from recon.times import microseconds
from tests.fuzz.grammar import ACCOUNTS, CALM

#: Seconds between two reports of balances, and between two orders.
POLL_SECONDS: Final = 1.0
ORDER_SECONDS: Final = 7.0
#: The wrong balance: from when on, and by how much. It is reported until the end.
WRONG_FROM_SECONDS: Final = 12.0
WRONG_BY: Final = Decimal(-500)
#: The latest that its break opens in log time after the first wrong report.
USUAL_DELAY_SECONDS: Final = 15.0
WINDOW_US: Final = 1_000_000

_encode: Final = msgspec.json.Encoder(decimal_format="number").encode


class Sent(NamedTuple):
    """A calm event: seconds after the beginning, its kind, payload and account."""

    at: float
    kind: str
    payload: bytes
    account: str | None


def calm_events() -> Iterator[Sent]:
    """Yield the events of the calm account for ever, in the order of their time."""
    yield Sent(0.0, events.RULES, msgspec.json.encode(Rules(AccountRules(settlement_window_us=WINDOW_US))), None)
    yield Sent(0.0, events.SESSION_OPENED, _encode({"url": "ws://calm/", "site": 0}), None)
    yield _frame(0.0, "SERVER_INFO", {"instance_guid": "g", "is_running": True, "server_version": "1"})
    yield _frame(0.0, "SYMBOLS_SNAPSHOT", {"data": [symbol_row(*BTC_USDT)]})
    yield _frame(0.0, "ORDER_EXEC_REPORT_SNAPSHOT", {"data": []})
    held = {"BTC": Decimal(10), "USDT": Decimal(100_000)}
    yield _frame(0.0, "BALANCE_SNAPSHOT", {"data": [balance_row(*each) for each in held.items()]})
    second, next_order = 0, ORDER_SECONDS
    while True:
        second += 1
        at = second * POLL_SECONDS
        yield Sent(at, events.TICK, _tick(at), None)
        if at >= next_order:
            next_order += ORDER_SECONDS
            placed_at = START + timedelta(seconds=at - 4.1)
            script = OrderScript(f"calm-{second}", [("0.1", "100")], placed_at=placed_at, extra={"exchange_id": CALM})
            for count in (0, 1):
                yield _frame(at, "ORDER_EXEC_REPORT_UPDATE", script.report(count))
            held = {"BTC": held["BTC"] + script.filled(1), "USDT": held["USDT"] - script.cash(1)}
        wrong = {"BTC": Decimal(0), "USDT": WRONG_BY if at >= WRONG_FROM_SECONDS else Decimal(0)}
        for asset, amount in held.items():
            yield _frame(at, "BALANCE_UPDATE", balance_row(asset, amount + wrong[asset]))


def _frame(at: float, kind: str, content: Row) -> Sent:
    return Sent(at, kind, _encode({"type": kind, "exchange_id": CALM} | content), CALM)


def _tick(at: float) -> bytes:
    """Return a tick in which every account has a heartbeat, as a recorder would sum them up."""
    last_us = START_US + int(at * 1_000_000)
    beat = {"last_us": last_us, "count": 1, "lag_us": 1000}
    return _encode({"heartbeats": dict.fromkeys((*ACCOUNTS, CALM), beat)})


#: When the log begins, in microseconds since the epoch.
START_US: Final = microseconds(START)
