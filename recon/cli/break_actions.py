"""Taking a step on breaks: which ones, whether that is meant, the events, and what came of them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from itertools import groupby
from typing import Final, TypeAlias

import msgspec
import typer
from sqlalchemy import Connection

from recon.cli import break_selection
from recon.cli.break_selection import SHORT, Chosen, Wanted
from recon.cli.connection import deciding
from recon.cli.output import Column, Row, note, print_json, print_table, write
from recon.cli.queries import rows_of
from recon.cli.recording import (
    NOT_FOLDED,
    Answering,
    Decision,
    Recorded,
    check_digest,
    folded,
    found,
    raise_refusals,
    record,
    refusals,
)
from recon.errors import ConfigError
from recon.exact import plain
from recon.reconciliation.breaks.decisions import joint_digest
from recon.reconciliation.model.lifecycle import PersonStep

#: What a decision says beside who, what and which breaks.
Payload: TypeAlias = Mapping[str, object]

_OUTCOME: Final = [
    Column(key) for key in ("gateway", "id", "account", "unit", "amount", "step", "was", "state", "seq", "outcome")
]


class Meant(msgspec.Struct, frozen=True):
    """The breaks that a step is meant for, and how to answer."""

    answering: Answering
    wanted: Wanted
    #: Whether a filter needs no confirmation.
    yes: bool


def given_keys(**keys: str | None) -> dict[str, object]:
    """Return the keys that were given."""
    return {key: value for key, value in keys.items() if value is not None}


def act(meant: Meant, step: PersonStep, payload: Payload | Callable[[Sequence[Chosen]], Payload]) -> None:
    """Take a step on the breaks that are meant; a payload may be made of them, for each gateway.

    Errors: ConfigError, DecisionRefused, AppendRefused, DatabaseError.
    """
    with deciding(meant.answering.settings, f"break {step}") as connection:
        chosen = break_selection.choose(connection, meant.wanted, step)
        if meant.wanted.filtered and not meant.yes:
            connection.rollback()  # no transaction waits for a person
            _confirm(step, chosen)
        _finish(connection, meant.answering, step, chosen, _decisions(step, payload, chosen))


def _confirm(step: str, chosen: Sequence[Chosen]) -> None:
    """Ask whether the breaks that a filter came to are meant."""
    known = [abs(each.amount_usd) for each in chosen if each.amount_usd is not None]
    worth = f"about {plain(sum(known, Decimal(0)).quantize(Decimal(1)))} USD" if known else "of unknown worth"
    unknown = len(chosen) - len(known)
    also = f", {unknown} of unknown worth" if known and unknown else ""
    what = f"{step} {len(chosen)} breaks of {len({each.case_id for each in chosen})} cases ({worth}{also})"
    if not sys.stdin.isatty():
        raise ConfigError(f"this would {what}; say --yes if that is meant")
    if not typer.confirm(f"{what}?", err=True):
        note("nothing was done")
        raise typer.Exit(1)


def _decisions(
    step: PersonStep, payload: Payload | Callable[[Sequence[Chosen]], Payload], chosen: Sequence[Chosen]
) -> list[Decision]:
    """Make the events: one for each gateway."""
    made: list[Decision] = []
    for gateway, group in groupby(chosen, key=lambda known: known.gateway):
        ours = list(group)
        accounts = {known.account for known in ours}
        said = payload(ours) if callable(payload) else payload
        named = {"action": step, "breaks": [known.id for known in ours], **said}
        made.append(Decision(gateway, named, accounts.pop() if len(accounts) == 1 else None))
    return made


def rule(given: Answering, step: PersonStep, start: str, text: str | None) -> None:
    """Approve or reject the one proposal whose digest begins so. Errors: as `act`."""
    with deciding(given.settings, f"break {step}") as connection:
        digest, ids = _proposal(connection, start)
        chosen = break_selection.some_that_allow(break_selection.by_ids(connection, ids), step, "of the proposal")
        payload = {"digest": digest, **given_keys(text=text)}
        _finish(connection, given, step, chosen, _decisions(step, payload, chosen))


def _proposal(connection: Connection, start: str) -> tuple[str, list[str]]:
    """Return the whole digest of what waits for approval, and the breaks that it is about.

    It is one break's proposal, or all that one decision proposed and that still waits. Errors: ConfigError where
    nothing that waits has such a digest, or several have.
    """
    start = check_digest(start)
    waiting = rows_of(
        connection,
        "SELECT gateway, id, proposal ->> 'digest' AS digest, proposal ->> 'seq' AS seq FROM recon.breaks"
        " WHERE state = 'proposed' ORDER BY gateway, opened_at, id",
        {},
    )
    meant: dict[str, list[str]] = {}
    for key in ("id", "seq"):
        together: dict[tuple[str, str], list[Row]] = {}
        for row in waiting:
            together.setdefault((str(row["gateway"]), str(row[key])), []).append(row)
        for rows in together.values():
            digest = joint_digest([str(row["digest"]) for row in rows])
            if digest.startswith(start):
                meant[digest] = [str(row["id"]) for row in rows]
    if not meant:
        raise ConfigError(
            f"nothing that waits for approval has a digest that begins with {start!r}: it was decided, or a break of it"
            " has changed and must be proposed anew; see `recon break show`"
        )
    if len(meant) > 1:
        raise ConfigError(f"{start!r} is the beginning of several digests: {', '.join(sorted(meant))}")
    return meant.popitem()


def _finish(
    connection: Connection, given: Answering, step: PersonStep, chosen: Sequence[Chosen], decisions: Sequence[Decision]
) -> None:
    """Record the decisions and print what came of them. Errors: DecisionRefused, where the fold refused any too."""
    recorded = record(connection, decisions, given.name)
    passed = folded(connection, recorded, wait=given.wait)
    refused = refusals(found(connection, recorded)) if passed else []
    rows = _outcomes(connection, step, chosen, recorded, refused, passed=passed)
    digests = list(dict.fromkeys(str(each.payload["digest"]) for each in decisions if "digest" in each.payload))
    if step == "accept" and passed:
        digests = _asked(connection, recorded)
    if given.json:
        print_json({"step": step, "folded": passed, "digests": digests, "breaks": rows})
    else:
        print_table(rows, _OUTCOME)
        if step in {"propose", "accept"} and not refused:
            write("".join(f"digest {digest}: recon break approve {digest[:SHORT]}\n" for digest in digests))
    raise_refusals(refused)


def _asked(connection: Connection, recorded: Sequence[Recorded]) -> list[str]:
    """Return the digests of acceptances that wait for a second person, because they are material."""
    waiting = "SELECT proposal ->> 'digest' AS digest FROM recon.breaks WHERE gateway = :gateway AND state = 'proposed'"
    digests: list[str] = []
    for each in recorded:
        rows = rows_of(
            connection,
            f"{waiting} AND (proposal ->> 'seq')::bigint BETWEEN :first AND :last",
            {"gateway": each.gateway, "first": each.first_seq, "last": each.last_seq},
        )
        if rows:
            digests.append(joint_digest([str(row["digest"]) for row in rows]))
    return digests


def _outcomes(
    connection: Connection,
    step: str,
    chosen: Sequence[Chosen],
    recorded: Sequence[Recorded],
    refused: Sequence[Row],
    *,
    passed: bool,
) -> list[Row]:
    """Return what became of each break: its state before and now, and the reason that the history gives."""
    states = {known.id: known.state for known in break_selection.by_ids(connection, [known.id for known in chosen])}
    told: dict[str, str] = {}
    for each in recorded:
        for row in rows_of(
            connection,
            "SELECT id, reason FROM recon.break_history WHERE gateway = :gateway AND seq BETWEEN :first AND :last"
            " ORDER BY seq, number",
            {"gateway": each.gateway, "first": each.first_seq, "last": each.last_seq},
        ):
            told[str(row["id"])] = str(row["reason"])
    told |= {str(row["about"]): f"refused: {row['message']}" for row in refused}
    places = {each.gateway: each.last_seq for each in recorded}
    return [
        {
            "gateway": known.gateway,
            "id": known.id,
            "account": known.account,
            "unit": known.unit,
            "amount": known.amount,
            "step": step,
            "was": known.state,
            "state": states.get(known.id) if passed else None,
            "seq": places[known.gateway],
            "outcome": told.get(known.id) if passed else NOT_FOLDED,
        }
        for known in chosen
    ]
