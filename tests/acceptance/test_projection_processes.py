"""The real service with a process a gateway: processes and service are killed, and no event counts twice."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tests.conftest import TestDatabase
from tests.support.process_families import children_of, is_alive
from tests.support.processes import LogReader, Service, flooding, running, until

pytestmark = [pytest.mark.acceptance, pytest.mark.postgres, pytest.mark.slow]

NAMES = ("one", "two")


def pid_of(service: Service) -> int:
    assert service.process is not None
    return service.process.pid


class Books:
    """What the database says of both gateways."""

    def __init__(self, url: str) -> None:
        self._reader = LogReader(url)

    def of_each(self, query: str) -> dict[str, int]:
        return {str(name): int(str(count)) for name, count in self._reader.ask(query)}

    def heads(self) -> dict[str, int]:
        return self.of_each("SELECT gateway, max(seq) FROM recon_store.log_events GROUP BY 1")

    def folded(self) -> dict[str, int]:
        return self.of_each("SELECT gateway, seq FROM recon_store.editions WHERE state = 'current'")

    def events_folded_once(self) -> bool:
        """True if each filled order has its fills once: they sum up to what its last report says."""
        wrong = """
        SELECT o.gateway, count(*) FROM recon_store.orders AS o JOIN recon_store.editions AS e USING (gateway, edition)
        JOIN LATERAL (SELECT sum(f.amount) AS booked, count(DISTINCT f.ctid) FROM recon_store.fills AS f
            WHERE (f.gateway, f.edition, f.account, f.order_key) = (o.gateway, o.edition, o.account, o.order_key)) AS f
            ON true WHERE e.state = 'current' AND f.booked > o.amount_filled GROUP BY 1
        """
        filled = self.of_each("SELECT gateway, count(*) FROM recon_store.fills GROUP BY 1")
        return self.of_each(wrong) == {} and sorted(filled) == sorted(NAMES) and min(filled.values()) > 100


def test_processes_and_service_are_killed_in_a_flood_and_no_event_counts_twice(
    database: TestDatabase, tmp_path: Path
) -> None:
    books = Books(database.service_url)
    with flooding(900) as (one, first), flooding(900) as (two, second):
        settings: dict[str, object] = {
            "database": {"url": database.service_url},
            "gateways": {"one": {"urls": [first]}, "two": {"urls": [second]}},
            "service": {"shutdown_seconds": 100},  # a busy machine has the time to fold the end
        }
        with running(Service(tmp_path, settings)) as service:
            until(lambda: min(books.folded().values(), default=0) > 100)
            projecting = children_of(pid_of(service))
            assert len(projecting) == len(NAMES)
            os.kill(projecting[0], signal.SIGKILL)
            until(lambda: len(set(children_of(pid_of(service))) - {projecting[0]}) == len(NAMES))
            before = books.folded()
            until(lambda: all(seq > before[name] for name, seq in books.folded().items()))
            assert (one.sessions, two.sessions) == (1, 1), "no session ends by a projection that is killed"

            orphans = children_of(pid_of(service))
            service.kill()
            until(lambda: not any(map(is_alive, orphans)))
            service.start()
            until(lambda: one.over and two.over)
            until(lambda: books.folded() == books.heads())
            assert books.events_folded_once()

            last = children_of(pid_of(service))
            for pid in (*last, pid_of(service)):
                os.kill(pid, signal.SIGTERM)
            assert service.process is not None
            assert service.process.wait(100) == 0
            assert not any(map(is_alive, last))
    assert books.folded() == books.heads(), "the end of each session is folded"
