"""Running a command line inside the test, and giving logging back as it was."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import Engine

from recon.db.engine import create_engine
from recon.simulator.scenarios import demo_plan
from tests.cli.accountant import CUT_OFF
from tests.cli.recorded_service import GATEWAY, RecordedService
from tests.conftest import TestDatabase
from tests.support.command_line import Recon, Result, become, recon
from tests.support.database_days import write_day

__all__ = ["Recon", "Result", "become", "recon"]


@pytest.fixture(autouse=True)
def _interrupts() -> Iterator[None]:
    """A shell starts jobs in the background with SIGINT ignored, and so do they their own: here it is not."""
    former = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, former)


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")


@pytest.fixture
def day(database: TestDatabase, monkeypatch: pytest.MonkeyPatch) -> TestDatabase:
    """A database with the demonstration's day in it, named by the environment."""
    write_day(database.service_url, demo_plan(7, 30.0))
    monkeypatch.setenv("RECON_DATABASE__URL", database.service_url)
    return database


@pytest.fixture
def engine(database: TestDatabase) -> Iterator[Engine]:
    made = create_engine(database.service_url, "test")
    yield made
    made.dispose()


@pytest.fixture
def service(database: TestDatabase, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Iterator[RecordedService]:
    monkeypatch.setenv("RECON_DATABASE__URL", database.service_url)
    monkeypatch.setenv("RECON_GATEWAYS", json.dumps({GATEWAY: {"urls": ["ws://127.0.0.1:1/"]}}))
    made = RecordedService(database.service_url, engine)
    yield made
    made.lease.close()


@pytest.fixture
def traded(database: TestDatabase, monkeypatch: pytest.MonkeyPatch) -> TestDatabase:
    """A database with the demonstration's day in it, whose cut-off lies in the middle of the trading."""
    write_day(database.service_url, demo_plan(7, 30.0), ends_at=CUT_OFF + timedelta(seconds=20))
    monkeypatch.setenv("RECON_DATABASE__URL", database.service_url)
    return database
