"""`recon archive`: stretches of the log moved to files, one after the other, each proved before the log gives it up.

1. The file is written and read back, then the manifest names it, then the database records it, then the partition is
   dropped. A run that dies anywhere leaves what the next one takes up: nothing is lost, and nothing is there twice.
2. Only the owner may record and drop. The database checks again what it is told, in `record_archive` and
   `drop_partition`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Final, NamedTuple

import psycopg
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from recon.archive.directory import DOCUMENT, ArchiveDirectory
from recon.archive.log_ends import log_ends
from recon.archive.planning import Plan, Planned, Range, plan
from recon.archive.stretch_file import require_file, write_stretch
from recon.db.engine import create_engine
from recon.db.errors import database_error
from recon.db.migrate import schema_version
from recon.db.raw import cursor_of
from recon.db.roles import act_as_owner
from recon.errors import ConfigError, IntegrityError
from recon.log.archives import archived_end, archived_gateways, archived_stretches
from recon.log.chain_check import Start
from recon.log.events import genesis
from recon.log.partitions import Partition, partitions
from recon.log.stored_events import stored_events
from recon.log.stretch import Stretch, encode_stretch

#: What Postgres says of a partition that may not be dropped yet.
_NOT_YET: Final = "55000"
_RECORD: Final = "SELECT recon_store.record_archive(%s, %s, %s, %s, %s)"
_DROP: Final = "SELECT recon_store.drop_partition(%s)"
_NAMED: Final = """
SELECT EXISTS (SELECT FROM recon_store.log_events AS e
               WHERE e.gateway = %s AND e.seq = %s AND e.digest = %s)
