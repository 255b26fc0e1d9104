"""Rights that no session may have in the embedded database, so that none stops the recording, and one that we need.

1. By default any session may take advisory locks, or make temporary tables and large objects, until there is no room
   for the locks of others; then nobody appends. recon itself uses none of them.
2. The owner may end sessions: its function `end_holder` ends one that keeps a log locked in an open transaction.
3. The service may use the connections that the server reserves: others cannot take so many that it finds none.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection, text

from recon.db.roles import OWNER, SERVICE

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


#: Roles of Postgres, and who becomes a member. Of the first: may end the sessions of others, but no superuser's.
_MEMBERS: Final = (("pg_signal_backend", OWNER), ("pg_use_reserved_connections", SERVICE))
#: Postgres 15 reserves connections for superusers alone.
_JOINING: Final = text(
    "SELECT format('GRANT %I TO %I', r.rolname, CAST(:member AS text)) FROM pg_roles AS r"
    " WHERE r.rolname = :role AND NOT pg_has_role(CAST(:member AS name), r.rolname, 'USAGE')"
)


def adjust_rights(conn: Connection) -> None:
    """Revoke and grant in this database, as its superuser; do nothing where that was done."""
    changes = [
        *conn.scalars(_FUNCTIONS, {"others": list(_LARGE_OBJECTS)}),
        *conn.scalars(_TEMPORARY),
        *(change for role, member in _MEMBERS for change in conn.scalars(_JOINING, {"role": role, "member": member})),
    ]
    for change in changes:
        conn.exec_driver_sql(change)
