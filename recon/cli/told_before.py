"""Whether a fact was told before under its id, so that telling it again without a time is the same fact again.

A fact's time is part of its content (semantics 10.3). Told without one, it would get the time of the telling, and
the same words twice would be two contents under one id.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Final

import msgspec

from recon.cli.output import note
from recon.cli.waiting_facts import approval_command, waiting_groups
from recon.db.source import Source, query_rows
from recon.errors import DocumentRefused
from recon.ledger.facts.external_fact import ExternalFact, parse_fact
from recon.ledger.facts.waiting import content_digest

#: Text of both times: that of a waiting fact is as its payload has it.
_TOLD: Final = """
SELECT digest, CAST(occurred_at AS text) AS occurred_at FROM recon_exact.facts
 WHERE gateway = :gateway AND account = :account AND external_id = :id
UNION ALL
SELECT digest, occurred_at FROM recon_exact.waiting_facts
 WHERE gateway = :gateway AND account = :account AND external_id = :id"""
_NOT_FOLDED: Final = """
SELECT e.raw FROM recon.events AS e JOIN recon.gateways AS g ON g.name = e.gateway
 WHERE e.gateway = :gateway AND e.seq > g.projected_seq AND e.kind = 'fact' AND e.account = :account ORDER BY e.seq"""
_SAME: Final = """
SELECT seq FROM recon_exact.waiting_facts
 WHERE gateway = :gateway AND account = :account AND external_id = :id AND digest = :digest ORDER BY seq LIMIT 1"""


def time_of_same(connection: Source, gateway: str, fact: ExternalFact) -> datetime | None:
    """Return when the same fact happened that was told before under this id: all but the time is equal.

    None: there is none, or what was told differs in more than the time.
    """
    for at, digest in _told(connection, gateway, fact):
        if content_digest(msgspec.structs.replace(fact, occurred_at=at)) == digest:
            return at
    return None


def _told(connection: Source, gateway: str, fact: ExternalFact) -> Iterator[tuple[datetime, str]]:
    """Yield time and digest of all that was told under the id of a fact: booked, waiting, or not folded yet."""
    given = {"gateway": gateway, "account": fact.account}
    for row in query_rows(connection, _TOLD, {**given, "id": fact.external_id}):
        yield datetime.fromisoformat(str(row["occurred_at"])), str(row["digest"])
    for row in query_rows(connection, _NOT_FOLDED, given):
        try:
            told = parse_fact(bytes(row["raw"]))  # type: ignore[call-overload]  # a column of bytes
        except DocumentRefused:
            continue
        if told.external_id == fact.external_id:
            yield told.occurred_at, content_digest(told)


def note_waits_already(connection: Source, gateway: str, fact: ExternalFact) -> int | None:
    """Say that a fact told again waits already; return the log position at which it was told, None if none waits."""
    known = {"gateway": gateway, "account": fact.account, "id": fact.external_id, "digest": content_digest(fact)}
    for row in query_rows(connection, _SAME, known):
        seq = int(str(row["seq"]))
        note(f"recorded before, as event {seq}: it waits for a second person already, and nothing changed")
        for group in waiting_groups(connection, gateway):
            if any(seq == waiting for waiting, _ in group.facts):
                note(f"a second person runs: {approval_command(group.digest)}")
        return seq
    return None
