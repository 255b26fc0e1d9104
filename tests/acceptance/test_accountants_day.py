"""The accountant's day from one end to the other: real commands, a real database, and a day of known figures.

On Monday the account trades; somebody sends ether, and the venue makes a trade that the EMS never tells. The accountant
finds the deposit, holds the custodian's file against the books, and two people sign the day with what is open. On
Tuesday the venue's statement tells the trade: the day is restated, handed to the auditors, and exported.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from recon.db.engine import create_engine
from recon.exact import exact
from tests.conftest import TestDatabase
from tests.support.accountants_day import (
    ACCOUNT,
    CUT_OFF,
    DAY,
    DEPOSITED,
    EARNED,
    FEES,
    MORNING,
    PRICE,
    SALE_EARNED,
    SALE_FEE,
    SOLD,
    AccountantsDay,
)
from tests.support.analysts_days import GATEWAY
from tests.support.command_line import Become, Recon, Result, become, recon
from tests.support.cron import BREAKS, CLEAN, COULD_NOT_RUN, NOT_COVERED, Cron
from tests.support.database_days import fold
from tests.support.desk_clock import DeskClock, clock
from tests.support.evidence_checked import verified
from tests.support.read_back import Texts
from tests.support.reports_written import written_in_every_format

pytestmark = [pytest.mark.acceptance, pytest.mark.postgres, pytest.mark.slow]

__all__ = ["become", "clock", "recon"]

D = Decimal
EVENING, SIGNED = CUT_OFF + timedelta(minutes=5), CUT_OFF + timedelta(minutes=7)
STATEMENT, RESTATED = MORNING + timedelta(minutes=5), MORNING + timedelta(minutes=7)
TRADES = """
[imports.trades]
kind = "trade"
[imports.trades.columns]
time = "time"
id = "id"
symbol = "symbol"
side = "side"
quantity = "quantity"
price = "price"
fee = "fee"
fee_asset = "fee_asset"
"""
PLACE = ("--gateway", GATEWAY, "--account", ACCOUNT)

OF_THE_CUT_OFF = ("--as-balances", "--at", CUT_OFF.isoformat(), "--source", "custodian")


class Desk:
    """Where the accountants work: their commands, at the hour that the story says."""

    def __init__(self, recon: Recon, become: Become, clock: DeskClock, database: TestDatabase, files: Path) -> None:
        self._recon, self._become, self._clock = recon, become, clock
        self._database, self.files = database, files
        with (files / "recon.toml").open("a", encoding="utf-8") as settings:
            settings.write(TRADES)

    def at(self, when: datetime, who: str) -> None:
        """It is this hour, and this person sits here."""
        self._clock.set(when)
        self._become(who)

    def does(self, *arguments: str, status: int = 0) -> Result:
        """Run a command, and let recon fold what it recorded."""
        done = self._recon(*arguments)
        assert done.status == status, done.err or done.out
        fold(self._database.service_url, GATEWAY)
        return done

    def file(self, name: str, content: str) -> str:
        """Save what somebody sent."""
        (self.files / name).write_text(content, encoding="utf-8")
        return str(self.files / name)

    def close(self, *arguments: str, status: int = 0) -> Result:
        return self.does("close", "--date", DAY, *PLACE, *arguments, status=status)

    def day(self, status: int) -> tuple[str, dict[str, Any]]:
        """Return the state of the day's closing, and each of its lines by unit."""
        (account,) = self.close("--json", status=status).json()["accounts"]
        return account["state"], {line["unit"]: line for line in account["closing"]["lines"]}


