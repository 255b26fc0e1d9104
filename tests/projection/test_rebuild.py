"""Folding on Postgres: the same however it is cut, restarted or rebuilt."""

from __future__ import annotations

import random

import pytest
from sqlalchemy import Connection, Engine, text

from recon.db.parameters import STATEMENT_TIMEOUT
from recon.errors import ProjectionError
from recon.projection.rebuild import rebuild
from recon.projection.step import step
from recon.projection.store.digest import TABLE_TIMEOUT, digest_of
from recon.projection.working_set import WorkingSet
from recon.simulator.scenarios import demo_plan
from recon.testing import play
from tests.conftest import TestDatabase
from tests.projection.conftest import Append

pytestmark = pytest.mark.postgres


def fold_all(engine: Engine, gateway: str, limits: random.Random, *, forget: float = 0.0) -> int:
    """Fold to the end in batches of random size; `forget`: how often the working set is loaded anew."""
    working: WorkingSet | None = None
    while True:
        with engine.begin() as connection:
            done = step(connection, gateway, working, limit=limits.randrange(1, 80))
        working = None if limits.random() < forget else done.working_set
        if not done.folded:
            return done.seq


def test_batches_restarts_and_rebuild_give_the_same_books(
    database: TestDatabase, engine: Engine, append_events: Append
) -> None:
    (gateway, fold, log), _ = play(demo_plan(3, 40.0))
    name = gateway.plan.name
    append_events(name, log)
    assert fold_all(engine, name, random.Random(1), forget=0.3) == len(log)
    with engine.connect() as connection:
        first = digest_of(connection, name, 1)
        opened = connection.scalar(text("SELECT count(*) FROM recon_store.break_history WHERE event = 'opened'"))
        booked = connection.scalar(text("SELECT count(*) FROM recon_store.fills"))
    assert opened == sum(transition.event == "opened" for transition in fold.reconciler.transitions) > 0
    assert booked == len(fold.ledger.changes.fills)
    told: list[tuple[int, int]] = []
    result = rebuild(database.service_url, name, progress=lambda done, total: told.append((done, total)))
    assert (result.digest, result.same, result.switched, result.events) == (first, True, True, len(log))
    assert told[-1] == (len(log), len(log))
    with engine.connect() as connection:
        assert digest_of(connection, name, result.edition) == first
        assert connection.scalar(text("SELECT count(DISTINCT edition) FROM recon_store.entries")) == 1
        assert connection.scalar(text("SELECT count(*) FROM recon_store.editions")) == 1


def test_a_digest_may_take_longer_than_other_statements(engine: Engine) -> None:
    """It grows with the books: a rebuild of many millions of events would end in vain."""

    def bound(connection: Connection) -> object:
        seconds = "SELECT extract(epoch FROM current_setting('statement_timeout')::interval)"
        return connection.scalar(text(seconds))

    with engine.connect() as connection:
        usual = bound(connection)
        digest_of(connection, "none", 1)
        assert bound(connection) == TABLE_TIMEOUT.total_seconds()
        connection.rollback()
        assert bound(connection) == usual == STATEMENT_TIMEOUT.total_seconds()


def test_events_that_nobody_folded_yet_are_left_to_the_projector(
    database: TestDatabase, engine: Engine, append_events: Append
) -> None:
    """A service that was stopped leaves its last words in the log unfolded."""
    (gateway, _, log), _ = play(demo_plan(4, 30.0))
    name = gateway.plan.name
    append_events(name, log)
    with engine.begin() as connection:
        step(connection, name, None, limit=len(log) - 3)
    result = rebuild(database.service_url, name)
    assert (result.same, result.events) == (True, len(log) - 3)
    assert fold_all(engine, name, random.Random(1), forget=0) == len(log)


def test_a_difference_is_refused_and_the_current_books_stay(
    database: TestDatabase, engine: Engine, append_events: Append
) -> None:
    (gateway, _, log), _ = play(demo_plan(4, 30.0))
    name = gateway.plan.name
    append_events(name, log)
    fold_all(engine, name, random.Random(2))
    with engine.begin() as connection:
        connection.execute(text("UPDATE recon_store.entries SET amount = amount + 1 WHERE entry_no = 2"))
        changed = digest_of(connection, name, 1)
    with pytest.raises(ProjectionError, match="gave other books"):
        rebuild(database.service_url, name)
    with engine.connect() as connection:
        assert digest_of(connection, name, 1) == changed
        states = connection.execute(text("SELECT edition, state FROM recon_store.editions")).all()
    assert [tuple(row) for row in states] == [(1, "current")]


def test_a_fold_of_another_version_is_not_continued(engine: Engine, append_events: Append) -> None:
    (gateway, _, log), _ = play(demo_plan(5, 30.0))
    name = gateway.plan.name
    append_events(name, log[:50])
    fold_all(engine, name, random.Random(3))
    with engine.begin() as connection:
        connection.execute(text("UPDATE recon_store.editions SET fold_version = fold_version + 1"))
    with pytest.raises(ProjectionError, match="recon rebuild"), engine.begin() as connection:
        step(connection, name, None)


def test_a_new_version_of_the_fold_takes_over_by_a_rebuild(
    database: TestDatabase, engine: Engine, append_events: Append
) -> None:
    (gateway, _, log), _ = play(demo_plan(5, 30.0))
    name = gateway.plan.name
    append_events(name, log[:200])
    fold_all(engine, name, random.Random(3))
    with engine.begin() as connection:
        connection.execute(text("UPDATE recon_store.editions SET fold_version = fold_version - 1"))
        connection.execute(text("DELETE FROM recon_store.findings"))
        connection.execute(text("UPDATE recon_store.entries SET amount = amount + 1 WHERE entry_no = 2"))
    result = rebuild(database.service_url, name)
    assert (result.same, result.switched) == (False, True)
    with engine.begin() as connection:
        assert step(connection, name, None).folded == 0
