"""Deleting an edition: in batches, and nothing but its own rows."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from recon.db.engine import create_engine
from recon.projection import editions
from tests.conftest import TestDatabase

pytestmark = pytest.mark.postgres

FINDINGS = """
INSERT INTO recon_store.findings
SELECT gateway, edition, seq, number, 'account', 'kind', 'about', 'message'
FROM unnest(ARRAY['eu', 'us']) AS gateway, generate_series(1, 2) AS edition, generate_series(1, 10) AS seq,
     generate_series(1, 3) AS number
"""


@pytest.mark.parametrize("batch", [7, 30, 1000])
def test_an_edition_is_deleted_in_batches_and_no_other(
    database: TestDatabase, monkeypatch: pytest.MonkeyPatch, batch: int
) -> None:
    monkeypatch.setattr(editions, "DELETE_ROWS", batch)
    engine = create_engine(database.service_url, "tests", pooled=False)
    with engine.begin() as connection:
        connection.execute(text(FINDINGS))

    editions.delete_edition(engine, "eu", 1)

    left = text("SELECT gateway, edition, count(*) FROM recon_store.findings GROUP BY 1, 2 ORDER BY 1, 2")
    with engine.connect() as connection:
        assert [tuple(row) for row in connection.execute(left)] == [("eu", 2, 30), ("us", 1, 30), ("us", 2, 30)]
    engine.dispose()
