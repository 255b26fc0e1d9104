"""A gapless part of a gateway's log as lines of JSON, each with all that its digest covers."""

from __future__ import annotations

import gzip
from base64 import b64encode
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import BinaryIO, Final, cast

import msgspec

from recon.db.reader import Reader
from recon.errors import ConfigError, IntegrityError
from recon.log.archives import archived_stretches
from recon.log.events import genesis
from recon.log.stored_event import StoredEvent
from recon.log.stretch import Stretch

#: Events in memory at once.
BATCH_EVENTS: Final = 1_000
BATCH_TIMEOUT: Final = timedelta(minutes=30)
#: The compressed file says nothing of when it was made: the same log gives the same bytes.
_NO_TIME: Final = 0

# Of archived events the database has the last one of each minute, and some others.
_RECORDED: Final = """
SELECT e.seq, e.recorded_at FROM recon.events AS e
WHERE e.gateway = :gateway AND e.seq <= :seq ORDER BY e.seq DESC LIMIT 1"""
_DIGEST: Final = "SELECT e.digest FROM recon.events AS e WHERE e.gateway = :gateway AND e.seq = :seq"
_EVENTS: Final = """
SELECT p.seq, p.recorded_us, p.received_us, p.appended_us, p.kind, p.account, p.session, p.raw, p.redacted, p.readable,
       p.digest
FROM recon.event_proofs AS p
WHERE p.gateway = :gateway AND p.seq >= :first AND p.seq <= :last
ORDER BY p.seq"""


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """Which part it is: the first and last position, the digest before the first event, and that of the last."""

    gateway: str
    first_seq: int
    last_seq: int
    before: str
    head: str


#: Gives the events of archived stretches after a position.
ReadArchive = Callable[[Sequence[Stretch], int], Iterator[StoredEvent]]


def first_since(reader: Reader, gateway: str, since: datetime, last: int) -> int:
    """Return the position of the first event of a time or later; where none is until `last`, that of `last`.

    Log time never goes back, so a few looks at single events find it, however long the log is. Of archived events the
    database does not have all: there it may be some events too early, less than a minute.
    """
    later = bisect_left(range(1, last + 1), since, key=lambda seq: _last_until(reader, gateway, seq)[1]) + 1
    before, _ = _last_until(reader, gateway, min(later, last + 1) - 1)
    return min(before + 1, last)


def write_log_part(
    reader: Reader, gateway: str, first: int, last: int, to: BinaryIO, archive: ReadArchive | None = None
) -> Part:
    """Write the events from one position to another as compressed lines.

    Each line is a list: position, log time, time of receipt and time of the append in microseconds, kind, account,
    session, content in base 64, redacted, readable, digest. Errors: IntegrityError where an event is missing,
    ConfigError where it is archived and there is no `archive`.
    """
    stretches = [each for each in archived_stretches(reader, gateway) if each.last_seq >= first - 1]
    if archive is None and stretches and stretches[-1].last_seq >= first:
        raise ConfigError(
            f"events {first} to {min(last, stretches[-1].last_seq)} of gateway {gateway!r} are archived;"
            " name the directory that has them by --archive"
        )
    before, head, expected = _digest_before(reader, gateway, first, stretches, archive), "", first
    with gzip.GzipFile(filename="", mode="wb", fileobj=to, mtime=_NO_TIME) as stream:
        for event in _events(reader, gateway, (first, last), stretches, archive):
            if event.seq != expected:
                break
            stream.write(_line(event))
            head, expected = event.digest.hex(), expected + 1
    if expected != last + 1:
        raise _missing(gateway, expected)
    return Part(gateway=gateway, first_seq=first, last_seq=last, before=before, head=head)


def _events(
    reader: Reader, gateway: str, span: tuple[int, int], stretches: Sequence[Stretch], archive: ReadArchive | None
) -> Iterator[StoredEvent]:
    """Yield the events of a span: those that are archived, then those of the live log."""
    first, last = span
    if archive is not None:
        for event in archive(stretches, first - 1):
            if event.seq > last:
                return
            yield event
    live = max([first, *(each.last_seq + 1 for each in stretches)])
    asked = {"gateway": gateway, "first": live, "last": last}
    for rows in reader.batches(_EVENTS, asked, rows=BATCH_EVENTS, timeout=BATCH_TIMEOUT):
        for row in rows:
            yield StoredEvent._make([*row[:-1], bytes.fromhex(str(row[-1]))])


def _last_until(reader: Reader, gateway: str, seq: int) -> tuple[int, datetime]:
    """Return position and log time of the last event that the database has up to a position."""
    rows = reader.rows(_RECORDED, {"gateway": gateway, "seq": seq})
    if not rows:
        return 0, datetime.min.replace(tzinfo=UTC)
    return int(str(rows[0]["seq"])), cast("datetime", rows[0]["recorded_at"])


def _digest_before(
    reader: Reader, gateway: str, first: int, stretches: Sequence[Stretch], archive: ReadArchive | None
) -> str:
    if first == 1:
        return genesis(gateway).hex()
    rows = reader.rows(_DIGEST, {"gateway": gateway, "seq": first - 1})
    if rows:
        return str(rows[0]["digest"])
    found = None if archive is None else next(archive(stretches, first - 2), None)
    if found is None:
        raise _missing(gateway, first - 1)
    return found.digest.hex()


def _missing(gateway: str, seq: int) -> IntegrityError:
    return IntegrityError(f"gateway {gateway!r}: event {seq} is missing from the log; run `recon verify`")


def _line(event: StoredEvent) -> bytes:
    content, digest = b64encode(event.payload).decode(), event.digest.hex()
    return msgspec.json.encode([*event[:7], content, event.redacted, event.readable, digest]) + b"\n"
