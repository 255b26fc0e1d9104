"""`recon close`: an accountant's days, from the figures at a cut-off over two sign-offs to a restatement."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from recon.db.engine import create_engine
from recon.simulator.scenarios import clean_plan
from tests.cli.accountant import ACCOUNT, CUT_OFF, DAY, GATEWAY, OF
from tests.cli.conftest import Recon
from tests.conftest import TestDatabase
from tests.support.command_line import Become
from tests.support.database_days import fold, write_day
from tests.support.reports_written import written_in_every_format

pytestmark = pytest.mark.postgres


def line_of(recon: Recon, unit: str) -> Any:
    (account,) = recon("close", *OF, "--json").json()["accounts"]
    (line,) = (each for each in account["closing"]["lines"] if each["unit"] == unit)
    return line


def state_of(recon: Recon) -> str:
    (account,) = recon("close", *OF, "--json").json()["accounts"]
    return str(account["state"])


def sign(recon: Recon, *more: str) -> Any:
    return recon("close", *OF, "--sign", "--text", "all of it is known", *more)


def test_an_accountant_s_day(recon: Recon, become: Become, traded: TestDatabase) -> None:
    first = recon("close", *OF, "--json")
    (account,) = first.json()["accounts"]
    assert (first.status, first.json()["clean"], account["state"]) == (1, False, "open")
    assert account["closing"]["coverage"]["missing"] == []
    usdt = line_of(recon, "USDT")
    assert Decimal(usdt["opening"]) + sum(map(Decimal, usdt["movements"].values())) == Decimal(usdt["expected"])
    assert Decimal(usdt["reported"]) + Decimal(usdt["timing"]) - Decimal(usdt["expected"]) == Decimal(usdt["drift"])

    become("alice")
    assert sign(recon).status == 0
    assert state_of(recon) == "waiting"
    twice = sign(recon)
    assert (twice.status, "another login signs second" in twice.err) == (10, True)
    become("bob")
    assert [row["signature"] for row in sign(recon, "--json").json()] == ["second"]
    fold(traded.service_url, GATEWAY)
    assert state_of(recon) == "signed"
    again = sign(recon)
    assert (again.status, "two logins have signed" in again.err) == (10, True)
    assert recon("close", *OF, "--diff").status == 0

    # A deposit is found late, and its statement says that it was within the day.
    drift = Decimal(line_of(recon, "ETH")["drift"])
    at = (CUT_OFF - timedelta(seconds=12)).isoformat()
    told = recon(
        *("record", "deposit", "--gateway", GATEWAY, "--account", ACCOUNT, "--asset", "ETH"),
        *("--amount", str(drift), "--at", at, "--id", "D-1", "--text", "the custodian's file", "--no-wait"),
    )
    assert told.status == 0, told.err
    fold(traded.service_url, GATEWAY)
    assert state_of(recon) == "restate"
    changed = recon("close", *OF, "--diff", "--json")
    assert changed.status == 1
    eth = {row["figure"]: (row["was"], row["now"]) for row in changed.json() if row["unit"] == "ETH"}
    assert eth["drift"][1] == "0"
    assert eth["verdict"] == ("break", "agreed")
    assert eth["deposit"] == (None, f"{drift.normalize():f}")
    was_signed = recon("close", *OF, "--show", "--json").json()[0]["closing"]
    assert {each["unit"]: each["verdict"] for each in was_signed["lines"]}["ETH"] == "break", "as it was signed"

    assert "restates" in sign(recon).out
    become("alice")
    assert sign(recon).status == 0
    listed = recon("close", "--list", "--json").json()
    assert [row["state"] for row in listed] == ["signed", "restated"]
    assert (listed[0]["restates"], listed[1]["restated_by"]) == (listed[1]["seq"], listed[0]["seq"])
    verified = recon("close", "--verify", "--json")
    assert (verified.status, [row["verdict"] for row in verified.json()]) == (0, ["verified", "verified"])


@pytest.mark.usefixtures("traded")
def test_a_day_that_is_not_over_is_provisional_and_one_to_come_is_none(
    recon: Recon, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "provisional" not in recon("close", *OF).out
    monkeypatch.setattr("recon.cli.commands.close.utc_now", lambda: CUT_OFF - timedelta(seconds=5))
    assert "not over provisional: its cut-off is at" in " ".join(recon("close", *OF).out.split())
    monkeypatch.setattr("recon.cli.commands.close.utc_now", lambda: CUT_OFF - timedelta(days=3))
    later = recon("close", *OF)
    assert (later.status, later.out) == (2, "")
    assert f"{DAY} is still to come: it begins at" in later.err


@pytest.mark.usefixtures("traded")
def test_a_day_of_before_the_log_is_neither_shown_nor_signed(recon: Recon) -> None:
    for more in ((), ("--sign", "--text", "so be it", "--accept-gaps"), ("--diff",)):
        done = recon("close", "--date", "2025-01-01", *more)
        assert (done.status, done.out) == (2, "")
        assert "nothing is known of 2025-01-01: no account was heard of before its cut-off" in " ".join(
            done.err.split()
        )


def test_an_account_that_came_later_has_no_gap_before_it(recon: Recon, become: Become, traded: TestDatabase) -> None:
    write_day(traded.service_url, clean_plan(seed=7, duration=5.0), ends_at=CUT_OFF + timedelta(hours=2))
    closes = recon("close", "--date", DAY, "--json").json()["accounts"]
    assert {each["closing"]["gateway"] for each in closes} == {"prod-eu", "prod-us"}
    become("alice")
    alone = recon("close", "--date", DAY, "--gateway", "sim", "--sign", "--text", "so be it", "--accept-gaps")
    assert (alone.status, "nothing is known of" in alone.err) == (2, True)
    refused = recon("close", "--date", DAY, "--sign", "--text", "so be it")
    assert "coverage is not whole" in refused.err
    assert "nothing was known of the account yet" not in refused.err


def test_a_signed_day_is_a_report_too(recon: Recon, become: Become, traded: TestDatabase, tmp_path: Path) -> None:
    become("alice")
    assert sign(recon).status == 0
    fold(traded.service_url, GATEWAY)
    engine, place = create_engine(traded.service_url, "tests", pooled=False), tmp_path / "reports"
    place.mkdir()
    rows = written_in_every_format(recon, engine, "close", place)
    closing = recon("close", *OF, "--show", "--json").json()[0]["closing"]
    assert {row["unit"] for row in rows} == {line["unit"] for line in closing["lines"]}
    drifts = {line["unit"]: line["drift"] for line in closing["lines"]}
    assert all(Decimal(str(row["drift"])) == Decimal(drifts[str(row["unit"])]) for row in rows)
    assert {row["business_day"] for row in rows} == {DAY}
    assert recon("report", "close", "--filter", "state=signed").out.endswith(",covered_throughout\n"), (
        "one login signed"
    )


def test_a_report_of_closings_has_what_was_signed_by_a_time(recon: Recon, become: Become, traded: TestDatabase) -> None:
    def states(*times: str) -> set[str]:
        return {row["state"] for row in recon("report", "close", "--format", "json", *times).json()["rows"]}

    for name in ("alice", "bob"):
        become(name)
        assert sign(recon).status == 0
    fold(traded.service_url, GATEWAY)
    (row,) = recon("close", "--list", "--json").json()
    assert states("--known-at", row["second_at"]) == {"signed"}
    assert states("--known-at", row["signed_at"]) == {"waiting"}
    before = datetime.fromisoformat(row["signed_at"]) - timedelta(microseconds=1)
    assert states("--known-at", before.isoformat()) == set()
    assert states("--as-of", CUT_OFF.isoformat()) == {"signed"}
    assert states("--as-of", (CUT_OFF - timedelta(microseconds=1)).isoformat()) == set()


def test_a_day_whose_coverage_is_not_whole_is_signed_only_with_its_gaps(
    recon: Recon, become: Become, traded: TestDatabase
) -> None:
    america = ("--date", DAY, "--gateway", "prod-us", "--account", "COINBASE/DESK")
    become("alice")
    shown = recon("close", *america, "--json").json()["accounts"][0]["closing"]
    assert shown["whole"] is False
    refused = recon("close", *america, "--sign", "--text", "so be it")
    assert (refused.status, "coverage is not whole" in refused.err, "--accept-gaps" in refused.err) == (10, True, True)
    assert recon("close", *america, "--sign", "--text", "a power cut", "--accept-gaps").status == 0
    become("bob")
    assert recon("close", *america, "--sign", "--text", "seen").status == 10
    assert recon("close", *america, "--sign", "--text", "seen", "--accept-gaps").status == 0
    (row,) = recon("close", "--list", "--json").json()
    assert (row["state"], row["accept_gaps"], row["covered_throughout"]) == ("signed", True, False)


@pytest.mark.parametrize("width", ["80", "120"])
def test_it_fits_the_terminal_and_says_what_is_next(
    recon: Recon, traded: TestDatabase, monkeypatch: pytest.MonkeyPatch, width: str
) -> None:
    monkeypatch.setenv("COLUMNS", width)
    done = recon("close", "--date", DAY)
    assert done.status == 1
    for account in ("BINANCE", "COINBASE/DESK"):
        assert account in done.out


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (("--date", "yesterday"), 2, "must be a day such as 2026-11-28"),
        (("--sign",), 2, "a signature says why"),
        (("--text", "why"), 2, "are for --sign"),
        (("--list", "--show"), 2, "give one of --list and --show"),
        (("--account", "NOBODY"), 2, "there is no account 'NOBODY'"),
        (("--filter", "account=BINANC"), 2, "did you mean BINANCE?"),
        (("--filter", "unit=NOPE"), 2, "there is no unit 'NOPE' in these closings"),
        (("--filter", "cause=deposit"), 2, "closings cannot be narrowed by cause, only by account, gateway, unit and"),
        (("--list", "--filter", "unit=USDT"), 2, "cannot be narrowed by unit, only by account and gateway"),
        (("--filter", "unit=USDT", "--json"), 2, "--json has a closing whole"),
        (("--gateway", "prod-uk"), 2, "prod-uk"),
    ],
)
def test_slips_are_told(
    recon: Recon, traded: TestDatabase, arguments: tuple[str, ...], status: int, words: str
) -> None:
    done = recon("close", *arguments)
    assert (done.status, words in done.err) == (status, True), done.err


def test_a_filter_narrows_what_is_shown(recon: Recon, traded: TestDatabase) -> None:
    done = recon("close", "--date", DAY, "--all", "--filter", f"account={ACCOUNT}", "--filter", "unit=USDT")
    assert "COINBASE/DESK" not in done.out
    lines = [line.split() for line in done.out.splitlines() if ACCOUNT in line]
    assert [word for word in ("USDT", "BTC", "ETH") if any(word in line for line in lines)] == ["USDT"], done.out


def test_a_shared_login_signs_nothing(recon: Recon, traded: TestDatabase) -> None:
    done = sign(recon)
    assert (done.status, "login that people share" in done.err) == (10, True), done.err
