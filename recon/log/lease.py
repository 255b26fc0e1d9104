"""The lease of a gateway's log: one session's right to append as the recorder (architecture 3).

1. The database binds a lease to the session that took it, by a term that is drawn once. It gives the lease to another
   only after that session's backend has ended, and only to a login of the service. Nobody else can take or block it.
2. Each append names its term. A batch that is still under way when the lease goes to another is refused.
3. The lease expires by itself. Postgres ends the session of a recorder that is silent (`idle_session_timeout`), that
   its network has cut off (TCP keepalives, `client_connection_check_interval`), or that stalls inside a transaction.
   A living recorder appends a tick well before (semantics 9.2).
4. A recorder that reconnects takes its own lease over from its former session at once: its writer identifies it, and
   nobody else knows that.

Synchronous, on raw psycopg. `cancel` and `shutdown` may be called from another thread.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Final, Literal, NamedTuple
from uuid import UUID

import psycopg
from psycopg.conninfo import make_conninfo
from psycopg.rows import TupleRow

from recon.db.blocking import ConnectionInUse
from recon.db.engine import connection_arguments, libpq_url, psycopg_url
from recon.db.errors import database_error
from recon.errors import DatabaseError
from recon.log.append import Appended, append
from recon.log.events import NewEvent

#: Longest one attempt to connect may take (per address that the name resolves to).
CONNECT_TIMEOUT: Final = timedelta(seconds=5)
#: Longest that Postgres lets one statement run, should its client not be there to cancel it.
STATEMENT_TIMEOUT: Final = timedelta(seconds=45)
#: A session silent for this long is ended by Postgres, and its lock is free. Ticks come every 10 s.
IDLE_SESSION: Final = "30s"
IDLE_IN_TRANSACTION: Final = "15s"
#: Longest wait for the lock of the gateway's row: appends and decisions hold it for milliseconds.
LOCK_TIMEOUT: Final = "8s"
#: How often a working backend looks whether its client is still there.
CLIENT_CHECK: Final = "5s"
#: The application name of a session that waits for the lease; the lease's own names its term.
WAITING_NAME: Final = "recon lease"

_SETTINGS: Final[dict[str, str]] = {
    "idle_session_timeout": IDLE_SESSION,
    "idle_in_transaction_session_timeout": IDLE_IN_TRANSACTION,
    "lock_timeout": LOCK_TIMEOUT,
    "client_connection_check_interval": CLIENT_CHECK,
    "tcp_keepalives_idle": "10s",
    "tcp_keepalives_interval": "5s",
    "tcp_keepalives_count": "3",
    # An acknowledged commit must outlive a crash, even if the server's own default is weaker.
    "synchronous_commit": "on",
}
_TAKE: Final = """
    SELECT taken, term, instance, login, taken_at
    FROM recon_store.take_lease(%s::text, %s::text, %s::uuid, %s::text)
"""
_END_HOLDER: Final = "SELECT pid, login, ended FROM recon_store.end_holder(%s::text)"
_RULES: Final = "SELECT recon_store.rules_in_force(%s), recon_store.rules_waiting(%s)"
_HEAD: Final = """
    SELECT coalesce(e.seq, 0), e.recorded_at, clock_timestamp() FROM (VALUES (1)) AS one
    LEFT JOIN (SELECT x.seq, x.recorded_at FROM recon_store.log_events AS x
               WHERE x.gateway = %s ORDER BY x.seq DESC LIMIT 1) AS e ON true
"""


#: Who may hold a lease of a gateway: its recorder, and whoever folds another edition of its books.
Purpose = Literal["record", "rebuild", "what-if"]


class Holder(NamedTuple):
    """Who holds a lease: an instance of the service, its login, and since when."""

    instance: str
    login: str
    since: datetime

    def __str__(self) -> str:
        """Return a person's text."""
        return f"{self.instance}, login {self.login}, since {self.since:%Y-%m-%d %H:%M:%S} UTC"


class LogState(NamedTuple):
    """The end of a log: its last position (0: empty), its rules in force, and the rules proposed for approval.

    `log_time` is that of the last event (None: empty), `clock` what the database's clock shows.
    """

    head: int
    rules: bytes | None
    proposed_rules: bytes | None
    log_time: datetime | None
    clock: datetime


def take_lease(
    connection: psycopg.Connection[TupleRow], gateway: str, purpose: Purpose, writer: UUID, instance: str
) -> int | Holder:
    """Bind a gateway's lease for a purpose to a connection; return its term, or who else holds it.

    The end of the connection releases it. `instance` is what others are told meanwhile.
    """
    row = connection.execute(_TAKE, (gateway, purpose, writer, instance)).fetchone()
    if row is None:  # pragma: no cover - a function call gives one row
        raise psycopg.OperationalError("the server gave no answer about the lease")
    taken, term, *other = row
    return int(term) if taken else Holder(*other)


