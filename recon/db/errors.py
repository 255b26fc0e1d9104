"""The driver's errors as ours: one short line, no secret, and whether to try again."""

from __future__ import annotations

import re
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
#: SQLSTATE classes in which the database refuses what a row holds, in plain words; the same row fails each time.
_REFUSALS: Final = {
    "21": "one row is written twice",
    "22": "the database cannot hold a value",
    "23": "a row contradicts another one, or a rule of its table",
    "44": "a row contradicts a rule of its table",
    "54": "a value is too large for the database",
    "P0": "a rule of the table forbids a row",
}
#: What the driver puts before the reason why it has no connection: its own state, and the server's severity.
_DRIVER_WORDS: Final = re.compile(
    r"^(?:(?:connection is bad|connection failed|consuming input failed|sending query failed): )+|\b(?:FATAL|ERROR): +"
)
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


def refusal_of(error: BaseException) -> str | None:
    """Return in plain words why the database refused the content of a row; None if it failed for another reason.

    The words name the table and its rule, never a value.
    """
    driver = error.orig if isinstance(error, DBAPIError) else error
    if not isinstance(driver, psycopg.Error):
        return None
    if driver.sqlstate is None:
        # The driver itself cannot send the value.
        return _REFUSALS["22"] if isinstance(driver, psycopg.DataError) else None
    words = _REFUSALS.get(driver.sqlstate[:2])
    if words is None:
        return None
    named = (("table", driver.diag.table_name), ("rule", driver.diag.constraint_name), ("code", driver.sqlstate))
    return f"{words} ({', '.join(f'{what} {name}' for what, name in named if name)})"


def database_error(error: BaseException, what: str) -> DatabaseError:
    """Return the error to raise: one line about what failed, without SQL, parameters or connection strings."""
    driver = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    if isinstance(driver, psycopg.Error) and driver.diag.message_primary:
        detail = driver.diag.message_primary
    else:
        lines = [line.strip() for line in str(driver).splitlines() if line.strip()]
        detail = _DRIVER_WORDS.sub("", lines[0]) if lines else type(driver).__name__
    if len(detail) > MAX_DETAIL:
        detail = detail[:MAX_DETAIL] + "…"
    failed = DatabaseError(f"{what}: {detail}")
    failed.transient = is_transient(error)
    failed.refusal = refusal_of(error)
    return failed
