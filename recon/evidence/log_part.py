"""A gapless part of a gateway's log as lines of JSON, each with all that its digest covers."""

from __future__ import annotations

import gzip
from base64 import b64encode
from bisect import bisect_left
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import BinaryIO, Final, cast

import msgspec

from recon.db.reader import Reader
from recon.errors import IntegrityError
from recon.log.events import genesis

#: Events in memory at once.
BATCH_EVENTS: Final = 1_000
BATCH_TIMEOUT: Final = timedelta(minutes=30)
#: The compressed file says nothing of when it was made: the same log gives the same bytes.
_NO_TIME: Final = 0

_RECORDED: Final = "SELECT e.recorded_at FROM recon.events AS e WHERE e.gateway = :gateway AND e.seq = :seq"
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


def first_since(reader: Reader, gateway: str, since: datetime, last: int) -> int:
    """Return the position of the first event of a time or later; where none is until `last`, that of `last`.

    Log time never goes back, so a few looks at single events find it, however long the log is.
    """
    return min(bisect_left(range(1, last + 1), since, key=lambda seq: _recorded_at(reader, gateway, seq)) + 1, last)


def write_log_part(reader: Reader, gateway: str, first: int, last: int, to: BinaryIO) -> Part:
    """Write the events from one position to another as compressed lines. Errors: IntegrityError where one is missing.

    Each line is a list: position, log time, time of receipt and time of the append in microseconds, kind, account,
    session, content in base 64, redacted, readable, digest.
    """
    before, head, expected = _digest_before(reader, gateway, first), "", first
    with gzip.GzipFile(filename="", mode="wb", fileobj=to, mtime=_NO_TIME) as stream:
        asked = {"gateway": gateway, "first": first, "last": last}
        for rows in reader.batches(_EVENTS, asked, rows=BATCH_EVENTS, timeout=BATCH_TIMEOUT):
            for row in rows:
                if row[0] != expected:
                    break
                stream.write(_line(row))
                head, expected = str(row[-1]), expected + 1
    if expected != last + 1:
        raise IntegrityError(f"gateway {gateway!r}: event {expected} is missing from the log; run `recon verify`")
    return Part(gateway=gateway, first_seq=first, last_seq=last, before=before, head=head)


def _recorded_at(reader: Reader, gateway: str, seq: int) -> datetime:
    rows = reader.rows(_RECORDED, {"gateway": gateway, "seq": seq})
    if not rows:
        raise IntegrityError(f"gateway {gateway!r}: event {seq} is missing from the log; run `recon verify`")
    return cast("datetime", rows[0]["recorded_at"])


def _digest_before(reader: Reader, gateway: str, first: int) -> str:
    if first == 1:
        return genesis(gateway).hex()
    rows = reader.rows(_DIGEST, {"gateway": gateway, "seq": first - 1})
    if not rows:
        raise IntegrityError(f"gateway {gateway!r}: event {first - 1} is missing from the log; run `recon verify`")
    return str(rows[0]["digest"])


def _line(row: Sequence[object]) -> bytes:
    values = [b64encode(value).decode() if isinstance(value, bytes) else value for value in row]
    return msgspec.json.encode(values) + b"\n"
