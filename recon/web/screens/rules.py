"""Rules: which decide, and what waits for a second person."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import msgspec

from recon.db.source import Row, Source
from recon.reads.log_page import heads
from recon.reads.query import Query
from recon.reads.rules_in_force import WAITING, document_of, rules_of
from recon.web.addresses import event_address
from recon.web.screen import BOOKS, Asked, Screen, View

_SQL: Final = Query("""
SELECT e.gateway, e.seq, e.recorded_at, e.kind, e.payload
FROM recon.events AS e
WHERE e.kind IN ('rules', 'rules.proposed')
ORDER BY e.gateway, e.seq""")
#: Characters of a digest that commands take.
_SHORT: Final = 10


class RulesRow(msgspec.Struct, frozen=True):
    """Rules of a gateway: in force, or waiting for a second person."""

    key: str
    gateway: str
    state: str
    at: datetime | None
    seq: int
    address: str
    digest: str
    looser: str
    document: str


def _read(source: Source, asked: Asked) -> View:
    del asked
    rows = [_row(source, row) for gateway in heads(source) for row in rules_of(source, gateway)]
    return View(
        sql=_SQL.sql(),
        count=sum(row.state == WAITING for row in rows) or None,
        values={
            "rows": rows,
            "waiting": [row for row in rows if row.state == WAITING],
            "short": _SHORT,
        },
    )


def _row(source: Source, row: Row) -> RulesRow:
    gateway, seq, at = str(row["gateway"]), int(str(row["seq"])), row["at"]
    document = document_of(source, row).decode("utf-8", "backslashreplace")
    return RulesRow(
        key=f"{gateway} {seq}",
        gateway=gateway,
        state=str(row["state"]),
        at=at if isinstance(at, datetime) else None,
        seq=seq,
        address=event_address(gateway, seq),
        digest=str(row["digest"]),
        looser=str(row["looser"] or ""),
        document=msgspec.json.format(document, indent=2),
    )


SCREEN: Final = Screen(
    name="rules",
    path="/rules",
    title="Rules",
    question="Which rules decide, and what waits for a second person?",
    template="rules.html",
    read=_read,
    menu="Rules",
    key="r",
    changes_with=BOOKS,
)
