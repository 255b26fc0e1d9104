"""Who was told of one case, and why: each step of the policy, derived again from what was stored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

import msgspec

from recon.db.source import Row, Source
from recon.display.ids import short_id
from recon.errors import ConfigError
from recon.reads.alert_why import HEADINGS, WORDS, case_named, why_document
from recon.reads.past_views import HORIZON
from recon.reads.query import Query
from recon.web.addresses import case_address, event_address
from recon.web.screen import SIGNALS, Asked, NothingThere, Screen, View

_SQL: Final = (
    "SELECT s.* FROM recon_exact.signals AS s\n"
    "WHERE s.gateway = :gateway AND s.case_id = :case_id{then}\nORDER BY s.number"
)
_IS_CASE: Final = "SELECT 1 AS one FROM recon_exact.breaks WHERE gateway = :gateway AND case_id = :case_id LIMIT 1"
#: How each step is drawn.
_SHAPES: Final = {
    "sent": "sent",
    "held": "held",
    "silenced": "held",
    "limited": "held",
    "digested": "held",
    "grouped": "held",
    "acknowledged": "stop",
    "ended": "stop",
}


class WhyStep(msgspec.Struct, frozen=True):
    """A step: what happened, when, and what decided it."""

    shape: str
    heading: str
    at: datetime
    event: str | None
    seq: int | None
    rule: str
    delivered: Sequence[str]


def _read(source: Source, asked: Asked) -> View:
    start = asked.query.get("case", "")
    try:
        gateway, case_id = case_named(source, start, asked.query.get("gateway"))
    except ConfigError as error:
        raise NothingThere(str(error)) from error
    past = asked.as_of.is_past
    document = why_document(source, gateway, case_id, asked.as_of.horizon(asked.now), past=past)
    steps = document["steps"]
    # A gateway that is down has its alerts too, and no case to open.
    is_case = bool(Query(_IS_CASE, {"gateway": gateway, "case_id": case_id}).rows(source))
    return View(
        title=f"Who was told of {f'case {short_id(case_id)}' if is_case else case_id}, and why",
        sql=Query(
            _SQL.format(then=f" AND s.occurred_at <= {HORIZON}" if past else ""),
            {"gateway": gateway, "case_id": case_id, **asked.as_of.parameters},
        ).sql(),
        not_kept="how often a message had been tried by then, and why in vain.",
        values={
            "gateway": gateway,
            "case_id": case_id,
            "case": case_address(case_id) if is_case else None,
            "steps": [_step(gateway, step) for step in steps] if isinstance(steps, list) else [],
            "waiting": document["waiting"],
        },
    )


def _step(gateway: str, step: Row) -> WhyStep:
    kind, at, seq = str(step["step"]), step["at"], step["seq"]
    if not isinstance(at, datetime):
        raise TypeError("a step has no time")
    if kind == "signal":
        heading = WORDS.get(str(step["kind"]), str(step["kind"]))
        heading = heading[0].upper() + heading[1:]
    else:
        channel = f" on {step['channel']}" if step["channel"] else ""
        message = f" ({step['kind']})" if step["kind"] else ""
        heading = f"{HEADINGS.get(kind, kind)}{channel}{message}"
    number = int(str(seq)) if seq else None
    return WhyStep(
        shape=_SHAPES.get(kind, ""),
        heading=heading,
        at=at,
        event=event_address(gateway, number) if number and gateway else None,
        seq=number,
        rule=str(step["text"]),
        delivered=_delivered(step["delivery"]),
    )


def _delivered(delivery: object) -> list[str]:
    """Say how the delivery of a message is."""
    if not isinstance(delivery, Mapping):
        return []
    tries = "at the first try" if delivery["attempts"] == 1 else f"after {delivery['attempts']} attempts"
    state = str(delivery["state"])
    if state == "delivered":
        return [f"delivered {tries}"]
    error = f": {delivery['last_error']}" if delivery["last_error"] else ""
    return [f"given up {tries}{error}" if state == "failed" else f"{state}{error}"]


SCREEN: Final = Screen(
    name="alerts-why",
    path="/alerts/why",
    title="Who was told, and why",
    question="Who was told of this case, when, and what decided it?",
    template="alerts_why.html",
    read=_read,
    takes=("gateway", "case"),
    under="alerts",
    changes_with=SIGNALS,
)
