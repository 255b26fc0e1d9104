"""Upgrade by a stand-by, and back: the recon of before the newest revision and this one take turns on one database.

The former recon is real: its code comes from the history of the checkout. Without that history this is skipped, and
what remains is `tests/db/test_upgrade.py`: this recon's recorder on the former schema.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from recon.db.migrate import downgrade
from recon.db.version import known_versions
from recon.errors import ProjectionError
from recon.log.events import Head
from tests.conftest import TestDatabase
from tests.support.former_version import former_commit, unpack
from tests.support.processes import GATEWAY, Flood, LogReader, Service, check_books, flooding, running, until

pytestmark = [pytest.mark.acceptance, pytest.mark.postgres, pytest.mark.slow]

STANDBY = "SELECT 1 FROM recon_store.service_parts WHERE state = 'standby'"
#: Reports of orders in the log: what is sent once, so it may be there once.
REPORTS = (
    "SELECT convert_from(payload, 'UTF8') FROM recon_store.log_events"
    " WHERE kind = 'ORDER_EXEC_REPORT_UPDATE' ORDER BY seq"
)


@pytest.fixture
def former(tmp_path: Path) -> Path:
    commit = former_commit()
    if commit is None:
        pytest.skip("the history of the checkout does not reach back to before the newest revision")
    return unpack(commit, tmp_path / "former")


class Witness(LogReader):
    """Follows the flood stage by stage: what was sent is in the log before the next one begins."""

    def __init__(self, url: str, flood: Flood) -> None:
        super().__init__(url)
        self._flood = flood
        self.known: Head | None = None

    def passed(self, share: float, sessions: int) -> None:
        """Have a share of the frames sent, and see each report in the log once, and all of history unchanged."""
        self._flood.allow(share)
        until(lambda: self._flood.held)
        sent = [frame for frame in self._flood.frames[: self._flood.sent] if "ORDER_EXEC_REPORT_UPDATE" in frame]
        until(lambda: len(self.ask(REPORTS)) >= len(sent))
        assert [text for (text,) in self.ask(REPORTS)] == sent
        assert self._flood.sessions == sessions
        self.known = self.verified(against=self.known)

    def version(self) -> str:
        return str(self.ask("SELECT version_num FROM recon_store.alembic_version")[0][0])


def test_the_former_version_is_relieved_by_a_stand_by_and_relieves_it_again(
    database: TestDatabase, former: Path, tmp_path: Path
) -> None:
    before, newest = known_versions()[-2:]
    downgrade(database.owner_url, before)
    with flooding(300) as (flood, url):
        settings: dict[str, object] = {
            "database": {"url": database.service_url, "migrate_url": database.owner_url},
            "gateways": {GATEWAY: {"urls": [url]}},
        }
        witness = Witness(database.service_url, flood)
        flood.allow(0)
        old, new = Service(tmp_path, settings, "old", code=former), Service(tmp_path, settings, "new")
        with running(old):
            witness.passed(0.2, sessions=1)
            assert "recon.cli migrate`" in new.command("positions", status=3), "as this program was called"
            # The database goes ahead, and the former version goes on recording.
            new.command("migrate")
            assert witness.version() == newest
            witness.passed(0.4, sessions=1)
            with running(new):
                until(lambda: witness.ask(STANDBY))
                new.command("rebuild")
                witness.passed(0.5, sessions=1)
                assert old.stop() in {0, ProjectionError.exit_status}, (
                    "it may say that the books are of a later version"
                )
                until(lambda: flood.sessions == 2)
                witness.passed(0.7, sessions=2)
                check_books(witness)
                # And back: the database first, while this version goes on recording.
                new.command("migrate", "--to", before)
                assert witness.version() == before
                witness.passed(0.8, sessions=2)
                old.start()
                until(lambda: witness.ask(STANDBY))
                old.command("rebuild")
                assert new.stop() == 0
                until(lambda: flood.sessions == 3)
                witness.passed(1.0, sessions=3)
                assert check_books(witness) > 0
                assert old.stop() == 0
