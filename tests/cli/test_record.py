"""`recon record` and `recon import`: facts from outside, told once, whoever tells them and however often."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import make_url, text

from recon.db.engine import create_engine
from recon.db.roles import OPERATOR
from recon.projection.step import step
from tests.cli.conftest import Recon
from tests.conftest import TestDatabase
from tests.support.database_days import fold

pytestmark = pytest.mark.postgres

GATEWAY = "prod-eu"
ACCOUNT = "BINANCE"
CONFIG = """
[imports.ledger]
columns = { time = "time", id = "txid", type = "type", asset = "asset", amount = "amount", fee = "fee" }
types = { deposit = "deposit", withdrawal = "withdrawal", staking = "reward", trade = "only_fee", margin = "ignore" }
time_format = "%Y-%m-%d %H:%M:%S"
assets = { TETHER = "USDT" }

[imports.trades]
kind = "trade"
time_format = "unix_ms"
fee_asset = "USDT"

[imports.trades.columns]
time = "when"
symbol = "pair"
side = "side"
quantity = "vol"
price = "price"
fee = "fee"
order_id = "order"
"""
LEDGER = """txid,time,type,asset,amount,fee
L-3,{late},withdrawal,TETHER,-40,0.5
L-1,{early},deposit,TETHER,100.00,0
L-2,{early},staking,ETH,0.001,0
L-4,{late},trade,TETHER,-5,0.01
L-5,{late},margin,TETHER,7,0
"""


@pytest.fixture
def config(tmp_path: Path, day: TestDatabase, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "recon.toml"
    path.write_text(CONFIG, encoding="utf-8")
    monkeypatch.setenv("RECON_CONFIG", str(path))
    return path


@pytest.fixture
def served(day: TestDatabase) -> Iterator[None]:
    """A service that folds the log meanwhile, as far as a command line can tell."""
    with _served(day):
        yield


@contextmanager
def _served(day: TestDatabase) -> Iterator[None]:
    engine, over = create_engine(day.service_url, "tests", pooled=False), threading.Event()
    with engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO recon_store.service_parts (gateway, instance, part, state, since)"
                " VALUES ('prod-eu', 'test', 'projector', 'running', now())"
            )
        )

    def project() -> None:
        while not over.wait(0.02):
            with engine.begin() as connection:
                step(connection, GATEWAY, None)

    thread = threading.Thread(target=project)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def facts(day: TestDatabase) -> list[dict[str, Any]]:
    with create_engine(day.analyst_url, "tests", pooled=False).connect() as connection:
        rows = connection.execute(text("SELECT * FROM recon.facts ORDER BY seq, account")).mappings()
        return [dict(row) for row in rows]


def held(recon: Recon, asset: str) -> Decimal:
    rows = recon("balances", "--gateway", GATEWAY, "--account", ACCOUNT, "--json").json()["balances"]
    return Decimal(next(row["balance"] for row in rows if row["asset"] == asset))


def ledger(path: Path, template: str = LEDGER) -> Path:
    now = datetime.now(UTC)
    late, early = (f"{now - timedelta(seconds=ago):%Y-%m-%d %H:%M:%S}" for ago in (4, 6))
    path.write_text(template.format(late=late, early=early), encoding="utf-8")
    return path


def of(*arguments: str) -> tuple[str, ...]:
    return (*arguments, "--gateway", GATEWAY, "--account", ACCOUNT)


# --- record


def test_a_fact_is_recorded_booked_and_told(recon: Recon, config: Path, day: TestDatabase, served: None) -> None:
    before = held(recon, "USDT")
    told = of("record", "withdrawal", "--asset", "USDT", "--amount", "12.5", "--id", "W-1", "--text", "to the bank")
    result = recon(*told, "--name", "Alice", "--json")
    assert result.status == 0, result.err
    (row,) = result.json()
    assert (row["fact"], row["amount"], row["external_id"]) == ("withdrawal", "-12.5", "W-1")
    assert row["effect"] in {"booked", "explained"}
    assert held(recon, "USDT") == before - Decimal("12.5")
    (known,) = facts(day)
    assert (known["login"], known["authenticated"], known["name"]) == ("recon_service", False, "Alice")
    assert known["text"] == "to the bank"


def test_telling_the_same_again_changes_nothing(recon: Recon, config: Path, day: TestDatabase, served: None) -> None:
    at = datetime.now(UTC) - timedelta(seconds=3)
    told = of("record", "deposit", "--asset", "USDT", "--amount", "5", "--at", at.isoformat())
    first = recon(*told)
    assert first.status == 0, first.err
    before = held(recon, "USDT")
    again = recon(*told, "--text", "in other words")
    assert "nothing changed" in again.err
    assert held(recon, "USDT") == before
    assert len(facts(day)) == 1


def conflicts(recon: Recon) -> list[str]:
    return [row["about"] for row in recon("findings", "--filter", "kind=fact_conflict", "--json").json()]


def test_telling_an_id_again_without_a_time_changes_nothing_and_finds_nothing(
    recon: Recon, config: Path, day: TestDatabase, served: None
) -> None:
    told = of("record", "deposit", "--asset", "USDT", "--amount", "5", "--id", "S-1")
    assert recon(*told).status == 0
    before, known = held(recon, "USDT"), facts(day)
    again = recon(*told)
    assert (again.status, "nothing changed" in again.err) == (0, True)
    assert (held(recon, "USDT"), facts(day), conflicts(recon)) == (before, known, [])
    other = recon(*of("record", "deposit", "--asset", "USDT", "--amount", "6", "--id", "S-1"))
    assert "known with another content" in other.err
    assert (held(recon, "USDT"), conflicts(recon)) == (before, ["S-1"])
    assert recon(*told, "--at", "1s").status == 0
    assert conflicts(recon) == ["S-1", "S-1"], "a time that was given is a part of the content"


def test_an_id_told_twice_before_the_log_is_folded_is_one_fact(recon: Recon, config: Path, day: TestDatabase) -> None:
    told = of("record", "deposit", "--asset", "USDT", "--amount", "5", "--id", "S-1")
    assert [recon(*told, "--no-wait").status for _ in range(2)] == [0, 0]
    fold(day.service_url, GATEWAY)
    assert (len(facts(day)), conflicts(recon)) == (1, [])


def test_a_login_of_ones_own_is_who_told_it(
    recon: Recon, config: Path, day: TestDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    superuser = create_engine(day.superuser_url, "tests", pooled=False)
    with superuser.begin() as connection:
        connection.execute(text(f"CREATE ROLE test_carol LOGIN IN ROLE {OPERATOR}"))
    try:
        url = make_url(day.superuser_url).set(username="test_carol").render_as_string(hide_password=False)
        monkeypatch.setenv("RECON_DATABASE__OPERATOR_URL", url)
        result = recon(*of("record", "fee", "--asset", "USDT", "--amount", "1"), "--no-wait")
        assert result.status == 0, result.err
        assert "without authentication" not in result.err
        fold(day.service_url, GATEWAY)
        (known,) = facts(day)
        assert (known["login"], known["authenticated"], known["amount"]) == ("test_carol", True, -1)
    finally:
        with superuser.begin() as connection:
            connection.execute(text("DROP ROLE test_carol"))


def test_without_a_service_it_is_recorded_and_says_so(recon: Recon, config: Path, day: TestDatabase) -> None:
    result = recon(*of("record", "reward", "--asset", "ETH", "--amount", "0.5"), "--name", "Eve")
    assert result.status == 0
    assert "no service is running" in result.err
    assert "without authentication: recon_service is a shared login, and the name Eve is only a claim" in result.err
    assert facts(day) == []
    fold(day.service_url, GATEWAY)
    assert len(facts(day)) == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("deposit", "--asset", "USDT", "--amount", "-5"), "deposits are credits"),
        (("deposit", "--asset", "USDT", "--amount", "x"), "decimal"),
        (("deposit", "--asset", "USDT", "--amount", "0"), "zero"),
        (("withdrawal", "--asset", "USDT", "--amount", "1e30"), "larger than any balance"),
        (("deposit", "--amount", "5"), "--asset and --symbol"),
        (("deposit", "--asset", "USDT", "--amount", "5", "--to", "BINANCE"), "transfer"),
        (("deposit", "--asset", "USDT", "--amount", "5", "--at", "2999-01-01"), "future"),
        (("deposit", "--asset", "USDT", "--amount", "5", "--at", "soon"), "must be a time"),
        (("deposit", "--asset", "USDT", "--amount", "5", "--at", "0001-01-01T00:00:00+05:00"), "must be a time"),
        (("deposit", "--asset", "USDT", "--amount", "5", "--at", "9999-12-31T23:59:59-05:00"), "must be a time"),
        (("deposit", "--asset", "USDT", "--amount", "5", "--id", "x" * 201), "not a valid deposit"),
        (("gift", "--asset", "USDT", "--amount", "5"), "gift"),
    ],
)
def test_what_makes_no_fact_is_refused(
    recon: Recon, config: Path, day: TestDatabase, arguments: tuple[str, ...], words: str
) -> None:
    result = recon(*of("record", *arguments))
    assert result.status == 2
    assert words in result.err
    assert "Traceback" not in result.err


def test_an_unknown_account_is_refused_and_the_gateway_found_by_a_known_one(
    recon: Recon, config: Path, day: TestDatabase
) -> None:
    told = ("record", "deposit", "--asset", "USDT", "--amount", "5")
    unknown = recon(*told, "--gateway", GATEWAY, "--account", "KRAKN")
    assert unknown.status == 2
    assert ACCOUNT in unknown.err
    only = recon(*told, "--account", ACCOUNT, "--no-wait")
    assert (only.status, f" of {GATEWAY}; " in only.err) == (0, True), only.err
    nowhere = recon(*told, "--account", "BINANCEE")
    assert (nowhere.status, "did you mean BINANCE?" in nowhere.err) == (2, True)


# --- import


@pytest.mark.parametrize("skip", [(), ("--skip-bad",), ("--dry-run",)])
def test_a_file_of_bad_rows_alone_needs_no_gateway_beside_its_account(
    recon: Recon, config: Path, day: TestDatabase, tmp_path: Path, skip: tuple[str, ...]
) -> None:
    file = tmp_path / "bad.csv"
    file.write_text("txid,time,type,asset,amount,fee\nL-1,yesterday,deposit,TETHER,1,0\n", encoding="utf-8")
    result = recon("import", str(file), "--mapping", "ledger", "--account", ACCOUNT, *skip)
    assert (result.status, "gateway" in result.err) == (0 if skip else 2, False), result.err
    assert "line 2" in result.err
    if not skip:
        assert "nothing was imported" in result.err


def test_a_ledger_is_imported_once_however_often(
    recon: Recon, config: Path, day: TestDatabase, served: None, tmp_path: Path
) -> None:
    file = ledger(tmp_path / "ledger.csv")
    before = held(recon, "USDT")
    first = recon(*of("import", str(file), "--mapping", "ledger"), "--json")
    assert first.status == 0, first.err
    told = first.json()
    assert (told["appended"], told["known"], told["silent"]) == (5, 0, 1)
    assert sum(row["facts"] for row in told["effects"]) == 5
    assert held(recon, "USDT") == before + 100 - 40 - Decimal("0.5") - Decimal("0.01")
    known = facts(day)
    assert [(row["external_id"], row["fact"], row["unit"], row["source"]) for row in known] == [
        ("L-1", "deposit", "USDT", "ledger.csv"),
        ("L-2", "reward", "ETH", "ledger.csv"),
        ("L-3", "withdrawal", "USDT", "ledger.csv"),
        ("L-3/fee", "fee", "USDT", "ledger.csv"),
        ("L-4/fee", "fee", "USDT", "ledger.csv"),
    ]
    again = recon(*of("import", str(file), "--mapping", "ledger"), "--json").json()
    assert (again["appended"], again["known"], again["first_seq"]) == (0, 5, None)
    assert facts(day) == known


def test_rows_that_cannot_be_read_are_named_and_nothing_is_appended(
    recon: Recon, config: Path, day: TestDatabase, tmp_path: Path
) -> None:
    template = LEDGER + "L-6,{late},gift,TETHER,1,0\nL-7,yesterday,deposit,TETHER,1,0\nL-8,{late},deposit,TETHER,1e,0\n"
    template += "L-1,{early},deposit,TETHER,101,0\n"
    file = ledger(tmp_path / "ledger.csv", template)
    result = recon(*of("import", str(file), "--mapping", "ledger"))
    assert result.status == 2
    for words in ("line 7: type 'gift'", "line 8: time", "line 9: amount", "line 10: id L-1 is in line 3 too"):
        assert words in result.err
    fold(day.service_url, GATEWAY)
    assert facts(day) == []
    lenient = recon(*of("import", str(file), "--mapping", "ledger", "--skip-bad", "--no-wait"), "--json")
    assert lenient.status == 0, lenient.err
    assert [row["line"] for row in lenient.json()["left_out"]] == [7, 8, 9, 10]
    fold(day.service_url, GATEWAY)
    assert len(facts(day)) == 5


def test_a_dry_run_shows_what_is_new_and_appends_nothing(
    recon: Recon, config: Path, day: TestDatabase, tmp_path: Path
) -> None:
    file = ledger(tmp_path / "ledger.csv")
    dry = recon(*of("import", str(file), "--mapping", "ledger", "--dry-run"), "--json").json()
    assert [(row["line"], row["state"]) for row in dry] == [
        *((2, "new"), (2, "new"), (3, "new"), (4, "new"), (5, "new"), (6, "ignored"))
    ]
    assert dry[-1]["reason"] == "type 'margin' is ignored"
    asked = ("--filter", "state=ignored", "--columns", "line,state")
    narrowed = recon(*of("import", str(file), "--mapping", "ledger", "--dry-run"), *asked)
    assert narrowed.out.split() == ["line", "state", "6", "ignored"]
    refused = recon(*of("import", str(file), "--mapping", "ledger", "--no-wait"), "--filter", "verdict=break")
    assert (refused.status, "cannot be narrowed by verdict" in refused.err) == (2, True)
    fold(day.service_url, GATEWAY)
    assert facts(day) == []
    recon(*of("import", str(file), "--mapping", "ledger", "--no-wait"))
    fold(day.service_url, GATEWAY)
    file.write_text(file.read_text().replace("100.00", "200"))
    dry = recon(*of("import", str(file), "--mapping", "ledger", "--dry-run"), "--json").json()
    states = {row["external_id"]: row["state"] for row in dry if "external_id" in row}
    assert states.pop("L-1") == "conflict"
    assert set(states.values()) == {"known"}


def test_a_dry_run_names_rows_that_cannot_be_read_and_assets_that_there_are_not(
    recon: Recon, config: Path, day: TestDatabase, tmp_path: Path
) -> None:
    template = LEDGER + "L-6,{late},gift,TETHER,1,0\nL-7,{late},deposit,UDST,1,0\n"
    file = ledger(tmp_path / "ledger.csv", template)
    dry = recon(*of("import", str(file), "--mapping", "ledger", "--dry-run"), "--json")
    assert [row["state"] for row in dry.json() if row["line"] > 6] == ["bad", "new"]
    assert "BINANCE has no asset 'UDST'; did you mean USDT?" in dry.err
    table = recon(*of("import", str(file), "--mapping", "ledger", "--dry-run"))
    assert "type 'gift' is not in" in table.out


# --- names that there are not


@pytest.mark.parametrize("asset", ["UDST", "USDTX", "usdt"])
def test_an_asset_that_there_is_not_is_refused_with_the_nearest(
    recon: Recon, config: Path, day: TestDatabase, asset: str
) -> None:
    told = of("record", "deposit", "--asset", asset, "--amount", "5", "--no-wait")
    refused = recon(*told)
    assert refused.status == 2
    assert f"BINANCE has no asset {asset!r}; did you mean USDT?" in refused.err
    assert "--new-asset" in refused.err
    other = recon(*told, "--new-asset", "BNX")
    assert other.status == 2
    really = recon(*told, "--new-asset", asset)
    assert really.status == 0, really.err
    fold(day.service_url, GATEWAY)
    (group,) = recon("facts", "show", "--json").json()  # what has no rate waits for a second person
    assert asset in group["what"]


def test_a_file_with_an_asset_that_there_is_not_is_refused_whole(
    recon: Recon, config: Path, day: TestDatabase, tmp_path: Path
) -> None:
    file = ledger(tmp_path / "ledger.csv", LEDGER + "L-7,{late},deposit,ETHX,1,0\n")
    refused = recon(*of("import", str(file), "--mapping", "ledger", "--no-wait"))
    assert refused.status == 2
    assert "BINANCE has no asset 'ETHX'; did you mean ETH?" in refused.err
    fold(day.service_url, GATEWAY)
    assert facts(day) == []
    told = recon(*of("import", str(file), "--mapping", "ledger", "--no-wait", "--new-asset", "ETHX"))
    assert told.status == 0, told.err
    fold(day.service_url, GATEWAY)
    (group,) = recon("facts", "show", "--json").json()
    assert group["facts"] == 6


@pytest.mark.parametrize("command", [("propose", "abc"), ("comment", "--text", "x")])
def test_a_cause_that_there_is_not_is_refused_with_the_nearest(
    recon: Recon, config: Path, day: TestDatabase, command: tuple[str, ...]
) -> None:
    refused = recon("break", *command, "--cause", "depost")
    assert refused.status == 2
    assert "there is no cause 'depost'; did you mean deposit?" in refused.err


def test_an_account_that_there_is_not_is_refused_with_the_nearest(
    recon: Recon, config: Path, day: TestDatabase
) -> None:
    told = ("record", "transfer", "--asset", "USDT", "--amount", "5", "--gateway", GATEWAY)
    for given in (("--account", "BINANCEE"), ("--account", ACCOUNT, "--to", "binanc")):
        refused = recon(*told, *given)
        assert refused.status == 2
        assert "did you mean BINANCE?" in refused.err


# --- formats of venues


def test_a_venues_own_export_is_read_by_its_name(recon: Recon, config: Path, day: TestDatabase, tmp_path: Path) -> None:
    now = datetime.now(UTC) - timedelta(seconds=5)
    file = tmp_path / "ledgers.csv"
    file.write_text(
        "txid,refid,time,type,subtype,aclass,asset,amount,fee,balance\n"
        f",QA,{now:%Y-%m-%d %H:%M:%S},deposit,,currency,USDT,100,0,\n"
        f"LA,QA,{now:%Y-%m-%d %H:%M:%S},deposit,,currency,USDT,100,0,100\n",
        encoding="utf-8",
    )
    given = of("import", str(file), "--format", "kraken-ledger", "--no-wait")
    told = recon(*given, "--json")
    assert told.status == 0, told.err
    assert (told.json()["appended"], told.json()["filtered"]) == (1, 1)
    fold(day.service_url, GATEWAY)
    assert [(row["external_id"], row["amount"]) for row in facts(day)] == [("LA", 100)]
    unknown = recon(*of("import", str(file), "--format", "kraken-ledgers"))
    assert unknown.status == 2
    assert "did you mean kraken-ledger?" in unknown.err
    for both in ((), ("--format", "kraken-ledger", "--mapping", "ledger")):
        assert "one of --mapping NAME and --format NAME" in recon(*of("import", str(file), *both)).err


def test_a_trade_export_adds_the_fees_of_known_fills(
    recon: Recon, config: Path, day: TestDatabase, tmp_path: Path
) -> None:
    with create_engine(day.analyst_url, "tests", pooled=False).connect() as connection:
        fills = connection.execute(
            text(
                "SELECT o.exchange_order_id, f.symbol, f.side, f.amount, f.price, f.filled_at FROM recon.fills AS f"
                " JOIN recon.orders AS o USING (gateway, account, order_key)"
                " WHERE gateway = :gateway AND account = :account AND f.cash_asset = 'USDT' AND f.price IS NOT NULL"
                " AND o.exchange_order_id IS NOT NULL ORDER BY f.seq DESC LIMIT 20"
            ),
            {"gateway": GATEWAY, "account": ACCOUNT},
        ).all()
    assert fills
    rows = [
        f"{fill.filled_at.timestamp() * 1000:.0f},{fill.symbol},{fill.side.lower()},{fill.amount},{fill.price},"
        f"0.01,{fill.exchange_order_id}"
        for fill in fills
    ]
    file = tmp_path / "trades.csv"
    # Two rows are equal to the last digit: two executions, told apart by their ordinal.
    file.write_text("\n".join(["when,pair,side,vol,price,fee,order", *rows, rows[-1]]) + "\n", encoding="utf-8")
    before = held(recon, "USDT")
    for _ in range(2):
        result = recon(*of("import", str(file), "--mapping", "trades", "--no-wait"))
        assert result.status == 0, result.err
        fold(day.service_url, GATEWAY)
    known = facts(day)
    assert len(known) == len(rows) + 1
    assert [row["effect"] for row in known].count("matched") >= len(rows)
    assert all(row["external_id"].startswith("row:") for row in known)
    with create_engine(day.analyst_url, "tests", pooled=False).connect() as connection:
        missed = connection.scalar(
            text("SELECT coalesce(sum(amount), 0) FROM recon.entries WHERE cause = 'missed_fill' AND unit = 'USDT'")
        )
    assert held(recon, "USDT") == before - Decimal("0.01") * len(known) + missed


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("time,type\n", "no column txid"),
        (b"\xff\xfe\x00", "is not text"),
        ('txid,time,type,asset,amount,fee\n"L-1,x\n', "is not CSV"),
    ],
)
def test_a_file_that_is_no_such_statement_is_refused(
    recon: Recon, config: Path, day: TestDatabase, tmp_path: Path, content: str | bytes, words: str
) -> None:
    file = tmp_path / "ledger.csv"
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    result = recon(*of("import", str(file), "--mapping", "ledger"))
    assert result.status == 2
    assert words in result.err
    missing = recon(*of("import", str(tmp_path / "none.csv"), "--mapping", "ledger"))
    assert missing.status == 2
    assert "none.csv" in missing.err
    unknown = recon(*of("import", str(file), "--mapping", "custodian"))
    assert unknown.status == 2
    assert "ledger, trades" in unknown.err
