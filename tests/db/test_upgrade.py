"""One recorder's session goes on while the schema goes to the newest revision and back; nothing is lost."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import uuid4

import pytest

from recon.db.engine import create_engine
from recon.db.migrate import migrate_to, schema_version
from recon.db.version import known_versions
from recon.errors import ConfigError, NotMigrated
from recon.log.events import NewEvent
from recon.log.lease import Lease
from recon.log.verify import verify
from tests.conftest import TestDatabase

pytestmark = pytest.mark.postgres


def version(url: str) -> str | None:
    with create_engine(url, "tests", pooled=False).connect() as connection:
        return schema_version(connection)


def test_a_recorder_keeps_its_lease_and_its_log_up_and_down(database: TestDatabase) -> None:
    before, newest = known_versions()[-2:]
    migrate_to(database.owner_url, before)
    lease = Lease(database.service_url, "prod-eu", uuid4(), "recorder")
    try:
        assert lease.try_acquire()
        for number, revision in enumerate([before, newest, before, newest], start=1):
            migrate_to(database.owner_url, revision)
            assert version(database.service_url) == revision
            now = datetime.now(UTC)
            done = lease.append(batch=number, now=now, events=[NewEvent("frame", b"{}", now)] * 3)
            assert done.first_seq == 3 * number - 2, "the same session appends, without a gap"
        other = Lease(database.service_url, "prod-eu", uuid4(), "another")
        assert not other.try_acquire(), "nobody could take it meanwhile"
        other.close()
    finally:
        lease.close()
    with create_engine(database.service_url, "tests", pooled=False).connect() as connection:
        assert verify(connection, "prod-eu").seq == 12


def test_a_version_that_there_is_not_is_refused(database: TestDatabase) -> None:
    with pytest.raises(ConfigError, match=f"there are 0001 to {known_versions()[-1]}"):
        migrate_to(database.owner_url, "0815")
    assert version(database.owner_url) == known_versions()[-1]


def test_a_database_of_a_later_recon_is_left_alone(database: TestDatabase) -> None:
    with create_engine(database.owner_url, "tests", pooled=False).begin() as connection:
        connection.exec_driver_sql("UPDATE recon_store.alembic_version SET version_num = '9999'")
    with pytest.raises(NotMigrated, match="use the recon that migrated it"):
        migrate_to(database.owner_url, known_versions()[0])


def test_all_versions_are_one_chain() -> None:
    versions = known_versions()
    assert versions[0] == "0001"
    assert list(versions) == sorted(versions)
    assert len(versions) > 8
