"""What everybody may do in a new database by default, and nobody needs here: fill the table of locks that all share.

A session may take advisory locks, or make temporary tables and large objects, until there is no room for the locks of
others; then nobody appends. recon itself uses none of them.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection, text

_FUNCTIONS: Final = text(
    "SELECT format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', p.oid::regprocedure) FROM pg_proc AS p"
    " WHERE p.pronamespace = 'pg_catalog'::regnamespace AND has_function_privilege('public', p.oid, 'EXECUTE')"
    " AND (p.proname ~ '^pg_(try_)?advisory_' OR p.proname = ANY (:others))"
)
_LARGE_OBJECTS: Final = ("lo_creat", "lo_create", "lo_from_bytea", "lo_unlink")
_TEMPORARY: Final = text(
    "SELECT format('REVOKE TEMPORARY ON DATABASE %I FROM PUBLIC', current_database())"
    " WHERE has_database_privilege('public', current_database(), 'TEMPORARY')"
)


def revoke_from_public(conn: Connection) -> None:
    """Revoke these rights in this database, as its superuser; do nothing where that was done."""
    revokes = [
        *conn.scalars(_FUNCTIONS, {"others": list(_LARGE_OBJECTS)}),
        *conn.scalars(_TEMPORARY),
    ]
    for revoke in revokes:
        conn.exec_driver_sql(revoke)
