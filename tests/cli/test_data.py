"""The commands that print data: whole, exact, filtered; for people, pipes and programs."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import func, insert, text

from recon.cli.currency import SHOWN_NOT_CURRENT
from recon.db.engine import create_engine
from recon.log.events import CATCH_UP_BEGUN, CATCH_UP_ENDED, REST_ANSWER, NewEvent
from recon.service.schema import service_parts
from tests.cli.conftest import Recon
from tests.conftest import TestDatabase
from tests.support.database_days import write_events

pytestmark = pytest.mark.postgres


def _view(database: TestDatabase, query: str) -> list[tuple[object, ...]]:
    with create_engine(database.analyst_url, "tests", pooled=False).connect() as connection:
        return [tuple(row) for row in connection.execute(text(query))]


def test_positions_and_balances_as_json_are_the_views(recon: Recon, day: TestDatabase) -> None:
    for view, unit, held in (("positions", "symbol", "quantity"), ("balances", "asset", "balance")):
        result = recon(view, "--json")
        assert result.status == 0, result.err
        expected = _view(day, f"SELECT gateway, account, {unit}, {held} FROM recon.{view} ORDER BY 1, 2, 3")  # noqa: S608
        got = [
            (row["gateway"], row["account"], row[unit], None if row[held] is None else Decimal(row[held]))
            for row in result.json()[view]
        ]
        assert got == expected
        assert all(isinstance(row["fills"], str) and "E" not in row["fills"] for row in result.json()[view])
        assert all(row["observed_at"] is None or row["observed_at"].endswith("Z") for row in result.json()[view])


def test_filters_and_plain_columns(recon: Recon, day: TestDatabase) -> None:
    result = recon("balances", "--gateway", "prod-eu", "--account", "KRAKEN/JOHN")
    heading, *lines = result.out.splitlines()
    assert heading.split()[:4] == ["gateway", "account", "asset", "balance"]
    assert lines
    assert all(line.split()[:2] == ["prod-eu", "KRAKEN/JOHN"] for line in lines)
    exact = {
        f"{row[0]:f}"
        for row in _view(
            day, "SELECT reported FROM recon_exact.balances WHERE account = 'KRAKEN/JOHN' AND reported IS NOT NULL"
        )
        if isinstance(row[0], Decimal)
    }
    shown = {cell for line in lines for cell in line.split()}
    assert exact <= shown, "values in a pipe are whole, whatever the width"
    for command in ("balances", "positions", "breaks"):
        nobody = recon(command, "--account", "KRAKEN", "--json")
        assert (nobody.status, nobody.out) == (2, "")
        assert "there is no account 'KRAKEN'; did you mean KRAKEN/JOHN?" in nobody.err
    nothing = recon("positions", "--account", "KRAKEN/JOHN")
    assert (nothing.status, nothing.out) == (0, "")
    assert nothing.err.endswith("\nno positions known, but this is not current\n"), "no service runs"


def test_why_a_unit_is_not_judged_does_not_depend_on_what_is_listed(
    recon: Recon, day: TestDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    monkeypatch.setenv("COLUMNS", "200")
    (of_all,) = [line for line in recon("balances", "--no-pager").out.splitlines() if "no balance row" in line]
    assert "reported are" in of_all
    for narrowed in ("verdict=unobserved", "unit=KFEE"):
        assert of_all in recon("balances", "--filter", narrowed, "--no-pager").out.splitlines()


def test_breaks_are_the_open_ones_unless_all_are_asked_for(recon: Recon, day: TestDatabase) -> None:
    shown = recon("breaks", "--json").json()["breaks"]
    every = recon("breaks", "--all", "--json").json()["breaks"]
    assert {row["state"] for row in shown} == {"open"}
    assert {row["id"] for row in shown} < {row["id"] for row in every}
    assert {"open", "cleared"} <= {row["state"] for row in every}
    assert all(Decimal(row["amount"]) for row in shown)
    for row in shown:
        assert row["id"] in recon("breaks", "--account", row["account"]).out


def test_events_the_latest_or_from_somewhere_on(recon: Recon, day: TestDatabase) -> None:
    latest = recon("events", "-g", "prod-eu", "-n", "5", "--json").json()
    ((head,),) = _view(day, "SELECT head_seq FROM recon.gateways WHERE name = 'prod-eu'")
    assert isinstance(head, int)
    assert [row["seq"] for row in latest] == list(range(head - 4, head + 1))

    some = recon("events", "-g", "prod-eu", "--since", "100", "-n", "3", "--json").json()
    assert [row["seq"] for row in some] == [100, 101, 102]

    at = some[-1]["recorded_at"]
    from_time = recon("events", "-g", "prod-eu", "--since", at, "-n", "1000000", "--json")
    assert from_time.status == 2, "the number of events is bounded"
    from_time = recon("events", "-g", "prod-eu", "--since", at, "-n", "1000", "--json")
    assert [row["seq"] for row in from_time.json()] == [
        row[0]
        for row in _view(
            day,
            f"SELECT seq FROM recon.events WHERE gateway = 'prod-eu' AND recorded_at >= '{at}' ORDER BY seq LIMIT 1000",  # noqa: S608
        )
    ]
    both = recon("events", "--kind", "session.opened", "--json").json()
    assert {row["gateway"] for row in both} == {"prod-eu", "prod-us"}
    assert [row["recorded_at"] for row in both] == sorted(row["recorded_at"] for row in both)
    assert recon("events", "--since", "1h", "--json").json()
    future = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    assert recon("events", "--since", future, "--json").json() == []


def test_events_say_whether_there_are_more(recon: Recon, day: TestDatabase) -> None:
    some = recon("events", "-g", "prod-eu", "--since", "100", "-n", "3")
    assert len(some.out.splitlines()) == 4
    assert "more events follow event 102 of prod-eu: use --limit for more" in some.err
    ((head,),) = _view(day, "SELECT head_seq FROM recon.gateways WHERE name = 'prod-eu'")
    assert isinstance(head, int)
    for last in (("--since", str(head - 2), "-n", "3"), ("-n", "3")):
        assert recon("events", "-g", "prod-eu", *last).err == ""


def test_events_of_an_account_are_also_those_of_its_catch_ups(
    recon: Recon, database: TestDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECON_DATABASE__URL", database.service_url)
    now = datetime.now(UTC)
    told = [
        (CATCH_UP_BEGUN, b'{"run": "r", "accounts": {"A": 5, "B": 6}}', None),
        (REST_ANSWER, b'{"ask": {"what": "orders", "account": "A"}, "run": "r"}', "A"),
        (REST_ANSWER, b'{"ask": {"what": "orders", "account": "B"}, "run": "r"}', "B"),
        (REST_ANSWER, b'{"ask": {"what": "history"}, "run": "r"}', None),
        (CATCH_UP_ENDED, b'{"run": "r", "accounts": {"A": 5, "B": 6}}', None),
        (CATCH_UP_BEGUN, b'{"run": "s", "accounts": {"B": 6}}', None),
        ("frame", b"\xff", None),
        ("tick", b'{"accounts": {"A": 1}}', None),
    ]
    events = [NewEvent(kind, payload, now, account=account) for kind, payload, account in told]
    write_events(database.service_url, "eu", events)

    def positions(*arguments: str) -> list[int]:
        return [row["seq"] for row in recon("events", *arguments, "--json").json()]

    assert positions("--account", "A") == [1, 2, 4, 5]
    assert positions("--account", "B", "--since", "2") == [3, 4, 5, 6]
    assert positions("--account", "A", "--kind", REST_ANSWER) == [2, 4]
    assert positions("--account", "C") == [4]


def test_payloads_pass_exactly_and_what_is_not_readable_in_base64(
    recon: Recon, database: TestDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECON_DATABASE__URL", database.service_url)
    exact, deep, hostile = (
        b'{"n": 1.10000000000000000000000001, "e": 1E+2}',
        b"[" * 3000 + b"]" * 3000,
        b"\x1b[2J\xff\x00",
    )
    now = datetime.now(UTC)
    write_events(
        database.service_url,
        "sim",
        [NewEvent("frame", payload, now, account="\x1b[31mred") for payload in (exact, deep, hostile)],
    )
    result = recon("events", "--json")
    assert result.status == 0, result.err
    assert '"n": 1.10000000000000000000000001, "e": 1E+2' in result.out
    assert deep.decode() in result.out
    assert f'"raw_base64":"{base64.b64encode(hostile).decode()}"' in result.out
    shown = recon("events")
    assert "\x1b" not in shown.out
    assert "\\x1b[31mred" in shown.out
    assert deep.decode() in shown.out
    assert len(shown.out.splitlines()) == 4


def test_status_has_no_cell_that_is_quotes(recon: Recon, day: TestDatabase) -> None:
    with create_engine(day.service_url, "tests", pooled=False).begin() as connection:
        connection.execute(
            insert(service_parts).values(
                instance="one",
                gateway="",
                part="alerts",
                state="running",
                detail="",
                since=func.now(),
                updated_at=func.now(),
                figures={},
            )
        )
    shown = recon("status", "--all").out
    (line,) = [line for line in shown.splitlines() if line.startswith("one ")]
    assert line.split()[:4] == ["one", "-", "alerts", "running"]
    assert '""' not in shown


def test_status_tells_how_everything_stands(recon: Recon, day: TestDatabase) -> None:
    found = recon("status", "--json").json()
    assert [row["name"] for row in found["gateways"]] == ["prod-eu", "prod-us"]
    assert {row["account"] for row in found["accounts"]} >= {"KRAKEN/JOHN", "COINBASE/DESK"}
    assert {row["verdict"] for row in found["verdicts"]} >= {"agreed", "break"}
    assert found["open_breaks"]
    assert found["service"] == []
    shown = recon("status", "--all")
    assert "# gateways" in shown.out
    assert "KRAKEN/JOHN" in shown.out
    assert "no service is running" in shown.err
    one = recon("status", "--gateway", "prod-us", "--json").json()
    assert {row["gateway"] for row in one["accounts"]} == {"prod-us"}


def test_a_running_service_is_seen_and_a_dead_one_is_not(
    recon: Recon, database: TestDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECON_DATABASE__URL", database.service_url)
    with create_engine(database.service_url, "tests", pooled=False).begin() as connection:
        connection.execute(
            text(
                "INSERT INTO recon_store.service_parts (gateway, instance, part, state, since, updated_at)"
                " VALUES ('eu', 'a', 'recorder', 'recording', now(), now()),"
                " ('eu', 'b', 'recorder', 'recording', now(), now() - interval '1 minute')"
            )
        )
    parts = {row["instance"]: row["state"] for row in recon("status", "--json").json()["service"]}
    assert parts == {"a": "recording", "b": "gone"}
    assert "recording" in recon("status", "--all").out
    assert "gone" not in recon("status", "--all").out


def test_an_analyst_login_can_read_it_all(recon: Recon, day: TestDatabase, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECON_DATABASE__URL", day.analyst_url)
    for command in ("status", "positions", "balances", "breaks", "events"):
        result = recon(command, "--json")
        assert result.status == (SHOWN_NOT_CURRENT if command in {"status", "breaks"} else 0), result.err
        assert result.json()


@pytest.mark.parametrize("since", ["yesterday", "5y", "-3", "", "1.5"])
def test_a_since_that_means_nothing_is_refused(recon: Recon, since: str) -> None:
    result = recon("events", f"--since={since}")
    assert result.status == 2
    assert "--since" in result.err
