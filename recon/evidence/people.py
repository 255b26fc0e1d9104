"""Who may do what, who proposed and approved, and which rules were in force: what an auditor asks of people."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from recon.db.roles import ROLES
from recon.db.source import Row, Source, query_rows

#: Most logins, approvals or decisions; an evidence directory with more says that it has not all.
MAX_ROWS: Final = 10_000

_ROLES: Final = """
SELECT r.rolname AS login, array_agg(x.name ORDER BY x.name) AS may_act_as
FROM pg_roles AS r
CROSS JOIN unnest(CAST(:roles AS text[])) AS x(name)
JOIN pg_roles AS g ON g.rolname = x.name
WHERE r.rolcanlogin AND pg_has_role(r.oid, g.oid, 'MEMBER')
GROUP BY r.rolname
ORDER BY r.rolname
LIMIT :limit"""
_APPROVALS: Final = """
SELECT a.*
FROM recon_exact.approvals AS a
WHERE a.gateway = :gateway AND (a.account IS NULL OR a.account = ANY(CAST(:accounts AS text[])))
  AND a.proposed_seq <= :last AND (a.decided_at IS NULL OR a.decided_at >= :since)
ORDER BY a.proposed_seq, a.about, a.subject
LIMIT :limit"""
_DECISIONS: Final = """
SELECT d.seq, d.at, d.login, d.authenticated, d.name, d.action, d.breaks, d.text, d.digest, d.account
FROM recon.decisions AS d
WHERE d.gateway = :gateway AND d.at >= :since AND d.seq <= :last
ORDER BY d.seq
LIMIT :limit"""


def logins(source: Source) -> list[Row]:
    """Return each login of the database that may act as a role of recon, with those roles, as of now."""
    return query_rows(source, _ROLES, {"roles": list(ROLES), "limit": MAX_ROWS})


def approvals(source: Source, gateway: str, accounts: Sequence[str], since: datetime, last: int) -> list[Row]:
    """Return what was proposed until a log position, and decided since a time or not yet."""
    asked = {"gateway": gateway, "accounts": list(accounts), "since": since, "last": last, "limit": MAX_ROWS}
    return query_rows(source, _APPROVALS, asked)


def decisions(source: Source, gateway: str, since: datetime, last: int) -> list[Row]:
    """Return what people decided from a time to a log position."""
    return query_rows(source, _DECISIONS, {"gateway": gateway, "since": since, "last": last, "limit": MAX_ROWS})
