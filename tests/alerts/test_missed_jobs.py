"""Planned jobs that did not run: a day that nobody signed in time, and a backup that is missing."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from recon.alerts.watch.alert import watch_signal
from recon.alerts.watch.decide import Notice, Watched
from recon.alerts.watch.facts import MissedJob
from recon.alerts.watch.missed_closes import missed_closes
from recon.alerts.watch.store import look
from recon.config import Settings
from recon.db.engine import create_engine
from recon.deciding.signing import sign
from recon.service.backup_look import BackupLook
from recon.service.watcher import plan_of
from recon.simulator.scenarios import demo_plan
from tests.conftest import TestDatabase
from tests.reads.test_close import CUT_OFF, GATEWAY, People, one
from tests.support.database_days import write_day

DUE = CUT_OFF + timedelta(hours=4)


def settings(**accounts: object) -> Settings:
    gateways = {GATEWAY: {"urls": ["ws://127.0.0.1:1/"], "accounts": accounts}}
    return Settings.model_validate({"gateways": gateways})


@pytest.fixture
def engine(database: TestDatabase) -> Iterator[Engine]:
    made = create_engine(database.service_url, "test")
    yield made
    made.dispose()


@pytest.fixture
def people(database: TestDatabase) -> Iterator[People]:
    made = People(database)
    yield made
    made.leave()


def missed(engine: Engine, now: datetime, planned: Settings) -> list[MissedJob]:
    with engine.connect() as connection:
        return missed_closes(connection, plan_of(planned).closings, now)


@pytest.mark.postgres
def test_a_day_that_nobody_signed_in_time_is_told_until_somebody_does(
    database: TestDatabase, engine: Engine, people: People
) -> None:
    write_day(database.service_url, demo_plan(7, 30.0), ends_at=CUT_OFF + timedelta(seconds=20))
    planned = settings(BINANCE={"close_within": "4h"})
    assert missed(engine, DUE - timedelta(seconds=1), planned) == [], "the account was not named a day before"
    (job,) = missed(engine, DUE, planned)
    assert (job.gateway, job.kind, job.about, job.since) == (GATEWAY, "close.missed", "BINANCE", DUE)
    assert "nobody has signed it" in job.detail
    assert missed(engine, DUE, settings(BINANCE={})) == [], "nothing is planned"
    with engine.begin() as connection:
        plan = plan_of(planned)
        for seconds in (0, 61):
            look(connection, plan, DUE + timedelta(seconds=seconds))
    with engine.connect() as connection:
        told = connection.scalars(text("SELECT subject FROM recon_store.signals WHERE event = 'close.missed'"))
        assert list(told) == ["close.missed/BINANCE"]
    people.decide("alice", sign(one(database).now, "well", accept_gaps=False, restates=None))
    assert missed(engine, DUE, planned) == []
    assert missed(engine, DUE + timedelta(days=1), planned)[0].since == DUE + timedelta(days=1)


def test_who_is_told_of_a_day_sees_the_command_that_closes_it() -> None:
    watched = Watched(
        GATEWAY, "close.missed", "KRAKEN/JOHN", DUE, DUE, True, DUE, True, 1, "it was to be signed", DUE
    )  # fmt: skip
    signal = watch_signal(Notice(watched, over=False, at=DUE), 7)
    assert signal.signal.account == "KRAKEN/JOHN"
    assert b"recon close --gateway prod-eu --account KRAKEN/JOHN" in signal.document


def test_a_backup_that_is_missing_is_told_and_looked_for_once_a_minute(tmp_path: Path) -> None:
    now = datetime(2026, 11, 28, tzinfo=UTC)
    asked = BackupLook(Settings.model_validate({"backup": {"backup_dir": tmp_path}}))
    (job,) = asked(now)
    assert (job.gateway, job.kind, "run `recon backup`" in job.detail) == ("", "backup.missed", True)
    tmp_path.rmdir()
    assert asked(now + timedelta(seconds=30)) == [job], "what the last look found"
    watched = Watched(*("", "backup.missed", ""), now, now, True, now, True, 1, job.detail, None)
    assert b'"recon backup"' in watch_signal(Notice(watched, over=False, at=now), 1).document


def test_without_a_directory_or_an_age_no_backup_is_planned(tmp_path: Path) -> None:
    now = datetime(2026, 11, 28, tzinfo=UTC)
    assert BackupLook(Settings())(now) == []
    never = Settings.model_validate({"backup": {"backup_dir": tmp_path, "max_age": "0s"}})
    assert BackupLook(never)(now) == []
