"""`recon events --case`: a stretch of the log becomes a case that replays to what the log came to."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import psycopg
import pytest

from recon.db.engine import libpq_url
from recon.testing import case_events, load_case, load_expectation, replay
from tests.cli.conftest import Recon
from tests.conftest import TestDatabase
from tests.support.database_days import fold, write_events

pytestmark = pytest.mark.postgres

LOST_FILL = Path(__file__).parents[1] / "cases" / "lost-fill"
WHERE = ("--gateway", "venue", "--account", "BITSTAMP")


@pytest.fixture
def venue(database: TestDatabase, monkeypatch: pytest.MonkeyPatch) -> TestDatabase:
    """A log with the case of the lost fill, named by the environment."""
    write_events(database.service_url, "venue", case_events(load_case(LOST_FILL)))
    fold(database.service_url, "venue")
    monkeypatch.setenv("RECON_DATABASE__URL", database.service_url)
    return database


def breaks_of(recon: Recon, *arguments: str) -> list[tuple[str, str, str]]:
    rows = json.loads(recon("replay", "--json", *arguments).out)[0]["breaks"]
    return [(row["unit"], row["amount"], row["cause"]) for row in rows]


def test_with_keep_a_case_comes_to_what_the_books_say(recon: Recon, venue: TestDatabase, tmp_path: Path) -> None:
    made = recon("events", "--case", str(tmp_path / "mine"), *WHERE, "--keep")
    assert made.status == 0
    case = load_case(tmp_path / "mine")
    outcome = replay(case, gateway="venue").outcome
    with psycopg.connect(libpq_url(venue.service_url)) as connection:
        breaks = connection.execute("SELECT account || '|asset|' || unit, amount, cause, state FROM recon.breaks")
        assert sorted(breaks) == sorted((each.unit, each.amount, each.cause, each.state) for each in outcome.breaks)
        units = connection.execute(
            "SELECT account || '|asset|' || asset, opening, balance, reported FROM recon.balances"
        )
        assert sorted(units) == sorted((each.unit, each.opening, each.booked, each.reported) for each in outcome.units)
    mine = [line.payload for line in load_case(LOST_FILL).lines]
    assert [line.payload for line in case.lines if line.payload in mine] == mine
    assert case.begins_at.isoformat() == "2026-01-05T09:00:00+00:00"
    assert case.quiet_s == 90


def test_without_keep_nobody_is_named_and_the_breaks_are_the_same(
    recon: Recon, venue: TestDatabase, tmp_path: Path
) -> None:
    made = recon("events", "--case", str(tmp_path / "mine"), *WHERE)
    assert made.status == 0
    assert f"see it with `recon replay {tmp_path / 'mine'}`" in made.err
    found = breaks_of(recon, str(tmp_path / "mine"))
    factor = Decimal(found[0][1]) / 2
    assert factor != 1
    assert [(unit, Decimal(amount), cause) for unit, amount, cause in found] == [
        ("BITSTAMP/1|asset|SOL", 2 * factor, "missed_fill"),
        ("BITSTAMP/1|asset|EUR", -220 * factor, "missed_fill"),
    ]
    shown = "".join(path.read_text(encoding="utf-8") for path in (tmp_path / "mine").iterdir())
    assert "w-1" not in shown
    assert "7001" not in shown
    expected = load_expectation(tmp_path / "mine")
    assert expected is not None
    assert expected.breaks is None, "what is right, a person says"


def test_a_stretch_begins_where_its_session_opened_and_ends_where_it_is_told(
    recon: Recon, venue: TestDatabase, tmp_path: Path
) -> None:
    made = recon(
        "events", "--case", str(tmp_path), *WHERE, "--since", "40", "--until", "2026-01-05T09:00:36Z", "--keep"
    )
    assert made.status == 0
    assert "the case begins with event 2, where a session opened" in made.err
    case = load_case(tmp_path)
    assert max(line.at_s for line in case.lines) == Decimal("35.1")
    assert replay(case).outcome.breaks == []


def test_what_cannot_be_cut_is_refused(recon: Recon, venue: TestDatabase, tmp_path: Path) -> None:
    assert recon("events", "--case", str(tmp_path / "a"), *WHERE).status == 0
    again = recon("events", "--case", str(tmp_path / "a"), *WHERE)
    assert again.status == 2
    assert "there is a case already" in again.err
    nobody = recon("events", "--case", str(tmp_path / "b"), "-g", "venue", "-a", "KRAKEN")
    assert nobody.status == 2
    assert "nothing came of account KRAKEN" in nobody.err
    early = recon("events", "--case", str(tmp_path / "b"), *WHERE, "--until", "1")
    assert early.status == 2
    assert "no session" in early.err
    for arguments in (
        ("--case", str(tmp_path / "b"), "-g", "venue"),
        ("--case", str(tmp_path / "b"), *WHERE, "--json"),
        ("--keep",),
        ("--until", "5"),
    ):
        wrong = recon("events", *arguments)
        assert wrong.status == 2
        assert "--case" in wrong.err
    assert not (tmp_path / "b").exists()
