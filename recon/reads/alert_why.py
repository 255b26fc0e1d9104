"""Who was told of a case, and why, step by step, derived again from what was stored."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Final

from recon.alerts.policy.history import replay
from recon.alerts.policy.model import Step
from recon.db.source import Row, Source, query_rows
from recon.display.figures import figure
from recon.errors import ConfigError
from recon.reads.alert_history import given_since, signals_of_case

#: Most subjects that are named when an id fits several.
MAX_NAMED: Final = 5

_CASES: Final = """
    SELECT DISTINCT gateway, case_id FROM recon_exact.signals
    WHERE (starts_with(subject, :id) OR starts_with(case_id, :id) OR starts_with(id, :id))
      AND (CAST(:gateway AS text) IS NULL OR gateway = :gateway)
    ORDER BY gateway, case_id LIMIT :limit
"""
_PENDING: Final = """
    SELECT gateway, case_id FROM recon_exact.breaks WHERE starts_with(id, :id) OR starts_with(case_id, :id) LIMIT 1
"""
#: What a step says, as a heading; and what happened, in words.
HEADINGS: Final[Mapping[str, str]] = {
    "grouped": "Grouped",
    "silenced": "Silenced",
    "held": "Held",
    "limited": "Limited",
    "sent": "Sent",
    "digested": "For the digest",
    "not_routed": "Not told: no route",
    "not_material": "Not told again",
    "acknowledged": "Acknowledged",
    "ended": "Ended",
}
WORDS: Final[Mapping[str, str]] = {
    "fires": "it fired",
    "again": "it fired again",
    "moves": "it moved",
    "taken_up": "somebody took it up",
    "wants_approval": "a second person is wanted",
    "ends": "it ended",
    "tells": "it happened",
}
_DELIVERIES: Final = """
    SELECT channel, id, kind, state, attempts, at, delivered_at, failed_at, next_attempt_at, last_error
    FROM recon.deliveries WHERE id = ANY(:ids)
"""


def case_named(connection: Source, start: str, gateway: str | None = None) -> tuple[str, str]:
    """Return gateway and case of the break, case, condition or signal that begins so, of one gateway or of any.

    Errors: ConfigError where there is none, or several.
    """
    found = query_rows(connection, _CASES, {"id": start, "gateway": gateway, "limit": MAX_NAMED + 1})
    if len(found) > 1:
        named = ", ".join(f"{row['case_id']} of {row['gateway']}" for row in found[:MAX_NAMED])
        more = ", …" if len(found) > MAX_NAMED else ""
        raise ConfigError(f"{start!r} fits several cases: {named}{more}; give more of the id, or --gateway")
    if found:
        return str(found[0]["gateway"]), str(found[0]["case_id"])
    if query_rows(connection, _PENDING, {"id": start}):
        raise ConfigError(f"no signal of {start!r} is stored: what it was told of is longer ago than is kept")
    raise ConfigError(f"nothing that was ever told begins with {start!r}; see `recon alerts list`")


def why_document(connection: Source, gateway: str, case_id: str, now: datetime, *, past: bool = False) -> Row:
    """Return for a program what happened to a case, and what the policy did, in the order of time.

    `past`: `now` is a past time, and what happened after it is left out.
    """
    signals = signals_of_case(connection, gateway, case_id)
    if past:
        signals = [_signal_then(row, now) for row in signals if _is_by(row["occurred_at"], now)]
    routed = [row["routed_at"] for row in signals if isinstance(row["routed_at"], datetime)]
    steps = _steps(connection, gateway, case_id, min(routed), now) if routed else []
    ids = sorted({step.message for step in steps if step.message is not None})
    deliveries = {(row["channel"], row["id"]): row for row in query_rows(connection, _DELIVERIES, {"ids": ids})}
    if past:
        steps = [step for step in steps if step.at <= now]
        deliveries = {key: _delivery_then(row, now) for key, row in deliveries.items()}
    shown = [_signal_row(row) for row in signals]
    shown += [_step_row(step, deliveries.get((step.channel, step.message))) for step in steps]
    # What happened comes before what was done about it.
    ordered = sorted(shown, key=lambda row: (_millisecond(row["at"]), row["step"] != "signal"))
    return {"gateway": gateway, "case_id": case_id, "waiting": len(signals) - len(routed), "steps": ordered}


def _is_by(at: object, then: datetime) -> bool:
    return isinstance(at, datetime) and at <= then


def _signal_then(row: Row, then: datetime) -> Row:
    """Return a signal as it was: the policy may have taken it later."""
    return row if _is_by(row["routed_at"], then) else {**row, "routed_at": None}


def _delivery_then(row: Row, then: datetime) -> Row:
    """Return a delivery as it was; how often it had been tried, and why in vain, is not kept."""
    if _is_by(row["delivered_at"], then) or _is_by(row["failed_at"], then):
        return row
    return {**row, "state": "waiting", "attempts": 0, "last_error": None}


def _millisecond(at: object) -> datetime:
    """Return a time as it is shown: what happened in one millisecond is in one line of time."""
    if not isinstance(at, datetime):
        raise TypeError("a step has no time")
    return at.replace(microsecond=at.microsecond // 1000 * 1000)


def _steps(connection: Source, gateway: str, case_id: str, since: datetime, now: datetime) -> list[Step]:
    given = given_since(connection, since)
    return [
        step
        for decision in replay(given.history, now, given.state)
        for step in decision.steps
        if (step.gateway, step.case_id) == (gateway, case_id)
    ]


def _signal_row(row: Row) -> dict[str, object]:
    amount = figure(row["amount"], signed=True).text if isinstance(row["amount"], Decimal) else ""
    where = " ".join(str(part) for part in (row["account"], amount, row["unit"]) if part)
    cause = f", {row['cause']}" if row["cause"] else ""
    who = f", by {row['actor']}" if row["actor"] else ""
    at = row["routed_at"] or row["occurred_at"]
    return {
        "at": at,
        "step": "signal",
        "kind": row["kind"],
        "channel": "",
        "text": f"{row['event']}: {where or row['detail'] or row['subject']}{cause}{who}",
        "seq": row["seq"],
        "occurred_at": row["occurred_at"],
        "message": None,
        "delivery": None,
    }


def _step_row(step: Step, delivery: Row | None) -> dict[str, object]:
    return {
        "at": step.at,
        "step": step.kind,
        "kind": None if delivery is None else delivery["kind"],
        "channel": step.channel,
        "text": step.reason,
        "seq": None,
        "occurred_at": None,
        "message": step.message,
        "delivery": delivery,
    }
