"""Recording decisions and facts of people: the database itself says who they are (semantics 10.1).

Synchronous, on a raw psycopg connection of the person's own login, or of the service's, which is shared.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import psycopg
from psycopg import sql

from recon.errors import AppendRefused
from recon.log.append import Appended, appended_of
from recon.times import microseconds

_CALL: Final = sql.SQL(
    "SELECT first_seq, last_seq, recorded_us, repeated, clock_us FROM recon_store.decide("
    "%s::text, %s::uuid, %s::bigint, %s::bigint, %s::text, %s::text[], %s::text[], %s::text)"
)


def submit_decision(  # noqa: PLR0913 - the arguments of the database function, by their names
    connection: psycopg.Connection,
    *,
    gateway: str,
    writer: UUID,
    batch: int,
    now: datetime,
    kind: str,
    payloads: Sequence[bytes],
    accounts: Sequence[str | None],
    name: str | None,
) -> Appended:
    """Append decisions or facts as one named batch, within the caller's transaction; return their positions.

    Payloads are JSON objects. The database adds their author (`by`): the login, and `name` as given. The same
    (writer, batch) again returns the earlier result.

    Raise AppendRefused if a payload is not JSON, the gateway has no log, or the batch is out of order. Raise
    psycopg.errors.InsufficientPrivilege, with a message for people, if another person has to decide (four-eyes).
    """
    texts = [payload.decode() for payload in payloads]
    arguments = (gateway, writer, batch, microseconds(now), kind, texts, list(accounts), name)
    try:
        row = connection.execute(_CALL, arguments).fetchone()
    except (psycopg.errors.DataError, psycopg.errors.IntegrityError, psycopg.errors.InvalidTransactionState) as error:
        message = f"the log of gateway {gateway!r} refused a {kind}: {error.diag.message_primary or error}"
        raise AppendRefused(message) from error
    if row is None:  # pragma: no cover - a function call gives one row
        raise AppendRefused(f"the log of gateway {gateway!r} gave no answer to a {kind}")
    return appended_of(*row)
