"""Approvals, ages of breaks, and how much of a day was covered: what a controller looks at."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import Connection, RowMapping, text

from recon.closing.ageing import bands, bound_words, bounds_of
from recon.db.engine import create_engine
from recon.ledger.changes import LedgerChanges
from recon.ledger.rules import AccountRules, Rules
from recon.log import events
from recon.reconciliation.model.ageing import business_us
from recon.times import microseconds
from tests.conftest import TestDatabase
from tests.support.analysts_days import AnalystsDays, write_driver
from tests.support.coverage_rows import CoverageLog
from tests.support.decisions_driver import ALICE, BOB, record_decision
from tests.support.facts_driver import record_fact

pytestmark = pytest.mark.postgres

HOUR = timedelta(hours=1)


@pytest.fixture
def analyst(database: TestDatabase) -> Iterator[Connection]:
    with create_engine(database.analyst_url, "tests", pooled=False).connect() as connection:
        yield connection


def rows(connection: Connection, query: str, **parameters: object) -> list[RowMapping]:
    return list(connection.execute(text(query), parameters).mappings())


def let_pass(database: TestDatabase, time: timedelta) -> None:
    """Let everything be appended so long ago by the database's clock."""
    with create_engine(database.superuser_url, "tests", pooled=False).begin() as connection:
        connection.execute(text("SET session_replication_role = replica"))  # the guard of the log is a trigger
        connection.execute(text("UPDATE recon_store.log_events SET appended_at = appended_at - :time"), {"time": time})


APPROVALS = """
SELECT about, subject, amount, digest, proposed_by, state, decided_by, decider_authenticated
FROM recon.approvals ORDER BY proposed_seq
"""


def test_a_break_tells_who_proposed_who_approved_and_on_which_digest(
    database: TestDatabase, analyst: Connection
) -> None:
    days = AnalystsDays()
    break_id, digest = days.lose()
    write_driver(database, days.driver)

    (told,) = rows(analyst, APPROVALS)

    assert dict(told) == {
        "about": "break", "subject": break_id, "amount": Decimal("-0.5"), "digest": digest,
        "proposed_by": ALICE, "state": "approved", "decided_by": BOB, "decider_authenticated": True,
    }  # fmt: skip


def test_a_proposal_is_rejected_replaced_or_waits(database: TestDatabase, analyst: Connection) -> None:
    days = AnalystsDays()
    days.held["ETH"] -= 1
    days.rest(120)
    (found,) = days.driver.breaks("ETH")
    for decision in ("reject", None, "investigate", None):
        record_decision(days.driver, "propose", found, cause="withdrawal")
        days.driver.wait(1)
        if decision is not None:
            record_decision(days.driver, decision, found, by=BOB)
            days.driver.wait(1)
    write_driver(database, days.driver)

    told = rows(analyst, APPROVALS)

    assert (told[0]["state"], told[0]["decided_by"]) == ("rejected", BOB)
    assert found.proposal is not None
    assert (told[-1]["state"], told[-1]["digest"]) == ("waiting", found.proposal.digest)
    assert told[-1]["decided_by"] is None


def test_a_material_fact_and_looser_rules_wait_for_a_second_person(database: TestDatabase, analyst: Connection) -> None:
    days = AnalystsDays()
    record_fact(days.driver, "deposit", "BTC", "5000", "D-1", approved=True)
    record_fact(days.driver, "deposit", "BTC", "7000", "D-2", approved=False)
    looser = json.dumps({"defaults": {}}).encode()
    days.driver.event(events.RULES_PROPOSED, looser)
    digest = hashlib.sha256(looser).hexdigest()
    record_decision(days.driver, "approve_rules", by=BOB, rules_digest=digest)
    write_driver(database, days.driver)

    told = [(row["about"], row["subject"], row["state"], row["decided_by"]) for row in rows(analyst, APPROVALS)]

    assert told == [
        ("fact", "D-1", "approved", BOB),
        ("fact", "D-2", "waiting", None),
        ("rules", digest, "approved", BOB),
    ]


