"""Recording what people decide, and telling what came of it.

1. All events of one command are one transaction: every gateway's log has them, or none has.
2. An event says what was decided; what follows is derived by the fold. So the outcome is read from the books, once they
   have passed the event: a new state, or the finding that refused it.
3. Without a running service the decision is recorded all the same, and takes effect when the log is folded.
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
from recon.cli.output import Column, Row, note, print_json, print_table
from recon.cli.queries import rows_of, sees_service, service
from recon.clock import utc_now
from recon.config import Settings
from recon.db.embedded.cluster import pause
from recon.db.raw import driver_connection
from recon.errors import ConfigError, DecisionRefused
from recon.log import submit
from recon.log.events import DECISION

#: How long a command waits until the books have passed its events, in seconds.
WAIT_SECONDS: Final = 10.0

#: Findings about decisions say that they were refused, and why.
_REFUSING: Final = "decision_"

#: The outcome of what was recorded while nobody folds the log.
NOT_FOLDED: Final = "recorded, not folded yet"
#: Fewest characters of a digest that name it: a decision binds to what it names.
MIN_DIGEST: Final = 8

Name = Annotated[
    str | None,
    typer.Option(
        metavar="WHO",
        help="Who decides, if the database login is shared (default: this machine's account); only a claim.",
    ),
]
Wait = Annotated[bool, typer.Option("--wait/--no-wait", help="Wait until the books have passed it, at most 10 s.")]
Text = Annotated[str | None, typer.Option(metavar="TEXT", help="Why, for whoever reads the history.")]
Reason = Annotated[str, typer.Option("--text", metavar="TEXT", help="Why, for whoever reads the history.")]


class Answering(msgspec.Struct, frozen=True):
    """Where to decide, who does, and how to answer."""

    settings: Settings
    name: str | None
    wait: bool
    json: bool


def answering(*, config: Config = None, name: Name = None, wait: Wait = True, json: Json = False) -> Answering:
    """Read the options that every deciding command has (for `sharing`)."""
    return Answering(settings_of(config), name, wait, json)


def check_digest(given: str) -> str:
    """Return the beginning of a digest as digests are written. Errors: ConfigError where it is too short."""
    if len(given) < MIN_DIGEST:
        raise ConfigError(f"{given!r} is too short: give at least {MIN_DIGEST} characters of the digest")
    return given.lower()


class Decision(msgspec.Struct, frozen=True):
    """One decision on its way into a gateway's log; the database adds who decided it."""

    gateway: str
    payload: Mapping[str, object]
    account: str | None = None


class Recorded(msgspec.Struct, frozen=True):
    """Where the decisions of one gateway landed in its log."""

    gateway: str
    first_seq: int
    last_seq: int


def record(connection: Connection, decisions: Sequence[Decision], name: str | None) -> list[Recorded]:
    """Append decisions and commit. Errors: DecisionRefused where the database wants another person, AppendRefused."""
    if not connection.in_transaction():
        connection.begin()
    raw, landed = driver_connection(connection), []
    # In one order of gateways, so that two people deciding at once wait for each other and never in a circle.
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
                payloads=[msgspec.json.encode(decision.payload) for decision in ours],
                accounts=[decision.account for decision in ours],
                name=name or account_name(),
            )
            landed.append(Recorded(gateway, appended.first_seq, appended.last_seq))
    except psycopg.errors.InsufficientPrivilege as error:
        raise DecisionRefused(error.diag.message_primary or "this login may not decide that") from error
    connection.commit()
    return landed


def account_name() -> str | None:
    """Return who is logged in to this machine: under a shared login of the database better than nobody."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return None


def folded(connection: Connection, recorded: Sequence[Recorded], *, wait: bool) -> bool:
    """Wait until the books have passed the events; False, with a word to the person, where they have not."""
    where = ", ".join(f"event {each.last_seq} of {each.gateway}" for each in recorded)
    until = time.monotonic() + (WAIT_SECONDS if wait else 0.0)
    while not _passed(connection, recorded):
        if wait and not _served(connection):
            note(f"recorded as {where}; no service is running: it takes effect once one has folded the log")
            return False
        if time.monotonic() >= until:
            late = f" within {WAIT_SECONDS:.0f} s" if wait else ""
            note(f"recorded as {where}; the books have not passed it yet{late}: see `recon status`")
            return False
        pause()
    return True


def _passed(connection: Connection, recorded: Sequence[Recorded]) -> bool:
    connection.rollback()  # what was read before is no longer of interest, nor is its transaction
    rows = rows_of(connection, "SELECT name, projected_seq FROM recon.gateways", {})
    heads = {row["name"]: int(str(row["projected_seq"])) for row in rows}
    return all(heads.get(each.gateway, 0) >= each.last_seq for each in recorded)


def _served(connection: Connection) -> bool:
    """Tell whether a service may be at work; a login that may not see the services' signs of life waits."""
    return not sees_service(connection) or any(part["state"] not in {"gone", "stopped"} for part in service(connection))


def found(connection: Connection, recorded: Sequence[Recorded]) -> list[Row]:
    """Return what the fold found at the decisions, in their order: gateway, seq, kind, about, message."""
    return [
        row
        for each in recorded
        for row in rows_of(
            connection,
            "SELECT gateway, seq, kind, about, message FROM recon.findings"
            " WHERE gateway = :gateway AND seq BETWEEN :first AND :last ORDER BY seq, number",
            {"gateway": each.gateway, "first": each.first_seq, "last": each.last_seq},
        )
    ]


def refusals(findings: Sequence[Row]) -> list[Row]:
    """Return those by which the fold refused a decision."""
    return [row for row in findings if str(row["kind"]).startswith(_REFUSING)]


def raise_refusals(findings: Sequence[Row]) -> None:
    """Say what the fold refused, each reason once. Errors: DecisionRefused where it refused any."""
    refused = refusals(findings)
    if refused:
        raise DecisionRefused("\n".join(dict.fromkeys(str(row["message"]) for row in refused)))


def decide_one(
    connection: Connection, given: Answering, decision: Decision, shown: Row, columns: Sequence[Column]
) -> None:
    """Record one decision and print what came of it. Errors: DecisionRefused, where the fold refused it too."""
    recorded = record(connection, [decision], given.name)
    passed = folded(connection, recorded, wait=given.wait)
    findings = found(connection, recorded) if passed else []
    outcome = "; ".join(str(row["message"]) for row in findings) if passed else NOT_FOLDED
    row = {**shown, "seq": recorded[0].last_seq, "outcome": outcome}
    if given.json:
        print_json({**row, "folded": passed})
    else:
        print_table([row], columns)
    raise_refusals(findings)
