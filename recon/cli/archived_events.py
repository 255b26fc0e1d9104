"""Archived events as rows of `recon events`, filtered as the view's are."""

from __future__ import annotations

from base64 import encodebytes
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from itertools import islice
from pathlib import Path

import msgspec

from recon.cli.archives import archive_directory
from recon.cli.output import Row
from recon.db.source import Source
from recon.log.archives import archived_stretches
from recon.log.events import CATCH_UP_BEGUN, CATCH_UP_ENDED, REST_ANSWER
from recon.log.stored_event import StoredEvent
from recon.log.stretch import Stretch
from recon.times import microseconds, to_datetime

#: Bytes in a full line of base64, as MIME bounds it: 76 characters (RFC 2045, 6.8).
BYTES_A_LINE = 57


class ArchivedRows(msgspec.Struct, frozen=True):
    """What a log's archive holds, up to a position; the events after it are in the database."""

    stretches: Sequence[Stretch]
    events_of: Callable[[Stretch], Iterator[StoredEvent]]

    @property
    def end(self) -> int:
        """Return the last position that is archived; 0: none is."""
        return self.stretches[-1].last_seq if self.stretches else 0

    def rows(self, account: str | None, kind: str | None, since: int | datetime | None, limit: int) -> list[Row]:
        """Return events in their order: from a position or time on, or else the latest. Raise IntegrityError."""

        def wanted(stretch: Stretch) -> Iterator[StoredEvent]:
            for event in self.events_of(stretch):
                if _begun(event, since) and kind in {None, event.kind} and (account is None or _names(event, account)):
                    yield event

        if since is None:
            found = self._latest(wanted, limit)
        else:
            reached = (each for each in self.stretches if _reaches(each, since))
            found = list(islice((event for stretch in reached for event in wanted(stretch)), limit))
        return [_row(self.stretches[0].gateway, event) for event in found]

    def _latest(self, wanted: Callable[[Stretch], Iterator[StoredEvent]], limit: int) -> list[StoredEvent]:
        found: list[StoredEvent] = []
        for stretch in reversed(self.stretches):
            if len(found) == limit:
                break
            found = [*deque(wanted(stretch), maxlen=limit - len(found)), *found]
        return found


def archived_rows(source: Source, path: Path | None, gateway: str) -> ArchivedRows:
    """Return what an archive holds of a gateway; nothing without one. Errors: ConfigError, IntegrityError."""
    if path is None:
        return ArchivedRows((), lambda _: iter(()))
    directory = archive_directory(path)
    from recon.archive.stretch_file import events_of  # noqa: PLC0415 - most lists read no archive

    return ArchivedRows(archived_stretches(source, gateway), lambda stretch: events_of(directory, stretch))


def _reaches(stretch: Stretch, since: int | datetime) -> bool:
    return stretch.last_at >= since if isinstance(since, datetime) else stretch.last_seq >= since


def _begun(event: StoredEvent, since: int | datetime | None) -> bool:
    if isinstance(since, datetime):
        return event.recorded_us >= microseconds(since)
    return since is None or event.seq >= since


def _names(event: StoredEvent, account: str) -> bool:
    """Tell whether an event is one of an account: as the filter of the view does."""
    if event.account == account:
        return True
    if event.kind in {CATCH_UP_BEGUN, CATCH_UP_ENDED}:
        return account in msgspec.json.decode(event.payload).get("accounts", ())
    if event.kind == REST_ANSWER and event.account is None:
        asked = msgspec.json.decode(event.payload).get("ask") or {}
        return asked.get("what") == "history"
    return False


def base64_lines(payload: bytes) -> str:
    """Return base64 as Postgres' `encode` does: a line end follows each 76 characters, and no shorter last line."""
    lines = encodebytes(payload).decode()
    return lines if len(payload) % BYTES_A_LINE == 0 else lines.removesuffix("\n")


def _row(gateway: str, event: StoredEvent) -> Row:
    return {
        "gateway": gateway,
        "seq": event.seq,
        "recorded_at": to_datetime(event.recorded_us),
        "received_at": to_datetime(event.received_us),
        "kind": event.kind,
        "account": event.account,
        "session": event.session,
        "readable": event.readable,
        "payload": event.payload.decode() if event.readable else None,
        "raw_base64": None if event.readable else base64_lines(event.payload),
        "redacted": event.redacted,
        "digest": event.digest.hex(),
    }