def test_an_age_counts_the_business_days_of_the_account(database: TestDatabase, analyst: Connection) -> None:
    weekdays = (0, 1, 2, 3, 4)
    days = AnalystsDays(Rules(defaults=AccountRules(business_days=weekdays, cutoff_minute=1020)))
    days.held["ETH"] -= 1
    days.rest(120)
    write_driver(database, days.driver)

    (aged,) = rows(analyst, "SELECT *, now() AS now FROM recon.break_ageing")

    expected = business_us(
        microseconds(aged["origin_at"]), microseconds(aged["now"]), cutoff_minute=1020, business_days=weekdays
    )
    assert aged["business_age"] == timedelta(microseconds=expected)
    assert aged["age"] == aged["now"] - aged["origin_at"]
    assert aged["business_age"] < aged["age"]
    assert (aged["unit"], aged["amount"], aged["bucket"]) == ("ETH", -1, "5 d and over")


@pytest.mark.parametrize(
    ("bounds", "bucket"),
    [
        ((HOUR, 24 * HOUR), "1 d and over"),
        ((1.5 * HOUR, 36 * HOUR), "36 h and over"),
        ((1.5 * HOUR,), "90 min and over"),
        ((timedelta(milliseconds=1500),), "1500 ms and over"),
        ((timedelta(seconds=45), timedelta(days=50_000)), "under 50000 d"),
        ((HOUR, timedelta(days=40_000), timedelta(days=50_000)), "under 40000 d"),
    ],
)
def test_a_bucket_is_the_band_of_a_closing_by_the_settings(
    database: TestDatabase, analyst: Connection, bounds: tuple[timedelta, ...], bucket: str
) -> None:
    rules = AccountRules(ageing_us=tuple(bound // timedelta(microseconds=1) for bound in bounds))
    days = AnalystsDays(Rules(defaults=rules))
    days.held["ETH"] -= 1
    days.rest(120)
    write_driver(database, days.driver)

    (aged,) = rows(analyst, "SELECT business_age, bucket FROM recon.break_ageing")

    (band,) = (each for each in bands([aged["business_age"]], bounds_of(rules)) if each.count)
    last = f"{bound_words(bounds[-1])} and over"
    assert aged["bucket"] == (last if band.under is None else band.words) == bucket


def test_a_day_is_the_sum_of_its_parts_and_tells_what_nobody_saw(database: TestDatabase, analyst: Connection) -> None:
    days = AnalystsDays()
    days.be_away(120)
    days.next_day()
    write_driver(database, days.driver)
    let_pass(database, timedelta(days=2))

    found = rows(analyst, "SELECT * FROM recon.coverage_daily WHERE day <= '2026-01-07' ORDER BY day")

    assert [row["day"] for row in found] == [date(2026, 1, 5), date(2026, 1, 6), date(2026, 1, 7)]
    for row in found:
        parts = [row[name] for name in ("covered", "unresolved", "catching_up", "gap", "dead", "unknown")]
        assert sum(parts, timedelta()) == row["elapsed"] == timedelta(days=1)
        assert all(part >= timedelta() for part in parts)
        assert row["covered_share"] == round(row["covered_share"], 6)
        assert not row["whole"]
    first, second, third = found
    # Recon knew of the account at nine; it slept from the evening to the next morning.
    assert first["unknown"] - 9 * HOUR < timedelta(seconds=1)
    assert first["gap"] > 14 * HOUR
    assert second["gap"] > 9 * HOUR
    assert second["dead"] > 14 * HOUR
    assert third["dead"] == timedelta(days=1)


def test_today_counts_until_now_and_an_account_that_lives_is_whole(database: TestDatabase, analyst: Connection) -> None:
    story = CoverageLog(database.service_url, seconds=100, ends_at=datetime.now(UTC))
    changes = LedgerChanges()
    changes.accounts["A"] = story.account("A")
    changes.intervals.extend(story.intervals("A", (1, "covered", None)))
    story.write(changes)

    today = rows(analyst, "SELECT * FROM recon.coverage_daily ORDER BY day")[-1]

    assert today["dead"] == timedelta()
    assert today["covered"] + today["unknown"] == today["elapsed"]
