"""The drill: the last backup restored beside the running service, proved, timed, and removed again (operator 11.4).

1. Copy: each file is compared with the backup's document.
2. Recover: the WAL is replayed, the server starts, and the schema becomes that of this recon.
3. Verify: every digest of the log is recomputed, and the heads that were exported before the backup are in it.
4. Rebuild: all books are folded from the log, and their digests compared with those that the backup brought along.

What would be lost is measured against the live log, what it would take by the time of these steps.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Final

import msgspec
from sqlalchemy.exc import SQLAlchemyError

from recon.backup.directory import Backup
from recon.backup.restore import restore
from recon.db.embedded.server import EmbeddedPostgres
from recon.db.engine import create_engine
from recon.db.errors import database_error
from recon.db.migrate import migrate, schema_version
from recon.db.roles import OWNER, SERVICE
from recon.errors import BackupError, IntegrityError, ProjectionError, ReconError
from recon.log.events import Head
from recon.log.heads import LastEvent, last_events
from recon.log.verify import verify
from recon.private_files import PRIVATE_DIRECTORY
from recon.projection.reading import LIVE, Reading
from recon.projection.rebuild import rebuild

#: Begins the name of the directory in which a drill restores.
PLACE_PREFIX: Final = "drill-"

_NO_OPTIONS: Final[Mapping[str, str]] = MappingProxyType({})

#: Begins a bar of progress by its name; what it returns is told how much is done of how much.
Bars = Callable[[str], Callable[[int, int], None]]


class Phase(msgspec.Struct, frozen=True):
    """A step of a drill, and how long it took."""

    name: str
    seconds: float


class GatewayDrill(msgspec.Struct, frozen=True, kw_only=True):
    """What a drill found of one gateway."""

    gateway: str
    #: The last event of the restored log, and its log time; null: nothing of it was restored.
    seq: int | None
    last_event_at: datetime | None
    #: The head exported before the backup, which must be in the log.
    exported_seq: int | None
    #: How many events the live log has beyond; null: it could not be asked.
    events_lost: int | None
    #: The stretch of time that would be lost: up to the last live event, or else up to now.
    rpo_seconds: float | None
    log: str
    books: str


class Drill(msgspec.Struct, frozen=True, kw_only=True):
    """The result of a drill; it held if there are no problems."""

    backup: str
    backup_age_seconds: float
    backup_bytes: int
    wal_segments: int
    schema_before: str | None
    schema: str | None
    against: str
    rpo_seconds: float | None
    rto_seconds: float
    phases: list[Phase]
    gateways: list[GatewayDrill]
    notes: list[str]
    problems: list[str]


def _live_alone(_url: str, _gateway: str) -> Reading:
    return LIVE


#: How the log of a gateway is folded at a URL.
Readings = Callable[[str, str], Reading]


class DrillOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Where and against what a drill is done; `live` are the last events of the running service, if it could be asked.

    `heads` were exported elsewhere, and count beside those of the backup. `reading` says how a gateway's log is folded
    at a URL, with its archive where it has one.
    """

    place: Path
    archive: Path | None = None
    live: Sequence[LastEvent] | None = None
    heads: Sequence[Head] = ()
    binaries: Path | None = None
    server_options: Mapping[str, str] = _NO_OPTIONS
    reading: Readings = _live_alone


class _Steps:
    """The steps of a drill, timed, and the first error of each."""

    def __init__(self) -> None:
        self.phases: list[Phase] = []
        self.errors: list[ReconError] = []
        self.notes: list[str] = []
        self._began = time.monotonic()

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        began = time.monotonic()
        try:
            yield
        finally:
            self.phases.append(Phase(name, round(time.monotonic() - began, 3)))

    @property
    def seconds(self) -> float:
        return round(time.monotonic() - self._began, 3)


def drill(
    backup: Backup, options: DrillOptions, now: Callable[[], datetime], bars: Bars
) -> tuple[Drill, list[ReconError]]:
    """Restore a backup beside, prove it, and remove it again; return the result and what did not hold.

    Raise BackupError if the backup is damaged, EmbeddedPostgresError if its server does not start.
    """
    steps = _Steps()
    began_at = now()
    with _place(options.place) as place:
        data_dir = place / "data"
        with steps.phase("copy and recover"):
            restored = restore(
                backup,
                data_dir,
                archive=options.archive,
                binaries=options.binaries,
                options=options.server_options,
                progress=bars("copy"),
            )
        if restored.gap is not None:
            steps.errors.append(BackupError(f"{restored.gap}; run `recon backup` to begin anew"))
        with EmbeddedPostgres(data_dir, options.binaries, options=options.server_options) as server:
            with steps.phase("start and migrate"):
                before, schema = _migrate(server, steps)
            gateways, rto = _proved(backup, options, server, steps, (began_at, bars))
    exposed = [each.rpo_seconds for each in gateways if each.rpo_seconds is not None]
    done = Drill(
        backup=backup.path.name,
        backup_age_seconds=round(backup.age(began_at).total_seconds(), 3),
        backup_bytes=backup.manifest.size,
        wal_segments=restored.segments,
        schema_before=before,
        schema=schema,
        against="now" if options.live is None else "the live log",
        rpo_seconds=max(exposed, default=None),
        rto_seconds=rto,
        phases=steps.phases,
        gateways=gateways,
        notes=steps.notes,
        problems=[line for error in steps.errors for line in str(error).splitlines()],
    )
    return done, steps.errors


