"""Events for folding: of the archive as far as it goes, then of the live log, in one order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sqlalchemy import Connection

from recon.archive.directory import ArchiveDirectory
from recon.archive.stretch_file import events_after
from recon.errors import IntegrityError
from recon.log.archives import archived_stretches
from recon.log.events import Event
from recon.log.read import PAGE_BYTES, PAGE_EVENTS, page
from recon.log.stored_event import StoredEvent, event_of
from recon.log.stretch import Stretch


class ArchivedPages:
    """Pages of one gateway's log, read as `recon.log.read.page` reads them, with what is archived.

    Reading on goes on in the open file. A position that is asked for again opens it anew.
    """

    def __init__(self, directory: ArchiveDirectory, gateway: str, stretches: Sequence[Stretch]) -> None:
        self._directory = directory
        self._gateway = gateway
        self._stretches = stretches
        self._end = stretches[-1].last_seq if stretches else 0
        self._events: Iterator[StoredEvent] = iter(())
        #: Read and not yet given: the page before was full.
        self._next: StoredEvent | None = None
        #: The last position that was given.
        self._at = -1

    def __call__(self, connection: Connection, gateway: str, after: int, limit: int = PAGE_EVENTS) -> list[Event]:
        """Return the next events after a position: at most `limit`, and at least one if there is any.

        Raise IntegrityError where the archive is not the one that the database records.
        """
        if gateway != self._gateway or after >= self._end:
            return page(connection, gateway, after, limit)
        if after != self._at:
            self._events, self._next = events_after(self._directory, self._stretches, after), None
        events: list[Event] = []
        size = 0
        while len(events) < limit and (event := self._next or next(self._events, None)) is not None:
            size += len(event.payload)
            self._next = event if events and size > PAGE_BYTES else None
            if self._next is not None:
                break
            if event.seq != after + len(events) + 1:
                raise IntegrityError(
                    f"gateway {gateway!r}: event {after + len(events) + 1} is missing from the archive;"
                    " run `recon verify --archive`"
                )
            events.append(event_of(event))
        self._at = after + len(events)
        return events


def pages_of(connection: Connection, directory: ArchiveDirectory, gateway: str) -> ArchivedPages:
    """Return the pages of a gateway, as far as the database says that its log is archived. Raise IntegrityError."""
    return ArchivedPages(directory, gateway, archived_stretches(connection, gateway))
