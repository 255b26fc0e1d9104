"""The lease of a gateway's log: the recorder's own connection, and the advisory lock that it holds (architecture 3).

1. No connection, no append: the lock lives and dies with the connection that appends. A writer that gets the lock
   knows that the former holder's backend has ended, and with it every append that was under way.
2. The lock expires by itself. Postgres ends the session of a recorder that is silent (`idle_session_timeout`), that
   its network has cut off (TCP keepalives, `client_connection_check_interval`), or that stalls inside a transaction.
   A living recorder appends a tick well before (semantics 9.2).
3. We terminate a backend that our own former connection left behind; the writer in its `application_name` identifies
   it. A backend of anybody else is left alone.

Synchronous, on raw psycopg. `cancel` and `shutdown` may be called from another thread.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Final, NamedTuple
from uuid import UUID

import psycopg
from psycopg.conninfo import make_conninfo
from psycopg.rows import TupleRow

from recon.db.blocking import ConnectionInUse
from recon.db.engine import connection_arguments, libpq_url, psycopg_url
from recon.db.errors import database_error
from recon.log.append import Appended, append
from recon.log.events import NewEvent

#: Longest one attempt to connect may take (per address that the name resolves to).
CONNECT_TIMEOUT: Final = timedelta(seconds=5)
#: Longest that Postgres lets one statement run, should its client not be there to cancel it.
STATEMENT_TIMEOUT: Final = timedelta(seconds=45)
#: A session silent for this long is ended by Postgres, and its lock is free. Ticks come every 10 s.
IDLE_SESSION: Final = "30s"
IDLE_IN_TRANSACTION: Final = "15s"
#: How often a working backend looks whether its client is still there.
CLIENT_CHECK: Final = "5s"
#: Longest wait for the end of a backend of our own that we terminate, in milliseconds.
TERMINATE_MS: Final = 3000
#: Postgres cuts an application name after 63 bytes; the writer must stay whole.
MAX_NAMED_GATEWAY: Final = 63 - len("recon lease  ") - 32

_SETTINGS: Final = {
    "idle_session_timeout": IDLE_SESSION,
    "idle_in_transaction_session_timeout": IDLE_IN_TRANSACTION,
    "client_connection_check_interval": CLIENT_CHECK,
    "tcp_keepalives_idle": "10s",
    "tcp_keepalives_interval": "5s",
    "tcp_keepalives_count": "3",
    # An acknowledged commit must outlive a crash, even if the server's own default is weaker.
    "synchronous_commit": "on",
}
_KEY: Final = "hashtextextended('recon lease' || chr(31) || %s, 0)"
_LOCK: Final = f"SELECT pg_try_advisory_lock({_KEY})"
# The two halves of a bigint key are `classid` and `objid` in pg_locks; `objsubid` 1 marks such a key.
_TERMINATE_OURS: Final = f"""
    SELECT pg_terminate_backend(a.pid, {TERMINATE_MS})
    FROM pg_stat_activity AS a JOIN pg_locks AS l USING (pid), {_KEY} AS key
    WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1
        AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
        AND l.classid::bigint = (key >> 32) & 4294967295 AND l.objid::bigint = key & 4294967295
        AND a.application_name = %s AND a.usename = current_user AND a.pid <> pg_backend_pid()
"""  # noqa: S608 - constants of our own
_RULES: Final = "SELECT recon_store.rules_in_force(%s), recon_store.rules_waiting(%s)"
_HEAD: Final = "SELECT coalesce(max(seq), 0) FROM recon_store.log_events WHERE gateway = %s"


def lease_name(gateway: str, writer: UUID) -> str:
    """Return the application name by which a writer's backends are known."""
    shown = "".join(letter if letter.isascii() and letter.isprintable() else "?" for letter in gateway)
    return f"recon lease {shown[:MAX_NAMED_GATEWAY]} {writer.hex}"


class LogState(NamedTuple):
    """The end of a log: its last position (0: empty), its rules in force, and the rules proposed for approval."""

    head: int
    rules: bytes | None
    proposed_rules: bytes | None


