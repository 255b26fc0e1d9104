"""`recon facts`: what is material waits for a second person, a file as a whole; the others go through at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from sqlalchemy import make_url, text

from recon.db.engine import create_engine, libpq_url
from recon.db.roles import ANALYST, OPERATOR
from recon.errors import DecisionRefused
from recon.log.append import append
from recon.venues.answers import Asked, trade_event
from recon.venues.client import ToldTrade
from tests.cli.conftest import Recon
from tests.cli.test_record import ACCOUNT, CONFIG, GATEWAY, LEDGER, conflicts, facts, held, ledger, of, served
from tests.conftest import TestDatabase
from tests.support.database_days import fold
from tests.support.logins import login_of

__all__ = ["served"]  # a fixture

pytestmark = pytest.mark.postgres

#: Becomes the person of this name from here on.
Become = Callable[[str], None]


@pytest.fixture
def become(day: TestDatabase, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Become]:
    path = tmp_path / "recon.toml"
    path.write_text(CONFIG, encoding="utf-8")
    monkeypatch.setenv("RECON_CONFIG", str(path))
    superuser, made = create_engine(day.superuser_url, "tests", pooled=False), []

    def become(name: str) -> None:
        login = f"{name}_of_{day.name}"
        if login not in made:
            with superuser.begin() as connection:
                connection.execute(text(f"CREATE ROLE {login} LOGIN IN ROLE {OPERATOR}"))
            made.append(login)
        url = make_url(day.superuser_url).set(username=login).render_as_string(hide_password=False)
        monkeypatch.setenv("RECON_DATABASE__OPERATOR_URL", url)

    yield become
    with superuser.begin() as connection:
        for login in made:
            connection.execute(text(f"DROP ROLE {login}"))


def waiting(recon: Recon) -> Any:
    return recon("facts", "show", "--json").json()


def told(recon: Recon, *arguments: str) -> None:
    done = recon(*of(*arguments), "--no-wait")
    assert done.status == 0, done.err


def test_a_material_fact_waits_is_shown_and_takes_effect_by_a_second_person(
    recon: Recon, become: Become, day: TestDatabase
) -> None:
    before = held(recon, "USDT")
    become("alice")
    told(recon, "record", "withdrawal", "--asset", "USDT", "--amount", "630000", "--id", "W-1")
    fold(day.service_url, GATEWAY)
    assert (held(recon, "USDT"), facts(day)) == (before, [])
    (row,) = waiting(recon)
    assert (row["facts"], row["what"], row["account"]) == (1, "withdrawal -630000 USDT", ACCOUNT)
    assert row["told_by"].startswith("alice")
    assert recon("status", "--json").json()["waiting_facts"] == [{key: row[key] for key in row if key != "seqs"}]
    status = recon("status", "--all").out
    assert "withdrawal -630000 USDT" in status
    assert f"recon facts approve {row['digest'][:10]}" in status
    assert f"recon facts approve {row['digest'][:10]}" in recon("facts", "show").err
    own = recon("facts", "approve", row["digest"][:10], "--no-wait")
    assert (own.status, "somebody else approves" in own.err) == (10, True)
    become("bob")
    assert recon("facts", "approve", row["digest"][:10], "--no-wait").status == 0
    fold(day.service_url, GATEWAY)
    assert held(recon, "USDT") == before - 630_000
    assert waiting(recon) == []
    assert (
        recon("findings", "--filter", "kind=facts_approved", "--json")
        .json()[0]["message"]
        .endswith(" approved 1 waiting fact")
    )
    (known,) = facts(day)
    assert (known["login"][:5], known["approved_by"][:3]) == ("alice", "bob")
    assert recon("facts", "approve", row["digest"][:10]).status == 2, "once is once"


@pytest.mark.parametrize(
    "words",
    [
        of("record", "deposit", "--asset", "USDT", "--amount", "5"),
        ("break", "comment", "--gateway", GATEWAY, "--text", "seen", "--yes"),
        ("alerts", "silence", "--gateway", GATEWAY, "--until", "1h", "--text", "works"),
    ],
)
def test_a_login_that_only_reads_is_told_so_when_it_decides(
    recon: Recon, day: TestDatabase, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    with login_of(day, "viv", ANALYST) as url:
        monkeypatch.setenv("RECON_DATABASE__OPERATOR_URL", url)
        done = recon(*words)
    assert done.status == DecisionRefused.exit_status
    assert f"login viv_of_{day.name} is no member of recon_operator" in done.err
    assert "permission denied" not in done.err


def test_a_waiting_fact_told_again_is_no_second_approval(
    recon: Recon, become: Become, day: TestDatabase, served: None
) -> None:
    become("alice")
    again = of("record", "withdrawal", "--asset", "USDT", "--amount", "630000", "--id", "W-1")
    first = recon(*again, "--json")
    (row,) = first.json()
    assert (row["effect"], first.err.count("waits for a second person")) == ("waits", 1)
    second = recon(*again, "--json")
    assert second.json() == [row], second.err
    (group,) = waiting(recon)
    assert f"recorded before, as event {row['seq']}: it waits for a second person already" in second.err
    assert f"recon facts approve {group['digest'][:10]}" in second.err
    assert conflicts(recon) == []


def test_a_file_waits_is_approved_or_rejected_and_told_again_as_a_whole(
    recon: Recon, become: Become, day: TestDatabase, tmp_path: Path
) -> None:
    before = held(recon, "USDT")
    file = ledger(tmp_path / "ledger.csv", LEDGER + "L-6,{late},withdrawal,TETHER,-630000,0\n")
    become("alice")
    told(recon, "import", str(file), "--mapping", "ledger")
    fold(day.service_url, GATEWAY)
    (row,) = waiting(recon)
    assert (row["facts"], row["what"], len(row["seqs"])) == (6, "ledger.csv", 6)
    again = recon(*of("import", str(file), "--mapping", "ledger", "--json")).json()
    assert (again["appended"], again["known"]) == (0, 6), "what waits is not told twice"
    assert recon("facts", "reject", row["digest"], "--text", "a wrong file", "--no-wait").status == 0
    fold(day.service_url, GATEWAY)
    assert (waiting(recon), facts(day), held(recon, "USDT")) == ([], [], before)
    told(recon, "import", str(file), "--mapping", "ledger")
    fold(day.service_url, GATEWAY)
    (row,) = waiting(recon)
    become("bob")
    assert recon("facts", "approve", row["digest"], "--no-wait").status == 0
    fold(day.service_url, GATEWAY)
    assert len(facts(day)) == 6
    assert held(recon, "USDT") < before - 600_000


@pytest.mark.parametrize(("digest", "words"), [("abc", "too short"), ("f" * 12, "no waiting facts have a digest")])
def test_a_digest_of_nothing_is_refused(recon: Recon, become: Become, digest: str, words: str) -> None:
    become("bob")
    done = recon("facts", "approve", digest)
    assert (done.status, words in done.err) == (2, True)


def test_a_material_trade_that_the_venue_itself_told_takes_effect_by_one_person(
    recon: Recon, become: Become, day: TestDatabase
) -> None:
    now = datetime.now(UTC)
    asked = Asked(ACCOUNT, "kraken", "trades", now, now)
    trade = ToldTrade("T-77", "BTCUSDT", "BUY", Decimal(3), Decimal(60_000), now - timedelta(seconds=1), order_id="V-1")
    with psycopg.connect(libpq_url(day.service_url)) as connection:
        append(connection, gateway=GATEWAY, writer=uuid4(), batch=1, now=now, events=[trade_event(asked, trade)])
    fold(day.service_url, GATEWAY)
    assert facts(day) == []
    (row,) = waiting(recon)
    assert (row["facts"], row["account"], row["told_by"]) == (1, ACCOUNT, "venue kraken")
    become("bob")
    done = recon("facts", "approve", row["digest"][:10], "--no-wait")
    assert done.status == 0, done.err
    fold(day.service_url, GATEWAY)
    (fact,) = facts(day)
    assert (fact["external_id"], fact["source_class"]) == ("kraken:BTCUSDT:T-77", "venue")
    with psycopg.connect(libpq_url(day.analyst_url)) as connection:
        query = "SELECT proposed_by, state, decided_by LIKE 'bob%' FROM recon.approvals WHERE about = 'fact'"
        assert connection.execute(query).fetchall() == [("venue kraken", "approved", True)]
        told = connection.execute("SELECT trade_id, quantity, login FROM recon.fact_messages").fetchall()
    assert told == [("T-77", Decimal(3), "venue kraken")]