"""

_COUNT: Final = """
SELECT count(*) FROM recon_store.log_events AS e WHERE e.gateway = %s AND e.seq BETWEEN %s AND %s
"""

#: Told the file of each stretch once it is recorded.
OnMoved = Callable[[Stretch], None]


class Wanted(NamedTuple):
    """Of which gateway (None: all), and what stays: the newest `keep` whole partitions, and events from `before` on.

    `backed_up` is the last position of each log in the last backup; None where no backup is expected.
    """

    gateway: str | None
    keep: int
    before: datetime | None
    backed_up: Mapping[str, int] | None


class Moved(NamedTuple):
    """What was archived, the partitions that were dropped, and in words what stays in the database."""

    stretches: Sequence[Stretch]
    dropped: Sequence[str]
    remarks: Sequence[str]


def planned(url: str, wanted: Wanted) -> Plan:
    """Return what a run would archive, and change nothing. Raise DatabaseError."""
    engine = create_engine(url, "recon archive", pooled=False)
    try:
        with engine.connect() as connection:
            return _plan(connection, wanted)
    except (SQLAlchemyError, psycopg.Error) as error:
        raise database_error(error, "the log cannot be looked at") from error
    finally:
        engine.dispose()


def move(url: str, to: ArchiveDirectory, wanted: Wanted, on_moved: OnMoved) -> Moved:
    """Archive what may be archived, as the owner, and drop the partitions that are archived as a whole.

    Errors: ConfigError where the directory is not the archive of these logs; IntegrityError where an event or a file
    does not fit its digest; DatabaseError.
    """
    to.prepare()
    engine = create_engine(url, "recon archive", pooled=False)
    try:
        with to.exclusive():
            with engine.begin() as connection:
                found = _plan(connection, wanted)
                _require_whole(connection, to)
            stretches = [_move_one(engine, to, each, on_moved) for each in found.stretches]
            dropped, refused = _drop(engine, to)
    except (SQLAlchemyError, psycopg.Error) as error:
        raise database_error(error, "archiving failed; run it again, it goes on where it stopped") from error
    finally:
        engine.dispose()
    return Moved(stretches, dropped, [*(kept_words(found)), *refused])


def kept_words(found: Plan) -> list[str]:
    """Return in words what stays although it is old."""
    return [f"{each.gateway}: events {each.first_seq} to {each.last_seq} stay: {each.why}" for each in found.kept]


def _plan(connection: Connection, wanted: Wanted) -> Plan:
    ends = log_ends(connection, gateway=wanted.gateway, before=wanted.before, backed_up=wanted.backed_up)
    return plan(_ranges(partitions(connection)), ends, wanted.keep)


def _ranges(found: Sequence[Partition]) -> list[Range]:
    ended = [Range(each.name, each.first_seq, each.last_seq) for each in found if each.last_seq is not None]
    return sorted(ended, key=lambda each: each.first_seq)


def _require_whole(connection: Connection, to: ArchiveDirectory) -> None:
    """Raise ConfigError where the database records files that this archive does not name."""
    named = {(each.gateway, each.first_seq, each.sha256) for each in to.manifest().stretches}
    for gateway in archived_gateways(connection):
        for each in archived_stretches(connection, gateway):
            if (gateway, each.first_seq, each.sha256) not in named:
                raise ConfigError(
                    f"events {each.first_seq} to {each.last_seq} of gateway {gateway!r} are archived, and"
                    f" {to.path / DOCUMENT} does not name them; name the directory that has them, one holds all"
                )


def _move_one(engine: Engine, to: ArchiveDirectory, wanted: Planned, on_moved: OnMoved) -> Stretch:
    with engine.begin() as connection:
        start = archived_end(connection, wanted.gateway) or Start(0, genesis(wanted.gateway))
        if start.seq + 1 != wanted.first_seq:
            raise IntegrityError(f"gateway {wanted.gateway!r} was archived by somebody else meanwhile; run it again")
        stretch = _written_before(connection, to, wanted, start)
        if stretch is None:
            pages = stored_events(connection, wanted.gateway, after=start.seq, until=wanted.last_seq)
            events = (event for page in pages for event in page)
            revision = schema_version(connection) or ""
            stretch = write_stretch(to, wanted.gateway, start, wanted.last_seq, events, revision)
            to.put(stretch)
    with engine.begin() as connection:
        act_as_owner(connection)
        digest = bytes.fromhex(stretch.head)
        with cursor_of(connection) as cursor:
            cursor.execute(
                _RECORD, (stretch.gateway, stretch.first_seq, stretch.last_seq, digest, encode_stretch(stretch))
            )
    on_moved(stretch)
    return stretch


def _written_before(connection: Connection, to: ArchiveDirectory, wanted: Planned, start: Start) -> Stretch | None:
    """Return the stretch where a run that died has written it: the same events of the same chain.

    Raise IntegrityError where a whole file has other events at these positions: it is of another history.
    """
    for each in to.manifest().of(wanted.gateway):
        if each.last_seq <= start.seq:
            continue
        try:
            require_file(to, each)
        except IntegrityError:
            continue  # it is written anew
        with cursor_of(connection) as cursor:
            cursor.execute(_NAMED, (wanted.gateway, each.last_seq, bytes.fromhex(each.head)))
            ((same,),) = cursor.fetchall()
        if not same or (each.first_seq == wanted.first_seq and each.before != start.digest.hex()):
            raise IntegrityError(
                f"{to.path / each.file} holds another history of gateway {wanted.gateway!r} than this log;"
                " name a directory of its own, and keep this one"
            )
        if (each.first_seq, each.last_seq) == (wanted.first_seq, wanted.last_seq):
            return each
    return None


def _drop(engine: Engine, to: ArchiveDirectory) -> tuple[list[str], list[str]]:
    """Drop the partitions that are archived as a whole, the lowest first; return them, and why the next one stays."""
    dropped: list[str] = []
    above = 0
    while True:
        try:
            with engine.begin() as connection:
                act_as_owner(connection)
                partition = _drop_next(connection, to, above)
        except psycopg.Error as error:
            if error.sqlstate != _NOT_YET:
                raise
            return dropped, [str(error.diag.message_primary)]
        if partition is None:
            return dropped, []
        dropped.append(partition.name)
        above = partition.last_seq


def _drop_next(connection: Connection, to: ArchiveDirectory, above: int) -> Range | None:
    """Drop the lowest partition above a position that still holds all events of an archived stretch, and return it.

    Raise IntegrityError where the archive lacks a file of it, or has another one.
    """
    for partition in _ranges(partitions(connection)):
        stretches = [] if partition.last_seq <= above else _in_range(connection, partition)
        if any(_is_whole(connection, stretch) for stretch in stretches):
            for stretch in stretches:
                require_file(to, stretch)
            with cursor_of(connection) as cursor:
                cursor.execute("SET LOCAL statement_timeout = 0")
                cursor.execute(_DROP, (partition.name,))
            return partition
    return None


def _in_range(connection: Connection, partition: Range) -> list[Stretch]:
    """Return the stretches that are archived of a partition."""
    return [
        stretch
        for gateway in archived_gateways(connection)
        for stretch in archived_stretches(connection, gateway)
        if partition.first_seq <= stretch.last_seq <= partition.last_seq
    ]


def _is_whole(connection: Connection, stretch: Stretch) -> bool:
    """True if the database holds all events of a stretch."""
    with cursor_of(connection) as cursor:
        cursor.execute(_COUNT, (stretch.gateway, stretch.first_seq, stretch.last_seq))
        ((number,),) = cursor.fetchall()
    return bool(number == stretch.events)
