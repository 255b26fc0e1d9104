"""backup, restore and drill as commands: what they print, refuse and end with."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from recon.db.embedded.server import EmbeddedPostgres
from recon.db.migrate import migrate
from recon.db.roles import OWNER, SERVICE
from recon.simulator.scenarios import demo_plan
from tests.cli.conftest import Recon
from tests.conftest import UNSAFE_BUT_FAST, directory_for_server
from tests.support.archived_logs import in_partitions
from tests.support.database_days import write_day

#: Events of a partition.
SIZE = 200


@pytest.fixture
def embedded(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The place of a running embedded server with a day in it, named by the environment, and of its backups."""
    with directory_for_server() as place:
        monkeypatch.setenv("RECON_DATABASE__DATA_DIR", str(place / "data"))
        monkeypatch.setenv("RECON_BACKUP__BACKUP_DIR", str(place / "backups"))
        with EmbeddedPostgres(place / "data", options=UNSAFE_BUT_FAST, sync=False) as server:
            migrate(server.url(OWNER))
            in_partitions(server.url(OWNER), SIZE, 4)
            write_day(server.url(SERVICE), demo_plan(7, 30.0))
            yield place


@pytest.mark.postgres
@pytest.mark.slow
def test_back_up_drill_and_restore(recon: Recon, embedded: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    none = recon("drill")
    assert (none.status, none.out) == (12, "")
    assert "there is no backup" in none.err
    assert "there is no backup" in recon("backup", "--list").err
    made = recon("backup", "--json")
    assert made.status == 0, made.err
    path = Path(made.json()["path"])
    assert [head["gateway"] for head in made.json()["heads"]] == ["prod-eu", "prod-us"]
    listed = recon("backup", "--list")
    assert listed.status == 0
    assert path.name in listed.out
    assert f"prod-us {made.json()['heads'][1]['seq']}" in listed.out
    assert recon("backup", "--check").status == 0
    # The service runs, so what would be lost is counted against its log: nothing.
    held = recon("drill", "--against", str(path / "heads.json"))
    assert held.status == 0, held.err
    assert "RPO 0 s: what would be lost, against the live log" in held.out
    assert "\nRTO " in held.out
    assert held.out.endswith("the drill held\n")
    assert not [entry for entry in (embedded / "data").iterdir() if entry.name.startswith("drill-")]
    as_json = recon("drill", "--json").json()
    assert (as_json["problems"], as_json["rpo_seconds"], as_json["backup"]) == ([], 0.0, path.name)
    assert {each["books"] for each in as_json["gateways"]} == {"the same"}
    over = recon("restore", "--to", str(embedded / "data"))
    assert over.status == 12
    assert "holds a database already" in over.err
    done = recon("restore", path.name, "--to", str(embedded / "restored"))
    assert done.status == 0, done.err
    assert (embedded / "restored" / "postgres" / "PG_VERSION").exists()
    assert f'data_dir = "{embedded / "restored"}"' in done.err
    assert "WARNING backup" not in recon("probe").out
    monkeypatch.setenv("RECON_BACKUP__MAX_AGE", "1us")
    assert "WARNING backup: the last backup is" in recon("probe").out
    monkeypatch.setenv("RECON_BACKUP__BACKUP_DIR", str(embedded / "others"))
    assert "WARNING backup: there is no backup in" in recon("probe").out
    monkeypatch.setenv("RECON_BACKUP__BACKUP_DIR", str(embedded / "backups"))
    wal = next((path / "cluster" / "pg_wal").glob("0*"))
    os.truncate(wal, 4096)
    damaged = recon("drill", "--json")
    assert (damaged.status, damaged.out) == (12, "")
    assert f"WAL segment {wal.name} has 4,096 bytes" in damaged.err
    checked = recon("backup", "--check", "--json")
    assert checked.status == 12
    assert checked.json()["state"] == "damaged"


@pytest.mark.postgres
@pytest.mark.slow
def test_a_drill_folds_what_is_archived_too(recon: Recon, embedded: Path) -> None:
    archive = embedded / "archive"
    assert recon("backup").status == 0
    moved = recon("archive", "-o", str(archive), "--keep", "0", "--json")
    assert moved.status == 0, moved.err
    assert moved.json()["dropped"]
    assert recon("backup").status == 0
    without = recon("drill", "--json")
    assert without.status == 6
    assert "name the directory that has them by --archive" in " ".join((without.out + without.err).split())
    held = recon("drill", "--archive", str(archive), "--json")
    assert held.status == 0, held.err
    assert held.json()["problems"] == []
    assert {each["books"] for each in held.json()["gateways"]} == {"the same"}
    min(archive.glob("*.parquet")).unlink()
    lost = recon("drill", "--archive", str(archive), "--json")
    assert (lost.status, "is missing: the archive lacks" in " ".join((lost.out + lost.err).split())) == (4, True)


@pytest.mark.parametrize("command", [["backup"], ["drill"], ["restore", "--to", "elsewhere"], ["backup", "--list"]])
def test_a_database_of_your_own_is_backed_up_by_its_own_tools(
    recon: Recon, command: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECON_DATABASE__URL", "postgresql://recon_service@127.0.0.1:1/none")
    result = recon(*command)
    assert (result.status, result.out) == (2, "")
    assert "pgBackRest and Barman" in result.err


def test_it_must_be_said_where_backups_are(recon: Recon, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECON_DATABASE__DATA_DIR", str(tmp_path))
    assert "set backup_dir in [backup]" in recon("backup").err
    inside = recon("backup", "--to", str(tmp_path / "postgres" / "backups"))
    assert inside.status == 2
    assert "lies inside the database" in inside.err
    missing = recon("backup", "--to", str(tmp_path / "backups"))
    assert missing.status == 3
    assert "there is no database" in missing.err