class Lease:
    """One writer's right to append to one gateway's log, and the connection that it is bound to."""

    def __init__(self, url: str, gateway: str, writer: UUID) -> None:
        """Prepare; nothing is connected before `try_acquire`."""
        self.gateway = gateway
        self.writer = writer
        self._url = url
        self._name = lease_name(gateway, writer)
        self._connection: psycopg.Connection[TupleRow] | None = None
        self._held = False
        self._in_use = ConnectionInUse()

    @property
    def held(self) -> bool:
        """True if the lock is held, as far as is known without asking the server."""
        return self._held

    def try_acquire(self) -> bool:
        """Connect if necessary and take the lock; return False if another writer holds it.

        Raise DatabaseError; the next call then connects again.
        """
        if self._held:
            return True
        try:
            connection = self._connection or self._connect()
            self._held = self._locked(connection)
            if not self._held and self._former_ended(connection):
                self._held = self._locked(connection)
        except psycopg.Error as error:
            self.close()
            raise database_error(error, f"the lease of gateway {self.gateway!r}") from error
        return self._held

    def append(self, *, batch: int, now: datetime, events: Sequence[NewEvent]) -> Appended:
        """Append one named batch in a transaction of its own; see `recon.log.append`.

        Raise AppendRefused or DatabaseError. After a DatabaseError acquire the lease again: the batch may or may not
        be in the log, and appended again under its name it is stored once.
        """
        connection = self._own()
        try:
            return append(connection, gateway=self.gateway, writer=self.writer, batch=batch, now=now, events=events)
        except psycopg.Error as error:
            self.close()
            raise database_error(error, f"appending to the log of gateway {self.gateway!r}") from error

    def log_state(self) -> LogState:
        """Return the end of the log and its rules."""
        connection = self._own()
        try:
            head = connection.execute(_HEAD, (self.gateway,)).fetchone()
            rules = connection.execute(_RULES, (self.gateway, self.gateway), binary=True).fetchone()
        except psycopg.Error as error:
            self.close()
            raise database_error(error, f"reading the log of gateway {self.gateway!r}") from error
        in_force, proposed = rules or (None, None)
        return LogState(head[0] if head else 0, in_force, proposed)

    def close(self) -> None:
        """Release the lease and close the connection; do nothing if there is none."""
        self._held = False
        self._in_use.detach()
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(psycopg.Error):
                connection.close()

    def cancel(self) -> None:
        """Ask the server to cancel what the connection is doing."""
        self._in_use.cancel()

    def shutdown(self) -> None:
        """Shut the socket down, so that the other thread, which waits on it, gets an error at once."""
        self._in_use.shutdown()

    def _own(self) -> psycopg.Connection[TupleRow]:
        connection = self._connection
        if connection is None or not self._held:
            lost = psycopg.OperationalError("the lease is not held")
            raise database_error(lost, f"the log of gateway {self.gateway!r}") from lost
        return connection

    def _former_ended(self, connection: psycopg.Connection[TupleRow]) -> bool:
        """Terminate a backend that our former connection left behind; return True if there was one.

        Raise psycopg.OperationalError if the backend does not end in time.
        """
        ended = [row[0] for row in connection.execute(_TERMINATE_OURS, (self.gateway, self._name)).fetchall()]
        if not all(ended):
            raise psycopg.OperationalError("the former connection of this recorder has not ended yet")
        return bool(ended)

    def _locked(self, connection: psycopg.Connection[TupleRow]) -> bool:
        row = connection.execute(_LOCK, (self.gateway,)).fetchone()
        return row is not None and bool(row[0])

    def _connect(self) -> psycopg.Connection[TupleRow]:
        arguments = connection_arguments(psycopg_url(self._url), self._name, STATEMENT_TIMEOUT, CONNECT_TIMEOUT)
        # Elsewhere the url overrides our defaults, but this name is how we recognise our own backends.
        arguments["application_name"] = self._name
        connection = psycopg.connect(make_conninfo(libpq_url(self._url), **arguments), autocommit=True)
        self._connection = connection
        self._in_use.attach(connection)
        for name, value in _SETTINGS.items():
            connection.execute("SELECT set_config(%s, %s, false)", (name, value))
        return connection
