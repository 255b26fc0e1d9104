"""Policies on tables, as revisions make them: which rows a limited login sees (architecture 6.15).

1. Policies hold on no table until the first login is limited, so they cost nothing where nobody is. From then on
   the tables are read through them, also by their owner: the views are the owner's.
2. A login that has no limit is told from the others once for each query, by a badge that it lacks: no table is read.
3. What runs with the owner's rights sees all, since `current_user` is the owner there; in a view it is the reader.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from alembic import op
from sqlalchemy import text

from recon.db.roles import OWNER, SERVICE
from recon.db.sql_objects import execute
from recon.errors import DatabaseError

#: True for the owner's functions and for logins without the badge of limited ones; else null. Found once for each
#: query, and `IS NOT NULL` because the planner takes that for nearly all rows, which it is for nearly all logins.
_UNLIMITED: Final = f"""(
        SELECT true FROM (VALUES (1)) AS one
        WHERE current_user = '{OWNER}'
           OR NOT has_table_privilege(session_user, 'recon_store.limited'::regclass, 'SELECT')
    ) IS NOT NULL"""  # noqa: S608 - names of our own
#: Of a table that has an account in each row. The patterns are found once for each query.
SEEN: Final = "gateway || chr(31) || coalesce(account, '') LIKE ANY ((SELECT recon_store.seen_accounts())::text[])"
_POLICIES: Final = """
CREATE POLICY limits ON recon_store.{table} USING ({unlimited} OR {seen}) WITH CHECK (true);
CREATE POLICY service ON recon_store.{table} TO {service} USING (true) WITH CHECK (true);
"""
_FORCE: Final = "ALTER TABLE recon_store.{table} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY"
_ANY: Final = "SELECT EXISTS (SELECT FROM recon_store.limits)"


def policy_on(table: str, seen: str) -> None:
    """Have a limited login see only those rows of a table of which `seen` is true; the service sees all."""
    execute(_POLICIES.format(table=table, unlimited=_UNLIMITED, seen=seen, service=SERVICE))
    if op.get_bind().scalar(text(_ANY)):
        execute(_FORCE.format(table=table))


def drop_policies(tables: Sequence[str]) -> None:
    """Remove the policies of tables. Errors: DatabaseError where a login is limited, for it would see all."""
    if op.get_bind().scalar(text(_ANY)):
        raise DatabaseError("logins are limited to some accounts, and would see all: lift their limits first")
    for table in tables:
        execute(
            f"ALTER TABLE recon_store.{table} DISABLE ROW LEVEL SECURITY, NO FORCE ROW LEVEL SECURITY;"
            f" DROP POLICY limits ON recon_store.{table}; DROP POLICY service ON recon_store.{table}"
        )
