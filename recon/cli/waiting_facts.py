"""Facts that wait for a second person, as people decide on them: a file as a whole, any other fact alone.

The digest of a group covers every fact in it, so a decision binds to what was shown (semantics 10.7).
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from itertools import groupby
from typing import Final

import msgspec

from recon.cli.output import Row, note
from recon.cli.queries import gateway_names, select_view
from recon.db.source import Source
from recon.errors import ConfigError
from recon.exact import ZERO

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


def waiting_groups(connection: Source, gateway: str | None) -> list[WaitingGroup]:
    """Return what waits, oldest first. Errors: ConfigError where there is no such gateway."""
    groups: list[WaitingGroup] = []
    for name in gateway_names(connection, gateway):
        rows = select_view(connection, "waiting_facts", "seq", {"gateway": name})
        for _, members in groupby(sorted(rows, key=_group_key), key=_group_key):
            groups.append(_group(name, list(members)))
    return sorted(groups, key=lambda group: (group.gateway, group.facts[0]))


def chosen_group(connection: Source, gateway: str | None, start: str) -> WaitingGroup:
    """Return the group whose digest starts so. Errors: ConfigError where there are none, or several."""
    found = [group for group in waiting_groups(connection, gateway) if group.digest.startswith(start)]
    if not found:
        raise ConfigError(f"no waiting facts have a digest that starts with {start!r}; see `recon facts show`")
    if len(found) > 1:
        raise ConfigError(f"several waiting facts have a digest that starts with {start!r}; give more of it")
    return found[0]


def note_waiting(connection: Source, gateway: str, first_seq: int, last_seq: int) -> int:
    """Say how to approve what waits of the events just recorded; return how many facts wait."""
    found = 0
    for group in waiting_groups(connection, gateway):
        ours = sum(first_seq <= seq <= last_seq for seq, _ in group.facts)
        if ours:
            note(f"{ours} of the facts told wait and change nothing yet: {group.shown['reason']}")
            note(f"a second person runs: {approval_command(group.digest)}")
        found += ours
    return found


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
