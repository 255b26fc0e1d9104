"""`recon close`: an accountant's days, from the figures at a cut-off over two sign-offs to a restatement."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import make_url, text

from recon.db.engine import create_engine
from recon.db.roles import OPERATOR
from recon.simulator.scenarios import demo_plan
from tests.cli.conftest import Recon
from tests.cli.reports_written import written_in_every_format
from tests.conftest import TestDatabase
from tests.support.database_days import fold, write_day

pytestmark = pytest.mark.postgres

GATEWAY, ACCOUNT = "prod-eu", "BINANCE"
CUT_OFF = datetime.combine(datetime.now(UTC).date() - timedelta(days=1), datetime.min.time(), UTC)
DAY = (CUT_OFF - timedelta(days=1)).date().isoformat()
OF = ("--date", DAY, "--gateway", GATEWAY, "--account", ACCOUNT)

#: Becomes the person of this name from here on.
Become = Callable[[str], None]


@pytest.fixture
def traded(database: TestDatabase, monkeypatch: pytest.MonkeyPatch) -> TestDatabase:
    """A database with the demonstration's day in it, whose cut-off lies in the middle of the trading."""
    write_day(database.service_url, demo_plan(7, 30.0), ends_at=CUT_OFF + timedelta(seconds=20))
    monkeypatch.setenv("RECON_DATABASE__URL", database.service_url)
    return database


@pytest.fixture
def become(traded: TestDatabase, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Become]:
    path = tmp_path / "recon.toml"
    path.write_text('[gateways.prod-eu]\nurls = ["ws://127.0.0.1:1/"]\n', encoding="utf-8")
    monkeypatch.setenv("RECON_CONFIG", str(path))
    superuser, made = create_engine(traded.superuser_url, "tests", pooled=False), []

    def become(name: str) -> None:
        login = f"{name}_of_{traded.name}"
        if login not in made:
            with superuser.begin() as connection:
                connection.execute(text(f"CREATE ROLE {login} LOGIN IN ROLE {OPERATOR}"))
            made.append(login)
        url = make_url(traded.superuser_url).set(username=login).render_as_string(hide_password=False)
        monkeypatch.setenv("RECON_DATABASE__OPERATOR_URL", url)

    yield become
    with superuser.begin() as connection:
        for login in made:
            connection.execute(text(f"DROP ROLE {login}"))


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
        (("--account", "NOBODY"), 2, "there is no such account"),
        (("--gateway", "prod-uk"), 2, "prod-uk"),
    ],
)
def test_slips_are_told(
    recon: Recon, traded: TestDatabase, arguments: tuple[str, ...], status: int, words: str
) -> None:
    done = recon("close", *arguments)
    assert (done.status, words in done.err) == (status, True), done.err


def test_a_shared_login_signs_nothing(recon: Recon, traded: TestDatabase) -> None:
    done = sign(recon)
    assert (done.status, "login that people share" in done.err) == (10, True), done.err
