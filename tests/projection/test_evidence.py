"""What is shown as proof is in the log: an event that evidence names says what evidence says of it."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any, Final

import pytest
from sqlalchemy import text

from recon.db.engine import create_engine
from recon.simulator.scenarios import demo_plan
from tests.conftest import TestDatabase
from tests.support.database_days import write_day

_REPORTED: Final = re.compile(r"reported (-?[\d.,]+), the books")
_ITEMS: Final = """
    SELECT b.account, b.unit, e.item ->> 'text' AS said, x.payload
    FROM recon.breaks AS b CROSS JOIN LATERAL jsonb_array_elements(b.evidence::jsonb) AS e(item)
    JOIN recon.events AS x ON x.gateway = b.gateway AND x.seq = (e.item ->> 'seq')::bigint
    WHERE e.item ->> 'text' LIKE 'reported %, the books%' AND b.unit_kind = 'asset'
"""


def reported_in(payload: Any, account: str, unit: str) -> list[Decimal]:
    """Return what a balance message says of a unit."""
    messages = payload if isinstance(payload, list) else [payload]
    rows = [row for message in messages for row in (message.get("data", [message]) if message else [])]
    return [
        Decimal(str(row["balance"]))
        for row in rows
        if row.get("asset_id_exchange") == unit and row.get("exchange_id", account) == account
    ]


@pytest.mark.postgres
def test_a_report_that_evidence_names_says_what_evidence_says(database: TestDatabase) -> None:
    write_day(database.service_url, demo_plan(7, 60.0))
    engine = create_engine(database.analyst_url, "test")
    with engine.connect() as connection:
        items = connection.execute(text(_ITEMS)).all()
    engine.dispose()
    assert len(items) >= 5
    for account, unit, said, payload in items:
        found = _REPORTED.match(said)
        assert found is not None
        assert Decimal(found[1].replace(",", "")) in reported_in(payload, account, unit), (account, unit, said)
