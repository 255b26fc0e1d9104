"""Recording decisions of people, and reading their outcome.

1. All events of one command are one transaction: every gateway's log has them, or none has.
2. An event holds the decision; its effect is derived by the fold. So the outcome is read from the books once they have
   folded the event: a new state, or the finding that refused it.
3. Without a running service the decision is recorded too, and takes effect when the log is folded.
"""

from __future__ import annotations

import getpass
import time
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Annotated, Final
from uuid import uuid4

import msgspec
import psycopg
import typer
from sqlalchemy import Connection

from recon.cli.options import Config, Json, settings_of
from recon.cli.output import Column, Row, note, print_json, safe
from recon.cli.queries import query_rows, sees_service, service_parts
from recon.cli.table import print_table
from recon.clock import utc_now
from recon.config import Settings
from recon.db.embedded.cluster import pause
from recon.db.raw import driver_connection
from recon.errors import ConfigError, DecisionRefused, DocumentRefused
from recon.ledger.actor import Actor
from recon.log import submit
from recon.log.events import DECISION
from recon.log.hints import hint
from recon.reconciliation.breaks.decisions import parse_decision

#: Longest wait of a command until its events are folded, in seconds.
WAIT_SECONDS: Final = 10.0

#: Prefix of the kinds of findings that refuse a decision.
_REFUSING: Final = "decision_"

#: The outcome of an event that is recorded while no service folds the log.
NOT_FOLDED: Final = "recorded, not folded yet"
#: Fewest characters that identify a digest: a decision binds to what the digest covers.
MIN_DIGEST: Final = 8

Name = Annotated[
    str | None,
    typer.Option(
        metavar="WHO",
        help="Your name, where the database login is shared (default: the account of this machine); only a claim.",
    ),
]
Wait = Annotated[bool, typer.Option("--wait/--no-wait", help="Wait until the event is folded, at most 10 s.")]
Text = Annotated[str | None, typer.Option(metavar="TEXT", help="The reason, kept in the history.")]
Reason = Annotated[str, typer.Option("--text", metavar="TEXT", help="The reason, kept in the history.")]


class DecisionOptions(msgspec.Struct, frozen=True):
    """Options of every command that records a decision: settings, name, whether to wait, and JSON."""

    settings: Settings
    name: str | None
    wait: bool
    json: bool


def decision_options(
    *, config: Config = None, name: Name = None, wait: Wait = True, json: Json = False
) -> DecisionOptions:
    """Read the options of every command that records a decision (for `with_options`)."""
    return DecisionOptions(settings_of(config), name, wait, json)


def check_digest(digest: str) -> str:
    """Return the start of a digest in lower case. Errors: ConfigError where it is too short."""
    if len(digest) < MIN_DIGEST:
        raise ConfigError(f"{digest!r} is too short: give at least {MIN_DIGEST} characters of the digest")
    return digest.lower()


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


def record(connection: Connection, decisions: Sequence[Decision], name: str | None) -> list[Recorded]:
    """Append decisions and commit.

    Errors: ConfigError where the ledger could not take it, DecisionRefused where this login may not decide it,
    AppendRefused.
    """
    if not connection.in_transaction():
        connection.begin()
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
                now=utc_now(),
                kind=DECISION,
                payloads=[_payload_of(decision) for decision in ours],
                accounts=[decision.account for decision in ours],
                name=name or account_name(),
            )
            recorded.append(Recorded(gateway, appended.first_seq, appended.last_seq))
    except psycopg.errors.InsufficientPrivilege as error:
        raise DecisionRefused(error.diag.message_primary or "this login may not decide that") from error
    connection.commit()
    hint(raw, (each.gateway for each in recorded))
    note_shared_login(connection, recorded)
    return recorded


def note_shared_login(connection: Connection, recorded: Sequence[Recorded]) -> None:
    """Say on stderr where nobody was authenticated: the login is shared, and the name with it is only a claim."""
    if not recorded:
        return
    (row,) = query_rows(
        connection,
        "SELECT payload -> 'by' ->> 'login' AS login, payload -> 'by' ->> 'name' AS name,"
        " payload -> 'by' ->> 'authenticated' AS authenticated"
        " FROM recon.events WHERE gateway = :gateway AND seq = :seq",
        {"gateway": recorded[0].gateway, "seq": recorded[0].first_seq},
    )
    if row["authenticated"] != "true":
        claim = f"the name {safe(str(row['name']))} is only a claim" if row["name"] else "no name is known"
        note(
            f"recorded without authentication: {row['login']} is a shared login, and {claim}; "
            "set [database] operator_url to a login of your own"
        )


def _payload_of(decision: Decision) -> bytes:
    """Return the payload to append, which the ledger can take. Errors: ConfigError."""
    try:
        parse_decision(msgspec.json.encode({**decision.payload, "by": Actor("", authenticated=False)}))
    except DocumentRefused as error:
        raise ConfigError(f"this decision cannot be recorded: {error}") from None
    return msgspec.json.encode(decision.payload)


def account_name() -> str | None:
    """Return the account of this machine; under a shared database login it is the only name there is."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return None


def wait_until_folded(connection: Connection, recorded: Sequence[Recorded], *, wait: bool) -> bool:
    """Wait until the events are folded; False, with a note on stderr, where they are not."""
    where = ", ".join(f"event {each.last_seq} of {each.gateway}" for each in recorded)
    until = time.monotonic() + (WAIT_SECONDS if wait else 0.0)
    while not _has_folded(connection, recorded):
        if wait and not _service_runs(connection):
            note(f"recorded as {where}; no service is running, so it takes effect when one starts")
            return False
        if time.monotonic() >= until:
            late = f" within {WAIT_SECONDS:.0f} s" if wait else ""
            note(f"recorded as {where}; it is not folded yet{late}; see `recon status`")
            return False
        pause()
    return True


def _has_folded(connection: Connection, recorded: Sequence[Recorded]) -> bool:
    connection.rollback()  # begin a new transaction: the last one read older books
    rows = query_rows(connection, "SELECT name, projected_seq FROM recon.gateways", {})
    heads = {row["name"]: int(str(row["projected_seq"])) for row in rows}
    return all(heads.get(each.gateway, 0) >= each.last_seq for each in recorded)


def _service_runs(connection: Connection) -> bool:
    """True if a service runs, or this login may not read whether one does."""
    return not sees_service(connection) or any(
        part["state"] not in {"gone", "stopped"} for part in service_parts(connection)
    )


def findings_at(connection: Connection, recorded: Sequence[Recorded]) -> list[Row]:
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


def decide_one(
    connection: Connection, options: DecisionOptions, decision: Decision, shown: Row, columns: Sequence[Column]
) -> None:
    """Record one decision and print its outcome. Errors: DecisionRefused, also where the fold refused it."""
    recorded = record(connection, [decision], options.name)
    passed = wait_until_folded(connection, recorded, wait=options.wait)
    findings = findings_at(connection, recorded) if passed else []
    outcome = "; ".join(str(row["message"]) for row in findings) if passed else NOT_FOLDED
    row = {**shown, "seq": recorded[0].last_seq, "outcome": outcome}
    if options.json:
        print_json({**row, "folded": passed})
    else:
        print_table([row], columns)
    raise_refusals(findings)
