"""`--as-of` and `--known-at`: what commands show of a past time, and which refuse it."""

from __future__ import annotations

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
    summed = f"SELECT coalesce(sum({value}), 0)::text FROM recon.{function}(:at, :at)"  # noqa: S608 - ours
    known = [row[value] for row in rows if row[value] is not None]
    assert known
    total = "SELECT sum(v)::text FROM unnest(CAST(:known AS numeric[])) AS x (v)"
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


def test_coverage_of_a_past_time_has_stretches_that_had_begun(
    recon: Recon, day: TestDatabase, middle: datetime
) -> None:
    result = recon("coverage", "--as-of", middle.isoformat(), "--known-at", middle.isoformat(), "--all", "--json")
    stretches = result.json()["stretches"]
    assert len(stretches) == _count(day, "coverage_as_of", middle) > 0
    assert all(row["covered"] is not None and row["state"] for row in result.json()["accounts"])
    late = recon("coverage", "--as-of", middle.isoformat(), "--since", (middle + timedelta(seconds=1)).isoformat())
    assert late.status == 2


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
