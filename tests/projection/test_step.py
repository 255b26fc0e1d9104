"""One step: what a small one asks of Postgres, for that is paid many times a second, and what it learns of others."""

from __future__ import annotations

from typing import ClassVar, LiteralString

import psycopg
import pytest
from psycopg.abc import Params
from psycopg.rows import TupleRow
from sqlalchemy import Engine

from recon.db.raw import driver_connection
from recon.log.events import Event
from recon.projection.fold import VERSION
from recon.projection.quarantine import refuse
from recon.projection.refusals import Refusal
from recon.projection.step import step
from recon.simulator.scenarios import demo_plan
from recon.testing import play
from tests.projection.conftest import Append

pytestmark = pytest.mark.postgres

#: What a step asks before it folds: how its transaction commits, the checkpoint, and the page.
BEFORE = 3
#: What it writes for one report of a balance: its account, unit, comparison, calls, and the checkpoint.
WRITTEN = ["accounts", "units", "comparisons", "account_calls", "editions"]


class Telling(psycopg.Cursor[TupleRow]):
    """A cursor that keeps what it is asked."""

    asked: ClassVar[list[str]] = []

    def execute(  # type: ignore[override]  # but for templates, of which recon has none
        self, query: LiteralString, params: Params | None = None, *, prepare: bool | None = None
    ) -> Telling:
        self.asked.append(" ".join(query.split()))
        return super().execute(query, params, prepare=prepare)


@pytest.fixture(scope="module")
def day() -> tuple[str, list[Event]]:
    """Return the name of a gateway and its log."""
    (gateway, _, log), _ = play(demo_plan(3, 40.0))
    return gateway.plan.name, log


def test_a_small_step_asks_and_writes_nothing_but_what_its_event_needs(
    engine: Engine, append_events: Append, day: tuple[str, list[Event]], monkeypatch: pytest.MonkeyPatch
) -> None:
    name, log = day
    append_events(name, log)
    report = [event.seq for event in log if event.kind == "BALANCE_UPDATE"][60]
    monkeypatch.setattr(Telling, "asked", [])
    with engine.begin() as connection:
        before = step(connection, name, None, limit=report - 1)
    with engine.begin() as connection:
        driver_connection(connection).cursor_factory = Telling
        assert step(connection, name, before.working_set, limit=1).seq == report
        driver_connection(connection).cursor_factory = psycopg.Cursor
    tables = [asked.partition("recon_store.")[2].split(" ")[0] for asked in Telling.asked]
    assert tables[BEFORE:] == WRITTEN


def test_what_another_projector_refused_is_learnt_by_one_that_stood_at_the_event(
    engine: Engine, append_events: Append, day: tuple[str, list[Event]]
) -> None:
    name, log = day
    append_events(name, log)
    with engine.begin() as connection:
        standing = step(connection, name, None, limit=10).working_set
    with engine.begin() as connection:
        assert refuse(connection, name, Refusal(11, VERSION, "another projector cannot fold it"))
    with engine.begin() as connection:
        done = step(connection, name, standing, limit=10)
    assert (done.working_set, done.refused) == (standing, 1)
