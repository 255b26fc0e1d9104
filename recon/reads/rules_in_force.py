"""Which rules are in force for a gateway, and which wait for a second person (semantics 10.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from recon.db.source import Row, Source, query_rows
from recon.errors import DocumentRefused

if TYPE_CHECKING:
    from recon.ledger.rules import Rules

IN_FORCE: Final = "in force"
WAITING: Final = "waiting"


#: The largest log position: all of the log counts.
_END: Final = 2**63 - 1


def rules_of(connection: Source, gateway: str, known_seq: int = _END) -> list[Row]:
    """Return the rules of a gateway that are in force at a log position, and the proposed ones that wait, if any."""
    key = {"gateway": gateway, "known": known_seq}
    logged = query_rows(connection, "SELECT * FROM recon.rules_logged(:gateway, :known)", key)
    # In the order of the log: rules that come into force replace the old ones and any that wait.
    force: Row | None = None
    waits: Row | None = None
    for row in sorted(logged, key=lambda row: int(str(row["seq"]))):
        if row["kind"] == "rules_wait":
            waits = row
        elif row["kind"] == "rules_approved":
            force, waits = waits, None
        else:
            force, waits = force if row["kind"] == "rules_rejected" else row, None
    return [
        {
            "gateway": gateway,
            "state": state,
            "seq": row["seq"],
            "at": row["at"],
            "digest": row["digest"],
            "looser": row["looser"] if state == WAITING else None,
        }
        for state, row in ((IN_FORCE, force), (WAITING, waits))
        if row is not None
    ]


def document_of(connection: Source, row: Row) -> bytes:
    """Return the document of rules of a row of `rules_of`, exactly as it is in the log.

    A limited login is shown its own accounts alone.
    """
    (event,) = query_rows(
        connection,
        "SELECT recon.rules_document(:gateway, :seq) AS raw",
        {"gateway": row["gateway"], "seq": row["seq"]},
    )
    raw = event["raw"]
    return bytes(raw) if isinstance(raw, bytes | memoryview) else b"null"


def rules_in_force(connection: Source, gateway: str, known_seq: int = _END) -> Rules:
    """Return the rules in force at a log position, else at the end; the defaults where none were logged or are read."""
    from recon.ledger.rules import Rules, parse_rules  # noqa: PLC0415 - `recon status` starts without the ledger

    force = next((row for row in rules_of(connection, gateway, known_seq) if row["state"] == IN_FORCE), None)
    if force is None:
        return Rules()
    try:
        return parse_rules(document_of(connection, force))
    except DocumentRefused:
        return Rules()


def aliases_in_force(connection: Source, gateway: str, account: str) -> set[str]:
    """Return the codes that the settings in force know in an account: aliases, what they stand for, and pools."""
    rules = rules_in_force(connection, gateway).of(account)
    return {*rules.assets, *rules.assets.values(), *(code for pool in rules.pools for code in pool)}
