"""The open set, read from a real Postgres: after a day, while recon does not see, and once it is over."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import msgspec
import pytest
from sqlalchemy import Engine, text

from recon.alerts.channels import open_set
from recon.alerts.channels.alertmanager import labels_of
from recon.alerts.channels.hearing import Hearing
from recon.alerts.channels.open_set import Leg, cases_of, read_open_set
from recon.alerts.policy.rules import Policy, Route
from recon.alerts.watch.conditions import GATEWAY_DOWN
from recon.db.engine import create_engine
from recon.log.events import SESSION_FAILED, SESSION_OPENED
from recon.simulator.scenarios import demo_plan
from tests.alerts.test_watch_store import GATEWAY, Story
from tests.conftest import TestDatabase
from tests.support.database_days import write_day

T0 = datetime(2026, 1, 5, 9, 30, tzinfo=UTC)
LONG_AGO = timedelta(days=400)


@pytest.fixture
def engine(database: TestDatabase) -> Iterator[Engine]:
    made = create_engine(database.service_url, "test")
    yield made
    made.dispose()


@pytest.mark.postgres
def test_a_day_s_open_cases_are_those_of_the_views_and_its_ended_ones_are_told_to_a_start(
    database: TestDatabase, engine: Engine
) -> None:
    gateways = [gateway.plan.name for gateway in write_day(database.service_url, demo_plan(7, 60.0))]
    now = datetime.now(UTC)
    with engine.begin() as connection:
        open_ = read_open_set(connection, gateways, now)
        everything = read_open_set(connection, gateways, now, now - LONG_AGO)
        elsewhere = read_open_set(connection, ["another"], now, now - LONG_AGO)
        rows = connection.execute(text("SELECT gateway, case_id, open_breaks FROM recon.cases")).all()
    cases = {f"case/{gateway}/{case_id}": open_breaks > 0 for gateway, case_id, open_breaks in rows}
    assert {alert.key for alert in open_} == {key for key, is_open in cases.items() if is_open}
    assert {alert.key: alert.ended_at is None for alert in everything} == cases
    assert len(open_) >= 3
    assert {True, False} <= set(cases.values()), "the day has both"
    assert elsewhere == []
    assert all(alert.summary and alert.severity and alert.details["case"] in alert.key for alert in open_)
    assert all(labels_of(alert)["alertname"] == "recon.case" for alert in open_)


@pytest.fixture
def story(engine: Engine, database: TestDatabase) -> Iterator[Story]:
    made = Story(engine, database.service_url)
    yield made
    made.close()


@pytest.mark.postgres
def test_beyond_the_bound_the_newest_are_missing(
    database: TestDatabase, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateways = [gateway.plan.name for gateway in write_day(database.service_url, demo_plan(7, 60.0))]
    now = datetime.now(UTC)
    with engine.begin() as connection:
        whole = read_open_set(connection, gateways, now)
        oldest = connection.scalars(text("SELECT case_id FROM recon.open_breaks ORDER BY opened_at, id LIMIT 2")).all()
        monkeypatch.setattr(open_set, "MAX_BREAKS", 2)
        cut = read_open_set(connection, gateways, now, now - LONG_AGO)
    assert len(cut) < len(whole)
    assert {alert.details["case"] for alert in cut} == set(oldest)


def silence(owner_url: str, case_id: str, since: datetime, until: datetime) -> None:
    owner = create_engine(owner_url, "test", pooled=False)
    with owner.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO recon_store.silences (id, in_force_at, until, login, name, authenticated, reason, case_id)"
                " VALUES ('s', :since, :until, 'alice', 'alice', true, 'known', :case)"
            ),
            {"since": since, "until": until, "case": case_id},
        )
    owner.dispose()


@pytest.mark.postgres
def test_what_is_silenced_is_over_as_long_as_the_silence_lasts(database: TestDatabase, engine: Engine) -> None:
    gateways = [gateway.plan.name for gateway in write_day(database.service_url, demo_plan(7, 60.0))]
    now = datetime.now(UTC)
    with engine.begin() as connection:
        before = read_open_set(connection, gateways, now)
        silenced = next(alert for alert in before if alert.kind == "case")
    silence(database.owner_url, silenced.details["case"], now, now + timedelta(hours=1))
    with engine.begin() as connection:
        during = read_open_set(connection, gateways, now)
        told_to_a_start = {alert.key: alert for alert in read_open_set(connection, gateways, now, now)}
        later = read_open_set(connection, gateways, now + timedelta(hours=1))
    assert {alert.key for alert in before} - {alert.key for alert in during} == {silenced.key}
    assert told_to_a_start[silenced.key].ended_at == now
    assert {alert.key for alert in later} == {alert.key for alert in before}


@pytest.mark.postgres
def test_what_the_routes_send_elsewhere_is_over_and_a_case_goes_as_a_whole(
    database: TestDatabase, engine: Engine
) -> None:
    gateways = [gateway.plan.name for gateway in write_day(database.service_url, demo_plan(7, 60.0))]
    now = datetime.now(UTC)
    with engine.begin() as connection:
        everything = read_open_set(connection, gateways, now)
        units = connection.execute(text("SELECT case_id, array_agg(unit) FROM recon.open_breaks GROUP BY 1")).all()
        unit = next(each[0] for _, each in units if len(each) > 1)
        only = Hearing("pagerduty:duty", Policy((), (Route("one", ("pagerduty:duty",), units=(unit,)),)))
        heard = read_open_set(connection, gateways, now, now, only)
    wanted = {case_id for case_id, each in units if unit in each}
    still = {alert.details["case"]: alert for alert in heard if alert.kind == "case" and alert.ended_at is None}
    assert set(still) == wanted
    assert len(wanted) < len([alert for alert in everything if alert.kind == "case"])
    assert all(
        len(still[case_id].details["breaks"].split(", ")) == len(each) for case_id, each in units if unit in each
    )
    assert all(alert.ended_at == now for alert in heard if alert.details.get("case", "") not in {"", *wanted})


@pytest.mark.postgres
def test_a_condition_is_told_only_where_the_routes_send_it(engine: Engine, story: Story) -> None:
    story.session(SESSION_FAILED)
    story.look(0, 10, 15)
    assert len(conditions(engine, story.start)) == 1
    for event, heard in ((GATEWAY_DOWN, True), ("break.*", False)):
        hearing = Hearing("alertmanager:ops", Policy((), (Route("r", (), events=(event,)),)))
        with engine.begin() as connection:
            found = read_open_set(connection, [GATEWAY], story.start, hearing=hearing)
        assert bool(found) is heard


@pytest.mark.postgres
def test_a_condition_is_open_once_it_was_told_and_its_end_is_told_to_a_start(engine: Engine, story: Story) -> None:
    story.session(SESSION_FAILED)
    story.look(0, 10)
    assert conditions(engine, story.start) == []
    story.look(15)
    ((down, ended_at),) = conditions(engine, story.start)
    assert (down, ended_at) == (f"{GATEWAY_DOWN}/{GATEWAY}/", None)
    story.session(SESSION_OPENED)
    story.look(*range(20, 100, 5))
    assert conditions(engine, story.start) == []
    ((_, over_at),) = conditions(engine, story.start, ended_since=story.start)
    assert over_at is not None
    assert conditions(engine, story.start, ended_since=over_at + timedelta(microseconds=1)) == []


def conditions(engine: Engine, now: datetime, ended_since: datetime | None = None) -> list[tuple[str, datetime | None]]:
    with engine.begin() as connection:
        found = read_open_set(connection, [GATEWAY], now, ended_since)
    return [(alert.key, alert.ended_at) for alert in found if alert.kind == GATEWAY_DOWN]


LEG = Leg(
    gateway="prod-eu",
    case_id="c1",
    break_id="b1",
    account="KRAKEN/JOHN",
    unit="XETH",
    amount=Decimal("0.20"),
    amount_usd=Decimal(602),
    cause="missed_fill",
    certainty="inferred",
    state="open",
    severity="medium",
    opened_at=T0,
    closed_at=None,
    assignee=None,
    after_seq=1,
)  # fmt: skip


def leg(**changes: object) -> Leg:
    return msgspec.structs.replace(LEG, **changes)


def test_a_case_is_one_alert_with_the_words_of_its_legs() -> None:
    other = leg(break_id="b2", unit="ZUSD", amount=Decimal("-600.00"), amount_usd=Decimal(-600), severity="high")
    (alert,) = cases_of([LEG, other], T0)
    assert alert.key == "case/prod-eu/c1"
    assert alert.summary == "KRAKEN/JOHN on prod-eu: missed_fill, inferred: 0.2 XETH, -600 ZUSD"
    assert alert.severity == "high"
    assert alert.details["amount_usd"] == "1202"
    assert alert.details["look"] == "recon break show c1"
    assert (alert.taken_up, alert.ended_at) == (False, None)


def test_a_case_of_several_causes_names_all_and_is_as_sure_as_the_surest() -> None:
    other = leg(break_id="b2", unit="ZUSD", amount=Decimal(-600), cause="fee_third_asset", certainty="exact")
    vague = leg(break_id="b3", unit="BNB", amount=Decimal(1), cause="fee_third_asset", certainty="candidate")
    (alert,) = cases_of([LEG, other, vague], T0)
    assert alert.cause == "missed_fill, fee_third_asset"
    assert alert.certainty == "exact"
    assert alert.summary.startswith(
        "KRAKEN/JOHN on prod-eu: missed_fill, inferred and fee_third_asset, exact and fee_third_asset, candidate: 0.2"
    )


def test_a_case_ends_with_its_last_leg() -> None:
    closed = leg(break_id="b2", state="cleared", closed_at=T0 + timedelta(minutes=1))
    assert cases_of([LEG, closed], T0)[0].ended_at is None
    last = leg(state="explained", closed_at=T0 + timedelta(minutes=2))
    assert cases_of([last, closed], T0)[0].ended_at == T0 + timedelta(minutes=2)


@pytest.mark.parametrize("state", ["assigned", "investigating", "proposed"])
def test_a_case_that_somebody_works_on_is_taken_up(state: str) -> None:
    (alert,) = cases_of([leg(state=state, assignee="alice")], T0)
    assert alert.taken_up
    assert alert.details["assignee"] == "alice"


def test_a_case_that_is_accepted_is_told_to_nobody() -> None:
    now = T0 + timedelta(hours=1)
    assert cases_of([leg(state="accepted")], now)[0].ended_at == now
    assert cases_of([leg(state="accepted"), leg(break_id="b2")], now)[0].ended_at is None


def test_a_worth_that_is_unknown_is_not_told() -> None:
    (alert,) = cases_of([LEG, leg(break_id="b2", amount_usd=None)], T0)
    assert "amount_usd" not in alert.details


def test_cases_of_equal_names_at_two_gateways_are_two() -> None:
    assert len(cases_of([LEG, leg(gateway="prod-us")], T0)) == 2
