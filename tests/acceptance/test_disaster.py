"""The real service is backed up and drilled while it runs, lost with its database, and restored elsewhere."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from recon.db.embedded.cluster import residents
from recon.db.embedded.server import socket_url
from recon.db.roles import SERVICE
from tests.support.processes import GATEWAY, LogReader, Service, check_books, flooding, running, until

pytestmark = [pytest.mark.acceptance, pytest.mark.postgres, pytest.mark.slow]


def settings(data_dir: Path, backups: Path, url: str) -> dict[str, object]:
    return {
        "database": {"data_dir": data_dir},
        "backup": {"backup_dir": backups},
        "gateways": {GATEWAY: {"urls": [url]}},
    }


def test_the_database_is_lost_and_what_was_seen_since_the_backup_is_still_there(
    server_dir: Path, tmp_path: Path
) -> None:
    backups, restored = server_dir.with_name("backups"), server_dir.with_name("restored")
    witness = LogReader(socket_url(server_dir, server_dir / "socket", SERVICE))
    with flooding(500) as (flood, url):
        with running(Service(tmp_path, settings(server_dir, backups, url))) as service:
            until(lambda: witness.head() > 100 and any(backups.glob("wal/*/*/*")))
            made = json.loads(service.command("backup", "--json"))
            (head,) = made["heads"]
            until(lambda: flood.over and witness.head() > head["seq"])
            until(lambda: witness.folded() == witness.head())
            known = witness.verified()
            drilled = json.loads(service.command("drill", "--json"))
            (told,) = drilled["gateways"]
            assert (drilled["problems"], drilled["against"]) == ([], "the live log")
            assert (told["log"], told["books"]) == ("verified", "the same")
            assert told["seq"] > head["seq"], "the archive brought along what came since"
            assert drilled["rpo_seconds"] < 10
            service.kill()
        until(lambda: not residents(server_dir / "postgres"))
        shutil.rmtree(server_dir)
        lost = Service(tmp_path, settings(server_dir, backups, url))
        lost.command("restore", "--to", str(restored))
        with running(Service(tmp_path, settings(restored, backups, url), "again")) as again:
            survivor = LogReader(socket_url(restored, restored / "socket", SERVICE))
            until(lambda: flood.sessions == 2)
            until(lambda: survivor.head() > known.seq)
            survivor.verified(against=known)
            assert check_books(survivor) > 200
            # The restored server writes on a timeline of its own, and its archive goes on beside the former one.
            until(lambda: any(backups.glob("wal/*/*/00000002*")))
            again.command("backup")
            assert json.loads(again.command("drill", "--json"))["problems"] == []
            assert again.stop() == 0
