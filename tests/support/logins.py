"""Logins of a test's own, each a member of some of recon's roles, or of none."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from recon.db.engine import libpq_url
from recon.db.roles import SERVICE
from tests.conftest import TestDatabase


@contextmanager
def login_of(database: TestDatabase, name: str, *roles: str) -> Iterator[str]:
    """Make a login for the time of the block; give its url."""
    login = f"{name}_of_{database.name}"
    with psycopg.connect(libpq_url(database.superuser_url), autocommit=True) as raw:
        member = f" IN ROLE {', '.join(roles)}" if roles else ""
        raw.execute(f"CREATE ROLE {login} LOGIN{member}".encode())
        try:
            yield database.service_url.replace(f"//{SERVICE}@", f"//{login}@")
        finally:
            raw.execute(f"DROP ROLE {login}".encode())
