"""Rules: which decide, and what waits for a second person, who decides here by a login of their own."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Final

import msgspec

from recon.db.source import Row, Source
from recon.deciding.recording import Decision, append_decisions
from recon.deciding.steps import without_none
from recon.errors import DecisionRefused
from recon.reads.log_page import heads
from recon.reads.past_views import EVENTS
from recon.reads.query import Query
from recon.reads.rules_in_force import WAITING, document_of, rules_of
from recon.web.addresses import event_address
from recon.web.forms import field, optional
from recon.web.screen import BOOKS, Asked, Deed, Done, Screen, View, Wanted

if TYPE_CHECKING:
    from sqlalchemy import Connection

_SQL: Final = """
SELECT e.gateway, e.seq, e.recorded_at, e.kind, e.payload
FROM {events} AS e
WHERE e.kind IN ('rules', 'rules.proposed')
ORDER BY e.gateway, e.seq"""
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
    past = asked.as_of.is_past
    known = heads(source, asked.as_of)
    found = [
        row
        for gateway, head in known.items()
        for row in (rules_of(source, gateway, head) if past else rules_of(source, gateway))
    ]
    rows = [_row(source, row) for row in found]
    events = f"({EVENTS})" if past else "recon.events"
    return View(
        sql=Query(_SQL.format(events=events), asked.as_of.parameters).sql(),
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


def _decide(action: str, said: str, *, reason: bool) -> Callable[[Connection, Wanted], Done]:
    def do(connection: Connection, wanted: Wanted) -> Done:
        form = wanted.form
        gateway, digest = field(form, "gateway", "the gateway"), field(form, "digest", "the digest of the rules")
        if not reason:
            field(form, "sure", "the tick that says that you mean it")
        waiting = [str(row["digest"]) for row in rules_of(connection, gateway) if row["state"] == WAITING]
        if digest not in waiting:
            now = f"{waiting[0][:_SHORT]} wait" if waiting else "none wait"
            raise DecisionRefused(f"the rules of {gateway} that wait are others than were shown: {now}")
        text = field(form, "text", "the reason") if reason else optional(form, "text")
        payload = {"action": action, "rules_digest": digest, **without_none(text=text)}
        recorded = append_decisions(connection, [Decision(gateway, payload)], None, wanted.now)
        return Done(to="/rules", said=said, recorded=recorded)

    return do


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
DEEDS: Final = (
    Deed(
        name="rules_approve",
        path="/rules/approve",
        screen="rules",
        do=_decide("approve_rules", "Approved; they are in force.", reason=False),
    ),
    Deed(
        name="rules_reject",
        path="/rules/reject",
        screen="rules",
        do=_decide("reject_rules", "Rejected; the rules in force stay.", reason=True),
    ),
)
