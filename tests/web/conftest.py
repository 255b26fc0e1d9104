"""What tests of the page and the read API share: the service's engine, and a day with breaks."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine

from recon.db.engine import create_engine
from recon.service.signalling import tell
from recon.simulator.scenarios import demo_plan
from tests.conftest import TestDatabase
from tests.support.database_days import write_day


@pytest.fixture
def engine(database: TestDatabase) -> Iterator[Engine]:
    made = create_engine(database.service_url, "test")
    yield made
    made.dispose()


@pytest.fixture
def day(database: TestDatabase) -> TestDatabase:
    """A day with breaks, in the database, and its signals."""
    write_day(database.service_url, demo_plan(3, 60.0), on_transitions=tell)
    return database
