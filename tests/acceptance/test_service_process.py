"""The real process, killed and stopped in the middle of a flood: nothing committed is lost, nothing counted twice."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from recon.cli.currency import SHOWN_NOT_CURRENT
from recon.db.embedded.cluster import read_pid_file
from recon.db.embedded.server import socket_url
from recon.db.roles import SERVICE
from recon.log.events import Head
from tests.conftest import TestDatabase
from tests.support.processes import GATEWAY, Flood, LogReader, Service, check_books, flooding, running, until

pytestmark = [pytest.mark.acceptance, pytest.mark.postgres]

SECRET = "k-0123456789-very-secret"
WEBHOOK_SECRET = "whsec_bm9ib2R5IG1heSBrbm93IHRoaXM="


def embedded(server_dir: Path, url: str) -> dict[str, object]:
    return {"database": {"data_dir": server_dir}, "gateways": {GATEWAY: {"urls": [url]}}}


def witness_of(server_dir: Path) -> LogReader:
    return LogReader(socket_url(server_dir, server_dir / "socket", SERVICE))


def test_the_service_is_killed_twice_in_a_flood(server_dir: Path, tmp_path: Path) -> None:
    witness = witness_of(server_dir)
    with flooding(1200) as (flood, url), running(Service(tmp_path, embedded(server_dir, url))) as service:
        heads = [_killed_in_mid_flood(service, witness, flood, share) for share in (0.25, 0.5)]
        until(lambda: flood.over)
        assert flood.sessions == 3
        assert check_books(witness) > 800
        for head in heads:
            witness.verified(against=head)
        assert service.stop() == 0


def _killed_in_mid_flood(service: Service, witness: LogReader, flood: Flood, share: float) -> Head:
    """Kill the service after a share of the flood, start it again, and return the log's head from before."""
    until(lambda: flood.sent > share * len(flood.frames) and witness.head() > 100)
    known = witness.verified()
    service.kill()
    service.start()
    until(lambda: witness.head() > known.seq)
    return witness.verified(against=known)


def test_postgres_is_killed_in_a_flood_and_not_a_frame_is_lost(server_dir: Path, tmp_path: Path) -> None:
    witness = witness_of(server_dir)
    with flooding(1200) as (flood, url), running(Service(tmp_path, embedded(server_dir, url))) as service:
        until(lambda: flood.sent > 0.3 * len(flood.frames) and witness.head() > 100)
        known = witness.verified()
        server = read_pid_file(server_dir / "postgres")
        assert server is not None
        os.kill(server.pid, signal.SIGKILL)
        until(lambda: flood.over)
        until(lambda: len(witness.frames()) >= len(flood.frames))
        assert witness.frames() == flood.frames
        assert flood.sessions == 1
        assert check_books(witness) == 1200
        witness.verified(against=known)
        assert service.log_count("the embedded postgres has died; starting it again") == 1
        assert service.stop() == 0


def test_sigterm_in_a_flood_drains_and_ends_in_time_with_status_0_and_tells_no_secret(
    server_dir: Path, tmp_path: Path
) -> None:
    witness = witness_of(server_dir)
    with flooding(1500) as (flood, url):
        settings = embedded(server_dir, url)
        settings["gateways"] = {GATEWAY: {"urls": [url], "auth": {"method": "query", "api_key": SECRET}}}
        settings["webhooks"] = {"ops": {"url": "http://127.0.0.1:1/hook/T0KEN", "secret": WEBHOOK_SECRET}}
        with running(Service(tmp_path, settings)) as service:
            until(lambda: flood.sent > 0.1 * len(flood.frames) and witness.head() > 100)
            assert service.stop() == 0, "it stopped within its own bound"
            output = service.output()
            assert not flood.over
            service.start()
            until(lambda: witness.folded() > 0)
            last = "SELECT convert_from(payload, 'UTF8') FROM recon_store.log_events WHERE kind = 'session.closed'"
            assert '"reason":"shutdown"' in str(witness.ask(last)[0][0])
            told = "SELECT count(*) FROM recon_store.log_events WHERE encode(payload, 'escape') LIKE '%very-secret%'"
            assert witness.ask(told) == [(0,)]
    assert '"level": "info"' in output
    for secret in (SECRET, WEBHOOK_SECRET, WEBHOOK_SECRET.removeprefix("whsec_"), "T0KEN", "apikey"):
        assert secret not in output


def test_a_second_instance_stands_by_and_takes_over_when_the_first_is_killed(
    database: TestDatabase, tmp_path: Path
) -> None:
    witness = LogReader(database.service_url)
    with flooding(1500) as (flood, url):
        settings: dict[str, object] = {
            "database": {"url": database.service_url},
            "gateways": {GATEWAY: {"urls": [url]}},
        }
        with running(Service(tmp_path, settings, "first")) as first:
            until(lambda: witness.head() > 100)
            with running(Service(tmp_path, settings, "second")) as second:
                until(lambda: ("standby",) in witness.ask("SELECT state FROM recon_store.service_parts"))
                assert flood.sessions == 1
                known = witness.verified()
                first.kill()
                until(lambda: flood.sessions == 2)
                until(lambda: flood.over)
                assert check_books(witness) > 800
                witness.verified(against=known)
                opened = "SELECT count(DISTINCT writer) FROM recon_store.log_batches"
                assert witness.ask(opened) == [(2,)]
                assert second.stop() == 0


def test_after_a_kill_no_command_says_that_all_is_well(database: TestDatabase, tmp_path: Path) -> None:
    witness = LogReader(database.service_url)
    with flooding(100) as (flood, url):
        settings: dict[str, object] = {
            "database": {"url": database.service_url},
            "gateways": {GATEWAY: {"urls": [url]}},
        }
        with running(Service(tmp_path, settings)) as service:
            until(lambda: flood.over and witness.folded() == witness.head() > 100)
            service.command("breaks")
            service.kill()
            for command in ("breaks", "status"):
                said = service.command(command, status=SHOWN_NOT_CURRENT)
                assert f"gateway {GATEWAY}: nothing has been seen since" in said
                assert "no service records it" in said