@contextmanager
def _place(below: Path) -> Iterator[Path]:
    """Give a directory of the drill's own, which the server's account can pass through, and remove it at the end.

    Directories that had to be made above it are removed too, unless somebody has put something there meanwhile.
    """
    made = [each for each in (below, *below.parents) if not each.exists()]
    try:
        below.mkdir(mode=0o711 if os.geteuid() == 0 else PRIVATE_DIRECTORY, parents=True, exist_ok=True)
        place = Path(tempfile.mkdtemp(prefix=PLACE_PREFIX, dir=below))
        try:
            if os.geteuid() == 0:
                place.chmod(0o711)
            yield place
        finally:
            shutil.rmtree(place, ignore_errors=True)
    finally:
        with suppress(OSError):
            for each in made:
                each.rmdir()


def _migrate(server: EmbeddedPostgres, steps: _Steps) -> tuple[str | None, str | None]:
    """Bring the restored schema to this version; return it before and after."""

    def version() -> str | None:
        engine = create_engine(server.url(SERVICE), "recon drill", pooled=False)
        try:
            with engine.connect() as connection:
                return schema_version(connection)
        except SQLAlchemyError as error:
            raise database_error(error, "the restored database cannot be asked") from error
        finally:
            engine.dispose()

    before = version()
    migrate(server.url(OWNER), steps.notes.append)
    return before, version()


def _proved(
    backup: Backup, options: DrillOptions, server: EmbeddedPostgres, steps: _Steps, when: tuple[datetime, Bars]
) -> tuple[list[GatewayDrill], float]:
    """Verify each log and rebuild its books; return what was found, and the seconds from the beginning."""
    now, bars = when
    url = server.url(SERVICE)
    restored = {last.head.gateway: last for last in _last_events(url)}
    exported: dict[str, list[Head]] = {}
    for head in [*backup.manifest.heads, *options.heads]:
        exported.setdefault(head.gateway, []).append(head)
    names = sorted(restored.keys() | exported.keys())
    with steps.phase("verify"):
        logs = {name: _verified(url, name, exported.get(name, []), steps, bars) for name in names}
    with steps.phase("rebuild"):
        books = {
            name: _rebuilt(url, name, steps, bars, options.reading) if name in restored else "none" for name in names
        }
    rto = steps.seconds
    live = None if options.live is None else {last.head.gateway: last for last in options.live}
    return [
        GatewayDrill(
            gateway=name,
            seq=restored[name].head.seq if name in restored else None,
            last_event_at=restored[name].recorded_at if name in restored else None,
            exported_seq=max((head.seq for head in exported.get(name, [])), default=None),
            log=logs[name],
            books=books[name],
            events_lost=_events_lost(restored.get(name), live, name),
            rpo_seconds=_exposed(restored.get(name), live, name, now),
        )
        for name in names
    ], rto


def _last_events(url: str) -> list[LastEvent]:
    engine = create_engine(url, "recon drill", pooled=False)
    try:
        with engine.connect() as connection:
            return last_events(connection)
    except SQLAlchemyError as error:
        raise database_error(error, "the restored log cannot be read") from error
    finally:
        engine.dispose()


def _verified(url: str, gateway: str, heads: Sequence[Head], steps: _Steps, bars: Bars) -> str:
    """Verify a restored log against each exported head; return what came of it in a word."""
    advance = bars(f"verify {gateway}")
    distinct: list[Head | None] = list({(head.seq, head.digest): head for head in heads}.values())
    engine = create_engine(url, "recon drill", pooled=False)
    try:
        with engine.connect() as connection:
            for head in distinct or [None]:
                verify(connection, gateway, against=head, progress=lambda done: advance(done, done))
    except IntegrityError as error:
        steps.errors.append(error)
        return "differs"
    except SQLAlchemyError as error:
        raise database_error(error, "the restored log cannot be read") from error
    finally:
        engine.dispose()
    return "verified"


def _rebuilt(url: str, gateway: str, steps: _Steps, bars: Bars, reading: Readings) -> str:
    """Fold a restored log anew; return in a word how the books compare with the stored ones."""
    try:
        result = rebuild(url, gateway, progress=bars(f"rebuild {gateway}"), reading=reading(url, gateway))
    except ProjectionError as error:
        steps.errors.append(error)
        return "differ"
    if not result.same:
        steps.notes.append(f"the books of {gateway} were folded by an earlier version, and differ")
        return "folded anew"
    return "the same"


def _events_lost(restored: LastEvent | None, live: Mapping[str, LastEvent] | None, gateway: str) -> int | None:
    """Return how many events of a live log are not in the restored one; None if the live one is not known."""
    if live is None or gateway not in live:
        return None
    return max(0, live[gateway].head.seq - (0 if restored is None else restored.head.seq))


def _exposed(
    restored: LastEvent | None, live: Mapping[str, LastEvent] | None, gateway: str, now: datetime
) -> float | None:
    """Return for how long before the last live event, or else before now, a log would be lost."""
    if restored is None:
        return None
    if live is None:
        return _seconds(now - restored.recorded_at)
    return _seconds(live[gateway].recorded_at - restored.recorded_at) if gateway in live else None


def _seconds(span: timedelta) -> float:
    return max(0.0, round(span.total_seconds(), 3))
