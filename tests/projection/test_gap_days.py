"""Days with gaps, folded in batches with restarts of the projector between them: the same books as in one go."""

from __future__ import annotations

import random

import pytest
from sqlalchemy import Engine, text

from recon.projection.rebuild import rebuild
from recon.projection.store.digest import digest_of
from tests.conftest import TestDatabase
from tests.projection.conftest import Append
from tests.projection.test_rebuild import fold_all
from tests.support.gap_days import play, random_day

pytestmark = pytest.mark.postgres


@pytest.mark.parametrize("seed", [2, 4, 63])
def test_restarts_in_the_middle_of_catching_up_change_nothing(
    database: TestDatabase, engine: Engine, append_events: Append, seed: int
) -> None:
    log = play(random_day(seed)).log.events
    append_events("sim", log)
    fold_all(engine, "sim", random.Random(seed), forget=0.7)
    with engine.connect() as connection:
        batched = digest_of(connection, "sim", 1)
        rows = connection.scalar(text("SELECT count(*) FROM recon_store.catch_ups WHERE state = 'whole'"))
    assert rows
    result = rebuild(database.service_url, "sim")
    assert (result.same, result.digest) == (True, batched)
