"""`--as-of` and `--known-at`: what commands show of a past time, and which refuse it."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from recon.db.engine import create_engine
from recon.display.ages import moment
from tests.cli.conftest import Recon
from tests.conftest import TestDatabase

pytestmark = pytest.mark.postgres

LISTS = {
    "balances": ("balances_as_of", "balance"),
    "positions": ("positions_as_of", "quantity"),
    "orders": ("orders_as_of", "amount_filled"),
    "fills": ("fills_as_of", "amount"),
    "entries": ("entries_as_of", "running"),
}


@pytest.fixture
def middle(day: TestDatabase) -> datetime:
    """A time in the middle of the day."""
    at = _one(day, "SELECT to_timestamp(avg(extract(epoch FROM recorded_at))) FROM recon.entries")
    assert isinstance(at, datetime)
    return at.astimezone(UTC).replace(microsecond=0)


def _count(database: TestDatabase, function: str, at: datetime) -> int:
    found = _one(database, f"SELECT count(*) FROM recon.{function}(:at, :at)", at=at)  # noqa: S608 - ours
    assert isinstance(found, int)
    return found


def _one(database: TestDatabase, query: str, **given: object) -> object:
    with create_engine(database.analyst_url, "tests", pooled=False).connect() as connection:
        return connection.execute(text(query), given).scalar_one()


@pytest.mark.parametrize("command", LISTS)
def test_a_list_of_a_past_time_is_its_function(recon: Recon, day: TestDatabase, middle: datetime, command: str) -> None:
    function, value = LISTS[command]
    times = ("--as-of", middle.isoformat(), "--known-at", middle.isoformat())
    limit = ("--limit", "100000") if command in {"orders", "fills", "entries"} else ()
    result = recon(command, *times, *limit, "--json")
    assert result.status == 0, result.err
    document = result.json()
    rows = document[command] if isinstance(document, dict) else document
    assert len(rows) == _count(day, function, middle) > 0
    summed = f"SELECT trim_scale(coalesce(sum({value}), 0))::text FROM recon.{function}(:at, :at)"  # noqa: S608 - ours
    known = [row[value] for row in rows if row[value] is not None]
    assert known
    total = "SELECT trim_scale(sum(v))::text FROM unnest(CAST(:known AS numeric[])) AS x (v)"
    assert _one(day, total, known=known) == _one(day, summed, at=middle)
    if isinstance(document, dict):
        assert document["as_of"] == document["known_at"] == middle.isoformat().replace("+00:00", "Z")


@pytest.mark.parametrize("command", [*LISTS, "breaks", "coverage"])
def test_what_is_shown_says_both_times(recon: Recon, middle: datetime, command: str) -> None:
    result = recon(command, "--as-of", middle.isoformat(), "--known-at", middle.isoformat())
    assert result.status == 0, result.err
    assert f"as of {moment(middle)}, as known at {moment(middle)}" in result.err
    assert "not current" not in result.err
    known_now = recon(command, "--as-of", middle.isoformat())
    assert f"as of {moment(middle)}, as known now" in known_now.err


def test_a_past_figure_says_when_its_report_came(
    recon: Recon, middle: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    monkeypatch.setenv("COLUMNS", "200")
    shown = recon("balances", "--as-of", middle.isoformat()).out
    assert "seen: time of the report, up to a minute before the last one" in shown
    times = re.findall(r"\b\d\d:\d\d:\d\d\b", shown)
    assert {each for each in times if each[:5] in {f"{middle:%H:%M}", f"{middle - timedelta(minutes=1):%H:%M}"}}
    assert "seen: age of the last report" in recon("balances").out


def test_coverage_of_a_past_time_has_stretches_that_had_begun(
    recon: Recon, day: TestDatabase, middle: datetime
) -> None:
    result = recon("coverage", "--as-of", middle.isoformat(), "--known-at", middle.isoformat(), "--all", "--json")
    stretches = result.json()["stretches"]
    assert len(stretches) == _count(day, "coverage_as_of", middle) > 0
    assert all(row["covered"] is not None and row["state"] for row in result.json()["accounts"])
    assert result.json()["open_questions"] is None, "what is asked now is not what was asked then"
    late = recon("coverage", "--as-of", middle.isoformat(), "--since", (middle + timedelta(seconds=1)).isoformat())
    assert late.status == 2


def test_before_all_books_a_unit_says_so_and_nothing_of_now(
    recon: Recon, middle: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    monkeypatch.setenv("COLUMNS", "200")
    for command in ("positions", "balances"):
        shown = recon(command, "--as-of", (middle - timedelta(days=5)).isoformat(), "--no-pager").out
        assert "its books had not begun: they begin with an opening after this time" in shown
        assert "are booked" not in shown
        assert "was reported" not in shown


def test_cases_of_a_past_time_are_in_the_order_of_their_age_then(
    recon: Recon, day: TestDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    last = _one(day, "SELECT max(opened_at) FROM recon.breaks")
    assert isinstance(last, datetime)
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    monkeypatch.setattr("recon.cli.tables.terminal.utc_now", lambda: last + timedelta(days=400))
    asked = ("breaks", "--as-of", last.isoformat(), "--no-pager", "--columns", "since")
    shown = recon(*asked).out
    assert re.search(r"\d (s|min|h)\b", shown), shown
    assert not re.search(r"\d+ d\b", shown), shown
    since = re.findall(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\S+", recon(*asked, "--raw").out.partition("since")[2])
    assert since == sorted(since)
    assert len(since) > 1


def test_gaps_of_a_past_time_are_counted_as_they_are_listed(
    recon: Recon, day: TestDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = _one(day, "SELECT now()")
    assert isinstance(now, datetime)
    asked = ("coverage", "--as-of", now.isoformat(), "--since", "36500d")
    document = recon(*asked, "--json").json()
    lost = {(row["gateway"], row["account"]) for row in document["stretches"] if row["state"] == "gap"}
    assert lost == {(row["gateway"], row["account"]) for row in document["gaps"] if row["gap"]} != set()
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    monkeypatch.setenv("COLUMNS", "200")
    shown = recon(*asked, "--no-pager").out
    assert f"covered; {len(document['gaps'])} gaps, " in shown
    assert "last sign of life" not in shown, "the last sign of life is known of now alone"


def test_a_case_of_a_past_time_has_the_steps_that_were_known(recon: Recon, day: TestDatabase) -> None:
    (case,) = recon("breaks", "--all", "--json").json()["breaks"][:1]
    opened = datetime.fromisoformat(case["opened_at"])
    now = recon("break", "show", case["id"], "--as-of", opened.isoformat(), "--json").json()
    assert now["steps"][0]["event"] == "opened"
    assert case["id"] in {row["id"] for row in now["breaks"]}
    shown = recon("break", "show", case["id"], "--as-of", opened.isoformat())
    assert (shown.status, f"as of {moment(opened, exact=True)}" in shown.err) == (0, True), shown.err
    before = (opened - timedelta(days=1)).isoformat()
    assert recon("break", "show", case["id"], "--as-of", before, "--json").json()["breaks"] == []


@pytest.mark.parametrize("command", ["findings", "facts", "firm", "fees", "events", "rules", "status"])
def test_what_is_kept_of_now_alone_refuses_a_past_time(recon: Recon, day: TestDatabase, command: str) -> None:
    for option in ("--as-of", "--known-at"):
        result = recon(command, option, "1h")
        assert (result.status, result.out) == (2, "")
        assert "what this shows is kept as it is now alone; balances, positions, breaks, break show, " in result.err
        assert f"coverage have {option}" in result.err


@pytest.mark.usefixtures("day")
def test_what_is_no_time_of_the_past_is_refused(recon: Recon) -> None:
    assert "--as-of tomorrow is no time" in recon("balances", "--as-of", "tomorrow").err
    ahead = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    assert "is ahead of now" in recon("orders", "--known-at", ahead).err
    assert "cannot be narrowed by severity" in recon("breaks", "--as-of", "1h", "--filter", "severity=high").err
