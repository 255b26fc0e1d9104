"""A fact that the next report does not bear out: the case names it, and how to take it back, before anything else."""

from __future__ import annotations

import json
import shlex
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from recon.log.events import NewEvent
from tests.cli.conftest import Recon
from tests.cli.test_record import ACCOUNT, GATEWAY, config, of
from tests.conftest import TestDatabase
from tests.support.database_days import fold, write_events
from tests.support.wire_messages import balance

__all__ = ["config"]  # a fixture

pytestmark = pytest.mark.postgres

ASSET = "USDT"


def shown(recon: Recon) -> dict[str, Any]:
    rows = recon("balances", "--gateway", GATEWAY, "--account", ACCOUNT, "--json").json()["balances"]
    return next(row for row in rows if row["asset"] == ASSET)


def report_again(day: TestDatabase, reported: str) -> None:
    """Let the venue report the same balance as before, until the account's window is over."""
    now = datetime.now(UTC)
    row = balance(
        exchange_id=ACCOUNT,
        asset_id_exchange=ASSET,
        asset_id_coinapi=ASSET,
        id=ASSET,
        rate_usd=1.0,
        balance=float(reported),
        available=float(reported),
        locked=0,
    )
    events = [
        NewEvent("BALANCE_UPDATE", json.dumps(row).encode(), now + timedelta(seconds=second), ACCOUNT)
        for second in (10, 20, 60, 120, 180)
    ]
    write_events(day.service_url, GATEWAY, events)
    fold(day.service_url, GATEWAY)


@pytest.mark.parametrize(("kind", "amount"), [("fee", "-12.5"), ("deposit", "75")])
def test_a_case_names_the_fact_that_is_its_opposite_and_how_to_take_it_back(
    recon: Recon, config: Path, day: TestDatabase, kind: str, amount: str
) -> None:
    before = shown(recon)["reported"]
    told = recon(*of("record", kind, "--asset", ASSET, f"--amount={amount}", "--id", "FEE-1"), "--no-wait")
    assert told.status == 0, told.err
    fold(day.service_url, GATEWAY)
    report_again(day, before)
    found = recon("breaks", "--json", "-f", f"unit={ASSET}", "-f", f"account={ACCOUNT}").json()["breaks"]
    opposite = [row for row in found if Decimal(row["amount"]) == -Decimal(amount)]
    assert len(opposite) == 1, found
    (row,) = opposite
    text = recon("break", "show", row["id"], "--leg").out
    words = " ".join(text.split())
    assert f"{kind} FEE-1 of {Decimal(amount):+} USDT" in words
    after, _, _ = text.partition("\nwhat\n")
    commands = [line.strip() for line in after.splitlines() if line.strip().startswith("recon ")]
    assert commands[0].startswith("recon record adjustment "), commands
    assert "takes back FEE-1" in commands[0]
    assert not any(line.startswith("recon record") for line in commands[1:]), "nobody books the opposite as something"
    assert [
        each["external_id"] for each in recon("break", "show", row["id"], "--json").json()[0]["opposite_facts"]
    ] == ["FEE-1"]
    assert recon(*shlex.split(commands[0])[1:], "--no-wait").status == 0
    fold(day.service_url, GATEWAY)
    assert recon("breaks", "--json", "-f", f"unit={ASSET}", "-f", f"account={ACCOUNT}").json()["breaks"] == [
        each for each in found if each["id"] != row["id"]
    ]
