"""`recon archive` as a process, killed at every stage: nothing is lost or doubled, and the next run ends it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from recon.db.engine import create_engine, libpq_url
from recon.errors import ProjectionError
from recon.projection.rebuild import rebuild
from recon.projection.store.digest import digest_of
from recon.simulator.scenarios import demo_plan
from tests.conftest import TestDatabase
from tests.support.archived_logs import in_partitions
from tests.support.command_line import Recon, recon
from tests.support.database_days import write_day

pytestmark = [pytest.mark.postgres, pytest.mark.slow]

__all__ = ["recon"]

SIZE = 150


def killed_when(true: Callable[[], bool], place: Path, environment: dict[str, str]) -> bool:
    """Run the command until something is true, and kill it there; False: it ended before."""
    command = [sys.executable, "-m", "recon.cli", "archive", "-o", str(place), "--keep", "0"]
    quiet = subprocess.DEVNULL
    with subprocess.Popen(command, env=environment, stdout=quiet, stderr=quiet) as process:  # noqa: S603 - our own
        while process.poll() is None:
            if true():
                process.send_signal(signal.SIGKILL)
                return True
        assert process.returncode == 0
        return False


def test_a_kill_at_any_stage_loses_and_doubles_nothing(
    database: TestDatabase, recon: Recon, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_partitions(database.owner_url, SIZE, 8)
    plan = demo_plan(7, 30.0)
    (gateway,) = write_day(database.service_url, replace(plan, gateways=plan.gateways[:1]))
    name = gateway.plan.name
    for variable, url in {"URL": database.service_url, "MIGRATE_URL": database.owner_url}.items():
        monkeypatch.setenv(f"RECON_DATABASE__{variable}", url)
    engine = create_engine(database.service_url, "test", pooled=False)
    with engine.connect() as connection:
        books = digest_of(connection, name, 1)
    place = tmp_path / "archive"
    with psycopg.connect(libpq_url(database.owner_url), autocommit=True) as owner:

        def number(statement: str) -> int:
            row = owner.execute(statement.encode()).fetchone()
            assert row is not None
            return int(row[0])

        recorded = "SELECT count(*) FROM recon.log_archives"
        kept = "SELECT count(*) FROM recon.log_partitions WHERE name LIKE 'log_events_kept_from_%'"
        whole = number("SELECT max(head_seq) FROM recon.gateways") // SIZE
        stages: list[Callable[[], bool]] = [
            lambda: any(place.glob(".*.part")),
            lambda: len(list(place.glob("*.parquet"))) >= 1,
            (place / "archive.json").exists,
            lambda: number(recorded) >= 1,
            lambda: len(list(place.glob("*.parquet"))) >= whole - 1,
            lambda: number(recorded) >= whole,
            lambda: number(kept) >= 1,
            lambda: number(kept) >= 2,
        ]
        kills = sum(killed_when(stage, place, dict(os.environ)) for stage in stages)
        assert kills >= 3
        assert not killed_when(lambda: False, place, dict(os.environ))
        assert (number(recorded), number(kept)) == (whole, whole)
    assert len(list(place.glob("*.parquet"))) == whole
    assert not list(place.glob(".*"))
    verified = recon("verify", "--archive", str(place), "--json")
    assert (verified.status, verified.err) == (0, "")
    (result,) = recon("rebuild", "--archive", str(place), "--json").json()
    assert (result["same"], result["digest"]) == (True, books)
    with pytest.raises(ProjectionError, match="name the directory that has them by --archive"):
        rebuild(database.service_url, name)
