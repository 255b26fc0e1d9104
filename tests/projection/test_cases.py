"""The whole service agrees with the replay: a case in Postgres, event by event, shows in the views what replay says."""

from __future__ import annotations

from pathlib import Path

import msgspec
import psycopg
import pytest
from psycopg.rows import TupleRow
from sqlalchemy import Engine

from recon.db.engine import libpq_url
from recon.projection.step import step
from recon.testing import Outcome, case_events, load_case, replay
from recon.testing.outcome import BreakOutcome
from tests.conftest import TestDatabase
from tests.support.database_days import fold, write_told_events
from tests.support.shared_cases import DIRECTORIES as PUBLISHED

pytestmark = pytest.mark.postgres

OWN = sorted(path.parent for path in (Path(__file__).parents[1] / "cases").glob("*/frames.jsonl"))

#: Events of a small step, and how many steps there may be.
LEAST_STEP = 4
MOST_STEPS = 40

UNITS = """
    SELECT account || '|asset|' || asset, opening, balance, reported, verdict, reason
    FROM recon_exact.balances WHERE gateway = %(gateway)s
    UNION ALL
    SELECT account || '|contract|' || symbol, opening, quantity, reported, verdict, reason
    FROM recon_exact.positions WHERE gateway = %(gateway)s
    ORDER BY 1
"""
BREAKS = """
    SELECT account || '|' || unit_kind || '|' || unit, amount, cause, certainty, state, case_id, id,
           opened_at, origin_at,
           (SELECT item -> 'path' FROM jsonb_array_elements(evidence) AS item WHERE jsonb_exists(item, 'path'))
    FROM recon_exact.breaks WHERE gateway = %(gateway)s ORDER BY id
"""
ORDERS = """
    SELECT o.account || '|' || o.order_key, o.symbol, o.side, o.status, o.amount_order, o.amount_filled, o.avg_px,
           jsonb_exists(a.unaccounted_orders, o.order_key)
    FROM recon_exact.orders AS o JOIN recon.accounts AS a USING (gateway, account) WHERE o.gateway = %(gateway)s
    ORDER BY o.account COLLATE "C", o.order_key COLLATE "C"
"""
FILLS = """
    SELECT account || '|' || order_key, ordinal, symbol, side, amount, price, cash
    FROM recon_exact.fills WHERE gateway = %(gateway)s ORDER BY account COLLATE "C", order_key COLLATE "C", ordinal
"""
FINDINGS = """
    SELECT seq, account, kind, about, message FROM recon.findings
    WHERE gateway = %(gateway)s AND kind <> 'not_held'  -- this one is of the typed views, not of the books
    ORDER BY seq, number
"""
OPENED = "SELECT count(*) FROM recon.break_history WHERE gateway = %(gateway)s AND event = 'opened'"
QUERIES = (UNITS, BREAKS, ORDERS, FILLS, FINDINGS, OPENED)


def shown(database: TestDatabase, gateway: str) -> list[list[TupleRow]]:
    with psycopg.connect(libpq_url(database.analyst_url)) as connection:
        return [connection.execute(query, {"gateway": gateway}).fetchall() for query in QUERIES]


def said(outcome: Outcome) -> list[list[TupleRow]]:
    units = sorted(outcome.units, key=lambda each: each.unit)
    fills = sorted(outcome.fills, key=lambda each: (*each.order.split("|"), each.ordinal))
    breaks = [_shown_break(each) for each in sorted(outcome.breaks, key=lambda each: each.id)]
    groups = (units, outcome.orders, fills, outcome.findings)
    rows = [[tuple(getattr(row, name) for name in row.__struct_fields__) for row in group] for group in groups]
    return [rows[0], breaks, *rows[1:], [(outcome.alerts,)]]


def _shown_break(each: BreakOutcome) -> TupleRow:
    """Return a break as its view shows it; the view has a log position where a replay has the time before."""
    path = None if each.path is None else msgspec.json.decode(msgspec.json.encode(each.path.path))
    what = (each.unit, each.amount, each.cause, each.certainty, each.state, each.case, each.id)
    return (*what, each.opened_at, each.until, path)


def fold_anew(engine: Engine, gateway: str, *, limit: int) -> None:
    """Fold a log in small steps, each by a projector that has just started."""
    while True:
        with engine.begin() as connection:
            if not step(connection, gateway, None, limit=limit).folded:
                return


@pytest.mark.parametrize("directory", [*OWN, *PUBLISHED], ids=lambda each: each.name)
def test_the_views_show_what_replay_says(database: TestDatabase, engine: Engine, directory: Path) -> None:
    case = load_case(directory)
    log = list(case_events(case))
    for gateway in ("venue", "again"):
        write_told_events(database.superuser_url, gateway, log)
    fold(database.service_url, "venue")
    fold_anew(engine, "again", limit=max(LEAST_STEP, len(log) // MOST_STEPS))
    for gateway in ("venue", "again"):
        for one, other in zip(shown(database, gateway), said(replay(case, gateway=gateway).outcome), strict=True):
            assert one == other
