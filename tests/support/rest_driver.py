"""Handmade REST questions and answers as events in the log."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import msgspec

from recon.backfill.plan import HISTORY_SETTLES_US
from recon.ledger.backfills import Backfill
from recon.ledger.rules import RecoveryRules, Rules
from recon.log import events
from recon.testing import START, GatewayDriver, Json, Row
from recon.times import microseconds

RECOVERING = Rules(recovery=RecoveryRules(enabled=True, history=True))
WITHOUT_HISTORY = Rules(recovery=RecoveryRules(enabled=True, history=False))

_encode = msgspec.json.Encoder(decimal_format="number").encode


class BackfillRun:
    """One backfill run for an account after a gap."""

    #: When the gap ended; the order log is read some time after it.
    closed_us: int = 0

    def __init__(self, driver: GatewayDriver, name: str = "run-1") -> None:
        self.driver = driver
        self.name = name
        lost = driver.ledger.accounts[driver.account].coverage.backfill
        assert lost is not None
        assert lost.until_seq is not None
        self.until = {driver.account: lost.until_seq}
        self.closed_us = lost.until_us or 0

    def begin(self, *, lists: bool = True) -> None:
        """Begin; by default REST lists no open orders and no positions."""
        self._record_event(events.CATCH_UP_BEGUN)
        if lists:
            self.orders()
            self.answer({"what": "positions", "account": self.driver.account}, [])

    def end(self) -> None:
        self._record_event(events.CATCH_UP_ENDED)

    def _record_event(self, kind: str) -> None:
        self.driver.event(kind, _encode({"run": self.name, "accounts": self.until}))

    def answer(self, ask: Row, body: Json, *, status: int | None = 200, problem: str | None = None) -> None:
        content = {
            "ask": ask,
            "run": self.name,
            "attempts": 1,
            "status": status,
            "problem": problem,
            "body": body,
            "text": None,
        }
        self.driver.event(events.REST_ANSWER, _encode(content), account=self.driver.account)

    def orders(self, *rows: Row) -> None:
        self.answer({"what": "orders", "account": self.driver.account}, rows)

    def balances(self, *rows: Row) -> None:
        group: Row = {"exchange_id": self.driver.account, "data": rows}
        self.answer({"what": "balances", "account": self.driver.account}, [group])

    def status(
        self, key: str, body: Json, *, status: int | None = 200, problem: str | None = None, account: str | None = None
    ) -> None:
        ask: Row = {
            "what": "status",
            "account": account or self.driver.account,
            "order": f"c:{key}",
            "client_order_id": key,
        }
        self.answer(ask, body, status=status, problem=problem)

    def history(
        self,
        *rows: Row,
        begin: float = -600,
        end: float = 600,
        status: int | None = 200,
        problem: str | None = None,
        settled: bool = True,
    ) -> None:
        """Record an answer of the order log between two seconds of the day; by default once it has settled."""
        if settled:
            ready_us = self.closed_us + HISTORY_SETTLES_US
            self.driver.wait(max(ready_us - microseconds(self.driver.now), 0) / 1_000_000)
        body: Json = rows if status == 200 else {"message": "history is not configured"}
        ask: Row = {
            "what": "history",
            "from_us": microseconds(START + timedelta(seconds=begin)),
            "until_us": microseconds(START + timedelta(seconds=end)),
        }
        self.answer(ask, body, status=status, problem=problem)


def history_row(report: Row, *, created: str) -> Row:
    """Return an execution report in the order log's shape: camelCase, flat, side as a number."""
    steps = report["status_history"]
    fills = report["fills"]
    assert isinstance(steps, Sequence)
    assert isinstance(fills, Sequence)
    return {
        "apikey": "9a55567a-b5ff-4b78-b6aa-xxxx",
        "exchangeId": report["exchange_id"],
        "clientOrderId": report["client_order_id"],
        "exchangeOrderId": report["exchange_order_id"],
        "symbolIdExchange": report["symbol_id_exchange"],
        "symbolIdCoinapi": report["symbol_id_coinapi"],
        "amountOrder": report["amount_order"],
        "amountOpen": report["amount_open"],
        "amountFilled": report["amount_filled"],
        "price": report["price"],
        "avgPx": report["avg_px"],
        "side": 1 if report["side"] == "BUY" else 2,
        "orderType": "LIMIT",
        "timeInForce": "GOOD_TILL_CANCEL",
        "status": report["status"],
        "statusHistoryStatus": [[step[0] for step in steps]],  # type: ignore[index]  # pairs
        "statusHistoryTime": [[step[1] for step in steps]],  # type: ignore[index]
        "fillsTime": [[fill["time"] for fill in fills]],  # type: ignore[index,call-overload]  # objects
        "fillsPrice": [[fill["price"] for fill in fills]],  # type: ignore[index,call-overload]
        "fillsAmount": [[fill["amount"] for fill in fills]],  # type: ignore[index,call-overload]
        "createdTime": created,
    }


def backfills_of(driver: GatewayDriver) -> list[Backfill]:
    """Return the final backfills of each interval."""
    latest = {each.from_seq: each for each in driver.ledger.changes.backfills if each.account == driver.account}
    return [latest[seq] for seq in sorted(latest)]
