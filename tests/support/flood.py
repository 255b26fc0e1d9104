"""A log for folding: a pre-rendered load of consistent frames, and its expected ledger."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import msgspec

from recon.ems.protocol.decode import envelope
from recon.log.append import append, batches
from recon.log.events import FRAME, SESSION_OPENED, NewEvent
from recon.simulator.load import rendered_load
from tests.support.recorder_probe import connected

GATEWAY = "g"
START = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
#: The folded tables and columns, without the edition's number and run-dependent columns.
TABLES = ("accounts", "orders", "fills", "entries", "units", "findings", "coverage", "comparisons", "breaks")


def new_events(orders: int, accounts: int = 2, seed: int = 7) -> list[NewEvent]:
    """Return a session and its frames, a millisecond apart."""
    opened = NewEvent(SESSION_OPENED, msgspec.json.encode({"url": "ws://load/", "site": 0}), START, session="s")
    frames = [
        NewEvent(head.type or FRAME, payload, START + timedelta(milliseconds=number), head.account, "s")
        for number, payload in enumerate(rendered_load(orders, accounts, seed), start=1)
        for head in [envelope(payload)]
    ]
    return [opened, *frames]


class Writer:
    """Appends to the log as the recorder does."""

    def __init__(self, url: str, gateway: str = GATEWAY) -> None:
        self._url = url
        self._gateway = gateway
        self._writer = uuid4()
        self._batch = 0
        self.head = 0

    def append(self, events: Sequence[NewEvent]) -> int:
        """Append, with log time equal to the time of receipt; return the head."""
        with connected(self._url) as raw:
            for batch in batches(events):
                self._batch += 1
                now = batch[-1].received_at
                landed = append(
                    raw, gateway=self._gateway, writer=self._writer, batch=self._batch, now=now, events=batch
                )
                self.head = landed.last_seq
        return self.head


def folded(url: str, gateway: str = GATEWAY) -> dict[str, list[tuple[object, ...]]]:
    """Return every row of the current edition, sorted."""
    result: dict[str, list[tuple[object, ...]]] = {}
    with connected(url) as raw:
        for table in TABLES:
            rows = raw.execute(
                f"SELECT (to_jsonb(t) - 'edition' - 'created_at')::text FROM recon_store.{table} AS t"  # noqa: S608 - names from this module
                " JOIN recon_store.editions AS e USING (gateway, edition) WHERE e.state = 'current'"
                " AND gateway = %s ORDER BY 1",
                (gateway,),
            )
            result[table] = rows.fetchall()
    return result


def checkpoint(url: str, gateway: str = GATEWAY) -> int:
    with connected(url) as raw:
        query = "SELECT seq FROM recon_store.editions WHERE gateway = %s AND state = 'current'"
        row = raw.execute(query, (gateway,)).fetchone()
    return 0 if row is None else int(row[0])
