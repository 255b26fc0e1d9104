"""Decisions of persons in the log of a driver."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from recon.ledger.changes import Finding
from recon.log import events
from recon.reconciliation.model.break_ import Break
from recon.testing import GatewayDriver
from tests.support.trading_account import trading

#: Personal logins, and the shared login.
ALICE, BOB, SERVICE = "alice", "bob", "recon_service"


def record_decision(driver: GatewayDriver, action: str, *breaks: Break, by: str = ALICE, **more: object) -> None:
    """Record a decision as the database does, about some breaks or about the units in `more`."""
    person = {"login": by, "authenticated": by != SERVICE, "name": more.pop("name", None)}
    ids = [known.id for known in breaks]
    payload = {"by": person, "action": action, **({"breaks": ids} if ids else {}), **more}
    account = more.get("account")
    driver.event(events.DECISION, msgspec.json.encode(payload), account=account if isinstance(account, str) else None)


def state_of(known: Break) -> str:
    return known.state


def refusals(driver: GatewayDriver) -> list[Finding]:
    return driver.findings("decision_refused")


def driver_with_break(amount: str = "1", *, rate: int | None = 100) -> tuple[GatewayDriver, Break]:
    """Return an account that reports less bitcoin than its ledger's ten, and the resulting break."""
    driver = trading()
    driver.poll("BTC", "10", 10, rate_usd=rate)
    report(driver, str(Decimal(10) - Decimal(amount)), 40, rate=rate)
    (known,) = driver.breaks("BTC")
    return driver, known


def report(driver: GatewayDriver, btc: str, seconds: int = 20, *, rate: int | None = 100) -> None:
    """Report the bitcoin balance repeatedly."""
    driver.poll("BTC", btc, seconds, rate_usd=rate)
