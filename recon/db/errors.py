"""The driver's errors as ours: one short line, no secret, and whether to try again."""

from __future__ import annotations

from typing import Final

import psycopg
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from recon.errors import DatabaseError

#: SQLSTATE classes of transient errors: connection lost, transaction rolled back (serialization,
#: deadlock), insufficient resources, operator intervention (shutdown, crash, not yet accepting), lock not
#: available.
_TRANSIENT_CLASSES: Final = ("08", "40", "53", "57", "55P03")
#: Permanent states of those classes: the database was dropped. (Our own cancel is recognised by its deadline.)
_PERMANENT_STATES: Final = ("57P04",)
#: Longest text of the driver in a message, in characters.
MAX_DETAIL: Final = 300


def is_transient(error: BaseException) -> bool:
    """True if the same work may succeed on another attempt."""
    if isinstance(error, PoolTimeout):
        return True
    driver = error.orig if isinstance(error, DBAPIError) else error
    if not isinstance(driver, psycopg.Error):
        return False
    if driver.sqlstate is None:
        # No answer from a server: refused, lost or timed out. A wrong password has an answer.
        return isinstance(driver, psycopg.OperationalError)
    return driver.sqlstate.startswith(_TRANSIENT_CLASSES) and driver.sqlstate not in _PERMANENT_STATES


def database_error(error: BaseException, what: str) -> DatabaseError:
    """Return the error to raise: one line about what failed, without SQL, parameters or connection strings."""
    driver = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    if isinstance(driver, psycopg.Error) and driver.diag.message_primary:
        detail = driver.diag.message_primary
    else:
        lines = [line.strip() for line in str(driver).splitlines() if line.strip()]
        detail = lines[0] if lines else type(driver).__name__
    if len(detail) > MAX_DETAIL:
        detail = detail[:MAX_DETAIL] + "…"
    failed = DatabaseError(f"{what}: {detail}")
    failed.transient = is_transient(error)
    return failed
