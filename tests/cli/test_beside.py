"""Several gateways folded at once, each by a worker: the same answers, failures apart, ends in order."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

from recon.cli.progress import LINE_SECONDS, folding_progress
from recon.db.engine import libpq_url
from recon.log.lease import take_lease
from tests.conftest import TestDatabase
from tests.support.command_line import Recon
from tests.support.processes import PATIENCE, until

GATEWAYS = ["prod-eu", "prod-us"]


@pytest.mark.postgres
def test_workers_answer_as_one_process_does(recon: Recon, day: TestDatabase, tmp_path: Path) -> None:
    alone = recon("rebuild", "--json", "--jobs", "1")
    both = recon("rebuild", "--json", "--jobs", "2")
    assert both.status == alone.status == 0, both.err
    assert [row["gateway"] for row in both.json()] == GATEWAYS
    assert [row | {"edition": row["edition"] + 1} for row in alone.json()] == both.json()
    rules = tmp_path / "rules.toml"
    rules.write_text('[accounts]\ntolerance = { absolute = "1000000" }\n', encoding="utf-8")
    asked = [recon("what-if", "--rules", str(rules), "--json", "--jobs", jobs) for jobs in ("1", "2")]
    assert asked[0].status == 0, asked[0].err
    assert asked[0].out == asked[1].out
    assert [answer["gateway"] for answer in asked[0].json()] == GATEWAYS


@pytest.mark.postgres
@pytest.mark.parametrize("jobs", ["1", "2"])
def test_a_gateway_that_fails_stops_no_other(recon: Recon, day: TestDatabase, jobs: str) -> None:
    with psycopg.connect(libpq_url(day.service_url), autocommit=True) as other:
        assert isinstance(take_lease(other, "prod-eu", "rebuild", uuid4(), "other:1"), int)
        result = recon("rebuild", "--json", "--jobs", jobs)
    assert result.status == 6
    assert [row["gateway"] for row in result.json()] == ["prod-us"]
    assert "gateway 'prod-eu' is being rebuilt already, by other:1" in result.err
    assert "no answer of prod-eu" in result.err


class _Clock:
    def __init__(self) -> None:
        self.seconds = 1000.0

    def now(self) -> float:
        return self.seconds


def test_progress_is_a_line_now_and_then_where_there_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    clock = _Clock()
    with folding_progress(clock.now) as begin:
        advance = begin("prod-eu")
        for done in (5_000, 10_000, 15_000, 20_000, 25_000):
            clock.seconds += LINE_SECONDS / 2
            advance(done, 40_000)
    assert capsys.readouterr().err.splitlines() == [
        "prod-eu: 10,000 of 40,000 events, 1,000/s, 30 s left",
        "prod-eu: 20,000 of 40,000 events, 1,000/s, 20 s left",
    ]


def test_progress_is_a_bar_for_each_gateway_on_a_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "100")
    with folding_progress() as begin:
        for name in GATEWAYS:
            advance = begin(name)
            for done in range(1, 5):
                advance(10 * done, 40)
    told = capsys.readouterr().err
    assert all(name in told for name in GATEWAYS)
    assert "40/40" in told
    assert "/s" in told


@contextmanager
def _held_up(day: TestDatabase) -> Iterator[psycopg.Connection]:
    """Give the owner's connection that keeps every step waiting in the middle of its transaction."""
    with psycopg.connect(libpq_url(day.owner_url)) as owner:
        owner.execute("LOCK TABLE recon_store.entries IN ACCESS EXCLUSIVE MODE")
        yield owner


@contextmanager
def _rebuilding(day: TestDatabase) -> Iterator[subprocess.Popen[str]]:
    """Run `recon rebuild` with two workers, until both wait in a step."""
    with subprocess.Popen(
        [sys.executable, "-m", "recon.cli", "rebuild", "--jobs", "2", "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"RECON_DATABASE__URL": day.service_url},
    ) as process:
        try:
            until(lambda: len(_workers(day)) == 2 and _waiting(day) == 2)
            yield process
        finally:
            process.kill()


def _ask(day: TestDatabase, query: str) -> list[tuple[object, ...]]:
    with psycopg.connect(libpq_url(day.superuser_url), autocommit=True) as connection:
        return connection.execute(query.encode()).fetchall()


def _waiting(day: TestDatabase) -> int:
    """Return how many steps wait to write; deleting what was begun waits too, and is no step."""
    sessions = (
        "application_name = 'recon rebuild' AND wait_event_type = 'Lock' AND datname = current_database()"
        " AND query ~ '^(COPY|INSERT)'"
    )
    return len(_ask(day, f"SELECT pid FROM pg_stat_activity WHERE {sessions}"))  # noqa: S608 - our own text


def _workers(day: TestDatabase) -> dict[str, int]:
    """Return the process ids of workers, by gateway."""
    rows = _ask(day, "SELECT gateway, instance FROM recon_store.leases WHERE purpose = 'rebuild' ORDER BY gateway")
    held = {str(gateway): str(instance).rpartition(":") for gateway, instance in rows}
    return {gateway: int(pid) for gateway, (host, _, pid) in held.items() if host == socket.gethostname()}


def _editions(day: TestDatabase) -> set[tuple[object, ...]]:
    return set(_ask(day, "SELECT gateway, state FROM recon_store.editions"))


def _is_gone(pid: int) -> Callable[[], bool]:
    return lambda: not Path(f"/proc/{pid}").exists()


@pytest.mark.slow
@pytest.mark.postgres
@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_end_takes_back_what_all_workers_began(day: TestDatabase, number: signal.Signals, status: int) -> None:
    before = _editions(day)
    with _held_up(day) as owner, _rebuilding(day) as process:
        workers = _workers(day)
        for pid in workers.values():
            for place in ("cmdline", "environ"):
                assert day.service_url.encode() not in Path(f"/proc/{pid}/{place}").read_bytes()
        process.send_signal(number)
        until(lambda: not _waiting(day))
        owner.rollback()
        out, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, out) == (status, "")
    assert "Traceback" not in err
    assert all(_is_gone(pid)() for pid in workers.values())
    assert _editions(day) == before


@pytest.mark.slow
@pytest.mark.postgres
def test_a_worker_that_is_killed_stops_no_other(day: TestDatabase) -> None:
    with _held_up(day) as owner, _rebuilding(day) as process:
        os.kill(_workers(day)["prod-eu"], signal.SIGKILL)
        owner.rollback()
        out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 6
    assert '"prod-us"' in out
    assert '"prod-eu"' not in out
    assert "folded gateway 'prod-eu' ended by itself (status -9)" in err
    assert "Traceback" not in err


@pytest.mark.slow
@pytest.mark.postgres
def test_workers_of_a_command_that_is_killed_take_back_what_they_began(day: TestDatabase) -> None:
    before = _editions(day)
    with _held_up(day) as owner, _rebuilding(day) as process:
        workers = _workers(day)
        process.kill()
        process.wait(timeout=PATIENCE)
        owner.rollback()
        for pid in workers.values():
            until(_is_gone(pid))
    assert _editions(day) == before
