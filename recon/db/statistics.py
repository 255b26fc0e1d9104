"""What Postgres knows of the sizes of tables, from which it chooses how to answer a query."""

from __future__ import annotations

from sqlalchemy import Connection

from recon.db.raw import cursor_of


def refresh_statistics(connection: Connection) -> list[str]:
    """Have Postgres count each table that has doubled since it was counted last; return their names."""
    with cursor_of(connection) as cursor:
        cursor.execute("SELECT recon_store.refresh_statistics()")
        return [str(name) for (name,) in cursor]
