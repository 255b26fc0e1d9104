"""Appending decisions of people, and what the fold made of them.

1. All decisions of one person at one time are one transaction: every gateway's log has them, or none has.
2. An event holds the decision; its effect is derived by the fold. So the outcome is read from the books once they have
   folded the event: a new state, or the finding that refused it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import groupby
from typing import TYPE_CHECKING, Final
from uuid import uuid4

import msgspec
import psycopg

from recon.db.raw import driver_connection
from recon.db.source import Row, Source, query_rows
from recon.display.words import is_blank
from recon.errors import ConfigError, DecisionRefused, DocumentRefused
from recon.ledger.actor import Actor
from recon.log import submit
from recon.log.events import DECISION
from recon.log.hints import hint
from recon.reconciliation.breaks.decisions import parse_decision

if TYPE_CHECKING:
    from sqlalchemy import Connection

#: Prefix of the kinds of findings that refuse a decision.
_REFUSING: Final = "decision_"


class Decision(msgspec.Struct, frozen=True):
    """One decision for a gateway's log; the database adds the login."""

    gateway: str
    payload: Mapping[str, object]
    account: str | None = None


class Recorded(msgspec.Struct, frozen=True):
    """Log positions of the events recorded in one gateway's log."""

    gateway: str
    first_seq: int
    last_seq: int


def append_decisions(
    connection: Connection, decisions: Sequence[Decision], name: str | None, now: datetime
) -> list[Recorded]:
    """Append decisions in the caller's transaction; after its commit, `wake` whoever folds them.

    Errors: ConfigError where the ledger could not take it, DecisionRefused where this login may not decide it,
    AppendRefused.
    """
    raw, recorded = driver_connection(connection), []
    # Sorted by gateway, so that two people who decide at once cannot wait for each other in a circle.
    ordered = sorted(decisions, key=lambda decision: decision.gateway)
    try:
        for gateway, group in groupby(ordered, key=lambda decision: decision.gateway):
            ours = list(group)
            appended = submit.submit_decision(
                raw,
                gateway=gateway,
                writer=uuid4(),
                batch=1,
                now=now,
                kind=DECISION,
                payloads=[_payload_of(decision) for decision in ours],
                accounts=[decision.account for decision in ours],
                name=name,
            )
            recorded.append(Recorded(gateway, appended.first_seq, appended.last_seq))
    except psycopg.errors.InsufficientPrivilege as error:
        raise DecisionRefused(error.diag.message_primary or "this login may not decide that") from error
    return recorded


def wake(connection: Connection, recorded: Sequence[Recorded]) -> None:
    """Wake whoever folds the logs of what was recorded and committed."""
    hint(driver_connection(connection), (each.gateway for each in recorded))


def _payload_of(decision: Decision) -> bytes:
    """Return the payload to append, which the ledger can take. Errors: ConfigError."""
    for key, value in decision.payload.items():
        if any(isinstance(each, str) and is_blank(each) for each in (value if isinstance(value, list) else [value])):
            raise ConfigError(f"this decision cannot be recorded: {key} is blank")
    try:
        parse_decision(msgspec.json.encode({**decision.payload, "by": Actor("", authenticated=False)}))
    except DocumentRefused as error:
        raise ConfigError(f"this decision cannot be recorded: {error}") from None
    return msgspec.json.encode(decision.payload)


def are_folded(connection: Source, recorded: Sequence[Recorded]) -> bool:
    """Return whether the books hold what was recorded."""
    rows = query_rows(connection, "SELECT name, projected_seq FROM recon.gateways", {})
    heads = {row["name"]: int(str(row["projected_seq"])) for row in rows}
    return all(heads.get(each.gateway, 0) >= each.last_seq for each in recorded)


def findings_at(connection: Source, recorded: Sequence[Recorded]) -> list[Row]:
    """Return the findings at the recorded events, in their order: gateway, seq, kind, about, message."""
    return [
        row
        for each in recorded
        for row in query_rows(
            connection,
            "SELECT gateway, seq, kind, about, message FROM recon.findings"
            " WHERE gateway = :gateway AND seq BETWEEN :first AND :last ORDER BY seq, number",
            {"gateway": each.gateway, "first": each.first_seq, "last": each.last_seq},
        )
    ]


def refusals(findings: Sequence[Row]) -> list[Row]:
    """Return the findings by which the fold refused a decision."""
    return [row for row in findings if str(row["kind"]).startswith(_REFUSING)]


def raise_refusals(findings: Sequence[Row]) -> None:
    """Raise DecisionRefused with each reason once, where the fold refused a decision."""
    refused = refusals(findings)
    if refused:
        raise DecisionRefused("\n".join(dict.fromkeys(str(row["message"]) for row in refused)))
