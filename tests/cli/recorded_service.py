"""A service as the database shows it, without any: its lease, its parts, a gateway with a session and accounts."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import uuid4

from sqlalchemy import Engine, text

from recon.db.engine import create_engine
from recon.ledger.changes import LedgerChanges
from recon.log.events import SESSION_OPENED, NewEvent
from recon.log.lease import Lease
from recon.service.status import PartStatus
from recon.service.status_store import save
from tests.support.coverage_rows import CoverageLog
from tests.support.database_days import fold
from tests.support.processes import until

GATEWAY = "prod-eu"


def give_up(lease: Lease, url: str) -> None:
    """Close a lease, and wait until Postgres has noticed: it frees what a connection held after its end."""
    lease.close()
    engine = create_engine(url, "tests", pooled=False)

    def is_free() -> bool:
        with engine.connect() as connection:
            return not connection.execute(text("SELECT count(recorder) FROM recon.gateways")).scalar_one()

    until(is_free)


class RecordedService:
    """What a running service leaves in the database."""

    def __init__(self, url: str, engine: Engine) -> None:
        self._url, self._engine = url, engine
        self.lease = Lease(url, GATEWAY, uuid4(), "host:1")
        assert self.lease.try_acquire()
        self._batch = 0
        self.now = datetime.now(UTC)
        self.story = CoverageLog(url, GATEWAY, seconds=100, ends_at=self.now)
        self.append(SESSION_OPENED, b'{"url":"ws://x/"}', folded=True)
        self.part("projection", "running")

    def die(self) -> None:
        """Leave the log to others, as a killed process does."""
        give_up(self.lease, self._url)

    def append(self, kind: str, payload: bytes = b"{}", *, at: datetime | None = None, folded: bool) -> None:
        self._batch += 1
        event = NewEvent(kind, payload, self.now, None, "s", redacted=False)
        self.lease.append(batch=self._batch, now=at or self.now, events=[event])
        if folded:
            fold(self._url, GATEWAY)

    def accounts(self, **states: str) -> None:
        made = {name: self.story.account(name, state=state) for name, state in states.items()}  # type: ignore[arg-type]  # states of the test
        self.story.write(LedgerChanges(accounts=made))

    def part(self, name: str, state: str, detail: str = "") -> None:
        with self._engine.begin() as connection:
            save(connection, instance="host:1", parts=[PartStatus("", name, state, detail, self.now, {})])
