"""Archive and live log as one chain: what `recon verify --archive` does with each archived stretch of a gateway.

1. What the database records of a file, what the manifest says of it, and the file itself must be one.
2. Each event's digest is computed again, from the first event of the log to the last that is archived.
3. What the database kept of archived events must be the same, to the byte.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial

from sqlalchemy import Connection

from recon.archive.directory import DOCUMENT, ArchiveDirectory
from recon.archive.stretch_file import events_of
from recon.errors import IntegrityError
from recon.log.archives import archived_stretches
from recon.log.chain_check import ChainCheck
from recon.log.stored_event import StoredEvent
from recon.log.stored_events import stored_events
from recon.log.stretch import Stretch

#: Told the position of the last event that was checked.
Progress = Callable[[int], None]


def archive_check(
    connection: Connection, directory: ArchiveDirectory, gateway: str, progress: Progress
) -> Callable[[ChainCheck], None]:
    """Return what checks the archived events of a gateway, before `recon.log.verify` checks the live ones."""
    return partial(_check, connection, directory, gateway, progress)


def foreign_files(directory: ArchiveDirectory) -> Iterator[str]:
    """Yield the differences of an archive that are of no gateway: files that its manifest does not name."""
    for name in directory.unnamed():
        yield f"{directory.path / name} is not named by {DOCUMENT}: it is a copy, or the archive of another log"


def unfinished(connection: Connection, directory: ArchiveDirectory, gateway: str) -> list[Stretch]:
    """Return stretches whose files are written, and whose events the database has not given up."""
    recorded = archived_stretches(connection, gateway)
    last = recorded[-1].last_seq if recorded else 0
    return [each for each in directory.manifest().of(gateway) if each.first_seq > last]


def _check(
    connection: Connection, directory: ArchiveDirectory, gateway: str, progress: Progress, chain: ChainCheck
) -> None:
    recorded = archived_stretches(connection, gateway)
    named = {each.first_seq: each for each in directory.manifest().of(gateway)}
    last = recorded[-1].last_seq if recorded else 0
    kept = _kept(connection, gateway, last)
    waiting = next(kept, None)
    for stretch in recorded:
        _check_named(chain, stretch, named)
        try:
            for event in events_of(directory, stretch):
                chain.check(event)
                if waiting is not None and waiting.seq == event.seq:
                    if waiting != event:
                        chain.differs(f"event {event.seq} is another one in the database than in the archive")
                    waiting = next(kept, None)
        except IntegrityError as error:
            chain.differs(str(error), ends=True)
        if (chain.head.seq, chain.head.digest) != (stretch.last_seq, stretch.head):
            chain.differs(f"{stretch.file} does not end with event {stretch.last_seq} and its digest", ends=True)
        progress(chain.seq)
    if waiting is not None:
        chain.differs(f"event {waiting.seq} is in the database, and not in the archive of its stretch")


def _check_named(chain: ChainCheck, stretch: Stretch, named: dict[int, Stretch]) -> None:
    where = f"events {stretch.first_seq} to {stretch.last_seq}"
    found = named.get(stretch.first_seq)
    if found is None:
        chain.differs(f"{where} are archived, and {DOCUMENT} does not name them; a file is missing", ends=True)
    elif found != stretch:
        chain.differs(f"{DOCUMENT} says something else of {where} than the database does; one of them was changed")


def _kept(connection: Connection, gateway: str, last: int) -> Iterator[StoredEvent]:
    pages: Iterator[Sequence[StoredEvent]] = stored_events(connection, gateway, until=last) if last else iter(())
    for page in pages:
        yield from page
