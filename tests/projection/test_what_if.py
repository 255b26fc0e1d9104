"""What if other rules had been in force: an answer, and nothing else."""

from __future__ import annotations

import json
import random
from decimal import Decimal

import pytest
from sqlalchemy import Engine, text

from recon.config import rules_document
from recon.config.accounts import AccountRules as AccountSettings
from recon.config.tables import Gateway, Settings
from recon.db.engine import create_engine
from recon.errors import ProjectionError
from recon.log import events
from recon.log.events import Event
from recon.projection.editions import exclusive
from recon.projection.store.digest import digest_of
from recon.projection.what_if import KnownBreak, differences, what_if, with_rules
from recon.simulator.scenarios import demo_plan
from recon.testing import play
from recon.times import to_datetime
from tests.conftest import TestDatabase
from tests.projection.conftest import Append
from tests.projection.test_rebuild import fold_all

D = Decimal


def document(**rules: object) -> bytes:
    """Rules for every account, as the settings give them."""
    accounts = AccountSettings.model_validate(rules)
    gateway = Gateway(urls=["wss://ems.example/"])
    settings = Settings(accounts=accounts, gateways={"g": gateway})
    return json.dumps(rules_document(settings, "g")).encode()


def a_break(
    id_: str, unit: str = "USDT", amount: str = "1", *, origin: tuple[int, int] = (1, 5), **more: str
) -> KnownBreak:
    return KnownBreak(
        id=id_,
        account="A",
        kind="asset",
        unit=unit,
        cause=more.get("cause", "unexplained"),
        certainty="exact",
        state=more.get("state", "open"),
        amount=D(amount),
        amount_usd=None,
        after_seq=origin[0],
        until_seq=origin[1],
    )


def test_breaks_are_matched_by_id_else_by_unit_and_overlapping_origin() -> None:
    now = [
        a_break("same"),
        a_break("moved", origin=(10, 20)),
        a_break("gone", "BTC"),
        a_break("changed", "ETH", cause="deposit"),
    ]
    then = [
        a_break("same"),
        a_break("later", origin=(15, 30), amount="2"),
        a_break("fresh", "BTC", origin=(5, 9)),
        a_break("changed", "ETH", cause="interest"),
    ]
    found = differences(now, then)
    assert [(each.what, each.now and each.now.id, each.then and each.then.id) for each in found] == [
        ("changes", "changed", "changed"),
        ("vanishes", "gone", None),
        ("appears", None, "fresh"),
        ("changes", "moved", "later"),
    ]
    assert differences(now, now) == []


def test_rules_take_the_place_of_all_that_were_in_force_or_proposed() -> None:
    reading = with_rules(b"{}")
    new = b'{"recovery":{"enabled":false,"history":false}}'
    for kind, payload in ((events.RULES, new), (events.RULES_PROPOSED, new), (events.TICK, b"old")):
        event = Event(1, to_datetime(0), to_datetime(0), kind, None, None, readable=True, payload=b"old")
        assert reading(event).event.payload == payload


def test_whether_gaps_were_caught_up_with_is_what_it_was_whatever_the_other_rules_are() -> None:
    old = b'{"recovery":{"enabled":true,"history":true}}'
    event = Event(1, to_datetime(0), to_datetime(0), events.RULES, None, None, readable=True, payload=old)
    assert with_rules(b'{"recovery":{"enabled":false,"history":false}}')(event).event.payload == old


@pytest.mark.postgres
def test_the_answer_is_what_such_rules_come_to_and_nothing_is_touched(
    database: TestDatabase, engine: Engine, append_events: Append
) -> None:
    (gateway, _, log), _ = play(demo_plan(3, 40.0))
    name = gateway.plan.name
    append_events(name, log)
    fold_all(engine, name, random.Random(1))
    with engine.connect() as connection:
        before = digest_of(connection, name, 1)
        edition = connection.execute(text("SELECT seq, encode(clock, 'hex') FROM recon_store.editions")).all()
    told: list[tuple[int, int]] = []
    same = what_if(database.service_url, name, log[0].payload, progress=lambda done, total: told.append((done, total)))
    assert (same.differences, same.seq) == ([], len(log))
    assert told[-1] == (len(log), len(log))
    blind = what_if(database.service_url, name, document(tolerance={"absolute": "1000000000"}))
    assert blind.breaks_now == same.breaks_now > 0
    owned = [each for each in blind.differences if each.what == "vanishes"]
    assert len(owned) == blind.breaks_now - blind.breaks_then > 0
    assert not [each for each in blind.differences if each.what == "appears"]
    with engine.connect() as connection:
        assert digest_of(connection, name, 1) == before
        assert connection.execute(text("SELECT seq, encode(clock, 'hex') FROM recon_store.editions")).all() == edition
        assert connection.scalar(text("SELECT count(DISTINCT edition) FROM recon_store.entries")) == 1
        assert connection.scalar(text("SELECT count(*) FROM recon_store.signals")) == 0


@pytest.mark.postgres
def test_only_what_the_current_books_hold_is_compared(
    database: TestDatabase, engine: Engine, append_events: Append
) -> None:
    (gateway, _, log), _ = play(demo_plan(5, 30.0))
    name = gateway.plan.name
    append_events(name, log[:100])
    fold_all(engine, name, random.Random(3))
    append_events(name, log[100:])
    assert what_if(database.service_url, name, log[0].payload).seq == 100


@pytest.mark.postgres
def test_other_versions_of_the_fold_are_not_compared_and_one_asks_at_a_time(
    database: TestDatabase, engine: Engine, append_events: Append
) -> None:
    (gateway, _, log), _ = play(demo_plan(5, 30.0))
    name = gateway.plan.name
    append_events(name, log[:50])
    fold_all(engine, name, random.Random(3))
    unpooled = create_engine(database.service_url, "tests", pooled=False)
    with exclusive(unpooled, name, "what-if"), pytest.raises(ProjectionError, match="already"):
        what_if(database.service_url, name, log[0].payload)
    with engine.begin() as connection:
        connection.execute(text("UPDATE recon_store.editions SET fold_version = fold_version - 1"))
        # As somebody who died has left it.
        connection.execute(
            text(
                "INSERT INTO recon_store.editions (gateway, edition, fold_version, state) VALUES (:g, 7, 1, 'what-if')"
            ),
            {"g": name},
        )
    with pytest.raises(ProjectionError, match="recon rebuild"):
        what_if(database.service_url, name, log[0].payload)
    with engine.connect() as connection:
        left = connection.execute(text("SELECT edition, state FROM recon_store.editions")).all()
    assert [tuple(row) for row in left] == [(1, "current")]