@pytest.fixture
def desk(
    recon: Recon,
    become: Become,
    clock: DeskClock,
    database: TestDatabase,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> Iterator[Desk]:
    monkeypatch.setenv("RECON_DATABASE__URL", database.service_url)
    with exact():
        yield Desk(recon, become, clock, database, tmp_path)


def test_the_accountant_s_day(desk: Desk, database: TestDatabase) -> None:
    venue = AccountantsDay()
    venue.write(database, EVENING)
    the_evening_finds_a_deposit_and_signs_with_a_trade_open(desk, venue)
    venue.write(database, SIGNED)
    venue.tuesday()
    venue.write(database, STATEMENT)
    the_statement_tells_the_trade_and_the_day_is_restated(desk, venue)
    venue.write(database, RESTATED)
    the_auditors_check_it_without_recon(desk)
    the_exports_have_the_figures_of_the_closing(desk, database)
    cron_was_told_each_of_the_four_answers(database, desk.files)


def the_evening_finds_a_deposit_and_signs_with_a_trade_open(desk: Desk, venue: AccountantsDay) -> None:
    desk.at(EVENING, "alice")
    state, lines = desk.day(status=1)
    drifts = {unit: D(line["drift"]) for unit, line in lines.items() if D(line["drift"])}
    assert (state, drifts) == ("open", {"ETH": DEPOSITED, "BTC": -SOLD, "USDT": SOLD * PRICE - SALE_FEE})
    found = ("--asset", "ETH", "--amount", str(DEPOSITED), "--at", venue.deposited_at.isoformat(), "--id", "D-1")
    desk.does("record", "deposit", *PLACE, *found, "--text", "the custodian's mail of 17:20", "--no-wait")
    custodian = desk.file("custodian.csv", venue.holdings())
    desk.does("import", custodian, *PLACE, *OF_THE_CUT_OFF, "--no-wait")
    said = {row["unit"]: row["verdict"] for row in desk.does("sources", "--json").json()}
    assert said == {"ETH": "agreed", "BTC": "break", "USDT": "break"}, "it bears out what is open"

    state, lines = desk.day(status=1)
    assert {unit: line["verdict"] for unit, line in lines.items() if line["verdict"] != "agreed"} == {
        "BTC": "break",
        "USDT": "break",
    }
    assert (lines["ETH"]["movements"]["deposit"], lines["ETH"]["source"]) == (str(DEPOSITED), "custodian")
    desk.close("--sign", "--text", "a sale that the venue is asked about")
    refused = desk.close("--sign", "--text", "again", status=10)
    assert "another login signs second" in refused.err
    desk.at(SIGNED, "bob")
    desk.close("--sign", "--text", "seen")
    assert desk.day(status=1)[0] == "signed"


def the_statement_tells_the_trade_and_the_day_is_restated(desk: Desk, venue: AccountantsDay) -> None:
    desk.at(STATEMENT, "bob")
    statement = desk.file("venue.csv", venue.statement())
    desk.does("import", statement, "--mapping", "trades", *PLACE, "--no-wait")
    state, lines = desk.day(status=1)
    assert (state, {line["verdict"] for line in lines.values()}) == ("restate", {"agreed"})
    desk.does("import", str(desk.files / "custodian.csv"), *PLACE, *OF_THE_CUT_OFF, "--no-wait")
    told = sorted(desk.does("sources", "--json").json(), key=lambda row: row["seq"])
    said = {row["unit"]: row["verdict"] for row in told}
    assert said == dict.fromkeys(venue.held, "agreed"), "now the books agree with the custodian's file"
    changed = {(row["unit"], row["figure"]): row["now"] for row in desk.close("--diff", "--json", status=1).json()}
    assert (changed["BTC", "missed_fill"], changed["USDT", "missed_fill"]) == ("-0.5", "60")
    assert "restates" in desk.close("--sign", "--text", "the venue's statement of Tuesday").out
    desk.at(RESTATED, "alice")
    desk.close("--sign", "--text", "seen")
    now, then = desk.does("close", "--list", "--json").json()
    assert (now["state"], then["state"], now["restates"], then["restated_by"]) == (
        "signed",
        "restated",
        then["seq"],
        now["seq"],
    )
    assert (now["clean"], then["clean"]) == (True, False)
    assert desk.day(status=0)[0] == "signed"
    proven = desk.does("close", "--verify", "--json").json()
    assert [row["verdict"] for row in proven] == ["verified", "verified"]


def the_auditors_check_it_without_recon(desk: Desk) -> None:
    place = desk.files / "evidence"
    desk.does("evidence", "--date", DAY, *PLACE, "-o", str(place))
    status, told = verified(place)
    assert status == 0, told
    assert f"{GATEWAY} {ACCOUNT} {DAY}: clean, signed by bob_of_" in told
    assert "none missing, none changed" in told
    (closing,) = json.loads((place / "closings.json").read_text("utf-8"))
    first = next(row for row in desk.does("close", "--list", "--json").json() if row["state"] == "restated")
    assert closing["restates"] == first["seq"]


def the_exports_have_the_figures_of_the_closing(desk: Desk, database: TestDatabase) -> None:
    _, lines = desk.day(status=0)
    rows = exported(desk, database, "movements", "fees", "close", "pnl", "balances")
    for unit, line in lines.items():
        of_unit = [row for row in rows["movements"] if row["unit"] == unit]
        moved = {cause: summed(of_unit, "amount", cause=cause) for cause in line["movements"]}
        assert moved == {cause: D(amount) for cause, amount in line["movements"].items()}
        assert summed(of_unit, "amount") == D(line["expected"]) == D(line["reported"])
    signed = {row["unit"]: row for row in rows["close"] if row["state"] == "signed"}
    assert {unit: D(row["drift"] or "") for unit, row in signed.items()} == dict.fromkeys(lines, D(0))
    assert {unit for unit, row in signed.items() if row["source"] == "custodian"} == {"ETH", "BTC", "USDT"}
    assert {row["unit"] for row in rows["close"] if row["state"] == "restated"} == set(lines)
    for row in rows["balances"]:
        assert D(row["balance"] or "") == D(lines[row["asset"] or ""]["expected"]), "nothing has moved since"
    paid = D(lines["USDT"]["movements"]["fee"])
    assert summed(rows["fees"], "amount") == summed(rows["pnl"], "fees") == paid == sum(FEES.values()) - SALE_FEE
    earned = {row["symbol"]: D(row["realised"] or "") for row in rows["pnl"]}
    assert earned == EARNED | {"BTCUSDT": EARNED["BTCUSDT"] + SALE_EARNED}
    believed = desk.does("report", "pnl", "--format", "json", "--known-at", SIGNED.isoformat()).json()["rows"]
    assert {row["symbol"]: D(row["realised"]) for row in believed} == EARNED, "what the first closing rested on"


def exported(desk: Desk, database: TestDatabase, *kinds: str) -> dict[str, list[Texts]]:
    """Write reports in every format, have other programs read them back, and return the rows."""
    engine, rows = create_engine(database.analyst_url, "tests", pooled=False), {}
    for kind in kinds:
        place = desk.files / f"report of {kind}"
        place.mkdir()
        rows[kind] = written_in_every_format(desk.does, engine, kind, place)
    return rows


def summed(rows: list[Texts], column: str, **where: str) -> Decimal:
    """Return the sum of a column over the rows that have these values."""
    return sum(
        (D(row[column] or "") for row in rows if all(row[key] == value for key, value in where.items())), Decimal(0)
    )


def cron_was_told_each_of_the_four_answers(database: TestDatabase, files: Path) -> None:
    cron = Cron(files, database.service_url, "ws://127.0.0.1:1/", GATEWAY)
    evening = cron.run("--as-of", CUT_OFF.isoformat())
    assert (evening.status, {each["unit"] for each in evening.document["breaks"]}) == (BREAKS, {"ETH", "BTC", "USDT"})
    morning = cron.run("--as-of", RESTATED.isoformat())
    assert morning.status == CLEAN, morning.summary
    noon = cron.run("--as-of", (RESTATED + timedelta(hours=2)).isoformat())
    assert noon.status == NOT_COVERED, noon.summary
    assert cron.run(settings="/nowhere.toml").status == COULD_NOT_RUN