class Lease:
    """One writer's right to append to one gateway's log, and the connection that it is bound to."""

    def __init__(self, url: str, gateway: str, writer: UUID, instance: str) -> None:
        """Prepare; nothing is connected before `try_acquire`. `instance` is shown to whoever waits for the lease."""
        self.gateway = gateway
        self.writer = writer
        #: Who else held the lease when it was last asked for.
        self.other: Holder | None = None
        self._url = url
        self._instance = instance
        self._connection: psycopg.Connection[TupleRow] | None = None
        self._term: int | None = None
        self._in_use = ConnectionInUse()

    @property
    def held(self) -> bool:
        """True if the lease is held, as far as is known without asking the server."""
        return self._term is not None

    def try_acquire(self) -> bool:
        """Connect if necessary and take the lease; return False if `other` holds it.

        Raise DatabaseError; the next call then connects again.
        """
        if self.held:
            return True
        try:
            connection = self._connection or self._connect()
            found = take_lease(connection, self.gateway, "record", self.writer, self._instance)
        except psycopg.errors.LockNotAvailable as error:
            raise self._kept_locked(error) from error
        except psycopg.Error as error:
            self.close()
            raise database_error(error, f"the lease of gateway {self.gateway!r}") from error
        self._term, self.other = (None, found) if isinstance(found, Holder) else (found, None)
        return self.held

    def append(self, *, batch: int, now: datetime, events: Sequence[NewEvent]) -> Appended:
        """Append one named batch in a transaction of its own; see `recon.log.append`.

        Raise AppendRefused or DatabaseError. After a DatabaseError acquire the lease again: the batch may or may not
        be in the log, and appended again under its name it is stored once.
        """
        connection = self._own()
        try:
            return append(
                connection,
                gateway=self.gateway,
                writer=self.writer,
                batch=batch,
                now=now,
                events=events,
                term=self._term,
            )
        except psycopg.errors.LockNotAvailable as error:
            raise self._kept_locked(error) from error
        except psycopg.Error as error:
            self.close()
            raise database_error(error, f"appending to the log of gateway {self.gateway!r}") from error

    def log_state(self) -> LogState:
        """Return the end of the log and its rules."""
        connection = self._own()
        try:
            head = connection.execute(_HEAD, (self.gateway,), binary=True).fetchone()
            rules = connection.execute(_RULES, (self.gateway, self.gateway), binary=True).fetchone()
        except psycopg.Error as error:
            self.close()
            raise database_error(error, f"reading the log of gateway {self.gateway!r}") from error
        if head is None or rules is None:  # pragma: no cover - each statement gives one row
            raise database_error(psycopg.OperationalError("the log gave no answer"), f"gateway {self.gateway!r}")
        (seq, log_time, clock), (in_force, proposed) = head, rules
        return LogState(seq, in_force, proposed, log_time, clock)

    def _kept_locked(self, waited: psycopg.Error) -> DatabaseError:
        """End the session that keeps the log locked in an open transaction; return the error that names it.

        Where there is none, close the connection: what was refused is the lease itself.
        """
        failed = database_error(waited, f"the log of gateway {self.gateway!r}")
        row = None
        if self._connection is not None:
            with suppress(psycopg.Error):
                row = self._connection.execute(_END_HOLDER, (self.gateway,)).fetchone()
        pid, login, ended = row or (None, None, False)
        if pid is None:
            self.close()
            return failed
        done = "its session was ended" if ended else "have an administrator end that session"
        named = DatabaseError(f"login {login} (process {pid}) keeps the log of gateway {self.gateway!r} locked; {done}")
        named.transient = True
        return named

    def close(self) -> None:
        """Release the lease and close the connection; do nothing if there is none."""
        self._term = None
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
        if connection is None or not self.held:
            lost = psycopg.OperationalError("the lease is not held")
            raise database_error(lost, f"the log of gateway {self.gateway!r}") from lost
        return connection

    def _connect(self) -> psycopg.Connection[TupleRow]:
        arguments = connection_arguments(psycopg_url(self._url), WAITING_NAME, STATEMENT_TIMEOUT, CONNECT_TIMEOUT)
        connection = psycopg.connect(make_conninfo(libpq_url(self._url), **arguments), autocommit=True)
        self._connection = connection
        self._in_use.attach(connection)
        for name, value in _SETTINGS.items():
            connection.execute("SELECT set_config(%s, %s, false)", (name, value))
        return connection
