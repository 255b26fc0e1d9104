"""The status board in the database, so that `recon status` in another process sees it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from typing import Final, Never

import msgspec
import structlog
import trio
from sqlalchemy import Connection, delete, func

from recon.db.raw import cursor_of
from recon.db.transactions import Database
from recon.errors import DatabaseError
from recon.service.schema import service_parts
from recon.service.status import PartStatus, StatusBoard

#: How often every row is written, whether or not it changed, in seconds.
PUBLISH_SECONDS: Final = 10.0
#: Changes are collected for this long before they are written, in seconds.
GATHER_SECONDS: Final = 0.2
#: Longest transaction of one write, in seconds.
WRITE_SECONDS: Final = 5.0
#: Rows of instances that have been silent for this long are removed.
KEEP: Final = timedelta(days=1)

_WRITE: Final = """
    INSERT INTO recon_store.service_parts (gateway, instance, part, state, detail, since, updated_at, figures)
    SELECT u.gateway, %s, u.part, u.state, u.detail, u.since, clock_timestamp(), u.figures
    FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::timestamptz[], %s::jsonb[])
        AS u(gateway, part, state, detail, since, figures)
    ON CONFLICT (gateway, instance, part) DO UPDATE SET state = EXCLUDED.state, detail = EXCLUDED.detail,
        since = EXCLUDED.since, updated_at = EXCLUDED.updated_at, figures = EXCLUDED.figures
"""

_log = structlog.get_logger(__name__)


def save(connection: Connection, *, instance: str, parts: Sequence[PartStatus]) -> None:
    """Write the status of an instance's parts, and remove the rows of instances long gone."""
    with cursor_of(connection) as cursor:
        columns = (
            [part.gateway for part in parts],
            [part.part for part in parts],
            [part.state for part in parts],
            [part.detail for part in parts],
            [part.since for part in parts],
            [msgspec.json.encode(part.figures).decode() for part in parts],
        )
        cursor.execute(_WRITE, (instance, *columns))
    connection.execute(delete(service_parts).where(service_parts.c.updated_at < func.now() - KEEP))


async def publish(board: StatusBoard, database: Database, instance: str) -> Never:
    """Write the board on every change and every PUBLISH_SECONDS, until cancelled; after a failure wait for the next."""
    while True:
        await publish_once(board, database, instance)
        with trio.move_on_after(PUBLISH_SECONDS):
            await board.change()
        await trio.sleep(GATHER_SECONDS)


async def publish_once(board: StatusBoard, database: Database, instance: str, deadline: float = WRITE_SECONDS) -> None:
    """Write the board once; if the database is away, only log that."""
    try:
        await database.run(partial(save, instance=instance, parts=board.parts()), deadline=deadline)
    except DatabaseError as error:
        _log.info("the state of the service could not be written", reason=str(error))
