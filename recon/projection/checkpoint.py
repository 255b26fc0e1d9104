"""The checkpoint of an edition: how far it is folded. Whoever folds an edition holds its lock (architecture 3.6)."""

from __future__ import annotations

from typing import Final, LiteralString, NamedTuple

from sqlalchemy import Connection

from recon.db.bulk import POLICIES_HOLD
from recon.db.raw import cursor_of
from recon.errors import ProjectionError
from recon.projection.fold import VERSION

#: How often the current edition is looked for while a rebuild switches it.
LOCK_ATTEMPTS: Final = 3

_LOCK_BY: Final = {
    column: f"""
SELECT edition, seq, clock, state, fold_version, xmin::text, row_security_active('recon_store.entries')
FROM recon_store.editions WHERE gateway = %s AND {column} = %s FOR NO KEY UPDATE
"""  # noqa: S608 - the two column names below
    for column in ("edition", "state")
}


class Checkpoint(NamedTuple):
    """A locked edition: its number, the log position folded, the stored clock, its state, and the version of the fold.

    `written_by` is the transaction that wrote the checkpoint last.
    """

    edition: int
    seq: int
    clock: bytes
    state: str
    fold_version: int
    written_by: str


def current_edition(connection: Connection, gateway: str) -> int:
    """Return the current edition of a gateway; create one if there is none."""
    with cursor_of(connection) as cursor:
        cursor.execute("SELECT edition FROM recon_store.editions WHERE gateway = %s AND state = 'current'", (gateway,))
        row = cursor.fetchone()
        if row is not None:
            return int(row[0])
        cursor.execute(
            "INSERT INTO recon_store.editions (gateway, edition, fold_version, state)"
            " SELECT %s, coalesce(max(edition), 0) + 1, %s, 'current' FROM recon_store.editions WHERE gateway = %s"
            " ON CONFLICT DO NOTHING",
            (gateway, VERSION, gateway),
        )
    return current_edition(connection, gateway)


def lock(connection: Connection, gateway: str, edition: int) -> Checkpoint:
    """Lock an edition's checkpoint for this transaction."""
    found = _lock(connection, _LOCK_BY["edition"], gateway, edition)
    if found is None:
        raise ProjectionError(f"edition {edition} of gateway {gateway!r} is gone; start again from the current one")
    return found


def lock_edition(connection: Connection, gateway: str, edition: int | None) -> Checkpoint:
    """Lock an edition of this version, by default the current one."""
    found = _lock_current(connection, gateway) if edition is None else lock(connection, gateway, edition)
    if found.fold_version != VERSION:
        raise ProjectionError(
            f"the books of gateway {gateway!r} were folded by version {found.fold_version}, this is {VERSION};"
            " run `recon rebuild`"
        )
    return found


def _lock_current(connection: Connection, gateway: str) -> Checkpoint:
    """Lock the current edition; there may be none yet, or a rebuild switches editions meanwhile, so try again."""
    for _ in range(LOCK_ATTEMPTS):
        found = _lock(connection, _LOCK_BY["state"], gateway, "current")
        if found is not None:
            return found
        current_edition(connection, gateway)
    raise ProjectionError(f"the current edition of gateway {gateway!r} keeps changing; try again")


def _lock(connection: Connection, query: LiteralString, gateway: str, which: str | int) -> Checkpoint | None:
    with cursor_of(connection, binary=True) as cursor:
        row = cursor.execute(query, (gateway, which)).fetchone()
    if row is None:
        return None
    *found, policies_hold = row
    # Limits come to hold on the tables only while no edition is locked.
    connection.info[POLICIES_HOLD] = policies_hold
    return Checkpoint(*found)
