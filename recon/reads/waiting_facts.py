"""Facts that wait for a second person, as people decide on them: a file as a whole, any other fact alone.

The digest of a group covers every fact in it, so a decision binds to what was shown (semantics 10.7).
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from itertools import groupby
from typing import Final

import msgspec

from recon.db.source import Row, Source, query_rows
from recon.exact import ZERO

_WAITING: Final = """
    SELECT * FROM recon_exact.waiting_facts AS w
    WHERE CAST(:gateway AS text) IS NULL OR w.gateway = :gateway ORDER BY w.gateway, w.seq
"""
#: Characters of a digest that a person types.
SHORT: Final = 10
#: Most facts in one decision.
MAX_DECIDED: Final = 500


class WaitingGroup(msgspec.Struct, frozen=True):
    """Facts that are decided on together: those of one file and login, or a single one."""

    gateway: str
    digest: str
    #: Log position and content digest of each fact.
    facts: list[tuple[int, str]]
    shown: Row


def waiting_groups(connection: Source, gateway: str | None = None) -> list[WaitingGroup]:
    """Return what waits, oldest first, of one gateway or of all."""
    rows = query_rows(connection, _WAITING, {"gateway": gateway})
    groups: list[WaitingGroup] = []
    for name, of_gateway in groupby(rows, key=lambda row: str(row["gateway"])):
        for _, members in groupby(sorted(of_gateway, key=_group_key), key=_group_key):
            groups.append(_group(name, list(members)))
    return sorted(groups, key=lambda group: (group.gateway, group.facts[0]))


def approval_command(digest: str) -> str:
    """Return the command by which a second person approves what has this digest."""
    return f"recon facts approve {digest[:SHORT]}"


def _group_key(row: Row) -> tuple[str, str]:
    """Return the same key for facts that are decided on together."""
    file = row["file_digest"]
    return (str(row["login"]), f"file {file}") if file is not None else ("", f"fact {int(str(row['seq'])):020}")


def _group(gateway: str, members: Sequence[Row]) -> WaitingGroup:
    from recon.ledger.facts.waiting import facts_digest  # noqa: PLC0415 - `recon status` starts without the ledger

    facts = [(int(str(row["seq"])), str(row["digest"])) for row in members]
    first, digest = members[0], facts_digest(facts)
    values = [Decimal(str(row["usd"])) for row in members if row["usd"] is not None]
    alone = f"{first['fact']} {first['amount']} {first['unit']}"
    teller = str(first["login"])
    if not first["authenticated"]:
        teller = f"{first['name'] or 'somebody'} (login {teller})"
    shown: dict[str, object] = {
        "gateway": gateway,
        "digest": digest,
        "account": ", ".join(sorted({str(row["account"]) for row in members})),
        "facts": len(facts),
        "what": alone if first["file_digest"] is None else first["source"],
        "usd": sum(values, ZERO) if len(values) == len(members) else None,
        "told_by": teller,
        "told_at": first["told_at"],
        "vouched_by": first["vouched_by"],
        "reason": first["reason"],
    }
    return WaitingGroup(gateway, digest, facts, shown)
