"""A connection for commands by which people decide or tell something."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection

from recon.cli.queries import connected, existing_database
from recon.config import Settings


@contextmanager
def deciding(settings: Settings, command: str) -> Iterator[Connection]:
    """Give a connection as the person's own login, or else as the service's, which is shared.

    Who decided is told by the database, by its `session_user` (semantics 10.1): under a shared login a name is only
    asserted. The connection reads the views and may append through `recon.log.submit`; the caller commits.
    Errors: NotMigrated, DatabaseError.
    """
    operator_url = settings.database.operator_url
    if operator_url is not None:
        with connected(operator_url.get_secret_value(), command) as connection:
            yield connection
        return
    with existing_database(settings) as handle, connected(handle.service_url, command) as connection:
        yield connection
