"""The file of one stretch: written from a chain of events that is checked on the way, and read back as the same chain.

Only a file whose length and digest are those that were recorded is read.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from recon.archive.directory import ArchiveDirectory, file_name, sha256_of
from recon.archive.event_file import read_events, write_events
from recon.errors import IntegrityError
from recon.log.chain_check import ChainCheck, Start, TooManyDifferences
from recon.log.events import Head
from recon.log.stored_event import StoredEvent
from recon.log.stretch import Stretch
from recon.times import to_datetime


def write_stretch(
    to: ArchiveDirectory, gateway: str, start: Start, last_seq: int, events: Iterable[StoredEvent], revision: str
) -> Stretch:
    """Write the events after a position, up to another one, as a file in its place.

    Errors: IntegrityError where the events are no chain, or the disk gives other events than were written; ConfigError.
    """
    first_seq = start.seq + 1
    name = file_name(gateway, first_seq, last_seq)
    written = ChainCheck(gateway, start=start)
    with to.new_file(name) as (stream, part):
        write_events(stream, gateway, first_seq, _checked(written, events))
        stream.flush()
        os.fsync(stream.fileno())
        if written.head.seq != last_seq:
            raise IntegrityError(f"gateway {gateway!r}: the log ends at {written.seq}, not at {last_seq}")
        first_us, last_us = _read_back(part, gateway, start, written.head)
        sha256, size = sha256_of(part)
    return Stretch(
        gateway=gateway,
        first_seq=first_seq,
        last_seq=last_seq,
        first_at=to_datetime(first_us),
        last_at=to_datetime(last_us),
        before=start.digest.hex(),
        head=written.head.digest,
        revision=revision,
        file=name,
        size=size,
        sha256=sha256,
    )


def events_of(directory: ArchiveDirectory, stretch: Stretch, *, after: int = 0) -> Iterator[StoredEvent]:
    """Yield the events of a stretch after a position. Raise IntegrityError where its file is missing or another one."""
    path = require_file(directory, stretch)
    for batch in read_events(path, stretch.gateway, after=after):
        yield from batch


def events_after(directory: ArchiveDirectory, stretches: Iterable[Stretch], after: int) -> Iterator[StoredEvent]:
    """Yield the events of stretches that follow each other, after a position. Errors: as `events_of`."""
    for stretch in stretches:
        if stretch.last_seq > after:
            yield from events_of(directory, stretch, after=after)


def require_file(directory: ArchiveDirectory, stretch: Stretch) -> Path:
    """Return the path of a stretch's file, which is the one that was recorded. Raise IntegrityError."""
    path = directory.file(stretch)
    try:
        sha256, size = sha256_of(path)
    except FileNotFoundError:
        raise IntegrityError(
            f"{path} is missing: the archive lacks events {stretch.first_seq} to {stretch.last_seq} of gateway"
            f" {stretch.gateway!r}; restore the file from a copy"
        ) from None
    except OSError as error:
        raise IntegrityError(f"{path} cannot be read: {error.strerror or 'unknown reason'}") from error
    if (sha256, size) != (stretch.sha256, stretch.size):
        raise IntegrityError(f"{path} is not the file that was archived: it was changed, or is another one's")
    return path


def _checked(chain: ChainCheck, events: Iterable[StoredEvent]) -> Iterator[StoredEvent]:
    """Yield events as they are checked. Raise IntegrityError at the first that does not fit."""
    for event in events:
        with suppress(TooManyDifferences):
            chain.check(event)
        if chain.differences:
            raise IntegrityError(f"gateway {chain.head.gateway!r}: {chain.differences[0]}; run `recon verify`")
        yield event


def _read_back(path: Path, gateway: str, start: Start, head: Head) -> tuple[int, int]:
    """Read a file that was written; return the log times of its first and last event. Raise IntegrityError."""
    chain = ChainCheck(gateway, start=start)
    first_us = last_us = 0
    for batch in read_events(path, gateway):
        for event in _checked(chain, batch):
            first_us, last_us = first_us or event.recorded_us, event.recorded_us
    if chain.head != head:
        raise IntegrityError(f"{path} does not hold what was written to it; look at the disk")
    return first_us, last_us
