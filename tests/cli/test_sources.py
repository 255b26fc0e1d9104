"""`recon import --as-balances` and `recon sources`: a custodian's file against the books of its time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from recon.db.engine import create_engine
from recon.display.ids import short_id
from tests.cli.conftest import Recon
from tests.cli.test_record import ACCOUNT, CONFIG, GATEWAY, of
from tests.conftest import TestDatabase
from tests.support.database_days import fold

pytestmark = pytest.mark.postgres


@pytest.fixture
def config(tmp_path: Path, day: TestDatabase, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "recon.toml"
    path.write_text(CONFIG, encoding="utf-8")
    monkeypatch.setenv("RECON_CONFIG", str(path))
    return path


def balances(recon: Recon) -> dict[str, Any]:
    rows = recon("balances", "--gateway", GATEWAY, "--account", ACCOUNT, "--json").json()["balances"]
    return {row["asset"]: row for row in rows}


def end_of(day: TestDatabase) -> datetime:
    """Return the end of the log: however long the day took to be written, its last reports are just before it."""
    with create_engine(day.analyst_url, "tests", pooled=False).connect() as connection:
        at = connection.scalar(text("SELECT last_event_at FROM recon.gateways WHERE name = :name"), {"name": GATEWAY})
    assert isinstance(at, datetime)
    return at


def file_of(path: Path, rows: dict[str, str]) -> str:
    path.write_text(
        "asset,balance\n" + "".join(f"{code},{amount}\n" for code, amount in rows.items()), encoding="utf-8"
    )
    return str(path)


def tell(recon: Recon, file: str, at: datetime, *more: str) -> Any:
    told = of("import", file, "--as-balances", "--at", at.isoformat(), "--source", "custodian", *more)
    return recon(*told, "--no-wait")


def test_a_custodians_file_is_held_against_the_books_of_its_time(
    recon: Recon, config: Path, day: TestDatabase, tmp_path: Path
) -> None:
    held = balances(recon)
    right = {code: str(row["balance"]) for code, row in held.items() if row["verdict"] == "agreed"}
    assert right
    at = datetime.now(UTC) - timedelta(seconds=1)
    wrong = next(iter(right))
    rows = right | {wrong: str(Decimal(right[wrong]) + 7)}
    file = file_of(tmp_path / "custodian.csv", rows)
    done = tell(recon, file, at)
    assert done.status == 0, done.err
    fold(day.service_url, GATEWAY)
    checks = recon("sources", "--json").json()
    assert {row["unit"]: row["verdict"] for row in checks} == dict.fromkeys(rows, "pending")
    again = tell(recon, file, at, "--dry-run", "--json").json()
    assert {row["state"] for row in again} == {"new"}, "what is pending may be told again, and changes nothing"


def test_the_gateway_is_that_of_the_account_and_without_one_it_is_asked_for(
    recon: Recon, config: Path, day: TestDatabase, tmp_path: Path
) -> None:
    file = file_of(tmp_path / "custodian.csv", {"USDT": "1"})
    told = ("import", file, "--as-balances", "--at", "1s", "--source", "custodian", "--dry-run")
    assert recon(*told, "--account", ACCOUNT).status == 0
    several = recon(*told)
    assert (several.status, "one of prod-eu, prod-us" in " ".join(several.err.split())) == (2, True)


def test_a_complete_file_tells_zeros_of_what_it_does_not_list(
    recon: Recon, config: Path, day: TestDatabase, tmp_path: Path
) -> None:
    held = balances(recon)
    file = file_of(tmp_path / "custodian.csv", {"USDT": "1"})
    shown = tell(recon, file, datetime.now(UTC) - timedelta(seconds=1), "--complete", "--dry-run", "--json").json()
    assert {row["unit"] for row in shown} == set(held)
    assert {row["amount"] for row in shown if row["unit"] != "USDT"} == {"0"}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--as-balances", "--at", "2026-01-05T00:00:00Z"], "give --source"),
        (["--as-balances", "--source", "custodian"], "give --at"),
        (["--as-balances", "--source", "custodion", "--at", "1h"], "custodian"),
        (["--as-balances", "--source", "custodian", "--at", "2199-01-01"], "still to come"),
        (["--as-balances", "--source", "custodian", "--at", "noon"], "give a time"),
        (["--as-balances", "--source", "custodian", "--at", "1h", "--mapping", "ledger"], "maps no balances"),
        (["--mapping", "ledger", "--at", "1h"], "only with --as-balances"),
    ],
)
def test_what_is_not_said_is_asked_for(
    recon: Recon, config: Path, tmp_path: Path, arguments: list[str], words: str
) -> None:
    file = file_of(tmp_path / "custodian.csv", {"USDT": "1"})
    refused = recon(*of("import", file, *arguments))
    assert refused.status == 2
    assert words in refused.err


def test_bad_rows_and_unknown_assets_are_named_and_nothing_is_told(
    recon: Recon, config: Path, day: TestDatabase, tmp_path: Path
) -> None:
    file = file_of(tmp_path / "custodian.csv", {"USDT": "much"})
    bad = tell(recon, file, datetime.now(UTC) - timedelta(seconds=1))
    assert (bad.status, "line 2: balance" in bad.err) == (2, True)
    unknown = tell(recon, file_of(tmp_path / "c.csv", {"USTD": "1"}), datetime.now(UTC) - timedelta(seconds=1))
    assert (unknown.status, "has no asset 'USTD'" in unknown.err) == (2, True)
    fold(day.service_url, GATEWAY)
    assert recon("sources", "--json").json() == []
    assert "recon import FILE --as-balances --at TIME --source custodian" in recon("sources").err, "what to do next"


def test_a_break_of_a_source_says_who_says_so_and_a_corrected_file_clears_it(
    recon: Recon, config: Path, day: TestDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = end_of(day) - timedelta(seconds=30)
    codes = [code for code, row in balances(recon).items() if row["verdict"] == "agreed"]
    assert tell(recon, file_of(tmp_path / "wrong.csv", dict.fromkeys(codes, "123456789")), at).status == 0
    fold(day.service_url, GATEWAY)
    checks = [row for row in recon("sources", "--json").json() if row["verdict"] == "break"]
    unit, expected = checks[0]["unit"], checks[0]["expected"]
    assert Decimal(checks[0]["drift"]) == 123456789 - Decimal(expected)
    assert (balances(recon)[unit]["verdict"], balances(recon)[unit]["agreed_source"]) == ("break", None)
    with monkeypatch.context() as terminal:
        terminal.setattr("sys.stdout.isatty", lambda: True, raising=False)
        assert f"recon break show {short_id(checks[0]['break_id'])}" in recon("sources", "--no-pager").out
    shown = " ".join(recon("break", "show", checks[0]["break_id"]).out.split())
    assert "source_differs" in shown
    assert f"{unit}: an independent source says so; what the EMS reports is another question." in shown
    assert f"{unit}: custodian differs at" in shown
    corrected = file_of(tmp_path / "right.csv", {unit: expected})
    assert tell(recon, corrected, at).status == 0
    fold(day.service_url, GATEWAY)
    assert balances(recon)[unit]["agreed_source"] == "custodian"
    assert "cleared" in recon("break", "show", checks[0]["break_id"]).out
    again = tell(recon, corrected, at, "--json").json()
    assert (again["appended"], again["known"]) == (0, 1)
