"""Recording decisions of people, and reading their outcome.

Without a running service a decision is recorded too, and takes effect when the log is folded.
"""

from __future__ import annotations

import getpass
import time
from collections.abc import Mapping, Sequence
from typing import Annotated, Final

import msgspec
import typer
from sqlalchemy import Connection

from recon.cli.options import Config, Json, settings_of
from recon.cli.output import Column, Row, note, print_json
from recon.cli.queries import sees_service, service_parts
from recon.cli.table import print_table
from recon.clock import utc_now
from recon.config import Settings
from recon.db.embedded.cluster import pause
from recon.db.source import query_rows
from recon.deciding.recording import Decision, Recorded, append_decisions, are_folded, findings_at, raise_refusals, wake
from recon.deciding.steps import NOT_FOLDED
from recon.display.words import safe
from recon.errors import ConfigError

#: Longest wait of a command until its events are folded, in seconds.
WAIT_SECONDS: Final = 10.0
#: Fewest characters that identify a digest: a decision binds to what the digest covers.
MIN_DIGEST: Final = 8

#: What stands in a printed command for words of the person who copies it.
PLACEHOLDERS: Final = frozenset({"WHO", "WHY", "TEXT", "REASON"})

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


def record(connection: Connection, decisions: Sequence[Decision], name: str | None) -> list[Recorded]:
    """Append decisions, commit, and say where nobody was authenticated.

    Errors: ConfigError where a command was copied without its words replaced, else as `append_decisions`.
    """
    for decision in decisions:
        _refuse_placeholders(decision.payload)
    if not connection.in_transaction():
        connection.begin()
    recorded = append_decisions(connection, decisions, name or account_name(), utc_now())
    connection.commit()
    wake(connection, recorded)
    note_shared_login(connection, recorded)
    return recorded


def _refuse_placeholders(payload: Mapping[str, object]) -> None:
    for value in payload.values():
        for each in value if isinstance(value, list) else (value,):
            if isinstance(each, str) and each in PLACEHOLDERS:
                raise ConfigError(f"{each} stands for words of your own: write them in its place")


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
    while not _are_folded_now(connection, recorded):
        if wait and not _service_runs(connection):
            note(f"recorded as {where}; no service is running, so it takes effect when one starts")
            return False
        if time.monotonic() >= until:
            late = f" within {WAIT_SECONDS:.0f} s" if wait else ""
            note(f"recorded as {where}; it is not folded yet{late}; see `recon status`")
            return False
        pause()
    return True


def _are_folded_now(connection: Connection, recorded: Sequence[Recorded]) -> bool:
    connection.rollback()  # begin a new transaction: the last one read older books
    return are_folded(connection, recorded)


def _service_runs(connection: Connection) -> bool:
    """True if a service runs, or this login may not read whether one does."""
    return not sees_service(connection) or any(
        part["state"] not in {"gone", "stopped"} for part in service_parts(connection)
    )


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
