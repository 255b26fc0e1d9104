"""Chains of events for archives, without a database, and logs in partitions of a few events."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

import psycopg
from hypothesis import strategies as st

from recon.archive.directory import ArchiveDirectory
from recon.archive.stretch_file import write_stretch
from recon.db.engine import libpq_url
from recon.log.chain_check import Start
from recon.log.events import chain, genesis
from recon.log.readable import is_readable
from recon.log.stored_event import StoredEvent, leaf_of
from recon.log.stretch import Stretch

GATEWAY: Final = "prod/eu ü"
#: 2026-01-05 09:30 UTC, in microseconds.
T0_US: Final = 1_767_605_400_000_000

_NAMES: Final = st.none() | st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=8)
_PAYLOADS: Final = st.binary(max_size=40) | st.sampled_from([b"{}", b'{"a":1.10}', b"[1]", b'"\\u0000"', b""])
#: What is drawn of an event: kind, account, session, payload, redacted, microseconds since the last, marked.
_CONTENTS: Final = st.tuples(
    st.sampled_from(["frame", "HEARTBEAT", "BALANCE_UPDATE", "decision"]),
    _NAMES,
    _NAMES,
    _PAYLOADS,
    st.booleans(),
    st.integers(0, 90_000_000),
)

Content = tuple[str, str | None, str | None, bytes, bool, int]


def chained(contents: Iterable[Content], *, former: int = 0, gateway: str = GATEWAY) -> list[StoredEvent]:
    """Chain events as the append function does; the first `former` are from before revision 0002."""
    events: list[StoredEvent] = []
    digest, recorded = genesis(gateway), T0_US
    for seq, (kind, account, session, payload, redacted, after) in enumerate(contents, start=1):
        recorded += after
        appended = None if seq <= former else recorded - 17
        marks = (redacted, bool(is_readable(payload)))
        event = StoredEvent(
            seq, recorded, recorded - after // 2, appended, kind, account, session, payload, *marks, b""
        )
        digest = chain(digest, seq, recorded, leaf_of(event))
        events.append(event._replace(digest=digest))
    return events


def logs(min_size: int = 1) -> st.SearchStrategy[list[StoredEvent]]:
    """Logs of up to 30 events, some from before revision 0002."""
    contents = st.lists(_CONTENTS, min_size=min_size, max_size=30)
    return st.builds(lambda drawn, former: chained(drawn, former=former), contents, st.integers(0, 5))


def plain(count: int) -> list[StoredEvent]:
    """Return a log of so many small events."""
    return chained(("frame", "KRAKEN/JOHN", "s", b'{"n":%d}' % number, False, 1_000_000) for number in range(count))


def archived(place: Path, events: Sequence[StoredEvent], ends: Sequence[int], gateway: str = GATEWAY) -> list[Stretch]:
    """Archive a log in stretches that end at these positions."""
    directory = ArchiveDirectory(place)
    directory.prepare()
    start, stretches = Start(0, genesis(gateway)), []
    for end in ends:
        part = events[start.seq : end]
        stretch = write_stretch(directory, gateway, start, end, part, "0019")
        directory.put(stretch)
        stretches.append(stretch)
        start = stretch.start
    return stretches


def in_partitions(owner_url: str, size: int, count: int) -> None:
    """Give an empty log partitions of a few events each, instead of those that it has."""
    names = ["log_events_from_1", "log_events_beyond"]
    with psycopg.connect(libpq_url(owner_url)) as owner:
        for name in names:
            owner.execute(f"ALTER TABLE recon_store.log_events DETACH PARTITION recon_store.{name}".encode())
            owner.execute(f"DROP TABLE recon_store.{name}".encode())
        for first in range(1, size * count + 2, size):
            last = first + size - 1 if first <= size * count else None
            name = "log_events_beyond" if last is None else f"log_events_from_{first}"
            owner.execute("SELECT recon_store.new_partition(%s)", (name,))
            owner.execute("SELECT recon_store.attach_partition(%s, %s, %s)", (name, first, last))
