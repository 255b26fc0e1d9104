"""`recon drill`: the last backup restored beside, proved, timed, and removed again."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Annotated, Final

import msgspec
import typer

from recon.backup.drill import Drill, DrillOptions
from recon.backup.drill import drill as drill_backup
from recon.cli.archives import ArchiveOption, reading_of
from recon.cli.backups import From, backup_directory, embedded_data_dir, live_url
from recon.cli.connection import connect, log_warnings_only
from recon.cli.options import Config, Json, settings_of
from recon.cli.output import Column, note, print_json, write
from recon.cli.progress import progress_bar
from recon.cli.table import print_table
from recon.clock import utc_now
from recon.db.roles import SERVICE
from recon.display.ages import age, duration
from recon.display.sizes import size
from recon.errors import DatabaseError
from recon.log.heads import LastEvent, last_events, read_heads
from recon.projection.reading import Reading

_GATEWAYS: Final = [Column(key) for key in ("gateway", "seq", "exported_seq", "events_lost", "log", "books")]


def drill(
    backup: Annotated[
        str | None, typer.Argument(metavar="BACKUP", help="Its name or its path; default: the last one.")
    ] = None,
    config: Config = None,
    source: From = None,
    place: Annotated[
        Path | None,
        typer.Option("--in", metavar="DIR", help="Where to restore to meanwhile; default: the data directory."),
    ] = None,
    against: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Also check the log against heads exported to this file and kept elsewhere."),
    ] = None,
    archive: ArchiveOption = None,
    json: Json = False,
) -> None:
    """Prove that the last backup can be restored.

    It is restored beside the running service, verified, rebuilt and removed again. RPO is what would be lost, RTO how
    long it took. Exit status: 0 all held; 3 its server does not start; 4 the log is not the one whose head was
    exported; 6 the books differ; 12 there is no backup, or it is damaged.
    """
    settings = settings_of(config)
    log_warnings_only()
    data_dir = embedded_data_dir(settings)
    directory = backup_directory(settings, source)
    heads = [] if against is None else read_heads(against).heads
    found = directory.find(backup)
    options = DrillOptions(
        place=place or data_dir,
        archive=directory.path,
        live=_live(data_dir),
        heads=heads,
        reading=partial(_reading, archive),
    )
    with progress_bar() as begin:
        done, errors = drill_backup(found, options, utc_now, begin)
    if json:
        print_json(msgspec.to_builtins(done))
    else:
        _print(done)
    if errors:
        raise errors[0]


def _reading(archive: Path | None, url: str, gateway: str) -> Reading:
    """Return how the restored log of a gateway is folded: with what is archived of it, where that is at hand."""
    with connect(url, "drill") as connection:
        return reading_of(archive, connection, gateway)


def _live(data_dir: Path) -> list[LastEvent] | None:
    """Return the last events of the running service; None where it cannot be asked."""
    url = live_url(data_dir, SERVICE)
    if url is None:
        return None
    try:
        with connect(url, "drill") as connection:
            return last_events(connection)
    except DatabaseError as error:
        note(f"the live log cannot be asked, so what would be lost is counted up to now: {error}")
        return None


def _print(done: Drill) -> None:
    old = age(timedelta(seconds=done.backup_age_seconds), 2)
    write(f"drill of backup {done.backup}, {old} old, {size(done.backup_bytes)}\n")
    for phase in done.phases:
        write(f"  {phase.name:<20} {phase.seconds:>8.1f} s\n")
    print_table([msgspec.structs.asdict(each) for each in done.gateways], _GATEWAYS, empty="no gateway has a log")
    for text in done.notes:
        note(text)
    rpo = "not known" if done.rpo_seconds is None else duration(timedelta(seconds=done.rpo_seconds))
    write(f"RPO {rpo}: what would be lost, against {done.against}\n")
    write(f"RTO {duration(timedelta(seconds=done.rto_seconds))}: until the books were rebuilt\n")
    write("the drill held\n" if not done.problems else "the drill FAILED\n")
