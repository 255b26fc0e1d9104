"""The history of units in the database: the fold's own rows, the same however the log is cut, and after a rebuild."""

from __future__ import annotations

import random

import pytest
from sqlalchemy import Engine, text

from recon.projection.rebuild import rebuild
from recon.simulator.scenarios import demo_plan
from recon.testing import play
from recon.times import microseconds
from tests.conftest import TestDatabase
from tests.projection.conftest import Append
from tests.projection.test_rebuild import fold_all

pytestmark = pytest.mark.postgres

_SHOWN = text("SELECT * FROM recon.observations ORDER BY judged_seq, account, unit_kind, unit")


def _shown(engine: Engine) -> list[tuple[object, ...]]:
    with engine.connect() as connection:
        return [
            (row.account, row.unit_kind, row.unit, row.seq, microseconds(row.at), row.judged_seq,
             microseconds(row.judged_at), row.reported, row.expected, row.explained, row.verdict)
            for row in connection.execute(_SHOWN)
        ]  # fmt: skip


@pytest.mark.parametrize("seed", [3, 7])
def test_the_history_is_that_of_the_fold_however_the_log_is_cut_and_after_a_rebuild(
    database: TestDatabase, engine: Engine, append_events: Append, seed: int
) -> None:
    (gateway, fold, log), *_ = play(demo_plan(seed, 60.0))
    name = gateway.plan.name
    append_events(name, log)
    fold_all(engine, name, random.Random(seed), forget=0.5)
    wanted = [
        (row.account, row.kind, row.unit, row.seq, row.us, row.judged_seq, row.judged_us, row.reported, row.expected,
         row.explained, row.verdict)
        for row in fold.reconciler.judged
    ]  # fmt: skip
    wanted.sort(key=lambda row: (row[5], row[0], row[1], row[2]))
    assert {row[-1] for row in wanted} >= {"agreed", "break", "pending"}
    assert _shown(engine) == wanted
    assert rebuild(database.service_url, name).same
    assert _shown(engine) == wanted


def test_semantics_7_7__each_row_adds_up(database: TestDatabase, engine: Engine, append_events: Append) -> None:
    (gateway, _, log), *_ = play(demo_plan(5, 60.0))
    append_events(gateway.plan.name, log)
    fold_all(engine, gateway.plan.name, random.Random(1))
    with engine.connect() as connection:
        count, off = connection.execute(
            text(
                "SELECT count(*), count(*) FILTER (WHERE reported <> expected + explained + unexplained)"
                " FROM recon.observations WHERE expected IS NOT NULL"
            )
        ).one()
    assert count > 10
    assert off == 0
