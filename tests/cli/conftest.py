"""Running a command line inside the test, and giving logging back as it was."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, make_url, text

from recon.cli.main import run
from recon.db.engine import create_engine
from recon.db.roles import OPERATOR
from recon.simulator.scenarios import demo_plan
from tests.cli.accountant import CUT_OFF, Become
from tests.cli.recorded_service import GATEWAY, RecordedService
from tests.conftest import TestDatabase
from tests.support.database_days import write_day


@dataclass(frozen=True)
class Result:
    """What a command line came to."""

    status: int
    out: str
    err: str

    def json(self) -> Any:
        """The one JSON document on stdout."""
        return json.loads(self.out)


Recon = Callable[..., Result]


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
def recon(capsys: pytest.CaptureFixture[str]) -> Recon:
    """Run a command line."""

    def command(*arguments: str) -> Result:
        capsys.readouterr()
        status = run(arguments)
        captured = capsys.readouterr()
        return Result(status, captured.out, captured.err)

    return command


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


@pytest.fixture
def become(traded: TestDatabase, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Become]:
    path = tmp_path / "recon.toml"
    path.write_text('[gateways.prod-eu]\nurls = ["ws://127.0.0.1:1/"]\n', encoding="utf-8")
    monkeypatch.setenv("RECON_CONFIG", str(path))
    superuser, made = create_engine(traded.superuser_url, "tests", pooled=False), []

    def become(name: str) -> None:
        login = f"{name}_of_{traded.name}"
        if login not in made:
            with superuser.begin() as connection:
                connection.execute(text(f"CREATE ROLE {login} LOGIN IN ROLE {OPERATOR}"))
            made.append(login)
        url = make_url(traded.superuser_url).set(username=login).render_as_string(hide_password=False)
        monkeypatch.setenv("RECON_DATABASE__OPERATOR_URL", url)

    yield become
    with superuser.begin() as connection:
        for login in made:
            connection.execute(text(f"DROP ROLE {login}"))
