"""A gateway that reports a balance which nothing explains, from the moment that a test chooses."""

from __future__ import annotations

from collections.abc import Sequence

from websockets.sync.server import ServerConnection

from tests.support.wire_messages import balance, encoded
from tests.support.ws_servers import Gateway as Server


class DriftingGateway:
    """A gateway whose accounts hold one coin each; from a moment on each holds one more, and nobody tells why."""

    def __init__(self, accounts: Sequence[str]) -> None:
        self._accounts = accounts
        self.more = False

    def script(self, server: Server, session: ServerConnection) -> None:
        for account in self._accounts:
            orders = {"type": "ORDER_EXEC_REPORT_SNAPSHOT", "exchange_id": account, "data": []}
            row = {key: value for key, value in self._held(account).items() if key not in {"type", "exchange_id"}}
            balances = {"type": "BALANCE_SNAPSHOT", "exchange_id": account, "data": [row]}
            for message in (orders, balances):
                session.send(encoded(message).decode())
        while not server.over.wait(0.2):
            for account in self._accounts:
                session.send(encoded({"type": "SERVER_INFO", "exchange_id": account, "server_name": "DRIFT"}).decode())
                session.send(encoded(self._held(account)).decode())

    def _held(self, account: str) -> dict[str, object]:
        amount = 2.25 if self.more else 1.25
        return balance(exchange_id=account, balance=amount, available=amount - 0.25, locked=0.25, rate_usd=1.5)
